//! The rules of the backup manager. No process is started here and no network is used: handlers make bytes,
//! this crate decides in which order, what counts as proof, what is kept, and what an error means.

mod audit;
mod backup_id;
mod catalogue;
mod configuration;
mod confirmation;
mod database;
mod digest;
mod environment;
mod error;
mod handler;
mod host;
mod interrupt;
mod locks;
mod operational_log;
mod operations;
mod pace;
mod progress;
mod project;
mod records;
mod recovery;
mod redaction;
mod retention;
mod run;
mod runs;
mod secret;
mod shrinkage;
pub mod size;
mod space;
mod storage;
mod verification;

pub use audit::{AuditEntry, ChainReport, check_audit};
pub use catalogue::CatalogueDocument;
pub use configuration::Configuration;
pub use database::{
    DatabaseTarget, HostAddress, LibpqEnvironment, MISLEADING_LIBPQ_VARIABLES, MySqlConnection,
    MySqlEndpoint, MySqlTls, MySqlTlsMode, ServerDatabase, ServerEngine, ServerUrl, SqliteDatabase,
};
pub use digest::of_lines as sha256_of_lines;
pub use error::{ClientPackage, Error, VerificationFailure, is_disk_full};
pub use handler::{
    ArtifactForm, ArtifactToExamine, Checksums, Compression, Database, DatabaseFacts, Depth,
    Destination, DumpOrder, Dumped, Examination, Handler, LeftOut, LiveDatabase, LiveState,
    Replaced, ReplacedDatabase, RestoreManner, ScratchOrder, ScratchRestored, ToolSettings,
};
pub use host::{Host, Launch, Launcher};
pub use interrupt::{Interrupt, Signal};
pub use locks::private_folder;
pub use operations::{fault, perform, refuse, unable};
pub use pace::{Pace, Pacer};
pub use progress::{Completion, Happening, Progress, Step};
pub use project::Surroundings;
pub use records::{Manifest, Migrations, Note};
pub use run::{Run, RunId, seconds_of};
pub use runs::{BackgroundRun, RunFolder};
pub use secret::Secret;
pub use storage::{available_space, replace_file, write_new_file};
