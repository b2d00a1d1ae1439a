//! The parameters of the operations that decide how long backups are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Keep a backup for ever: no retention removes it, and deleting it by hand asks first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PinBackupParameters {
    /// The backup's id.
    pub backup_id: String,
    /// The environment the backup belongs to; checked where it is given. Default: found by the id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}
