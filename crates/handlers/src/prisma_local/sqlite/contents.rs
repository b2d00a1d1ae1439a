//! What is in a copy: the migrations' state and the rows of every table.

use backup_core::Migrations;
use backup_protocol::RowCounts;
use rusqlite::Connection;

use super::connection::quoted;
use crate::prisma_local::migrations::{self, MIGRATION_COLUMNS};

/// Where Prisma writes them since version 8, one row for each one that was applied, and its columns.
const LEDGER: &str = "_prisma_ledger";
const LEDGER_COLUMNS: [&str; 3] = ["id", "space", "migration_name"];

/// The migrations' state. Where no table says it, there is none.
pub(super) fn migrations(connection: &Connection, table: &str) -> rusqlite::Result<Migrations> {
    Ok(if has_columns(connection, table, &MIGRATION_COLUMNS)? {
        by_table(connection, table)?
    } else if has_columns(connection, LEDGER, &LEDGER_COLUMNS)? {
        by_ledger(connection)?
    } else {
        Migrations::default()
    })
}

/// Whether there is such a table: one of that name may be another one.
fn has_columns(connection: &Connection, table: &str, wanted: &[&str]) -> rusqlite::Result<bool> {
    let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let columns: Vec<String> =
        columns.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(wanted.iter().all(|wanted| columns.iter().any(|column| column == wanted)))
}

/// Applied are those that were finished and not rolled back, failed those that were neither.
fn by_table(connection: &Connection, table: &str) -> rusqlite::Result<Migrations> {
    let sql = format!(
        "SELECT migration_name, finished_at IS NOT NULL FROM {} \
         WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name",
        quoted(table)
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(migrations::state(rows.collect::<rusqlite::Result<Vec<_>>>()?))
}

/// The application's own migrations, without those of its extensions, each where it was last applied: the
/// way may have led back and forth. Changes without a migration have no name. None can have failed, for
/// the row is written in the migration's transaction.
fn by_ledger(connection: &Connection) -> rusqlite::Result<Migrations> {
    let sql = format!(
        "SELECT migration_name FROM {LEDGER} WHERE space = 'app' AND migration_name <> '' \
         GROUP BY migration_name ORDER BY max(id)"
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, true)))?;
    Ok(migrations::state(rows.collect::<rusqlite::Result<Vec<_>>>()?))
}

/// The rows of every table, exact; unknown where a virtual table's module is not part of this program.
/// Shadow tables and SQLite's own are no tables of the project.
pub(super) fn row_counts(connection: &Connection) -> rusqlite::Result<RowCounts> {
    let mut tables = connection.prepare(
        "SELECT name, type FROM pragma_table_list \
         WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let tables: Vec<(String, String)> = tables
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut counts = RowCounts::new();
    for (table, kind) in tables {
        let sql = format!("SELECT count(*) FROM {}", quoted(&table));
        let counted = connection.query_row(&sql, [], |row| row.get::<_, i64>(0));
        let count = match counted {
            Ok(count) => Some(count.unsigned_abs()),
            Err(_) if kind == "virtual" => None,
            Err(error) => return Err(error),
        };
        counts.insert(table, count);
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applied_is_finished_and_not_rolled_back() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE _prisma_migrations(id, migration_name, started_at, finished_at, rolled_back_at);
                 INSERT INTO _prisma_migrations VALUES
                   (1, '2_second', 20, 21, NULL), (2, '1_first', 10, 11, NULL),
                   (3, '3_undone', 30, 31, 32), (4, '4_failed', 40, NULL, NULL);",
            )
            .unwrap();
        let found = migrations(&connection, "_prisma_migrations").unwrap();
        assert_eq!(found.applied_count, 2);
        assert_eq!(found.migrations_list, ["1_first", "2_second"]);
        assert_eq!(found.last_migration.as_deref(), Some("2_second"));
        assert_eq!(found.failed_migrations, ["4_failed"]);
        assert_eq!(migrations(&connection, "elsewhere").unwrap(), Migrations::default());
    }

    #[test]
    fn since_version_eight_the_ledger_says_what_was_applied() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE _prisma_ledger(
                   id INTEGER PRIMARY KEY AUTOINCREMENT,
                   created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
                   space TEXT NOT NULL, migration_name TEXT NOT NULL, migration_hash TEXT NOT NULL,
                   origin_core_hash TEXT, destination_core_hash TEXT NOT NULL, operations TEXT NOT NULL);
                 INSERT INTO _prisma_ledger
                   (space, migration_name, migration_hash, origin_core_hash, destination_core_hash, operations)
                 VALUES
                   ('app', '20260101T0900_init', 'm1', NULL, 'a', '[]'),
                   ('pgvector', '20260101T0900_extension', 'e1', NULL, 'x', '[]'),
                   ('app', '20260102T0900_there', 'm2', 'a', 'b', '[]'),
                   ('app', '20260103T0900_and_back', 'm3', 'b', 'a', '[]'),
                   ('app', '20260102T0900_there', 'm2', 'a', 'b', '[]'),
                   ('app', '', 'c', 'b', 'c', '[]');",
            )
            .unwrap();
        let found = migrations(&connection, "_prisma_migrations").unwrap();
        assert_eq!(
            found.migrations_list,
            ["20260101T0900_init", "20260103T0900_and_back", "20260102T0900_there"]
        );
        assert_eq!(found.applied_count, 3);
        assert_eq!(found.last_migration.as_deref(), Some("20260102T0900_there"));
        assert_eq!(found.failed_migrations, [""; 0]);
        connection
            .execute_batch(
                "CREATE TABLE _prisma_migrations(id, migration_name, started_at, finished_at, rolled_back_at);
                 INSERT INTO _prisma_migrations VALUES (1, '1_first', 10, 11, NULL);",
            )
            .unwrap();
        let found = migrations(&connection, "_prisma_migrations").unwrap();
        assert_eq!(found.migrations_list, ["1_first"], "its own table counts while it is there");
    }

    #[test]
    fn every_table_of_the_project_is_counted() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE \"odd \"\" name\"(a); INSERT INTO \"odd \"\" name\" VALUES(1),(2);
                 CREATE TABLE empty(a INTEGER PRIMARY KEY AUTOINCREMENT);
                 CREATE VIRTUAL TABLE search USING fts5(text); INSERT INTO search VALUES('x');
                 CREATE VIEW seen AS SELECT * FROM empty;",
            )
            .unwrap();
        let counts = row_counts(&connection).unwrap();
        let expected = [("empty", Some(0)), ("odd \" name", Some(2)), ("search", Some(1))];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    }
}
