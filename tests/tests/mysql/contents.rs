//! What a dump may lose or mistake, beyond what the rich database has.

use backup_tests::servers::MariadbServer;
use serde_json::json;

use crate::formats::rich;
use crate::{Made, comes_back, objects, plain, project};

#[test]
fn texts_that_look_like_a_dump_are_neither_rows_nor_its_end() {
    let server = MariadbServer::shared();
    let database = server.new_database("lookalikes");
    let end = "\\n-- Dump completed on 2025-01-20 10:00:00\\n";
    server.sql(
        &database,
        &format!(
            "CREATE TABLE notes (id int PRIMARY KEY, body text) COMMENT 'INSERT INTO `notes` VALUES (9);{end}';\n\
             INSERT INTO notes VALUES (1, 'INSERT INTO `notes` VALUES (2,''x'');\\nINSERT INTO `notes` VALUES (3);'),\n\
             (2, '),(4,''not a row''),('), (3, '{end}'), (4, 'CREATE TABLE `more` (`id` int);\\n');\n\
             CREATE TABLE `INSERT INTO ``notes`` VALUES (1)` (`VALUES (1),(2)` int);\n\
             INSERT INTO `INSERT INTO ``notes`` VALUES (1)` VALUES (1), (2), (3);\n\
             CREATE TABLE `-- Dump completed` (id int);"
        ),
    );
    let made = comes_back(server, &database, &plain());
    let rows = json!({"-- Dump completed": 0, "INSERT INTO `notes` VALUES (1)": 3, "notes": 4});
    assert_eq!(made.manifest["row_counts"], rows);
}

#[test]
fn texts_in_other_characters_come_back() {
    let server = MariadbServer::shared();
    let database = server.new_database("characters");
    let columns = [
        ("latin1", "naïve €"),
        ("latin2", "żółć"),
        ("cp1251", "Привет"),
        ("koi8r", "Привет"),
        ("greek", "αβγ"),
        ("hebrew", "שלום"),
        ("sjis", "表ソ能"),
        ("ujis", "日本語"),
        ("gbk", "汉字縗"),
        ("big5", "功許蓋"),
        ("euckr", "한국어"),
        ("ucs2", "ü☕"),
        ("utf16", "😀"),
        ("utf32", "😀"),
        ("utf8mb3", "☕"),
        ("utf8mb4", "👩‍👩‍👧"),
    ];
    let defined: Vec<String> = columns
        .iter()
        .map(|(name, _)| format!("in_{name} varchar(40) CHARACTER SET {name}"))
        .collect();
    let values: Vec<String> =
        columns.iter().map(|(_, text)| format!("'{text}\\\\''\\n'")).collect();
    server.sql(
        &database,
        &format!(
            "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german1_ci;\n\
             CREATE TABLE texts (id int PRIMARY KEY, {}); INSERT INTO texts VALUES (1, {});",
            defined.join(", "),
            values.join(", ")
        ),
    );
    comes_back(server, &database, &plain());
}

#[test]
fn packages_come_back() {
    let server = MariadbServer::shared();
    let database = server.new_database("packages");
    server.sql(
        &database,
        "SET sql_mode = ORACLE;\nDELIMITER //\n\
         CREATE PACKAGE tools AS FUNCTION one RETURN int; END;\n//\n\
         CREATE PACKAGE BODY tools AS FUNCTION one RETURN int AS BEGIN RETURN 1; END; END;\n//\n",
    );
    let project = project(server.url(&database));
    let made = Made::by(&project, &plain());
    let copy = made.assert_comes_back(&project, server, &database);
    assert_eq!(objects(server, &copy)["packages"], 2);
    assert_eq!(server.value(&copy, "SET sql_mode = ORACLE; SELECT tools.one()"), "1");
}

#[test]
fn former_rows_of_a_table_that_keeps_them_come_back_or_are_said_to_be_missing() {
    let server = MariadbServer::shared();
    let database = server.new_database("versions");
    server.sql(
        &database,
        "CREATE TABLE prices (id int PRIMARY KEY, price int) WITH SYSTEM VERSIONING;\n\
         INSERT INTO prices VALUES (1, 10), (2, 20); UPDATE prices SET price = 11 WHERE id = 1;\n\
         DELETE FROM prices WHERE id = 2;",
    );
    let project = project(server.url(&database));
    let made = Made::by(&project, &plain());
    let copy = made.restored(server);
    let all = "SELECT count(*) FROM prices FOR SYSTEM_TIME ALL";
    assert_eq!(server.value(&copy, "SELECT price FROM prices"), "11");
    assert!(
        server.value(&copy, all) == server.value(&database, all)
            || made.warnings().contains("prices"),
        "former rows are lost in silence: {:#}",
        made.result
    );
}

