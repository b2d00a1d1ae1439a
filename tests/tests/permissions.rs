//! Who may read what is written, and what happens where nothing may be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use backup_tests::artifacts::{assert_nothing_is_half, files_of, recorded_ids, restore};
use backup_tests::unprivileged::{Permissions, Unprivileged};
use backup_tests::{Project, binary};
use serde_json::{Value, json};

fn create(environment: &str) -> Value {
    json!({"operation": "create-backup", "parameters": {"environment": environment}})
}

fn unprivileged() -> Unprivileged {
    Unprivileged::owning(Project::bookshop())
}

#[test]
fn an_unwritable_backup_directory_is_told_as_the_seed_tells_it() {
    let user = unprivileged();
    user.succeed(&create("production"));
    let project = &user.project;
    let before = project.files();
    let _folder = Permissions::of(project.backups().join("production"), 0o555);
    let answer = user.ask(&create("production"));
    assert_eq!(
        answer,
        json!({
            "status": "error",
            "operation": "create-backup",
            "environment": "production",
            "error": "Cannot write to backup directory",
            "code": "directory_not_writable",
            "retryable": false,
            "result": {
                "backup_directory": ".fractary/plugins/faber-db/backups/production/",
                "permissions": "dr-xr-xr-x",
                "required": "drwxrwxr-x"
            },
            "recovery": {
                "suggestions": [
                    "Fix directory permissions: chmod 775 .fractary/plugins/faber-db/backups",
                    "Or create directory: mkdir -p .fractary/plugins/faber-db/backups/production",
                    "Verify user has write access"
                ]
            }
        })
    );
    let names: Vec<&String> = answer["result"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["backup_directory", "permissions", "required"]);
    assert_eq!(project.files(), before);
    let mut plan = create("production");
    plan["parameters"]["dry_run"] = json!(true);
    assert_eq!(user.ask(&plan)["code"], "directory_not_writable", "the plan knows it as well");
    // Another environment is none the worse.
    user.succeed(&create("dev"));
    assert_eq!(user.ask(&json!({"operation": "list-backups"}))["result"]["total_count"], 2);
}

#[test]
fn a_place_where_no_directory_can_be_made_is_named() {
    let user = unprivileged();
    let _folder = Permissions::of(user.project.path(".fractary/plugins/faber-db"), 0o555);
    let answer = user.ask(&create("production"));
    assert_eq!(answer["code"], "directory_not_writable", "{answer:#}");
    assert_eq!(answer["error"], "Cannot write to backup directory");
    let named = answer["result"]["backup_directory"].as_str().unwrap();
    assert!(named.starts_with(".fractary/plugins/faber-db/backups/"), "{named}");
    assert_eq!(answer["result"]["permissions"], "dr-xr-xr-x");
    assert!(!user.project.backups().exists());
}

#[test]
fn a_file_where_the_directory_should_be_is_told_by_the_plan_and_by_the_backup() {
    let project = Project::bookshop();
    let path = project.backups().join("dev");
    std::fs::create_dir_all(project.backups()).unwrap();
    std::fs::write(&path, "theirs").unwrap();
    // That it may be run makes it no directory.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let mut plan = create("dev");
    plan["parameters"]["dry_run"] = json!(true);
    for request in [plan, create("dev")] {
        let failed = project.fail(&request, "directory_not_writable");
        assert_eq!(failed["result"]["permissions"], "-rwxr-xr-x", "{failed:#}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
}

#[test]
fn a_storage_location_that_is_not_ours_is_named() {
    let user = unprivileged();
    user.project.configure(|configuration| {
        configuration["backup"] = json!({"storage_location": "/proc/backups"});
    });
    let answer = user.ask(&create("dev"));
    assert_eq!(answer["status"], "error", "{answer:#}");
    assert!(
        ["directory_not_writable", "storage_failed"].contains(&answer["code"].as_str().unwrap()),
        "{answer:#}"
    );
    assert!(answer.to_string().contains("/proc/backups"));
}

fn modes(folder: &Path, found: &mut Vec<(PathBuf, u32)>) {
    found.push((folder.to_path_buf(), folder.metadata().unwrap().permissions().mode() & 0o7777));
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            modes(&path, found);
        } else {
            let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
            found.push((path, mode));
        }
    }
}

