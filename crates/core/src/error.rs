//! Everything that can go wrong, with what is known about it. Advice is not here: see `recovery`.

use std::io;
use std::path::{Path, PathBuf};

use backup_protocol::{ConfirmationPlan, RequestFault};
use chrono::{DateTime, Utc};
use thiserror::Error;

/// Why an operation did not succeed.
#[derive(Debug, Error)]
pub enum Error {
    /// The line was no request.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// There is no such operation to describe.
    #[error("Unknown operation in `parameters.operation`")]
    UnknownOperation {
        /// The closest one that exists.
        nearest: Option<&'static str>,
        /// All that exist.
        known: Vec<&'static str>,
    },
    /// A parameter has a value that cannot be.
    #[error("`parameters.{parameter}`: {detail}")]
    InvalidParameter {
        /// Which.
        parameter: &'static str,
        /// What is wrong with it; never its value.
        detail: String,
    },
    /// The engine has no such format.
    #[error("{engine} has no {format} format; it has {available}")]
    FormatUnavailable {
        /// The engine.
        engine: &'static str,
        /// What was asked for.
        format: &'static str,
        /// What exists.
        available: &'static str,
        /// The one to use instead.
        instead: &'static str,
    },
    /// This database cannot be written in this format.
    #[error("this database does not fit the {format} format: {detail}")]
    FormatUnsuitable {
        /// The format.
        format: &'static str,
        /// Why.
        detail: String,
        /// The one to use instead.
        instead: &'static str,
    },
    /// No configuration was found.
    #[error("No configuration found")]
    ConfigNotFound {
        /// Where it should have been.
        expected: PathBuf,
    },
    /// The configuration cannot be used.
    #[error("Configuration invalid: {place}: {detail}")]
    ConfigInvalid {
        /// The file.
        path: PathBuf,
        /// The JSON path of the mistake.
        place: String,
        /// What is wrong there.
        detail: String,
    },
    /// The configuration has no such environment.
    #[error("Environment not found: {given}")]
    EnvironmentNotFound {
        /// What was sent.
        given: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The variable with the URL is not set.
    #[error("Database URL missing: {variable} is not set")]
    DatabaseUrlMissing {
        /// The variable.
        variable: String,
        /// The file in which it was looked for as well.
        dotenv: PathBuf,
        /// Lines of that file that could not be read.
        unreadable_lines: usize,
    },
    /// No handler for this kind of database or provider.
    #[error("Unsupported database: {what}")]
    UnsupportedDatabase {
        /// What it is.
        what: String,
    },
    /// The database could not be reached or read.
    #[error("Cannot connect to database for backup")]
    ConnectionFailed {
        /// The tool's own words.
        detail: String,
        /// How a person can try it by hand.
        test_command: String,
    },
    /// A native tool is not installed.
    #[error("{tool} not found - {client} required")]
    ToolNotFound {
        /// The tool.
        tool: &'static str,
        /// What it comes with.
        client: ClientPackage,
        /// The configured folders in which it was looked for; none where that was everywhere.
        looked_in: Vec<PathBuf>,
    },
    /// No installed tool fits the server.
    #[error("{tool} {tool_version} does not fit {server}")]
    ToolVersionMismatch {
        /// The tool.
        tool: &'static str,
        /// The version of the best one that was found, in words.
        tool_version: String,
        /// The server's product and version.
        server: String,
        /// The package that has a fitting one, by its Debian name.
        package: String,
        /// What it comes with.
        client: ClientPackage,
    },
    /// The database's user may not read it whole.
    #[error("The database user may not read everything")]
    PermissionDenied {
        /// What it may not, in one line each.
        missing: Vec<String>,
        /// What would allow it, in the engine's own words.
        grants: Vec<String>,
        /// The tool's own words, where it had to find out.
        words: Option<String>,
    },
    /// The database's user may not put another one in its place.
    #[error("The database user may not replace the database")]
    MayNotReplace {
        /// What it may not, in one line each.
        missing: Vec<String>,
        /// What would allow it, in the engine's own words.
        grants: Vec<String>,
        /// Whether a restore in place would do without.
        in_place: bool,
    },
    /// Between here and the server stands a pooler that gives every transaction another session.
    #[error(
        "Unsupported database: the URL leads to a pooler in {mode} mode, through which no dump is whole"
    )]
    Pooled {
        /// The pooler's mode, as far as it shows.
        mode: &'static str,
    },
    /// Somebody changed or held what was read, so that no one instant of it could be had.
    #[error("The database was changed or locked while it was backed up")]
    Disturbed {
        /// The server's or the tool's own words.
        detail: String,
    },
    /// The environment's direct URL is of another database.
    #[error("Configuration invalid: ${direct_variable} leads to another database than ${variable}")]
    DirectUrlElsewhere {
        /// The variable of the direct URL.
        direct_variable: String,
        /// The variable of the environment's own URL.
        variable: String,
    },
    /// There is too little room to begin.
    #[error("Insufficient disk space")]
    SpaceBefore {
        /// What must be free, in bytes.
        required: u64,
        /// What is free, in bytes.
        available: u64,
        /// The database's size with the buffer, in bytes.
        estimate: u64,
    },
    /// A second copy of the database does not fit beside it.
    #[error("Insufficient disk space at the database")]
    SpaceAtServer {
        /// What must be free, in bytes.
        required: u64,
        /// What is free, in bytes.
        available: u64,
    },
    /// The room ran out while writing.
    #[error("Insufficient disk space for backup")]
    SpaceDuring {
        /// What would have been needed, in bytes.
        required: u64,
        /// What was free, in bytes.
        available: u64,
    },
    /// The directory for backups cannot be written.
    #[error("Cannot write to backup directory")]
    DirectoryNotWritable {
        /// Which.
        directory: PathBuf,
        /// The permissions of the directory, or of the nearest parent that exists.
        mode: Option<u32>,
    },
    /// An artifact is not what it should be.
    #[error("Backup verification failed - file may be corrupted")]
    VerificationFailed(Box<VerificationFailure>),
    /// A backup did not load into a database without an error.
    #[error("Restore failed: {detail}")]
    RestoreFailed {
        /// What happened.
        detail: String,
        /// The server's or the tool's own words.
        words: Option<String>,
    },
    /// No verified backup covers the state of the database.
    #[error("Backup requirement not met")]
    BackupRequired {
        /// Why not.
        reason: String,
    },
    /// A backup was restored, and something else came back than was recorded.
    #[error("Backup verification failed - what was restored is not what was recorded")]
    RestoredDiffers(Box<VerificationFailure>),
    /// There is no such backup.
    #[error("Backup not found: {given}")]
    BackupNotFound {
        /// What was sent.
        given: String,
    },
    /// No such run in the background is remembered.
    #[error("Run not found: {given}")]
    RunNotFound {
        /// What was sent.
        given: String,
        /// The newest that there are.
        known: Vec<String>,
    },
    /// Another run holds this database.
    #[error("Backup in progress")]
    BackupInProgress {
        /// The run that holds it, where it could be read.
        run_id: Option<String>,
    },
    /// Somebody reads the backup that is to be removed.
    #[error("Backup in use: {backup_id}")]
    BackupInUse {
        /// Which.
        backup_id: String,
    },
    /// This machine's clock cannot be believed.
    #[error("Clock suspect: nothing was removed")]
    ClockSuspect {
        /// Why not.
        reason: String,
    },
    /// Some of the backups that were to go are still there.
    #[error("{} of {} could not be removed", failed.len(), failed.len() + removed)]
    CleanupIncomplete {
        /// How many went.
        removed: usize,
        /// What that freed, in bytes.
        freed: u64,
        /// Those that did not, and why.
        failed: Vec<(String, String)>,
    },
    /// Somebody must say yes to the plan first.
    #[error("Confirmation required")]
    ConfirmationRequired(Box<ConfirmationRequest>),
    /// The token is not the plan's, too old, or used before.
    #[error("Confirmation invalid: {reason}")]
    ConfirmationInvalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The catalogue cannot be read.
    #[error("Catalogue damaged")]
    CatalogueDamaged {
        /// The file.
        path: PathBuf,
        /// The parser's words.
        detail: String,
    },
    /// The catalogue was written by a newer version.
    #[error("Catalogue was written by a newer version: {version}")]
    CatalogueNewer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// Another process holds the catalogue.
    #[error("Catalogue is locked by another process")]
    CatalogueLocked {
        /// The lock's file.
        path: PathBuf,
    },
    /// Something could not be read or written.
    #[error("Storage failed: cannot {action} {}", path.display())]
    Storage {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// Something failed, and something is there all the same.
    #[error("{error}")]
    Remains {
        /// What failed.
        error: Box<Error>,
        /// What is there, in one sentence each.
        remains: Vec<String>,
    },
    /// A signal ended the run.
    #[error("Interrupted")]
    Interrupted,
    /// A fault of this program.
    #[error("Internal error: {detail}")]
    Internal {
        /// What happened.
        detail: String,
    },
}

