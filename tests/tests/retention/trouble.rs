//! Clocks that jump, files that stay, readers at work, kills.

use std::time::Duration;

use backup_tests::Project;
use backup_tests::artifacts::{assert_all_verify, assert_nothing_is_half};
use backup_tests::live_host::{LiveHost, torture};
use backup_tests::unprivileged::{Permissions, Unprivileged};
use serde_json::{Value, json};

use super::{aged, cleanup, create, left, reasons};

/// Answers under a clock that is so many days ahead.
fn ask_ahead(project: &Project, days: i64, request: &Value) -> Value {
    let mut command = project.host_under_clock(&format!("{days:+}d"));
    command.env("DONT_FAKE_MONOTONIC", "1");
    let mut answers = Project::converse(&mut command, format!("{request}\n").as_bytes());
    assert_eq!(answers.envelopes.len(), 1, "{answers:?}");
    answers.envelopes.remove(0)
}

#[test]
fn a_clock_that_jumps_ahead_or_back_removes_nothing() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[20, 10, 0]);
    for days in [1, 40, 3_000, -1, -3_000] {
        let answer = ask_ahead(&project, days, &cleanup(&json!({"older_than_days": 1})));
        assert_eq!(answer["code"], "clock_suspect", "{days}: {answer:#}");
        assert!(answer["result"]["finding"].as_str().unwrap().contains("the file system"));
        let plan = ask_ahead(&project, days, &cleanup(&json!({"dry_run": true})));
        assert_eq!(plan["code"], "clock_suspect", "the plan says it as well");
    }
    let create = json!({"operation": "create-backup", "parameters": {"environment": "dev"}});
    let made = ask_ahead(&project, 3_000, &create);
    assert_eq!(made["status"], "success", "{made:#}");
    assert_eq!(made["result"]["retention"], Value::Null);
    assert!(made["result"]["warnings"].to_string().contains("clock is suspect"), "{made:#}");
    assert_eq!(left(&project).len(), 4);
    // Its backup is from the future now: one of these stops nothing, and is kept, but stands for none.
    let plan = project.succeed(&cleanup(&json!({"older_than_days": 1})));
    assert_eq!(
        reasons(&plan, &ids),
        ["delete old_enough", "delete old_enough", "keep last_good_backup"]
    );
    assert_eq!(plan["kept_count"], 2);
}

#[test]
fn two_backups_from_the_future_say_that_this_clock_went_back() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[40, 30, 0, -10, -20]);
    let answer = project.fail(&cleanup(&json!({"older_than_days": 1})), "clock_suspect");
    assert!(answer["result"]["finding"].as_str().unwrap().starts_with("2 backups"), "{answer:#}");
    // Deleting one of them by hand ends that.
    project.succeed(&json!({"operation": "delete-backup", "parameters": {"backup_id": ids[3]}}));
    let done = project.succeed(&cleanup(&json!({"older_than_days": 1})));
    assert_eq!(done["deleted_count"], 2);
}

#[test]
fn a_project_that_slept_for_years_loses_nothing_before_a_new_backup() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[900, 800]);
    project.fail(&cleanup(&json!({})), "clock_suspect");
    let made = project.create("dev");
    assert!(made["warnings"].to_string().contains("clock is suspect"), "{made:#}");
    assert_eq!(left(&project).len(), 3);
    let done = project.succeed(&cleanup(&json!({})));
    assert_eq!(reasons(&done, &ids), ["delete expired", "delete expired"]);
}

#[test]
fn a_backup_that_somebody_reads_is_not_removed() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[50, 40, 0]);
    let manifest = |id: &str| {
        std::fs::File::open(project.backups().join(format!("dev/{id}.manifest.json"))).unwrap()
    };
    let reader = manifest(&ids[0]);
    reader.try_lock_shared().unwrap();
    let done = project.succeed(&cleanup(&json!({})));
    assert_eq!(reasons(&done, &ids), ["keep in_use", "delete expired", "keep last_good_backup"]);
    let delete = json!({"operation": "delete-backup", "parameters": {"backup_id": ids[0]}});
    let answer = project.fail(&delete, "backup_in_progress");
    assert_eq!(answer["recovery"]["next_request"], delete);
    assert_eq!(answer["retryable"], true);
    assert_nothing_is_half(&project);
    // Readers do not keep readers out.
    project.succeed(&json!({"operation": "verify-backup", "parameters": {"backup_id": ids[0]}}));
    drop(reader);
    project.succeed(&delete);
    // And what is being removed is read by nobody.
    let remover = manifest(&ids[2]);
    remover.try_lock().unwrap();
    let verify = json!({"operation": "verify-backup", "parameters": {"backup_id": ids[2]}});
    project.fail(&verify, "backup_not_found");
}

