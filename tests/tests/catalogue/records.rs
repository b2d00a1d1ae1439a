//! Single records: of the older shape, without their artifact, failed, outlived.

use super::*;

#[test]
fn records_of_the_older_shape_are_listed_verified_and_deleted() {
    for environment in [Some("staging"), None] {
        let project = Project::bookshop();
        project.create("dev");
        let size = old_artifact(&project, OLD);
        let mut record = json!({"id": "backup-20240101-000000", "timestamp": "2024-01-01T00:00:00Z",
            "file": OLD, "database": "shop"});
        if let Some(environment) = environment {
            record["environment"] = json!(environment);
        }
        add_old_record(&project, record);
        let id = json!("backup-20240101-000000");
        let seen = listed(&project, &id);
        assert_eq!(seen["created_at"], "2024-01-01T00:00:00Z");
        assert_eq!((&seen["file_exists"], &seen["verified"]), (&json!(true), &json!(false)));
        assert_eq!(list(&project, &json!({"sort": "asc"}))[0]["backup_id"], id);

        let quick = ask("verify-backup", &json!({"backup_id": id, "level": "quick"}));
        let verified = project.succeed(&quick);
        assert_eq!(verified["verification"]["integrity_check"], "passed", "{environment:?}");
        project.succeed(&ask("verify-backup", &json!({"backup_id": id})));

        let delete = ask("delete-backup", &json!({"backup_id": id}));
        let mut answer = project.ask(&delete);
        if answer["code"] == "last_good_backup" {
            answer = project.ask(&answer["recovery"]["next_request"]);
        }
        assert_eq!(answer["status"], "success", "{answer:#}");
        assert_eq!(answer["result"]["freed_bytes"], size);
        assert!(!project.path(OLD).exists());
        assert_nothing_is_half(&project);
    }
}

#[test]
fn an_old_record_that_leads_out_of_the_project_reaches_nothing() {
    let elsewhere = tempfile::tempdir().unwrap();
    let theirs = elsewhere.path().join("theirs.sqlite");
    std::fs::write(&theirs, "theirs").unwrap();
    let project = Project::bookshop();
    project.create("dev");
    std::os::unix::fs::symlink(elsewhere.path(), project.path("shortcut")).unwrap();
    for path in [theirs.to_str().unwrap(), "shortcut/theirs.sqlite", "prisma/../../theirs.sqlite"] {
        edit(&project, |catalogue| {
            let backups = catalogue["backups"].as_array_mut().unwrap();
            backups.retain(|record| record["id"].is_null());
            backups
                .push(json!({"id": "backup-20240101-000000", "timestamp": "2024-01-01T00:00:00Z",
                "file": path, "database": "shop", "environment": "staging"}));
        });
        let id = json!({"backup_id": "backup-20240101-000000"});
        let verified = project.ask(&ask("verify-backup", &id));
        assert_eq!(verified["status"], "error", "{path}: {verified:#}");
        // The record may go; the file is not ours.
        project.ask(&ask("delete-backup", &id));
        project.create("dev");
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
    }
}

#[test]
fn an_artifact_that_is_missing_at_delete_is_reported_and_the_record_removed() {
    let project = Project::bookshop();
    let gone = project.create("dev");
    project.create("dev");
    std::fs::remove_file(project.path(gone["file_path"].as_str().unwrap())).unwrap();
    assert_eq!(listed(&project, &gone["backup_id"])["file_exists"], false);
    let deleted = project.succeed(&ask("delete-backup", &json!({"backup_id": gone["backup_id"]})));
    assert_eq!(deleted["artifact_existed"], false);
    assert_eq!(deleted["freed_bytes"], 0);
    assert!(deleted["warnings"].to_string().contains("missing"));
    assert_eq!(recorded_ids(&project).len(), 1);
    assert_nothing_is_half(&project);
}

#[test]
fn a_backup_that_fails_its_verification_counts_for_nothing_until_it_passes() {
    for (format, compression) in
        [("custom", json!(false)), ("sql", json!(true)), ("custom", json!("zstd"))]
    {
        let project = Project::bookshop();
        let made = project.succeed(&ask(
            "create-backup",
            &json!({
            "environment": "dev", "format": format, "compression": compression}),
        ));
        let id = &made["backup_id"];
        let artifact = project.path(made["file_path"].as_str().unwrap());
        let whole = std::fs::read(&artifact).unwrap();
        let status = || {
            let seen = listed(&project, id);
            (seen["status"].as_str().unwrap().to_owned(), seen["verified"].as_bool().unwrap())
        };
        let count = |status: &str| list(&project, &json!({"status": status})).len();
        assert_eq!(status(), ("valid".to_owned(), true));

        let damages: [(&str, Vec<u8>); 5] = [
            ("a flipped byte", {
                let mut bytes = whole.clone();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                bytes
            }),
            ("cut short", whole[..whole.len() - 1].to_vec()),
            ("longer", [whole.as_slice(), b"x"].concat()),
            ("empty", Vec::new()),
            ("of the same size, and zeros", vec![0; whole.len()]),
        ];
        for (what, damage) in damages {
            for level in ["quick", "full"] {
                std::fs::write(&artifact, &damage).unwrap();
                let request = ask("verify-backup", &json!({"backup_id": id, "level": level}));
                let failed = project.fail(&request, "verification_failed");
                assert_eq!(failed["result"]["actual_size_bytes"], damage.len(), "{what}");
                assert_eq!(status(), ("invalid".to_owned(), false), "{what} at {level}");
                assert_eq!((count("invalid"), count("valid"), count("verified")), (1, 0, 0));
                std::fs::write(&artifact, &whole).unwrap();
                project.succeed(&ask("verify-backup", &json!({"backup_id": id, "level": "full"})));
                assert_eq!(status(), ("valid".to_owned(), true), "{what} at {level}");
            }
        }
        std::fs::remove_file(&artifact).unwrap();
        let failed =
            project.fail(&ask("verify-backup", &json!({"backup_id": id})), "verification_failed");
        assert_eq!(failed["result"]["file_readable"], false);
        assert_eq!(status().0, "invalid");
        let notes = files_of(&project, "dev")
            .iter()
            .filter(|path| path.to_string_lossy().contains(".note."))
            .count();
        assert_eq!(notes, 21, "each verdict is a note");
        assert_eq!(
            manifest(&project, "dev", id.as_str().unwrap())["verification"]["integrity_check"],
            "passed",
            "the manifest never changes"
        );
    }
}

