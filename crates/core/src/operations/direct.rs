//! A handler addressed directly: it makes, lists, examines and removes files, and records nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use backup_protocol::{
    BackupFile, HandlerCreateParameters, HandlerCreateResult, HandlerDeleteParameters,
    HandlerDeleteResult, HandlerListParameters, HandlerListResult, HandlerVerifyParameters,
    HandlerVerifyResult, IntegrityCheck, VerificationResult, VerificationSummary,
};
use chrono::{DateTime, Utc};

use super::Done;
use super::artifact::{self, ArtifactFiles};
use super::create::compression;
use super::find::{confined, form_by_name, is_kept_here};
use super::session::{Session, check_range};
use super::store::Store;
use crate::backup_id::BackupId;
use crate::error::{Error, VerificationFailure};
use crate::handler::{ArtifactForm, Compression, Depth, DumpOrder};
use crate::host::Host;
use crate::locks;
use crate::progress::Step;
use crate::run::Run;
use crate::space::SpaceNeed;
use crate::storage::{self, FileKind};
use crate::verification;

const DEFAULT_WAIT_SECONDS: u32 = 30;

pub(super) async fn create(
    host: &Host<'_>,
    parameters: &HandlerCreateParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    check_range("wait_seconds", parameters.wait_seconds, 0..=86_400)?;
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    let environment = project.environment(&parameters.environment)?;
    run.step(Step::EnvironmentValidated(environment.name.to_string()));
    let variable = parameters.database_url_env.as_deref();
    let database = session.resolve_database(host, &project, &environment, variable)?;
    session.refuse_secrets([("output_file", parameters.output_file.as_str())])?;
    environment.refuse_encryption()?;
    let handler = host.handler_for(&database.target);
    let form = ArtifactForm {
        format: parameters.format.unwrap_or_else(|| handler.default_format(&database.target)),
        compression: compression(
            parameters.compression.unwrap_or_else(|| environment.compression()),
        ),
    };
    handler.extension(&database.target, form)?;
    let store = Store::of(&project)?;
    let output = output_path(&store, &parameters.output_file, form)?;
    let patience =
        Duration::from_secs(parameters.wait_seconds.unwrap_or(DEFAULT_WAIT_SECONDS).into());
    let lock = locks::database_lock(&database.target.machine_identity(), patience, run).await?;
    let facts = handler.inspect(&database.target, form, run).await?;
    let (folder, name) = split(&output);
    let compressed = form.compression != Compression::None;
    let need = SpaceNeed::of(facts.size, compressed, None, facts.working_copy);
    artifact::check_space(need, &folder)?;
    storage::create_folder(&folder).map_err(|error| Error::creating_in(&folder, error))?;
    storage::sweep_partials(&folder)?;
    let mut files = ArtifactFiles::create(&folder, &name, run)?;
    let order = DumpOrder {
        target: database.target.clone(),
        form,
        workers: host.workers,
        migrations_table: project.configuration.migrations_table().to_owned(),
        expected_bytes: Some(facts.size),
    };
    let (dumped, checksums) =
        artifact::make(&**handler, order, &files, &name, need.required, run).await?;
    files.artifact.publish(&output).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(),
        _ => Error::storage("publish", &output, error),
    })?;
    storage::sync_folder(&folder).map_err(|error| Error::storage("sync", &folder, error))?;
    drop(lock);
    let result = HandlerCreateResult {
        file_path: project.shown(&output),
        size_bytes: checksums.stored_bytes,
        duration_seconds: run.seconds(),
        sha256: checksums.stored_sha256,
        verification: VerificationSummary {
            integrity_check: IntegrityCheck::Passed,
            file_readable: true,
            level: verification::REACHED,
        },
        warnings: database
            .warnings
            .into_iter()
            .chain(facts.warnings)
            .chain(dumped.warnings)
            .collect(),
    };
    Done::new(&result, format!("Backup file created: {}", result.file_path))
}

pub(super) fn list(
    host: &Host<'_>,
    parameters: &HandlerListParameters,
    session: &mut Session,
) -> Result<Done, Error> {
    check_range("limit", parameters.limit, 1..=super::list::MOST)?;
    let project = session.open_project(host)?;
    let store = Store::of(&project)?;
    let mut files: Vec<(DateTime<Utc>, PathBuf, u64)> = Vec::new();
    for folder in store.location.folders()? {
        if parameters
            .environment
            .as_deref()
            .is_some_and(|asked| asked != folder.environment.as_str())
        {
            continue;
        }
        for entry in folder.entries()? {
            let path = folder.path.join(&entry.name);
            if form_by_name(&path).is_none() || matches!(entry.kind, FileKind::Partial(_)) {
                continue;
            }
            // A file may go while its folder is read.
            if let Ok(metadata) = path.metadata() {
                let modified = metadata.modified().map(DateTime::<Utc>::from).unwrap_or_default();
                files.push((modified, path, metadata.len()));
            }
        }
    }
    files.sort_by(|one, other| other.cmp(one));
    let total_count = files.len() as u64;
    let limit = usize::try_from(parameters.limit.unwrap_or(super::list::DEFAULT_LIMIT));
    let backups: Vec<BackupFile> = files
        .into_iter()
        .take(limit.unwrap_or(usize::MAX))
        .map(|(modified_at, path, size_bytes)| BackupFile {
            file_path: project.shown(&path),
            size_bytes,
            modified_at,
        })
        .collect();
    let message = format!("{} of {total_count} files", backups.len());
    Done::new(&HandlerListResult { backups, total_count }, message)
}

