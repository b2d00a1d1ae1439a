//! What is to be backed up, and how: everything that is known before the database is asked.

use std::collections::HashSet;

use backup_protocol::{CompressionChoice, CreateBackupParameters, CreateVerification};

use crate::backup_id::{self, BackupId, Second};
use crate::catalogue::RecordView;
use crate::configuration::EnvironmentSettings;
use crate::database::DatabaseTarget;
use crate::error::Error;
use crate::handler::{ArtifactForm, Compression, DatabaseFacts, ToolSettings};
use crate::host::Host;
use crate::operations::session::{Session, check_range, check_words};
use crate::operations::store::Store;
use crate::project::Project;
use crate::records::Idempotency;
use crate::storage::EnvironmentFolder;

/// A backup that is asked for.
pub(in crate::operations) struct BackupOrder {
    pub target: DatabaseTarget,
    pub folder: EnvironmentFolder,
    pub form: ArtifactForm,
    pub extension: String,
    pub suffix: Option<String>,
    pub label: Option<String>,
    pub reason: Option<String>,
    pub tags: Vec<String>,
    pub retention_days: u32,
    pub is_safety_backup: bool,
    /// Whether roles and tablespaces, which belong to the whole server, go beside the dump.
    pub include_globals: bool,
    pub verification: CreateVerification,
    pub settings: ToolSettings,
    pub migrations_table: String,
    /// From which database size, in bytes, somebody must say yes first; never where none.
    pub asks_from_bytes: Option<u64>,
    pub idempotency: Option<Idempotency>,
    pub warnings: Vec<String>,
}

/// What the request's words and numbers must be.
pub(super) fn check(parameters: &CreateBackupParameters) -> Result<(), Error> {
    check_range("retention_days", parameters.retention_days, 1..=36_500)?;
    check_range("wait_seconds", parameters.wait_seconds, 0..=86_400)?;
    check_words(
        parameters.label.as_deref(),
        parameters.reason.as_deref(),
        parameters.tags.as_deref().unwrap_or_default(),
        parameters.idempotency_key.as_deref(),
    )
}

impl BackupOrder {
    pub(super) fn resolve(
        host: &Host<'_>,
        project: &Project,
        environment: &EnvironmentSettings<'_>,
        parameters: &CreateBackupParameters,
        session: &mut Session,
    ) -> Result<Self, Error> {
        let database = session.resolve_database(host, project, environment, None)?;
        let tags = parameters.tags.clone().unwrap_or_default();
        session.refuse_secrets(
            parameters
                .label
                .iter()
                .map(|label| ("label", label.as_str()))
                .chain(parameters.reason.iter().map(|reason| ("reason", reason.as_str())))
                .chain(tags.iter().map(|tag| ("tags", tag.as_str()))),
        )?;
        environment.refuse_encryption()?;
        let handler = host.handler_for(&database.target);
        let form = ArtifactForm {
            format: parameters.format.unwrap_or_else(|| handler.default_format(&database.target)),
            compression: compression(
                parameters.compression.unwrap_or_else(|| environment.compression()),
            ),
        };
        let reason = parameters.reason.as_deref();
        let is_safety_backup = backup_id::safety_reason(reason).is_some();
        let configuration = &project.configuration;
        Ok(Self {
            extension: handler.extension(&database.target, form)?,
            folder: project.location()?.folder(&environment.name),
            form,
            suffix: backup_id::suffix(parameters.label.as_deref(), reason),
            label: parameters.label.clone(),
            reason: parameters.reason.clone(),
            retention_days: environment.retention_days(parameters.retention_days, is_safety_backup),
            is_safety_backup,
            include_globals: include_globals(parameters, &database.target)?,
            verification: parameters.verify.unwrap_or_else(|| environment.verification()),
            settings: configuration.tool_settings(
                Some(environment.name.as_str()),
                &project.root,
                host.workers,
            ),
            migrations_table: configuration.migrations_table().to_owned(),
            asks_from_bytes: environment
                .production_class
                .then(|| configuration.large_backup_bytes()),
            idempotency: parameters.idempotency_key.as_deref().map(|key| Idempotency {
                key_sha256: crate::digest::of_parts([environment.name.as_str(), key]),
                parameters_sha256: digest_of(parameters, &tags),
            }),
            tags,
            target: database.target,
            warnings: database.warnings,
        })
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.form.compression != Compression::None
    }
}

