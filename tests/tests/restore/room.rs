//! The room that a restore needs, and what it would fail for want of: told in the plan, refused before anything is done.

use backup_tests::Project;
use backup_tests::servers::{MariadbServer, PostgresServer};
use serde_json::{Value, json};

use crate::{made, restore};

fn with(mut request: Value, parameter: &str) -> Value {
    request["parameters"][parameter] = true.into();
    request
}

fn projects() -> Vec<(&'static str, Project)> {
    let (postgres, mysql) = (PostgresServer::shared(), MariadbServer::shared());
    let (here, there) = (postgres.new_database("room"), mysql.new_database("room"));
    postgres.sql(&here, "CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    mysql.sql(&there, "CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    vec![
        ("sqlite", Project::bookshop()),
        ("postgres", Project::with_urls(&[("dev", postgres.url(&here))])),
        ("mysql", Project::with_urls(&[("dev", mysql.url(&there))])),
    ]
}

#[test]
fn the_plan_tells_the_room_for_both_copies_and_a_full_disk_is_refused() {
    for (engine, project) in projects() {
        let format = if engine == "mysql" { "sql" } else { "custom" };
        let id = made(&project, format, &json!(false));
        let plan = project.succeed(&with(restore(&id), "dry_run"));
        let space = &plan["space"];
        let size = |field: &str| space[field].as_u64();
        assert!(size("database_bytes") > Some(0), "{engine}: {plan:#}");
        assert!(size("database_available_bytes") > size("database_bytes"), "{engine}: {plan:#}");
        assert_eq!(size("safety_backup_bytes"), plan["size_bytes"].as_u64(), "{engine}");
        assert!(size("backups_available_bytes") > Some(0), "{engine}");
        assert!(plan["warnings"].is_null(), "{engine}: {plan:#}");
        // As if the database had been larger than any disk.
        let path = project.backups().join(format!("dev/{id}.manifest.json"));
        let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        manifest["database"]["size_bytes"] = (1_u64 << 50).into();
        std::fs::write(&path, manifest.to_string()).unwrap();
        let plan = project.succeed(&with(restore(&id), "dry_run"));
        assert!(plan["warnings"].to_string().contains("It would be refused now"), "{plan:#}");
        let failed = project.fail(&restore(&id), "insufficient_disk_space");
        assert_eq!(failed["error"], "Insufficient disk space at the database", "{failed:#}");
        assert!(failed["result"]["required_space_bytes"].as_u64() > Some(1 << 50));
        assert_eq!(project.catalogue()["backups"].as_array().unwrap().len(), 1);
        if engine != "sqlite" {
            project
                .configure(|settings| settings["verification"] = json!({"max_scratch_gb": 1e10}));
            let proof = json!({"backup_id": id, "level": "restore"});
            let proof = json!({"operation": "verify-backup", "parameters": proof});
            let failed = project.fail(&proof, "insufficient_disk_space");
            assert!(failed["recovery"].to_string().contains("database_url_env"), "{failed:#}");
        }
    }
}

#[test]
fn what_only_a_superuser_could_bring_back_is_in_the_plan() {
    let server = PostgresServer::shared();
    let there = server.new_database("there");
    server.sql(
        &there,
        "CREATE EXTENSION citext; CREATE EXTENSION file_fdw; CREATE TABLE items (id integer); \
         CREATE SUBSCRIPTION \"from; elsewhere\" CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false)",
    );
    let here = server.new_database("here");
    let role = format!("{here} role");
    server.create_role(&role, "secret", "CREATEDB");
    server.sql(
        &here,
        &format!(
            "GRANT pg_signal_backend TO \"{role}\"; ALTER DATABASE \"{here}\" OWNER TO \"{role}\""
        ),
    );
    let project = Project::with_urls(&[
        ("dev", server.address(&here).user(&role, "secret").to_string()),
        ("staging", server.url(&there)),
    ]);
    for format in ["sql", "custom", "directory"] {
        let parameters = json!({"environment": "staging", "format": format});
        let id = project.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
        let plan = project.succeed(&with(restore(id["backup_id"].as_str().unwrap()), "dry_run"));
        let told = plan["warnings"].to_string();
        assert!(told.contains("Only a superuser can make the extension file_fdw"), "{plan:#}");
        assert!(told.contains("not brought back: from; elsewhere"), "{plan:#}");
        assert!(!told.contains("citext"), "{plan:#}");
    }
    server.sql(&there, "ALTER SUBSCRIPTION \"from; elsewhere\" SET (slot_name = NONE); DROP SUBSCRIPTION \"from; elsewhere\"");
}
