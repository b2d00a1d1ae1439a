//! What a record tells of its database.

use backup_tests::Project;
use backup_tests::servers::PostgresServer;
use serde_json::{Value, json};

use crate::backup::{Backup, FORMATS, client_version, project, verify};
use crate::round_trips::rich_database;

/// A migrations table as Prisma makes it, with one migration that was applied.
fn migrations_table(name: &str, migration: &str) -> String {
    format!(
        "CREATE TABLE {name} (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
            finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text,
            rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),
            applied_steps_count integer NOT NULL DEFAULT 0);
         INSERT INTO {name} VALUES ('1', 'c', now(), '{migration}', NULL, NULL, now(), 1);"
    )
}

/// The ledger of Prisma 8: one row for every migration that was applied, in its own transaction.
const LEDGER: &str = "CREATE SCHEMA prisma_contract;
    CREATE TABLE prisma_contract.ledger (id bigserial PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(),
        space text NOT NULL, origin_core_hash text, destination_core_hash text NOT NULL,
        migration_name text, operations jsonb NOT NULL DEFAULT '[]');
    INSERT INTO prisma_contract.ledger (space, destination_core_hash, migration_name) VALUES
        ('app', 'a', '20260101T0900_first'), ('other', 'b', '20260101T0901_of_an_extension'),
        ('app', 'c', '20260102T0900_second'), ('app', 'd', '');";

fn migrations(url: &impl ToString) -> Value {
    Backup::of(url, "sql").manifest["migrations"].clone()
}

#[test]
fn applied_failed_and_rolled_back_migrations_are_told_apart() {
    let server = PostgresServer::shared();
    let database = rich_database();
    for format in FORMATS {
        let made = Backup::of(&server.url(database), format);
        let applied = [
            "20250120100000_initial_schema",
            "20250121100000_add_orders",
            "20250124130000_add_api_keys",
        ];
        let told = json!({
            "applied_count": 3,
            "last_migration": "20250124130000_add_api_keys",
            "migrations_list": applied,
            "failed_migrations": ["20250122100000_add_reviews"],
        });
        assert_eq!(made.manifest["migrations"], told, "{format}");
        assert_eq!(made.result["migrations"]["applied_count"], 3);
        assert_eq!(made.result["migrations"]["last_migration"], applied[2]);
        let warnings = made.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("20250122100000_add_reviews"), "{warnings:?}");
    }
}

#[test]
fn the_migrations_of_the_urls_schema_are_read() {
    let server = PostgresServer::shared();
    let database = server.new_database("schemas");
    let empty = json!({"applied_count": 0, "last_migration": null, "migrations_list": []});
    assert_eq!(migrations(&server.url(&database)), empty);
    server.sql(&database, &migrations_table("_prisma_migrations", "in_public"));
    server.sql(&database, "CREATE SCHEMA \"My App\"; CREATE SCHEMA none");
    server.sql(&database, &migrations_table("\"My App\"._prisma_migrations", "in_my_app"));
    let with_schema = |schema: &str| {
        migrations(&server.address(&database).parameter("schema", schema))["last_migration"].clone()
    };
    assert_eq!(migrations(&server.url(&database))["last_migration"], "in_public");
    assert_eq!(with_schema("public"), "in_public");
    assert_eq!(with_schema("My App"), "in_my_app");
    assert_eq!(with_schema("none"), Value::Null);
    assert_eq!(with_schema("not there"), Value::Null);
}

#[test]
fn the_configured_migrations_table_is_read() {
    let server = PostgresServer::shared();
    let database = server.new_database("own_table");
    server.sql(&database, &migrations_table("\"Own \"\"table\"", "in_own"));
    let project = project(&server.url(&database));
    project.configure(|configuration| configuration["migrations"]["table"] = "Own \"table".into());
    let made = Backup::make(&project, json!({}));
    assert_eq!(made.manifest["migrations"]["last_migration"], "in_own");
}

#[test]
fn the_ledger_is_read_where_the_older_table_is_not() {
    let server = PostgresServer::shared();
    let database = server.new_database("ledger");
    server.sql(&database, LEDGER);
    let told = json!({
        "applied_count": 2,
        "last_migration": "20260102T0900_second",
        "migrations_list": ["20260101T0900_first", "20260102T0900_second"],
    });
    assert_eq!(migrations(&server.url(&database)), told);
    server.sql(&database, &migrations_table("_prisma_migrations", "older"));
    assert_eq!(migrations(&server.url(&database))["migrations_list"], json!(["older"]));
}

#[test]
fn tools_server_and_database_are_recorded() {
    let server = PostgresServer::shared();
    let database = server.new_database("recorded");
    server.sql(&database, "CREATE TABLE marker AS SELECT 1 AS id");
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    for format in FORMATS {
        let made = Backup::make(&project, json!({"format": format}));
        made.assert_no_warnings();
        let Value::Object(tools) = &made.manifest["tools"] else { panic!("{:#}", made.manifest) };
        assert_eq!(tools["pg_dump"], client_version());
        let facts = &made.manifest["database"];
        let version = server.value("postgres", "SHOW server_version");
        assert_eq!(facts["server"], format!("PostgreSQL {version}"));
        assert_eq!(facts["engine"], "postgres");
        assert_eq!(facts["name"], database);
        assert!(facts["size_bytes"].as_u64().unwrap() > 1_000_000, "{facts}");
        assert_eq!(made.manifest["backup_method"], "pg_dump");
        assert_eq!(made.result["row_totals"], json!({"tables": 1, "rows": 1, "unknown": 0}));
    }
}

#[test]
fn tables_of_extensions_are_not_counted_and_those_in_their_schemas_are() {
    let server = PostgresServer::shared();
    let database = server.new_database("extended");
    server.sql(
        &database,
        "CREATE EXTENSION hstore; CREATE SCHEMA theirs; CREATE TABLE own AS SELECT 1 AS id;
         CREATE TABLE of_extension AS TABLE own; CREATE TABLE theirs.own AS TABLE own;
         ALTER EXTENSION hstore ADD TABLE of_extension; ALTER EXTENSION hstore ADD SCHEMA theirs",
    );
    let project = project(&server.url(&database));
    for format in FORMATS {
        let made = Backup::make(&project, json!({"format": format}));
        let rows = [("public.own".to_owned(), 1), ("theirs.own".to_owned(), 1)];
        assert_eq!(made.row_counts(), rows.into(), "{format}");
        assert_eq!(verify(&project, made.id(), "full")["status"], "success");
    }
}

#[test]
fn rows_for_which_there_is_no_time_are_unknown_and_never_guessed() {
    let server = PostgresServer::shared();
    let database = server.new_database("uncounted");
    server.sql(&database, "CREATE TABLE marker AS SELECT generate_series(1, 9) AS id");
    let project = project(&server.url(&database));
    project.configure(|configuration| configuration["backup"] = json!({"row_count_seconds": 0}));
    for format in FORMATS {
        let made = Backup::make(&project, json!({"format": format}));
        let count = &made.manifest["row_counts"]["public.marker"];
        assert!(count.is_null() || *count == 9, "{format}: {count}");
    }
}
