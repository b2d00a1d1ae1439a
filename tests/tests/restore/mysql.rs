//! MySQL and MariaDB: the tables of a scratch database take the place of the live ones, with all that belongs to them.

mod killed;
mod live;
mod refused;
mod unapplied;

use std::collections::BTreeMap;

use backup_tests::Project;
use backup_tests::servers::{MariadbOptions, MariadbServer};
use serde_json::{Value, json};

use crate::{made, restore};

fn project(url: impl std::fmt::Display) -> Project {
    Project::with_urls(&[("dev", url.to_string())])
}

/// The schema of a database, and the content of each table.
type Whole = (String, BTreeMap<String, String>);

/// Everything in a database.
fn whole(server: &MariadbServer, database: &str) -> Whole {
    (server.schema(database), server.content(database))
}

/// Changes everything that a dump holds: what was there is gone or another thing, and there is more.
fn change(server: &MariadbServer, database: &str) {
    server.sql(
        database,
        "SET foreign_key_checks = 0; DROP VIEW a_view_of_a_later_view, only_cheap, `view ☕`, z_orders_of; \
         DROP TRIGGER `before; insert`; DROP PROCEDURE rows_of; DROP FUNCTION looks_like_a_dump; \
         DROP EVENT `every; day`; DROP TABLE customer_order, no_rows, in_myisam; DROP SEQUENCE counting_down, `never; used`; CREATE TABLE counting_down (a int); \
         CREATE VIEW no_rows AS SELECT id FROM searched; \
         CREATE TABLE z_orders_of (a int); CREATE TABLE `never; used` (a int); \
         CREATE TABLE changed (id int PRIMARY KEY); INSERT INTO changed VALUES (1), (2), (3), (4), (5); \
         CREATE TRIGGER `before; insert` BEFORE INSERT ON changed FOR EACH ROW SET NEW.id = NEW.id + 100; \
         CREATE PROCEDURE rows_of() SELECT 'another'; CREATE FUNCTION added() RETURNS int RETURN 1; \
         CREATE VIEW added_view AS SELECT * FROM changed; \
         CREATE EVENT `every; day` ON SCHEDULE EVERY 1 DAY DO DELETE FROM changed; \
         CREATE EVENT added_event ON SCHEDULE EVERY 1 DAY DO DELETE FROM changed; \
         DELETE FROM _prisma_migrations WHERE migration_name LIKE '2025012%'; UPDATE `select` SET `from` = 9",
    );
}

