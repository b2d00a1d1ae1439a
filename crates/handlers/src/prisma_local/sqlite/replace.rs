//! What a restore does to the live file.
//!
//! The pages are written *into* it through SQLite's backup API, within one transaction of its own journal: a
//! connection that is open stays valid and sees all of it or nothing. Renaming another file over it would let a
//! new connection replay the old `-wal`, and leave the application writing into a file without a name.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backup_core::{Error, LiveDatabase, LiveState, Run, RunId};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::connection::{cannot_read, cannot_write, open_copy, open_source, patiently};
use super::contents;
use crate::prisma_local::scratch::{is_of_a_run, replaced_suffix};

/// What is added to the live file's name for a copy that is to take its place; a run's id follows.
const COPY: &str = ".restored-";
/// Pages between two looks at the interrupt.
const PAGES_PER_STEP: i32 = 4096;
/// How long other connections' locks are waited for, and how often they are looked for.
const LOCK_PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);

/// What is in the live file, of one instant.
pub(super) fn state(
    path: &Path,
    migrations_table: &str,
    counted: bool,
    run: &Run,
) -> Result<LiveDatabase, Error> {
    if !path.exists() {
        return Ok(LiveDatabase::Missing);
    }
    if is_no_database(path) {
        return Ok(LiveDatabase::Unreadable("file is not a database".to_owned()));
    }
    let connection = open_source(path, &run.interrupt)?;
    let read = || read_state(&connection, migrations_table, counted);
    let read = patiently(path, &run.interrupt, || {
        connection.execute_batch("BEGIN")?;
        let state = read();
        connection.execute_batch("ROLLBACK")?;
        match state {
            // Only damage is a finding: a lock that others hold passes.
            Err(error) if is_damage(&error) => Ok(Err(error.to_string())),
            other => other,
        }
    });
    Ok(match read? {
        Ok(state) => LiveDatabase::Readable(state),
        Err(damage) => LiveDatabase::Unreadable(damage),
    })
}

/// What it holds, or what SQLite finds wrong with it.
fn read_state(
    connection: &Connection,
    migrations_table: &str,
    counted: bool,
) -> rusqlite::Result<Result<LiveState, String>> {
    let migrations = contents::migrations(connection, migrations_table)?;
    if !counted {
        return Ok(Ok(LiveState { migrations, ..LiveState::default() }));
    }
    let row_counts = contents::row_counts(connection)?;
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(if check == "ok" { Ok(LiveState { row_counts, migrations }) } else { Err(check) })
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt)
    )
}

/// Puts the content of the scratch file into the live file. Says where the old file is, where it was none that
/// could be written into.
pub(super) fn replace(live: &Path, scratch: &Path, run: &Run) -> Result<Option<PathBuf>, Error> {
    if !live.exists() {
        publish(live, scratch, None, &run.id)?;
        return Ok(None);
    }
    if is_no_database(live) {
        let is_taken = |suffix: &str| Ok::<_, Error>(beside(live, suffix).exists());
        let aside = beside(live, &replaced_suffix(run, is_taken)?);
        publish(live, scratch, Some(&aside), &run.id)?;
        return Ok(Some(aside));
    }
    adopt_page_size(live, scratch, run)?;
    write_into(live, scratch, run)?;
    Ok(None)
}

/// Whether SQLite cannot even begin to read the file.
fn is_no_database(live: &Path) -> bool {
    let read = open(live)
        .and_then(|file| file.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    read.is_err_and(|error| is_damage(&error))
}

/// A name in the same folder.
fn beside(live: &Path, suffix: &str) -> PathBuf {
    let mut name = live.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    live.with_file_name(name)
}

/// A file in WAL mode cannot take pages of another size.
fn adopt_page_size(live: &Path, scratch: &Path, run: &Run) -> Result<(), Error> {
    let page_size = |connection: &Connection| {
        connection.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))
    };
    let source = open_source(live, &run.interrupt)?;
    let wanted = page_size(&source).map_err(|error| cannot_read(live, &error))?;
    let written = |error: rusqlite::Error| cannot_write(scratch, &error);
    let copy = open(scratch).map_err(written)?;
    if page_size(&copy).map_err(written)? != wanted {
        copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(written)?;
        copy.pragma_update(None, "page_size", wanted).map_err(written)?;
        copy.execute_batch("VACUUM").map_err(written)?;
    }
    Ok(())
}

