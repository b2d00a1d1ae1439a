//! From an error to the facts that its answer carries.

use backup_protocol::{ErrorFacts, RequestFault};
use chrono::SecondsFormat;
use rustix::fs::FileType;

use super::{FailureContext, LONGEST_FINDING, MOST_KNOWN, cut};

use crate::error::{Error, VerificationFailure};
use crate::size::{GIB, MIB, whole_available, whole_need};

/// Why one backup could not be removed is cut here, so that many fit into an answer.
const LONGEST_FAILURE: usize = 300;

/// What is known about an error beside its text.
pub(super) fn of(error: &Error, context: &FailureContext<'_>) -> ErrorFacts {
    let none = ErrorFacts::default();
    match error {
        Error::SpaceBefore { required, available, estimate } => ErrorFacts {
            backup_size_estimate_gb: Some(whole_need(*estimate, u64::MAX, GIB)),
            backup_size_estimate_bytes: Some(*estimate),
            ..space_facts(*required, *available)
        },
        Error::SpaceDuring { required, available }
        | Error::SpaceAtServer { required, available } => space_facts(*required, *available),
        Error::VerificationFailed(failure) => verification_facts(failure),
        Error::RestoredDiffers(failure) => ErrorFacts {
            backup_file: Some(failure.file.clone()),
            file_readable: Some(failure.readable),
            finding: Some(cut(&failure.finding, LONGEST_FINDING)),
            ..none
        },
        Error::CleanupIncomplete { removed, freed, failed } => ErrorFacts {
            deleted_count: Some(*removed as u64),
            freed_bytes: Some(*freed),
            failed: Some(
                failed
                    .iter()
                    .take(MOST_KNOWN)
                    .map(|(id, why)| format!("{id}: {}", cut(why, LONGEST_FAILURE)))
                    .collect(),
            ),
            ..none
        },
        Error::ClockSuspect { reason } | Error::BackupRequired { reason } => {
            ErrorFacts { finding: Some(cut(reason, LONGEST_FINDING)), ..none }
        }
        Error::PermissionDenied { missing, .. } | Error::MayNotReplace { missing, .. } => {
            ErrorFacts { missing: Some(missing.iter().take(MOST_KNOWN).cloned().collect()), ..none }
        }
        Error::ToolVersionMismatch { tool_version, server, .. } => ErrorFacts {
            tool_version: Some(tool_version.clone()),
            server_version: Some(server.clone()),
            ..none
        },
        Error::DirectoryNotWritable { directory, mode } => ErrorFacts {
            backup_directory: Some(format!("{}/", context.shown(directory))),
            permissions: mode.map(permissions),
            required: Some("drwxrwxr-x".to_owned()),
            ..none
        },
        Error::ConfirmationRequired(request) => ErrorFacts {
            plan: Some(request.plan.clone()),
            confirm: request.token.as_ref().map(|(token, _)| token.clone()),
            confirm_expires_at: request
                .token
                .as_ref()
                .map(|(_, expires)| expires.to_rfc3339_opts(SecondsFormat::Secs, true)),
            ..none
        },
        Error::BackupInProgress { run_id } => ErrorFacts { run_id: run_id.clone(), ..none },
        Error::UnknownOperation { known, .. }
        | Error::Request(RequestFault::UnknownOperation { known, .. }) => ErrorFacts {
            known: Some(known.iter().map(|name| (*name).to_owned()).collect()),
            ..none
        },
        Error::EnvironmentNotFound { known, .. }
        | Error::RunNotFound { known, .. }
        | Error::Request(RequestFault::UnknownParameter { known, .. }) => {
            ErrorFacts { known: Some(known.iter().take(MOST_KNOWN).cloned().collect()), ..none }
        }
        Error::ConfigNotFound { expected: path }
        | Error::ConfigInvalid { path, .. }
        | Error::CatalogueDamaged { path, .. }
        | Error::CatalogueNewer { path, .. }
        | Error::CatalogueLocked { path }
        | Error::Storage { path, .. } => ErrorFacts { path: Some(context.shown(path)), ..none },
        _ => none,
    }
}

/// The facts, and what is there all the same.
pub(super) fn with_remains(facts: ErrorFacts, remains: &[String]) -> ErrorFacts {
    let remains = (!remains.is_empty()).then(|| remains.to_vec());
    ErrorFacts { remains, ..facts }
}

fn space_facts(required: u64, available: u64) -> ErrorFacts {
    ErrorFacts {
        required_space_gb: Some(whole_need(required, available, GIB)),
        available_space_gb: Some(whole_available(available, GIB)),
        required_space_bytes: Some(required),
        available_space_bytes: Some(available),
        ..ErrorFacts::default()
    }
}

fn verification_facts(failure: &VerificationFailure) -> ErrorFacts {
    ErrorFacts {
        backup_file: Some(failure.file.clone()),
        expected_size_min_mb: Some(whole_need(failure.expected_minimum, failure.actual, MIB)),
        actual_size_mb: Some(whole_available(failure.actual, MIB)),
        file_readable: Some(failure.readable),
        expected_size_min_bytes: Some(failure.expected_minimum),
        actual_size_bytes: Some(failure.actual),
        finding: Some(cut(&failure.finding, LONGEST_FINDING)),
        ..ErrorFacts::default()
    }
}

/// Permissions as `ls` shows them, of a directory or of a file in its place.
fn permissions(mode: u32) -> String {
    let bits = (0..9).rev().map(|bit| {
        let letter = ['x', 'w', 'r'].get(bit % 3).copied().unwrap_or('-');
        if mode & (1 << bit) == 0 { '-' } else { letter }
    });
    let kind = if FileType::from_raw_mode(mode).is_file() { '-' } else { 'd' };
    std::iter::once(kind).chain(bits).collect()
}
