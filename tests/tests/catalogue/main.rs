//! The catalogue is an index: whatever becomes of it, the backups are found again and nothing is guessed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod records;

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
