//! Dumps loaded back by the real `sqlite3` shell and by the SQLite of this program.

mod properties;
mod schema;
mod values;
mod virtual_tables;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::literals::quoted_identifier;
use super::{TextDumpEndCheck, TextDumpSummary, write_text_dump};

/// A new database made by these statements.
fn database(statements: &str) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("PRAGMA foreign_keys=OFF").unwrap();
    connection.execute_batch(statements).unwrap();
    connection
}

fn dump_of(connection: &Connection) -> (Vec<u8>, TextDumpSummary) {
    let mut dump = Vec::new();
    let summary = write_text_dump(connection, &mut dump).unwrap();
    let mut check = TextDumpEndCheck::new();
    check.write_all(&dump).unwrap();
    assert_eq!(check.finish(), Ok(()));
    (dump, summary)
}

/// Loads a dump with the `sqlite3` shell, as a user would.
#[track_caller]
fn load_with_shell(dump: &[u8], folder: &Path) -> Connection {
    let script = folder.join("dump.sql");
    std::fs::write(&script, dump).unwrap();
    let database = folder.join("loaded.db");
    let _ = std::fs::remove_file(&database);
    let output = Command::new("sqlite3")
        .arg(&database)
        .stdin(Stdio::from(File::open(&script).unwrap()))
        .output()
        .expect("the tests need the sqlite3 shell");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(output.status.success());
    Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

#[track_caller]
fn load_with_library(dump: &[u8]) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(std::str::from_utf8(dump).unwrap()).unwrap();
    connection
}

/// Dumps, loads with shell and library, and compares everything.
#[track_caller]
fn assert_round_trip(original: &Connection) -> TextDumpSummary {
    let folder = tempfile::tempdir().unwrap();
    let (dump, summary) = dump_of(original);
    let expected = content(original);
    let loaded_by_shell = load_with_shell(&dump, folder.path());
    assert_same(&content(&loaded_by_shell), &expected);
    let loaded_by_library = load_with_library(&dump);
    assert_same(&content(&loaded_by_library), &expected);
    // Equal content has the same dump, which compares once more in another way.
    assert_eq!(
        String::from_utf8_lossy(&dump_of(&loaded_by_shell).0),
        String::from_utf8_lossy(&dump)
    );
    summary
}

#[track_caller]
fn assert_same(found: &[String], expected: &[String]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

/// Everything in a database, a line for each thing.
fn content(connection: &Connection) -> Vec<String> {
    let mut lines = Vec::new();
    for pragma in ["encoding", "page_size", "auto_vacuum", "user_version", "application_id"] {
        lines.extend(query(connection, &format!("PRAGMA {pragma}")));
    }
    lines.extend(query(
        connection,
        "SELECT type, name, tbl_name, sql, rootpage = 0 FROM sqlite_master ORDER BY 1, 2",
    ));
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY 1")
        .unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    for table in tables {
        let table = table.unwrap();
        lines.push(format!("table {table}"));
        lines.extend(rows_of(connection, &table));
    }
    lines
}

fn rows_of(connection: &Connection, table: &str) -> Vec<String> {
    let mut columns =
        connection.prepare("SELECT name FROM pragma_table_xinfo(?1) ORDER BY cid").unwrap();
    let columns: Vec<String> =
        columns.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut outputs = Vec::new();
    let without_rowid: bool = connection
        .query_row(&format!("PRAGMA main.table_list({})", quoted_identifier(table)), [], |row| {
            row.get("wr")
        })
        .unwrap();
    if !without_rowid {
        let free = ["rowid", "oid", "_rowid_"]
            .into_iter()
            .find(|name| !columns.iter().any(|column| column.eq_ignore_ascii_case(name)));
        outputs.extend(free.map(str::to_owned));
    }
    for column in &columns {
        let name = quoted_identifier(column);
        outputs.push(format!("typeof({name}), quote({name}), CAST({name} AS BLOB), {name}"));
    }
    let table = quoted_identifier(table);
    query(connection, &format!("SELECT {} FROM {table} NOT INDEXED", outputs.join(",")))
}

/// The rows of a query, each as a line.
fn query(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let count = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let mut line = String::new();
        for index in 0..count {
            match row.get_ref(index).unwrap() {
                ValueRef::Real(number) => write!(line, "|real {:x}", number.to_bits()).unwrap(),
                ValueRef::Text(text) => write!(line, "|text {}", text.escape_ascii()).unwrap(),
                ValueRef::Blob(blob) => write!(line, "|blob {}", blob.escape_ascii()).unwrap(),
                other => write!(line, "|{other:?}").unwrap(),
            }
        }
        lines.push(line);
    }
    lines
}
