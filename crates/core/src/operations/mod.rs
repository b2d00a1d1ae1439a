//! The operations: each decides the order of its steps, and nothing else does.

mod artifact;
mod background;
mod cleanup;
mod create;
mod delete;
mod describe;
mod direct;
mod find;
mod gathered;
mod guard;
mod list;
mod pin;
mod proof;
mod rebuild;
mod removal;
mod restore;
mod session;
mod status;
mod store;
mod verify;

use backup_protocol::{
    Answer, Command, ErrorCode, IncomingRequest, Outcome, Rejected, Skill, Status,
};
use serde::Serialize;
use serde_json::Value;

use crate::audit;
use crate::error::Error;
use crate::host::Host;
use crate::operational_log::LogSubject;
use crate::progress::{Completion, Happening};
use crate::recovery;
use crate::redaction::Redactor;
use crate::run::Run;

use session::Session;

/// How long another run on the same database is waited for unless the request says otherwise, in seconds.
const DEFAULT_WAIT_SECONDS: u32 = 30;

/// A request that ended well.
struct Done {
    result: Value,
    message: String,
    completion: Option<Completion>,
}

impl Done {
    fn new(result: &impl Serialize, message: String) -> Result<Self, Error> {
        let result = serde_json::to_value(result).map_err(Error::internal)?;
        Ok(Self { result, message, completion: None })
    }
}

/// Does what a request asks for. `line` is the request as it was sent.
pub async fn perform(host: &Host<'_>, request: &IncomingRequest, line: &str, run: &Run) -> Answer {
    let mut session = Session::new(request, line);
    // Before anything is shown: what is secret must be known.
    session.learn_secrets(host, request.command.is_recorded());
    run.progress.report(Happening::Started {
        operation: request.operation.operation(),
        environment: session.shown_environment(),
        label: session.shown_label(),
    });
    if background::is_to_be_started(request, run) {
        match background::start(host, line, &mut session, run).await {
            Ok(answer) => {
                background::report(&answer, run);
                return answer;
            }
            Err(error) => return answer_of(request, &session, failed(&error, &session, run)),
        }
    }
    background::begin(host, request, &mut session, run);
    let ended = dispatch(host, request, &mut session, run).await;
    let environment = session.shown_environment();
    let mut outcome = match ended {
        Ok(done) => {
            let message = session.redactor.clean(&done.message);
            run.progress.report(Happening::Completed(done.completion.unwrap_or_else(|| {
                let environment = session.shown_environment();
                Completion::Other { environment, message: message.clone() }
            })));
            Outcome::Success { result: done.result, message }
        }
        Err(error) => failed(&error, &session, run),
    };
    if request.command.is_recorded() {
        record(host, &session, &mut outcome, run).await;
        let operation = request.operation.operation();
        let subject =
            LogSubject { operation, environment: environment.as_deref(), outcome: &outcome };
        if let Err(error) = session.log(host, &subject, run) {
            warn(&mut outcome, &session, &format!("No operational log was written: {error}"));
        }
    }
    answer_of(request, &session, outcome)
}

fn answer_of(request: &IncomingRequest, session: &Session, outcome: Outcome) -> Answer {
    Answer {
        id: request.id.clone(),
        operation: Some(request.operation.spelling().to_owned()),
        environment: session.shown_environment(),
        outcome,
    }
}

/// Writes the outcome into the audit trail. It is what it is, whether or not that can be written; the caller is
/// told where it cannot.
async fn record(host: &Host<'_>, session: &Session, outcome: &mut Outcome, run: &Run) {
    let recorded = session.record(host, ending(outcome), run).await;
    let Err(error) = recorded else { return };
    warn(outcome, session, &format!("This is not in the audit trail: {error}"));
}

/// Tells the caller something beside what was done.
fn warn(outcome: &mut Outcome, session: &Session, warning: &str) {
    tracing::warn!("{warning}");
    let warning = session.redactor.clean(warning);
    match outcome {
        Outcome::Success { result: Value::Object(result), .. } => {
            let warnings = result.entry("warnings").or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(warnings) = warnings {
                warnings.push(Value::String(warning));
            }
        }
        Outcome::Error(failure) => failure.recovery.suggestions.push(warning),
        Outcome::Success { .. } | Outcome::Cancelled { .. } => {}
    }
}

/// How an operation ended, for the audit trail.
fn ending(outcome: &Outcome) -> audit::Outcome {
    let told = |name: &str| match outcome {
        Outcome::Success { result, .. } => result.get(name),
        Outcome::Error(failure) => failure.result.as_ref().and_then(|result| result.get(name)),
        Outcome::Cancelled { .. } => None,
    };
    let bytes = || told("size_bytes").or_else(|| told("freed_bytes")).and_then(Value::as_u64);
    let (status, code, message) = match outcome {
        Outcome::Success { message, .. } => (Status::Success, None, message),
        Outcome::Error(failure) => (Status::Error, Some(failure.code), &failure.error),
        Outcome::Cancelled { code, message } => (Status::Cancelled, *code, message),
    };
    audit::Outcome {
        status,
        code,
        message: message.clone(),
        backup_id: told("backup_id").and_then(Value::as_str).map(str::to_owned),
        bytes: bytes(),
    }
}

