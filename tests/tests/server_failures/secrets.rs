//! The password of a server goes to the tool and to nobody else.

use std::fmt::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use backup_tests::Project;
use backup_tests::live_host::{LiveHost, wait_until};
use backup_tests::scripted_tool::ScriptedTools;
use backup_tests::servers::{Certificate, PASSWORD, PostgresOptions, PostgresServer, program};
use serde_json::{Value, json};

use crate::shop::{Server, assert_none_soon, forms_of, mark, on_both_engines, processes_of};

/// Stands within every password: it has no form but its own, whatever is quoted, encoded or cut.
const CANARY: &str = "zq9canaryx4v";

/// Passwords with all that has a meaning somewhere, an ordinary one and one longer than most.
fn passwords() -> [String; 2] {
    let (start, end) = PASSWORD.split_at(9);
    let long = format!("{start}{CANARY}{end}").repeat(6);
    [format!("{start}{CANARY}{end}"), long]
}

fn holds(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(&bytes.to_ascii_lowercase()).contains(CANARY)
}

/// Looks at the arguments of all processes, again and again.
struct Watch {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    found: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start() -> Self {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let found = Arc::new(Mutex::new(Vec::new()));
        let (stopped, turned, caught) =
            (Arc::clone(&stop), Arc::clone(&rounds), Arc::clone(&found));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    if holds(&line) {
                        caught.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
                    }
                }
                turned.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { stop, rounds, found, thread: Some(thread) }
    }

    /// Waits until it has looked everywhere once more.
    fn look(&self) {
        let before = self.rounds.load(Ordering::SeqCst);
        wait_until("it looked", || self.rounds.load(Ordering::SeqCst) > before + 1);
    }

    fn assert_nothing_seen(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        let found = self.found.lock().unwrap();
        assert!(found.is_empty(), "on a command line: {found:?}");
    }
}

/// Every file below a folder, hidden ones included.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            files(&path, found);
        }
        found.push(path);
    }
}

fn private_folder() -> PathBuf {
    format!("/tmp/backup-manager-{}", rustix::process::geteuid().as_raw()).into()
}

/// Fails if the secret is in a file or a file's name, but for the `.env` that it was planted in.
fn assert_in_no_file(project: &Project) {
    let mut found = Vec::new();
    files(&private_folder(), &mut found);
    // Those of other hosts that are at work now; where they may be is a test of its own.
    found.retain(|path| !path.to_string_lossy().contains("/service-"));
    files(&project.root(), &mut found);
    let planted = project.path(".env");
    for path in found {
        assert!(!holds(path.to_string_lossy().as_bytes()), "{}", path.display());
        if path.is_file() && path != planted {
            assert!(!holds(&std::fs::read(&path).unwrap_or_default()), "{}", path.display());
        }
    }
}

/// Sends requests, quietly and as loud as can be, and looks for the secret everywhere. Returns the envelopes.
fn hidden(project: &Project, host: impl Fn() -> Command, requests: &[Value]) -> Vec<Value> {
    let lines = requests.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let mut envelopes = Vec::new();
    for log in [None, Some("trace")] {
        let mut command = host();
        command.envs(log.map(|log| ("BACKUP_MANAGER_LOG", log)));
        let answers = Project::converse(&mut command, lines.as_bytes());
        assert_eq!(answers.envelopes.len(), requests.len());
        assert!(!holds(answers.stdout.as_bytes()), "stdout: {}", answers.stdout);
        assert!(!holds(answers.stderr.as_bytes()), "stderr: {}", answers.stderr);
        envelopes = answers.envelopes;
        assert_in_no_file(project);
    }
    envelopes
}

fn create(format: &str, progress: bool) -> Value {
    json!({"operation": "create-backup", "parameters": {
        "environment": "dev", "format": format, "progress": progress
    }})
}

/// Makes a user who may do everything.
fn administrator(server: Server<'_>, name: &str, password: &str) {
    match server {
        Server::Postgres(server) => server.create_role(name, password, "SUPERUSER"),
        Server::Mariadb(server) => {
            server.create_user(name, password, "", &["ALL ON *.*"]);
        }
    }
}

fn url(server: Server<'_>, user: &str, password: &str, database: &str) -> String {
    match server {
        Server::Postgres(server) => server.url_with(user, password, database, &[]),
        Server::Mariadb(server) => server.url_with(user, password, database, &[]),
    }
}

/// A project whose user has a password with the canary in it, and that password.
fn secret_shop(server: Server<'_>, about: &str, password: &str) -> (Project, String) {
    let database = server.new_shop(about);
    administrator(server, &format!("{database}_keeper"), password);
    let url = url(server, &format!("{database}_keeper"), password, &database);
    (Project::with_urls(&[("dev", url)]), database)
}

#[test]
fn a_password_is_on_no_command_line_and_in_no_file() {
    let watch = Watch::start();
    std::thread::scope(|scope| {
        for server in [Server::postgres(), Server::mariadb()] {
            for password in passwords() {
                let watch = &watch;
                scope.spawn(move || dump_under_watch(server, &password, watch));
            }
        }
    });
    watch.assert_nothing_seen();
}

