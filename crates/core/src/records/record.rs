//! The record: a manifest and its notes folded into what the catalogue shows.

use backup_protocol::{Evidence, IntegrityCheck};
use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Manifest, Note, NoteKind};
use crate::error::Error;

/// Whether a backup counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordStatus {
    /// No verification has failed since the last one that passed.
    #[default]
    Valid,
    /// The last verification failed; the backup counts for nothing.
    Invalid,
    /// Its removal was begun.
    Deleting,
}

impl RecordStatus {
    /// The name in records and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Deleting => "deleting",
        }
    }
}

/// What is known of a backup now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it counts.
    pub status: RecordStatus,
    /// How far the best proof since the last failure got.
    pub level: Option<Evidence>,
    /// When it was last examined.
    pub verified_at: Option<DateTime<Utc>>,
    /// Whether somebody wants it kept for ever.
    pub pinned: bool,
}

impl Standing {
    /// The rule: a verification passed and reached plausible size, and none has failed since.
    pub fn is_verified(&self) -> bool {
        self.status == RecordStatus::Valid && self.level >= Some(Evidence::PlausibleSize)
    }
}

/// Folds notes, oldest first, into a standing. A later pass at a lower level lowers nothing; a failure
/// takes everything until a later pass that goes as far: the bytes of a backup that came back otherwise than it was
/// recorded were never in doubt.
pub fn standing<'a>(at_creation: Standing, notes: impl IntoIterator<Item = &'a Note>) -> Standing {
    let mut standing = at_creation;
    let mut deleting = at_creation.status == RecordStatus::Deleting;
    let mut failed_at = Some(Evidence::PlausibleSize);
    for note in notes {
        match note.kind {
            NoteKind::Verified if standing.status == RecordStatus::Invalid => {
                // What the failure took away comes back only as far as this proof goes.
                if note.level >= failed_at {
                    failed_at = Some(Evidence::PlausibleSize);
                    standing.status = RecordStatus::Valid;
                    standing.level = note.level;
                }
                standing.verified_at = Some(note.at);
            }
            NoteKind::Verified => {
                standing.level = standing.level.max(note.level);
                standing.verified_at = Some(note.at);
            }
            NoteKind::Mismatch => {
                failed_at = failed_at.max(note.level);
                standing.status = RecordStatus::Invalid;
                standing.level = None;
                standing.verified_at = Some(note.at);
            }
            NoteKind::Pinned => standing.pinned = true,
            NoteKind::Unpinned => standing.pinned = false,
            NoteKind::BeforeLoss | NoteKind::Accepted => {}
            NoteKind::Deleting => deleting = true,
        }
    }
    if deleting {
        standing.status = RecordStatus::Deleting;
    }
    standing
}

/// A manifest and its notes.
#[derive(Clone, Debug)]
pub struct Record {
    /// What was known at creation.
    pub manifest: Manifest,
    /// What was learned since, oldest first.
    pub notes: Vec<Note>,
}

impl Record {
    /// What is known now.
    pub fn standing(&self) -> Standing {
        let verification = &self.manifest.verification;
        let passed = verification.integrity_check == IntegrityCheck::Passed;
        let at_creation = Standing {
            status: if passed { RecordStatus::Valid } else { RecordStatus::Invalid },
            level: passed.then_some(verification.level),
            verified_at: Some(verification.verified_at),
            pinned: false,
        };
        standing(at_creation, &self.notes)
    }

    /// The catalogue's form: the seed's fields in the seed's order, then ours.
    ///
    /// # Errors
    /// Never in practice: every part is plain data.
    pub fn to_catalogue(&self, file_path: &str) -> Result<Map<String, Value>, Error> {
        let manifest = &self.manifest;
        let standing = self.standing();
        let artifact = &manifest.artifact;
        let valid = standing.status != RecordStatus::Invalid;
        let readable = file_readable(&self.notes);
        let seconds = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let record = json!({
            "backup_id": manifest.backup_id,
            "environment": manifest.environment,
            "database_name": manifest.database.name,
            "created_at": manifest.created_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            "label": manifest.label,
            "reason": manifest.reason,
            "file_path": file_path,
            "size_bytes": artifact.size_bytes,
            "compressed": artifact.compression != "none",
            "compression_ratio": ratio(artifact.size_bytes, artifact.raw_size_bytes),
            "format": artifact.format,
            "backup_method": manifest.backup_method,
            "migrations": manifest.migrations,
            "retention_days": manifest.retention_days,
            "expires_at": seconds(&manifest.expires_at),
            "status": standing.status,
            "verification": {
                "integrity_check": if valid { "passed" } else { "failed" },
                "file_readable": readable,
                "file_exists": readable,
                "verified_at": standing.verified_at.as_ref().map(seconds),
                "level": standing.level,
            },
            "created_by": manifest.created_by,
            "tags": manifest.tags,
            "sha256": artifact.sha256,
            "database_identity": manifest.database.identity,
            "database_size_bytes": manifest.database.size_bytes,
            "raw_size_bytes": artifact.raw_size_bytes,
            "rows_total": manifest.row_totals().rows,
            "pinned": standing.pinned,
            "notes_count": self.notes.len(),
            "idempotency": manifest.idempotency,
        });
        match record {
            Value::Object(mut record) => {
                if let Some(seconds) = self.restore_seconds() {
                    record.insert("restore_seconds".to_owned(), seconds.into());
                }
                if manifest.idempotency.is_none() {
                    record.remove("idempotency");
                }
                let about_pins =
                    |note: &Note| matches!(note.kind, NoteKind::Pinned | NoteKind::Unpinned);
                if !self.notes.iter().any(about_pins) {
                    record.remove("pinned");
                }
                Ok(record)
            }
            _ => Err(Error::internal("a record is an object")),
        }
    }

