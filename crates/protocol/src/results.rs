//! What a successful operation answers, and the facts that an error carries.

mod background;
mod restore;
mod retention;

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::facts::ErrorFacts;

use crate::{Format, VerifyLevel};

pub use background::{
    BackgroundStarted, BackupStatusResult, CancelBackupResult, OrStarted, RunList, RunPhase,
    RunReport, RunState,
};
pub use restore::{
    GuardResult, MigrationsCompared, RestoreBackupResult, RestoreProof, RestoreRoom, RowsCompared,
};
pub use retention::{
    AutomaticRetention, CleanupBackupsResult, PinBackupResult, ReplacedDatabaseShown,
    RetentionAction, RetentionDecision, RetentionReason,
};

/// Writes a time as the seed does: UTC, whole seconds, `Z`.
pub fn whole_seconds<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// How far the proof of a backup got; each step includes those before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The tool said that it was done.
    ExitStatus,
    /// The artifact's structure is whole to its end.
    Complete,
    /// The bytes are those that were written.
    Checksum,
    /// The size is what this database can have.
    PlausibleSize,
    /// It was restored into a scratch database.
    Restored,
    /// Every table's row count equals the recorded one.
    RowsEqual,
}

/// The verdict of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrityCheck {
    /// Every check that was made passed.
    Passed,
    /// One did not.
    Failed,
}

/// What the migrations table said at the moment of the backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrationSummary {
    /// Migrations that were finished and not rolled back; 0 where there is no migrations table.
    pub applied_count: u64,
    /// The name of the last applied migration; null where there is none.
    pub last_migration: Option<String>,
    /// Migrations that were begun and neither finished nor rolled back.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed_migrations: Vec<String>,
}

/// How much is in a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowTotals {
    /// Tables that were counted.
    pub tables: u64,
    /// Their rows together.
    pub rows: u64,
    /// Tables whose rows were not counted.
    pub unknown: u64,
}

/// What was proven when the backup was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationSummary {
    /// The verdict.
    pub integrity_check: IntegrityCheck,
    /// Whether the artifact could be read to its end.
    pub file_readable: bool,
    /// How far the proof got.
    pub level: Evidence,
}

/// The result of `create-backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBackupResult {
    /// The backup's id, unique in the project.
    pub backup_id: String,
    /// The label, as sent; null when none was.
    pub label: Option<String>,
    /// The artifact, relative to the project's root where it lies inside, else absolute.
    pub file_path: String,
    /// The artifact's size, in bytes.
    pub size_bytes: u64,
    /// The artifact's size for a person, in units of 1024.
    pub size_human: String,
    /// Whether the artifact is compressed.
    pub compressed: bool,
    /// What the artifact holds.
    pub format: Format,
    /// The migrations that are in it.
    pub migrations: MigrationSummary,
    /// How many days it is kept.
    pub retention_days: u32,
    /// When it expires, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub expires_at: DateTime<Utc>,
    /// What was proven.
    pub verification: VerificationSummary,
    /// When the backup was made, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub created_at: DateTime<Utc>,
    /// From the request to the recorded backup, in seconds.
    pub duration_seconds: f64,
    /// The artifact's SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// How much is in it.
    pub row_totals: RowTotals,
    /// What restoring it came to; with `verify` `restore`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub restored: Option<RestoreProof>,
    /// How long other connections could not write, in seconds; where the engine made them wait.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub writers_blocked_seconds: Option<f64>,
    /// True when the backup was made by an earlier request with the same idempotency key.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub idempotent_replay: bool,
    /// The expired backups of the same database that were removed afterwards; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retention: Option<AutomaticRetention>,
    /// What the caller should know.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// The result of `create-backup` with `dry_run`: what would be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBackupPlan {
    /// Always true.
    pub dry_run: bool,
    /// The id that the backup would get now.
    pub backup_id: String,
    /// The label, as sent; null when none was.
    pub label: Option<String>,
    /// Where the artifact would be.
    pub file_path: String,
    /// Whether it would be compressed.
    pub compressed: bool,
    /// What it would hold.
    pub format: Format,
    /// The handler that would make it.
    pub handler: String,
    /// How many days it would be kept.
    pub retention_days: u32,
    /// When it would expire, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub expires_at: DateTime<Utc>,
    /// The database's size, in bytes.
    pub database_size_bytes: u64,
    /// What must be free, in bytes.
    pub required_space_bytes: u64,
    /// What is free, in bytes.
    pub available_space_bytes: u64,
    /// Whether the real request would ask for a confirmation first.
    pub needs_confirmation: bool,
    /// What the caller should know.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// One backup in a concise listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupSummary {
    /// The backup's id.
    pub backup_id: String,
    /// When it was made, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub created_at: DateTime<Utc>,
    /// How many migrations are applied in it.
    pub migrations_count: u64,
    /// The last of them; null where there is none.
    pub last_migration: Option<String>,
    /// The environment.
    pub environment: String,
    /// The label; null where there is none.
    pub label: Option<String>,
    /// The reason; null where there is none.
    pub reason: Option<String>,
    /// The artifact's size for a person.
    pub size_human: String,
    /// What the artifact holds.
    pub format: Option<Format>,
    /// `valid`, `invalid` or `deleting`.
    pub status: String,
    /// Whether it is valid and proven up to plausible size or further.
    pub verified: bool,
    /// Whether somebody wants it kept for ever; absent where nobody does.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub pinned: bool,
    /// Whether the artifact is there now.
    pub file_exists: bool,
    /// When it expires, UTC; null where no retention is recorded.
    #[serde(serialize_with = "optional_whole_seconds")]
    pub expires_at: Option<DateTime<Utc>>,
}

