//! SIGINT and SIGTERM: the host stops in an orderly way, answers what it was doing, and leaves nothing half.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use backup_tests::{Conversation, Ending, Project};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The two signals and the exit statuses that tell a shell which it was.
const SIGNALS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];
/// How long an end may take after a signal: nothing is waited for, but the machine may be busy.
const PROMPT: Duration = Duration::from_secs(5);

/// A bookshop whose dev database takes a while to copy.
fn large_bookshop() -> Project {
    let project = Project::bookshop();
    let database = project.database("dev");
    database
        .execute_batch(
            "PRAGMA synchronous = OFF;
             PRAGMA journal_mode = OFF;
             CREATE TABLE \"Scan\" (\"page\" BLOB NOT NULL);
             WITH RECURSIVE \"n\"(\"i\") AS (SELECT 1 UNION ALL SELECT \"i\" + 1 FROM \"n\" WHERE \"i\" < 160)
             INSERT INTO \"Scan\" SELECT zeroblob(1048000) || randomblob(576) FROM \"n\";
             PRAGMA journal_mode = DELETE;",
        )
        .unwrap();
    project
}

fn create(parameters: &Value) -> String {
    let mut request =
        json!({"id": "c", "operation": "create-backup", "parameters": {"environment": "dev"}});
    let target = request["parameters"].as_object_mut().unwrap();
    target.extend(parameters.as_object().unwrap().clone());
    format!("{request}\n")
}

/// Sends the signal and waits for the end, which must not take long.
fn interrupt(host: Conversation, signal: Signal) -> Ending {
    let began = Instant::now();
    host.signal(signal);
    let ending = host.await_end();
    assert!(began.elapsed() < PROMPT, "the end took {:?}: {ending:?}", began.elapsed());
    assert!(!ending.stderr.contains("panicked"), "{ending:?}");
    ending
}

/// The one answer must say `cancelled`, with the signal's exit status.
fn assert_cancelled(ending: &Ending, operation: &str, status: i32) {
    assert_eq!(ending.stdout.len(), 1, "{ending:?}");
    let answer: Value = serde_json::from_str(&ending.stdout[0]).unwrap();
    assert_eq!(answer["status"], "cancelled", "{answer:#}");
    assert_eq!(answer["code"], "interrupted");
    assert_eq!(answer["operation"], operation);
    assert_eq!(answer["id"], "c");
    assert!(answer["message"].is_string() && answer.get("error").is_none());
    assert_eq!(ending.status.code(), Some(status), "{ending:?}");
}

#[test]
fn an_idle_host_ends_with_the_signals_status_and_no_answer() {
    let project = Project::bookshop();
    for (signal, status) in SIGNALS {
        let mut host = Conversation::start(&mut project.host());
        assert!(host.ask(r#"{"operation":"list-backups"}"#).contains("success"));
        let ending = interrupt(host, signal);
        assert_eq!(ending.status.code(), Some(status), "{ending:?}");
        assert!(ending.stdout.is_empty(), "{ending:?}");
    }
}

#[test]
fn a_create_that_is_interrupted_is_cancelled_and_leaves_nothing() {
    let project = large_bookshop();
    for (parameters, at) in [
        (json!({}), "✓ Creating backup via Prisma handler"),
        (json!({}), "✓ Verifying backup integrity"),
        (json!({"compression": true}), "✓ Creating backup via Prisma handler"),
        (json!({"format": "sql", "compression": "zstd"}), "✓ Creating backup via Prisma handler"),
        (json!({"progress": true}), "\"event\":\"progress\""),
    ] {
        for (signal, status) in SIGNALS {
            let mut host = Conversation::start(&mut project.host());
            host.send(create(&parameters));
            host.await_message(at);
            let ending = interrupt(host, signal);
            assert_cancelled(&ending, "create-backup", status);
            assert_eq!(project.files(), Vec::<String>::new(), "{parameters} {at}");
        }
    }
    let listed = project.succeed(&json!({"operation": "list-backups"}));
    assert_eq!(listed["total_count"], 0);
    project.create("dev");
    assert_eq!(project.files().len(), 3, "the next one is whole: {:?}", project.files());
}

#[test]
fn what_was_sent_behind_an_interrupted_request_is_not_begun() {
    let project = large_bookshop();
    let mut host = Conversation::start(&mut project.host());
    host.send(create(&json!({})).repeat(3));
    host.await_message("✓ Creating backup via Prisma handler");
    let ending = interrupt(host, Signal::TERM);
    assert_cancelled(&ending, "create-backup", 143);
    assert_eq!(project.files(), Vec::<String>::new());
}

#[test]
fn a_verification_that_is_interrupted_decides_nothing() {
    let project = large_bookshop();
    let created =
        project.succeed(&serde_json::from_str(&create(&json!({"compression": "zstd"}))).unwrap());
    let before = project.files();
    for (signal, status) in SIGNALS {
        let mut host = Conversation::start(&mut project.host());
        let verify = json!({"id": "c", "operation": "verify-backup",
            "parameters": {"backup_id": created["backup_id"]}});
        host.send(format!("{verify}\n"));
        host.await_message("✓ Verifying backup integrity");
        let ending = interrupt(host, signal);
        assert_cancelled(&ending, "verify-backup", status);
        assert_eq!(project.files(), before);
    }
    let listed = project.succeed(&json!({"operation": "list-backups"}));
    assert_eq!(listed["backups"][0]["verified"], true);
}

#[test]
fn a_create_that_waits_for_a_locked_database_is_interrupted_at_once() {
    let project = Project::bookshop();
    let writer = project.database("dev");
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for (signal, status) in SIGNALS {
        let mut host = Conversation::start(&mut project.host());
        host.send(create(&json!({})));
        host.await_message("✓ Backup ID generated");
        let ending = interrupt(host, signal);
        assert_cancelled(&ending, "create-backup", status);
        assert_eq!(project.files(), Vec::<String>::new());
    }
    writer.execute_batch("COMMIT").unwrap();
    project.create("dev");
}

#[test]
fn a_create_that_waits_for_another_run_is_interrupted_at_once() {
    let project = Project::bookshop();
    let writer = project.database("dev");
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut first = Conversation::start(&mut project.host());
    first.send(create(&json!({})));
    first.await_message("✓ Backup ID generated");
    for (signal, status) in SIGNALS {
        let mut second = Conversation::start(&mut project.host());
        second.send(create(&json!({"wait_seconds": 600})));
        second.await_message("✓ Environment validated");
        let ending = interrupt(second, signal);
        assert_cancelled(&ending, "create-backup", status);
    }
    writer.execute_batch("COMMIT").unwrap();
    let answer: Value = serde_json::from_str(&first.hear()).unwrap();
    assert_eq!(answer["status"], "success", "the first is undisturbed: {answer:#}");
    assert_eq!(first.end().status.code(), Some(0));
    assert_eq!(project.files().len(), 3, "{:?}", project.files());
}
