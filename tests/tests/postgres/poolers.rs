//! A pooler in front of the server, and the direct URL that leads past it.

use backup_tests::Project;
use backup_tests::servers::{Pgbouncer, PoolMode, PostgresServer};
use serde_json::{Value, json};

use crate::another_server;
use crate::backup::{Backup, FORMATS, add_variables, ask, project, refused, suggestion};

/// A database with a table of five rows, on the server and behind a pooler.
fn pooled(about: &str, mode: PoolMode) -> (&'static PostgresServer, String, Pgbouncer) {
    let server = PostgresServer::shared();
    let database = server.new_database(about);
    server.sql(&database, "CREATE TABLE marker AS SELECT generate_series(1, 5) AS id");
    (server, database, Pgbouncer::start(server, mode))
}

/// A project behind a pooler whose configuration names the direct URL.
fn with_direct(pooled: &str, direct: &str) -> Project {
    let project = project(pooled);
    add_variables(&project, &[("DEV_DIRECT", direct.to_string())]);
    project.configure(|configuration| {
        configuration["environments"]["dev"]["direct_connection_string_env"] = "DEV_DIRECT".into();
    });
    project
}

fn assert_refused_as_pooled(envelope: &Value, mode: &str) {
    assert!(envelope["error"].as_str().unwrap().contains(mode), "{envelope:#}");
    let said = suggestion(envelope, 0);
    assert!(said.contains("environments.dev.direct_connection_string_env"), "{said}");
}

#[test]
fn in_transaction_mode_the_direct_url_is_read_and_without_it_nothing() {
    let (server, database, pooler) = pooled("transaction", PoolMode::Transaction);
    for url in [pooler.address(&database), pooler.address(&database).parameter("pgbouncer", "true")]
    {
        let project = project(&url);
        let envelope = refused(&project, &mut project.host(), "unsupported_database");
        assert_refused_as_pooled(&envelope, "transaction");
    }
    let project = with_direct(&pooler.url(&database), &server.url(&database));
    for format in FORMATS {
        let made = Backup::make(&project, json!({"format": format}));
        assert_eq!(made.row_counts()["public.marker"], 5);
        made.assert_no_warnings();
    }
}

#[test]
fn in_statement_mode_nothing_is_read() {
    let (_, database, pooler) = pooled("statement", PoolMode::Statement);
    let project = project(&pooler.url(&database));
    let envelope = refused(&project, &mut project.host(), "unsupported_database");
    assert_refused_as_pooled(&envelope, "statement");
}

#[test]
fn in_session_mode_all_is_well() {
    let (_, database, pooler) = pooled("session", PoolMode::Session);
    for format in FORMATS {
        let made = Backup::of(&pooler.url(&database), format);
        assert_eq!(made.row_counts()["public.marker"], 5);
        made.assert_no_warnings();
    }
}

#[test]
fn a_direct_url_of_another_database_is_a_mistake() {
    let (server, database, pooler) = pooled("elsewhere", PoolMode::Transaction);
    let namesake = another_server();
    namesake.create_database(&database);
    for direct in [server.url("postgres"), namesake.url(&database)] {
        let project = with_direct(&pooler.url(&database), &direct);
        let envelope = refused(&project, &mut project.host(), "config_invalid");
        assert!(envelope["error"].as_str().unwrap().contains("DEV_DIRECT"), "{envelope:#}");
    }
}

#[test]
fn a_direct_url_is_read_though_its_pooler_is_away_and_the_other_way_round() {
    let server = PostgresServer::shared();
    let database = server.new_database("away");
    let dead = server.address(&database).port(1).to_string();
    let made = Backup::make(&with_direct(&dead, &server.url(&database)), json!({}));
    let warnings = made.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("DEV_DATABASE_URL could not be reached"), "{warnings:?}");
    let unset = with_direct(&server.url(&database), "");
    let warnings = Backup::make(&unset, json!({})).warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("DEV_DIRECT is not set"), "{warnings:?}");
}

#[test]
fn prismas_direct_url_is_for_its_own_variable_only() {
    let (server, database, pooler) = pooled("prisma", PoolMode::Transaction);
    let url = pooler.url(&database);
    let project = Project::with_urls(&[("dev", &url), ("production", &url)]);
    add_variables(&project, &[("DIRECT_URL", server.url(&database))]);
    let schema = "datasource db {\n  provider  = \"postgresql\"\n  url       = env(\"DEV_DATABASE_URL\")\n  \
        directUrl = env(\"DIRECT_URL\")\n}\n";
    std::fs::write(project.path("prisma/schema.prisma"), schema).unwrap();
    let made = Backup::make(&project, json!({}));
    assert_eq!(made.row_counts()["public.marker"], 5);
    let request =
        json!({"operation": "create-backup", "parameters": {"environment": "production"}});
    let envelope = ask(&mut project.host(), &request);
    assert_eq!(envelope["code"], "unsupported_database", "{envelope:#}");
    assert!(
        suggestion(&envelope, 0).contains("environments.production.direct_connection_string_env"),
        "{envelope:#}"
    );
}
