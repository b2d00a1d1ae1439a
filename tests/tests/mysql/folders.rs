//! Folders of mydumper come back.

use backup_tests::servers::{Dialect, MariadbServer, many_tables};
use serde_json::{Value, json};

use crate::{Made, comes_back, create, folder, project};

#[test]
fn folders_of_many_tables_of_none_and_of_none_with_rows_come_back() {
    let server = MariadbServer::shared();
    let database = server.new_database("many_files");
    server.sql(&database, &many_tables(Dialect::Mysql, 30));
    let made = comes_back(server, &database, &create("directory", &json!(true)));
    assert_eq!(made.result["row_totals"], json!({"tables": 30, "rows": 300, "unknown": 0}));
    let database = server.new_database("bare_files");
    let made = comes_back(server, &database, &folder());
    assert_eq!(made.manifest["row_counts"], json!({}));
    server.sql(&database, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b LIKE a");
    let made = comes_back(server, &database, &folder());
    assert_eq!(made.manifest["row_counts"], json!({"a": 0, "b": 0}));
}

#[test]
fn with_the_global_read_lock_several_threads_write_a_folder() {
    let server = MariadbServer::shared();
    let database = server.new_database("threads");
    server.sql(&database, &many_tables(Dialect::Mysql, 20));
    let project = project(server.url(&database));
    project.configure(|settings| {
        settings["backup"] = json!({"global_read_lock": true, "threads": 3});
    });
    let made = Made::by(&project, &create("directory", &json!(true)));
    made.assert_comes_back(&project, server, &database);
    assert_eq!(made.warnings(), "");
}

#[test]
fn numbers_and_bytes_come_back_from_a_folder() {
    let server = MariadbServer::shared();
    let database = server.new_database("values");
    server.sql(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, d double, x decimal(65, 30), b bit(64), v varbinary(300), j json, g geometry, y year, s set ('a', 'b'));
         INSERT INTO t VALUES (1, 1.7976931348623157e308, 12345678901234567890123456789012345.123456789012345678901234567890, b'1111111111111111111111111111111111111111111111111111111111111111',
            unhex('00ff5c5c0a0d1a2722'), '{\"a\": \"\\\\n\\\\\"\"}', ST_GeomFromText('POINT(1e300 -0)'), 2155, 'a,b'),
            (2, -4.9406564584124654e-324, 0, b'0', '', '[]', NULL, 0, ''), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
         SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; CREATE TABLE zero (id int AUTO_INCREMENT PRIMARY KEY); INSERT INTO zero VALUES (0), (7)",
    );
    let made = comes_back(server, &database, &folder());
    assert_eq!(made.manifest["row_counts"]["t"], Value::from(3));
}
