//! The command line: without a subcommand the skill host.

use std::path::PathBuf;

use clap::{Args, Parser};

/// Creates, verifies, lists and deletes database backups: JSON requests on stdin, one a line, JSON
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
