//! Scripts by tools that are newer than the server: they begin with settings that it does not know.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backup_tests::Project;
use backup_tests::servers::{PostgresServer, program};
use serde_json::json;

use crate::{made, restore};

/// What PostgreSQL 17's tools write after another setting, and servers before it refuse.
const NEWER: &str = "sed 's/^SET lock_timeout = 0;$/&\\nSET transaction_timeout = 0;/'";

fn put(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_the_server_does_not_know_is_left_out_and_nothing_else() {
    let tools = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(program("psql"), tools.path().join("psql")).unwrap();
    let real = program("pg_dump");
    put(tools.path(), "pg_dump", &format!("{} \"$@\" | {NEWER}", real.display()));
    let real = program("pg_restore");
    // It connects to no server: what that refuses would end it.
    let restores = format!(
        "case \"$*\" in\n\
         *--version*) echo 'pg_restore (PostgreSQL) 99.1' ;;\n\
         *--dbname=*) echo 'unrecognized configuration parameter \"transaction_timeout\"' >&2; exit 1 ;;\n\
         *) {} \"$@\" | {NEWER} ;;\nesac",
        real.display()
    );
    put(tools.path(), "pg_restore", &restores);
    let server = PostgresServer::shared();
    let folder = tools.path().to_owned();
    for format in ["sql", "custom", "directory"] {
        let database = server.new_database("newer");
        server.load_rich(&database);
        let before = (server.schema(&database), server.content(&database));
        let project = Project::with_urls(&[("dev", server.url(&database))]);
        if format == "sql" {
            project
                .configure(|settings| settings["backup"] = json!({"tool_directories": [folder]}));
        }
        let id = made(&project, format, &json!(true));
        project.configure(|settings| settings["backup"] = json!({"tool_directories": [folder]}));
        let proof = json!({"backup_id": id, "level": "restore"});
        project.succeed(&json!({"operation": "verify-backup", "parameters": proof}));
        server.sql(&database, "CREATE TABLE added (id integer)");
        let mut request = restore(&id);
        request["parameters"]["skip_safety_backup"] = true.into();
        project.succeed(&request);
        assert_eq!((server.schema(&database), server.content(&database)), before, "{format}");
    }
}
