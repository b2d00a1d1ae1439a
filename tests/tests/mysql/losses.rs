//! What some versions of mydumper lose or cannot write: the folder is whole, or refused by name.

use backup_tests::servers::MariadbServer;

use crate::whole_or_refused;

fn keeps(about: &str, sql: &str) {
    let server = MariadbServer::shared();
    let database = server.new_database(about);
    server.sql(&database, sql);
    whole_or_refused(server, &database, None);
}

/// As `keeps`, but a warning that says what is lost is enough.
fn keeps_or_warns(about: &str, words: &str, sql: &str) {
    let server = MariadbServer::shared();
    let database = server.new_database(about);
    server.sql(&database, sql);
    whole_or_refused(server, &database, Some(words));
}

const DAILY: &str = "ON SCHEDULE EVERY 1 DAY STARTS '2030-01-20 10:00:00' DISABLE DO";

#[test]
fn invisible_columns_are_not_lost() {
    keeps(
        "invisible",
        "CREATE TABLE t (a int, b int INVISIBLE); INSERT INTO t (a, b) VALUES (1, 2)",
    );
}

#[test]
fn addresses_and_uuids_are_not_lost() {
    keeps(
        "addresses",
        "CREATE TABLE t (a inet6, b uuid); INSERT INTO t VALUES ('2001:db8::ff00:42:8329', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')",
    );
}

#[test]
fn tables_of_odd_names_are_not_lost() {
    for name in ["back``tick", "it's", "\"quoted\"", "slash/colon:"] {
        keeps("names", &format!("CREATE TABLE `{name}` (id int); INSERT INTO `{name}` VALUES (1)"));
    }
}

#[test]
fn columns_of_odd_names_are_not_lost() {
    keeps(
        "columns",
        "CREATE TABLE t (`a``b` int, `c\"d` int, `e'f` int); INSERT INTO t VALUES (1, 2, 3)",
    );
    keeps(
        "generated",
        "CREATE TABLE t (`a``b` int, twice int AS (`a``b` * 2)); INSERT INTO t (`a``b`) VALUES (1)",
    );
    keeps("view", "CREATE TABLE t (a int); CREATE VIEW v AS SELECT a AS `fake ``end` FROM t");
}

#[test]
fn programs_of_odd_names_are_not_lost() {
    keeps(
        "trigger",
        "CREATE TABLE t (a int); CREATE TRIGGER `a``b` BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1",
    );
    keeps(
        "procedure",
        "CREATE PROCEDURE `a``b`() SELECT 1; CREATE FUNCTION `it's`() RETURNS int RETURN 1",
    );
    keeps("event", &format!("SET time_zone = '+00:00'; CREATE EVENT `a``b` {DAILY} SET @a = 1"));
}

#[test]
fn packages_are_not_lost() {
    keeps(
        "packages",
        "SET sql_mode = ORACLE;\nDELIMITER //\nCREATE PACKAGE tools AS FUNCTION one RETURN int; END;\n//\n\
         CREATE PACKAGE BODY tools AS FUNCTION one RETURN int AS BEGIN RETURN 1; END; END;\n//\n",
    );
}

#[test]
fn the_mode_of_programs_is_not_lost() {
    let mode = "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT', time_zone = '+00:00'; CREATE TABLE t (a text);";
    for program in [
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = concat('a' || 'x')"
            .to_owned(),
        "CREATE PROCEDURE p() SELECT \"a\" || 'x' FROM t".to_owned(),
        format!("CREATE EVENT e {DAILY} INSERT INTO t VALUES ('a' || 'x')"),
    ] {
        keeps_or_warns("mode", "sql_mode", &format!("{mode} {program}"));
    }
}

#[test]
fn the_time_zone_of_events_is_not_lost() {
    keeps_or_warns(
        "zone",
        "time zone",
        &format!("SET time_zone = '+03:00'; CREATE EVENT e {DAILY} SET @a = 1"),
    );
}

#[test]
fn texts_within_programs_are_not_changed() {
    let body = "BEGIN SET @a = 'a;\nb'; SET @b = 1; END//";
    for program in [
        format!("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW {body}"),
        format!("CREATE PROCEDURE p() {body}"),
        format!("CREATE EVENT e {DAILY} {body}"),
    ] {
        keeps_or_warns(
            "bodies",
            "every blank",
            &format!(
                "SET time_zone = '+00:00'; CREATE TABLE t (a int);\nDELIMITER //\n{program}\n"
            ),
        );
    }
}

#[test]
fn databases_of_odd_names_are_not_lost() {
    let server = MariadbServer::shared();
    for name in
        ["back`ticks", "it's a \"quoted\" one ", "--dashes", "maße ☕", "sl/ash?", "per%cent_ a.b"]
    {
        let name = name.trim_end();
        server.create_database(name);
        server.sql(name, "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1), (2); CREATE VIEW v AS SELECT id FROM items; CREATE PROCEDURE p() SELECT 1");
        whole_or_refused(server, name, Some("every blank"));
    }
}

#[test]
fn tables_called_as_mydumper_calls_its_files_are_not_lost() {
    for name in ["a-schema", "a-schema-view", "a.sql", "-schema-create"] {
        keeps(
            "files",
            &format!(
                "CREATE TABLE `{name}` (id int); INSERT INTO `{name}` VALUES (1); CREATE TABLE a (b int); INSERT INTO a VALUES (1)"
            ),
        );
    }
}
