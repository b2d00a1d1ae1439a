//! The parameters of each operation. The doc comments are the schema's descriptions.

mod background;
mod handlers;
mod retention;

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use background::{BackupStatusParameters, CancelBackupParameters};
pub use handlers::{
    HandlerCreateParameters, HandlerDeleteParameters, HandlerDescribeParameters,
    HandlerListParameters, HandlerVerifyParameters,
};
pub use retention::{CleanupBackupsParameters, PinBackupParameters};

/// What an artifact holds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Text that the engine's shell loads.
    Sql,
    /// The engine's own form: `pg_dump -Fc`, or a SQLite database file.
    Custom,
    /// A folder with one file a table.
    Directory,
    /// A snapshot that a cloud provider keeps.
    Snapshot,
}

impl Format {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Custom => "custom",
            Self::Directory => "directory",
            Self::Snapshot => "snapshot",
        }
    }
}

/// How an artifact is to be compressed: `true` is gzip, `false` is not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionChoice {
    /// `false`
    Off,
    /// `true` or `"gzip"`
    Gzip,
    /// `"zstd"`
    Zstd,
}

impl Serialize for CompressionChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::Gzip => serializer.serialize_bool(true),
            Self::Zstd => serializer.serialize_str("zstd"),
        }
    }
}

impl<'de> Deserialize<'de> for CompressionChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        impl Visitor<'_> for Choice {
            type Value = CompressionChoice;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("true, false, \"gzip\" or \"zstd\"")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Self::Value, E> {
                Ok(if on { CompressionChoice::Gzip } else { CompressionChoice::Off })
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                match name {
                    "gzip" => Ok(CompressionChoice::Gzip),
                    "zstd" => Ok(CompressionChoice::Zstd),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Choice)
    }
}

impl JsonSchema for CompressionChoice {
    fn schema_name() -> Cow<'static, str> {
        "CompressionChoice".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"], "enum": [true, false, "gzip", "zstd"] })
    }
}

/// A yes to a plan: the token that the plan came with, or `true` where a token is not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// `true`
    Yes,
    /// `false`
    No,
    /// The token of a `confirmation_required` or `last_good_backup` answer.
    Token(String),
}

impl Serialize for Confirmation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Yes => serializer.serialize_bool(true),
            Self::No => serializer.serialize_bool(false),
            Self::Token(token) => serializer.serialize_str(token),
        }
    }
}

impl<'de> Deserialize<'de> for Confirmation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Yes;
        impl Visitor<'_> for Yes {
            type Value = Confirmation;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("true, false or the token of the plan")
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Self::Value, E> {
                Ok(if yes { Confirmation::Yes } else { Confirmation::No })
            }

            fn visit_str<E: de::Error>(self, token: &str) -> Result<Self::Value, E> {
                Ok(Confirmation::Token(token.to_owned()))
            }
        }
        deserializer.deserialize_any(Yes)
    }
}

impl JsonSchema for Confirmation {
    fn schema_name() -> Cow<'static, str> {
        "Confirmation".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"] })
    }
}

/// Make a backup of an environment's database, prove it, record it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBackupParameters {
    /// The environment to back up, as named in the configuration.
    pub environment: String,
    /// A name for the backup; becomes part of its id. At most 200 characters. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<String>,
    /// Why the backup is made. `pre-migration`, `pre-rollback` and `pre-operation`, alone or followed
    /// by a space and more words, make it a safety backup. At most 500 characters. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// `true` or `"gzip"`, `"zstd"`, or `false`. Default: `backup.compression`, else `true` in
    /// production-class environments and `false` elsewhere.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compression: Option<CompressionChoice>,
    /// What the artifact holds. Default: `sql`; for SQLite `custom`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub format: Option<Format>,
    /// How many days the backup is kept, from 1 to 36500. Default: the environment's, else the
    /// project's, else 30 (dev), 60 (staging), 90 (production-class), 30 (others).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 36_500))]
    pub retention_days: Option<u32>,
    /// Words to find the backup by, at most 20 of at most 100 characters. `manual` and `important`
    /// keep it from expiring. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tags: Option<Vec<String>>,
    /// Also write the server's roles and tablespaces beside the dump, without passwords where the right to
    /// read them is missing. PostgreSQL only. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub include_globals: Option<bool>,
    /// How the new backup is verified before the answer: `full`, or `restore`, which brings it back into a scratch
    /// database as well. Default: the environment's `verify`, else `full`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verify: Option<CreateVerification>,
    /// Do all checks and answer with the plan; write nothing. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dry_run: Option<bool>,
    /// How many seconds to wait for another run on the same database, from 0 to 86400. Default: 30.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(max = 86_400))]
    pub wait_seconds: Option<u32>,
    /// Answer once the work is under way, with the run's id, and go on in a process of its own. Such a request waits for
    /// no other run. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub background: Option<bool>,
    /// JSON event lines on stderr in place of messages for people. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<bool>,
    /// `true` goes ahead with a large backup of a production-class environment. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confirm: Option<Confirmation>,
    /// The same key with the same parameters answers with the first one's backup instead of making
    /// another. At most 200 characters; kept per environment, as a digest. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idempotency_key: Option<String>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// The order of a listing, by true creation time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SortOrder {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

