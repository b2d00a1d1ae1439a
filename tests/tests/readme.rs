//! The README keeps its word: its commands are the scripts, its paths exist, its conversation is one that
//! the program holds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is missing or unreadable fails the test, as it should"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use backup_tests::{Project, repository};
use serde_json::Value;

/// What differs from one run to the next; everything else in the README's answers is compared.
const VOLATILE: [&str; 10] = [
    "backup_id",
    "created_at",
    "duration_seconds",
    "expires_at",
    "file_path",
    "sha256",
    "size_bytes",
    "size_human",
    "verified_at",
    "writers_blocked_seconds",
];

/// Folders and files at the root: code in the README that begins with one of these is a path.
const ROOTS: [&str; 7] =
    ["crates/", "tests/", "fixtures/", "schemas/", "scripts/", ".ci/", "docs/"];

fn readme() -> String {
    std::fs::read_to_string(repository().join("README.md")).expect("there is a README")
}

/// The fenced blocks of a language, in order.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<(bool, String)> = None;
    for line in text.lines() {
        block = match (block, line.strip_prefix("```")) {
            (None, Some(opened)) => Some((opened == language, String::new())),
            (Some((true, content)), Some(_)) => {
                blocks.push(content);
                None
            }
            (Some((false, _)), Some(_)) | (None, None) => None,
            (Some((wanted, content)), None) => Some((wanted, content + line + "\n")),
        };
    }
    blocks
}

/// The JSON values of the README, however they are broken into lines.
fn values() -> Vec<Value> {
    blocks(&readme(), "json")
        .iter()
        .flat_map(|block| serde_json::Deserializer::from_str(block).into_iter().collect::<Vec<_>>())
        .map(|value: Result<Value, _>| value.expect("the README's JSON parses"))
        .collect()
}

/// The README's requests, each with the answer that it shows.
fn conversation() -> Vec<(Value, Value)> {
    let lines: Vec<Value> =
        values().into_iter().filter(|value| value.get("operation").is_some()).collect();
    let exchanges = lines.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    assert!(exchanges.len() >= 3 && exchanges.len() * 2 == lines.len(), "request, answer, …");
    exchanges.collect()
}

fn validate(value: &Value, schema: &str) {
    let path = repository().join("schemas").join(format!("{schema}.schema.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{schema}: {error}"));
    let schema = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mistakes: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(mistakes.is_empty(), "{}: {mistakes:#?}\n{value:#}", path.display());
}

/// The value with everything volatile replaced by its type.
fn steady(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(name, field)| {
                let volatile = VOLATILE.contains(&name.as_str());
                (name.clone(), if volatile { type_of(field) } else { steady(field) })
            })
            .collect(),
        Value::Array(elements) => elements.iter().map(steady).collect(),
        other => other.clone(),
    }
}

fn type_of(value: &Value) -> Value {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    name.into()
}

/// The value with ids that the README shows replaced by those of this run.
fn translated(value: &Value, ids: &BTreeMap<String, String>) -> Value {
    let mut text = value.to_string();
    for (shown, real) in ids {
        text = text.replace(shown, real);
    }
    serde_json::from_str(&text).unwrap()
}

#[test]
fn its_two_commands_are_the_scripts() {
    let commands = blocks(&readme(), "sh").concat();
    for command in ["./scripts/demo", "./scripts/test"] {
        assert!(commands.lines().any(|line| line == command), "{command} can be pasted");
        let mode = repository().join(command).metadata().expect(command).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{command} is executable");
    }
    let ci = std::fs::read_to_string(repository().join(".ci/run")).unwrap();
    let just = std::fs::read_to_string(repository().join("justfile")).unwrap();
    assert!(ci.contains(" scripts/test ") && just.contains(" scripts/test "), "one way to test");
}

#[test]
fn what_it_points_to_exists() {
    let text = readme();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(to, _)| to);
    let relative = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let code = text.split('`').skip(1).step_by(2);
    // A path with a place to fill in is an example; a pattern is given by its folder.
    let paths = code.filter(|code| ROOTS.iter().any(|root| code.starts_with(root)));
    let mut checked = 0;
    for path in relative.chain(paths.filter(|path| !path.contains(['<', ' ', '*']))) {
        let path = path.split('#').next().unwrap_or_default();
        assert!(repository().join(path).exists(), "the README names {path}, which does not exist");
        checked += 1;
    }
    assert!(checked > 20, "the README maps the route of a request to files: {checked} paths");
}

#[test]
fn its_json_is_what_the_schemas_say() {
    for value in values() {
        match (value["operation"].as_str(), value.get("status")) {
            (Some(operation), None) => validate(&value, &format!("{operation}.request")),
            (Some(operation), Some(_)) => {
                validate(&value, &format!("{operation}.answer"));
                validate(&value, "envelope");
            }
            (None, _) => validate(&value, "configuration"),
        }
    }
}

#[test]
fn its_conversation_is_the_programs() {
    let project = Project::bookshop();
    let mut ids = BTreeMap::new();
    for (request, shown) in conversation() {
        let answer = project.ask(&translated(&request, &ids));
        let id = |envelope: &Value| envelope["result"]["backup_id"].as_str().map(str::to_owned);
        ids.extend(id(&shown).zip(id(&answer)));
        let (shown, answer) = (steady(&translated(&shown, &ids)), steady(&answer));
        assert_eq!(
            format!("{shown:#}"),
            format!("{answer:#}"),
            "the README's answer to {request}: copy the new one from scripts/demo"
        );
    }
}
