//! What a cleanup removes, and what it asks.

use backup_tests::Project;
use backup_tests::artifacts::{assert_all_verify, assert_nothing_is_half, recorded_ids};
use serde_json::{Value, json};

use super::{age, aged, cleanup, create, left, reasons};

#[test]
fn expired_backups_go_and_the_plan_is_what_is_done() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[50, 40, 31, 20, 0]);
    let before = project.files();
    let plan = project.succeed(&cleanup(&json!({"dry_run": true})));
    assert_eq!(project.files(), before);
    assert_eq!(
        reasons(&plan, &ids),
        [
            "delete expired",
            "delete expired",
            "delete expired",
            "keep not_expired",
            "keep last_good_backup"
        ]
    );
    let done = project.succeed(&cleanup(&json!({})));
    for field in ["total_count", "deleted_count", "kept_count", "freed_bytes", "backups"] {
        assert_eq!(plan[field], done[field], "{field}");
    }
    assert_eq!((&done["deleted_count"], &done["dry_run"]), (&json!(3), &Value::Null));
    assert_eq!(left(&project), ids[3..]);
    assert_nothing_is_half(&project);
    assert_all_verify(&project);
    let again = project.succeed(&cleanup(&json!({"expired": true})));
    assert_eq!((&again["deleted_count"], &again["total_count"]), (&json!(0), &json!(2)));
}

#[test]
fn the_last_good_backup_stays_however_old_it_is() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[300, 200, 100]);
    let done = project.succeed(&cleanup(&json!({"environment": "dev", "older_than_days": 1})));
    assert_eq!(reasons(&done, &ids)[2], "keep last_good_backup");
    assert_eq!(left(&project), ids[2..]);
}

#[test]
fn a_newer_backup_that_is_broken_takes_no_good_ones_place() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[300, 200, 100, 90]);
    let last = format!("dev/{}.sqlite", ids[3]);
    // Nobody has noticed yet; its length is right.
    backup_tests::artifacts::flip_byte(&project.backups().join(last), 5_000);
    // What is missing is seen by the plan already.
    std::fs::remove_file(project.backups().join(format!("dev/{}.sqlite", ids[2]))).unwrap();
    let plan = project.succeed(&cleanup(&json!({"dry_run": true})));
    assert_eq!(reasons(&plan, &ids)[3], "keep last_good_backup");
    let done = project.succeed(&cleanup(&json!({})));
    assert_eq!(
        reasons(&done, &ids),
        ["delete expired", "keep last_good_backup", "delete expired", "keep later"]
    );
    let listed = project
        .succeed(&json!({"operation": "list-backups", "parameters": {"status": "verified"}}));
    assert_eq!(listed["backups"][0]["backup_id"], json!(ids[1]));
    // Where nothing is verified any more, nothing goes.
    backup_tests::artifacts::flip_byte(
        &project.backups().join(format!("dev/{}.sqlite", ids[1])),
        5_000,
    );
    let done = project.succeed(&cleanup(&json!({})));
    assert_eq!(reasons(&done, &ids[1..2]), ["keep nothing_verified"]);
    assert_eq!(done["deleted_count"], 0);
}

#[test]
fn pins_labels_tags_and_safety_backups_are_held() {
    let project = Project::bookshop();
    let create_with = |parameters: Value| {
        let mut request = json!({"operation": "create-backup", "parameters": parameters});
        request["parameters"]["environment"] = json!("dev");
        project.succeed(&request)["backup_id"].as_str().unwrap().to_owned()
    };
    let pinned = create_with(json!({}));
    project.succeed(&json!({"operation": "pin-backup", "parameters": {"backup_id": pinned}}));
    let ids = vec![
        pinned,
        create_with(json!({"label": "Important"})),
        create_with(json!({"tags": ["nightly", "manual"]})),
        create_with(json!({"reason": "pre-migration safety backup"})),
        create_with(json!({"label": "manual-fix"})),
        create_with(json!({})),
    ];
    for id in &ids {
        age(&project, "dev", id, 80);
    }
    let strict = cleanup(&json!({"older_than_days": 1}));
    let done = project.succeed(&strict);
    assert_eq!(
        reasons(&done, &ids),
        [
            "keep pinned",
            "keep important",
            "keep important",
            "keep safety_backup",
            "delete old_enough",
            "keep last_good_backup"
        ]
    );
    age(&project, "dev", &ids[3], 11);
    let done = project.succeed(&strict);
    assert_eq!(reasons(&done, &ids[3..4]), ["delete old_enough"]);
}