/// Only a PostgreSQL server keeps roles and tablespaces apart from its databases.
fn include_globals(
    parameters: &CreateBackupParameters,
    target: &DatabaseTarget,
) -> Result<bool, Error> {
    let asked = parameters.include_globals.unwrap_or_default();
    if asked && target.engine() != "postgres" {
        let detail = "is for PostgreSQL: other engines keep nothing beside the database".to_owned();
        return Err(Error::InvalidParameter { parameter: "include_globals", detail });
    }
    Ok(asked)
}

/// How the handler compresses what was chosen.
pub(in crate::operations) const fn compression(choice: CompressionChoice) -> Compression {
    match choice {
        CompressionChoice::Off => Compression::None,
        CompressionChoice::Gzip => Compression::Gzip,
        CompressionChoice::Zstd => Compression::Zstd,
    }
}

/// The parameters that decide which backup is made; how long to wait and what to print do not.
fn digest_of(parameters: &CreateBackupParameters, tags: &[String]) -> String {
    let fixed = [
        format!("{:?}", parameters.label),
        format!("{:?}", parameters.reason),
        format!("{:?}", parameters.compression),
        format!("{:?}", parameters.format),
        format!("{:?}", parameters.retention_days),
        format!("{:?}", parameters.include_globals),
    ];
    crate::digest::of_parts(fixed.iter().chain(tags).map(String::as_str))
}

/// The newest former backup's artifact ÷ database, of the same database and as compressed as this one.
pub(super) fn measured_ratio(store: &Store<'_>, order: &BackupOrder) -> Result<Option<f64>, Error> {
    if !order.is_compressed() {
        return Ok(None);
    }
    former_ratio(store, order, |view| view.size_bytes)
}

/// How many bytes the dump will have before compression: as many for each of the database's as in the newest
/// former backup of this form, else as many as its rows take.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate for a progress bar"
)]
pub(super) fn expected_dump(
    store: &Store<'_>,
    order: &BackupOrder,
    facts: &DatabaseFacts,
) -> Result<Option<u64>, Error> {
    let ratio = former_ratio(store, order, |view| view.raw_size_bytes)?;
    let measured = ratio.map(|ratio| (facts.size as f64 * ratio) as u64);
    Ok(measured.or(facts.row_bytes).or(Some(facts.size)))
}

/// Something of the newest former backup of the same database and form ÷ that database's size.
#[expect(clippy::cast_precision_loss, reason = "a ratio for an estimate")]
fn former_ratio(
    store: &Store<'_>,
    order: &BackupOrder,
    measured: impl Fn(&RecordView<'_>) -> Option<u64>,
) -> Result<Option<f64>, Error> {
    let identity = order.target.project_identity(&store.project.root);
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let former = views
        .iter()
        .filter(|view| view.database_identity.as_deref() == Some(identity.as_str()))
        .filter(|view| {
            view.is_compressed() == order.is_compressed() && view.format == Some(order.form.format)
        })
        .filter(|view| view.file_path().ends_with(order.extension.as_str()))
        .max_by_key(|view| view.created_at());
    Ok(former.and_then(|view| match (measured(view)?, view.database_size_bytes?) {
        (_, 0) => None,
        (measured, database) => Some(measured as f64 / database as f64),
    }))
}

/// The seconds that ids claim, for a plan that claims none.
pub(super) fn taken_seconds(store: &Store<'_>) -> Result<HashSet<Second>, Error> {
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let recorded = views.iter().filter_map(|view| BackupId::parse(view.id()).ok());
    let mut taken: HashSet<Second> = recorded.map(|id| id.second()).collect();
    for folder in store.location.folders()? {
        let entries = folder.entries()?;
        taken.extend(
            entries.iter().filter_map(|entry| entry.kind.backup_id()).map(BackupId::second),
        );
    }
    Ok(taken)
}
