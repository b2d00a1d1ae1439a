//! PostgreSQL: a scratch database takes the live one's place, with everything that belongs to a database.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::live_host::{LiveHost, torture};
use backup_tests::servers::{Dialect, PostgresOptions, PostgresServer, large_table};
use serde_json::json;

use crate::{made, restore};

fn project(url: impl std::fmt::Display) -> Project {
    Project::with_urls(&[("dev", url.to_string())])
}

/// Everything in a database, and everything that belongs to it.
fn whole(server: &PostgresServer, database: &str) -> (String, BTreeMap<String, String>, String) {
    let belongs = format!(
        "SELECT concat_ws(' | ', pg_get_userbyid(datdba), datacl::text, datconnlimit, datcollate, datctype, \
         pg_encoding_to_char(encoding), dattablespace, shobj_description(d.oid, 'pg_database'), \
         (SELECT string_agg(coalesce(r.rolname, '') || ' ' || s.setconfig::text, ',' ORDER BY r.rolname) \
          FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = d.oid)) \
         FROM pg_database d WHERE datname = '{database}'"
    );
    (server.schema(database), server.content(database), server.value("postgres", &belongs))
}

/// Changes everything that a dump holds.
fn change(server: &PostgresServer, database: &str) {
    server.sql(
        database,
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE changed (id integer); \
         INSERT INTO changed SELECT generate_series(1, 5); \
         SELECT lo_unlink(oid) FROM pg_largeobject_metadata;",
    );
}

fn databases_beside(server: &PostgresServer, database: &str, middle: &str) -> String {
    server.value(
        "postgres",
        &format!("SELECT count(*) FROM pg_database WHERE datname LIKE '{database}{middle}%'"),
    )
}

#[test]
fn a_rich_database_comes_back_with_all_that_belongs_to_it() {
    let server = PostgresServer::shared();
    for format in ["sql", "custom", "directory"] {
        let database = server.new_database("owned");
        server.load_rich(&database);
        let (owner, app) = (format!("{database} owner"), format!("{database} app"));
        server.create_role(&owner, "secret", "");
        server.create_role(&app, "secret", "");
        server.sql(
            &database,
            &format!(
                "ALTER DATABASE \"{database}\" OWNER TO \"{owner}\"; \
                 REVOKE ALL ON DATABASE \"{database}\" FROM PUBLIC; \
                 GRANT CONNECT ON DATABASE \"{database}\" TO \"{app}\" WITH GRANT OPTION; \
                 GRANT TEMPORARY ON DATABASE \"{database}\" TO \"{app}\"; \
                 ALTER DATABASE \"{database}\" CONNECTION LIMIT 77; \
                 ALTER DATABASE \"{database}\" SET search_path TO \"$user\", public, \"odd, one\"; \
                 ALTER DATABASE \"{database}\" SET \"app.tenant\" TO 'it''s'; \
                 ALTER ROLE \"{app}\" IN DATABASE \"{database}\" SET work_mem TO '7MB'; \
                 COMMENT ON DATABASE \"{database}\" IS 'the shop''s own'; \
                 CREATE TABLE of_app (id integer); INSERT INTO of_app VALUES (1); \
                 GRANT SELECT ON of_app TO \"{app}\"; GRANT USAGE ON SCHEMA public TO \"{app}\""
            ),
        );
        let before = whole(server, &database);
        let project = project(server.url(&database));
        let id = made(&project, format, &json!(true));
        change(server, &database);
        let result = project.succeed(&restore(&id));
        assert_eq!(whole(server, &database), before, "{format}");
        assert!(result["safety_backup_id"].as_str().unwrap().ends_with("-pre-rollback"));
        let replaced = result["replaced"].as_str().unwrap();
        assert!(replaced.starts_with(&format!("{database}_replaced_")), "{replaced}");
        assert_eq!(databases_beside(server, &database, "_replaced_"), "1");
        assert_eq!(server.value(replaced, "SELECT count(*) FROM public.changed"), "5");
        // The application can what it could.
        let application = server.address(&database).user(&app, "secret");
        let as_application = Project::with_urls(&[("dev", application.to_string())]);
        let answer = as_application
            .ask(&json!({"operation": "create-backup", "parameters": {"environment": "dev"}}));
        assert_ne!(answer["code"], "connection_failed", "{answer:#}");
        assert_eq!(
            server.value(
                &database,
                &format!("SET ROLE \"{app}\"; SELECT count(*) FROM public.of_app")
            ),
            "1"
        );
        // And back again: the safety backup holds what was replaced.
        project.succeed(&result["undo_request"]);
        assert_eq!(server.value(&database, "SELECT count(*) FROM public.changed"), "5");
        assert_eq!(databases_beside(server, &database, "_replaced_"), "2");
    }
}

