//! `backup-manager check-audit`: whether the audit trail of the project here is as it was written.

use std::io::{self, Write};
use std::process::ExitCode;

use backup_core::{ChainReport, Surroundings};

use crate::progress::say;

/// Checks the trail, and says on stdout what was found. The exit status is 1 where the chain does not hold.
pub(crate) fn run() -> ExitCode {
    match check() {
        Ok(report) => tell(&report).unwrap_or(ExitCode::FAILURE),
        Err(error) => {
            say(&format!("backup-manager: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<ChainReport, String> {
    let current_directory = std::env::current_dir().map_err(|error| error.to_string())?;
    let variable = |name: &str| std::env::var(name).ok();
    let surroundings = Surroundings { variable: &variable, current_directory: &current_directory };
    backup_core::check_audit(&surroundings).map_err(|error| error.with_reason())
}

fn tell(report: &ChainReport) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for line in &report.torn {
        writeln!(out, "line {line} was cut short: by a crash, or a full disk")?;
    }
    for flaw in &report.flaws {
        writeln!(out, "{flaw}")?;
    }
    if !report.is_end_known && report.flaws.is_empty() {
        writeln!(
            out,
            "audit.head is not there: nobody can tell whether lines at the end are gone"
        )?;
    }
    if report.flaws.is_empty() {
        writeln!(out, "{} lines, each follows from the one before it", report.lines)?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "The audit trail is not as it was written")?;
    Ok(ExitCode::FAILURE)
}
