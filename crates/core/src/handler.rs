//! What the rules ask of a handler: make bytes, read them back, say what was found. Nothing else.

use std::collections::BTreeMap;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// How many bytes of rows it holds, without indexes; where the engine tells.
    pub row_bytes: Option<u64>,
    /// What the server takes for the time now, in seconds since 1970; where there is one.
    pub server_time: Option<i64>,
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
    /// The name of the table that holds the migrations' state.
    pub migrations_table: String,
    /// The dump's size before compression, in bytes, estimated; for progress only.
    pub expected_bytes: Option<u64>,
}

/// How the native tools work for one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSettings {
    /// The folders in which tools are looked for; where there are none, on PATH and where they usually are.
    pub directories: Vec<PathBuf>,
    /// How long a tool may write nothing before it counts as hung.
    pub stall: Duration,
    /// How many threads compress, and how many jobs dump where a tool can do several.
    pub threads: NonZeroUsize,
    /// Whether tools and compression get the processor and the disk last.
    pub low_priority: bool,
    /// How hard to compress; the algorithm's default where none.
    pub compression_level: Option<i32>,
    /// Whether writers are kept out while MySQL or MariaDB is dumped.
    pub global_read_lock: bool,
    /// How long rows may be counted in the database where the dump does not pass through this program.
    pub row_counting: Duration,
    /// Where is written down what must outlive a run that dies: the folder of the catalogue.
    pub state_folder: PathBuf,
}

/// Where a dump goes: a file or folder that the rules created, own and have locked.
#[derive(Debug)]
pub struct Destination {
    /// The open, empty, locked file; of a folder a handle to sync it by.
    pub file: File,
    /// Its path, for tools and libraries that must open it themselves.
    pub path: PathBuf,
    /// A second such file for a working copy, with its path.
    pub working_copy: (File, PathBuf),
    /// A third one for what belongs to the whole server, where that is asked for.
    pub globals: Option<(File, PathBuf)>,
}

/// What is known of a dump once it is written.
#[derive(Clone, Debug)]
pub struct Dumped {
    /// Lengths and checksums of the bytes as they passed; none where a library wrote the file itself.
    pub passed: Option<Checksums>,
    /// The migrations that are in it.
    pub migrations: Migrations,
    /// The tables that must be in it, each with its rows where they were counted.
    pub row_counts: RowCounts,
    /// Length in bytes and SHA-256 of what belongs to the whole server, where that was asked for.
    pub globals: Option<(u64, String)>,
    /// The server's product and version; none where the engine is a library.
    pub server: Option<String>,
    /// How it is compressed in fact: a tool may not have what was asked for.
    pub compression: Compression,
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
    /// As it is made: `Bytes`, the checksum of what was compressed, and the structure to its end with the engine's
    /// quick check.
    Structure,
    /// As it is looked at later, when the file's checksum tells whether anything changed: `Bytes`, and the
    /// structure to its end with the engine's thorough check.
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
    /// How the tools work that read it.
    pub settings: &'a ToolSettings,
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
    /// The uncompressed length and checksum, where the depth reached them: the checksum only at
    /// [`Depth::Structure`].
    pub raw: Option<(u64, Option<String>)>,
    /// What is wrong with the structure; none where nothing is, or where the depth did not reach it.
    pub flaw: Option<String>,
    /// The rows that were found by table, where the depth and the format let them be counted.
    pub row_counts: Option<RowCounts>,
}

/// What a restore leaves out of a dump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Who owns what: everything belongs to who restores it.
    pub owners: bool,
    /// Who may do what: only the owners may anything.
    pub privileges: bool,
}

/// How a backup comes into the place of what a database holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestoreManner {
    /// As the engine does it best: restored beside the database, compared there, and swapped.
    #[default]
    Swap,
    /// Within the database, in one transaction that is compared before it is committed: for who may not swap.
    InPlace,
}

