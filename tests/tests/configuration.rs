//! Where settings come from, and which of them counts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

use backup_tests::artifacts::{manifest, restore};
use backup_tests::{Answers, Project};
use serde_json::{Value, json};

const CONFIGURATION: &str = ".fractary/plugins/faber-db/config.json";

fn create(environment: &str) -> Value {
    json!({"operation": "create-backup", "parameters": {"environment": environment}})
}

/// Sends a request to a host started elsewhere, with variables.
fn from(project: &Project, folder: &Path, variables: &[(&str, &str)], request: &Value) -> Value {
    let mut command = project.host();
    command.current_dir(folder).envs(variables.iter().copied());
    let Answers { mut envelopes, .. } =
        Project::converse(&mut command, format!("{request}\n").as_bytes());
    assert_eq!(envelopes.len(), 1);
    envelopes.remove(0)
}

fn count(project: &Project) -> usize {
    project.catalogue()["backups"].as_array().map_or(0, Vec::len)
}

#[test]
fn the_root_is_found_upwards() {
    let project = Project::bookshop();
    let deep = project.path("src/pages/books");
    std::fs::create_dir_all(&deep).unwrap();
    let answer = from(&project, &deep, &[], &create("dev"));
    assert_eq!(answer["status"], "success", "{answer:#}");
    assert_eq!(count(&project), 1);
    // A repository inside is no reason to stop before the configuration.
    std::fs::create_dir_all(project.path("src/.git")).unwrap();
    assert_eq!(from(&project, &deep, &[], &create("dev"))["status"], "success");
    assert_eq!(count(&project), 2);
    // A nearer configuration counts.
    let inner = project.path("src").join(CONFIGURATION);
    std::fs::create_dir_all(inner.parent().unwrap()).unwrap();
    std::fs::write(inner, "{\"environments\": {\"inner\": {}}}").unwrap();
    let answer = from(&project, &deep, &[], &create("dev"));
    assert_eq!(answer["code"], "environment_not_found");
    assert_eq!(answer["result"]["known"], json!(["inner"]));
}

#[test]
fn without_a_configuration_the_repositorys_root_is_named() {
    let project = Project::bookshop();
    std::fs::remove_file(project.path(CONFIGURATION)).unwrap();
    std::fs::create_dir_all(project.path(".git")).unwrap();
    std::fs::create_dir_all(project.path("src")).unwrap();
    let answer = from(&project, &project.path("src"), &[], &create("dev"));
    assert_eq!(answer["code"], "config_not_found");
    let expected = project.path(CONFIGURATION).display().to_string();
    assert!(answer.to_string().contains(&expected), "{answer:#}");
}

#[test]
fn the_working_directory_may_stand_beside_or_inside() {
    let project = Project::bookshop();
    let elsewhere = tempfile::tempdir().unwrap();
    let root = project.root().display().to_string();
    let mut beside = create("dev");
    beside["working_directory"] = json!(root);
    let mut inside = create("dev");
    inside["parameters"]["working_directory"] = json!(root);
    let mut both = beside.clone();
    both["parameters"]["working_directory"] = json!(root);
    for request in [&beside, &inside, &both] {
        let answer = from(&project, elsewhere.path(), &[], request);
        assert_eq!(answer["status"], "success", "{answer:#}");
    }
    assert_eq!(count(&project), 3);
    both["parameters"]["working_directory"] = json!("/elsewhere");
    assert_eq!(from(&project, elsewhere.path(), &[], &both)["code"], "invalid_request");
    let mut nowhere = create("dev");
    nowhere["working_directory"] = json!(elsewhere.path().join("missing"));
    assert_eq!(from(&project, elsewhere.path(), &[], &nowhere)["code"], "invalid_request");
    let mut relative = create("dev");
    relative["working_directory"] = json!("prisma");
    assert_eq!(from(&project, &project.root(), &[], &relative)["status"], "success");
}

#[test]
fn the_variable_names_the_working_directory_when_the_request_does_not() {
    let (one, other) = (Project::bookshop(), Project::bookshop());
    let root = one.root().display().to_string();
    let variables = [("CLAUDE_DB_CWD", root.as_str())];
    assert_eq!(from(&one, &other.root(), &variables, &create("dev"))["status"], "success");
    assert_eq!((count(&one), count(&other)), (1, 0));
    let mut named = create("dev");
    named["working_directory"] = json!(other.root());
    assert_eq!(from(&one, &one.root(), &variables, &named)["status"], "success");
    assert_eq!((count(&one), count(&other)), (1, 1), "the request speaks before the variable");
    let empty = [("CLAUDE_DB_CWD", "")];
    assert_eq!(from(&one, &other.root(), &empty, &create("dev"))["status"], "success");
    assert_eq!((count(&one), count(&other)), (1, 2));
}

