//! Runs in the background: answered at once, and they go on whatever becomes of the process that was asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cancelled;
mod ended;
mod folders;
mod full_disk;
mod locked;
mod survives;
mod told;

use std::path::PathBuf;
use std::process::Command;

use backup_tests::live_host::wait_until;
use backup_tests::scripted_tool::{Behaviour, ScriptedTools};
use backup_tests::servers::PostgresServer;
use backup_tests::{Project, Schemas};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// A create in the background, with more parameters.
fn create(environment: &str, more: &Value) -> Value {
    let mut parameters = json!({"environment": environment, "background": true});
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"operation": "create-backup", "parameters": parameters})
}

/// Sends one request to a host of its own and returns its envelope, which its schema knows.
fn ask(command: &mut Command, request: &Value) -> Value {
    let mut answers = Project::converse(command, format!("{request}\n").as_bytes());
    assert_eq!(answers.envelopes.len(), 1, "{answers:?}");
    let answer = answers.envelopes.remove(0);
    let faults = Schemas::committed().answer_faults(None, &answer);
    assert!(faults.is_empty(), "{faults:#?}");
    answer
}

/// Starts a run and returns its id.
fn started(command: &mut Command, request: &Value) -> String {
    let answer = ask(command, request);
    assert_eq!(answer["status"], "success", "{answer:#}");
    assert_eq!(answer["result"]["state"], "running", "{answer:#}");
    answer["result"]["run_id"].as_str().unwrap().to_owned()
}

fn status(project: &Project, run: &str) -> Value {
    let request = json!({"operation": "backup-status", "parameters": {"run_id": run}});
    let answer = ask(&mut project.host(), &request);
    assert_eq!(answer["status"], "success", "{answer:#}");
    answer["result"].clone()
}

/// Waits for a run's end and returns how it stands then.
fn end_of(project: &Project, run: &str) -> Value {
    wait_until("the run ends", || status(project, run)["state"] != "running");
    status(project, run)
}

fn folder_of(project: &Project, run: &str) -> PathBuf {
    project.backups().join(".runs").join(run)
}

/// The run's process, as its lock names it.
fn process_of(project: &Project, run: &str) -> Pid {
    let text = std::fs::read_to_string(folder_of(project, run).join("run.lock")).unwrap();
    let holder: Value = serde_json::from_str(&text).unwrap();
    Pid::from_raw(i32::try_from(holder["process"].as_i64().unwrap()).unwrap()).unwrap()
}

/// Whether a process is there and has not ended.
fn is_alive(process: Pid) -> bool {
    let stat = format!("/proc/{}/stat", process.as_raw_nonzero());
    let text = std::fs::read_to_string(stat).unwrap_or_default();
    text.rsplit(')').next().is_some_and(|rest| {
        let rest = rest.trim_start();
        !rest.is_empty() && !rest.starts_with('Z')
    })
}

/// A PostgreSQL project whose dump tool stops halfway and goes no further.
struct Held {
    project: Project,
    tools: ScriptedTools,
}

impl Held {
    fn new(about: &str) -> Self {
        let server = PostgresServer::shared();
        let database = server.new_database(about);
        server.sql(
            &database,
            "CREATE TABLE orders (id integer PRIMARY KEY, note text); \
             INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(1, 4000) AS n;",
        );
        let project = Project::with_urls(&[("dev", server.url(&database))]);
        let tools = ScriptedTools::new().with("pg_dump", Behaviour::HangsHalfway);
        Self { project, tools }
    }

    fn host(&self) -> Command {
        self.tools.host(&self.project)
    }

    /// Starts a run that has written half of its dump, and returns its id.
    fn start(&self) -> String {
        let run = started(&mut self.host(), &create("dev", &json!({})));
        wait_until("the tool hangs", || {
            let bytes = status(&self.project, &run)["bytes_written"].as_u64();
            !self.tools.processes().is_empty() && bytes.is_some_and(|bytes| bytes > 0)
        });
        run
    }

    /// Nothing of the run is left, and the next backup succeeds.
    fn assert_nothing_is_left(&self) {
        for process in self.tools.processes() {
            let process = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
            wait_until("the tool ends", || !is_alive(process));
        }
        let request = json!({"operation": "create-backup", "parameters": {"environment": "dev"}});
        // The real tool, and no patience: the lock must be free.
        let made = self.project.succeed(&request);
        assert!(made["backup_id"].is_string());
        let files: Vec<String> = self.project.files();
        let half: Vec<_> = files.iter().filter(|file| file.starts_with("dev/")).collect();
        assert_eq!(half.len(), 2, "one artifact and its manifest: {files:?}");
    }
}

fn signal(process: Pid, signal: Signal) {
    kill_process(process, signal).unwrap();
}
