//! What the answer and the manifest say of a dump.

use backup_tests::servers::{Dialect, MariadbServer, many_tables};
use serde_json::{Value, json};

use crate::formats::rich;
use crate::{Made, folder, plain, project};

const MIGRATIONS: &str = "CREATE TABLE `_prisma_migrations` (id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL, finished_at datetime(3), migration_name varchar(255) NOT NULL, logs text, rolled_back_at datetime(3), started_at datetime(3) NOT NULL DEFAULT current_timestamp(3), applied_steps_count integer unsigned NOT NULL DEFAULT 0);";

#[test]
fn the_manifest_says_what_is_in_the_dump_and_who_made_it() {
    let server = MariadbServer::shared();
    let made = Made::by(&project(server.url(rich())), &plain());
    assert_eq!(made.rows(), server.row_counts(rich()));
    let migrations = json!({
        "applied_count": 3,
        "last_migration": "20250124130000_add_api_keys",
        "migrations_list": [
            "20250120100000_initial_schema", "20250121100000_add_orders", "20250124130000_add_api_keys"
        ],
        "failed_migrations": ["20250122100000_add_reviews"]
    });
    assert_eq!(made.manifest["migrations"], migrations);
    assert!(made.warnings().contains("20250122100000_add_reviews"), "{:#}", made.result);
    let version = server.value("", "SELECT version()");
    let database = &made.manifest["database"];
    assert_eq!(database["engine"], "mysql");
    assert_eq!(database["name"], rich());
    assert_eq!(database["server"], format!("MariaDB {version}"));
    assert!(database["size_bytes"].as_u64().unwrap() > 1 << 20);
    assert_eq!(made.manifest["backup_method"], "mysqldump");
    let tools = made.manifest["tools"].as_object().unwrap();
    let told = tools["mariadb-dump"].as_str().unwrap();
    assert!(tools.len() == 1 && told.starts_with(|letter: char| letter.is_ascii_digit()), "{told}");
    assert_eq!(made.result["verification"]["level"], "plausible_size");
    assert_eq!(made.result["row_totals"]["unknown"], 0);
}

#[test]
fn migrations_are_those_of_the_table_that_the_configuration_names() {
    let server = MariadbServer::shared();
    let database = server.new_database("migrations");
    let named = MIGRATIONS.replace("_prisma_migrations", "my migrations");
    server.sql(
        &database,
        &format!(
            "{MIGRATIONS} {named}\n\
             INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, started_at) VALUES \
             ('1', 'c', '20250102_second', '2025-01-02', '2025-01-02'), ('2', 'c', '20250101_first', '2025-01-01', '2025-01-01');\n\
             INSERT INTO `my migrations` (id, checksum, migration_name, rolled_back_at, started_at) VALUES \
             ('1', 'c', 'undone', '2025-01-02', '2025-01-01'), ('2', 'c', 'it''s \\\\ \"broken\"', NULL, '2025-01-03');"
        ),
    );
    let project = project(server.url(&database));
    for request in [plain(), folder()] {
        let made = Made::by(&project, &request);
        let list = &made.manifest["migrations"]["migrations_list"];
        assert_eq!(list, &json!(["20250101_first", "20250102_second"]));
        assert_eq!(made.manifest["migrations"]["last_migration"], "20250102_second");
        assert_eq!(made.warnings(), "");
    }
    project.configure(|settings| settings["migrations"]["table"] = "my migrations".into());
    for request in [plain(), folder()] {
        let made = Made::by(&project, &request);
        assert_eq!(made.manifest["migrations"]["applied_count"], 0);
        assert_eq!(made.manifest["migrations"]["last_migration"], Value::Null);
        let failed = &made.manifest["migrations"]["failed_migrations"];
        assert_eq!(failed, &json!(["it's \\ \"broken\""]));
    }
}

#[test]
fn tables_without_transactions_are_named_unless_writers_are_kept_out() {
    let server = MariadbServer::shared();
    let project = project(server.url(rich()));
    let warned = Made::by(&project, &plain()).warnings();
    for words in ["MyISAM", "in_myisam", "in_aria", "backup.global_read_lock"] {
        assert!(warned.contains(words), "{words}: {warned}");
    }
    project.configure(|settings| settings["backup"] = json!({"global_read_lock": true}));
    let made = Made::by(&project, &plain());
    assert!(!made.warnings().contains("in_myisam"), "{}", made.warnings());
    made.assert_comes_back(&project, server, rich());
}

#[test]
fn a_database_that_lost_most_of_its_rows_is_a_loud_warning() {
    let server = MariadbServer::shared();
    let database = server.new_database("shrinking");
    server.sql(&database, &many_tables(Dialect::Mysql, 10));
    let forms = [plain(), folder()].map(|request| (project(server.url(&database)), request));
    let former = forms.each_ref().map(|(project, request)| Made::by(project, request));
    server.sql(&database, "SET foreign_key_checks = 0; DELETE FROM table_0001; DELETE FROM table_0002 WHERE id > 5;\
        DROP TABLE table_0003, table_0004, table_0005, table_0006, table_0007, table_0008, table_0009;");
    for ((project, request), former) in forms.iter().zip(&former) {
        assert_eq!(former.warnings(), "");
        let made = Made::by(project, request);
        assert_eq!(made.rows().values().sum::<u64>(), 15);
        let warned = made.warnings();
        let id = former.result["backup_id"].as_str().unwrap();
        for words in ["lost 85 % of its rows", id, "100 then, 15 now", "table_0009 10 → gone"] {
            assert!(warned.contains(words), "{words}: {warned}");
        }
    }
}
