//! However a run ends, it is told.

use backup_tests::Project;
use backup_tests::artifacts::{assert_nothing_is_half, files_of, flip_byte};
use backup_tests::live_host::wait_until;
use backup_tests::scripted_tool::{Behaviour, ScriptedTools};
use rustix::process::Signal;
use serde_json::json;

use crate::{Held, ask, create, end_of, is_alive, process_of, signal, started, status};

#[test]
fn a_run_whose_process_was_killed_is_lost_and_the_next_one_is_not_in_its_way() {
    let held = Held::new("lost");
    let run = held.start();
    let process = process_of(&held.project, &run);
    signal(process, Signal::KILL);
    wait_until("the process dies", || !is_alive(process));
    // The kernel frees the lock of a dead process a moment later.
    wait_until("the run is lost", || status(&held.project, &run)["state"] == "lost");
    let told = status(&held.project, &run);
    assert!(told.get("envelope").is_none() && told.get("estimated_end").is_none());
    assert_eq!(told["next_request"], create("dev", &json!({})));
    // The server takes a moment to notice that who held its lock is gone; no request in the background waits for it.
    let mut answer = json!(null);
    wait_until("the lock at the server is free", || {
        answer = ask(&mut held.project.host(), &told["next_request"]);
        answer["code"] != "backup_in_progress"
    });
    let again = answer["result"]["run_id"].as_str().unwrap_or_else(|| panic!("{answer:#}"));
    assert_eq!(end_of(&held.project, again)["state"], "succeeded");
    assert_nothing_is_half(&held.project);
}

#[test]
fn a_failure_is_told_with_its_envelope() {
    let held = Held::new("failed");
    let tools = ScriptedTools::new().with("pg_dump", Behaviour::FailsAtEnd);
    let run = started(&mut tools.host(&held.project), &create("dev", &json!({})));
    let ended = end_of(&held.project, &run);
    assert_eq!(ended["state"], "failed", "{ended:#}");
    assert_eq!(ended["envelope"]["code"], "verification_failed");
    assert!(!ended["envelope"]["recovery"]["suggestions"].as_array().unwrap().is_empty());
    held.assert_nothing_is_left();
}

#[test]
fn a_verification_goes_on_in_the_background() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    let verify = |level: &str| {
        json!({"operation": "verify-backup", "parameters": {
            "backup_id": id, "level": level, "background": true
        }})
    };
    let run = started(&mut project.host(), &verify("restore"));
    let ended = end_of(&project, &run);
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert_eq!((&ended["backup_id"], &ended["environment"]), (&id, &json!("dev")));
    assert_eq!(ended["envelope"]["result"]["verification"]["level"], "rows_equal");

    let artifact = files_of(&project, "dev")
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "sqlite"))
        .unwrap();
    flip_byte(&artifact, 5000);
    let run = started(&mut project.host(), &verify("full"));
    let ended = end_of(&project, &run);
    assert_eq!(ended["state"], "failed", "{ended:#}");
    assert_eq!(ended["envelope"]["code"], "verification_failed");
    let listed = project.succeed(&json!({"operation": "list-backups"}));
    assert_eq!(listed["backups"][0]["status"], "invalid");
}

#[test]
fn a_restore_in_the_background_needs_the_token_and_uses_it_up() {
    let project = Project::bookshop();
    let id = project.create("production")["backup_id"].clone();
    let keys = || -> i64 {
        let live = project.database("production");
        live.query_row("SELECT count(*) FROM \"ApiKey\"", [], |row| row.get(0)).unwrap()
    };
    let before = keys();
    project.database("production").execute_batch("DELETE FROM \"ApiKey\"").unwrap();
    let restore = json!({"operation": "restore-backup", "parameters": {
        "environment": "production", "backup_id": id, "background": true
    }});
    let asked = ask(&mut project.host(), &restore);
    assert_eq!(asked["code"], "confirmation_required", "{asked:#}");
    assert_eq!(keys(), 0);
    let confirmed = &asked["recovery"]["next_request"];
    assert_eq!(confirmed["parameters"]["background"], true);
    let run = started(&mut project.host(), confirmed);
    let ended = end_of(&project, &run);
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert_eq!(ended["backup_id"], id, "not its safety backup: {ended:#}");
    assert_eq!(keys(), before);
    let result = &ended["envelope"]["result"];
    assert!(result["safety_backup_id"].is_string() && result["undo_request"].is_object());
    let again = ask(&mut project.host(), confirmed);
    assert_eq!(again["code"], "confirmation_invalid", "{again:#}");
    let token = confirmed["parameters"]["confirm"].as_str().unwrap();
    for file in project.files().iter().filter(|file| file.starts_with(".runs/")) {
        let text = std::fs::read_to_string(project.backups().join(file)).unwrap();
        assert!(!text.contains(token), "{file} has the token");
    }
}

#[test]
fn a_restore_of_a_damaged_artifact_fails_and_changes_nothing() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    let artifact = files_of(&project, "dev")
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "sqlite"))
        .unwrap();
    flip_byte(&artifact, 5000);
    let live = project.path("prisma/dev.db");
    let before = std::fs::read(&live).unwrap();
    let run = started(
        &mut project.host(),
        &json!({"operation": "restore-backup", "parameters": {
            "environment": "dev", "backup_id": id, "background": true
        }}),
    );
    let ended = end_of(&project, &run);
    assert_eq!(ended["envelope"]["code"], "verification_failed", "{ended:#}");
    assert_eq!(std::fs::read(&live).unwrap(), before);
    assert_eq!(files_of(&project, "dev").len(), 3, "no safety backup was taken for nothing");
}
