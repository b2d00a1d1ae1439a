//! What goes to which stream, in which form, and with which status the host ends.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use backup_tests::{Project, Schemas, binary};
use serde_json::{Value, json};

use super::list_of;

#[test]
fn the_exit_status_says_whether_every_request_succeeded() {
    let project = Project::bookshop();
    let status = |input: &str| project.send(input.as_bytes()).status;
    assert_eq!(status(&list_of("1")), Some(0));
    assert_eq!(status(&format!("{}\n{{\n{}", list_of("1"), list_of("2"))), Some(1));
    assert_eq!(status("x"), Some(1));
}

#[test]
fn what_is_no_command_line_is_answered_on_stderr_with_status_2() {
    for arguments in [&["--no-such-option"][..], &["no-such-command"], &["schemas"], &["a", "b"]] {
        let output = Command::new(binary()).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    for argument in ["--help", "--version"] {
        let output = Command::new(binary()).arg(argument).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("backup-manager"));
    }
}

#[test]
fn stdout_stays_pure_when_the_log_speaks() {
    let project = Project::bookshop();
    let mut command = project.host();
    command.env("BACKUP_MANAGER_LOG", "trace");
    let create = r#"{"operation":"create-backup","parameters":{"environment":"dev"}}"#;
    let lost = create.replace("dev", "dve");
    let answers = Project::converse(&mut command, format!("{create}\nx\n{lost}\n").as_bytes());
    assert_eq!(answers.envelopes.len(), 3);
    assert!(answers.stderr.contains(" INFO "), "the log is on: {}", answers.stderr);
    for line in answers.stdout.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value.to_string(), line, "compact, one line, fields as they are");
    }
}

#[test]
fn a_closed_stdout_ends_the_host_quietly_with_whole_backups_only() {
    let project = Project::bookshop();
    let mut command = project.host();
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let create = r#"{"operation":"create-backup","parameters":{"environment":"dev"}}"#;
    // The host may be gone before it has read all of it.
    let _ = std::io::Write::write_all(&mut stdin, format!("{create}\n").repeat(20).as_bytes());
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code().is_some(), "no signal: {:?}", output.status);
    for loud in ["panicked", "Broken pipe", "RUST_BACKTRACE", "FAILED"] {
        assert!(!said.contains(loud), "{said}");
    }
    let listed = project
        .succeed(&json!({"operation": "list-backups", "parameters": {"status": "verified"}}));
    let count = listed["total_count"].as_u64().unwrap();
    assert!((1..20).contains(&count), "what was begun is finished, the rest is not begun: {count}");
    assert_eq!(project.catalogue()["backups"].as_array().unwrap().len() as u64, count);
    let files = project.files();
    assert_eq!(files.len() as u64, 1 + 2 * count, "artifact and manifest each: {files:?}");
}

#[test]
fn a_full_stdout_leaves_whole_backups_only() {
    let project = Project::bookshop();
    let mut command = project.host();
    command.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let create = r#"{"operation":"create-backup","parameters":{"environment":"dev"}}"#;
    let answers = Project::converse(&mut command, format!("{create}\n").as_bytes());
    assert!(answers.status.is_some() && !answers.stderr.contains("panicked"), "{answers:?}");
    assert_eq!(project.files().len(), 3, "{:?}", project.files());
}

