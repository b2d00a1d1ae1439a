//! The audit trail: who did what, and what was about to be destroyed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use std::time::Duration;

use backup_tests::artifacts::recorded_ids;
use backup_tests::unprivileged::{Permissions, Unprivileged};
use backup_tests::{Project, Schemas};
use serde_json::{Value, json};

fn trail(project: &Project) -> Vec<Value> {
    let text = std::fs::read_to_string(project.backups().join("audit.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn check(project: &Project) -> Output {
    project.host().arg("check-audit").output().unwrap()
}

/// `<kind> <operation> <status>` of each line.
fn told(project: &Project) -> Vec<String> {
    let word = |line: &Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let told =
        |line: &Value| ["kind", "operation", "status"].map(|name| word(line, name)).join(" ");
    trail(project).iter().map(told).collect()
}

fn of(operation: &str, id: &Value) -> Value {
    json!({"operation": operation, "parameters": {"backup_id": id}})
}

#[test]
fn every_operation_says_how_it_ended_and_what_destroys_says_so_before() {
    let project = Project::bookshop();
    let first = project.create("dev")["backup_id"].clone();
    let second = project.create("dev")["backup_id"].clone();
    project.succeed(&of("verify-backup", &first));
    project.fail(&of("delete-backup", &second), "last_good_backup");
    project.succeed(&of("delete-backup", &first));
    project.create("dev");
    project.succeed(&json!({"operation": "cleanup-backups", "parameters": {"keep_last": 1}}));
    project.succeed(&json!({"operation": "restore-backup",
        "parameters": {"environment": "dev", "latest": true}}));
    assert_eq!(
        told(&project),
        [
            "outcome create-backup success",
            "outcome create-backup success",
            "outcome verify-backup success",
            "outcome delete-backup error",
            "intent delete-backup -",
            "outcome delete-backup success",
            "outcome create-backup success",
            "intent cleanup-backups -",
            "outcome cleanup-backups success",
            "intent restore-backup -",
            "outcome restore-backup success",
        ]
    );
    let lines = trail(&project);
    assert_eq!(lines[3]["code"], "last_good_backup");
    assert_eq!(lines[4]["plan"], json!([{"backup_id": first, "action": "delete"}]));
    assert_eq!(lines[4]["run_id"], lines[5]["run_id"]);
    assert_eq!(lines[7]["plan"].as_array().unwrap().len(), 2, "the whole plan: {:#}", lines[7]);
    assert_eq!(lines[0]["bytes"], 53_248);
    let schema = &Schemas::committed().all()["audit"].clone();
    let validator = jsonschema::validator_for(schema).unwrap();
    for line in &lines {
        assert!(validator.is_valid(line), "{line:#}");
    }
    let mode = project.backups().join("audit.jsonl").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let checked = check(&project);
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(checked.stdout, b"11 lines, each follows from the one before it\n");
}

#[test]
fn who_only_looks_leaves_no_line() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    let before = trail(&project).len();
    for request in [
        json!({"operation": "list-backups"}),
        json!({"operation": "describe"}),
        json!({"operation": "create-backup", "parameters": {"environment": "dev", "dry_run": true}}),
        json!({"operation": "delete-backup", "parameters": {"backup_id": id, "dry_run": true}}),
        json!({"operation": "cleanup-backups", "parameters": {"dry_run": true}}),
        json!({"operation": "rebuild-catalogue", "parameters": {"dry_run": true}}),
    ] {
        project.ask(&request);
    }
    assert_eq!(trail(&project).len(), before);
}

#[test]
fn callers_are_named_and_secrets_are_not() {
    let project =
        Project::with_urls(&[("dev", "postgresql://app:hunter2-secret@127.0.0.1:1/shop")]);
    let mut host = project.host();
    host.env("USER", "ada").env("CLAUDECODE", "1").env("CLAUDE_SESSION_ID", "s-1");
    let request = json!({"id": "hunter2-secret", "operation": "create-backup",
        "parameters": {"environment": "dev"}});
    let answers = Project::converse(&mut host, format!("{request}\n").as_bytes());
    assert_eq!(answers.envelopes[0]["status"], "error");
    let text = std::fs::read_to_string(project.backups().join("audit.jsonl")).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let line = &trail(&project)[0];
    let caller = &line["caller"];
    assert_eq!(
        (&caller["user"], &caller["agent"], &caller["session"]),
        (&json!("ada"), &json!("claude-code"), &json!("s-1"))
    );
    let mut host = project.host();
    host.env("BACKUP_MANAGER_CALLER", "nightly cron");
    Project::converse(&mut host, format!("{request}\n").as_bytes());
    assert_eq!(trail(&project)[1]["caller"]["agent"], "nightly cron");
    // A backup that is named alone may be of any environment.
    let request = json!({"id": "hunter2-secret", "operation": "verify-backup",
        "parameters": {"backup_id": "backup-20250124-140000"}});
    project.fail(&request, "backup_not_found");
    let text = std::fs::read_to_string(project.backups().join("audit.jsonl")).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn what_cannot_be_noted_is_not_destroyed() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    project.create("dev");
    let user = Unprivileged::owning(project);
    let before = std::fs::read(user.project.path("prisma/dev.db")).unwrap();
    {
        let _trail = Permissions::of(user.project.backups().join("audit.jsonl"), 0o400);
        for request in [
            of("delete-backup", &id),
            json!({"operation": "cleanup-backups", "parameters": {"keep_last": 1}}),
            json!({"operation": "restore-backup", "parameters": {"environment": "dev", "backup_id": id}}),
        ] {
            let answer = user.ask(&request);
            assert_eq!(answer["status"], "error", "{answer:#}");
            assert!(answer["error"].as_str().unwrap().contains("audit.jsonl"), "{answer:#}");
            assert!(recorded_ids(&user.project).contains(&id.as_str().unwrap().to_owned()));
        }
        assert_eq!(std::fs::read(user.project.path("prisma/dev.db")).unwrap(), before);
        // What destroys nothing is done, and says what is missing.
        let made = user.succeed(&json!({"operation": "create-backup",
            "parameters": {"environment": "dev"}}));
        assert!(made["warnings"].to_string().contains("not in the audit trail"), "{made:#}");
    }
    user.succeed(&of("delete-backup", &id));
}

#[test]
fn a_torn_tail_is_kept_and_named() {
    let project = Project::bookshop();
    project.create("dev");
    let path = project.backups().join("audit.jsonl");
    let torn = "{\"audit_version\":\"1.0\",\"at\":\"20";
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(torn.as_bytes()).unwrap();
    let checked = check(&project);
    assert!(checked.status.success());
    assert!(String::from_utf8(checked.stdout).unwrap().starts_with("line 2 was cut short"));
    project.create("dev");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().nth(1), Some(torn));
    let checked = check(&project);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success(), "{said}");
    assert!(said.starts_with("line 2 was cut short") && said.contains("3 lines"), "{said}");
}

