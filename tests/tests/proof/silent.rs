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
    }
}

/// A database whose dump does not load, after it has made a subscription.
#[test]
fn subscriptions_keep_no_scratch_database_from_being_dropped() {
    let server = PostgresServer::shared();
    let database = server.new_database("subscribed");
    server.sql(
        &database,
        "CREATE TABLE items (id integer); CREATE SUBSCRIPTION never CONNECTION 'host=/nowhere' PUBLICATION none \
         WITH (connect = false, slot_name = 'never')",
    );
    let project = project(server.url(&database));
    let whole = made(&project, "custom", &json!(false));
    let result = project.succeed(&proof(&whole));
    assert!(result["warnings"].to_string().contains("not brought back: never"), "{result:#}");
    // Without a path that finds the table, the view cannot be filled.
    server.sql(
        &database,
        "CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM items'; \
         CREATE MATERIALIZED VIEW seen AS SELECT public.counted()",
    );
    let left = format!(
        "SELECT count(*) FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid WHERE s.description \
         LIKE '%beside database ' || (SELECT oid FROM pg_database WHERE datname = '{database}')"
    );
    for format in ["sql", "custom", "directory"] {
        let id = made(&project, format, &json!(false));
        let failed = project.fail(&proof(&id), "restore_failed");
        assert!(failed["result"]["remains"].is_null(), "{failed:#}");
        assert_eq!(server.value("postgres", &left), "0", "{format}");
    }
    let restore = json!({"operation": "restore-backup", "parameters": {"environment": "dev", "backup_id": whole}});
    let failed = project.fail(&restore, "unsupported_database");
    assert!(failed["error"].as_str().unwrap().contains("1 subscriptions"), "{failed:#}");
    server
        .sql(&database, "ALTER SUBSCRIPTION never SET (slot_name = NONE); DROP SUBSCRIPTION never");
    project.succeed(&restore);
}

#[test]
fn a_scratch_database_that_cannot_be_dropped_is_told_with_the_error() {
    let server = PostgresServer::shared();
    let database = server.new_database("kept");
    server.sql(
        &database,
        "CREATE TABLE items (id integer); CREATE ROLE \"gone before\"; ALTER TABLE items OWNER TO \"gone before\"",
    );
    let project = project(server.url(&database));
    let id = made(&project, "sql", &json!(false));
    server.sql(&database, "ALTER TABLE items OWNER TO postgres; DROP ROLE \"gone before\"");
    // Whoever uses it as a template keeps it.
    let keeps = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while keeps.load(std::sync::atomic::Ordering::Relaxed) {
                let mark = format!(
                    "UPDATE pg_database SET datistemplate = true WHERE oid IN (SELECT objoid FROM pg_shdescription \
                     WHERE description LIKE '%beside database ' || (SELECT oid FROM pg_database WHERE datname = '{database}'))"
                );
                server.try_sql("postgres", &mark).ok();
            }
        });
        let failed = project.fail(&proof(&id), "restore_failed");
        keeps.store(false, std::sync::atomic::Ordering::Relaxed);
        let remains = failed["result"]["remains"].to_string();
        assert!(remains.contains("is still there"), "{failed:#}");
        assert_eq!(failed["recovery"]["suggestions"][0], failed["result"]["remains"][0]);
    });
}
