//! What those notice who use the database meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backup_tests::live_host::torture;
use backup_tests::servers::{MariadbOptions, MariadbServer};
use serde_json::json;

use super::{assert_tidy, project, whole};
use crate::{made, restore};

#[test]
fn who_writes_meanwhile_never_misses_a_trigger() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    server.create_database("busy");
    server.sql(
        "busy",
        "CREATE TABLE items (id int AUTO_INCREMENT PRIMARY KEY, word varchar(20), stamp varchar(20)); \
         INSERT INTO items (word, stamp) VALUES ('first', 'before'); \
         CREATE TRIGGER stamps BEFORE INSERT ON items FOR EACH ROW SET NEW.stamp = 'old'",
    );
    let project = project(server.url("busy"));
    let id = made(&project, "sql", &json!(true));
    server.sql("busy", "DROP TRIGGER stamps; CREATE TRIGGER stamps BEFORE INSERT ON items FOR EACH ROW SET NEW.stamp = 'new'");
    let stop = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut session = server.session("busy");
                while !stop.load(Ordering::Relaxed) {
                    session.sql("INSERT INTO items (word) VALUES ('more');");
                }
            });
        }
        std::thread::sleep(Duration::from_millis(200));
        let result = project.succeed(&restore(&id));
        std::thread::sleep(Duration::from_millis(200));
        stop.store(true, Ordering::Relaxed);
        result
    });
    assert!(!result["warnings"].to_string().contains("may have missed"), "{result:#}");
    let stamps = "SELECT group_concat(DISTINCT coalesce(stamp, 'none') ORDER BY stamp) FROM items";
    assert_eq!(server.value("busy", stamps), "before,old");
    assert_eq!(server.value(result["replaced"].as_str().unwrap(), stamps), "before,new");
    assert_tidy(&server, &project);
}

#[test]
fn who_holds_a_table_is_waited_for_and_the_triggers_are_there_all_the_time() {
    let server = MariadbServer::start_own(&MariadbOptions::default());
    server.create_database("held");
    server.sql(
        "held",
        "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1); \
         CREATE TRIGGER stays BEFORE DELETE ON items FOR EACH ROW SET @a = 1; CREATE VIEW seen AS SELECT * FROM items",
    );
    let before = whole(&server, "held");
    let project = project(server.url("held"));
    let id = made(&project, "sql", &json!(false));
    server.sql("held", "INSERT INTO items VALUES (2)");
    let mut holder = server.session("held");
    holder.sql("BEGIN; SELECT * FROM items;");
    std::thread::scope(|scope| {
        let restored = scope.spawn(|| project.succeed(&restore(&id)));
        // Longer than one attempt takes.
        std::thread::sleep(Duration::from_secs(9));
        assert!(!restored.is_finished());
        assert_eq!(
            server.value(
                "held",
                "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = 'held'"
            ),
            "1"
        );
        holder.sql("COMMIT;");
        restored.join().unwrap();
    });
    assert_eq!(whole(&server, "held"), before);
    assert_tidy(&server, &project);
    // Who never lets go is not waited for without end. That takes minutes.
    if torture() {
        server.sql("held", "DROP VIEW seen; INSERT INTO items VALUES (3)");
        let changed = whole(&server, "held");
        holder.sql("BEGIN; SELECT * FROM items;");
        let failed = project.fail(&restore(&id), "restore_failed");
        assert!(failed["error"].as_str().unwrap().contains("kept the tables locked"), "{failed:#}");
        holder.sql("COMMIT;");
        assert_eq!(whole(&server, "held"), changed);
        assert_tidy(&server, &project);
    }
}

#[test]
fn events_do_not_fire_before_the_database_is_whole() {
    let server =
        MariadbServer::start_own(&MariadbOptions::default().setting("--event-scheduler=ON"));
    server.create_database("ticking");
    server.sql(
        "ticking",
        "CREATE TABLE ticks (id int AUTO_INCREMENT PRIMARY KEY, word varchar(20)); \
         CREATE EVENT tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO ticks (word) VALUES ('of the backup')",
    );
    let project = project(server.url("ticking"));
    let id = made(&project, "sql", &json!(false));
    server.sql("ticking", "ALTER EVENT tick DO INSERT INTO ticks (word) VALUES ('replaced')");
    std::thread::sleep(Duration::from_millis(1100));
    let result = project.succeed(&restore(&id));
    let replaced = result["replaced"].as_str().unwrap();
    let count = || server.value(replaced, "SELECT count(*) FROM ticks");
    let before = count();
    std::thread::sleep(Duration::from_millis(2100));
    assert_eq!(count(), before);
    let words = "SELECT group_concat(DISTINCT word) FROM ticks";
    assert_eq!(server.value("ticking", words), "of the backup");
    assert!(server.value(replaced, words).contains("replaced"));
}
