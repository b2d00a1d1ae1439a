//! What a configuration must be beyond the types of its keys.

use std::ops::RangeInclusive;
use std::path::Path;

use super::{
    BackupSection, Configuration, EnvironmentSection, SafetySection, VerificationSection,
    is_variable,
};
use crate::environment::EnvironmentName;
use crate::error::Error;

const RETENTION_DAYS: RangeInclusive<u32> = 1..=36_500;
const STALL_SECONDS: RangeInclusive<u32> = 1..=86_400;
const COMPRESSION_LEVEL: RangeInclusive<u32> = 1..=19;
const THREADS: RangeInclusive<u32> = 1..=64;
const ROW_COUNT_SECONDS: RangeInclusive<u32> = 0..=86_400;
const APPROVAL_SECONDS: RangeInclusive<u32> = 1..=86_400;

/// A mistake: its JSON path, and what must be there.
type Mistake = (String, String);

/// Checks a configuration that was read from `path`.
///
/// # Errors
/// [`Error::ConfigInvalid`] names the JSON path of the first mistake.
pub(super) fn check(configuration: &Configuration, path: &Path) -> Result<(), Error> {
    let mistake =
        |(place, detail): Mistake| Error::ConfigInvalid { path: path.to_path_buf(), place, detail };
    for (name, section) in &configuration.environments {
        EnvironmentName::parse(name)
            .map_err(|error| mistake(("environments".to_owned(), error.to_string())))?;
        environment(name, section).map_err(mistake)?;
    }
    configuration.backup.as_ref().map_or(Ok(()), backup).map_err(mistake)?;
    configuration.safety.as_ref().map_or(Ok(()), safety).map_err(mistake)?;
    configuration.verification.as_ref().map_or(Ok(()), verification).map_err(mistake)
}

fn environment(name: &str, section: &EnvironmentSection) -> Result<(), Mistake> {
    let place = |key: &str| format!("environments.{name}.{key}");
    let variables = [
        ("connection_string_env", &section.connection_string_env),
        ("direct_connection_string_env", &section.direct_connection_string_env),
    ];
    for (key, variable) in variables {
        if variable.as_deref().is_some_and(|name| !is_variable(name)) {
            return Err((place(key), "must be the name of a variable, not a URL".to_owned()));
        }
    }
    numbers(
        place,
        [
            ("backup_retention_days", section.backup_retention_days, RETENTION_DAYS),
            ("stall_seconds", section.stall_seconds, STALL_SECONDS),
            ("compression_level", section.compression_level, COMPRESSION_LEVEL),
            ("threads", section.threads, THREADS),
            ("row_count_seconds", section.row_count_seconds, ROW_COUNT_SECONDS),
        ],
    )
}

fn backup(section: &BackupSection) -> Result<(), Mistake> {
    if let Some(folders) = &section.tool_directories
        && (folders.is_empty() || folders.iter().any(String::is_empty))
    {
        let detail = "must name folders; leave it out to look on PATH".to_owned();
        return Err(("backup.tool_directories".to_owned(), detail));
    }
    numbers(
        |key| format!("backup.{key}"),
        [
            ("retention_days", section.retention_days, RETENTION_DAYS),
            ("stall_seconds", section.stall_seconds, STALL_SECONDS),
            ("compression_level", section.compression_level, COMPRESSION_LEVEL),
            ("threads", section.threads, THREADS),
            ("row_count_seconds", section.row_count_seconds, ROW_COUNT_SECONDS),
        ],
    )
}

fn safety(section: &SafetySection) -> Result<(), Mistake> {
    if section.large_backup_gb.is_some_and(|value| !value.is_finite() || value < 0.0) {
        return Err(("safety.large_backup_gb".to_owned(), "must not be negative".to_owned()));
    }
    let enhanced = section.approval_timeouts.as_ref().and_then(|timeouts| timeouts.enhanced);
    let place = |key: &str| format!("safety.approval_timeouts.{key}");
    numbers(place, [("enhanced", enhanced, APPROVAL_SECONDS)])
}

fn verification(section: &VerificationSection) -> Result<(), Mistake> {
    let place = |key: &str| format!("verification.{key}");
    if section.max_scratch_gb.is_some_and(|value| !value.is_finite() || value < 0.0) {
        return Err((place("max_scratch_gb"), "must not be negative".to_owned()));
    }
    if section.database_url_env.as_deref().is_some_and(|name| !is_variable(name)) {
        let detail = "must be the name of a variable, not a URL".to_owned();
        return Err((place("database_url_env"), detail));
    }
    Ok(())
}

fn numbers<const COUNT: usize>(
    place: impl Fn(&str) -> String,
    numbers: [(&str, Option<u32>, RangeInclusive<u32>); COUNT],
) -> Result<(), Mistake> {
    for (key, value, range) in numbers {
        if value.is_some_and(|value| !range.contains(&value)) {
            let detail = format!("must be from {} to {}", range.start(), range.end());
            return Err((place(key), detail));
        }
    }
    Ok(())
}
