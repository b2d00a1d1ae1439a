//! A secret that came in goes nowhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::process::Command;

use backup_tests::Project;
use backup_tests::databases::fill_large;
use backup_tests::live_host::{LiveHost, wait_until};
use serde_json::{Value, json};

/// Looks like nothing else, so that every occurrence is ours.
const CANARY: &str = "Zq7CanaryXv93";
const CONFIGURATION: &str = ".fractary/plugins/faber-db/config.json";

fn create(environment: &str, more: &Value) -> Value {
    let mut parameters = json!({"environment": environment});
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    json!({"operation": "create-backup", "parameters": parameters})
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes())
}

/// Every file below a folder, hidden ones included.
fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        visit(&path);
        if path.is_dir() && !path.is_symlink() {
            walk(&path, visit);
        }
    }
}

/// Sends requests with everything loud, and expects the canary on no stream, in no file and no file name
/// but those it was planted in. Returns the envelopes.
fn hidden(project: &Project, variables: &[(&str, String)], requests: &[Value]) -> Vec<Value> {
    let lines = requests.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let planted = [project.path(".env"), project.path(CONFIGURATION)];
    let mut envelopes = Vec::new();
    for log in [None, Some("trace")] {
        let mut command = project.host();
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        if let Some(log) = log {
            command.env("BACKUP_MANAGER_LOG", log);
        }
        let answers = Project::converse(&mut command, lines.as_bytes());
        assert_eq!(answers.envelopes.len(), requests.len());
        assert!(!answers.stdout.contains(CANARY), "stdout: {}", answers.stdout);
        assert!(!answers.stderr.contains(CANARY), "stderr: {}", answers.stderr);
        envelopes = answers.envelopes;
    }
    let mut look = |path: &Path| {
        assert!(!path.to_string_lossy().contains(CANARY), "{}", path.display());
        if path.is_file() && !planted.iter().any(|planted| planted == path) {
            assert!(!holds(&std::fs::read(path).unwrap_or_default()), "{}", path.display());
        }
    };
    walk(&project.root(), &mut look);
    let user = rustix::process::geteuid().as_raw();
    walk(Path::new(&format!("/tmp/backup-manager-{user}")), &mut look);
    envelopes
}

fn dotenv(project: &Project, url: &str) {
    std::fs::write(
        project.path(".env"),
        format!("DEV_DATABASE_URL='{url}'\nOTHER_SECRET={CANARY}\n"),
    )
    .unwrap();
}

fn everything_about(id: &Value) -> Vec<Value> {
    vec![
        json!({"operation": "verify-backup", "parameters": {"backup_id": id}}),
        json!({"operation": "list-backups", "parameters": {"detail": true}}),
        json!({"operation": "rebuild-catalogue"}),
        json!({"operation": "delete-backup", "parameters": {"backup_id": id}}),
        json!({"operation": "describe"}),
    ]
}

#[test]
fn a_secret_in_the_urls_query_goes_nowhere() {
    for query in [
        format!("?password={CANARY}"),
        format!("?{CANARY}"),
        format!("?{CANARY}=1"),
        format!("?connection_limit=1&token={CANARY}&x=y"),
        format!("?a=b=c={CANARY}"),
        format!("?sslpassword={CANARY}#{CANARY}"),
    ] {
        let project = Project::bookshop();
        dotenv(&project, &format!("file:./dev.db{query}"));
        let made = hidden(
            &project,
            &[],
            &[
                create("dev", &json!({"format": "sql", "compression": true, "progress": true})),
                create("dev", &json!({"dry_run": true})),
                create("dev", &json!({"format": "directory"})),
            ],
        );
        assert_eq!(made[0]["status"], "success", "{query}: {:#}", made[0]);
        hidden(&project, &[], &everything_about(&made[0]["result"]["backup_id"]));
        // The same, where the database is missing or broken.
        std::fs::write(project.path("prisma/dev.db"), "no database").unwrap();
        hidden(&project, &[], &[create("dev", &json!({}))]);
        std::fs::remove_file(project.path("prisma/dev.db")).unwrap();
        let failed = hidden(&project, &[], &[create("dev", &json!({}))]);
        assert_eq!(failed[0]["code"], "connection_failed", "{query}");
    }
}

#[test]
fn a_secret_in_the_process_environment_goes_nowhere() {
    let project = Project::bookshop();
    let variables = [
        ("DEV_DATABASE_URL", format!("file:./dev.db?password={CANARY}")),
        ("PGPASSWORD", CANARY.to_owned()),
        ("OTHER_SECRET", CANARY.to_owned()),
        ("RUST_LOG", "trace".to_owned()),
    ];
    let made = hidden(&project, &variables, &[create("dev", &json!({"progress": true}))]);
    assert_eq!(made[0]["status"], "success");
    hidden(&project, &variables, &everything_about(&made[0]["result"]["backup_id"]));
}