#[expect(clippy::ref_option, reason = "serde hands the field over as it is")]
fn optional_whole_seconds<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => whole_seconds(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// The result of `list-backups`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListBackupsResult {
    /// The backups of this page: [`BackupSummary`] each, or whole records with `detail`.
    pub backups: Vec<Map<String, Value>>,
    /// How many backups there are on all pages.
    pub total_count: u64,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
    /// What the caller should know.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationResult {
    /// The verdict.
    pub integrity_check: IntegrityCheck,
    /// Whether the artifact could be read to its end.
    pub file_readable: bool,
    /// Whether the artifact is there.
    pub file_exists: bool,
    /// When it was examined, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub verified_at: DateTime<Utc>,
    /// How far this proof got.
    pub level: Evidence,
}

/// The result of `verify-backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyBackupResult {
    /// The backup's id.
    pub backup_id: String,
    /// The artifact.
    pub file_path: String,
    /// The artifact's size, in bytes.
    pub size_bytes: u64,
    /// How thoroughly it was examined.
    pub level: VerifyLevel,
    /// What was found.
    pub verification: VerificationResult,
    /// What restoring it came to; with level `restore`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub restored: Option<RestoreProof>,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
    /// What the caller should know.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// The result of `delete-backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteBackupResult {
    /// The backup's id.
    pub backup_id: String,
    /// The artifact.
    pub file_path: String,
    /// What the removal freed, or would free, in bytes.
    pub freed_bytes: u64,
    /// Whether the artifact was there.
    pub artifact_existed: bool,
    /// With `dry_run`: whether the real request would ask for a confirmation first.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub needs_confirmation: bool,
    /// True when nothing was removed because `dry_run` was sent.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub dry_run: bool,
    /// What the caller should know.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// The result of `rebuild-catalogue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RebuildCatalogueResult {
    /// Records in the new catalogue.
    pub records: u64,
    /// Of these, built from a manifest and its notes.
    pub from_manifests: u64,
    /// Of these, kept from the catalogue before: no manifest, but the artifact is there.
    pub from_old_catalogue: u64,
    /// Ids of old records that were left out: neither a manifest nor an artifact. At most 30.
    pub dropped: Vec<String>,
    /// Where the catalogue before was kept; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kept_as: Option<String>,
    /// Files at the location that no manifest speaks of; they are left alone. At most 30.
    pub foreign_files: Vec<String>,
    /// Manifests and notes that could not be read, and why; they are left alone. At most 30.
    pub unreadable: Vec<String>,
    /// True when nothing was written because `dry_run` was sent.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub dry_run: bool,
}

/// The result of a handler's `create-backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerCreateResult {
    /// The file that was written.
    pub file_path: String,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// What was proven.
    pub verification: VerificationSummary,
    /// What the caller should know.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// One file that a handler lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupFile {
    /// The file.
    pub file_path: String,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// When it was last written, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub modified_at: DateTime<Utc>,
}

/// The result of a handler's `list-backups`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerListResult {
    /// The artifacts, newest first.
    pub backups: Vec<BackupFile>,
    /// How many there are in all.
    pub total_count: u64,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
}

/// The result of a handler's `verify-backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerVerifyResult {
    /// The file.
    pub file_path: String,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// What was found.
    pub verification: VerificationResult,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
}

/// The result of a handler's `delete-backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerDeleteResult {
    /// The file.
    pub file_path: String,
    /// What the removal freed, in bytes.
    pub freed_bytes: u64,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
}

/// A result as a schema sees it: the operation's own, or the facts of an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ResultOrFacts<R> {
    /// With status `success`.
    Result(R),
    /// With status `error`.
    Facts(Box<ErrorFacts>),
}

/// A result of `create-backup` as a schema sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CreateBackupResultOrPlan {
    /// The backup that was made.
    Made(Box<CreateBackupResult>),
    /// The plan of a dry run.
    Planned(Box<CreateBackupPlan>),
}

/// Counts by table: exact, or null where the count is unknown.
pub type RowCounts = BTreeMap<String, Option<u64>>;
