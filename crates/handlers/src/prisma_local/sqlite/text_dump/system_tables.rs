//! The tables SQLite keeps for itself.

use std::io;

use super::error::TextDumpError;
use super::literals::write_identifier;
use super::output::DumpOutput;
use super::schema::{ObjectKind, SchemaObject};
use super::sql_text::tokens;

/// What one of SQLite's own tables is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SystemTable {
    /// `sqlite_sequence`, the highest numbers AUTOINCREMENT has given.
    Sequence,
    /// `sqlite_stat1` and its kin, what ANALYZE found.
    Statistics,
}

impl SystemTable {
    /// Which of SQLite's own tables this is.
    pub(super) fn of(table: &SchemaObject) -> Result<Self, TextDumpError> {
        let name = table.name.to_ascii_lowercase();
        if name == "sqlite_sequence" {
            Ok(Self::Sequence)
        } else if name.starts_with("sqlite_stat") {
            Ok(Self::Statistics)
        } else {
            Err(TextDumpError::Unrepresentable {
                what: format!("table {:?}", table.name),
                reason: "SQLite reserves its name",
            })
        }
    }
}

/// Makes sure that `sqlite_sequence` is there and empty.
///
/// It comes with the first AUTOINCREMENT table and stays when the last is dropped.
pub(super) fn prepare_sequence(
    schema: &[SchemaObject],
    out: &mut DumpOutput<'_>,
) -> io::Result<()> {
    let comes_with_a_table = schema.iter().any(|object| {
        object.kind == ObjectKind::Table
            && tokens(&object.sql).any(|token| token.is_keyword("AUTOINCREMENT"))
    });
    if !comes_with_a_table {
        let mut name = String::from("dropped_at_once");
        while schema.iter().any(|object| object.name.eq_ignore_ascii_case(&name)) {
            name.push('_');
        }
        out.text("CREATE TABLE ")?;
        write_identifier(&name, out)?;
        out.text("(id INTEGER PRIMARY KEY AUTOINCREMENT);\nDROP TABLE ")?;
        write_identifier(&name, out)?;
        out.text(";\n")?;
    }
    out.text("DELETE FROM sqlite_sequence;\n")
}

/// Makes sure that exactly the given statistics tables are there, and empty.
pub(super) fn prepare_statistics(
    tables: &[&SchemaObject],
    out: &mut DumpOutput<'_>,
) -> io::Result<()> {
    // Makes the statistics tables this SQLite uses, and analyzes nothing.
    out.text("ANALYZE sqlite_master;\n")?;
    for usual in ["sqlite_stat1", "sqlite_stat4"] {
        if !tables.iter().any(|table| table.name.eq_ignore_ascii_case(usual)) {
            out.text("DROP TABLE IF EXISTS ")?;
            out.text(usual)?;
            out.text(";\n")?;
        }
    }
    for table in tables.iter().filter(|table| !table.name.eq_ignore_ascii_case("sqlite_stat1")) {
        // A SQLite that does not use this table has not made it, and reserves its name.
        let Some(definition) = table.sql.strip_prefix(b"CREATE TABLE ") else { continue };
        out.text("PRAGMA writable_schema=ON;\nCREATE TABLE IF NOT EXISTS ")?;
        out.put(definition)?;
        out.text(";\nPRAGMA writable_schema=OFF;\n")?;
    }
    Ok(())
}
