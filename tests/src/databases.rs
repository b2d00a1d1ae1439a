//! Databases worth losing: rich ones, large ones, and writers that never pause.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// Everything that a dump can get wrong, in one script.
const RICH: &str = r#"
PRAGMA user_version = 7411;
PRAGMA application_id = 1112297299;
CREATE TABLE "_prisma_migrations" (
    "id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME,
    "migration_name" TEXT NOT NULL, "logs" TEXT, "rolled_back_at" DATETIME,
    "started_at" DATETIME NOT NULL, "applied_steps_count" INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "_prisma_migrations" VALUES
    ('b1', 'x', 2, '20250301000000_first', NULL, NULL, 1, 1),
    ('b2', 'x', 4, '20250302000000_second', NULL, NULL, 3, 1),
    ('b3', 'x', NULL, '20250303000000_broken', 'boom', NULL, 5, 0);
CREATE TABLE "values"(id INTEGER PRIMARY KEY, anything, "a ""quoted"" name" TEXT);
INSERT INTO "values"(anything) VALUES
    (NULL), (0), (-9223372036854775808), (9223372036854775807), (0.1), (-0.0), (1e300), (9e999), (-9e999),
    (''), ('it''s'), ('two' || char(10) || 'lines'), ('carriage' || char(13) || char(10) || 'return'),
    (CAST(x'6e756c00696e73696465' AS TEXT)), (CAST(x'00' AS TEXT)), (x''), (x'00ff0d0a27'),
    ('Ünïcode ✓ 😀'), ('1'), ('1.0'), (x'31'), ('-- no comment'), ('; DROP TABLE "values";');
INSERT INTO "values"(anything) VALUES (zeroblob(70000)), (hex(randomblob(40000)));
CREATE TABLE prices(net REAL NOT NULL, tax REAL NOT NULL,
    gross REAL GENERATED ALWAYS AS (net + tax) STORED, shown TEXT AS ('€' || gross) VIRTUAL,
    CHECK (net >= 0));
INSERT INTO prices(net, tax) VALUES (10, 1.9), (0.1, 0.2), (1e10, 0);
CREATE TABLE words(word TEXT COLLATE NOCASE, language TEXT, n INT, PRIMARY KEY(word, language)) WITHOUT ROWID;
INSERT INTO words VALUES ('Buch', 'de', 1), ('book', 'en', 2), ('libro', 'es', 3);
CREATE TABLE strict_one(id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB, note ANY) STRICT;
INSERT INTO strict_one(body, note) VALUES (x'cafe', 1), (x'00', 'text'), (NULL, 2.5);
DELETE FROM strict_one WHERE id = 3;
CREATE TABLE parent(id INTEGER PRIMARY KEY);
CREATE TABLE child(id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent(id));
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (1, 2), (2, 1), (3, 1);
CREATE TABLE log(id INTEGER PRIMARY KEY, at TEXT);
CREATE TRIGGER prices_logged AFTER INSERT ON prices BEGIN INSERT INTO log(at) VALUES (datetime('now')); END;
CREATE VIEW dear AS SELECT * FROM prices WHERE gross > 1;
CREATE UNIQUE INDEX words_by_number ON words(n) WHERE n > 0;
CREATE INDEX values_by_length ON "values"(length(anything));
CREATE VIRTUAL TABLE search USING fts5(title, body, tokenize = 'porter');
INSERT INTO search VALUES ('first', 'the quick brown fox'), ('second', 'jumped over'), ('third', 'lazy dogs');
DELETE FROM search WHERE rowid = 2;
"#;

/// Fills an empty database with everything that a dump can get wrong.
pub fn fill_rich(connection: &Connection) {
    connection.execute_batch(RICH).unwrap();
}

/// Adds a table of about so many megabytes, half of which no compression can shrink.
pub fn fill_large(connection: &Connection, megabytes: u32) {
    let rows = megabytes * 740;
    connection
        .execute_batch(&format!(
            "CREATE TABLE big(id INTEGER PRIMARY KEY, text TEXT, bytes BLOB);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             INSERT INTO big SELECT i, hex(randomblob(200)), randomblob(900) FROM n;
             CREATE INDEX big_by_text ON big(substr(text, 1, 8));"
        ))
        .unwrap();
}

/// What is in a database, to be compared: every object of the schema, every row of every table with
/// types and bytes, and the numbers in the header that belong to the user.
pub fn content(path: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open(path).unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut content = BTreeMap::from([
        (
            " header".to_owned(),
            ["user_version", "application_id", "encoding"]
                .map(|name| list(&format!("SELECT {name} || '' FROM pragma_{name}")).concat())
                .to_vec(),
        ),
        (
            " schema".to_owned(),
            list(
                "SELECT type || ' ' || name || ' ' || sql FROM sqlite_schema \
                 WHERE sql IS NOT NULL ORDER BY 1",
            ),
        ),
    ]);
    let tables = list(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') \
         AND name != 'sqlite_schema' AND name NOT LIKE 'sqlite_stat%'",
    );
    for table in tables {
        let quoted = table.replace('"', "\"\"");
        let columns = list(&format!(
            "SELECT '\"' || replace(name, '\"', '\"\"') || '\"' FROM pragma_table_xinfo('{}') WHERE hidden != 1",
            table.replace('\'', "''")
        ));
        let told: Vec<String> = columns
            .iter()
            .map(|name| {
                format!(
                    "typeof({name}) || CASE typeof({name}) WHEN 'real' THEN printf('%!.17g', {name}) \
                     ELSE hex(CAST({name} AS BLOB)) END"
                )
            })
            .collect();
        let row = told.join(" || ',' || ");
        content.insert(
            table.clone(),
            list(&format!("SELECT coalesce({row}, '') FROM \"{quoted}\" ORDER BY 1")),
        );
    }
    content
}

/// The rows of every table that a manifest counts.
pub fn row_counts<'a>(
    path: &Path,
    tables: impl IntoIterator<Item = &'a String>,
) -> BTreeMap<String, u32> {
    let connection = Connection::open(path).unwrap();
    tables
        .into_iter()
        .map(|table| {
            let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
            (table.clone(), connection.query_row(&sql, [], |row| row.get::<_, u32>(0)).unwrap())
        })
        .collect()
}

/// What `PRAGMA integrity_check` says of a database.
pub fn integrity(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

/// A writer that inserts rows without pause, one committed statement each, into a table `pulse`.
#[derive(Debug)]
pub struct BusyWriter {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl BusyWriter {
    /// Starts it, and waits for its first rows.
    pub fn start(path: PathBuf) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_mins(1)).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS pulse(id INTEGER PRIMARY KEY, at TEXT NOT NULL)",
            )
            .unwrap();
        let (stopped, counter) = (Arc::clone(&stop), Arc::clone(&written));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                connection
                    .execute("INSERT INTO pulse(at) VALUES (hex(randomblob(40)))", [])
                    .expect("a backup keeps no writer from writing");
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        let writer = Self { stop, written, thread: Some(thread) };
        writer.wait_for(5);
        writer
    }

    /// How many rows were committed so far.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Waits until so many more rows were committed: the writer is alive.
    pub fn wait_for(&self, more: u64) {
        let (before, begun) = (self.written(), Instant::now());
        while self.written() < before + more {
            assert!(begun.elapsed() < Duration::from_mins(1), "the writer is stuck");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops it. Says how many rows it committed.
    pub fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().expect("the writer ended well");
        self.written()
    }
}
