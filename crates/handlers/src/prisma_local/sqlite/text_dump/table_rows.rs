//! The rows of a table as INSERT statements.

use std::fmt::Write as _;
use std::io;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::error::{SqliteContext, TextDumpError};
use super::literals::{StoredValue, quoted_identifier, write_identifier};
use super::output::DumpOutput;
use super::schema::{TableShape, TextEncoding};

/// The longest SQL statement SQLite loads by default, in bytes.
pub(super) const LONGEST_STATEMENT: u64 = 1_000_000_000;

/// Rows share an INSERT statement up to this length. Larger ones load no faster, and
/// some shells look at the whole statement again after each line with a semicolon.
const SHARED_STATEMENT_BYTES: u64 = 8 * 1024;

/// Which rows of a table to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowChoice {
    /// Those an INSERT stores as they are.
    Usual,
    /// Those the columns' types or NOT NULL constraints would convert or refuse.
    Unusual,
}

/// What became of a table's rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowCounts {
    pub(super) written: u64,
    pub(super) left_out: u64,
}

/// Writes the chosen rows of a table, in the order of their key.
pub(super) fn write_rows(
    connection: &Connection,
    table: &str,
    shape: &TableShape,
    encoding: TextEncoding,
    choice: RowChoice,
    out: &mut DumpOutput<'_>,
) -> Result<RowCounts, TextDumpError> {
    let reading = || format!("reading table {table:?}");
    let mut statement = connection.prepare(&select(table, shape, encoding)).during(reading)?;
    let mut rows = statement.query([]).during(reading)?;
    let mut counts = RowCounts::default();
    let mut inserts = Inserts::new(table, shape, encoding, LONGEST_STATEMENT)?;
    while let Some(row) = rows.next().during(reading)? {
        let values = stored_values(row, shape, encoding).during(reading)?;
        if choice_of(&values, shape) == choice {
            inserts.write(&values, out)?;
            counts.written += 1;
        } else {
            counts.left_out += 1;
        }
    }
    inserts.end_statement(out)?;
    Ok(counts)
}

/// Reads in key order: an index that happens to have all columns is not used instead.
fn select(table: &str, shape: &TableShape, encoding: TextEncoding) -> String {
    let mut sql = String::from("SELECT ");
    sql.push_str(shape.rowid.unwrap_or_default());
    for column in &shape.columns {
        let separator = if sql.ends_with("SELECT ") { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(sql, "{separator}{}", quoted_identifier(&column.name));
    }
    if encoding != TextEncoding::Utf8 {
        for column in &shape.columns {
            let name = quoted_identifier(&column.name);
            let _ = write!(sql, ",CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) END");
        }
    }
    let _ = write!(sql, " FROM main.{} NOT INDEXED", quoted_identifier(table));
    sql
}

/// The row's values in the order of the INSERT statement.
fn stored_values<'row>(
    row: &'row Row<'_>,
    shape: &TableShape,
    encoding: TextEncoding,
) -> rusqlite::Result<Vec<StoredValue<'row>>> {
    let numbered = usize::from(shape.rowid.is_some());
    let count = numbered + shape.columns.len();
    let mut values = Vec::with_capacity(count);
    for index in 0..count {
        let value = row.get_ref(index)?;
        let stored_utf16 = match value {
            ValueRef::Text(_) if encoding != TextEncoding::Utf8 => {
                // An empty blob and no blob are the same to SQLite's interface.
                match row.get_ref(shape.columns.len() + index)? {
                    ValueRef::Blob(bytes) => Some(bytes),
                    _ => Some([].as_slice()),
                }
            }
            _ => None,
        };
        values.push(StoredValue { value, stored_utf16 });
    }
    Ok(values)
}

fn choice_of(values: &[StoredValue<'_>], shape: &TableShape) -> RowChoice {
    let numbered = usize::from(shape.rowid.is_some());
    let kept = |(column, stored): (&super::schema::Column, &StoredValue<'_>)| {
        column.rule.keeps(stored.value)
    };
    if shape.columns.iter().zip(&values[numbered..]).all(kept) {
        RowChoice::Usual
    } else {
        RowChoice::Unusual
    }
}

/// Writes rows, several to a statement.
struct Inserts<'a> {
    table: &'a str,
    encoding: TextEncoding,
    longest_statement: u64,
    /// Everything up to the first row.
    start: Vec<u8>,
    /// Where in the dump the statement began that is being written.
    begun_at: Option<u64>,
}

