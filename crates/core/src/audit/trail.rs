//! The trail's file: appended to under a lock of its own, and synced before anything goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::entry::{AuditKind, Caller, Intent, Outcome};
use super::head::{HEAD_FILE, Head};
use super::{AUDIT_FILE, AUDIT_VERSION, AuditEntry, caller, chain};
use crate::digest;
use crate::error::Error;
use crate::locks::FileLock;
use crate::project::{Project, Surroundings};
use crate::redaction::Redactor;
use crate::run::Run;
use crate::storage;

/// How much room is kept behind the end: on a full disk a removal must still be noted before it frees the room.
const RESERVED_BYTES: u64 = 64 * 1024;
/// Less than this, and room is reserved anew.
const FEWEST_RESERVED: u64 = 16 * 1024;
/// How the end of the file is read, from behind.
const BLOCK: usize = 64 * 1024;

/// A project's trail, in the hands of one request.
#[derive(Clone, Debug)]
pub(crate) struct AuditTrail {
    state: PathBuf,
    path: PathBuf,
    head: PathBuf,
    lock: PathBuf,
    caller: Caller,
}

/// What a line is about.
pub(crate) struct Subject<'a> {
    pub request_id: Option<serde_json::Value>,
    pub operation: &'a str,
    pub environment: Option<String>,
}

impl AuditTrail {
    /// The trail beside a project's catalogue.
    pub(crate) fn of(
        project: &Project,
        surroundings: &Surroundings<'_>,
        redactor: &Redactor,
    ) -> Self {
        let state = project.state_folder();
        let caller = caller::of(surroundings, redactor);
        let (path, lock) = (state.join(AUDIT_FILE), state.join(".locks/audit.lock"));
        let head = state.join(HEAD_FILE);
        Self { state, path, head, lock, caller }
    }

    /// Says what is about to be destroyed.
    ///
    /// # Errors
    /// It cannot be written; then it must not be done.
    pub(crate) async fn intend(
        &self,
        subject: Subject<'_>,
        intent: Intent,
        now: DateTime<Utc>,
        run: &Run,
    ) -> Result<(), Error> {
        let entry = AuditEntry {
            action: Some(intent.action),
            plan: intent.plan,
            ..self.entry(subject, AuditKind::Intent, now, run)
        };
        self.append(&entry, run).await
    }

    /// Says how an operation ended.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) async fn ended(
        &self,
        subject: Subject<'_>,
        outcome: Outcome,
        now: DateTime<Utc>,
        run: &Run,
    ) -> Result<(), Error> {
        let entry = AuditEntry {
            status: Some(outcome.status),
            code: outcome.code,
            message: Some(outcome.message),
            backup_id: outcome.backup_id,
            duration_seconds: Some(run.seconds()),
            bytes: outcome.bytes,
            ..self.entry(subject, AuditKind::Outcome, now, run)
        };
        self.append(&entry, run).await
    }

    fn entry(
        &self,
        subject: Subject<'_>,
        kind: AuditKind,
        now: DateTime<Utc>,
        run: &Run,
    ) -> AuditEntry {
        AuditEntry {
            audit_version: AUDIT_VERSION.to_owned(),
            at: now,
            kind,
            run_id: run.id.to_string(),
            request_id: subject.request_id,
            operation: subject.operation.to_owned(),
            environment: subject.environment,
            caller: self.caller.clone(),
            action: None,
            plan: None,
            status: None,
            code: None,
            message: None,
            backup_id: None,
            duration_seconds: None,
            bytes: None,
        }
    }

    async fn append(&self, entry: &AuditEntry, run: &Run) -> Result<(), Error> {
        let entry = serde_json::to_string(entry).map_err(Error::internal)?;
        storage::create_state_folder(&self.state, &run.id)?;
        let _lock = FileLock::acquire_short(&self.lock, run).await?;
        let failed = |error| Error::storage("write", &self.path, error);
        let mut file = self.open().map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let end = append_line(&mut file, length, &entry).map_err(|error| {
            // Half a line of ours is nothing that a crash left. Where even that fails, it is named by the check.
            let _ = file.set_len(length);
            failed(error)
        })?;
        reserve(&file);
        // The line counts, and the end of an earlier one is in the trail as well.
        if let Err(error) = self.note_end(&file, &end, run) {
            tracing::warn!(%error, "where the audit trail ends is not noted");
        }
        Ok(())
    }

    /// Notes where the trail ends. Where the end that was noted last is missing, that stays on record.
    fn note_end(&self, file: &File, end: &Head, run: &Run) -> io::Result<()> {
        match Head::read(&self.head)? {
            Some(noted) if !is_there(file, &noted)? => {
                Err(io::Error::other("lines at its end are gone, or were changed"))
            }
            _ => end.write(&self.head, &run.id),
        }
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        match storage::open_regular(&self.path, &options) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = storage::create_new(&self.path)?;
                self.path.parent().map_or(Ok(()), storage::sync_folder)?;
                Ok(file)
            }
            other => other,
        }
    }
}

