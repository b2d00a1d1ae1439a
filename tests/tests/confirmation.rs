//! A yes is a yes to one plan, once, for a while.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::time::Duration;

use backup_tests::Project;
use backup_tests::artifacts::{assert_nothing_is_half, flip_byte, recorded_ids};
use serde_json::{Value, json};

fn create(environment: &str, more: &Value) -> Value {
    let mut parameters = json!({"environment": environment});
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    json!({"operation": "create-backup", "parameters": parameters})
}

fn delete(id: &Value) -> Value {
    json!({"operation": "delete-backup", "parameters": {"backup_id": id}})
}

fn with_token(request: &Value, token: &Value) -> Value {
    let mut request = request.clone();
    request["parameters"]["confirm"] = token.clone();
    request
}

fn is_recorded(project: &Project, id: &Value) -> bool {
    recorded_ids(project).iter().any(|known| known == id.as_str().unwrap())
}

/// Asks to delete, and returns the token that the question came with.
fn token(project: &Project, id: &Value, code: &str) -> Value {
    let asked = project.fail(&delete(id), code);
    assert!(is_recorded(project, id));
    asked["result"]["confirm"].clone()
}

/// Two backups of an environment: the older is not the last good one.
fn two(project: &Project, environment: &str) -> (Value, Value) {
    let older = project.create(environment)["backup_id"].clone();
    (older, project.create(environment)["backup_id"].clone())
}

#[test]
fn a_protected_environment_asks_with_a_plan_and_a_token() {
    let project = Project::bookshop();
    let (older, _) = two(&project, "production");
    let asked = project.fail(&delete(&older), "confirmation_required");
    let plan = &asked["result"]["plan"];
    assert_eq!(plan["backup_id"], older);
    assert!(plan["size_bytes"].as_u64().unwrap() > 0);
    assert!(!plan["consequences"].as_array().unwrap().is_empty());
    assert!(asked["result"]["confirm_expires_at"].is_string());
    let next = &asked["recovery"]["next_request"];
    assert_eq!(next["parameters"]["confirm"], asked["result"]["confirm"]);
    assert!(is_recorded(&project, &older));
    for no_yes in [json!(true), json!(false)] {
        project.fail(&with_token(&delete(&older), &no_yes), "confirmation_required");
        assert!(is_recorded(&project, &older), "only the token is a yes");
    }
    project.succeed(next);
    assert!(!is_recorded(&project, &older));
    assert_nothing_is_half(&project);
}

#[test]
fn what_is_protected_is_what_the_configuration_lists() {
    let project = Project::bookshop();
    let (dev, _) = two(&project, "dev");
    let (staging, _) = two(&project, "staging");
    let (production, _) = two(&project, "production");
    project.configure(|configuration| {
        configuration["safety"] = json!({"protected_environments": ["staging"]});
    });
    token(&project, &staging, "confirmation_required");
    project.succeed(&delete(&production));
    project.configure(|configuration| {
        configuration["safety"] = json!({});
        configuration["environments"]["dev"]["production"] = json!(true);
        configuration["environments"]["production"]["production"] = json!(false);
    });
    token(&project, &dev, "confirmation_required");
    project.succeed(&delete(&staging));
    project.configure(|configuration| {
        configuration["safety"] = json!({"protected_environments": []});
    });
    project.succeed(&delete(&dev));
}

#[test]
fn the_newest_verified_backup_is_never_deleted_unasked() {
    let project = Project::bookshop();
    let (older, newest) = two(&project, "dev");
    let asked = project.fail(&delete(&newest), "last_good_backup");
    assert_eq!(asked["error"], "This is the newest verified backup of its environment");
    assert!(asked["result"]["plan"]["consequences"].to_string().contains("newest verified"));
    project.fail(&with_token(&delete(&newest), &json!(true)), "last_good_backup");
    // The older one is nobody's last good one.
    project.succeed(&delete(&older));
    let token = token(&project, &newest, "last_good_backup");
    project.succeed(&with_token(&delete(&newest), &token));
    assert_eq!(recorded_ids(&project), [""; 0]);
}

#[test]
fn what_failed_its_verification_is_no_last_good_backup() {
    let project = Project::bookshop();
    let older = project.create("dev");
    let newest = project.create("dev");
    flip_byte(&project.path(newest["file_path"].as_str().unwrap()), 9000);
    let verify =
        json!({"operation": "verify-backup", "parameters": {"backup_id": newest["backup_id"]}});
    project.fail(&verify, "verification_failed");
    token(&project, &older["backup_id"], "last_good_backup");
    project.succeed(&delete(&newest["backup_id"]));
}

