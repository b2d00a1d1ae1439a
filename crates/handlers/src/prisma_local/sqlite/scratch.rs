//! Restoring into a scratch file beside the artifact, which the caller removes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use backup_core::{Error, Run, ScratchOrder, ScratchRestored, seconds_of};
use backup_protocol::Format;
use rusqlite::Connection;

use super::connection::{cannot_write, is_disk_full, open_copy, open_destination};
use super::contents;
use super::examine::{EngineCheck, engine_check};
use super::statements::StatementEnds;
use crate::pipeline::{Hashed, Interruptible, ReadError, read_artifact};

/// Restores a backup, and counts what is in it.
pub(super) fn restore(
    order: &ScratchOrder,
    threads: NonZeroUsize,
    run: &Run,
) -> Result<ScratchRestored, Error> {
    let file = order.file.as_deref();
    let scratch = file.ok_or_else(|| Error::internal("SQLite restores into a scratch file"))?;
    let begun = Instant::now();
    match order.form.format {
        Format::Sql => load(order, scratch, threads, run)?,
        _ => copy(order, scratch, threads, run)?,
    }
    let seconds = seconds_of(begun.elapsed());
    if let Some(flaw) = engine_check(scratch, EngineCheck::Integrity, &run.interrupt)? {
        return Err(Error::RestoreFailed { detail: flaw, words: None });
    }
    let read = |error: rusqlite::Error| Error::RestoreFailed {
        detail: "what was restored cannot be read".to_owned(),
        words: Some(error.to_string()),
    };
    let connection = open_copy(scratch).map_err(read)?;
    let migrations = contents::migrations(&connection, &order.migrations_table).map_err(read)?;
    let row_counts = contents::row_counts(&connection).map_err(read)?;
    run.interrupt.check()?;
    Ok(ScratchRestored { row_counts, migrations, seconds, warnings: Vec::new() })
}

/// The artifact is the database.
fn copy(
    order: &ScratchOrder,
    scratch: &Path,
    threads: NonZeroUsize,
    run: &Run,
) -> Result<(), Error> {
    let opened = OpenOptions::new().write(true).truncate(true).open(scratch);
    let mut file = opened.map_err(|error| Error::storage("write", scratch, error))?;
    read(order, scratch, threads, run, &mut file)
}

/// The artifact is a script.
fn load(
    order: &ScratchOrder,
    scratch: &Path,
    threads: NonZeroUsize,
    run: &Run,
) -> Result<(), Error> {
    let connection = open_destination(scratch).map_err(|error| cannot_write(scratch, &error))?;
    let mut script = Script {
        connection: &connection,
        statement: Vec::new(),
        ends: StatementEnds::new(),
        error: None,
    };
    let fed = read(order, scratch, threads, run, &mut script);
    if let Some(error) = script.error {
        if is_disk_full(&error) {
            return Err(cannot_write(scratch, &error));
        }
        let detail = "a statement of the dump failed".to_owned();
        return Err(Error::RestoreFailed { detail, words: Some(error.to_string()) });
    }
    fed
}

fn read(
    order: &ScratchOrder,
    scratch: &Path,
    threads: NonZeroUsize,
    run: &Run,
    sink: &mut dyn Write,
) -> Result<(), Error> {
    let failed = |error| Error::storage("read", &order.artifact, error);
    let file = File::open(&order.artifact).map_err(failed)?;
    let source = Interruptible::new(file, &run.interrupt);
    match read_artifact(source, order.form.compression, threads, Hashed::Stored, sink) {
        Ok(_) => Ok(()),
        Err(ReadError::Io(error)) => {
            run.interrupt.check()?;
            Err(failed(error))
        }
        Err(ReadError::Sink(error)) => Err(Error::storage("write", scratch, error)),
        Err(flaw) => Err(Error::RestoreFailed { detail: flaw.to_string(), words: None }),
    }
}

/// Runs the statements that are written to it, one after the other.
struct Script<'a> {
    connection: &'a Connection,
    statement: Vec<u8>,
    ends: StatementEnds,
    /// Why it went no further.
    error: Option<rusqlite::Error>,
}

impl Script<'_> {
    fn run(&mut self) -> io::Result<()> {
        let text = std::str::from_utf8(&self.statement).map_err(io::Error::other)?;
        if let Err(error) = self.connection.execute_batch(text) {
            let message = error.to_string();
            self.error = Some(error);
            return Err(io::Error::other(message));
        }
        self.statement.clear();
        Ok(())
    }
}

impl Write for Script<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut begin = 0;
        for (place, byte) in data.iter().enumerate() {
            if self.ends.ends_with(*byte) {
                self.statement.extend_from_slice(data.get(begin..=place).unwrap_or_default());
                begin = place + 1;
                self.run()?;
            }
        }
        self.statement.extend_from_slice(data.get(begin..).unwrap_or_default());
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What follows the last statement is a comment.
        self.run()
    }
}
