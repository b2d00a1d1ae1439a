//! A request's id, echoed to the letter or refused.

use backup_tests::Project;
use serde_json::Value;

use super::{host, list_of};

#[test]
fn ids_come_back_as_they_were_written() {
    let project = Project::bookshop();
    let mut host = host(&project);
    let long = format!("\"{}\"", "x".repeat(510));
    let ids = [
        "\"a\"",
        "\"\"",
        "\"ä 🎯\"",
        r#""\u0041\n\"\\""#,
        "0",
        "-0",
        "1",
        "1.0",
        "-1.50",
        "1e3",
        "1E+2",
        "9007199254740993",
        "18446744073709551616",
        "123456789012345678901234567890.123",
        &long,
    ];
    for id in ids {
        let answer = host.ask(list_of(id));
        assert!(answer.starts_with(&format!("{{\"id\":{id},\"status\":\"success\",")), "{answer}");
        let answer = host.ask(format!("{{\"operation\":\"lost\",\"id\": {id} }}"));
        assert!(answer.starts_with(&format!("{{\"id\":{id},\"status\":\"error\",")), "{answer}");
    }
    host.end();
}

#[test]
fn an_id_that_was_not_sent_is_not_answered() {
    let project = Project::bookshop();
    let mut host = host(&project);
    for line in [
        "{\"operation\":\"list-backups\"}",
        "{\"operation\":\"list-backups\",\"id\":null}",
        "{\"operation\":\"lost\"}",
        "{\"operation\":\"verify-backup\",\"parameters\":{\"backup_id\":\"backup-20250124-140000\"}}",
        "{\"id\":1",
        "7",
    ] {
        let answer = host.ask(line);
        assert!(answer.starts_with("{\"status\":"), "{answer}");
    }
    host.end();
}

#[test]
fn a_request_with_an_id_that_is_none_is_refused_and_not_done() {
    let project = Project::bookshop();
    let mut host = host(&project);
    let long = format!("\"{}\"", "x".repeat(100_000));
    let longer_by_one = format!("\"{}\"", "x".repeat(511));
    let digits = "1".repeat(513);
    for id in ["{}", "[1]", "true", &long, &longer_by_one, &digits, "1e999"] {
        let shown = &id[..id.len().min(20)];
        let answer = host.ask(format!(
            "{{\"id\":{id},\"operation\":\"create-backup\",\"parameters\":{{\"environment\":\"dev\"}}}}"
        ));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["code"], "invalid_request", "{shown}: {answer:#}");
        assert!(answer["error"].as_str().unwrap().contains("`id`"), "{shown}: {answer:#}");
        assert!(answer.get("id").is_none(), "{shown}");
    }
    host.end();
    assert_eq!(project.files(), Vec::<String>::new());
}
