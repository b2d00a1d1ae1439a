//! Which virtual tables a dump can carry, and how.
//!
//! A full-text or R-tree table keeps all it has in ordinary tables (its shadow tables),
//! which are dumped like any other. The virtual table itself becomes a row of the schema
//! table, as in the dumps of the `sqlite3` shell: `CREATE VIRTUAL TABLE` would want to
//! make the shadow tables itself, and a contentless index could not be filled again.

use super::error::TextDumpError;
use super::schema::{ObjectKind, SchemaObject};
use super::sql_text::virtual_table_module;

/// The modules whose tables consist of their shadow tables, or of nothing at all.
const MODULES_WITHIN_THE_DATABASE: [&str; 9] = [
    "fts3",
    "fts4",
    "fts5",
    "rtree",
    "rtree_i32",
    "geopoly",
    // These show what another table has.
    "fts4aux",
    "fts5vocab",
    "fts3tokenize",
];

/// Refuses virtual tables whose content may be somewhere else.
pub(super) fn check_virtual_tables(schema: &[SchemaObject]) -> Result<(), TextDumpError> {
    for object in schema.iter().filter(|object| object.kind == ObjectKind::VirtualTable) {
        let module = virtual_table_module(&object.sql).unwrap_or_default();
        if !MODULES_WITHIN_THE_DATABASE.iter().any(|known| module.eq_ignore_ascii_case(known)) {
            return Err(TextDumpError::UnsupportedVirtualTable {
                table: object.name.clone(),
                module,
            });
        }
    }
    Ok(())
}
