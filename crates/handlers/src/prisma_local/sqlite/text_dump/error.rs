//! Why a text dump could not be written.

use std::io;

/// Why a text dump could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextDumpError {
    /// SQLite refused to read something.
    #[error("{what}: {source}")]
    Sqlite {
        /// What was being done, such as `reading table "orders"`.
        what: String,
        /// SQLite's own error.
        source: rusqlite::Error,
    },
    /// The dump could not be written to its destination; the I/O error is kept as it
    /// is, so that a full disk can be told from other failures.
    #[error("writing the dump: {0}")]
    Write(#[from] io::Error),
    /// One row needs a longer SQL statement than SQLite loads by default.
    #[error(
        "a row of table {table:?} needs an SQL statement of {bytes} bytes, and SQLite loads at most {limit}",
        limit = super::LONGEST_STATEMENT
    )]
    RowTooLarge {
        /// The table the row is in.
        table: String,
        /// How long the statement would be.
        bytes: u64,
    },
    /// A virtual table whose data may live outside of the database.
    #[error(
        "virtual table {table:?} is made by module {module:?}, whose content a text dump cannot carry"
    )]
    UnsupportedVirtualTable {
        /// The virtual table.
        table: String,
        /// The module that implements it.
        module: String,
    },
    /// Something that no SQL text can bring back.
    #[error("{what} cannot be written as SQL text: {reason}")]
    Unrepresentable {
        /// The table, column or index.
        what: String,
        /// Why not.
        reason: &'static str,
    },
}

/// Says what was being done when SQLite failed.
pub(super) trait SqliteContext<T> {
    /// Names the work an SQLite error interrupted.
    fn during(self, what: impl FnOnce() -> String) -> Result<T, TextDumpError>;
}

impl<T> SqliteContext<T> for Result<T, rusqlite::Error> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T, TextDumpError> {
        self.map_err(|source| TextDumpError::Sqlite { what: what(), source })
    }
}
