//! PostgreSQL: restored within the database, in one transaction, for a user who may not swap databases.

mod lost;
mod refused;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use backup_tests::Project;
use backup_tests::live_host::{LiveHost, torture};
use backup_tests::servers::{Dialect, PostgresOptions, PostgresServer, large_table};
use serde_json::{Value, json};

use crate::{made, restore};

/// The request that brings a backup of dev back in place.
fn in_place(id: &str) -> Value {
    let mut request = restore(id);
    request["parameters"]["in_place"] = true.into();
    request
}

/// A database whose application owns what is in it, and nothing else: neither the database nor the schema.
struct Tenant {
    server: &'static PostgresServer,
    database: String,
    role: String,
    project: Project,
}

impl Tenant {
    fn new(about: &str) -> Self {
        let server = PostgresServer::shared();
        let database = server.new_database(about);
        let role = format!("{database} role");
        server.create_role(&role, "secret", "");
        server.sql(
            &database,
            &format!(
                "GRANT CREATE ON DATABASE \"{database}\" TO \"{role}\"; \
                 GRANT ALL ON SCHEMA public TO \"{role}\" WITH GRANT OPTION; CREATE EXTENSION pg_trgm"
            ),
        );
        let url = server.address(&database).user(&role, "secret").to_string();
        Self { server, project: Project::with_urls(&[("dev", url)]), database, role }
    }

    fn sql(&self, text: &str) {
        self.server.sql(&self.database, &format!("SET ROLE \"{}\"; {text}", self.role));
    }

    fn value(&self, text: &str) -> String {
        self.server.value(&self.database, text)
    }

    /// All that is in it, and to whom it belongs.
    fn whole(&self) -> (String, impl PartialEq + std::fmt::Debug + use<>) {
        (self.server.schema(&self.database), self.server.content(&self.database))
    }
}

/// What an application may have made: nearly every kind of object that takes no superuser.
const OF_AN_APPLICATION: &str = r#"
    CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
    CREATE TYPE spot AS (x integer, y integer); CREATE TYPE span AS RANGE (SUBTYPE = numeric);
    CREATE SEQUENCE numbers START 7; SELECT nextval('numbers');
    CREATE TABLE owners (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
    CREATE TABLE items (id serial PRIMARY KEY, owner integer REFERENCES owners ON DELETE CASCADE, note text, feeling mood,
        amount positive, place spot, twice integer GENERATED ALWAYS AS (amount * 2) STORED);
    INSERT INTO owners (name) VALUES ('a'), ('b'); INSERT INTO items (owner, note, feeling, amount, place)
        SELECT 1 + n % 2, 'item ' || n, 'glad', n, ROW(n, n)::spot FROM generate_series(1, 500) n;
    CREATE INDEX trigrams ON items USING gin (note gin_trgm_ops); CREATE STATISTICS together ON owner, amount FROM items;
    CREATE TABLE parts (id integer, day date) PARTITION BY RANGE (day);
    CREATE TABLE parts_2025 PARTITION OF parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    INSERT INTO parts VALUES (1, '2025-05-05');
    CREATE FUNCTION note_of(which integer) RETURNS text LANGUAGE sql AS 'SELECT note FROM public.items WHERE id = which';
    CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := NEW.note || '!'; RETURN NEW; END $$;
    CREATE PROCEDURE nothing(a integer, OUT b integer) LANGUAGE plpgsql AS $$ BEGIN b := a; END $$;
    CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer); CREATE AGGREGATE counted(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0');
    CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);
    CREATE TRIGGER touches BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touched();
    CREATE VIEW notes AS SELECT id, note_of(id) FROM items; CREATE MATERIALIZED VIEW sums AS SELECT sum(amount) FROM items;
    CREATE RULE quietly AS ON DELETE TO notes DO INSTEAD NOTHING;
    ALTER TABLE items ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON items USING (owner > 0);
    CREATE COLLATION plain FROM "C"; CREATE CONVERSION latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
    CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple); CREATE TEXT SEARCH CONFIGURATION plainly (COPY = simple);
    CREATE CAST (mood AS integer) WITH INOUT; CREATE PUBLICATION changes FOR TABLE owners;
    SELECT lo_from_bytea(0, 'large'), lo_from_bytea(0, 'larger');
    COMMENT ON TABLE items IS 'COMMIT;'; COMMENT ON FUNCTION note_of(integer) IS 'one; note';
    CREATE SCHEMA "odd ""schema"""; CREATE TABLE "odd ""schema"""."it's \ :odd;" (id integer); INSERT INTO "odd ""schema"""."it's \ :odd;" VALUES (1);
    CREATE FUNCTION "odd ""schema""".uses(m public.mood) RETURNS public.mood LANGUAGE sql AS 'SELECT m';
    GRANT USAGE ON SCHEMA "odd ""schema""" TO PUBLIC; GRANT SELECT ON items TO PUBLIC; REVOKE EXECUTE ON FUNCTION note_of(integer) FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
