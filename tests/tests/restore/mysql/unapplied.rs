//! What the server refuses after a swap stops nothing: it is kept as a script, and all else is made.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use backup_tests::Project;
use backup_tests::live_host::{LiveHost, wait_until};
use backup_tests::servers::{MariadbOptions, MariadbServer, Session};
use serde_json::{Value, json};

use super::killed::KilledInSwap;
use super::{Whole, assert_tidy, beside, create_definer, load_shop, project, whole};
use crate::{made, restore};

/// A restore of the shop that has swapped the tables and made nothing else yet: somebody has the name of its next session.
struct Stopped {
    here: Project,
    host: LiveHost,
    /// What the restore brings back.
    old: Whole,
    id: String,
    replaced: String,
    holder: Session,
}

impl Stopped {
    /// Restores what is there into what `change` makes of it.
    fn on(server: &MariadbServer, change: &str) -> Self {
        Self::by(server, &server.url("shop"), change)
    }

    fn by(server: &MariadbServer, url: &str, change: &str) -> Self {
        let old = whole(server, "shop");
        let here = project(url);
        let id = made(&here, "sql", &json!(true));
        server.sql("shop", change);
        let mut request = restore(&id);
        request["parameters"]["skip_safety_backup"] = true.into();
        let mut host = LiveHost::start(&mut here.host());
        host.send(&request);
        let scratch = || beside(server, "backup_manager_scratch_", "").into_iter().next();
        wait_until("there is a scratch database", || scratch().is_some());
        let mut holder = server.session("");
        holder.sql(&format!("SELECT GET_LOCK('{}/define', 0);", scratch().unwrap()));
        let replaced = || {
            let found = "SELECT table_schema FROM information_schema.tables WHERE table_name LIKE 'backup\\_manager\\_scratch\\_swap\\_%' AND table_schema LIKE 'shop\\_replaced\\_%'";
            server.query("", found).into_iter().next()?.remove(0)
        };
        wait_until("the tables are swapped", || replaced().is_some());
        let replaced = replaced().unwrap();
        Self { here, host, old, id, replaced, holder }
    }

    fn go_on(&mut self) {
        self.holder.sql("DO RELEASE_ALL_LOCKS();");
    }

    fn kill(&mut self) {
        self.host.kill();
        self.go_on();
    }
}

fn warnings(result: &Value) -> Vec<String> {
    let all = result["warnings"].as_array().unwrap();
    all.iter().map(|warning| warning.as_str().unwrap().to_owned()).collect()
}