#[test]
fn every_given_rule_must_let_a_backup_go() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[400, 40, 39, 10, 1, 0]);
    let plan = |mut parameters: Value| {
        parameters["dry_run"] = json!(true);
        reasons(&project.succeed(&cleanup(&parameters)), &ids)
    };
    let keeps = |told: &[String]| {
        told.iter().map(|one| u8::from(one.starts_with("keep"))).collect::<Vec<_>>()
    };
    assert_eq!(keeps(&plan(json!({"keep_last": 3}))), [0, 0, 0, 1, 1, 1]);
    assert_eq!(keeps(&plan(json!({"keep_last": 3, "expired": true}))), [0, 0, 0, 1, 1, 1]);
    assert_eq!(keeps(&plan(json!({"keep_last": 1, "expired": true}))), [0, 0, 0, 1, 1, 1]);
    assert_eq!(keeps(&plan(json!({"keep_last": 1, "expired": false}))), [0, 0, 0, 0, 0, 1]);
    assert_eq!(keeps(&plan(json!({"keep_last": 5, "older_than_days": 40}))), [0, 1, 1, 1, 1, 1]);
    assert_eq!(keeps(&plan(json!({"keep_daily": 2}))), [0, 0, 0, 0, 1, 1]);
    let yearly = plan(json!({"keep_yearly": 5, "keep_last": 1}));
    assert_eq!(yearly[0], "keep keep_yearly");
    for (parameters, parameter) in [
        (json!({"expired": false}), "expired"),
        (json!({"older_than_days": 0}), "older_than_days"),
        (json!({"keep_last": 0}), "keep_last"),
        (json!({"keep_yearly": 100_001}), "keep_yearly"),
        (json!({"limit": 0}), "limit"),
        (json!({"cursor": "keep_x"}), "cursor"),
        (json!({"cursor": "x", "dry_run": true}), "cursor"),
    ] {
        let answer = project.fail(&cleanup(&parameters), "invalid_request");
        assert!(answer["error"].as_str().unwrap().contains(parameter), "{answer:#}");
    }
    project.fail(&cleanup(&json!({"environment": "nowhere"})), "environment_not_found");
}

#[test]
fn protected_environments_ask_for_a_yes_to_exactly_these_backups() {
    let project = Project::bookshop();
    let ids = aged(&project, "production", &[300, 200, 0]);
    let plan = project.succeed(&cleanup(&json!({"dry_run": true})));
    assert_eq!((&plan["needs_confirmation"], &plan["deleted_count"]), (&json!(true), &json!(2)));
    let asked = project.fail(&cleanup(&json!({})), "confirmation_required");
    let plan = &asked["result"]["plan"];
    assert_eq!(plan["action"], "Remove 2 of 3 backups");
    assert!(plan["consequences"].to_string().contains(&ids[0]), "{plan:#}");
    assert_eq!(left(&project), ids);
    let go = &asked["recovery"]["next_request"];
    // Another policy, another environment, other backups: another question.
    for other in [json!({"older_than_days": 1}), json!({"environment": "production"})] {
        let mut request = cleanup(&other);
        request["parameters"]["confirm"] = go["parameters"]["confirm"].clone();
        project.fail(&request, "confirmation_invalid");
    }
    project.succeed(&json!({"operation": "pin-backup", "parameters": {"backup_id": ids[1]}}));
    project.fail(go, "confirmation_invalid");
    project.succeed(&json!({"operation": "unpin-backup", "parameters": {"backup_id": ids[1]}}));
    let done = project.succeed(go);
    assert_eq!(done["deleted_count"], 2);
    assert_eq!(left(&project), ids[2..]);
    // Where nothing goes, nobody is asked.
    project.succeed(&cleanup(&json!({})));
}

#[test]
fn the_plan_pages_through_every_backup_deletions_first() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[50, 49, 48, 2, 1, 0]);
    let mut request = cleanup(&json!({"dry_run": true, "limit": 2}));
    let mut pages = Vec::new();
    loop {
        let page = project.succeed(&request);
        assert_eq!((&page["total_count"], &page["deleted_count"]), (&json!(6), &json!(3)));
        pages.extend(page["backups"].as_array().unwrap().clone());
        let Some(cursor) = page.get("next_cursor") else { break };
        request["parameters"]["cursor"] = cursor.clone();
    }
    let told: Vec<(&str, &str)> = pages
        .iter()
        .map(|one| (one["backup_id"].as_str().unwrap(), one["action"].as_str().unwrap()))
        .collect();
    let order = [2, 1, 0, 5, 4, 3].map(|index: usize| ids[index].as_str());
    assert_eq!(told.iter().map(|(id, _)| *id).collect::<Vec<_>>(), order);
    assert_eq!(told.iter().filter(|(_, action)| *action == "delete").count(), 3);
}

