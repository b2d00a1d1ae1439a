//! A run's folder: for its owner alone, without a secret, and not for ever.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backup_tests::Project;
use backup_tests::servers::PostgresServer;
use serde_json::{Value, json};

use crate::{ask, create, end_of, folder_of, started};

const CANARY: &str = "Zq7CanaryXv93";

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn it_is_for_its_owner_alone_and_holds_no_secret() {
    let server = PostgresServer::shared();
    let database = server.new_database("folder");
    server.create_role("folder owner", CANARY, "SUPERUSER");
    let url = server.url_with("folder owner", CANARY, &database, &[]);
    let project = Project::with_urls(&[("dev", "postgresql://unused")]);
    std::fs::remove_file(project.path(".env")).unwrap();
    let mut command = project.host();
    // Only in the environment, which the run inherits.
    command.env("DEV_DATABASE_URL", &url).env("BACKUP_MANAGER_LOG", "trace");
    let run = started(&mut command, &create("dev", &json!({"label": "nightly"})));
    let ended = end_of(&project, &run);
    assert_eq!(ended["state"], "succeeded", "the variable came with it: {ended:#}");
    let folder = folder_of(&project, &run);
    assert_eq!(mode(folder.parent().unwrap()), 0o700);
    assert_eq!(mode(&folder), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(CANARY), "{} has the password", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["envelope.json", "log", "request.json", "run.lock", "state.json"]);
}

/// Writes the folder of a run of long ago.
fn old_run(project: &Project, number: usize, started_at: &str) -> String {
    let run = format!("{number:016x}");
    let folder = folder_of(project, &run);
    std::fs::create_dir_all(&folder).unwrap();
    let state: Value = json!({
        "run_id": run, "operation": "create-backup", "environment": "dev", "backup_id": null,
        "phase": "dumping", "started_at": started_at, "updated_at": started_at
    });
    std::fs::write(folder.join("state.json"), state.to_string()).unwrap();
    run
}

#[test]
fn runs_of_long_ago_are_forgotten_beyond_the_newest_fifty_and_one_at_work_never_is() {
    let project = Project::bookshop();
    let runs: Vec<String> = (1..=53)
        .map(|number| old_run(&project, number, &format!("2025-01-24T14:{number:02}:00Z")))
        .collect();
    // The oldest of all is at work: somebody holds its lock.
    let lock = std::fs::File::create(folder_of(&project, &runs[0]).join("run.lock")).unwrap();
    lock.lock().unwrap();
    let run = started(&mut project.host(), &create("dev", &json!({})));
    assert!(folder_of(&project, &runs[0]).exists(), "a running one is never removed");
    assert!(!folder_of(&project, &runs[1]).exists() && !folder_of(&project, &runs[2]).exists());
    assert!(runs[3..].iter().all(|run| folder_of(&project, run).exists()));
    end_of(&project, &run);
    drop(lock);
    let again = started(&mut project.host(), &create("dev", &json!({})));
    assert!(!folder_of(&project, &runs[0]).exists());
    assert!(folder_of(&project, &run).exists());
    end_of(&project, &again);
}

#[test]
fn a_page_of_runs_has_room_in_an_answer() {
    let project = Project::bookshop();
    for number in 1..=60 {
        let run = old_run(&project, number, &format!("2025-01-24T14:{:02}:00Z", number - 1));
        let path = folder_of(&project, &run).join("state.json");
        let mut state: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        state["environment"] = "e".repeat(63).into();
        state["backup_id"] = format!("backup-20250124-140000-{}", "b".repeat(40)).into();
        for name in ["bytes_written", "estimated_total_bytes"] {
            state[name] = json!(u64::MAX);
        }
        std::fs::write(path, state.to_string()).unwrap();
    }
    let (mut met, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut parameters = json!({"limit": 50});
        if cursor.is_string() {
            parameters["cursor"] = cursor;
        }
        let request = json!({"operation": "backup-status", "parameters": parameters});
        let answer = ask(&mut project.host(), &request);
        assert!(answer.to_string().len() <= 25_000);
        let result = &answer["result"];
        assert_eq!(result["total_count"], 60, "{answer:#}");
        let shown = result["runs"].as_array().unwrap();
        assert!(shown.len() < 50, "fifty are too many for one answer");
        met.extend(shown.iter().map(|run| run["run_id"].clone()));
        cursor = result["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let expected: Vec<Value> =
        (1..=60).rev().map(|number| json!(format!("{number:016x}"))).collect();
    assert_eq!(met, expected, "each once, newest first");
}

#[test]
fn an_answer_that_is_too_long_to_be_shown_within_another_is_named() {
    let project = Project::bookshop();
    let run = old_run(&project, 1, "2025-01-24T14:00:00Z");
    let path = folder_of(&project, &run).join("envelope.json");
    let envelope = json!({"status": "success", "result": {}, "message": "m".repeat(24_000)});
    std::fs::write(&path, envelope.to_string()).unwrap();
    for operation in ["backup-status", "cancel-backup"] {
        let request = json!({"operation": operation, "parameters": {"run_id": run}});
        let result = ask(&mut project.host(), &request)["result"].clone();
        assert_eq!(result["state"], "succeeded", "{result:#}");
        assert!(result.get("envelope").is_none());
        assert_eq!(project.path(result["envelope_path"].as_str().unwrap()), path);
    }
}
