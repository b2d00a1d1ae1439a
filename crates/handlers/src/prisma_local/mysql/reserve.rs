//! One backup or restore of a database at a time, whichever machine it is started on: a named lock, which the
//! server frees when its session ends.

use std::time::{Duration, Instant};

use backup_core::{Error, Interrupt, sha256_of_lines};

use super::inspect::literal;
use super::session::{Session, SessionEnd};

/// How often a taken lock is tried again.
const POLL: Duration = Duration::from_millis(100);
/// What of a digest goes into the lock's name: names have at most 64 characters.
const DIGEST_CHARACTERS: usize = 40;

/// Takes the lock for as long as the session lives. Says whether it did.
pub(super) fn reserve(
    session: &mut Session,
    database: &str,
    patience: Duration,
    interrupt: &Interrupt,
) -> Result<bool, SessionEnd> {
    // Named locks hold for the whole server, so the database is part of the name: in one spelling, where the server tells
    // them not apart.
    let spelled = literal(database);
    let [database] = session
        .row(&format!("SELECT if(@@lower_case_table_names = 0, {spelled}, lower({spelled}))"))?;
    let digest = sha256_of_lines(&[database]);
    let digest: String = digest.chars().take(DIGEST_CHARACTERS).collect();
    let deadline = Instant::now() + patience;
    loop {
        let [taken] =
            session.row(&format!("SELECT coalesce(GET_LOCK('backup-manager {digest}', 0), 0)"))?;
        if taken == "1" {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        if interrupt.raised().is_some() {
            return Err(SessionEnd::Interrupted);
        }
        std::thread::sleep(POLL);
    }
}

/// The error of a database that another run holds; which one, the server does not tell.
pub(super) fn in_use() -> Error {
    Error::BackupInProgress { run_id: None }
}
