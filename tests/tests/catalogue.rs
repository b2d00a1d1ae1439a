//! The catalogue is an index: whatever becomes of it, the backups are found again and nothing is guessed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::PathBuf;

use backup_tests::Project;
use backup_tests::artifacts::{
    assert_all_verify, assert_nothing_is_half, files_of, flip_byte, manifest, recorded_ids,
    records, restore,
};
use backup_tests::databases::fill_large;
use backup_tests::live_host::{LiveHost, torture, wait_until};
use serde_json::{Value, json};

fn ask(operation: &str, parameters: &Value) -> Value {
    json!({"operation": operation, "parameters": parameters})
}

fn create(environment: &str) -> Value {
    ask("create-backup", &json!({"environment": environment}))
}

fn file(project: &Project) -> PathBuf {
    project.backups().join("backups.json")
}

fn text(project: &Project) -> String {
    std::fs::read_to_string(file(project)).unwrap()
}

fn edit(project: &Project, change: impl FnOnce(&mut Value)) {
    let mut catalogue = project.catalogue();
    change(&mut catalogue);
    std::fs::write(file(project), serde_json::to_string_pretty(&catalogue).unwrap()).unwrap();
}

fn list(project: &Project, parameters: &Value) -> Vec<Value> {
    project.succeed(&ask("list-backups", parameters))["backups"].as_array().unwrap().clone()
}

fn listed(project: &Project, id: &Value) -> Value {
    let backups = list(project, &json!({}));
    backups.into_iter().find(|backup| backup["backup_id"] == *id).expect("it is listed")
}

/// An artifact of the older days: recorded without a manifest.
fn old_artifact(project: &Project, path: &str) -> u64 {
    let made = project.create("production");
    let artifact = project.path(made["file_path"].as_str().unwrap());
    let plain = project.path(path);
    std::fs::create_dir_all(plain.parent().unwrap()).unwrap();
    restore(&artifact, &plain);
    for path in files_of(project, "production") {
        std::fs::remove_file(path).unwrap();
    }
    edit(project, |catalogue| {
        catalogue["backups"]
            .as_array_mut()
            .unwrap()
            .retain(|record| record["environment"] != "production");
    });
    plain.metadata().unwrap().len()
}

const OLD: &str = ".fractary/plugins/faber-db/backups/staging/backup-20240101-000000.sqlite";

fn add_old_record(project: &Project, record: Value) {
    edit(project, |catalogue| catalogue["backups"].as_array_mut().unwrap().push(record));
}

#[test]
fn a_damaged_catalogue_is_refused_before_a_dump_and_never_overwritten() {
    let project = Project::bookshop();
    let made = project.create("dev");
    let whole = text(&project);
    let damages: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\n".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        br#"{"schema_version":"1.0"}"#.to_vec(),
        br#"{"schema_version":"1.0","backups":{}}"#.to_vec(),
        br#"{"schema_version":"1.0","backups":null}"#.to_vec(),
        whole.as_bytes()[..whole.len() / 2].to_vec(),
        whole.as_bytes()[..whole.len() - 3].to_vec(),
        whole.replace("\"backups\"", "\"backups").into_bytes(),
        [whole.as_bytes(), b"}"].concat(),
        [whole.as_bytes(), b"\xff"].concat(),
        vec![0; 4096],
        (0..=255).collect(),
    ];
    let id = made["backup_id"].clone();
    for damage in damages {
        std::fs::write(file(&project), &damage).unwrap();
        let before = project.files();
        for request in [
            create("dev"),
            ask("create-backup", &json!({"environment": "dev", "dry_run": true})),
            ask("list-backups", &json!({})),
            ask("verify-backup", &json!({"backup_id": id})),
            ask("delete-backup", &json!({"backup_id": id})),
        ] {
            let refused = project.fail(&request, "catalogue_damaged");
            assert_eq!(refused["recovery"]["next_request"]["operation"], "rebuild-catalogue");
            assert_eq!(project.files(), before, "{request}");
            assert!(std::fs::read(file(&project)).unwrap() == damage, "{request}");
        }
    }
}

#[test]
fn a_damaged_catalogue_is_refused_in_time() {
    // A create that fails after the dump has wasted the dump: the refusal comes before it.
    let project = Project::bookshop();
    fill_large(&project.database("dev"), 8);
    project.create("staging");
    std::fs::write(file(&project), "{").unwrap();
    let answers = project.send(format!("{}\n", create("dev")).as_bytes());
    assert!(!answers.stderr.contains("Creating backup"), "{}", answers.stderr);
    assert_eq!(answers.envelopes[0]["code"], "catalogue_damaged");
}

