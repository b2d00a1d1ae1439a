//! What is told of a run: at once, while it works, and after its end.

use backup_tests::Project;
use backup_tests::artifacts::{assert_nothing_is_half, recorded_ids};
use serde_json::{Value, json};

use crate::{Held, ask, create, end_of, started, status};

#[test]
fn a_run_is_answered_at_once_and_its_envelope_is_kept() {
    let project = Project::bookshop();
    let mut request = create("dev", &json!({"label": "later"}));
    request["id"] = json!("x");
    let answer = ask(&mut project.host(), &request);
    assert_eq!((&answer["id"], &answer["environment"]), (&json!("x"), &json!("dev")));
    let run = answer["result"]["run_id"].as_str().unwrap();
    let next = &answer["result"]["next_request"];
    assert_eq!(next["parameters"]["run_id"], run);
    assert_eq!(ask(&mut project.host(), next)["status"], "success");
    let ended = end_of(&project, run);
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert_eq!(ended["operation"], "create-backup");
    assert_eq!(ended["environment"], "dev");
    let envelope = &ended["envelope"];
    assert_eq!((&envelope["id"], &envelope["status"]), (&json!("x"), &json!("success")));
    assert_eq!(envelope["result"]["label"], "later");
    assert_eq!(envelope["result"]["backup_id"], answer["result"]["backup_id"]);
    assert_eq!(ended["backup_id"], answer["result"]["backup_id"]);
    assert_eq!(recorded_ids(&project), [ended["backup_id"].as_str().unwrap()]);
    assert_nothing_is_half(&project);
}

#[test]
fn a_run_at_work_tells_phase_bytes_and_log() {
    let held = Held::new("told");
    let run = held.start();
    let told = status(&held.project, &run);
    assert_eq!(told["state"], "running", "{told:#}");
    assert_eq!(told["phase"], "dumping");
    assert!(told["bytes_written"].as_u64().unwrap() > 0);
    assert!(told["estimated_total_bytes"].as_u64().unwrap() > 0);
    assert!(told["percent"].as_u64().unwrap() <= 100);
    assert!(told.get("envelope").is_none() && told.get("cancel_requested").is_none());
    let log = std::fs::read_to_string(held.project.path(told["log_path"].as_str().unwrap()));
    let log = log.unwrap();
    assert!(log.starts_with("🎯 STARTING: Backup Manager\nEnvironment: dev\n"), "{log}");
    assert!(log.contains("✓ Creating backup via Prisma handler"), "{log}");
    let cancel = json!({"operation": "cancel-backup", "parameters": {"run_id": run}});
    ask(&mut held.host(), &cancel);
}

#[test]
fn runs_are_listed_newest_first_and_page_by_page() {
    let project = Project::bookshop();
    let runs: Vec<String> = (0..3)
        .map(|_| {
            let run = started(&mut project.host(), &create("dev", &json!({})));
            end_of(&project, &run);
            run
        })
        .collect();
    let page = |cursor: Option<&Value>| {
        let mut parameters = json!({"limit": 2});
        if let Some(cursor) = cursor {
            parameters["cursor"] = cursor.clone();
        }
        let request = json!({"operation": "backup-status", "parameters": parameters});
        ask(&mut project.host(), &request)["result"].clone()
    };
    let first = page(None);
    assert_eq!(first["total_count"], 3);
    let listed = |page: &Value| {
        let runs = page["runs"].as_array().unwrap().clone();
        runs.iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&first), [runs[2].clone(), runs[1].clone()]);
    let second = page(Some(&first["next_cursor"]));
    assert_eq!(listed(&second), [runs[0].clone()]);
    assert!(second.get("next_cursor").is_none(), "{second:#}");
}

#[test]
fn what_is_refused_at_once_is_answered_as_in_the_foreground_and_leaves_no_run() {
    let project = Project::bookshop();
    project.configure(|configuration| {
        configuration["safety"] = json!({"large_backup_gb": 0});
    });
    let elsewhere = Project::bookshop();
    // A name that no other test has: a lock is one for all of this machine.
    let name = elsewhere.root().file_name().unwrap().to_str().unwrap().replace('.', "");
    let url = format!("DEV_DATABASE_URL=postgresql://app:secret@127.0.0.1:1/{name}\n");
    std::fs::write(elsewhere.path(".env"), url).unwrap();
    for (project, request, code) in [
        (&project, create("dve", &json!({})), "environment_not_found"),
        (&project, create("dev", &json!({"retention_days": 0})), "invalid_request"),
        (&project, create("production", &json!({})), "confirmation_required"),
        (&elsewhere, create("dev", &json!({})), "connection_failed"),
        (&elsewhere, create("staging", &json!({})), "database_url_missing"),
    ] {
        let answer = ask(&mut project.host(), &request);
        assert_eq!(answer["code"], code, "{answer:#}");
        let mut foreground = request.clone();
        foreground["parameters"].as_object_mut().unwrap().shift_remove("background");
        let expected = ask(&mut project.host(), &foreground);
        assert_eq!(answer["error"], expected["error"]);
        assert_eq!(answer["recovery"]["suggestions"], expected["recovery"]["suggestions"]);
        let runs = std::fs::read_dir(project.backups().join(".runs"));
        assert_eq!(runs.map_or(0, Iterator::count), 0, "{request}");
    }
}

#[test]
fn a_yes_is_taken_in_the_background_too() {
    let project = Project::bookshop();
    project.configure(|configuration| {
        configuration["safety"] = json!({"large_backup_gb": 0});
    });
    let asked = ask(&mut project.host(), &create("production", &json!({})));
    let run = started(&mut project.host(), &asked["recovery"]["next_request"]);
    assert_eq!(end_of(&project, &run)["state"], "succeeded");
}

#[test]
fn people_and_machines_hear_on_stderr_that_it_goes_on() {
    let project = Project::bookshop();
    let answers = project.send(format!("{}\n", create("dev", &json!({}))).as_bytes());
    let run = answers.envelopes[0]["result"]["run_id"].as_str().unwrap().to_owned();
    let said = answers.stderr;
    assert!(said.starts_with("🎯 STARTING: Backup Manager\nEnvironment: dev\n"), "{said}");
    assert!(said.contains("✅ COMPLETED: Backup Manager\n") && said.contains(&run), "{said}");
    end_of(&project, &run);

    let request = create("dev", &json!({"progress": true}));
    let answers = project.send(format!("{request}\n").as_bytes());
    let run = answers.envelopes[0]["result"]["run_id"].as_str().unwrap().to_owned();
    let ended = end_of(&project, &run);
    let log = project.path(ended["log_path"].as_str().unwrap());
    for text in [answers.stderr, std::fs::read_to_string(log).unwrap()] {
        let events: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(events.iter().all(|event| event["run_id"] == run.as_str()), "{text}");
        assert_eq!(events[0]["event"], "started");
        assert_eq!(events.last().unwrap()["event"], "completed");
        let numbers: Vec<_> = events.iter().map(|event| event["sequence"].as_u64()).collect();
        assert_eq!(numbers, (1..=events.len() as u64).map(Some).collect::<Vec<_>>());
    }
}