/// The package of an engine's command-line programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientPackage {
    /// `pg_dump`, `pg_restore`, `psql`.
    Postgres,
    /// `mysqldump`, `mysql`.
    MySql,
    /// `mariadb-dump`, `mariadb`.
    MariaDb,
    /// `mydumper`.
    Mydumper,
}

impl ClientPackage {
    /// Its Debian name.
    pub const fn package(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql-client",
            Self::MySql => "default-mysql-client",
            Self::MariaDb => "mariadb-client",
            Self::Mydumper => "mydumper",
        }
    }
}

impl std::fmt::Display for ClientPackage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Postgres => "PostgreSQL client",
            Self::MySql => "MySQL client",
            Self::MariaDb => "MariaDB client",
            Self::Mydumper => "mydumper",
        })
    }
}

/// What is wrong with an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationFailure {
    /// The artifact's file name.
    pub file: String,
    /// The smallest plausible size, in bytes.
    pub expected_minimum: u64,
    /// The size that was found, in bytes.
    pub actual: u64,
    /// Whether it could be read to its end.
    pub readable: bool,
    /// What the check found.
    pub finding: String,
    /// The words of the tool that wrote or read it, where it had some.
    pub words: Option<String>,
}

/// A question, and the token that answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfirmationRequest {
    /// What would be done.
    pub plan: ConfirmationPlan,
    /// The token, or none where `confirm: true` is enough.
    pub token: Option<(String, DateTime<Utc>)>,
    /// Whether the plan removes the newest verified backup of its environment.
    pub last_good_backup: bool,
}