fn write_into(live: &Path, scratch: &Path, run: &Run) -> Result<(), Error> {
    let written = |error: rusqlite::Error| cannot_write(live, &error);
    let source = open_copy(scratch).map_err(|error| cannot_read(scratch, &error))?;
    let mut destination = open(live).map_err(written)?;
    // Until its last step nothing is committed, and dropping it takes everything back.
    let backup = Backup::new(&source, &mut destination).map_err(written)?;
    let mut waiting = Instant::now();
    loop {
        run.interrupt.check()?;
        match backup.step(PAGES_PER_STEP).map_err(written)? {
            StepResult::Done => return Ok(()),
            StepResult::More => waiting = Instant::now(),
            _ if waiting.elapsed() < LOCK_PATIENCE => std::thread::sleep(POLL),
            _ => {
                return Err(Error::Disturbed {
                    detail: format!(
                        "other connections kept {} locked for {} s: database is locked",
                        live.display(),
                        LOCK_PATIENCE.as_secs()
                    ),
                });
            }
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Locks are waited for here, where a signal is heard.
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// Gives a copy the live file's name, never over another file; what has that name goes aside first, with the files
/// that SQLite keeps beside it, which a new connection would replay.
fn publish(live: &Path, scratch: &Path, aside: Option<&Path>, run: &RunId) -> Result<(), Error> {
    let failed = |error| Error::storage("write", live, error);
    remove_stale_copies(live).map_err(failed)?;
    let copy = beside(live, &format!("{COPY}{run}"));
    let made = copy_durably(scratch, &copy).and_then(|()| {
        if let Some(aside) = aside {
            // The application must be able to use it as it used the old one.
            let old = std::fs::metadata(live)?;
            std::os::unix::fs::chown(&copy, Some(old.uid()), Some(old.gid()))?;
            std::fs::set_permissions(&copy, old.permissions())?;
            set_aside(live, aside)?;
        }
        std::fs::hard_link(&copy, live)
    });
    let removed = std::fs::remove_file(&copy);
    made.map_err(failed)?;
    removed.map_err(failed)?;
    let folder = live.parent().unwrap_or(Path::new("/"));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Removes the copies that runs left which were killed; this run holds the database's lock.
fn remove_stale_copies(live: &Path) -> io::Result<()> {
    let prefix = beside(live, COPY);
    let prefix = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for entry in std::fs::read_dir(live.parent().unwrap_or(Path::new("/")))? {
        let entry = entry?;
        if is_of_a_run(&entry.file_name().to_string_lossy(), &prefix) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn set_aside(live: &Path, aside: &Path) -> io::Result<()> {
    for companion in ["-journal", "-wal", "-shm", ""] {
        let from = beside(live, companion);
        match std::fs::rename(&from, beside(aside, companion)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !companion.is_empty() => {}
            renamed => renamed?,
        }
    }
    Ok(())
}

fn copy_durably(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = std::fs::File::open(from)?;
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut copy)?;
    copy.flush()?;
    copy.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_file_is_not_taken_for_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.db");
        let holder = Connection::open(&path).unwrap();
        holder.execute_batch("CREATE TABLE a (b); BEGIN EXCLUSIVE").unwrap();
        let reader = open(&path).unwrap();
        reader.busy_timeout(Duration::ZERO).unwrap();
        let error = read_state(&reader, "_prisma_migrations", true).unwrap_err();
        assert!(!is_damage(&error), "{error}");
        assert!(!is_no_database(&path));
        holder.execute_batch("ROLLBACK").unwrap();
        assert!(read_state(&reader, "_prisma_migrations", true).unwrap().is_ok());
        std::fs::write(&path, "no database ".repeat(500)).unwrap();
        assert!(is_no_database(&path));
    }
}