#[test]
fn a_secret_is_on_no_command_line() {
    let project = Project::bookshop();
    fill_large(&project.database("dev"), 8);
    dotenv(&project, &format!("file:./dev.db?password={CANARY}"));
    let mut host = LiveHost::start(&mut project.host());
    host.send(&create("dev", &json!({"compression": "zstd"})));
    let folder = project.backups().join("dev");
    wait_until("it is at work", || {
        folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
    });
    host.pause();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(!holds(&line), "{}", process.path().display());
    }
    host.resume();
    assert_eq!(host.answer().unwrap()["status"], "success");
}

#[test]
fn credentials_in_a_server_url_go_nowhere() {
    let project = Project::bookshop();
    for url in [
        format!("postgresql://app:{CANARY}@127.0.0.1:1/shop?schema=public"),
        format!("postgres://app:{CANARY}@localhost:1/shop?password={CANARY}"),
        format!("mysql://root:{CANARY}@127.0.0.1:1/shop"),
        format!("postgresql://app:pa/ss{CANARY}@db.example.com/shop"),
        format!("postgresql://app:pa#ss{CANARY}@db.example.com/shop"),
        format!("postgresql://app:pa ss{CANARY}@@/shop:x:y"),
        format!("postgresql://app:12/ss{CANARY}@db.example.com/shop"),
        format!("postgresql://app:12?ss{CANARY}@db.example.com/shop"),
        format!("postgresql://app@127.0.0.1:1/shop?sslkey=k&sslpassword={CANARY}&x={CANARY}"),
        format!("postgresql://127.0.0.1:1/shop?user=app&password={CANARY}#{CANARY}"),
        format!("mysql://app:{CANARY}@one,other/shop"),
        format!("mariadb://app:{CANARY}@db.example.com"),
        format!("prisma://accelerate.prisma-data.net/?api_key={CANARY}"),
        format!("sqlserver://h:1433;user=sa;password={CANARY}"),
        format!("mongodb://u:{CANARY}@h/d"),
        format!("unheard-of://u:{CANARY}@h"),
        CANARY.to_owned(),
    ] {
        dotenv(&project, &url);
        let answers = hidden(
            &project,
            &[],
            &[
                create("dev", &json!({})),
                create("dev", &json!({"dry_run": true, "progress": true})),
                json!({"skill": "handler-db-prisma", "operation": "create-backup", "parameters": {
                "environment": "dev", "output_file": "x.sql"}}),
            ],
        );
        for answer in answers {
            // Nobody listens at port 1 or, most likely, at the local socket; the others are refused before
            // anybody is asked.
            let is_url = url.contains(":1/") || url.contains("@@/");
            let code = if is_url { "connection_failed" } else { "unsupported_database" };
            assert_eq!(answer["code"], code, "{url}");
        }
    }
}

#[test]
fn credentials_in_a_direct_url_go_nowhere() {
    let project = Project::bookshop();
    let schema =
        "datasource db {\n  url = env(\"DEV_DATABASE_URL\")\n  directUrl = env(\"DIRECT\")\n}\n";
    std::fs::write(project.path("prisma/schema.prisma"), schema).unwrap();
    for (direct, code) in [
        (format!("postgresql://app:{CANARY}@127.0.0.1:1/shop"), "connection_failed"),
        (format!("postgresql://app:{CANARY}@127.0.0.1:1/other"), "config_invalid"),
        (format!("postgresql://app:pa/ss{CANARY}@db.example.com/shop"), "config_invalid"),
        (format!("prisma://accelerate.prisma-data.net/?api_key={CANARY}"), "config_invalid"),
        (CANARY.to_owned(), "config_invalid"),
    ] {
        let text =
            format!("DEV_DATABASE_URL='postgresql://app@127.0.0.1:1/shop'\nDIRECT='{direct}'\n");
        std::fs::write(project.path(".env"), text).unwrap();
        let answers = hidden(&project, &[], &[create("dev", &json!({"progress": true}))]);
        assert_eq!(answers[0]["code"], code, "{direct}: {:#}", answers[0]);
    }
}

#[test]
fn credentials_before_a_file_go_nowhere() {
    // No URL of SQLite has credentials; somebody's may all the same.
    let project = Project::bookshop();
    for url in [
        format!("sqlite://app:{CANARY}@localhost/dev.db"),
        format!("file://app:{CANARY}@localhost/dev.db"),
    ] {
        dotenv(&project, &url);
        let answers = hidden(&project, &[], &[create("dev", &json!({}))]);
        assert_eq!(answers[0]["status"], "error", "{url}");
    }
}

