//! A request in the background waits for nobody.

use std::time::{Duration, Instant};

use backup_tests::live_host::LiveHost;
use serde_json::{Value, json};

use crate::{Held, ask, create, end_of};

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
    backup_tests::live_host::wait_until("the tool hangs", || !held.tools.processes().is_empty());
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
    let (started, refused): (Vec<&Value>, Vec<&Value>) =
        answers.iter().partition(|answer| answer["status"] == "success");
    assert_eq!((started.len(), refused.len()), (1, 1), "{answers:#?}");
    assert_eq!(refused[0]["code"], "backup_in_progress");
    let run = started[0]["result"]["run_id"].as_str().unwrap();
    ask(&mut held.host(), &cancel(run));
    assert_eq!(end_of(&held.project, run)["state"], "cancelled");
    held.assert_nothing_is_left();
}
