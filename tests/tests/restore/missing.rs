//! Restoring into a PostgreSQL database that is not there.

use backup_tests::Project;
use backup_tests::live_host::{LiveHost, wait_until};
use backup_tests::servers::PostgresServer;
use serde_json::{Value, json};

use crate::{made, restore};

fn named_like(server: &PostgresServer, database: &str) -> Vec<String> {
    let all =
        format!("SELECT datname FROM pg_database WHERE datname LIKE '{database}%' ORDER BY 1");
    server.query("postgres", &all).into_iter().flatten().flatten().collect()
}

#[test]
fn a_postgres_database_that_is_gone_comes_back_after_a_yes() {
    let server = PostgresServer::shared();
    let database = server.new_database("gone");
    server.sql(&database, "CREATE TABLE t (i integer PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    for format in ["sql", "custom"] {
        let id = made(&project, format, &json!(false));
        server.sql("postgres", &format!("DROP DATABASE \"{database}\""));
        let mut plan = restore(&id);
        plan["parameters"]["dry_run"] = json!(true);
        let planned = project.succeed(&plan);
        assert_eq!(planned["needs_confirmation"], true, "{planned:#}");
        let asked = project.fail(&restore(&id), "confirmation_required");
        assert_eq!(named_like(server, &database), [""; 0], "a question makes nothing");
        let done = project.succeed(&asked["recovery"]["next_request"]);
        assert_eq!((&done["replaced"], &done["safety_backup_id"]), (&Value::Null, &Value::Null));
        assert_eq!(named_like(server, &database).join(" "), database);
        assert_eq!(server.value(&database, "SELECT count(*) FROM t"), "2");
    }
    // Nothing else is done with a database that is not there.
    server.sql("postgres", &format!("DROP DATABASE \"{database}\""));
    let create = json!({"operation": "create-backup", "parameters": {"environment": "dev"}});
    project.fail(&create, "connection_failed");
}

#[test]
fn a_backup_that_does_not_load_leaves_no_empty_database() {
    let server = PostgresServer::shared();
    let database = server.new_database("gone");
    let role = format!("{database}_role");
    server.create_role(&role, "secret", "");
    server.sql(
        &database,
        &format!("CREATE TABLE t (i integer); INSERT INTO t VALUES (1); ALTER TABLE t OWNER TO \"{role}\""),
    );
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    let id = made(&project, "sql", &json!(false));
    server.sql("postgres", &format!("DROP DATABASE \"{database}\""));
    server.sql("postgres", &format!("DROP ROLE \"{role}\""));
    let asked = project.fail(&restore(&id), "confirmation_required");
    let failed = project.fail(&asked["recovery"]["next_request"], "restore_failed");
    assert!(failed["prisma_output"].as_str().unwrap().contains(&role), "{failed:#}");
    assert_eq!(named_like(server, &database), [""; 0]);
}

#[test]
fn what_somebody_writes_into_a_database_while_it_comes_back_is_kept() {
    let server = PostgresServer::shared();
    let database = server.new_database("gone");
    server.sql(&database, "CREATE TABLE t (i integer); INSERT INTO t VALUES (1)");
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    let id = made(&project, "sql", &json!(false));
    server.sql("postgres", &format!("DROP DATABASE \"{database}\""));
    let asked = project.fail(&restore(&id), "confirmation_required");
    let mut host = LiveHost::start(&mut project.host());
    host.send(&asked["recovery"]["next_request"]);
    wait_until("the database is made", || !named_like(server, &database).is_empty());
    server.sql(&database, "CREATE TYPE precious AS ENUM ('a')");
    let done = host.answer().unwrap();
    let kept = named_like(server, &database);
    let precious = |name: &String| {
        server.value(name, "SELECT count(*) FROM pg_type WHERE typname = 'precious'") == "1"
    };
    assert!(kept.iter().any(precious), "{kept:?} {done:#}");
    if done["status"] == "success" {
        assert_eq!(done["result"]["replaced"], kept[1].as_str());
    }
}
