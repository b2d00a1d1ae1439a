//! Tidying what a killed process left: complete backups are adopted, the rest of our own is removed, and
//! what is not ours is reported.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::location::{EnvironmentFolder, FolderEntry, entries};
use super::names::{FileKind, PartialName};
use super::{durable, partial};
use crate::backup_id::BackupId;
use crate::error::Error;
use crate::records::{Manifest, NoteKind};

/// What an environment's folder holds once it is tidy.
#[derive(Debug, Default)]
pub struct SweepReport {
    /// Its files.
    pub entries: Vec<FolderEntry>,
    /// Backups with a manifest.
    pub manifests: BTreeSet<BackupId>,
    /// Backups whose removal was begun.
    pub deletions: BTreeSet<BackupId>,
    /// Files that no manifest speaks of.
    pub foreign: Vec<String>,
}

/// Tidies an environment's folder. The caller holds the location's lock.
///
/// # Errors
/// Something could not be read, renamed or removed.
pub fn sweep(folder: &EnvironmentFolder) -> Result<SweepReport, Error> {
    sweep_partials(&folder.path)?;
    let mut report = report(folder.entries()?);
    report.foreign.extend(left_by_others(&folder.path, &report.entries));
    Ok(report)
}

/// Adopts or removes the partial files of dead writers in a folder.
///
/// # Errors
/// Something could not be read, renamed or removed.
pub fn sweep_partials(folder: &Path) -> Result<(), Error> {
    let mut changed = false;
    let entries = entries(folder)?;
    // Companions last: whether one may go is told by whether its partial file went.
    for companions in [false, true] {
        for entry in &entries {
            if let FileKind::Partial(name) = &entry.kind
                && name.is_of_this_host()
                && name.companion.is_some() == companions
            {
                changed |= settle(folder, &entry.name, name)?;
            }
        }
    }
    if changed {
        durable::sync_folder(folder).map_err(|error| Error::storage("sync", folder, error))?;
    }
    Ok(())
}

/// Adopts or removes one partial file whose writer is dead. Says whether something changed.
fn settle(folder: &Path, file_name: &str, name: &PartialName) -> Result<bool, Error> {
    let path = folder.join(file_name);
    if let Some(companion) = name.companion {
        let base = folder.join(file_name.trim_end_matches(companion));
        return if base.exists() { Ok(false) } else { remove(&path).map(|()| true) };
    }
    let lock =
        partial::lock_abandoned(&path).map_err(|error| Error::storage("lock", &path, error))?;
    let Some(_held_until_settled) = lock else { return Ok(false) };
    if name.is_staged_manifest() && has_its_artifact(folder, &path) {
        let final_path = folder.join(&name.final_name);
        match durable::publish(&path, &final_path) {
            Ok(()) => {
                tracing::info!(manifest = %final_path.display(), "adopted a backup of a killed run");
                return Ok(true);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::storage("publish", &final_path, error)),
        }
    }
    if name.is_staged_manifest() {
        // Its globals got their name before the artifact got its own, and belong to nothing now.
        if let Some(globals) = Manifest::read(&path).ok().and_then(|manifest| manifest.globals) {
            remove(&folder.join(globals.file_name))?;
        }
    }
    remove(&path).map(|()| true)
}

/// A manifest is staged only after its artifact was proven, and renamed only after its artifact: an
/// artifact of that name and size is the proven one.
fn has_its_artifact(folder: &Path, staged: &Path) -> bool {
    let Ok(manifest) = Manifest::read(staged) else { return false };
    let artifact = folder.join(&manifest.artifact.file_name);
    super::artifact_bytes(&artifact).is_ok_and(|found| found == manifest.artifact.size_bytes)
}

pub(crate) fn report(entries: Vec<FolderEntry>) -> SweepReport {
    let mut report = SweepReport::default();
    let mut claimed = BTreeSet::new();
    for entry in &entries {
        match &entry.kind {
            FileKind::Manifest(id) => {
                report.manifests.insert(id.clone());
            }
            FileKind::Note(id, note) if note.kind == NoteKind::Deleting => {
                report.deletions.insert(id.clone());
            }
            FileKind::Partial(partial) => claimed.extend(partial.id.clone()),
            FileKind::Note(..) | FileKind::Artifact(_) | FileKind::Foreign => {}
        }
    }
    report.foreign = entries
        .iter()
        .filter(|entry| match &entry.kind {
            FileKind::Foreign => true,
            // Between the two renames of a living writer the artifact is there and its manifest staged.
            FileKind::Artifact(id) => {
                !report.manifests.contains(id)
                    && !report.deletions.contains(id)
                    && !claimed.contains(id)
            }
            FileKind::Manifest(_) | FileKind::Note(..) | FileKind::Partial(_) => false,
        })
        .map(|entry| entry.name.clone())
        .collect();
    report.foreign.sort();
    report.entries = entries;
    report
}

/// Partial files of another machine whose writer holds no lock that can be seen here: a container that came
/// back under another name, most likely. They are reported, never touched.
fn left_by_others(folder: &Path, entries: &[FolderEntry]) -> Vec<String> {
    let strange = entries
        .iter()
        .filter(|entry| matches!(&entry.kind, FileKind::Partial(name) if !name.is_of_this_host()));
    strange
        .filter(|entry| {
            partial::lock_abandoned(&folder.join(&entry.name)).is_ok_and(|lock| lock.is_some())
        })
        .map(|entry| entry.name.clone())
        .collect()
}

/// Removes the files of a backup except its `deleting` notes, which go last of all: artifact, manifest,
/// other notes, which are found among the folder's entries. The caller syncs the folder. Says how many bytes the artifact had, or that it
/// was not there.
///
/// # Errors
/// Something could not be removed; what is left is removed by the next writing operation.
pub fn remove_backup_files(
    folder: &EnvironmentFolder,
    id: &BackupId,
    artifact: Option<&Path>,
    entries: &[FolderEntry],
) -> Result<Option<u64>, Error> {
    let size = match artifact {
        Some(artifact) => {
            let size = super::artifact_bytes(artifact).ok();
            remove(artifact)?;
            size
        }
        None => None,
    };
    remove(&folder.path.join(super::globals_name(id)))?;
    remove(&folder.manifest_path(id))?;
    for entry in entries {
        if let FileKind::Note(of, note) = &entry.kind
            && of == id
            && note.kind != NoteKind::Deleting
        {
            remove(&folder.path.join(&entry.name))?;
        }
    }
    Ok(size)
}

/// Removes a file, or a folder that is an artifact; what is gone already is as good as removed.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match durable::remove(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::storage("remove", path, error)),
    }
}
