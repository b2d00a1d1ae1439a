//! What is known of a backup: the manifest says what was known when it was made and never changes, notes
//! say what was learned later, the record is both together.

mod manifest;
mod note;
mod record;

pub use manifest::{
    Artifact, DatabaseFactsRecorded, GlobalsFile, Idempotency, Manifest, ManifestRun, Migrations,
    Verification,
};
pub use note::{Note, NoteKind, NoteName};
pub use record::{Record, RecordStatus, Standing, file_readable, standing};

/// The version of the manifests and notes that are written.
pub const MANIFEST_VERSION: &str = "1.0";
