//! Recorded conversations: `fixtures/replay/<operation>/<case>/`, see `src/replay.rs`.

use std::collections::BTreeSet;

use backup_protocol::Operation;
use backup_tests::Schemas;
use backup_tests::replay::{Case, replay};
use serde_json::Value;

#[test]
fn create_backup_answers_as_recorded() {
    replay("create-backup");
}

#[test]
fn list_backups_answers_as_recorded() {
    replay("list-backups");
}

#[test]
fn verify_backup_answers_as_recorded() {
    replay("verify-backup");
}

#[test]
fn delete_backup_answers_as_recorded() {
    replay("delete-backup");
}

#[test]
fn cleanup_backups_answers_as_recorded() {
    replay("cleanup-backups");
}

#[test]
fn pin_backup_answers_as_recorded() {
    replay("pin-backup");
}

#[test]
fn unpin_backup_answers_as_recorded() {
    replay("unpin-backup");
}

#[test]
fn restore_backup_answers_as_recorded() {
    replay("restore-backup");
}

#[test]
fn guard_answers_as_recorded() {
    replay("guard");
}

#[test]
fn rebuild_catalogue_answers_as_recorded() {
    replay("rebuild-catalogue");
}

#[test]
fn backup_status_answers_as_recorded() {
    replay("backup-status");
}

#[test]
fn cancel_backup_answers_as_recorded() {
    replay("cancel-backup");
}

#[test]
fn describe_answers_as_recorded() {
    replay("describe");
}

#[test]
fn a_handler_addressed_directly_answers_as_recorded() {
    replay("handler-db-prisma");
}

#[test]
fn what_is_no_request_is_refused_as_recorded() {
    replay("no-request");
}

#[test]
fn every_operation_is_replayed() {
    let names = Case::operations();
    for operation in Operation::ALL {
        assert!(names.contains(operation.name()), "no case of {}", operation.name());
    }
    let tested = include_str!("replay.rs");
    for name in names {
        assert!(tested.contains(&format!("replay(\"{name}\")")), "no test replays {name}");
    }
}

/// What no request is answered with yet, and why.
const UNANSWERED: [(&str, &str); 3] = [
    ("provider_failed", "no handler speaks with a cloud provider yet"),
    ("quota_exceeded", "no handler speaks with a cloud provider yet"),
    ("internal", "only a fault of the program answers it, and a known one is mended"),
];

/// The codes of an answer: its own, and that of the run in the background which it ended.
fn codes(answer: &Value) -> Vec<String> {
    let at = |place| answer.pointer(place);
    let ended = at("/result/was_running") == Some(&Value::Bool(true));
    let of_run = at("/result/envelope/code").filter(|_| ended);
    let codes = at("/code").into_iter().chain(of_run);
    codes.filter_map(|code| code.as_str().map(str::to_owned)).collect()
}

#[test]
fn every_code_is_replayed_but_those_that_nothing_answers_yet() {
    let replayed: BTreeSet<String> =
        Case::all().iter().flat_map(Case::expected).flat_map(|answer| codes(&answer)).collect();
    let of_protocol = Schemas::committed().codes();
    for code in &of_protocol {
        let unanswered = UNANSWERED.iter().find(|(unanswered, _)| unanswered == code);
        match (replayed.contains(code), unanswered) {
            (false, None) => panic!("no case ends with {code}"),
            (true, Some((_, why))) => panic!("{code} is answered, though {why}"),
            _ => {}
        }
    }
    for (code, _) in UNANSWERED {
        assert!(of_protocol.contains(code), "the protocol has no code {code}");
    }
}
