//! Rows written straight into the schema table of the database being loaded.
//!
//! What `CREATE` statements cannot bring back exactly: virtual tables whose shadow tables
//! are there already, and statements whose text a script cannot carry as it is.

use std::io;

use super::output::DumpOutput;
use super::schema::{SchemaObject, TextEncoding};
use super::text_literals::write_text;

/// Statements that edit the schema table of the database being loaded.
pub(super) struct SchemaEdits {
    encoding: TextEncoding,
    /// Whether SQLite's picture of the schema must be read anew.
    pub(super) outdated: bool,
}

impl SchemaEdits {
    pub(super) fn new(encoding: TextEncoding) -> Self {
        Self { encoding, outdated: false }
    }

    /// Adds an object that has no pages of its own: a virtual table, view or trigger.
    pub(super) fn add(
        &mut self,
        object: &SchemaObject,
        out: &mut DumpOutput<'_>,
    ) -> io::Result<()> {
        self.outdated = true;
        out.text("PRAGMA writable_schema=ON;\n")?;
        out.text("INSERT INTO sqlite_master(type,name,tbl_name,rootpage,sql) VALUES('")?;
        out.text(object.kind.stored_type())?;
        out.text("',")?;
        self.literal(object.name.as_bytes(), out)?;
        out.text(",")?;
        self.literal(object.table.as_bytes(), out)?;
        out.text(",0,")?;
        self.literal(&object.sql, out)?;
        out.text(");\nPRAGMA writable_schema=OFF;\n")
    }

    /// Replaces the statement of an object.
    pub(super) fn replace(
        &mut self,
        object: &SchemaObject,
        sql: &[u8],
        out: &mut DumpOutput<'_>,
    ) -> io::Result<()> {
        self.outdated = true;
        out.text("PRAGMA writable_schema=ON;\nUPDATE sqlite_master SET sql=")?;
        self.literal(sql, out)?;
        out.text(" WHERE type='")?;
        out.text(object.kind.stored_type())?;
        out.text("' AND name=")?;
        self.literal(object.name.as_bytes(), out)?;
        out.text(";\nPRAGMA writable_schema=OFF;\n")
    }

    /// Has SQLite read the schema anew.
    pub(super) fn take_effect(&mut self, out: &mut DumpOutput<'_>) -> io::Result<()> {
        if std::mem::take(&mut self.outdated) {
            out.text("PRAGMA writable_schema=RESET;\n")?;
        }
        Ok(())
    }

    fn literal(&self, text: &[u8], out: &mut DumpOutput<'_>) -> io::Result<()> {
        write_text(text, None, self.encoding, out)
    }
}