/// A backup that is to be restored into a database of its own, to prove that it can be.
#[derive(Clone, Debug)]
pub struct ScratchOrder {
    /// The artifact.
    pub artifact: PathBuf,
    /// What it is.
    pub form: ArtifactForm,
    /// The name of the table that holds the migrations' state.
    pub migrations_table: String,
    /// The schema that it is in, where the environment's URL names one.
    pub migrations_schema: Option<String>,
    /// A locked, empty file beside the artifact, for an engine whose databases are files.
    pub file: Option<PathBuf>,
    /// What is not to be brought back; nothing where the engine's dumps have none of it.
    pub left_out: LeftOut,
}

/// What a restored scratch database held. It is gone by then.
#[derive(Clone, Debug)]
pub struct ScratchRestored {
    /// The rows of every table; unknown where counting would have taken too long.
    pub row_counts: RowCounts,
    /// The migrations' state.
    pub migrations: Migrations,
    /// How long the restore took, without the counting, in seconds.
    pub seconds: f64,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

/// What putting a backup in the place of what a database held came to.
#[derive(Clone, Debug, Default)]
pub struct Replaced {
    /// Where the old content is, where the engine leaves it: a database's name, or a file's path.
    pub aside: Option<String>,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

/// What a database holds at one instant.
#[derive(Clone, Debug, Default)]
pub struct LiveState {
    /// The rows of every table; unknown where they cannot be counted.
    pub row_counts: RowCounts,
    /// The migrations' state.
    pub migrations: Migrations,
}

/// A database whose place a restore took, and which is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedDatabase {
    /// What it is called now: it ends with `_replaced_` and the time, `YYYYMMDDHHMMSS` in UTC.
    pub name: String,
    /// How large it is, in bytes.
    pub size: u64,
}

/// What is where a database should be.
#[derive(Clone, Debug)]
pub enum LiveDatabase {
    /// Nothing.
    Missing,
    /// Something that the engine cannot read, in its own words: what a restore is for.
    Unreadable(String),
    /// A database.
    Readable(LiveState),
}

/// One way of making backups.
#[async_trait]
pub trait Handler: Send + Sync {
    /// What it can do, for `describe`.
    fn describe(&self) -> HandlerDescription;

    /// The steps' word for it: "Creating backup via … handler".
    fn spoken_name(&self) -> &'static str;

    /// The method's name in records.
    fn backup_method(&self, target: &DatabaseTarget, format: Format) -> &'static str;

    /// Whether examining this form as deep needs a scratch file as large as the uncompressed dump.
    fn needs_scratch(&self, engine: Option<&str>, form: ArtifactForm, depth: Depth) -> bool;

    /// The format to use when none is asked for.
    fn default_format(&self, target: &DatabaseTarget) -> Format;

    /// The extension of an artifact of this form, with its first dot.
    ///
    /// # Errors
    /// [`Error::FormatUnavailable`] names the formats that exist.
    fn extension(&self, target: &DatabaseTarget, form: ArtifactForm) -> Result<String, Error>;

    /// Finds what is needed to reach the database, and reaches it.
    ///
    /// # Errors
    /// A tool is missing, or the database cannot be reached.
    async fn connect(
        &self,
        target: &DatabaseTarget,
        settings: &ToolSettings,
        run: &Run,
    ) -> Result<Box<dyn Database>, Error>;

    /// Reaches the database to restore into it: where it is not there, what can make it.
    ///
    /// # Errors
    /// As those of [`connect`](Self::connect).
    async fn connect_to_restore(
        &self,
        target: &DatabaseTarget,
        settings: &ToolSettings,
        _manner: RestoreManner,
        run: &Run,
    ) -> Result<Box<dyn Database>, Error> {
        self.connect(target, settings, run).await
    }

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

/// A database that was reached. Dropped, it is left as it was found.
#[async_trait]
pub trait Database: Send {
    /// Keeps runs on other machines off the database for as long as this lives.
    ///
    /// # Errors
    /// [`Error::BackupInProgress`] where another run holds it still after `patience`.
    async fn reserve(&mut self, patience: Duration, run: &Run) -> Result<(), Error>;

