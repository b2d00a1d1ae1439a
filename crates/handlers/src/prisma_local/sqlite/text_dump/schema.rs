//! Reading what the database is made of.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::error::{SqliteContext, TextDumpError};
use super::literals::quoted_identifier;
use super::stored_class::ColumnRule;

/// How the database stores text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextEncoding {
    Utf8,
    Utf16le,
    Utf16be,
}

/// What holds for the database as a whole.
pub(super) struct DatabaseSettings {
    pub(super) encoding: TextEncoding,
    pub(super) page_size: i64,
    pub(super) auto_vacuum: i64,
    pub(super) user_version: i64,
    pub(super) application_id: i64,
}

impl DatabaseSettings {
    pub(super) fn read(connection: &Connection) -> Result<Self, TextDumpError> {
        let number = |pragma: &str| {
            connection
                .query_row(&format!("PRAGMA main.{pragma}"), [], |row| row.get::<_, i64>(0))
                .during(|| format!("reading {pragma}"))
        };
        let encoding: String = connection
            .query_row("PRAGMA main.encoding", [], |row| row.get(0))
            .during(|| "reading the text encoding".to_owned())?;
        Ok(Self {
            encoding: match encoding.as_str() {
                "UTF-16le" => TextEncoding::Utf16le,
                "UTF-16be" => TextEncoding::Utf16be,
                _ => TextEncoding::Utf8,
            },
            page_size: number("page_size")?,
            auto_vacuum: number("auto_vacuum")?,
            user_version: number("user_version")?,
            application_id: number("application_id")?,
        })
    }
}

/// What a row of the schema table describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Table,
    VirtualTable,
    Index,
    View,
    Trigger,
}

impl ObjectKind {
    /// The schema table's own word for it.
    pub(super) fn stored_type(self) -> &'static str {
        match self {
            Self::Table | Self::VirtualTable => "table",
            Self::Index => "index",
            Self::View => "view",
            Self::Trigger => "trigger",
        }
    }
}

/// A row of the schema table.
pub(super) struct SchemaObject {
    pub(super) kind: ObjectKind,
    pub(super) name: String,
    pub(super) table: String,
    /// The statement that made it, as bytes because nothing keeps it from being
    /// ill-formed text.
    pub(super) sql: Vec<u8>,
}

impl SchemaObject {
    /// Whether SQLite itself keeps this table.
    pub(super) fn is_internal(&self) -> bool {
        self.name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"))
    }
}

/// Reads everything in the schema that has a statement of its own, in schema order;
/// the indexes that come with a table's constraints have none.
pub(super) fn read_schema(connection: &Connection) -> Result<Vec<SchemaObject>, TextDumpError> {
    let reading = || "reading the schema".to_owned();
    let mut statement = connection
        .prepare(
            "SELECT type, name, tbl_name, sql, rootpage FROM main.sqlite_master \
             WHERE sql IS NOT NULL ORDER BY rowid",
        )
        .during(reading)?;
    let mut rows = statement.query([]).during(reading)?;
    let mut objects = Vec::new();
    while let Some(row) = rows.next().during(reading)? {
        let stored_type: String = row.get(0).during(reading)?;
        let root_page: i64 = row.get(4).during(reading)?;
        let kind = match (stored_type.as_str(), root_page) {
            ("table", 0) => ObjectKind::VirtualTable,
            ("table", _) => ObjectKind::Table,
            ("index", _) => ObjectKind::Index,
            ("view", _) => ObjectKind::View,
            ("trigger", _) => ObjectKind::Trigger,
            _ => {
                return Err(TextDumpError::Unrepresentable {
                    what: format!("schema object of type {stored_type:?}"),
                    reason: "its type is not known",
                });
            }
        };
        let sql = match row.get_ref(3).during(reading)? {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        };
        objects.push(SchemaObject {
            kind,
            name: row.get(1).during(reading)?,
            table: row.get(2).during(reading)?,
            sql,
        });
    }
    Ok(objects)
}

/// A column with a stored value.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) rule: ColumnRule,
}

/// How the rows of a table are read and inserted.
pub(super) struct TableShape {
    pub(super) columns: Vec<Column>,
    /// The name by which the row number can be used, where it is not a column already.
    pub(super) rowid: Option<&'static str>,
    pub(super) strict: bool,
    /// For every column of the statement, whether it must keep its type even when no
    /// other does: the row number's own column, and generated columns.
    pub(super) keeps_type: Vec<bool>,
}

impl TableShape {
    pub(super) fn read(connection: &Connection, table: &str) -> Result<Self, TextDumpError> {
        let reading = || format!("reading the columns of table {table:?}");
        let described = describe_columns(connection, table).during(reading)?;
        let (without_rowid, strict) = table_options(connection, table).during(reading)?;
        let alias = if without_rowid {
            None
        } else {
            rowid_alias(connection, table, &described).during(reading)?
        };
        let rowid = if without_rowid || alias.is_some() {
            None
        } else {
            ["rowid", "_rowid_", "oid"].into_iter().find(|candidate| {
                !described.iter().any(|column| column.name.eq_ignore_ascii_case(candidate))
            })
        };
        let keeps_type = described
            .iter()
            .enumerate()
            .map(|(index, column)| column.generated || alias == Some(index))
            .collect();
        let columns = described
            .into_iter()
            .enumerate()
            .filter(|(_, column)| !column.generated)
            .map(|(index, column)| Column {
                // The row number is always an integer, whatever was declared.
                rule: if alias == Some(index) {
                    ColumnRule::anything()
                } else {
                    ColumnRule::of(&column.declared_type, column.not_null, strict)
                },
                name: column.name,
            })
            .collect();
        Ok(Self { columns, rowid, strict, keeps_type })
    }
}

struct DescribedColumn {
    name: String,
    declared_type: String,
    not_null: bool,
    primary_key: bool,
    generated: bool,
}

fn describe_columns(
    connection: &Connection,
    table: &str,
) -> rusqlite::Result<Vec<DescribedColumn>> {
    let mut statement = connection.prepare(
        "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid",
    )?;
    let columns = statement.query_map([table], |row| {
        Ok(DescribedColumn {
            name: row.get(0)?,
            declared_type: row.get(1)?,
            not_null: row.get(2)?,
            primary_key: row.get::<_, i64>(3)? > 0,
            generated: matches!(row.get::<_, i64>(4)?, 2 | 3),
        })
    })?;
    columns.collect()
}

/// Whether the table is WITHOUT ROWID, and whether it is STRICT.
fn table_options(connection: &Connection, table: &str) -> rusqlite::Result<(bool, bool)> {
    connection.query_row(
        &format!("PRAGMA main.table_list({})", quoted_identifier(table)),
        [],
        |row| Ok((row.get("wr")?, row.get("strict")?)),
    )
}

/// The column that is another name of the row number: a lone INTEGER PRIMARY KEY for
/// which SQLite made no index. The index tells `INTEGER PRIMARY KEY DESC` from it.
fn rowid_alias(
    connection: &Connection,
    table: &str,
    columns: &[DescribedColumn],
) -> rusqlite::Result<Option<usize>> {
    let mut key = columns.iter().enumerate().filter(|(_, column)| column.primary_key);
    let (Some((index, column)), None) = (key.next(), key.next()) else { return Ok(None) };
    if !column.declared_type.eq_ignore_ascii_case("INTEGER") {
        return Ok(None);
    }
    let has_index: bool = connection.query_row(
        "SELECT EXISTS(SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin = 'pk')",
        [table],
        |row| row.get(0),
    )?;
    Ok((!has_index).then_some(index))
}