/// The databases whose names have something after a database's name.
fn beside(server: &MariadbServer, database: &str, middle: &str) -> Vec<String> {
    let rows = server.query(
        "",
        &format!(
            "SELECT schema_name FROM information_schema.schemata WHERE left(schema_name, char_length('{database}{middle}')) = '{database}{middle}' ORDER BY 1"
        ),
    );
    rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

/// Nothing is left of a restore: no scratch database with a journal, and no journal in the project.
fn assert_tidy(server: &MariadbServer, project: &Project) {
    let left = server.query(
        "",
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'backup\\_manager\\_scratch\\_%'",
    );
    assert_eq!(left, Vec::<Vec<_>>::new());
    let journals = project.files().into_iter().filter(|name| name.contains("restore-journal"));
    assert_eq!(journals.collect::<Vec<_>>(), [""; 0]);
}

fn verify(id: &str) -> Value {
    json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": "restore"}})
}

/// A shop whose every kind of object says a word.
fn load_shop(server: &MariadbServer, database: &str, word: &str) {
    server.sql(
        database,
        &format!(
            "SET time_zone = '+02:00';
             CREATE SEQUENCE numbers START 7;
             CREATE TABLE state (id int PRIMARY KEY DEFAULT nextval(numbers), word varchar(20), CONSTRAINT word_of_{word} CHECK (word <> ''));
             CREATE TABLE other (id int PRIMARY KEY, state int, word varchar(20), CONSTRAINT its_state FOREIGN KEY (state) REFERENCES state (id) ON DELETE CASCADE);
             CREATE TABLE only_{word} (id int PRIMARY KEY, parent int, CONSTRAINT itself FOREIGN KEY (parent) REFERENCES only_{word} (id));
             CREATE TABLE history (id int PRIMARY KEY, word varchar(20)) WITH SYSTEM VERSIONING;
             CREATE TABLE items (id int AUTO_INCREMENT PRIMARY KEY, stamp varchar(20), word varchar(20)) ENGINE=MyISAM;
             INSERT INTO state (id, word) VALUES (1, '{word}'), (2, '{word}');
             INSERT INTO other VALUES (1, 1, '{word}'), (2, 2, '{word}');
             INSERT INTO history VALUES (1, '{word}'); UPDATE history SET word = upper(word);
             CREATE VIEW both_words AS SELECT s.word AS one, o.word AS two FROM state s JOIN other o ON o.state = s.id;
             CREATE DEFINER = 'shop definer'@'%' SQL SECURITY INVOKER VIEW of_view AS SELECT one FROM both_words WHERE one = '{word}';
             CREATE FUNCTION says() RETURNS varchar(20) DETERMINISTIC RETURN '{word}';
             CREATE DEFINER = 'shop definer'@'%' PROCEDURE only_{word}() SELECT '{word}';
             SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'; SET NAMES latin1;
             CREATE TRIGGER stamps BEFORE INSERT ON items FOR EACH ROW SET NEW.\"stamp\" = '{word}' || '' ;
             SET NAMES utf8mb4; SET sql_mode = DEFAULT;
             CREATE DEFINER = 'shop definer'@'%' TRIGGER stamps_too BEFORE UPDATE ON items FOR EACH ROW FOLLOWS_NOTHING SET NEW.stamp = '{word}';
             CREATE TRIGGER only_{word} AFTER DELETE ON other FOR EACH ROW SET @gone = '{word}';
             CREATE DEFINER = 'shop definer'@'%' EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-20 10:00:00' ON COMPLETION PRESERVE COMMENT '{word}' DO DELETE FROM items;
             CREATE VIEW asks_of_another AS SELECT s.word, e.engine FROM state s JOIN information_schema.engines e;
             CREATE TRIGGER `{database}`.named BEFORE DELETE ON `{database}`.items FOR EACH ROW SET @deleted = '{word}';
             CREATE EVENT only_{word} ON SCHEDULE AT '2036-01-20 10:00:00' DO BEGIN END;"
        )
        .replace("FOLLOWS_NOTHING ", ""),
    );
}

/// The word that the shop says, which is the same everywhere.
fn word(server: &MariadbServer, database: &str) -> String {
    let words = server.value(
        database,
        "SELECT group_concat(DISTINCT words) FROM (SELECT one AS words FROM both_words UNION SELECT two FROM both_words \
         UNION SELECT says() UNION SELECT one FROM of_view UNION SELECT lower(word) FROM history) AS all_words",
    );
    server.sql(database, "INSERT INTO items (word) VALUES ('probe')");
    let stamp = server.value(database, "SELECT stamp FROM items WHERE word = 'probe'");
    server.sql(
        database,
        "DELETE FROM items WHERE word = 'probe'; ALTER TABLE items AUTO_INCREMENT = 1",
    );
    assert_eq!(words, stamp);
    words
}

fn create_definer(server: &MariadbServer) {
    server.create_user("shop definer", "secret", "", &["SELECT, INSERT, EXECUTE ON *.*"]);
}

#[test]
fn a_rich_database_comes_back_with_all_that_belongs_to_it() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    server.create_database("rich");
    server.load_rich("rich");
    let before = whole(&server, "rich");
    let project = project(server.url("rich"));
    let id = made(&project, "sql", &json!(true));
    change(&server, "rich");
    let changed = whole(&server, "rich");
    let result = project.succeed(&restore(&id));
    assert_eq!(whole(&server, "rich"), before);
    assert!(result["safety_backup_id"].as_str().unwrap().ends_with("-pre-rollback"));
    let replaced = result["replaced"].as_str().unwrap();
    assert_eq!(beside(&server, "rich", "_replaced_"), [replaced]);
    assert_eq!(server.value(replaced, "SELECT count(*) FROM changed"), "5");
    assert_tidy(&server, &project);
    // And back again: the safety backup holds what was replaced.
    project.succeed(&result["undo_request"]);
    assert_eq!(whole(&server, "rich"), changed);
    assert_eq!(beside(&server, "rich", "_replaced_").len(), 2);
    project.succeed(&verify(&id));
    assert_tidy(&server, &project);
}

