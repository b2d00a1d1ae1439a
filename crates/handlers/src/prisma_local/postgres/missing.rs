//! A database that is not there: its server is reached all the same, and it is made, empty, once somebody said yes to
//! restoring into it.

use std::time::Duration;

use backup_core::{Error, Interrupt, Secret};

use super::connect::{Reached, Reaching};
use super::replace::MAINTENANCE;
use super::scratch;
use super::session::{identifier, literal};

/// How often a database is tried to be dropped: sessions take a moment to end.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Whether the database is there, and whether this program made it.
#[derive(Debug)]
pub(super) enum Presence {
    There,
    Missing,
    /// Made by this run, empty. The session is one from outside of it.
    Made(Box<Reached>),
}

/// Reaches the database, or the server without it.
pub(super) fn reach(reaching: &Reaching) -> Result<(Reached, Presence), Error> {
    let failure = match reaching.reach() {
        Err(failure @ Error::ConnectionFailed { .. }) => failure,
        reached => return Ok((reached?, Presence::There)),
    };
    // What the server says is in its administrator's language: whether the database is there is asked.
    let Ok(mut reached) = elsewhere(reaching).reach() else { return Err(failure) };
    if is_there(reaching, &mut reached)? {
        return Err(failure);
    }
    Ok((reached, Presence::Missing))
}

/// The same server, where something is always there.
fn elsewhere(reaching: &Reaching) -> Reaching {
    let mut other = reaching.clone();
    other.connection.name_database(MAINTENANCE[0]);
    other
}

fn name(reaching: &Reaching) -> Result<String, Error> {
    let name = reaching.connection.database_name();
    name.ok_or_else(|| Error::internal("a URL that leads to a database names it"))
}

fn is_there(reaching: &Reaching, reached: &mut Reached) -> Result<bool, Error> {
    let question = format!(
        "SELECT count(*)::text FROM pg_catalog.pg_database WHERE datname = {}",
        literal(&name(reaching)?)
    );
    let [count] = reached.session.row(&question).map_err(|end| reaching.failed(end))?;
    Ok(count != "0")
}

/// Makes the database where it is missing, as the server makes databases.
pub(super) fn make(
    reaching: &Reaching,
    reached: &mut Reached,
    presence: &mut Presence,
) -> Result<(), Error> {
    if !matches!(presence, Presence::Missing) {
        return Ok(());
    }
    scratch::check(reaching, reached)?;
    let failed = |end| reaching.failed(end);
    let session = &mut reached.session;
    session.run("SET default_transaction_read_only = off").map_err(failed)?;
    let statement = format!("CREATE DATABASE {} TEMPLATE template0", identifier(&name(reaching)?));
    if let Some([_, sentence]) = session.refusal(&statement).map_err(failed)? {
        let detail = "the database could not be made".to_owned();
        return Err(Error::RestoreFailed { detail, words: Some(sentence) });
    }
    let outside = std::mem::replace(reached, reaching.reach()?);
    *presence = Presence::Made(Box::new(outside));
    Ok(())
}

/// Removes what was made and has been replaced, empty as it is; its name where that fails.
pub(super) fn remove_replaced(
    reaching: &Reaching,
    old: String,
    presence: &mut Presence,
) -> Option<String> {
    let Presence::Made(outside) = std::mem::replace(presence, Presence::There) else {
        return Some(old);
    };
    drop_database(reaching, *outside, &old).err().map(|_| old)
}

/// Takes away again what was made and stayed empty; a sentence where that fails.
pub(super) fn take_back(
    reaching: &Reaching,
    reached: &Reached,
    presence: &mut Presence,
) -> Option<String> {
    let Presence::Made(outside) = std::mem::replace(presence, Presence::There) else { return None };
    let reaching = &Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    let name = name(reaching).ok()?;
    let taken = is_empty(reaching, reached, &name)
        .and_then(|empty| if empty { drop_database(reaching, *outside, &name) } else { Ok(()) });
    let error = taken.err()?;
    Some(format!("The database {name}, which was not there before, is there and empty ({error})"))
}

/// Whether a database has nothing of its own in it.
fn is_empty(reaching: &Reaching, reached: &Reached, name: &str) -> Result<bool, Error> {
    let mut session = reaching.open_in(&reached.psql, name, "")?;
    let [own] = session
        .row(
            "SELECT ((SELECT count(*) FROM pg_catalog.pg_class WHERE oid >= 16384) \
             + (SELECT count(*) FROM pg_catalog.pg_proc WHERE oid >= 16384) \
             + (SELECT count(*) FROM pg_catalog.pg_namespace WHERE oid >= 16384))::text",
        )
        .map_err(|end| reaching.failed(end))?;
    Ok(own == "0")
}

/// Drops a database that nobody else knows of yet: only our own session is in it, and goes first.
fn drop_database(reaching: &Reaching, mut outside: Reached, name: &str) -> Result<(), Error> {
    let session = &mut outside.session;
    session.listen_to(&Interrupt::default());
    let ending = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
         WHERE datname = {} AND usename = current_user",
        literal(name)
    );
    let mut refused = None;
    for _ in 0..ATTEMPTS {
        let dropped = session
            .run(&ending)
            .and_then(|()| session.refusal(&format!("DROP DATABASE {}", identifier(name))));
        refused = dropped.map_err(|end| reaching.failed(end))?;
        if refused.is_none() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    let words = refused.map(|[_, words]| words);
    Err(Error::RestoreFailed { detail: format!("{name} could not be removed"), words })
}

impl super::connect::Place {
    /// Leads to another database of the same server.
    fn name_database(&mut self, name: &str) {
        let variables = &mut self.environment.variables;
        variables.retain(|(known, _)| *known != "PGDATABASE");
        variables.push(("PGDATABASE", Secret::new(name.to_owned())));
    }

    /// The database that it leads to.
    fn database_name(&self) -> Option<String> {
        let name = self.environment.variable("PGDATABASE");
        name.map(|name| name.expose_secret().to_owned())
    }
}