#[test]
fn the_variable_names_the_configurations_file() {
    let project = Project::bookshop();
    let shared = tempfile::tempdir().unwrap();
    let path = shared.path().join("shared.json");
    std::fs::rename(project.path(CONFIGURATION), &path).unwrap();
    std::fs::create_dir_all(project.path(".git")).unwrap();
    let spelled = path.display().to_string();
    let answer =
        from(&project, &project.path("prisma"), &[("FABER_DB_CONFIG", &spelled)], &create("dev"));
    assert_eq!(answer["status"], "success", "{answer:#}");
    assert_eq!(count(&project), 1, "the project's root is still the project's");
    let missing = [("FABER_DB_CONFIG", "/nowhere/config.json")];
    let answer = from(&project, &project.root(), &missing, &create("dev"));
    assert_eq!(answer["code"], "config_not_found");
    assert!(answer.to_string().contains("/nowhere/config.json"));
}

#[test]
fn a_variable_of_the_process_speaks_before_the_dotenv_file() {
    let project = Project::bookshop();
    std::fs::copy(project.path("prisma/dev.db"), project.path("prisma/other.db")).unwrap();
    let variables = [("DEV_DATABASE_URL", "file:./other.db")];
    let answer = from(&project, &project.root(), &variables, &create("dev"));
    let id = answer["result"]["backup_id"].as_str().unwrap();
    assert_eq!(manifest(&project, "dev", id)["database"]["name"], "other.db");
    let empty = [("DEV_DATABASE_URL", "")];
    let answer = from(&project, &project.root(), &empty, &create("dev"));
    let id = answer["result"]["backup_id"].as_str().unwrap();
    assert_eq!(manifest(&project, "dev", id)["database"]["name"], "dev.db");
    std::fs::write(project.path(".env"), "OTHER=1\n").unwrap();
    let missing = project.fail(&create("dev"), "database_url_missing");
    assert!(missing["error"].as_str().unwrap().contains("DEV_DATABASE_URL"));
    assert!(missing["recovery"]["suggestions"].to_string().contains(".env"));
}

/// What the URL leads to, by the marker table of the database that was copied.
fn leads_to(project: &Project, url: &str) -> Value {
    std::fs::write(project.path(".env"), format!("DEV_DATABASE_URL=\"{url}\"\n")).unwrap();
    let answer = project.ask(&create("dev"));
    if answer["status"] != "success" {
        return answer["code"].clone();
    }
    let target = project.path("restored");
    let _ = std::fs::remove_file(&target);
    restore(&project.path(answer["result"]["file_path"].as_str().unwrap()), &target);
    let copied = rusqlite::Connection::open(&target).unwrap();
    json!(copied.query_row("SELECT place FROM marker", [], |row| row.get::<_, String>(0)).unwrap())
}

fn mark(project: &Project, place: &str) {
    let path = project.path(place);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(&format!("CREATE TABLE marker AS SELECT '{place}' AS place")).unwrap();
}

