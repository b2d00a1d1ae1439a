//! Tables, indexes, views and triggers of every shape, and what holds for the database.

use super::*;
use crate::prisma_local::sqlite::text_dump::TextDumpError;
use rusqlite::config::DbConfig;

#[test]
fn an_empty_database_is_a_dump_too() {
    let summary = assert_round_trip(&database("PRAGMA user_version=0"));
    assert_eq!(summary, TextDumpSummary::default());
}

#[test]
fn settings_of_the_database_are_kept() {
    for settings in [
        "PRAGMA encoding='UTF-16le'; PRAGMA page_size=512; PRAGMA auto_vacuum=1",
        "PRAGMA encoding='UTF-16be'; PRAGMA page_size=65536; PRAGMA auto_vacuum=2",
        "PRAGMA encoding='UTF-8'; PRAGMA page_size=8192",
    ] {
        assert_round_trip(&database(&format!(
            "{settings}; CREATE TABLE t(a TEXT); INSERT INTO t VALUES ('é');
             PRAGMA user_version=-7; PRAGMA application_id=1196444487"
        )));
    }
}

#[test]
fn tables_of_every_shape_are_kept() {
    let summary = assert_round_trip(&database(
        "CREATE TABLE plain(a, b); INSERT INTO plain(rowid, a) VALUES (7, 1), (-3, 2), (9223372036854775807, 3);
         CREATE TABLE keyed(id INTEGER PRIMARY KEY, a); INSERT INTO keyed VALUES (-1, 'x'), (5, 'y');
         CREATE TABLE keyed_late(a, id INTEGER, PRIMARY KEY (id)); INSERT INTO keyed_late VALUES ('x', 12);
         CREATE TABLE descending(id INTEGER PRIMARY KEY DESC, a); INSERT INTO descending(rowid, id) VALUES (4, 1), (2, 7), (9, NULL);
         CREATE TABLE int_key(id INT PRIMARY KEY, a); INSERT INTO int_key(rowid, id) VALUES (40, 1);
         CREATE TABLE without(a TEXT, b INT, PRIMARY KEY (b DESC, a COLLATE NOCASE)) WITHOUT ROWID; INSERT INTO without VALUES ('x', 1), ('y', 2);
         CREATE TABLE strict(a INT, b REAL, c TEXT, d BLOB, e ANY) STRICT; INSERT INTO strict VALUES (1, 2, 'x', X'01', '007');
         CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, a); INSERT INTO counted VALUES (100, 'x'); DELETE FROM counted;
         CREATE TABLE counted_too(id INTEGER PRIMARY KEY AUTOINCREMENT);
         CREATE TABLE computed(a INT, v TEXT AS (a || 'v'), s INT GENERATED ALWAYS AS (a * 2) STORED UNIQUE, b); INSERT INTO computed(a, b) VALUES (1, 'x'), (NULL, 'y');
         CREATE TABLE one_shadowed(rowid TEXT, a); INSERT INTO one_shadowed(oid, rowid) VALUES (30, 'x');
         CREATE TABLE two_shadowed(RowId, _ROWID_); INSERT INTO two_shadowed(oid, rowid) VALUES (30, 'x');
         CREATE TABLE all_shadowed(rowid, _rowid_, oid); INSERT INTO all_shadowed VALUES (3, 2, 1), (1, 2, 3);
         CREATE TABLE empty(a);
         CREATE TABLE added(a); INSERT INTO added VALUES (1); ALTER TABLE added ADD COLUMN b INTEGER NOT NULL DEFAULT 5.0; ALTER TABLE added ADD COLUMN c TEXT DEFAULT 7;
         CREATE TABLE defaults(a DEFAULT 'x;', b DEFAULT (1 + 1), c DEFAULT \"word\", CHECK (a <> ';'));",
    ));
    assert_eq!(summary.tables, 17);
}

#[test]
fn names_of_every_kind_are_kept() {
    let names = [
        "a b",
        "it's",
        "say \"hi\"",
        "select",
        "🦀",
        "line\nbreak",
        "",
        "back`tick",
        "[bracket]",
        "semi;colon",
        "-- x",
        "/* x",
        "tab\there",
        "carriage\rreturn",
        "%s",
        "sqlitex",
        "é",
    ];
    let connection = database("SELECT 1");
    for name in names {
        let name = quoted_identifier(name);
        let batch = format!(
            "CREATE TABLE {name}({name} TEXT, b, c AS (b)); INSERT INTO {name}({name}, b) VALUES ('x', 1);
             CREATE INDEX {} ON {name}({name});",
            quoted_identifier(&format!("index {name}"))
        );
        connection.execute_batch(&batch).unwrap();
    }
    assert_round_trip(&connection);
}

#[test]
fn rows_that_break_constraints_are_kept() {
    assert_round_trip(&database(
        "CREATE TABLE parent(id INTEGER PRIMARY KEY);
         CREATE TABLE child(a REFERENCES parent(id), b CHECK (b > 0), CHECK (a < b));
         PRAGMA ignore_check_constraints=ON;
         INSERT INTO child VALUES (7, -1), (NULL, 'x');",
    ));
}

