//! The trail's file: appended to under a lock of its own, and synced before anything goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::entry::{AuditKind, Caller, Intent, Outcome};
use super::{AUDIT_FILE, AUDIT_VERSION, AuditEntry, caller, chain};
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
        Self { state, path, lock, caller }
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
        append_line(&mut file, length, &entry).map_err(|error| {
            // Half a line of ours is nothing that a crash left. Where even that fails, it is named by the check.
            let _ = file.set_len(length);
            failed(error)
        })?;
        reserve(&file);
        Ok(())
    }

    fn open(&self) -> io::Result<File> {
        let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600).custom_flags(nofollow);
        match options.open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = options.create_new(true).open(&self.path)?;
                self.path.parent().map_or(Ok(()), storage::sync_folder)?;
                Ok(file)
            }
            other => other,
        }
    }
}

/// Writes a line behind the last one. A line that a crash cut short stays as it is, and gets its newline.
fn append_line(file: &mut File, length: u64, entry: &str) -> io::Result<()> {
    let last = last_line(file, length)?;
    let line = chain::seal(entry, last.as_ref().map(|last| last.text.as_slice()));
    let newline = if last.is_some_and(|last| !last.is_ended) { "\n" } else { "" };
    file.seek(SeekFrom::Start(length))?;
    file.write_all(format!("{newline}{line}\n").as_bytes())?;
    file.sync_data()
}

struct LastLine {
    text: Vec<u8>,
    is_ended: bool,
}

fn last_line(file: &mut File, length: u64) -> io::Result<Option<LastLine>> {
    let mut tail = Vec::new();
    let mut start = length;
    while start > 0 {
        // Ever more, so that a long line is not copied block by block.
        let size = start.min(tail.len().max(BLOCK) as u64);
        start -= size;
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        Read::take(&*file, size).read_to_end(&mut block)?;
        block.append(&mut tail);
        tail = block;
        // The newline before the last line; that at its end is none.
        let inner = tail.split_last().map_or(&[][..], |(_, inner)| inner);
        if let Some(newline) = inner.iter().rposition(|byte| *byte == b'\n') {
            tail.drain(..=newline);
            break;
        }
    }
    if tail.is_empty() {
        return Ok(None);
    }
    let is_ended = tail.pop_if(|last| *last == b'\n').is_some();
    Ok(Some(LastLine { text: tail, is_ended }))
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
        for text in ["", "a\n", "a\nb\n", "a\nb", "x", &format!("a\n{}\n", "b".repeat(3 * BLOCK))] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let found = last_line(&mut file, text.len() as u64).unwrap();
            let expected = text.lines().last().map(str::as_bytes);
            assert_eq!(found.as_ref().map(|last| last.text.as_slice()), expected, "{text:.9}");
            assert!(found.is_none_or(|last| last.is_ended == text.ends_with('\n')));
        }
    }
}