#[test]
fn relative_paths_are_read_as_prisma_4_to_6_read_them() {
    let project = Project::bookshop();
    std::fs::remove_file(project.path("prisma/dev.db")).unwrap();
    mark(&project, "prisma/dev.db");
    mark(&project, "dev.db");
    mark(&project, "data/shop.db");
    assert_eq!(leads_to(&project, "file:./dev.db"), "prisma/dev.db");
    assert_eq!(leads_to(&project, "file:dev.db?connection_limit=1"), "prisma/dev.db");
    assert_eq!(leads_to(&project, "file:../data/shop.db"), "data/shop.db");
    assert_eq!(leads_to(&project, "sqlite:dev.db"), "prisma/dev.db");
    assert_eq!(leads_to(&project, "sqlite://dev.db"), "prisma/dev.db");
    let absolute = project.path("data/shop.db").display().to_string();
    assert_eq!(leads_to(&project, &format!("file:{absolute}")), "data/shop.db");
    assert_eq!(leads_to(&project, &format!("file://{absolute}")), "data/shop.db");
    assert_eq!(leads_to(&project, &format!("sqlite://{absolute}")), "data/shop.db");
    assert_eq!(leads_to(&project, "file:./missing.db"), "connection_failed");
    assert!(!project.path("prisma/missing.db").exists(), "looking makes no file");
    // The schema may lie elsewhere, in a folder of many files.
    std::fs::remove_file(project.path("prisma/schema.prisma")).unwrap();
    mark(&project, "db/schema/own.db");
    std::fs::write(project.path("db/schema/models.prisma"), "").unwrap();
    std::fs::write(project.path("package.json"), r#"{"prisma": {"schema": "db/schema"}}"#).unwrap();
    assert_eq!(leads_to(&project, "file:./own.db"), "db/schema/own.db");
}

#[test]
fn relative_paths_are_read_as_prisma_7_reads_them() {
    let project = Project::bookshop();
    std::fs::remove_file(project.path("prisma/dev.db")).unwrap();
    std::fs::write(project.path("prisma.config.ts"), "export default {}").unwrap();
    mark(&project, "dev.db");
    assert_eq!(leads_to(&project, "file:./dev.db"), "dev.db");
    // Both exist: neither is guessed.
    mark(&project, "prisma/dev.db");
    std::fs::write(project.path(".env"), "DEV_DATABASE_URL=file:./dev.db\n").unwrap();
    let refused = project.fail(&create("dev"), "config_invalid");
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("prisma/dev.db") && error.matches("dev.db").count() >= 2, "{error}");
    // The one that exists decides.
    std::fs::remove_file(project.path("dev.db")).unwrap();
    assert_eq!(leads_to(&project, "file:./dev.db"), "prisma/dev.db");
}

#[test]
fn the_plugins_example_backs_up_a_local_database_with_a_warning() {
    let project = Project::bookshop();
    project.configure(|configuration| {
        *configuration = json!({
            "schema_version": "1.0",
            "database": {"provider": "postgresql", "hosting": "aws-aurora", "migration_tool": "prisma"},
            "environments": {
                "dev": {"connection_string_env": "DEV_DATABASE_URL", "auto_migrate": true,
                    "backup_before_migrate": false},
                "staging": {"connection_string_env": "STAGING_DATABASE_URL", "auto_migrate": false},
                "production": {"connection_string_env": "PROD_DATABASE_URL", "require_approval": true}
            },
            "migrations": {"directory": "prisma/migrations", "table": "_prisma_migrations",
                "timeout_seconds": 300},
            "safety": {
                "protected_environments": ["production", "staging"],
                "require_approval_for": ["migrate", "rollback", "seed"],
                "backup_enforcement": {"production": "required"},
                "destructive_operations": {"drop_table": {"allowed": true}},
                "approval_timeouts": {"standard": 300, "enhanced": 600}
            },
            "backup": {"provider": "aws-rds-snapshot", "retention_days": 30,
                "backup_before_destructive_ops": true},
            "integration": {"cloud_plugin": "fractary-faber-cloud"},
            "faber_integration": {"enabled": true, "environments": {"dev": {"auto_migrate": true}}}
        });
    });
    let made = project.create("production");
    assert!(made["warnings"].to_string().contains("napshots"), "{made:#}");
    assert_eq!(made["retention_days"], 30, "the project's setting");
    assert_eq!(made["compressed"], true);
    let staging = project.create("staging")["backup_id"].clone();
    project.create("staging");
    let delete = json!({"operation": "delete-backup", "parameters": {"backup_id": staging}});
    project.fail(&delete, "confirmation_required");
    // What is really elsewhere is refused by name.
    std::fs::write(
        project.path(".env"),
        "PROD_DATABASE_URL=postgresql://u:pw123456@db.example.com/d\n",
    )
    .unwrap();
    let refused = project.fail(&create("production"), "unsupported_database");
    assert!(refused["error"].as_str().unwrap().contains("RDS"), "{refused:#}");
}

