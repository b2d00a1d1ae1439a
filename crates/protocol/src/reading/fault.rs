//! Why a line is not a request, and what could be read of it all the same.

use serde_json::Value;
use thiserror::Error;

use crate::{MAX_LINE_BYTES, OperationName, RequestId};

/// Why a line is not a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestFault {
    /// Longer than [`MAX_LINE_BYTES`].
    #[error("the request line is longer than {MAX_LINE_BYTES} bytes")]
    LineTooLong,
    /// Not UTF-8.
    #[error("the request line is not UTF-8: the first wrong byte is at position {position}")]
    NotUtf8 {
        /// The offset of the first wrong byte, counted from 1.
        position: usize,
    },
    /// Not JSON.
    #[error("the request line is not JSON: {detail}")]
    NotJson {
        /// The parser's words.
        detail: String,
    },
    /// JSON, but no object.
    #[error("a request is a JSON object, not {found}")]
    NotAnObject {
        /// What it is, with its article.
        found: &'static str,
    },
    /// Something required is absent.
    #[error("`{path}` is missing")]
    Missing {
        /// Where it belongs, such as `parameters.environment`.
        path: String,
    },
    /// A value of the wrong type, or out of its range.
    #[error("`{path}` must be {expected}, but is {found}")]
    WrongType {
        /// Where it stands.
        path: String,
        /// What is wanted there.
        expected: String,
        /// The kind of value that stands there; never the value.
        found: &'static str,
    },
    /// A key that stands twice.
    #[error("`{path}` stands twice in the request")]
    Duplicate {
        /// Where it stands.
        path: String,
    },
    /// An operation that does not exist, or that the skill does not take.
    #[error("unknown operation: {given}")]
    UnknownOperation {
        /// What was sent.
        given: String,
        /// The closest one that exists.
        nearest: Option<&'static str>,
        /// All that exist for this skill.
        known: Vec<&'static str>,
    },
    /// A skill that does not exist.
    #[error("unknown skill: {given}")]
    UnknownSkill {
        /// What was sent.
        given: String,
        /// The closest one that exists.
        nearest: Option<&'static str>,
    },
    /// A key that the request or the operation does not have.
    #[error("unknown parameter: {path}")]
    UnknownParameter {
        /// Where it stands, such as `parameters.enviroment`.
        path: String,
        /// The closest one that exists.
        nearest: Option<String>,
        /// All that exist there.
        known: Vec<String>,
    },
}

/// A line that is no request, with what could be read of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// The id, to be echoed.
    pub id: Option<RequestId>,
    /// The operation, if it is a known one.
    pub operation: Option<OperationName>,
    /// The environment, as sent.
    pub environment: Option<String>,
    /// What is wrong.
    pub fault: RequestFault,
    /// The same request with the slip corrected, where the correction is certain.
    pub corrected: Option<Value>,
}

impl Rejected {
    /// A line of which nothing could be read.
    pub const fn unreadable(fault: RequestFault) -> Self {
        Self { id: None, operation: None, environment: None, fault, corrected: None }
    }
}
