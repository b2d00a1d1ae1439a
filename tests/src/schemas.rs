//! The committed schemas, ready to judge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::repository;

/// The schemas by file name without `.schema.json`.
#[derive(Debug)]
pub struct Schemas {
    texts: BTreeMap<String, Value>,
    validators: BTreeMap<String, Validator>,
}

impl Schemas {
    /// The schemas in the repository's `schemas/`.
    pub fn committed() -> &'static Self {
        static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
        SCHEMAS.get_or_init(Self::read)
    }

    fn read() -> Self {
        let folder = repository().join("schemas");
        let mut texts = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if let Some(name) = name.strip_suffix(".schema.json") {
                let text = std::fs::read_to_string(&path).unwrap();
                texts.insert(name.to_owned(), serde_json::from_str(&text).unwrap());
            }
        }
        let validators = texts
            .iter()
            .map(|(name, schema)| {
                let options = jsonschema::options().should_validate_formats(true);
                let validator = options.build(schema);
                (name.clone(), validator.unwrap_or_else(|error| panic!("{name}: {error}")))
            })
            .collect();
        Self { texts, validators }
    }

    /// Every schema by its name.
    pub fn all(&self) -> &BTreeMap<String, Value> {
        &self.texts
    }

    /// The codes of errors that an envelope may have.
    pub fn codes(&self) -> BTreeSet<String> {
        let code = &self.texts["envelope"]["properties"]["code"];
        let codes = code["anyOf"][0]["oneOf"].as_array().unwrap().iter();
        codes.map(|code| code["const"].as_str().unwrap().to_owned()).collect()
    }

    /// What a schema finds wrong with a value, each with its place; nothing where it fits.
    pub fn faults(&self, name: &str, value: &Value) -> Vec<String> {
        let Some(validator) = self.validators.get(name) else {
            return vec![format!("there is no schema {name}")];
        };
        validator
            .iter_errors(value)
            .map(|error| format!("{name}: at {:?}: {error}", error.instance_path().to_string()))
            .collect()
    }

    /// What the schemas find wrong with an answer to an operation of a skill.
    pub fn answer_faults(&self, skill: Option<&str>, answer: &Value) -> Vec<String> {
        let mut faults = self.faults("envelope", answer);
        if let Some(operation) = answer["operation"].as_str() {
            faults.extend(self.faults(&format!("{}.answer", stem(skill, operation)), answer));
        }
        faults
    }

    /// What the schema of its operation finds wrong with a request.
    pub fn request_faults(&self, request: &Value) -> Vec<String> {
        if request["skill"].as_str().is_some_and(|skill| skill.starts_with("handler-cloud-")) {
            // These have no schemas yet.
            return Vec::new();
        }
        let operation = request["operation"].as_str().unwrap_or_default();
        self.faults(&format!("{}.request", stem(request["skill"].as_str(), operation)), request)
    }
}

/// The name that the schemas of a skill's operation begin with.
fn stem(skill: Option<&str>, operation: &str) -> String {
    let operation = match operation {
        "backup" => "create-backup",
        "restore" => "restore-backup",
        other => other,
    };
    match skill {
        // rebuild-catalogue is the backup manager's alone, whoever is asked for it.
        Some(skill) if skill != "backup-manager" && operation != "rebuild-catalogue" => {
            format!("handler.{operation}")
        }
        _ => operation.to_owned(),
    }
}
