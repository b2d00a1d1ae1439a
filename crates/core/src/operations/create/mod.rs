//! `create-backup`: the order of a backup.

mod idempotency;
mod order;
mod publish;

use std::sync::Arc;
use std::time::Instant;

use backup_protocol::{
    Confirmation, ConfirmationPlan, CreateBackupParameters, CreateBackupPlan, CreateBackupResult,
    CreateVerification, VerificationSummary,
};

use chrono::{DateTime, TimeDelta, Utc};

use super::Done;
use super::artifact::{self, ArtifactFiles, Made, Making};
use super::cleanup;
use super::proof;
use super::session::Session;
use super::store::Store;
use super::verify;
use crate::backup_id::{BackupId, expires_at};
use crate::error::{ConfirmationRequest, Error};
use crate::handler::{Database, DatabaseFacts, DumpOrder};
use crate::host::Host;
use crate::locks::{self, DatabaseLock};
use crate::progress::{Completion, Step};
use crate::records::Record;
use crate::run::Run;
use crate::size;
use crate::space::SpaceNeed;
use crate::storage::{self, EnvironmentFolder};

use idempotency::KeyGuard;
use order::BackupOrder;
pub(super) use order::compression;
use publish::Proven;

/// The reason of a backup that a timer asked for.
const SCHEDULED: &str = "scheduled";

pub(super) async fn create(
    host: &Host<'_>,
    parameters: &CreateBackupParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    create_under(host, parameters, None, session, run).await
}

/// Makes a backup of a database whose lock the caller holds.
pub(super) async fn create_under(
    host: &Host<'_>,
    parameters: &CreateBackupParameters,
    held: Option<&DatabaseLock>,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    order::check(parameters)?;
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    let environment = project.environment(&parameters.environment)?;
    run.step(Step::EnvironmentValidated(environment.name.to_string()));
    let order = BackupOrder::resolve(host, &project, &environment, parameters, session)?;
    let store = Store::of(&project)?;
    store.catalogue.check_writable()?;
    if parameters.dry_run.unwrap_or_default() {
        return plan(host, &store, &order, parameters, run).await;
    }
    let patience = run.patience(parameters.wait_seconds.unwrap_or(super::DEFAULT_WAIT_SECONDS));
    let key = KeyGuard::take(&store, &order, patience, run).await?;
    if let Some(made) = key.as_ref().and_then(|key| key.made_before.as_ref()) {
        return replay(&store, &order.folder, made);
    }
    let waiting = Instant::now();
    let identity = order.target.machine_identity();
    let lock = match held {
        Some(_) => None,
        None => Some(locks::database_lock(&identity, patience, run).await?),
    };
    let handler = host.handler_for(&order.target);
    let mut database = handler.connect(&order.target, &order.settings, run).await?;
    let left = patience.saturating_sub(waiting.elapsed());
    let settled = database.settle(run.patience_at_server(left), run).await?;
    let left = patience.saturating_sub(waiting.elapsed());
    database.reserve(run.patience_at_server(left), run).await?;
    let claimed = claim(host, &store, &order, run).await;
    let mut claim = match claimed {
        Err(Error::SpaceDuring { .. }) => {
            return Err(full_before(&store, &order, &mut *database, run).await);
        }
        other => other?,
    };
    claim.warnings.extend(settled);
    run.step(Step::BackupIdGenerated(claim.id.to_string()));
    run.concerns(claim.id.as_str(), order.folder.environment.as_str());
    let making = MakingBackup { host, store: &store, order: &order, parameters, session };
    let made = make(making, &mut *database, &mut claim, run).await;
    drop(database);
    drop(lock);
    let (record, late_warnings, ahead) = made?;
    let mut result = result_of(&store, &order.folder, &record);
    result.warnings.extend(late_warnings);
    if order.verification == CreateVerification::Restore {
        let (level, proof) = verify::prove_new(host, &store, &claim.id, session, run).await?;
        result.verification.level = level;
        result.restored = Some(proof.told);
        result.warnings.extend(proof.warnings);
    }
    drop(key);
    // What a restore takes beforehand removes nothing: the backup that is brought back may have expired.
    if held.is_none() {
        let automatic = cleanup::after_create(host, &store, &record, ahead, session, run).await;
        result.retention = automatic.removed;
        result.warnings.extend(automatic.warnings);
    }
    done(result, &record, run)
}

/// An id, and the locked partial files that hold it for this run.
struct Claim {
    id: BackupId,
    created_at: DateTime<Utc>,
    artifact_name: String,
    files: ArtifactFiles,
    warnings: Vec<String>,
}

