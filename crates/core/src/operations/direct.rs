//! A handler addressed directly: it makes, lists, examines and removes files, and records nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use backup_protocol::{
    BackupFile, CompressionChoice, HandlerCreateParameters, HandlerCreateResult,
    HandlerDeleteParameters, HandlerDeleteResult, HandlerListParameters, HandlerListResult,
    HandlerVerifyParameters, HandlerVerifyResult, IntegrityCheck, VerificationResult,
    VerificationSummary,
};
use chrono::{DateTime, Utc};

use super::Done;
use super::artifact::{self, ArtifactFiles, Made, Making};
use super::create::compression;
use super::find::{NamedForm, confined, form_by_name, is_kept_here, is_of_live_database};
use super::list::{read_cursor, write_cursor};
use super::session::{Session, check_range};
use super::store::Store;
use crate::audit::Intent;
use crate::backup_id::BackupId;
use crate::error::{Error, VerificationFailure};
use crate::handler::{ArtifactForm, ArtifactToExamine, Compression, Depth, DumpOrder};
use crate::host::Host;
use crate::locks;
use crate::progress::Step;
use crate::run::Run;
use crate::space::SpaceNeed;
use crate::storage::{self, EnvironmentFolder, FileKind};
use crate::verification;

/// What artifacts are called.
const NAMED: &str = "must be named .sql (a text dump), .sqlite (a database file), .dump (pg_dump's custom format) or .dir (a folder); .sql and .sqlite then .gz or .zst when compressed";
/// What a listed file takes of an answer beside its path, in bytes.
const BACKUP_FILE_BYTES: usize = 120;

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
    if let Some(format) = parameters.format {
        // What the engine does not have is said before what the name does not fit.
        let compression = Compression::None;
        handler.extension(&database.target, ArtifactForm { format, compression })?;
    }
    let form = form_of(parameters, database.target.engine(), environment.compression())?;
    let extension = handler.extension(&database.target, form)?;
    let store = Store::of(&project)?;
    let live_databases = project.live_databases(&host.surroundings);
    let output = output_path(&store, &parameters.output_file, &extension, &live_databases)?;
    let patience =
        Duration::from_secs(parameters.wait_seconds.unwrap_or(super::DEFAULT_WAIT_SECONDS).into());
    let lock = locks::database_lock(&database.target.machine_identity(), patience, run).await?;
    let name = Some(environment.name.as_str());
    let settings = project.configuration.tool_settings(name, &project.root, host.workers);
    let mut connected = handler.connect(&database.target, &settings, run).await?;
    let settled = connected.settle(patience, run).await?;
    connected.reserve(patience, run).await?;
    let facts = connected.inspect(form, run).await?;
    let (folder, name) = split(&output);
    let compressed = form.compression != Compression::None;
    let need = SpaceNeed::of(facts.size, compressed, None, facts.working_copy);
    artifact::check_space(need, &folder)?;
    storage::create_folder(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
            let detail = "lies below something that is no folder".to_owned();
            Error::InvalidParameter { parameter: "output_file", detail }
        }
        _ => Error::creating_in(&folder, error),
    })?;
    storage::sweep_partials(&folder)?;
    let mut files = ArtifactFiles::create(&folder, &name, form, None, run)?;
    let order = DumpOrder {
        target: database.target.clone(),
        form,
        migrations_table: project.configuration.migrations_table().to_owned(),
        expected_bytes: facts.row_bytes.or(Some(facts.size)),
    };
    let making = Making {
        handler: &**handler,
        database: &mut *connected,
        order,
        settings: &settings,
        redactor: &session.redactor,
        files: &files,
        name: &name,
        required: need.required,
    };
    let Made { dumped, checksums } = artifact::make(making, run).await?;
    drop(connected);
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
            .chain(settled)
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
    let cursor = parameters.cursor.as_deref().map(read_cursor).transpose()?;
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
            if let (Ok(metadata), Ok(size)) = (path.metadata(), storage::artifact_bytes(&path)) {
                let modified = metadata.modified().map(DateTime::<Utc>::from).unwrap_or_default();
                files.push((modified, path, size));
            }
        }
    }
    files.sort_by(|one, other| other.cmp(one));
    let total_count = files.len() as u64;
    let limit = usize::try_from(parameters.limit.unwrap_or(super::list::DEFAULT_LIMIT));
    let mut page = Vec::new();
    let mut bytes = 0;
    let mut next_cursor = None;
    let mut remaining = files
        .into_iter()
        .filter(|file| {
            cursor.as_ref().is_none_or(|(at, path)| {
                (file.0, file.1.to_string_lossy().as_ref()) < (*at, path.as_str())
            })
        })
        .peekable();
    while let Some((modified_at, path, size_bytes)) = remaining.next() {
        let file = BackupFile { file_path: project.shown(&path), size_bytes, modified_at };
        bytes += file.file_path.len() + BACKUP_FILE_BYTES;
        page.push(file);
        let full = page.len() >= limit.unwrap_or(usize::MAX) || bytes > super::list::PAGE_BYTES / 2;
        if full && remaining.peek().is_some() {
            next_cursor = Some(write_cursor(modified_at, &path.to_string_lossy()));
            break;
        }
    }
    let message = format!("{} of {total_count} files", page.len());
    Done::new(&HandlerListResult { backups: page, total_count, next_cursor }, message)
}

