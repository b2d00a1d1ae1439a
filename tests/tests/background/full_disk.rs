//! A disk without room: told at once where it is known at once, else after the run's end.

use std::path::PathBuf;

use backup_tests::Project;
use backup_tests::databases::fill_large;
use backup_tests::live_host::wait_until;
use backup_tests::small_disk::SmallDisk;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::{create, signal};

/// How many megabytes the database has, and how often a run may have gone by before it was caught.
const MEGABYTES: u32 = 60;
const ATTEMPTS: u32 = 20;

fn status(disk: &mut SmallDisk, run: &str) -> Value {
    disk.ask(&json!({"operation": "backup-status", "parameters": {"run_id": run}}))["result"]
        .clone()
}

/// Everything that is being written at the location.
fn partials(disk: &SmallDisk) -> Vec<PathBuf> {
    let files = disk.files().into_iter();
    let partials = files.filter(|file| file.starts_with("staging/") && file.contains(".partial"));
    partials.map(|file| disk.backups.join(file)).collect()
}

/// Starts a run and stops its process while it writes.
fn caught(disk: &mut SmallDisk) -> (String, Pid) {
    for _ in 0..ATTEMPTS {
        let answer = disk.ask(&create("staging", &json!({"compression": false})));
        let run = answer["result"]["run_id"].as_str().unwrap_or_else(|| panic!("{answer:#}"));
        let run = run.to_owned();
        let lock = disk.backups.join(".runs").join(&run).join("run.lock");
        let holder: Value = serde_json::from_slice(&std::fs::read(lock).unwrap()).unwrap();
        let process = i32::try_from(holder["process"].as_i64().unwrap()).unwrap();
        let process = Pid::from_raw(process).unwrap();
        if rustix::process::kill_process(process, Signal::STOP).is_ok() {
            let written = partials(disk).iter().map(|file| file.metadata().unwrap().len()).sum();
            if (1..u64::from(MEGABYTES) << 19).contains(&written) {
                return (run, process);
            }
            let _ = rustix::process::kill_process(process, Signal::CONT);
        }
        wait_until("the run ends", || status(disk, &run)["state"] != "running");
        let made = status(disk, &run)["envelope"]["result"]["backup_id"].clone();
        let delete = json!({"operation": "delete-backup", "parameters": {"backup_id": made}});
        let asked = disk.ask(&delete);
        if asked["status"] == "error" {
            disk.ask(&asked["recovery"]["next_request"]);
        }
    }
    panic!("no run was caught while it wrote");
}

#[test]
fn a_disk_that_fills_during_a_run_is_told_after_its_end() {
    let project = Project::bookshop();
    fill_large(&project.database("staging"), MEGABYTES);
    let mut disk = SmallDisk::start(&project, "200m");
    let (run, process) = caught(&mut disk);
    disk.fill();
    signal(process, Signal::CONT);
    wait_until("the run ends", || status(&mut disk, &run)["state"] != "running");
    let ended = status(&mut disk, &run);
    assert_eq!(ended["state"], "failed", "{ended:#}");
    assert_eq!(ended["envelope"]["code"], "insufficient_disk_space");
    assert!(partials(&disk).is_empty(), "{:?}", disk.files());
}

#[test]
fn a_disk_that_is_full_already_is_told_at_once() {
    let project = Project::bookshop();
    let mut disk = SmallDisk::start(&project, "8m");
    disk.fill();
    let answer = disk.ask(&create("dev", &json!({})));
    assert_eq!(answer["code"], "insufficient_disk_space", "{answer:#}");
    disk.free();
    let listed = disk.ask(&json!({"operation": "backup-status"}));
    assert_eq!(listed["result"]["total_count"], 0, "{listed:#}");
    let answer = disk.ask(&create("dev", &json!({})));
    let run = answer["result"]["run_id"].as_str().unwrap().to_owned();
    wait_until("the run ends", || status(&mut disk, &run)["state"] != "running");
    assert_eq!(status(&mut disk, &run)["state"], "succeeded");
}