#[test]
fn words_that_hold_the_urls_secret_are_refused() {
    let project = Project::bookshop();
    dotenv(&project, &format!("file:./dev.db?password={CANARY}"));
    for words in [
        json!({"label": CANARY}),
        json!({"label": format!("before {CANARY} after")}),
        json!({"reason": format!("the password is {CANARY}")}),
        json!({"tags": ["a", CANARY]}),
    ] {
        let answers = hidden(&project, &[], &[create("dev", &words)]);
        assert_eq!(answers[0]["code"], "invalid_request", "{words}");
        assert_eq!(project.files(), [""; 0]);
    }
    let request = json!({"skill": "handler-db-prisma", "operation": "create-backup", "parameters": {
        "environment": "dev", "output_file": format!("{CANARY}.sqlite")}});
    assert_eq!(hidden(&project, &[], &[request])[0]["code"], "invalid_request");
}

#[test]
fn words_that_look_like_credentials_are_refused() {
    let project = Project::bookshop();
    for text in [
        format!("postgres://u:{CANARY}@host/db"),
        format!("see mysql://root:{CANARY}@10.0.0.1 for it"),
        format!("password={CANARY}"),
    ] {
        for words in [json!({"label": text}), json!({"reason": text}), json!({"tags": [text]})] {
            let mut with_events = words.clone();
            with_events["progress"] = json!(true);
            let requests = [create("dev", &words), create("dev", &with_events)];
            for answer in hidden(&project, &[], &requests) {
                assert_eq!(answer["code"], "invalid_request", "{words}");
            }
        }
    }
    assert_eq!(project.files(), [""; 0]);
}

#[test]
fn a_secret_in_the_wrong_place_of_a_request_is_not_repeated() {
    let project = Project::bookshop();
    let url = format!("postgres://u:{CANARY}@host/db");
    let requests = [
        create(&url, &json!({})),
        create("dev", &json!({"label": {"password": CANARY}})),
        create("dev", &json!({"label": [CANARY]})),
        create("dev", &json!({"retention_days": CANARY})),
        create("dev", &json!({"compression": CANARY})),
        create("dev", &json!({"format": CANARY})),
        create("dev", &json!({"tags": CANARY})),
        create("dev", &json!({"dry_run": CANARY})),
        create("dev", &json!({"working_directory": url})),
        create("dev", &json!({"database_url": url})),
        create("dev", &json!({"password": CANARY})),
        json!({"operation": "create-backup", "parameters": {"environment": {"url": CANARY}}}),
        json!({"operation": "create-backup", "parameters": CANARY}),
        json!({"operation": "create-backup", "parameters": {url.as_str(): 1}}),
        json!({"operation": "list-backups", "parameters": {"environment": url, "cursor": CANARY}}),
        json!({"operation": "list-backups", "parameters": {"since": CANARY}}),
        json!({"operation": "list-backups", "parameters": {"status": CANARY}}),
        json!({"operation": "verify-backup", "parameters": {"backup_id": CANARY}}),
        json!({"operation": "delete-backup", "parameters": {"backup_id": url}}),
        json!({"operation": "delete-backup", "parameters": {
            "backup_id": "backup-20250101-000000", "confirm": {"token": CANARY}}}),
        json!({"operation": url}),
        json!({"operation": {"x": CANARY}}),
        json!({"operation": "describe", "skill": url}),
        json!({"operation": "describe", "working_directory": {"x": CANARY}}),
        json!([CANARY]),
        json!(CANARY),
    ];
    for request in requests {
        let answers = hidden(&project, &[], std::slice::from_ref(&request));
        assert_eq!(answers[0]["status"], "error", "{request}");
    }
    for line in [
        format!(
            "{{\"operation\": \"create-backup\", \"parameters\": {{\"password\": \"{CANARY}\"\n"
        ),
        format!("{CANARY}\n"),
        format!("{{\"{CANARY}\n"),
    ] {
        let answers = project.send(line.as_bytes());
        assert!(!(answers.stdout + &answers.stderr).contains(CANARY), "{line}");
    }
}

