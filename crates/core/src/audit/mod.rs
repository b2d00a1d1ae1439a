//! The audit trail: `audit.jsonl` beside the catalogue. A line says what is about to be destroyed, before it is;
//! a line says how each operation ended. Every line holds the digest of the one before it.

mod caller;
mod chain;
mod entry;
mod trail;

pub use chain::{ChainReport, check_chain};
pub use entry::AuditEntry;
pub(crate) use entry::{Intent, Outcome, PlannedBackup};
pub(crate) use trail::{AuditTrail, Subject};

use std::path::PathBuf;

use crate::error::Error;
use crate::project::{Project, Surroundings};

/// The trail's file name.
pub const AUDIT_FILE: &str = "audit.jsonl";
/// The version of the form that is written.
pub const AUDIT_VERSION: &str = "1.0";

/// The trail of the project that the current directory is in.
///
/// # Errors
/// There is no project, or its configuration has a mistake.
pub fn audit_file(surroundings: &Surroundings<'_>) -> Result<PathBuf, Error> {
    let project = Project::open(surroundings, None)?;
    Ok(project.state_folder().join(AUDIT_FILE))
}
