//! The removal of backups: a `deleting` note each, then artifact, manifest, notes and record. A process that is
//! killed in between leaves the notes, and the next writing operation goes on from there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use backup_protocol::{RetentionAction, RetentionReason};
use chrono::{DateTime, Utc};

use super::find::Found;
use super::store::{self, Store, remove_deleting_notes_among, write_note_among};
use crate::audit::{Intent, PlannedBackup};
use crate::backup_id::BackupId;
use crate::error::Error;
use crate::locks::ManifestLock;
use crate::records::{Note, NoteKind};
use crate::run::Run;
use crate::storage::{self, EnvironmentFolder, FolderEntry};

/// A backup that is to go.
pub(super) struct Doomed<'a> {
    pub found: &'a Found,
    /// Whether its artifact's file goes with it.
    pub owned: bool,
    /// Whether somebody said yes to losing the newest verified backup.
    pub last_good: bool,
}

/// What the audit trail says of a removal before it: the backups that go, and why.
pub(super) fn intent(
    action: String,
    removed: impl IntoIterator<Item = (String, Option<RetentionReason>)>,
) -> Intent {
    let plan = removed.into_iter().map(|(backup_id, reason)| PlannedBackup {
        backup_id,
        action: RetentionAction::Delete,
        reason,
    });
    Intent { action, plan: Some(plan.collect()) }
}

/// How many bytes a removal freed, none where the artifact was not there; or why the backup is still there.
pub(super) type Outcome = Result<Option<u64>, Error>;

/// The folders that are concerned, read once for many backups, and of each the entries by backup.
struct Entries(HashMap<PathBuf, (EnvironmentFolder, HashMap<BackupId, Vec<FolderEntry>>)>);

impl Entries {
    fn read(doomed: &[Doomed<'_>]) -> Result<Self, Error> {
        let mut entries = HashMap::new();
        for folder in doomed.iter().map(|one| &one.found.folder) {
            if !entries.contains_key(&folder.path) {
                entries.insert(folder.path.clone(), (folder.clone(), by_backup(folder)?));
            }
        }
        Ok(Self(entries))
    }

    fn of(&self, found: &Found) -> &[FolderEntry] {
        let folder = self.0.get(&found.folder.path);
        folder.and_then(|(_, entries)| entries.get(&found.id)).map_or(&[], Vec::as_slice)
    }

    /// Makes durable what was created in the folders, or removed from them.
    fn sync(&self) -> Result<(), Error> {
        let there = self.0.values().map(|(folder, _)| folder).filter(|one| one.path.is_dir());
        there.into_iter().try_for_each(store::sync)
    }
}

fn by_backup(folder: &EnvironmentFolder) -> Result<HashMap<BackupId, Vec<FolderEntry>>, Error> {
    let mut by_backup: HashMap<BackupId, Vec<FolderEntry>> = HashMap::new();
    for entry in folder.entries()? {
        if let Some(id) = entry.kind.backup_id() {
            by_backup.entry(id.clone()).or_default().push(entry);
        }
    }
    Ok(by_backup)
}

/// Removes backups, and says of each what came of it. One that cannot be removed stays, marked, and the others
/// go all the same. The caller holds the location's lock.
///
/// # Errors
/// Nothing was begun, or the catalogue could not be written; the next writing operation finishes what was begun.
pub(super) async fn remove(
    store: &Store<'_>,
    doomed: &[Doomed<'_>],
    now: DateTime<Utc>,
    run: &Run,
) -> Result<Vec<Outcome>, Error> {
    run.interrupt.check()?;
    // From the first note on there is no way back: a signal is heard once the removal is done.
    let run = &run.committed();
    let before = Entries::read(doomed)?;
    let begun: Vec<Result<ManifestLock, Error>> =
        doomed.iter().map(|one| begin(store, one, before.of(one.found), now, run)).collect();
    before.sync()?;
    let entries = Entries::read(doomed)?;
    mark(store, doomed, &begun, &entries, run).await;
    let outcomes: Vec<Outcome> = doomed
        .iter()
        .zip(begun)
        .map(|(one, begun)| begun.and_then(|_held| remove_files(one, &entries)))
        .collect();
    entries.sync()?;
    let gone = || doomed.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
    let mut writer = store.catalogue.edit(run).await?;
    writer.catalogue.remove(gone().map(|(one, _)| one.found.id.as_str()));
    writer.commit(run)?;
    for (one, _) in gone() {
        let found = one.found;
        remove_deleting_notes_among(entries.of(found), &found.folder, &found.id)?;
    }
    Ok(outcomes)
}

/// Takes a backup that nobody reads, and notes that it goes.
fn begin(
    store: &Store<'_>,
    one: &Doomed<'_>,
    entries: &[FolderEntry],
    now: DateTime<Utc>,
    run: &Run,
) -> Result<ManifestLock, Error> {
    let found = one.found;
    let in_use = || Error::BackupInUse { backup_id: found.id.to_string() };
    let manifest = found.folder.manifest_path(&found.id);
    let lock = ManifestLock::exclusive(&manifest)?.ok_or_else(in_use)?;
    // Only its record can be left of a backup whose folder is gone.
    if found.folder.path.is_dir() {
        let note =
            Note { last_good: one.last_good.then_some(true), ..deleting(store, one, now, run) };
        write_note_among(entries, &found.folder, &found.id, &note, run)?;
    }
    Ok(lock)
}

/// Marks the records of what goes, for those who list meanwhile.
async fn mark(
    store: &Store<'_>,
    doomed: &[Doomed<'_>],
    begun: &[Result<ManifestLock, Error>],
    entries: &Entries,
    run: &Run,
) {
    let marking = async {
        let mut writer = store.catalogue.edit(run).await?;
        for (one, _) in doomed.iter().zip(begun).filter(|(_, begun)| begun.is_ok()) {
            let found = one.found;
            store.put(&mut writer.catalogue, &found.folder, &found.id, entries.of(found))?;
        }
        writer.commit(run)
    };
    if let Err(error) = marking.await {
        tracing::warn!(%error, "the records are not marked; they are removed in a moment");
    }
}

fn remove_files(one: &Doomed<'_>, entries: &Entries) -> Outcome {
    let found = one.found;
    if !found.folder.path.is_dir() {
        return Ok(None);
    }
    let artifact = one.owned.then_some(found.artifact.as_path());
    storage::remove_backup_files(&found.folder, &found.id, artifact, entries.of(found))
}

/// The note names the artifact only where that goes with the backup: whoever finishes the removal knows no more.
fn deleting(store: &Store<'_>, one: &Doomed<'_>, now: DateTime<Utc>, run: &Run) -> Note {
    let found = one.found;
    let goes = one.owned && found.artifact.parent() == Some(found.folder.path.as_path());
    let name = found.artifact.file_name().filter(|_| goes).map(Path::new);
    Note {
        artifact: name.map(|name| name.display().to_string()),
        project: Some(store.project.identity()),
        ..Note::new(&found.id, NoteKind::Deleting, now, &run.id)
    }
}
