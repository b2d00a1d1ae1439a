//! `audit.head` beside the trail: where its last line ended. Whole lines that are cut off at the end leave a chain
//! that holds, and a head that they are missing from.
//!
//! It is written after the line. A process that is killed in between leaves the head of an earlier line, which is
//! in the trail all the same.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::run::RunId;
use crate::storage;

/// The head's file name.
pub(super) const HEAD_FILE: &str = "audit.head";
/// A longer head is none of ours, in bytes.
const LONGEST: u64 = 4096;

/// The end of a line, newline included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// How many bytes the trail has up to there.
    pub bytes: u64,
    /// The digest of the line.
    pub digest: String,
}

impl Head {
    /// Reads the head; none where there is none.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = match storage::open_regular(path, OpenOptions::new().read(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text)?;
        Ok(Some(serde_json::from_str(&text)?))
    }

    /// Writes it in the place of the one before.
    pub(super) fn write(&self, path: &Path, run: &RunId) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        storage::replace_file(path, run, |out| writeln!(out, "{text}"))
    }
}
