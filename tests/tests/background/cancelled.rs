//! `cancel-backup`: the run ends as after SIGTERM, and what has ended stays as it ended.

use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::artifacts::assert_nothing_is_half;
use backup_tests::live_host::wait_until;
use backup_tests::servers::PostgresServer;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{Held, ask, create, end_of, is_alive, process_of, signal, started, status};

fn cancel(run: &str, more: &Value) -> Value {
    let mut parameters = json!({"run_id": run});
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"operation": "cancel-backup", "parameters": parameters})
}

#[test]
fn a_cancelled_run_leaves_nothing() {
    let held = Held::new("cancelled");
    let run = held.start();
    let process = process_of(&held.project, &run);
    let began = Instant::now();
    let answer = ask(&mut held.host(), &cancel(&run, &json!({})));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(answer["status"], "success", "{answer:#}");
    assert_eq!(answer["environment"], "dev");
    let result = &answer["result"];
    assert_eq!((&result["state"], &result["was_running"]), (&json!("cancelled"), &json!(true)));
    assert_eq!(result["envelope"]["status"], "cancelled");
    assert_eq!(result["envelope"]["code"], "interrupted");
    assert_eq!(status(&held.project, &run)["cancel_requested"], true);
    assert_eq!(held.project.files(), run_files(&held.project), "nothing partial is left");
    wait_until("the process ends", || !is_alive(process));
    held.assert_nothing_is_left();
}

/// What a project has that has only had a run.
fn run_files(project: &Project) -> Vec<String> {
    project.files().into_iter().filter(|file| file.starts_with(".runs/")).collect()
}

#[test]
fn cancelling_again_changes_nothing() {
    let project = Project::bookshop();
    let run = started(&mut project.host(), &create("dev", &json!({})));
    let ended = end_of(&project, &run);
    for _ in 0..2 {
        let answer = ask(&mut project.host(), &cancel(&run, &json!({})));
        let result = &answer["result"];
        assert_eq!(result["was_running"], false, "{answer:#}");
        assert_eq!((&result["state"], &result["envelope"]), (&ended["state"], &ended["envelope"]));
    }
    assert_eq!(status(&project, &run), ended);
}

#[test]
fn a_run_that_takes_its_time_to_end_is_told_as_ending() {
    let held = Held::new("ending");
    let run = held.start();
    let process = process_of(&held.project, &run);
    signal(process, Signal::STOP);
    let answer = ask(&mut held.host(), &cancel(&run, &json!({"wait_seconds": 0})));
    let result = &answer["result"];
    assert_eq!((&result["state"], &result["was_running"]), (&json!("running"), &json!(true)));
    assert!(answer["message"].as_str().unwrap().contains("is ending"), "{answer:#}");
    let told = ask(&mut held.host(), &result["next_request"]);
    assert_eq!(told["result"]["cancel_requested"], true, "{told:#}");
    assert_eq!(told["result"]["state"], "running");
    signal(process, Signal::CONT);
    assert_eq!(end_of(&held.project, &run)["state"], "cancelled");
    held.assert_nothing_is_left();
}

#[test]
fn an_unknown_run_is_told_with_those_that_there_are() {
    let project = Project::bookshop();
    let run = started(&mut project.host(), &create("dev", &json!({})));
    end_of(&project, &run);
    for operation in ["cancel-backup", "backup-status"] {
        let request = json!({"operation": operation, "parameters": {"run_id": "0123456789abcdef"}});
        let answer = ask(&mut project.host(), &request);
        assert_eq!(answer["code"], "invalid_request", "{answer:#}");
        assert_eq!(answer["result"]["known"], json!([run]));
        let next = ask(&mut project.host(), &answer["recovery"]["next_request"]);
        assert_eq!(next["result"]["runs"][0]["run_id"], run.as_str());
    }
}

fn restore(id: &Value) -> Value {
    json!({"operation": "restore-backup", "parameters": {
        "environment": "dev", "backup_id": id, "background": true
    }})
}

#[test]
fn a_restore_that_waits_for_a_writer_is_cancelled_and_has_changed_nothing() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].clone();
    project.database("dev").execute_batch("DELETE FROM \"ApiKey\"").unwrap();
    let writer = project.database("dev");
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = started(&mut project.host(), &restore(&id));
    wait_until("it wants to write", || status(&project, &run)["phase"] == "replacing");
    let answer = ask(&mut project.host(), &cancel(&run, &json!({})));
    assert_eq!(answer["result"]["state"], "cancelled", "{answer:#}");
    writer.execute_batch("COMMIT").unwrap();
    let count = "SELECT count(*) FROM \"ApiKey\"";
    let keys: i64 = writer.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(keys, 0, "what is live is as it was");
    assert_nothing_is_half(&project);
}

#[test]
fn a_swap_that_was_begun_is_finished_and_told_so() {
    let server = PostgresServer::shared();
    let database = server.new_database("swap");
    server.sql(&database, "CREATE TABLE kept AS SELECT generate_series(1, 5) AS id");
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    let id = project.create("dev")["backup_id"].clone();
    server.sql(&database, "DELETE FROM kept");
    // The swap waits some seconds for it to go before it ends it.
    let connected = server.session(&database);
    let run = started(&mut project.host(), &restore(&id));
    let renaming = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() \
         AND query LIKE '%ALTER DATABASE%{database}%RENAME TO%'"
    );
    wait_until("the swap waits", || server.value("postgres", &renaming) != "0");
    let answer = ask(&mut project.host(), &cancel(&run, &json!({"wait_seconds": 60})));
    let result = &answer["result"];
    assert_eq!((&result["state"], &result["was_running"]), (&json!("succeeded"), &json!(true)));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("point of no return"), "{message}");
    assert_eq!(server.value(&database, "SELECT count(*) FROM kept"), "5");
    drop(connected);
}
