//! What the script check must not be fooled by.

mod endings;
mod filter;
mod properties;
mod reading;
mod real_dumps;

use super::*;

const TITLE: &str = "--\n-- PostgreSQL database dump\n--\n\n";
const COMPLETION: &str = "--\n-- PostgreSQL database dump complete\n--\n\n";

/// A dump with these statements.
fn dump(statements: &str) -> String {
    format!("{TITLE}{statements}\n\n{COMPLETION}")
}

fn check(script: impl AsRef<[u8]>) -> Result<ScriptContents, IncompleteScript> {
    let mut check = ScriptCheck::new();
    check.feed(script.as_ref());
    check.finish()
}

fn table(schema: &str, name: &str) -> TableName {
    TableName { schema: schema.to_owned(), name: name.to_owned() }
}

/// The rows of a dump with these statements.
fn rows(statements: &str) -> Vec<(TableName, u64)> {
    let contents = check(dump(statements)).unwrap_or_else(|error| panic!("{statements}: {error}"));
    contents.rows.into_iter().collect()
}

/// With how few of its bytes missing a script still passes.
fn accepted_cuts(script: &[u8]) -> Vec<usize> {
    let mut check = ScriptCheck::new();
    let mut accepted = Vec::new();
    for (length, byte) in script.iter().enumerate() {
        if check.clone().finish().is_ok() {
            accepted.push(script.len() - length);
        }
        check.feed(&[*byte]);
    }
    assert!(check.finish().is_ok(), "the whole script passes");
    accepted
}
