//! `verify-backup`: examines a backup again and notes what was found.

use std::path::Path;

use chrono::{DateTime, Utc};

use backup_protocol::{
    Evidence, Format, IntegrityCheck, VerificationResult, VerifyBackupParameters,
    VerifyBackupResult, VerifyLevel,
};

use super::Done;
use super::find::{self, Found, NamedForm};
use super::proof::{self, Proof};
use super::session::Session;
use super::store::{Store, write_note};
use crate::backup_id::BackupId;
use crate::error::{Error, VerificationFailure};
use crate::handler::{ArtifactToExamine, Depth, Examination};
use crate::host::Host;
use crate::progress::Step;
use crate::project::Project;
use crate::records::{Note, NoteKind, RecordStatus};
use crate::run::Run;
use crate::storage::{self, PartialFile};
use crate::verification;

pub(super) async fn verify(
    host: &Host<'_>,
    parameters: &VerifyBackupParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    let id = find::parse_id(&parameters.backup_id)?;
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    let store = Store::of(&project)?;
    store.catalogue.check_writable()?;
    let (found, _held) = find::hold(&store, &id, parameters.environment.as_deref())?;
    session.set_environment(found.folder.environment.as_str());
    run.step(Step::VerifyingIntegrity);
    check_reachable(&store, &found)?;
    run.concerns(id.as_str(), found.folder.environment.as_str());
    run.under_way()?;
    let level = parameters.level.unwrap_or_default();
    let graded = examine_and_grade(host, &project, &found, level, run).await?;
    let now;
    let (reached, proof) = if level == VerifyLevel::Restore && graded.is_ok() {
        let proven = proof::prove(host, &project, &found, session, run).await?;
        now = (host.clock)();
        (settle_proof(&store, &found, &proven, now, run).await?, Some(proven))
    } else {
        now = (host.clock)();
        (settle(&store, &found, graded, now, run).await?, None)
    };
    let mut warnings = proof.as_ref().map(|proof| proof.warnings.clone()).unwrap_or_default();
    let again = find::find(&store, &id, Some(found.folder.environment.as_str()))?;
    if again.standing.status == RecordStatus::Invalid {
        warnings.push("It stays invalid: a deeper verification failed before, and only one that goes as far can say otherwise".to_owned());
    }
    let result = VerifyBackupResult {
        backup_id: id.to_string(),
        file_path: project.shown(&found.artifact),
        size_bytes: found.size,
        level,
        verification: VerificationResult {
            integrity_check: IntegrityCheck::Passed,
            file_readable: true,
            file_exists: true,
            verified_at: now,
            level: reached,
        },
        restored: proof.as_ref().map(|proof| proof.told),
        duration_seconds: run.seconds(),
        warnings,
    };
    Done::new(&result, format!("Backup verified: {id}"))
}

/// Notes the verdict of an examination, and makes an error of a bad one.
async fn settle(
    store: &Store<'_>,
    found: &Found,
    graded: Result<Evidence, VerificationFailure>,
    now: DateTime<Utc>,
    run: &Run,
) -> Result<Evidence, Error> {
    let note = match &graded {
        Ok(level) => {
            Note { level: Some(*level), ..Note::new(&found.id, NoteKind::Verified, now, &run.id) }
        }
        Err(failure) => mismatch(found, failure, now, run),
    };
    note_finding(store, found, &note, run).await?;
    graded.map_err(|failure| Error::VerificationFailed(Box::new(failure)))
}

/// The same for a restore.
async fn settle_proof(
    store: &Store<'_>,
    found: &Found,
    proof: &Proof,
    now: DateTime<Utc>,
    run: &Run,
) -> Result<Evidence, Error> {
    let note = match &proof.graded {
        Ok(restored) => Note {
            level: Some(restored.evidence()),
            restore_seconds: Some(proof.told.restore_seconds),
            ..Note::new(&found.id, NoteKind::Verified, now, &run.id)
        },
        // Only another restore can say otherwise.
        Err(failure) => {
            Note { level: Some(Evidence::Restored), ..mismatch(found, failure, now, run) }
        }
    };
    note_finding(store, found, &note, run).await?;
    match &proof.graded {
        Ok(restored) => Ok(restored.evidence()),
        Err(failure) => Err(Error::RestoredDiffers(Box::new(failure.clone()))
            .with_remains(proof.warnings.iter().cloned())),
    }
}

