//! The copy: the whole database as it is at one instant, while others go on writing.
//!
//! A stepwise backup beside a busy writer begins again at every commit. So a read transaction is opened
//! first and the backup runs inside it: in WAL mode writers do not notice; in rollback-journal mode they
//! wait, and the answer says how long.

use std::path::Path;
use std::time::Instant;

use backup_core::{Error, Happening, Run};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::connection::{cannot_read, cannot_write, open_destination, open_source, patiently};

/// Pages between two looks at the interrupt: some megabytes, so milliseconds.
const PAGES_PER_STEP: i32 = 1024;

/// What the copying cost others.
pub(super) struct Snapshot {
    /// How long writers could not commit, in seconds; none in WAL mode.
    pub writers_blocked_seconds: Option<f64>,
}

/// Copies the database at `source` into the empty file at `copy`.
pub(super) fn take(
    source: &Path,
    copy: &Path,
    expected: Option<u64>,
    run: &Run,
) -> Result<Snapshot, Error> {
    let connection = open_source(source, &run.interrupt)?;
    let unreadable = |error: rusqlite::Error| cannot_read(source, &error);
    connection.execute_batch("BEGIN").map_err(unreadable)?;
    // A transaction begins with its first read.
    patiently(source, &run.interrupt, || {
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
    })?;
    let locked = Instant::now();
    let journal: String =
        connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(unreadable)?;
    copy_pages(&connection, source, copy, expected, run)?;
    connection.execute_batch("COMMIT").map_err(unreadable)?;
    let writers_wait = !journal.eq_ignore_ascii_case("wal");
    Ok(Snapshot { writers_blocked_seconds: writers_wait.then(|| milliseconds(locked)) })
}

fn copy_pages(
    source: &Connection,
    source_path: &Path,
    copy: &Path,
    expected: Option<u64>,
    run: &Run,
) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(
            rusqlite::ErrorCode::DatabaseCorrupt
            | rusqlite::ErrorCode::NotADatabase
            | rusqlite::ErrorCode::DatabaseBusy,
        ) => cannot_read(source_path, &error),
        _ => cannot_write(copy, &error),
    };
    let page_size: u64 = source
        .query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))
        .map_err(|error| cannot_read(source_path, &error))?
        .unsigned_abs();
    let mut destination = open_destination(copy).map_err(failed)?;
    let backup = Backup::new(source, &mut destination).map_err(failed)?;
    loop {
        run.interrupt.check()?;
        let step = backup.step(PAGES_PER_STEP).map_err(failed)?;
        let progress = backup.progress();
        let pages = u64::try_from(progress.pagecount - progress.remaining).unwrap_or_default();
        run.progress.report(Happening::Bytes {
            done: pages * page_size,
            expected,
            tables_done: None,
        });
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            // Inside our own read transaction only the destination could be busy, and it is ours.
            StepResult::Busy | StepResult::Locked | _ => {
                return Err(Error::internal("the copy of a SQLite database is locked"));
            }
        }
    }
    drop(backup);
    destination.close().map_err(|(_, error)| cannot_write(copy, &error))
}

fn milliseconds(since: Instant) -> f64 {
    let milliseconds = since.elapsed().as_millis();
    f64::from(u32::try_from(milliseconds).unwrap_or(u32::MAX)) / 1000.0
}
