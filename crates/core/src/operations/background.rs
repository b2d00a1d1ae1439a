//! `background: true`: the request is handed to a process of its own, whose first answer is the answer.

use backup_protocol::{Answer, Envelope, IncomingRequest, Outcome, Status};
use serde_json::Value;

use super::session::Session;
use crate::error::Error;
use crate::host::{Host, Launch};
use crate::progress::{Completion, Happening};
use crate::run::Run;
use crate::runs::{Begun, Runs};
use crate::storage;

/// Whether this process is to hand the request on.
pub(super) fn is_to_be_started(request: &IncomingRequest, run: &Run) -> bool {
    request.command.wants_background() && !run.is_in_background()
}

/// Starts the run, and waits until it holds what it needs or has ended.
pub(super) async fn start(
    host: &Host<'_>,
    line: &str,
    session: &mut Session,
    run: &Run,
) -> Result<Answer, Error> {
    run.interrupt.check()?;
    let project = session.open_project(host)?;
    storage::create_state_folder(&project.state_folder(), &run.id)?;
    let runs = Runs::beside(&project.state_folder());
    runs.tidy(run.now);
    let folder = runs.create(run)?;
    let launch = Launch {
        run: run.id.clone(),
        folder: folder.path.clone(),
        log: folder.create_log()?,
        request: line.to_owned(),
    };
    let launched = host.launcher.launch(launch, &run.interrupt).await;
    // Nobody will ask for a run whose answer is the last one already.
    folder.discard();
    let failed = |detail: String| Error::internal(format!("the run in the background {detail}"));
    let answered = launched.map_err(|error| failed(format!("could not be started: {error}")))?;
    let Some(line) = answered else {
        // A signal to all of this process's group may have come before the run had left it.
        run.interrupt.check()?;
        return Err(failed("ended without an answer".to_owned()));
    };
    let envelope: Envelope<Value> = serde_json::from_str(&line)
        .map_err(|error| failed(format!("answered what is no envelope: {error}")))?;
    Ok(envelope.into())
}

/// Says how it came out here; what the run itself says goes to its log.
pub(super) fn report(answer: &Answer, run: &Run) {
    let environment = answer.environment.clone();
    run.progress.report(match &answer.outcome {
        Outcome::Success { message, .. } => {
            let message = message.clone();
            Happening::Completed(Completion::Other { environment, message })
        }
        Outcome::Error(failure) => {
            let reason = failure.error.clone();
            Happening::Failed { status: Status::Error, environment, reason }
        }
        Outcome::Cancelled { message, .. } => {
            let reason = message.clone();
            Happening::Failed { status: Status::Cancelled, environment, reason }
        }
    });
}

/// Tells the run, where this process is one, what it was asked for.
pub(super) fn begin(host: &Host<'_>, request: &IncomingRequest, session: &mut Session, run: &Run) {
    let Some(background) = &run.background else { return };
    // What is wrong with the project is told when it is opened for the work.
    let project = session.open_project(host).ok();
    let log = background.folder().log_path();
    background.begin(Begun {
        id: request.id.clone(),
        operation: request.operation,
        environment: session.shown_environment(),
        working_directory: request.working_directory.clone(),
        request: session.request_to_keep(),
        log_path: project.map_or_else(|| log.display().to_string(), |project| project.shown(&log)),
    });
}
