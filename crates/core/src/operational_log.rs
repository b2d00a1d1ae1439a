//! The operational log: what became of an operation, for the logs plugin. A Markdown file with front matter in
//! `.fractary/logs/operational/`, whose fields are those of the plugin's operational log schema.

use std::path::PathBuf;

use backup_protocol::{Operation, Outcome};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::error::Error;
use crate::project::Project;
use crate::redaction::Redactor;
use crate::run::Run;
use crate::storage;

/// Where the plugin keeps operational logs, under the project's root.
const FOLDER: &str = ".fractary/logs/operational";
/// Facts of a result that a log repeats.
const FACTS: [&str; 8] = [
    "backup_id",
    "file_path",
    "size_human",
    "freed_human",
    "deleted_count",
    "safety_backup_id",
    "replaced",
    "retention_days",
];

/// What a log is about.
pub(crate) struct LogSubject<'a> {
    pub operation: Operation,
    pub environment: Option<&'a str>,
    pub outcome: &'a Outcome,
}

/// Writes the log where the configuration asks for one, and the operation is one that is logged.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(
    project: &Project,
    subject: &LogSubject<'_>,
    redactor: &Redactor,
    now: DateTime<Utc>,
    run: &Run,
) -> Result<(), Error> {
    let Some(kind) = kind(subject.operation) else { return Ok(()) };
    if !project.configuration.writes_operational_logs() {
        return Ok(());
    }
    let path = path(project, subject.operation, now, run);
    let folder = project.root.join(FOLDER);
    storage::create_folder(&folder).map_err(|error| Error::creating_in(&folder, error))?;
    let text = redactor.clean(&text(subject, kind, now, run));
    storage::write_new_file(&path, text.as_bytes(), &run.id)
        .map_err(|error| Error::creating_in(&folder, error))
}

fn path(project: &Project, operation: Operation, now: DateTime<Utc>, run: &Run) -> PathBuf {
    let name = format!("{}-{}-{}.md", now.format("%Y%m%dT%H%M%SZ"), operation.name(), run.id);
    project.root.join(FOLDER).join(name)
}

/// The schema's `operation_type`; none for what is not logged.
const fn kind(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::CreateBackup => Some("backup"),
        Operation::RestoreBackup => Some("restore"),
        Operation::VerifyBackup => Some("monitoring"),
        Operation::DeleteBackup | Operation::CleanupBackups => Some("cleanup"),
        _ => None,
    }
}

fn text(subject: &LogSubject<'_>, kind: &str, now: DateTime<Utc>, run: &Run) -> String {
    let (succeeded, message) = match subject.outcome {
        Outcome::Success { message, .. } => (true, message),
        Outcome::Error(failure) => (false, &failure.error),
        Outcome::Cancelled { message, .. } => (false, message),
    };
    let lines = details(subject.outcome);
    let warned = lines.iter().any(|line| line.starts_with("Warning"));
    let severity = match (succeeded, warned) {
        (false, _) => "error",
        (true, true) => "warning",
        (true, false) => "info",
    };
    let environment = subject.environment.map(|name| format!(" of {name}")).unwrap_or_default();
    let title = format!("{}{environment}", subject.operation.name());
    // JSON's strings and numbers are YAML's as well, quotes and all.
    let fields = [
        ("log_type", json!("operational")),
        ("title", json!(title)),
        ("operation_id", json!(run.id.as_str())),
        ("date", json!(now.to_rfc3339_opts(SecondsFormat::Secs, true))),
        ("status", json!(if succeeded { "completed" } else { "failed" })),
        ("operation_type", json!(kind)),
        ("severity", json!(severity)),
        ("component", json!("backup-manager")),
        ("duration_seconds", json!(run.seconds())),
        ("exit_code", json!(i32::from(!succeeded))),
    ];
    let head: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let list: Vec<String> = lines.iter().map(|line| format!("- {line}")).collect();
    let (head, list) = (head.join("\n"), list.join("\n"));
    format!("---\n{head}\n---\n\n# {title}\n\n{message}\n\n{list}\n")
}

/// Facts, warnings, and what to do about an error, in a line each.
fn details(outcome: &Outcome) -> Vec<String> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match outcome {
        Outcome::Success { result, .. } => {
            let facts = FACTS.iter().filter_map(|name| {
                let value = result.get(*name).filter(|value| !value.is_null())?;
                Some(format!("{name}: {}", shown(value)))
            });
            let warnings = result.get("warnings").and_then(Value::as_array);
            let warnings = warnings.into_iter().flatten();
            facts.chain(warnings.map(|warning| format!("Warning: {}", shown(warning)))).collect()
        }
        Outcome::Error(failure) => {
            let code = serde_json::to_value(failure.code).unwrap_or_default();
            let advice = failure.recovery.suggestions.iter().cloned();
            std::iter::once(format!("code: {}", shown(&code))).chain(advice).collect()
        }
        Outcome::Cancelled { .. } => Vec::new(),
    }
}
