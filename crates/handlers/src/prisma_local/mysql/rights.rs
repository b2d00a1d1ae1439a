//! What a user needs who restores: known before anything is begun.

use backup_core::Error;

use super::connect::{Reached, Reaching};
use super::inspect::{self, Rights};
use super::session::{Session, SessionEnd, plain_words};
use crate::tools::{Family, Version};

/// What is done in the live database and in the one that keeps what is replaced.
const NEEDED: [&str; 14] = [
    "SELECT",
    "INSERT",
    "DELETE",
    "CREATE",
    "DROP",
    "ALTER",
    "REFERENCES",
    "LOCK TABLES",
    "TRIGGER",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EVENT",
];
/// The privileges to make what is somebody else's, by the servers' versions.
const SET_USER: &str = "SET USER";
const SET_USER_ID: &str = "SET_USER_ID";
const SET_ANY_DEFINER: &str = "SET_ANY_DEFINER";
const SET_USER_SINCE: Version = Version { major: 10, minor: 5, patch: 2 };
const SET_USER_ID_SINCE: Version = Version { major: 8, minor: 0, patch: 0 };
const SET_ANY_DEFINER_SINCE: Version = Version { major: 8, minor: 2, patch: 0 };
/// A suffix of the kind that a replaced database has.
const SUFFIX: &str = "_replaced_20250124140000";
/// How many characters of the live database's name are before it at the most.
const LONGEST_BEGINNING: usize = 64 - SUFFIX.len();
/// What the client says where a right is missing, by the server's numbers.
const DENIED: [&str; 3] = ["ERROR 1044 ", "ERROR 1142 ", "ERROR 1227 "];

/// The error where the user lacks a right, which names what is enough.
pub(super) fn refuse_missing(reached: &mut Reached) -> Result<Result<(), Error>, SessionEnd> {
    let (family, version) = (reached.family, reached.version);
    let session = &mut reached.session;
    let [live, user] = session.row("SELECT DATABASE(), CURRENT_USER()")?;
    let rights = Rights { family, version, database: &live, global_read_lock: false };
    // What it may not read it could not bring back.
    let unread = rights.missing(session)?;
    let (mut missing, mut grants) = match unread {
        Some(Error::PermissionDenied { missing, grants, .. }) => (missing, grants),
        _ => (Vec::new(), Vec::new()),
    };
    let user_in_grants = inspect::quoted_user(&user);
    let sample = format!("{}{SUFFIX}", beginning(&live));
    let places = [(live.as_str(), pattern(&live)), (sample.as_str(), replaced_pattern(&live))];
    for (database, pattern) in places {
        let held = Rights { database, ..rights }.grants(session)?;
        let lacking: Vec<&str> =
            NEEDED.into_iter().filter(|privilege| !held.on_database(privilege)).collect();
        if !lacking.is_empty() {
            let lacking = lacking.join(", ");
            missing.push(format!("no {lacking} on `{pattern}`, which a restore needs"));
            grants.push(format!("GRANT {lacking} ON `{pattern}`.* TO {user_in_grants}"));
        }
    }
    let others = definers(session, &user)?;
    let held = rights.grants(session)?;
    let enough = ["SUPER", SET_USER, SET_USER_ID, SET_ANY_DEFINER];
    if !others.is_empty() && !enough.iter().any(|privilege| held.everywhere(privilege)) {
        missing.push(format!(
            "no right to make again what is defined by others: {}",
            others.join(", ")
        ));
        let privilege = definers_privilege(family, version);
        grants.push(format!("GRANT {privilege} ON *.* TO {user_in_grants}"));
    }
    if missing.is_empty() {
        return Ok(Ok(()));
    }
    Ok(Err(Error::PermissionDenied { missing, grants, words: None }))
}

/// Whose triggers, views, routines and events there are beside the user's own.
fn definers(session: &mut Session, user: &str) -> Result<Vec<String>, SessionEnd> {
    let rows: Vec<[String; 1]> = session.query(
        "SELECT definer FROM information_schema.triggers WHERE trigger_schema = DATABASE() \
         UNION SELECT definer FROM information_schema.views WHERE table_schema = DATABASE() \
         UNION SELECT definer FROM information_schema.routines WHERE routine_schema = DATABASE() \
         UNION SELECT definer FROM information_schema.events WHERE event_schema = DATABASE()",
    )?;
    Ok(rows.into_iter().map(|[definer]| definer).filter(|definer| definer != user).collect())
}

fn definers_privilege(family: Family, version: Version) -> &'static str {
    match family {
        Family::MariaDb if version >= SET_USER_SINCE => SET_USER,
        Family::MySql if version >= SET_ANY_DEFINER_SINCE => SET_ANY_DEFINER,
        Family::MySql if version >= SET_USER_ID_SINCE => SET_USER_ID,
        _ => "SUPER",
    }
}

/// The error where the right to make a database is missing; else the usual one.
pub(super) fn denied_or(reaching: &Reaching, pattern: &str, user: &str, end: SessionEnd) -> Error {
    match end {
        SessionEnd::Ended(end) if DENIED.iter().any(|denied| end.words.contains(denied)) => {
            Error::PermissionDenied {
                missing: vec!["no right to make the database that a restore needs".to_owned()],
                grants: vec![format!(
                    "GRANT ALL ON `{pattern}`.* TO {}",
                    inspect::quoted_user(user)
                )],
                words: Some(plain_words(&end.words)),
            }
        }
        end => reaching.failed(end),
    }
}

/// What is kept of a name where the replaced database's suffix follows.
fn beginning(live: &str) -> String {
    live.chars().take(LONGEST_BEGINNING).collect()
}

/// A name as a grant's pattern that means nothing else.
pub(super) fn pattern(name: &str) -> String {
    name.replace('`', "``").replace('_', "\\_").replace('%', "\\%")
}

/// The databases of what is replaced, as a grant's pattern.
pub(super) fn replaced_pattern(live: &str) -> String {
    format!("{}\\_replaced\\_%", pattern(&beginning(live)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_the_databases_of_what_is_replaced_and_no_others() {
        assert_eq!(replaced_pattern("my_shop"), "my\\_shop\\_replaced\\_%");
        assert_eq!(beginning(&"a".repeat(64)).len(), 40);
    }
}
