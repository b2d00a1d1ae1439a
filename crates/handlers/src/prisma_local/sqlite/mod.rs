//! SQLite: copied through its own backup API within one read transaction, never as a file.
//!
//! | format | artifact |
//! |---|---|
//! | `custom` | the copy, a database file |
//! | `sql` | a text dump of the copy |

mod connection;
mod contents;
mod dump;
mod examine;
mod replace;
mod scratch;
mod snapshot;
mod statements;
#[expect(
    clippy::indexing_slicing,
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    reason = "offsets come from the lengths beside them, and reals are told apart to the last bit"
)]
mod text_dump;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use backup_core::{
    ArtifactForm, ArtifactToExamine, Compression, Database, DatabaseFacts, Depth, Destination,
    DumpOrder, Dumped, Error, Examination, LiveDatabase, Replaced, Run, ScratchOrder,
    ScratchRestored, SqliteDatabase, ToolSettings, available_space,
};
use backup_protocol::Format;

use super::aside::blocking;

/// The library and its version.
pub(super) fn tool() -> (String, String) {
    ("sqlite".to_owned(), rusqlite::version().to_owned())
}

/// A compressed database file can only be opened once it is decompressed.
pub(super) fn needs_scratch(form: ArtifactForm, depth: Depth) -> bool {
    form.format == Format::Custom
        && form.compression != Compression::None
        && depth == Depth::Thorough
}

/// The extension of an artifact before compression.
pub(super) fn extension(format: Format) -> Result<&'static str, Error> {
    match format {
        Format::Custom => Ok(".sqlite"),
        Format::Sql => Ok(".sql"),
        Format::Directory | Format::Snapshot => Err(Error::FormatUnavailable {
            engine: "SQLite",
            format: format.name(),
            available: "custom (a database file) or sql (a text dump)",
            instead: "custom",
        }),
    }
}

/// Whether the artifact is made from a copy beside it, or is the copy itself.
fn needs_working_copy(form: ArtifactForm) -> bool {
    form.format != Format::Custom || form.compression != Compression::None
}

/// A SQLite file that was found.
#[derive(Debug)]
pub(super) struct SqliteFile {
    database: SqliteDatabase,
    settings: ToolSettings,
    /// The file that a backup was restored into, which the caller owns.
    beside: Option<PathBuf>,
}

impl SqliteFile {
    pub(super) fn new(database: &SqliteDatabase, settings: &ToolSettings) -> Self {
        Self { database: database.clone(), settings: settings.clone(), beside: None }
    }
}

#[async_trait]
impl Database for SqliteFile {
    /// The lock of this machine is enough: a file is not shared by others.
    async fn reserve(&mut self, _patience: Duration, _run: &Run) -> Result<(), Error> {
        Ok(())
    }

    /// Opens the database and measures it.
    async fn inspect(&mut self, form: ArtifactForm, run: &Run) -> Result<DatabaseFacts, Error> {
        let (path, run) = (self.database.path.clone(), run.clone());
        blocking(move || {
            let source = connection::open_source(&path, &run.interrupt)?;
            let size = connection::patiently(&path, &run.interrupt, || {
                connection::database_bytes(&source)
            })?;
            run.interrupt.check()?;
            let working_copy = if needs_working_copy(form) { size } else { 0 };
            Ok(DatabaseFacts { size, working_copy, ..DatabaseFacts::default() })
        })
        .await
    }

    /// Writes the artifact.
    async fn dump(
        &mut self,
        order: DumpOrder,
        destination: Destination,
        run: &Run,
    ) -> Result<Dumped, Error> {
        let (database, settings) = (self.database.clone(), self.settings.clone());
        let run = run.clone();
        blocking(move || dump::dump(&database, &order, &settings, destination, &run)).await
    }

    async fn check_scratch(&mut self, _run: &Run) -> Result<(), Error> {
        Ok(())
    }

    async fn restore_scratch(
        &mut self,
        order: ScratchOrder,
        run: &Run,
    ) -> Result<ScratchRestored, Error> {
        let (threads, run) = (self.settings.threads, run.clone());
        blocking(move || scratch::restore(&order, threads, &run)).await
    }

    async fn check_replaceable(&mut self, _run: &Run) -> Result<(), Error> {
        Ok(())
    }

    async fn free_space(&mut self, _run: &Run) -> Result<Option<u64>, Error> {
        Ok(available_space(&self.database.path).ok())
    }

    async fn state(
        &mut self,
        migrations_table: &str,
        counted: bool,
        run: &Run,
    ) -> Result<LiveDatabase, Error> {
        let (path, table) = (self.database.path.clone(), migrations_table.to_owned());
        let run = run.clone();
        blocking(move || replace::state(&path, &table, counted, &run)).await
    }

    async fn restore_beside(
        &mut self,
        order: ScratchOrder,
        run: &Run,
    ) -> Result<ScratchRestored, Error> {
        self.beside.clone_from(&order.file);
        self.restore_scratch(order, run).await
    }

    async fn replace(&mut self, run: &Run) -> Result<Replaced, Error> {
        let lost = || Error::internal("nothing was restored beside it");
        let scratch = self.beside.clone().ok_or_else(lost)?;
        let (live, run) = (self.database.path.clone(), run.clone());
        let aside = blocking(move || replace::replace(&live, &scratch, &run)).await?;
        let aside = aside.map(|path| path.display().to_string());
        Ok(Replaced { aside, warnings: Vec::new() })
    }
}

/// Reads an artifact back.
pub(super) async fn examine(
    artifact: ArtifactToExamine<'_>,
    run: &Run,
) -> Result<Examination, Error> {
    let run = run.clone();
    let order = examine::Order::of(&artifact);
    blocking(move || examine::examine(&order, &run)).await
}
