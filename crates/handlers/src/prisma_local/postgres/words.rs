//! What PostgreSQL's tools say when they fail, and which error that is.

use backup_core::Error;

use crate::prisma_local::dump_tool::{self, incomplete};
use crate::process::ToolEnd;

/// The tool could not reach the server, or lost it.
const CONNECTION: [&str; 11] = [
    "connection to server",
    "could not connect to server",
    "could not translate host name",
    "server closed the connection unexpectedly",
    "terminating connection",
    "could not receive data from server",
    "could not send data to server",
    "no connection to the server",
    "SSL SYSCALL error",
    "SSL connection has been closed",
    "the database system is",
];
/// Somebody changed or held what the tool read.
const DISTURBED: [&str; 8] = [
    "lock timeout",
    "could not obtain lock",
    "conflict with recovery",
    "invalid snapshot identifier",
    "could not import the requested snapshot",
    "does not exist",
    "could not open relation",
    "cache lookup failed",
];
/// The user lacks a right.
const PERMISSION: [&str; 4] = [
    "permission denied for",
    "must be owner of",
    "must be superuser",
    "would be affected by row-level security",
];

/// The error of a tool that did not end well.
pub(super) fn failure(tool: &str, end: &ToolEnd) -> Error {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| end.words.contains(phrase));
    if dump_tool::says_disk_full(&end.words, "ERROR:") {
        return Error::SpaceDuring { required: 1, available: 0 };
    }
    if let Some(error) = disturbed(&end.words) {
        return error;
    }
    if says(&CONNECTION) {
        return Error::ConnectionFailed { detail: end.words.clone(), test_command: String::new() };
    }
    if says(&PERMISSION) {
        let missing =
            end.words.lines().filter(|line| PERMISSION.iter().any(|phrase| line.contains(phrase)));
        return Error::PermissionDenied {
            missing: missing.map(|line| after_error(line).to_owned()).collect(),
            grants: Vec::new(),
            words: Some(end.words.clone()),
        };
    }
    incomplete(format!("{tool} {}", end.manner()), Some(end.words.clone()))
}

/// The error where a query failed because of what somebody else did meanwhile; what the server says when
/// nobody was let in is another.
pub(super) fn disturbed(words: &str) -> Option<Error> {
    let disturbed =
        !words.contains("FATAL:") && DISTURBED.iter().any(|phrase| words.contains(phrase));
    disturbed.then(|| Error::Disturbed { detail: words.to_owned() })
}

/// The words for tables that were rewritten.
pub(super) fn rewritten(tables: &[String]) -> Error {
    let named: Vec<&str> = tables.iter().take(5).map(String::as_str).collect();
    Error::Disturbed { detail: format!("rewritten or dropped meanwhile: {}", named.join(", ")) }
}

fn after_error(line: &str) -> &str {
    line.split_once("ERROR:").map_or(line, |(_, rest)| rest).trim()
}
