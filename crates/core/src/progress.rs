//! What a run says while it works. The rules say what happened; the interface decides how it looks.

use backup_protocol::{Operation, Status};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// The run began.
    Started {
        /// What is done.
        operation: Operation,
        /// Whose database it concerns.
        environment: Option<String>,
        /// The label, where one was sent.
        label: Option<String>,
    },
    /// A step was done.
    Step(Step),
    /// Bytes of the dump have passed.
    Bytes {
        /// So far.
        done: u64,
        /// In all, estimated.
        expected: Option<u64>,
        /// Tables of which all rows have passed; where the tool lets it be known.
        tables_done: Option<u64>,
    },
    /// The run ended well.
    Completed(Completion),
    /// The run ended otherwise.
    Failed {
        /// How.
        status: Status,
        /// Whose database it concerned.
        environment: Option<String>,
        /// Why, in one line.
        reason: String,
    },
}

/// A step of the seed's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The configuration was read.
    ConfigurationLoaded,
    /// The environment is one of the configuration's.
    EnvironmentValidated(String),
    /// The id was claimed.
    BackupIdGenerated(String),
    /// There is room.
    DiskSpaceChecked {
        /// What is free, in bytes.
        available: u64,
        /// What is needed, in bytes.
        required: u64,
    },
    /// The handler was called.
    CreatingThroughHandler(&'static str),
    /// The artifact was written.
    FileCreated {
        /// Its size, in bytes.
        size: u64,
    },
    /// The artifact is being examined.
    VerifyingIntegrity,
    /// It is restored into a scratch database.
    RestoringScratch,
    /// What was restored there takes the place of the live database.
    ReplacingDatabase,
    /// Manifest and catalogue are being written.
    RecordingMetadata,
}

/// How a run ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// A backup was made.
    Created {
        /// Whose.
        environment: String,
        /// Its id.
        backup_id: String,
        /// Its artifact.
        file_path: String,
        /// The artifact's size, in bytes.
        size: u64,
        /// How many days it is kept.
        retention_days: u32,
        /// The day it expires, `YYYY-MM-DD`.
        expires_on: String,
    },
    /// Another operation was done.
    Other {
        /// Whose database it concerned.
        environment: Option<String>,
        /// What was done, in one line.
        message: String,
    },
}

/// Where happenings go.
pub trait Progress: Send + Sync {
    /// Takes one; must not block for long and cannot fail.
    fn report(&self, happening: Happening);
}
