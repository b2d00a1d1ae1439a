//! A run in a process of its own: it keeps its folder up to date, and hears whether it should end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backup_protocol::{
    Answer, BackgroundStarted, OperationName, Outcome, RequestId, RunPhase, RunState,
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::folder::RunFolder;
use super::record::RunRecord;
use crate::error::Error;
use crate::interrupt::{Interrupt, Signal};
use crate::locks::FileLock;
use crate::pace::Pacer;
use crate::progress::{Happening, Progress};
use crate::run::Run;

/// How often what has changed is written down.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// What the run was asked for, once that was read.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The request's id, to be echoed.
    pub id: Option<RequestId>,
    /// The operation as it was spelt.
    pub operation: OperationName,
    /// The environment for answers.
    pub environment: Option<String>,
    /// The project's folder as the request names it.
    pub working_directory: Option<String>,
    /// The request, to be kept; none where it must not be.
    pub request: Option<Value>,
    /// The log as answers show it.
    pub log_path: String,
}

/// Takes the first answer to the process that asked.
type Announce = Box<dyn FnOnce(Answer) + Send>;

/// A run that goes on after the process that was asked for it.
pub struct BackgroundRun {
    folder: RunFolder,
    interrupt: Interrupt,
    clock: fn() -> DateTime<Utc>,
    /// Held for as long as the process lives: it says that it does.
    _lock: FileLock,
    state: Mutex<State>,
    /// Held while the record is written, so that an older one never replaces a newer one.
    writing: Mutex<()>,
}

struct State {
    announce: Option<Announce>,
    begun: Option<Begun>,
    record: RunRecord,
    under_way: bool,
    changed: bool,
    written: Option<Instant>,
    pacer: Pacer,
}

impl BackgroundRun {
    /// Takes a run's folder into this process's hands. `announce` takes the first answer to who asked.
    ///
    /// # Errors
    /// The run's lock cannot be taken.
    pub async fn take(
        folder: RunFolder,
        operation: OperationName,
        announce: Announce,
        clock: fn() -> DateTime<Utc>,
        run: &Run,
    ) -> Result<Arc<Self>, Error> {
        let lock = folder.lock(run).await?;
        let record = RunRecord {
            run_id: run.id.to_string(),
            operation: operation.operation(),
            environment: None,
            backup_id: None,
            phase: RunPhase::Checking,
            bytes_written: None,
            estimated_total_bytes: None,
            bytes_per_second: None,
            estimated_end: None,
            started_at: run.now,
            updated_at: run.now,
        };
        let state = State {
            announce: Some(announce),
            begun: None,
            record,
            under_way: false,
            changed: false,
            written: None,
            pacer: Pacer::default(),
        };
        Ok(Arc::new(Self {
            folder,
            interrupt: run.interrupt.clone(),
            clock,
            _lock: lock,
            state: Mutex::new(state),
            writing: Mutex::new(()),
        }))
    }

