//! Recorded conversations: `fixtures/replay/<operation>/<case>/`, see `src/replay.rs`.

use std::collections::BTreeSet;

use backup_protocol::Operation;
use backup_tests::replay::{Case, replay};

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

#[test]
fn every_code_that_a_sqlite_project_meets_alone_is_replayed() {
    let cases = Case::all();
    let met: BTreeSet<String> = cases
        .iter()
        .flat_map(Case::expected)
        .filter_map(|answer| answer["code"].as_str().map(str::to_owned))
        .collect();
    // The others take a full disk, another process, a lost right, a signal or a server.
    for code in [
        "config_not_found",
        "config_invalid",
        "environment_not_found",
        "database_url_missing",
        "unsupported_database",
        "connection_failed",
        "verification_failed",
        "backup_not_found",
        "confirmation_required",
        "confirmation_invalid",
        "last_good_backup",
        "catalogue_damaged",
        "catalogue_newer",
        "invalid_json",
        "invalid_encoding",
        "line_too_long",
        "unknown_operation",
        "unknown_parameter",
        "invalid_request",
    ] {
        assert!(met.contains(code), "no case ends with {code}");
    }
}
