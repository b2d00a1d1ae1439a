//! What is written down of a run while it works.

use backup_protocol::{Operation, RunPhase};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::pace::Pace;
use crate::progress::Step;

/// A run as its folder tells of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run's id.
    pub run_id: String,
    /// What it does.
    pub operation: Operation,
    /// Whose database it concerns, where that is known.
    pub environment: Option<String>,
    /// The backup that it makes, examines or brings back, once that is known.
    pub backup_id: Option<String>,
    /// What it is at.
    pub phase: RunPhase,
    /// Bytes of the dump so far.
    pub bytes_written: Option<u64>,
    /// Bytes of the dump in all, estimated.
    pub estimated_total_bytes: Option<u64>,
    /// Bytes of the dump a second.
    pub bytes_per_second: Option<u64>,
    /// When the dump will be done if it goes on so.
    pub estimated_end: Option<DateTime<Utc>>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it last got on.
    pub updated_at: DateTime<Utc>,
}

impl RunRecord {
    /// Where it stands among others: by when it began, then by its id.
    pub fn place(&self) -> (DateTime<Utc>, &str) {
        (self.started_at, &self.run_id)
    }

    /// The share of the dump that is written, in whole percent.
    pub fn percent(&self) -> Option<u64> {
        let total = self.estimated_total_bytes.filter(|total| *total > 0)?;
        Some((self.bytes_written?.saturating_mul(100) / total).min(100))
    }

    /// Takes down how the bytes of a dump pass.
    pub(super) fn take_down(&mut self, pace: &Pace, now: DateTime<Utc>) {
        self.bytes_written = Some(pace.done);
        self.estimated_total_bytes = pace.expected;
        self.bytes_per_second = pace.bytes_per_second;
        self.estimated_end = pace.left.map(|left| now + left);
    }

    /// A step says what comes after it.
    pub(super) fn take_step(&mut self, step: &Step) {
        let phase = match step {
            Step::ConfigurationLoaded
            | Step::EnvironmentValidated(_)
            | Step::BackupIdGenerated(_)
            | Step::DiskSpaceChecked { .. } => RunPhase::Checking,
            Step::CreatingThroughHandler(_) => RunPhase::Dumping,
            Step::FileCreated { .. } | Step::VerifyingIntegrity => RunPhase::Verifying,
            Step::RestoringScratch => RunPhase::Restoring,
            Step::ReplacingDatabase => RunPhase::Replacing,
            Step::RecordingMetadata => RunPhase::Recording,
        };
        // The rate of a dump says nothing of what comes after it.
        if phase != self.phase {
            self.bytes_per_second = None;
            self.estimated_end = None;
        }
        self.phase = phase;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record() -> RunRecord {
        let now: DateTime<Utc> = "2025-01-24T14:00:00Z".parse().unwrap();
        RunRecord {
            run_id: "0123456789abcdef".to_owned(),
            operation: Operation::CreateBackup,
            environment: None,
            backup_id: None,
            phase: RunPhase::Checking,
            bytes_written: None,
            estimated_total_bytes: None,
            bytes_per_second: None,
            estimated_end: None,
            started_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn bytes_tell_the_share_and_the_end() {
        let mut record = record();
        assert_eq!(record.percent(), None);
        let pace = Pace {
            done: 50,
            expected: Some(200),
            bytes_per_second: Some(10),
            left: Some(Duration::from_secs(15)),
            tables_done: None,
        };
        record.take_down(&pace, "2025-01-24T14:00:05Z".parse().unwrap());
        assert_eq!(record.percent(), Some(25));
        assert_eq!(record.estimated_end, Some("2025-01-24T14:00:20Z".parse().unwrap()));
        record.take_down(&Pace { done: 500, ..pace }, record.started_at);
        assert_eq!(record.percent(), Some(100), "an estimate may be wrong");
    }

    #[test]
    fn a_step_ends_what_was_expected_of_the_one_before() {
        let mut record = record();
        record.take_step(&Step::CreatingThroughHandler("Prisma"));
        assert_eq!(record.phase, RunPhase::Dumping);
        record.bytes_per_second = Some(10);
        record.take_step(&Step::VerifyingIntegrity);
        assert_eq!((record.phase, record.bytes_per_second), (RunPhase::Verifying, None));
    }
}