#[test]
fn every_kind_of_object_comes_back_and_goes_into_what_is_replaced() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    let create = "CREATE DATABASE shop CHARACTER SET latin1 COLLATE latin1_german1_ci";
    server.sql("", create);
    load_shop(&server, "shop", "old");
    // Made under another collation of the database: who loads it must not give the live one that collation.
    server.sql(
        "shop",
        "ALTER DATABASE COLLATE utf8mb4_bin; CREATE FUNCTION in_other() RETURNS int RETURN 1; \
         CREATE EVENT in_other ON SCHEDULE EVERY 1 DAY STARTS '2030-01-20 10:00:00' DO SELECT 1; \
         ALTER DATABASE COLLATE latin1_german1_ci",
    );
    let before = whole(&server, "shop");
    let project = project(server.url("shop"));
    let id = made(&project, "sql", &json!(true));
    server.sql("", &format!("DROP DATABASE shop; {create}"));
    load_shop(&server, "shop", "new");
    let changed = whole(&server, "shop");
    let result = project.succeed(&restore(&id));
    assert_eq!(whole(&server, "shop"), before);
    assert_eq!(word(&server, "shop"), "old");
    let replaced = result["replaced"].as_str().unwrap();
    assert_eq!(word(&server, replaced), "new");
    // Its events are there to be read, and cannot fire.
    let events = "SELECT count(*) FROM information_schema.events WHERE event_schema = DATABASE()";
    assert_eq!(server.value(replaced, events), "0");
    let table = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'backup\\_manager\\_events%'";
    let table = server.value(replaced, table);
    assert!(server.value(replaced, &format!("SELECT script FROM {table}")).contains("nightly"));
    // The keys lead to tables of their own database.
    for place in ["shop", replaced] {
        let outside = "SELECT count(*) FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND referenced_table_schema <> DATABASE()";
        assert_eq!(server.value(place, outside), "0");
    }
    assert_tidy(&server, &project);
    project.succeed(&result["undo_request"]);
    assert_eq!(whole(&server, "shop"), changed);
}

#[test]
fn an_empty_database_is_restored_into_from_a_folder_of_mydumper() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    server.create_database("shop");
    server.sql(
        "shop",
        "CREATE TABLE state (id int PRIMARY KEY, word varchar(20)); INSERT INTO state VALUES (1, 'a;\\'b'); \
         CREATE TABLE other (id int PRIMARY KEY, state int, CONSTRAINT its_state FOREIGN KEY (state) REFERENCES state (id)); \
         INSERT INTO other VALUES (1, 1); CREATE VIEW words AS SELECT word FROM state; \
         CREATE PROCEDURE all_words() SELECT word FROM state; \
         CREATE TRIGGER stamps BEFORE INSERT ON state FOR EACH ROW SET NEW.word = concat(NEW.word, ';'); \
         SET time_zone = '+00:00'; \
         CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-20 10:00:00' DO DELETE FROM state",
    );
    let before = whole(&server, "shop");
    let project = project(server.url("shop"));
    let id = made(&project, "directory", &json!(true));
    server.sql("", "DROP DATABASE shop; CREATE DATABASE shop");
    let result = project.succeed(&restore(&id));
    assert_eq!(whole(&server, "shop"), before);
    // Nothing was there that could be kept.
    assert!(result["replaced"].is_null(), "{result:#}");
    assert_eq!(beside(&server, "shop", "_replaced_"), [""; 0]);
    assert_tidy(&server, &project);
}

#[test]
fn a_database_that_is_gone_comes_back_once_somebody_said_yes() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    server.create_database("shop");
    load_shop(&server, "shop", "old");
    let before = whole(&server, "shop");
    let project = project(server.url("shop"));
    let id = made(&project, "sql", &json!(true));
    server.sql("", "DROP DATABASE shop");
    project.fail(
        &json!({"operation": "create-backup", "parameters": {"environment": "dev"}}),
        "connection_failed",
    );
    let asked = project.fail(&restore(&id), "confirmation_required");
    assert!(asked["result"]["plan"].to_string().contains("There is no database"), "{asked:#}");
    let databases =
        "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'shop%'";
    assert_eq!(server.value("", databases), "0");
    let result = project.succeed(&asked["recovery"]["next_request"]);
    assert_eq!(whole(&server, "shop"), before);
    assert!(result["safety_backup_id"].is_null() && result["replaced"].is_null(), "{result:#}");
    assert_eq!(server.value("", databases), "1");
    assert_tidy(&server, &project);
}

