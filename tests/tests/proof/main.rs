//! Backups that are proven by restoring them: on every engine and in every form; what that finds; what is left.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod created;
mod interrupted;
mod mismatch;
mod outside;
mod proven;
mod refused;
mod silent;

use backup_tests::Project;
use serde_json::{Value, json};

/// A project whose dev environment is a database of a URL.
fn project(url: impl std::fmt::Display) -> Project {
    Project::with_urls(&[("dev", url.to_string())])
}

/// Makes a backup of dev and returns its id.
fn made(project: &Project, format: &str, compression: &Value) -> String {
    let parameters = json!({"environment": "dev", "format": format, "compression": compression});
    let result = project.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
    result["backup_id"].as_str().unwrap().to_owned()
}

/// The request that proves a backup.
fn proof(id: &str) -> Value {
    json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": "restore"}})
}

/// Proves a backup, which must succeed with every count equal, and returns the result.
fn proven(project: &Project, id: &str) -> Value {
    let result = project.succeed(&proof(id));
    assert_eq!(result["level"], "restore", "{result:#}");
    assert_eq!(result["verification"]["level"], "rows_equal", "{result:#}");
    assert!(result["restored"]["restore_seconds"].as_f64().unwrap() > 0.0, "{result:#}");
    assert!(result["warnings"].is_null(), "{result:#}");
    result
}

/// The record of a backup, whole.
fn record(project: &Project, id: &str) -> Value {
    let records = project.catalogue()["backups"].as_array().unwrap().clone();
    records.into_iter().find(|record| record["backup_id"] == id).unwrap()
}
