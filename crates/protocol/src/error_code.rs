//! The stable codes of everything that can go wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of error an envelope reports. Codes are never renamed or reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The dump would not fit, or did not.
    InsufficientDiskSpace,
    /// A program that is needed is not installed.
    ToolNotFound,
    /// The database could not be reached or read.
    ConnectionFailed,
    /// An artifact is not what it should be.
    VerificationFailed,
    /// The directory for backups cannot be written.
    DirectoryNotWritable,
    /// The line is not JSON.
    InvalidJson,
    /// The line is not UTF-8.
    InvalidEncoding,
    /// The line is longer than a request may be.
    LineTooLong,
    /// The request is JSON, but not a request.
    InvalidRequest,
    /// There is no such operation.
    UnknownOperation,
    /// The operation has no such parameter.
    UnknownParameter,
    /// No configuration was found.
    ConfigNotFound,
    /// The configuration has a mistake, or asks for what cannot be done.
    ConfigInvalid,
    /// The configuration has no such environment.
    EnvironmentNotFound,
    /// The variable with the database's URL is not set.
    DatabaseUrlMissing,
    /// No handler for this kind of database or provider.
    UnsupportedDatabase,
    /// The tool's version does not fit the server's.
    ToolVersionMismatch,
    /// The database user or the file's owner does not allow it.
    PermissionDenied,
    /// There is no such backup.
    BackupNotFound,
    /// Another run holds this database.
    BackupInProgress,
    /// No verified backup covers what is about to change.
    BackupRequired,
    /// The plan must be confirmed first.
    ConfirmationRequired,
    /// The confirmation does not fit, is too old or was used before.
    ConfirmationInvalid,
    /// This is the newest verified backup of its environment.
    LastGoodBackup,
    /// The catalogue cannot be read.
    CatalogueDamaged,
    /// The catalogue was written by a newer version.
    CatalogueNewer,
    /// The catalogue is held by another process.
    CatalogueLocked,
    /// The clock contradicts the records.
    ClockSuspect,
    /// The storage failed.
    StorageFailed,
    /// A cloud provider refused or failed.
    ProviderFailed,
    /// A cloud provider's quota is used up.
    QuotaExceeded,
    /// A restore did not complete; the live database is as it was.
    RestoreFailed,
    /// A signal or cancel-backup ended the run.
    Interrupted,
    /// A fault of this program.
    Internal,
}

impl ErrorCode {
    /// Whether the same request may succeed later without a change on the caller's side.
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Self::ConnectionFailed
                | Self::BackupInProgress
                | Self::CatalogueLocked
                | Self::StorageFailed
                | Self::ProviderFailed
                | Self::Interrupted
        )
    }
}
