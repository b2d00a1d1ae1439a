//! What the logs plugin is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use backup_tests::Project;
use serde_json::{Value, json};

/// The logs: front matter and text of each, oldest first.
fn logs(project: &Project) -> Vec<(Value, String)> {
    let folder = project.path(".fractary/logs/operational");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
    paths.iter().map(|path| parts(&std::fs::read_to_string(path).unwrap())).collect()
}

fn parts(text: &str) -> (Value, String) {
    let (head, body) = text.strip_prefix("---\n").unwrap().split_once("---\n").unwrap();
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), serde_json::from_str::<Value>(value).unwrap())
    };
    (Value::Object(head.lines().map(field).collect()), body.to_owned())
}

fn logging() -> Project {
    let project = Project::bookshop();
    project.configure(|configuration| {
        configuration["integration"] = json!({"logs_plugin": "fractary-logs", "work_plugin": "x"});
    });
    project
}

/// The consumer's schema, as its plugin has it.
fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "log_type": {"const": "operational"},
            "title": {"type": "string"},
            "operation_id": {"type": "string"},
            "date": {"type": "string", "format": "date-time"},
            "status": {"enum": ["active", "completed", "failed", "archived"]},
            "operation_type": {"enum": ["maintenance", "backup", "restore", "migration", "sync",
                "cleanup", "monitoring"]},
            "severity": {"enum": ["info", "warning", "error", "critical"]},
            "component": {"type": "string"},
            "duration_seconds": {"type": "number"},
            "exit_code": {"type": "number"}
        },
        "required": ["log_type", "title", "operation_id", "date", "status", "operation_type"]
    })
}

#[test]
fn each_operation_leaves_a_log_that_the_plugin_reads() {
    let project = logging();
    let first = project.create("dev")["backup_id"].clone();
    project.create("dev");
    let of = |operation: &str| json!({"operation": operation, "parameters": {"backup_id": first}});
    project.succeed(&of("verify-backup"));
    project.succeed(&json!({"operation": "restore-backup",
        "parameters": {"environment": "dev", "backup_id": first}}));
    project.succeed(&of("delete-backup"));
    project.succeed(&json!({"operation": "cleanup-backups", "parameters": {"dry_run": true}}));
    project.succeed(&json!({"operation": "cleanup-backups"}));
    project.succeed(&json!({"operation": "list-backups"}));
    project.fail(&of("verify-backup"), "backup_not_found");
    let logs = logs(&project);
    let told: Vec<String> = logs
        .iter()
        .map(|(head, _)| {
            let word = |name: &str| head[name].as_str().unwrap().to_owned();
            [word("operation_type"), word("status"), word("severity")].join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "backup completed info",
            "backup completed info",
            "monitoring completed info",
            "restore completed info",
            "cleanup completed info",
            "cleanup completed info",
            "monitoring failed error",
        ]
    );
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (head, _) in &logs {
        assert!(validator.is_valid(head), "{head:#}");
    }
    let (head, body) = &logs[0];
    assert_eq!((&head["title"], &head["exit_code"]), (&json!("create-backup of dev"), &json!(0)));
    assert!(body.contains("Backup created successfully for dev"), "{body}");
    assert!(body.contains(&format!("- backup_id: {}", first.as_str().unwrap())), "{body}");
    assert!(logs[6].1.contains("- code: backup_not_found"), "{}", logs[6].1);
}

#[test]
fn a_log_that_cannot_be_written_fails_nothing() {
    let project = logging();
    std::fs::create_dir_all(project.path(".fractary/logs")).unwrap();
    std::fs::write(project.path(".fractary/logs/operational"), "in the way").unwrap();
    let made = project.create("dev");
    assert!(made["warnings"].to_string().contains("No operational log was written"), "{made:#}");
}

#[test]
fn nobody_who_did_not_ask_gets_a_log() {
    let project = Project::bookshop();
    project.create("dev");
    assert!(!project.path(".fractary/logs").exists());
}
