//! Notes: what was learned of a backup after it was made, one small file each, created only if absent.
//!
//! `<id>.note.<YYYYMMDDTHHMMSSmmm>.<kind>.<run>.json`: the name alone tells the order, so that notes
//! from many machines fold the same way everywhere.

use std::path::Path;

use backup_protocol::Evidence;
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backup_id::BackupId;
use crate::error::Error;
use crate::run::RunId;

const STAMP_FORMAT: &str = "%Y%m%dT%H%M%S%3f";
const LAST_YEAR: i32 = 9999;

/// What a note says.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// A verification passed.
    Verified,
    /// A verification failed.
    Mismatch,
    /// Somebody wants it kept for ever.
    Pinned,
    /// Nobody wants it kept for ever any more.
    Unpinned,
    /// Its database had lost much when the next backup was made.
    BeforeLoss,
    /// Somebody saw the loss that the backup shows, and let retention go on.
    Accepted,
    /// The removal was begun.
    Deleting,
}

impl NoteKind {
    const ALL: [Self; 7] = [
        Self::Verified,
        Self::Mismatch,
        Self::Pinned,
        Self::Unpinned,
        Self::BeforeLoss,
        Self::Accepted,
        Self::Deleting,
    ];

    /// The kind as it stands in a note's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Mismatch => "mismatch",
            Self::Pinned => "pinned",
            Self::Unpinned => "unpinned",
            Self::BeforeLoss => "before_loss",
            Self::Accepted => "accepted",
            Self::Deleting => "deleting",
        }
    }
}

/// A note's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// The version of this form.
    pub note_version: String,
    /// The backup it is about.
    pub backup_id: String,
    /// What it says.
    pub kind: NoteKind,
    /// When that was learned, UTC.
    pub at: DateTime<Utc>,
    /// The run that learned it.
    pub run_id: String,
    /// The host it ran on.
    pub host: String,
    /// How far the proof got; with `mismatch`, which one failed, where that was a restore.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<Evidence>,
    /// How long the restore into a scratch database took, in seconds; with `verified`, where it was restored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub restore_seconds: Option<f64>,
    /// What was wrong; with `mismatch`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finding: Option<String>,
    /// Whether the artifact was there and could be read to its end; with `mismatch`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file_readable: Option<bool>,
    /// Whether somebody said yes to losing the newest verified backup; with `deleting`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_good: Option<bool>,
    /// The artifact's file name, so that a removal can go on without the manifest; with `deleting`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub artifact: Option<String>,
    /// The project's digest, likewise; with `deleting`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<String>,
}

/// A note's file name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoteName {
    /// When the note was written, as in the name.
    pub stamp: String,
    /// What it says.
    pub kind: NoteKind,
    /// The run that wrote it.
    pub run: String,
}

impl NoteName {
    /// The name of a note that is written now.
    pub fn new(at: DateTime<Utc>, kind: NoteKind, run: &RunId) -> Self {
        Self { stamp: at.format(STAMP_FORMAT).to_string(), kind, run: run.to_string() }
    }

    /// The whole file name.
    pub fn file_name(&self, id: &BackupId) -> String {
        format!("{id}.note.{}.{}.{}.json", self.stamp, self.kind.name(), self.run)
    }

    /// The name of a note that is written now, after the newest of those that are there: a clock that
    /// jumped back must not put it before them.
    pub fn after<'a>(
        existing: impl IntoIterator<Item = &'a Self>,
        now: DateTime<Utc>,
        kind: NoteKind,
        run: &RunId,
    ) -> Self {
        let newest = existing.into_iter().map(|name| name.stamp.as_str()).max();
        let newest =
            newest.and_then(|stamp| NaiveDateTime::parse_from_str(stamp, STAMP_FORMAT).ok());
        let next = newest.map(|newest| newest.and_utc() + TimeDelta::milliseconds(1));
        // A stamp has four digits for the year. Within the last millisecond of all the kind decides.
        let next = next.filter(|next| next.year() <= LAST_YEAR).or(newest.map(|at| at.and_utc()));
        Self::new(next.map_or(now, |next| next.max(now)), kind, run)
    }

    /// Takes the part of a file name after the id apart.
    pub fn parse(rest: &str) -> Option<Self> {
        let mut parts = rest.strip_prefix(".note.")?.strip_suffix(".json")?.split('.');
        let (stamp, kind, run) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = NoteKind::ALL.into_iter().find(|known| known.name() == kind)?;
        NaiveDateTime::parse_from_str(stamp, STAMP_FORMAT).ok()?;
        parts.next().is_none().then(|| Self { stamp: stamp.to_owned(), kind, run: run.to_owned() })
    }
}

impl Note {
    /// A note that says nothing beyond its kind, by this machine.
    pub fn new(id: &BackupId, kind: NoteKind, at: DateTime<Utc>, run: &RunId) -> Self {
        let host = crate::storage::host_name();
        Self { host, ..Self::bare(id, kind, at, run.to_string()) }
    }

    /// What a note's name alone says.
    pub fn from_name(id: &BackupId, name: &NoteName) -> Self {
        let at = NaiveDateTime::parse_from_str(&name.stamp, STAMP_FORMAT).unwrap_or_default();
        Self::bare(id, name.kind, at.and_utc(), name.run.clone())
    }

    fn bare(id: &BackupId, kind: NoteKind, at: DateTime<Utc>, run_id: String) -> Self {
        Self {
            note_version: super::MANIFEST_VERSION.to_owned(),
            backup_id: id.to_string(),
            kind,
            at,
            run_id,
            host: String::new(),
            level: None,
            restore_seconds: None,
            finding: None,
            file_readable: None,
            last_good: None,
            artifact: None,
            project: None,
        }
    }

    /// Reads a note.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(|error| Error::storage("read", path, error))?;
        serde_json::from_slice(&text).map_err(|error| Error::CatalogueDamaged {
            path: path.to_path_buf(),
            detail: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_was_put_in() {
        let id = BackupId::parse("backup-20250124-140000").unwrap();
        let run = RunId::random().unwrap();
        let at = "2025-01-24T14:00:05.123Z".parse().unwrap();
        let name = NoteName::new(at, NoteKind::Mismatch, &run);
        let file = name.file_name(&id);
        assert!(file.starts_with("backup-20250124-140000.note.20250124T140005123.mismatch."));
        let (_, rest) = BackupId::from_file_name(&file).unwrap();
        assert_eq!(NoteName::parse(rest), Some(name));
        assert_eq!(NoteName::parse(".note.x.verified.r.json"), None);
    }
}
