//! A disk without room: an answer to act on, nothing left behind, nothing lost that was there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use backup_tests::Project;
use backup_tests::databases::fill_large;
use backup_tests::live_host::wait_until;
use backup_tests::small_disk::SmallDisk;
use rusqlite::Connection;
use serde_json::{Value, json};

const GIB: u64 = 1024 * 1024 * 1024;

fn create(environment: &str, format: &str, compression: &Value) -> Value {
    json!({"operation": "create-backup", "parameters": {
        "environment": environment, "format": format, "compression": compression
    }})
}

fn small(environment: &str) -> Value {
    create(environment, "custom", &json!(false))
}

/// The seed's sentences for a disk that is too small to begin.
fn suggestions_before() -> Value {
    json!([
        "Free up disk space: df -h",
        "Clean up old backups: /faber-db:cleanup-backups --expired",
        "Use compression: --compression flag (default for production)",
        "Use cloud storage: Configure S3 in config.json"
    ])
}

/// The seed's sentences for a disk that filled up meanwhile.
fn suggestions_during() -> Value {
    json!([
        "Free up disk space",
        "Use compression: --compression flag",
        "Clean up old backups: /faber-db:cleanup-backups",
        "Configure cloud storage in config.json"
    ])
}

fn assert_before(answer: &Value, required: u64, estimate: u64) {
    assert_eq!(answer["status"], "error", "{answer:#}");
    assert_eq!(answer["error"], "Insufficient disk space", "{answer:#}");
    assert_eq!(answer["code"], "insufficient_disk_space");
    assert_eq!(answer["recovery"]["suggestions"], suggestions_before());
    let result = &answer["result"];
    assert_eq!(result["required_space_bytes"], required);
    assert_eq!(result["backup_size_estimate_bytes"], estimate);
    let available = result["available_space_bytes"].as_u64().unwrap();
    assert!(available < required);
    assert_eq!(result["available_space_gb"], available / GIB);
}

fn assert_during(answer: &Value) {
    assert_eq!(answer["status"], "error", "{answer:#}");
    assert_eq!(answer["error"], "Insufficient disk space for backup", "{answer:#}");
    assert_eq!(answer["code"], "insufficient_disk_space");
    assert_eq!(answer["recovery"]["suggestions"], suggestions_during());
    let result = answer["result"].as_object().unwrap();
    let mut names: Vec<&str> = result.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "available_space_bytes",
            "available_space_gb",
            "required_space_bytes",
            "required_space_gb"
        ]
    );
    let bytes = |name: &str| result[name].as_u64().unwrap();
    assert!(
        bytes("required_space_bytes") > bytes("available_space_bytes"),
        "what was needed is more than what was there: {answer:#}"
    );
    assert!(bytes("required_space_gb") > bytes("available_space_gb"));
}

/// Makes the database look as large as it takes: the header counts the pages, the file is a hole.
fn inflate(project: &Project, environment: &str, gib: u64) {
    use std::io::{Seek, SeekFrom, Write};
    let pages = u32::try_from(gib * GIB / 4096).unwrap();
    let path = project.path(&format!("prisma/{environment}.db"));
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(28)).unwrap();
    file.write_all(&pages.to_be_bytes()).unwrap();
    file.set_len(gib * GIB).unwrap();
}

