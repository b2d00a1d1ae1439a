//! From an error to what somebody can do now.

use std::path::{Path, PathBuf};

use backup_protocol::RequestFault;
use serde_json::{Value, json};

use super::{FailureContext, MOST_GRANTS, MOST_KNOWN};
use crate::error::{ClientPackage, ConfirmationRequest, Error};

/// Sentences, and the request to send next where it is known.
pub(super) type Advice = (Vec<String>, Option<Value>);

fn say<const COUNT: usize>(sentences: [String; COUNT]) -> Advice {
    (sentences.into(), None)
}

#[expect(clippy::too_many_lines, reason = "one exhaustive match, one arm an error")]
pub(super) fn of(error: &Error, context: &FailureContext<'_>) -> Advice {
    let environment = context.environment();
    let variable = context.variable();
    match error {
        Error::Request(fault) => request_advice(fault, context),
        Error::UnknownOperation { nearest, known } => (
            vec![format!("Send one of these as parameters.operation: {}", known.join(", "))],
            nearest.and_then(|name| context.request_with("operation", name.into())),
        ),
        Error::InvalidParameter { parameter, .. } => say([
            format!("Correct parameters.{parameter} and send the request again"),
            "Send {\"operation\":\"describe\"} for the parameters of every operation".to_owned(),
        ]),
        Error::FormatUnavailable { available, instead, .. } => {
            let next = context.request_with("format", (*instead).into());
            (vec![format!("Send the request with one of these formats: {available}")], next)
        }
        Error::FormatUnsuitable { instead, .. } => (
            vec![format!(
                "Send the request with \"format\": \"{instead}\", which holds everything"
            )],
            context.request_with("format", (*instead).into()),
        ),
        Error::ConfigNotFound { expected } => say([
            format!("Create {} with an \"environments\" section", context.shown(expected)),
            "Or send \"working_directory\": the project's folder, or set CLAUDE_DB_CWD".to_owned(),
            "Or set FABER_DB_CONFIG to the configuration's file".to_owned(),
        ]),
        Error::ConfigInvalid { path, place, .. } => say([
            format!("Correct {place} in {}", context.shown(path)),
            "Then send the request again".to_owned(),
        ]),
        Error::EnvironmentNotFound { given, known } => environment_advice(given, known, context),
        Error::DatabaseUrlMissing { variable, dotenv, unreadable_lines } => {
            url_advice(variable, dotenv, *unreadable_lines, environment, context)
        }
        Error::UnsupportedDatabase { .. } => say([
            match context.variable {
                Some(variable) => format!(
                    "Check the URL in ${variable} and backup_method, hosting and provider in the configuration"
                ),
                None => "Use what this version supports".to_owned(),
            },
            "Send {\"operation\":\"describe\"} for the engines that this version backs up"
                .to_owned(),
        ]),
        Error::ConnectionFailed { test_command, .. } => say([
            "Verify database is running".to_owned(),
            format!("Check connection string: echo ${variable}"),
            format!("Test connection: {test_command}"),
            "Verify network/VPN access".to_owned(),
        ]),
        Error::ToolNotFound { client, looked_in, .. } => tool_advice(*client, looked_in, context),
        Error::ToolVersionMismatch { package, client, .. } => say([
            format!("Install the server's own version: sudo apt-get install {package}"),
            elsewhere(*client),
            "Or name the folder that has it in backup.tool_directories".to_owned(),
            format!("After installation, retry: /faber-db:backup {environment}"),
        ]),
        Error::PermissionDenied { grants, .. } => {
            let mut suggestions: Vec<String> = grants
                .iter()
                .take(MOST_GRANTS)
                .map(|grant| format!("Let an administrator run: {grant}"))
                .collect();
            let begin = if suggestions.is_empty() { "Let" } else { "Or let" };
            suggestions.push(format!(
                "{begin} ${variable} name a user that may read everything; what it may not read would be missing from the backup"
            ));
            (suggestions, None)
        }
        Error::MayNotReplace { grants, in_place, .. } => {
            let mut suggestions = Vec::new();
            let mut next = None;
            if *in_place {
                suggestions.push(
                    "Send recovery.next_request, which restores in place, in one transaction: whoever uses the database waits until that is done".to_owned(),
                );
                next = context.request_with("in_place", true.into()).map(without_confirmation);
            }
            suggestions.extend(
                grants
                    .iter()
                    .take(MOST_GRANTS)
                    .map(|grant| format!("Let an administrator run: {grant}")),
            );
            if suggestions.is_empty() {
                suggestions.push(format!("Let ${variable} name a user that may"));
            }
            suggestions.push("Nothing was changed; then send the same request again".to_owned());
            (suggestions, next)
        }
        Error::Pooled { .. } => say([
            format!(
                "Name the variable with the direct URL of {environment} in environments.{environment}.direct_connection_string_env"
            ),
            format!("Or let ${variable} lead to the database itself, not to the pooler"),
        ]),
        Error::Disturbed { .. } => (
            vec![
                "Send the same request again once no migration or lock is at work on the tables that prisma_output names".to_owned(),
                "On a standby, raise max_standby_streaming_delay, or back up the primary".to_owned(),
            ],
            context.request.clone(),
        ),
        Error::DirectUrlElsewhere { direct_variable, .. } => say([
            format!(
                "Correct ${direct_variable}: the direct URL of {environment}, with the same server and database"
            ),
            format!(
                "Or name another variable in environments.{environment}.direct_connection_string_env"
            ),
        ]),
        Error::SpaceBefore { .. } => say([
            "Free up disk space: df -h".to_owned(),
            "Clean up old backups: /faber-db:cleanup-backups --expired".to_owned(),
            "Use compression: --compression flag (default for production)".to_owned(),
            "Use cloud storage: Configure S3 in config.json".to_owned(),
        ]),
        Error::SpaceAtServer { .. } => {
            let mut suggestions = vec![
                "Free up space on the disk of the database: a second copy of it must fit beside it".to_owned(),
                "Remove what restores have replaced: cleanup-backups with \"environment\" and \"replaced\": true".to_owned(),
            ];
            if !context.is_restore() {
                suggestions.push("Or name the variable with the URL of another server in verification.database_url_env".to_owned());
            }
            (suggestions, None)
        }
        Error::SpaceDuring { .. } => say([
            "Free up disk space".to_owned(),
            "Use compression: --compression flag".to_owned(),
            "Clean up old backups: /faber-db:cleanup-backups".to_owned(),
            "Configure cloud storage in config.json".to_owned(),
        ]),
        Error::DirectoryNotWritable { directory, .. } => say([
            format!("Fix directory permissions: chmod 775 {}", context.location()),
            format!("Or create directory: mkdir -p {}", context.shown(directory)),
            "Verify user has write access".to_owned(),
        ]),
        Error::VerificationFailed(_) => say([
            "Delete corrupted backup file".to_owned(),
            "Retry backup creation".to_owned(),
            "Check disk space during backup".to_owned(),
            "Verify database connection stability".to_owned(),
        ]),
        Error::RestoredDiffers(_) => say([
            "Keep the file: its bytes are those that were recorded".to_owned(),
            format!("Make another backup and prove it: /faber-db:backup {environment}"),
            "See whether somebody changed the manifest, or wrote into the scratch database while it was counted".to_owned(),
        ]),
        Error::BackupRequired { .. } => {
            let mut next = context.request_for("create-backup");
            if let Some(request) = next.as_object_mut() {
                request.insert("parameters".to_owned(), json!({"environment": environment}));
            }
            let suggestions = vec![
                "Send recovery.next_request first, and change nothing before it succeeds".to_owned(),
                "Or send the same request with \"ensure\": true, which makes the backup".to_owned(),
            ];
            (suggestions, Some(next))
        }
        Error::RestoreFailed { words: Some(words), .. }
            if context.is_restore() && is_about_a_role(words) =>
        {
            missing_role_advice(context)
        }
        // What no tool said is no matter of roles or extensions.
        Error::RestoreFailed { words: None, .. } if context.is_restore() => say([
            "See to what the error names".to_owned(),
            "Then send the same request again".to_owned(),
        ]),
        Error::RestoreFailed { .. } if context.is_restore() => say([
            "Read prisma_output: a role, an extension or a right may be missing on the server, which says nothing against the backup".to_owned(),
            "Where a PostgreSQL server lacks the roles that the backup names, send \"no_owner\": true and \"no_privileges\": true".to_owned(),
            "Then send the same request again".to_owned(),
        ]),
        Error::RestoreFailed { .. } => say([
            "Read prisma_output: a role, an extension or a right may be missing on the server, which says nothing against the backup".to_owned(),
            "Name the variable with the URL of a server that has them in verification.database_url_env".to_owned(),
            "Then send the same request again".to_owned(),
        ]),
        Error::BackupNotFound { .. } => (
            vec![
                "List the backups that exist and send one of their ids".to_owned(),
                "If backups.json was lost or edited, send {\"operation\":\"rebuild-catalogue\"}"
                    .to_owned(),
            ],
            Some(context.request_for("list-backups")),
        ),
        Error::RunNotFound { .. } => (
            vec![
                "Send one of the runs that backup-status lists as parameters.run_id".to_owned(),
                "The list-backups operation shows what earlier runs have made".to_owned(),
            ],
            Some(context.request_for("backup-status")),
        ),
        Error::ClockSuspect { .. } => say([
            "Set this machine's clock and see that it is kept right: timedatectl".to_owned(),
            "If the clock is right and a record's time is wrong, look at that record with list-backups, and delete it by its id".to_owned(),
            format!("If no backup was made for a long time, make one: /faber-db:backup {environment}"),
        ]),
        Error::CleanupIncomplete { .. } => {
            let next = context.request.clone().map(without_confirmation);
            let suggestions = vec![
                "See result.failed for each backup's reason, and put that right".to_owned(),
                "Then send recovery.next_request; what went is gone, and what failed is marked"
                    .to_owned(),
            ];
            (suggestions, next)
        }
        Error::BackupInUse { .. } => (
            vec!["A verification or a restore reads it: send the same request again when it is done"
                .to_owned()],
            context.request.clone(),
        ),
        Error::BackupInProgress { run_id } => in_progress_advice(run_id.as_deref(), context),
        Error::ConfirmationRequired(request) => confirmation_advice(request, context),
        Error::ConfirmationInvalid { .. } => {
            let next = context.request.clone().map(without_confirmation);
            (vec!["Send the request without confirm to see the plan as it is now, with a new token".to_owned()], next)
        }
        Error::CatalogueDamaged { path, .. } => (
            vec![
                format!("Build it anew from the manifests; {} is kept", context.shown(path)),
                "The backups themselves are untouched".to_owned(),
            ],
            Some(context.request_for("rebuild-catalogue")),
        ),
        Error::CatalogueNewer { .. } => say([
            "Use the newer version of backup-manager that wrote it".to_owned(),
            "Listing still works with this version; writing does not, so that nothing is lost"
                .to_owned(),
        ]),
        Error::CatalogueLocked { path } => say([
            "Send the same request again in a moment".to_owned(),
            format!(
                "If no other backup-manager runs, see who holds it: fuser {}",
                context.shown(path)
            ),
        ]),
        Error::Storage { path, .. } => say([
            format!("Check {} and the disk it is on", context.shown(path)),
            "Then send the same request again".to_owned(),
        ]),
        Error::Remains { error, .. } => of(error, context),
        Error::Interrupted => say(["Send the same request again; nothing was changed".to_owned()]),
        Error::Internal { .. } => say([
            "Send the same request again".to_owned(),
            "If it happens again, report it with the output of BACKUP_MANAGER_LOG=debug".to_owned(),
        ]),
    }
}