pub(super) async fn verify(
    host: &Host<'_>,
    parameters: &HandlerVerifyParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    let project = session.open_project(host)?;
    let store = Store::of(&project)?;
    let (path, NamedForm { form, engine }) = artifact_path(&store, &parameters.file_path)?;
    if !storage::is_artifact(&path) {
        return Err(Error::VerificationFailed(Box::new(verification::missing(&path, 0))));
    }
    run.step(Step::VerifyingIntegrity);
    let environment = parameters.environment.as_deref();
    let settings = project.configuration.tool_settings(environment, &project.root, host.workers);
    let (depth, settings) = (Depth::Thorough, &settings);
    let artifact = ArtifactToExamine { path: &path, engine, form, settings, depth, scratch: None };
    let examination = super::verify::examine(host, artifact, None, run).await?;
    if let Some(finding) = examination.flaw {
        return Err(Error::VerificationFailed(Box::new(VerificationFailure {
            file: split(&path).1,
            expected_minimum: 0,
            actual: examination.stored_bytes,
            readable: true,
            finding,
            words: None,
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
    let live_databases = project.live_databases(&host.surroundings);
    if !is_kept_here(&store, &path, &live_databases) {
        // Elsewhere in the project a .sql or .sqlite file may be anything: a migration, the database.
        return Err(Error::InvalidParameter {
            parameter: "file_path",
            detail: "is not at the storage location; files elsewhere are left to you".to_owned(),
        });
    }
    // What a killed run completed is adopted first, and is then a backup like any other.
    let tidy = store.tidy(run).await?;
    refuse_recorded(&store, &path)?;
    let freed_bytes = storage::artifact_bytes(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::BackupNotFound { given: project.shown(&path) },
        _ => Error::storage("read", &path, error),
    })?;
    let action = format!("Delete the file {}", project.shown(&path));
    session.intend(host, Intent { action, plan: None }, run).await?;
    storage::remove(&path)?;
    drop(tidy);
    let result = HandlerDeleteResult {
        file_path: project.shown(&path),
        freed_bytes,
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
    let spoken_of = BackupId::from_file_name(&name).is_some_and(|(id, _)| {
        let staged = |entry: &storage::FolderEntry| {
            matches!(&entry.kind, FileKind::Partial(partial) if partial.id.as_ref() == Some(&id))
        };
        let folder = EnvironmentFolder::at(&folder);
        folder.is_some_and(|folder| {
            folder.manifest_path(&id).exists()
                || folder.entries().is_ok_and(|entries| entries.iter().any(staged))
        })
    });
    if recorded || spoken_of {
        return Err(Error::InvalidParameter {
            parameter: "file_path",
            detail: "is a recorded backup; send delete-backup with its backup_id to backup-manager"
                .to_owned(),
        });
    }
    Ok(())
}

/// What the file is to be: its name says it, and the parameters must not say otherwise.
fn form_of(
    parameters: &HandlerCreateParameters,
    engine: &str,
    default: CompressionChoice,
) -> Result<ArtifactForm, Error> {
    let invalid = |detail: &str| Error::InvalidParameter {
        parameter: "output_file",
        detail: detail.to_owned(),
    };
    let named = form_by_name(Path::new(&parameters.output_file)).ok_or_else(|| invalid(NAMED))?;
    if named.engine.is_some_and(|named| named != engine) {
        return Err(invalid("has the extension of another engine than the database's"));
    }
    let named = named.form;
    let chosen = compression(parameters.compression.unwrap_or(default));
    let compression = match (named.compression, parameters.compression) {
        (Compression::None, _) => chosen,
        (named, None) => named,
        (named, Some(_)) if named == chosen => named,
        _ => return Err(invalid("has the extension of another compression than is asked for")),
    };
    if parameters.format.is_some_and(|format| format != named.format) {
        return Err(invalid("has the extension of another format than is asked for"));
    }
    Ok(ArtifactForm { format: named.format, compression })
}

/// Where the file goes: its name gains what its compression adds, which is the end of `extension` where the
/// tool does not compress by itself.
fn output_path(
    store: &Store<'_>,
    output: &str,
    extension: &str,
    live_databases: &[PathBuf],
) -> Result<PathBuf, Error> {
    let extension = [Compression::Gzip, Compression::Zstd]
        .into_iter()
        .map(Compression::extension)
        .find(|known| extension.ends_with(known))
        .unwrap_or_default();
    let named = if output.ends_with(extension) {
        output.to_owned()
    } else {
        format!("{output}{extension}")
    };
    let path = confined(store, &named).ok_or_else(|| Error::InvalidParameter {
        parameter: "output_file",
        detail: "must lie under the project or the storage location".to_owned(),
    })?;
    let exists = path.symlink_metadata().is_ok();
    if exists || is_of_live_database(&path, live_databases) { Err(taken()) } else { Ok(path) }
}

fn taken() -> Error {
    Error::InvalidParameter {
        parameter: "output_file",
        detail: "exists already, and is never overwritten".to_owned(),
    }
}

/// A file that a handler may have written.
fn artifact_path(store: &Store<'_>, given: &str) -> Result<(PathBuf, NamedForm<'static>), Error> {
    let invalid = |detail: &str| Error::InvalidParameter {
        parameter: "file_path",
        detail: detail.to_owned(),
    };
    let path = confined(store, given)
        .ok_or_else(|| invalid("must lie under the project or the storage location"))?;
    let form = form_by_name(&path).ok_or_else(|| invalid(NAMED))?;
    Ok((path, form))
}

fn split(path: &Path) -> (PathBuf, String) {
    let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    (folder, path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}