#[test]
fn what_is_written_is_for_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let project = Project::bookshop();
        let run = |request: &Value| {
            let mut command = Command::new("sh");
            command.args(["-c", "umask \"$1\" && exec \"$2\"", "sh", umask]).arg(binary());
            command
                .env_clear()
                .env("PATH", backup_tests::START_OF_PATH)
                .current_dir(project.root());
            command.stdin(std::process::Stdio::piped());
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            let answers = Project::converse(&mut command, format!("{request}\n").as_bytes());
            answers.envelopes[0].clone()
        };
        for format in ["custom", "sql"] {
            for compression in [json!(false), json!(true), json!("zstd")] {
                let answer = run(&json!({"operation": "create-backup", "parameters": {
                    "environment": "production", "format": format, "compression": compression,
                    "idempotency_key": "k"}}));
                assert!(["success", "error"].contains(&answer["status"].as_str().unwrap()));
            }
        }
        let id = recorded_ids(&project)[0].clone();
        run(&json!({"operation": "verify-backup", "parameters": {"backup_id": id}}));
        let asked = run(&json!({"operation": "delete-backup", "parameters": {"backup_id": id}}));
        assert!(asked["result"]["confirm"].is_string(), "{asked:#}");
        run(&json!({"operation": "rebuild-catalogue"}));
        run(&json!({"skill": "handler-db-prisma", "operation": "create-backup", "parameters": {
            "environment": "dev", "output_file": ".fractary/plugins/faber-db/backups/by-hand/dev.sql",
            "format": "sql"}}));
        let mut found = Vec::new();
        modes(&project.backups(), &mut found);
        assert!(found.iter().any(|(path, _)| path.ends_with(".confirmation-key")));
        assert!(found.iter().any(|(path, _)| path.to_string_lossy().contains(".note.")));
        assert!(found.iter().any(|(path, _)| path.ends_with("by-hand/dev.sql")));
        for (path, mode) in found {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{mode:o} {} under umask {umask}", path.display());
        }
    }
}

#[test]
fn a_database_that_may_not_be_read_is_a_failed_connection() {
    let user = unprivileged();
    let _database = Permissions::of(user.project.path("prisma/dev.db"), 0o000);
    let answer = user.ask(&create("dev"));
    assert_eq!(answer["code"], "connection_failed", "{answer:#}");
    assert_eq!(answer["error"], "Cannot connect to database for backup");
    assert!(answer["prisma_output"].as_str().unwrap().contains("prisma/dev.db"));
    let suggestions = &answer["recovery"]["suggestions"];
    assert_eq!(suggestions[0], "Verify database is running");
    assert_eq!(suggestions[1], "Check connection string: echo $DEV_DATABASE_URL");
    assert!(suggestions[2].as_str().unwrap().starts_with("Test connection: sqlite3 "));
    assert_eq!(suggestions[3], "Verify network/VPN access");
    assert_eq!(user.project.files(), [""; 0]);
}

#[test]
fn a_database_that_may_only_be_read_is_backed_up() {
    let user = unprivileged();
    let _database = Permissions::of(user.project.path("prisma/dev.db"), 0o444);
    let _folder = Permissions::of(user.project.path("prisma"), 0o555);
    user.succeed(&create("dev"));
    assert_nothing_is_half(&user.project);
}

#[test]
fn a_configuration_or_variables_that_may_not_be_read_are_named() {
    for file in [".fractary/plugins/faber-db/config.json", ".env"] {
        let user = unprivileged();
        let _file = Permissions::of(user.project.path(file), 0o000);
        let answer = user.ask(&create("dev"));
        assert_eq!(answer["status"], "error");
        assert!(answer["result"]["path"].as_str().unwrap().ends_with(file), "{answer:#}");
    }
}

#[test]
fn a_catalogue_that_cannot_be_written_costs_no_backup() {
    let user = unprivileged();
    let elsewhere = user.project.path("elsewhere").display().to_string();
    user.project.configure(|configuration| {
        configuration["backup"] = json!({"storage_location": elsewhere});
    });
    user.succeed(&create("dev"));
    let made = {
        let _state = Permissions::of(user.project.backups(), 0o555);
        user.succeed(&create("dev"))
    };
    assert!(made["warnings"].to_string().contains("backups.json"), "{made:#}");
    let id = made["backup_id"].as_str().unwrap();
    assert!(!recorded_ids(&user.project).iter().any(|known| known == id));
    user.succeed(&create("staging"));
    assert!(
        recorded_ids(&user.project).iter().any(|known| known == id),
        "recorded by the next one"
    );
    user.succeed(&json!({"operation": "verify-backup", "parameters": {"backup_id": id}}));
}

