//! The servers that other tests stand on: they start, they are what they claim to be, and they go.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod endings;
mod mariadb;
mod pgbouncer;
mod postgres;
mod rich;
mod scripted;

use std::process::Command;

use backup_tests::servers::program;

/// Runs a command and returns what it printed, or what it complained of.
fn told(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap();
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(words(&output.stdout)) } else { Err(words(&output.stderr)) }
}

/// What `psql` says over a URL; every line is sent by itself.
fn psql(url: &str, text: &str) -> Result<String, String> {
    let mut command = Command::new(program("psql"));
    command.env_clear().args(["--no-psqlrc", "--set=ON_ERROR_STOP=1", "-qtA"]);
    for line in text.lines() {
        command.args(["-c", line]);
    }
    told(command.arg(url))
}
