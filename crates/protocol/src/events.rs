//! The events that machines may ask for on stderr, one JSON object a line.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Operation, Status};

/// One event of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The run's id, the same in all its events.
    pub run_id: String,
    /// Counts the run's events from 1 without a gap.
    pub sequence: u64,
    /// When it happened, UTC.
    pub at: DateTime<Utc>,
    /// What happened.
    pub event: EventKind,
    /// The operation at work.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation: Option<Operation>,
    /// The environment, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// One line for a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// Bytes of the dump so far; with `progress`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes_done: Option<u64>,
    /// Bytes of the dump expected in all, an estimate; with `progress`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes_expected: Option<u64>,
    /// Bytes of the dump a second, since its first; with `progress`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes_per_second: Option<u64>,
    /// The share of the expected bytes that is done, from 0 to 1; with `progress`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 0, max = 1))]
    pub share: Option<f64>,
    /// When the dump will be done if it goes on so, UTC; with `progress`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub estimated_end: Option<DateTime<Utc>>,
    /// Tables of which all rows have passed, where the tool lets it be known; with `progress`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tables_done: Option<u64>,
    /// How the run ended; with `completed`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<Status>,
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The run began.
    Started,
    /// A step was done.
    Step,
    /// Bytes have passed.
    Progress,
    /// The run ended.
    Completed,
}
