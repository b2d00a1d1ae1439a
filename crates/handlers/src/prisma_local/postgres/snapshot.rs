//! One instant of the database: the dump, the migrations' state and the counts are all of it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use backup_core::{Error, LiveState, Migrations};
use backup_protocol::RowCounts;

use super::connect::Reaching;
use super::inspect::tables_query;
use super::script::TableName;
use super::session::{Session, SessionEnd, identifier, literal};
use crate::prisma_local::migrations::{self, MIGRATION_COLUMNS};

/// Where Prisma writes the application's migrations since version 8, one row for each one that was applied, and
/// the columns that are read.
const LEDGER: (&str, &str) = ("prisma_contract", "ledger");
const LEDGER_COLUMNS: [&str; 3] = ["id", "space", "migration_name"];

/// So many tables are locked at most: the server has room for some thousands of locks, and the dump tool takes as
/// many again.
const MOST_LOCKED: u32 = 1_500;

/// Where Prisma keeps its tables unless the URL names a schema.
const DEFAULT_SCHEMA: &str = "public";
/// The SQLSTATE of a lock that was waited for in vain.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The SQLSTATE of a missing right.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// What the snapshot holds.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// By what name others join it.
    pub name: String,
    /// The tables whose rows a dump must hold, small ones first.
    pub tables: Vec<ExpectedTable>,
    pub migrations: Migrations,
}

/// A table whose rows a dump must hold.
#[derive(Clone, Debug)]
pub(super) struct ExpectedTable {
    pub name: TableName,
    pub oid: u32,
    /// The file that holds its rows: another one after it was rewritten.
    pub filenode: String,
    /// How many rows the server's statistics say that it has.
    pub live_rows: u64,
}

/// Where the migrations' state is looked for.
#[derive(Clone, Debug)]
pub(super) struct MigrationsTable {
    pub schema: String,
    pub table: String,
}

impl MigrationsTable {
    /// In the schema that the URL names, where Prisma looks too.
    pub(super) fn of(reaching: &Reaching, table: &str) -> Self {
        Self::in_schema(reaching.database.schema(), table)
    }

    /// In that schema, else where Prisma keeps its tables.
    pub(super) fn in_schema(schema: Option<&str>, table: &str) -> Self {
        Self { schema: schema.unwrap_or(DEFAULT_SCHEMA).to_owned(), table: table.to_owned() }
    }
}

/// Begins the transaction that everything is read in. It takes no lock that a reader or a writer feels, and
/// lasts until the session ends.
///
/// The tables are locked before the snapshot is taken: what rewrites a table in between (`TRUNCATE`, most of
/// `ALTER TABLE`) leaves no row of it in an older snapshot, and the dump tool would find it empty. `lock_wait` is
/// how long somebody else's exclusive lock is waited for.
pub(super) fn begin(
    session: &mut Session,
    migrations: &MigrationsTable,
    is_standby: bool,
    lock_wait: Duration,
) -> Result<Snapshot, SessionEnd> {
    session.run(&format!(
        "SELECT coalesce('LOCK TABLE ' || pg_catalog.string_agg('ONLY ' || \
             t.oid::pg_catalog.oid::pg_catalog.regclass::text, ', ') || ' IN ACCESS SHARE MODE', \
             'SELECT 1') AS locks \
         FROM (SELECT * FROM ({}) AS tables(oid, schema, name, filenode, live) LIMIT {MOST_LOCKED}) AS t \\gset\n\
         BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n\
         SET LOCAL lock_timeout = {}",
        tables_query(is_standby),
        lock_wait.as_millis()
    ))?;
    if let Some([state, sentence]) = session.refusal(":locks")? {
        return Err(SessionEnd::Fault(locked_or_gone(session, &state, sentence)?));
    }
    session.run("SET LOCAL lock_timeout = 0")?;
    let [name] = session.row("SELECT pg_catalog.pg_export_snapshot()")?;
    let tables = expected_tables(session, is_standby)?;
    Ok(Snapshot { name, tables, migrations: read_migrations(session, migrations)? })
}

/// The error where the tables could not be locked, which names those that somebody else keeps.
fn locked_or_gone(
    session: &mut Session,
    state: &str,
    sentence: String,
) -> Result<Error, SessionEnd> {
    session.run("ROLLBACK")?;
    if state == INSUFFICIENT_PRIVILEGE {
        let grants = Vec::new();
        return Ok(Error::PermissionDenied { missing: vec![sentence], grants, words: None });
    }
    if state != LOCK_NOT_AVAILABLE {
        return Ok(Error::Disturbed { detail: sentence });
    }
    let held: Vec<[String; 1]> = session.query(
        "SELECT DISTINCT relation::pg_catalog.regclass::text FROM pg_catalog.pg_locks \
         WHERE granted AND mode = 'AccessExclusiveLock' AND pid <> pg_catalog.pg_backend_pid() \
         AND database = (SELECT oid FROM pg_catalog.pg_database \
         WHERE datname = pg_catalog.current_database()) \
         AND relation IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p')) LIMIT 5",
    )?;
    if held.is_empty() {
        return Ok(Error::Disturbed { detail: sentence });
    }
    let names = held.iter().map(|[name]| name.as_str()).collect::<Vec<_>>().join(", ");
    Ok(Error::Disturbed { detail: format!("{sentence}: another session has locked {names}") })
}