#[test]
fn a_record_without_its_artifact_shields_no_last_good_backup() {
    let project = Project::bookshop();
    let older = project.create("dev");
    let newest = project.create("dev");
    std::fs::remove_file(project.path(newest["file_path"].as_str().unwrap())).unwrap();
    // The older one is the only one that could be brought back.
    token(&project, &older["backup_id"], "last_good_backup");
}

#[test]
fn one_token_covers_protection_and_the_last_good_backup() {
    let project = Project::bookshop();
    let (older, newest) = two(&project, "production");
    let ordinary = token(&project, &older, "confirmation_required");
    let last = token(&project, &newest, "last_good_backup");
    project.fail(&with_token(&delete(&newest), &ordinary), "confirmation_invalid");
    project.succeed(&with_token(&delete(&newest), &last));
    // The older one became the last good one: the yes was not to that.
    let refused = project.fail(&with_token(&delete(&older), &ordinary), "confirmation_invalid");
    assert_eq!(refused["recovery"]["next_request"], delete(&older));
    assert!(is_recorded(&project, &older));
}

#[test]
fn a_token_is_good_for_its_own_backup_and_project_only() {
    let project = Project::bookshop();
    let (older, newest) = two(&project, "production");
    let third = project.create("production")["backup_id"].clone();
    let ours = token(&project, &older, "confirmation_required");
    project.fail(&with_token(&delete(&newest), &ours), "confirmation_invalid");
    let elsewhere = Project::bookshop();
    let (theirs, _) = two(&elsewhere, "production");
    elsewhere.fail(&with_token(&delete(&theirs), &ours), "confirmation_invalid");
    for broken in [
        json!(""),
        json!("yes"),
        json!("1.2.3"),
        json!("..."),
        json!(ours.as_str().unwrap().to_uppercase()),
        json!(format!("{} ", ours.as_str().unwrap())),
        json!(format!("9{}", ours.as_str().unwrap())),
        json!(ours.as_str().unwrap().replace('.', "\u{0}")),
        json!(ours.as_str().unwrap().split('.').take(2).collect::<Vec<_>>().join(".")),
    ] {
        let refused = project.ask(&with_token(&delete(&older), &broken));
        assert_eq!(refused["status"], "error", "{broken}");
        assert!(is_recorded(&project, &older), "{broken}");
    }
    assert!([&older, &newest, &third].iter().all(|id| is_recorded(&project, id)));
    project.succeed(&with_token(&delete(&older), &ours));
}

#[test]
fn a_token_is_not_good_for_what_took_the_backups_place() {
    let project = Project::bookshop();
    let (older, _) = two(&project, "production");
    let yes = token(&project, &older, "confirmation_required");
    let id = older.as_str().unwrap();
    let path = project.backups().join(format!("production/{id}.manifest.json"));
    let mut manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let before = manifest["artifact"]["sha256"].as_str().unwrap().to_owned();
    manifest["artifact"]["sha256"] = json!("0".repeat(64));
    std::fs::write(&path, manifest.to_string()).unwrap();
    project.fail(&with_token(&delete(&older), &yes), "confirmation_invalid");
    assert!(is_recorded(&project, &older));
    manifest["artifact"]["sha256"] = json!(before);
    std::fs::write(&path, manifest.to_string()).unwrap();
    project.succeed(&with_token(&delete(&older), &yes));
}

#[test]
fn what_moves_all_the_time_does_not_spoil_a_token() {
    let project = Project::bookshop();
    let (older, _) = two(&project, "production");
    let yes = token(&project, &older, "confirmation_required");
    project.create("production");
    project.create("dev");
    project.succeed(&json!({"operation": "verify-backup", "parameters": {"backup_id": older}}));
    project.database("production").execute_batch("DELETE FROM \"Order\"").unwrap();
    let mut request = with_token(&delete(&older), &yes);
    request["id"] = json!(7);
    request["parameters"]["environment"] = json!("production");
    request["working_directory"] = json!(project.root());
    project.succeed(&request);
}

#[test]
fn a_token_expires() {
    let project = Project::bookshop();
    project.configure(|configuration| {
        configuration["safety"] = json!({"approval_timeouts": {"standard": 300, "enhanced": 1}});
    });
    let (older, _) = two(&project, "production");
    let yes = token(&project, &older, "confirmation_required");
    std::thread::sleep(Duration::from_millis(2100));
    let refused = project.fail(&with_token(&delete(&older), &yes), "confirmation_invalid");
    assert!(refused["error"].as_str().unwrap().contains("expired"), "{refused:#}");
    assert!(is_recorded(&project, &older));
    // One that lasts: a second may pass before the next request is read.
    project.configure(|configuration| {
        configuration["safety"]["approval_timeouts"]["enhanced"] = 60.into();
    });
    let fresh = token(&project, &older, "confirmation_required");
    project.succeed(&with_token(&delete(&older), &fresh));
}

