//! Opening SQLite files: the live database, and copies that nobody writes to.

use std::path::Path;
use std::time::{Duration, Instant};

use backup_core::{Error, Interrupt};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rusqlite::{Connection, OpenFlags};

/// How long a lock of another connection is waited for.
const LOCK_PATIENCE: Duration = Duration::from_mins(1);
/// How often it is tried again. SQLite's own waiting hears no signal, and backs off so far that a writer
/// without pause in rollback-journal mode starves it.
const POLL: Duration = Duration::from_millis(1);

/// The page cache of a connection whose pages pass once: 256 KiB, in SQLite's negative form.
const PASSING_CACHE: i32 = -256;

/// What has a meaning of its own in a SQLite URI.
const NOT_IN_URI: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');

/// Opens the live database to read it.
///
/// Not read-only: such a connection leaves an empty `-wal` and a `-shm` behind and cannot recover a hot
/// journal. What the file's permissions forbid, SQLite does not do; `query_only` forbids the rest.
pub(super) fn open_source(path: &Path, interrupt: &Interrupt) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", PASSING_CACHE)?;
        // The first read meets what is wrong with the file.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    patiently(path, interrupt, open)
}

/// Tries again while another connection holds a lock, until the patience ends or the run is to stop.
pub(super) fn patiently<T>(
    path: &Path,
    interrupt: &Interrupt,
    mut attempt: impl FnMut() -> rusqlite::Result<T>,
) -> Result<T, Error> {
    let began = Instant::now();
    loop {
        interrupt.check()?;
        match attempt() {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && began.elapsed() < LOCK_PATIENCE =>
            {
                std::thread::sleep(POLL);
            }
            other => return other.map_err(|error| cannot_read(path, &error)),
        }
    }
}

/// Opens a file that nobody writes to. Nothing is created beside it, whatever its journal mode.
pub(super) fn open_copy(path: &Path) -> rusqlite::Result<Connection> {
    let path = path.to_string_lossy();
    let uri = format!("file:{}?immutable=1", utf8_percent_encode(&path, NOT_IN_URI));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags)
}

/// Opens an empty file that a copy is written into. A crash throws the file away, so nothing is journalled
/// and SQLite syncs nothing; the caller syncs once at the end.
pub(super) fn open_destination(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
    connection.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    // Pages pass once: keeping them would only cost memory.
    connection.pragma_update(None, "cache_size", PASSING_CACHE)?;
    Ok(connection)
}

/// The size of the database that the connection sees, in bytes.
pub(super) fn database_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let page_size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    Ok(u64::try_from(pages).unwrap_or(0) * u64::try_from(page_size).unwrap_or(0))
}

/// The live database cannot be reached or read.
pub(super) fn cannot_read(path: &Path, error: &rusqlite::Error) -> Error {
    Error::ConnectionFailed {
        detail: format!("{error}: {}", path.display()),
        test_command: format!("sqlite3 {} .tables", path.display()),
    }
}

/// Whether SQLite ran out of room.
pub(super) fn is_disk_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

/// Writing a copy failed.
pub(super) fn cannot_write(path: &Path, error: &rusqlite::Error) -> Error {
    let source = if is_disk_full(error) {
        std::io::Error::from(std::io::ErrorKind::StorageFull)
    } else {
        std::io::Error::other(error.to_string())
    };
    Error::storage("write", path, source)
}

/// A name in double quotes, for where SQL takes no parameter.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
