//! The audit trail: `audit.jsonl` beside the catalogue. A line says what is about to be destroyed, before it is;
//! a line says how each operation ended. Every line holds the digest of the one before it; `audit.head` says where the
//! last one ended.

mod caller;
mod chain;
mod entry;
mod head;
mod trail;

pub use chain::ChainReport;
pub use entry::AuditEntry;
pub(crate) use entry::{Intent, Outcome, PlannedBackup};
pub(crate) use trail::{AuditTrail, Subject};

use std::fs::OpenOptions;
use std::io::BufReader;

use head::{HEAD_FILE, Head};

use crate::error::Error;
use crate::project::{Project, Surroundings};
use crate::storage;

/// The trail's file name.
pub const AUDIT_FILE: &str = "audit.jsonl";
/// The version of the form that is written.
pub const AUDIT_VERSION: &str = "1.0";

/// Looks whether the trail of the project that the current directory is in is as it was written.
///
/// # Errors
/// There is no project, its configuration has a mistake, or its trail cannot be read.
pub fn check_audit(surroundings: &Surroundings<'_>) -> Result<ChainReport, Error> {
    let state = Project::open(surroundings, None)?.state_folder();
    // Before the trail: what is written meanwhile is behind it.
    let head = Head::read(&state.join(HEAD_FILE));
    let path = state.join(AUDIT_FILE);
    let failed = |error| Error::storage("read", &path, error);
    let trail = storage::open_regular(&path, OpenOptions::new().read(true)).map_err(failed)?;
    chain::check(&mut BufReader::new(trail), &head).map_err(failed)
}