/// Tidies the store and claims the next free id.
async fn claim(
    host: &Host<'_>,
    store: &Store<'_>,
    order: &BackupOrder,
    run: &Run,
) -> Result<Claim, Error> {
    let tidy = store.tidy(run).await?;
    let folder = &order.folder;
    folder.create()?;
    let created_at = whole_second((host.clock)());
    let id =
        BackupId::first_free(created_at, order.suffix.as_deref(), |second| tidy.is_taken(second));
    tidy.remember(&id, run)?;
    let artifact_name = format!("{id}{}", order.extension);
    let globals = order.include_globals.then(|| storage::globals_name(&id));
    let files =
        ArtifactFiles::create(&folder.path, &artifact_name, order.form, globals.as_deref(), run)?;
    let warnings = tidy.warnings(|path| store.project.shown(path));
    Ok(Claim { id, created_at, artifact_name, files, warnings })
}

/// `created_at` in whole seconds, as in the seed; the id breaks ties within one.
fn whole_second(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time)
}

/// What making a backup takes.
struct MakingBackup<'a> {
    host: &'a Host<'a>,
    store: &'a Store<'a>,
    order: &'a BackupOrder,
    parameters: &'a CreateBackupParameters,
    session: &'a Session,
}

/// From the claimed id to the recorded backup. Says as well how far the server's clock is ahead of this one.
async fn make(
    making: MakingBackup<'_>,
    database: &mut dyn Database,
    claim: &mut Claim,
    run: &Run,
) -> Result<(Record, Vec<String>, Option<TimeDelta>), Error> {
    let MakingBackup { host, store, order, parameters, session } = making;
    let handler = Arc::clone(host.handler_for(&order.target));
    let (facts, need) = preflight(store, order, database, run).await?;
    let server_time = facts.server_time.and_then(|time| DateTime::from_timestamp(time, 0));
    let ahead = server_time.map(|time| time - (host.clock)());
    if order.verification == CreateVerification::Restore {
        // Before the dump: a backup that cannot be proven here would be made again at every try.
        proof::refuse_large(store.project, facts.size, "verify")?;
        if store.project.configuration.scratch_variable().is_none() {
            database.check_scratch(run).await?;
        }
    }
    if needs_confirmation(order, parameters, &facts) {
        return Err(ask(order, &facts, need));
    }
    run.under_way()?;
    let making = Making {
        handler: &*handler,
        database,
        order: DumpOrder {
            target: order.target.clone(),
            form: order.form,
            migrations_table: order.migrations_table.clone(),
            expected_bytes: order::expected_dump(store, order, &facts)?,
        },
        settings: &order.settings,
        redactor: &session.redactor,
        files: &claim.files,
        name: claim.artifact_name.as_str(),
        required: need.required,
    };
    let Made { dumped, checksums } = artifact::make(making, run).await?;
    run.step(Step::RecordingMetadata);
    let proven = Proven { facts, dumped, checksums, verified_at: (host.clock)() };
    let (record, warnings) = publish::publish(host, store, order, claim, proven, run).await?;
    Ok((record, warnings, ahead))
}

async fn preflight(
    store: &Store<'_>,
    order: &BackupOrder,
    database: &mut dyn Database,
    run: &Run,
) -> Result<(DatabaseFacts, SpaceNeed), Error> {
    let facts = database.inspect(order.form, run).await?;
    let ratio = order::measured_ratio(store, order)?;
    let need = SpaceNeed::of(facts.size, order.is_compressed(), ratio, facts.working_copy);
    let available = artifact::check_space(need, &order.folder.path)?;
    run.step(Step::DiskSpaceChecked { available, required: need.required });
    Ok((facts, need))
}

/// The error of a disk on which not even the claim had room: nothing was begun.
async fn full_before(
    store: &Store<'_>,
    order: &BackupOrder,
    database: &mut dyn Database,
    run: &Run,
) -> Error {
    match preflight(store, order, database, run).await {
        Err(error) => error,
        // Room for the dump was not the lack: blocks for names were.
        Ok((_, need)) => {
            Error::SpaceBefore { required: need.required, available: 0, estimate: need.estimate }
        }
    }
}

fn needs_confirmation(
    order: &BackupOrder,
    parameters: &CreateBackupParameters,
    facts: &DatabaseFacts,
) -> bool {
    order.asks_from_bytes.is_some_and(|large| facts.size > large)
        && !order.is_safety_backup
        && parameters.reason.as_deref() != Some(SCHEDULED)
        && parameters.confirm != Some(Confirmation::Yes)
}

