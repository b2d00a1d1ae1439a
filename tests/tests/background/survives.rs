//! What becomes of the process that was asked is not the run's business.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use backup_tests::artifacts::assert_nothing_is_half;
use backup_tests::databases::fill_large;
use backup_tests::live_host::{LiveHost, wait_until};
use backup_tests::{Conversation, Project};
use rustix::process::{Pid, Signal, getpgid, getsid, kill_process_group};
use serde_json::{Value, json};

use crate::{Held, create, end_of, folder_of, is_alive, process_of, signal, started, status};

#[test]
fn a_run_has_a_session_of_its_own_and_no_stream_of_its_parent() {
    let held = Held::new("session");
    let run = held.start();
    let process = process_of(&held.project, &run);
    assert_eq!(getsid(Some(process)).unwrap(), process);
    assert_eq!(getpgid(Some(process)).unwrap(), process);
    let stream = |number: u32| {
        std::fs::read_link(format!("/proc/{}/fd/{number}", process.as_raw_nonzero())).unwrap()
    };
    assert_eq!(stream(0), std::path::Path::new("/dev/null"));
    assert_eq!(stream(1), std::path::Path::new("/dev/null"));
    assert_eq!(stream(2), folder_of(&held.project, &run).join("log"));
    let arguments =
        std::fs::read_to_string(format!("/proc/{}/cmdline", process.as_raw_nonzero())).unwrap();
    assert!(arguments.contains(&run) && !arguments.contains("environment"), "{arguments}");
    signal(process, Signal::TERM);
    let ended = end_of(&held.project, &run);
    assert_eq!(ended["state"], "cancelled", "SIGTERM ends it cleanly: {ended:#}");
    held.assert_nothing_is_left();
}

#[test]
fn who_reads_a_pipe_that_the_parent_was_started_with_does_not_wait_for_the_run() {
    let held = Held::new("descriptors");
    let host = held.host();
    let answer = held.project.path("answer");
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" 3>&1 7>&1 >answer"]).arg(host.get_program());
    shell.current_dir(held.project.root()).env_clear().envs(set_in(&host));
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut shell = shell.spawn().unwrap();
    writeln!(shell.stdin.take().unwrap(), "{}", create("dev", &json!({}))).unwrap();
    let mut pipe = shell.stdout.take().unwrap();
    let reader = std::thread::spawn(move || pipe.read_to_end(&mut Vec::new()).unwrap());
    assert!(shell.wait().unwrap().success());
    wait_until("the pipe ends", || reader.is_finished());
    let answer: Value = serde_json::from_slice(&std::fs::read(answer).unwrap()).unwrap();
    let run = answer["result"]["run_id"].as_str().unwrap();
    assert_eq!(status(&held.project, run)["state"], "running");
    signal(process_of(&held.project, run), Signal::TERM);
    assert_eq!(end_of(&held.project, run)["state"], "cancelled");
    held.assert_nothing_is_left();
}

/// The variables that a command is given.
fn set_in(command: &Command) -> impl Iterator<Item = (&OsStr, &OsStr)> {
    command.get_envs().filter_map(|(name, value)| Some((name, value?)))
}

#[test]
fn signals_to_the_parents_group_do_not_reach_it() {
    for sent in [Signal::INT, Signal::HUP, Signal::KILL] {
        let held = Held::new("group");
        let mut command = held.host();
        command.process_group(0);
        let mut host = LiveHost::start(&mut command);
        let answer = host.ask(&create("dev", &json!({})));
        let run = answer["result"]["run_id"].as_str().unwrap();
        let parent = Pid::from_raw(i32::try_from(host.process()).unwrap()).unwrap();
        kill_process_group(parent, sent).unwrap();
        wait_until("the parent ends", || !is_alive(parent));
        let process = process_of(&held.project, run);
        signal(process, Signal::HUP);
        assert_eq!(status(&held.project, run)["state"], "running", "after {sent:?}");
        signal(process, Signal::TERM);
        assert_eq!(end_of(&held.project, run)["state"], "cancelled", "after {sent:?}");
        held.assert_nothing_is_left();
    }
}

#[test]
fn a_large_backup_ends_well_after_its_parent() {
    let project = Project::bookshop();
    fill_large(&project.database("dev"), 30);
    let run = started(&mut project.host(), &create("dev", &json!({"compression": "zstd"})));
    // The host that was asked has ended by now.
    let ended = end_of(&project, &run);
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    let (written, total) = (&ended["bytes_written"], &ended["estimated_total_bytes"]);
    assert!(written.as_u64().unwrap() > 30_000_000, "{written} of {total}");
    assert_nothing_is_half(&project);
}