/// The migrations' state, as the session sees it.
pub(super) fn read_migrations(
    session: &mut Session,
    place: &MigrationsTable,
) -> Result<Migrations, SessionEnd> {
    let MigrationsTable { schema, table } = place;
    if has_columns(session, schema, table, &MIGRATION_COLUMNS)? {
        let rows: Vec<[String; 2]> = session.query(&format!(
            "SELECT migration_name::text, (finished_at IS NOT NULL)::text FROM {}.{} \
             WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name",
            identifier(schema),
            identifier(table)
        ))?;
        let rows = rows.into_iter().map(|[name, finished]| (name, finished == "true"));
        return Ok(migrations::state(rows));
    }
    let (schema, table) = LEDGER;
    if !has_columns(session, schema, table, &LEDGER_COLUMNS)? {
        return Ok(Migrations::default());
    }
    // Each where it was last applied: the way may have led back and forth. None can have failed, for the row
    // is written in the migration's transaction.
    let rows: Vec<[String; 1]> = session.query(&format!(
        "SELECT migration_name FROM {}.{} WHERE space = 'app' AND migration_name <> '' \
         GROUP BY migration_name ORDER BY max(id)",
        identifier(schema),
        identifier(table)
    ))?;
    Ok(migrations::state(rows.into_iter().map(|[name]| (name, true))))
}

/// Whether there is such a table: one of that name may be another one.
fn has_columns(
    session: &mut Session,
    schema: &str,
    table: &str,
    columns: &[&str],
) -> Result<bool, SessionEnd> {
    let names: Vec<String> = columns.iter().map(|name| literal(name)).collect();
    let [found] = session.row(&format!(
        "SELECT count(*)::text FROM pg_catalog.pg_attribute a \
         JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND c.relkind IN ('r', 'p') AND NOT a.attisdropped \
         AND a.attname IN ({})",
        literal(schema),
        literal(table),
        names.join(", ")
    ))?;
    Ok(found.parse() == Ok(columns.len()))
}

/// What the database holds at one instant, its rows counted for as long as there is time.
pub(super) fn read_state(
    session: &mut Session,
    place: &MigrationsTable,
    lock_wait: Duration,
    time: Duration,
) -> Result<LiveState, SessionEnd> {
    let snapshot = begin(session, place, false, lock_wait)?;
    let unknown = |table: &ExpectedTable| (table.name.recorded(), None);
    let mut row_counts: RowCounts = snapshot.tables.iter().map(unknown).collect();
    count_rows(session, &snapshot.tables, time, &mut row_counts)?;
    session.run("ROLLBACK")?;
    Ok(LiveState { row_counts, migrations: snapshot.migrations })
}

/// What a transaction sees that has made it all itself, its rows counted for as long as there is time.
pub(super) fn read_state_within(
    session: &mut Session,
    place: &MigrationsTable,
    time: Duration,
) -> Result<LiveState, SessionEnd> {
    let tables = expected_tables(session, false)?;
    let migrations = read_migrations(session, place)?;
    let mut row_counts: RowCounts =
        tables.iter().map(|table| (table.name.recorded(), None)).collect();
    count_rows(session, &tables, time, &mut row_counts)?;
    Ok(LiveState { row_counts, migrations })
}

/// The tables whose rows a dump must hold, small ones first.
fn expected_tables(
    session: &mut Session,
    is_standby: bool,
) -> Result<Vec<ExpectedTable>, SessionEnd> {
    let tables: Vec<[String; 5]> = session.query(&tables_query(is_standby))?;
    let table = |[oid, schema, name, filenode, live_rows]: [String; 5]| ExpectedTable {
        name: TableName { schema, name },
        oid: oid.parse().unwrap_or_default(),
        filenode,
        live_rows: live_rows.parse().unwrap_or_default(),
    };
    Ok(tables.into_iter().map(table).collect())
}

/// Whether there are so few tables that all of them are locked.
pub(super) fn can_lock_all(tables: &[ExpectedTable]) -> bool {
    u32::try_from(tables.len()).is_ok_and(|count| count <= MOST_LOCKED)
}

/// Tables that were rewritten since the snapshot was taken: their rows may be missing in it. Beyond those that
/// could be locked there may be some.
pub(super) fn rewritten(
    session: &mut Session,
    tables: &[ExpectedTable],
) -> Result<Vec<String>, SessionEnd> {
    // The function reads the catalogue as it is now, not as the snapshot has it.
    let now: Vec<[String; 2]> = session.query(
        "SELECT c.oid::text, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::text \
         FROM pg_catalog.pg_class c WHERE c.relkind = 'r'",
    )?;
    let now: HashMap<u32, String> =
        now.into_iter().filter_map(|[oid, file]| Some((oid.parse().ok()?, file))).collect();
    let changed = tables.iter().filter(|table| now.get(&table.oid) != Some(&table.filenode));
    Ok(changed.map(|table| table.name.recorded()).collect())
}

/// Counts rows in the snapshot, table by table, for as long as there is time; what does not fit stays unknown.
pub(super) fn count_rows(
    session: &mut Session,
    tables: &[ExpectedTable],
    time: Duration,
    counts: &mut RowCounts,
) -> Result<(), SessionEnd> {
    let deadline = Instant::now() + time;
    for ExpectedTable { name: table, oid, .. } in tables {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        // A count that runs out of time takes itself back, and leaves the snapshot as it was.
        session.run(&format!(
            "SAVEPOINT counting; SET LOCAL statement_timeout = {}",
            left.as_millis().max(1)
        ))?;
        // The server writes the name: it knows it in every encoding.
        let counted = session.attempt(
            &format!(
                "SELECT pg_catalog.format('SELECT count(*) FROM ONLY %s', {oid}::pg_catalog.regclass)"
            ),
            "ROLLBACK TO SAVEPOINT counting; RELEASE SAVEPOINT counting",
        )?;
        let Some(Ok(count)) = counted.map(|count| count.parse()) else { return Ok(()) };
        counts.insert(table.recorded(), Some(count));
    }
    Ok(())
}
