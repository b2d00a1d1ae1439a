//! What a create removes by itself.

use backup_tests::Project;
use backup_tests::artifacts::{assert_all_verify, assert_nothing_is_half, manifest};
use serde_json::{Value, json};

use super::{aged, cleanup, create, left};

#[test]
fn a_create_removes_what_has_expired_of_the_same_database_and_says_so() {
    let project = Project::bookshop();
    let expired = aged(&project, "dev", &[50, 40, 3]);
    let others = aged(&project, "production", &[200, 150]);
    let made = project.create("dev");
    assert_eq!(made["retention"]["removed_count"], 2);
    assert_eq!(made["retention"]["backup_ids"], json!(expired[..2]));
    assert!(made["retention"]["freed_bytes"].as_u64().unwrap() > 50_000);
    let mut kept = vec![expired[2].clone(), made["backup_id"].as_str().unwrap().to_owned()];
    kept.extend(others);
    kept.sort();
    assert_eq!(left(&project), kept);
    assert_nothing_is_half(&project);
    assert_all_verify(&project);
    // Nobody is asked, not even for a protected one.
    let made = project.create("production");
    assert_eq!(made["retention"]["removed_count"], 2, "{made:#}");
    assert_eq!(project.create("dev")["retention"], Value::Null);
}

#[test]
fn a_project_can_do_without() {
    let project = Project::bookshop();
    project.configure(|configuration| configuration["backup"] = json!({"auto_cleanup": false}));
    let ids = aged(&project, "dev", &[50, 40]);
    assert_eq!(project.create("dev")["retention"], Value::Null);
    assert_eq!(left(&project)[..2], ids);
}

#[test]
fn a_create_that_fails_removes_nothing() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[50, 40]);
    std::fs::write(project.path("prisma/dev.db"), "no database").unwrap();
    let answer =
        project.ask(&json!({"operation": "create-backup", "parameters": {"environment": "dev"}}));
    assert_eq!(answer["status"], "error");
    assert_eq!(left(&project), ids);
}

#[test]
fn a_restore_of_an_expired_backup_finds_it() {
    let project = Project::bookshop();
    let ids = aged(&project, "dev", &[50, 40]);
    project.database("dev").execute_batch("DELETE FROM \"Review\"").ok();
    project.succeed(&json!({"operation": "restore-backup",
        "parameters": {"environment": "dev", "backup_id": ids[0]}}));
    let now = left(&project);
    assert!(ids.iter().all(|id| now.contains(id)), "{now:?}");
    assert_eq!(now.len(), 3, "and a safety backup");
}

#[test]
fn a_loss_stops_retention_until_somebody_has_looked() {
    let project = Project::bookshop();
    let table =
        "CREATE TABLE thing (n); INSERT INTO thing SELECT value FROM generate_series(1, 5000)";
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
        INSERT INTO thing SELECT i FROM n";
    let database = project.database("dev");
    if database.execute_batch(table).is_err() {
        database
            .execute_batch(&format!("CREATE TABLE IF NOT EXISTS thing (n); {numbers}"))
            .unwrap();
    }
    let ids = aged(&project, "dev", &[60, 50, 40]);
    database.execute_batch("DELETE FROM thing").unwrap();
    let shows = project.create("dev");
    assert_eq!(shows["retention"], Value::Null);
    let warnings = shows["warnings"].to_string();
    assert!(warnings.contains("has lost") && warnings.contains("Expired backups of dev stay"));
    let id = shows["backup_id"].as_str().unwrap();
    assert_eq!(manifest(&project, "dev", id)["shrunk_since"], json!(ids[2]));
    let next = project.create("dev");
    assert_eq!(next["retention"], Value::Null, "it stays so with the next one: {next:#}");
    assert!(next["warnings"].to_string().contains(id), "{next:#}");
    // Another environment goes on.
    let others = aged(&project, "staging", &[100, 90]);
    assert_eq!(project.create("staging")["retention"]["backup_ids"], json!(others));

    project.succeed(&cleanup(&json!({"environment": "dev", "dry_run": true})));
    assert!(
        project.create("dev")["warnings"].to_string().contains(id),
        "a look at the plan is no yes"
    );
    let done = project.succeed(&cleanup(&json!({"environment": "dev"})));
    let told = super::reasons(&done, &ids);
    assert_eq!(told, ["delete expired", "delete expired", "keep before_loss"]);
    assert_eq!(super::reasons(&done, &[id.to_owned()]), ["keep shows_loss"]);
    let late = create(&project, "dev");
    super::age(&project, "dev", &late, 45);
    let made = project.create("dev");
    assert_eq!(made["retention"]["backup_ids"], json!([late]), "{made:#}");
    assert!(left(&project).contains(&ids[2]), "what was before the loss stays");
}

fn thousands(project: &Project, environment: &str) -> rusqlite::Connection {
    let database = project.database(environment);
    let numbers = "CREATE TABLE thing (n); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 \
        FROM n WHERE i < 5000) INSERT INTO thing SELECT i FROM n";
    database.execute_batch(numbers).unwrap();
    database
}

#[test]
fn what_was_before_a_loss_stays_whatever_becomes_of_what_shows_it() {
    let project = Project::bookshop();
    let database = thousands(&project, "dev");
    // One from the future hides no loss.
    let future = create(&project, "dev");
    super::age(&project, "dev", &future, -100);
    let ids = aged(&project, "dev", &[60, 50]);
    database.execute_batch("DELETE FROM thing").unwrap();
    let shows = project.create("dev")["backup_id"].clone();
    let id = shows.as_str().unwrap();
    assert_eq!(manifest(&project, "dev", id)["shrunk_since"], json!(ids[1]));
    create(&project, "dev");
    project.succeed(&json!({"operation": "delete-backup", "parameters": {"backup_id": shows}}));
    let made = project.create("dev");
    assert_eq!(made["retention"]["backup_ids"], json!([ids[0]]), "{made:#}");
    let done = project.succeed(&cleanup(&json!({"environment": "dev", "older_than_days": 1})));
    assert_eq!(super::reasons(&done, &ids[1..]), ["keep before_loss"]);
}

#[test]
fn a_loss_in_production_is_not_accepted_without_a_yes() {
    let project = Project::bookshop();
    let database = thousands(&project, "production");
    create(&project, "production");
    database.execute_batch("DELETE FROM thing").unwrap();
    let shows = create(&project, "production");
    let request = cleanup(&json!({"environment": "production"}));
    let asked = project.fail(&request, "confirmation_required");
    assert!(asked["result"]["plan"]["consequences"].to_string().contains(&shows), "{asked:#}");
    let done = project.succeed(&asked["recovery"]["next_request"]);
    assert!(done["warnings"].to_string().contains(&shows), "{done:#}");
    project.succeed(&request);
}