#[test]
fn a_view_of_something_that_is_gone_fails_the_backup_and_is_named() {
    let server = MariadbServer::shared();
    let database = server.new_database("broken");
    server.sql(
        &database,
        "CREATE TABLE gone (id int); CREATE VIEW `left behind` AS SELECT * FROM gone; DROP TABLE gone",
    );
    let project = project(server.url(&database));
    let answer = project.ask(&plain());
    assert_eq!(answer["status"], "error", "{answer:#}");
    assert!(answer.to_string().contains("left behind"), "{answer:#}");
    assert_eq!(project.files(), [""; 0]);
}

/// MariaDB's tool never ends where an event's body has two semicolons.
#[test]
fn a_tool_that_never_ends_is_stopped() {
    let server = MariadbServer::shared();
    let database = server.new_database("endless");
    server.sql(
        &database,
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-20 10:00:00' DISABLE DO SET @a = ';;'",
    );
    let project = project(server.url(&database));
    project.configure(|settings| settings["backup"] = json!({"stall_seconds": 1}));
    let answer = project.ask(&plain());
    if answer["status"] == "success" {
        let made = Made::of(&project, answer["result"].clone());
        made.assert_comes_back(&project, server, &database);
        return;
    }
    assert_eq!(answer["code"], "verification_failed", "{answer:#}");
    assert_eq!(project.files(), [""; 0]);
}

#[test]
fn no_statement_of_a_dump_names_the_database_or_the_server() {
    let server = MariadbServer::shared();
    let text = Made::by(&project(server.url(rich())), &plain()).text();
    for words in
        ["\nCREATE DATABASE", "\nUSE `", "\nALTER DATABASE", "GTID_PURGED", "CHANGE MASTER"]
    {
        assert!(!text.contains(words), "{words}");
    }
}

#[test]
fn a_table_whose_rows_are_in_other_tables_has_none_of_its_own() {
    let server = MariadbServer::shared();
    let database = server.new_database("merged");
    server.sql(
        &database,
        "CREATE TABLE one (id int) ENGINE MyISAM; CREATE TABLE two LIKE one;\n\
         INSERT INTO one VALUES (1), (2); INSERT INTO two VALUES (3);\n\
         CREATE TABLE both_of_them (id int) ENGINE MERGE UNION (one, two);",
    );
    let project = project(server.url(&database));
    let made = Made::by(&project, &plain());
    let copy = made.restored(server);
    assert_eq!(server.value(&copy, "SELECT count(*) FROM both_of_them"), "3");
    let counts = &made.manifest["row_counts"];
    assert_eq!((&counts["one"], &counts["two"]), (&json!(2), &json!(1)));
    // Nothing, unknown or what a count finds; but not a number that no count will find again.
    let merged = &counts["both_of_them"];
    assert!(merged.is_null() || merged == 3, "{merged} rows of a table that answers with 3");
}

#[test]
fn a_table_that_tells_former_rows_apart_by_transactions_comes_back_without_them() {
    let server = MariadbServer::shared();
    let database = server.new_database("transactions");
    server.sql(
        &database,
        "CREATE TABLE kept (id int PRIMARY KEY, words text, begun bigint unsigned GENERATED ALWAYS AS ROW START, \
         ended bigint unsigned GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (begun, ended)) WITH SYSTEM VERSIONING; \
         INSERT INTO kept (id, words) VALUES (1, 'a'), (2, 'b'); UPDATE kept SET words = 'c'; DELETE FROM kept WHERE id = 2",
    );
    let project = project(server.url(&database));
    let made = Made::by(&project, &plain());
    assert!(
        made.warnings().contains("those of kept, which tells them apart by transactions"),
        "{}",
        made.warnings()
    );
    assert_eq!(made.rows()["kept"], 1);
    let copy = made.restored(server);
    assert_eq!(server.value(&copy, "SELECT group_concat(concat(id, words)) FROM kept"), "1c");
}
