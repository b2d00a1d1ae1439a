//! What could be lost or changed without a word: each of these was, once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::servers::{
    Dialect, Pgbouncer, PoolMode, PostgresOptions, PostgresServer, large_table, many_tables,
};
use serde_json::json;

use super::{Tenant, in_place};
use crate::{made, restore};

#[test]
fn what_was_written_until_everything_was_replaced_is_in_the_safety_backup() {
    let tenant = Tenant::new("writers");
    tenant.sql(&large_table(Dialect::Postgres, 2 * 1024 * 1024));
    tenant.sql("CREATE TABLE ledger (id integer)");
    let id = made(&tenant.project, "custom", &json!(true));
    let stop = AtomicBool::new(false);
    let ids = "SELECT string_agg(id::text, ',') FROM public.ledger";
    let read = || -> BTreeSet<u32> {
        tenant.value(ids).split(',').filter_map(|id| id.parse().ok()).collect()
    };
    let (written, result) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = BTreeSet::new();
            for id in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let insert = format!("INSERT INTO public.ledger VALUES ({id})");
                // Who waited for a table that is gone then is told so.
                if tenant.server.try_sql(&tenant.database, &insert).is_ok() {
                    written.insert(id);
                }
            }
            written
        });
        std::thread::sleep(Duration::from_millis(300));
        let result = tenant.project.succeed(&in_place(&id));
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        (writer.join().unwrap(), result)
    });
    let after = read();
    tenant.project.succeed(&result["undo_request"]);
    let before = read();
    assert!(before.len() > 2 && after.len() > 2, "{before:?} {after:?}");
    let kept: BTreeSet<u32> = before.union(&after).copied().collect();
    assert_eq!(written.difference(&kept).collect::<Vec<_>>(), Vec::<&u32>::new());
}

#[test]
fn what_others_have_in_schemas_of_ours_is_refused_by_name() {
    let server = PostgresServer::shared();
    let database = server.new_database("owner");
    let role = format!("{database} role");
    server.create_role(&role, "secret", "");
    // Who owns the database owns its schema public as well.
    server.sql(
        &database,
        &format!("ALTER DATABASE \"{database}\" OWNER TO \"{role}\"; SET ROLE \"{role}\"; CREATE SCHEMA mine; CREATE TABLE items (id integer)"),
    );
    let url = server.address(&database).user(&role, "secret").to_string();
    let project = Project::with_urls(&[("dev", url)]);
    let id = made(&project, "sql", &json!(false));
    server.sql(&database, "CREATE TABLE supers (id integer); CREATE FUNCTION mine.theirs() RETURNS integer LANGUAGE sql AS 'SELECT 1'");
    let failed = project.fail(&in_place(&id), "permission_denied");
    let missing = failed["result"]["missing"].to_string();
    assert!(
        missing.contains("table public.supers") && missing.contains("mine.theirs"),
        "{missing}"
    );
    server.sql(&database, "DROP TABLE supers; DROP FUNCTION mine.theirs()");
    project.succeed(&in_place(&id));
}

#[test]
fn what_is_made_while_the_safety_backup_is_made_stops_it() {
    let tenant = Tenant::new("meanwhile");
    tenant.sql("CREATE TABLE items (id integer); INSERT INTO items VALUES (1)");
    let id = made(&tenant.project, "sql", &json!(true));
    tenant.sql("INSERT INTO items VALUES (2)");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let role = &tenant.role;
                let make = format!("SET ROLE \"{role}\"; CREATE FUNCTION public.made_{number}() RETURNS integer LANGUAGE sql AS 'SELECT 1'");
                drop(tenant.server.try_sql(&tenant.database, &make));
            }
        });
        std::thread::sleep(Duration::from_millis(100));
        let failed = tenant.project.fail(&in_place(&id), "restore_failed");
        stop.store(true, Ordering::Relaxed);
        assert!(
            failed["error"].as_str().unwrap().contains("meanwhile there were made or changed"),
            "{failed:#}"
        );
    });
    assert_eq!(tenant.value("SELECT count(*) FROM items"), "2");
    tenant.project.succeed(&in_place(&id));
    assert_eq!(tenant.value("SELECT count(*) FROM items"), "1");
}

