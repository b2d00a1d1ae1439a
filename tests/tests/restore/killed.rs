//! Killed at any instant, while the application goes on opening the file.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::artifacts::assert_nothing_is_half;
use backup_tests::live_host::{LiveHost, torture};
use rusqlite::Connection;
use serde_json::json;

use crate::{change, content, file, made, restore};

#[test]
fn the_file_is_wholly_old_or_wholly_new_in_wal_mode() {
    is_wholly_old_or_new("wal");
}

#[test]
fn the_file_is_wholly_old_or_wholly_new_in_rollback_mode() {
    is_wholly_old_or_new("delete");
}

fn is_wholly_old_or_new(journal: &str) {
    let project = Project::bookshop();
    let live = file(&project, "dev");
    let connection = project.database("dev");
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = {journal}; CREATE TABLE bulk (a INTEGER PRIMARY KEY, b BLOB); \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) \
             INSERT INTO bulk SELECT i, randomblob(1000) FROM n;"
        ))
        .unwrap();
    drop(connection);
    let old = content(&live);
    let id = made(&project, "custom", &json!(false));
    let mut request = restore(&id);
    request["parameters"]["skip_safety_backup"] = true.into();
    change(&live);
    let new = content(&live);
    let began = Instant::now();
    project.succeed(&request);
    let whole = began.elapsed();
    let (mut before, mut after) = (0, 0);
    let rounds = if torture() { 150 } else { 25 };
    for round in 0..rounds {
        // From where it begins to some time after it should be done.
        reset(&live, &old, &new, &project, &id);
        let pause = whole * 25 / 10 * round / rounds;
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| reconnect(&live, &stop));
            let mut host = LiveHost::start(&mut project.host());
            host.send(&request);
            std::thread::sleep(pause);
            if round + 1 == rounds {
                // However slow the machine has become meanwhile, one of them was too late.
                host.answer();
            }
            host.kill();
            stop.store(true, Ordering::Relaxed);
        });
        let is = content(&live);
        if is == old {
            after += 1;
        } else {
            assert!(is == new, "round {round}: neither old nor new");
            before += 1;
        }
    }
    assert!(before > 0 && after > 0, "{before} before, {after} after");
    // The next one tidies.
    project.create("dev");
    assert_nothing_is_half(&project);
}

/// Brings the file to the state that the restore changes.
fn reset(live: &std::path::Path, old: &[String], new: &[String], project: &Project, id: &str) {
    let is = content(live);
    if is == new {
        return;
    }
    assert_eq!(is, old, "{id} in {}", project.root().display());
    change(live);
}

/// An application that opens the file again and again.
fn reconnect(live: &std::path::Path, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let connection = Connection::open(live).unwrap();
        connection.busy_timeout(Duration::from_secs(20)).unwrap();
        let count: i64 =
            connection.query_row("SELECT count(*) FROM bulk", [], |row| row.get(0)).unwrap();
        assert!(count == 4000 || count == 0, "{count} rows");
        drop(connection);
        std::thread::sleep(Duration::from_millis(3));
    }
}