#[test]
fn a_partial_file_that_may_not_be_opened_stops_nobody() {
    // Somebody else's run at a shared location: whether it lives cannot be told, so it is left alone.
    let user = unprivileged();
    user.succeed(&create("dev"));
    let artifact = files_of(&user.project, "dev")
        .into_iter()
        .find(|path| path.ends_with(format!("{}.sqlite", recorded_ids(&user.project)[0])))
        .unwrap();
    let mut host = backup_tests::live_host::LiveHost::start(&mut user.host());
    backup_tests::databases::fill_large(&user.project.database("staging"), 6);
    user.give_away();
    host.send(&json!({"operation": "create-backup", "parameters": {
        "environment": "staging", "format": "sql", "compression": true}}));
    backup_tests::live_host::wait_until("a partial", || {
        !files_of(&user.project, "staging").is_empty()
    });
    host.pause();
    let name = files_of(&user.project, "staging")[0].display().to_string();
    host.resume();
    host.answer().unwrap();
    let mark = name.rsplit('.').nth(2).unwrap().to_owned();
    let partial = artifact.with_file_name(format!("x.sqlite.{mark}.00000000deadbeef.partial"));
    std::fs::write(&partial, "theirs").unwrap();
    let _partial = Permissions::of(partial.clone(), 0o000);
    user.succeed(&create("dev"));
    assert!(partial.exists());
}

#[test]
fn a_removal_that_is_refused_midway_takes_no_other_file_of_that_name_later() {
    // A record of the older shape may have its artifact beside the environments' folders.
    let project = Project::bookshop();
    let made = project.create("dev");
    let old = project.backups().join("archive/shop.sqlite");
    std::fs::create_dir(old.parent().unwrap()).unwrap();
    restore(&project.path(made["file_path"].as_str().unwrap()), &old);
    let mut catalogue = project.catalogue();
    catalogue["backups"].as_array_mut().unwrap().push(json!({
        "id": "backup-20240101-000000", "timestamp": "2024-01-01T00:00:00Z",
        "file": ".fractary/plugins/faber-db/backups/archive/shop.sqlite",
        "database": "shop", "environment": "dev"}));
    std::fs::write(project.backups().join("backups.json"), catalogue.to_string()).unwrap();
    let theirs = project.backups().join("dev/shop.sqlite");
    std::fs::write(&theirs, "theirs").unwrap();
    let user = Unprivileged::owning(project);
    let delete = json!({"operation": "delete-backup", "parameters": {"backup_id": "backup-20240101-000000"}});
    {
        let _archive = Permissions::of(user.project.backups().join("archive"), 0o555);
        let answer = user.ask(&delete);
        // Refused, or told that only the record goes; never told that the file is gone.
        assert_ne!(answer["result"]["artifact_existed"], true, "{answer:#}");
        assert!(old.exists());
    }
    user.succeed(&create("dev"));
    assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
}

#[test]
fn an_artifact_that_cannot_be_removed_is_no_deleted_backup() {
    let user = unprivileged();
    let made = user.succeed(&create("dev"));
    user.succeed(&create("dev"));
    let id = made["backup_id"].as_str().unwrap();
    let delete = json!({"operation": "delete-backup", "parameters": {"backup_id": id}});
    {
        let _folder = Permissions::of(user.project.backups().join("dev"), 0o555);
        let answer = user.ask(&delete);
        assert_eq!(answer["status"], "error", "{answer:#}");
    }
    assert_nothing_is_half(&user.project);
    user.succeed(&json!({"operation": "verify-backup", "parameters": {"backup_id": id}}));
    user.succeed(&delete);
    assert_nothing_is_half(&user.project);
}

