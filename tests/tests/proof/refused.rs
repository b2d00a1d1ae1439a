//! What the server lacks says nothing against a backup: an error, and the record stays as it was.

use backup_tests::Project;
use backup_tests::servers::{MariadbServer, PostgresServer};
use serde_json::json;

use crate::{made, project, proof, proven, record};

const GRANTS: [&str; 1] = ["SELECT, SHOW VIEW, TRIGGER, EVENT ON *.*"];

fn assert_still_counts(project: &Project, id: &str) {
    let record = record(project, id);
    assert_eq!(record["status"], "valid", "{record:#}");
    assert_eq!(record["verification"]["level"], "plausible_size", "{record:#}");
}

#[test]
fn who_may_make_no_database_is_told_the_grant_that_is_enough() {
    let postgres = PostgresServer::shared();
    let database = postgres.new_database("unprivileged");
    postgres.create_role("prover of nothing", "secret", "");
    postgres.sql(
        &database,
        "CREATE TABLE items (id integer); GRANT pg_read_all_data TO \"prover of nothing\"",
    );
    let url = postgres.address(&database).user("prover of nothing", "secret");
    let one = project(url);
    let id = made(&one, "sql", &json!(false));
    let failed = one.fail(&proof(&id), "permission_denied");
    let advice = failed["recovery"]["suggestions"][0].as_str().unwrap();
    assert!(advice.contains("ALTER ROLE \"prover of nothing\" CREATEDB"), "{advice}");
    assert_still_counts(&one, &id);

    let mariadb = MariadbServer::shared();
    let database = mariadb.new_database("unprivileged");
    mariadb.sql(&database, "CREATE TABLE items (id integer)");
    mariadb.create_user("prover", "secret", "", &GRANTS);
    let other = project(mariadb.address(&database).user("prover", "secret"));
    let id = made(&other, "sql", &json!(false));
    let failed = other.fail(&proof(&id), "permission_denied");
    let advice = failed["recovery"]["suggestions"][0].as_str().unwrap();
    let grant = advice.split_once("run: ").unwrap().1;
    assert_still_counts(&other, &id);
    mariadb.sql("", grant);
    proven(&other, &id);
}

#[test]
fn a_role_that_is_gone_is_told_in_the_servers_words() {
    let server = PostgresServer::shared();
    let database = server.new_database("ownerless");
    server.create_role("short lived", "secret", "");
    server.sql(
        &database,
        "CREATE TABLE items (id integer); ALTER TABLE items OWNER TO \"short lived\"",
    );
    let project = project(server.url(&database));
    for format in ["sql", "custom", "directory"] {
        let id = made(&project, format, &json!(true));
        server.sql(&database, "ALTER TABLE items OWNER TO postgres; ALTER ROLE \"short lived\" RENAME TO \"long gone\"");
        let failed = project.fail(&proof(&id), "restore_failed");
        let words = failed["prisma_output"].as_str().unwrap();
        assert!(words.contains("role \"short lived\" does not exist"), "{words}");
        assert_still_counts(&project, &id);
        server.sql(&database, "ALTER ROLE \"long gone\" RENAME TO \"short lived\"; ALTER TABLE items OWNER TO \"short lived\"");
    }
}

