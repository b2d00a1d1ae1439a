//! The wire of the backup manager: one JSON request per line in, one JSON envelope per line out.
//!
//! This crate holds types and names only. It reads no file, no clock and no environment, so that a
//! client can depend on it alone.

mod describe;
mod envelope;
mod error_code;
mod events;
mod facts;
mod names;
mod parameters;
mod reading;
mod request;
mod results;
mod schemas;

pub use describe::{
    DescribeResult, HandlerDescription, Limits, OperationDescription, ParameterDescription,
};
pub use envelope::{Answer, Envelope, Failure, Outcome, Recovery, Status};
pub use error_code::ErrorCode;
pub use events::{Event, EventKind};
pub use facts::{ConfirmationPlan, ErrorFacts};
pub use names::{Operation, OperationName, Skill, nearest};
pub use parameters::{
    BackupStatusParameters, CancelBackupParameters, CleanupBackupsParameters, CompressionChoice,
    Confirmation, CreateBackupParameters, CreateVerification, DeleteBackupParameters,
    DescribeParameters, Format, GuardParameters, HandlerCreateParameters, HandlerDeleteParameters,
    HandlerDescribeParameters, HandlerListParameters, HandlerVerifyParameters,
    ListBackupsParameters, ListStatus, PinBackupParameters, RebuildCatalogueParameters,
    RestoreBackupParameters, SortOrder, VerifyBackupParameters, VerifyLevel,
};
pub use reading::{Rejected, RequestFault, read_request};
pub use request::{Command, IncomingRequest, Request, RequestId};
pub use results::{
    AutomaticRetention, BackgroundStarted, BackupFile, BackupStatusResult, BackupSummary,
    CancelBackupResult, CleanupBackupsResult, CreateBackupPlan, CreateBackupResult,
    CreateBackupResultOrPlan, DeleteBackupResult, Evidence, GuardResult, HandlerCreateResult,
    HandlerDeleteResult, HandlerListResult, HandlerVerifyResult, IntegrityCheck, ListBackupsResult,
    MigrationSummary, MigrationsCompared, OrStarted, PinBackupResult, RebuildCatalogueResult,
    ReplacedDatabaseShown, RestoreBackupResult, RestoreProof, RestoreRoom, ResultOrFacts,
    RetentionAction, RetentionDecision, RetentionReason, RowCounts, RowTotals, RowsCompared,
    RunList, RunPhase, RunReport, RunState, VerificationResult, VerificationSummary,
    VerifyBackupResult, whole_seconds,
};
pub use schemas::{answer_schema, envelope_schema, event_schema, request_schema, schema_of};

/// The longest request line that is read, in bytes without its newline.
///
/// A longer line is discarded up to its newline and answered with `line_too_long`.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// The longest answer, in characters: what agents can take in with one tool call.
pub const MAX_ANSWER_CHARACTERS: usize = 25_000;

/// The longest request id that is echoed, in characters of its JSON text.
pub const MAX_REQUEST_ID_CHARACTERS: usize = 512;
