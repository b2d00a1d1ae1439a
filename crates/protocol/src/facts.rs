//! The facts that an error carries beside its text.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an operation would do, for somebody to say yes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationPlan {
    /// What would be done, in one line.
    pub action: String,
    /// The backup concerned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backup_id: Option<String>,
    /// How large it is, in bytes.
    pub size_bytes: u64,
    /// How large it is, for a person.
    pub size_human: String,
    /// What would be lost, or what it would cost, in one line each.
    pub consequences: Vec<String>,
}

/// The facts that an error carries; each code has its own few.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorFacts {
    /// How many backups were removed all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_count: Option<u64>,
    /// What that freed, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freed_bytes: Option<u64>,
    /// The backups that could not be removed, each with the reason; at most 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Vec<String>>,
    /// What must be free, in whole GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_space_gb: Option<u64>,
    /// What is free, in whole GiB, rounded down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_space_gb: Option<u64>,
    /// The database's size with a fifth on top, before compression, in whole GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_size_estimate_gb: Option<u64>,
    /// What must be free, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_space_bytes: Option<u64>,
    /// What is free, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_space_bytes: Option<u64>,
    /// The database's size with a fifth on top, before compression, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_size_estimate_bytes: Option<u64>,
    /// The artifact's file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_file: Option<String>,
    /// The smallest size that is plausible, in whole MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_size_min_mb: Option<u64>,
    /// The size that was found, in whole MiB, rounded down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_size_mb: Option<u64>,
    /// The smallest size that is plausible, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_size_min_bytes: Option<u64>,
    /// The size that was found, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_size_bytes: Option<u64>,
    /// Whether the artifact could be read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_readable: Option<bool>,
    /// What the check found wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// The directory that cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_directory: Option<String>,
    /// Its permissions, as `ls` shows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<String>,
    /// The permissions that would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<String>,
    /// What would be done once it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<ConfirmationPlan>,
    /// The token to send as `confirm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Until when the token is good, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub confirm_expires_at: Option<String>,
    /// The run that is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The file that the error is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What the database's user may not do or read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// The version of the tool that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_version: Option<String>,
    /// The server's product and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// What is there although the request failed: a backup that was recorded, a database that could not be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remains: Option<Vec<String>>,
    /// The names that would have been taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<Vec<String>>,
}

impl ErrorFacts {
    /// The facts as a result; none where there are none.
    pub fn into_result(self) -> Option<Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(facts)) if !facts.is_empty() => Some(Value::Object(facts)),
            _ => None,
        }
    }
}