#[test]
fn a_secret_in_the_wrong_place_of_the_configuration_is_not_repeated() {
    let project = Project::bookshop();
    let whole = std::fs::read_to_string(project.path(CONFIGURATION)).unwrap();
    let url = format!("postgresql://app:{CANARY}@db.example.com/shop");
    let slashed = format!("postgresql://app:pa/ss{CANARY}@db.example.com/shop");
    let file = format!("file:./dev.db?password={CANARY}");
    let bare = format!("file:./dev.db?{CANARY}");
    for (pointer, value) in [
        ("/environments/dev/connection_string_env", json!(url)),
        ("/environments/dev/connection_string_env", json!(slashed)),
        ("/environments/dev/connection_string_env", json!(file)),
        ("/environments/dev/connection_string_env", json!(bare)),
        ("/environments/dev/backup_method", json!(url)),
        ("/environments/dev/hosting", json!(CANARY)),
        ("/environments/dev/backup_retention_days", json!(CANARY)),
        ("/environments/dev/production", json!(CANARY)),
        ("/environments/dev", json!(url)),
        ("/environments", json!(CANARY)),
        ("/backup", json!({"method": CANARY})),
        ("/backup", json!({"provider": url})),
        ("/backup", json!({"storage": CANARY})),
        ("/backup", json!({"storage_location": format!("s3://key:{CANARY}@bucket")})),
        ("/backup", json!({"compression": CANARY})),
        ("/backup", json!({"encrypt_backups": CANARY})),
        ("/backup", json!({"encrypt_backups": true, "encryption_recipients": [CANARY]})),
        ("/backup", json!({"password": CANARY})),
        ("/database", json!({"hosting": url})),
        ("/migrations", json!({"table": {"x": CANARY}})),
        ("/safety", json!({"protected_environments": CANARY})),
        ("/safety", json!({"approval_timeouts": {"enhanced": CANARY}})),
    ] {
        let mut configuration: Value = serde_json::from_str(&whole).unwrap();
        match configuration.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => configuration[&pointer[1..]] = value.clone(),
        }
        std::fs::write(project.path(CONFIGURATION), configuration.to_string()).unwrap();
        hidden(
            &project,
            &[],
            &[
                create("dev", &json!({"progress": true})),
                create("staging", &json!({"dry_run": true})),
                create("unknown", &json!({})),
                json!({"operation": "list-backups"}),
                json!({"operation": "rebuild-catalogue", "parameters": {"dry_run": true}}),
                json!({"operation": "verify-backup", "parameters": {"backup_id": "backup-20250101-000000"}}),
            ],
        );
    }
    // An environment that is named like a URL, and text that is no JSON.
    for text in [
        json!({"environments": {url.as_str(): {"production": "x"}}}).to_string(),
        json!({"environments": {url.as_str(): {}}}).to_string(),
        format!("{{\"environments\": {CANARY}}}"),
        CANARY.to_owned(),
    ] {
        std::fs::write(project.path(CONFIGURATION), text).unwrap();
        let answers = hidden(&project, &[], &[create("dev", &json!({}))]);
        assert_eq!(answers[0]["code"], "config_invalid");
    }
}

#[test]
fn a_variable_name_in_a_handlers_request_is_no_place_for_a_url() {
    let project = Project::bookshop();
    for url in [
        format!("postgresql://app:{CANARY}@db/shop"),
        format!("file:./dev.db?password={CANARY}"),
        format!("file:./dev.db?{CANARY}"),
    ] {
        let request = json!({"skill": "handler-db-prisma", "operation": "create-backup", "parameters": {
            "environment": "dev", "output_file": "x.sqlite", "database_url_env": url}});
        let answers = hidden(&project, &[], &[request]);
        assert_eq!(answers[0]["status"], "error");
    }
}

#[test]
fn broken_lines_of_the_dotenv_file_are_not_repeated() {
    let project = Project::bookshop();
    for text in [
        format!("DEV_DATABASE_URL='file:./dev.db?p={CANARY}\n"),
        format!("DEV DATABASE URL {CANARY}\n"),
        format!("export {CANARY}\nDEV_DATABASE_URL\n"),
        format!("DEV_DATABASE_URL=${{{CANARY}}}\n"),
        format!("DEV_DATABASE_URL=file:./dev.db?a b {CANARY}\n"),
    ] {
        std::fs::write(project.path(".env"), text).unwrap();
        hidden(&project, &[], &[create("dev", &json!({}))]);
    }
    std::fs::write(
        project.path(".env"),
        [b"DEV_DATABASE_URL=\xff\xfe", CANARY.as_bytes()].concat(),
    )
    .unwrap();
    hidden(&project, &[], &[create("dev", &json!({}))]);
}

#[test]
fn the_remote_of_the_repository_keeps_its_token() {
    let project = Project::bookshop();
    std::fs::create_dir_all(project.path(".git")).unwrap();
    let config =
        format!("[remote \"origin\"]\n\turl = https://user:{CANARY}@example.com/team/shop.git\n");
    std::fs::write(project.path(".git/config"), config).unwrap();
    let lines = format!(
        "{}\n{}\n",
        create("dev", &json!({})),
        json!({"operation": "list-backups",
        "parameters": {"detail": true}})
    );
    let mut command: Command = project.host();
    command.env("BACKUP_MANAGER_LOG", "trace");
    let answers = Project::converse(&mut command, lines.as_bytes());
    assert!(!(answers.stdout + &answers.stderr).contains(CANARY));
    walk(&project.backups(), &mut |path| {
        assert!(path.is_dir() || !holds(&std::fs::read(path).unwrap()), "{}", path.display());
    });
}
