//! What is whole comes back, and is told so.

use backup_tests::Project;
use backup_tests::live_host::wait_until;
use backup_tests::scripted_tool::ScriptedTools;
use backup_tests::servers::{Dialect, MariadbServer, PostgresServer, many_tables};
use serde_json::{Value, json};

use crate::{made, project, proven, record};

const COMPRESSIONS: [fn() -> Value; 3] = [|| json!(false), || json!(true), || json!("zstd")];

/// The names of the scratch databases on a server.
fn scratch_databases(names: &str) -> Vec<&str> {
    names.split_whitespace().filter(|name| name.starts_with("backup_manager_scratch_")).collect()
}

fn assert_none_on_postgres(server: &PostgresServer, beside: &str) {
    // Other tests use the same server: what is beside this database alone counts.
    let question = format!(
        "SELECT count(*) FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid \
         WHERE s.description LIKE '%beside database ' || \
         (SELECT oid FROM pg_database WHERE datname = '{beside}')"
    );
    assert_eq!(server.value("postgres", &question), "0");
}

#[test]
fn a_rich_postgres_database_is_proven_in_every_form() {
    let server = PostgresServer::shared();
    let database = server.new_database("proven");
    server.load_rich(&database);
    let project = project(server.url(&database));
    for format in ["sql", "custom", "directory"] {
        for compression in COMPRESSIONS {
            let id = made(&project, format, &compression());
            let result = proven(&project, &id);
            assert!(result["restored"]["tables_compared"].as_u64().unwrap() > 10, "{result:#}");
            let record = record(&project, &id);
            assert_eq!(record["verification"]["level"], "rows_equal");
            assert_eq!(record["restore_seconds"], result["restored"]["restore_seconds"]);
        }
    }
    assert_none_on_postgres(server, &database);
}

#[test]
fn a_rich_mariadb_database_is_proven_in_every_form_of_text() {
    let server = MariadbServer::shared();
    let database = server.new_database("proven");
    server.load_rich(&database);
    let project = project(server.url(&database));
    for compression in COMPRESSIONS {
        let id = made(&project, "sql", &compression());
        let result = proven(&project, &id);
        assert!(result["restored"]["tables_compared"].as_u64().unwrap() > 10, "{result:#}");
    }
    assert_eq!(
        scratch_databases(&server.value(
            "",
            "SELECT group_concat(schema_name SEPARATOR ' ') FROM information_schema.schemata"
        )),
        [""; 0]
    );
}

#[test]
fn folders_of_mydumper_are_proven() {
    let server = MariadbServer::shared();
    let database = server.new_database("folders");
    server.sql(&database, &many_tables(Dialect::Mysql, 40));
    server.sql(
        &database,
        "CREATE TABLE seen (id int PRIMARY KEY, words text); INSERT INTO seen VALUES (1, 'a\\'b;\\n'), (2, NULL); \
         CREATE VIEW some AS SELECT id FROM seen; CREATE PROCEDURE p() SELECT ';'; \
         CREATE TRIGGER g BEFORE INSERT ON seen FOR EACH ROW SET NEW.id = NEW.id + 1;\n\
         DELIMITER //\nCREATE TRIGGER h BEFORE UPDATE ON seen FOR EACH ROW BEGIN SET NEW.words = 'a; b'; SET @c = 1; END//\n\
         CREATE PROCEDURE q() BEGIN DECLARE a int; SET a = 1;\nSELECT a; END//\n\
         CREATE FUNCTION f() RETURNS int DETERMINISTIC BEGIN IF 1 THEN RETURN 2; END IF; RETURN 3; END//\n",
    );
    let project = project(server.url(&database));
    for compression in [json!(false), json!(true)] {
        let id = made(&project, "directory", &compression);
        let result = proven(&project, &id);
        assert_eq!(result["restored"]["tables_compared"], 41, "{result:#}");
    }
}

#[test]
fn events_do_not_fire_where_a_backup_is_proven() {
    let server = MariadbServer::start_own(&backup_tests::servers::MariadbOptions::default());
    server.create_database("ticking");
    server.sql("ticking", "CREATE TABLE ticks (id int AUTO_INCREMENT PRIMARY KEY, at datetime)");
    server.sql(
        "ticking",
        "CREATE EVENT tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO ticks (at) VALUES (now())",
    );
    let project = project(server.url("ticking"));
    for format in ["sql", "directory"] {
        let id = made(&project, format, &json!(false));
        // Whatever were created in the scratch database would fire at once.
        server.sql("", "SET GLOBAL event_scheduler = ON");
        let log = "SET GLOBAL log_output = 'TABLE', general_log = ON";
        server.sql("", log);
        proven(&project, &id);
        server.sql("", "SET GLOBAL event_scheduler = OFF, GLOBAL general_log = OFF");
        let created = "SELECT count(*) FROM mysql.general_log WHERE argument LIKE '%EVENT%tick%ON SCHEDULE%' AND argument NOT LIKE '%general_log%'";
        assert_eq!(server.value("", created), "0", "{format}");
    }
}

