//! `recovery.next_request`: ready to send, and right when it is sent.

use std::path::Path;

use backup_tests::Project;
use serde_json::{Value, json};

use super::host;

/// The answer to a request that is sent from a folder that has no project.
fn from_elsewhere(project: &Project, folder: &Path, request: &str) -> Value {
    let mut command = project.host();
    command.current_dir(folder);
    let mut answers = Project::converse(&mut command, format!("{request}\n").as_bytes());
    answers.envelopes.remove(0)
}

#[test]
fn the_next_request_of_a_slip_is_ready_to_send() {
    let elsewhere = tempfile::tempdir().unwrap();
    for (slip, code) in [
        (r#"{"operation":"creat-backup","parameters":{"environment":"dev"}"#, "unknown_operation"),
        (r#"{"operation":"list_backups""#, "unknown_operation"),
        (
            r#"{"operation":"describe","parameters":{"operation":"list-backup"}"#,
            "unknown_operation",
        ),
        (r#"{"operation":"create-backup","parameters":{"enviroment":"dev"}"#, "unknown_parameter"),
        (r#"{"opration":"list-backups""#, "unknown_parameter"),
        (r#"{"skil":"backup-manager","operation":"list-backups""#, "unknown_parameter"),
        (r#"{"skill":"backup-manger","operation":"list-backups""#, "invalid_request"),
        (
            r#"{"operation":"create-backup","parameters":{"environment":"dev","format":"directory"}"#,
            "invalid_request",
        ),
        (
            r#"{"operation":"create-backup","parameters":{"environment":"dve"}"#,
            "environment_not_found",
        ),
        (
            r#"{"operation":"verify-backup","parameters":{"backup_id":"backup-20250124-140000"}"#,
            "backup_not_found",
        ),
        (
            r#"{"operation":"restore","parameters":{"environment":"dev","from":"backup-20250124-140000"}"#,
            "backup_not_found",
        ),
        (
            r#"{"operation":"backup-status","parameters":{"run_id":"0123456789abcdef"}"#,
            "invalid_request",
        ),
        (r#"{"operation":"backup-staus""#, "unknown_operation"),
    ] {
        let project = Project::bookshop();
        let root = project.root();
        let request =
            format!("{slip},\"id\":\"x\",\"working_directory\":{:?}}}", root.to_str().unwrap());
        let answer = from_elsewhere(&project, elsewhere.path(), &request);
        assert_eq!(answer["code"], code, "{request}: {answer:#}");
        let next = &answer["recovery"]["next_request"];
        let answer = from_elsewhere(&project, elsewhere.path(), &next.to_string());
        assert_eq!(answer["status"], "success", "{request}\n{next}\n{answer:#}");
    }
}

#[test]
fn the_next_request_of_a_damaged_catalogue_mends_it() {
    let elsewhere = tempfile::tempdir().unwrap();
    let project = Project::bookshop();
    project.create("dev");
    std::fs::write(project.backups().join("backups.json"), "{").unwrap();
    let list = json!({"operation": "list-backups", "working_directory": project.root().to_str()});
    let answer = from_elsewhere(&project, elsewhere.path(), &list.to_string());
    assert_eq!(answer["code"], "catalogue_damaged", "{answer:#}");
    let next = answer["recovery"]["next_request"].to_string();
    let answer = from_elsewhere(&project, elsewhere.path(), &next);
    assert_eq!(answer["status"], "success", "{next}: {answer:#}");
    assert_eq!(
        from_elsewhere(&project, elsewhere.path(), &list.to_string())["result"]["total_count"],
        1
    );
}

#[test]
fn a_next_request_is_never_one_that_is_refused() {
    let project = Project::bookshop();
    let mut host = host(&project);
    let id = "backup-20250124-140000";
    for (operation, parameters) in [
        ("delete-backups", json!({"backup_id": id})),
        ("pin-backups", json!({"backup_id": id})),
        ("unpinbackup", json!({"backup_id": id})),
    ] {
        let answer = host.ask_json(&json!({"operation": operation, "parameters": parameters}));
        assert_eq!(answer["code"], "unknown_operation", "{answer:#}");
        let next = &answer["recovery"]["next_request"];
        assert!(next.is_null(), "{operation} is no slip of another name: {next}");
    }
    host.end();
}

#[test]
fn nobody_is_led_to_cancel_a_run_by_a_slip() {
    let project = Project::bookshop();
    let mut host = host(&project);
    for slip in
        ["cancel-backups", "cancel_backup", "cancle-backup", "cancel-backp", "Cancel-Backup"]
    {
        let request = json!({"operation": slip, "parameters": {"run_id": "0123456789abcdef"}});
        let answer = host.ask_json(&request);
        assert_eq!(answer["code"], "unknown_operation", "{answer:#}");
        assert!(answer["recovery"]["next_request"].is_null(), "{answer:#}");
    }
    host.end();
}

#[test]
fn the_next_request_keeps_the_id_to_the_digit() {
    let project = Project::bookshop();
    let mut host = host(&project);
    for id in ["\"x\"", "1", "1.0", "18446744073709551616", "12345678901234567890123"] {
        let answer = host.ask(format!("{{\"id\":{id},\"operation\":\"list-backup\"}}"));
        let next = format!("\"next_request\":{{\"id\":{id},\"operation\":\"list-backups\"}}");
        assert!(answer.contains(&next), "{answer}");
    }
    host.end();
}
