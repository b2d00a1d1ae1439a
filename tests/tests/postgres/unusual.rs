//! Databases and users that are set up otherwise than most.

use std::collections::BTreeMap;

use backup_tests::live_host::wait_until;
use backup_tests::servers::PostgresServer;
use serde_json::json;

use crate::backup::{Backup, FORMATS, expected_row_counts, project, verify};

/// The database goes the whole way in every format; the copies have these rows.
fn assert_comes_back(url: &str, database: &str, rows: &BTreeMap<String, u64>) {
    let server = PostgresServer::shared();
    let project = project(url);
    for format in FORMATS {
        let made = Backup::make(&project, json!({"format": format, "compression": true}));
        made.assert_no_warnings();
        assert_eq!(made.row_counts(), *rows, "{format}");
        let verified = verify(&project, made.id(), "full");
        assert_eq!(verified["status"], "success", "{verified:#}");
        let copy = format!("{database}_{format}");
        made.restore(server, &copy);
        assert_eq!(expected_row_counts(server, &copy), *rows, "{format}");
    }
}

#[test]
fn databases_in_other_encodings_come_back() {
    let server = PostgresServer::shared();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let database = format!("in_{encoding}");
        let create = format!(
            "CREATE DATABASE \"{database}\" ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        );
        server.sql("postgres", &create);
        let sql =
            "SET client_encoding = 'UTF8'; CREATE TABLE \"größe\" AS SELECT n, 'ä' || n AS \"wört\"
            FROM generate_series(1, 7) AS n; CREATE TABLE plain AS SELECT 'é' AS word";
        server.sql(&database, sql);
        let rows = [("public.größe".to_owned(), 7), ("public.plain".to_owned(), 1)].into();
        assert_comes_back(&server.url(&database), &database, &rows);
    }
}

#[test]
fn what_a_database_is_set_to_changes_nothing() {
    let server = PostgresServer::shared();
    let database = server.new_database("set");
    server.sql(
        &database,
        "CREATE TABLE marker AS SELECT n, '😀 \\' AS word, '\\xff00'::bytea AS bytes, 0.1::float8 AS tenth
            FROM generate_series(1, 30) AS n;
         CREATE SCHEMA hidden; CREATE TABLE hidden.marker AS SELECT 1 AS id",
    );
    for (name, value) in [
        ("search_path", "hidden, nowhere"),
        ("statement_timeout", "300"),
        ("lock_timeout", "300"),
        ("idle_in_transaction_session_timeout", "500"),
        ("idle_session_timeout", "500"),
        ("default_transaction_read_only", "on"),
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_deferrable", "on"),
        ("row_security", "on"),
        ("standard_conforming_strings", "off"),
        ("bytea_output", "escape"),
        ("DateStyle", "German, DMY"),
        ("extra_float_digits", "-15"),
        ("client_encoding", "LATIN1"),
        ("client_min_messages", "debug1"),
        ("quote_all_identifiers", "on"),
    ] {
        // Some of these no session could be used with any more.
        let alter = format!("ALTER DATABASE {database} SET {name} = {value}");
        let quoted = format!("ALTER DATABASE {database} SET {name} = '{value}'");
        let list = name == "search_path" || name == "DateStyle";
        server.sql("postgres", if list { &alter } else { &quoted });
    }
    let rows = [("public.marker".to_owned(), 30), ("hidden.marker".to_owned(), 1)].into();
    assert_comes_back(&server.url(&database), &database, &rows);
    let copy = format!("{database}_sql");
    let word = "SELECT word || encode(bytes, 'hex') || tenth FROM marker LIMIT 1";
    assert_eq!(server.value(&copy, word), "😀 \\ff000.1");
}

#[test]
fn who_may_only_read_makes_whole_backups_and_leaves_no_session() {
    let server = PostgresServer::shared();
    let database = server.new_database("read");
    server.sql(
        &database,
        "CREATE SCHEMA other; CREATE TABLE other.marker (id bigserial, word text);
         INSERT INTO other.marker (word) SELECT 'x' FROM generate_series(1, 40);
         REVOKE ALL ON SCHEMA public FROM PUBLIC",
    );
    server.create_role("only reads", "secret", "IN ROLE pg_read_all_data");
    let rows = [("other.marker".to_owned(), 40)].into();
    let url = server.url_with("only reads", "secret", &database, &[]);
    assert_comes_back(&url, &database, &rows);
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'");
    wait_until("no session is left", || server.value("postgres", &sessions) == "0");
}

#[test]
fn a_dry_run_looks_and_writes_nothing() {
    let server = PostgresServer::shared();
    let database = server.new_database("looked_at");
    let project = project(&server.url(&database));
    for format in FORMATS {
        let parameters = json!({"environment": "dev", "dry_run": true, "format": format});
        let plan =
            project.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
        assert_eq!(plan["dry_run"], true);
        assert_eq!(project.files(), [""; 0]);
    }
}