/// Whether PostgreSQL says, in English, that there is no such role, or that nothing may be given to it.
fn is_about_a_role(words: &str) -> bool {
    // The second since PostgreSQL 16.
    if words.contains("must be member of role \"") || words.contains("must be able to SET ROLE \"")
    {
        return true;
    }
    // The name may have line breaks in it. A blank before a quote begins the name of something else.
    let after = words.split_once("role \"").map(|(_, after)| after);
    let name = after.and_then(|after| after.split_once("\" does not exist"));
    name.is_some_and(|(name, _)| !name.contains(" \""))
}

/// The request that leaves out all that names roles, unless that was not enough.
fn missing_role_advice(context: &FailureContext<'_>) -> Advice {
    let is_set = |parameter| context.parameter(parameter) == Some(&Value::Bool(true));
    let create = "create the role that prisma_output names on the server, or grant it to the URL's user, and send the same request again";
    if is_set("no_owner") && is_set("no_privileges") {
        return say([
            format!("Let an administrator {create}"),
            "Neither no_owner nor no_privileges leaves it out: a policy, a user mapping or a setting names it".to_owned(),
        ]);
    }
    let next = context.request_with("no_owner", true.into()).and_then(|request| {
        let context = FailureContext { request: Some(request), ..FailureContext::default() };
        context.request_with("no_privileges", true.into())
    });
    let suggestions = vec![
        "Send recovery.next_request: with no_owner everything belongs to the URL's user, with no_privileges nobody else may anything until it is granted".to_owned(),
        format!("Or, to bring both back as well, let an administrator {create}"),
    ];
    (suggestions, next.map(without_confirmation))
}

