//! A request in the background waits for nobody.

use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::live_host::{LiveHost, wait_until};
use backup_tests::servers::PostgresServer;
use serde_json::{Value, json};

use crate::{Held, ask, create, end_of, started};

/// What must be at once, on a machine that may be busy. A request that waits, waits thirty seconds.
const AT_ONCE: Duration = Duration::from_secs(10);

fn cancel(run: &str) -> Value {
    json!({"operation": "cancel-backup", "parameters": {"run_id": run}})
}

#[test]
fn the_second_run_on_a_database_hears_of_the_first_at_once() {
    let held = Held::new("second");
    let run = held.start();
    let began = Instant::now();
    // However long it says that it would wait.
    let answer = ask(&mut held.host(), &create("dev", &json!({"wait_seconds": 600})));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!(answer["code"], "backup_in_progress", "{answer:#}");
    assert_eq!(answer["retryable"], true);
    assert_eq!(answer["result"]["run_id"], run.as_str());
    let told = ask(&mut held.host(), &answer["recovery"]["next_request"]);
    assert_eq!(told["result"]["run_id"], run.as_str(), "{told:#}");
    assert_eq!(told["result"]["state"], "running");
    // In the foreground it is told the same, when it does not wait.
    let foreground = json!({"operation": "create-backup", "parameters": {
        "environment": "dev", "wait_seconds": 0
    }});
    let answer = ask(&mut held.host(), &foreground);
    assert_eq!(answer["recovery"]["next_request"]["operation"], "backup-status", "{answer:#}");
    ask(&mut held.host(), &cancel(&run));
    held.assert_nothing_is_left();
}

#[test]
fn a_run_in_the_foreground_is_in_the_way_too() {
    let held = Held::new("foreground");
    let mut host = LiveHost::start(&mut held.host());
    host.send(&json!({"operation": "create-backup", "parameters": {"environment": "dev"}}));
    wait_until("the tool hangs", || !held.tools.processes().is_empty());
    let began = Instant::now();
    let answer = ask(&mut held.host(), &create("dev", &json!({})));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!(answer["code"], "backup_in_progress", "{answer:#}");
    let next = &answer["recovery"]["next_request"];
    assert_eq!(next["operation"], "create-backup", "nothing tells of that run: {answer:#}");
    host.kill();
    held.assert_nothing_is_left();
}

#[test]
fn of_two_at_once_one_goes_on() {
    let held = Held::new("at_once");
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let ask = || ask(&mut held.host(), &create("dev", &json!({})));
        let both = [scope.spawn(ask), scope.spawn(ask)];
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (taken, refused): (Vec<&Value>, Vec<&Value>) =
        answers.iter().partition(|answer| answer["status"] == "success");
    assert_eq!((taken.len(), refused.len()), (1, 1), "{answers:#?}");
    assert_eq!(refused[0]["code"], "backup_in_progress");
    let run = taken[0]["result"]["run_id"].as_str().unwrap();
    ask(&mut held.host(), &cancel(run));
    assert_eq!(end_of(&held.project, run)["state"], "cancelled");
    held.assert_nothing_is_left();
}

#[test]
fn a_run_of_another_machine_is_in_the_way_at_once() {
    let server = PostgresServer::shared();
    let database = server.new_database("elsewhere");
    server.sql(&database, "CREATE TABLE kept AS SELECT generate_series(1, 5) AS id");
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    let id = project.create("dev")["backup_id"].clone();
    // What another machine's run holds: the lock at the server, not the one of this machine.
    let mut other = server.session(&database);
    other.sql("SELECT pg_advisory_lock(x'62636b70'::int, x'6d6e6772'::int)");
    let restore = json!({"operation": "restore-backup", "parameters": {
        "environment": "dev", "backup_id": id, "background": true
    }});
    for request in [create("dev", &json!({})), restore] {
        let began = Instant::now();
        let answer = ask(&mut project.host(), &request);
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        assert_eq!(answer["code"], "backup_in_progress", "{answer:#}");
    }
    other.sql("SELECT pg_advisory_unlock_all()");
    let run = started(&mut project.host(), &create("dev", &json!({})));
    assert_eq!(end_of(&project, &run)["state"], "succeeded");
}

#[test]
fn a_key_whose_backup_is_being_made_is_told_with_its_run() {
    let held = Held::new("key");
    let request = create("dev", &json!({"idempotency_key": "nightly"}));
    let run = started(&mut held.host(), &request);
    let answer = ask(&mut held.host(), &request);
    assert_eq!(answer["code"], "backup_in_progress", "{answer:#}");
    assert_eq!(answer["recovery"]["next_request"]["parameters"]["run_id"], run.as_str());
    ask(&mut held.host(), &cancel(&run));
    let run = started(&mut held.project.host(), &request);
    let made = end_of(&held.project, &run);
    let again = ask(&mut held.host(), &request);
    assert_eq!(again["result"]["idempotent_replay"], true, "{again:#}");
    assert_eq!(again["result"]["backup_id"], made["backup_id"], "its answer is the last one");
}
