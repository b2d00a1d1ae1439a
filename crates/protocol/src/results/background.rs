//! What a request in the background is answered with, and what is told of its run later.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{optional_whole_seconds, whole_seconds};
use crate::Operation;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its process is at work.
    Running,
    /// It ended with status `success`.
    Succeeded,
    /// It ended with status `error`.
    Failed,
    /// It ended with status `cancelled`.
    Cancelled,
    /// Its process died without an answer.
    Lost,
}

impl RunState {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }
}

/// What a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunPhase {
    /// What must be known before is looked at.
    Checking,
    /// The dump is being written.
    Dumping,
    /// An artifact is being examined.
    Verifying,
    /// A backup is being restored into a scratch database.
    Restoring,
    /// What was restored takes the place of the live database.
    Replacing,
    /// Manifest and catalogue are being written.
    Recording,
}

impl RunPhase {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Dumping => "dumping",
            Self::Verifying => "verifying",
            Self::Restoring => "restoring",
            Self::Replacing => "replacing",
            Self::Recording => "recording",
        }
    }
}

/// The result of a request with `background`: its run holds what it needs and goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackgroundStarted {
    /// The run, for backup-status and cancel-backup.
    pub run_id: String,
    /// Always `running`.
    pub state: RunState,
    /// The backup that it makes, examines or brings back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backup_id: Option<String>,
    /// When it began, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub started_at: DateTime<Utc>,
    /// The file with its messages.
    pub log_path: String,
    /// The request that asks how it is getting on.
    pub next_request: Map<String, Value>,
}

/// A run in the background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    /// The run's id.
    pub run_id: String,
    /// What it does.
    pub operation: Operation,
    /// Whose database it concerns.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// The backup that it makes, examines or brings back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backup_id: Option<String>,
    /// How it stands.
    pub state: RunState,
    /// What it is at, or was at when it ended.
    pub phase: RunPhase,
    /// True once somebody asked it to end.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub cancel_requested: bool,
    /// How much of the dump there is, in bytes before compression.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes_written: Option<u64>,
    /// The dump's size in all, in bytes, an estimate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub estimated_total_bytes: Option<u64>,
    /// The share of them that is written, in whole percent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(max = 100))]
    pub percent: Option<u64>,
    /// Bytes of the dump a second, since its first; while it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes_per_second: Option<u64>,
    /// When the dump will be done if it goes on so, UTC; while it runs.
    #[serde(
        serialize_with = "optional_whole_seconds",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub estimated_end: Option<DateTime<Utc>>,
    /// When it began, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub started_at: DateTime<Utc>,
    /// When it last got on, or ended, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub updated_at: DateTime<Utc>,
    /// The file with its messages.
    pub log_path: String,
    /// The answer that it ended with; with `run_id`, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub envelope: Option<Map<String, Value>>,
    /// The file with that answer, where it is too long to be shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub envelope_path: Option<String>,
    /// The request that it did not finish, to be sent again; with `run_id`, where it is `lost`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_request: Option<Map<String, Value>>,
}

/// Runs in the background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunList {
    /// The runs of this page, newest first.
    pub runs: Vec<RunReport>,
    /// How many there are on all pages.
    pub total_count: u64,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
}

/// The result of `backup-status` as a schema sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BackupStatusResult {
    /// With `run_id`.
    Run(Box<RunReport>),
    /// Without.
    Runs(RunList),
}

/// The result of `cancel-backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBackupResult {
    /// The run's id.
    pub run_id: String,
    /// How it stands now: `cancelled`; `running` where it is still ending; else how it had ended before, or ended all
    /// the same.
    pub state: RunState,
    /// Whether it was at work when this was asked for.
    pub was_running: bool,
    /// What it was at last.
    pub phase: RunPhase,
    /// The answer that it ended with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub envelope: Option<Map<String, Value>>,
    /// The file with that answer, where it is too long to be shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub envelope_path: Option<String>,
    /// The request that asks how it is getting on; where it is still ending.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_request: Option<Map<String, Value>>,
}

/// A result as a schema sees it: the operation's own, or that its run goes on in the background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OrStarted<R> {
    /// The operation's own.
    Ended(R),
    /// With `background`.
    Started(Box<BackgroundStarted>),
}
