//! The configuration: the part of the larger plugin's `config.json` that is ours.
//!
//! Keys that are not ours are ignored; ours are typed strictly, and a mistake names its JSON path.

mod checks;
mod handler_choice;
mod settings;
mod tools;

use std::collections::BTreeMap;
use std::path::Path;

use backup_protocol::{CompressionChoice, CreateVerification};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

pub use handler_choice::{HandlerChoice, choose_handler};
pub use settings::EnvironmentSettings;

/// The configuration file, as far as it is ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Configuration {
    /// What kind of database the project has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseSection>,
    /// The environments by name.
    #[serde(default)]
    pub environments: BTreeMap<String, EnvironmentSection>,
    /// Where the migrations' state is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<MigrationsSection>,
    /// What must be asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety: Option<SafetySection>,
    /// How backups are made and kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupSection>,
    /// How backups are proven by restoring them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationSection>,
    /// Other plugins that are told of what is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<IntegrationSection>,
}

/// `integration`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntegrationSection {
    /// The plugin that keeps logs: where it is named, creates, verifications, restores and removals leave an
    /// operational log in `.fractary/logs/operational/`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs_plugin: Option<String>,
}

/// `database`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseSection {
    /// Where the databases run: `local`, `aws-rds`, `aws-aurora` or `gcp-sql`. Default: by the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosting: Option<String>,
}

/// `environments.<name>`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvironmentSection {
    /// How new backups are verified: `full` or `restore`. Default: `full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<CreateVerification>,
    /// The variable that holds the database's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_string_env: Option<String>,
    /// The variable that holds the URL of the same database past its pooler, through which a dump is read.
    /// Default: the schema's `directUrl`, where its `url` names the variable of `connection_string_env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_connection_string_env: Option<String>,
    /// How this environment is backed up. Default: the project's `backup.method`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_method: Option<String>,
    /// Where this environment's database runs. Default: the project's `database.hosting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosting: Option<String>,
    /// How many days backups are kept, from 1 to 36500. Default: `backup.retention_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub backup_retention_days: Option<u32>,
    /// Whether the environment is production-class. Default: by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<bool>,
    /// How many seconds a native tool may write nothing before it counts as hung, from 1 to 86400.
    /// Default: `backup.stall_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub stall_seconds: Option<u32>,
    /// How hard artifacts are compressed, from 1 to 19. Default: `backup.compression_level`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 19))]
    pub compression_level: Option<u32>,
    /// How many threads compress, and how many jobs a parallel dump has, from 1 to 64. Default:
    /// `backup.threads`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub threads: Option<u32>,
    /// Whether native tools and compression run at the lowest CPU and I/O priority. Default:
    /// `backup.low_priority`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_priority: Option<bool>,
    /// Whether a dump of MySQL or MariaDB keeps writers out of the whole server until it is done. Default:
    /// `backup.global_read_lock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_read_lock: Option<bool>,
    /// How many seconds counting rows may take, from 0 to 86400. Default: `backup.row_count_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub row_count_seconds: Option<u32>,
}

/// `migrations`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MigrationsSection {
    /// The table that holds the migrations' state. Default: `_prisma_migrations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

/// `verification`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerificationSection {
    /// Up to which size of the database, in GiB, a scratch database is made beside the live one. Default: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_scratch_gb: Option<f64>,
    /// The variable with the URL of another database, beside which scratch databases are made instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_url_env: Option<String>,
}

/// `safety`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SafetySection {
    /// Environments whose backups are deleted only with a token. Default: the production-class ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_environments: Option<Vec<String>>,
    /// From which database size, in GiB, a production-class backup asks first. Default: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_backup_gb: Option<f64>,
    /// How long a yes is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_timeouts: Option<ApprovalTimeouts>,
}

/// `safety.approval_timeouts`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalTimeouts {
    /// How many seconds a confirmation token is good. Default: 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub enhanced: Option<u32>,
}

/// `backup`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupSection {
    /// How databases are backed up: `pg_dump`, `mysqldump`, `sqlite`, or a snapshot method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The same, as the plugin's example spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How many days backups are kept, from 1 to 36500. Default: by the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub retention_days: Option<u32>,
    /// Whether expired backups of a database go after a new one was made. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_cleanup: Option<bool>,
    /// `true` or `"gzip"`, `"zstd"`, or `false`. Default: `true` in production-class environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<CompressionChoice>,
    /// The folder for backups; `<environment>/` is appended. Relative to the project's root. Default:
    /// `.fractary/plugins/faber-db/backups/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_location: Option<String>,
    /// The kind of storage: `local`, or `s3` with `s3_bucket`. Default: `local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// The bucket for backups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_bucket: Option<String>,
    /// The prefix in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_prefix: Option<String>,
    /// Whether dumps must be encrypted. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypt_backups: Option<bool>,
    /// Who can decrypt them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_recipients: Option<Vec<String>>,
    /// The folders in which the native tools (`pg_dump`, `mysqldump`, …) are looked for, and no others.
    /// Relative to the project's root. Default: `PATH`, then the usual folders of their packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub tool_directories: Option<Vec<String>>,
    /// How many seconds a native tool may write nothing before it counts as hung, from 1 to 86400.
    /// Default: 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub stall_seconds: Option<u32>,
    /// How hard artifacts are compressed, from 1 to 19; gzip has 12 at most. Default: what the handler
    /// finds fast and small enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 19))]
    pub compression_level: Option<u32>,
    /// How many threads compress, and how many jobs a parallel dump has, from 1 to 64. Default: the
    /// machine's processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub threads: Option<u32>,
    /// Whether native tools and compression run at the lowest CPU and I/O priority. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_priority: Option<bool>,
    /// Whether a dump of MySQL or MariaDB keeps writers out of the whole server until it is done,
    /// so that tables without transactions are consistent with the others. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_read_lock: Option<bool>,
    /// How many seconds counting rows may take, from 0 to 86400; what is not counted by then is unknown.
    /// Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub row_count_seconds: Option<u32>,
}