#[test]
fn an_artifact_that_may_not_be_read_is_no_broken_backup() {
    let user = unprivileged();
    let made = user.succeed(&create("dev"));
    let id = &made["backup_id"];
    let verify = json!({"operation": "verify-backup", "parameters": {"backup_id": id}});
    for path in [made["file_path"].as_str().unwrap(), ".fractary/plugins/faber-db/backups/dev"] {
        let _hidden = Permissions::of(user.project.path(path), 0o000);
        let answer = user.ask(&verify);
        assert_eq!(answer["status"], "error", "{answer:#}");
        assert_ne!(
            answer["code"], "verification_failed",
            "want of rights is no verdict: {answer:#}"
        );
    }
    let listed = user.succeed(&json!({"operation": "list-backups"}));
    assert_eq!(listed["backups"][0]["status"], "valid");
    user.succeed(&verify);
}

#[test]
fn an_environment_folder_that_is_a_link_leads_nowhere_else() {
    let elsewhere = tempfile::tempdir().unwrap();
    let project = Project::bookshop();
    project.create("staging");
    symlink(elsewhere.path(), project.backups().join("dev")).unwrap();
    let answer = project.ask(&create("dev"));
    let written: Vec<_> = std::fs::read_dir(elsewhere.path()).unwrap().collect();
    assert!(written.is_empty(), "{answer:#}\n{written:?}");
    assert_eq!(answer["status"], "error");
}

#[test]
fn an_output_file_leads_nowhere_else() {
    let elsewhere = tempfile::tempdir().unwrap();
    let outside = elsewhere.path().join("x.sqlite");
    let theirs = elsewhere.path().join("theirs.sqlite");
    std::fs::write(&theirs, "theirs").unwrap();
    let project = Project::bookshop();
    symlink(elsewhere.path(), project.path("shortcut")).unwrap();
    symlink(&outside, project.path("dangling.sqlite")).unwrap();
    symlink(&theirs, project.path("link.sqlite")).unwrap();
    symlink("..", project.path("up")).unwrap();
    let name = elsewhere.path().file_name().unwrap().to_str().unwrap();
    for output in [
        outside.to_str().unwrap(),
        "shortcut/x.sqlite",
        "shortcut/new/x.sqlite",
        "dangling.sqlite",
        "link.sqlite",
        &format!("../{name}/x.sqlite"),
        &format!("up/{name}/x.sqlite"),
        "prisma/../../x.sqlite",
        "prisma/dev.db",
        "/",
        "",
        ".",
        "..",
        "prisma/",
    ] {
        let request = json!({"skill": "handler-db-prisma", "operation": "create-backup",
            "parameters": {"environment": "dev", "output_file": output}});
        let before = std::fs::read(project.path("prisma/dev.db")).unwrap();
        project.fail(&request, "invalid_request");
        assert!(!outside.exists(), "{output}");
        assert!(!project.root().parent().unwrap().join("x.sqlite").exists(), "{output}");
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
        assert!(std::fs::read(project.path("prisma/dev.db")).unwrap() == before);
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    }
}

#[test]
fn the_handlers_delete_and_verify_lead_nowhere_else() {
    let elsewhere = tempfile::tempdir().unwrap();
    let theirs = elsewhere.path().join("theirs.sqlite");
    std::fs::write(&theirs, "theirs").unwrap();
    let project = Project::bookshop();
    symlink(elsewhere.path(), project.path("shortcut")).unwrap();
    let name = elsewhere.path().file_name().unwrap().to_str().unwrap();
    for path in [
        theirs.to_str().unwrap().to_owned(),
        "shortcut/theirs.sqlite".to_owned(),
        format!("../{name}/theirs.sqlite"),
    ] {
        for operation in ["delete-backup", "verify-backup"] {
            let request = json!({"skill": "handler-db-prisma", "operation": operation,
                "parameters": {"file_path": path}});
            project.fail(&request, "invalid_request");
            assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
        }
    }
}

#[test]
fn a_lock_that_is_a_link_destroys_nothing() {
    let elsewhere = tempfile::tempdir().unwrap();
    let theirs = elsewhere.path().join("theirs");
    for lock in [".backup-manager.lock", ".locks/catalogue.lock"] {
        let project = Project::bookshop();
        project.create("dev");
        std::fs::write(&theirs, "theirs, and long enough to be cut").unwrap();
        let path = project.backups().join(lock);
        std::fs::remove_file(&path).unwrap();
        symlink(&theirs, &path).unwrap();
        let before = theirs.metadata().unwrap().permissions().mode();
        project.ask(&create("dev"));
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs, and long enough to be cut");
        assert_eq!(theirs.metadata().unwrap().permissions().mode(), before);
        // Nothing half either, once the link is gone.
        std::fs::remove_file(&path).unwrap();
        project.create("dev");
        assert_nothing_is_half(&project);
    }
}