fn failed(error: &Error, session: &Session, run: &Run) -> Outcome {
    let failure = recovery::failure(error, &session.failure_context(error), &session.redactor);
    let (error, remains) = error.parts();
    let cancelled = matches!(error, Error::Interrupted);
    run.progress.report(Happening::Failed {
        status: if cancelled { Status::Cancelled } else { Status::Error },
        environment: session.shown_environment(),
        reason: failure.error.clone(),
    });
    tracing::info!(code = ?failure.code, error = %failure.error, "request failed");
    if cancelled {
        return Outcome::Cancelled {
            code: Some(ErrorCode::Interrupted),
            message: if remains.is_empty() {
                "Interrupted: nothing was changed and nothing partial was left".to_owned()
            } else {
                session.redactor.clean(&format!("Interrupted. {}", remains.join(". ")))
            },
        };
    }
    Outcome::Error(Box::new(failure))
}

/// The answer to a line that was no request.
pub fn refuse(rejected: Rejected) -> Answer {
    let redactor = Redactor::default();
    let environment = rejected
        .environment
        .filter(|name| crate::environment::EnvironmentName::parse(name).is_ok());
    let context = recovery::FailureContext {
        environment: environment.as_deref(),
        request: rejected.corrected,
        ..recovery::FailureContext::default()
    };
    let failure = recovery::failure(&Error::Request(rejected.fault), &context, &redactor);
    Answer {
        id: rejected.id,
        operation: rejected.operation.map(|operation| operation.spelling().to_owned()),
        environment,
        outcome: Outcome::Error(Box::new(failure)),
    }
}

/// The answer where the program itself is at fault.
pub fn fault(
    id: Option<backup_protocol::RequestId>,
    operation: Option<String>,
    detail: impl std::fmt::Display,
) -> Answer {
    let context = recovery::FailureContext::default();
    let failure = recovery::failure(&Error::internal(detail), &context, &Redactor::default());
    Answer { id, operation, environment: None, outcome: Outcome::Error(Box::new(failure)) }
}

/// The answer to a request for which nothing could be begun.
pub fn unable(request: &IncomingRequest, line: &str, error: &Error) -> Answer {
    let session = Session::new(request, line);
    let context = session.failure_context(error);
    let failure = recovery::failure(error, &context, &session.redactor);
    answer_of(request, &session, Outcome::Error(Box::new(failure)))
}

async fn dispatch(
    host: &Host<'_>,
    request: &IncomingRequest,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    run.interrupt.check()?;
    if matches!(request.skill, Skill::HandlerCloudAws | Skill::HandlerCloudGcp) {
        let what = format!("this version has no {}", request.skill.name());
        return Err(Error::UnsupportedDatabase { what });
    }
    match &request.command {
        Command::CreateBackup(parameters) => create::create(host, parameters, session, run).await,
        Command::ListBackups(parameters) => list::list(host, parameters, session),
        Command::VerifyBackup(parameters) => verify::verify(host, parameters, session, run).await,
        Command::DeleteBackup(parameters) => delete::delete(host, parameters, session, run).await,
        Command::CleanupBackups(parameters) => {
            cleanup::cleanup(host, parameters, session, run).await
        }
        Command::PinBackup(parameters) => pin::pin(host, parameters, true, session, run).await,
        Command::UnpinBackup(parameters) => pin::pin(host, parameters, false, session, run).await,
        Command::Guard(parameters) => guard::guard(host, parameters, session, run).await,
        Command::RestoreBackup(parameters) => {
            // Its state is that of a whole create as well.
            Box::pin(restore::restore(host, parameters, session, run)).await
        }
        Command::RebuildCatalogue(parameters) => {
            rebuild::rebuild(host, parameters, session, run).await
        }
        Command::BackupStatus(parameters) => status::status(host, parameters, session),
        Command::CancelBackup(parameters) => status::cancel(host, parameters, session, run).await,
        Command::Describe(parameters) => describe::describe(host, parameters),
        Command::HandlerCreate(parameters) => direct::create(host, parameters, session, run).await,
        Command::HandlerList(parameters) => direct::list(host, parameters, session),
        Command::HandlerVerify(parameters) => direct::verify(host, parameters, session, run).await,
        Command::HandlerDelete(parameters) => direct::delete(host, parameters, session, run).await,
        Command::HandlerDescribe(_) => describe::describe_handler(host, request.skill),
    }
}
