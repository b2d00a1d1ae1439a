//! What people read on stderr: the seed's start, step and end messages, to the letter.

use backup_core::size::{GIB, human, whole_available, whole_need};
use backup_core::{Completion, Pace, Step};
use backup_protocol::Operation;

/// The line under a start and before the last lines of an end.
const RULE: &str = "───────────────────────────────────────";

/// The message at the start of a run.
pub(crate) fn start(
    operation: Operation,
    environment: Option<&str>,
    label: Option<&str>,
) -> String {
    let mut lines = vec!["🎯 STARTING: Backup Manager".to_owned()];
    lines.extend(environment.map(|environment| format!("Environment: {environment}")));
    lines.push(format!("Operation: {}", operation.name()));
    lines.extend(label.map(|label| format!("Label: {label}")));
    lines.push(RULE.to_owned());
    lines.join("\n")
}

/// The message of a step.
pub(crate) fn step(step: &Step) -> String {
    match step {
        Step::ConfigurationLoaded => "✓ Configuration loaded".to_owned(),
        Step::EnvironmentValidated(environment) => {
            format!("✓ Environment validated: {environment}")
        }
        Step::BackupIdGenerated(id) => format!("✓ Backup ID generated: {id}"),
        Step::DiskSpaceChecked { available, required } => format!(
            "✓ Disk space check: {} GB available (need {} GB)",
            whole_available(*available, GIB),
            whole_need(*required, *available, GIB)
        ),
        Step::CreatingThroughHandler(handler) => format!("✓ Creating backup via {handler} handler"),
        Step::FileCreated { size } => format!("✓ Backup file created: {}", human(*size)),
        Step::VerifyingIntegrity => "✓ Verifying backup integrity".to_owned(),
        Step::ReplacingDatabase => "✓ Replacing the database".to_owned(),
        Step::RestoringScratch => "✓ Restoring into a scratch database".to_owned(),
        Step::RecordingMetadata => "✓ Recording metadata".to_owned(),
    }
}

/// The message at the good end of a run.
pub(crate) fn end(completion: &Completion) -> String {
    const TITLE: &str = "✅ COMPLETED: Backup Manager";
    match completion {
        Completion::Created {
            environment,
            backup_id,
            file_path,
            size,
            retention_days,
            expires_on,
        } => {
            format!(
                "{TITLE}\nEnvironment: {environment}\nBackup ID: {backup_id}\nFile: {file_path}\nSize: {}\nRetention: {retention_days} days (expires: {expires_on})\n{RULE}\nTo restore from this backup:\n  /faber-db:restore {environment} --from {backup_id}",
                human(*size)
            )
        }
        Completion::Other { environment, message } => {
            let mut lines = vec![TITLE.to_owned()];
            lines.extend(
                environment.as_ref().map(|environment| format!("Environment: {environment}")),
            );
            lines.push(message.clone());
            lines.push(RULE.to_owned());
            lines.join("\n")
        }
    }
}

/// The message at another end of a run.
pub(crate) fn failure(cancelled: bool, environment: Option<&str>, reason: &str) -> String {
    let title = if cancelled { "⏹ CANCELLED" } else { "❌ FAILED" };
    let mut lines = vec![format!("{title}: Backup Manager")];
    lines.extend(environment.map(|environment| format!("Environment: {environment}")));
    lines.push(reason.to_owned());
    lines.push(RULE.to_owned());
    lines.join("\n")
}

/// A plain progress line.
pub(crate) fn progress(pace: &Pace) -> String {
    let Pace { done, expected, bytes_per_second, left, tables_done } = *pace;
    let amount = match expected.filter(|expected| *expected > 0) {
        Some(expected) => {
            let percent = (done.saturating_mul(100) / expected).min(100);
            format!("  {} of about {} ({percent}%)", human(done), human(expected))
        }
        None => format!("  {}", human(done)),
    };
    let rate = bytes_per_second.map(|rate| format!("{}/s", human(rate)));
    let left = left.map(|left| format!("about {} s left", left.as_secs()));
    let tables = tables_done.map(|tables| format!("{tables} tables done"));
    [Some(amount), rate, left, tables].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_line_says_what_is_known() {
        let mib = 1024 * 1024;
        let pace = Pace {
            done: 50 * mib,
            expected: Some(200 * mib),
            bytes_per_second: Some(25 * mib),
            left: Some(std::time::Duration::from_secs(6)),
            tables_done: Some(3),
        };
        assert_eq!(
            progress(&pace),
            "  50.0 MB of about 200.0 MB (25%), 25.0 MB/s, about 6 s left, 3 tables done"
        );
        let pace = Pace { done: mib, ..Pace::default() };
        assert_eq!(progress(&pace), "  1.0 MB");
    }

    #[test]
    fn the_seeds_messages_to_the_letter() {
        assert_eq!(
            start(Operation::CreateBackup, Some("production"), Some("pre-v2-migration")),
            "🎯 STARTING: Backup Manager\nEnvironment: production\nOperation: create-backup\nLabel: pre-v2-migration\n───────────────────────────────────────"
        );
        let gib = 1024 * 1024 * 1024;
        assert_eq!(
            step(&Step::DiskSpaceChecked { available: 50 * gib, required: 25 * gib }),
            "✓ Disk space check: 50 GB available (need 25 GB)"
        );
        assert_eq!(
            step(&Step::FileCreated { size: 13_212_876_800 }),
            "✓ Backup file created: 12.3 GB"
        );
        assert_eq!(
            end(&Completion::Created {
                environment: "production".to_owned(),
                backup_id: "backup-20250124-140000-pre-v2-migration".to_owned(),
                file_path: ".fractary/plugins/faber-db/backups/production/backup-20250124-140000-pre-v2-migration.sql.gz".to_owned(),
                size: 13_212_876_800,
                retention_days: 90,
                expires_on: "2025-04-24".to_owned(),
            }),
            "✅ COMPLETED: Backup Manager\nEnvironment: production\nBackup ID: backup-20250124-140000-pre-v2-migration\nFile: .fractary/plugins/faber-db/backups/production/backup-20250124-140000-pre-v2-migration.sql.gz\nSize: 12.3 GB\nRetention: 90 days (expires: 2025-04-24)\n───────────────────────────────────────\nTo restore from this backup:\n  /faber-db:restore production --from backup-20250124-140000-pre-v2-migration"
        );
    }
}