#[test]
fn clients_see_one_error_and_reconnect_to_what_was_restored() {
    let server = PostgresServer::shared();
    let database = server.new_database("busy");
    server.sql(&database, "CREATE TABLE state (word text); INSERT INTO state VALUES ('old')");
    let project = project(server.url(&database));
    let id = made(&project, "custom", &json!(true));
    server.sql(&database, "UPDATE state SET word = 'new'");
    let stop = AtomicBool::new(false);
    let (seen, errors) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut was_old = false;
                while !stop.load(Ordering::Relaxed) {
                    match server.try_sql(&database, "SELECT word, pg_sleep(0.02) FROM state") {
                        Ok(words) if words.contains("old") => was_old = true,
                        Ok(words) => assert!(words.contains("new") && !was_old, "{words}"),
                        Err(_) => {
                            errors.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    seen.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        project.succeed(&restore(&id));
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(server.value(&database, "SELECT word FROM state"), "old");
    assert!(
        errors.load(Ordering::Relaxed) < seen.load(Ordering::Relaxed) / 2,
        "{errors:?} of {seen:?}"
    );
}

#[test]
fn killed_at_any_instant_the_database_is_wholly_old_or_wholly_new() {
    let server = PostgresServer::start_own(&PostgresOptions::default());
    server.create_database("killed");
    server.sql("killed", &large_table(Dialect::Postgres, 4 * 1024 * 1024));
    server.sql("killed", "CREATE TABLE state (word text); INSERT INTO state VALUES ('old')");
    let project = project(server.url("killed"));
    let id = made(&project, "custom", &json!(true));
    let mut request = restore(&id);
    request["parameters"]["skip_safety_backup"] = true.into();
    server.sql("killed", "UPDATE state SET word = 'new'");
    let began = Instant::now();
    project.succeed(&request);
    let whole = began.elapsed();
    let (mut before, mut after) = (0, 0);
    let rounds = if torture() { 50 } else { 12 };
    for round in 0..rounds {
        server.sql("killed", "UPDATE state SET word = 'new'");
        let mut host = LiveHost::start(&mut project.host());
        host.send(&request);
        std::thread::sleep(whole * 12 / 10 * round / rounds);
        if round + 1 == rounds {
            // However slow the machine has become meanwhile, one of them was too late.
            host.answer();
        }
        host.kill();
        // The server may still be at work on what it was told.
        std::thread::sleep(Duration::from_millis(300));
        match server.value("killed", "SELECT word FROM state").as_str() {
            "old" => after += 1,
            "new" => before += 1,
            other => panic!("{other}"),
        }
        let count = "SELECT count(*) FROM pg_database WHERE datname = 'killed'";
        assert_eq!(server.value("postgres", count), "1");
    }
    assert!(before > 0 && after > 0, "{before} before, {after} after");
    project.succeed(&request);
    let scratch =
        "SELECT count(*) FROM pg_database WHERE datname LIKE 'backup\\_manager\\_scratch\\_%'";
    assert_eq!(server.value("postgres", scratch), "0");
}

#[test]
fn what_a_swap_would_break_is_refused_before_anything_is_touched() {
    let options = PostgresOptions::default()
        .setting("wal_level", "logical")
        .setting("max_prepared_transactions", "5");
    let server = PostgresServer::start_own(&options);
    server.create_database("guarded");
    server.sql("guarded", "CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    let project = project(server.url("guarded"));
    let id = made(&project, "sql", &json!(false));
    let refused = |words: &str| {
        let failed = project.fail(&restore(&id), "unsupported_database");
        assert!(failed["error"].as_str().unwrap().contains(words), "{failed:#}");
        assert_eq!(project.catalogue()["backups"].as_array().unwrap().len(), 1);
    };
    server.sql("guarded", "SELECT pg_create_logical_replication_slot('changes', 'pgoutput')");
    refused("1 logical replication slots");
    server.sql("guarded", "SELECT pg_drop_replication_slot('changes')");
    server.sql("guarded", "BEGIN; INSERT INTO items VALUES (2); PREPARE TRANSACTION 'later'");
    refused("1 prepared transactions");
    server.sql("guarded", "ROLLBACK PREPARED 'later'");
    project.succeed(&restore(&id));
}

#[test]
fn an_ordinary_owner_can_restore_and_is_told_what_is_missing_until_then() {
    let server = PostgresServer::shared();
    let database = server.new_database("ordinary");
    let role = format!("{database} role");
    server.create_role(&role, "secret", "");
    let project = project(server.address(&database).user(&role, "secret"));
    server.sql(&database, &format!("GRANT ALL ON SCHEMA public TO \"{role}\"; SET ROLE \"{role}\"; CREATE TABLE items (id integer); INSERT INTO items VALUES (1)"));
    let id = made(&project, "custom", &json!(true));
    server.sql(&database, "INSERT INTO items VALUES (2)");
    let failed = project.fail(&restore(&id), "permission_denied");
    let advice: Vec<String> = failed["recovery"]["suggestions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|line| line.as_str().unwrap().split_once("run: "))
        .map(|(_, sql)| sql.to_owned())
        .collect();
    assert_eq!(advice.len(), 3, "{failed:#}");
    assert_eq!(server.value(&database, "SELECT count(*) FROM items"), "2");
    for sql in advice {
        server.sql(&database, &sql);
    }
    project.succeed(&restore(&id));
    assert_eq!(server.value(&database, "SELECT count(*) FROM items"), "1");
}

#[test]
fn a_database_lies_in_its_own_tablespace_afterwards_and_a_url_need_not_name_it() {
    let server = PostgresServer::start_own(&PostgresOptions::default());
    let place = server.socket_folder().join("elsewhere");
    server.sql("postgres", &format!("COPY (SELECT 1) TO PROGRAM 'mkdir -p {}'", place.display()));
    server.sql("postgres", &format!("CREATE TABLESPACE elsewhere LOCATION '{}'", place.display()));
    server.sql("postgres", "CREATE ROLE shop SUPERUSER LOGIN PASSWORD 'secret'");
    server.sql("postgres", "CREATE DATABASE shop OWNER shop TABLESPACE elsewhere");
    server.sql("shop", "CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    // Without a name the user's is meant.
    let url = server.address("").user("shop", "secret").to_string();
    let project = project(url);
    let id = made(&project, "sql", &json!(true));
    server.sql("shop", "DELETE FROM items");
    project.succeed(&restore(&id));
    assert_eq!(server.value("shop", "SELECT count(*) FROM items"), "1");
    let question = "SELECT spcname FROM pg_tablespace t JOIN pg_database d ON d.dattablespace = t.oid WHERE datname = 'shop'";
    assert_eq!(server.value("postgres", question), "elsewhere");
    assert_eq!(databases_beside(&server, "shop", "_replaced_"), "1");
}

#[test]
fn a_settings_value_that_cannot_be_carried_over_is_not_told() {
    let server = PostgresServer::shared();
    let database = server.new_database("settings");
    let (owner, other) = (format!("{database} owner"), format!("{database} other"));
    server.create_role(&owner, "secret", "CREATEDB");
    server.create_role(&other, "secret", "");
    server.sql(
        &database,
        &format!(
            "GRANT pg_signal_backend TO \"{owner}\"; ALTER DATABASE \"{database}\" OWNER TO \"{owner}\"; \
             ALTER ROLE \"{other}\" IN DATABASE \"{database}\" SET \"app.key\" TO 'sesame open'; \
             SET ROLE \"{owner}\"; CREATE SCHEMA own; CREATE TABLE own.items (id integer)"
        ),
    );
    let project = project(server.address(&database).user(&owner, "secret"));
    let id = made(&project, "custom", &json!(true));
    server.sql(&database, "INSERT INTO own.items VALUES (1)");
    let failed = project.fail(&restore(&id), "restore_failed");
    let words = failed["prisma_output"].as_str().unwrap();
    assert!(words.contains("permission denied") && words.contains(&other), "{words}");
    assert!(!failed.to_string().contains("sesame"), "{failed:#}");
    assert_eq!(server.value(&database, "SELECT count(*) FROM own.items"), "1");
    assert_eq!(databases_beside(server, &database, "_replaced_"), "0");
}

#[test]
fn texts_are_compared_as_before_whatever_the_cluster_would_do_by_itself() {
    let server = PostgresServer::start_own(&PostgresOptions::default().icu());
    let providers = "SELECT concat_ws(' ', datlocprovider, datcollate, datctype, daticulocale) FROM pg_database WHERE datname = ";
    for (name, provider) in [
        ("of_libc", "LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"),
        ("of_icu", "LOCALE_PROVIDER icu ICU_LOCALE 'de'"),
    ] {
        server.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0 {provider}"));
        server.sql(name, "CREATE TABLE words (word text); INSERT INTO words VALUES ('B'), ('a')");
        let order = "SELECT string_agg(word, '' ORDER BY word) FROM words";
        let provider = server.value("postgres", &format!("{providers}'{name}'"));
        let before = server.value(name, order);
        let project = project(server.url(name));
        for format in ["sql", "custom"] {
            let id = made(&project, format, &json!(false));
            project.succeed(&json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": "restore"}}));
            project.succeed(&restore(&id));
            assert_eq!(server.value("postgres", &format!("{providers}'{name}'")), provider);
            assert_eq!(server.value(name, order), before, "{name}");
        }
    }
    assert_eq!(
        server.value("of_libc", "SELECT string_agg(word, '' ORDER BY word) FROM words"),
        "Ba"
    );
    assert_eq!(
        server.value("of_icu", "SELECT string_agg(word, '' ORDER BY word) FROM words"),
        "aB"
    );
}

#[test]
fn a_database_of_any_name_comes_back() {
    let server = PostgresServer::shared();
    for name in ["we\"ird; DROP -- \\x :y 'z' ☕", "--template0", &"long ".repeat(12)] {
        let name = name.trim_end();
        server.create_database(name);
        server.sql(name, "CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
        let project = project(server.url(name));
        for format in ["sql", "custom"] {
            let id = made(&project, format, &json!(true));
            server.sql(name, "INSERT INTO items VALUES (2)");
            let result = project.succeed(&restore(&id));
            assert_eq!(server.value(name, "SELECT count(*) FROM items"), "1", "{name}");
            let replaced = result["replaced"].as_str().unwrap();
            assert_eq!(server.value(replaced, "SELECT count(*) FROM items"), "2", "{name}");
        }
    }
}

#[test]
fn a_lock_on_a_table_keeps_nobody_from_asking_for_a_backup_that_covers() {
    let server = PostgresServer::shared();
    let database = server.new_database("locked");
    server.sql(&database, "CREATE TABLE items (id integer)");
    let project = project(server.url(&database));
    made(&project, "custom", &json!(true));
    let mut holder = server.session(&database);
    holder.sql("BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE;");
    let began = Instant::now();
    project.succeed(&json!({"operation": "guard", "parameters": {"environment": "dev"}}));
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_jobs_cannot_restore_side_by_side_one_restores() {
    let server = PostgresServer::shared();
    let database = server.new_database("jobs");
    server.sql(
        &database,
        "CREATE TABLE users (id integer PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'a'); \
         CREATE MATERIALIZED VIEW totals AS SELECT u.id, u.name, count(*) FROM users u GROUP BY u.id; CREATE UNIQUE INDEX ON totals (id); \
         CREATE TABLE clustered (a integer, b integer NOT NULL); INSERT INTO clustered SELECT n, n FROM generate_series(1, 20000) n; \
         CREATE INDEX ia ON clustered (a); CREATE UNIQUE INDEX ib ON clustered (b); \
         ALTER TABLE clustered CLUSTER ON ia; ALTER TABLE clustered REPLICA IDENTITY USING INDEX ib",
    );
    let before = (server.schema(&database), server.content(&database));
    let project = project(server.url(&database));
    for format in ["custom", "directory"] {
        let id = made(&project, format, &json!(true));
        let proof = json!({"backup_id": id, "level": "restore"});
        project.succeed(&json!({"operation": "verify-backup", "parameters": proof}));
        server.sql(&database, "DROP TABLE clustered");
        project.succeed(&restore(&id));
        assert_eq!((server.schema(&database), server.content(&database)), before, "{format}");
    }
}
