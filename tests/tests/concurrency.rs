//! Many at once: one backup of a database at a time, and no answer that is not true afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use backup_tests::artifacts::{assert_all_verify, assert_nothing_is_half, files_of, recorded_ids};
use backup_tests::databases::fill_large;
use backup_tests::live_host::{LiveHost, torture, wait_until};
use backup_tests::{Project, repository};
use serde_json::{Value, json};

fn create(environment: &str, wait_seconds: u32) -> Value {
    json!({"operation": "create-backup", "parameters": {
        "environment": environment, "wait_seconds": wait_seconds
    }})
}

/// The bookshop with a fourth environment.
fn four_environments() -> Project {
    let project = Project::bookshop();
    let script = std::fs::read_to_string(
        repository().join("fixtures/projects/bookshop/prisma/bookshop.sql"),
    );
    project.database("qa").execute_batch(&script.unwrap()).unwrap();
    project.configure(|configuration| {
        configuration["environments"]["qa"] = json!({"connection_string_env": "QA_DATABASE_URL"});
    });
    let mut variables = std::fs::read_to_string(project.path(".env")).unwrap();
    variables.push_str("\nQA_DATABASE_URL=file:./qa.db\n");
    std::fs::write(project.path(".env"), variables).unwrap();
    project
}

/// A host that was stopped in the middle of a create, and its run's id.
fn stopped_in_a_create(project: &Project, environment: &str) -> (LiveHost, String) {
    fill_large(&project.database(environment), 10);
    let mut host = LiveHost::start(&mut project.host());
    host.send(&json!({"operation": "create-backup", "parameters": {
        "environment": environment, "format": "sql", "compression": true
    }}));
    wait_until("an artifact grows", || {
        files_of(project, environment)
            .iter()
            .any(|path| path.metadata().is_ok_and(|metadata| metadata.len() > 0))
    });
    host.pause();
    let name = files_of(project, environment)[0].display().to_string();
    let run = name.rsplit('.').nth(1).unwrap().to_owned();
    (host, run)
}

#[test]
fn eight_processes_at_once_each_get_a_backup_or_hear_of_the_other() {
    const ENVIRONMENTS: [&str; 4] = ["dev", "staging", "production", "qa"];
    let project = four_environments();
    let turns = if torture() { 25 } else { 6 };
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let processes: Vec<_> = (0..8)
            .map(|process| {
                let project = &project;
                scope.spawn(move || {
                    // Some wait, some do not.
                    let wait = if process % 2 == 0 { 30 } else { 0 };
                    let lines: Vec<String> = (0..turns)
                        .map(|turn| create(ENVIRONMENTS[(process + turn) % 4], wait).to_string())
                        .collect();
                    project.send(lines.join("\n").as_bytes()).envelopes
                })
            })
            .collect();
        processes.into_iter().flat_map(|process| process.join().unwrap()).collect()
    });
    assert_eq!(answers.len(), 8 * turns);
    let mut ids = BTreeSet::new();
    for answer in &answers {
        if answer["status"] == "success" {
            let id = answer["result"]["backup_id"].as_str().unwrap().to_owned();
            assert!(ids.insert(id), "an id is given once: {answer:#}");
        } else {
            assert_eq!(answer["code"], "backup_in_progress", "{answer:#}");
        }
    }
    assert!(ids.len() >= 4 * turns, "those who wait get theirs");
    let recorded: BTreeSet<String> = recorded_ids(&project).into_iter().collect();
    assert_eq!(recorded, ids, "every success is recorded, and nothing else");
    assert_nothing_is_half(&project);
    assert_all_verify(&project);
}

#[test]
fn who_does_not_wait_hears_which_run_is_at_work() {
    let project = Project::bookshop();
    let (mut host, run) = stopped_in_a_create(&project, "staging");
    let begun = Instant::now();
    let refused = project.fail(&create("staging", 0), "backup_in_progress");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(refused["result"]["run_id"], run, "{refused:#}");
    assert_eq!(refused["retryable"], true);
    assert_eq!(refused["recovery"]["next_request"], create("staging", 0));

    let begun = Instant::now();
    project.fail(&create("staging", 1), "backup_in_progress");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // Another database is not held up.
    project.succeed(&create("dev", 0));
    host.resume();
    assert_eq!(host.answer().unwrap()["status"], "success");
    project.succeed(&create("staging", 0));
    assert_nothing_is_half(&project);
}