impl Configuration {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] names the JSON path of the mistake.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(place) = list_for_an_object(text) {
            let detail = "must be an object, not a list".to_owned();
            return Err(Error::ConfigInvalid { path: path.to_path_buf(), place, detail });
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let configuration: Self =
            serde_path_to_error::deserialize(&mut reader).map_err(|error| {
                let place = match error.path().to_string() {
                    place if place == "." => "the file".to_owned(),
                    place => place,
                };
                let detail = without_value(&error.inner().to_string());
                Error::ConfigInvalid { path: path.to_path_buf(), place, detail }
            })?;
        reader.end().map_err(|error| Error::ConfigInvalid {
            path: path.to_path_buf(),
            place: "the file".to_owned(),
            detail: error.to_string(),
        })?;
        checks::check(&configuration, path)?;
        Ok(configuration)
    }
}

/// Where a list stands for an object of ours: serde would take it, field by field.
fn list_for_an_object(text: &str) -> Option<String> {
    let whole: Value = serde_json::from_str(text).ok()?;
    if whole.is_array() {
        return Some("the file".to_owned());
    }
    let sections = [
        "database",
        "environments",
        "migrations",
        "safety",
        "backup",
        "verification",
        "safety/approval_timeouts",
    ];
    let environments = whole.get("environments").and_then(Value::as_object).into_iter().flatten();
    let environments =
        environments.map(|(name, section)| (format!("environments.{name}"), section));
    sections
        .into_iter()
        .filter_map(|name| Some((name.replace('/', "."), whole.pointer(&format!("/{name}"))?)))
        .chain(environments)
        .find(|(_, section)| section.is_array())
        .map(|(place, _)| place)
}

/// Whether a text can be the name of an environment variable.
pub(crate) fn is_variable(name: &str) -> bool {
    let follows = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    begins && name.len() <= 255 && name.bytes().all(follows)
}

/// Serde's message without the value that it quotes: a secret may stand in the wrong place.
fn without_value(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((before, expected)) if before.starts_with("invalid ") => {
            let expected = match expected.split(" at line ").next().unwrap_or_default() {
                "u32" => "a whole number",
                "f64" => "a number",
                "a boolean" => "true or false",
                "a sequence" => "a list",
                other => other,
            };
            format!("must be {expected}")
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Configuration, String> {
        Configuration::parse(text, Path::new("config.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_of_others_are_ignored() {
        let text = r#"{"schema_version":"1.0","faber_integration":{"x":[1]},
            "environments":{"dev":{"connection_string_env":"D","auto_migrate":true}}}"#;
        assert_eq!(parse(text).unwrap().environments.len(), 1);
    }

    #[test]
    fn mistakes_name_their_place_and_not_their_value() {
        assert_eq!(
            parse(r#"{"backup":{"retention_days":"hunter2"}}"#).unwrap_err(),
            "Configuration invalid: backup.retention_days: must be a whole number"
        );
        assert_eq!(
            parse(r#"{"environments":{"dev":{"backup_retention_days":0}}}"#).unwrap_err(),
            "Configuration invalid: environments.dev.backup_retention_days: must be from 1 to 36500"
        );
        assert!(parse(r#"{"environments":{"../x":{}}}"#).is_err());
        assert!(parse("{").is_err());
    }

    #[test]
    fn what_has_bounds_is_checked_wherever_it_stands() {
        for (key, least, most) in [
            ("stall_seconds", 1, 86_400),
            ("compression_level", 1, 19),
            ("threads", 1, 64),
            ("row_count_seconds", 0, 86_400),
        ] {
            for place in ["backup", "environments.dev"] {
                let with = |value: i64| {
                    let section = format!("{{\"{key}\": {value}}}");
                    parse(&match place {
                        "backup" => format!("{{\"backup\": {section}}}"),
                        _ => format!("{{\"environments\": {{\"dev\": {section}}}}}"),
                    })
                };
                assert!(with(least).is_ok() && with(most).is_ok(), "{place}.{key}");
                assert_eq!(
                    with(most + 1).unwrap_err(),
                    format!("Configuration invalid: {place}.{key}: must be from {least} to {most}")
                );
                let below = with(least - 1).unwrap_err();
                assert!(below.contains(&format!("{place}.{key}: must be")), "{below}");
            }
        }
    }

    #[test]
    fn variables_and_folders_must_be_some() {
        for key in ["connection_string_env", "direct_connection_string_env"] {
            let text = format!(
                "{{\"environments\": {{\"dev\": {{\"{key}\": \"postgres://u:hunter2@h/d\"}}}}}}"
            );
            assert_eq!(
                parse(&text).unwrap_err(),
                format!(
                    "Configuration invalid: environments.dev.{key}: must be the name of a variable, not a URL"
                )
            );
        }
        for folders in ["[]", "[\"/usr/bin\", \"\"]"] {
            let text = format!("{{\"backup\": {{\"tool_directories\": {folders}}}}}");
            assert!(parse(&text).unwrap_err().contains("backup.tool_directories"), "{folders}");
        }
        assert_eq!(
            parse(r#"{"backup":{"tool_directories":"/usr/bin"}}"#).unwrap_err(),
            "Configuration invalid: backup.tool_directories: must be a list"
        );
    }
}