pub(super) async fn verify(
    host: &Host<'_>,
    parameters: &HandlerVerifyParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    let project = session.open_project(host)?;
    let store = Store::of(&project)?;
    let (path, form) = artifact_path(&store, &parameters.file_path)?;
    if !path.is_file() {
        return Err(Error::VerificationFailed(Box::new(verification::missing(&path, 0))));
    }
    run.step(Step::VerifyingIntegrity);
    let examination =
        super::verify::examine(host, &path, None, form, Depth::Thorough, None, run).await?;
    if let Some(finding) = examination.flaw {
        return Err(Error::VerificationFailed(Box::new(VerificationFailure {
            file: split(&path).1,
            expected_minimum: 0,
            actual: examination.stored_bytes,
            readable: true,
            finding,
        })));
    }
    let result = HandlerVerifyResult {
        file_path: project.shown(&path),
        size_bytes: examination.stored_bytes,
        sha256: examination.stored_sha256,
        verification: VerificationResult {
            integrity_check: IntegrityCheck::Passed,
            file_readable: true,
            file_exists: true,
            verified_at: (host.clock)(),
            level: backup_protocol::Evidence::Complete,
        },
        duration_seconds: run.seconds(),
    };
    Done::new(&result, format!("Backup file verified: {}", result.file_path))
}

pub(super) async fn delete(
    host: &Host<'_>,
    parameters: &HandlerDeleteParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    let project = session.open_project(host)?;
    let store = Store::of(&project)?;
    let (path, _) = artifact_path(&store, &parameters.file_path)?;
    if !is_kept_here(&store, &path) {
        // Elsewhere in the project a .sql or .sqlite file may be anything: a migration, the database.
        return Err(Error::InvalidParameter {
            parameter: "file_path",
            detail: "is not at the storage location; files elsewhere are left to you".to_owned(),
        });
    }
    let lock = store.lock(run).await?;
    refuse_recorded(&store, &path)?;
    let metadata = path.symlink_metadata().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::BackupNotFound { given: project.shown(&path) },
        _ => Error::storage("read", &path, error),
    })?;
    storage::remove(&path)?;
    drop(lock);
    let result = HandlerDeleteResult {
        file_path: project.shown(&path),
        freed_bytes: metadata.len(),
        duration_seconds: run.seconds(),
    };
    Done::new(&result, format!("Backup file deleted: {}", result.file_path))
}

/// What a catalogue records, or a manifest speaks of, is deleted by the backup manager only.
fn refuse_recorded(store: &Store<'_>, path: &Path) -> Result<(), Error> {
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let recorded = views
        .iter()
        .any(|view| resolved(&store.project.root.join(view.file_path())) == resolved(path));
    let (folder, name) = split(path);
    let manifest = BackupId::from_file_name(&name)
        .is_some_and(|(id, _)| folder.join(storage::manifest_name(&id)).exists());
    if recorded || manifest {
        return Err(Error::InvalidParameter {
            parameter: "file_path",
            detail: "is a recorded backup; send delete-backup with its backup_id to backup-manager"
                .to_owned(),
        });
    }
    Ok(())
}

/// Where the file goes: its name gains what its compression adds.
fn output_path(store: &Store<'_>, output: &str, form: ArtifactForm) -> Result<PathBuf, Error> {
    let extension = form.compression.extension();
    let named = if output.ends_with(extension) {
        output.to_owned()
    } else {
        format!("{output}{extension}")
    };
    let path =
        confined(store, &named).filter(|path| !named.ends_with('/') && path.file_name().is_some());
    let path = path.ok_or_else(|| Error::InvalidParameter {
        parameter: "output_file",
        detail: "must lie under the project or the storage location".to_owned(),
    })?;
    if path.symlink_metadata().is_ok() { Err(taken()) } else { Ok(path) }
}

fn taken() -> Error {
    Error::InvalidParameter {
        parameter: "output_file",
        detail: "exists already, and is never overwritten".to_owned(),
    }
}

/// A file that a handler may have written.
fn artifact_path(store: &Store<'_>, given: &str) -> Result<(PathBuf, ArtifactForm), Error> {
    let invalid = |detail: &str| Error::InvalidParameter {
        parameter: "file_path",
        detail: detail.to_owned(),
    };
    let path = confined(store, given)
        .ok_or_else(|| invalid("must lie under the project or the storage location"))?;
    let form = form_by_name(&path).ok_or_else(|| {
        invalid("must be named .sql or .sqlite, then .gz or .zst when compressed")
    })?;
    Ok((path, form))
}

fn split(path: &Path) -> (PathBuf, String) {
    let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    (folder, path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}
