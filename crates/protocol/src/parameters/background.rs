//! The parameters of what is asked of runs in the background.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tell how runs in the background are getting on, and how they ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupStatusParameters {
    /// The run, as the answer to its request named it. Default: all that are remembered, newest first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run_id: Option<String>,
    /// How many runs one answer shows, from 1 to 50; fewer where the answer would grow beyond 25,000 characters. Without
    /// `run_id`. Default: 20.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 50))]
    pub limit: Option<u32>,
    /// The `next_cursor` of the answer before; without `run_id`. Default: from the start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<String>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// End a run in the background cleanly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBackupParameters {
    /// The run, as the answer to its request named it.
    pub run_id: String,
    /// How many seconds to wait for its end, from 0 to 300. Default: 10.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(max = 300))]
    pub wait_seconds: Option<u32>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}
