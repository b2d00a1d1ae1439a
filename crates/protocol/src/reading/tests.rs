use serde_json::json;

use super::*;
use crate::CompressionChoice;

fn fault(line: &str) -> RequestFault {
    read_request(line.as_bytes()).unwrap_err().fault
}

#[test]
fn the_seeds_requests_are_understood() {
    let request = read_request(
        br#"{"operation":"create-backup","parameters":{"environment":"production","label":"pre-v2-migration","reason":"before major schema changes","compression":true,"working_directory":"/p"}}"#,
    )
    .unwrap();
    assert_eq!(request.skill, Skill::BackupManager);
    assert_eq!(request.working_directory.as_deref(), Some("/p"));
    let Command::CreateBackup(parameters) = request.command else { panic!("wrong command") };
    assert_eq!(parameters.compression, Some(CompressionChoice::Gzip));
}

#[test]
fn marks_and_carriage_returns_are_passed_over() {
    assert!(read_request("\u{feff}{\"operation\":\"describe\"}\r".as_bytes()).is_ok());
}

#[test]
fn slips_are_named_with_their_neighbour_and_corrected() {
    let rejected =
        read_request(br#"{"id":1,"operation":"creat-backup","parameters":{"environment":"dev"}}"#)
            .unwrap_err();
    assert_eq!(rejected.id.unwrap().as_json(), "1");
    assert!(matches!(
        rejected.fault,
        RequestFault::UnknownOperation { nearest: Some("create-backup"), .. }
    ));
    assert_eq!(rejected.corrected.unwrap()["operation"], "create-backup");

    let rejected =
        read_request(br#"{"operation":"backup","parameters":{"enviroment":"dev"}}"#).unwrap_err();
    assert_eq!(
        rejected.corrected.unwrap(),
        json!({"operation":"backup","parameters":{"environment":"dev"}})
    );
    assert_eq!(rejected.operation.unwrap().spelling(), "backup");
}

#[test]
fn wrong_values_are_placed_and_never_repeated() {
    let fault = fault(
        r#"{"operation":"create-backup","parameters":{"environment":"dev","retention_days":"hunter2"}}"#,
    );
    assert_eq!(
        fault.to_string(),
        "`parameters.retention_days` must be a whole number from 0 to 4294967295, but is a string"
    );
}

#[test]
fn what_is_missing_or_twice_is_named() {
    assert_eq!(
        fault(r#"{"operation":"create-backup"}"#).to_string(),
        "`parameters.environment` is missing"
    );
    assert_eq!(
        fault(r#"{"operation":"backup","parameters":{"environment":"a","environment":"b"}}"#)
            .to_string(),
        "`parameters.environment` stands twice in the request"
    );
}

#[test]
fn other_json_is_no_request() {
    assert_eq!(fault("[1]").to_string(), "a request is a JSON object, not a list");
    assert!(matches!(fault("{"), RequestFault::NotJson { .. }));
    assert!(matches!(fault(r#"{"operation":"describe"} x"#), RequestFault::NotJson { .. }));
    assert!(matches!(fault(&"[".repeat(100_000)), RequestFault::NotJson { .. }));
    let nested = format!(
        r#"{{"operation":"describe","parameters":{}1{}}}"#,
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    assert!(read_request(nested.as_bytes()).is_err());
}

#[test]
fn handlers_take_their_own_operations() {
    assert!(matches!(
        fault(r#"{"skill":"handler-db-prisma","operation":"rebuild-catalogue"}"#),
        RequestFault::UnknownOperation { .. }
    ));
    assert!(matches!(
        fault(r#"{"skill":"backup-manger","operation":"describe"}"#),
        RequestFault::UnknownSkill { nearest: Some("backup-manager"), .. }
    ));
}
