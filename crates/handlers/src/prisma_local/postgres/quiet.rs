//! Sessions in which what a dump brings with it does not run: event triggers would fire in a scratch database as they
//! do in the live one, and reach wherever their functions reach.

use backup_core::{Error, Run, ScratchOrder};
use backup_protocol::Format;

use super::connect::{Reached, Reaching};
use super::pouring::pour_section;
use crate::prisma_local::lines::{self, LineHeads};

/// What a database or a role may have been set to otherwise: not to write, and to read some values as others.
pub(super) const WRITING: &str =
    "-c default_transaction_read_only=off -c array_nulls=on -c transform_null_equals=off";
/// The same, and ordinary triggers and event triggers stay silent. A superuser's right; who is none can restore no
/// event trigger.
const SILENT: &str = "-c default_transaction_read_only=off -c array_nulls=on -c transform_null_equals=off -c session_replication_role=replica";
/// The same, and no event trigger fires, whatever it says.
const SILENT_SINCE_17: &str = "-c default_transaction_read_only=off -c array_nulls=on -c transform_null_equals=off -c session_replication_role=replica -c event_triggers=off";
/// The server can silence every event trigger since this version.
const EVENT_TRIGGERS_SINCE: u32 = 17;
/// The line by which a dump has an event trigger fire in silent sessions too.
const ALTER: &[u8] = b"ALTER EVENT TRIGGER ";
const LOUD: [&[u8]; 2] = [b" ENABLE ALWAYS;", b" ENABLE REPLICA;"];

/// The options of the sessions in a scratch database.
///
/// # Errors
/// The dump has an event trigger that this server cannot silence.
pub(super) fn options(
    reaching: &Reaching,
    reached: &mut Reached,
    order: &ScratchOrder,
    run: &Run,
) -> Result<&'static str, Error> {
    let asked = reached.session.row("SELECT pg_catalog.current_setting('is_superuser')");
    let [superuser] = asked.map_err(|end| reaching.failed(end))?;
    if superuser != "on" {
        return Ok(WRITING);
    }
    if reached.version.major >= EVENT_TRIGGERS_SINCE {
        return Ok(SILENT_SINCE_17);
    }
    refuse_loud(reaching, order, run)?;
    Ok(SILENT)
}

/// The same for a session that is there.
pub(super) fn as_statements(options: &str) -> String {
    let settings = options.split("-c ").filter(|setting| !setting.trim().is_empty());
    let statements: Vec<String> = settings.map(|setting| format!("SET {setting}")).collect();
    statements.join("; ")
}

fn refuse_loud(reaching: &Reaching, order: &ScratchOrder, run: &Run) -> Result<(), Error> {
    let mut loud = None;
    let mut look = |line: &[u8]| {
        let name = line.strip_prefix(ALTER);
        let name = name.and_then(|rest| LOUD.iter().find_map(|end| rest.strip_suffix(*end)));
        if let Some(name) = name {
            loud.get_or_insert_with(|| String::from_utf8_lossy(name).into_owned());
        }
    };
    if order.form.format == Format::Sql {
        let threads = reaching.settings.threads;
        lines::scan(&order.artifact, order.form.compression, threads, run, &mut look)?;
    } else {
        let mut heads = LineHeads::new(&mut look);
        // The last part of an archive, which has no rows.
        pour_section(reaching, order, "post-data", run, &mut heads)?;
        heads.line();
    }
    loud.map_or(Ok(()), |name| {
        Err(Error::UnsupportedDatabase {
            what: format!(
                "the dump has the event trigger {name}, which fires in every session while it is restored; servers before PostgreSQL {EVENT_TRIGGERS_SINCE} cannot keep it silent"
            ),
        })
    })
}
