//! What cannot be brought back is refused before anything is touched.

use backup_tests::Project;
use backup_tests::artifacts::flip_byte;
use backup_tests::servers::PostgresServer;
use serde_json::json;

use crate::{change, content, file, made, restore};

/// Nothing was touched: not the live database, and no safety backup was made.
fn refuses(project: &Project, id: &str, code: &str) {
    let live = file(project, "dev");
    let (before, records) =
        (content(&live), project.catalogue()["backups"].as_array().map(Vec::len));
    project.fail(&restore(id), code);
    assert_eq!(content(&live), before);
    assert_eq!(project.catalogue()["backups"].as_array().map(Vec::len), records);
}

#[test]
fn corrupt_and_truncated_artifacts() {
    for (format, extension) in [("custom", "sqlite"), ("sql", "sql")] {
        let project = Project::bookshop();
        let id = made(&project, format, &json!(true));
        change(&file(&project, "dev"));
        let artifact = project.backups().join(format!("dev/{id}.{extension}.gz"));
        flip_byte(&artifact, 200);
        refuses(&project, &id, "verification_failed");
        flip_byte(&artifact, 200);
        let bytes = std::fs::read(&artifact).unwrap();
        std::fs::write(&artifact, &bytes[..bytes.len() / 2]).unwrap();
        refuses(&project, &id, "verification_failed");
        std::fs::remove_file(&artifact).unwrap();
        refuses(&project, &id, "verification_failed");
    }
}

#[test]
fn another_engines_and_another_projects() {
    let server = PostgresServer::shared();
    let database = server.new_database("elsewhere");
    server.sql(&database, "CREATE TABLE items (id integer)");
    let project = Project::bookshop();
    let variable = Project::url_variable("postgres");
    project.configure(|configuration| {
        configuration["environments"]["postgres"] = json!({"connection_string_env": variable});
    });
    let mut dotenv = std::fs::read_to_string(project.path(".env")).unwrap_or_default();
    dotenv.extend(["\n", &variable, "='", &server.url(&database), "'\n"]);
    std::fs::write(project.path(".env"), dotenv).unwrap();
    let made_there = project
        .succeed(&json!({"operation": "create-backup", "parameters": {"environment": "postgres"}}));
    refuses(&project, made_there["backup_id"].as_str().unwrap(), "unsupported_database");
    // The other way round.
    let here = made(&project, "custom", &json!(false));
    let request = json!({"operation": "restore-backup", "parameters": {"environment": "postgres", "backup_id": here}});
    project.fail(&request, "unsupported_database");
    let other = Project::bookshop();
    let parameters = json!({"environment": "dev", "label": "foreign"});
    let foreign = other.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
    refuses(&project, foreign["backup_id"].as_str().unwrap(), "backup_not_found");
}

#[test]
fn a_backup_whose_content_is_not_what_was_recorded() {
    let project = Project::bookshop();
    let id = made(&project, "custom", &json!(false));
    let live = file(&project, "dev");
    let path = project.backups().join(format!("dev/{id}.manifest.json"));
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    manifest["row_counts"]["books_that_never_were"] = json!(7);
    std::fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    change(&live);
    let before = content(&live);
    let failed = project.fail(&restore(&id), "verification_failed");
    assert!(
        failed["result"]["finding"].as_str().unwrap().contains("books_that_never_were"),
        "{failed:#}"
    );
    assert_eq!(content(&live), before);
}
