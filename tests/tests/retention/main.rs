//! Which backups go, when, and what never does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod automatic;
mod cleanup;
mod trouble;

use backup_tests::Project;
use backup_tests::artifacts::{manifest, recorded_ids};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

/// A cleanup with these parameters.
fn cleanup(parameters: &Value) -> Value {
    json!({"operation": "cleanup-backups", "parameters": parameters})
}

/// Makes a backup and returns its id.
fn create(project: &Project, environment: &str) -> String {
    project.create(environment)["backup_id"].as_str().unwrap().to_owned()
}

/// Lets a backup have been made so many days earlier.
fn age(project: &Project, environment: &str, id: &str, days: i64) {
    let mut manifest = manifest(project, environment, id);
    for field in ["created_at", "expires_at"] {
        let at: DateTime<Utc> = manifest[field].as_str().unwrap().parse().unwrap();
        let at = at - TimeDelta::days(days);
        manifest[field] = json!(at.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    let path = project.backups().join(environment).join(format!("{id}.manifest.json"));
    std::fs::write(path, manifest.to_string()).unwrap();
    project.succeed(&json!({"operation": "rebuild-catalogue"}));
}

/// Backups of an environment that were made so many days ago, oldest first.
fn aged(project: &Project, environment: &str, days: &[i64]) -> Vec<String> {
    // All young at first: a create removes what has expired.
    let ids: Vec<String> = days.iter().map(|_| create(project, environment)).collect();
    for (id, days) in ids.iter().zip(days) {
        age(project, environment, id, *days);
    }
    ids
}

/// `<action> <reason>` of each backup, in the order of the ids.
fn reasons(result: &Value, ids: &[String]) -> Vec<String> {
    let backups = result["backups"].as_array().unwrap();
    let told = |id: &String| {
        let one = backups.iter().find(|one| one["backup_id"] == json!(id)).expect("it is told of");
        format!("{} {}", one["action"].as_str().unwrap(), one["reason"].as_str().unwrap())
    };
    ids.iter().map(told).collect()
}

fn left(project: &Project) -> Vec<String> {
    let mut ids = recorded_ids(project);
    ids.sort();
    ids
}