#[test]
fn large_objects_and_functions_that_are_written_meanwhile_stop_it() {
    let tenant = Tenant::new("written");
    tenant.sql("CREATE TABLE items (id integer); SELECT lo_from_bytea(4711, 'old'); CREATE FUNCTION kept() RETURNS integer LANGUAGE sql AS 'SELECT 0'");
    let id = made(&tenant.project, "sql", &json!(true));
    let oid = tenant.value("SELECT oid FROM pg_largeobject_metadata");
    for (write, words) in [
        (
            format!("SELECT lo_put({oid}, 0, convert_to(clock_timestamp()::text, 'UTF8'))"),
            "large objects were written to",
        ),
        (
            "CREATE OR REPLACE FUNCTION public.kept() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
                .to_owned(),
            "function public.kept()",
        ),
    ] {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let write = format!("SET ROLE \"{}\"; {write}", tenant.role);
                    drop(tenant.server.try_sql(&tenant.database, &write));
                }
            });
            std::thread::sleep(Duration::from_millis(100));
            let failed = tenant.project.fail(&in_place(&id), "restore_failed");
            stop.store(true, Ordering::Relaxed);
            assert!(failed["error"].as_str().unwrap().contains(words), "{failed:#}");
        });
    }
    tenant.project.succeed(&in_place(&id));
}

#[test]
fn a_table_that_is_made_while_locks_are_waited_for_is_locked_or_stops_it() {
    let tenant = Tenant::new("late");
    tenant.sql("CREATE TABLE items (id integer)");
    let id = made(&tenant.project, "sql", &json!(true));
    let mut request = in_place(&id);
    request["parameters"]["skip_safety_backup"] = true.into();
    // A reader whom nobody may end: the emptying waits for it, and more than once.
    let mut reader = tenant.server.session(&tenant.database);
    reader.sql("BEGIN; SELECT count(*) FROM public.items;");
    std::thread::scope(|scope| {
        let restoring = scope.spawn(|| tenant.project.fail(&request, "restore_failed"));
        std::thread::sleep(Duration::from_secs(2));
        tenant.sql("CREATE TABLE late AS SELECT generate_series(1, 1000)");
        std::thread::sleep(Duration::from_secs(1));
        drop(reader);
        let failed = restoring.join().unwrap();
        assert!(failed["error"].as_str().unwrap().contains("table public.late"), "{failed:#}");
    });
    assert_eq!(tenant.value("SELECT count(*) FROM late"), "1000");
    tenant.project.succeed(&request);
}

#[test]
fn extensions_stay_and_those_that_lean_on_each_other_too() {
    let tenant = Tenant::new("extensions");
    let Tenant { server, database, .. } = &tenant;
    tenant.sql(
        "CREATE EXTENSION cube; CREATE TABLE items (at cube); INSERT INTO items VALUES ('(1,2)')",
    );
    let id = made(&tenant.project, "custom", &json!(true));
    server.sql(database, "CREATE EXTENSION earthdistance; CREATE SCHEMA extensions; CREATE EXTENSION fuzzystrmatch SCHEMA extensions");
    tenant.sql("CREATE EXTENSION hstore; CREATE TABLE more (pairs hstore)");
    tenant.project.succeed(&in_place(&id));
    let names = "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension";
    // Ours that the backup has not is gone; what others made stays, in their schema as well.
    assert_eq!(tenant.value(names), "cube earthdistance fuzzystrmatch pg_trgm plpgsql");
    assert_eq!(tenant.value("SELECT at::text FROM items"), "(1, 2)");
}

