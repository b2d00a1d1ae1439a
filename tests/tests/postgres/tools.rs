//! Which of the native tools are used, and what is said where none fits.

use std::process::{Command, Stdio};

use backup_tests::artifacts::records;
use backup_tests::scripted_tool::{Behaviour, ScriptedTools};
use backup_tests::servers::{PostgresOptions, PostgresServer, program};
use backup_tests::{START_OF_PATH, binary, repository};
use serde_json::{Value, json};

use crate::backup::{
    Backup, FORMATS, client_version, create, project, refused, suggestion, verify,
};

/// The real one, for it is spoken with.
fn link_psql(tools: &ScriptedTools) {
    std::os::unix::fs::symlink(program("psql"), tools.program("psql")).unwrap();
}

#[test]
fn the_configured_folders_are_searched_and_no_others() {
    let server = PostgresServer::shared();
    let database = server.new_database("tools");
    let project = project(&server.url(&database));
    let one = ScriptedTools::new().with("pg_dump", Behaviour::Honest);
    let one = one.with("pg_dumpall", Behaviour::Honest);
    let two = ScriptedTools::new().with("pg_restore", Behaviour::Honest);
    link_psql(&two);
    // One is named by its place in the project.
    std::os::unix::fs::symlink(one.folder(), project.path("own tools")).unwrap();
    project.configure(|configuration| {
        configuration["backup"] = json!({"tool_directories": ["own tools", two.folder()]});
    });
    let made = FORMATS.map(|format| {
        let made = Backup::make(&project, json!({"format": format, "include_globals": true}));
        assert_eq!(verify(&project, made.id(), "full")["status"], "success");
        made.id().to_owned()
    });
    let said = |tools: &ScriptedTools, word: &str| {
        tools.calls().iter().filter(|call| call.iter().any(|said| said == word)).count()
    };
    assert_eq!([said(&one, "--format=custom"), said(&one, "--globals-only")], [1, 3]);
    assert!(said(&two, "--file=-") >= 2, "{:?}", two.calls());

    let empty = tempfile::tempdir().unwrap();
    project.configure(|configuration| {
        configuration["backup"] = json!({"tool_directories": [empty.path()]});
    });
    let envelope = create(&mut project.host(), json!({}));
    let seed = seed();
    assert_eq!(envelope["code"], "tool_not_found", "{envelope:#}");
    assert_eq!(envelope["error"], seed["error"]);
    for place in 0..4 {
        assert_eq!(suggestion(&envelope, place), seed["recovery"]["suggestions"][place]);
    }
    assert!(suggestion(&envelope, 4).contains("backup.tool_directories"), "{envelope:#}");
    // What is not installed says nothing about a backup.
    for (id, format) in made.iter().zip(FORMATS) {
        assert_eq!(verify(&project, id, "quick")["status"], "success", "{format}");
        let envelope = verify(&project, id, "full");
        if format == "sql" {
            assert_eq!(envelope["status"], "success", "{envelope:#}");
        } else {
            assert_eq!(envelope["code"], "tool_not_found", "{envelope:#}");
        }
    }
    let standings = project.catalogue();
    assert!(records(&project).iter().all(|record| record["status"] == "valid"), "{standings:#}");
}

#[test]
fn of_several_versions_the_servers_own_is_taken() {
    let server = PostgresServer::shared();
    let database = server.new_database("versions");
    let project = project(&server.url(&database));
    let newer = ScriptedTools::new().with_version("pg_dump", "pg_dump (PostgreSQL) 99.1");
    let mut host = newer.host(&project);
    let made = Backup::make_with(&project, &mut host, json!({}));
    assert_eq!(made.manifest["tools"]["pg_dump"], client_version());
    assert!(newer.calls().is_empty(), "{:?}", newer.calls());
}

#[test]
fn a_tool_older_than_the_server_is_refused() {
    let server = PostgresServer::shared();
    let project = project(&server.url("postgres"));
    let older = ScriptedTools::new().with_version("pg_dump", "pg_dump (PostgreSQL) 9.6.24");
    link_psql(&older);
    project.configure(|configuration| {
        configuration["backup"] = json!({"tool_directories": [older.folder()]});
    });
    let envelope = refused(&project, &mut project.host(), "tool_version_mismatch");
    assert_names_both(&envelope, "9.6.24", &server.value("postgres", "SHOW server_version"));
    assert!(older.calls().is_empty(), "{:?}", older.calls());
}

#[test]
fn a_server_newer_than_every_client_is_refused() {
    let server = PostgresServer::start_own(&PostgresOptions::default().version(18));
    let project = project(&server.url("postgres"));
    let envelope = refused(&project, &mut project.host(), "tool_version_mismatch");
    assert_names_both(
        &envelope,
        &client_version(),
        &server.value("postgres", "SHOW server_version"),
    );
}

fn assert_names_both(envelope: &Value, tool: &str, server: &str) {
    let error = envelope["error"].as_str().unwrap();
    assert!(error.contains(tool) && error.contains(&format!("PostgreSQL {server}")), "{error}");
    assert_eq!(envelope["result"]["tool_version"], tool);
    assert_eq!(envelope["result"]["server_version"], format!("PostgreSQL {server}"));
    let major = server.split('.').next().unwrap();
    let package = format!("sudo apt-get install postgresql-client-{major}");
    assert!(suggestion(envelope, 0).ends_with(&package), "{envelope:#}");
}

fn seed() -> Value {
    let path = repository().join("fixtures/seed/error-tool-not-found.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Hides the client's programs from one host: in a mount namespace of its own, nothing is where it was.
const HIDE: &str = r#"
for folder in /usr/lib/postgresql /usr/libexec/postgresql* /usr/pgsql-* /usr/local/pgsql; do
    [ ! -d "$folder" ] || mount -t tmpfs tmpfs "$folder" || exit
done
for program in psql pg_dump; do
    for folder in /usr/local/bin /usr/bin /bin; do
        path=$(readlink -f "$folder/$program") || continue
        [ ! -x "$path" ] || mount --bind /dev/null "$path" || exit
    done
done
exec "$1"
"#;

#[test]
fn without_any_tool_the_seeds_error_is_answered_to_the_letter() {
    let project = project(&PostgresServer::shared().url("postgres"));
    let mut host = Command::new("unshare");
    host.args(["--user", "--map-root-user", "--mount", "sh", "-c", HIDE, "sh"])
        .arg(binary())
        .env_clear()
        .env("PATH", format!("{START_OF_PATH}:/usr/sbin:/sbin"))
        .current_dir(project.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let envelope = refused(&project, &mut host, "tool_not_found");
    let seed = seed();
    assert_eq!(envelope["error"], "pg_dump not found - PostgreSQL client required");
    assert_eq!(envelope["error"], seed["error"]);
    assert_eq!(envelope["recovery"]["suggestions"], seed["recovery"]["suggestions"]);
}
