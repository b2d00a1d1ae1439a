//! What comes back is what was there, whoever wrote meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

use backup_tests::Project;
use backup_tests::artifacts::{manifest, records, restore};
use backup_tests::databases::{BusyWriter, content, fill_large, fill_rich, integrity, row_counts};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Formats and compressions, all with all.
fn forms() -> Vec<(&'static str, Value)> {
    let compressions = [json!(false), json!(true), json!("zstd")];
    ["custom", "sql"]
        .into_iter()
        .flat_map(|format| {
            compressions.iter().map(move |compression| (format, compression.clone()))
        })
        .collect()
}

fn create(environment: &str, format: &str, compression: &Value) -> Value {
    json!({"operation": "create-backup", "parameters": {
        "environment": environment, "format": format, "compression": compression
    }})
}

/// Bookshop in dev, everything that is hard in staging.
fn bookshop_and_rich() -> Project {
    let project = Project::bookshop();
    std::fs::remove_file(project.path("prisma/staging.db")).unwrap();
    fill_rich(&project.database("staging"));
    project
}

fn journal(connection: &Connection, mode: &str) {
    let set: String = connection
        .query_row(&format!("PRAGMA journal_mode = {mode}"), [], |row| row.get(0))
        .unwrap();
    assert!(set.eq_ignore_ascii_case(mode));
}

/// Restores a backup with the usual tools and holds it against its manifest.
fn restored(project: &Project, environment: &str, result: &Value, target: &Path) -> Value {
    let manifest = manifest(project, environment, result["backup_id"].as_str().unwrap());
    let _ = std::fs::remove_file(target);
    restore(&project.path(result["file_path"].as_str().unwrap()), target);
    assert_eq!(integrity(target), "ok");
    let recorded = manifest["row_counts"].as_object().unwrap();
    let counted = row_counts(target, recorded.keys());
    for (table, count) in recorded {
        assert_eq!(counted[table], *count, "rows of {table}");
    }
    manifest
}

