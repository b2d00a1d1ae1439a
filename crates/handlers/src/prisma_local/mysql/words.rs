//! What the tools of MySQL and MariaDB say when they fail, and which error that is.

use backup_core::Error;

use crate::prisma_local::dump_tool::{self, incomplete};
use crate::process::ToolEnd;

/// The tool could not reach the server, or lost it: the client library's errors and some of the server's.
const CONNECTION: [&str; 10] = [
    "Can't connect to",
    "when trying to connect",
    "Error connecting to database",
    "Unknown server host",
    "Lost connection",
    "server has gone away",
    "Server shutdown in progress",
    "Connection was killed",
    "TLS/SSL error",
    "SSL connection error",
];
/// Somebody changed or held what the tool read.
const DISTURBED: [&str; 3] =
    ["Table definition has changed", "Lock wait timeout exceeded", "doesn't exist"];
/// The user lacks a right.
const PERMISSION: [&str; 2] = ["Access denied", "command denied"];

/// The error of a tool that did not end well.
pub(super) fn failure(tool: &str, end: &ToolEnd) -> Error {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| end.words.contains(phrase));
    // What the server says about its own disk comes with the number of the server's error.
    if dump_tool::says_disk_full(&end.words, "Error ") {
        return Error::SpaceDuring { required: 1, available: 0 };
    }
    if says(&DISTURBED) {
        return Error::Disturbed { detail: end.words.clone() };
    }
    if says(&CONNECTION) {
        return Error::ConnectionFailed { detail: end.words.clone(), test_command: String::new() };
    }
    if says(&PERMISSION) {
        let denied =
            end.words.lines().filter(|line| PERMISSION.iter().any(|phrase| line.contains(phrase)));
        return Error::PermissionDenied {
            missing: denied.map(|line| line.trim().to_owned()).collect(),
            grants: Vec::new(),
            words: Some(end.words.clone()),
        };
    }
    incomplete(format!("{tool} {}", end.manner()), Some(end.words.clone()))
}