"#;

/// Drops some of it, changes the rest, and makes what was not there.
const CHANGED: &str = r#"
    DROP SCHEMA "odd ""schema""" CASCADE; DROP MATERIALIZED VIEW sums; DROP PUBLICATION changes; DELETE FROM owners;
    ALTER TABLE owners ADD COLUMN more integer; ALTER TYPE mood ADD VALUE 'mad';
    SELECT lo_unlink(oid) FROM pg_largeobject_metadata; SELECT lo_from_bytea(0, 'new');
    CREATE TABLE added (id integer); INSERT INTO added SELECT generate_series(1, 9); CREATE SCHEMA later; CREATE VIEW later.view AS SELECT * FROM public.added;
    CREATE FUNCTION note_of(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT UPDATE ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES IN SCHEMA later GRANT SELECT ON TABLES TO PUBLIC;
    ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
"#;

#[test]
fn who_may_not_swap_is_offered_it_and_everything_comes_back() {
    for format in ["sql", "custom", "directory"] {
        let tenant = Tenant::new("tenant");
        tenant.sql(OF_AN_APPLICATION);
        let before = tenant.whole();
        let id = made(&tenant.project, format, &json!(true));
        tenant.sql(CHANGED);
        let changed = tenant.whole();
        let failed = tenant.project.fail(&restore(&id), "permission_denied");
        assert_eq!(failed["error"], "The database user may not replace the database");
        assert_eq!(failed["recovery"]["next_request"], in_place(&id), "{failed:#}");
        assert_eq!(tenant.whole(), changed);
        let result = tenant.project.succeed(&failed["recovery"]["next_request"]);
        assert_eq!(tenant.whole(), before, "{format}");
        assert!(result["replaced"].is_null(), "{result:#}");
        assert!(result["warnings"].to_string().contains("the extension pg_trgm"), "{result:#}");
        // And back again, in the same way.
        assert_eq!(result["undo_request"]["parameters"]["in_place"], true);
        tenant.project.succeed(&result["undo_request"]);
        assert_eq!(tenant.whole(), changed, "{format}");
    }
}

#[test]
fn a_rich_database_is_emptied_whole_and_comes_back_with_all_its_privileges() {
    let server = PostgresServer::shared();
    for format in ["sql", "custom"] {
        let database = server.new_database("rich");
        server.load_rich(&database);
        let before = (server.schema(&database), server.content(&database));
        let project = Project::with_urls(&[("dev", server.url(&database))]);
        let id = made(&project, format, &json!(true));
        server.sql(
            &database,
            "CREATE EXTENSION earthdistance CASCADE; CREATE TABLE added (id integer, place cube); \
             REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO rich_reader; \
             CREATE CAST (money AS text) WITH INOUT; DROP EXTENSION hstore CASCADE",
        );
        let planned = project.succeed(&json!({"operation": "restore-backup", "parameters":
            {"environment": "dev", "backup_id": id, "in_place": true, "dry_run": true}}));
        assert!(planned["warnings"].to_string().contains("in one transaction"), "{planned:#}");
        let result = project.succeed(&in_place(&id));
        assert_eq!((server.schema(&database), server.content(&database)), before, "{format}");
        // Who may swap may do so all the same.
        project.succeed(&restore(result["safety_backup_id"].as_str().unwrap()));
        assert_eq!(server.value(&database, "SELECT count(*) FROM public.added"), "0");
    }
}

#[test]
fn a_newer_server_is_emptied_and_restored_into_as_well() {
    let (there, here) = (
        PostgresServer::shared(),
        PostgresServer::start_own(&PostgresOptions::default().version(18)),
    );
    let database = there.new_database("older");
    there.sql(
        &database,
        &OF_AN_APPLICATION.replace(" gin_trgm_ops", "").replace("USING gin (note)", "(note)"),
    );
    here.create_database("shop");
    here.create_role("app", "secret", "");
    here.sql(
        "shop",
        "GRANT CREATE ON DATABASE shop TO app; GRANT ALL ON SCHEMA public TO app; SET ROLE app; \
         CREATE TABLE old (id integer); CREATE SCHEMA theirs; CREATE VIEW theirs.view AS SELECT * FROM public.old; \
         CREATE TYPE mood AS ENUM ('bad'); CREATE FUNCTION noted(mood) RETURNS integer LANGUAGE sql AS 'SELECT 1'; \
         ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; SELECT lo_create(0)",
    );
    let project = Project::with_urls(&[
        ("dev", here.address("shop").user("app", "secret").to_string()),
        ("staging", there.url(&database)),
    ]);
    let parameters = json!({"environment": "staging", "format": "sql"});
    let id = project.succeed(&json!({"operation": "create-backup", "parameters": parameters}));
    let mut request = in_place(id["backup_id"].as_str().unwrap());
    for option in ["no_owner", "no_privileges", "skip_safety_backup"] {
        request["parameters"][option] = true.into();
    }
    let result = project.succeed(&request);
    assert_eq!(here.row_counts("shop"), there.row_counts(&database), "{result:#}");
    let left = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relname = 'old' OR n.nspname = 'theirs'";
    assert_eq!(here.value("shop", left), "0");
    assert_eq!(here.value("shop", "SELECT count(*) FROM pg_default_acl"), "0");
    assert_eq!(here.value("shop", "SELECT count(*) FROM pg_largeobject_metadata"), "2");
}

#[test]
fn without_its_public_schema_a_database_comes_back_as_well() {
    let tenant = Tenant::new("no_public");
    let Tenant { server, database, role, .. } = &tenant;
    server.sql(database, "DROP EXTENSION pg_trgm");
    tenant.sql("CREATE TABLE items (id integer)");
    let id = made(&tenant.project, "sql", &json!(false));
    server.sql(database, "DROP SCHEMA public CASCADE");
    tenant.project.succeed(&in_place(&id));
    assert_eq!(tenant.value("SELECT count(*) FROM public.items"), "0");
    let owner = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'";
    assert_eq!(tenant.value(owner), *role);
}

#[test]
fn who_reads_sees_the_old_or_the_new_and_waits_in_between() {
    let tenant = Tenant::new("waiting");
    tenant.sql(&large_table(Dialect::Postgres, 2 * 1024 * 1024));
    tenant.sql("CREATE TABLE state (word text); INSERT INTO state VALUES ('old')");
    let id = made(&tenant.project, "custom", &json!(true));
    tenant.sql("UPDATE state SET word = 'new'");
    let stop = AtomicBool::new(false);
    let seen = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut was_old = false;
            while !stop.load(Ordering::Relaxed) {
                // A query that has waited for the table finds it gone, and is told so.
                match tenant.server.try_sql(&tenant.database, "SELECT word FROM state") {
                    Ok(words) if words.contains("old") => was_old = true,
                    Ok(words) => assert!(words.contains("new") && !was_old, "{words}"),
                    Err(error) => assert!(error.contains("could not open relation"), "{error}"),
                }
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        std::thread::sleep(Duration::from_millis(200));
        tenant.project.succeed(&in_place(&id));
        std::thread::sleep(Duration::from_millis(200));
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(tenant.value("SELECT word FROM state"), "old");
    assert!(seen.load(Ordering::Relaxed) > 2);
}

#[test]
fn killed_at_any_instant_the_database_is_wholly_old_or_wholly_new() {
    let server = PostgresServer::start_own(&PostgresOptions::default());
    server.create_database("killed");
    server.sql("killed", &large_table(Dialect::Postgres, 4 * 1024 * 1024));
    server.sql(
        "killed",
        "CREATE TABLE state (word text); INSERT INTO state VALUES ('old'); SELECT lo_from_bytea(1, 'old')",
    );
    let project = Project::with_urls(&[("dev", server.url("killed"))]);
    // Its large objects stand between a BEGIN and a COMMIT in the script.
    let id = made(&project, "sql", &json!(true));
    let mut request = in_place(&id);
    request["parameters"]["skip_safety_backup"] = true.into();
    let change = "UPDATE state SET word = 'new'; SELECT lo_put(1, 0, 'new')";
    server.sql("killed", change);
    let began = Instant::now();
    project.succeed(&request);
    let whole = began.elapsed();
    let (mut before, mut after) = (0, 0);
    let rounds = if torture() { 50 } else { 12 };
    for round in 0..rounds {
        server.sql("killed", change);
        let mut host = LiveHost::start(&mut project.host());
        host.send(&request);
        std::thread::sleep(whole * 12 / 10 * round / rounds);
        if round + 1 == rounds {
            // However slow the machine has become meanwhile, one of them was too late.
            host.answer();
        }
        host.kill();
        let state = "SELECT word || encode(lo_get(1), 'escape') || (SELECT count(*) > 0 FROM large_table) FROM state";
        match server.value("killed", state).as_str() {
            "oldoldtrue" => after += 1,
            "newnewtrue" => before += 1,
            other => panic!("{other}"),
        }
    }
    assert!(before > 0 && after > 0, "{before} before, {after} after");
}