#[test]
fn what_cannot_be_removed_stays_marked_and_the_rest_goes() {
    let project = Project::bookshop();
    let dev = aged(&project, "dev", &[50, 40, 0]);
    let staging = aged(&project, "staging", &[100, 90, 0]);
    let user = Unprivileged::owning(project);
    {
        let _folder = Permissions::of(user.project.backups().join("staging"), 0o555);
        let answer = user.ask(&cleanup(&json!({})));
        assert_eq!(answer["code"], "storage_failed", "{answer:#}");
        assert_eq!(answer["error"], "2 of 4 could not be removed");
        assert_eq!(answer["result"]["deleted_count"], 2);
        let failed = answer["result"]["failed"].to_string();
        assert!(staging[..2].iter().all(|id| failed.contains(id)), "{answer:#}");
        assert_eq!(answer["recovery"]["next_request"], cleanup(&json!({})));
    }
    let now = left(&user.project);
    assert!(!now.contains(&dev[0]) && now.contains(&staging[0]));
    let done = user.succeed(&cleanup(&json!({})));
    assert_eq!(done["deleted_count"], 2, "{done:#}");
    assert_nothing_is_half(&user.project);
}

#[test]
fn a_kill_at_any_instant_leaves_every_backup_whole_or_gone() {
    let rounds = if torture() { 60 } else { 6 };
    for round in 0..rounds {
        let project = Project::bookshop();
        project.configure(|configuration| configuration["backup"] = json!({"auto_cleanup": false}));
        let days: Vec<i64> = (0..12).map(|index| 60 - index).collect();
        aged(&project, "dev", &days);
        let last = create(&project, "dev");
        let mut host = LiveHost::start(&mut project.host());
        host.send(&cleanup(&json!({})));
        std::thread::sleep(Duration::from_millis(round * 7 % 40));
        host.kill();
        create(&project, "dev");
        assert_nothing_is_half(&project);
        assert_all_verify(&project);
        assert!(left(&project).contains(&last));
    }
}

/// A note as a run that was killed, or somebody else, left it.
fn note(project: &Project, environment: &str, id: &str, stamp: &str, kind: &str) {
    let name = format!("{environment}/{id}.note.{stamp}.{kind}.00000000deadbeef.json");
    std::fs::write(project.backups().join(name), "").unwrap();
}

#[test]
fn a_removal_that_was_begun_is_taken_back_where_it_would_take_the_last_good_backup() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[50, 40, 0]);
    // A cleanup was killed once it had noted what goes; then the newest backup turns out to be broken.
    let newest = project.backups().join(format!("dev/{}.sqlite", ids[2]));
    backup_tests::artifacts::flip_byte(&newest, 5_000);
    let verify = json!({"operation": "verify-backup", "parameters": {"backup_id": ids[2]}});
    project.fail(&verify, "verification_failed");
    note(&project, "dev", &ids[0], "20250101T000000000", "deleting");
    note(&project, "dev", &ids[1], "20250101T000000000", "deleting");
    let pin = json!({"operation": "pin-backup", "parameters": {"backup_id": ids[2]}});
    let pinned = project.succeed(&pin);
    assert!(pinned["warnings"].to_string().contains("is taken back"), "{pinned:#}");
    let verified = json!({"operation": "list-backups",
        "parameters": {"environment": "dev", "status": "verified"}});
    let listed = project.succeed(&verified);
    assert_eq!(listed["backups"][0]["backup_id"], json!(ids[1]), "{listed:#}");
    project.succeed(&json!({"operation": "verify-backup", "parameters": {"backup_id": ids[1]}}));
}