#[test]
fn a_host_goes_on_answering_while_its_run_works() {
    let held = Held::new("goes_on");
    let mut host = LiveHost::start(&mut held.host());
    let answer = host.ask(&create("dev", &json!({})));
    let run = answer["result"]["run_id"].clone();
    let listed = host.ask(&json!({"operation": "list-backups"}));
    assert_eq!(listed["result"]["total_count"], 0);
    let cancelled = host.ask(&json!({"operation": "cancel-backup", "parameters": {"run_id": run}}));
    assert_eq!(cancelled["result"]["state"], "cancelled", "{cancelled:#}");
    let process = process_of(&held.project, run.as_str().unwrap());
    wait_until("the run's process is gone, and its parent has taken note", || {
        !std::path::Path::new(&format!("/proc/{}", process.as_raw_nonzero())).exists()
    });
    let (status, said) = host.end();
    assert_eq!(status.code(), Some(0), "{said}");
    held.assert_nothing_is_left();
}

#[test]
fn a_parent_that_is_killed_while_it_waits_leaves_nothing_half() {
    let project = Project::bookshop();
    fill_large(&project.database("dev"), 5);
    for round in 0..12_u64 {
        let mut host = LiveHost::start(&mut project.host());
        host.send(&create("dev", &json!({})));
        std::thread::sleep(std::time::Duration::from_millis(round * 4));
        host.kill();
    }
    wait_until("no run is at work", || {
        let runs = std::fs::read_dir(project.backups().join(".runs")).unwrap().flatten();
        let locks = runs.filter_map(|run| std::fs::File::open(run.path().join("run.lock")).ok());
        locks.into_iter().all(|lock| lock.try_lock_shared().is_ok())
    });
    project.create("dev");
    let listed = project.succeed(&json!({"operation": "backup-status"}));
    for run in listed["runs"].as_array().unwrap() {
        let ended = end_of(&project, run["run_id"].as_str().unwrap());
        assert_eq!(ended["state"], "succeeded", "{ended:#}");
    }
    assert_nothing_is_half(&project);
}

/// A host that waits for its run, which waits for a database that somebody has locked.
fn waiting(project: &Project) -> Conversation {
    let mut host = Conversation::start(&mut project.host());
    host.send(format!("{}\n", create("dev", &json!({}))));
    let runs = project.backups().join(".runs");
    wait_until("the run waits for the database", || {
        let logs = std::fs::read_dir(&runs).into_iter().flatten().flatten();
        let mut said = logs.map(|run| std::fs::read_to_string(run.path().join("log")));
        said.any(|log| log.is_ok_and(|log| log.contains("✓ Backup ID generated")))
    });
    host
}

fn only_run(project: &Project) -> String {
    let mut runs = std::fs::read_dir(project.backups().join(".runs")).unwrap().flatten();
    let run = runs.next().unwrap().file_name().into_string().unwrap();
    assert!(runs.next().is_none());
    run
}

#[test]
fn a_signal_to_a_parent_that_still_waits_ends_the_run_too() {
    let project = Project::bookshop();
    let writer = project.database("dev");
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for (sent, exit_status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let host = waiting(&project);
        let process = process_of(&project, &only_run(&project));
        host.signal(sent);
        let ending = host.await_end();
        assert_eq!(ending.status.code(), Some(exit_status), "{ending:?}");
        let answer: Value = serde_json::from_str(&ending.stdout[0]).unwrap();
        assert_eq!(answer["status"], "cancelled", "{answer:#}");
        assert_eq!(answer["code"], "interrupted");
        wait_until("the run ends", || !is_alive(process));
        let listed = project.succeed(&json!({"operation": "backup-status"}));
        assert_eq!(listed["total_count"], 0);
        let left = std::fs::read_dir(project.backups().join(".runs")).unwrap().count();
        assert_eq!(left, 0, "nobody was told of it, and nothing of it is left");
    }
    writer.execute_batch("COMMIT").unwrap();
    project.create("dev");
    assert_nothing_is_half(&project);
}

#[test]
fn a_run_whose_parent_was_killed_before_it_was_told_goes_on() {
    let project = Project::bookshop();
    let writer = project.database("dev");
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let host = waiting(&project);
    let run = only_run(&project);
    host.signal(Signal::KILL);
    host.await_end();
    assert!(is_alive(process_of(&project, &run)));
    writer.execute_batch("COMMIT").unwrap();
    wait_until("it is under way", || {
        project.succeed(&json!({"operation": "backup-status"}))["total_count"] == 1
    });
    assert_eq!(end_of(&project, &run)["state"], "succeeded");
    assert_nothing_is_half(&project);
}
