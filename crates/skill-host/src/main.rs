//! `backup-manager`: reads one JSON request per line on stdin and answers one JSON envelope per line on
//! stdout. Everything a human reads goes to stderr.

mod background;
mod check_audit;
mod command_line;
mod host;
mod input;
mod messages;
mod output;
mod progress;
mod schemas;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use command_line::{CommandLine, Subcommand};

/// The variable that turns the log on, by level: `error`, `warn`, `info`, `debug` or `trace`.
const LOG_VARIABLE: &str = "BACKUP_MANAGER_LOG";

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    start_log();
    match command_line.subcommand {
        None => host::serve(),
        Some(Subcommand::Schemas(schemas)) => schemas::run(&schemas),
        Some(Subcommand::CheckAudit) => check_audit::run(),
        Some(Subcommand::Background(command)) => background::run(&command),
        Some(Subcommand::Supervise(command)) => {
            backup_handlers::supervise(&command.into_supervision())
        }
    }
}

/// The log goes to stderr and is off unless asked for: stderr is for messages and events.
fn start_log() {
    let level =
        std::env::var(LOG_VARIABLE).ok().and_then(|level| level.parse::<tracing::Level>().ok());
    if let Some(level) = level {
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .log_internal_errors(false)
            .init();
    }
}
