//! Artifacts that were changed after they were made, and their removal.

use std::path::{Path, PathBuf};

use backup_tests::Project;
use backup_tests::artifacts::{files_of, flip_byte, records};
use backup_tests::servers::PostgresServer;
use serde_json::{Value, json};

use crate::backup::{Backup, FORMATS, delete, project, verify};

/// A project whose database has a table that fills most of any dump of it.
fn large_enough(about: &str) -> Project {
    let server = PostgresServer::shared();
    let database = server.new_database(about);
    server.sql(
        &database,
        "CREATE TABLE noise AS SELECT n, sha512(n::text::bytea) FROM generate_series(1, 3000) AS n",
    );
    project(&server.url(&database))
}

/// The artifact itself, or of a folder its largest file.
fn largest_file(artifact: &Path) -> PathBuf {
    if artifact.is_file() {
        return artifact.to_path_buf();
    }
    let files = std::fs::read_dir(artifact).unwrap().map(|file| file.unwrap().path());
    files.max_by_key(|file| file.metadata().unwrap().len()).unwrap()
}

fn assert_failed(envelope: &Value, what: &str) {
    assert_eq!(envelope["code"], "verification_failed", "{what}: {envelope:#}");
    assert_eq!(envelope["error"], "Backup verification failed - file may be corrupted");
}

#[test]
fn a_flipped_byte_anywhere_is_noticed_in_every_recorded_form() {
    let project = large_enough("flipped");
    for format in FORMATS {
        for compression in [false, true] {
            let made =
                Backup::make(&project, json!({"format": format, "compression": compression}));
            let file = largest_file(&made.artifact);
            let length = file.metadata().unwrap().len();
            for (place, level) in [(0, "quick"), (length / 2, "full"), (length - 1, "full")] {
                flip_byte(&file, place);
                let what = format!("{format}, {compression}, byte {place}");
                assert_failed(&verify(&project, made.id(), level), &what);
                flip_byte(&file, place);
            }
            let whole = verify(&project, made.id(), "full");
            assert_eq!(whole["status"], "success", "{whole:#}");
        }
    }
}

#[test]
fn what_is_missing_or_too_much_in_a_folder_is_noticed() {
    let project = large_enough("missing");
    let made = Backup::make(&project, json!({"format": "directory", "compression": true}));
    let files = std::fs::read_dir(&made.artifact).unwrap().map(|file| file.unwrap().path());
    let files: Vec<PathBuf> = files.collect();
    assert!(files.len() >= 2, "{files:?}");
    let aside = project.path("aside");
    for file in &files {
        std::fs::rename(file, &aside).unwrap();
        for level in ["quick", "full"] {
            assert_failed(&verify(&project, made.id(), level), &format!("without {file:?}"));
        }
        std::fs::rename(&aside, file).unwrap();
    }
    let stranger = made.artifact.join("stranger");
    std::fs::write(&stranger, "x").unwrap();
    assert_failed(&verify(&project, made.id(), "full"), "with a stranger");
    std::fs::remove_file(stranger).unwrap();
    std::fs::create_dir(made.artifact.join("folder")).unwrap();
    assert_failed(&verify(&project, made.id(), "full"), "with a folder");
    std::fs::remove_dir(made.artifact.join("folder")).unwrap();
    assert_eq!(verify(&project, made.id(), "full")["status"], "success");
    std::fs::rename(&made.artifact, &aside).unwrap();
    assert_failed(&verify(&project, made.id(), "full"), "without the folder");
}

#[test]
fn the_handler_notices_damage_by_the_file_alone() {
    let project = large_enough("unrecorded");
    let ask = |operation: &str, parameters: Value| {
        project.ask(&json!({"skill": "handler-db-prisma", "operation": operation, "parameters": parameters}))
    };
    for name in ["a.sql.gz", "a.sql.zst", "a.dump", "a.dir"] {
        let output_file = format!("dumps/{name}");
        let compression = if name.ends_with("zst") { json!("zstd") } else { json!(true) };
        let parameters =
            json!({"environment": "dev", "output_file": output_file, "compression": compression});
        assert_eq!(ask("create-backup", parameters)["status"], "success", "{name}");
        let verify = || ask("verify-backup", json!({"file_path": output_file}));
        let artifact = project.path(&output_file);
        let file = largest_file(&artifact);
        let length = file.metadata().unwrap().len();
        flip_byte(&file, length / 2);
        assert_failed(&verify(), name);
        flip_byte(&file, length / 2);
        let envelope = verify();
        assert_eq!(envelope["status"], "success", "{name}: {envelope:#}");
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert_failed(&verify(), &format!("half of {name}"));
        std::fs::remove_file(&file).unwrap();
        assert_failed(&verify(), &format!("without {file:?}"));
    }
}

#[test]
fn a_lost_catalogue_brings_folders_back_and_a_deleted_one_leaves_nothing() {
    let project = large_enough("deleted");
    let parameters = json!({"format": "directory", "include_globals": true});
    let first = Backup::make(&project, parameters.clone());
    let second = Backup::make(&project, parameters);
    second.assert_no_warnings();
    verify(&project, first.id(), "full");
    let before = records(&project);
    std::fs::remove_file(project.backups().join("backups.json")).unwrap();
    let rebuilt = project.succeed(&json!({"operation": "rebuild-catalogue"}));
    assert_eq!(records(&project), before, "{rebuilt:#}");
    delete(&project, first.id());
    let left = files_of(&project, "dev");
    let is_the_seconds = |file: &PathBuf| file.to_str().unwrap().contains(second.id());
    assert!(!left.is_empty() && left.iter().all(is_the_seconds), "{left:?}");
    assert!(!first.artifact.exists());
    delete(&project, second.id());
    assert!(files_of(&project, "dev").is_empty());
}
