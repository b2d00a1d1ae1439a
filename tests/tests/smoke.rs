//! The main job, end to end.

use backup_tests::Project;
use serde_json::json;

#[test]
fn a_backup_is_made_verified_listed_and_deleted() {
    let project = Project::bookshop();
    let first = project.create("dev");
    let second = project.create("dev");
    assert_eq!(first["row_totals"], json!({"tables": 5, "rows": 517, "unknown": 0}));
    assert_eq!(first["migrations"]["applied_count"], 3);
    assert_eq!(first["migrations"]["last_migration"], "20250124130000_add_api_keys");

    let id = &first["backup_id"];
    let verified =
        project.succeed(&json!({"operation": "verify-backup", "parameters": {"backup_id": id}}));
    assert_eq!(verified["verification"]["integrity_check"], "passed");

    let listed = project.succeed(&json!({"operation": "list-backups"}));
    assert_eq!(listed["total_count"], 2);
    assert_eq!(listed["backups"][0]["backup_id"], second["backup_id"]);

    let deleted =
        project.succeed(&json!({"operation": "delete-backup", "parameters": {"backup_id": id}}));
    assert_eq!(deleted["freed_bytes"], first["size_bytes"]);
    let left = project.files();
    assert!(!left.iter().any(|file| file.contains(id.as_str().unwrap())), "{left:?}");
    assert_eq!(left.len(), 3, "artifact, manifest and catalogue of the second: {left:?}");
}

#[test]
fn the_id_of_a_deleted_backup_is_never_given_again() {
    let project = Project::bookshop();
    let mut ids: Vec<_> = (0..3).map(|_| project.create("dev")["backup_id"].clone()).collect();
    for id in [ids[0].clone(), ids[2].clone()] {
        let delete = json!({"operation": "delete-backup", "parameters": {"backup_id": id}});
        let mut answer = project.ask(&delete);
        if answer["code"] == "last_good_backup" {
            answer = project.ask(&answer["recovery"]["next_request"]);
        }
        assert_eq!(answer["status"], "success", "{answer:#}");
        ids.push(project.create("dev")["backup_id"].clone());
    }
    let distinct: std::collections::BTreeSet<_> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), 5, "{ids:?}");
}

#[test]
fn a_project_of_urls_is_backed_up() {
    let project = Project::with_urls(&[("dev", "file:./dev.db"), ("production", "file:./live.db")]);
    for (environment, database) in [("dev", "dev"), ("production", "live")] {
        project.database(database).execute_batch("CREATE TABLE book(id INTEGER)").unwrap();
        let result = project.create(environment);
        assert_eq!(result["row_totals"]["tables"], 1, "{result:#}");
    }
}
