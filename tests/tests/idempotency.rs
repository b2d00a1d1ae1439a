//! One key, one backup.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::time::Duration;

use backup_tests::Project;
use backup_tests::artifacts::{assert_nothing_is_half, files_of, flip_byte, recorded_ids};
use backup_tests::databases::fill_large;
use backup_tests::live_host::{LiveHost, wait_until};
use serde_json::{Value, json};

const KEY: &str = "nightly-2025-01-24";

fn keyed(environment: &str, more: &Value) -> Value {
    let mut parameters = json!({"environment": environment, "idempotency_key": KEY});
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    json!({"operation": "create-backup", "parameters": parameters})
}

fn stopped(project: &Project, request: &Value) -> LiveHost {
    let mut host = LiveHost::start(&mut project.host());
    host.send(request);
    wait_until("an artifact grows", || {
        files_of(project, "dev").iter().any(|path| path.metadata().is_ok_and(|file| file.len() > 0))
    });
    host.pause();
    host
}

#[test]
fn the_same_key_with_the_same_parameters_answers_with_the_first_backup() {
    let project = Project::bookshop();
    let request =
        keyed("dev", &json!({"label": "Nightly", "tags": ["a", "b"], "compression": true}));
    let first = project.succeed(&request);
    assert_eq!(first.get("idempotent_replay"), None);
    let files = project.files();
    let again = project.succeed(&request);
    assert_eq!(again["idempotent_replay"], true);
    // The time it took is its own.
    for (name, value) in
        first.as_object().unwrap().iter().filter(|(name, _)| *name != "duration_seconds")
    {
        assert_eq!(again[name], *value, "{name}");
    }
    assert_eq!(project.files(), files, "nothing more was made");
    // How long to wait, what to print and the yes are no part of what is asked for.
    let mut patient = request.clone();
    patient["parameters"]["wait_seconds"] = json!(3);
    patient["parameters"]["progress"] = json!(true);
    patient["parameters"]["confirm"] = json!(true);
    assert_eq!(project.succeed(&patient)["backup_id"], first["backup_id"]);
    // A create without the key is another backup.
    assert_ne!(project.create("dev")["backup_id"], first["backup_id"]);
}

#[test]
fn the_same_key_with_other_parameters_is_refused() {
    let project = Project::bookshop();
    project.succeed(&keyed("dev", &json!({"label": "one", "tags": ["a"]})));
    let files = project.files();
    for other in [
        json!({"label": "two", "tags": ["a"]}),
        json!({"tags": ["a"]}),
        json!({"label": "one"}),
        json!({"label": "one", "tags": ["a", "b"]}),
        json!({"label": "one", "tags": ["a"], "format": "sql"}),
        json!({"label": "one", "tags": ["a"], "compression": true}),
        json!({"label": "one", "tags": ["a"], "retention_days": 5}),
        json!({"label": "one", "tags": ["a"], "reason": "why"}),
    ] {
        let refused = project.fail(&keyed("dev", &other), "invalid_request");
        assert!(refused["error"].as_str().unwrap().contains("idempotency_key"), "{refused:#}");
        assert_eq!(project.files(), files, "{other}");
    }
}

#[test]
fn a_key_belongs_to_its_environment() {
    let project = Project::bookshop();
    let one = project.succeed(&keyed("dev", &json!({})));
    let other = project.succeed(&keyed("staging", &json!({"label": "else"})));
    assert_ne!(one["backup_id"], other["backup_id"]);
    assert_eq!(other.get("idempotent_replay"), None);
}

#[test]
fn a_key_that_is_at_work_is_waited_for() {
    let project = Project::bookshop();
    fill_large(&project.database("dev"), 12);
    let request = keyed("dev", &json!({"compression": true}));
    let mut host = stopped(&project, &request);
    let mut impatient = request.clone();
    impatient["parameters"]["wait_seconds"] = json!(0);
    project.fail(&impatient, "backup_in_progress");
    let mut other = impatient.clone();
    other["parameters"]["label"] = json!("else");
    project.fail(&other, "invalid_request");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| project.succeed(&request));
        std::thread::sleep(Duration::from_millis(200));
        assert!(!waiting.is_finished());
        host.resume();
        let first = host.answer().unwrap();
        let second = waiting.join().unwrap();
        assert_eq!(first["result"]["backup_id"], second["backup_id"]);
        assert_eq!(second["idempotent_replay"], true);
    });
    assert_eq!(recorded_ids(&project).len(), 1);
}

