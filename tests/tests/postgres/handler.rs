//! `handler-db-prisma` addressed directly: files that nothing records.

use backup_tests::Project;
use backup_tests::servers::{PASSWORD, PostgresServer};
use serde_json::{Value, json};

use crate::backup::project;

fn ask(project: &Project, operation: &str, parameters: &Value) -> Value {
    let skill = "handler-db-prisma";
    project.ask(&json!({"skill": skill, "operation": operation, "parameters": parameters}))
}

fn succeed(project: &Project, operation: &str, parameters: &Value) -> Value {
    let envelope = ask(project, operation, parameters);
    assert_eq!(envelope["status"], "success", "{envelope:#}");
    envelope["result"].clone()
}

const FOLDER: &str = ".fractary/plugins/faber-db/backups/dev";

#[test]
fn files_of_every_form_are_made_verified_listed_and_deleted() {
    let server = PostgresServer::shared();
    let database = server.new_database("handled");
    server.sql(&database, "CREATE TABLE marker AS SELECT generate_series(1, 6) AS id");
    let project = project(&server.url(&database));
    let forms = [
        ("a.sql", json!(false), "a.sql"),
        ("b.sql", json!(true), "b.sql.gz"),
        ("c.sql.zst", json!("zstd"), "c.sql.zst"),
        ("d.dump", json!(true), "d.dump"),
        ("e.dump", json!(false), "e.dump"),
        ("f.dir", json!("zstd"), "f.dir"),
        ("g.dir", json!(false), "g.dir"),
    ];
    for (name, compression, file) in &forms {
        let output_file = format!("{FOLDER}/{name}");
        let parameters =
            json!({"environment": "dev", "output_file": output_file, "compression": compression});
        let made = succeed(&project, "create-backup", &parameters);
        assert_eq!(made["file_path"], format!("{FOLDER}/{file}"));
        assert_eq!(made["verification"]["integrity_check"], "passed");
        assert_eq!(
            ask(&project, "create-backup", &parameters)["code"],
            "invalid_request",
            "it is never overwritten"
        );
        let verified = succeed(&project, "verify-backup", &json!({"file_path": made["file_path"]}));
        assert_eq!(verified["verification"]["level"], "complete");
        assert_eq!(verified["sha256"], made["sha256"]);
        assert_eq!(verified["size_bytes"], made["size_bytes"]);
    }
    let path = |file: &str| project.path(FOLDER).join(file);
    server.restore_plain(&path("c.sql.zst"), "handled text");
    server.restore_archive(&path("d.dump"), "handled file");
    server.restore_archive(&path("f.dir"), "handled folder");
    for copy in ["handled text", "handled file", "handled folder"] {
        assert_eq!(server.value(copy, "SELECT count(*) FROM marker"), "6", "{copy}");
    }
    let listed = succeed(&project, "list-backups", &json!({"environment": "dev"}));
    assert_eq!(listed["total_count"], forms.len(), "{listed:#}");
    for backup in listed["backups"].as_array().unwrap() {
        let deleted =
            succeed(&project, "delete-backup", &json!({"file_path": backup["file_path"]}));
        assert_eq!(deleted["freed_bytes"], backup["size_bytes"]);
    }
    assert_eq!(project.files(), [""; 0]);
    assert_eq!(project.catalogue(), json!({}));
}

#[test]
fn the_request_names_the_variable_and_the_format() {
    let server = PostgresServer::shared();
    let database = server.new_database("named");
    server.sql(&database, "CREATE TABLE marker AS SELECT generate_series(1, 6) AS id");
    let project = project("postgresql://nobody@127.0.0.1:1/other");
    crate::backup::add_variables(&project, &[("ELSEWHERE", server.url(&database))]);
    for (name, format) in [("a.sql", "sql"), ("a.dump", "custom"), ("a.dir", "directory")] {
        let parameters = json!({"environment": "dev", "output_file": format!("dumps/{name}"),
            "database_url_env": "ELSEWHERE", "format": format});
        succeed(&project, "create-backup", &parameters);
        let wrong = json!({"environment": "dev", "output_file": "dumps/wrong.sqlite",
            "database_url_env": "ELSEWHERE", "format": format});
        let envelope = ask(&project, "create-backup", &wrong);
        assert_eq!(envelope["code"], "invalid_request", "{envelope:#}");
        assert!(!envelope.to_string().contains(PASSWORD));
    }
}
