//! From an error to what the caller reads: its code, its facts, and what to do now. Nothing else in the
//! program writes advice.

mod advice;
mod facts;

use std::path::Path;

use backup_protocol::{ErrorCode, Failure, Operation, OperationName, Recovery, RequestFault};
use serde_json::{Value, json};

use crate::error::Error;
use crate::redaction::Redactor;

/// A longer request is not repeated in an answer.
const LONGEST_NEXT_REQUEST: usize = 8_000;
/// A longer finding is cut.
const LONGEST_FINDING: usize = 1_000;
/// More names are not listed.
const MOST_KNOWN: usize = 50;
/// More grants are not listed.
const MOST_GRANTS: usize = 5;
/// Longer words of a tool are cut.
const LONGEST_TOOL_OUTPUT: usize = 4_000;

/// What is known of the request when it fails.
#[derive(Clone, Debug, Default)]
pub struct FailureContext<'a> {
    /// The environment, as far as it is known.
    pub environment: Option<&'a str>,
    /// The project's root, as far as it is known: paths are shown relative to it.
    pub root: Option<&'a Path>,
    /// The variable that holds the database's URL, as far as it is known.
    pub variable: Option<&'a str>,
    /// The folder of the backups, as far as it is known, for people.
    pub location: Option<String>,
    /// The request as it was sent, where it was an object.
    pub request: Option<Value>,
    /// Whether the run that is in the way is one of this project's in the background.
    pub holder_is_in_background: bool,
}

impl FailureContext<'_> {
    fn environment(&self) -> &str {
        self.environment.unwrap_or("<environment>")
    }

    fn variable(&self) -> &str {
        self.variable.unwrap_or("DATABASE_URL")
    }

    fn shown(&self, path: &Path) -> String {
        let shown = self.root.and_then(|root| path.strip_prefix(root).ok()).unwrap_or(path);
        shown.display().to_string()
    }

    fn location(&self) -> &str {
        self.location.as_deref().unwrap_or(".fractary/plugins/faber-db/backups")
    }

    fn parameter(&self, name: &str) -> Option<&Value> {
        self.request.as_ref()?.pointer("/parameters")?.get(name)
    }

    fn is_restore(&self) -> bool {
        let operation = self.request.as_ref().and_then(|request| request.get("operation"));
        let operation = operation.and_then(Value::as_str).and_then(OperationName::from_spelling);
        operation.is_some_and(|name| name.operation() == Operation::RestoreBackup)
    }

    /// A request for another operation on the same project.
    fn request_for(&self, operation: &str) -> Value {
        let folder = self.request.as_ref().and_then(|request| {
            let inside = request.pointer("/parameters/working_directory");
            request.get("working_directory").or(inside).cloned()
        });
        match folder {
            Some(folder) => json!({"operation": operation, "working_directory": folder}),
            None => json!({"operation": operation}),
        }
    }

    /// The request with one parameter set.
    fn request_with(&self, parameter: &str, value: Value) -> Option<Value> {
        let mut request = self.request.clone()?;
        let object = request.as_object_mut()?;
        let parameters = object.entry("parameters").or_insert_with(|| json!({}));
        parameters.as_object_mut()?.insert(parameter.to_owned(), value);
        Some(request)
    }
}

/// What the caller reads of an error, cleaned of secrets.
pub fn failure(error: &Error, context: &FailureContext<'_>, redactor: &Redactor) -> Failure {
    let (error, remains) = error.parts();
    let (mut suggestions, next_request) = advice::of(error, context);
    suggestions.splice(0..0, remains.iter().cloned());
    let clean = |text: &str| redactor.clean(text);
    let next_request = next_request
        .filter(|request| request.to_string().len() <= LONGEST_NEXT_REQUEST)
        .filter(|request| !redactor.finds_secret_in(&request.to_string()));
    Failure {
        error: clean(&headline(error)),
        code: code(error),
        prisma_output: tool_output(error).map(|words| cut(&clean(&words), LONGEST_TOOL_OUTPUT)),
        result: facts::with_remains(facts::of(error, context), remains)
            .into_result()
            .map(|result| cleaned(result, redactor)),
        recovery: Recovery {
            suggestions: suggestions.iter().map(|suggestion| clean(suggestion)).collect(),
            next_request,
        },
    }
}

