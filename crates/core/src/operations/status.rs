//! `backup-status` and `cancel-backup`: what the folders of runs in the background tell, and the wish that one ends.

use std::time::{Duration, Instant};

use backup_protocol::{
    BackupStatusParameters, CancelBackupParameters, CancelBackupResult, RunList, RunReport,
    RunState,
};
use serde_json::{Map, Value};

use super::Done;
use super::list::{DEFAULT_LIMIT, PAGE_BYTES, read_cursor, write_cursor};
use super::session::{Session, check_range};
use crate::error::Error;
use crate::host::Host;
use crate::project::Project;
use crate::run::{Run, RunId};
use crate::runs::{RunFolder, Runs, Seen, status_request};

/// How many runs a page shows at most.
const MOST: u32 = 50;
/// How long the end of a run is waited for unless the request says otherwise, in seconds.
const DEFAULT_WAIT_SECONDS: u32 = 10;
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// More runs are not named where one was not found.
const MOST_KNOWN: usize = 10;

pub(super) fn status(
    host: &Host<'_>,
    parameters: &BackupStatusParameters,
    session: &mut Session,
) -> Result<Done, Error> {
    check_range("limit", parameters.limit, 1..=MOST)?;
    let cursor = parameters.cursor.as_deref().map(read_cursor).transpose()?;
    let project = session.open_project(host)?;
    let runs = Runs::beside(&project.state_folder());
    if let Some(given) = &parameters.run_id {
        let (folder, seen) = find(&runs, given)?;
        if let Some(environment) = &seen.record.environment {
            session.set_environment(environment);
        }
        return Done::new(&whole(&project, &folder, &seen), told(&seen));
    }
    let all = runs.all()?;
    let total_count = all.len() as u64;
    let limit = usize::try_from(parameters.limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(usize::MAX);
    let rest = all.iter().filter(|(_, record)| {
        cursor.as_ref().is_none_or(|(time, id)| record.place() < (*time, id.as_str()))
    });
    let (runs, next_cursor) = page(&project, rest.map(|(folder, _)| folder), limit)?;
    let message = format!("{} of {total_count} runs", runs.len());
    Done::new(&RunList { runs, total_count, next_cursor }, message)
}

/// As many runs as are wanted and an answer has room for, and where the next page begins.
fn page<'r>(
    project: &Project,
    folders: impl Iterator<Item = &'r RunFolder>,
    limit: usize,
) -> Result<(Vec<RunReport>, Option<String>), Error> {
    let (mut runs, mut bytes) = (Vec::<RunReport>::new(), 0);
    // One that was forgotten meanwhile is not shown.
    let seen = folders.filter_map(|folder| Some((folder, folder.look()?)));
    for (folder, seen) in seen {
        let report = concise(project, folder, &seen);
        // One more for the comma between two.
        bytes += serde_json::to_string(&report).map_err(Error::internal)?.len() + 1;
        if let Some(last) = runs.last()
            && (runs.len() == limit || bytes > PAGE_BYTES)
        {
            let cursor = write_cursor(last.started_at, &last.run_id);
            return Ok((runs, Some(cursor)));
        }
        runs.push(report);
    }
    Ok((runs, None))
}

pub(super) async fn cancel(
    host: &Host<'_>,
    parameters: &CancelBackupParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    check_range("wait_seconds", parameters.wait_seconds, 0..=300)?;
    let project = session.open_project(host)?;
    let (folder, before) = find(&Runs::beside(&project.state_folder()), &parameters.run_id)?;
    if let Some(environment) = &before.record.environment {
        session.set_environment(environment);
    }
    let was_running = before.state == RunState::Running;
    let after = if was_running {
        folder.request_cancel()?;
        let patience = parameters.wait_seconds.unwrap_or(DEFAULT_WAIT_SECONDS);
        wait_for_end(&folder, Duration::from_secs(patience.into()), run).await?
    } else {
        None
    };
    let seen = after.unwrap_or(before);
    let ending = seen.state == RunState::Running;
    let (envelope, envelope_path) = shown_envelope(&project, &folder, &seen);
    let result = CancelBackupResult {
        run_id: folder.id.to_string(),
        state: seen.state,
        was_running,
        phase: seen.record.phase,
        envelope,
        envelope_path,
        next_request: ending
            .then(|| status_request(folder.id.as_str(), session.working_directory())),
    };
    Done::new(&result, how_it_ended(&seen, was_running))
}