#[test]
fn a_database_that_is_too_large_is_proven_elsewhere_or_not_at_all() {
    let server = PostgresServer::shared();
    let other = PostgresServer::start_own(&backup_tests::servers::PostgresOptions::default());
    let database = server.new_database("large");
    server.sql(&database, "CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    other.create_database("elsewhere");
    let project = Project::with_urls(&[
        ("dev", server.url(&database)),
        ("elsewhere", other.url("elsewhere")),
    ]);
    project.configure(|configuration| configuration["verification"] = json!({"max_scratch_gb": 0}));
    let id = made(&project, "custom", &json!(true));
    let failed = project.fail(&proof(&id), "invalid_request");
    assert!(failed["error"].as_str().unwrap().contains("max_scratch_gb"), "{failed:#}");
    assert_still_counts(&project, &id);
    let variable = Project::url_variable("elsewhere");
    project.configure(|configuration| {
        configuration["verification"] = json!({"max_scratch_gb": 0, "database_url_env": variable});
    });
    // A server that is away shows that the live one is left alone.
    other.stop_now();
    project.fail(&proof(&id), "connection_failed");
    other.start_again();
    proven(&project, &id);
}

#[test]
fn a_damaged_artifact_is_not_restored() {
    let server = PostgresServer::shared();
    let database = server.new_database("damaged");
    server.sql(&database, "CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    let project = project(server.url(&database));
    let id = made(&project, "sql", &json!(false));
    let artifact = project.backups().join(format!("dev/{id}.sql"));
    backup_tests::artifacts::flip_byte(&artifact, 100);
    let failed = project.fail(&proof(&id), "verification_failed");
    assert!(!failed.to_string().contains("restored"), "{failed:#}");
}

/// The scratch databases beside a database of the shared server: each is marked with its name.
fn left_beside(server: &MariadbServer, database: &str) -> usize {
    let names = server.query(
        "",
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name LIKE 'backup\\_manager\\_scratch\\_%'",
    );
    let is_beside = |place: &&Vec<Option<String>>| {
        let [Some(schema), Some(table)] = place.as_slice() else { return false };
        let asked = server.try_sql("", &format!("SELECT beside FROM {schema}.{table}"));
        asked.is_ok_and(|text| text.trim() == database)
    };
    names.iter().filter(is_beside).count()
}

#[test]
fn who_may_make_a_scratch_database_and_do_little_with_it_is_told_so_and_leaves_what_must_be_left() {
    let server = MariadbServer::shared();
    let database = server.new_database("halfway");
    server.sql(&database, "CREATE TABLE items (id int); INSERT INTO items VALUES (1)");
    let pattern = "`backup\\_manager\\_scratch\\_%`.*";
    let half = format!("CREATE, DROP ON {pattern}");
    server.create_user("half prover", "secret", "", &[GRANTS[0], &half]);
    let project = project(server.address(&database).user("half prover", "secret"));
    let id = made(&project, "sql", &json!(false));
    let failed = project.fail(&proof(&id), "permission_denied");
    assert!(failed["recovery"]["suggestions"].to_string().contains("GRANT ALL ON"), "{failed:#}");
    assert!(failed["result"]["remains"].is_null(), "{failed:#}");
    assert_eq!(left_beside(server, &database), 0);
    // Without DROP it stays, which is told each time, and stops nobody else.
    server.sql("", &format!("REVOKE DROP ON {pattern} FROM 'half prover'; GRANT SELECT, INSERT, ALTER, LOCK TABLES ON {pattern} TO 'half prover'"));
    for already in [0, 1] {
        assert_eq!(left_beside(server, &database), already);
        let failed = project.fail(&proof(&id), "restore_failed");
        assert!(
            failed["result"]["remains"][0].as_str().unwrap().contains("is still there"),
            "{failed:#}"
        );
        assert_still_counts(&project, &id);
    }
    server.sql("", &format!("GRANT ALL ON {pattern} TO 'half prover'"));
    proven(&project, &id);
    assert_eq!(left_beside(server, &database), 0);
}

#[test]
fn a_replica_and_a_server_that_only_reads_are_not_written_to() {
    let server =
        MariadbServer::start_own(&backup_tests::servers::MariadbOptions::default().binary_log());
    server.create_database("replicated");
    server.sql("replicated", "CREATE TABLE items (id int); INSERT INTO items VALUES (1)");
    let project = project(server.url("replicated"));
    let id = made(&project, "sql", &json!(false));
    let position = || server.query("", "SHOW MASTER STATUS");
    let refused = |words: &str| {
        let before = position();
        let failed = project.fail(&proof(&id), "unsupported_database");
        assert!(failed["error"].as_str().unwrap().contains(words), "{failed:#}");
        assert_eq!(position(), before);
        assert_still_counts(&project, &id);
    };
    server.sql("", "SET GLOBAL read_only = ON");
    refused("only reads");
    server.sql(
        "",
        "SET GLOBAL read_only = OFF; CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1",
    );
    refused("is a replica");
    server.sql("", "RESET SLAVE ALL");
    proven(&project, &id);
}

#[test]
fn a_table_may_be_called_as_scratch_databases_are() {
    let server = MariadbServer::shared();
    let database = server.new_database("namesake");
    server.sql(&database, "CREATE TABLE backup_manager_scratch (id int); INSERT INTO backup_manager_scratch VALUES (1)");
    let project = project(server.url(&database));
    for format in ["sql", "directory"] {
        let id = made(&project, format, &json!(false));
        proven(&project, &id);
    }
}
