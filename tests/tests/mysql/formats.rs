//! Text dumps of every compression, of every shape of database.

use std::sync::OnceLock;

use backup_tests::servers::{Dialect, MariadbServer, many_tables};
use serde_json::{Value, json};

use crate::{Made, comes_back, create, objects, plain, project};

/// The rich database on the shared server; nobody writes to it.
pub(crate) fn rich() -> &'static str {
    static RICH: OnceLock<String> = OnceLock::new();
    RICH.get_or_init(|| {
        let database = MariadbServer::shared().new_database("rich");
        MariadbServer::shared().load_rich(&database);
        database
    })
}

/// Every compression, and how its artifact is called.
fn compressions() -> [(Value, &'static str, &'static str); 3] {
    [
        (json!(false), ".sql", "none"),
        (json!(true), ".sql.gz", "gzip"),
        (json!("zstd"), ".sql.zst", "zstd"),
    ]
}

#[test]
fn the_rich_database_comes_back_from_every_compression() {
    let server = MariadbServer::shared();
    let project = project(server.url(rich()));
    for (compression, extension, name) in compressions() {
        let made = Made::by(&project, &create("sql", &compression));
        let copy = made.assert_comes_back(&project, server, rich());
        assert_eq!(made.manifest["artifact"]["compression"], name);
        assert!(made.result["file_path"].as_str().unwrap().ends_with(extension));
        let there = objects(server, &copy);
        assert_eq!(there, objects(server, rich()));
        for (kind, count) in there {
            assert!(count > 0 || kind == "packages", "the rich database has no {kind}");
        }
    }
}

#[test]
fn many_tables_come_back() {
    let server = MariadbServer::shared();
    let database = server.new_database("many");
    server.sql(&database, &many_tables(Dialect::Mysql, 150));
    let made = comes_back(server, &database, &create("sql", &json!(true)));
    assert_eq!(made.result["row_totals"], json!({"tables": 150, "rows": 1500, "unknown": 0}));
}

#[test]
fn a_database_without_tables_comes_back() {
    let server = MariadbServer::shared();
    let database = server.new_database("empty");
    for (compression, ..) in compressions() {
        let made = comes_back(server, &database, &create("sql", &compression));
        assert_eq!(made.rows().len(), 0);
        assert_eq!(made.manifest["migrations"]["applied_count"], 0);
        assert_eq!(made.manifest["migrations"]["last_migration"], Value::Null);
    }
    server.sql(&database, "CREATE PROCEDURE alone() SELECT 1; CREATE SEQUENCE lonely");
    comes_back(server, &database, &plain());
}

#[test]
fn tables_without_rows_come_back() {
    let server = MariadbServer::shared();
    let database = server.new_database("bare");
    server.sql(&database, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b LIKE a");
    for (compression, ..) in compressions() {
        let made = comes_back(server, &database, &create("sql", &compression));
        assert_eq!(made.manifest["row_counts"], json!({"a": 0, "b": 0}));
        assert_eq!(made.result["row_totals"], json!({"tables": 2, "rows": 0, "unknown": 0}));
    }
}
