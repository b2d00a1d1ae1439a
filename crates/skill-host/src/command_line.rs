//! The command line: without a subcommand the skill host.

use std::ffi::OsString;
use std::path::PathBuf;

use backup_handlers::Supervision;
use clap::{Args, Parser};

/// Creates, proves, restores, keeps and expires database backups: JSON requests on stdin, one a line, JSON
/// envelopes on stdout.
#[derive(Debug, Parser)]
#[command(
    name = "backup-manager",
    version,
    after_help = "Try: echo '{\"operation\":\"describe\"}' | backup-manager"
)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) subcommand: Option<Subcommand>,
}

/// What else the program does.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Write the JSON schemas of requests, answers and files, or check that they are up to date.
    Schemas(SchemasCommand),
    /// Check that no line of the project's audit trail was changed, added or removed.
    CheckAudit,
    /// Be a run in the background for another process of this program.
    #[command(hide = true)]
    Background(BackgroundCommand),
    /// Run a native tool for another process of this program, and end it when that one dies.
    #[command(hide = true)]
    Supervise(SuperviseCommand),
}

/// Which run to be; its request comes on stdin.
#[derive(Debug, Args)]
pub(crate) struct BackgroundCommand {
    /// The run's id.
    #[arg(long)]
    pub(crate) run: String,
    /// The run's folder.
    #[arg(long)]
    pub(crate) folder: PathBuf,
}

/// A tool to run, and for whom.
#[derive(Debug, Args)]
pub(crate) struct SuperviseCommand {
    /// The process that wants the tool.
    #[arg(long)]
    pub(crate) parent: u32,
    /// The tool gets the processor and the disk last.
    #[arg(long)]
    pub(crate) low_priority: bool,
    /// A file that goes when that process dies.
    #[arg(long)]
    pub(crate) remove_with_parent: Option<PathBuf>,
    /// The tool.
    pub(crate) program: OsString,
    /// Its arguments.
    #[arg(last = false, allow_hyphen_values = true, trailing_var_arg = true)]
    pub(crate) arguments: Vec<OsString>,
}

/// Where the schemas are, and what to do with them.
#[derive(Debug, Args)]
pub(crate) struct SchemasCommand {
    /// The folder of the schemas.
    pub(crate) folder: PathBuf,
    /// Only check; say which files differ and exit with status 1 if any does.
    #[arg(long)]
    pub(crate) check: bool,
}

impl SuperviseCommand {
    pub(crate) fn into_supervision(self) -> Supervision {
        Supervision {
            parent: self.parent,
            low_priority: self.low_priority,
            remove_with_parent: self.remove_with_parent,
            program: self.program,
            arguments: self.arguments,
        }
    }
}
