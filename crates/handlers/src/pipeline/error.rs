//! What can go wrong while reading an artifact back.

use std::io;

/// Why an artifact could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The source failed to deliver bytes; says nothing about the artifact.
    #[error("the artifact could not be read: {0}")]
    Io(#[source] io::Error),

    /// The artifact ends before its format says it should.
    #[error("the artifact is truncated")]
    Truncated,

    /// The stored bytes are not a valid artifact of the stated compression.
    #[error("the artifact is corrupt: {what}")]
    Corrupt {
        /// The check that failed.
        what: String,
    },

    /// The receiver of the raw bytes failed; says nothing about the artifact.
    #[error("the decompressed bytes could not be written: {0}")]
    Sink(#[source] io::Error),
}

impl ReadError {
    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}