/// The script that the warnings name, which nobody else may read.
fn script(project: &Project, result: &Value) -> (PathBuf, String) {
    let files = project.files();
    let name = files.iter().find(|name| name.starts_with("restore-unapplied-"));
    let path = project.backups().join(name.unwrap_or_else(|| panic!("{files:?} {result:#}")));
    assert!(result["warnings"].to_string().contains(path.to_str().unwrap()), "{result:#}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

/// Fails unless the warnings name these and no others, each with the server's words.
fn assert_refused(result: &Value, expected: &[&str]) {
    let warnings = warnings(result);
    let refused: Vec<&String> =
        warnings.iter().filter(|warning| warning.starts_with("Refused in ")).collect();
    assert!(refused.iter().all(|warning| warning.contains("(ERROR ")), "{refused:#?}");
    let named = |warning: &&String| {
        warning.split_once(" (ERROR ").unwrap().0["Refused in ".len()..].to_owned()
    };
    assert_eq!(refused.iter().map(named).collect::<Vec<_>>(), expected, "{refused:#?}");
}

/// A shop whose views are made in no order that their names have.
fn create(server: &MariadbServer) {
    server.create_database("shop");
    server.sql(
        "shop",
        "SET time_zone = '+00:00'; \
         CREATE TABLE base (id int PRIMARY KEY); CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1); \
         CREATE VIEW root AS SELECT id FROM items; CREATE VIEW seen AS SELECT id FROM base; \
         CREATE VIEW a_of_seen AS SELECT id FROM seen; CREATE PROCEDURE all_items() SELECT id FROM items; \
         CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-20 10:00:00' DO DELETE FROM items;\n\
         DELIMITER //\nCREATE FUNCTION says() RETURNS varchar(9) DETERMINISTIC BEGIN SET @said = ';'; RETURN 'old'; END//\n",
    );
}

#[test]
fn a_restore_names_what_it_could_not_make_and_succeeds() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create(&server);
    let mut stopped = Stopped::on(
        &server,
        "DROP VIEW a_of_seen, seen; DROP FUNCTION says; CREATE VIEW old_view AS SELECT id FROM items",
    );
    // Somebody's hand, while it is at work.
    server.sql(
        "shop",
        "DROP TABLE base; CREATE TABLE a_of_seen (mine int); INSERT INTO a_of_seen VALUES (7)",
    );
    stopped.go_on();
    let answer = stopped.host.answer().unwrap();
    assert_eq!(answer["status"], "success", "{answer:#}");
    let result = &answer["result"];
    assert_refused(result, &["shop: view seen", "shop: view a_of_seen"]);
    assert_tidy(&server, &stopped.here);
    // All else is there, and nobody's table went.
    assert_eq!(server.value("shop", "SELECT says()"), "old");
    assert_eq!(server.value("shop", "SELECT id FROM root"), "1");
    assert_eq!(server.value("shop", "SELECT mine FROM a_of_seen"), "7");
    assert_eq!(server.value(&stopped.replaced, "SELECT id FROM old_view"), "1");
    let (_, script) = script(&stopped.here, result);
    assert!(!script.contains("all_items") && !script.contains("DROP TABLE"), "{script}");
    // Once what it needs is there, the script brings it.
    server.sql("shop", "CREATE TABLE base (id int PRIMARY KEY); DROP TABLE a_of_seen");
    server.sql("", &script);
    assert_eq!(whole(&server, "shop"), stopped.old);
    stopped.here.create("dev");
    stopped.here.succeed(&restore(&stopped.id));
    assert_eq!(whole(&server, "shop"), stopped.old);
}

#[test]
fn who_finishes_a_killed_restore_names_what_could_not_be_made() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    server.create_database("shop");
    load_shop(&server, "shop", "old");
    // While this is made, the database has another collation.
    server.sql(
        "shop",
        "ALTER DATABASE COLLATE utf8mb4_bin; CREATE TRIGGER collated BEFORE INSERT ON items FOR EACH ROW SET @a = 1; \
         ALTER DATABASE COLLATE utf8mb4_general_ci",
    );
    let change = "DROP TRIGGER only_old; CREATE TRIGGER of_new AFTER DELETE ON other FOR EACH ROW SET @b = 1";
    let mut stopped = Stopped::on(&server, change);
    stopped.kill();
    // Somebody took it for what it was to be.
    server.sql("shop", "DROP TABLE items");
    server.sql(&stopped.replaced, "DROP TABLE other");
    // Another machine has only what is at the server.
    let elsewhere = project(server.url("shop"));
    let create = json!({"operation": "create-backup", "parameters": {"environment": "dev"}});
    let result = elsewhere.succeed(&create);
    assert!(result["warnings"].to_string().contains("was interrupted was finished"), "{result:#}");
    let triggers = ["stamps", "collated", "stamps_too", "named"];
    let mut expected: Vec<String> =
        triggers.iter().map(|name| format!("shop: trigger {name}")).collect();
    expected.push(format!("{}: trigger of_new", stopped.replaced));
    for view in ["both_words", "of_view"] {
        expected.push(format!("{}: view {view}", stopped.replaced));
    }
    let mut named: Vec<String> = warnings(&result)
        .iter()
        .filter_map(|warning| warning.strip_prefix("Refused in ")?.split_once(" (ERROR "))
        .map(|(named, _)| named.to_owned())
        .collect();
    named.sort();
    expected.sort();
    assert_eq!(named, expected, "{result:#}");
    let collation =
        "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = 'shop'";
    assert_eq!(server.value("", collation), "utf8mb4_general_ci");
    let (path, script) = script(&elsewhere, &result);
    // Whoever comes next is told of it as long as it is there.
    let again = elsewhere.succeed(&create);
    assert!(again["warnings"].to_string().contains(path.to_str().unwrap()), "{again:#}");
    std::fs::remove_file(&path).unwrap();
    let again = elsewhere.succeed(&create);
    assert!(!again["warnings"].to_string().contains("refused"), "{again:#}");
    // What is in the project is of no use any more, and the database like any other.
    stopped.here.create("dev");
    assert_tidy(&server, &stopped.here);
    server.sql("shop", "CREATE TABLE items (id int AUTO_INCREMENT PRIMARY KEY, stamp varchar(20), word varchar(20)) ENGINE=MyISAM");
    server.sql(
        &stopped.replaced,
        "CREATE TABLE other (id int PRIMARY KEY, state int, word varchar(20))",
    );
    server.sql("", &script);
    assert_eq!(whole(&server, "shop"), stopped.old);
    assert_eq!(server.value(&stopped.replaced, "SELECT count(*) FROM of_view"), "0");
    stopped.here.succeed(&restore(&stopped.id));
    assert_eq!(whole(&server, "shop"), stopped.old);
}