#[test]
fn a_damaged_manifest_hides_no_other_backup() {
    let project = Project::bookshop();
    let made = project.create("dev");
    let id = made["backup_id"].as_str().unwrap();
    let path = project.backups().join(format!("dev/{id}.manifest.json"));
    std::fs::write(&path, "{\"manifest_version\":").unwrap();
    let next = project.create("dev");
    assert_eq!(list(&project, &json!({})).len(), 2);
    assert_eq!(list(&project, &json!({"detail": true})).len(), 2);
    project.succeed(&ask("verify-backup", &json!({"backup_id": next["backup_id"]})));
    let refused = project.ask(&ask("verify-backup", &json!({"backup_id": id})));
    assert_eq!(refused["status"], "error");
    assert!(
        refused["result"]["path"].as_str().unwrap().contains(id),
        "it names the file: {refused:#}"
    );
    let rebuilt = project.succeed(&ask("rebuild-catalogue", &json!({})));
    assert!(rebuilt["unreadable"].to_string().contains(id));
    assert_eq!(recorded_ids(&project).len(), 2, "its artifact exists: the old record is kept");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"manifest_version\":");
}

#[test]
fn a_rebuild_beside_creates_loses_no_record() {
    let project = Project::bookshop();
    // Many manifests make the reading long, and the gap before the writing wide.
    let made = project.create("staging");
    let id = made["backup_id"].as_str().unwrap();
    let folder = project.backups().join("staging");
    let text = std::fs::read_to_string(folder.join(format!("{id}.manifest.json"))).unwrap();
    for number in 0..400 {
        let other = format!("backup-20240101-{:02}{:02}00", number / 60, number % 60);
        std::fs::write(folder.join(format!("{other}.manifest.json")), text.replace(id, &other))
            .unwrap();
        std::fs::hard_link(
            folder.join(format!("{id}.sqlite")),
            folder.join(format!("{other}.sqlite")),
        )
        .unwrap();
    }
    project.create("dev");
    let begun = std::time::Instant::now();
    project.succeed(&ask("rebuild-catalogue", &json!({})));
    let rebuild = begun.elapsed();
    let turns = if torture() { 60 } else { 12 };
    for turn in 0..turns {
        let mut host = LiveHost::start(&mut project.host());
        host.send(&create("dev"));
        wait_until("the id is claimed", || {
            files_of(&project, "dev").iter().any(|path| path.to_string_lossy().contains(".partial"))
        });
        host.pause();
        let mut rebuilder = LiveHost::start(&mut project.host());
        rebuilder.ask(&json!({"operation": "describe"}));
        rebuilder.send(&ask("rebuild-catalogue", &json!({})));
        std::thread::sleep(rebuild.mul_f64(f64::from(turn) / f64::from(turns)));
        host.resume();
        let made = host.answer().unwrap();
        assert_eq!(made["status"], "success", "{made:#}");
        assert_eq!(rebuilder.answer().unwrap()["status"], "success");
        let id = made["result"]["backup_id"].as_str().unwrap();
        let seen = recorded_ids(&project);
        assert!(
            seen.iter().any(|known| known == id),
            "recorded, then taken away: {id} in turn {turn}"
        );
    }
}

#[test]
fn a_backup_is_not_removed_while_it_is_verified() {
    let project = Project::bookshop();
    fill_large(&project.database("dev"), 20);
    let made = project.succeed(&ask(
        "create-backup",
        &json!({"environment": "dev", "compression": "zstd", "label": "outlived"}),
    ));
    project.create("dev");
    let id = made["backup_id"].as_str().unwrap();
    let mut host = LiveHost::start(&mut project.host());
    host.send(&ask("verify-backup", &json!({"backup_id": id})));
    wait_until("the scratch copy", || {
        files_of(&project, "dev").iter().any(|path| path.to_string_lossy().contains(".examined."))
    });
    host.pause();
    let delete = ask("delete-backup", &json!({"backup_id": id}));
    let refused = project.fail(&delete, "backup_in_progress");
    assert!(refused["error"].as_str().unwrap().contains(id), "{refused:#}");
    host.resume();
    assert_eq!(host.answer().unwrap()["status"], "success");
    let (status, _) = host.end();
    assert!(status.code().is_some());
    project.succeed(&delete);
    project.create("staging");
    assert!(!recorded_ids(&project).iter().any(|known| known == id));
    let left: Vec<_> = project.files().into_iter().filter(|file| file.contains(id)).collect();
    assert_eq!(left, [""; 0], "the backup is gone with everything about it");
}
