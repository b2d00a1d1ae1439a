//! What the program says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Format;

/// The result of `describe`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeResult {
    /// The program's name.
    pub program: String,
    /// The program's version.
    pub version: String,
    /// The version of the catalogue that is written.
    pub catalogue_schema_version: String,
    /// The version of the manifests that are written.
    pub manifest_version: String,
    /// Who can be spoken to.
    pub skills: Vec<String>,
    /// What can be asked for.
    pub operations: Vec<OperationDescription>,
    /// What makes the backups.
    pub handlers: Vec<HandlerDescription>,
    /// The bounds of requests and answers.
    pub limits: Limits,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationDescription {
    /// Its name.
    pub name: String,
    /// Other spellings that are taken.
    pub aliases: Vec<String>,
    /// What it does.
    pub summary: String,
    /// Its parameters by name.
    pub parameters: std::collections::BTreeMap<String, ParameterDescription>,
    /// The JSON schema of its request; when the operation was asked for by name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_schema: Option<Map<String, Value>>,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterDescription {
    /// Its JSON types or its values.
    pub r#type: String,
    /// Whether the operation needs it.
    pub required: bool,
}

/// One handler and what it can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerDescription {
    /// The skill to address it by.
    pub skill: String,
    /// Its name in records.
    pub name: String,
    /// The engines that it dumps.
    pub engines: Vec<String>,
    /// The formats that it writes.
    pub formats: Vec<Format>,
    /// The compressions that it applies.
    pub compressions: Vec<String>,
    /// The levels that it verifies to.
    pub verify_levels: Vec<String>,
    /// The libraries or tools it works with, and their versions.
    pub tools: std::collections::BTreeMap<String, String>,
}

/// The bounds of requests and answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The longest request line, in bytes.
    pub request_line_bytes: u64,
    /// The longest answer, in characters.
    pub answer_characters: u64,
    /// The longest request id, in characters of its JSON text.
    pub request_id_characters: u64,
    /// How many backups a listing shows unless asked otherwise.
    pub list_limit_default: u32,
    /// How many backups a listing shows at most.
    pub list_limit_maximum: u32,
}
