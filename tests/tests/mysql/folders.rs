//! Folders of mydumper come back.

use backup_tests::servers::{Dialect, MariadbServer, many_tables};
use serde_json::{Value, json};

use crate::{Made, comes_back, create, folder, objects, project};

/// The rich database without what some versions of mydumper lose; that is in `losses.rs`.
fn rich_for_mydumper() -> String {
    let server = MariadbServer::shared();
    let database = server.new_database("foldable");
    server.load_rich_without_odd_names(&database);
    server.sql(
        &database,
        "DROP TABLE only_hidden, `a.b`; ALTER TABLE generated MODIFY hidden int DEFAULT 7;
         ALTER TABLE every_type DROP id_of_all, DROP host4, DROP host6;
         ALTER TABLE MixedCase DROP COLUMN `with \"quotes\" 'too'`; DROP SEQUENCE `never; used`;
         DROP VIEW a_view_of_a_later_view; DROP FUNCTION product_of;
         DROP TRIGGER `before; insert`; DROP TRIGGER before_insert_too; DROP TRIGGER after_update;
         DROP TRIGGER on_help; DROP EVENT `every; day`;
         DROP FUNCTION looks_like_a_dump; DROP PROCEDURE `tidy; up`; DROP PROCEDURE rows_of;
         CREATE FUNCTION looks_like_a_dump(a int, b text) RETURNS text DETERMINISTIC RETURN '-- Dump completed';
         CREATE PROCEDURE `all rows`() SELECT label, count(*) FROM nasty_texts GROUP BY label;
         CREATE TRIGGER `on insert` BEFORE INSERT ON MixedCase FOR EACH ROW SET NEW.camelCase = ';;';
         SET time_zone = '+00:00'; CREATE EVENT `every day` ON SCHEDULE EVERY 1 DAY STARTS '2030-01-20 10:00:00' DISABLE DO SET @a = 1;",
    );
    database
}

#[test]
fn the_rich_database_comes_back_from_folders_of_every_compression() {
    let server = MariadbServer::shared();
    let database = rich_for_mydumper();
    let project = project(server.url(&database));
    for compression in [json!(false), json!(true), json!("zstd")] {
        let made = Made::by(&project, &create("directory", &compression));
        let copy = made.assert_comes_back(&project, server, &database);
        assert_eq!(objects(server, &copy), objects(server, &database));
        assert!(made.result["file_path"].as_str().unwrap().ends_with(".dir"));
        assert_eq!(made.result["compressed"], compression != json!(false));
        // Older versions know gzip alone.
        let used = &made.manifest["artifact"]["compression"];
        let asked = if compression == json!(false) { "none" } else { "gzip" };
        assert!(used == asked || compression == *used, "{used}");
        assert_eq!(made.warnings().contains("no zstd"), compression == "zstd" && used == "gzip");
        assert_eq!(made.manifest["backup_method"], "mydumper");
        assert!(made.manifest["tools"]["mydumper"].is_string());
        assert_eq!(made.manifest["migrations"]["applied_count"], 3);
        let files = std::fs::read_dir(&made.artifact).unwrap().map(|file| file.unwrap());
        let bytes: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
        assert_eq!(made.result["size_bytes"], bytes);
        assert!(!made.warnings().contains("no-locks"), "{}", made.warnings());
    }
}

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
