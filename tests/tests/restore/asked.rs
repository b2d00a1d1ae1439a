//! Who is asked, and what a plan says.

use backup_tests::Project;
use serde_json::{Value, json};

use crate::{change, content, file, made};

fn into_production(id: &str, more: &Value) -> Value {
    let mut parameters = json!({"environment": "production", "backup_id": id});
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"operation": "restore-backup", "parameters": parameters})
}

#[test]
fn production_is_restored_only_with_the_plans_token() {
    let project = Project::bookshop();
    let live = file(&project, "production");
    let id = made(&project, "custom", &json!(false));
    let before = content(&live);
    let asked = project.fail(&into_production(&id, &json!({})), "confirmation_required");
    assert_eq!(content(&live), before);
    let plan = asked["result"]["plan"].to_string();
    assert!(plan.contains("The backup is one of dev"), "{plan}");
    let token = asked["result"]["confirm"].clone();
    // Not for another backup, not as a mere yes, and not after the migrations changed.
    let other = made(&project, "custom", &json!(false));
    project.fail(&into_production(&other, &json!({"confirm": token})), "confirmation_invalid");
    project.fail(&into_production(&id, &json!({"confirm": true})), "confirmation_required");
    change(&live);
    project.fail(&into_production(&id, &json!({"confirm": token})), "confirmation_invalid");
    let asked = project.fail(&into_production(&id, &json!({})), "confirmation_required");
    assert!(asked["result"]["plan"].to_string().contains("20990101000000_too_far"));
    let next = asked["recovery"]["next_request"].clone();
    let confirmed = if next["parameters"]["confirm"].is_string() {
        next
    } else {
        into_production(&id, &json!({"confirm": asked["result"]["confirm"]}))
    };
    project.succeed(&confirmed);
    assert_eq!(content(&live), content(&file(&project, "dev")));
    // It was good once.
    project.fail(&confirmed, "confirmation_invalid");
}

#[test]
fn a_plan_changes_nothing() {
    let project = Project::bookshop();
    let live = file(&project, "production");
    let id = made(&project, "custom", &json!(false));
    let (before, files) = (content(&live), project.files());
    let plan = project.succeed(&into_production(&id, &json!({"dry_run": true})));
    assert_eq!(plan["dry_run"], true);
    assert_eq!(plan["needs_confirmation"], true);
    assert!(plan["safety_backup_id"].is_null());
    assert_eq!((content(&live), project.files()), (before, files));
}

#[test]
fn a_safety_backup_is_left_out_only_where_nothing_is_protected() {
    let project = Project::bookshop();
    let id = made(&project, "custom", &json!(false));
    let skip = json!({"skip_safety_backup": true});
    let refused = project.fail(&into_production(&id, &skip), "invalid_request");
    assert!(refused["error"].as_str().unwrap().contains("protected"), "{refused:#}");
    change(&file(&project, "dev"));
    let mut request = crate::restore(&id);
    request["parameters"]["skip_safety_backup"] = true.into();
    assert!(project.succeed(&request)["safety_backup_id"].is_null());
    assert_eq!(project.catalogue()["backups"].as_array().unwrap().len(), 1);
}