#[test]
fn a_token_is_used_once() {
    let project = Project::bookshop();
    let (older, _) = two(&project, "production");
    let yes = token(&project, &older, "confirmation_required");
    let id = older.as_str().unwrap();
    let folder = project.backups().join("production");
    let pieces = ["manifest.json", "sqlite.gz"].map(|end| folder.join(format!("{id}.{end}")));
    let kept = pieces.clone().map(|path| std::fs::read(path).unwrap());
    project.succeed(&with_token(&delete(&older), &yes));
    // Somebody brings the very same backup back.
    for (path, bytes) in pieces.iter().zip(kept) {
        std::fs::write(path, bytes).unwrap();
    }
    project.create("dev");
    assert!(is_recorded(&project, &older), "adopted");
    let refused = project.fail(&with_token(&delete(&older), &yes), "confirmation_invalid");
    assert!(refused["error"].as_str().unwrap().contains("used"), "{refused:#}");
    assert!(is_recorded(&project, &older));
}

#[test]
fn a_token_is_used_once_by_two_at_the_same_time() {
    for _ in 0..4 {
        let project = Project::bookshop();
        let (older, _) = two(&project, "production");
        let yes = token(&project, &older, "confirmation_required");
        let request = with_token(&delete(&older), &yes);
        let answers: Vec<Value> = std::thread::scope(|scope| {
            let both: Vec<_> = (0..2).map(|_| scope.spawn(|| project.ask(&request))).collect();
            both.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let done = answers.iter().filter(|answer| answer["status"] == "success").count();
        assert_eq!(done, 1, "{answers:#?}");
        let other = answers.iter().find(|answer| answer["status"] != "success").unwrap();
        assert!(
            ["backup_not_found", "confirmation_invalid"].contains(&other["code"].as_str().unwrap()),
            "{other:#}"
        );
        assert_nothing_is_half(&project);
    }
}

#[test]
fn a_lost_key_spoils_every_token_and_nothing_else() {
    let project = Project::bookshop();
    let (older, _) = two(&project, "production");
    let yes = token(&project, &older, "confirmation_required");
    std::fs::remove_file(project.backups().join(".confirmation-key")).unwrap();
    project.fail(&with_token(&delete(&older), &yes), "confirmation_invalid");
    let fresh = token(&project, &older, "confirmation_required");
    project.succeed(&with_token(&delete(&older), &fresh));
}

#[test]
fn a_plan_of_a_deletion_needs_no_yes_and_removes_nothing() {
    let project = Project::bookshop();
    let (older, newest) = two(&project, "production");
    let files = project.files();
    for id in [&older, &newest] {
        let mut request = delete(id);
        request["parameters"]["dry_run"] = json!(true);
        assert_eq!(project.succeed(&request)["dry_run"], true);
    }
    assert_eq!(project.files(), files);
}

#[test]
fn a_large_production_backup_asks_first() {
    let project = Project::bookshop();
    project.configure(|configuration| {
        // Some 20 KB.
        configuration["safety"] = json!({"large_backup_gb": 0.00002});
    });
    let asked = project.fail(&create("production", &json!({})), "confirmation_required");
    let size = project.path("prisma/production.db").metadata().unwrap().len();
    assert_eq!(asked["result"]["plan"]["size_bytes"], size);
    assert_eq!(asked["result"].get("confirm"), None, "true is enough: no token is given");
    assert_eq!(project.files(), [""; 0], "nothing was begun");
    project.fail(&create("production", &json!({"confirm": false})), "confirmation_required");
    project.fail(&create("production", &json!({"confirm": "yes"})), "confirmation_required");

    let next = &asked["recovery"]["next_request"];
    assert_eq!(next["parameters"]["confirm"], true);
    project.succeed(next);
    for reason in ["scheduled", "pre-migration", "pre-rollback safety", "pre-operation"] {
        project.succeed(&create("production", &json!({"reason": reason})));
    }
    for reason in ["manual", "pre-migrations", "unscheduled", "scheduled maintenance soon"] {
        let answer = project.ask(&create("production", &json!({"reason": reason})));
        assert_eq!(answer["code"], "confirmation_required", "{reason}");
    }
    // Elsewhere nobody is asked.
    project.succeed(&create("dev", &json!({})));
    project.succeed(&create("staging", &json!({})));
    let plan = project.succeed(&create("production", &json!({"dry_run": true})));
    assert_eq!(plan["needs_confirmation"], true);
    project.configure(|configuration| {
        configuration["environments"]["dev"]["production"] = json!(true);
        configuration["environments"]["production"]["production"] = json!(false);
    });
    project.fail(&create("dev", &json!({})), "confirmation_required");
    project.succeed(&create("production", &json!({})));
}
