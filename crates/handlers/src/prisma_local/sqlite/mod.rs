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
mod snapshot;
#[expect(
    clippy::indexing_slicing,
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    reason = "offsets come from the lengths beside them, and reals are told apart to the last bit"
)]
mod text_dump;

use backup_core::{
    ArtifactForm, ArtifactToExamine, Compression, DatabaseFacts, Depth, Destination, DumpOrder,
    Dumped, Error, Examination, Run, SqliteDatabase,
};
use backup_protocol::Format;

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

/// Opens the database and measures it.
pub(super) async fn inspect(
    database: SqliteDatabase,
    form: ArtifactForm,
    run: &Run,
) -> Result<DatabaseFacts, Error> {
    let run = run.clone();
    blocking(move || {
        let source = connection::open_source(&database.path, &run.interrupt)?;
        let size = connection::patiently(&database.path, &run.interrupt, || {
            connection::database_bytes(&source)
        })?;
        run.interrupt.check()?;
        let working_copy = if needs_working_copy(form) { size } else { 0 };
        Ok(DatabaseFacts { size, working_copy, warnings: Vec::new() })
    })
    .await
}

/// Writes the artifact.
pub(super) async fn dump(
    database: SqliteDatabase,
    order: DumpOrder,
    destination: Destination,
    run: &Run,
) -> Result<Dumped, Error> {
    let run = run.clone();
    blocking(move || dump::dump(&database, &order, destination, &run)).await
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

/// Runs what blocks aside, so that signals are heard meanwhile.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
