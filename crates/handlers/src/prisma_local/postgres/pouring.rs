//! A backup as one script: as it is stored, or as `pg_restore` writes what is in an archive.

use std::io::{Read, Write};

use backup_core::{Error, Run, ScratchOrder};
use backup_protocol::Format;

use super::connect::Reaching;
use super::examine::PG_RESTORE;
use super::script::{Omitted, StatementFilter};
use super::session::{Session, SessionEnd, literal};
use crate::prisma_local::loading;
use crate::process::{OutputEnd, Stdin, ToolCommand, ToolEnd, ToolOutput};
use crate::tools::{find_all, newest};

/// The settings that `pg_dump` and `pg_restore` write at the beginning of every script since some version of theirs.
const SETTINGS: [&str; 5] = [
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "row_security",
    "default_table_access_method",
];
/// How much of a script is passed on at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Writes the script. Whether all of it was taken: why not, whoever reads it knows.
///
/// # Errors
/// The artifact cannot be read.
pub(super) fn pour(
    reaching: &Reaching,
    order: &ScratchOrder,
    run: &Run,
    into: &mut dyn Write,
) -> Result<bool, Error> {
    if order.form.format == Format::Sql {
        let (compression, threads) = (order.form.compression, reaching.settings.threads);
        return loading::pour(&order.artifact, compression, threads, run, into);
    }
    read_archive(reaching, order, &["--file=-".to_owned()], run, into)
}

/// Writes the script without some of its statements. The extensions that it asks for, where all the rest was taken.
///
/// # Errors
/// The artifact cannot be read.
pub(super) fn pour_through(
    reaching: &Reaching,
    order: &ScratchOrder,
    omitted: Omitted,
    run: &Run,
    into: &mut dyn Write,
) -> Result<Option<Vec<String>>, Error> {
    let mut filter = StatementFilter::new(into, omitted);
    let whole = pour(reaching, order, run, &mut filter)? && filter.flush().is_ok();
    Ok(whole.then(|| filter.extensions().to_vec()))
}

/// Writes one section of an archive as a script. Whether all of it was taken.
///
/// # Errors
/// `pg_restore` is missing, or cannot read it.
pub(super) fn pour_section(
    reaching: &Reaching,
    order: &ScratchOrder,
    section: &str,
    run: &Run,
    into: &mut dyn Write,
) -> Result<bool, Error> {
    let arguments = [format!("--section={section}"), "--file=-".to_owned()];
    read_archive(reaching, order, &arguments, run, into)
}

/// Writes what `pg_restore` says of an archive, asked by these arguments. Whether all of it was taken.
///
/// # Errors
/// `pg_restore` is missing, or cannot read it.
fn read_archive(
    reaching: &Reaching,
    order: &ScratchOrder,
    arguments: &[String],
    run: &Run,
    into: &mut dyn Write,
) -> Result<bool, Error> {
    let (settings, launcher) = (&reaching.settings, &reaching.launcher);
    let tool = newest(find_all(PG_RESTORE, settings, launcher, &run.interrupt)?)?;
    let failed = |error| Error::storage("run", &tool.path, error);
    let command = ToolCommand::new(&tool.path)
        .low_priority(settings.low_priority)
        .arguments(arguments)
        .argument("--")
        .argument(&order.artifact);
    let mut running = launcher.start(&command, Stdin::Empty).map_err(failed)?;
    let stdout = running.take_stdout().ok_or_else(|| Error::internal("a tool has no stdout"))?;
    let mut output = ToolOutput::new(stdout, settings.stall, &run.interrupt);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        // Only what it takes itself counts: a server may be at work for hours on what it was given last.
        output.begin_waiting(settings.stall);
        match output.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => {
                if into.write_all(chunk.get(..read).unwrap_or_default()).is_err() {
                    run.interrupt.check()?;
                    return Ok(false);
                }
            }
            Err(_) if output.end() == Some(OutputEnd::Interrupted) => {
                return Err(Error::Interrupted);
            }
            Err(error) => return Err(failed(error)),
        }
    }
    let end = running.wait(settings.stall, &run.interrupt).map_err(failed)?;
    run.interrupt.check()?;
    if end.as_ref().is_some_and(ToolEnd::is_success) {
        return Ok(true);
    }
    Err(Error::RestoreFailed {
        detail: "pg_restore cannot read the archive".to_owned(),
        words: end.map(|end| end.words),
    })
}

/// The settings in scripts of newer tools that this server does not know: it refuses them.
pub(super) fn unknown_settings(session: &mut Session) -> Result<Vec<String>, SessionEnd> {
    let names: Vec<String> = SETTINGS.iter().map(|name| literal(name)).collect();
    let known: Vec<[String; 1]> = session.query(&format!(
        "SELECT name FROM pg_catalog.pg_settings WHERE name IN ({})",
        names.join(", ")
    ))?;
    let is_known = |name: &str| known.iter().any(|[known]| known == name);
    Ok(SETTINGS.into_iter().filter(|name| !is_known(name)).map(str::to_owned).collect())
}
