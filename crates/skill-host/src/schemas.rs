//! `backup-manager schemas`: writes the schemas from the types, or checks that they are up to date.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use backup_core::{AuditEntry, CatalogueDocument, Configuration, Manifest, Note};
use backup_protocol::{
    Skill, answer_schema, envelope_schema, event_schema, request_schema, schema_of,
};
use serde_json::Value;

use crate::command_line::SchemasCommand;
use crate::progress::say;

/// Writes or checks the schemas.
pub(crate) fn run(command: &SchemasCommand) -> ExitCode {
    let outcome = if command.check { check(&command.folder) } else { write(&command.folder) };
    match outcome {
        Ok(differing) if differing.is_empty() => ExitCode::SUCCESS,
        Ok(differing) => {
            say(&format!(
                "These schemas differ from the types: {}\nWrite them anew: cargo run -- schemas {}",
                differing.join(", "),
                command.folder.display()
            ));
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("backup-manager: {}: {error}", command.folder.display()));
            ExitCode::FAILURE
        }
    }
}

/// Every schema by its file name.
fn all() -> BTreeMap<String, Value> {
    let mut schemas = BTreeMap::from([
        ("envelope.schema.json".to_owned(), envelope_schema()),
        ("event.schema.json".to_owned(), event_schema()),
        ("configuration.schema.json".to_owned(), schema_of::<Configuration>()),
        ("audit.schema.json".to_owned(), schema_of::<AuditEntry>()),
        ("catalogue.schema.json".to_owned(), schema_of::<CatalogueDocument>()),
        ("manifest.schema.json".to_owned(), schema_of::<Manifest>()),
        ("note.schema.json".to_owned(), schema_of::<Note>()),
    ]);
    for skill in [Skill::BackupManager, Skill::HandlerDbPrisma] {
        for operation in skill.operations() {
            let name = match skill {
                Skill::BackupManager => operation.name().to_owned(),
                _ => format!("handler.{}", operation.name()),
            };
            let request = request_schema(skill, *operation);
            schemas.insert(format!("{name}.request.schema.json"), request);
            schemas.insert(format!("{name}.answer.schema.json"), answer_schema(skill, *operation));
        }
    }
    schemas
}

fn text(schema: &Value) -> io::Result<String> {
    Ok(serde_json::to_string_pretty(schema)? + "\n")
}

fn write(folder: &Path) -> io::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    for name in stale(folder)? {
        std::fs::remove_file(folder.join(name))?;
    }
    for (name, schema) in all() {
        std::fs::write(folder.join(name), text(&schema)?)?;
    }
    Ok(Vec::new())
}

fn check(folder: &Path) -> io::Result<Vec<String>> {
    let mut differing = stale(folder)?;
    for (name, schema) in all() {
        if std::fs::read_to_string(folder.join(&name)).unwrap_or_default() != text(&schema)? {
            differing.push(name);
        }
    }
    Ok(differing)
}

/// Schemas of types that no longer exist.
fn stale(folder: &Path) -> io::Result<Vec<String>> {
    let known = all();
    let mut stale = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".schema.json") && !known.contains_key(&name) {
            stale.push(name);
        }
    }
    Ok(stale)
}