fn dump_under_watch(server: Server<'_>, password: &str, watch: &Watch) {
    let (project, database) = secret_shop(server, "watched", password);
    for (_, format) in forms_of(server) {
        let held = server.hold(&database);
        let mut command = project.host();
        mark(&mut command, &project);
        command.env("BACKUP_MANAGER_LOG", "trace");
        let mut host = LiveHost::start(&mut command);
        host.send(&create(format, true));
        server.wait_until_held(&database);
        let tools = ["pg_dump", "mariadb-dump", "mydumper"];
        let processes = processes_of(&project);
        assert!(processes.iter().any(|process| tools.contains(&process.name.as_str())));
        watch.look();
        assert_in_no_file(&project);
        drop(held);
        let made = host.answer().unwrap();
        assert_eq!(made["status"], "success", "{format}: {made:#}");
        assert!(!holds(made.to_string().as_bytes()), "{made:#}");
        let verify = json!({"operation": "verify-backup", "parameters": {"backup_id": made["result"]["backup_id"]}});
        assert_eq!(host.ask(&verify)["status"], "success");
        let (_, stderr) = host.end();
        assert!(!holds(stderr.as_bytes()), "{stderr}");
        assert_in_no_file(&project);
    }
    let everything = [
        json!({"operation": "list-backups", "parameters": {"detail": true}}),
        json!({"operation": "rebuild-catalogue"}),
        json!({"skill": "handler-db-prisma", "operation": "create-backup", "parameters": {
            "environment": "dev", "output_file": "direct.sql.gz", "compression": true}}),
        create("sql", false),
    ];
    hidden(&project, || project.host(), &everything[..2]);
    let first = Project::converse(&mut project.host(), everything[2].to_string().as_bytes());
    assert!(!holds(first.stdout.as_bytes()) && !holds(first.stderr.as_bytes()), "{first:?}");
    hidden(&project, || project.host(), &everything[3..]);
}

#[test]
fn a_password_that_is_refused_or_leads_nowhere_is_not_repeated() {
    let watch = Watch::start();
    on_both_engines(|server| {
        let database = server.new_shop("refused");
        let user = if server.is_postgres() { "postgres" } else { "root" };
        for password in passwords() {
            let right = url(server, user, &password, &database);
            let port = match server {
                Server::Postgres(server) => server.port(),
                Server::Mariadb(server) => server.port(),
            };
            let place = format!("@localhost:{port}/");
            assert!(right.contains(&place));
            for wrong in [
                right.clone(),
                right.replace(&place, "@localhost:1/"),
                right.replace(&place, "@nowhere.invalid/"),
                format!("{right}?password={CANARY}&token={CANARY}"),
            ] {
                let project = Project::with_urls(&[("dev", &wrong)]);
                let failed = hidden(&project, || project.host(), &[create("sql", true)]);
                assert_eq!(failed[0]["code"], "connection_failed", "{:#}", failed[0]);
            }
        }
    });
    watch.assert_nothing_seen();
}

/// How a tool that fails may repeat the password that it was given.
const FAILING: [&str; 3] = [
    r#"printf 'error: password "%s" is odd\n' "$secret" >&2; exit 1"#,
    // In an address, as the URL has it.
    r#"printf 'error: %s\n' "$address" >&2; exit 1"#,
    // Again and again: words are cut somewhere.
    r#"n=0; while [ $n -lt 900 ]; do printf '%s\n' "$secret" >&2; n=$((n+1)); done; exit 1"#,
];

/// How a tool that succeeds may.
const WARNING: [&str; 2] = [
    r#"printf 'pg_dump: warning: the password %s is weak\n' "$secret" >&2; exec "$real" "$@""#,
    // At the end of a long one, which is cut.
    r#"n=210; while [ $n -lt 300 ]; do printf 'warning: %0*d %s\n' $n 0 "$secret" >&2; n=$((n+10)); done; exec "$real" "$@""#,
];

fn repeated(scripts: &'static [&'static str]) {
    std::thread::scope(|scope| {
        for server in [Server::postgres(), Server::mariadb()] {
            for password in passwords() {
                scope.spawn(move || repeat(server, &password, scripts));
            }
        }
    });
}

#[test]
fn a_password_that_a_failing_tool_repeats_is_cut_out() {
    repeated(&FAILING);
}

#[test]
fn a_password_that_a_tool_warns_of_is_cut_out() {
    repeated(&WARNING);
}