#[test]
fn who_waits_gets_a_backup_when_the_other_is_done() {
    let project = Project::bookshop();
    let (mut host, _) = stopped_in_a_create(&project, "staging");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| project.ask(&create("staging", 30)));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished());
        host.resume();
        assert_eq!(host.answer().unwrap()["status"], "success");
        assert_eq!(waiting.join().unwrap()["status"], "success");
    });
    assert_eq!(recorded_ids(&project).len(), 2);
    assert_nothing_is_half(&project);
}

#[test]
fn the_lock_of_a_dead_run_frees_itself() {
    let project = Project::bookshop();
    let (mut host, _) = stopped_in_a_create(&project, "staging");
    host.kill();
    project.succeed(&create("staging", 0));
    assert_nothing_is_half(&project);
}

#[test]
fn two_environments_of_one_database_take_turns() {
    let project = four_environments();
    let text = std::fs::read_to_string(project.path(".env")).unwrap();
    let absolute = project.path("prisma/staging.db").display().to_string();
    std::fs::write(project.path(".env"), text.replace("file:./qa.db", &format!("file:{absolute}")))
        .unwrap();
    let (mut host, run) = stopped_in_a_create(&project, "staging");
    let refused = project.fail(&create("qa", 0), "backup_in_progress");
    assert_eq!(refused["result"]["run_id"], run);
    host.resume();
    assert_eq!(host.answer().unwrap()["status"], "success");
}

#[test]
fn a_handler_addressed_directly_takes_its_turn_as_well() {
    let project = Project::bookshop();
    let (mut host, run) = stopped_in_a_create(&project, "staging");
    let request = json!({"skill": "handler-db-prisma", "operation": "create-backup", "parameters": {
        "environment": "staging", "output_file": "copies/staging.sqlite", "wait_seconds": 0
    }});
    let refused = project.fail(&request, "backup_in_progress");
    assert_eq!(refused["result"]["run_id"], run);
    assert!(!project.path("copies/staging.sqlite").exists());
    host.resume();
    assert_eq!(host.answer().unwrap()["status"], "success");
    project.succeed(&request);
}

#[test]
fn one_backup_is_deleted_once() {
    let project = Project::bookshop();
    for _ in 0..if torture() { 20 } else { 4 } {
        let made = project.create("dev");
        project.create("dev");
        let request =
            json!({"operation": "delete-backup", "parameters": {"backup_id": made["backup_id"]}});
        let answers: Vec<Value> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| project.ask(&request))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let done = answers.iter().filter(|answer| answer["status"] == "success").count();
        assert_eq!(done, 1, "{answers:#?}");
        assert!(
            answers.iter().all(|answer| answer["status"] == "success"
                || answer["code"] == "backup_not_found"),
            "{answers:#?}"
        );
        assert_nothing_is_half(&project);
    }
}

