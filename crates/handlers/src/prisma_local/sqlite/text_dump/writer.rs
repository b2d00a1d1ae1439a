//! The order of things in a dump.

use std::io::{self, Write};

use rusqlite::Connection;

use super::TextDumpSummary;
use super::end_check::{FIRST_LINE, last_line};
use super::error::TextDumpError;
use super::literals::{write_identifier, write_integer};
use super::output::DumpOutput;
use super::relaxed_schema::relaxed_table_statement;
use super::schema::{
    DatabaseSettings, ObjectKind, SchemaObject, TableShape, TextEncoding, read_schema,
};
use super::schema_edits::SchemaEdits;
use super::sql_text::{has_line_break_pair, loadable_statement};
use super::system_tables::{SystemTable, prepare_sequence, prepare_statistics};
use super::table_rows::{RowChoice, write_rows};
use super::virtual_tables::check_virtual_tables;

/// Said at the top of dumps that edit the schema table. Other shells than these either
/// allow it or recognise a dump by its first statements.
const SCHEMA_EDITS_NOTE: &str = "\
-- This dump edits the schema table. The sqlite3 shells 3.42 to 3.44 load it with
-- sqlite3 -cmd '.dbconfig defensive off' new.db < dump.sql
";

/// Writes the whole dump.
pub(super) fn write_dump(
    connection: &Connection,
    destination: &mut dyn Write,
) -> Result<TextDumpSummary, TextDumpError> {
    let settings = DatabaseSettings::read(connection)?;
    let schema = read_schema(connection)?;
    check_virtual_tables(&schema)?;
    let mut writer = DumpWriter {
        connection,
        encoding: settings.encoding,
        edits: SchemaEdits::new(settings.encoding),
        inexact: Vec::new(),
        out: DumpOutput::new(destination),
        summary: TextDumpSummary::default(),
    };
    writer.start(&settings, &schema)?;
    writer.tables(&schema)?;
    writer.indexes_views_and_triggers(&schema)?;
    writer.end(&settings)
}

struct DumpWriter<'a> {
    connection: &'a Connection,
    encoding: TextEncoding,
    edits: SchemaEdits,
    /// Objects whose statement is not stored as the text it was.
    inexact: Vec<&'a SchemaObject>,
    out: DumpOutput<'a>,
    summary: TextDumpSummary,
}

impl<'a> DumpWriter<'a> {
    /// The shell since 3.45 takes a script for a dump, which may edit the schema table
    /// of a new database, by exactly these first two statements. The settings below must
    /// come before a transaction, and be in one line with its end and begin for the shell
    /// to see one transaction.
    fn start(&mut self, settings: &DatabaseSettings, schema: &[SchemaObject]) -> io::Result<()> {
        let out = &mut self.out;
        out.text(FIRST_LINE)?;
        if schema.iter().any(edits_the_schema) {
            out.text(SCHEMA_EDITS_NOTE)?;
        }
        out.text("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCOMMIT; PRAGMA page_size=")?;
        write_integer(settings.page_size, out)?;
        out.text("; PRAGMA auto_vacuum=")?;
        write_integer(settings.auto_vacuum, out)?;
        out.text("; PRAGMA encoding='")?;
        out.text(match settings.encoding {
            TextEncoding::Utf8 => "UTF-8",
            TextEncoding::Utf16le => "UTF-16le",
            TextEncoding::Utf16be => "UTF-16be",
        })?;
        out.text("'; BEGIN TRANSACTION;\nPRAGMA ignore_check_constraints=ON;\n")
    }

    fn tables(&mut self, schema: &'a [SchemaObject]) -> Result<(), TextDumpError> {
        let mut sequence = None;
        let mut statistics = Vec::new();
        for object in schema {
            match object.kind {
                ObjectKind::Table if object.is_internal() => match SystemTable::of(object)? {
                    SystemTable::Sequence => sequence = Some(object),
                    SystemTable::Statistics => statistics.push(object),
                },
                ObjectKind::Table => self.table(object)?,
                ObjectKind::VirtualTable => {
                    self.edits.add(object, &mut self.out)?;
                    self.summary.tables += 1;
                }
                ObjectKind::Index | ObjectKind::View | ObjectKind::Trigger => {}
            }
        }
        if let Some(sequence) = sequence {
            prepare_sequence(schema, &mut self.out)?;
            self.rows(sequence)?;
        }
        if !statistics.is_empty() {
            prepare_statistics(&statistics, &mut self.out)?;
            for table in statistics {
                self.rows(table)?;
            }
        }
        Ok(())
    }

    fn table(&mut self, table: &'a SchemaObject) -> Result<(), TextDumpError> {
        refuse_line_break_pair("table", &table.name)?;
        self.create(table)?;
        self.rows(table)
    }