#[test]
fn who_takes_a_killed_restore_back_names_what_could_not_be_put_back() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    let KilledInSwap { here, new, mut holder, .. } = KilledInSwap::on(&server);
    // The rename gives up before it gets the table that is held.
    server.sql("killed", "DROP TABLE items");
    std::thread::sleep(Duration::from_secs(6));
    holder.sql("COMMIT;");
    let result =
        here.succeed(&json!({"operation": "create-backup", "parameters": {"environment": "dev"}}));
    assert!(
        result["warnings"].to_string().contains("was interrupted was taken back"),
        "{result:#}"
    );
    let expected =
        ["killed: trigger named", "killed: trigger stamps", "killed: trigger stamps_too"];
    let mut refused = warnings(&result);
    refused.retain(|warning| warning.starts_with("Refused in "));
    refused.sort();
    assert_eq!(refused.len(), expected.len(), "{refused:#?}");
    for (warning, expected) in refused.iter().zip(expected) {
        assert!(warning.contains(expected), "{refused:#?}");
    }
    assert_tidy(&server, &here);
    let (_, script) = script(&here, &result);
    server.sql("killed", "CREATE TABLE items (id int AUTO_INCREMENT PRIMARY KEY, stamp varchar(20), word varchar(20)) ENGINE=MyISAM");
    server.sql("", &script);
    assert_eq!(whole(&server, "killed"), new);
}

#[test]
fn what_was_replaced_may_be_dropped_before_a_killed_restore_is_finished() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    server.create_database("shop");
    load_shop(&server, "shop", "old");
    let mut stopped = Stopped::on(&server, "DROP VIEW of_view; DROP TRIGGER stamps");
    stopped.kill();
    server.sql("", &format!("DROP DATABASE `{}`", stopped.replaced));
    let result = stopped
        .here
        .succeed(&json!({"operation": "create-backup", "parameters": {"environment": "dev"}}));
    assert!(result["warnings"].to_string().contains("was removed meanwhile"), "{result:#}");
    assert_eq!(whole(&server, "shop"), stopped.old);
    assert_eq!(beside(&server, "shop", "_replaced_"), [""; 0]);
    assert_tidy(&server, &stopped.here);
}

#[test]
fn a_journal_that_was_written_and_nothing_after_it_changes_nothing() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    server.create_database("shop");
    load_shop(&server, "shop", "old");
    let mut stopped = Stopped::on(&server, "DROP VIEW of_view; DROP TRIGGER stamps");
    let scratch = beside(&server, "backup_manager_scratch_", "").remove(0);
    let is_journal = |name: &String| name.starts_with("restore-journal-");
    let journal = stopped.here.files().into_iter().find(is_journal).unwrap();
    let journal = stopped.here.backups().join(journal);
    let text = std::fs::read(&journal).unwrap();
    stopped.go_on();
    assert_eq!(stopped.host.answer().unwrap()["status"], "success");
    server.sql("", &format!("DROP DATABASE `{}`", stopped.replaced));
    // As it is where a run dies between the file and the first table of the journal at the server.
    server.sql("shop", "DROP VIEW of_view; DROP TRIGGER stamps; CREATE VIEW mine AS SELECT 1 AS a");
    let now = whole(&server, "shop");
    std::fs::write(&journal, text).unwrap();
    server.sql("", &format!("CREATE DATABASE `{scratch}`"));
    stopped.here.create("dev");
    assert_eq!(whole(&server, "shop"), now);
    assert_tidy(&server, &stopped.here);
}

