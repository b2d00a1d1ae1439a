//! Dumps that name roles which the server they come to does not have.

use std::collections::BTreeMap;

use backup_tests::Project;
use backup_tests::servers::{PostgresOptions, PostgresServer};
use serde_json::{Value, json};

use crate::restore;

/// A database whose objects belong to roles, with privileges of every kind and names that mislead.
const OF_ROLES: &str = r#"
    CREATE ROLE "shop; owner" LOGIN; CREATE ROLE "line
ALTER TABLE x OWNER TO y;"; CREATE ROLE reader;
    CREATE TABLE items (id integer PRIMARY KEY, note text);
    INSERT INTO items VALUES (1, E'GRANT SELECT ON items TO reader;\nALTER TABLE items OWNER TO reader;'), (2, 'it''s');
    ALTER TABLE items OWNER TO "shop; owner";
    CREATE FUNCTION noted(a text) RETURNS text LANGUAGE sql AS $$ SELECT 'ALTER TABLE items OWNER TO reader;'
;
    $$;
    ALTER FUNCTION noted(text) OWNER TO "line
ALTER TABLE x OWNER TO y;";
    CREATE SCHEMA owner; ALTER SCHEMA owner OWNER TO reader;
    SELECT lo_from_bytea(4711, 'large'); GRANT SELECT ON LARGE OBJECT 4711 TO reader;
    GRANT SELECT ON items TO "line
ALTER TABLE x OWNER TO y;" WITH GRANT OPTION;
    SET SESSION AUTHORIZATION "line
ALTER TABLE x OWNER TO y;"; GRANT SELECT ON items TO reader; RESET SESSION AUTHORIZATION;
    GRANT UPDATE (note) ON items TO reader; REVOKE EXECUTE ON FUNCTION noted(text) FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE "shop; owner" IN SCHEMA public GRANT SELECT ON TABLES TO reader;
"#;

const ROWS: &str = "SELECT string_agg(items::text, '|' ORDER BY id) || noted('') || \
    encode(lo_get(4711), 'escape') FROM items";

fn with(mut request: Value, more: &Value) -> Value {
    let parameters = request["parameters"].as_object_mut().unwrap();
    parameters.extend(more.as_object().unwrap().clone());
    request
}

#[test]
fn a_dump_of_production_comes_into_a_server_without_its_roles() {
    let (there, here) =
        (PostgresServer::start_own(&PostgresOptions::default()), PostgresServer::shared());
    there.create_database("shop");
    there.sql("shop", OF_ROLES);
    let rows = there.value("shop", ROWS);
    let who = here.value("postgres", "SELECT current_user");
    for format in ["sql", "custom", "directory"] {
        let database = here.new_database("roles");
        here.sql(&database, "CREATE TABLE mine (id integer); INSERT INTO mine VALUES (1), (2)");
        let project =
            Project::with_urls(&[("dev", here.url(&database)), ("production", there.url("shop"))]);
        let parameters = json!({"environment": "production", "format": format});
        let made =
            project.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
        let request = restore(made["backup_id"].as_str().unwrap());
        // One alone is not enough: the other names the roles as well.
        for more in [json!({}), json!({"no_owner": true}), json!({"no_privileges": true})] {
            let failed = project.fail(&with(request.clone(), &more), "restore_failed");
            let words = failed["prisma_output"].as_str().unwrap();
            assert!(words.contains("does not exist"), "{format}: {failed:#}");
            let expected = with(request.clone(), &json!({"no_owner": true, "no_privileges": true}));
            assert_eq!(failed["recovery"]["next_request"], expected, "{format}");
            assert!(failed["recovery"].to_string().contains("no_privileges"));
            assert_eq!(here.value(&database, "SELECT count(*) FROM mine"), "2", "{format}");
        }
        let failed = project.fail(&request, "restore_failed");
        let restored = project.succeed(&failed["recovery"]["next_request"]);
        assert!(restored["warnings"].to_string().contains("owners"), "{restored:#}");
        assert_eq!(here.value(&database, ROWS), rows, "{format}");
        let strangers = here.value(
            &database,
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'public' AND (pg_get_userbyid(c.relowner) <> current_user OR c.relacl IS NOT NULL)",
        );
        assert_eq!(strangers, "0", "{format}");
        let owner = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'owner'";
        assert_eq!(here.value(&database, owner), who, "{format}");
        // And back: what was there has the roles of this server, and is brought back whole.
        assert_eq!(restored["undo_request"]["parameters"].get("no_owner"), None);
        project.succeed(&restored["undo_request"]);
        assert_eq!(here.value(&database, "SELECT count(*) FROM mine"), "2", "{format}");
    }
}

#[test]
fn what_is_left_out_is_only_what_was_asked_for() {
    let server = PostgresServer::start_own(&PostgresOptions::default());
    server.create_database("shop");
    server.sql("shop", OF_ROLES);
    let project = Project::with_urls(&[("dev", server.url("shop"))]);
    let owner = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'items'";
    let grants = "SELECT count(*) FROM pg_class, aclexplode(relacl) WHERE relname = 'items' AND grantee <> relowner";
    for format in ["sql", "custom", "directory"] {
        let parameters = json!({"environment": "dev", "format": format});
        let made =
            project.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
        let id = made["backup_id"].as_str().unwrap();
        project.succeed(&with(restore(id), &json!({"no_privileges": true})));
        assert_eq!(server.value("shop", owner), "shop; owner", "{format}");
        assert_eq!(server.value("shop", grants), "0", "{format}");
        project.succeed(&restore(id));
        assert_eq!(server.value("shop", owner), "shop; owner", "{format}");
        assert_eq!(server.value("shop", grants), "2", "{format}");
    }
}