#[test]
fn the_index_decides_nothing_about_the_last_good_backup() {
    let ways: [fn(&Project, &str); 3] = [
        |project, newer| {
            let path = project.backups().join(format!("dev/{newer}.sqlite"));
            std::fs::write(path, "cut short").unwrap();
        },
        |project, newer| {
            let path = project.backups().join(format!("dev/{newer}.manifest.json"));
            std::fs::write(path, "damaged").unwrap();
        },
        |project, newer| {
            let path = project.backups().join(format!("dev/{newer}.manifest.json"));
            std::fs::remove_file(path).unwrap();
        },
    ];
    for way in ways {
        let project = Project::bookshop();
        let (good, newer) = (create(&project, "dev"), create(&project, "dev"));
        way(&project, &newer);
        let delete = json!({"operation": "delete-backup", "parameters": {"backup_id": good}});
        project.fail(&delete, "last_good_backup");
    }
}

#[test]
fn the_manifest_tells_whose_a_backup_is_not_the_index() {
    let project = Project::bookshop();
    let id = create(&project, "production");
    create(&project, "production");
    let path = project.backups().join("backups.json");
    let mut catalogue = project.catalogue();
    catalogue["backups"][0]["environment"] = json!("dev");
    std::fs::write(&path, catalogue.to_string()).unwrap();
    let mut delete = json!({"operation": "delete-backup", "parameters": {"backup_id": id}});
    let answer = project.fail(&delete, "confirmation_required");
    assert_eq!(answer["environment"], "production");
    delete["parameters"]["environment"] = json!("dev");
    project.fail(&delete, "backup_not_found");
}

#[test]
fn notes_from_the_end_of_time_do_not_silence_later_ones() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[50, 40]);
    note(&project, "dev", &ids[0], "99991231T235959999", "verified");
    let pin = json!({"operation": "pin-backup", "parameters": {"backup_id": ids[0]}});
    assert_eq!(project.succeed(&pin)["changed"], true);
    assert_eq!(project.succeed(&pin)["changed"], false);
    let done = project.succeed(&cleanup(&json!({})));
    assert_eq!(reasons(&done, &ids)[0], "keep pinned");
}

#[test]
fn an_artifact_behind_a_link_counts() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[50, 0]);
    let artifact = project.backups().join(format!("dev/{}.sqlite", ids[1]));
    let elsewhere = project.path("moved.sqlite");
    std::fs::rename(&artifact, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &artifact).unwrap();
    let plan = project.succeed(&cleanup(&json!({"keep_last": 1, "dry_run": true})));
    assert_eq!(reasons(&plan, &ids), ["delete not_kept", "keep last_good_backup"]);
}

#[test]
fn what_is_configured_no_more_is_protected() {
    let project = Project::bookshop();
    aged(&project, "staging", &[100, 90]);
    project.configure(|configuration| {
        configuration["environments"].as_object_mut().unwrap().remove("staging");
    });
    project.fail(&cleanup(&json!({"environment": "staging"})), "confirmation_required");
}

#[test]
fn a_cleanup_that_fails_accepts_no_loss() {
    let project = Project::bookshop();
    aged(&project, "staging", &[100, 90, 0]);
    let database = project.database("dev");
    let numbers = "CREATE TABLE thing (n); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 \
        FROM n WHERE i < 5000) INSERT INTO thing SELECT i FROM n";
    database.execute_batch(numbers).unwrap();
    create(&project, "dev");
    database.execute_batch("DELETE FROM thing").unwrap();
    let shows = create(&project, "dev");
    drop(database);
    let user = Unprivileged::owning(project);
    let accepted = || {
        let files = user.project.files();
        files.iter().any(|file| file.contains(&shows) && file.contains(".accepted."))
    };
    {
        let _folder = Permissions::of(user.project.backups().join("staging"), 0o555);
        assert_eq!(user.ask(&cleanup(&json!({})))["code"], "storage_failed");
    }
    assert!(!accepted(), "it did not succeed");
    let done = user.succeed(&cleanup(&json!({})));
    assert!(done["warnings"].to_string().contains(&shows), "{done:#}");
    assert!(accepted());
}
