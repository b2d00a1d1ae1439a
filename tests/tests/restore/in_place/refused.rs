//! What a restore in place refuses, and that nothing is touched then.

use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::servers::{MariadbServer, PostgresOptions, PostgresServer};
use serde_json::{Value, json};

use super::{Tenant, in_place};
use crate::{made, restore};

#[test]
fn what_belongs_to_others_is_named_and_what_would_allow_it_is_told() {
    let tenant = Tenant::new("others");
    let Tenant { server, database, role, project, .. } = &tenant;
    let other = format!("{database} other");
    server.create_role(&other, "secret", "");
    tenant.sql("CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    let id = made(project, "custom", &json!(true));
    server.sql(
        database,
        &format!(
            "CREATE TABLE theirs (id integer); ALTER TABLE theirs OWNER TO \"{other}\"; \
             SELECT lo_from_bytea(77, 'x'); ALTER LARGE OBJECT 77 OWNER TO \"{other}\"; \
             ALTER DEFAULT PRIVILEGES FOR ROLE \"{other}\" GRANT SELECT ON TABLES TO PUBLIC; \
             CREATE SCHEMA supers; REVOKE CREATE ON DATABASE \"{database}\" FROM \"{role}\""
        ),
    );
    let failed = project.fail(&in_place(&id), "permission_denied");
    let missing = failed["result"]["missing"].to_string();
    for what in ["table public.theirs", "large object 77", "default privileges", "schema supers"] {
        assert!(missing.contains(what), "{what}: {missing}");
    }
    assert_eq!(failed["recovery"].get("next_request"), None, "{failed:#}");
    // Who may do neither is offered neither.
    let swap = project.fail(&restore(&id), "permission_denied");
    assert_eq!(swap["recovery"].get("next_request"), None, "{swap:#}");
    let grants: Vec<&str> = failed["recovery"]["suggestions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|line| line.as_str().unwrap().split_once("run: ").map(|(_, grant)| grant))
        .collect();
    assert_eq!(grants.len(), 2, "{failed:#}");
    for grant in grants {
        server.sql(database, grant);
    }
    let failed = project.fail(&in_place(&id), "permission_denied");
    assert_eq!(failed["result"]["missing"].as_array().unwrap().len(), 1, "{failed:#}");
    server.sql(database, "DROP SCHEMA supers");
    project.succeed(&in_place(&id));
    assert_eq!(tenant.value("SELECT count(*) FROM items"), "1");
    assert_eq!(tenant.value("SELECT count(*) FROM pg_class WHERE relname = 'theirs'"), "0");
}

#[test]
fn what_no_dump_of_the_user_holds_is_refused() {
    let tenant = Tenant::new("hidden");
    let Tenant { server, database, role, project } = &tenant;
    tenant.sql("CREATE TYPE mood AS ENUM ('glad'); CREATE TABLE items (id integer)");
    let id = made(project, "custom", &json!(true));
    let refused = |words: &str| {
        let failed = project.fail(&in_place(&id), "permission_denied");
        assert!(failed["result"]["missing"].to_string().contains(words), "{failed:#}");
    };
    server.sql(
        database,
        &format!(
            "CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO \"{role}\"; SET ROLE \"{role}\"; \
             CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw; RESET ROLE; \
             CREATE USER MAPPING FOR postgres SERVER elsewhere OPTIONS (user 'u', password 'hush')"
        ),
    );
    refused("user mapping of postgres for server elsewhere");
    server.sql(database, "DROP SERVER elsewhere CASCADE");
    let mut other = server.session(database);
    other.sql("CREATE TEMPORARY TABLE mine (feeling public.mood);");
    let failed = project.fail(&in_place(&id), "unsupported_database");
    assert!(
        failed["error"].as_str().unwrap().contains("use what would be dropped: mine"),
        "{failed:#}"
    );
    drop(other);
    while tenant.value("SELECT count(*) FROM pg_class WHERE relname = 'mine'") != "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
    project.succeed(&in_place(&id));
}

#[test]
fn what_does_not_load_to_its_end_leaves_everything_as_it_was() {
    let there = PostgresServer::start_own(&PostgresOptions::default());
    there.create_database("shop");
    // What names a missing role comes last, after the large objects, which a script has in a transaction of their own.
    let tenant = Tenant::new("unloadable");
    let Tenant { server, database, role, .. } = &tenant;
    there.sql(
        "shop",
        &format!(
            "CREATE ROLE stranger; CREATE ROLE \"{role}\"; GRANT ALL ON SCHEMA public TO \"{role}\"; SET ROLE \"{role}\"; \
             CREATE TABLE items (id integer); INSERT INTO items VALUES (1); \
             SELECT lo_from_bytea(0, 'large'); GRANT SELECT ON items TO stranger"
        ),
    );
    tenant.sql("CREATE TABLE mine (id integer); INSERT INTO mine VALUES (1), (2)");
    let before = tenant.whole();
    let url = server.address(database).user(role, "secret").to_string();
    let project = Project::with_urls(&[("dev", url), ("production", there.url("shop"))]);
    for format in ["sql", "custom"] {
        let parameters = json!({"environment": "production", "format": format});
        let id = project.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
        let request = in_place(id["backup_id"].as_str().unwrap());
        let failed = project.fail(&request, "restore_failed");
        assert!(failed["error"].as_str().unwrap().contains("as it was"), "{failed:#}");
        assert!(failed["prisma_output"].to_string().contains("stranger"), "{failed:#}");
        assert_eq!(tenant.whole(), before, "{format}");
        // What leaves the roles out says so by itself, and is still in place.
        let next = &failed["recovery"]["next_request"];
        assert_eq!(next["parameters"]["in_place"], true, "{failed:#}");
        let restored = project.succeed(next);
        assert_eq!(tenant.value("SELECT count(*) FROM items"), "1", "{format}");
        project.succeed(&restored["undo_request"]);
        assert_eq!(tenant.whole(), before, "{format}");
    }
}

#[test]
fn who_is_in_the_way_and_may_be_ended_is_and_who_may_not_be_is_waited_for_in_vain() {
    let tenant = Tenant::new("locked");
    tenant.sql("CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    let id = made(&tenant.project, "sql", &json!(true));
    tenant.sql("INSERT INTO items VALUES (2)");
    let mut request = in_place(&id);
    request["parameters"]["skip_safety_backup"] = true.into();
    {
        let mut superuser = tenant.server.session(&tenant.database);
        superuser.sql("BEGIN; SELECT count(*) FROM items;");
        let began = Instant::now();
        let failed = tenant.project.fail(&request, "restore_failed");
        assert!(failed["prisma_output"].to_string().contains("lock timeout"), "{failed:#}");
        assert!(began.elapsed() < Duration::from_secs(90));
        // Nobody waits behind it afterwards.
        assert_eq!(tenant.value("SELECT count(*) FROM items"), "2");
    }
    // An application that has forgotten to end its transaction.
    let mut forgotten = tenant.server.session_of(&tenant.database, &tenant.role, "secret");
    forgotten.sql("BEGIN; SELECT count(*) FROM items;");
    tenant.project.succeed(&request);
    assert_eq!(tenant.value("SELECT count(*) FROM items"), "1");
}

#[test]
fn what_would_fire_or_be_lost_is_refused() {
    let options = PostgresOptions::default().setting("wal_level", "logical");
    let server = PostgresServer::start_own(&options);
    server.create_database("shop");
    server.create_role("app", "secret", "");
    server.sql("shop", "GRANT ALL ON SCHEMA public TO app; GRANT CREATE ON DATABASE shop TO app; SET ROLE app; CREATE TABLE items (id integer)");
    let url = server.address("shop").user("app", "secret").to_string();
    let project = Project::with_urls(&[("dev", url)]);
    let id = made(&project, "sql", &json!(false));
    let refused = |words: &str| {
        let failed = project.fail(&in_place(&id), "unsupported_database");
        assert!(failed["error"].as_str().unwrap().contains(words), "{failed:#}");
    };
    server.sql(
        "shop",
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; \
         CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION watch()",
    );
    refused("event trigger watching");
    server.sql("shop", "DROP EVENT TRIGGER watching; DROP FUNCTION watch()");
    server.sql("shop", "SELECT pg_create_logical_replication_slot('changes', 'pgoutput')");
    refused("1 logical replication slots");
    server.sql("shop", "SELECT pg_drop_replication_slot('changes')");
    project.succeed(&in_place(&id));
    // Nothing can be restored in the place of what is not there.
    server.sql("postgres", "DROP DATABASE shop");
    let failed = project.fail(&in_place(&id), "invalid_request");
    assert!(failed["error"].as_str().unwrap().contains("in_place"), "{failed:#}");
}

#[test]
fn other_engines_refuse_it_by_name() {
    let sqlite = Project::bookshop();
    let server = MariadbServer::shared();
    let database = server.new_database("in_place");
    let mysql = Project::with_urls(&[("dev", server.url(&database))]);
    for project in [&sqlite, &mysql] {
        let failed = project.fail(&in_place("backup-20200101-000000"), "invalid_request");
        assert!(failed["error"].as_str().unwrap().contains("in_place"), "{failed:#}");
        let mut without = in_place("backup-20200101-000000");
        without["parameters"]["in_place"] = false.into();
        project.fail(&without, "backup_not_found");
    }
}

#[test]
fn a_yes_to_a_swap_is_none_to_a_restore_in_place() {
    let server = PostgresServer::shared();
    let database = server.new_database("asked");
    server.sql(&database, "CREATE TABLE items (id integer)");
    let project = Project::with_urls(&[("production", server.url(&database))]);
    let parameters = json!({"environment": "production"});
    let made = project.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
    let request = |more: Value| {
        let mut parameters = json!({"environment": "production", "backup_id": made["backup_id"]});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"operation": "restore-backup", "parameters": parameters})
    };
    let asked = project.fail(&request(json!({})), "confirmation_required");
    let token = &asked["result"]["confirm"];
    project.fail(&request(json!({"in_place": true, "confirm": token})), "confirmation_invalid");
    let asked = project.fail(&request(json!({"in_place": true})), "confirmation_required");
    let consequences = asked["result"]["plan"]["consequences"].to_string();
    assert!(consequences.contains("in one transaction"), "{asked:#}");
    let token = &asked["result"]["confirm"];
    project.succeed(&request(json!({"in_place": true, "confirm": token})));
}
