//! The databases whose place restores took: known by their names, and removed only one by one, by name.

use backup_core::{Error, Interrupt, ReplacedDatabase};

use super::connect::{Reached, Reaching};
use super::replace::replaced_name;
use super::session::{SessionEnd, identifier};
use crate::prisma_local::scratch::{refuse_others, replaced_among};

/// Those of the database that is connected.
pub(super) fn list(
    reaching: &Reaching,
    reached: &mut Reached,
) -> Result<Vec<ReplacedDatabase>, Error> {
    all(reached).map_err(|end| reaching.failed(end))
}

fn all(reached: &mut Reached) -> Result<Vec<ReplacedDatabase>, SessionEnd> {
    let [live] = reached.session.row("SELECT pg_catalog.current_database()")?;
    // Who may not connect may not ask for the size either.
    let rows: Vec<[String; 2]> = reached.session.query(
        "SELECT datname, CASE WHEN pg_catalog.has_database_privilege(datname, 'CONNECT') \
         THEN pg_catalog.pg_database_size(oid) ELSE 0 END::text FROM pg_catalog.pg_database \
         WHERE datname LIKE '%\\_replaced\\_%' ORDER BY datname",
    )?;
    Ok(replaced_among(rows, &live, replaced_name))
}

/// Removes one. Nobody is thrown out of it: whoever looks into it may want it.
pub(super) fn remove(reaching: &Reaching, reached: &mut Reached, name: &str) -> Result<(), Error> {
    refuse_others(&list(reaching, reached)?, name)?;
    // What the server is told it does, whatever this program hears meanwhile.
    reached.session.listen_to(&Interrupt::default());
    let failed = |end| reaching.failed(end);
    reached.session.run("SET default_transaction_read_only = off").map_err(failed)?;
    let refused = reached.session.refusal(&format!("DROP DATABASE {}", identifier(name)));
    reached.session.listen_to(&reaching.interrupt);
    match refused.map_err(failed)? {
        None => Ok(()),
        Some([_, sentence]) => Err(Error::RestoreFailed {
            detail: format!("{name} could not be removed"),
            words: Some(sentence),
        }),
    }
}