/// The request without a yes that is used up.
fn without_confirmation(mut request: Value) -> Value {
    if let Some(parameters) = request.get_mut("parameters").and_then(Value::as_object_mut) {
        parameters.shift_remove("confirm");
    }
    request
}

/// A run in the background can be asked how it is getting on; for another one can only be waited.
fn in_progress_advice(run_id: Option<&str>, context: &FailureContext<'_>) -> Advice {
    let environment = context.environment();
    let waits = context.request.as_ref().is_none_or(|request| {
        request.pointer("/parameters/background").and_then(Value::as_bool) != Some(true)
    });
    let again = if waits {
        "Or send a larger wait_seconds"
    } else {
        "Or send it without background, with a larger wait_seconds"
    };
    let mut suggestions = vec![
        format!(
            "Another run is backing up the database of {environment}: send the same request again later"
        ),
        again.to_owned(),
    ];
    let Some(run_id) = run_id.filter(|_| context.holder_is_in_background) else {
        return (suggestions, context.request.clone());
    };
    let how = format!("It is run {run_id}: send recovery.next_request to see how far it is");
    suggestions.insert(0, how);
    let mut next = context.request_for("backup-status");
    if let Some(request) = next.as_object_mut() {
        request.insert("parameters".to_owned(), json!({"run_id": run_id}));
    }
    (suggestions, Some(next))
}

