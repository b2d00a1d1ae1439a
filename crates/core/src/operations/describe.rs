//! `describe`: what this program is, takes and can do.

use std::collections::BTreeMap;

use backup_protocol::{
    DescribeParameters, DescribeResult, Limits, MAX_ANSWER_CHARACTERS, MAX_LINE_BYTES,
    MAX_REQUEST_ID_CHARACTERS, Operation, OperationDescription, OperationName,
    ParameterDescription, Skill, nearest, request_schema,
};
use serde_json::{Map, Value};

use super::Done;
use super::list::{DEFAULT_LIMIT, MOST};
use crate::catalogue::CATALOGUE_VERSION;
use crate::error::Error;
use crate::host::Host;
use crate::records::MANIFEST_VERSION;

pub(super) fn describe(host: &Host<'_>, parameters: &DescribeParameters) -> Result<Done, Error> {
    let operations = match &parameters.operation {
        None => Operation::ALL
            .into_iter()
            .map(|operation| describe_operation(operation, false))
            .collect(),
        Some(name) => vec![describe_operation(named(name)?, true)],
    };
    answer(host, operations, &Skill::ALL)
}

pub(super) fn describe_handler(host: &Host<'_>, skill: Skill) -> Result<Done, Error> {
    let operations = skill.operations().iter().map(|operation| {
        let schema = request_schema(skill, *operation);
        description(*operation, &schema, false)
    });
    answer(host, operations.collect(), &[skill])
}

fn answer(
    host: &Host<'_>,
    operations: Vec<OperationDescription>,
    skills: &[Skill],
) -> Result<Done, Error> {
    let result = DescribeResult {
        program: "backup-manager".to_owned(),
        version: host.version.to_owned(),
        catalogue_schema_version: CATALOGUE_VERSION.to_owned(),
        manifest_version: MANIFEST_VERSION.to_owned(),
        skills: skills.iter().map(|skill| skill.name().to_owned()).collect(),
        operations,
        handlers: host
            .handlers()
            .into_iter()
            .filter(|(skill, _)| skills.contains(skill))
            .map(|(_, handler)| handler.describe())
            .collect(),
        limits: Limits {
            request_line_bytes: MAX_LINE_BYTES as u64,
            answer_characters: MAX_ANSWER_CHARACTERS as u64,
            request_id_characters: MAX_REQUEST_ID_CHARACTERS as u64,
            list_limit_default: DEFAULT_LIMIT,
            list_limit_maximum: MOST,
        },
    };
    Done::new(&result, format!("backup-manager {}", host.version))
}

fn named(name: &str) -> Result<Operation, Error> {
    OperationName::from_spelling(name).map(OperationName::operation).ok_or_else(|| {
        Error::UnknownOperation {
            nearest: nearest(name, OperationName::all_spellings()),
            known: OperationName::all_spellings().collect(),
        }
    })
}

fn describe_operation(operation: Operation, whole: bool) -> OperationDescription {
    let schema = request_schema(Skill::BackupManager, operation);
    description(operation, &schema, whole)
}

fn description(operation: Operation, schema: &Value, whole: bool) -> OperationDescription {
    let parameters = schema.pointer("/properties/parameters");
    let required: Vec<&str> = parameters
        .and_then(|parameters| parameters.get("required"))
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let properties = parameters.and_then(|parameters| parameters.get("properties"));
    let parameters: BTreeMap<String, ParameterDescription> = properties
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let required = required.contains(&name.as_str());
            (name.clone(), ParameterDescription { r#type: type_of(property), required })
        })
        .collect();
    OperationDescription {
        name: operation.name().to_owned(),
        aliases: operation.aliases().iter().map(|alias| (*alias).to_owned()).collect(),
        summary: operation.summary().to_owned(),
        parameters,
        request_schema: whole.then(|| schema.as_object().cloned().unwrap_or_else(Map::new)),
    }
}

/// A property's values where they are few, else its JSON types.
fn type_of(property: &Value) -> String {
    let words = |values: &Value| {
        let values = values.as_array().cloned().unwrap_or_else(|| vec![values.clone()]);
        let words = values
            .iter()
            .filter(|value| !value.is_null() && *value != "null")
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        words.collect::<Vec<_>>().join(" | ")
    };
    if let Some(values) = property.get("enum") {
        return words(values);
    }
    if let Some(choices) =
        property.get("anyOf").or_else(|| property.get("oneOf")).and_then(Value::as_array)
    {
        let choices =
            choices.iter().map(type_of).filter(|choice| !choice.is_empty() && choice != "null");
        return choices.collect::<Vec<_>>().join(" | ");
    }
    property.get("const").or_else(|| property.get("type")).map(words).unwrap_or_default()
}