fn ask(order: &BackupOrder, facts: &DatabaseFacts, need: SpaceNeed) -> Error {
    let plan = ConfirmationPlan {
        action: format!("Back up the database of {}", order.folder.environment),
        backup_id: None,
        size_bytes: facts.size,
        size_human: size::human(facts.size),
        consequences: vec![format!(
            "It reads {} from the database and may write up to {}",
            size::human(facts.size),
            size::human(need.required)
        )],
    };
    Error::ConfirmationRequired(Box::new(ConfirmationRequest {
        plan,
        token: None,
        last_good_backup: false,
    }))
}

fn done(mut result: CreateBackupResult, record: &Record, run: &Run) -> Result<Done, Error> {
    result.duration_seconds = run.seconds();
    let environment = &record.manifest.environment;
    let message = format!("Backup created successfully for {environment}");
    let completion = Completion::Created {
        environment: environment.clone(),
        backup_id: result.backup_id.clone(),
        file_path: result.file_path.clone(),
        size: result.size_bytes,
        retention_days: result.retention_days,
        expires_on: result.expires_at.format("%Y-%m-%d").to_string(),
    };
    Ok(Done { completion: Some(completion), ..Done::new(&result, message)? })
}

/// The answer that the first request with the same idempotency key got.
fn replay(store: &Store<'_>, folder: &EnvironmentFolder, made: &Record) -> Result<Done, Error> {
    let result = CreateBackupResult { idempotent_replay: true, ..result_of(store, folder, made) };
    let message = format!("Backup created successfully for {}", made.manifest.environment);
    Done::new(&result, message)
}

fn result_of(store: &Store<'_>, folder: &EnvironmentFolder, record: &Record) -> CreateBackupResult {
    let manifest = &record.manifest;
    let artifact = &manifest.artifact;
    CreateBackupResult {
        backup_id: manifest.backup_id.clone(),
        label: manifest.label.clone(),
        file_path: store.project.shown(&folder.path.join(&artifact.file_name)),
        size_bytes: artifact.size_bytes,
        size_human: size::human(artifact.size_bytes),
        compressed: artifact.compression != "none",
        format: artifact.format,
        migrations: manifest.migrations.summary(),
        retention_days: manifest.retention_days,
        expires_at: manifest.expires_at,
        verification: VerificationSummary {
            integrity_check: manifest.verification.integrity_check,
            file_readable: manifest.verification.file_readable,
            level: manifest.verification.level,
        },
        created_at: manifest.created_at,
        duration_seconds: manifest.duration_seconds,
        sha256: artifact.sha256.clone(),
        row_totals: manifest.row_totals(),
        restored: None,
        retention: None,
        writers_blocked_seconds: manifest.writers_blocked_seconds,
        idempotent_replay: false,
        warnings: manifest.warnings.clone(),
    }
}

/// All checks, and what would be done; nothing is written.
async fn plan(
    host: &Host<'_>,
    store: &Store<'_>,
    order: &BackupOrder,
    parameters: &CreateBackupParameters,
    run: &Run,
) -> Result<Done, Error> {
    let handler = host.handler_for(&order.target);
    let taken = order::taken_seconds(store)?;
    let id =
        BackupId::first_free(run.now, order.suffix.as_deref(), |second| taken.contains(&second));
    run.step(Step::BackupIdGenerated(id.to_string()));
    if !order.folder.is_writable() {
        let directory = order.folder.path.clone();
        let mode = storage::nearest_mode(&directory);
        return Err(Error::DirectoryNotWritable { directory, mode });
    }
    let mut database = handler.connect(&order.target, &order.settings, run).await?;
    let (facts, need) = preflight(store, order, &mut *database, run).await?;
    let available = storage::available_space(&order.folder.path).unwrap_or_default();
    let path = order.folder.path.join(format!("{id}{}", order.extension));
    let environment = &order.folder.environment;
    let mut warnings = order.warnings.clone();
    warnings.extend(facts.warnings.clone());
    let plan = CreateBackupPlan {
        dry_run: true,
        backup_id: id.to_string(),
        label: parameters.label.clone(),
        file_path: store.project.shown(&path),
        compressed: order.is_compressed(),
        format: order.form.format,
        handler: handler.describe().name,
        retention_days: order.retention_days,
        expires_at: expires_at(whole_second(run.now), order.retention_days),
        database_size_bytes: facts.size,
        required_space_bytes: need.required,
        available_space_bytes: available,
        needs_confirmation: needs_confirmation(order, parameters, &facts),
        warnings,
    };
    Done::new(&plan, format!("Backup planned for {environment}; nothing was written"))
}
