//! What the application notices, whatever its file is like.

use backup_tests::Project;
use rusqlite::Connection;
use serde_json::json;

use crate::{change, content, content_of, file, made, restore};

#[test]
fn open_connections_stay_valid_in_both_journal_modes() {
    for journal in ["wal", "delete"] {
        let project = Project::bookshop();
        let live = file(&project, "dev");
        let reader = Connection::open(&live).unwrap();
        let mode: String = reader
            .query_row(&format!("PRAGMA journal_mode = {journal}"), [], |row| row.get(0))
            .unwrap();
        assert_eq!(mode, journal);
        let before = content(&live);
        let id = made(&project, "custom", &json!(true));
        change(&live);
        assert_eq!(content_of(&reader).unwrap(), content(&live));
        project.succeed(&restore(&id));
        assert_eq!(content_of(&reader).unwrap(), before, "{journal}");
        // It can still write, and others see it.
        reader
            .execute_batch("CREATE TABLE afterwards (a); INSERT INTO afterwards VALUES (1)")
            .unwrap();
        assert!(content(&live).iter().any(|line| line.starts_with("afterwards: ")), "{journal}");
        let mode: String = reader.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, journal);
    }
}

#[test]
fn pages_of_another_size_are_converted() {
    for journal in ["wal", "delete"] {
        let project = Project::bookshop();
        let live = file(&project, "dev");
        let before = content(&live);
        let id = made(&project, "custom", &json!(false));
        let connection = Connection::open(&live).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM")
            .unwrap();
        connection.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |_| Ok(())).unwrap();
        change(&live);
        project.succeed(&restore(&id));
        assert_eq!(content(&live), before, "{journal}");
        let size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
        assert_eq!(size, 8192);
    }
}

#[test]
fn a_reader_that_holds_the_file_is_waited_for() {
    let project = Project::bookshop();
    let live = file(&project, "dev");
    let before = content(&live);
    let id = made(&project, "custom", &json!(false));
    change(&live);
    let reader = Connection::open(&live).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").unwrap();
    reader.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).unwrap();
    let waiting = std::thread::scope(|scope| {
        let restored = scope.spawn(|| project.succeed(&restore(&id)));
        std::thread::sleep(std::time::Duration::from_millis(700));
        assert!(!restored.is_finished());
        reader.execute_batch("COMMIT").unwrap();
        restored.join().unwrap()
    });
    assert_eq!(waiting["backup_id"], id.as_str());
    assert_eq!(content(&live), before);
}

#[test]
fn a_file_that_is_gone_or_broken_comes_back_once_somebody_said_yes() {
    for damage in ["gone", "broken"] {
        let project = Project::bookshop();
        let live = file(&project, "dev");
        let before = content(&live);
        let id = made(&project, "custom", &json!(true));
        if damage == "gone" {
            std::fs::remove_file(&live).unwrap();
        } else {
            std::fs::write(
                &live,
                "not a database at all, and longer than a header would be. ".repeat(400),
            )
            .unwrap();
        }
        // What a killed run left goes; what is only called alike stays.
        let stale = live.with_file_name("dev.db.restored-0123456789abcdef");
        let other = live.with_file_name("dev.db.restored-by-hand");
        for left in [&stale, &other] {
            std::fs::write(left, "left").unwrap();
        }
        let asked = project.fail(&restore(&id), "confirmation_required");
        let mut confirmed = restore(&id);
        confirmed["parameters"]["confirm"] = asked["result"]["confirm"].clone();
        let result = project.succeed(&confirmed);
        assert!(result["safety_backup_id"].is_null(), "{result:#}");
        assert_eq!(content(&live), before, "{damage}");
        assert!(!stale.exists() && other.exists());
        let names = std::fs::read_dir(live.parent().unwrap()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let aside: Vec<String> =
            names.filter(|name| name.starts_with("dev.db_replaced_")).collect();
        assert_eq!(aside.len(), usize::from(damage == "broken"), "{aside:?}");
        let warnings = result["warnings"].to_string();
        assert_eq!(
            warnings.contains("is kept as prisma/dev.db_replaced_"),
            damage == "broken",
            "{warnings}"
        );
    }
}

#[test]
fn a_file_with_a_damaged_page_comes_back_once_somebody_said_yes() {
    let project = Project::bookshop();
    let live = file(&project, "dev");
    project
        .database("dev")
        .execute_batch(
            "CREATE TABLE bulk (a INTEGER PRIMARY KEY, b TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
             INSERT INTO bulk SELECT i, 'some words ' || i FROM n",
        )
        .unwrap();
    let before = content(&live);
    let id = made(&project, "custom", &json!(true));
    let size = std::fs::metadata(&live).unwrap().len();
    let mut bytes = std::fs::read(&live).unwrap();
    let middle = usize::try_from(size).unwrap() / 4096 * 3 / 4 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    std::fs::write(&live, bytes).unwrap();
    let asked = project.fail(&restore(&id), "confirmation_required");
    assert!(asked["result"]["plan"].to_string().contains("cannot be read"), "{asked:#}");
    project.succeed(&asked["recovery"]["next_request"]);
    assert_eq!(content(&live), before);
}
