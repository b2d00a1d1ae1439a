//! What the rules ask of a handler: make bytes, read them back, say what was found. Nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use backup_protocol::{Format, HandlerDescription, RowCounts};

use crate::database::DatabaseTarget;
use crate::error::Error;
use crate::records::Migrations;
use crate::run::Run;

/// How the bytes of an artifact are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Ordinary gzip, written in independent members.
    Gzip,
    /// One zstd frame.
    Zstd,
}

impl Compression {
    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// What it adds to a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// What an artifact is, which its file name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArtifactForm {
    /// What it holds.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
}

/// What a handler learns of a database before it dumps it.
#[derive(Clone, Debug, Default)]
pub struct DatabaseFacts {
    /// The database's size, in bytes.
    pub size: u64,
    /// How many bytes the handler will write beside the artifact while it works.
    pub working_copy: u64,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

/// What is to be dumped, and how.
#[derive(Clone, Debug)]
pub struct DumpOrder {
    /// The database.
    pub target: DatabaseTarget,
    /// What the artifact is to be.
    pub form: ArtifactForm,
    /// How many threads compress.
    pub workers: NonZeroUsize,
    /// The name of the table that holds the migrations' state.
    pub migrations_table: String,
    /// The dump's size before compression, in bytes, estimated; for progress only.
    pub expected_bytes: Option<u64>,
}

/// Where a dump goes: a file that the rules created, own and have locked.
#[derive(Debug)]
pub struct Destination {
    /// The open, empty, locked file.
    pub file: File,
    /// Its path, for libraries that must open it themselves.
    pub path: PathBuf,
    /// A second such file for a working copy, with its path.
    pub working_copy: (File, PathBuf),
}

/// What is known of a dump once it is written.
#[derive(Clone, Debug)]
pub struct Dumped {
    /// Lengths and checksums of the bytes as they passed; none where a library wrote the file itself.
    pub passed: Option<Checksums>,
    /// The migrations that are in it.
    pub migrations: Migrations,
    /// The rows that are in it, by table.
    pub row_counts: RowCounts,
    /// The smallest size of the uncompressed dump that is plausible, in bytes.
    pub expected_minimum: u64,
    /// How long other connections could not write, in seconds; where the engine made them wait.
    pub writers_blocked_seconds: Option<f64>,
    /// The libraries or tools that made it, and their versions.
    pub tools: BTreeMap<String, String>,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

/// Lengths in bytes and SHA-256 in lower-case hexadecimal, of the file and of what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksums {
    /// The file's length.
    pub stored_bytes: u64,
    /// The file's checksum.
    pub stored_sha256: String,
    /// The uncompressed dump's length.
    pub raw_bytes: u64,
    /// The uncompressed dump's checksum.
    pub raw_sha256: String,
}

/// How deep an artifact is examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Length and checksum of the file.
    Bytes,
    /// As it is made: `Bytes`, and the structure to its end with the engine's quick check.
    Structure,
    /// `Structure` with the engine's thorough check.
    Thorough,
}

/// An artifact that is to be examined.
#[derive(Clone, Debug)]
pub struct ArtifactToExamine<'a> {
    /// Its file.
    pub path: &'a Path,
    /// The engine that it is of, as in records; none where only the file's name is known.
    pub engine: Option<&'a str>,
    /// What it should be.
    pub form: ArtifactForm,
    /// How many threads decompress.
    pub workers: NonZeroUsize,
    /// How deep to look.
    pub depth: Depth,
    /// A locked, empty file beside the artifact, for a copy that the engine can open; where the depth
    /// needs one.
    pub scratch: Option<&'a Path>,
}

/// What an examination found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// Lengths and checksums; the raw ones only where the examination decompressed.
    pub stored_bytes: u64,
    /// The file's checksum.
    pub stored_sha256: String,
    /// The uncompressed length and checksum, where the depth reached them.
    pub raw: Option<(u64, String)>,
    /// What is wrong with the structure; none where nothing is, or where the depth did not reach it.
    pub flaw: Option<String>,
}

/// One way of making backups.
#[async_trait]
pub trait Handler: Send + Sync {
    /// What it can do, for `describe`.
    fn describe(&self) -> HandlerDescription;

    /// The steps' word for it: "Creating backup via … handler".
    fn spoken_name(&self) -> &'static str;

    /// The method's name in records.
    fn backup_method(&self, target: &DatabaseTarget) -> &'static str;

    /// Whether examining this form as deep needs a scratch file as large as the uncompressed dump.
    fn needs_scratch(&self, form: ArtifactForm, depth: Depth) -> bool;

    /// The format to use when none is asked for.
    fn default_format(&self, target: &DatabaseTarget) -> Format;

    /// The extension of an artifact of this form, with its first dot.
    ///
    /// # Errors
    /// [`Error::FormatUnavailable`] names the formats that exist.
    fn extension(&self, target: &DatabaseTarget, form: ArtifactForm) -> Result<String, Error>;

    /// Reaches the database and learns what the rules must know before a dump.
    ///
    /// # Errors
    /// The database cannot be reached, or its user may not read it whole.
    async fn inspect(
        &self,
        target: &DatabaseTarget,
        form: ArtifactForm,
        run: &Run,
    ) -> Result<DatabaseFacts, Error>;

    /// Writes the dump into the destination and makes it durable.
    ///
    /// # Errors
    /// The dump is not whole; what was written is the caller's to remove.
    async fn dump(
        &self,
        order: DumpOrder,
        destination: Destination,
        run: &Run,
    ) -> Result<Dumped, Error>;

    /// Reads an artifact back. A flaw is a finding, not an error.
    ///
    /// # Errors
    /// The artifact could not be opened or read.
    async fn examine(
        &self,
        artifact: ArtifactToExamine<'_>,
        run: &Run,
    ) -> Result<Examination, Error>;
}