fn repeat(server: Server<'_>, password: &str, scripts: &[&str]) {
    let (project, database) = secret_shop(server, "repeated", password);
    let address = url(server, &format!("{database}_keeper"), password, &database);
    let (name, variable) = if server.is_postgres() {
        ("pg_dump", "PGPASSWORD")
    } else {
        ("mariadb-dump", "MYSQL_PWD")
    };
    let tools = ScriptedTools::new();
    for script in scripts {
        let mut text =
            format!("#!/bin/bash\nreal='{}' address='{address}'\n", program(name).display());
        write!(
            text,
            "case \" $* \" in *' --version '*) exec \"$real\" \"$@\" ;; esac\n\
             secret=${variable}\n[ -n \"$secret\" ] || exit 3\n{script}\n"
        )
        .unwrap();
        std::fs::write(tools.program(name), text).unwrap();
        std::fs::set_permissions(tools.program(name), PermissionsExt::from_mode(0o755)).unwrap();
        let answers = hidden(&project, || tools.host(&project), &[create("sql", true)]);
        let fails = script.contains("exit 1");
        let expected = if fails { "error" } else { "success" };
        assert_eq!(answers[0]["status"], expected, "{script}: {:#}", answers[0]);
        let said =
            if fails { &answers[0]["prisma_output"] } else { &answers[0]["result"]["warnings"] };
        assert!(said.to_string().contains("***"), "{script}: {:#}", answers[0]);
    }
}

/// A server that wants a certificate, and a URL with one whose key is locked with the password.
fn locked_key(server: &PostgresServer, database: &str, password: &str) -> String {
    let tls = server.tls();
    let issued = tls.client("postgres");
    let (locked, phrase) =
        (issued.key.with_extension("locked"), issued.key.with_extension("phrase"));
    std::fs::write(&phrase, password).unwrap();
    let status = Command::new(program("openssl"))
        .args(["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in"])
        .arg(&issued.key)
        .arg("-out")
        .arg(&locked)
        .arg("-passout")
        .arg(format!("file:{}", phrase.display()))
        .status();
    assert!(status.unwrap().success());
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::remove_file(phrase).unwrap();
    let text = |path: &Path| path.display().to_string();
    let (root, certificate, key) = (text(&tls.authority), text(&issued.certificate), text(&locked));
    let address = server.address(database).without_password();
    address
        .parameter("sslmode", "verify-full")
        .parameter("sslrootcert", &root)
        .parameter("sslcert", &certificate)
        .parameter("sslkey", &key)
        .parameter("sslpassword", password)
        .to_string()
}

/// The files for tools that hold what libpq takes from no variable.
fn service_files(host: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&private_folder(), &mut found);
    let mark = format!("service-{host}-");
    found.retain(|path| path.to_string_lossy().contains(&mark));
    found
}

#[test]
fn a_keys_password_is_in_a_file_of_its_owner_and_gone_afterwards() {
    let options = PostgresOptions::default().tls(Certificate::ForLocalhost).client_certificates();
    let own = PostgresServer::start_own(&options);
    let server = Server::Postgres(&own);
    let database = server.new_shop("locked");
    // A line of a service file ends at a newline, and blanks around it are not the password's.
    let password = passwords()[0].clone();
    let project = Project::with_urls(&[("dev", locked_key(&own, &database, &password))]);
    let watch = Watch::start();
    for (killed, format) in
        [(false, "sql"), (true, "sql"), (false, "directory"), (true, "directory")]
    {
        let held = server.hold(&database);
        let mut command = project.host();
        mark(&mut command, &project);
        let mut host = LiveHost::start(&mut command);
        host.send(&create(format, true));
        server.wait_until_held(&database);
        let files = service_files(host.process());
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(files[0].metadata().unwrap().mode() & 0o7777, 0o600);
        assert!(holds(&std::fs::read(&files[0]).unwrap()));
        watch.look();
        let process = host.process();
        if killed {
            host.kill();
        } else {
            drop(held);
            let made = host.answer().unwrap();
            assert_eq!(made["status"], "success", "{made:#}");
            assert!(service_files(process).is_empty());
            let (_, stderr) = host.end();
            assert!(!holds(stderr.as_bytes()), "{stderr}");
        }
        assert_none_soon("service files", Duration::from_secs(1), || {
            service_files(process).pop().map(|path| path.display().to_string())
        });
        assert_none_soon("tools", Duration::from_secs(1), || {
            processes_of(&project).pop().map(|tool| format!("{tool:?}"))
        });
        assert_in_no_file(&project);
    }
    // A wrong one: no tool repeats it.
    let wrong = locked_key(&own, &database, "another").replace("=another", &format!("={CANARY}"));
    let project = Project::with_urls(&[("dev", wrong)]);
    let failed = hidden(&project, || project.host(), &[create("sql", true)]);
    assert_eq!(failed[0]["code"], "connection_failed", "{:#}", failed[0]);
    watch.assert_nothing_seen();
}

#[test]
fn a_password_file_is_read_and_not_repeated() {
    let Server::Postgres(server) = Server::postgres() else { unreachable!() };
    let [password, _] = passwords();
    let database = Server::postgres().new_shop("passfile");
    administrator(Server::postgres(), "passfile_keeper", &password);
    let address = server.address(&database).user("passfile_keeper", "").without_password();
    let project = Project::with_urls(&[("dev", address.to_string())]);
    let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    std::fs::write(&file, format!("*:*:*:passfile_keeper:{escaped}\n")).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let host = || {
        let mut command = project.host();
        command.env("PGPASSFILE", &file);
        command
    };
    let made = hidden(&project, host, &[create("sql", true)]);
    assert_eq!(made[0]["status"], "success", "{:#}", made[0]);
}