#[test]
fn what_no_option_leaves_out_is_told_to_be_so() {
    let (there, here) =
        (PostgresServer::start_own(&PostgresOptions::default()), PostgresServer::shared());
    there.create_database("shop");
    there.sql(
        "shop",
        "CREATE ROLE tenant; CREATE TABLE items (id integer); \
         CREATE POLICY theirs ON items TO tenant USING (id > 0)",
    );
    let database = here.new_database("policy");
    let project =
        Project::with_urls(&[("dev", here.url(&database)), ("production", there.url("shop"))]);
    let made = project.succeed(
        &json!({"operation": "create-backup", "parameters": {"environment": "production"}}),
    );
    let request = restore(made["backup_id"].as_str().unwrap());
    let request = with(request, &json!({"no_owner": true, "no_privileges": true}));
    let failed = project.fail(&request, "restore_failed");
    assert_eq!(failed["recovery"].get("next_request"), None, "{failed:#}");
    assert!(failed["recovery"].to_string().contains("a policy"), "{failed:#}");
}

#[test]
fn a_yes_is_bound_to_what_is_left_out() {
    let server = PostgresServer::shared();
    let database = server.new_database("bound");
    server.sql(&database, "CREATE TABLE items (id integer); GRANT SELECT ON items TO PUBLIC");
    let project = Project::with_urls(&[("production", server.url(&database))]);
    let made = project.succeed(
        &json!({"operation": "create-backup", "parameters": {"environment": "production"}}),
    );
    let request = json!({"operation": "restore-backup", "parameters": {"environment": "production", "backup_id": made["backup_id"]}});
    let asked = project.fail(&request, "confirmation_required");
    let confirm = json!({"confirm": asked["result"]["confirm"], "no_privileges": true});
    project.fail(&with(request.clone(), &confirm), "confirmation_invalid");
    let asked =
        project.fail(&with(request, &json!({"no_privileges": true})), "confirmation_required");
    assert!(asked["result"]["plan"].to_string().contains("privileges in the backup are left out"));
    project.succeed(&asked["recovery"]["next_request"]);
    let granted = "SELECT count(relacl) FROM pg_class WHERE relname = 'items'";
    assert_eq!(server.value(&database, granted), "0");
}

#[test]
fn where_there_is_nothing_to_leave_out_the_options_are_refused_by_name() {
    let lite = Project::bookshop();
    let mysql = Project::with_urls(&[("dev", "mysql://shop:x@127.0.0.1:9/shop")]);
    for (project, engine) in [(lite, "SQLite"), (mysql, "MySQL")] {
        for parameter in ["no_owner", "no_privileges"] {
            let request = with(restore("backup-20200101-000000"), &json!({parameter: true}));
            let failed = project.fail(&request, "invalid_request");
            let error = failed["error"].as_str().unwrap();
            assert!(error.contains(parameter) && error.contains(engine), "{failed:#}");
        }
        // False asks for nothing.
        project.fail(
            &with(restore("backup-20200101-000000"), &json!({"no_owner": false})),
            "backup_not_found",
        );
    }
}

#[test]
fn a_script_and_an_archive_leave_the_same_out() {
    let server = PostgresServer::start_own(&PostgresOptions::default());
    server.sql("postgres", "CREATE ROLE \"shop; owner\"; CREATE ROLE reader");
    for options in [
        json!({"no_owner": true}),
        json!({"no_privileges": true}),
        json!({"no_owner": true, "no_privileges": true}),
    ] {
        let database = server.new_database("rich");
        server.load_rich(&database);
        let owned = "SELECT format('ALTER TABLE %s OWNER TO \"shop; owner\"; GRANT SELECT ON %1$s TO reader', oid::regclass) \
            FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = 'public'::regnamespace";
        for row in server.query(&database, owned) {
            server.sql(&database, row[0].as_deref().unwrap());
        }
        let project = Project::with_urls(&[("dev", server.url(&database))]);
        let ids = ["sql", "custom"].map(|format| crate::made(&project, format, &json!(true)));
        let before = (server.schema(&database), server.content(&database));
        let left = ids.map(|id| {
            project.succeed(&with(restore(&id), &options));
            (server.schema(&database), server.content(&database))
        });
        assert_eq!(left[0], left[1], "{options}");
        assert_ne!(left[0].0, before.0, "{options}");
        // Of a large object the owner is told with it.
        let rows = |content: &BTreeMap<String, String>| -> Vec<String> {
            let rows = content.iter().filter(|(name, _)| !name.starts_with("large object"));
            rows.map(|(name, rows)| format!("{name}: {rows}")).collect()
        };
        assert_eq!(rows(&left[0].1), rows(&before.1), "{options}");
    }
}