fn mismatch(found: &Found, failure: &VerificationFailure, now: DateTime<Utc>, run: &Run) -> Note {
    Note {
        finding: Some(failure.finding.clone()),
        file_readable: Some(failure.readable),
        ..Note::new(&found.id, NoteKind::Mismatch, now, &run.id)
    }
}

/// Examines a backup before it is brought back, and notes what is wrong with it.
pub(super) async fn examine_again(
    host: &Host<'_>,
    store: &Store<'_>,
    found: &Found,
    run: &Run,
) -> Result<(), Error> {
    check_reachable(store, found)?;
    let graded = examine_and_grade(host, store.project, found, VerifyLevel::Full, run).await?;
    if graded.is_err() {
        settle(store, found, graded, (host.clock)(), run).await?;
    }
    Ok(())
}

/// Whether a backup is what it was, by its bytes; where it is not, that is noted.
pub(super) async fn is_sound(
    host: &Host<'_>,
    store: &Store<'_>,
    found: &Found,
    run: &Run,
) -> Result<bool, Error> {
    check_reachable(store, found)?;
    let graded = examine_and_grade(host, store.project, found, VerifyLevel::Quick, run).await?;
    if graded.is_ok() {
        return Ok(true);
    }
    match settle(store, found, graded, (host.clock)(), run).await {
        Ok(_) | Err(Error::VerificationFailed(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Proves a backup that was just made, and notes the verdict.
pub(super) async fn prove_new(
    host: &Host<'_>,
    store: &Store<'_>,
    id: &BackupId,
    session: &mut Session,
    run: &Run,
) -> Result<(Evidence, Proof), Error> {
    let (found, _held) = find::hold(store, id, None)?;
    let recorded = || {
        [format!(
            "{id} is recorded, but not proven: send verify-backup with its id and level restore, not another create-backup"
        )]
    };
    let proof = proof::prove(host, store.project, &found, session, run).await;
    let proof = proof.map_err(|error| error.with_remains(recorded()))?;
    let settled = settle_proof(store, &found, &proof, (host.clock)(), run).await;
    let reached = settled.map_err(|error| error.with_remains(recorded()))?;
    Ok((reached, proof))
}

/// A folder that is not there is no proof that its files are gone: a disk may not be mounted.
fn check_reachable(store: &Store<'_>, found: &Found) -> Result<(), Error> {
    let folder = found.artifact.parent().unwrap_or(&found.folder.path);
    if !folder.is_dir() || !found.folder.path.is_dir() {
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(Error::storage("reach", folder, gone));
    }
    if find::confined(store, &found.artifact.to_string_lossy()).is_none() {
        let outside = "it lies outside of the project and of the storage location";
        return Err(Error::storage("read", &found.artifact, std::io::Error::other(outside)));
    }
    Ok(())
}

/// Notes what was found, unless the backup was removed meanwhile.
async fn note_finding(
    store: &Store<'_>,
    found: &Found,
    note: &Note,
    run: &Run,
) -> Result<(), Error> {
    let _lock = store.lock(run).await?;
    let again = find::find(store, &found.id, Some(found.folder.environment.as_str()))?;
    if again.standing.status == RecordStatus::Deleting {
        return Err(Error::BackupNotFound { given: found.id.to_string() });
    }
    write_note(&found.folder, &found.id, note, run)?;
    // The note is the truth; whatever comes now, its consequence is recorded.
    store.record(&found.folder, &found.id, &run.committed()).await
}

/// Looks at the artifact as deep as the level asks. What could not be read for want of rights or a disk is
/// an error, not a verdict on the backup.
async fn examine_and_grade(
    host: &Host<'_>,
    project: &Project,
    found: &Found,
    level: VerifyLevel,
    run: &Run,
) -> Result<Result<Evidence, VerificationFailure>, Error> {
    if !storage::is_artifact(&found.artifact) {
        return Ok(Err(verification::missing(&found.artifact, found.size)));
    }
    let NamedForm { form, engine } = found.form().ok_or_else(|| Error::UnsupportedDatabase {
        what: "this version does not know this artifact's format".to_owned(),
    })?;
    if found.artifact.is_dir() != (form.format == Format::Directory) {
        return Ok(Err(verification::of_another_kind(&found.artifact, found.size)));
    }
    let depth = match level {
        VerifyLevel::Quick => Depth::Bytes,
        VerifyLevel::Full | VerifyLevel::Restore => Depth::Thorough,
    };
    let environment = Some(found.folder.environment.as_str());
    let settings = project.configuration.tool_settings(environment, &project.root, host.workers);
    let (path, settings) = (found.artifact.as_path(), &settings);
    let artifact = ArtifactToExamine { path, engine, form, settings, depth, scratch: None };
    let raw_size = found.record.as_ref().map(|record| record.manifest.artifact.raw_size_bytes);
    let examination = examine(host, artifact, raw_size, run).await?;
    Ok(grade(found, &examination, level).and_then(|reached| check_globals(found, reached)))
}

/// What lies beside the artifact must be what was written as well.
fn check_globals(found: &Found, reached: Evidence) -> Result<Evidence, VerificationFailure> {
    let recorded = found.record.as_ref().and_then(|record| record.manifest.globals.as_ref());
    let Some(globals) = recorded else { return Ok(reached) };
    let read = crate::digest::of_file(&found.folder.path.join(&globals.file_name));
    let finding = match &read {
        Ok(read) if *read == (globals.size_bytes, globals.sha256.clone()) => return Ok(reached),
        Ok(_) => "the file with roles and tablespaces is not the recorded one".to_owned(),
        Err(error) => format!("the file with roles and tablespaces cannot be read: {error}"),
    };
    Err(VerificationFailure {
        file: globals.file_name.clone(),
        expected_minimum: globals.size_bytes,
        actual: read.as_ref().map_or(0, |(bytes, _)| *bytes),
        readable: read.is_ok(),
        finding,
        words: None,
    })
}

/// Lets the handler examine an artifact, with a scratch file beside it where the depth needs one.
pub(super) async fn examine(
    host: &Host<'_>,
    artifact: ArtifactToExamine<'_>,
    raw_size: Option<u64>,
    run: &Run,
) -> Result<Examination, Error> {
    let handler = &host.prisma_local;
    let scratch = if handler.needs_scratch(artifact.engine, artifact.form, artifact.depth) {
        Some(scratch_beside(artifact.path, raw_size.unwrap_or_default(), run)?)
    } else {
        None
    };
    let scratch = scratch.as_ref().map(PartialFile::path);
    handler.examine(ArtifactToExamine { scratch, ..artifact }, run).await
}

pub(super) fn scratch_beside(path: &Path, required: u64, run: &Run) -> Result<PartialFile, Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let available = storage::available_space(folder)
        .map_err(|error| Error::storage("measure", folder, error))?;
    if available < required {
        return Err(Error::SpaceDuring { required, available });
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    PartialFile::create(folder, &format!("{name}.examined"), &run.id)
        .map_err(|error| Error::creating_in(folder, error))
}

fn grade(
    found: &Found,
    examination: &Examination,
    level: VerifyLevel,
) -> Result<Evidence, VerificationFailure> {
    if let Some(record) = &found.record {
        verification::grade_recorded(&found.artifact, &record.manifest.artifact, examination)?;
        return Ok(match level {
            // The same bytes say nothing new about a structure that a deeper look found wrong.
            VerifyLevel::Quick => Evidence::Checksum,
            VerifyLevel::Full | VerifyLevel::Restore => verification::REACHED,
        });
    }
    // A record of the older shape has at most a size and a checksum to be held against.
    let failed = |finding: &str| VerificationFailure {
        file: found.artifact.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        expected_minimum: found.size,
        actual: examination.stored_bytes,
        readable: true,
        finding: finding.to_owned(),
        words: None,
    };
    if found.size != 0 && found.size != examination.stored_bytes {
        return Err(failed("the size is not the recorded one"));
    }
    if found.sha256.as_ref().is_some_and(|recorded| *recorded != examination.stored_sha256) {
        return Err(failed("the checksum is not the recorded one"));
    }
    if let Some(flaw) = &examination.flaw {
        return Err(failed(flaw));
    }
    Ok(match (level, &found.sha256) {
        (VerifyLevel::Quick, None) => Evidence::ExitStatus,
        (VerifyLevel::Quick, Some(_)) => Evidence::Checksum,
        (VerifyLevel::Full | VerifyLevel::Restore, None) => Evidence::Complete,
        (VerifyLevel::Full | VerifyLevel::Restore, Some(_)) => verification::REACHED,
    })
}
