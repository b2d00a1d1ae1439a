//! The schemas in `schemas/` are those of the types, and fit to be handed to an agent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::process::{Command, Output};

use backup_tests::replay::Case;
use backup_tests::{Schemas, binary, repository};
use serde_json::Value;

fn check(folder: &Path) -> Output {
    Command::new(binary()).args(["schemas", "--check"]).arg(folder).output().unwrap()
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let output = check(&repository().join("schemas"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}\nthat is: cargo run -- schemas schemas");
}

#[test]
fn a_changed_and_a_stale_schema_are_named_with_the_command_that_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = || Command::new(binary()).arg("schemas").arg(folder.path()).output().unwrap();
    assert!(write().status.success());
    assert!(check(folder.path()).status.success(), "what was just written is up to date");
    std::fs::write(folder.path().join("envelope.schema.json"), "{}\n").unwrap();
    std::fs::write(folder.path().join("restore.request.schema.json"), "{}\n").unwrap();
    let output = check(folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("envelope.schema.json") && said.contains("restore.request.schema.json"));
    let command = format!("cargo run -- schemas {}", folder.path().display());
    assert!(said.contains(&command), "{said}");
    assert!(output.stdout.is_empty());

    assert!(write().status.success());
    assert!(check(folder.path()).status.success(), "writing removes what is stale");
}

#[test]
fn every_schema_is_an_object_at_its_root_and_no_choice() {
    for (name, schema) in Schemas::committed().all() {
        assert_eq!(schema["type"], "object", "{name}");
        for choice in ["oneOf", "anyOf", "allOf", "$ref", "enum", "not"] {
            assert!(schema.get(choice).is_none(), "{name} has {choice} at its root");
        }
        assert!(schema["title"].is_string(), "{name} has no title");
    }
}

#[test]
fn requests_and_their_parameters_take_nothing_unknown() {
    let schemas = Schemas::committed().all();
    let requests = schemas.iter().filter(|(name, _)| name.ends_with(".request"));
    let mut count = 0;
    for (name, schema) in requests {
        count += 1;
        assert_eq!(schema["additionalProperties"], false, "{name}");
        let parameters = &schema["properties"]["parameters"];
        assert_eq!(parameters["type"], "object", "{name}");
        assert_eq!(parameters["additionalProperties"], false, "{name}");
    }
    assert_eq!(count, 18, "thirteen operations of the manager, five of its handler");
}

#[test]
fn every_property_says_what_it_is() {
    for (name, schema) in Schemas::committed().all() {
        visit(schema, name, &mut |place, property, _| {
            let description = property["description"].as_str().unwrap_or_default();
            assert!(description.len() > 8, "{place}: {description:?}");
        });
    }
}

#[test]
fn every_number_says_its_unit() {
    let units = [
        ("_bytes", "bytes"),
        ("_seconds", "seconds"),
        ("_days", "days"),
        ("_gb", "GiB"),
        ("_mb", "MiB"),
        ("_characters", "characters"),
    ];
    let mut found = 0;
    for (name, schema) in Schemas::committed().all() {
        visit(schema, name, &mut |place, property, _| {
            let description = property["description"].as_str().unwrap_or_default();
            for (ending, unit) in units {
                if place.ends_with(ending) {
                    found += 1;
                    assert!(description.contains(unit), "{place} is in {unit}: {description}");
                }
            }
        });
    }
    assert!(found > 50, "the endings are those of the fields: {found}");
}

#[test]
fn every_parameter_that_may_be_left_out_says_what_happens_then() {
    let schemas = Schemas::committed().all();
    for (name, schema) in schemas.iter().filter(|(name, _)| name.ends_with(".request")) {
        visit(&schema["properties"]["parameters"], name, &mut |place, property, required| {
            let description = property["description"].as_str().unwrap_or_default();
            let default = description.contains("Default: ");
            assert!(required != default, "{place}: {description}");
        });
    }
}

/// Calls `look` with the place of each property, its schema, and whether it is required.
fn visit(schema: &Value, place: &str, look: &mut impl FnMut(&str, &Value, bool)) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        look(&place, property, required.contains(&name.as_str()));
        visit(property, &place, look);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            visit(&schema[inner], place, look);
        }
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        for schema in schema[choice].as_array().into_iter().flatten() {
            visit(schema, place, look);
        }
    }
}

#[test]
fn the_projects_configurations_fit_their_schema() {
    let projects = repository().join("fixtures/projects");
    let mut count = 0;
    for project in std::fs::read_dir(projects).unwrap() {
        let path = project.unwrap().path().join(".fractary/plugins/faber-db/config.json");
        let configuration: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let faults = Schemas::committed().faults("configuration", &configuration);
        assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn what_the_host_refuses_for_its_form_the_schemas_refuse_too() {
    let home = Case::home().join("no-request");
    let mut count = 0;
    for case in ["unknown-parameter", "wrong-types", "missing", "lists-are-not-taken-for-objects"] {
        let text = std::fs::read_to_string(home.join(case).join("request.jsonl")).unwrap();
        for line in text.lines() {
            let request: Value = serde_json::from_str(line).unwrap();
            if request["operation"].is_string() {
                let faults = Schemas::committed().request_faults(&request);
                assert!(!faults.is_empty(), "{line}");
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
}