/// Which backups a listing shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListStatus {
    /// No verification has failed since the last one that passed.
    Valid,
    /// The last verification failed.
    Invalid,
    /// Valid, and proven up to plausible size or further.
    Verified,
    /// Its removal was begun and not finished.
    Deleting,
}

/// List the recorded backups, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListBackupsParameters {
    /// Only backups of this environment. Default: all environments.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// `desc` is newest first, `asc` oldest first. Default: `desc`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sort: Option<SortOrder>,
    /// How many backups one answer shows, from 1 to 500; fewer where the answer would grow beyond
    /// 25,000 characters. Default: 20.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u32>,
    /// The `next_cursor` of the answer before. Default: from the start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<String>,
    /// Only backups with exactly this label. Default: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<String>,
    /// Only backups with exactly this reason. Default: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Only backups of this status. Default: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<ListStatus>,
    /// Only backups made at or after this time: RFC 3339 (`2025-01-24T14:00:00Z`) or a date
    /// (`2025-01-24`, midnight UTC). Default: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<String>,
    /// Whole records (manifest and notes) in place of the concise form. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<bool>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// How a new backup is verified before it counts as made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CreateVerification {
    /// Read back to its end, and held against what was written.
    #[default]
    Full,
    /// `full`, and restored into a scratch database, where every table's rows are compared.
    Restore,
}

/// How thoroughly a backup is examined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyLevel {
    /// There, readable, of the recorded size and checksum.
    Quick,
    /// `quick`, and the artifact's structure read to its end.
    #[default]
    Full,
    /// `full`, and restored into a scratch database, where every table's rows are compared.
    Restore,
}

impl VerifyLevel {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
            Self::Restore => "restore",
        }
    }
}

/// Examine a backup again and record what was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyBackupParameters {
    /// The backup's id.
    pub backup_id: String,
    /// The environment the backup belongs to; checked where it is given. Default: found by the id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// `quick`: there, readable, size, checksum. `full`: structure to the end as well. `restore`:
    /// brought back into a scratch database beside the live one, and compared, too. Default: `full`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<VerifyLevel>,
    /// Answer once the work is under way, with the run's id, and go on in a process of its own. Such a request waits for
    /// no other run. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub background: Option<bool>,
    /// JSON event lines on stderr in place of messages for people. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<bool>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Ask whether a verified backup covers the state of an environment's database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardParameters {
    /// The environment.
    pub environment: String,
    /// How many hours old the backup may be, from 1 to 87600. Default: 24.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 87_600))]
    pub max_age_hours: Option<u32>,
    /// The last migration that must be in it. Default: the last one that the database has now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected_migration: Option<String>,
    /// Make the backup where there is none that covers the state. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ensure: Option<bool>,
    /// JSON event lines on stderr in place of messages for people. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<bool>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Bring a backup back into an environment's database. One of `backup_id`, `latest` and `to_migration` says which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreBackupParameters {
    /// The environment whose database is written to.
    pub environment: String,
    /// The backup's id; it may be of another environment. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backup_id: Option<String>,
    /// The same as `backup_id`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// The newest verified backup of `source_environment`. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latest: Option<bool>,
    /// The newest verified backup of `source_environment` whose last migration is this one. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to_migration: Option<String>,
    /// Where `latest` and `to_migration` look. Default: `environment`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source_environment: Option<String>,
    /// Do all checks and answer with the plan; change nothing. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dry_run: Option<bool>,
    /// The token of the `confirmation_required` answer to the same request. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confirm: Option<Confirmation>,
    /// Take no safety backup of what is replaced; refused in protected environments. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skip_safety_backup: Option<bool>,
    /// Leave out who owns what in the dump: everything belongs to the URL's user afterwards. For a server without
    /// the dump's roles. PostgreSQL only. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub no_owner: Option<bool>,
    /// Leave out who may do what in the dump: `GRANT`, `REVOKE` and `ALTER DEFAULT PRIVILEGES`. PostgreSQL only.
    /// Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub no_privileges: Option<bool>,
    /// Restore within the database, in one transaction, in place of swapping databases: for a user who may not. Who uses
    /// the database waits meanwhile, and only a safety backup keeps what was there. PostgreSQL only. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_place: Option<bool>,
    /// How many seconds to wait for another run on the same database, from 0 to 86400. Default: 30.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(max = 86_400))]
    pub wait_seconds: Option<u32>,
    /// Answer once the work is under way, with the run's id, and go on in a process of its own. Such a request waits for
    /// no other run. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub background: Option<bool>,
    /// JSON event lines on stderr in place of messages for people. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<bool>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Remove a backup: artifact, manifest, notes and record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteBackupParameters {
    /// The backup's id.
    pub backup_id: String,
    /// The environment the backup belongs to; checked where it is given. Default: found by the id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// The token of the `confirmation_required` or `last_good_backup` answer to the same request.
    /// Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confirm: Option<Confirmation>,
    /// Answer with what would be removed; remove nothing. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dry_run: Option<bool>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Build backups.json anew from the manifests and notes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RebuildCatalogueParameters {
    /// Answer with what would be recorded; write nothing. Default: false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dry_run: Option<bool>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Tell versions, skills, operations, handlers and limits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeParameters {
    /// Show this operation alone, with the JSON schema of its request. Default: all, in short.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation: Option<String>,
    /// Not needed to describe; accepted as everywhere. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}
