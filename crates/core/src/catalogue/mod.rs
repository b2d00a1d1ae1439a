//! The catalogue: `backups.json`, the index of manifests and notes.
//!
//! Version 1.0 is the seed's form. Fields that this version does not know survive a rewrite, record by
//! record, as the text they were; records of the older shape (`id`, `timestamp`, `file`, `database`) are
//! read and left as they are. A newer version is read, never rewritten; a damaged file is neither.

mod file;
mod salvage;
mod text;
mod view;

pub use file::CatalogueFile;
pub use salvage::Salvaged;
pub use text::CatalogueText;
pub use view::RecordView;
pub(crate) use view::read_time;

/// The version of the catalogue that is written.
pub const CATALOGUE_VERSION: &str = "1.0";
/// The catalogue's file name.
pub const CATALOGUE_FILE: &str = "backups.json";

/// A catalogue as a schema sees it: the form that this version writes.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct CatalogueDocument {
    /// The version of this form: `1.0`.
    pub schema_version: String,
    /// The backups, oldest first.
    pub backups: Vec<CatalogueRecord>,
}

/// One record as a schema sees it: the seed's fields, then ours. Other fields may stand beside them.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct CatalogueRecord {
    /// The backup's id.
    pub backup_id: String,
    /// The environment.
    pub environment: String,
    /// The database's name.
    pub database_name: String,
    /// When the backup was made, UTC: the only time that rules use.
    pub created_at: chrono::DateTime<chrono::Utc>,
    /// The label; null where there is none.
    pub label: Option<String>,
    /// The reason; null where there is none.
    pub reason: Option<String>,
    /// The artifact, relative to the project's root where it lies inside, else absolute.
    pub file_path: String,
    /// The artifact's size, in bytes.
    pub size_bytes: u64,
    /// Whether the artifact is compressed.
    pub compressed: bool,
    /// Artifact ÷ dump.
    pub compression_ratio: f64,
    /// What the artifact holds.
    pub format: backup_protocol::Format,
    /// The tool that made it.
    pub backup_method: String,
    /// The migrations that are in it.
    pub migrations: crate::records::Migrations,
    /// How many days it is kept.
    pub retention_days: u32,
    /// When it expires, UTC.
    pub expires_at: chrono::DateTime<chrono::Utc>,
    /// Whether it counts.
    pub status: crate::records::RecordStatus,
    /// What the last verification found.
    pub verification: CatalogueVerification,
    /// Who made it.
    pub created_by: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The artifact's SHA-256, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// A digest that tells the database from the project's others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_identity: Option<String>,
    /// The database's size when the backup was made, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_size_bytes: Option<u64>,
    /// The rows that are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_total: Option<u64>,
    /// Whether somebody wants it kept for ever; absent where nobody ever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// How many notes the record takes into account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes_count: Option<u64>,
    /// The request's idempotency key and parameters, as digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<crate::records::Idempotency>,
}

/// What the last verification found, as a schema sees it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct CatalogueVerification {
    /// The verdict.
    pub integrity_check: backup_protocol::IntegrityCheck,
    /// Whether the artifact could be read to its end.
    pub file_readable: bool,
    /// Whether the artifact was there.
    pub file_exists: bool,
    /// When it was examined, UTC.
    pub verified_at: Option<chrono::DateTime<chrono::Utc>>,
    /// How far the proof got; null after a failure.
    #[serde(default)]
    pub level: Option<backup_protocol::Evidence>,
}