#[test]
fn too_little_room_before_the_dump_is_told_as_the_seed_tells_it() {
    let project = Project::bookshop();
    inflate(&project, "production", 40);
    let mut disk = SmallDisk::start(&project, "15729664k");
    // 40 GB with the buffer of a fifth.
    let mut request = small("production");
    request["parameters"]["confirm"] = json!(true);
    let answer = disk.ask(&request);
    assert_before(&answer, 48 * GIB, 48 * GIB);
    assert_eq!(answer["result"]["required_space_gb"], 48);
    assert_eq!(answer["result"]["available_space_gb"], 15);
    assert_eq!(answer["result"]["backup_size_estimate_gb"], 48);
    assert_eq!(answer["operation"], "create-backup");
    assert_eq!(answer["environment"], "production");
    let names: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["status", "operation", "environment", "error", "code", "retryable", "result", "recovery"]
    );
    assert_eq!(disk.files(), [""; 0]);

    // Compressed, three tenths of it beside the working copy.
    let mut request = create("production", "custom", &json!(true));
    request["parameters"]["confirm"] = json!(true);
    let answer = disk.ask(&request);
    let estimate = 48 * GIB;
    assert_before(&answer, estimate * 3 / 10 + 40 * GIB, estimate);
    assert_eq!(answer["result"]["required_space_gb"], 54);
    assert_eq!(disk.files(), [""; 0]);

    request["parameters"]["dry_run"] = json!(true);
    let planned = disk.ask(&request);
    assert_before(&planned, estimate * 3 / 10 + 40 * GIB, estimate);
}

#[test]
fn a_need_of_megabytes_never_reads_as_what_is_there() {
    let project = Project::bookshop();
    fill_large(&project.database("staging"), 8);
    let mut disk = SmallDisk::start(&project, "6m");
    assert_eq!(disk.ask(&small("dev"))["status"], "success");
    let size = project.path("prisma/staging.db").metadata().unwrap().len();
    let answer = disk.ask(&small("staging"));
    assert_before(&answer, size * 120 / 100, size * 120 / 100);
    assert_eq!(answer["result"]["required_space_gb"], 1);
    assert_eq!(answer["result"]["available_space_gb"], 0);
    let files = disk.files();
    assert_eq!(files.len(), 3, "{files:?}");
    assert_eq!(disk.catalogue()["backups"].as_array().unwrap().len(), 1);
}

#[test]
fn a_disk_without_one_byte_is_told_before_the_dump_as_well() {
    let project = Project::bookshop();
    let mut disk = SmallDisk::start(&project, "2m");
    assert_eq!(disk.ask(&small("dev"))["status"], "success");
    let files = disk.files();
    disk.fill();
    let answer = disk.ask(&small("dev"));
    assert_eq!(disk.files(), files);
    assert_eq!(answer["error"], "Insufficient disk space", "{answer:#}");
    assert_eq!(answer["recovery"]["suggestions"], suggestions_before());
    let result = &answer["result"];
    assert!(result["required_space_bytes"].as_u64() > result["available_space_bytes"].as_u64());
    assert!(result["backup_size_estimate_gb"].is_number());
}

/// One good backup, then one that must fail for want of room while it is written.
fn runs_full(disk: &mut SmallDisk, request: &Value) {
    assert_eq!(disk.ask(&small("dev"))["status"], "success");
    let files = disk.files();
    let answer = disk.ask(request);
    assert_during(&answer);
    assert_eq!(disk.files(), files, "nothing is left behind");
    assert_eq!(disk.catalogue()["backups"].as_array().unwrap().len(), 1);
    // The room is there again, and so is the host.
    assert_eq!(disk.ask(&small("dev"))["status"], "success");
}

#[test]
fn a_text_dump_that_outgrows_its_estimate_leaves_nothing() {
    // Bytes take two characters each in a text.
    let project = Project::bookshop();
    project
        .database("staging")
        .execute_batch("CREATE TABLE b(x); INSERT INTO b SELECT randomblob(4000000)")
        .unwrap();
    let mut disk = SmallDisk::start(&project, "11m");
    runs_full(&mut disk, &create("staging", "sql", &json!(false)));
}

#[test]
fn a_compressed_copy_that_outgrows_its_estimate_leaves_nothing() {
    // Random bytes cannot be compressed to three tenths.
    let project = Project::bookshop();
    project
        .database("staging")
        .execute_batch("CREATE TABLE b(x); INSERT INTO b SELECT randomblob(4000000)")
        .unwrap();
    for compression in [json!(true), json!("zstd")] {
        let mut disk = SmallDisk::start(&project, "7m");
        runs_full(&mut disk, &create("staging", "custom", &compression));
    }
}

