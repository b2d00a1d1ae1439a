//! No server outlives what started it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use backup_tests::live_host::wait_until;
use backup_tests::servers::{MariadbOptions, MariadbServer, PostgresOptions, PostgresServer};

fn lives(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

#[test]
fn a_dropped_server_is_gone_with_its_folder() {
    let postgres = PostgresServer::start_own(&PostgresOptions::default());
    let mariadb = MariadbServer::start_own(&MariadbOptions::default());
    let processes = [postgres.process(), mariadb.process()];
    let folders =
        [postgres.socket_folder().to_path_buf(), mariadb.socket().parent().unwrap().to_path_buf()];
    assert!(processes.iter().all(|process| lives(*process)));
    drop((postgres, mariadb));
    assert!(!processes.iter().any(|process| lives(*process)));
    assert!(!folders.iter().any(|folder| folder.exists()));
}

/// What the killed one below runs; it does nothing for anybody else.
#[test]
fn servers_for_the_test_below() {
    if std::env::var_os("SERVERS_TO_BE_ORPHANED").is_none() {
        return;
    }
    let shared = PostgresServer::shared();
    let own = MariadbServer::start_own(&MariadbOptions::default());
    let folder = own.socket().parent().unwrap().to_path_buf();
    println!(
        "\norphans {} {} {} {}",
        shared.process(),
        own.process(),
        shared.socket_folder().display(),
        folder.display()
    );
    loop {
        std::thread::park();
    }
}

#[test]
fn servers_of_a_killed_test_program_are_gone_with_their_folders() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "endings::servers_for_the_test_below"])
        .env("SERVERS_TO_BE_ORPHANED", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.starts_with("orphans ")).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let processes = [words[1], words[2]].map(|word| word.parse::<u32>().unwrap());
    let folders = [words[3], words[4]].map(PathBuf::from);
    assert!(processes.iter().all(|process| lives(*process)));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the servers are gone", || !processes.iter().any(|process| lives(*process)));
    wait_until("their folders are gone", || !folders.iter().any(|folder| folder.exists()));
}
