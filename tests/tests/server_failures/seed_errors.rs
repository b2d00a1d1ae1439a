//! The seed's errors, provoked on real servers and held against its words.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use backup_tests::servers::PASSWORD;
use backup_tests::unprivileged::{Permissions, Unprivileged};
use backup_tests::{Project, START_OF_PATH, binary, repository};
use serde_json::{Value, json};

use crate::shop::{Server, answer, on_both_engines};

/// An example of the seed.
pub fn seed(name: &str) -> Value {
    let path = repository().join("fixtures/seed").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Fails unless an answer has the seed's error text, its fields in its order, and its suggestions; `changed`
/// says which of these name something else here.
pub fn assert_as_in_seed(answer: &Value, name: &str, changed: &[(&str, &str)]) {
    let seed = seed(name);
    assert_eq!(answer["status"], "error", "{answer:#}");
    assert_eq!(answer["error"], seed["error"], "{answer:#}");
    let mut suggestions: Vec<String> =
        serde_json::from_value(seed["recovery"]["suggestions"].clone()).unwrap();
    for suggestion in &mut suggestions {
        for (before, after) in changed {
            *suggestion = suggestion.replace(before, after);
        }
    }
    assert_eq!(answer["recovery"]["suggestions"], json!(suggestions), "{answer:#}");
    let names = |value: &Value| {
        let names = value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
        names.unwrap_or_default()
    };
    let known = |names: Vec<String>, seed: &[String]| {
        names.into_iter().filter(|name| seed.contains(name)).collect::<Vec<_>>()
    };
    let of_seed = names(&seed);
    assert_eq!(known(names(answer), &of_seed), of_seed, "{answer:#}");
    let of_seed = names(&seed["result"]);
    assert_eq!(known(names(&answer["result"]), &of_seed), of_seed, "{answer:#}");
    for field in of_seed {
        let same = std::mem::discriminant(&seed["result"][&field])
            == std::mem::discriminant(&answer["result"][&field]);
        assert!(same, "{field} has another type: {answer:#}");
    }
}

/// A request for a backup of production, where the seed's examples are.
pub fn request() -> Value {
    json!({"operation": "create-backup", "parameters": {"environment": "production"}})
}

fn ask(url: &str) -> Value {
    let project = Project::with_urls(&[("production", url)]);
    let failed = answer(&mut project.host(), &request());
    assert!(project.catalogue()["backups"].as_array().is_none_or(Vec::is_empty));
    assert_eq!(project.files(), [""; 0], "{failed:#}");
    failed
}

/// Fails unless it is the seed's error of a database that cannot be reached, in the tool's own words.
fn assert_unreachable(failed: &Value, test: &str, words: &[&str]) {
    assert_as_in_seed(
        failed,
        "error-connection-failed.json",
        &[("Test connection: psql $PROD_DATABASE_URL", &format!("Test connection: {test}"))],
    );
    assert_eq!(failed["code"], "connection_failed");
    assert_eq!(failed["retryable"], true);
    let said = failed["prisma_output"].as_str().unwrap();
    for words in words {
        assert!(said.contains(words), "{words:?} is not in {failed:#}");
    }
    assert!(!said.contains("<stdin>") && !said.contains("SELECT 1"), "{failed:#}");
}

#[test]
fn a_postgres_database_that_cannot_be_reached_is_told_as_in_the_seed() {
    let Server::Postgres(server) = Server::postgres() else { unreachable!() };
    let database = Server::postgres().new_shop("unreachable");
    let psql = "psql $PROD_DATABASE_URL";
    let refused = ask(&server.address(&database).port(1).to_string());
    assert_unreachable(&refused, psql, &["Connection refused", "localhost", "port 1"]);
    let refused = ask(&server.address(&database).parameter("host", "/nowhere").to_string());
    assert_unreachable(&refused, psql, &["/nowhere", "No such file or directory"]);
    let unknown = ask(&server.address(&database).host("nowhere.invalid").to_string());
    assert_unreachable(&unknown, psql, &["could not translate host name \"nowhere.invalid\""]);
    let wrong = ask(&server.url_with("postgres", "wrong password", &database, &[]));
    assert_unreachable(&wrong, psql, &["password authentication failed for user \"postgres\""]);
    let none = ask(&server.address(&database).without_password().to_string());
    assert_unreachable(&none, psql, &["no password supplied"]);
    let missing = ask(&server.url("no such database"));
    assert_unreachable(&missing, psql, &["database \"no such database\" does not exist"]);
    server.create_role("unreachable_guest", PASSWORD, "");
    server.sql("postgres", &format!("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC"));
    let guest = ask(&server.url_with("unreachable_guest", PASSWORD, &database, &[]));
    assert_unreachable(
        &guest,
        psql,
        &["permission denied for database", "does not have CONNECT privilege"],
    );
}

#[test]
fn a_mariadb_database_that_cannot_be_reached_is_told_as_in_the_seed() {
    let Server::Mariadb(server) = Server::mariadb() else { unreachable!() };
    let database = Server::mariadb().new_shop("unreachable");
    let mysql = |host: &str, port: u16, user: &str, database: &str| {
        format!("mysql --host={host} --port={port} --user={user} -p {database}")
    };
    let port = server.port();
    let refused = ask(&server.address(&database).port(1).to_string());
    let test = mysql("localhost", 1, "root", &database);
    assert_unreachable(&refused, &test, &["ERROR 2002", "Can't connect to", "localhost"]);
    let unknown = ask(&server.address(&database).host("nowhere.invalid").to_string());
    let test = mysql("nowhere.invalid", port, "root", &database);
    assert_unreachable(&unknown, &test, &["Unknown server host 'nowhere.invalid'"]);
    let wrong = ask(&server.url_with("root", "wrong password", &database, &[]));
    let test = mysql("localhost", port, "root", &database);
    assert_unreachable(&wrong, &test, &["Access denied for user 'root'"]);
    let missing = ask(&server.url("no_such_database"));
    let test = mysql("localhost", port, "root", "no_such_database");
    assert_unreachable(&missing, &test, &["Unknown database 'no_such_database'"]);
    server.create_user("unreachable_guest", PASSWORD, "", &[]);
    let guest = ask(&server.url_with("unreachable_guest", PASSWORD, &database, &[]));
    let test = mysql("localhost", port, "unreachable_guest", &database);
    assert_unreachable(&guest, &test, &["Access denied for user 'unreachable_guest'", &database]);
}

/// Every place from which a machine may take a program, links resolved.
fn places(name: &str) -> BTreeSet<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = versions.map(|version| version.path().join("bin"));
    let folders = START_OF_PATH.split(':').map(PathBuf::from).chain(versions);
    folders.filter_map(|folder| folder.join(name).canonicalize().ok()).collect()
}