#[test]
fn whoever_changes_a_line_is_found_out() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    project.create("dev");
    project.succeed(&of("delete-backup", &id));
    let path = project.backups().join("audit.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = format!("{}\n{}\n{}\n", lines[0], lines[1], lines[3]);
    for changed in [text.replacen("delete-backup", "create-backup", 1), without] {
        std::fs::write(&path, changed).unwrap();
        let checked = check(&project);
        assert_eq!(checked.status.code(), Some(1), "{checked:?}");
        assert!(String::from_utf8(checked.stdout).unwrap().contains("not as it was written"));
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(check(&project).status.code(), Some(1), "a trail that is gone is no whole one");
}

#[test]
fn what_is_no_regular_file_is_neither_read_nor_written() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    project.create("dev");
    let path = project.backups().join("audit.jsonl");
    let aside = project.path("aside.jsonl");
    std::fs::rename(&path, &aside).unwrap();
    let kept = std::fs::read(&aside).unwrap();
    let put = |what: &str| match what {
        "it is a symbolic link" => std::os::unix::fs::symlink(&aside, &path).unwrap(),
        "it is no regular file" => {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            let fifo = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, mode, 0).unwrap();
        }
        _ => unreachable!(),
    };
    for what in ["it is a symbolic link", "it is no regular file"] {
        put(what);
        let checked = check(&project);
        let said = String::from_utf8(checked.stderr).unwrap();
        assert_eq!(checked.status.code(), Some(1), "{said}");
        assert!(said.contains(what) && said.contains("audit.jsonl"), "{said}");
        let refused = project.fail(&of("delete-backup", &id), "storage_failed");
        assert!(refused.to_string().contains(what), "{refused:#}");
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(std::fs::read(&aside).unwrap(), kept);
}