    /// The whole record for a detailed listing: the manifest, what is known now, and the notes.
    ///
    /// # Errors
    /// Never in practice: every part is plain data.
    pub fn to_detail(&self, file_path: &str) -> Result<Map<String, Value>, Error> {
        let mut detail = self.to_catalogue(file_path)?;
        let Value::Object(manifest) =
            serde_json::to_value(&self.manifest).map_err(Error::internal)?
        else {
            return Err(Error::internal("a manifest is an object"));
        };
        for (name, value) in manifest {
            detail.entry(name).or_insert(value);
        }
        detail.insert(
            "notes".to_owned(),
            serde_json::to_value(&self.notes).map_err(Error::internal)?,
        );
        Ok(detail)
    }
}

impl Record {
    /// Whether its database lost much after it was made.
    pub fn is_before_loss(&self) -> bool {
        self.notes.iter().any(|note| note.kind == NoteKind::BeforeLoss)
    }

    /// Whether it shows a loss that nobody has seen yet.
    pub fn shows_unseen_loss(&self) -> bool {
        let seen = self.notes.iter().any(|note| note.kind == NoteKind::Accepted);
        self.manifest.shrunk_since.is_some() && !seen
    }

    /// How long its last restore into a scratch database took, in seconds; none where there was none.
    pub fn restore_seconds(&self) -> Option<f64> {
        self.notes.iter().rev().find_map(|note| note.restore_seconds)
    }
}

/// Whether the artifact was there and readable when it was last examined.
pub fn file_readable(notes: &[Note]) -> bool {
    let says = |note: &&Note| matches!(note.kind, NoteKind::Verified | NoteKind::Mismatch);
    let last = notes.iter().rev().find(says);
    last.and_then(|note| note.file_readable).unwrap_or(true)
}

/// Artifact ÷ dump, to three digits as in the seed; 1 where nothing was dumped.
#[expect(clippy::cast_precision_loss, reason = "three digits are kept")]
fn ratio(stored: u64, raw: u64) -> f64 {
    if raw == 0 { 1.0 } else { (stored as f64 / raw as f64 * 1000.0).round() / 1000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kind: NoteKind, level: Option<Evidence>) -> Note {
        let id = crate::backup_id::BackupId::parse("backup-20250124-140000").unwrap();
        let run = crate::run::RunId::random().unwrap();
        let at = "2025-01-24T14:00:05Z".parse().unwrap();
        Note { level, ..Note::new(&id, kind, at, &run) }
    }

    const FRESH: Standing = Standing {
        status: RecordStatus::Valid,
        level: Some(Evidence::PlausibleSize),
        verified_at: None,
        pinned: false,
    };

    #[test]
    fn a_lower_pass_lowers_nothing() {
        let notes = [note(NoteKind::Verified, Some(Evidence::Checksum))];
        assert_eq!(standing(FRESH, &notes).level, Some(Evidence::PlausibleSize));
    }

    #[test]
    fn a_failure_counts_until_a_later_pass() {
        let failed = note(NoteKind::Mismatch, None);
        let passed = note(NoteKind::Verified, Some(Evidence::PlausibleSize));
        let shallow = note(NoteKind::Verified, Some(Evidence::Checksum));
        assert!(!standing(FRESH, [&failed]).is_verified());
        assert!(!standing(FRESH, [&failed, &shallow]).is_verified());
        assert!(standing(FRESH, [&failed, &passed]).is_verified());
        assert!(!standing(FRESH, [&passed, &failed]).is_verified());
    }

    #[test]
    fn the_last_word_on_a_pin_counts_and_says_nothing_else() {
        let failed = Note { file_readable: Some(false), ..note(NoteKind::Mismatch, None) };
        let pin = note(NoteKind::Pinned, None);
        let unpin = note(NoteKind::Unpinned, None);
        assert!(standing(FRESH, [&pin]).pinned);
        assert!(!standing(FRESH, [&pin, &unpin]).pinned);
        assert!(standing(FRESH, [&pin, &unpin, &pin]).pinned);
        assert!(standing(FRESH, [&pin]).is_verified());
        assert!(!standing(FRESH, [&failed, &pin]).is_verified());
        assert!(!file_readable(&[failed, pin]));
    }

    #[test]
    fn a_removal_that_was_begun_stays_begun() {
        let notes =
            [note(NoteKind::Deleting, None), note(NoteKind::Verified, Some(Evidence::Restored))];
        assert_eq!(standing(FRESH, &notes).status, RecordStatus::Deleting);
    }
}