#[test]
fn a_disk_that_somebody_fills_during_the_copy_leaves_nothing() {
    let project = Project::bookshop();
    fill_large(&project.database("staging"), 24);
    for (format, compression) in [("custom", json!(false)), ("sql", json!(true))] {
        let mut disk = SmallDisk::start(&project, "96m");
        assert_eq!(disk.ask(&small("dev"))["status"], "success");
        let files = disk.files();
        disk.host.send(&create("staging", format, &compression));
        let folder = disk.backups.join("staging");
        wait_until("the copy grows", || {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            entries.into_iter().any(|entry| entry.metadata().is_ok_and(|file| file.len() > 0))
        });
        disk.host.pause();
        disk.fill();
        disk.host.resume();
        let answer = disk.host.answer().unwrap();
        assert_during(&answer);
        assert_eq!(disk.files(), files, "nothing is left behind");
        assert_eq!(disk.catalogue()["backups"].as_array().unwrap().len(), 1);
        disk.free();
        assert_eq!(disk.ask(&create("staging", format, &compression))["status"], "success");
    }
}

#[test]
fn a_verification_without_room_for_its_scratch_copy_is_no_verdict() {
    let project = Project::bookshop();
    // Very compressible: the artifact is small, its content is not.
    project
        .database("staging")
        .execute_batch("CREATE TABLE b(x); INSERT INTO b SELECT zeroblob(6000000)")
        .unwrap();
    let mut disk = SmallDisk::start(&project, "13m");
    let made = disk.ask(&create("staging", "custom", &json!(true)));
    assert_eq!(made["status"], "success", "{made:#}");
    let id = &made["result"]["backup_id"];
    disk.fill();
    let files = disk.files();
    let answer = disk.ask(&json!({"operation": "verify-backup", "parameters": {"backup_id": id}}));
    assert_eq!(answer["code"], "insufficient_disk_space", "{answer:#}");
    assert_eq!(disk.files(), files);
    let listed = disk.ask(&json!({"operation": "list-backups"}));
    assert_eq!(listed["result"]["backups"][0]["status"], "valid", "a full disk breaks no backup");
    disk.free();
    let answer = disk.ask(&json!({"operation": "verify-backup", "parameters": {"backup_id": id}}));
    assert_eq!(answer["status"], "success", "{answer:#}");
}

#[test]
fn a_full_disk_can_be_freed_by_deleting_a_backup() {
    let project = Project::bookshop();
    let mut disk = SmallDisk::start(&project, "2m");
    let made = disk.ask(&small("dev"));
    disk.ask(&small("dev"));
    disk.fill();
    let listed = disk.ask(&json!({"operation": "list-backups"}));
    assert_eq!(listed["result"]["total_count"], 2, "reading needs no room");
    let id = &made["result"]["backup_id"];
    let answer = disk.ask(&json!({"operation": "delete-backup", "parameters": {"backup_id": id}}));
    assert_eq!(answer["status"], "success", "what the error advises must be possible: {answer:#}");
    assert_eq!(disk.catalogue()["backups"].as_array().unwrap().len(), 1);
    assert_eq!(disk.files().len(), 3, "{:?}", disk.files());
}

#[test]
fn the_live_database_is_none_the_worse() {
    let project = Project::bookshop();
    fill_large(&project.database("staging"), 8);
    let database = project.path("prisma/staging.db");
    let before = std::fs::read(&database).unwrap();
    let mut disk = SmallDisk::start(&project, "11m");
    let answer = disk.ask(&create("staging", "sql", &json!(true)));
    assert_eq!(answer["code"], "insufficient_disk_space", "{answer:#}");
    assert!(std::fs::read(&database).unwrap() == before);
    let connection = Connection::open(&database).unwrap();
    connection.execute_batch("CREATE TABLE still(writable)").unwrap();
}