#[test]
fn a_burst_of_one_key_makes_one_backup() {
    let project = Project::bookshop();
    let request = keyed("dev", &json!({}));
    let ids: Vec<Value> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(|| project.succeed(&request))).collect();
        all.into_iter().map(|one| one.join().unwrap()["backup_id"].clone()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(recorded_ids(&project).len(), 1);
    assert_nothing_is_half(&project);
}

#[test]
fn a_key_whose_run_failed_runs_anew() {
    let project = Project::bookshop();
    let (database, aside) = (project.path("prisma/dev.db"), project.path("prisma/aside"));
    std::fs::rename(&database, &aside).unwrap();
    std::fs::write(&database, "no database").unwrap();
    project.fail(&keyed("dev", &json!({})), "connection_failed");
    std::fs::rename(&aside, &database).unwrap();
    let made = project.succeed(&keyed("dev", &json!({})));
    assert_eq!(made.get("idempotent_replay"), None);
    // A failed run binds nobody to its parameters either.
    assert_eq!(recorded_ids(&project).len(), 1);
}

#[test]
fn a_key_whose_run_was_killed_runs_anew() {
    let project = Project::bookshop();
    fill_large(&project.database("dev"), 12);
    let request = keyed("dev", &json!({"compression": true}));
    stopped(&project, &request).kill();
    // Other parameters are fine as well: nothing was made with the first ones.
    let made = project.succeed(&keyed("dev", &json!({"label": "else"})));
    assert_eq!(made.get("idempotent_replay"), None);
    assert_eq!(recorded_ids(&project).len(), 1);
    assert_nothing_is_half(&project);
}

#[test]
fn a_key_whose_run_was_killed_after_its_backup_was_complete_finds_it() {
    let project = Project::bookshop();
    let made = project.succeed(&keyed("dev", &json!({})));
    std::fs::remove_file(project.backups().join("backups.json")).unwrap();
    let again = project.succeed(&keyed("dev", &json!({})));
    assert_eq!(again["backup_id"], made["backup_id"], "adopted, then answered with");
    assert_eq!(again["idempotent_replay"], true);
}

#[test]
fn a_key_whose_backup_is_gone_or_broken_makes_a_new_one() {
    let project = Project::bookshop();
    let request = keyed("dev", &json!({}));
    let deleted = project.succeed(&request);
    project.create("dev");
    let id = &deleted["backup_id"];
    project.succeed(&json!({"operation": "delete-backup", "parameters": {"backup_id": id}}));
    let missing = project.succeed(&request);
    assert_eq!(missing.get("idempotent_replay"), None, "deleted");
    std::fs::remove_file(project.path(missing["file_path"].as_str().unwrap())).unwrap();
    let broken = project.succeed(&request);
    assert_eq!(broken.get("idempotent_replay"), None, "its file is missing");
    flip_byte(&project.path(broken["file_path"].as_str().unwrap()), 9000);
    let id = &broken["backup_id"];
    project.fail(
        &json!({"operation": "verify-backup", "parameters": {"backup_id": id}}),
        "verification_failed",
    );
    let last = project.succeed(&request);
    assert_eq!(
        last.get("idempotent_replay"),
        None,
        "what failed its verification counts for nothing"
    );
    assert_eq!(project.succeed(&request)["backup_id"], last["backup_id"]);
}

#[test]
fn a_plan_neither_uses_nor_asks_for_a_key() {
    let project = Project::bookshop();
    let plan = keyed("dev", &json!({"dry_run": true}));
    assert_eq!(project.succeed(&plan)["dry_run"], true);
    let made = project.succeed(&keyed("dev", &json!({"label": "other than planned"})));
    assert_eq!(made.get("idempotent_replay"), None);
    let planned = project.succeed(&plan);
    assert_eq!(planned["dry_run"], true, "a plan is a plan, whatever the key made");
    assert_ne!(planned["backup_id"], made["backup_id"]);
}

#[test]
fn a_key_is_kept_as_a_digest() {
    let project = Project::bookshop();
    project.succeed(&keyed("dev", &json!({})));
    for file in project.files() {
        let bytes = std::fs::read(project.backups().join(&file)).unwrap();
        assert!(!file.contains(KEY));
        assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "{file}");
    }
}
