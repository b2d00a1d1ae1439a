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
