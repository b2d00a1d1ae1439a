//! A database that is not there: its server is reached all the same, and it is made, empty, once somebody said yes to
//! restoring into it.

use backup_core::Error;

use super::connect::{Reached, Reaching};
use super::definitions;
use super::rights;
use super::scratch::quoted;

/// What the client says where there is no such database, by the server's number.
const UNKNOWN: &str = "ERROR 1049 ";
/// The database that every server has.
const ELSEWHERE: &str = "information_schema";

/// Whether the database is there, and whether this program made it.
#[derive(Debug)]
pub(super) enum Presence {
    There,
    Missing,
    /// Made by this run. The session from before holds the lock on it.
    Made(#[expect(dead_code, reason = "its session holds the lock")] Box<Reached>),
}

/// Reaches the database, or the server without it.
pub(super) fn reach(reaching: &Reaching) -> Result<(Reached, Presence), Error> {
    match reaching.reach() {
        Err(Error::ConnectionFailed { detail, .. }) if detail.contains(UNKNOWN) => {
            Ok((elsewhere(reaching).reach()?, Presence::Missing))
        }
        reached => Ok((reached?, Presence::There)),
    }
}

/// The same server, where something is always there.
pub(super) fn elsewhere(reaching: &Reaching) -> Reaching {
    let mut other = reaching.clone();
    ELSEWHERE.clone_into(&mut other.database.connection.database);
    other
}

/// Makes the database.
pub(super) fn make(
    reaching: &Reaching,
    reached: &mut Reached,
    presence: &mut Presence,
) -> Result<(), Error> {
    if !matches!(presence, Presence::Missing) {
        return Ok(());
    }
    let name = &reaching.database.connection.database;
    let asked = reached.session.row("SELECT CURRENT_USER()");
    let [user] = asked.map_err(|end| reaching.failed(end))?;
    let made = reached.session.run(&format!("CREATE DATABASE {}", quoted(name)));
    made.map_err(|end| rights::denied_or(reaching, &rights::pattern(name), &user, end))?;
    let before = std::mem::replace(reached, reaching.reach()?);
    *presence = Presence::Made(Box::new(before));
    rights::refuse_missing(reached).map_err(|end| reaching.failed(end))?
}

/// Takes away again what was made and stayed empty; a sentence where that fails.
pub(super) fn take_back(
    reaching: &Reaching,
    reached: &Reached,
    presence: &mut Presence,
) -> Option<String> {
    if !matches!(presence, Presence::Made(_)) {
        return None;
    }
    let name = &reaching.database.connection.database;
    let taken = reaching.open_in(reached, name).and_then(|mut session| {
        let failed = |end| reaching.failed(end);
        if definitions::names(&mut session).map_err(failed)?.are_none() {
            session.run(&format!("DROP DATABASE {}", quoted(name))).map_err(failed)?;
        }
        Ok(())
    });
    let error = taken.err()?;
    Some(format!("The database {name}, which was not there before, is there and empty ({error})"))
}