#[test]
fn rows_of_an_extension_that_are_in_no_dump_stay() {
    let server = PostgresServer::shared();
    let database = server.new_database("members");
    server.sql(&database, "CREATE EXTENSION hstore; CREATE TABLE ledger (id integer); INSERT INTO ledger VALUES (1), (2); ALTER EXTENSION hstore ADD TABLE ledger");
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    let id = made(&project, "sql", &json!(true));
    project.succeed(&in_place(&id));
    assert_eq!(server.value(&database, "SELECT count(*) FROM ledger"), "2");
}

#[test]
fn values_are_read_as_they_were_written_whatever_the_database_is_set_to() {
    let server = PostgresServer::shared();
    for in_its_place in [true, false] {
        let database = server.new_database("nulls");
        server.sql(&database, &format!(
            "CREATE TABLE items (words text[], CONSTRAINT compared CHECK (words IS DISTINCT FROM NULL)); INSERT INTO items VALUES (ARRAY['a', NULL]); \
             ALTER DATABASE \"{database}\" SET array_nulls = off; ALTER DATABASE \"{database}\" SET transform_null_equals = on"
        ));
        let project = Project::with_urls(&[("dev", server.url(&database))]);
        for format in ["sql", "custom"] {
            let id = made(&project, format, &json!(true));
            project.succeed(&if in_its_place { in_place(&id) } else { restore(&id) });
            assert_eq!(
                server.value(&database, "SELECT words[2] IS NULL FROM items"),
                "t",
                "{format}"
            );
        }
    }
}

#[test]
fn names_in_other_encodings_are_dropped_and_come_back() {
    let server = PostgresServer::shared();
    for encoding in ["LATIN1", "WIN1251", "EUC_JP"] {
        let database = format!("in_place_{}", encoding.to_lowercase());
        server.sql(
            "postgres",
            &format!(
                "CREATE DATABASE {database} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
            ),
        );
        let word = match encoding {
            "LATIN1" => "café",
            "WIN1251" => "мир",
            _ => "日本",
        };
        let spoken = |text: String| format!("SET client_encoding = 'UTF8'; {text}");
        server.sql(
            &database,
            &spoken(format!(
                "CREATE TABLE \"{word}\" (id integer); INSERT INTO \"{word}\" VALUES (1)"
            )),
        );
        let project = Project::with_urls(&[("dev", server.url(&database))]);
        let id = made(&project, "sql", &json!(false));
        server.sql(&database, &spoken(format!("CREATE VIEW \"{word} 2\" AS SELECT 1; CREATE SCHEMA \"{word} 3\"; INSERT INTO \"{word}\" VALUES (2)")));
        project.succeed(&in_place(&id));
        let count = spoken(format!("SELECT count(*) FROM \"{word}\""));
        assert_eq!(server.value(&database, &count), "1");
        let left = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ '^(pg_|information_schema)'";
        assert_eq!(server.value(&database, left), "1", "{encoding}");
    }
}

#[test]
fn only_the_database_that_the_url_leads_to_is_emptied_whatever_others_are_called_behind_a_pooler() {
    let server = PostgresServer::start_own(&PostgresOptions::default());
    for (name, row) in [("shop_a", 1), ("shop_b", 98)] {
        server.create_database(name);
        server.sql(
            name,
            &format!("CREATE TABLE items (id integer); INSERT INTO items VALUES ({row})"),
        );
    }
    let alias = |name: &str, database: &str| {
        let (host, port) = (server.socket_folder().display(), server.port());
        format!("{name} = host={host} port={port} dbname={database} auth_user=postgres")
    };
    let settings = [
        "ignore_startup_parameters = extra_float_digits,options",
        "[databases]",
        &alias("shop_direct", "shop_a"),
        // What the server calls the first one, the pooler calls the other one.
        &alias("shop_a", "shop_b"),
    ];
    let pooler = Pgbouncer::start_with(&server, PoolMode::Session, &settings);
    let project = Project::with_urls(&[("dev", pooler.url("shop_direct"))]);
    let id = made(&project, "sql", &json!(false));
    server.sql("shop_a", "INSERT INTO items VALUES (2)");
    project.succeed(&in_place(&id));
    assert_eq!(server.value("shop_a", "SELECT string_agg(id::text, ' ') FROM items"), "1");
    assert_eq!(server.value("shop_b", "SELECT string_agg(id::text, ' ') FROM items"), "98");
}

