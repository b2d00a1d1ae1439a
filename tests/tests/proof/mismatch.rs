//! Something else comes back than was recorded: the verdict names it.

use backup_tests::Project;
use backup_tests::servers::{MariadbServer, PostgresServer};
use serde_json::{Value, json};

use crate::{made, project, proof, proven, record};

const FILL: &str = "CREATE TABLE items (id integer PRIMARY KEY); INSERT INTO items VALUES (1), (2); \
                    CREATE TABLE others (id integer PRIMARY KEY);";

/// Changes a manifest, as nobody should.
fn forge(project: &Project, id: &str, change: impl FnOnce(&mut Value)) {
    let path = project.backups().join(format!("dev/{id}.manifest.json"));
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
}

fn assert_found(project: &Project, id: &str, words: &str) {
    let failed = project.fail(&proof(id), "verification_failed");
    let finding = failed["result"]["finding"].as_str().unwrap();
    assert!(finding.contains(words), "{finding}");
    let advice = failed["recovery"]["suggestions"].to_string();
    assert!(advice.contains("Keep the file") && !advice.contains("Delete"), "{advice}");
    assert_eq!(record(project, id)["status"], "invalid");
}

fn projects() -> Vec<(Project, &'static str)> {
    let postgres = PostgresServer::shared();
    let mariadb = MariadbServer::shared();
    let (one, two) = (postgres.new_database("forged"), mariadb.new_database("forged"));
    postgres.sql(&one, FILL);
    mariadb.sql(&two, FILL);
    let sqlite = Project::bookshop();
    sqlite.database("dev").execute_batch(FILL).unwrap();
    vec![(project(postgres.url(&one)), "public."), (project(mariadb.url(&two)), ""), (sqlite, "")]
}

#[test]
fn a_table_with_other_rows_is_named() {
    for (project, schema) in projects() {
        let id = made(&project, "sql", &json!(true));
        let table = key(&project, &id, schema);
        forge(&project, &id, |manifest| manifest["row_counts"][&table] = json!(3));
        assert_found(&project, &id, "items has 2 of 3 rows");
    }
}

#[test]
fn a_table_that_does_not_come_back_is_named() {
    for (project, schema) in projects() {
        let id = made(&project, "sql", &json!(false));
        let lost = key(&project, &id, schema).replace("items", "lost");
        forge(&project, &id, |manifest| manifest["row_counts"][&lost] = json!(0));
        assert_found(&project, &id, "lost is missing");
    }
}

#[test]
fn other_migrations_are_a_warning_for_they_may_be_looked_for_elsewhere() {
    for (project, _) in projects() {
        let id = made(&project, "sql", &json!(false));
        forge(&project, &id, |manifest| {
            manifest["migrations"]["migrations_list"] = json!(["20250101000000_never"]);
        });
        let result = project.succeed(&proof(&id));
        assert!(result["warnings"].to_string().contains("migrations were recorded"), "{result:#}");
        assert_eq!(record(&project, &id)["status"], "valid");
    }
}

/// The name by which the table `items` is recorded.
fn key(project: &Project, id: &str, schema: &str) -> String {
    let manifest = backup_tests::artifacts::manifest(project, "dev", id);
    let counts = manifest["row_counts"].as_object().unwrap();
    let name = [format!("{schema}items"), "items".to_owned()];
    name.into_iter().find(|name| counts.contains_key(name)).unwrap()
}

#[test]
fn what_a_restore_found_is_not_undone_by_looking_at_the_bytes_again() {
    for (project, schema) in projects() {
        let id = made(&project, "sql", &json!(true));
        let table = key(&project, &id, schema);
        forge(&project, &id, |manifest| manifest["row_counts"][&table] = json!(3));
        assert_found(&project, &id, "items has 2 of 3 rows");
        for level in ["quick", "full"] {
            let verify = json!({"operation": "verify-backup", "parameters": {"backup_id": id, "level": level}});
            let result = project.succeed(&verify);
            assert!(result["warnings"].to_string().contains("stays invalid"), "{result:#}");
            assert_eq!(record(&project, &id)["status"], "invalid", "{level}");
        }
        project.fail(
            &json!({"operation": "guard", "parameters": {"environment": "dev"}}),
            "backup_required",
        );
        forge(&project, &id, |manifest| manifest["row_counts"][&table] = json!(2));
        proven(&project, &id);
        assert_eq!(record(&project, &id)["status"], "valid");
    }
}

#[test]
fn of_nothing_it_is_not_said_that_it_is_equal() {
    let server = PostgresServer::shared();
    let project = project(server.url(&server.new_database("empty")));
    let id = made(&project, "sql", &json!(false));
    let result = project.succeed(&proof(&id));
    assert_eq!(result["verification"]["level"], "restored", "{result:#}");
}