#[test]
fn events_stand_alone_on_stderr_with_one_run_and_no_gap() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    for (request, status) in [
        (
            json!({"operation": "create-backup",
                "parameters": {"environment": "dev", "progress": true}}),
            "success",
        ),
        (
            json!({"operation": "backup",
                "parameters": {"environment": "production", "format": "sql", "compression": "zstd",
                "progress": true}}),
            "success",
        ),
        (
            json!({"operation": "verify-backup",
                "parameters": {"backup_id": id, "progress": true}}),
            "success",
        ),
        (
            json!({"operation": "create-backup",
                "parameters": {"environment": "none", "progress": true}}),
            "error",
        ),
    ] {
        let answers = project.send(format!("{request}\n").as_bytes());
        assert_eq!(answers.envelopes[0]["status"], status, "{answers:?}");
        let events: Vec<Value> = answers
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no event: {line}")))
            .collect();
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event["sequence"], index as u64 + 1, "{event}");
            assert_eq!(event["run_id"], events[0]["run_id"]);
            let faults = Schemas::committed().faults("event", event);
            assert!(faults.is_empty(), "{faults:?}");
        }
        let kinds: Vec<&str> =
            events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(kinds[0], "started", "{kinds:?}");
        assert_eq!(kinds.iter().rposition(|kind| *kind == "completed"), Some(kinds.len() - 1));
        assert_eq!(kinds.iter().filter(|kind| **kind == "completed").count(), 1);
        assert_eq!(events.last().unwrap()["status"], status);
    }
}

#[test]
fn each_run_of_one_host_has_events_of_its_own() {
    let project = Project::bookshop();
    let create =
        r#"{"operation":"create-backup","parameters":{"environment":"dev","progress":true}}"#;
    let answers = project.send(format!("{create}\n{create}\n").as_bytes());
    let events: Vec<Value> =
        answers.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let runs: BTreeSet<String> = events.iter().map(|event| event["run_id"].to_string()).collect();
    assert_eq!(runs.len(), 2);
    let firsts = events.iter().filter(|event| event["sequence"] == 1).count();
    assert_eq!(firsts, 2);
}

#[test]
fn people_read_the_seeds_messages_to_the_letter() {
    const RULE: &str = "───────────────────────────────────────";
    let project = Project::bookshop();
    let request = json!({"operation": "create-backup", "parameters": {
        "environment": "production", "label": "pre-v2-migration", "format": "sql"}});
    let answers = project.send(format!("{request}\n").as_bytes());
    let result = &answers.envelopes[0]["result"];
    let text = |field: &str| result[field].as_str().unwrap().to_owned();
    let (id, size, file) = (text("backup_id"), text("size_human"), text("file_path"));
    let expires = text("expires_at")[..10].to_owned();
    let expected = format!(
        "🎯 STARTING: Backup Manager\n\
         Environment: production\n\
         Operation: create-backup\n\
         Label: pre-v2-migration\n\
         {RULE}\n\
         ✓ Configuration loaded\n\
         ✓ Environment validated: production\n\
         ✓ Backup ID generated: {id}\n\
         ✓ Disk space check: <free> GB available (need 0 GB)\n\
         ✓ Creating backup via Prisma handler\n\
         ✓ Backup file created: {size}\n\
         ✓ Verifying backup integrity\n\
         ✓ Recording metadata\n\
         ✅ COMPLETED: Backup Manager\n\
         Environment: production\n\
         Backup ID: {id}\n\
         File: {file}\n\
         Size: {size}\n\
         Retention: 90 days (expires: {expires})\n\
         {RULE}\n\
         To restore from this backup:\n  /faber-db:restore production --from {id}\n"
    );
    let said: String = answers
        .stderr
        .lines()
        .map(|line| {
            match line.strip_prefix("✓ Disk space check: ").and_then(|rest| rest.split_once(' '))
            {
                Some((free, rest)) if free.parse::<u64>().is_ok() => {
                    format!("✓ Disk space check: <free> {rest}\n")
                }
                _ => format!("{line}\n"),
            }
        })
        .collect();
    assert_eq!(said, expected);
}

#[test]
fn a_failure_is_told_to_people_without_a_good_end() {
    let project = Project::bookshop();
    let request = r#"{"operation":"create-backup","parameters":{"environment":"dve"}}"#;
    let answers = project.send(format!("{request}\n").as_bytes());
    let said = answers.stderr;
    assert!(said.starts_with("🎯 STARTING: Backup Manager\nEnvironment: dve\n"), "{said}");
    assert!(said.contains("Environment not found: dve") && !said.contains("COMPLETED"), "{said}");
}