/// A host on a machine where some programs are not installed.
fn host_without(project: &Project, names: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg(
            "program=$1; shift; for path; do mount --bind /dev/null \"$path\" || exit; done; \
             exec \"$program\"",
        )
        .arg("sh")
        .arg(binary())
        .args(names.iter().flat_map(|name| places(name)))
        .env_clear()
        .env("PATH", format!("{START_OF_PATH}:/usr/sbin:/sbin"))
        .current_dir(project.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_tool_that_is_not_installed_is_told_as_in_the_seed() {
    let mysql = [
        (
            "pg_dump not found - PostgreSQL client required",
            "mysqldump not found - MySQL client required",
        ),
        (
            "PostgreSQL client: sudo apt-get install postgresql-client",
            "MySQL client: sudo apt-get install default-mysql-client",
        ),
        ("brew install postgresql", "brew install mysql-client"),
        ("postgresql.org", "dev.mysql.com"),
        ("backup dev", "backup production"),
    ];
    let postgres = Server::postgres();
    let project =
        Project::with_urls(&[("production", postgres.url(&postgres.new_shop("toolless")))]);
    let failed = answer(&mut host_without(&project, &["pg_dump"]), &request());
    assert_as_in_seed(&failed, "error-tool-not-found.json", &mysql[4..]);
    assert_eq!(failed["code"], "tool_not_found");
    assert_eq!(failed["retryable"], false);
    let failed = answer(&mut host_without(&project, &["psql"]), &request());
    assert_eq!(failed["error"], "psql not found - PostgreSQL client required", "{failed:#}");
    // Nothing else on the machine was needed to find out.
    let made = answer(&mut host_without(&project, &["mariadb-dump", "mysqldump"]), &request());
    assert_eq!(made["status"], "success", "{made:#}");

    let mariadb = Server::mariadb();
    let project = Project::with_urls(&[("production", mariadb.url(&mariadb.new_shop("toolless")))]);
    let mut failed =
        answer(&mut host_without(&project, &["mariadb-dump", "mysqldump"]), &request());
    assert_eq!(failed["error"], mysql[0].1, "{failed:#}");
    failed["error"] = json!(mysql[0].0);
    assert_as_in_seed(&failed, "error-tool-not-found.json", &mysql[1..]);
    let mut directory = request();
    directory["parameters"]["format"] = json!("directory");
    let failed = answer(&mut host_without(&project, &["mydumper"]), &directory);
    assert_eq!(failed["code"], "tool_not_found", "{failed:#}");
    assert!(failed["error"].as_str().unwrap().starts_with("mydumper not found"), "{failed:#}");
    assert!(failed.to_string().contains("apt-get install mydumper"), "{failed:#}");
}

#[test]
fn where_only_configured_folders_are_searched_they_are_named() {
    for (server, tool) in [(Server::postgres(), "pg_dump"), (Server::mariadb(), "mysqldump")] {
        let url = server.url(&server.new_shop("folderless"));
        let project = Project::with_urls(&[("production", url)]);
        std::fs::create_dir(project.path("no-tools")).unwrap();
        project.configure(|configuration| {
            configuration["backup"] = json!({"tool_directories": ["no-tools"]});
        });
        let failed = answer(&mut project.host(), &request());
        assert_eq!(failed["code"], "tool_not_found", "{failed:#}");
        assert!(failed["error"].as_str().unwrap().starts_with(tool), "{failed:#}");
        assert!(failed["recovery"]["suggestions"].to_string().contains("no-tools"), "{failed:#}");
    }
}

#[test]
fn a_backup_directory_that_cannot_be_written_is_told_as_in_the_seed() {
    on_both_engines(|server| {
        let url = server.url(&server.new_shop("unwritable"));
        let user = Unprivileged::owning(Project::with_urls(&[("production", url)]));
        user.succeed(&request());
        let before = user.project.files();
        let formats: &[_] = if server.is_postgres() {
            &["sql", "custom", "directory"]
        } else {
            &["sql", "directory"]
        };
        let _folder = Permissions::of(user.project.backups().join("production"), 0o555);
        for format in formats {
            let mut request = request();
            request["parameters"]["format"] = json!(format);
            let failed = user.ask(&request);
            assert_as_in_seed(&failed, "error-directory-not-writable.json", &[]);
            assert_eq!(failed["code"], "directory_not_writable");
            assert_eq!(failed["result"], seed("error-directory-not-writable.json")["result"]);
            assert_eq!(user.project.files(), before);
        }
    });
}