#[test]
fn databases_and_environments_do_not_stand_for_each_other() {
    let project = Project::bookshop();
    let dev = aged(&project, "dev", &[100, 90]);
    let staging = aged(&project, "staging", &[100, 90]);
    // Another database in dev's place: its backup is no newer one of the database before.
    std::fs::copy(project.path("prisma/dev.db"), project.path("prisma/other.db")).unwrap();
    let variables = std::fs::read_to_string(project.path(".env")).unwrap();
    std::fs::write(project.path(".env"), variables.replace("dev.db", "other.db")).unwrap();
    let other = create(&project, "dev");
    let done = project.succeed(&cleanup(&json!({"environment": "dev"})));
    assert_eq!(reasons(&done, &dev), ["delete expired", "keep last_good_backup"]);
    assert_eq!(reasons(&done, &[other]), ["keep last_good_backup"]);
    assert_eq!(done["total_count"], 3);
    let done = project.succeed(&cleanup(&json!({})));
    assert_eq!(reasons(&done, &staging), ["delete expired", "keep last_good_backup"]);
}

#[test]
fn what_a_nested_project_keeps_with_its_parent_stays_its_own() {
    let parent = Project::bookshop();
    let nested = parent.nested_bookshop();
    let location = parent.backups().display().to_string();
    nested.configure(|configuration| {
        configuration["backup"] = json!({"storage_location": location});
    });
    let of_parent = create(&parent, "dev");
    let of_nested: Vec<String> = (0..3).map(|_| create(&nested, "dev")).collect();
    let listed = parent.succeed(&json!({"operation": "list-backups"}));
    assert_eq!(listed["total_count"], 1, "{listed:#}");
    let done = parent.succeed(&cleanup(&json!({"environment": "dev", "keep_last": 1})));
    assert_eq!((&done["total_count"], &done["deleted_count"]), (&json!(1), &json!(0)), "{done:#}");
    for id in &of_nested {
        let request = json!({"operation": "delete-backup", "parameters": {"backup_id": id}});
        parent.fail(&request, "backup_not_found");
    }
    let restored = parent.succeed(&json!({"operation": "restore-backup",
        "parameters": {"environment": "dev", "latest": true, "dry_run": true}}));
    assert_eq!(restored["backup_id"], of_parent.as_str(), "{restored:#}");
    parent.succeed(&json!({"operation": "rebuild-catalogue"}));
    assert_eq!(recorded_ids(&parent), [of_parent]);
    let listed = nested.succeed(&json!({"operation": "list-backups"}));
    assert_eq!(listed["total_count"], 3, "{listed:#}");
    let done = nested.succeed(&cleanup(&json!({"environment": "dev", "keep_last": 1})));
    assert_eq!(done["deleted_count"], 2, "{done:#}");
}

#[test]
fn projects_that_share_a_location_keep_their_own() {
    let elsewhere = tempfile::tempdir().unwrap();
    let location = elsewhere.path().join("store").display().to_string();
    let share = |configuration: &mut Value| {
        configuration["backup"] = json!({"storage_location": location});
    };
    let (one, other) = (Project::bookshop(), Project::bookshop());
    one.configure(share);
    other.configure(share);
    let of_other = create(&other, "dev");
    create(&other, "dev");
    create(&one, "dev");
    for entry in std::fs::read_dir(elsewhere.path().join("store/dev")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().ends_with(".manifest.json") {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text.replace("\"expires_at\": \"20", "\"expires_at\": \"19"))
                .unwrap();
        }
    }
    let done = one.succeed(&cleanup(&json!({"environment": "dev"})));
    assert_eq!((&done["total_count"], &done["deleted_count"]), (&json!(1), &json!(0)), "{done:#}");
    let done = other.succeed(&cleanup(&json!({"environment": "dev"})));
    assert_eq!(reasons(&done, &[of_other]), ["delete expired"]);
}

#[test]
fn a_record_without_a_manifest_stays() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[100, 90]);
    std::fs::remove_file(project.backups().join(format!("dev/{}.manifest.json", ids[0]))).unwrap();
    let done = project.succeed(&cleanup(&json!({})));
    assert_eq!(reasons(&done, &ids), ["keep no_manifest", "keep last_good_backup"]);
    assert!(project.backups().join(format!("dev/{}.sqlite", ids[0])).exists());
}
