//! A pinned backup stays, and says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use backup_tests::Project;
use backup_tests::artifacts::assert_nothing_is_half;
use serde_json::{Value, json};

fn of(operation: &str, id: &Value) -> Value {
    json!({"operation": operation, "parameters": {"backup_id": id}})
}

fn listed(project: &Project) -> Value {
    project.succeed(&json!({"operation": "list-backups"}))["backups"][0].clone()
}

#[test]
fn a_pin_is_set_once_and_taken_off_once() {
    let project = Project::bookshop();
    let made = project.create("dev");
    let id = &made["backup_id"];
    assert_eq!(listed(&project)["pinned"], Value::Null);
    let pinned = project.succeed(&of("pin-backup", id));
    assert_eq!(
        pinned,
        json!({"backup_id": id, "pinned": true, "changed": true, "expires_at": made["expires_at"]})
    );
    assert_eq!(listed(&project)["pinned"], true);
    assert_eq!(project.catalogue()["backups"][0]["pinned"], true);
    let files = project.files();
    assert_eq!(project.succeed(&of("pin-backup", id))["changed"], false);
    assert_eq!(project.files(), files, "what is pinned needs no second note");
    let unpinned = project.succeed(&of("unpin-backup", id));
    assert_eq!((&unpinned["pinned"], &unpinned["changed"]), (&json!(false), &json!(true)));
    assert_eq!(listed(&project)["pinned"], Value::Null);
    assert_nothing_is_half(&project);
}

#[test]
fn a_pin_survives_what_the_catalogue_does_not() {
    let project = Project::bookshop();
    let made = project.create("dev");
    project.succeed(&of("pin-backup", &made["backup_id"]));
    std::fs::write(project.backups().join("backups.json"), "damaged").unwrap();
    project.succeed(&json!({"operation": "rebuild-catalogue"}));
    assert_eq!(listed(&project)["pinned"], true);
    // It is no proof: a later verification speaks for itself.
    std::fs::write(project.path(made["file_path"].as_str().unwrap()), "short").unwrap();
    project.fail(&of("verify-backup", &made["backup_id"]), "verification_failed");
    assert_eq!(listed(&project)["pinned"], true);
    assert_eq!(listed(&project)["status"], "invalid");
    let again = project.succeed(&of("pin-backup", &made["backup_id"]));
    assert!(again["warnings"][0].as_str().unwrap().contains("invalid"), "{again:#}");
}

#[test]
fn what_the_catalogue_alone_says_of_a_pin_is_not_believed() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    let write_by_hand = |pinned: bool| {
        let mut catalogue = project.catalogue();
        catalogue["backups"][0]["pinned"] = json!(pinned);
        std::fs::write(project.backups().join("backups.json"), catalogue.to_string()).unwrap();
    };
    let recorded = || project.catalogue()["backups"][0]["pinned"].clone();
    for notes in [None, Some("verify-backup"), Some("unpin-backup")] {
        if let Some(operation) = notes {
            project.succeed(&of("pin-backup", &id));
            project.succeed(&of(operation, &id));
            project.succeed(&of("unpin-backup", &id));
        }
        write_by_hand(true);
        assert_eq!(listed(&project)["pinned"], Value::Null, "after {notes:?}");
        project.succeed(&json!({"operation": "cleanup-backups"}));
        assert_ne!(recorded(), true, "the next operation that writes corrects it");
        write_by_hand(true);
        project.succeed(&json!({"operation": "rebuild-catalogue"}));
        assert_ne!(recorded(), true);
    }
    project.succeed(&of("pin-backup", &id));
    write_by_hand(false);
    project.succeed(&json!({"operation": "cleanup-backups"}));
    assert_eq!((&listed(&project)["pinned"], recorded()), (&json!(true), json!(true)));
}

#[test]
fn a_pinned_backup_is_deleted_only_with_a_token() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    project.create("dev");
    project.succeed(&of("pin-backup", &id));
    let plan = project.succeed(&json!({"operation": "delete-backup",
        "parameters": {"backup_id": id, "dry_run": true}}));
    assert_eq!(plan["needs_confirmation"], true);
    let asked = project.fail(&of("delete-backup", &id), "confirmation_required");
    let consequences = asked["result"]["plan"]["consequences"].to_string();
    assert!(consequences.contains("It is pinned"), "{consequences}");
    // The yes was one to a pinned backup; what it is now is another question.
    project.succeed(&of("unpin-backup", &id));
    project.succeed(&of("delete-backup", &id));
}

#[test]
fn a_record_of_the_older_shape_can_be_pinned() {
    let project = Project::bookshop();
    let made = project.create("dev");
    let old = project.backups().join("dev/backup-20240101-000000.sqlite");
    std::fs::copy(project.path(made["file_path"].as_str().unwrap()), &old).unwrap();
    let mut catalogue = project.catalogue();
    catalogue["backups"].as_array_mut().unwrap().push(json!({
        "id": "backup-20240101-000000", "timestamp": "2024-01-01T00:00:00Z", "database": "shop",
        "file": old.display().to_string(), "environment": "dev", "theirs": 1}));
    std::fs::write(project.backups().join("backups.json"), catalogue.to_string()).unwrap();
    let pinned = project.succeed(&of("pin-backup", &json!("backup-20240101-000000")));
    assert_eq!((&pinned["pinned"], &pinned["expires_at"]), (&json!(true), &Value::Null));
    let records = project.catalogue();
    let record = &records["backups"][1];
    assert_eq!((&record["pinned"], &record["theirs"]), (&json!(true), &json!(1)), "{record:#}");
}

#[test]
fn what_is_not_there_cannot_be_pinned_and_no_slip_pins() {
    let project = Project::bookshop();
    project.fail(&of("pin-backup", &json!("backup-20250124-140000")), "backup_not_found");
    project.fail(&of("pin-backup", &json!("../x")), "invalid_request");
    for slip in ["pin-backups", "unpin-backups", "unpinbackup"] {
        let answer = project.fail(&of(slip, &json!("backup-20250124-140000")), "unknown_operation");
        assert_eq!(answer["recovery"]["next_request"], Value::Null, "{answer:#}");
    }
}