#[test]
fn views_that_lost_their_tables_do_not_keep_them_from_coming_back() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    server.create_database("shop");
    load_shop(&server, "shop", "old");
    let before = whole(&server, "shop");
    let project = project(server.url("shop"));
    let id = made(&project, "sql", &json!(true));
    server.sql("shop", "SET foreign_key_checks = 0; DROP TABLE state; CREATE TABLE state (id int)");
    // No tool can dump it now.
    let asked = project.fail(&restore(&id), "confirmation_required");
    assert!(
        asked["result"]["plan"].to_string().contains("the view asks_of_another shows"),
        "{asked:#}"
    );
    let result = project.succeed(&asked["recovery"]["next_request"]);
    assert_eq!(whole(&server, "shop"), before);
    let replaced = result["replaced"].as_str().unwrap();
    assert_eq!(server.value(replaced, "SELECT count(*) FROM other"), "2");
    // What the server cannot make there is kept as a script.
    for view in ["asks_of_another", "both_words", "of_view"] {
        let refused = format!("Refused in {replaced}: view {view} (ERROR 1");
        assert!(result["warnings"].to_string().contains(&refused), "{result:#}");
    }
    let script = project.files().into_iter().find(|name| name.starts_with("restore-unapplied-"));
    let script = std::fs::read_to_string(project.backups().join(script.unwrap())).unwrap();
    server.sql(replaced, "SET foreign_key_checks = 0; DROP TABLE state; CREATE TABLE state (id int PRIMARY KEY, word varchar(20)); INSERT INTO state VALUES (1, 'new')");
    server.sql("", &script);
    assert_eq!(server.value(replaced, "SELECT two FROM both_words"), "old");
    assert_tidy(&server, &project);
}

#[test]
fn defaults_use_the_sequences_of_the_database_that_is_restored_into() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    for name in ["shop", "copy"] {
        server.create_database(name);
    }
    server.sql(
        "shop",
        "CREATE SEQUENCE numbers START 7; CREATE SEQUENCE others START 3; \
         CREATE TABLE items (plain int DEFAULT nextval(numbers), more int DEFAULT (nextval(numbers) + 100), \
         word varchar(99) DEFAULT (concat('nextval(`shop`.`numbers`)', nextval(others))), last int DEFAULT (lastval(others) + 0)); \
         INSERT INTO items VALUES (1, 1, 'a', 1)",
    );
    let urls = [("dev", server.url("shop")), ("copy", server.url("copy"))];
    let project = Project::with_urls(&urls);
    let id = made(&project, "sql", &json!(true));
    let mut request = restore(&id);
    request["parameters"]["environment"] = "copy".into();
    for environment in ["copy", "dev"] {
        request["parameters"]["environment"] = environment.into();
        let result = project.succeed(&request);
        assert!(!result["warnings"].to_string().contains("Refused"), "{result:#}");
    }
    let defaults = "SELECT group_concat(column_default) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'items'";
    let in_copy = server.value("copy", defaults);
    let named = in_copy.matches("`copy`.").count();
    assert_eq!((named, in_copy.matches("`shop`.").count()), (4, 1), "{in_copy}");
    assert_eq!(server.value("shop", defaults).matches("`shop`.").count(), 5);
    for database in ["copy", "shop"] {
        server.sql(database, "INSERT INTO items () VALUES ()");
        let row = "SELECT concat_ws(',', plain, more, word) FROM items WHERE plain > 1";
        assert_eq!(server.value(database, row), "7,108,nextval(`shop`.`numbers`)3");
    }
}

#[test]
fn a_database_of_any_name_comes_back() {
    let server = MariadbServer::shared();
    let long = format!("{} of {}", "long".repeat(12), std::process::id());
    for name in ["we`ird; DROP -- \\x \"y\" 'z' ☕", "--help", "50%_off", &format!("{long:_<64}")]
    {
        server.create_database(name);
        server.sql(
            name,
            "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1); CREATE VIEW seen AS SELECT id FROM items; \
             CREATE TRIGGER stays BEFORE INSERT ON items FOR EACH ROW SET NEW.id = NEW.id + 10",
        );
        let before = whole(server, name);
        let project = project(server.url(name));
        let id = made(&project, "sql", &json!(true));
        server.sql(name, "INSERT INTO items VALUES (2); DROP TRIGGER stays; DROP VIEW seen");
        let result = project.succeed(&restore(&id));
        assert_eq!(whole(server, name), before, "{name}");
        let replaced = result["replaced"].as_str().unwrap();
        assert!(replaced.chars().count() <= 64, "{replaced}");
        assert_eq!(server.value(replaced, "SELECT count(*) FROM items"), "2", "{name}");
    }
}
