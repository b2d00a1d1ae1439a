//! `guard` on every engine: a backup covers the state until a migration or the time goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use backup_tests::Project;
use backup_tests::servers::{MariadbServer, PostgresServer};
use serde_json::{Value, json};

const MIGRATIONS: &str = "CREATE TABLE _prisma_migrations (migration_name varchar(100), started_at timestamp NULL, \
                          finished_at timestamp NULL, rolled_back_at timestamp NULL); \
                          INSERT INTO _prisma_migrations VALUES ('1_first', '2025-01-01', '2025-01-01', NULL);";
const ANOTHER: &str =
    "INSERT INTO _prisma_migrations VALUES ('2_second', '2025-01-02', '2025-01-02', NULL)";

fn guard(ensure: bool) -> Value {
    json!({"operation": "guard", "parameters": {"environment": "dev", "ensure": ensure}})
}

#[test]
fn a_new_migration_is_not_covered_on_any_engine() {
    let (postgres, mariadb) = (PostgresServer::shared(), MariadbServer::shared());
    let (one, two) = (postgres.new_database("guarded"), mariadb.new_database("guarded"));
    postgres.sql(&one, MIGRATIONS);
    mariadb.sql(&two, MIGRATIONS);
    let sqlite = Project::bookshop();
    sqlite.database("dev").execute_batch("DROP TABLE _prisma_migrations").unwrap();
    sqlite.database("dev").execute_batch(MIGRATIONS).unwrap();
    let migrate_sqlite = || {
        sqlite.database("dev").execute_batch(ANOTHER).unwrap();
    };
    let migrate_postgres = || {
        postgres.sql(&one, ANOTHER);
    };
    let migrate_mariadb = || {
        mariadb.sql(&two, ANOTHER);
    };
    let first = Project::with_urls(&[("dev", postgres.url(&one))]);
    let second = Project::with_urls(&[("dev", mariadb.url(&two))]);
    let cases: [(&Project, &dyn Fn()); 3] =
        [(&sqlite, &migrate_sqlite), (&first, &migrate_postgres), (&second, &migrate_mariadb)];
    for (project, migrate) in cases {
        let failed = project.fail(&guard(false), "backup_required");
        assert_eq!(failed["error"], "Backup requirement not met");
        project.succeed(&failed["recovery"]["next_request"]);
        let covered = project.succeed(&guard(false));
        assert_eq!(covered["last_migration"], "1_first");
        migrate();
        let failed = project.fail(&guard(false), "backup_required");
        let finding = failed["result"]["finding"].as_str().unwrap();
        assert!(finding.contains("is 1_first, the database's is 2_second"), "{finding}");
        let made = project.succeed(&guard(true));
        assert_eq!(made["made"], true, "{made:#}");
        assert!(made["backup_id"].as_str().unwrap().ends_with("-pre-operation"), "{made:#}");
        assert!(project.succeed(&guard(true))["made"].is_null());
    }
}

#[test]
fn a_backup_that_failed_its_verification_covers_nothing() {
    let project = Project::bookshop();
    let id = project.create("dev")["backup_id"].as_str().unwrap().to_owned();
    project.succeed(&guard(false));
    let artifact = project.backups().join(format!("dev/{id}.sqlite"));
    backup_tests::artifacts::flip_byte(&artifact, 20_000);
    let verify = json!({"operation": "verify-backup", "parameters": {"backup_id": id}});
    project.fail(&verify, "verification_failed");
    project.fail(&guard(false), "backup_required");
}
