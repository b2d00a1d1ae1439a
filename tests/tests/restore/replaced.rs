//! What restores replaced is kept until somebody removes it, by name.

use backup_tests::Project;
use backup_tests::servers::{MariadbServer, PostgresServer};
use serde_json::{Value, json};

use crate::{made, restore};

fn cleanup(parameters: &Value) -> Value {
    json!({"operation": "cleanup-backups", "parameters": parameters})
}

fn names(result: &Value) -> Vec<String> {
    let replaced = result["replaced"].as_array().expect("they are listed");
    replaced.iter().map(|one| one["database"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn replaced_databases_go_only_with_a_token_and_by_no_other_rule() {
    let server = PostgresServer::shared();
    let database = server.new_database("kept");
    server.sql(&database, "CREATE TABLE t (i integer); INSERT INTO t VALUES (1)");
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    let backup = made(&project, "sql", &json!(false));
    let replaced: Vec<String> = (0..2)
        .map(|_| project.succeed(&restore(&backup))["replaced"].as_str().unwrap().to_owned())
        .collect();
    // Somebody else's, of nearly the same name.
    let stranger = format!("{database}_replaced_by_hand");
    server.sql("postgres", &format!("CREATE DATABASE \"{stranger}\""));
    let there = || {
        let all = format!(
            "SELECT datname FROM pg_database WHERE datname LIKE '{database}\\_replaced%' ORDER BY 1"
        );
        server.query("postgres", &all).into_iter().flatten().flatten().collect::<Vec<String>>()
    };
    let all = [replaced.clone(), vec![stranger.clone()]].concat();
    project.succeed(&cleanup(&json!({"environment": "dev", "keep_last": 1})));
    assert_eq!(there(), all, "no rule about backups touches them");

    let plan = project
        .succeed(&cleanup(&json!({"environment": "dev", "replaced": true, "dry_run": true})));
    assert_eq!(names(&plan), replaced);
    assert_eq!((&plan["needs_confirmation"], &plan["deleted_count"]), (&json!(true), &json!(2)));
    assert!(plan["freed_bytes"].as_u64().unwrap() > 1_000_000);
    let request = cleanup(&json!({"environment": "dev", "replaced": true}));
    let asked = project.fail(&request, "confirmation_required");
    assert!(asked["result"]["plan"]["consequences"].to_string().contains(&replaced[1]));
    assert_eq!(there(), all);

    // Whoever looks into one may want it: it stays, and the other goes.
    let mut looking = server.session(&replaced[0]);
    looking.sql("SELECT 1");
    let failed = project.fail(&asked["recovery"]["next_request"], "storage_failed");
    assert_eq!(failed["result"]["deleted_count"], 1);
    assert!(failed["result"]["failed"][0].as_str().unwrap().starts_with(&replaced[0]));
    assert_eq!(there(), [replaced[0].clone(), stranger.clone()]);
    drop(looking);
    let again = &failed["recovery"]["next_request"];
    assert_eq!(*again, request);
    let asked = project.fail(again, "confirmation_required");
    let done = project.succeed(&asked["recovery"]["next_request"]);
    assert_eq!(names(&done), replaced[..1]);
    assert_eq!(there(), [stranger]);
    let none = project.succeed(&request);
    assert_eq!((&none["total_count"], names(&none)), (&json!(0), Vec::new()));
    assert_eq!(server.value(&database, "SELECT count(*) FROM t"), "1");
}

#[test]
fn what_mariadb_keeps_goes_the_same_way() {
    let server = MariadbServer::shared();
    let database = server.new_database("kept");
    server.sql(&database, "CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    let backup = made(&project, "sql", &json!(false));
    let replaced = project.succeed(&restore(&backup))["replaced"].as_str().unwrap().to_owned();
    let request = cleanup(&json!({"environment": "dev", "replaced": true}));
    let asked = project.fail(&request, "confirmation_required");
    let there = || {
        let all = "SELECT schema_name FROM information_schema.schemata";
        server.query("", all).into_iter().flatten().flatten().any(|name| name == replaced)
    };
    assert!(there());
    let done = project.succeed(&asked["recovery"]["next_request"]);
    assert_eq!(names(&done), [replaced.as_str()]);
    assert!(!there());
    assert_eq!(server.value(&database, "SELECT count(*) FROM t"), "1");
}

#[test]
fn replaced_is_about_one_environment_and_nothing_else() {
    let project = Project::bookshop();
    for (parameters, parameter) in [
        (json!({"replaced": true}), "environment"),
        (json!({"replaced": true, "environment": "dev", "keep_last": 1}), "keep_last"),
        (json!({"replaced": true, "environment": "dev", "expired": true}), "expired"),
    ] {
        let answer = project.fail(&cleanup(&parameters), "invalid_request");
        assert!(answer["error"].as_str().unwrap().contains(parameter), "{answer:#}");
    }
    // SQLite keeps what it replaces as a safety backup.
    let none = project.succeed(&cleanup(&json!({"environment": "dev", "replaced": true})));
    assert_eq!(names(&none), Vec::<String>::new());
}