#[test]
fn the_nearest_method_decides() {
    let project = Project::bookshop();
    for (change, warns) in [
        (json!({"backup": {"method": "sqlite"}}), false),
        (json!({"backup": {"method": "aws-aurora-backup"}}), true),
        (json!({"backup": {"method": "sqlite", "provider": "rds-snapshot"}}), false),
        (json!({"database": {"hosting": "gcp-sql"}}), true),
        (
            json!({"database": {"hosting": "gcp-sql"}, "environments": {"dev": {"hosting": "local"}}}),
            false,
        ),
        (
            json!({"backup": {"method": "sqlite"},
            "environments": {"dev": {"backup_method": "cloud-sql-backup", "hosting": "local"}}}),
            true,
        ),
    ] {
        project.configure(|configuration| {
            configuration["backup"] = change.get("backup").cloned().unwrap_or_else(|| json!({}));
            configuration["database"] =
                change.get("database").cloned().unwrap_or_else(|| json!({}));
            let mut dev = change.pointer("/environments/dev").cloned().unwrap_or_else(|| json!({}));
            dev["connection_string_env"] = json!("DEV_DATABASE_URL");
            configuration["environments"]["dev"] = dev;
        });
        let made = project.create("dev");
        assert_eq!(made.get("warnings").is_some(), warns, "{change}: {made:#}");
    }
    for (path, value) in
        [("backup", json!({"method": "tar"})), ("database", json!({"hosting": "moon"}))]
    {
        project.configure(|configuration| {
            configuration["backup"] = json!({});
            configuration["database"] = json!({});
            configuration["environments"]["dev"] =
                json!({"connection_string_env": "DEV_DATABASE_URL"});
            configuration[path] = value;
        });
        let refused = project.fail(&create("dev"), "unsupported_database");
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains("gcp-sql") && error.contains("aws-"), "{error}");
    }
}

#[test]
fn retention_comes_from_the_nearest_setting() {
    let project = Project::bookshop();
    let days = |environment: &str, parameters: Value| {
        let mut request = create(environment);
        for (name, value) in parameters.as_object().unwrap() {
            request["parameters"][name] = value.clone();
        }
        let made = project.succeed(&request);
        made["retention_days"].as_u64().unwrap()
    };
    assert_eq!(
        ["dev", "staging", "production"].map(|environment| days(environment, json!({}))),
        [30, 60, 90]
    );
    project.configure(|configuration| {
        configuration["backup"] = json!({"retention_days": 14});
        configuration["environments"]["staging"]["backup_retention_days"] = json!(7);
    });
    assert_eq!(
        ["dev", "staging", "production"].map(|environment| days(environment, json!({}))),
        [14, 7, 14]
    );
    assert_eq!(days("staging", json!({"retention_days": 3})), 3);
    assert_eq!(days("staging", json!({"retention_days": 3, "reason": "pre-migration"})), 90);
    assert_eq!(days("staging", json!({"retention_days": 365, "reason": "pre-migration x"})), 365);
    for wrong in [json!(0), json!(36_501), json!(-1), json!("7"), json!(1.5)] {
        let mut request = create("dev");
        request["parameters"]["retention_days"] = wrong;
        project.fail(&request, "invalid_request");
    }
    project.configure(|configuration| {
        configuration["environments"]["qa"] = json!({"connection_string_env": "DEV_DATABASE_URL"});
        configuration["environments"]["prod-eu"] =
            json!({"connection_string_env": "DEV_DATABASE_URL"});
        configuration["backup"] = json!({});
    });
    assert_eq!(["qa", "prod-eu"].map(|environment| days(environment, json!({}))), [30, 90]);
}

#[test]
fn compression_is_on_in_production_unless_something_says_otherwise() {
    let project = Project::bookshop();
    let name = |environment: &str, compression: Option<Value>| {
        let mut request = create(environment);
        if let Some(compression) = compression {
            request["parameters"]["compression"] = compression;
        }
        let made = project.succeed(&request);
        let path = made["file_path"].as_str().unwrap().to_owned();
        path.split_once(".sqlite").expect("custom is the default").1.to_owned()
    };
    assert_eq!(name("dev", None), "");
    assert_eq!(name("staging", None), "");
    assert_eq!(name("production", None), ".gz");
    assert_eq!(name("production", Some(json!(false))), "");
    assert_eq!(name("dev", Some(json!("gzip"))), ".gz");
    for (setting, dev) in [(json!("zstd"), ".zst"), (json!(true), ".gz"), (json!(false), "")] {
        project.configure(|configuration| {
            configuration["backup"] = json!({"compression": setting});
        });
        assert_eq!(name("dev", None), dev);
        assert_eq!(name("production", None), dev);
        assert_eq!(name("dev", Some(json!("zstd"))), ".zst");
    }
}

