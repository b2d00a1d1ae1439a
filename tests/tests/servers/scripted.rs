//! The tools that misbehave do what they promise.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use backup_tests::live_host::wait_until;
use backup_tests::scripted_tool::{Behaviour, COMPLAINT, ScriptedTools};
use backup_tests::servers::{Dialect, MariadbServer, PASSWORD, PostgresServer, many_tables};

const END: &str = "-- PostgreSQL database dump complete";

fn database() -> &'static str {
    static DATABASE: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    DATABASE.get_or_init(|| {
        let name = PostgresServer::shared().new_database("scripted");
        PostgresServer::shared().sql(&name, &many_tables(Dialect::Postgres, 5));
        name
    })
}

fn command(tools: &ScriptedTools, arguments: &[&str]) -> Command {
    let mut command = Command::new(tools.program("pg_dump"));
    command
        .env_clear()
        .env("PGPASSWORD", PASSWORD)
        .args(["--host=127.0.0.1", "--username=postgres"])
        .arg(format!("--port={}", PostgresServer::shared().port()))
        .args(["--dbname", database()])
        .args(arguments);
    command
}

fn run(behaviour: Behaviour, arguments: &[&str]) -> Output {
    let tools = ScriptedTools::new().with("pg_dump", behaviour);
    command(&tools, arguments).output().unwrap()
}

#[test]
fn a_dump_to_stdout_is_cut_as_promised() {
    let honest = run(Behaviour::Honest, &[]);
    let whole = String::from_utf8(honest.stdout).unwrap();
    assert!(honest.status.success() && whole.contains(END));

    let half = run(Behaviour::Half, &[]);
    assert!(half.status.success());
    assert_eq!(half.stdout.len(), whole.len() / 2);

    let endless = run(Behaviour::WithoutEnd, &[]);
    assert!(endless.status.success());
    assert_eq!(endless.stdout.len(), whole.find(END).unwrap());

    let nothing = run(Behaviour::Nothing, &[]);
    assert!(nothing.status.success() && nothing.stdout.is_empty());

    let failed = run(Behaviour::FailsAtEnd, &[]);
    assert_eq!((failed.status.code(), failed.stdout.len()), (Some(1), whole.len()));
    assert_eq!(String::from_utf8(failed.stderr).unwrap().trim(), COMPLAINT);

    let failed = run(Behaviour::FailsAtOnce, &[]);
    assert_eq!((failed.status.code(), failed.stdout.len()), (Some(1), 0));

    let killed = run(Behaviour::KilledAtEnd, &[]);
    assert_eq!((killed.status.signal(), killed.stdout.len()), (Some(9), whole.len()));

    let killed = run(Behaviour::KilledHalfway, &[]);
    assert_eq!((killed.status.signal(), killed.stdout.len()), (Some(9), whole.len() / 2));
}

#[test]
fn a_dump_to_a_file_or_a_folder_is_cut_as_promised() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let size = |name: &str| Path::new(&path(name)).metadata().map(|about| about.len()).ok();
    let custom = |behaviour, name: &str| {
        let output = run(behaviour, &["-Fc", &format!("--file={}", path(name))]);
        assert!(output.status.success());
    };
    custom(Behaviour::Honest, "whole");
    custom(Behaviour::Half, "half");
    custom(Behaviour::WithoutEnd, "endless");
    custom(Behaviour::Nothing, "nothing");
    let whole = size("whole").unwrap();
    assert_eq!(size("half"), Some(whole / 2));
    assert_eq!(size("endless"), Some(whole - 64));
    assert_eq!(size("nothing"), None);

    let directory = |behaviour, name: &str| {
        let output = run(behaviour, &["-Fd", "-j", "2", "-f", &path(name)]);
        assert!(output.status.success());
    };
    directory(Behaviour::Honest, "whole.d");
    directory(Behaviour::Half, "half.d");
    directory(Behaviour::Nothing, "nothing.d");
    assert_eq!(size("half.d/toc.dat"), Some(size("whole.d/toc.dat").unwrap() / 2));
    assert_eq!(size("nothing.d"), None);
}

#[test]
fn one_that_hangs_does_so_as_one_process_that_may_be_deaf() {
    for (behaviour, signal, expected) in [
        (Behaviour::HangsAtOnce, "-TERM", 15),
        (Behaviour::HangsHalfway, "-INT", 2),
        (Behaviour::HangsDeaf, "-TERM", 9),
    ] {
        let tools = ScriptedTools::new().with("pg_dump", behaviour);
        let mut child = command(&tools, &[]).stdout(Stdio::null()).spawn().unwrap();
        let name = format!("/proc/{}/comm", child.id());
        wait_until("it hangs", || {
            std::fs::read_to_string(&name).is_ok_and(|name| name.trim() == "sleep")
        });
        assert_eq!(tools.processes(), [child.id()]);
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        if expected == 9 {
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert!(child.try_wait().unwrap().is_none(), "it heard");
            child.kill().unwrap();
        }
        assert_eq!(child.wait().unwrap().signal(), Some(expected));
    }
}

#[test]
fn versions_are_told_and_calls_are_written_down() {
    let tools = ScriptedTools::new().with_version("pg_dump", "pg_dump (PostgreSQL) 9.6.1");
    let version = Command::new(tools.program("pg_dump")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap(), "pg_dump (PostgreSQL) 9.6.1\n");
    assert!(tools.calls().is_empty());
    let tools = ScriptedTools::new().with("pg_dump", Behaviour::Nothing);
    let version = Command::new(tools.program("pg_dump")).arg("--version").output().unwrap();
    assert!(String::from_utf8(version.stdout).unwrap().starts_with("pg_dump (PostgreSQL) 1"));
    for _ in 0..2 {
        Command::new(tools.program("pg_dump")).args(["-Fc", "a b"]).status().unwrap();
    }
    assert_eq!(tools.calls(), [["-Fc", "a b"], ["-Fc", "a b"]]);
}

#[test]
fn the_dump_of_mariadb_loses_its_completion_line() {
    let server = MariadbServer::shared();
    let database = server.new_database("scripted");
    server
        .sql(&database, "CREATE TABLE t (words text); INSERT INTO t VALUES ('-- Dump completed')");
    let tools = ScriptedTools::new().with("mariadb-dump", Behaviour::WithoutEnd);
    let output = Command::new(tools.program("mariadb-dump"))
        .env_clear()
        .env("MYSQL_PWD", PASSWORD)
        .args(["--no-defaults", "--user=root", &format!("--socket={}", server.socket().display())])
        .arg(&database)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(
        text.contains("('-- Dump completed')") && !text.contains("\n-- Dump completed"),
        "{text}"
    );
}
