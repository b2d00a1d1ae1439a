//! A run's folder: its record, its lock, its log, the wish that it should end, and the answer that it ended with.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backup_protocol::{RunState, Status};
use serde::Serialize;
use serde_json::{Map, Value};

use super::record::RunRecord;
use crate::error::Error;
use crate::locks::FileLock;
use crate::run::{Run, RunId};
use crate::storage;

const RECORD: &str = "state.json";
const REQUEST: &str = "request.json";
const ENVELOPE: &str = "envelope.json";
const LOCK: &str = "run.lock";
const LOG: &str = "log";
const CANCEL: &str = "cancel";

/// A run's folder, whether or not it is there.
#[derive(Clone, Debug)]
pub struct RunFolder {
    /// The run.
    pub id: RunId,
    /// The folder.
    pub path: PathBuf,
}

/// What a run's folder tells of it at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// What was written down.
    pub record: RunRecord,
    /// How it stands.
    pub state: RunState,
    /// The answer that it ended with.
    pub envelope: Option<Map<String, Value>>,
    /// Whether somebody asked it to end.
    pub cancel_requested: bool,
}

impl RunFolder {
    /// The folder of a run at a place that is known.
    pub fn at(path: &Path, id: RunId) -> Self {
        Self { id, path: path.to_path_buf() }
    }

    /// The file with its messages.
    pub fn log_path(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// The file with the answer that it ended with.
    pub fn envelope_path(&self) -> PathBuf {
        self.path.join(ENVELOPE)
    }

    /// Makes the file for its messages.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create_log(&self) -> Result<File, Error> {
        storage::create_new(&self.log_path()).map_err(|error| Error::creating_in(&self.path, error))
    }

    /// Takes the lock that says that the run's process lives.
    ///
    /// # Errors
    /// It cannot be taken.
    pub async fn lock(&self, run: &Run) -> Result<FileLock, Error> {
        let lock = FileLock::acquire(&self.path.join(LOCK), Duration::ZERO, None, run).await?;
        lock.ok_or_else(|| Error::internal("a run has one process"))
    }

    /// Whether the run's process lives: the kernel frees the lock of a dead one.
    fn is_held(&self) -> bool {
        // Shared, so that two who look do not take each other for the process.
        let held = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        File::open(self.path.join(LOCK)).is_ok_and(held)
    }

    /// What was written down of it; none where it never got under way.
    pub fn record(&self) -> Option<RunRecord> {
        serde_json::from_slice(&std::fs::read(self.path.join(RECORD)).ok()?).ok()
    }

    /// How it stands; none where it never got under way.
    pub fn look(&self) -> Option<Seen> {
        let record = self.record()?;
        // In this order: a process writes its answer before it frees its lock.
        let held = self.is_held();
        let envelope = self.read_object(ENVELOPE);
        let status = envelope.as_ref().and_then(|envelope| envelope.get("status").cloned());
        let status = status.and_then(|status| serde_json::from_value::<Status>(status).ok());
        let state = match status {
            Some(Status::Success) => RunState::Succeeded,
            Some(Status::Error) => RunState::Failed,
            Some(Status::Cancelled) => RunState::Cancelled,
            None if held => RunState::Running,
            None => RunState::Lost,
        };
        // What was written before the answer may have been written since.
        let record = self.record().unwrap_or(record);
        Some(Seen { record, state, envelope, cancel_requested: self.is_cancel_requested() })
    }

    /// The request that it was started with, as far as it is kept.
    pub fn request(&self) -> Option<Map<String, Value>> {
        self.read_object(REQUEST)
    }

    fn read_object(&self, name: &str) -> Option<Map<String, Value>> {
        serde_json::from_slice(&std::fs::read(self.path.join(name)).ok()?).ok()
    }

    pub(super) fn write_record(&self, record: &RunRecord) -> Result<(), Error> {
        self.write(RECORD, record)
    }

    pub(super) fn write_request(&self, request: &Value) -> Result<(), Error> {
        self.write(REQUEST, request)
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).map_err(Error::internal)?;
        self.write_text(name, &text)
    }

    fn write_text(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        storage::replace_file(&path, &self.id, |out| out.write_all(text.as_bytes()))
            .map_err(|error| Error::creating_in(&self.path, error))
    }

    /// Writes down the answer that it ended with.
    pub(super) fn write_envelope(&self, envelope: &str) -> Result<(), Error> {
        self.write_text(ENVELOPE, envelope)
    }

    /// Asks the run to end. Not by a signal: a process's number may have become another's.
    ///
    /// # Errors
    /// The wish cannot be written down.
    pub fn request_cancel(&self) -> Result<(), Error> {
        match storage::create_new(&self.path.join(CANCEL)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(Error::creating_in(&self.path, error)),
        }
    }

    /// Whether somebody asked it to end.
    pub fn is_cancel_requested(&self) -> bool {
        self.path.join(CANCEL).exists()
    }

    /// Removes the folder of a run that never got under way: nobody was told of it.
    pub fn discard(&self) {
        if !self.path.join(RECORD).exists() {
            self.remove();
        }
    }

    /// Removes the folder unless its process lives.
    pub(super) fn remove_unless_alive(&self) {
        if !self.is_held() {
            self.remove();
        }
    }

    fn remove(&self) {
        // What stays is tidied later.
        if let Err(error) = storage::remove(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "a run's folder is left");
        }
    }
}