#[test]
fn sqlite_files_are_proven_in_every_form() {
    let project = Project::bookshop();
    project.database("dev").execute_batch(
        "CREATE TABLE odd (\"a;b\" TEXT); INSERT INTO odd VALUES ('it''s; -- '), (x'00ff'), (NULL); \
         CREATE TRIGGER t AFTER INSERT ON odd BEGIN UPDATE odd SET \"a;b\" = 'END;' WHERE 0; SELECT CASE WHEN 1 THEN 2 END; END; \
         CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES ('some words'); \
         CREATE VIEW v AS SELECT 1;",
    ).unwrap();
    for format in ["custom", "sql"] {
        for compression in COMPRESSIONS {
            let id = made(&project, format, &compression());
            let result = proven(&project, &id);
            assert!(result["restored"]["rows_compared"].as_u64().unwrap() > 3, "{result:#}");
        }
    }
    let left = project.files().into_iter().filter(|name| name.contains("examined"));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn tables_that_keep_former_rows_are_proven() {
    let server = MariadbServer::shared();
    let database = server.new_database("versioned");
    server.sql(
        &database,
        "CREATE TABLE kept (id int PRIMARY KEY, words text) WITH SYSTEM VERSIONING; \
         INSERT INTO kept VALUES (1, 'a'), (2, 'b'); UPDATE kept SET words = 'c'; DELETE FROM kept WHERE id = 2",
    );
    let project = project(server.url(&database));
    let id = made(&project, "sql", &json!(true));
    proven(&project, &id);
}

#[test]
fn the_schema_of_the_url_tells_where_the_migrations_are() {
    let server = PostgresServer::shared();
    let database = server.new_database("elsewhere");
    server.sql(
        &database,
        "CREATE SCHEMA app; CREATE TABLE app._prisma_migrations (migration_name text, started_at timestamptz, finished_at timestamptz, rolled_back_at timestamptz); \
         INSERT INTO app._prisma_migrations VALUES ('1_first', now(), now(), NULL)",
    );
    let project = project(server.address(&database).parameter("schema", "app"));
    let id = made(&project, "custom", &json!(true));
    assert_eq!(record(&project, &id)["migrations"]["applied_count"], 1);
    proven(&project, &id);
    // Also where the proof is on another server, whose URL names none.
    let other = Project::with_urls(&[
        ("dev", server.address(&database).parameter("schema", "app").to_string()),
        ("other", server.url(&server.new_database("beside"))),
    ]);
    let id = made(&other, "custom", &json!(true));
    let variable = Project::url_variable("other");
    other.configure(|configuration| {
        configuration["verification"] = json!({"database_url_env": variable});
    });
    proven(&other, &id);
}

#[test]
fn what_a_dump_has_its_client_print_does_not_stop_it() {
    let server = MariadbServer::shared();
    let database = server.new_database("talkative");
    server.sql(&database, "CREATE TABLE items (id int); INSERT INTO items VALUES (1)");
    let project = project(server.url(&database));
    // As the tools of other versions set the values of sequences, and more than a pipe holds.
    let tools = ScriptedTools::with_script(
        "mariadb-dump",
        r#""$real" "$@" | sed "s/^-- Dump completed/SELECT repeat('x', 300000);\n&/""#,
    );
    let create = json!({"operation": "create-backup", "parameters": {"environment": "dev", "compression": false}});
    let mut host = tools.host(&project);
    let answers = Project::converse(&mut host, create.to_string().as_bytes());
    let id = answers.envelopes[0]["result"]["backup_id"].as_str().unwrap().to_owned();
    let artifact = project.backups().join(format!("dev/{id}.sql"));
    assert!(std::fs::read_to_string(artifact).unwrap().contains("repeat"));
    proven(&project, &id);
}

#[test]
fn a_table_that_is_made_while_the_dump_is_written_is_recorded_as_well() {
    let server = MariadbServer::shared();
    let database = server.new_database("growing");
    server.sql(&database, "CREATE TABLE items (id int); INSERT INTO items VALUES (1)");
    let project = project(server.url(&database));
    for (format, program) in [("sql", "mariadb-dump"), ("directory", "mydumper")] {
        let begun = project.path(&format!("begun-{format}"));
        let tools = ScriptedTools::with_script(
            program,
            &format!("touch '{}'; sleep 1.5; exec \"$real\" \"$@\"", begun.display()),
        );
        let late = format!("late_{format}");
        let create = json!({"operation": "create-backup", "parameters": {"environment": "dev", "format": format}});
        let id = std::thread::scope(|scope| {
            let created = scope.spawn(|| {
                let mut host = tools.host(&project);
                Project::converse(&mut host, create.to_string().as_bytes()).envelopes.remove(0)
            });
            wait_until("the tool is at work", || begun.exists());
            server.sql(
                &database,
                &format!("CREATE TABLE {late} (id int); INSERT INTO {late} VALUES (1), (2)"),
            );
            created.join().unwrap()["result"]["backup_id"].as_str().unwrap().to_owned()
        });
        let counts = backup_tests::artifacts::manifest(&project, "dev", &id)["row_counts"].clone();
        assert_eq!(counts[&late], 2, "{counts}");
        proven(&project, &id);
    }
}

#[test]
fn an_event_does_not_fire_whatever_its_definer_is_called() {
    let server = MariadbServer::start_own(&backup_tests::servers::MariadbOptions::default());
    server.create_database("lines");
    server.sql(
        "",
        "CREATE USER 'a\nb'@'%'; GRANT ALL ON *.* TO 'a\nb'@'%'; SET GLOBAL event_scheduler = ON",
    );
    server.sql(
        "lines",
        "CREATE TABLE hits (place varchar(64)); \
         CREATE DEFINER='a\nb'@'%' EVENT tick ON SCHEDULE EVERY 1 SECOND STARTS '2030-01-01' DO INSERT INTO lines.hits VALUES (database())",
    );
    let project = project(server.url("lines"));
    let id = made(&project, "sql", &json!(false));
    server.sql("", "SET GLOBAL log_output = 'TABLE', GLOBAL general_log = ON");
    proven(&project, &id);
    server.sql("", "SET GLOBAL general_log = OFF");
    let created = "SELECT count(*) FROM mysql.general_log WHERE argument LIKE '%EVENT%tick%ON SCHEDULE%' AND argument NOT LIKE '%general_log%' AND argument NOT LIKE 'SHOW%'";
    assert_eq!(server.value("", created), "0");
}
