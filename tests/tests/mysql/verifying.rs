//! What verifying notices, and the handler that is asked directly.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use backup_tests::Project;
use backup_tests::artifacts::flip_byte;
use backup_tests::servers::{Dialect, MariadbServer, many_tables, program};
use serde_json::{Value, json};

use crate::formats::rich;
use crate::{Made, create, project};

fn verify(made: &Made, level: &str) -> Value {
    json!({"operation": "verify-backup", "parameters": {"backup_id": made.result["backup_id"], "level": level}})
}

fn small() -> Project {
    let server = MariadbServer::shared();
    let database = server.new_database("verified");
    server.sql(&database, &many_tables(Dialect::Mysql, 5));
    project(server.url(&database))
}

/// Something that happens to a file.
type Damage = fn(&Path);

/// Flips the middle byte, cuts the end, and takes the file away, each in a backup of its own.
fn damaged(request: &Value, level: &str) {
    let project = small();
    let damages: [(&str, Damage); 3] = [
        ("flipped", |path| flip_byte(path, path.metadata().unwrap().len() / 2)),
        ("cut", |path| {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_len(path.metadata().unwrap().len() - 1).unwrap();
        }),
        ("missing", |path| std::fs::remove_file(path).unwrap()),
    ];
    for (about, damage) in damages {
        let made = Made::by(&project, request);
        made.assert_verifies(&project);
        let path = if made.artifact.is_dir() {
            let files = std::fs::read_dir(&made.artifact).unwrap();
            let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
            files.sort();
            files
                .into_iter()
                .find(|path| path.display().to_string().contains("table_0003.sql"))
                .unwrap()
        } else {
            made.artifact.clone()
        };
        damage(&path);
        let answer = project.fail(&verify(&made, level), "verification_failed");
        assert_eq!(
            answer["error"], "Backup verification failed - file may be corrupted",
            "{about}"
        );
        assert!(!answer["result"]["finding"].as_str().unwrap().is_empty());
    }
}

#[test]
fn damage_to_a_text_dump_is_noticed() {
    for compression in [json!(false), json!(true), json!("zstd")] {
        damaged(&create("sql", &compression), "full");
    }
}

#[test]
fn damage_to_a_folder_is_noticed() {
    for compression in [json!(false), json!(true)] {
        damaged(&create("directory", &compression), "full");
    }
}

#[test]
fn one_more_file_in_a_folder_is_noticed() {
    let project = small();
    let made = Made::by(&project, &create("directory", &json!(false)));
    std::fs::write(made.artifact.join("more.table_0001.sql"), "INSERT INTO `x` VALUES (1);\n")
        .unwrap();
    project.fail(&verify(&made, "full"), "verification_failed");
}

/// A request to the handler itself.
fn handler(operation: &str, parameters: &Value) -> Value {
    json!({"skill": "handler-db-prisma", "operation": operation, "parameters": parameters})
}

#[test]
fn the_handler_asked_directly_writes_its_file_and_records_nothing() {
    let server = MariadbServer::shared();
    let project = project(server.url(rich()));
    for (file, more, written) in [
        ("dumps/one.sql", json!({}), "dumps/one.sql"),
        ("dumps/two.sql", json!({"compression": true, "format": "sql"}), "dumps/two.sql.gz"),
        ("dumps/three.sql.zst", json!({"compression": "zstd"}), "dumps/three.sql.zst"),
    ] {
        let mut parameters = json!({"environment": "dev", "database_url_env": "DEV_DATABASE_URL", "output_file": file});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let result = project.succeed(&handler("create-backup", &parameters));
        assert_eq!(result["file_path"], written);
        assert_eq!(result["size_bytes"], project.path(written).metadata().unwrap().len());
        let copy = format!("direct_{}", written.len());
        server.restore_plain(&project.path(written), &copy);
        server.assert_same(rich(), server, &copy);
    }
    assert_eq!(project.catalogue(), json!({}));
    for file in ["dumps/one.sql", "dumps/two.sql.gz", "dumps/three.sql.zst"] {
        project.succeed(&handler("verify-backup", &json!({"file_path": file})));
    }
}

/// What the plain tool writes.
fn dump_by_hand(server: &MariadbServer, database: &str) -> Vec<u8> {
    let mut command = Command::new(program("mariadb-dump"));
    command.env_clear().arg(format!("--defaults-file={}", server.settings_file().display()));
    command.args(["--single-transaction", "--routines", "--events", "--hex-blob", database]);
    let output = command.output().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = gzip.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes).unwrap());
        gzip.wait_with_output().unwrap().stdout
    })
}

#[test]
fn a_dump_made_by_hand_is_judged_by_its_end() {
    let server = MariadbServer::shared();
    let dump = dump_by_hand(server, rich());
    let project = project(server.url(rich()));
    let judge = |bytes: &[u8]| -> Vec<String> {
        let written = [("by-hand.sql", bytes.to_vec()), ("by-hand.sql.gz", packed(bytes))];
        let judged = written.map(|(name, bytes)| {
            std::fs::write(project.path(name), bytes).unwrap();
            let answer = project.ask(&handler("verify-backup", &json!({"file_path": name})));
            answer["code"].as_str().unwrap_or("passed").to_owned()
        });
        judged.into()
    };
    assert_eq!(judge(&dump), ["passed", "passed"]);
    let text = String::from_utf8_lossy(&dump);
    // A line of a stored function that looks like the last one of a dump.
    let fake = text.find("\n-- Dump completed on 2025-01-20").unwrap();
    let fake = fake + text[fake + 1..].find('\n').unwrap() + 2;
    let end = text.rfind("\n-- Dump completed").unwrap();
    for length in [fake, end, end + 5, dump.len() / 2, dump.len() / 3] {
        assert_eq!(
            judge(&dump[..length]),
            ["verification_failed"; 2],
            "{length} of {}",
            dump.len()
        );
    }
}