#[test]
fn a_rebuild_restores_the_catalogue_and_keeps_the_damaged_one() {
    let project = Project::bookshop();
    project.create("dev");
    let bad = project.create("dev");
    project.create("staging");
    let artifact = project.path(bad["file_path"].as_str().unwrap());
    flip_byte(&artifact, 9000);
    project.fail(
        &ask("verify-backup", &json!({"backup_id": bad["backup_id"]})),
        "verification_failed",
    );
    let before = list(&project, &json!({}));
    let ids = recorded_ids(&project);

    let whole = text(&project);
    let damaged = &whole[..whole.len() / 3];
    std::fs::write(file(&project), damaged).unwrap();
    let planned = project.succeed(&ask("rebuild-catalogue", &json!({"dry_run": true})));
    assert_eq!(planned["records"], 3);
    assert_eq!(text(&project), damaged, "a plan writes nothing");

    let rebuilt = project.succeed(&ask("rebuild-catalogue", &json!({})));
    assert_eq!(rebuilt["records"], 3);
    assert_eq!(rebuilt["from_manifests"], 3);
    let kept = project.path(rebuilt["kept_as"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(kept).unwrap(), damaged);
    assert_eq!(recorded_ids(&project), ids);
    assert_eq!(list(&project, &json!({})), before, "the verdict comes back with the notes");
    project.create("dev");
}

#[test]
fn a_lost_catalogue_comes_back_with_the_next_create() {
    let project = Project::bookshop();
    project.create("dev");
    project.create("staging");
    let ids = recorded_ids(&project);
    std::fs::remove_file(file(&project)).unwrap();
    assert!(list(&project, &json!({})).is_empty());
    project.create("dev");
    assert!(ids.iter().all(|id| recorded_ids(&project).contains(id)));
    assert_all_verify(&project);
}

#[test]
fn a_rebuild_keeps_readable_old_records_whose_artifact_exists() {
    for damage in [b"".as_slice(), b"garbage", b"\xff\xfe", b"\0\0\0\0"] {
        let project = Project::bookshop();
        project.create("dev");
        old_artifact(&project, OLD);
        let old = |id: &str, path: &str| {
            json!({"id": id, "timestamp": "2024-01-01T00:00:00Z",
            "file": path, "database": "shop", "environment": "staging", "ticket": {"number": 7}})
        };
        add_old_record(&project, old("backup-20240101-000000", OLD));
        add_old_record(&project, old("backup-20230101-000000", "gone.sql"));
        add_old_record(&project, old("backup-20220101-000000", "../outside.sqlite"));
        // Damaged behind the last record.
        let whole = text(&project);
        let end = whole.rfind(']').unwrap();
        let damaged = [&whole.as_bytes()[..end], damage].concat();
        std::fs::write(file(&project), &damaged).unwrap();

        let rebuilt = project.succeed(&ask("rebuild-catalogue", &json!({})));
        assert_eq!(rebuilt["from_old_catalogue"], 1, "{damage:?}: {rebuilt:#}");
        assert_eq!(rebuilt["from_manifests"], 1);
        let dropped = rebuilt["dropped"].to_string();
        assert!(dropped.contains("backup-20230101") && dropped.contains("backup-20220101"));
        let kept = std::fs::read(project.path(rebuilt["kept_as"].as_str().unwrap())).unwrap();
        assert!(kept == damaged);
        let record =
            records(&project).into_iter().find(|record| record["id"] == "backup-20240101-000000");
        assert_eq!(record.expect("it was kept")["ticket"], json!({"number": 7}));
    }
}

#[test]
fn a_record_damaged_in_the_middle_costs_no_other() {
    let project = Project::bookshop();
    project.create("dev");
    old_artifact(&project, OLD);
    for (id, broken) in [("backup-20240101-000001", true), ("backup-20240101-000000", false)] {
        let mut record = json!({"id": id, "timestamp": "2024-01-01T00:00:00Z", "file": OLD,
            "database": "shop", "environment": "staging"});
        if broken {
            record["wound"] = json!("HERE");
        }
        add_old_record(&project, record);
    }
    std::fs::write(file(&project), text(&project).replace("\"HERE\"", "\"HE")).unwrap();
    let rebuilt = project.succeed(&ask("rebuild-catalogue", &json!({})));
    assert_eq!(rebuilt["records"], 2, "{rebuilt:#}");
    assert_eq!(listed(&project, &json!("backup-20240101-000000"))["file_exists"], true);
}

#[test]
fn a_rebuild_of_a_whole_catalogue_loses_no_field() {
    let project = Project::bookshop();
    let made = project.create("dev");
    edit(&project, |catalogue| {
        catalogue["owner"] = json!({"team": "books"});
        catalogue["backups"][0]["ticket"] = json!("SHOP-7");
    });
    project.succeed(&ask("rebuild-catalogue", &json!({})));
    let catalogue = project.catalogue();
    assert_eq!(catalogue["backups"][0]["backup_id"], made["backup_id"]);
    assert_eq!(catalogue["backups"][0]["ticket"], "SHOP-7");
    assert_eq!(catalogue["owner"], json!({"team": "books"}));
}

#[test]
fn a_newer_catalogue_is_read_and_never_rewritten() {
    for version in [json!("1.1"), json!("2.0"), json!(3), json!("2025-preview")] {
        let project = Project::bookshop();
        let made = project.create("dev");
        edit(&project, |catalogue| catalogue["schema_version"] = version.clone());
        let before = text(&project);
        let files = project.files();
        let result = project.succeed(&ask("list-backups", &json!({})));
        assert_eq!(result["backups"][0]["backup_id"], made["backup_id"]);
        assert!(result["warnings"].to_string().contains("newer"), "{result:#}");
        let id = &made["backup_id"];
        for request in [
            create("dev"),
            create("staging"),
            ask("delete-backup", &json!({"backup_id": id})),
            ask("verify-backup", &json!({"backup_id": id})),
            ask("rebuild-catalogue", &json!({})),
        ] {
            project.fail(&request, "catalogue_newer");
            assert_eq!(text(&project), before, "{request}");
            assert_eq!(project.files(), files, "{request}");
        }
    }
}

#[test]
fn what_this_version_does_not_know_survives_every_operation() {
    let project = Project::bookshop();
    let first = project.create("dev");
    let second = project.create("dev");
    edit(&project, |catalogue| {
        catalogue["owner"] = json!({"team": "books", "since": 2024});
        catalogue["x-\"quoted\"\n"] = json!([1.5, null, "ü"]);
        for record in catalogue["backups"].as_array_mut().unwrap() {
            record["ticket"] = json!({"number": 7, "tags": ["a", {"b": []}]});
        }
        catalogue["backups"].as_array_mut().unwrap().insert(0, json!({"odd": true}));
        catalogue["backups"].as_array_mut().unwrap().push(json!("not even an object"));
    });
    let kept = |expected: usize| {
        let catalogue = project.catalogue();
        assert_eq!(catalogue["owner"], json!({"team": "books", "since": 2024}));
        assert_eq!(catalogue["x-\"quoted\"\n"], json!([1.5, null, "ü"]));
        let backups = catalogue["backups"].as_array().unwrap();
        assert!(backups.contains(&json!({"odd": true})));
        assert!(backups.contains(&json!("not even an object")));
        let tickets = backups
            .iter()
            .filter(|record| record["ticket"] == json!({"number": 7, "tags": ["a", {"b": []}]}));
        assert_eq!(tickets.count(), expected);
    };
    project.create("staging");
    kept(2);
    project.succeed(&ask("verify-backup", &json!({"backup_id": first["backup_id"]})));
    kept(2);
    flip_byte(&project.path(second["file_path"].as_str().unwrap()), 9000);
    project.fail(
        &ask("verify-backup", &json!({"backup_id": second["backup_id"]})),
        "verification_failed",
    );
    kept(2);
    project.succeed(&ask("delete-backup", &json!({"backup_id": second["backup_id"]})));
    kept(1);
    let seen = list(&project, &json!({})).into_iter().filter(|backup| backup["backup_id"] != "");
    assert_eq!(seen.count(), 2, "what can be read is listed");
}

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
fn a_verification_that_outlives_its_backup_leaves_nothing_of_it() {
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
    project.succeed(&ask("delete-backup", &json!({"backup_id": id})));
    host.resume();
    host.answer().expect("an answer, whichever");
    let (status, _) = host.end();
    assert!(status.code().is_some());
    project.create("staging");
    assert!(!recorded_ids(&project).iter().any(|known| known == id));
    let left: Vec<_> = project.files().into_iter().filter(|file| file.contains(id)).collect();
    assert_eq!(left, [""; 0], "the backup is gone with everything about it");
}