/// Writes a line behind the last one. A line that a crash cut short stays as it is, and gets its newline.
fn append_line(file: &mut File, length: u64, entry: &str) -> io::Result<Head> {
    let last = LastLine::before(file, length)?;
    let line = chain::seal(entry, last.as_ref().map(|last| last.digest.as_str()));
    let newline = if last.is_some_and(|last| !last.is_ended) { "\n" } else { "" };
    file.seek(SeekFrom::Start(length))?;
    let written = format!("{newline}{line}\n");
    file.write_all(written.as_bytes())?;
    file.sync_data()?;
    let bytes = length + written.len() as u64;
    Ok(Head { bytes, digest: digest::of_bytes(line.as_bytes()) })
}

/// Whether a line ends in the file as it did when that was noted.
fn is_there(file: &File, noted: &Head) -> io::Result<bool> {
    if file.metadata()?.len() < noted.bytes {
        return Ok(false);
    }
    let line = LastLine::before(file, noted.bytes)?;
    Ok(line.is_some_and(|line| line.is_ended && line.digest == noted.digest))
}

struct LastLine {
    /// Of its text, without its newline.
    digest: String,
    /// Whether it has its newline.
    is_ended: bool,
}

impl LastLine {
    /// The line that ends at a place in the file; none at its beginning. However long it is, little of it is held.
    fn before(file: &File, place: u64) -> io::Result<Option<Self>> {
        let Some(last) = place.checked_sub(1) else { return Ok(None) };
        let mut byte = [0];
        file.read_exact_at(&mut byte, last)?;
        let is_ended = byte == *b"\n";
        let end = if is_ended { last } else { place };
        let digest = digest_between(file, start_of_line(file, end)?, end)?;
        Ok(Some(Self { digest, is_ended }))
    }
}

/// Where the line begins that a place in the file is in: behind the newline before it.
fn start_of_line(file: &File, place: u64) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut end = place;
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let length = usize::try_from(end - start).unwrap_or(BLOCK);
        let (part, _) = block.split_at_mut(length);
        file.read_exact_at(part, start)?;
        if let Some(newline) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn digest_between(file: &File, start: u64, end: u64) -> io::Result<String> {
    let mut reader = file;
    reader.seek(SeekFrom::Start(start))?;
    digest::of_reader(&mut Read::take(reader, end - start))
}

/// Keeps room behind the end, where the file system can.
fn reserve(file: &File) {
    let Ok(metadata) = file.metadata() else { return };
    let (length, allocated) = (metadata.len(), metadata.blocks() * 512);
    if allocated >= length + FEWEST_RESERVED {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        let keep_size = rustix::fs::FallocateFlags::KEEP_SIZE;
        if let Err(error) = rustix::fs::fallocate(file, keep_size, length, RESERVED_BYTES) {
            tracing::debug!(%error, "no room was reserved for the audit trail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_found_whatever_its_length() {
        for text in
            ["", "\n", "a\n", "a\nb\n", "a\nb", "x", &format!("a\n{}\n", "b".repeat(3 * BLOCK))]
        {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let found = LastLine::before(&file, text.len() as u64).unwrap();
            let expected = text.lines().last().map(|line| digest::of_bytes(line.as_bytes()));
            assert_eq!(found.as_ref().map(|last| last.digest.clone()), expected, "{text:.9}");
            assert!(found.is_none_or(|last| last.is_ended == text.ends_with('\n')));
        }
    }
}
