//! What a dump brings with it does not run where it is proven.

use backup_tests::servers::PostgresServer;
use serde_json::json;

use crate::{made, project, proof, proven, record};

/// Event triggers that write down what is done, and something that is done after they are restored.
fn audited(about: &str) -> String {
    let server = PostgresServer::shared();
    let database = server.new_database(about);
    server.sql(
        &database,
        "CREATE TABLE ddl_log (tag text); CREATE TABLE items (id integer); INSERT INTO items VALUES (1); \
         CREATE MATERIALIZED VIEW seen AS SELECT * FROM items; \
         CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS \
         'BEGIN INSERT INTO public.ddl_log VALUES (tg_tag); END'; \
         CREATE EVENT TRIGGER \"the log\" ON ddl_command_end EXECUTE FUNCTION log_ddl(); \
         CREATE VIEW counted AS SELECT 1",
    );
    database
}

#[test]
fn event_triggers_do_not_fire_in_a_scratch_database() {
    let server = PostgresServer::shared();
    let database = audited("audited");
    let project = project(server.url(&database));
    for format in ["sql", "custom", "directory"] {
        let id = made(&project, format, &json!(true));
        proven(&project, &id);
    }
    let restore = json!({"operation": "restore-backup", "parameters": {"environment": "dev", "latest": true}});
    project.succeed(&restore);
    assert_eq!(server.value(&database, "SELECT count(*) FROM ddl_log"), "1");
    // It is there, and fires again.
    server.sql(&database, "CREATE VIEW another AS SELECT 1");
    assert_eq!(server.value(&database, "SELECT count(*) FROM ddl_log"), "2");
}

#[test]
fn one_that_cannot_be_kept_silent_is_refused_by_name() {
    let server = PostgresServer::shared();
    let database = audited("loud");
    server.sql(&database, "ALTER EVENT TRIGGER \"the log\" ENABLE ALWAYS");
    let project = project(server.url(&database));
    for format in ["sql", "custom", "directory"] {
        let id = made(&project, format, &json!(true));
        let failed = project.fail(&proof(&id), "unsupported_database");
        assert!(
            failed["error"].as_str().unwrap().contains("event trigger \"the log\""),
            "{failed:#}"
        );
        assert_eq!(record(&project, &id)["status"], "valid");
        let restore = json!({"operation": "restore-backup", "parameters": {
            "environment": "dev", "backup_id": id, "skip_safety_backup": true
        }});
        project.fail(&restore, "unsupported_database");
    }
}

#[test]
fn a_database_whose_sessions_only_read_is_proven_and_restored() {
    let server = PostgresServer::shared();
    let database = server.new_database("reading");
    server.sql(&database, "CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    server.sql(
        "postgres",
        &format!("ALTER DATABASE \"{database}\" SET default_transaction_read_only = on"),
    );
    let project = project(server.url(&database));
    for format in ["sql", "custom"] {
        let id = made(&project, format, &json!(false));
        proven(&project, &id);
        project.succeed(&json!({"operation": "restore-backup", "parameters": {
            "environment": "dev", "backup_id": id, "skip_safety_backup": true
        }}));
        assert_eq!(server.value(&database, "SHOW default_transaction_read_only"), "on");
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
}
