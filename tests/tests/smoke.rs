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
