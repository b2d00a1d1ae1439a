//! Roles and tablespaces beside the dump.

use std::path::PathBuf;

use backup_tests::artifacts::{files_of, sha256};
use backup_tests::servers::{PASSWORD, PostgresServer};
use serde_json::json;

use crate::another_server;
use crate::backup::{Backup, delete, project, verify};

/// The roles of this test, with all that can be said of a role. The passwords are seen as their digests.
const ROLES: &str = "SELECT r.rolname, a.rolpassword, r.rolcreatedb, r.rolbypassrls, r.rolconnlimit,
        r.rolvaliduntil, s.setconfig, shobj_description(r.oid, 'pg_authid'),
        (SELECT array_agg(m.roleid::regrole::text ORDER BY 1) FROM pg_auth_members m WHERE m.member = r.oid)
    FROM pg_roles r JOIN pg_authid a USING (oid) LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid
    WHERE r.rolname LIKE 'globals%' ORDER BY 1";

/// Has the server make a folder of its own.
fn new_folder(server: &PostgresServer) -> String {
    let folder = server.socket_folder().join("space").display().to_string();
    let program = format!("mkdir {folder} && cat >/dev/null");
    server.sql("postgres", &format!("COPY (SELECT 1) TO PROGRAM '{program}'"));
    folder
}

fn globals_file(made: &Backup) -> PathBuf {
    let name = made.manifest["globals"]["file_name"].as_str().unwrap();
    assert_eq!(name, format!("{}.globals.sql", made.id()));
    made.artifact.with_file_name(name)
}

#[test]
fn roles_come_back_whole_and_go_with_their_backup() {
    let (server, other) = (PostgresServer::shared(), another_server());
    let folder = new_folder(server);
    server.create_role("globals owner", PASSWORD, "CREATEDB BYPASSRLS CONNECTION LIMIT 5");
    server.sql(
        "postgres",
        &format!(
            "CREATE ROLE \"globals \"\"group\"\"\" VALID UNTIL '2030-01-01';
             GRANT \"globals \"\"group\"\"\" TO \"globals owner\" WITH ADMIN OPTION;
             ALTER ROLE \"globals owner\" SET search_path = 'a b', \"C\";
             COMMENT ON ROLE \"globals owner\" IS 'two\nlines; \\. -- ''quoted''';
             CREATE TABLESPACE globals_space OWNER \"globals owner\" LOCATION '{folder}'"
        ),
    );
    let database = server.new_database("globals");
    let project = project(&server.url(&database));
    let made = Backup::make(&project, json!({"include_globals": true}));
    made.assert_no_warnings();
    let path = globals_file(&made);
    let facts = &made.manifest["globals"];
    assert_eq!(facts["sha256"], sha256(&path));
    assert_eq!(facts["size_bytes"], path.metadata().unwrap().len());
    assert!(made.manifest["tools"]["pg_dumpall"].is_string(), "{:#}", made.manifest["tools"]);

    let script = std::fs::read_to_string(&path).unwrap();
    assert!(script.contains("SCRAM-SHA-256$"), "{script}");
    let space =
        format!("CREATE TABLESPACE globals_space OWNER \"globals owner\" LOCATION '{folder}';\n");
    assert!(script.contains(&space), "{script}");
    // The superuser is there on every server, and a folder is the machine's own.
    let script = script.replace("CREATE ROLE postgres;\n", "").replace(&space, "");
    other.sql("postgres", &script);
    assert_eq!(other.query("postgres", ROLES), server.query("postgres", ROLES));

    let verified = verify(&project, made.id(), "full");
    assert_eq!(verified["status"], "success", "{verified:#}");
    delete(&project, made.id());
    assert!(files_of(&project, "dev").is_empty());
}

#[test]
fn every_format_can_have_them_and_a_change_in_them_is_noticed() {
    let server = PostgresServer::shared();
    // A name that a tool could take for settings.
    let database = "globals dbname=nowhere";
    server.create_database(database);
    for format in crate::backup::FORMATS {
        let project = project(&server.url(database));
        let made = Backup::make(&project, json!({"include_globals": true, "format": format}));
        let path = globals_file(&made);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("SUPERUSER", "superuser")).unwrap();
        assert_eq!(verify(&project, made.id(), "full")["code"], "verification_failed", "{format}");
    }
}

#[test]
fn who_may_not_read_passwords_gets_the_roles_without() {
    let server = PostgresServer::shared();
    server.create_role("reader of globals", "secret", "");
    let database = server.new_database("of_a_reader");
    server.sql("postgres", &format!("ALTER DATABASE {database} OWNER TO \"reader of globals\""));
    let url = server.url_with("reader of globals", "secret", &database, &[]);
    let project = project(&url);
    let made = Backup::make(&project, json!({"include_globals": true}));
    let text = std::fs::read_to_string(globals_file(&made)).unwrap();
    assert!(text.contains("CREATE ROLE \"reader of globals\";"), "{text}");
    assert!(!text.contains("PASSWORD"), "{text}");
}

#[test]
fn who_does_not_ask_gets_none() {
    let server = PostgresServer::shared();
    let database = server.new_database("without_globals");
    let project = project(&server.url(&database));
    let made = Backup::make(&project, json!({}));
    assert!(made.manifest.get("globals").is_none());
    let others = project.files();
    assert_eq!(others.len(), 3, "{others:?}");
}