/// The same value without secrets.
pub fn cleaned(value: Value, redactor: &Redactor) -> Value {
    match value {
        Value::String(text) => Value::String(redactor.clean(&text)),
        Value::Array(values) => {
            Value::Array(values.into_iter().map(|value| cleaned(value, redactor)).collect())
        }
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(name, value)| (name, cleaned(value, redactor))).collect(),
        ),
        other => other,
    }
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The stable code of an error.
pub fn code(error: &Error) -> ErrorCode {
    match error {
        Error::Request(fault) => match fault {
            RequestFault::LineTooLong => ErrorCode::LineTooLong,
            RequestFault::NotUtf8 { .. } => ErrorCode::InvalidEncoding,
            RequestFault::NotJson { .. } => ErrorCode::InvalidJson,
            RequestFault::UnknownOperation { .. } => ErrorCode::UnknownOperation,
            RequestFault::UnknownParameter { .. } => ErrorCode::UnknownParameter,
            RequestFault::NotAnObject { .. }
            | RequestFault::Missing { .. }
            | RequestFault::WrongType { .. }
            | RequestFault::Duplicate { .. }
            | RequestFault::UnknownSkill { .. } => ErrorCode::InvalidRequest,
        },
        Error::UnknownOperation { .. } => ErrorCode::UnknownOperation,
        Error::InvalidParameter { .. }
        | Error::RunNotFound { .. }
        | Error::FormatUnavailable { .. }
        | Error::FormatUnsuitable { .. } => ErrorCode::InvalidRequest,
        Error::ConfigNotFound { .. } => ErrorCode::ConfigNotFound,
        Error::ConfigInvalid { .. } | Error::DirectUrlElsewhere { .. } => ErrorCode::ConfigInvalid,
        Error::EnvironmentNotFound { .. } => ErrorCode::EnvironmentNotFound,
        Error::DatabaseUrlMissing { .. } => ErrorCode::DatabaseUrlMissing,
        Error::UnsupportedDatabase { .. } | Error::Pooled { .. } => ErrorCode::UnsupportedDatabase,
        Error::ConnectionFailed { .. } | Error::Disturbed { .. } => ErrorCode::ConnectionFailed,
        Error::ToolNotFound { .. } => ErrorCode::ToolNotFound,
        Error::ToolVersionMismatch { .. } => ErrorCode::ToolVersionMismatch,
        Error::PermissionDenied { .. } | Error::MayNotReplace { .. } => ErrorCode::PermissionDenied,
        Error::SpaceBefore { .. } | Error::SpaceDuring { .. } | Error::SpaceAtServer { .. } => {
            ErrorCode::InsufficientDiskSpace
        }
        Error::DirectoryNotWritable { .. } => ErrorCode::DirectoryNotWritable,
        Error::VerificationFailed(_) | Error::RestoredDiffers(_) => ErrorCode::VerificationFailed,
        Error::RestoreFailed { .. } => ErrorCode::RestoreFailed,
        Error::BackupRequired { .. } => ErrorCode::BackupRequired,
        Error::BackupNotFound { .. } => ErrorCode::BackupNotFound,
        Error::BackupInProgress { .. } | Error::BackupInUse { .. } => ErrorCode::BackupInProgress,
        Error::ConfirmationRequired(request) if request.last_good_backup => {
            ErrorCode::LastGoodBackup
        }
        Error::ConfirmationRequired(_) => ErrorCode::ConfirmationRequired,
        Error::ConfirmationInvalid { .. } => ErrorCode::ConfirmationInvalid,
        Error::CatalogueDamaged { .. } => ErrorCode::CatalogueDamaged,
        Error::CatalogueNewer { .. } => ErrorCode::CatalogueNewer,
        Error::CatalogueLocked { .. } => ErrorCode::CatalogueLocked,
        Error::ClockSuspect { .. } => ErrorCode::ClockSuspect,
        Error::Storage { .. } | Error::CleanupIncomplete { .. } => ErrorCode::StorageFailed,
        Error::Remains { error, .. } => code(error),
        Error::Interrupted => ErrorCode::Interrupted,
        Error::Internal { .. } => ErrorCode::Internal,
    }
}

fn headline(error: &Error) -> String {
    match error {
        Error::ConfirmationRequired(request) if request.last_good_backup => {
            "This is the newest verified backup of its environment".to_owned()
        }
        Error::Request(fault) => {
            let text = fault.to_string();
            let mut characters = text.chars();
            characters
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
        }
        other => other.to_string(),
    }
}

fn tool_output(error: &Error) -> Option<String> {
    match error {
        Error::ConnectionFailed { detail, .. }
        | Error::Disturbed { detail }
        | Error::CatalogueDamaged { detail, .. } => Some(detail.clone()),
        Error::Storage { source, .. } => Some(source.to_string()),
        Error::VerificationFailed(failure) | Error::RestoredDiffers(failure) => {
            failure.words.clone()
        }
        Error::PermissionDenied { words, .. } | Error::RestoreFailed { words, .. } => words.clone(),
        _ => None,
    }
}
