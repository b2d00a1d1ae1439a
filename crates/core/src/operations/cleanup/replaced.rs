//! `cleanup-backups` with `replaced`: databases whose place a restore took go, by name, after a yes to these names.

use std::time::Duration;

use backup_protocol::{
    CleanupBackupsParameters, CleanupBackupsResult, Confirmation, ConfirmationPlan,
    ReplacedDatabaseShown,
};

use super::{MOST_NAMED, policy};
use crate::audit::Intent;
use crate::confirmation::{Bound, Confirmations};
use crate::error::{ConfirmationRequest, Error};
use crate::handler::{Database, ReplacedDatabase};
use crate::host::Host;
use crate::locks;
use crate::operations::session::Session;
use crate::operations::{DEFAULT_WAIT_SECONDS, Done};
use crate::progress::Step;
use crate::project::Project;
use crate::run::Run;
use crate::size;

pub(super) async fn cleanup(
    host: &Host<'_>,
    parameters: &CleanupBackupsParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    policy::refuse_rules(parameters)?;
    let Some(name) = &parameters.environment else {
        let detail = "is needed with replaced: one database is asked at a time".to_owned();
        return Err(Error::InvalidParameter { parameter: "environment", detail });
    };
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    let environment = project.environment(name)?;
    run.step(Step::EnvironmentValidated(environment.name.to_string()));
    let target = session.resolve_database(host, &project, &environment, None)?.target;
    let identity = target.machine_identity();
    let settings = project.configuration.tool_settings(Some(name), &project.root, host.workers);
    // A restore that is at work gives its old database such a name.
    let patience = Duration::from_secs(DEFAULT_WAIT_SECONDS.into());
    let _lock = locks::database_lock(&identity, patience, run).await?;
    let mut database = host.handler_for(&target).connect(&target, &settings, run).await?;
    let dry_run = parameters.dry_run.unwrap_or_default();
    // What a restore that died left half done may need what it replaced.
    let settled = if dry_run { Vec::new() } else { database.settle(patience, run).await? };
    if !dry_run {
        // A restore on another machine may be swapping now.
        database.reserve(patience, run).await?;
    }
    let found = database.replaced_databases(run).await?;
    if dry_run {
        let message =
            format!("{} replaced databases of {name} are kept; nothing was removed", found.len());
        let planned = CleanupBackupsResult {
            needs_confirmation: !found.is_empty(),
            dry_run: true,
            ..result(&found)
        };
        return Done::new(&planned, message);
    }
    if found.is_empty() {
        let none = CleanupBackupsResult { warnings: settled, ..result(&found) };
        return Done::new(&none, format!("No replaced database of {name} is kept"));
    }
    confirm(host, &project, parameters, &identity, &found, run)?;
    let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
    let action = format!("Remove what restores of {name} replaced: {}", names.join(", "));
    session.intend(host, Intent { action, plan: None }, run).await?;
    remove(&mut *database, &found, run).await?;
    let message = format!("{} replaced databases of {name} removed", found.len());
    Done::new(&CleanupBackupsResult { warnings: settled, ..result(&found) }, message)
}

/// Goes on where the token of the question about exactly these databases was sent, which it uses up.
fn confirm(
    host: &Host<'_>,
    project: &Project,
    parameters: &CleanupBackupsParameters,
    identity: &str,
    found: &[ReplacedDatabase],
    run: &Run,
) -> Result<(), Error> {
    let now = (host.clock)();
    let tokens = Confirmations::open(&project.state_folder(), &run.id)?;
    let mut parts = vec!["cleanup replaced".to_owned(), project.identity(), identity.to_owned()];
    parts.extend(found.iter().map(|one| one.name.clone()));
    let bound = Bound::to(parts);
    if let Some(Confirmation::Token(token)) = &parameters.confirm {
        let token = tokens.check(token, &bound, now)?;
        return tokens.use_up(&token, now);
    }
    let token = tokens.issue(&bound, now, project.configuration.approval_seconds())?;
    let size = found.iter().map(|one| one.size).sum();
    let goes = |one: &ReplacedDatabase| format!("{} goes, {}", one.name, size::human(one.size));
    let mut consequences =
        vec!["The restores that replaced them can no longer be taken back".to_owned()];
    consequences.extend(found.iter().take(MOST_NAMED).map(goes));
    if found.len() > MOST_NAMED {
        consequences.push(format!("and {} more", found.len() - MOST_NAMED));
    }
    Err(Error::ConfirmationRequired(Box::new(ConfirmationRequest {
        plan: ConfirmationPlan {
            action: format!("Remove {} databases that restores replaced", found.len()),
            backup_id: None,
            size_bytes: size,
            size_human: size::human(size),
            consequences,
        },
        token: Some(token),
        last_good_backup: false,
    })))
}

/// Removes each; what cannot be removed stays, and the others go all the same.
async fn remove(
    database: &mut dyn Database,
    found: &[ReplacedDatabase],
    run: &Run,
) -> Result<(), Error> {
    let (mut removed, mut freed, mut failed) = (0, 0, Vec::new());
    for one in found {
        let outcome = match run.interrupt.check() {
            Ok(()) => database.remove_replaced(&one.name, run).await,
            Err(interrupted) => Err(interrupted),
        };
        match outcome {
            Ok(()) => {
                removed += 1;
                freed += one.size;
            }
            Err(Error::RestoreFailed { detail, words }) => {
                failed.push((one.name.clone(), words.unwrap_or(detail)));
            }
            Err(error) => {
                return Err(error.with_remains([format!("{removed} of them were removed before")]));
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::CleanupIncomplete { removed, freed, failed })
}

fn result(found: &[ReplacedDatabase]) -> CleanupBackupsResult {
    let freed = found.iter().map(|one| one.size).sum();
    let shown = found.iter().take(MOST_NAMED).map(|one| ReplacedDatabaseShown {
        database: one.name.clone(),
        size_bytes: one.size,
        size_human: size::human(one.size),
    });
    CleanupBackupsResult {
        total_count: found.len() as u64,
        deleted_count: found.len() as u64,
        kept_count: 0,
        freed_bytes: freed,
        freed_human: size::human(freed),
        backups: Vec::new(),
        replaced: Some(shown.collect()),
        next_cursor: None,
        needs_confirmation: false,
        dry_run: false,
        warnings: Vec::new(),
    }
}