#[test]
fn a_line_that_is_longer_than_any_is_named_and_the_trail_goes_on_behind_it() {
    let project = Project::bookshop();
    project.create("dev");
    let path = project.backups().join("audit.jsonl");
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(65 * 1024 * 1024).unwrap();
    project.create("dev");
    let checked = check(&project);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(1), "{said}");
    let too_long = "line 2 was added by somebody else: it has more than 64 MiB";
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [too_long, "The audit trail is not as it was written"]
    );
}

#[test]
fn lines_that_are_cut_off_at_the_end_are_missed_from_then_on() {
    let project = Project::bookshop();
    for _ in 0..3 {
        project.create("dev");
    }
    let (path, head) =
        (project.backups().join("audit.jsonl"), project.backups().join("audit.head"));
    let mode = head.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = || {
        let checked = check(&project);
        (checked.status.code().unwrap(), String::from_utf8(checked.stdout).unwrap())
    };
    let earlier = std::fs::read(&head).unwrap();
    project.create("dev");
    std::fs::write(&head, &earlier).unwrap();
    assert_eq!(said().0, 0, "a process that was killed between a line and its head");
    project.create("dev");
    let whole = std::fs::read_to_string(&path).unwrap();
    assert_eq!(said(), (0, "5 lines, each follows from the one before it\n".to_owned()));
    let without_the_last: String = whole.split_inclusive('\n').take(4).collect();
    std::fs::write(&path, &without_the_last).unwrap();
    let missed = format!(
        "lines at the end are gone or were changed: one that was written ended at byte {}",
        whole.len()
    );
    assert_eq!(said(), (1, format!("{missed}\nThe audit trail is not as it was written\n")));
    for _ in 0..2 {
        project.create("dev");
        let (status, text) = said();
        assert_eq!(status, 1, "what is written since does not hide it: {text}");
        assert!(text.starts_with(&missed), "{text}");
    }
    std::fs::write(&head, "{").unwrap();
    let (status, text) = said();
    assert!(status == 1 && text.contains("audit.head"), "{text}");
    std::fs::remove_file(&head).unwrap();
    let (status, text) = said();
    assert_eq!(status, 0, "{text}");
    assert!(text.starts_with("audit.head is not there"), "{text}");
    project.create("dev");
    assert_eq!(said(), (0, "7 lines, each follows from the one before it\n".to_owned()));
}

#[test]
fn a_writer_that_is_killed_at_any_instant_leaves_a_trail_that_holds() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    let requests: String = (0..40)
        .map(|turn| if turn % 2 == 0 { "pin-backup" } else { "unpin-backup" })
        .map(|operation| of(operation, &id).to_string() + "\n")
        .collect();
    for round in 0..20 {
        let mut host = project.host();
        let mut child = host.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(requests.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(20 + round * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        let checked = check(&project);
        assert!(checked.status.success(), "{checked:?}");
    }
    let lines = trail(&project).len();
    assert!(lines > 20, "{lines} lines");
}

#[test]
fn many_writers_make_one_chain() {
    let project = Project::bookshop();
    let ids: Vec<Value> = (0..2).map(|_| project.create("dev")["backup_id"].clone()).collect();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (project, ids) = (&project, &ids);
            scope.spawn(move || {
                let request = |turn: usize| {
                    let pins = (writer + turn).is_multiple_of(2);
                    let operation = if pins { "pin-backup" } else { "unpin-backup" };
                    of(operation, &ids[turn % 2]).to_string() + "\n"
                };
                let requests: String = (0..6).map(request).collect();
                let answers = project.send(requests.as_bytes());
                assert!(answers.envelopes.iter().all(|answer| answer["status"] == "success"));
            });
        }
    });
    assert_eq!(trail(&project).len(), 2 + 48);
    assert!(check(&project).status.success());
}
