//! A process killed at any instant leaves a whole backup or nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod kills;
mod states;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::artifacts::{
    assert_all_verify, assert_nothing_is_half, assert_records_are_whole, files_of, recorded_ids,
    records,
};
use backup_tests::databases::fill_large;
use backup_tests::live_host::{LiveHost, torture, wait_until};
use serde_json::{Value, json};

/// A run that is over: nobody holds its partials.
const DEAD_RUN: &str = "00000000deadbeef";

fn create(environment: &str, format: &str, compression: &Value) -> Value {
    json!({"operation": "create-backup", "parameters": {
        "environment": environment, "format": format, "compression": compression
    }})
}

/// Forms in an order that spreads the kills over all of them.
fn form(turn: u32) -> (&'static str, Value) {
    let compressions = [json!(true), json!(false), json!("zstd")];
    let formats = ["custom", "sql"];
    (formats[turn as usize % 2], compressions[turn as usize / 2 % 3].clone())
}

/// Starts a request and kills the host so long after it was sent. Says whether it had answered.
fn kill_after(project: &Project, request: &Value, delay: Duration) -> bool {
    let mut host = LiveHost::start(&mut project.host());
    // A host that has answered is up: the delay measures the work, not the start.
    assert_eq!(host.ask(&json!({"operation": "describe"}))["status"], "success");
    host.send(request);
    std::thread::sleep(delay);
    host.kill();
    host.answer().is_some()
}

/// How long a request takes in a host that is up.
fn measured(project: &Project, request: &Value) -> Duration {
    let mut host = LiveHost::start(&mut project.host());
    host.ask(&json!({"operation": "describe"}));
    let begun = Instant::now();
    assert_eq!(host.ask(request)["status"], "success");
    begun.elapsed()
}

/// Takes the backups of staging away; what dev has is adopted again.
fn clear_staging(project: &Project) {
    for path in files_of(project, "staging") {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::remove_file(project.backups().join("backups.json")).unwrap();
}

/// Numbers between 0 and 1 that differ at every run and are spread evenly.
fn spread(turns: u32) -> impl Iterator<Item = (u32, f64)> {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let offset = f64::from(clock.subsec_nanos()) / 1e9;
    (0..turns).map(move |turn| (turn, (f64::from(turn) * 0.618_033_988_75 + offset).fract()))
}

/// How many backups of an environment are recorded.
fn ids_in(project: &Project, environment: &str) -> usize {
    records(project).iter().filter(|record| record["environment"] == environment).count()
}

/// A create in another environment, whose ids are told apart by their suffix.
fn next_create(project: &Project) -> Value {
    project.succeed(&json!({"operation": "create-backup", "parameters": {
        "environment": "dev", "label": "next"
    }}))
}
