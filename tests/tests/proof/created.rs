//! New backups that are proven before they are answered for.

use backup_tests::Project;
use backup_tests::servers::PostgresServer;
use serde_json::{Value, json};

use crate::{project, record};

fn request(more: &Value) -> Value {
    let mut parameters = json!({"environment": "dev"});
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"operation": "create-backup", "parameters": parameters})
}

#[test]
fn a_new_backup_is_proven_where_that_is_asked_for() {
    let project = Project::bookshop();
    let result = project.succeed(&request(&json!({"verify": "restore", "compression": true})));
    assert_eq!(result["verification"]["level"], "rows_equal", "{result:#}");
    assert_eq!(result["restored"]["rows_compared"], result["row_totals"]["rows"], "{result:#}");
    let id = result["backup_id"].as_str().unwrap();
    assert_eq!(record(&project, id)["verification"]["level"], "rows_equal");
    let result = project.succeed(&request(&json!({})));
    assert_eq!(result["verification"]["level"], "plausible_size", "{result:#}");
    assert!(result["restored"].is_null(), "{result:#}");
}

#[test]
fn an_environment_can_ask_for_it() {
    let server = PostgresServer::shared();
    let database = server.new_database("asked for");
    server.sql(&database, "CREATE TABLE items (id integer); INSERT INTO items VALUES (1), (2)");
    let project = project(server.url(&database));
    project.configure(|configuration| {
        configuration["environments"]["dev"]["verify"] = "restore".into();
    });
    let result = project.succeed(&request(&json!({"format": "custom"})));
    assert_eq!(result["verification"]["level"], "rows_equal", "{result:#}");
    let result = project.succeed(&request(&json!({"verify": "full"})));
    assert_eq!(result["verification"]["level"], "plausible_size", "{result:#}");
}

#[test]
fn a_new_backup_that_cannot_be_proven_here_is_recorded_and_the_answer_an_error() {
    let server = PostgresServer::shared();
    let database = server.new_database("unproven");
    // Who may read everything and make databases may still not give a table to another role.
    server.sql(&database, "CREATE TABLE items (id integer)");
    server.create_role("owner of little", "secret", "");
    server.sql(&database, "ALTER TABLE items OWNER TO \"owner of little\"");
    server.create_role("reader of all", "secret", "CREATEDB");
    server.sql(&database, "GRANT pg_read_all_data TO \"reader of all\"");
    let project = project(server.address(&database).user("reader of all", "secret"));
    let failed = project.fail(&request(&json!({"verify": "restore"})), "restore_failed");
    let remains = failed["result"]["remains"][0].as_str().unwrap();
    assert!(remains.contains("is recorded, but not proven"), "{failed:#}");
    assert_eq!(failed["recovery"]["suggestions"][0], remains);
    let records = project.catalogue()["backups"].as_array().unwrap().clone();
    assert_eq!(records.len(), 1);
    assert!(remains.starts_with(records[0]["backup_id"].as_str().unwrap()));
    assert_eq!(records[0]["status"], "valid");
    assert_eq!(records[0]["verification"]["level"], "plausible_size");
}

#[test]
fn what_cannot_be_proven_here_is_known_before_the_dump() {
    let server = PostgresServer::shared();
    let database = server.new_database("unprovable");
    server.sql(&database, "CREATE TABLE items (id integer)");
    let role = format!("{database} reader");
    server.create_role(&role, "secret", "");
    server.sql(&database, &format!("GRANT pg_read_all_data TO \"{role}\""));
    let project = project(server.address(&database).user(&role, "secret"));
    let nothing = || assert!(project.catalogue()["backups"].as_array().is_none_or(Vec::is_empty));
    let failed = project.fail(&request(&json!({"verify": "restore"})), "permission_denied");
    let grant = format!("ALTER ROLE \"{role}\" CREATEDB");
    assert!(failed["recovery"]["suggestions"][0].as_str().unwrap().ends_with(&grant), "{failed:#}");
    nothing();
    project.configure(|configuration| configuration["verification"] = json!({"max_scratch_gb": 0}));
    let failed = project.fail(&request(&json!({"verify": "restore"})), "invalid_request");
    assert!(failed["error"].as_str().unwrap().contains("parameters.verify"), "{failed:#}");
    nothing();
}