    /// Writes the statement that makes a table or an index.
    fn create(&mut self, object: &'a SchemaObject) -> io::Result<()> {
        let statement = loadable_statement(&object.sql);
        self.out.put(statement.sql)?;
        self.out.text(statement.terminator)?;
        if statement.has_quoted_line_break {
            // What follows may compute with the string that has the line break.
            self.edits.replace(object, &object.sql, &mut self.out)?;
            self.edits.take_effect(&mut self.out)?;
        } else if !statement.keeps_its_text {
            self.inexact.push(object);
        }
        Ok(())
    }

    fn rows(&mut self, table: &SchemaObject) -> Result<(), TextDumpError> {
        let shape = TableShape::read(self.connection, &table.name)?;
        for column in &shape.columns {
            refuse_line_break_pair("column", &column.name)?;
        }
        let unusual = self.chosen_rows(table, &shape, RowChoice::Usual)?;
        self.summary.tables += 1;
        if unusual > 0 {
            let relaxed = relaxed_table_statement(&table.sql, &shape.keeps_type, shape.strict);
            self.out
                .text("-- The next rows were stored under other column types or constraints.\n")?;
            self.edits.replace(table, &relaxed, &mut self.out)?;
            self.edits.take_effect(&mut self.out)?;
            self.chosen_rows(table, &shape, RowChoice::Unusual)?;
            self.edits.replace(table, &table.sql, &mut self.out)?;
            self.edits.take_effect(&mut self.out)?;
        }
        Ok(())
    }

    /// Writes a choice of a table's rows and tells how many are left.
    fn chosen_rows(
        &mut self,
        table: &SchemaObject,
        shape: &TableShape,
        choice: RowChoice,
    ) -> Result<u64, TextDumpError> {
        let counts =
            write_rows(self.connection, &table.name, shape, self.encoding, choice, &mut self.out)?;
        self.summary.rows += counts.written;
        Ok(counts.left_out)
    }

    /// Triggers come last: one of a view needs the view, whatever order the schema has.
    fn indexes_views_and_triggers(
        &mut self,
        schema: &'a [SchemaObject],
    ) -> Result<(), TextDumpError> {
        let later = schema.iter().filter(|object| {
            matches!(object.kind, ObjectKind::Index | ObjectKind::View | ObjectKind::Trigger)
        });
        let (triggers, others): (Vec<_>, Vec<_>) =
            later.partition(|object| object.kind == ObjectKind::Trigger);
        for object in others.into_iter().chain(triggers) {
            match object.kind {
                ObjectKind::Index => self.index(object)?,
                _ if edits_the_schema(object) => self.edits.add(object, &mut self.out)?,
                _ => {
                    let statement = loadable_statement(&object.sql);
                    self.out.put(statement.sql)?;
                    self.out.text(statement.terminator)?;
                }
            }
        }
        Ok(())
    }

    fn index(&mut self, index: &'a SchemaObject) -> Result<(), TextDumpError> {
        refuse_line_break_pair("index", &index.name)?;
        self.create(index)?;
        if loadable_statement(&index.sql).has_quoted_line_break {
            self.out.text("REINDEX ")?;
            write_identifier(&index.name, &mut self.out)?;
            self.out.text(";\n")?;
        }
        Ok(())
    }

    fn end(mut self, settings: &DatabaseSettings) -> Result<TextDumpSummary, TextDumpError> {
        for object in std::mem::take(&mut self.inexact) {
            self.edits.replace(object, &object.sql, &mut self.out)?;
        }
        let out = &mut self.out;
        out.text("PRAGMA user_version=")?;
        write_integer(settings.user_version, out)?;
        out.text(";\nPRAGMA application_id=")?;
        write_integer(settings.application_id, out)?;
        out.text(";\nCOMMIT;\n")?;
        self.edits.take_effect(out)?;
        out.text("PRAGMA ignore_check_constraints=OFF;\n")?;
        let summary = self.summary;
        out.text(&last_line(summary.tables, summary.rows, out.position()))?;
        self.out.finish()?;
        Ok(summary)
    }
}

/// Whether writing this object edits the schema table.
fn edits_the_schema(object: &SchemaObject) -> bool {
    object.kind == ObjectKind::VirtualTable
        || (object.kind == ObjectKind::Table
            && object.is_internal()
            && needs_writable_schema(object))
        || !loadable_statement(&object.sql).keeps_its_text
}

/// Statistics tables other than the first are reserved names where they are not in use.
fn needs_writable_schema(table: &SchemaObject) -> bool {
    !["sqlite_sequence", "sqlite_stat1"].iter().any(|name| table.name.eq_ignore_ascii_case(name))
}

/// The name would be in statements the shell reads, which loses the carriage return.
fn refuse_line_break_pair(kind: &str, name: &str) -> Result<(), TextDumpError> {
    if has_line_break_pair(name.as_bytes()) {
        return Err(TextDumpError::Unrepresentable {
            what: format!("{kind} {name:?}"),
            reason: "its name has a carriage return before a line feed",
        });
    }
    Ok(())
}