#[test]
fn backups_lie_where_the_configuration_says() {
    let project = Project::bookshop();
    let elsewhere = tempfile::tempdir().unwrap();
    let outside = elsewhere.path().join("vault").display().to_string();
    for (location, shown) in
        [("vault", "vault/dev/".to_owned()), (&outside, format!("{outside}/dev/"))]
    {
        project.configure(|configuration| {
            configuration["backup"] = json!({"storage_location": location});
        });
        let made = project.create("dev");
        let path = made["file_path"].as_str().unwrap();
        assert!(path.starts_with(&shown), "{path}");
        assert!(project.path(path).is_file());
        let id = &made["backup_id"];
        project.succeed(&json!({"operation": "verify-backup", "parameters": {"backup_id": id}}));
    }
    assert_eq!(count(&project), 2);
    assert_eq!(std::fs::read_to_string(project.backups().join(".gitignore")).unwrap(), "*\n");
    for (setting, place) in [
        (json!({"storage_location": "s3://bucket/prefix"}), "backup.storage_location"),
        (json!({"storage_location": "gs://bucket"}), "backup.storage_location"),
        (json!({"storage_location": "az://container"}), "backup.storage_location"),
        (json!({"storage": "s3", "s3_bucket": "b", "s3_prefix": "p"}), "backup.s3_bucket"),
        (json!({"s3_bucket": "b"}), "backup.s3_bucket"),
        (json!({"encrypt_backups": true}), "backup.encrypt_backups"),
        (
            json!({"encrypt_backups": true, "encryption_recipients": ["age1x"]}),
            "backup.encrypt_backups",
        ),
    ] {
        project.configure(|configuration| configuration["backup"] = setting.clone());
        let refused = project.fail(&create("dev"), "config_invalid");
        assert!(refused["error"].as_str().unwrap().contains(place), "{setting}: {refused:#}");
        assert_eq!(count(&project), 2, "never a plain or local dump in its place");
    }
}

#[test]
fn two_projects_at_one_location_do_not_take_each_others_backups() {
    let shared = tempfile::tempdir().unwrap();
    let location = shared.path().display().to_string();
    let (one, other) = (Project::bookshop(), Project::bookshop());
    for project in [&one, &other] {
        project.configure(|configuration| {
            configuration["backup"] = json!({"storage_location": location});
        });
    }
    let ours = one.create("dev");
    let theirs = other.create("dev");
    assert_ne!(ours["backup_id"], theirs["backup_id"]);
    assert_eq!((count(&one), count(&other)), (1, 1));
    std::fs::remove_file(one.backups().join("backups.json")).unwrap();
    let rebuilt = one.succeed(&json!({"operation": "rebuild-catalogue"}));
    assert_eq!(rebuilt["records"], 1, "{rebuilt:#}");
    let request =
        json!({"operation": "delete-backup", "parameters": {"backup_id": theirs["backup_id"]}});
    let answer = one.ask(&request);
    assert_eq!(answer["code"], "backup_not_found", "{answer:#}");
    let verify =
        json!({"operation": "verify-backup", "parameters": {"backup_id": theirs["backup_id"]}});
    assert_eq!(one.ask(&verify)["code"], "backup_not_found");
    other.succeed(&verify);
}

#[test]
fn a_mistake_in_the_configuration_names_its_place() {
    let project = Project::bookshop();
    let whole = std::fs::read_to_string(project.path(CONFIGURATION)).unwrap();
    for (path, value) in [
        ("backup.retention_days", json!("30")),
        ("backup.retention_days", json!(0)),
        ("backup.compression", json!("brotli")),
        ("safety.large_backup_gb", json!(-1)),
        ("safety.protected_environments", json!("production")),
        ("environments.dev.production", json!("yes")),
        ("environments.dev.connection_string_env", json!(7)),
        ("migrations.table", json!([])),
    ] {
        std::fs::write(project.path(CONFIGURATION), &whole).unwrap();
        project.configure(|configuration| {
            let mut place = configuration;
            for part in path.split('.') {
                if place.is_null() {
                    *place = json!({});
                }
                place = &mut place[part];
            }
            *place = value;
        });
        let refused = project.fail(&create("dev"), "config_invalid");
        assert!(refused["error"].as_str().unwrap().contains(path), "{refused:#}");
        assert!(refused["result"]["path"].as_str().unwrap().ends_with(CONFIGURATION));
    }
    for text in ["", "{", "[]", "nothing"] {
        std::fs::write(project.path(CONFIGURATION), text).unwrap();
        project.fail(&create("dev"), "config_invalid");
    }
    std::fs::write(project.path(CONFIGURATION), format!("\u{feff}{whole}")).unwrap();
    project.create("dev");
}
