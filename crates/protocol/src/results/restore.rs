//! What bringing a backup back answers, proving that it can be, and asking whether there is one.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Evidence, whole_seconds};

/// A restore into a scratch database, which is gone again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreProof {
    /// How long the restore took, without the comparison, in seconds: the measured time of recovery.
    pub restore_seconds: f64,
    /// How many tables were counted.
    pub tables_compared: u64,
    /// How many rows they have together.
    pub rows_compared: u64,
}

/// The result of `guard`: the backup that covers the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardResult {
    /// The backup's id.
    pub backup_id: String,
    /// When it was made, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub created_at: DateTime<Utc>,
    /// How old it is, in seconds.
    pub age_seconds: u64,
    /// The last migration in it; null where there is none.
    pub last_migration: Option<String>,
    /// How far it was proven.
    pub level: Option<Evidence>,
    /// The artifact.
    pub file_path: String,
    /// True where it was made just now, because none was there.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub made: bool,
}

/// The result of `restore-backup`: what was done, or with `dry_run` what would be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreBackupResult {
    /// The backup that was brought back.
    pub backup_id: String,
    /// The environment that it is of.
    pub source_environment: String,
    /// When it was made, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub created_at: DateTime<Utc>,
    /// The artifact.
    pub file_path: String,
    /// The artifact's size, in bytes.
    pub size_bytes: u64,
    /// The migrations before and after.
    pub migrations: MigrationsCompared,
    /// Tables whose number of rows is another one afterwards, at most 50 of them.
    pub rows: Vec<RowsCompared>,
    /// How many more such tables there are.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub more_tables: u64,
    /// The backup of what was replaced; null where none was taken.
    pub safety_backup_id: Option<String>,
    /// The request that brings that back; with `safety_backup_id`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo_request: Option<Value>,
    /// What was replaced, where the engine keeps it under another name; null where it does not.
    pub replaced: Option<String>,
    /// How long bringing it back took the last time, in seconds; null where it was never tried.
    pub estimated_seconds: Option<f64>,
    /// The room that it needs, and what there is; with `dry_run`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub space: Option<RestoreRoom>,
    /// True for a plan: nothing was changed.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub dry_run: bool,
    /// Whether the real request would ask for a confirmation first; with `dry_run`.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub needs_confirmation: bool,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
    /// What the caller should know.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// The room that a restore needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreRoom {
    /// For the second copy of the database, where the first one is kept, in bytes.
    pub database_bytes: u64,
    /// What is free there, in bytes; null where that cannot be known from here.
    pub database_available_bytes: Option<u64>,
    /// For the safety backup, about, in bytes; 0 where none is taken.
    pub safety_backup_bytes: u64,
    /// What is free where the backups are, in bytes; null where that is not known.
    pub backups_available_bytes: Option<u64>,
}

/// The migrations of a database before and after a restore.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrationsCompared {
    /// The last one that is applied now; null where there is none.
    pub current: Option<String>,
    /// The last one that is applied in the backup; null where there is none.
    pub restored: Option<String>,
    /// Those that are applied now and are not in the backup, at most 50 of them.
    pub lost: Vec<String>,
    /// How many more of these there are.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub more_lost: u64,
}

/// A table's rows before and after a restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsCompared {
    /// The table.
    pub table: String,
    /// How many rows it has now; null where it is not there or not counted.
    pub current: Option<u64>,
    /// How many it has in the backup; null where it is not there or not counted.
    pub restored: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