#[test]
fn a_catalogue_or_key_that_is_a_link_is_not_written_through() {
    let elsewhere = tempfile::tempdir().unwrap();
    let theirs = elsewhere.path().join("theirs");
    let empty = "{\"schema_version\": \"1.0\", \"backups\": []}";
    std::fs::write(&theirs, empty).unwrap();
    let project = Project::bookshop();
    std::fs::create_dir_all(project.backups()).unwrap();
    symlink(&theirs, project.backups().join("backups.json")).unwrap();
    symlink(elsewhere.path().join("used"), project.backups().join(".confirmations-used")).unwrap();
    symlink(elsewhere.path().join("key"), project.backups().join(".confirmation-key")).unwrap();
    let made = project.ask(&create("production"));
    if made["status"] == "success" {
        let id = &made["result"]["backup_id"];
        project.ask(&json!({"operation": "delete-backup", "parameters": {"backup_id": id}}));
    }
    assert_eq!(std::fs::read_to_string(&theirs).unwrap(), empty);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

#[test]
fn a_removal_that_cannot_be_finished_keeps_no_backup_from_being_made() {
    let user = unprivileged();
    let made = user.succeed(&create("dev"));
    let id = made["backup_id"].as_str().unwrap();
    let note = format!("dev/{id}.note.20250124T140000000.deleting.00000000deadbeef.json");
    let text = json!({"note_version": "1.0", "backup_id": id, "kind": "deleting", "last_good": true,
        "at": "2025-01-24T14:00:00Z", "run_id": "00000000deadbeef", "host": "here"});
    std::fs::write(user.project.backups().join(note), text.to_string()).unwrap();
    {
        let _folder = Permissions::of(user.project.backups().join("dev"), 0o555);
        let other = user.succeed(&create("staging"));
        let warning = other["warnings"][0].as_str().unwrap();
        assert!(warning.contains(id) && warning.contains("cannot be finished"), "{warning}");
        user.succeed(&create("production"));
    }
    let after = user.succeed(&create("dev"));
    assert_eq!(after["warnings"], Value::Null, "{after:#}");
    assert!(!recorded_ids(&user.project).contains(&id.to_owned()));
    assert_nothing_is_half(&user.project);
}

#[test]
fn a_removal_of_a_record_alone_stays_one_when_it_is_finished_later() {
    let project = Project::bookshop();
    let made = project.create("dev");
    let artifact = made["file_path"].as_str().unwrap();
    let id = "backup-20240101-000000";
    let path = project.backups().join("backups.json");
    let mut catalogue = project.catalogue();
    catalogue["backups"].as_array_mut().unwrap().push(json!({
        "id": id, "timestamp": "2024-01-01T00:00:00Z", "file": artifact, "database": "shop",
        "environment": "dev"
    }));
    std::fs::write(path, catalogue.to_string()).unwrap();
    let stuck = project.backups().join(format!("dev/{id}.globals.sql"));
    std::fs::create_dir(&stuck).unwrap();
    std::fs::write(stuck.join("file"), "").unwrap();
    let user = Unprivileged::owning(project);
    {
        let _stuck = Permissions::of(stuck, 0o555);
        let delete = json!({"operation": "delete-backup", "parameters": {"backup_id": id}});
        let answer = user.ask(&delete);
        assert_eq!(answer["status"], "error", "{answer:#}");
    }
    let begun = files_of(&user.project, "dev");
    let begun = begun.iter().find(|file| file.display().to_string().contains(".deleting."));
    let note: Value = serde_json::from_slice(&std::fs::read(begun.unwrap()).unwrap()).unwrap();
    assert_eq!((&note["backup_id"], &note["artifact"]), (&json!(id), &Value::Null));
    user.succeed(&create("staging"));
    assert!(!recorded_ids(&user.project).iter().any(|known| known == id));
    let verify =
        json!({"operation": "verify-backup", "parameters": {"backup_id": made["backup_id"]}});
    user.succeed(&verify);
}
