//! The answer: one envelope per request line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ErrorCode, RequestId};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Done; `result` and `message` say what.
    Success,
    /// Not done; `error`, `code` and `recovery` say why and what to send next.
    Error,
    /// Given up at somebody's wish; nothing was changed.
    Cancelled,
}

/// What the caller can do about an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// Sentences that a person or an agent can act on now.
    pub suggestions: Vec<String>,
    /// The corrected request, ready to send, where one is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub next_request: Option<Value>,
}

/// An error as the caller sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What happened, in one line.
    pub error: String,
    /// Its stable code.
    pub code: ErrorCode,
    /// The tool's own words, cleaned of secrets.
    pub prisma_output: Option<String>,
    /// Facts about the error.
    pub result: Option<Value>,
    /// What to do about it.
    pub recovery: Recovery,
}

/// How a request ended, with what belongs to that end and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done.
    Success {
        /// The operation's own result.
        result: Value,
        /// One line for a person.
        message: String,
    },
    /// It was not done.
    Error(Box<Failure>),
    /// It was given up.
    Cancelled {
        /// `interrupted` after a signal; none after a person's no.
        code: Option<ErrorCode>,
        /// One line for a person.
        message: String,
    },
}

/// An outcome and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The request's id, if it had one.
    pub id: Option<RequestId>,
    /// The operation as the request spelt it, where it is known.
    pub operation: Option<String>,
    /// The environment, where it is known.
    pub environment: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
}

/// The JSON form of an answer. `R` is the type of a successful `result`.
///
/// The order of the fields is the order on the wire; it serves all three ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Envelope<R> {
    /// The request's id, as sent; absent when the request had none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<RequestId>,
    /// How the request ended.
    pub status: Status,
    /// The operation, spelt as in the request; absent where it could not be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation: Option<String>,
    /// The environment; absent where unknown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// What went wrong, in one line; with status `error`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The error's stable code; with status `error`, and `interrupted` with `cancelled`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<ErrorCode>,
    /// Whether the same request may succeed later unchanged; with status `error`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retryable: Option<bool>,
    /// The database tool's own words, cleaned of secrets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prisma_output: Option<String>,
    /// The operation's result, or facts about the error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<R>,
    /// One line for a person; with status `success` and `cancelled`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// What to do about the error; with status `error`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovery: Option<Recovery>,
}

impl From<Answer> for Envelope<Value> {
    fn from(answer: Answer) -> Self {
        let blank = Self {
            id: answer.id,
            status: Status::Success,
            operation: answer.operation,
            environment: answer.environment,
            error: None,
            code: None,
            retryable: None,
            prisma_output: None,
            result: None,
            message: None,
            recovery: None,
        };
        match answer.outcome {
            Outcome::Success { result, message } => {
                Self { result: Some(result), message: Some(message), ..blank }
            }
            Outcome::Error(failure) => Self {
                status: Status::Error,
                error: Some(failure.error),
                retryable: Some(failure.code.retryable()),
                code: Some(failure.code),
                prisma_output: failure.prisma_output,
                result: failure.result,
                recovery: Some(failure.recovery),
                ..blank
            },
            Outcome::Cancelled { code, message } => {
                Self { status: Status::Cancelled, code, message: Some(message), ..blank }
            }
        }
    }
}

impl From<Envelope<Value>> for Answer {
    /// The answer that another process of this program gave.
    fn from(envelope: Envelope<Value>) -> Self {
        let message = envelope.message.unwrap_or_default();
        let outcome = match envelope.status {
            Status::Success => {
                Outcome::Success { result: envelope.result.unwrap_or_default(), message }
            }
            Status::Cancelled => Outcome::Cancelled { code: envelope.code, message },
            Status::Error => Outcome::Error(Box::new(Failure {
                error: envelope.error.unwrap_or_default(),
                code: envelope.code.unwrap_or(ErrorCode::Internal),
                prisma_output: envelope.prisma_output,
                result: envelope.result,
                recovery: envelope.recovery.unwrap_or_default(),
            })),
        };
        Self {
            id: envelope.id,
            operation: envelope.operation,
            environment: envelope.environment,
            outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(outcome: Outcome) -> String {
        let answer = Answer {
            id: RequestId::from_json("7.0"),
            operation: Some("backup".to_owned()),
            environment: Some("dev".to_owned()),
            outcome,
        };
        serde_json::to_string(&Envelope::from(answer)).unwrap()
    }

    #[test]
    fn an_answer_comes_back_as_it_went() {
        let failure = Failure {
            error: "no".to_owned(),
            code: ErrorCode::BackupInProgress,
            prisma_output: None,
            result: Some(json!({"run_id": "x"})),
            recovery: Recovery { suggestions: vec!["y".to_owned()], next_request: None },
        };
        for outcome in [
            Outcome::Success { result: json!({"b": 1.0, "a": null}), message: "done".to_owned() },
            Outcome::Error(Box::new(failure)),
            Outcome::Cancelled { code: None, message: "no".to_owned() },
        ] {
            let sent = line(outcome);
            let read: Envelope<Value> = serde_json::from_str(&sent).unwrap();
            let again = Envelope::from(Answer::from(read));
            assert_eq!(serde_json::to_string(&again).unwrap(), sent);
        }
    }

    #[test]
    fn the_three_ends_have_the_order_of_the_seed() {
        assert_eq!(
            line(Outcome::Success { result: json!({"a": 1}), message: "done".to_owned() }),
            r#"{"id":7.0,"status":"success","operation":"backup","environment":"dev","result":{"a":1},"message":"done"}"#
        );
        assert_eq!(
            line(Outcome::Error(Box::new(Failure {
                error: "Cannot connect to database for backup".to_owned(),
                code: ErrorCode::ConnectionFailed,
                prisma_output: Some("refused".to_owned()),
                result: Some(json!({"b": 2})),
                recovery: Recovery { suggestions: vec!["x".to_owned()], next_request: None },
            }))),
            r#"{"id":7.0,"status":"error","operation":"backup","environment":"dev","error":"Cannot connect to database for backup","code":"connection_failed","retryable":true,"prisma_output":"refused","result":{"b":2},"recovery":{"suggestions":["x"]}}"#
        );
        assert_eq!(
            line(Outcome::Cancelled {
                code: Some(ErrorCode::Interrupted),
                message: "stopped".to_owned()
            }),
            r#"{"id":7.0,"status":"cancelled","operation":"backup","environment":"dev","code":"interrupted","message":"stopped"}"#
        );
    }
}
