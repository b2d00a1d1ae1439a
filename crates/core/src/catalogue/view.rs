//! A record as the rules read it, borrowed from the catalogue's text: a listing of ten thousand records
//! copies none of them.

use std::borrow::Cow;

use backup_protocol::{Evidence, Format};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use crate::records::{Idempotency, RecordStatus, Standing};

/// The fields of a record that rules and listings use. All are optional: a record may be of the older
/// shape.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RecordView<'a> {
    #[serde(borrow, default, alias = "id")]
    pub(super) backup_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) environment: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "timestamp")]
    created_at: Option<Cow<'a, str>>,
    /// The label.
    #[serde(borrow, default)]
    pub label: Option<Cow<'a, str>>,
    /// The reason.
    #[serde(borrow, default)]
    pub reason: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "file")]
    file_path: Option<Cow<'a, str>>,
    /// The artifact's size, in bytes.
    #[serde(default, alias = "size")]
    pub size_bytes: Option<u64>,
    /// What the artifact holds.
    #[serde(default)]
    pub format: Option<Format>,
    #[serde(borrow, default)]
    migrations: Option<MigrationsView<'a>>,
    #[serde(borrow, default)]
    expires_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    verification: Option<Verdict<'a>>,
    /// The database's digest.
    #[serde(borrow, default)]
    pub database_identity: Option<Cow<'a, str>>,
    /// The database's size when the backup was made, in bytes.
    #[serde(default)]
    pub database_size_bytes: Option<u64>,
    /// The uncompressed dump's size, in bytes.
    #[serde(default)]
    pub raw_size_bytes: Option<u64>,
    /// How many notes the record takes into account.
    #[serde(default)]
    pub notes_count: Option<usize>,
    #[serde(default)]
    pinned: Option<bool>,
    /// The artifact's checksum.
    #[serde(borrow, default)]
    pub sha256: Option<Cow<'a, str>>,
    #[serde(default)]
    compressed: Option<bool>,
    /// The idempotency key and parameters, as digests.
    #[serde(default)]
    pub idempotency: Option<Idempotency>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct MigrationsView<'a> {
    #[serde(default)]
    applied_count: Option<u64>,
    #[serde(borrow, default)]
    last_migration: Option<Cow<'a, str>>,
}

/// What the last verification found.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Verdict<'a> {
    #[serde(borrow, default)]
    integrity_check: Option<Cow<'a, str>>,
    #[serde(default)]
    level: Option<Evidence>,
    #[serde(borrow, default)]
    verified_at: Option<Cow<'a, str>>,
}

impl RecordView<'_> {
    /// The backup's id, as recorded.
    pub fn id(&self) -> &str {
        self.backup_id.as_deref().unwrap_or_default()
    }

    /// The environment, as recorded.
    pub fn environment(&self) -> &str {
        self.environment.as_deref().unwrap_or_default()
    }

    /// The artifact's path, as recorded.
    pub fn file_path(&self) -> &str {
        self.file_path.as_deref().unwrap_or_default()
    }

    /// When the backup was made; the epoch where the record does not say, so that it sorts as oldest.
    pub fn created_at(&self) -> DateTime<Utc> {
        self.created_at.as_deref().and_then(read_time).unwrap_or_default()
    }

    /// When it expires.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at.as_deref().and_then(read_time)
    }

    /// How many migrations are applied in it.
    pub fn migrations_count(&self) -> u64 {
        self.migrations.as_ref().and_then(|migrations| migrations.applied_count).unwrap_or_default()
    }

    /// The last of them.
    pub fn last_migration(&self) -> Option<&str> {
        self.migrations.as_ref().and_then(|migrations| migrations.last_migration.as_deref())
    }

    /// Whether the artifact is compressed.
    pub fn is_compressed(&self) -> bool {
        self.compressed.unwrap_or_default()
    }

    /// What is known of the backup, as far as the index tells.
    pub fn standing(&self) -> Standing {
        let verdict = self.verification.as_ref();
        let failed = verdict
            .and_then(|verdict| verdict.integrity_check.as_deref())
            .is_some_and(|check| check != "passed");
        let status = match self.status.as_deref() {
            Some("deleting") => RecordStatus::Deleting,
            None | Some("valid") if !failed => RecordStatus::Valid,
            _ => RecordStatus::Invalid,
        };
        Standing {
            status,
            level: verdict.and_then(|verdict| verdict.level),
            verified_at: verdict
                .and_then(|verdict| verdict.verified_at.as_deref())
                .and_then(read_time),
            pinned: self.pinned.unwrap_or_default(),
        }
    }
}

/// A time in RFC 3339, or a date at midnight UTC.
pub(crate) fn read_time(text: &str) -> Option<DateTime<Utc>> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Some(time.to_utc()),
        Err(_) => Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc()),
    }
}
