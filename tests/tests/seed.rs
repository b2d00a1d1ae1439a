//! The seed's examples, in `fixtures/seed/`: what SQLite can produce is held against real answers, field for
//! field; the rest goes through the types and comes back as it was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;

use backup_protocol::{Command, Envelope, ErrorFacts, Request, read_request};
use backup_tests::{Conversation, Project, Schemas, repository};
use serde_json::{Map, Value, json};

fn folder() -> PathBuf {
    repository().join("fixtures/seed")
}

fn example(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The names of the examples that end so.
fn examples(ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}

/// Fails unless the real value has every field of the seed's, of the same type, in the same order.
fn assert_like(seed: &Value, real: &Value, place: &str) {
    match (seed, real) {
        (Value::Object(seed), Value::Object(real)) => {
            let known = |name: &&String| seed.contains_key(*name);
            let order: Vec<&String> = real.keys().filter(known).collect();
            assert_eq!(order, seed.keys().collect::<Vec<_>>(), "the fields of {place}");
            for (name, value) in seed {
                assert_like(value, &real[name], &format!("{place}.{name}"));
            }
        }
        (Value::Array(seed), Value::Array(real)) => {
            for (index, value) in real.iter().enumerate() {
                assert_like(&seed[0], value, &format!("{place}[{index}]"));
            }
        }
        (Value::Number(seed), Value::Number(real)) => {
            assert_eq!(seed.is_f64(), real.is_f64(), "{place}: {real}");
        }
        (seed, real) => {
            let same = std::mem::discriminant(seed) == std::mem::discriminant(real);
            assert!(same, "{place} is {real}, the seed has {seed}");
        }
    }
}

/// Asks as an agent does and returns the answer, in the order of its fields.
fn ask(project: &Project, request: &Value) -> Value {
    let mut host = Conversation::start(&mut project.host());
    let answer = host.ask_json(request);
    host.end();
    answer
}

/// The seed's request in a real project, as a text dump like the seed's.
fn create_request(project: &Project) -> Value {
    let mut request = example("create-backup.request.json");
    let parameters = request["parameters"].as_object_mut().unwrap();
    parameters["working_directory"] = project.root().to_str().unwrap().into();
    parameters.insert("format".to_owned(), "sql".into());
    parameters.insert("tags".to_owned(), json!(["production", "pre-migration", "v2-launch"]));
    request
}

#[test]
fn the_seeds_create_request_is_answered_as_in_the_seed() {
    let project = Project::bookshop();
    let answer = ask(&project, &create_request(&project));
    let seed = example("create-backup.response.json");
    assert_like(&seed, &answer, "answer");
    for place in [
        "/status",
        "/operation",
        "/environment",
        "/message",
        "/result/label",
        "/result/compressed",
        "/result/format",
        "/result/migrations/last_migration",
        "/result/retention_days",
        "/result/verification/integrity_check",
        "/result/verification/file_readable",
    ] {
        assert_eq!(answer.pointer(place), seed.pointer(place), "{place}");
    }
    let result = &answer["result"];
    let id = result["backup_id"].as_str().unwrap();
    let stamp = id.strip_prefix("backup-").unwrap().strip_suffix("-pre-v2-migration").unwrap();
    let digits = stamp.split('-').map(str::len).collect::<Vec<_>>();
    assert_eq!(digits, [8, 6], "{id}");
    assert_eq!(
        result["file_path"],
        format!(".fractary/plugins/faber-db/backups/production/{id}.sql.gz")
    );
    let size = project.path(result["file_path"].as_str().unwrap()).metadata().unwrap().len();
    assert_eq!(result["size_bytes"], size);
    let expires: chrono::DateTime<chrono::Utc> =
        result["expires_at"].as_str().unwrap().parse().unwrap();
    let created: chrono::DateTime<chrono::Utc> =
        result["created_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires - created, chrono::TimeDelta::days(90));
}

#[test]
fn the_catalogue_holds_the_seeds_record() {
    let project = Project::bookshop();
    let answer = ask(&project, &create_request(&project));
    let text = std::fs::read_to_string(project.backups().join("backups.json")).unwrap();
    let catalogue: Value = serde_json::from_str(&text).unwrap();
    let seed = example("backups.json");
    assert_eq!(
        catalogue.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["schema_version", "backups"]
    );
    assert_like(&seed, &catalogue, "backups.json");
    let (record, of_seed) = (&catalogue["backups"][0], &seed["backups"][0]);
    for field in
        ["environment", "label", "reason", "compressed", "format", "status", "created_by", "tags"]
    {
        assert_eq!(record[field], of_seed[field], "{field}");
    }
    for field in ["backup_id", "file_path", "size_bytes", "expires_at", "retention_days"] {
        assert_eq!(record[field], answer["result"][field], "{field}");
    }
    let first: Vec<&String> =
        record.as_object().unwrap().keys().take(of_seed.as_object().unwrap().len()).collect();
    assert_eq!(first, of_seed.as_object().unwrap().keys().collect::<Vec<_>>(), "ours come after");
    assert_eq!(record["verification"]["integrity_check"], "passed");
    assert_eq!(record["migrations"]["migrations_list"].as_array().unwrap().len(), 3);
}

#[test]
fn the_migration_deployers_backup_is_named_after_its_reason_and_not_its_label() {
    let project = Project::bookshop();
    let answer = ask(&project, &example("migration-deployer.request.json"));
    assert_like(&example("migration-deployer.response.json"), &answer, "answer");
    let id = answer["result"]["backup_id"].as_str().unwrap();
    assert!(id.ends_with("-pre-migration") && !id.contains("deployment"), "{id}");
    assert_eq!(answer["result"]["label"], "before-migration-deployment");
}

#[test]
fn the_rollback_manager_gets_the_seeds_three_fields_first_and_newest_first() {
    let project = Project::bookshop();
    let older = project.create("production");
    let newer = project.create("production");
    let answer = ask(&project, &example("rollback-manager.list.request.json"));
    let seed = example("rollback-manager.list.response.json");
    assert_like(&seed, &answer, "answer");
    let backups = answer["result"]["backups"].as_array().unwrap();
    let ids: Vec<&Value> = backups.iter().map(|backup| &backup["backup_id"]).collect();
    assert_eq!(ids, [&newer["backup_id"], &older["backup_id"]]);
    for backup in backups {
        let fields: Vec<&String> = backup.as_object().unwrap().keys().take(3).collect();
        assert_eq!(fields, ["backup_id", "created_at", "migrations_count"]);
        assert_eq!(backup["migrations_count"], 3);
    }
}

#[test]
fn the_handlers_request_of_the_seed_writes_its_file_and_records_nothing() {
    let project = Project::bookshop();
    let request = example("handler-db-prisma.create-backup.request.json");
    let answer = ask(&project, &request);
    assert_eq!(answer["status"], "success", "{answer:#}");
    let result = &answer["result"];
    // "File path, size, duration, success": the seed names them and shows no text.
    let output = request["parameters"]["output_file"].as_str().unwrap();
    assert_eq!(result["file_path"], format!("{output}.gz"));
    let size = project.path(&format!("{output}.gz")).metadata().unwrap().len();
    assert_eq!(result["size_bytes"], size);
    assert!(result["duration_seconds"].is_f64());
    assert_eq!(project.catalogue(), json!({}));
}

#[test]
fn a_failed_connection_is_told_in_the_seeds_words() {
    let project = Project::bookshop();
    std::fs::remove_file(project.path("prisma/production.db")).unwrap();
    let answer = ask(&project, &create_request(&project));
    let seed = example("error-connection-failed.json");
    assert_like(&seed, &answer, "answer");
    assert_eq!(answer["error"], seed["error"]);
    let (said, of_seed) = (&answer["recovery"]["suggestions"], &seed["recovery"]["suggestions"]);
    for place in [0, 1, 3] {
        assert_eq!(said[place], of_seed[place]);
    }
    let test = said[2].as_str().unwrap();
    assert!(test.starts_with("Test connection: ") && test.contains("production.db"), "{test}");
    assert_eq!(said.as_array().unwrap().len(), 4);
}

#[test]
fn a_failed_verification_is_told_in_the_seeds_words() {
    let project = Project::bookshop();
    let created = project.succeed(&create_request(&project));
    let path = project.path(created["file_path"].as_str().unwrap());
    std::fs::File::options().write(true).open(path).unwrap().set_len(10).unwrap();
    let answer = ask(
        &project,
        &json!({"operation": "verify-backup", "parameters": {"backup_id": created["backup_id"]}}),
    );
    let seed = example("error-verification-failed.json");
    assert_like(&seed, &answer, "answer");
    assert_eq!(answer["error"], seed["error"]);
    assert_eq!(answer["recovery"]["suggestions"], seed["recovery"]["suggestions"]);
    assert_eq!(
        answer["result"]["backup_file"],
        format!("{}.sql.gz", created["backup_id"].as_str().unwrap())
    );
}

#[test]
fn the_seeds_errors_go_through_the_types_and_come_back_as_they_were() {
    let names: Vec<String> =
        examples(".json").into_iter().filter(|name| name.contains("error-")).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    for name in names {
        let seed = example(&name);
        let typed: Envelope<ErrorFacts> =
            serde_json::from_value(seed.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let back = serde_json::to_string(&typed).unwrap();
        assert_eq!(back, seed.to_string(), "{name}");
        let envelope: Envelope<Value> = serde_json::from_value(seed.clone()).unwrap();
        assert_eq!(serde_json::to_string(&envelope).unwrap(), seed.to_string(), "{name}");
    }
}

#[test]
fn the_seeds_requests_are_understood_and_come_back_as_they_were() {
    let names = examples(".request.json");
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        let seed = example(&name);
        let read = read_request(seed.to_string().as_bytes())
            .unwrap_or_else(|rejected| panic!("{name}: {}", rejected.fault));
        let typed: Request<Map<String, Value>> = serde_json::from_value(seed.clone()).unwrap();
        assert_eq!(serde_json::to_string(&typed).unwrap(), seed.to_string(), "{name}");
        let parameters = match &read.command {
            Command::CreateBackup(parameters) => serde_json::to_value(parameters),
            Command::ListBackups(parameters) => serde_json::to_value(parameters),
            Command::HandlerCreate(parameters) => serde_json::to_value(parameters),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(parameters.unwrap(), seed["parameters"], "{name}");
        let faults = Schemas::committed().request_faults(&seed);
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
}

#[test]
fn the_seeds_examples_fit_the_schemas() {
    let schemas = Schemas::committed();
    for name in examples(".json") {
        let value = example(&name);
        let faults = match name.as_str() {
            "backups.json" => schemas.faults("catalogue", &value),
            name if name.ends_with(".request.json") => schemas.request_faults(&value),
            _ => schemas.faults("envelope", &value),
        };
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}

#[test]
fn the_seeds_catalogue_is_read_and_survives_a_new_record() {
    let project = Project::bookshop();
    let seed = example("backups.json");
    std::fs::create_dir_all(project.backups()).unwrap();
    std::fs::write(project.backups().join("backups.json"), seed.to_string()).unwrap();
    let listed = project.succeed(&example("rollback-manager.list.request.json"));
    assert_eq!(listed["backups"][0]["backup_id"], "backup-20250124-140000-pre-v2-migration");
    assert_eq!(listed["backups"][0]["size_human"], "12.3 GB");
    assert_eq!(listed["backups"][0]["migrations_count"], 24);
    project.create("dev");
    let catalogue = project.catalogue();
    assert_eq!(catalogue["backups"].as_array().unwrap().len(), 2);
    assert_eq!(catalogue["backups"][0].to_string(), seed["backups"][0].to_string());
}