    /// Finishes or takes back what a run that died left half done here, before anything else is done: for engines
    /// that do not do so themselves. Says what was done.
    ///
    /// # Errors
    /// It could not be finished now; the next writing operation tries again.
    async fn settle(&mut self, _patience: Duration, _run: &Run) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// Learns what the rules must know before a dump.
    ///
    /// # Errors
    /// Its user may not read it whole, or no tool fits it.
    async fn inspect(&mut self, form: ArtifactForm, run: &Run) -> Result<DatabaseFacts, Error>;

    /// Writes the dump into the destination and makes it durable.
    ///
    /// # Errors
    /// The dump is not whole; what was written is the caller's to remove.
    async fn dump(
        &mut self,
        order: DumpOrder,
        destination: Destination,
        run: &Run,
    ) -> Result<Dumped, Error>;

    /// Refuses a server on which no scratch database may be made.
    ///
    /// # Errors
    /// The user lacks the right, or it is a replica.
    async fn check_scratch(&mut self, run: &Run) -> Result<(), Error>;

    /// Restores a backup into a new database beside this one, counts what is in it, and removes it. This
    /// database itself is not touched.
    ///
    /// # Errors
    /// [`Error::RestoreFailed`] where it does not load without a single error; that may be the server's fault.
    async fn restore_scratch(
        &mut self,
        order: ScratchOrder,
        run: &Run,
    ) -> Result<ScratchRestored, Error>;

    /// Refuses a database that a restore would break, and a user who may not replace it.
    ///
    /// # Errors
    /// What stands against it.
    async fn check_replaceable(&mut self, run: &Run) -> Result<(), Error>;

    /// What is there now. Its rows are counted, and what else there is to read is looked at, only for the plan of a
    /// restore.
    ///
    /// # Errors
    /// The database cannot be reached, or is locked: it may be in the best of health.
    async fn state(
        &mut self,
        migrations_table: &str,
        counted: bool,
        run: &Run,
    ) -> Result<LiveDatabase, Error>;

    /// Keeps others from writing until [`replace`](Self::replace) or [`discard_beside`](Self::discard_beside), where what
    /// they write would be kept nowhere: a restore in place. Before the safety backup is made.
    ///
    /// # Errors
    /// Somebody is at work who cannot be ended.
    async fn hold(&mut self, _run: &Run) -> Result<(), Error> {
        Ok(())
    }

    /// Restores a backup as [`restore_scratch`](Self::restore_scratch) does, and leaves it beside this database; in place
    /// nobody sees it until [`replace`](Self::replace) either.
    ///
    /// # Errors
    /// It does not load; what is left of it goes with [`discard_beside`](Self::discard_beside).
    async fn restore_beside(
        &mut self,
        order: ScratchOrder,
        run: &Run,
    ) -> Result<ScratchRestored, Error>;

    /// How many bytes are free where this database is kept; none where that cannot be known from here.
    ///
    /// # Errors
    /// The server cannot be asked.
    async fn free_space(&mut self, _run: &Run) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    /// What restoring a backup here would not bring back, or fail for want of, in one sentence each: for a plan.
    ///
    /// # Errors
    /// The artifact cannot be read, or the server cannot be asked.
    async fn foresee(&mut self, _order: &ScratchOrder, _run: &Run) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// The databases whose place restores of this one took, and which are kept; none where the engine keeps none.
    ///
    /// # Errors
    /// The server cannot be asked.
    async fn replaced_databases(&mut self, _run: &Run) -> Result<Vec<ReplacedDatabase>, Error> {
        Ok(Vec::new())
    }

    /// Removes one of those, by its name.
    ///
    /// # Errors
    /// It is none of them, somebody is connected to it, or the user may not remove it; it is still there.
    async fn remove_replaced(&mut self, name: &str, _run: &Run) -> Result<(), Error> {
        Err(Error::internal(format_args!("nothing that was replaced is called {name}")))
    }

    /// Removes what was restored beside this database; a warning where that fails.
    async fn discard_beside(&mut self) -> Option<String> {
        None
    }

    /// Puts what was restored beside it in the place of what the database holds, whole or not at all, whatever ends
    /// this program meanwhile.
    ///
    /// # Errors
    /// Nothing was changed; or the error tells what remains for [`settle`](Self::settle) to finish or take back.
    async fn replace(&mut self, run: &Run) -> Result<Replaced, Error>;
}
