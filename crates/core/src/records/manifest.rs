//! The manifest: `<id>.manifest.json`, everything that is known when a backup is made.

use std::collections::BTreeMap;
use std::path::Path;

use backup_protocol::{
    Evidence, Format, IntegrityCheck, MigrationSummary, RowCounts, RowTotals, whole_seconds,
};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MANIFEST_VERSION;
use crate::error::Error;

/// How many failed migrations an answer names.
const MOST_SHOWN: usize = 20;

/// A backup as it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The version of this form; a reader refuses a newer major one.
    pub manifest_version: String,
    /// The backup's id.
    pub backup_id: String,
    /// The environment.
    pub environment: String,
    /// A digest that tells the project from others at the same location.
    pub project: String,
    /// Whether its location is outside of the project: inside of another one, perhaps. Absent where it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub outside_project: bool,
    /// The database that was dumped.
    pub database: DatabaseFactsRecorded,
    /// When the backup was made, UTC: the only time that rules use.
    pub created_at: DateTime<Utc>,
    /// The label, as sent; null when none was.
    pub label: Option<String>,
    /// The reason, as sent; null when none was.
    pub reason: Option<String>,
    /// The tags, as sent.
    pub tags: Vec<String>,
    /// The artifact.
    pub artifact: Artifact,
    /// The server's roles and tablespaces, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub globals: Option<GlobalsFile>,
    /// The tool that made it: `pg_dump`, `mysqldump`, `mydumper` or `sqlite`.
    pub backup_method: String,
    /// The handler that made it.
    pub handler: String,
    /// The libraries or tools that made it, and their versions.
    pub tools: BTreeMap<String, String>,
    /// The migrations that are in it.
    pub migrations: Migrations,
    /// The rows that are in it by table: exact, or null where the count is unknown.
    pub row_counts: RowCounts,
    /// How many days it is kept.
    pub retention_days: u32,
    /// When it expires, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub expires_at: DateTime<Utc>,
    /// What was proven when it was made.
    pub verification: Verification,
    /// From the request to the proven artifact, in seconds.
    pub duration_seconds: f64,
    /// How long other connections could not write, in seconds; where the engine made them wait.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub writers_blocked_seconds: Option<f64>,
    /// The request's idempotency key and parameters, as digests.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idempotency: Option<Idempotency>,
    /// The backup since which the database had lost much, as a warning says; absent where it had not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shrunk_since: Option<String>,
    /// Who made it: `backup-manager`.
    pub created_by: String,
    /// The run that made it.
    pub run: ManifestRun,
    /// What the caller was told.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// The database that was dumped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseFactsRecorded {
    /// The engine: `postgres`, `mysql` or `sqlite`.
    pub engine: String,
    /// The database's name; for SQLite the file's.
    pub name: String,
    /// A digest that tells the database from the project's others.
    pub identity: String,
    /// Its size when the backup was made, in bytes.
    pub size_bytes: u64,
    /// The server's product and version; none for SQLite.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<String>,
}

/// What belongs to the whole server, beside the artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GlobalsFile {
    /// The file's name, in the manifest's own folder.
    pub file_name: String,
    /// The file's length, in bytes.
    pub size_bytes: u64,
    /// The file's SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// The artifact of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// The name of the file or folder, in the manifest's own folder.
    pub file_name: String,
    /// What it holds.
    pub format: Format,
    /// `none`, `gzip` or `zstd`; in formats that the tool compresses itself, the tool's.
    pub compression: String,
    /// The file's length, or that of all files of a folder, in bytes.
    pub size_bytes: u64,
    /// The file's SHA-256, lower-case hexadecimal; of a folder that of the lines `<sha256>  <name>` of its
    /// files, sorted by name, as `sha256sum` prints them.
    pub sha256: String,
    /// The uncompressed dump's length, in bytes; where the tool compresses, as stored.
    pub raw_size_bytes: u64,
    /// The uncompressed dump's SHA-256, lower-case hexadecimal.
    pub raw_sha256: String,
}

/// What the migrations table said at the moment of the backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Migrations {
    /// Migrations that were finished and not rolled back.
    pub applied_count: u64,
    /// The last of them; null where there is none.
    pub last_migration: Option<String>,
    /// Their names, oldest first.
    pub migrations_list: Vec<String>,
    /// Migrations that were begun and neither finished nor rolled back.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed_migrations: Vec<String>,
}

/// What was proven when the backup was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// The verdict.
    pub integrity_check: IntegrityCheck,
    /// Whether the artifact could be read to its end.
    pub file_readable: bool,
    /// Whether the artifact was there.
    pub file_exists: bool,
    /// When it was examined, UTC.
    #[serde(serialize_with = "whole_seconds")]
    pub verified_at: DateTime<Utc>,
    /// How far the proof got.
    pub level: Evidence,
}

/// The request's idempotency key and parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Idempotency {
    /// The SHA-256 of environment and key.
    pub key_sha256: String,
    /// The SHA-256 of the parameters that make a difference.
    pub parameters_sha256: String,
}

/// The run that made a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestRun {
    /// The run's id.
    pub id: String,
    /// The host's name.
    pub host: String,
    /// The program's version.
    pub program_version: String,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// It cannot be read, or is of a newer major version; the message says which.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(|error| Error::storage("read", path, error))?;
        let damaged = |detail: String| Error::CatalogueDamaged { path: path.to_path_buf(), detail };
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if major(&manifest.manifest_version) > major(MANIFEST_VERSION) {
            let version = manifest.manifest_version;
            return Err(Error::CatalogueNewer { path: path.to_path_buf(), version });
        }
        if let Err(error) = crate::backup_id::BackupId::parse(&manifest.backup_id) {
            return Err(damaged(error.to_string()));
        }
        let own = |file_name: &str| {
            let rest = file_name.strip_prefix(manifest.backup_id.as_str());
            rest.is_some_and(|rest| rest.starts_with('.')) && !file_name.contains(['/', '\\'])
        };
        if !own(&manifest.artifact.file_name) {
            return Err(damaged("artifact.file_name is not the backup's own".to_owned()));
        }
        if manifest.globals.as_ref().is_some_and(|globals| !own(&globals.file_name)) {
            return Err(damaged("globals.file_name is not the backup's own".to_owned()));
        }
        Ok(manifest)
    }

    /// How much is in the backup.
    pub fn row_totals(&self) -> RowTotals {
        row_totals(&self.row_counts)
    }
}

impl Migrations {
    /// The form that answers carry.
    pub fn summary(&self) -> MigrationSummary {
        MigrationSummary {
            applied_count: self.applied_count,
            last_migration: self.last_migration.clone(),
            failed_migrations: self.failed_migrations.iter().take(MOST_SHOWN).cloned().collect(),
        }
    }
}

fn row_totals(counts: &RowCounts) -> RowTotals {
    RowTotals {
        tables: counts.len() as u64,
        rows: counts.values().flatten().sum(),
        unknown: counts.values().filter(|count| count.is_none()).count() as u64,
    }
}

/// The number before the dot; what is no number counts as newer than everything.
pub(crate) fn major(version: &str) -> u64 {
    version.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}