/// The seed's advice on a missing tool, for each kind of client.
fn tool_advice(
    client: ClientPackage,
    looked_in: &[PathBuf],
    context: &FailureContext<'_>,
) -> Advice {
    let package = client.package();
    let (macos, windows) = places(client);
    let mut suggestions = vec![
        format!("Install {client}: sudo apt-get install {package}"),
        format!("macOS: brew install {macos}"),
        format!("Windows: Download from {windows}"),
        format!("After installation, retry: /faber-db:backup {}", context.environment()),
    ];
    if !looked_in.is_empty() {
        let folders: Vec<String> = looked_in.iter().map(|path| context.shown(path)).collect();
        suggestions.push(format!(
            "Or correct backup.tool_directories: only {} was searched",
            folders.join(", ")
        ));
    }
    (suggestions, None)
}

fn elsewhere(client: ClientPackage) -> String {
    let (macos, windows) = places(client);
    format!("macOS: brew install {macos}; Windows: Download from {windows}")
}

/// Where a client comes from on macOS and on Windows.
const fn places(client: ClientPackage) -> (&'static str, &'static str) {
    match client {
        ClientPackage::Postgres => ("postgresql", "postgresql.org"),
        ClientPackage::MySql => ("mysql-client", "dev.mysql.com"),
        ClientPackage::MariaDb => ("mariadb", "mariadb.org"),
        ClientPackage::Mydumper => ("mydumper", "github.com/mydumper/mydumper"),
    }
}

