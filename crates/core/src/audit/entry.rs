//! What a line of the trail says.

use backup_protocol::{ErrorCode, RetentionAction, RetentionReason, Status};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A line of the trail; `previous` and `digest` stand last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    /// The version of this form: `1.0`.
    pub audit_version: String,
    /// When it was written, UTC.
    pub at: DateTime<Utc>,
    /// What the line says.
    pub kind: AuditKind,
    /// The run that wrote it.
    pub run_id: String,
    /// The request's id, where it had one, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<serde_json::Value>,
    /// What was asked for.
    pub operation: String,
    /// Of which environment, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// Who asked.
    pub caller: Caller,
    /// What is about to be done; with `intent`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
    /// What becomes of each backup; with the `intent` of a removal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<Vec<PlannedBackup>>,
    /// How it ended; with `outcome`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<Status>,
    /// The error's code; with the `outcome` of a failure.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<ErrorCode>,
    /// What was answered; with `outcome`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// The backup that was made, read or removed; with `outcome`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backup_id: Option<String>,
    /// From the request to its end, in seconds; with `outcome`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_seconds: Option<f64>,
    /// The size of what was made or read, or what a removal freed, in bytes; with `outcome`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<u64>,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// Something is about to be destroyed or replaced.
    Intent,
    /// An operation has ended.
    Outcome,
}

/// Who asked, as far as the process can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Caller {
    /// The user's name, where the environment has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<String>,
    /// The user's number.
    pub user_id: u32,
    /// The host's name.
    pub host: String,
    /// The process's number.
    pub process_id: u32,
    /// The agent or program on whose behalf it runs, where the environment names it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<String>,
    /// The agent's session, where the environment names it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<String>,
}

/// What becomes of one backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedBackup {
    /// The backup's id.
    pub backup_id: String,
    /// Whether it stays or goes.
    pub action: RetentionAction,
    /// Why it stays or goes; absent where a person named it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<RetentionReason>,
}

/// What is about to be done.
pub(crate) struct Intent {
    /// In one line.
    pub action: String,
    /// What becomes of each backup; none where none is removed.
    pub plan: Option<Vec<PlannedBackup>>,
}

/// How an operation ended.
pub(crate) struct Outcome {
    pub status: Status,
    pub code: Option<ErrorCode>,
    pub message: String,
    pub backup_id: Option<String>,
    pub bytes: Option<u64>,
}
