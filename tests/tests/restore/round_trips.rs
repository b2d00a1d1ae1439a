//! Back up, change everything, bring back: what is there then is what was there.

use backup_tests::Project;
use serde_json::json;

use crate::{change, content, file, made, restore};

#[test]
fn every_form_comes_back_and_so_does_what_was_replaced() {
    for format in ["custom", "sql"] {
        for compression in [json!(false), json!(true), json!("zstd")] {
            let project = Project::bookshop();
            let live = file(&project, "dev");
            let before = content(&live);
            let id = made(&project, format, &compression);
            change(&live);
            let changed = content(&live);
            assert_ne!(before, changed);

            let result = project.succeed(&restore(&id));
            assert_eq!(content(&live), before, "{format}, {compression}");
            assert_eq!(result["backup_id"], id.as_str());
            assert_eq!(result["source_environment"], "dev");
            assert_eq!(result["migrations"]["current"], "20990101000000_too_far");
            assert_eq!(result["migrations"]["lost"], json!(["20990101000000_too_far"]));
            let rows = result["rows"].as_array().unwrap();
            let row = rows.iter().find(|row| row["table"] == "changed").unwrap();
            assert_eq!(row, &json!({"table": "changed", "current": 3, "restored": null}));

            // Undo: the safety backup holds what was there.
            let safety = result["safety_backup_id"].as_str().unwrap();
            assert!(safety.ends_with("-pre-rollback"), "{safety}");
            project.succeed(&result["undo_request"]);
            assert_eq!(content(&live), changed, "{format}, {compression}");
            let left = project.files().into_iter().filter(|name| name.contains("examined"));
            assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
        }
    }
}

#[test]
fn a_measured_restore_is_the_estimate() {
    let project = Project::bookshop();
    let id = made(&project, "custom", &json!(true));
    let mut planned = restore(&id);
    planned["parameters"]["dry_run"] = true.into();
    assert!(project.succeed(&planned)["estimated_seconds"].is_null());
    project.succeed(
        &json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": "restore"}}),
    );
    assert!(project.succeed(&planned)["estimated_seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn another_environments_backup_comes_in_and_the_newest_or_a_migrations_is_found() {
    let project = Project::bookshop();
    let live = file(&project, "dev");
    let first = made(&project, "custom", &json!(false));
    change(&live);
    let second = made(&project, "custom", &json!(false));
    let ask = |more: serde_json::Value| {
        let mut request = json!({"operation": "restore", "parameters": {"environment": "staging"}});
        request["parameters"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let result = project.succeed(&ask(json!({"source_environment": "dev", "latest": true})));
    assert_eq!(result["backup_id"], second.as_str());
    assert_eq!(content(&file(&project, "staging")), content(&live));
    let catalogue = project.catalogue();
    let record = catalogue["backups"].as_array().unwrap().iter();
    let record = record.clone().find(|record| record["backup_id"] == first.as_str()).unwrap();
    let migration = record["migrations"]["last_migration"].clone();
    let result =
        project.succeed(&ask(json!({"source_environment": "dev", "to_migration": migration})));
    assert_eq!(result["backup_id"], first.as_str());
    assert_eq!(result["source_environment"], "dev");
    project.fail(
        &ask(json!({"source_environment": "dev", "to_migration": "20000101000000_never"})),
        "backup_not_found",
    );
    for wrong in [
        json!({}),
        json!({"latest": true, "from": first}),
        json!({"backup_id": first, "from": first}),
    ] {
        project.fail(&ask(wrong), "invalid_request");
    }
    let result = project.succeed(&ask(json!({"from": first})));
    assert_eq!(result["backup_id"], first.as_str());
}

#[test]
fn the_latest_is_no_backup_of_what_a_restore_replaced() {
    let project = Project::bookshop();
    let live = file(&project, "dev");
    let id = made(&project, "custom", &json!(false));
    let old = content(&live);
    change(&live);
    let latest = json!({"operation": "restore-backup", "parameters": {"environment": "dev", "latest": true}});
    for _ in 0..2 {
        let done = project.succeed(&latest);
        assert_eq!(done["backup_id"], json!(id), "sent twice it brings the same back");
        assert_eq!(content(&live), old);
    }
}
