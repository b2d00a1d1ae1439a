//! Backups that are brought back into a live database: whole or not at all, after a safety backup.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod asked;
mod in_place;
mod killed;
mod left_out;
mod live;
mod missing;
mod mysql;
mod newer_tools;
mod postgres;
mod refused;
mod replaced;
mod room;
mod round_trips;
mod second_process;

use std::path::Path;

use backup_tests::Project;
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

/// The request that brings a backup of dev back.
fn restore(id: &str) -> Value {
    json!({"operation": "restore-backup", "parameters": {"environment": "dev", "backup_id": id}})
}

/// Makes a backup of dev and returns its id.
fn made(project: &Project, format: &str, compression: &Value) -> String {
    let parameters = json!({"environment": "dev", "format": format, "compression": compression});
    let result = project.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
    result["backup_id"].as_str().unwrap().to_owned()
}

/// The file of an environment's database.
fn file(project: &Project, environment: &str) -> std::path::PathBuf {
    project.database(environment).path().unwrap().into()
}

/// Everything in a database: its schema, and every row of every table.
fn content(path: &Path) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    content_of(&connection).unwrap()
}

fn content_of(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.execute_batch("BEGIN")?;
    let integrity: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let mut content = vec![integrity];
    let mut schema = connection
        .prepare("SELECT name, type, coalesce(sql, '') FROM sqlite_schema ORDER BY name")?;
    let objects = schema.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let objects: Vec<(String, String, String)> = objects.collect::<rusqlite::Result<_>>()?;
    for (name, kind, sql) in objects {
        content.push(sql);
        if kind != "table" {
            continue;
        }
        let name = name.replace('"', "\"\"");
        let mut rows = connection.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let columns = rows.column_count();
        let rows = rows.query_map([], |row| {
            let cells: Vec<Cell> =
                (0..columns).map(|place| row.get(place)).collect::<rusqlite::Result<_>>()?;
            Ok(format!("{name}: {cells:?}"))
        })?;
        content.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    connection.execute_batch("ROLLBACK")?;
    Ok(content)
}

/// Changes everything: the schema, the rows, the migrations.
fn change(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = OFF; BEGIN; \
             CREATE TABLE changed (a); INSERT INTO changed VALUES (1), (2), (3); \
             INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count) \
             VALUES ('x', 'x', '20990101000000_too_far', '2099-01-01', '2099-01-01', 1); COMMIT;",
        )
        .unwrap();
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('changed', '_prisma_migrations')")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    for table in tables {
        connection.execute_batch(&format!("DELETE FROM \"{table}\"")).unwrap();
    }
}