#[test]
fn triggers_do_not_fire_and_all_objects_are_kept() {
    assert_round_trip(&database(
        "CREATE TABLE log(what); CREATE TABLE t(a COLLATE NOCASE, b, UNIQUE (a, b));
         INSERT INTO t VALUES ('x', 1), ('y', 2);
         CREATE INDEX i1 ON t(a DESC, b COLLATE RTRIM); CREATE UNIQUE INDEX i2 ON t(b) WHERE b > 1;
         CREATE INDEX i3 ON t(lower(a), b + 1);
         CREATE VIEW v AS SELECT a, CASE b WHEN 1 THEN ';' END AS c FROM t;
         CREATE VIEW broken AS SELECT * FROM missing;
         CREATE VIEW named(\"x y\") AS WITH z AS (SELECT 1) SELECT * FROM z;
         CREATE TRIGGER tr1 AFTER INSERT ON t BEGIN INSERT INTO log VALUES ('tr1;'); SELECT CASE 1 WHEN 1 THEN 2 END; END;
         CREATE TRIGGER tr2 INSTEAD OF INSERT ON v BEGIN INSERT INTO missing VALUES (1); /* ; */ END;
         CREATE TRIGGER tr3 BEFORE DELETE ON t WHEN old.b > 1 BEGIN SELECT RAISE(ABORT, 'no;'); END;",
    ));
}

#[test]
fn statements_with_comments_and_line_breaks_are_kept() {
    assert_round_trip(&database(
        "CREATE TABLE t(a, -- first;\n b /* second; */\n);
         CREATE TABLE s(a INT) STRICT -- comment\n;
         CREATE VIEW v1 AS SELECT 1 -- one\n;
         CREATE INDEX i1 ON t(a) -- one\n;
         CREATE TABLE crlf(\r\n  a DEFAULT 'x',\r\n  b -- note\r\n);\r\n
         INSERT INTO crlf(b) VALUES (1);
         CREATE TABLE cr(\ra\r);
         CREATE VIEW v3 AS\r\nSELECT 'a\r\nb' AS x;
         CREATE TRIGGER tr AFTER INSERT ON t BEGIN\r\nINSERT INTO crlf VALUES ('a\r\nb', 1);\r\nEND;
         CREATE TABLE quoted(a DEFAULT 'x\r\ny', b AS ('x\r\ny' || a) STORED); INSERT INTO quoted(a) VALUES (1);
         CREATE INDEX i2 ON t(a) WHERE a <> 'x\r\ny'; INSERT INTO t VALUES ('x\ny', 1), ('x\r\ny', 2);
         CREATE VIEW v2 AS SELECT 1 /* open",
    ));
}

#[test]
fn statements_with_nul_or_ill_formed_text_are_kept() {
    let connection = database(
        "CREATE TABLE t(a); CREATE VIEW v AS SELECT 1; PRAGMA writable_schema=ON;
         UPDATE sqlite_master SET sql = sql || char(0) || 'rest;' WHERE name = 't';
         UPDATE sqlite_master SET sql = sql || char(0) WHERE name = 'v';
         PRAGMA writable_schema=RESET; INSERT INTO t VALUES (1);",
    );
    assert_round_trip(&connection);
}

#[test]
fn statistics_and_sequences_are_kept() {
    assert_round_trip(&database(
        "CREATE TABLE t(a, b); CREATE INDEX i ON t(a, b);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO t SELECT i % 7, 'x' || i FROM n;
         CREATE TABLE dropped(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO dropped VALUES (9); DROP TABLE dropped;
         INSERT INTO sqlite_sequence VALUES ('gone', 4), (NULL, 'odd');
         ANALYZE;",
    ));
    assert_round_trip(&database(
        "CREATE TABLE t(a); CREATE INDEX i ON t(a); INSERT INTO t VALUES (1); ANALYZE; DROP TABLE sqlite_stat4;
         CREATE TABLE c(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO c VALUES (7);
         UPDATE sqlite_sequence SET seq = 1000;",
    ));
}

#[test]
fn names_the_shell_would_change_are_refused() {
    for sql in ["CREATE TABLE \"a\r\nb\"(x)", "CREATE TABLE t(\"a\r\nb\")"] {
        let error = write_text_dump(&database(sql), &mut Vec::new()).unwrap_err();
        assert!(matches!(error, TextDumpError::Unrepresentable { .. }), "{error}");
    }
}

/// Newer shells and several drivers forbid edits of the schema table.
#[test]
fn ordinary_tables_load_in_defensive_mode() {
    let original = database(
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT); INSERT INTO t(a) VALUES ('x\r\n');
         CREATE INDEX i ON t(a); CREATE VIEW v AS SELECT * FROM t; ANALYZE; DROP TABLE sqlite_stat4;
         CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM t; END",
    );
    let (dump, _) = dump_of(&original);
    let connection = Connection::open_in_memory().unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).unwrap();
    connection.execute_batch(std::str::from_utf8(&dump).unwrap()).unwrap();
    assert_same(&content(&connection), &content(&original));
}

/// The `sqlite3` shell since 3.45 allows edits of the schema table to scripts that begin
/// so; other text would be refused by it.
#[test]
fn dumps_begin_as_the_shell_expects() {
    let (dump, _) = dump_of(&database("CREATE VIRTUAL TABLE f USING fts5(a)"));
    let dump = String::from_utf8(dump).unwrap();
    let mut statements = dump.lines().filter(|line| !line.starts_with("--"));
    assert_eq!(statements.next(), Some("PRAGMA foreign_keys=OFF;"));
    assert_eq!(statements.next(), Some("BEGIN TRANSACTION;"));
    let settings = statements.next().unwrap();
    assert!(
        settings.starts_with("COMMIT; ") && settings.ends_with("; BEGIN TRANSACTION;"),
        "{settings}"
    );
}
