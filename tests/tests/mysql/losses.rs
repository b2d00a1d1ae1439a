//! What some versions of mydumper lose or cannot write: the folder is whole, or refused by name.

use backup_tests::servers::MariadbServer;

use crate::whole_or_refused;

fn keeps(about: &str, sql: &str) {
    let server = MariadbServer::shared();
    let database = server.new_database(about);
    server.sql(&database, sql);
    whole_or_refused(server, &database, None);
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
    keeps(
        "dots",
        "CREATE TABLE `a.00000` (id int); CREATE TABLE a (b int); INSERT INTO `a.00000` VALUES (1)",
    );
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
