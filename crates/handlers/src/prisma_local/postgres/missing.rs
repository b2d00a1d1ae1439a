//! A database that is not there: its server is reached all the same, and it is made, empty, once somebody said yes to
//! restoring into it.

use std::time::Duration;

use backup_core::{Error, Interrupt, Secret};

use super::connect::{Reached, Reaching};
use super::own_objects::FIRST_OWN;
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

/// Removes what was made and has been replaced, where it is as empty as it was made; its name where it is still there:
/// somebody may have found it, and written into it.
pub(super) fn remove_replaced(
    reaching: &Reaching,
    old: String,
    presence: &mut Presence,
) -> Option<String> {
    let Presence::Made(outside) = std::mem::replace(presence, Presence::There) else {
        return Some(old);
    };
    match drop_empty(reaching, &mut { *outside }, &old) {
        Ok(true) => None,
        Ok(false) | Err(_) => Some(old),
    }
}

/// Takes away again what was made and stayed empty; a sentence where it is still there.
pub(super) fn take_back(
    reaching: &Reaching,
    reached: &mut Reached,
    presence: &mut Presence,
) -> Option<String> {
    let Presence::Made(outside) = std::mem::replace(presence, Presence::There) else { return None };
    let reaching = &Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    let name = name(reaching).ok()?;
    // Our own session leaves it first.
    *reached = *outside;
    let why = match drop_empty(reaching, reached, &name) {
        Ok(true) => return None,
        Ok(false) => "something is in it, or somebody is connected".to_owned(),
        Err(error) => error.with_reason(),
    };
    Some(format!("The database {name}, which was not there before, is there ({why})"))
}

/// Catalogues in which everything that a database can have of its own leaves a row.
const CATALOGUES: [&str; 19] = [
    "pg_class",
    "pg_proc",
    "pg_namespace",
    "pg_type",
    "pg_largeobject_metadata",
    "pg_publication",
    "pg_cast",
    "pg_operator",
    "pg_opclass",
    "pg_opfamily",
    "pg_conversion",
    "pg_collation",
    "pg_language",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_default_acl",
    "pg_ts_config",
    "pg_ts_dict",
];

/// Whether a database has nothing of its own in it, nor settings.
fn is_empty(reaching: &Reaching, reached: &Reached, name: &str) -> Result<bool, Error> {
    let mut session = reaching.open_in(&reached.psql, name, "")?;
    let counts = CATALOGUES.map(|catalogue| {
        format!("(SELECT count(*) FROM pg_catalog.{catalogue} WHERE oid >= {FIRST_OWN})")
    });
    let settings = "(SELECT count(*) FROM pg_catalog.pg_db_role_setting WHERE setdatabase = \
         (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))";
    let question = format!("SELECT ({} + {settings})::text", counts.join(" + "));
    let [own] = session.row(&question).map_err(|end| reaching.failed(end))?;
    Ok(own == "0")
}

/// Drops a database where nothing is in it and nobody is connected: nobody is thrown out. Says whether it is gone.
fn drop_empty(reaching: &Reaching, outside: &mut Reached, name: &str) -> Result<bool, Error> {
    outside.session.listen_to(&Interrupt::default());
    for _ in 0..ATTEMPTS {
        if !is_empty(reaching, outside, name)? {
            return Ok(false);
        }
        let dropped = outside.session.refusal(&format!("DROP DATABASE {}", identifier(name)));
        if dropped.map_err(|end| reaching.failed(end))?.is_none() {
            return Ok(true);
        }
        // Our own sessions take a moment to end.
        std::thread::sleep(PAUSE);
    }
    Ok(false)
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
