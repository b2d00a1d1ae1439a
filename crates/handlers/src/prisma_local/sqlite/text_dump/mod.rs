//! A SQLite database as a SQL text dump that loads back to equal content.
//!
//! The dump is for `sqlite3 new.db < dump.sql` and everything else that runs a script of
//! SQL statements. It carries what the shell's own `.dump` loses: text with NUL or
//! carriage returns, row numbers, text encoding, page size, generated columns,
//! statistics, rows that today's constraints would refuse.
//!
//! The same database content always gives the same dump.

mod end_check;
mod error;
mod literals;
mod output;
mod relaxed_schema;
mod schema;
mod schema_edits;
mod sql_text;
mod stored_class;
mod system_tables;
mod table_rows;
mod text_literals;
mod virtual_tables;
mod writer;

#[cfg(test)]
mod tests;

pub use end_check::{IncompleteTextDump, TextDumpEndCheck};
pub use error::TextDumpError;
use table_rows::LONGEST_STATEMENT;

use std::io::Write;

use rusqlite::Connection;

/// What a text dump contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextDumpSummary {
    /// Tables, with virtual tables, their shadow tables and SQLite's own tables.
    pub tables: u64,
    /// Rows of all these tables.
    pub rows: u64,
}

/// Writes the database's `main` schema as a text dump.
///
/// The connection may be read-only. Nobody may write to the database meanwhile: it is
/// read in many statements, which would otherwise see different states.
///
/// # Errors
///
/// The first thing that cannot be read, written or represented; what was written until
/// then is not a complete dump, as [`TextDumpEndCheck`] can tell.
pub fn write_text_dump(
    connection: &Connection,
    out: &mut dyn Write,
) -> Result<TextDumpSummary, TextDumpError> {
    writer::write_dump(connection, out)
}
