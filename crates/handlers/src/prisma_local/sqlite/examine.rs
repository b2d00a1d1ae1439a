//! Reading an artifact back: its bytes, its structure to the end, SQLite's own checks.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use backup_core::{
    ArtifactForm, ArtifactToExamine, Compression, Depth, Error, Examination, Interrupt, Run,
};
use backup_protocol::Format;

use super::connection::open_copy;
use super::text_dump::{IncompleteTextDump, TextDumpEndCheck};
use crate::prisma_local::reading;

/// How many lines of SQLite's findings are repeated.
const MOST_FINDINGS: usize = 5;
/// SQLite's virtual machine looks at the interrupt every so many of its instructions.
const INSTRUCTIONS_PER_LOOK: i32 = 100_000;

/// What is to be examined, owned.
pub(super) struct Order {
    path: PathBuf,
    form: ArtifactForm,
    workers: NonZeroUsize,
    depth: Depth,
    scratch: Option<PathBuf>,
    engine_known: bool,
}

impl Order {
    pub(super) fn of(artifact: &ArtifactToExamine<'_>) -> Self {
        Self {
            path: artifact.path.to_path_buf(),
            form: artifact.form,
            workers: artifact.settings.threads,
            depth: artifact.depth,
            scratch: artifact.scratch.map(Path::to_path_buf),
            engine_known: artifact.engine.is_some(),
        }
    }
}

/// Examines an artifact.
pub(super) fn examine(order: &Order, run: &Run) -> Result<Examination, Error> {
    let examination = match (order.depth, order.form.format) {
        (Depth::Bytes, _) => read(order, Compression::None, &mut io::sink(), run),
        (_, Format::Sql) => examine_text(order, run),
        (Depth::Structure, _) if order.form.compression != Compression::None => {
            // Its content was checked before it was compressed: reading it back whole is the proof.
            read(order, order.form.compression, &mut io::sink(), run)
        }
        (depth, _) if order.form.compression == Compression::None => {
            examine_database(order, EngineCheck::of(depth), run)
        }
        _ => examine_compressed_database(order, run),
    };
    run.interrupt.check()?;
    examination
}

/// Reads the artifact to its end.
fn read(
    order: &Order,
    compression: Compression,
    raw: &mut dyn Write,
    run: &Run,
) -> Result<Examination, Error> {
    reading::read(&order.path, compression, order.workers, order.depth, raw, run)
}

fn examine_text(order: &Order, run: &Run) -> Result<Examination, Error> {
    let mut end = TextDumpEndCheck::new();
    let mut examination = read(order, order.form.compression, &mut end, run)?;
    if examination.flaw.is_none() {
        match end.finish() {
            Ok(()) => {}
            Err(IncompleteTextDump::NotADump) if !order.engine_known => {
                return Err(Error::UnsupportedDatabase {
                    what: "this version can examine only text dumps that it wrote".to_owned(),
                });
            }
            Err(incomplete) => examination.flaw = Some(incomplete.to_string()),
        }
    }
    Ok(examination)
}

/// Checksum and engine check of a database file, side by side.
fn examine_database(order: &Order, check: EngineCheck, run: &Run) -> Result<Examination, Error> {
    let (checked, examination) = std::thread::scope(|scope| {
        let checked = scope.spawn(|| engine_check(&order.path, check, &run.interrupt));
        let examination = read(order, Compression::None, &mut io::sink(), run);
        (checked.join(), examination)
    });
    let flaw = checked.map_err(|_| Error::internal("SQLite's check panicked"))??;
    Ok(Examination { flaw, ..examination? })
}

fn examine_compressed_database(order: &Order, run: &Run) -> Result<Examination, Error> {
    let Some(scratch) = &order.scratch else {
        return Err(Error::internal("a compressed database file needs a scratch file"));
    };
    let opened = OpenOptions::new().write(true).truncate(true).open(scratch);
    let mut copy = opened.map_err(|error| Error::storage("write", scratch, error))?;
    let examination = read(order, order.form.compression, &mut copy, run)?;
    drop(copy);
    if examination.flaw.is_some() {
        return Ok(examination);
    }
    let flaw = engine_check(scratch, EngineCheck::Integrity, &run.interrupt)?;
    Ok(Examination { flaw, ..examination })
}

/// Which of SQLite's checks.
#[derive(Clone, Copy)]
pub(super) enum EngineCheck {
    /// `quick_check`: the structure, not the indexes' agreement with their tables.
    Quick,
    /// `integrity_check`: both.
    Integrity,
}

impl EngineCheck {
    const fn of(depth: Depth) -> Self {
        match depth {
            Depth::Thorough => Self::Integrity,
            Depth::Bytes | Depth::Structure => Self::Quick,
        }
    }
}

/// What SQLite finds wrong with a file that nobody writes to; none where nothing is.
pub(super) fn engine_check(
    path: &Path,
    check: EngineCheck,
    interrupt: &Interrupt,
) -> Result<Option<String>, Error> {
    let pragma = match check {
        EngineCheck::Quick => "PRAGMA quick_check",
        EngineCheck::Integrity => "PRAGMA integrity_check",
    };
    let findings = || -> rusqlite::Result<Vec<String>> {
        let mut connection = open_copy(path)?;
        let asked = interrupt.clone();
        connection
            .progress_handler(INSTRUCTIONS_PER_LOOK, Some(move || asked.raised().is_some()))?;
        let mut statement = connection.prepare(pragma)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.take(MOST_FINDINGS).collect()
    };
    let found = findings();
    interrupt.check()?;
    Ok(match found {
        Ok(lines) if lines == ["ok"] => None,
        Ok(lines) => Some(lines.join("; ")),
        Err(error) => return about_the_check(path, &error),
    })
}

/// A check that ended with an error: only a damaged file is a finding. Anything else says nothing about the
/// file, and must not be held against it.
fn about_the_check(path: &Path, error: &rusqlite::Error) -> Result<Option<String>, Error> {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            Ok(Some(error.to_string()))
        }
        // A collation or function of the application's own: SQLite cannot read such a schema without it.
        Some(rusqlite::ErrorCode::Unknown) => Err(Error::UnsupportedDatabase {
            what: format!("SQLite's own check needs what only the application has: {error}"),
        }),
        _ => Err(Error::storage("check", path, io::Error::other(error.to_string()))),
    }
}
