//! One backup or restore of a database at a time, whichever machine it is started on: an advisory lock, which
//! the server frees when its session ends.

use std::time::{Duration, Instant};

use backup_core::{Error, Interrupt, RunId};

use super::connect::APPLICATION_NAME;
use super::session::{Session, SessionEnd};

/// The two halves of the lock's key: `bckp` and `mngr` in ASCII. Advisory locks are per database.
const KEY: (u32, u32) = (0x6263_6b70, 0x6d6e_6772);
/// How often a taken lock is tried again.
const POLL: Duration = Duration::from_millis(100);

/// What trying came to.
pub(super) enum Reserved {
    Taken,
    /// Another run holds it; its id, where its session tells.
    InUse(Option<String>),
}

/// Takes the lock for as long as the session lives.
pub(super) fn reserve(
    session: &mut Session,
    patience: Duration,
    run: &RunId,
    interrupt: &Interrupt,
) -> Result<Reserved, SessionEnd> {
    let (one, two) = KEY;
    let deadline = Instant::now() + patience;
    // The holder says who it is where others can read it.
    session.run(&format!("SET application_name = '{APPLICATION_NAME} {run}'"))?;
    loop {
        let [taken] =
            session.row(&format!("SELECT pg_catalog.pg_try_advisory_lock({one}, {two})::text"))?;
        if taken == "true" {
            return Ok(Reserved::Taken);
        }
        if Instant::now() >= deadline {
            return Ok(Reserved::InUse(holder(session)?));
        }
        if interrupt.raised().is_some() {
            return Err(SessionEnd::Interrupted);
        }
        std::thread::sleep(POLL);
    }
}

/// The run that holds the lock.
fn holder(session: &mut Session) -> Result<Option<String>, SessionEnd> {
    let (one, two) = KEY;
    let rows: Vec<[String; 1]> = session.query(&format!(
        "SELECT coalesce(a.application_name, '') FROM pg_catalog.pg_locks l \
         JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         JOIN pg_catalog.pg_database d ON d.oid = l.database \
         WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {one} AND l.objid = {two} \
         AND d.datname = pg_catalog.current_database()"
    ))?;
    let run = rows.first().and_then(|[name]| name.strip_prefix(APPLICATION_NAME));
    Ok(run.map(|run| run.trim().to_owned()).filter(|run| {
        run.len() == RunId::LENGTH && run.bytes().all(|byte| byte.is_ascii_hexdigit())
    }))
}

impl Reserved {
    /// The error where another run holds the lock.
    pub(super) fn into_result(self) -> Result<(), Error> {
        match self {
            Self::Taken => Ok(()),
            Self::InUse(run_id) => Err(Error::BackupInProgress { run_id }),
        }
    }
}