fn beside_a_busy_writer(mode: &str) {
    let project = bookshop_and_rich();
    let target = project.path("restored.db");
    for environment in ["dev", "staging"] {
        journal(&project.database(environment), mode);
        let database = project.path(&format!("prisma/{environment}.db"));
        let writer = BusyWriter::start(database.clone());
        for (format, compression) in forms() {
            let before = writer.written();
            let result = project.succeed(&create(environment, format, &compression));
            let after = writer.written();
            let manifest = restored(&project, environment, &result, &target);
            let copied = Connection::open(&target).unwrap();
            let (rows, last): (u32, u32) = copied
                .query_row("SELECT count(*), max(id) FROM pulse", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .unwrap();
            assert_eq!(rows, last, "the backup is one instant: no row is missing before the last");
            // One more may have been committed than the writer had counted.
            assert!(
                (before..=after + 1).contains(&u64::from(rows)),
                "{before} <= {rows} <= {after} + 1"
            );
            let applied: u32 = copied
                .query_row(
                    "SELECT count(*) FROM _prisma_migrations \
                     WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(manifest["migrations"]["applied_count"], applied);
            assert_eq!(result["migrations"]["applied_count"], applied);
            assert_eq!(
                manifest["writers_blocked_seconds"].is_number(),
                mode == "DELETE",
                "only in rollback-journal mode writers wait"
            );
            writer.wait_for(3);
        }
        let written = writer.stop();
        let live: u32 = project
            .database(environment)
            .query_row("SELECT count(*) FROM pulse", [], |row| row.get(0))
            .unwrap();
        assert_eq!(u64::from(live), written, "what the writer committed is there");
        assert_eq!(integrity(&database), "ok");
    }
    assert_eq!(records(&project).len(), 12);
}

#[test]
fn backups_beside_a_busy_writer_hold_one_instant_in_wal_mode() {
    beside_a_busy_writer("WAL");
}

#[test]
fn backups_beside_a_busy_writer_hold_one_instant_in_rollback_journal_mode() {
    beside_a_busy_writer("DELETE");
}

#[test]
fn every_form_brings_back_equal_content() {
    let project = bookshop_and_rich();
    let target = project.path("restored.db");
    for environment in ["dev", "staging"] {
        let database = project.path(&format!("prisma/{environment}.db"));
        let original = content(&database);
        for (format, compression) in forms() {
            let result = project.succeed(&create(environment, format, &compression));
            restored(&project, environment, &result, &target);
            let back = content(&target);
            for (table, rows) in &original {
                assert_eq!(back.get(table), Some(rows), "{table} in {format} {compression}");
            }
            assert_eq!(back.len(), original.len());
        }
    }
}

#[test]
fn a_restored_text_dump_goes_on_counting_searching_and_firing() {
    let project = bookshop_and_rich();
    let result = project.succeed(&create("staging", "sql", &json!(false)));
    let target = project.path("restored.db");
    restored(&project, "staging", &result, &target);
    let connection = Connection::open(&target).unwrap();
    let one = |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(one("SELECT count(*) FROM search WHERE search MATCH 'foxes'"), 1, "the stemmer");
    assert_eq!(one("SELECT count(*) FROM search WHERE search MATCH 'jump'"), 0, "deleted");
    let logged = one("SELECT count(*) FROM log");
    connection.execute_batch("INSERT INTO prices(net, tax) VALUES (1, 2)").unwrap();
    assert_eq!(one("SELECT count(*) FROM log"), logged + 1, "the trigger");
    assert_eq!(one("SELECT gross = 3 FROM prices WHERE net = 1"), 1, "the generated column");
    connection.execute_batch("INSERT INTO strict_one(body) VALUES (x'01')").unwrap();
    assert_eq!(one("SELECT max(id) FROM strict_one"), 4, "ids are never given twice");
    assert!(connection.execute("INSERT INTO words VALUES ('BUCH', 'de', 9)", []).is_err());
}

#[test]
fn a_format_that_sqlite_has_not_is_refused_with_those_it_has() {
    let project = Project::bookshop();
    let refused = project.fail(&create("dev", "directory", &json!(false)), "invalid_request");
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("directory") && error.contains("custom") && error.contains("sql"));
    assert!(project.files().is_empty(), "{:?}", project.files());
    let next = &refused["recovery"]["next_request"];
    project.succeed(next);
}

/// Damages the live database of dev and expects that nothing is made of it.
fn refused_when(damage: impl Fn(&Path), codes: &[&str]) {
    let project = Project::bookshop();
    fill_large(&project.database("dev"), 1);
    let database = project.path("prisma/dev.db");
    damage(&database);
    let damaged = std::fs::read(&database).unwrap();
    for (format, compression) in forms() {
        let answer = project.ask(&create("dev", format, &compression));
        assert_eq!(answer["status"], "error", "{format} {compression}: {answer:#}");
        let code = answer["code"].as_str().unwrap();
        assert!(codes.contains(&code), "{format} {compression}: {answer:#}");
        assert!(!answer["recovery"]["suggestions"].as_array().unwrap().is_empty());
        assert_eq!(project.files(), [""; 0], "{format} {compression}");
    }
    assert!(std::fs::read(&database).unwrap() == damaged, "the damaged file is evidence");
}

#[test]
fn a_database_with_a_destroyed_page_is_never_recorded() {
    refused_when(
        |database| {
            let mut bytes = std::fs::read(database).unwrap();
            // Every page from the fourth on: whichever format is made, it must meet one of them.
            bytes[3 * 4096..].chunks_mut(4096).for_each(|page| page[..100].fill(0xa5));
            std::fs::write(database, bytes).unwrap();
        },
        &["verification_failed", "connection_failed"],
    );
}

#[test]
fn a_database_that_was_cut_short_is_never_recorded() {
    refused_when(
        |database| {
            let length = database.metadata().unwrap().len();
            std::fs::File::options()
                .write(true)
                .open(database)
                .unwrap()
                .set_len(length / 2)
                .unwrap();
        },
        &["verification_failed", "connection_failed"],
    );
}

#[test]
fn a_file_that_is_no_database_is_never_recorded() {
    refused_when(
        |database| std::fs::write(database, vec![b'x'; 40_000]).unwrap(),
        &["connection_failed"],
    );
}

#[test]
fn nothing_is_left_beside_the_live_database_and_nothing_in_it_changes() {
    for mode in ["DELETE", "WAL"] {
        let project = bookshop_and_rich();
        journal(&project.database("staging"), mode);
        let database = project.path("prisma/staging.db");
        let (before, bytes) = (content(&database), std::fs::read(&database).unwrap());
        let folder = || {
            let mut names: Vec<_> = std::fs::read_dir(project.path("prisma"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            names
        };
        let names = folder();
        for (format, compression) in forms() {
            project.succeed(&create("staging", format, &compression));
            assert_eq!(folder(), names, "{mode} {format} {compression}");
        }
        assert!(std::fs::read(&database).unwrap() == bytes, "{mode}: not one byte changed");
        assert_eq!(content(&database), before);
        let backups: Vec<_> = project.files();
        assert!(
            !backups
                .iter()
                .any(|file| ["-wal", "-shm", "-journal"].iter().any(|end| file.ends_with(end))),
            "{backups:?}"
        );
    }
}

#[test]
fn the_log_of_a_living_application_stays_where_it_is() {
    let project = bookshop_and_rich();
    let application = project.database("staging");
    journal(&application, "WAL");
    application.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    application.execute_batch("INSERT INTO parent VALUES (77)").unwrap();
    let result = project.succeed(&create("staging", "custom", &json!(false)));
    assert!(project.path("prisma/staging.db-wal").exists(), "the application still uses it");
    let target = project.path("restored.db");
    restored(&project, "staging", &result, &target);
    let copied = Connection::open(&target).unwrap();
    let found: bool = copied
        .query_row("SELECT count(*) FROM parent WHERE id = 77", [], |row| row.get(0))
        .unwrap();
    assert!(found, "what is only in the log is in the backup");
    application.execute_batch("INSERT INTO parent VALUES (78)").unwrap();
}

#[test]
fn what_a_crashed_application_left_is_neither_lost_nor_half() {
    // Committed, and only in the log.
    let project = bookshop_and_rich();
    let (live, crashed) = (project.path("prisma/dev.db"), project.path("prisma/staging.db"));
    let application = project.database("dev");
    journal(&application, "WAL");
    application.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    application.execute_batch("UPDATE Book SET price = 99").unwrap();
    std::fs::copy(&live, &crashed).unwrap();
    std::fs::copy(project.path("prisma/dev.db-wal"), project.path("prisma/staging.db-wal"))
        .unwrap();
    drop(application);
    let target = project.path("restored.db");
    let result = project.succeed(&create("staging", "sql", &json!(false)));
    restored(&project, "staging", &result, &target);
    let one = |sql: &str| -> i64 {
        Connection::open(&target).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(one("SELECT count(*) FROM Book WHERE price = 99"), 7);

    // Half written, to be taken back.
    let application = project.database("production");
    application.pragma_update(None, "cache_size", 1).unwrap();
    application
        .execute_batch("BEGIN; UPDATE \"Order\" SET quantity = 1000; DELETE FROM ApiKey;")
        .unwrap();
    for end in ["", "-journal"] {
        let from = project.path(&format!("prisma/production.db{end}"));
        std::fs::copy(from, project.path(&format!("prisma/dev.db{end}"))).unwrap();
    }
    application.execute_batch("ROLLBACK").unwrap();
    assert!(project.path("prisma/dev.db-journal").metadata().unwrap().len() > 512, "a hot journal");
    let result = project.succeed(&create("dev", "custom", &json!(true)));
    restored(&project, "dev", &result, &target);
    assert_eq!(one("SELECT count(*) FROM ApiKey"), 2);
    assert_eq!(one("SELECT count(*) FROM \"Order\" WHERE quantity = 1000"), 0);
}

#[test]
fn an_empty_database_and_one_with_odd_pages_come_back() {
    for (page_size, script) in [(512, ""), (65536, "CREATE TABLE t(a); INSERT INTO t VALUES (1);")]
    {
        let project = Project::bookshop();
        let database = project.path("prisma/dev.db");
        std::fs::remove_file(&database).unwrap();
        let connection = project.database("dev");
        connection
            .execute_batch(&format!("PRAGMA page_size = {page_size}; VACUUM; {script}"))
            .unwrap();
        drop(connection);
        let target = project.path("restored.db");
        for (format, compression) in forms() {
            let result = project.succeed(&create("dev", format, &compression));
            let manifest = restored(&project, "dev", &result, &target);
            assert_eq!(manifest["migrations"]["applied_count"], 0);
            assert_eq!(manifest["migrations"]["last_migration"], Value::Null);
        }
    }
}

#[test]
fn failed_and_rolled_back_migrations_are_told_apart() {
    let project = bookshop_and_rich();
    let rich = project.create("staging");
    assert_eq!(rich["migrations"]["applied_count"], 2);
    assert_eq!(rich["migrations"]["last_migration"], "20250302000000_second");
    assert_eq!(rich["migrations"]["failed_migrations"], json!(["20250303000000_broken"]));
    let warnings = rich["warnings"].to_string();
    assert!(warnings.contains("20250303000000_broken"), "{warnings}");
    let shop = project.create("dev");
    assert_eq!(shop["migrations"]["applied_count"], 3);
    assert_eq!(shop["migrations"].get("failed_migrations"), None);
}