#[test]
fn views_whose_definer_is_gone_come_back_and_are_kept() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    server.create_database("shop");
    server.create_user("leaver", "secret", "", &["SELECT ON *.*"]);
    server.sql(
        "shop",
        "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1); \
         CREATE DEFINER = leaver@'%' VIEW seen AS SELECT id FROM items; \
         CREATE DEFINER = leaver@'%' PROCEDURE all_items() SELECT id FROM items; DROP USER leaver@'%'",
    );
    let before = whole(&server, "shop");
    let project = project(server.url("shop"));
    let id = made(&project, "sql", &json!(true));
    server.sql(
        "shop",
        "DROP VIEW seen; CREATE DEFINER = leaver@'%' VIEW also_seen AS SELECT id FROM items",
    );
    let result = project.succeed(&restore(&id));
    assert_eq!(whole(&server, "shop"), before);
    assert_refused(&result, &[]);
    let replaced = result["replaced"].as_str().unwrap();
    let definers = "SELECT concat(table_schema, table_name, definer) FROM information_schema.views";
    let expected = [format!("{replaced}also_seenleaver@%"), "shopseenleaver@%".to_owned()];
    let found = server.query("", definers).into_iter().map(|mut row| row.remove(0).unwrap());
    let mut found: Vec<String> = found.filter(|view| view.starts_with("shop")).collect();
    found.sort();
    assert_eq!(found, expected);
    assert_tidy(&server, &project);
}

#[test]
fn what_others_defined_is_kept_where_the_user_may_not_make_it() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    create_definer(&server);
    server.create_database("shop");
    server.sql(
        "shop",
        "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1); \
         CREATE DEFINER = 'shop definer'@'%' VIEW theirs AS SELECT id FROM items; \
         CREATE DEFINER = restorer@'%' VIEW own AS SELECT id FROM items",
    );
    server.create_user("restorer", "secret", "", &["ALL ON *.*"]);
    let url = server.address("shop").user("restorer", "secret").to_string();
    let mut stopped = Stopped::by(&server, &url, "INSERT INTO items VALUES (2)");
    stopped.kill();
    server.sql("", "REVOKE SUPER, SET USER ON *.* FROM restorer@'%'");
    let result = stopped
        .here
        .succeed(&json!({"operation": "create-backup", "parameters": {"environment": "dev"}}));
    let replaced = format!("{}: view theirs", stopped.replaced);
    assert_refused(&result, &["shop: view theirs", &replaced]);
    assert_tidy(&server, &stopped.here);
    let (_, script) = script(&stopped.here, &result);
    server.sql("", &script);
    assert_eq!(whole(&server, "shop"), stopped.old);
    assert_eq!(server.value(&stopped.replaced, "SELECT count(*) FROM theirs"), "2");
}

#[test]
fn two_spellings_of_one_name_take_turns() {
    let lower = MariadbOptions::default().setting("--lower-case-table-names=1");
    let server = MariadbServer::start_own(&lower);
    create(&server);
    let mut stopped = Stopped::on(&server, "DROP VIEW a_of_seen");
    let mut create = json!({"operation": "create-backup", "parameters": {"environment": "dev", "wait_seconds": 0}});
    // Another name of the same place: only the server's lock tells that it is.
    let other = project(server.address("SHOP").host("127.0.0.1"));
    other.fail(&create, "backup_in_progress");
    // On this machine the lock is one as well.
    project(server.url("Shop")).fail(&create, "backup_in_progress");
    stopped.kill();
    create["parameters"]["wait_seconds"] = 30.into();
    let result = other.succeed(&create);
    assert!(result["warnings"].to_string().contains("was interrupted was finished"), "{result:#}");
    assert_eq!(whole(&server, "shop"), stopped.old);
}
