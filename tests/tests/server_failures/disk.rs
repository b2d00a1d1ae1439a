//! A disk that is too small, before a dump and while it is written: the seed's words, and nothing left.

use backup_tests::Project;
use backup_tests::small_disk::SmallDisk;
use serde_json::{Value, json};

use crate::seed_errors::{assert_as_in_seed, request};
use crate::shop::{Server, forms_of};

const GIB: u64 = 1024 * 1024 * 1024;

fn create(format: &str, compression: bool) -> Value {
    let mut request = request();
    request["parameters"]["format"] = json!(format);
    request["parameters"]["compression"] = json!(compression);
    request["parameters"]["confirm"] = json!(true);
    request
}

/// Makes a database look as large as it takes: a file among its own, which is a hole.
fn inflate(database: &str) {
    let Server::Postgres(server) = Server::postgres() else { unreachable!() };
    let question = format!("SELECT oid FROM pg_database WHERE datname = '{database}'");
    let folder = server.socket_folder().join("data/base").join(server.value("postgres", &question));
    let file = std::fs::File::create(folder.join("999999")).unwrap();
    file.set_len(40 * GIB).unwrap();
}

#[test]
fn too_little_room_before_the_dump_is_told_as_in_the_seed() {
    let server = Server::postgres();
    let database = server.new_shop("roomless");
    inflate(&database);
    let project = Project::with_urls(&[("production", server.url(&database))]);
    let mut disk = SmallDisk::start(&project, "10g");
    for (_, format) in forms_of(server) {
        for (compression, required) in [(false, 48), (true, 14)] {
            let failed = disk.ask(&create(format, compression));
            assert_as_in_seed(&failed, "create-backup.error-disk-space-full.json", &[]);
            assert_eq!(failed["code"], "insufficient_disk_space");
            assert_eq!(failed["result"]["required_space_gb"], required, "{failed:#}");
            assert_eq!(failed["result"]["available_space_gb"], 9, "{failed:#}");
            assert_eq!(failed["result"]["backup_size_estimate_gb"], 48, "{failed:#}");
            assert_eq!(disk.files(), [""; 0]);
        }
    }
}

#[test]
fn too_little_room_for_a_mariadb_dump_is_told_as_in_the_seed() {
    let server = Server::mariadb();
    let database = server.new_shop("roomless");
    server.sql(&database, "CREATE TABLE wide (id integer PRIMARY KEY, text longtext)");
    server.sql(&database, "INSERT INTO wide SELECT seq, repeat('words ', 100000) FROM seq_1_to_16");
    // The server's estimate follows what was written; here it must be there at once.
    server.sql(&database, "ANALYZE TABLE wide");
    let project = Project::with_urls(&[("production", server.url(&database))]);
    let mut disk = SmallDisk::start(&project, "3m");
    for (_, format) in forms_of(server) {
        let failed = disk.ask(&create(format, false));
        assert_as_in_seed(&failed, "create-backup.error-disk-space-full.json", &[]);
        assert_eq!(failed["result"]["available_space_gb"], 0, "{failed:#}");
        assert_eq!(failed["result"]["required_space_gb"], 1, "{failed:#}");
        assert_eq!(disk.files(), [""; 0]);
    }
}

/// So many megabytes that no compression can shrink, and that take twice as much in a script.
const MEGABYTES: u32 = 16;

fn fill(server: Server<'_>, database: &str) {
    let text = match server {
        Server::Postgres(_) => format!(
            "CREATE TABLE noise (id integer, bytes bytea); \
             ALTER TABLE noise ALTER bytes SET STORAGE EXTERNAL; \
             INSERT INTO noise SELECT n, (SELECT string_agg(uuid_send(gen_random_uuid()), '') \
             FROM generate_series(1, 65536)) FROM generate_series(1, {MEGABYTES}) AS n;"
        ),
        Server::Mariadb(_) => format!(
            "CREATE TABLE noise (id integer, bytes longblob); \
             INSERT INTO noise SELECT blocks.seq, (SELECT group_concat(random_bytes(1024) SEPARATOR '') \
             FROM seq_1_to_1024) FROM seq_1_to_{MEGABYTES} AS blocks; ANALYZE TABLE noise;"
        ),
    };
    server.sql(database, &text);
}

/// One small backup, then one that must fail for want of room while it is written.
fn runs_full(server: Server<'static>, size: &str, compression: bool, formats: &[&str]) {
    let (small, large) = (server.new_shop("small"), server.new_shop("outgrown"));
    fill(server, &large);
    let urls = [("dev", server.url(&small)), ("production", server.url(&large))];
    let project = Project::with_urls(&urls);
    // Some tools neither end nor write on a full disk.
    project.configure(|configuration| configuration["backup"] = json!({"stall_seconds": 3}));
    let mut disk = SmallDisk::start(&project, size);
    let request = json!({"operation": "create-backup", "parameters": {"environment": "dev", "compression": true}});
    let made = disk.ask(&request);
    assert_eq!(made["status"], "success", "{made:#}");
    let files = disk.files();
    for format in formats {
        let about = format!("{format}, compressed: {compression}");
        let failed = disk.ask(&create(format, compression));
        assert_as_in_seed(&failed, "error-insufficient-disk-space.json", &[]);
        assert_eq!(failed["code"], "insufficient_disk_space", "{about}");
        let bytes = |name: &str| failed["result"][name].as_u64().unwrap();
        let (required, available) = (bytes("required_space_bytes"), bytes("available_space_bytes"));
        assert!(required > available, "{about}: {failed:#}");
        assert!(bytes("required_space_gb") > bytes("available_space_gb"), "{about}: {failed:#}");
        assert_eq!(disk.files(), files, "{about}: a file is left");
        let folder = disk.backups.join("production");
        assert_eq!(crate::shop::entries(&folder), [""; 0], "{about}: a folder is left");
        assert_eq!(disk.catalogue()["backups"].as_array().unwrap().len(), 1, "{about}");
    }
    // The room is there again, and so is the host.
    assert_eq!(disk.ask(&request)["status"], "success");
}

#[test]
fn a_postgres_dump_that_outgrows_its_estimate_leaves_nothing() {
    let formats = ["sql", "custom", "directory"];
    runs_full(Server::postgres(), "31m", false, &formats);
    runs_full(Server::postgres(), "12m", true, &formats);
}

#[test]
fn a_mariadb_dump_that_outgrows_its_estimate_leaves_nothing() {
    runs_full(Server::mariadb(), "26m", false, &["sql"]);
    runs_full(Server::mariadb(), "11m", true, &["sql", "directory"]);
}