fn request_advice(fault: &RequestFault, context: &FailureContext<'_>) -> Advice {
    let describe =
        "Send {\"operation\":\"describe\"} for what can be asked for, and how".to_owned();
    let meant = |nearest: &str| format!("Did you mean {nearest}?");
    let (nearest, own) = match fault {
        RequestFault::UnknownOperation { nearest, .. }
        | RequestFault::UnknownSkill { nearest, .. } => (nearest.map(meant), None),
        RequestFault::UnknownParameter { nearest, .. } => (nearest.as_deref().map(meant), None),
        RequestFault::LineTooLong => {
            (None, Some("Send a shorter request: no parameter needs so much".to_owned()))
        }
        RequestFault::NotUtf8 { .. } => (None, Some("Send the request in UTF-8".to_owned())),
        RequestFault::NotJson { .. } | RequestFault::NotAnObject { .. } => {
            (None, Some("Send one JSON object on one line".to_owned()))
        }
        RequestFault::Missing { path } => (None, Some(format!("Add {path}"))),
        RequestFault::WrongType { path, expected, .. } => {
            (None, Some(format!("Send {expected} as {path}")))
        }
        RequestFault::Duplicate { path } => (None, Some(format!("Send {path} once"))),
    };
    let suggestions = nearest.into_iter().chain(own).chain([describe]).collect();
    (suggestions, context.request.clone())
}

fn environment_advice(given: &str, known: &[String], context: &FailureContext<'_>) -> Advice {
    let nearest = backup_protocol::nearest(given, known.iter().map(String::as_str));
    let mut suggestions: Vec<String> =
        nearest.iter().map(|name| format!("Did you mean {name}?")).collect();
    suggestions.push(format!(
        "Send one of the configured environments: {}",
        known.iter().take(MOST_KNOWN).cloned().collect::<Vec<_>>().join(", ")
    ));
    suggestions
        .push("Or add it to \"environments\" in .fractary/plugins/faber-db/config.json".to_owned());
    let next = nearest.and_then(|name| context.request_with("environment", name.into()));
    (suggestions, next)
}

fn url_advice(
    variable: &str,
    dotenv: &Path,
    unreadable_lines: usize,
    environment: &str,
    context: &FailureContext<'_>,
) -> Advice {
    let mut suggestions = vec![
        format!("Set it: export {variable}=<the URL of the {environment} database>"),
        format!("Or add it to {}", context.shown(dotenv)),
    ];
    if unreadable_lines > 0 {
        suggestions.push(format!(
            "{unreadable_lines} lines of {} could not be read: quote values with spaces or #",
            context.shown(dotenv)
        ));
    }
    (suggestions, None)
}

fn confirmation_advice(request: &ConfirmationRequest, context: &FailureContext<'_>) -> Advice {
    let value =
        request.token.as_ref().map_or(Value::Bool(true), |(token, _)| token.as_str().into());
    let mut suggestions = Vec::new();
    if request.last_good_backup {
        suggestions
            .push(format!("Make a new backup first: /faber-db:backup {}", context.environment()));
    }
    suggestions.push("Show the plan to the person who decides".to_owned());
    suggestions.push("After their yes, send recovery.next_request".to_owned());
    (suggestions, context.request_with("confirm", value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_role_is_told_from_what_else_is_missing() {
        for words in [
            "ERROR:  role \"shop\" does not exist",
            "pg_restore: error: could not execute query: ERROR:  role \"a\nb; c\" does not exist\nCommand was: x",
            "ERROR:  must be member of role \"shop\"",
            "ERROR:  must be able to SET ROLE \"shop\"",
        ] {
            assert!(is_about_a_role(words), "{words}");
        }
        for words in [
            "ERROR:  relation \"items\" does not exist",
            "ERROR:  permission denied to grant role \"shop\"\nERROR:  schema \"x\" does not exist",
            "ERROR:  role \"shop\" already exists",
        ] {
            assert!(!is_about_a_role(words), "{words}");
        }
    }
}