impl<'a> Inserts<'a> {
    fn new(
        table: &'a str,
        shape: &TableShape,
        encoding: TextEncoding,
        longest_statement: u64,
    ) -> io::Result<Self> {
        let mut start = Vec::new();
        let mut text = DumpOutput::new(&mut start);
        text.text("INSERT INTO ")?;
        write_identifier(table, &mut text)?;
        text.text("(")?;
        text.text(shape.rowid.unwrap_or_default())?;
        for (index, column) in shape.columns.iter().enumerate() {
            if index > 0 || shape.rowid.is_some() {
                text.text(",")?;
            }
            write_identifier(&column.name, &mut text)?;
        }
        text.text(") VALUES")?;
        text.finish()?;
        Ok(Self { table, encoding, longest_statement, start, begun_at: None })
    }

    fn write(
        &mut self,
        values: &[StoredValue<'_>],
        out: &mut DumpOutput<'_>,
    ) -> Result<(), TextDumpError> {
        let bound: u64 = values.iter().map(StoredValue::literal_bound).sum();
        if bound > SHARED_STATEMENT_BYTES {
            // A long row has a statement of its own, to be as long as it may.
            self.end_statement(out)?;
            self.check_length(bound, values)?;
        }
        match self.begun_at {
            Some(_) => out.text(",\n(")?,
            None => {
                self.begun_at = Some(out.position());
                out.put(&self.start)?;
                out.text("\n(")?;
            }
        }
        self.write_values(values, out)?;
        out.text(")")?;
        if self.begun_at.is_some_and(|begin| out.position() - begin > SHARED_STATEMENT_BYTES) {
            self.end_statement(out)?;
        }
        Ok(())
    }

    fn write_values(&self, values: &[StoredValue<'_>], out: &mut DumpOutput<'_>) -> io::Result<()> {
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                out.text(",")?;
            }
            value.write(self.encoding, out)?;
        }
        Ok(())
    }

    /// Refuses a row whose statement could not be loaded, before any of it is written.
    fn check_length(&self, bound: u64, values: &[StoredValue<'_>]) -> Result<(), TextDumpError> {
        let around = self.start.len() as u64 + "\n();".len() as u64;
        let separators = values.len() as u64;
        if around + separators + bound <= self.longest_statement {
            return Ok(());
        }
        let mut nowhere = io::sink();
        let mut measured = DumpOutput::new(&mut nowhere);
        self.write_values(values, &mut measured)?;
        let bytes = around + measured.position();
        if bytes > self.longest_statement {
            return Err(TextDumpError::RowTooLarge { table: self.table.to_owned(), bytes });
        }
        Ok(())
    }

    fn end_statement(&mut self, out: &mut DumpOutput<'_>) -> io::Result<()> {
        if self.begun_at.take().is_some() {
            out.text(";\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prisma_local::sqlite::text_dump::schema::Column;
    use crate::prisma_local::sqlite::text_dump::stored_class::ColumnRule;

    /// Writes one row under a limit and tells how long the whole statement is.
    fn statement_length(value: ValueRef<'_>, limit: u64) -> Result<u64, TextDumpError> {
        let shape = TableShape {
            columns: vec![Column { name: "a".to_owned(), rule: ColumnRule::anything() }],
            rowid: None,
            strict: false,
            keeps_type: vec![false],
        };
        let mut nowhere = io::sink();
        let mut out = DumpOutput::new(&mut nowhere);
        let mut inserts = Inserts::new("t", &shape, TextEncoding::Utf8, limit)?;
        inserts.write(&[StoredValue { value, stored_utf16: None }], &mut out)?;
        inserts.end_statement(&mut out)?;
        Ok(out.position() - 1)
    }

    #[test]
    fn a_statement_is_as_long_as_sqlite_loads_and_no_longer() {
        let text = "it's\r\n".repeat(5000);
        for value in [ValueRef::Blob(&vec![7; 20_000]), ValueRef::Text(text.as_bytes())] {
            let length = statement_length(value, LONGEST_STATEMENT).unwrap();
            assert_eq!(statement_length(value, length).unwrap(), length);
            let error = statement_length(value, length - 1).unwrap_err();
            assert!(
                matches!(&error, TextDumpError::RowTooLarge { table, bytes } if table == "t" && *bytes == length),
                "{error}"
            );
        }
    }
}