impl Error {
    /// This error, and what is there all the same.
    #[must_use]
    pub fn with_remains(self, remains: impl IntoIterator<Item = String>) -> Self {
        let more: Vec<String> = remains.into_iter().collect();
        match self {
            error if more.is_empty() => error,
            Self::Remains { error, mut remains } => {
                remains.extend(more);
                Self::Remains { error, remains }
            }
            error => Self::Remains { error: Box::new(error), remains: more },
        }
    }

    /// What failed, and what is there all the same.
    pub fn parts(&self) -> (&Self, &[String]) {
        match self {
            Self::Remains { error, remains } => (error, remains),
            error => (error, &[]),
        }
    }

    /// Its text, and the system's own words where those are not part of it.
    pub fn with_reason(&self) -> String {
        match self {
            Self::Storage { source, .. } => format!("{self}: {source}"),
            error => error.to_string(),
        }
    }

    /// A failure of the file system, told apart by its cause: a full disk is no mere storage failure.
    pub fn storage(action: &'static str, path: &Path, source: io::Error) -> Self {
        if is_disk_full(&source) {
            let available = crate::storage::available_space(path).unwrap_or(0);
            // More than there was; who knows how much more fills it in.
            return Self::SpaceDuring { required: available + 1, available };
        }
        Self::Storage { action, path: path.to_path_buf(), source }
    }

    /// A failure to create something in `directory`, told apart by its cause.
    pub fn creating_in(directory: &Path, source: io::Error) -> Self {
        use io::ErrorKind::{AlreadyExists, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
        let refused = match source.kind() {
            PermissionDenied | ReadOnlyFilesystem | NotADirectory => true,
            // A file is where the folder should be.
            AlreadyExists => directory.exists() && !directory.is_dir(),
            _ => false,
        };
        if refused {
            let mode = crate::storage::nearest_mode(directory);
            return Self::DirectoryNotWritable { directory: directory.to_path_buf(), mode };
        }
        Self::storage("write in", directory, source)
    }

    /// A fault of this program.
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        Self::Internal { detail: detail.to_string() }
    }
}

/// Whether the disk or the quota is full.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