#[test]
fn everything_at_once_keeps_every_promise() {
    let project = four_environments();
    let kept = project.create("dev");
    let turns = if torture() { 40 } else { 6 };
    let made = std::thread::scope(|scope| {
        let creators: Vec<_> = ["dev", "staging", "qa"]
            .into_iter()
            .map(|environment| {
                let project = &project;
                scope.spawn(move || {
                    let mut ids = Vec::new();
                    for turn in 0..turns {
                        let result = project.succeed(&create(environment, 30));
                        let id = result["backup_id"].as_str().unwrap().to_owned();
                        let verify = json!({"operation": "verify-backup", "parameters": {"backup_id": id}});
                        assert_eq!(project.ask(&verify)["status"], "success");
                        // Every other one goes again, whoever made a newer one meanwhile.
                        if turn % 2 == 0 && turn + 1 < turns {
                            let delete = json!({"operation": "delete-backup", "parameters": {"backup_id": id}});
                            let answer = project.ask(&delete);
                            let answer = match answer["code"].as_str() {
                                Some("last_good_backup") => project.ask(&answer["recovery"]["next_request"]),
                                _ => answer,
                            };
                            assert_eq!(answer["status"], "success", "{answer:#}");
                        } else {
                            ids.push(id);
                        }
                    }
                    ids
                })
            })
            .collect();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..turns * 2 {
                        let listed = project.succeed(&json!({"operation": "list-backups"}));
                        let seen = listed["backups"].as_array().unwrap();
                        assert!(seen.iter().any(|backup| backup["backup_id"] == kept["backup_id"]));
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
        creators.into_iter().flat_map(|creator| creator.join().unwrap()).collect::<Vec<String>>()
    });
    let mut expected: Vec<String> = made;
    expected.push(kept["backup_id"].as_str().unwrap().to_owned());
    expected.sort();
    assert_eq!(recorded_ids(&project), expected);
    project.create("production");
    assert_nothing_is_half(&project);
    assert_all_verify(&project);
}

/// Answers that are right when many work on the same few backups at once.
const EXPECTED: [&str; 6] = [
    "backup_not_found",
    "backup_in_progress",
    "last_good_backup",
    "confirmation_required",
    "catalogue_locked",
    "backup_required",
];

/// What the `turn`th request of a worker is; ids are those that were listed a moment ago.
fn mixed_request(worker: usize, turn: usize, ids: &[String]) -> Value {
    let environment = ["dev", "qa"][(worker + turn / 3) % 2];
    let id = (!ids.is_empty()).then(|| ids[(worker * 7 + turn * 3) % ids.len()].clone());
    match ((worker + turn) % 8, id) {
        (0 | 1, _) | (_, None) => create(environment, 30),
        (2, _) => json!({"operation": "cleanup-backups",
            "parameters": {"environment": environment, "keep_last": 4}}),
        (3, Some(id)) => json!({"operation": "delete-backup", "parameters": {"backup_id": id}}),
        (4, Some(_)) => json!({"operation": "restore-backup",
            "parameters": {"environment": environment, "latest": true, "wait_seconds": 60}}),
        (5, Some(id)) => json!({"operation": "pin-backup", "parameters": {"backup_id": id}}),
        (6, Some(id)) => json!({"operation": "unpin-backup", "parameters": {"backup_id": id}}),
        (_, Some(id)) => json!({"operation": "verify-backup", "parameters": {"backup_id": id}}),
    }
}

#[test]
fn twenty_workers_with_mixed_operations_lose_nothing_and_never_stand_still() {
    let project = four_environments();
    let work = if torture() { Duration::from_mins(1) } else { Duration::from_secs(4) };
    let started = Instant::now();
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..20)
            .map(|worker| {
                let project = &project;
                scope.spawn(move || {
                    let mut host = LiveHost::start(&mut project.host());
                    let mut answers = Vec::new();
                    let mut turn = 0;
                    while started.elapsed() < work {
                        let listed = host.ask(&json!({"operation": "list-backups"}));
                        let backups = listed["result"]["backups"].as_array().unwrap();
                        let id = |one: &Value| one["backup_id"].as_str().unwrap().to_owned();
                        let ids: Vec<String> = backups.iter().map(id).collect();
                        answers.push(host.ask(&mixed_request(worker, turn, &ids)));
                        turn += 1;
                    }
                    assert_eq!(host.end().0.code().unwrap_or_default() & !1, 0);
                    answers
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(started.elapsed() < work + Duration::from_secs(90), "somebody stood still");
    for answer in &answers {
        let code = answer["code"].as_str().unwrap_or_default();
        let right = answer["status"] == "success" || EXPECTED.contains(&code);
        assert!(right, "{answer:#}");
    }
    let done = |operation: &str| {
        let same = |answer: &&Value| answer["operation"] == operation;
        answers.iter().filter(same).filter(|answer| answer["status"] == "success").count()
    };
    for operation in ["create-backup", "cleanup-backups", "restore-backup", "verify-backup"] {
        assert!(done(operation) > 0, "no {operation} of {} answers succeeded", answers.len());
    }
    let before = recorded_ids(&project);
    assert_nothing_is_half(&project);
    assert_all_verify(&project);
    project.succeed(&json!({"operation": "rebuild-catalogue"}));
    let mut after = recorded_ids(&project);
    let mut before = before;
    before.sort();
    after.sort();
    assert_eq!(before, after, "the catalogue is what the manifests say");
    let checked = project.host().arg("check-audit").output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
