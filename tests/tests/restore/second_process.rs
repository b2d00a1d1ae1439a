//! A full disk under the backups, and others at work on the same database.

use backup_tests::Project;
use backup_tests::artifacts::assert_records_are_whole;
use backup_tests::servers::{MariadbOptions, MariadbServer, PostgresServer};
use backup_tests::small_disk::SmallDisk;
use serde_json::json;

use crate::{content, file, made, restore};

#[test]
fn a_full_disk_leaves_the_live_database_as_it_was() {
    let project = Project::bookshop();
    let live = file(&project, "dev");
    project
        .database("dev")
        .execute_batch(
            "CREATE TABLE bulk (b BLOB); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
             INSERT INTO bulk SELECT randomblob(1000) FROM n",
        )
        .unwrap();
    // Room for the backup and for the safety backup, and for how much of the scratch file differs.
    for size in ["6m", "7m", "9m"] {
        let mut disk = SmallDisk::start(&project, size);
        let create = json!({"operation": "create-backup", "parameters": {"environment": "dev", "format": "sql"}});
        let made = disk.ask(&create);
        assert_eq!(made["status"], "success", "{made:#}");
        let before = content(&live);
        let answer = disk.ask(&restore(made["result"]["backup_id"].as_str().unwrap()));
        assert_eq!(answer["code"], "insufficient_disk_space", "{size}: {answer:#}");
        assert_eq!(content(&live), before);
        let left = disk
            .files()
            .into_iter()
            .filter(|name| name.contains("examined") || name.starts_with('.'));
        assert_eq!(left.filter(|name| !name.ends_with(".gitignore")).collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn restores_proofs_and_backups_of_one_database_at_once_disturb_nothing() {
    let server = PostgresServer::shared();
    let database = server.new_database("contended");
    server.sql(
        &database,
        "CREATE TABLE items (id integer); INSERT INTO items SELECT generate_series(1, 100)",
    );
    let postgres = Project::with_urls(&[("dev", server.url(&database))]);
    let mariadb = MariadbServer::start_own(&MariadbOptions::default());
    mariadb.create_database("contended");
    mariadb.sql(
        "contended",
        "CREATE TABLE items (id int); INSERT INTO items SELECT seq FROM seq_1_to_100; \
         CREATE TRIGGER stays BEFORE INSERT ON items FOR EACH ROW SET @a = 1",
    );
    let mysql = Project::with_urls(&[("dev", mariadb.url("contended"))]);
    for project in [Project::bookshop(), postgres, mysql] {
        let id = made(&project, "sql", &json!(true));
        let requests = [
            restore(&id),
            json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": "restore"}}),
            json!({"operation": "create-backup", "parameters": {"environment": "dev"}}),
            json!({"operation": "guard", "parameters": {"environment": "dev"}}),
            restore(&id),
            json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": "restore"}}),
        ];
        let answers: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> =
                requests.iter().map(|request| scope.spawn(|| project.ask(request))).collect();
            running.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        let mut restored = 0;
        for (request, answer) in requests.iter().zip(&answers) {
            let succeeded = answer["status"] == "success";
            if request["operation"] == "restore-backup" {
                restored += usize::from(succeeded);
            }
            // Whoever was connected while the databases were swapped is told to try again, and nothing worse.
            assert!(succeeded || answer["retryable"] == true, "{request}\n{answer:#}");
        }
        assert!(restored > 0, "{answers:#?}");
        assert_records_are_whole(&project);
        let verified = project.ask(&json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": "restore"}}));
        assert_eq!(verified["status"], "success", "{verified:#}");
    }
    assert_eq!(server.value(&database, "SELECT count(*) FROM items"), "100");
    let items = "SELECT count(*) FROM items";
    let triggers =
        "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = 'contended'";
    assert_eq!(
        [items, triggers].map(|question| mariadb.value("contended", question)),
        ["100", "1"]
    );
    let left = "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'backup\\_manager\\_scratch%'";
    assert_eq!(mariadb.value("", left), "0");
    let scratch = "SELECT count(*) FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid WHERE s.description LIKE 'scratch database of backup-manager beside%'";
    assert_eq!(server.value("postgres", scratch), "0");
}