/// The run as it is when it has ended, or when it was waited for long enough.
async fn wait_for_end(
    folder: &RunFolder,
    patience: Duration,
    run: &Run,
) -> Result<Option<Seen>, Error> {
    let deadline = Instant::now() + patience;
    loop {
        let seen = folder.look();
        let goes_on = seen.as_ref().is_some_and(|seen| seen.state == RunState::Running);
        if !goes_on || Instant::now() >= deadline {
            return Ok(seen);
        }
        run.interrupt.check()?;
        tokio::time::sleep(LOOK).await;
    }
}

fn how_it_ended(seen: &Seen, was_running: bool) -> String {
    let id = &seen.record.run_id;
    match seen.state {
        _ if !was_running => format!("Nothing to cancel: {}", told(seen)),
        RunState::Cancelled => format!("Run {id} was cancelled"),
        RunState::Running => {
            format!("Run {id} is ending; what is past its point of no return is finished first")
        }
        RunState::Succeeded => format!("Run {id} was past its point of no return and succeeded"),
        RunState::Failed => format!("Run {id} failed before it could be cancelled"),
        RunState::Lost => told(seen),
    }
}

/// How a run stands, in one line.
fn told(seen: &Seen) -> String {
    let (id, phase) = (&seen.record.run_id, seen.record.phase.name());
    match seen.state {
        RunState::Running => match seen.record.percent() {
            Some(percent) => format!("Run {id} is running: {phase}, {percent}% of the dump"),
            None => format!("Run {id} is running: {phase}"),
        },
        RunState::Succeeded => format!("Run {id} succeeded"),
        RunState::Failed => format!("Run {id} failed"),
        RunState::Cancelled => format!("Run {id} was cancelled"),
        RunState::Lost => format!("Run {id} is lost: its process died while it was {phase}"),
    }
}

fn find(runs: &Runs, given: &str) -> Result<(RunFolder, Seen), Error> {
    let id = RunId::parse(given).ok_or_else(|| Error::InvalidParameter {
        parameter: "run_id",
        detail: "is no run's id: 16 digits, 0 to 9 and a to f".to_owned(),
    })?;
    let folder = runs.folder(&id);
    if let Some(seen) = folder.look() {
        return Ok((folder, seen));
    }
    let known = runs.all()?.into_iter().take(MOST_KNOWN).map(|(folder, _)| folder.id.to_string());
    Err(Error::RunNotFound { given: id.to_string(), known: known.collect() })
}

/// A run without its answer.
fn concise(project: &Project, folder: &RunFolder, seen: &Seen) -> RunReport {
    let Seen { record, state, cancel_requested, .. } = seen;
    let running = *state == RunState::Running;
    RunReport {
        run_id: folder.id.to_string(),
        operation: record.operation,
        environment: record.environment.clone(),
        backup_id: record.backup_id.clone(),
        state: *state,
        phase: record.phase,
        cancel_requested: *cancel_requested,
        bytes_written: record.bytes_written,
        estimated_total_bytes: record.estimated_total_bytes,
        percent: record.percent(),
        bytes_per_second: record.bytes_per_second.filter(|_| running),
        estimated_end: record.estimated_end.filter(|_| running),
        started_at: record.started_at,
        updated_at: record.updated_at,
        log_path: project.shown(&folder.log_path()),
        envelope: None,
        envelope_path: None,
        next_request: None,
    }
}

fn whole(project: &Project, folder: &RunFolder, seen: &Seen) -> RunReport {
    let (envelope, envelope_path) = shown_envelope(project, folder, seen);
    let lost = seen.state == RunState::Lost;
    let next_request = lost.then(|| folder.request()).flatten();
    RunReport { envelope, envelope_path, next_request, ..concise(project, folder, seen) }
}

/// The answer that a run ended with, or the file that has it where it is too long to stand within another one.
fn shown_envelope(
    project: &Project,
    folder: &RunFolder,
    seen: &Seen,
) -> (Option<Map<String, Value>>, Option<String>) {
    let length = |envelope: &Map<String, Value>| {
        serde_json::to_string(envelope).map_or(usize::MAX, |text| text.len())
    };
    match &seen.envelope {
        Some(envelope) if length(envelope) > PAGE_BYTES => {
            (None, Some(project.shown(&folder.envelope_path())))
        }
        envelope => (envelope.clone(), None),
    }
}
