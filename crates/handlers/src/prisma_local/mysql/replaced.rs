//! The databases that hold what restores replaced: known by their names, and removed only one by one, by name.

use backup_core::{Error, Interrupt, ReplacedDatabase};

use super::connect::{Reached, Reaching};
use super::finish;
use super::replace::replaced_name;
use super::scratch::quoted;
use super::session::SessionEnd;
use crate::prisma_local::scratch::{refuse_others, replaced_among};

/// Those of the database that is connected.
pub(super) fn list(
    reaching: &Reaching,
    reached: &mut Reached,
) -> Result<Vec<ReplacedDatabase>, Error> {
    all(reached).map_err(|end| reaching.failed(end))
}

fn all(reached: &mut Reached) -> Result<Vec<ReplacedDatabase>, SessionEnd> {
    let [live] = reached.session.row("SELECT DATABASE()")?;
    let rows: Vec<[String; 2]> = reached.session.query(
        "SELECT s.schema_name, coalesce(sum(t.data_length + t.index_length), 0) \
         FROM information_schema.schemata s LEFT JOIN information_schema.tables t \
         ON t.table_schema = s.schema_name WHERE s.schema_name LIKE '%\\_replaced\\_%' \
         GROUP BY s.schema_name ORDER BY s.schema_name",
    )?;
    Ok(replaced_among(rows, &live, replaced_name))
}

/// Removes one.
pub(super) fn remove(reaching: &Reaching, reached: &mut Reached, name: &str) -> Result<(), Error> {
    refuse_others(&list(reaching, reached)?, name)?;
    // What the server is told it does, whatever this program hears meanwhile.
    let reaching = &Reaching { interrupt: Interrupt::default(), ..reaching.clone() };
    let live = &reaching.database.connection.database;
    // A session of its own: the client ends with an error.
    let mut session = reaching.open_in(reached, live)?;
    let dropped = session.run(&format!("DROP DATABASE {}", quoted(name)));
    dropped.map_err(|end| finish::refused(reaching, &format!("{name} could not be removed"), end))
}