    /// What the run says is written down, and shown as before.
    pub fn listening(self: &Arc<Self>, shown: Arc<dyn Progress>) -> Arc<dyn Progress> {
        Arc::new(Listening { background: Arc::clone(self), shown })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// What it was asked for.
    pub(crate) fn begin(&self, begun: Begun) {
        let mut state = self.state();
        state.record.environment.clone_from(&begun.environment);
        state.begun = Some(begun);
    }

    /// Which backup it is about; the first one counts, those that it makes on the way do not.
    pub(crate) fn concerns(&self, backup_id: &str, environment: &str) {
        let mut state = self.state();
        if state.record.backup_id.is_none() {
            state.record.backup_id = Some(backup_id.to_owned());
            state.record.environment = Some(environment.to_owned());
        }
    }

    /// Whether whoever asked was told of the run.
    pub fn is_under_way(&self) -> bool {
        self.state().under_way
    }

    /// Nothing is left that could be refused at once, and what must be held is held: whoever asked is told of the run.
    /// Only the first time does something.
    ///
    /// # Errors
    /// The run cannot be written down, and nobody was told of it.
    pub(crate) fn under_way(&self) -> Result<(), Error> {
        let (record, begun) = {
            let state = self.state();
            if state.under_way {
                return Ok(());
            }
            (state.record.clone(), state.begun.clone())
        };
        let begun = begun.ok_or_else(|| Error::internal("a run that has begun"))?;
        if let Some(request) = &begun.request {
            self.folder.write_request(request)?;
        }
        // The run is there once its record is.
        self.folder.write_record(&record)?;
        let announce = {
            let mut state = self.state();
            state.under_way = true;
            state.written = Some(Instant::now());
            state.announce.take()
        };
        if let Some(announce) = announce {
            announce(started(&record, begun)?);
        }
        Ok(())
    }

    /// Takes note of what the run says of itself.
    fn note(&self, happening: &Happening) {
        let mut state = self.state();
        let now = (self.clock)();
        match happening {
            Happening::Step(step) => state.record.take_step(step),
            Happening::Bytes { done, expected, tables_done } => {
                let pace = state.pacer.pace(*done, *expected, *tables_done, Instant::now());
                state.record.take_down(&pace, now);
            }
            Happening::Started { .. } | Happening::Completed(_) | Happening::Failed { .. } => {}
        }
        state.record.updated_at = now;
        state.changed = true;
    }

    /// To be called several times a second: hears whether the run should end, and writes down what has changed, not
    /// oftener than it is worth. What cannot be written is no reason to fail.
    pub fn tick(&self) {
        if self.folder.is_cancel_requested() {
            self.interrupt.raise(Signal::Terminate);
        }
        let _one_at_a_time = self.one_at_a_time();
        let due = {
            let mut state = self.state();
            let rested = state.written.is_none_or(|written| written.elapsed() >= WRITE_INTERVAL);
            let due = state.under_way && state.changed && rested;
            if due {
                state.changed = false;
                state.written = Some(Instant::now());
            }
            due
        };
        if due {
            self.write_record();
        }
    }

    fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_record(&self) {
        let record = self.state().record.clone();
        if let Err(error) = self.folder.write_record(&record) {
            tracing::debug!(%error, "the run's record is not up to date");
        }
    }

    /// Writes down the answer that the run ended with: from now on it has ended.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(&self, envelope: &str) -> Result<(), Error> {
        let _one_at_a_time = self.one_at_a_time();
        {
            let mut state = self.state();
            state.record.updated_at = (self.clock)();
            // The last word: nothing is written while the process ends.
            state.changed = false;
        }
        self.write_record();
        self.folder.write_envelope(envelope)
    }
}

/// The answer to the process that asked.
fn started(record: &RunRecord, begun: Begun) -> Result<Answer, Error> {
    let spelling = begun.operation.spelling();
    let message = match &record.environment {
        Some(environment) => {
            format!("{spelling} of {environment} goes on in the background: {}", record.run_id)
        }
        None => format!("{spelling} goes on in the background: {}", record.run_id),
    };
    let result = BackgroundStarted {
        run_id: record.run_id.clone(),
        state: RunState::Running,
        backup_id: record.backup_id.clone(),
        started_at: record.started_at,
        log_path: begun.log_path,
        next_request: status_request(&record.run_id, begun.working_directory.as_deref()),
    };
    Ok(Answer {
        id: begun.id,
        operation: Some(spelling.to_owned()),
        environment: record.environment.clone(),
        outcome: Outcome::Success {
            result: serde_json::to_value(&result).map_err(Error::internal)?,
            message,
        },
    })
}

/// The request that asks how a run is getting on.
pub(crate) fn status_request(run_id: &str, working_directory: Option<&str>) -> Map<String, Value> {
    let mut request = Map::from_iter([
        ("operation".to_owned(), "backup-status".into()),
        ("parameters".to_owned(), json!({"run_id": run_id})),
    ]);
    if let Some(folder) = working_directory {
        request.insert("working_directory".to_owned(), folder.into());
    }
    request
}

/// Hands on what happens, and takes note of it.
struct Listening {
    background: Arc<BackgroundRun>,
    shown: Arc<dyn Progress>,
}

impl Progress for Listening {
    fn report(&self, happening: Happening) {
        self.background.note(&happening);
        self.shown.report(happening);
    }
}