#[test]
fn a_commit_that_is_not_answered_is_asked_about_and_holds_nobody_up_for_ever() {
    let options = PostgresOptions::default()
        .setting("synchronous_commit", "off")
        .setting("synchronous_standby_names", "nowhere");
    let server = PostgresServer::start_own(&options);
    server.create_database("waiting");
    // A standby that never answers is waited for, as long as anybody waits.
    server.create_role("app", "secret", "");
    server.sql("waiting", "GRANT ALL ON SCHEMA public TO app; GRANT CREATE ON DATABASE waiting TO app; SET ROLE app; CREATE TABLE items (id integer)");
    let url = server.address("waiting").user("app", "secret").to_string();
    let project = Project::with_urls(&[("dev", url)]);
    project.configure(|settings| settings["backup"] = json!({"stall_seconds": 3}));
    let id = made(&project, "sql", &json!(false));
    server
        .sql("waiting", "INSERT INTO items VALUES (1); ALTER ROLE app SET synchronous_commit = on");
    let began = Instant::now();
    project.succeed(&in_place(&id));
    assert!(began.elapsed() > Duration::from_secs(3), "nothing was waited for");
    assert!(began.elapsed() < Duration::from_mins(1));
    assert_eq!(server.value("waiting", "SELECT count(*) FROM items"), "0");
}

#[test]
fn what_cannot_be_analysed_is_restored_all_the_same() {
    let server = PostgresServer::shared();
    let database = server.new_database("analysed");
    server.sql(&database, "CREATE TABLE items (x integer, y integer); INSERT INTO items VALUES (0, 1); CREATE STATISTICS quotient ON (10 / x), y FROM items");
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    let id = made(&project, "custom", &json!(true));
    for request in [in_place(&id), restore(&id)] {
        server.sql(&database, "INSERT INTO items VALUES (1, 1)");
        let result = project.succeed(&request);
        assert!(result["warnings"].to_string().contains("division by zero"), "{result:#}");
        assert_eq!(server.value(&database, "SELECT count(*) FROM items"), "1");
    }
}

#[test]
fn so_many_objects_that_the_server_has_no_room_for_the_locks_are_refused() {
    let options = PostgresOptions::default()
        .setting("max_locks_per_transaction", "10")
        .setting("max_connections", "20");
    let server = PostgresServer::start_own(&options);
    server.create_database("many");
    server.sql("many", &many_tables(Dialect::Postgres, 150));
    let project = Project::with_urls(&[("dev", server.url("many"))]);
    let id = made(&project, "sql", &json!(false));
    let failed = project.fail(&in_place(&id), "unsupported_database");
    assert!(failed["error"].as_str().unwrap().contains("max_locks_per_transaction"), "{failed:#}");
}

#[test]
fn an_access_method_with_its_operator_class_comes_back() {
    let server = PostgresServer::shared();
    let database = server.new_database("methods");
    server.sql(
        &database,
        "CREATE FUNCTION handler(internal) RETURNS index_am_handler LANGUAGE internal AS 'bthandler'; \
         CREATE ACCESS METHOD tree TYPE INDEX HANDLER handler; CREATE TYPE mood AS ENUM ('a', 'b'); \
         CREATE OPERATOR CLASS of_numbers DEFAULT FOR TYPE integer USING tree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, \
         OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer); CREATE CAST (integer AS mood) WITH INOUT",
    );
    let before = server.schema(&database);
    let project = Project::with_urls(&[("dev", server.url(&database))]);
    let id = made(&project, "sql", &json!(false));
    project.succeed(&in_place(&id));
    assert_eq!(server.schema(&database), before);
}
