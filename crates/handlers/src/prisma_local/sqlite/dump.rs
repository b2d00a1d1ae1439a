//! From the live database to the artifact.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use backup_core::{
    Checksums, Destination, DumpOrder, Dumped, Error, Run, SqliteDatabase, ToolSettings,
    VerificationFailure,
};
use backup_protocol::{Format, RowCounts};

use super::connection::{database_bytes, open_copy};
use super::text_dump::{TextDumpError, write_text_dump};
use super::{contents, examine, needs_working_copy, snapshot};
use crate::pipeline::{ArtifactWriter, CompressionSettings, Interruptible};
use crate::prisma_local::migrations;

/// The shortest text that a row takes in a text dump: `(1),` and its like.
const SHORTEST_ROW_BYTES: u64 = 3;

/// Copies the database, then makes the artifact from the copy.
pub(super) fn dump(
    database: &SqliteDatabase,
    order: &DumpOrder,
    settings: &ToolSettings,
    destination: Destination,
    run: &Run,
) -> Result<Dumped, Error> {
    let separate = needs_working_copy(order.form);
    let Destination { file, path, working_copy: (copy_file, copy_path), .. } = destination;
    let copy = if separate { copy_path.as_path() } else { path.as_path() };
    let snapshot = snapshot::take(&database.path, copy, order.expected_bytes, run)?;
    let contents = Contents::read(copy, &order.migrations_table)?;
    run.interrupt.check()?;
    let passed = if separate {
        let passed = write_artifact(file, order, settings, copy, run);
        let passed = passed?;
        // The copy has served: its room is needed by others from now on.
        copy_file.set_len(0).map_err(|error| Error::storage("empty", &copy_path, error))?;
        Some(passed)
    } else {
        file.sync_all().map_err(|error| Error::storage("sync", &path, error))?;
        None
    };
    Ok(Dumped {
        passed,
        expected_minimum: contents.expected_minimum(order.form.format),
        migrations: contents.migrations,
        row_counts: contents.row_counts,
        globals: None,
        server: None,
        compression: order.form.compression,
        writers_blocked_seconds: snapshot.writers_blocked_seconds,
        tools: BTreeMap::from([super::tool()]),
        warnings: contents.warnings,
    })
}

/// What is in the copy.
struct Contents {
    migrations: backup_core::Migrations,
    row_counts: RowCounts,
    size: u64,
    warnings: Vec<String>,
}

impl Contents {
    fn read(copy: &Path, migrations_table: &str) -> Result<Self, Error> {
        let read = || {
            let connection = open_copy(copy)?;
            let migrations = contents::migrations(&connection, migrations_table)?;
            let row_counts = contents::row_counts(&connection)?;
            Ok((migrations, row_counts, database_bytes(&connection)?))
        };
        let (migrations, row_counts, size) =
            read().map_err(|error: rusqlite::Error| damaged(copy, &error.to_string()))?;
        let warnings = migrations::warning(&migrations).into_iter().collect();
        Ok(Self { migrations, row_counts, size, warnings })
    }

    /// A copy has as many bytes as its pages; a text dump at least some for every row.
    fn expected_minimum(&self, format: Format) -> u64 {
        match format {
            Format::Custom => self.size,
            Format::Sql | Format::Directory | Format::Snapshot => {
                self.row_counts.values().flatten().sum::<u64>().saturating_mul(SHORTEST_ROW_BYTES)
            }
        }
    }
}

/// Writes the artifact from the copy. For a database file the copy is checked meanwhile: what is read back
/// later is compared with what passed here.
fn write_artifact(
    file: File,
    order: &DumpOrder,
    settings: &ToolSettings,
    copy: &Path,
    run: &Run,
) -> Result<Checksums, Error> {
    let target = order.form.compression;
    let settings = CompressionSettings::of(settings, target);
    let mut writer =
        ArtifactWriter::new(file, target, settings).map_err(|error| write_failed(copy, error))?;
    match order.form.format {
        Format::Sql => write_text(copy, &mut writer, run)?,
        Format::Custom | Format::Directory | Format::Snapshot => {
            write_database(copy, &mut writer, run)?;
        }
    }
    let (file, written) = writer.finish().map_err(|error| write_failed(copy, error))?;
    file.sync_all().map_err(|error| write_failed(copy, error))?;
    Ok(written.into())
}

fn write_text(copy: &Path, writer: &mut dyn Write, run: &Run) -> Result<(), Error> {
    if let Some(flaw) = examine::engine_check(copy, examine::EngineCheck::Quick, &run.interrupt)? {
        return Err(damaged(copy, &flaw));
    }
    let connection = open_copy(copy).map_err(|error| damaged(copy, &error.to_string()))?;
    let mut writer = Interruptible::new(writer, &run.interrupt);
    let written = write_text_dump(&connection, &mut writer);
    run.interrupt.check()?;
    written.map(|_| ()).map_err(|error| match error {
        TextDumpError::Write(error) => write_failed(copy, error),
        TextDumpError::Sqlite { what, source } => damaged(copy, &format!("{what}: {source}")),
        unsuitable => Error::FormatUnsuitable {
            format: "sql",
            detail: unsuitable.to_string(),
            instead: "custom",
        },
    })
}

fn write_database(copy: &Path, writer: &mut (dyn Write + Send), run: &Run) -> Result<(), Error> {
    let (checked, written) = std::thread::scope(|scope| {
        let check = scope
            .spawn(|| examine::engine_check(copy, examine::EngineCheck::Quick, &run.interrupt));
        let written = File::open(copy)
            .and_then(|file| io::copy(&mut Interruptible::new(file, &run.interrupt), writer));
        (check.join(), written)
    });
    run.interrupt.check()?;
    written.map_err(|error| write_failed(copy, error))?;
    match checked.map_err(|_| Error::internal("the check of the copy panicked"))?? {
        Some(flaw) => Err(damaged(copy, &flaw)),
        None => Ok(()),
    }
}

/// A copy that is damaged was damaged where it came from: the live database is.
fn damaged(copy: &Path, finding: &str) -> Error {
    Error::VerificationFailed(Box::new(VerificationFailure {
        file: "the database itself".to_owned(),
        expected_minimum: 0,
        actual: copy.metadata().map_or(0, |metadata| metadata.len()),
        readable: true,
        finding: format!("the live database does not pass SQLite's own check: {finding}"),
        words: None,
    }))
}

fn write_failed(copy: &Path, error: io::Error) -> Error {
    Error::storage("write an artifact beside", copy, error)
}
