//! The parameters of a handler that is addressed directly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CompressionChoice, Format};

/// Make an artifact that nothing records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerCreateParameters {
    /// The environment the database belongs to.
    pub environment: String,
    /// The variable that holds the database's URL. Default: the environment's
    /// `connection_string_env`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub database_url_env: Option<String>,
    /// The file to write, under the project or the storage location. It is never overwritten, and
    /// gains `.gz` or `.zst` when compressed.
    pub output_file: String,
    /// `true` or `"gzip"`, `"zstd"`, or `false`. Default: as for create-backup.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compression: Option<CompressionChoice>,
    /// What the file holds. Default: `sql`; for SQLite `custom`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub format: Option<Format>,
    /// How many seconds to wait for another run on the same database, from 0 to 86400. Default: 30.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(max = 86_400))]
    pub wait_seconds: Option<u32>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Show the artifacts of an environment, recorded or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerListParameters {
    /// Only artifacts of this environment. Default: all environments.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// How many files one answer shows, from 1 to 500; fewer where the answer would grow beyond 25,000
    /// characters. Default: 20.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u32>,
    /// The `next_cursor` of the answer before. Default: from the start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<String>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Examine an artifact's structure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerVerifyParameters {
    /// The file to examine, under the project or the storage location. Its name tells the format:
    /// `.sql` or `.sqlite`, then `.gz` or `.zst` when compressed.
    pub file_path: String,
    /// The environment, for the answer. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Remove an artifact that no catalogue records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerDeleteParameters {
    /// The file to remove, at the storage location.
    pub file_path: String,
    /// The environment, for the answer. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// The project's folder. Default: `CLAUDE_DB_CWD`, else the current directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}

/// Tell what the handler can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerDescribeParameters {
    /// Not needed to describe; accepted as everywhere. Default: none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
}
