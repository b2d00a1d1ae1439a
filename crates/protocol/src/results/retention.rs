//! What the operations answer that decide how long backups are kept.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{optional_whole_seconds, whole_seconds};

/// The result of `pin-backup` and `unpin-backup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PinBackupResult {
    /// The backup's id.
    pub backup_id: String,
    /// Whether it is pinned now.
    pub pinned: bool,
    /// Whether that is new.
    pub changed: bool,
    /// When it expires once it is not pinned, UTC; null where no retention is recorded.
    #[serde(serialize_with = "optional_whole_seconds")]
    pub expires_at: Option<DateTime<Utc>>,
    /// What the caller should know.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// What becomes of a backup.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RetentionAction {
    /// It goes.
    Delete,
    /// It stays.
    Keep,
}

/// Why a backup stays or goes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RetentionReason {
    /// Goes: it has expired.
    Expired,
    /// Goes: it is as old as was asked for.
    OldEnough,
    /// Goes: none of the rules keeps it.
    NotKept,
    /// Stays: it has not expired.
    NotExpired,
    /// Stays: it is younger than was asked for.
    NotOldEnough,
    /// Stays: one of the last so many.
    KeepLast,
    /// Stays: the newest of its day.
    KeepDaily,
    /// Stays: the newest of its week.
    KeepWeekly,
    /// Stays: the newest of its month.
    KeepMonthly,
    /// Stays: the newest of its year.
    KeepYearly,
    /// Stays: the newest verified backup of its database.
    LastGoodBackup,
    /// Stays: no backup of its database is verified and there.
    NothingVerified,
    /// Stays: it is pinned.
    Pinned,
    /// Stays: its label or a tag is `manual` or `important`.
    Important,
    /// Stays: the newest one before its database lost much.
    BeforeLoss,
    /// Stays: the one that shows that its database had lost much.
    ShowsLoss,
    /// Stays: a safety backup younger than 90 days.
    SafetyBackup,
    /// Stays: it was made later than it is now, so that nobody knows how old it is.
    FromTheFuture,
    /// Stays: somebody reads it.
    InUse,
    /// Stays for now: it may go since the plan was agreed to, and goes with the next cleanup.
    Later,
    /// Stays: it has no manifest that can be read.
    NoManifest,
    /// Stays in the plan: its removal was begun earlier, and is finished by the next operation that writes.
    RemovalBegun,
}

/// What a plan does with one backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionDecision {
    /// The backup's id.
    pub backup_id: String,
    /// Its environment.
    pub environment: String,
    /// When it was made, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub created_at: DateTime<Utc>,
    /// When it expires, UTC; null where no retention is recorded.
    #[serde(serialize_with = "optional_whole_seconds")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The artifact's size, in bytes.
    pub size_bytes: u64,
    /// Whether it stays or goes.
    pub action: RetentionAction,
    /// Why it stays or goes.
    pub reason: RetentionReason,
}

/// The result of `cleanup-backups`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CleanupBackupsResult {
    /// Backups that were looked at.
    pub total_count: u64,
    /// Of these, removed; with `dry_run`, those that would be.
    pub deleted_count: u64,
    /// Of these, kept.
    pub kept_count: u64,
    /// What the removals freed, or would free, in bytes.
    pub freed_bytes: u64,
    /// The same for a person, in units of 1024.
    pub freed_human: String,
    /// The plan, backups that go first, then the newest: as many as fit.
    pub backups: Vec<RetentionDecision>,
    /// The databases whose place restores took, at most 20; with `replaced`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaced: Option<Vec<ReplacedDatabaseShown>>,
    /// With `dry_run`: send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
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

/// The expired backups that a create removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutomaticRetention {
    /// How many.
    pub removed_count: u64,
    /// What that freed, in bytes.
    pub freed_bytes: u64,
    /// Their ids, at most 20.
    pub backup_ids: Vec<String>,
}

/// A database whose place a restore took, and which is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplacedDatabaseShown {
    /// What it is called now; the time at its end is that of the restore, in UTC.
    pub database: String,
    /// How large it is, in bytes; 0 where the user may not ask.
    pub size_bytes: u64,
    /// How large it is, for a person.
    pub size_human: String,
}
