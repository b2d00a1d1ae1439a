//! What is refused before anything is written: formats, tools, connections that are not what was asked for.

use std::os::unix::fs::symlink;

use backup_tests::Project;
use backup_tests::servers::{MariadbServer, PASSWORD, program};
use serde_json::{Value, json};

use crate::formats::rich;
use crate::{Made, create, folder, plain, project};

/// Fails with a code and leaves nothing behind.
fn refused(project: &Project, request: &Value, code: &str) -> Value {
    let answer = project.fail(request, code);
    assert_eq!(project.files(), [""; 0]);
    answer
}

#[test]
fn the_custom_format_is_refused_with_a_request_that_works() {
    let server = MariadbServer::shared();
    let project = project(server.url(rich()));
    let answer = refused(&project, &create("custom", &json!(true)), "invalid_request");
    assert!(answer["error"].as_str().unwrap().contains("custom"), "{answer:#}");
    let instead = &answer["recovery"]["next_request"];
    assert_eq!(*instead, create("sql", &json!(true)));
    Made::by(&project, instead).assert_verifies(&project);
}

/// Tools are looked for in a folder that has these, and nowhere else.
fn only_tools(project: &Project, names: &[&str]) {
    let tools = project.path("tools");
    std::fs::create_dir(&tools).unwrap();
    for name in names {
        symlink(program(name), tools.join(name)).unwrap();
    }
    project.configure(|settings| settings["backup"] = json!({"tool_directories": ["tools"]}));
}

#[test]
fn a_missing_dump_tool_is_told_in_the_seeds_words() {
    let server = MariadbServer::shared();
    for (tools, request, error, package) in [
        (&["mariadb"][..], plain(), "mysqldump not found - MySQL client required", "mysql-client"),
        (
            &["mariadb", "mydumper"],
            plain(),
            "mysqldump not found - MySQL client required",
            "mysql-client",
        ),
        (&["mariadb", "mariadb-dump"], folder(), "mydumper not found - ", "mydumper"),
    ] {
        let project = project(server.url(rich()));
        only_tools(&project, tools);
        let answer = refused(&project, &request, "tool_not_found");
        let told = answer["error"].as_str().unwrap();
        assert!(told.starts_with(error), "{told}");
        let suggestions = answer["recovery"]["suggestions"].to_string();
        for words in [
            "sudo apt-get install ",
            package,
            "macOS: brew install ",
            "Windows: Download from ",
            "retry: /faber-db:backup dev",
        ] {
            assert!(suggestions.contains(words), "{words}: {suggestions}");
        }
    }
}

#[test]
fn tools_by_their_older_names_do_as_well() {
    let server = MariadbServer::shared();
    let project = project(server.url(rich()));
    let tools = project.path("tools");
    std::fs::create_dir(&tools).unwrap();
    for (name, real) in [("mysql", "mariadb"), ("mysqldump", "mariadb-dump")] {
        symlink(program(real), tools.join(name)).unwrap();
    }
    project.configure(|settings| settings["backup"] = json!({"tool_directories": ["tools"]}));
    let made = Made::by(&project, &plain());
    assert!(made.manifest["tools"]["mariadb-dump"].is_string(), "{:#}", made.manifest["tools"]);
    made.assert_comes_back(&project, server, rich());
}

/// A connection that fails as in the seed, with the client's own words.
fn not_connected(url: impl std::fmt::Display, requests: &[Value], words: &[&str]) {
    let project = project(&url);
    for request in requests {
        let answer = refused(&project, request, "connection_failed");
        assert_eq!(answer["error"], "Cannot connect to database for backup", "{url}");
        let said = answer["prisma_output"].as_str().unwrap();
        assert!(words.iter().any(|words| said.contains(words)), "{url}: {said}");
        let suggestions = answer["recovery"]["suggestions"].as_array().unwrap();
        assert_eq!(suggestions[1], "Check connection string: echo $DEV_DATABASE_URL");
        assert!(suggestions[2].as_str().unwrap().starts_with("Test connection: mysql --"));
        assert!(!answer.to_string().contains("p@ss"), "{answer:#}");
    }
}

#[test]
fn connections_that_fail_are_told_in_the_seeds_words() {
    let server = MariadbServer::shared();
    let address = || server.address(rich());
    let both = [plain(), folder()];
    not_connected(address().user("root", "wrong"), &both, &["Access denied"]);
    not_connected(address().port(1), &both, &["Can't connect"]);
    let sql = [plain()];
    not_connected(address().without_password(), &sql, &["Access denied"]);
    not_connected(address().user("no'body", PASSWORD), &sql, &["Access denied"]);
    not_connected(server.url("no `such` database"), &sql, &["Unknown database"]);
    not_connected(
        address().host("no-such-host.invalid"),
        &sql,
        &["Unknown server host", "Unknown MySQL server host"],
    );
    not_connected(address().parameter("socket", "/tmp/no such/socket"), &sql, &["Can't connect"]);
}

#[test]
fn a_certificate_that_was_asked_for_and_is_not_there_is_no_connection() {
    let server = MariadbServer::shared();
    let url = server.address(rich()).parameter("sslaccept", "strict");
    not_connected(url, &[plain(), folder()], &["SSL", "TLS"]);
}

/// What an administrator is to run, as the answer says.
fn advised(answer: &Value) -> Vec<&str> {
    let suggestions = answer["recovery"]["suggestions"].as_array().unwrap().iter();
    suggestions
        .filter_map(|text| text.as_str().unwrap().strip_prefix("Let an administrator run: "))
        .collect()
}

#[test]
fn a_user_who_may_not_see_everything_is_told_the_grants_that_are_enough() {
    let server = MariadbServer::shared();
    let database = server.new_database("grants_");
    server.sql(&database, "CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t; CREATE PROCEDURE p() SELECT 1;\
        CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1; CREATE FUNCTION f() RETURNS int RETURN 1");
    let on = format!("ON `{}`.*", database.replace('_', "\\_"));
    let all = ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "EXECUTE"];
    for (number, missing) in all.iter().enumerate() {
        let user = format!("{database} o'{number}");
        let given: Vec<&str> = all.iter().copied().filter(|name| name != missing).collect();
        server.create_user(&user, "se'cret", "", &[&format!("{} {on}", given.join(", "))]);
        let project = project(server.address(&database).user(&user, "se'cret"));
        let answer = refused(&project, &plain(), "permission_denied");
        for grant in advised(&answer) {
            server.sql("", grant);
        }
        let made = Made::by(&project, &plain());
        let text = made.text();
        for words in ["VIEW `v`", "PROCEDURE `p`", "FUNCTION `f`", "TRIGGER g"] {
            assert!(text.contains(words), "{words} is not in the dump of {user}");
        }
        assert_eq!(made.rows()["t"], 0);
    }
}

#[test]
fn encryption_that_was_asked_for_and_is_not_there_is_no_connection() {
    let server = MariadbServer::shared();
    for (name, value) in [("sslmode", "REQUIRED"), ("sslaccept", "accept_invalid_certs")] {
        let url = server.address(rich()).parameter(name, value);
        not_connected(url, &[plain(), folder()], &["encryption"]);
    }
}
