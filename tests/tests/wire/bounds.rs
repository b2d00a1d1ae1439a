//! However much there is to tell, an answer is no longer than agents can take in.

use std::collections::BTreeSet;

use backup_tests::{Conversation, Project, Schemas};
use serde_json::{Value, json};

use super::host;

/// The longest answer, in characters.
const ANSWER_CHARACTERS: usize = 25_000;

/// Asks and fails if the answer is longer than agents can take in.
fn ask_bounded(host: &mut Conversation, request: &Value) -> Value {
    let line = host.ask(request.to_string());
    let length = line.chars().count();
    assert!(length <= ANSWER_CHARACTERS, "{length} characters answer {request}");
    let answer: Value = serde_json::from_str(&line).unwrap();
    assert_ne!(answer["code"], "internal", "{request}: {answer:#}");
    answer
}

/// Every id that a listing shows, page by page.
fn all_pages(host: &mut Conversation, parameters: &Value) -> (Vec<String>, Vec<Value>) {
    let (mut ids, mut warnings) = (Vec::new(), Vec::new());
    let mut parameters = parameters.clone();
    loop {
        let request = json!({"operation": "list-backups", "parameters": parameters});
        let answer = ask_bounded(host, &request);
        assert_eq!(answer["status"], "success", "{answer:#}");
        let page = answer["result"]["backups"].as_array().unwrap();
        assert!(!page.is_empty(), "a page with a cursor has something on it");
        ids.extend(page.iter().map(|backup| backup["backup_id"].as_str().unwrap().to_owned()));
        warnings.extend(answer["result"]["warnings"].as_array().into_iter().flatten().cloned());
        match &answer["result"]["next_cursor"] {
            Value::Null => return (ids, warnings),
            cursor => parameters["cursor"] = cursor.clone(),
        }
    }
}

/// A bookshop whose dev database has 2,000 more migrations, finished or failed.
fn with_migrations(finished: bool) -> Project {
    let project = Project::bookshop();
    let (finished_at, steps) = if finished { ("\"i\"", 1) } else { ("NULL", 0) };
    let script = format!(
        "WITH RECURSIVE \"n\"(\"i\") AS (SELECT 1 UNION ALL SELECT \"i\" + 1 FROM \"n\" WHERE \"i\" < 2000)
         INSERT INTO \"_prisma_migrations\"
         SELECT 'm' || \"i\", 'c', {finished_at}, '20250201_' || \"i\" || '_a_migration_with_a_name',
             NULL, NULL, \"i\", {steps} FROM \"n\""
    );
    project.database("dev").execute_batch(&script).unwrap();
    project
}

#[test]
fn three_hundred_records_are_listed_page_by_page_each_once() {
    let project = with_migrations(true);
    let created = project.succeed(&json!({"operation": "create-backup",
            "parameters": {"environment": "dev", "label": "ä".repeat(200)}}));
    assert_eq!(created["migrations"]["applied_count"], 2_003);
    let path = project.backups().join("backups.json");
    let mut catalogue = project.catalogue();
    let record = catalogue["backups"][0].clone();
    let mut expected = BTreeSet::from([record["backup_id"].as_str().unwrap().to_owned()]);
    for number in 0..300 {
        let mut other = record.clone();
        let id =
            format!("backup-20250101-{:02}{:02}{:02}", number / 60 % 24, number % 60, number % 7);
        // Several were made at the same time: the id is what tells them apart.
        other["created_at"] = format!("2025-01-01T00:00:{:02}Z", number / 10).into();
        other["label"] = format!("label {number}").into();
        if number == 150 {
            other["label"] = "\u{1}\"ä".repeat(10_000).into();
        }
        other["file_path"] = format!(".fractary/plugins/faber-db/backups/dev/{id}.sqlite").into();
        other["backup_id"] = id.clone().into();
        expected.insert(id);
        catalogue["backups"].as_array_mut().unwrap().push(other);
    }
    assert_eq!(expected.len(), 301);
    std::fs::write(path, catalogue.to_string()).unwrap();

    let mut host = host(&project);
    for parameters in [
        json!({}),
        json!({"limit": 500}),
        json!({"limit": 7, "sort": "asc"}),
        json!({"limit": 500, "detail": true}),
        json!({"limit": 500, "detail": true, "sort": "asc", "environment": "dev"}),
    ] {
        let (ids, warnings) = all_pages(&mut host, &parameters);
        assert_eq!(ids.len(), 301, "{parameters}");
        assert_eq!(ids.iter().cloned().collect::<BTreeSet<_>>(), expected, "{parameters}");
        let said = warnings.iter().any(|warning| warning.to_string().contains("too long"));
        assert!(said, "what is cut is said: {parameters} {warnings:?}");
    }
    host.end();
}

#[test]
fn every_description_is_short_enough() {
    let project = Project::bookshop();
    let mut host = host(&project);
    let all = ask_bounded(&mut host, &json!({"operation": "describe"}));
    for operation in all["result"]["operations"].as_array().unwrap() {
        let parameters = json!({"operation": operation["name"]});
        let one =
            ask_bounded(&mut host, &json!({"operation": "describe", "parameters": parameters}));
        let request = Schemas::committed().all()
            [&format!("{}.request", operation["name"].as_str().unwrap())]
            .clone();
        assert_eq!(one["result"]["operations"][0]["request_schema"], request);
    }
    ask_bounded(&mut host, &json!({"skill": "handler-db-prisma", "operation": "describe"}));
    host.end();
}

#[test]
fn a_backup_with_two_thousand_failed_migrations_is_answered_in_bounds() {
    let project = with_migrations(false);
    let mut host = host(&project);
    let create = json!({"operation": "create-backup", "parameters": {"environment": "dev"}});
    let answer = ask_bounded(&mut host, &create);
    assert_eq!(answer["status"], "success", "{answer:#}");
    assert_eq!(answer["result"]["migrations"]["applied_count"], 3);
    host.end();
}

#[test]
fn two_thousand_environments_are_named_in_bounds() {
    let project = Project::bookshop();
    project.configure(|configuration| {
        for number in 0..2_000 {
            configuration["environments"][format!("environment-{number}")] = json!({});
        }
    });
    let mut host = host(&project);
    let create =
        json!({"operation": "create-backup", "parameters": {"environment": "environment-x"}});
    let answer = ask_bounded(&mut host, &create);
    assert_eq!(answer["code"], "environment_not_found", "{answer:#}");
    host.end();
}

#[test]
fn three_hundred_strangers_files_are_named_in_bounds() {
    let project = Project::bookshop();
    project.create("dev");
    let folder = project.backups().join("dev");
    for number in 0..300 {
        std::fs::write(folder.join(format!("{number:03}{}.sql", "x".repeat(200))), "SELECT 1;")
            .unwrap();
    }
    let mut host = host(&project);
    for request in [
        json!({"operation": "create-backup", "parameters": {"environment": "dev"}}),
        json!({"operation": "rebuild-catalogue", "parameters": {"dry_run": true}}),
        json!({"operation": "rebuild-catalogue"}),
        json!({"skill": "handler-db-prisma", "operation": "list-backups"}),
        json!({"skill": "handler-db-prisma", "operation": "list-backups",
            "parameters": {"limit": 500}}),
    ] {
        let answer = ask_bounded(&mut host, &request);
        assert_eq!(answer["status"], "success", "{answer:#}");
    }
    host.end();
}
