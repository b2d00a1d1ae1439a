//! A project's backups: their location and their catalogue, and the tidying that comes before a write.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::find::Found;
use super::gathered;
use crate::backup_id::{BackupId, Second};
use crate::catalogue::{CatalogueFile, CatalogueText, RecordView};
use crate::error::Error;
use crate::locks::FileLock;
use crate::project::Project;
use crate::records::{self, Manifest, Note, NoteKind, NoteName, Record, Standing};
use crate::run::Run;
use crate::storage::{self, EnvironmentFolder, FileKind, FolderEntry, Location, SweepReport};

/// Remembers the newest id that was claimed at a location, for when that backup is deleted.
const NEWEST_ID_FILE: &str = ".newest-id";
/// How many names of foreign files one answer shows.
const MOST_FOREIGN_SHOWN: usize = 5;
/// How many removals that cannot be finished one answer tells of.
const MOST_STUCK_SHOWN: usize = 5;

/// Where a project's backups are.
pub(super) struct Store<'a> {
    pub project: &'a Project,
    pub location: Location,
    pub catalogue: CatalogueFile,
}

/// A store that is tidy and stays so: nobody else claims, sweeps, notes or deletes while this is held.
pub(super) struct TidyStore {
    _lock: FileLock,
    /// Every environment's folder as it is now.
    pub folders: Vec<(EnvironmentFolder, SweepReport)>,
    /// Backups whose removal was begun earlier and is finished now.
    pub removed: BTreeSet<BackupId>,
    /// Removals that were begun earlier and cannot be finished now, in a sentence each.
    stuck: Vec<String>,
    /// The seconds that ids of this project or location claim.
    taken: HashSet<Second>,
    /// The newest id that was ever claimed here, and where that is remembered.
    newest: Option<Second>,
    newest_path: PathBuf,
}

/// What tidying changes in the catalogue.
#[derive(Default)]
struct Reconciled {
    put: Vec<(BackupId, Map<String, Value>)>,
    removed: Vec<(EnvironmentFolder, BackupId)>,
    stuck: Vec<String>,
}

/// What tidying found and did.
struct Tidied {
    /// The seconds that records claim.
    taken: HashSet<Second>,
    removed: BTreeSet<BackupId>,
    stuck: Vec<String>,
}

impl<'a> Store<'a> {
    pub(super) fn of(project: &'a Project) -> Result<Self, Error> {
        let location = project.location()?;
        let catalogue = CatalogueFile::in_folder(&project.state_folder());
        Ok(Self { project, location, catalogue })
    }

    /// Takes the location's lock: for whoever claims an id, sweeps, notes or deletes.
    pub(super) async fn lock(&self, run: &Run) -> Result<FileLock, Error> {
        storage::create_state_folder(&self.project.state_folder(), &run.id)?;
        FileLock::acquire_short(&self.lock_path(), run).await
    }

    fn lock_path(&self) -> PathBuf {
        self.location.root().join(".backup-manager.lock")
    }

    /// What the file system of the backups takes for the time now; none where it cannot be had.
    pub(super) fn time(&self) -> Option<DateTime<Utc>> {
        storage::time_at(&self.lock_path())
    }

    /// Takes the lock and tidies: sweeps partials of dead writers, adopts what they completed, finishes
    /// removals that were begun, brings records up to their notes.
    pub(super) async fn tidy(&self, run: &Run) -> Result<TidyStore, Error> {
        let lock = self.lock(run).await?;
        storage::sweep_partials(&self.project.state_folder())?;
        let mut folders = Vec::new();
        for folder in self.location.folders()? {
            let report = storage::sweep(&folder)?;
            folders.push((folder, report));
        }
        let Tidied { mut taken, removed, stuck } =
            self.reconcile(&mut folders, run.now, run).await?;
        for (_, report) in &folders {
            let ids = report.entries.iter().filter_map(|entry| entry.kind.backup_id());
            taken.extend(ids.map(BackupId::second));
        }
        let newest_path = self.location.root().join(NEWEST_ID_FILE);
        let newest = std::fs::read_to_string(&newest_path).unwrap_or_default();
        let newest = BackupId::parse(newest.trim()).ok().map(|id| id.second());
        Ok(TidyStore { _lock: lock, folders, removed, stuck, taken, newest, newest_path })
    }

    /// Brings the catalogue in line with the folders.
    async fn reconcile(
        &self,
        folders: &mut [(EnvironmentFolder, SweepReport)],
        now: DateTime<Utc>,
        run: &Run,
    ) -> Result<Tidied, Error> {
        let snapshot = self.catalogue.read()?;
        let views = snapshot.views_to_write()?;
        let known: HashMap<&str, &RecordView<'_>> =
            views.iter().map(|view| (view.id(), view)).collect();
        let ids = known.keys().filter_map(|id| BackupId::parse(id).ok());
        let taken = ids.map(|id| id.second()).collect();
        let mut reconciled = Reconciled::default();
        for (folder, report) in folders.iter_mut() {
            self.take_back(folder, report, &mut reconciled, now)?;
            self.refresh(folder, report, &known, &mut reconciled)?;
            for id in report.deletions.clone() {
                if known.contains_key(id.as_str()) || self.is_ours(folder, report, &id) {
                    match finish_removal(folder, report, &id) {
                        Ok(()) => reconciled.removed.push((folder.clone(), id)),
                        // One file that cannot be removed must not keep a backup from being made.
                        Err(error) => reconciled.stuck.push(format!(
                            "The removal of {id} was begun and cannot be finished: {}",
                            error.with_reason()
                        )),
                    }
                }
            }
        }
        let removed = reconciled.removed.iter().map(|(_, id)| id.clone()).collect();
        let mut stuck = std::mem::take(&mut reconciled.stuck);
        stuck.extend(self.write(reconciled, run).await?);
        Ok(Tidied { taken, removed, stuck })
    }

    /// Takes back removals that were begun and not carried out, of backups that have become the newest good ones
    /// meanwhile: nobody said yes to losing those.
    fn take_back(
        &self,
        folder: &EnvironmentFolder,
        report: &mut SweepReport,
        reconciled: &mut Reconciled,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        for id in report.deletions.clone() {
            let Ok(mut record) = folder.record(&id, &report.entries) else { continue };
            let meant = record.notes.iter().any(|note| note.last_good == Some(true));
            record.notes.retain(|note| note.kind != NoteKind::Deleting);
            let ours = self.location.is_of(&self.project.identity(), &record.manifest);
            let size = record.manifest.artifact.size_bytes;
            let found = Found::recorded(&id, folder, record);
            let whole = storage::artifact_bytes(&found.artifact).is_ok_and(|bytes| bytes == size);
            if meant || !ours || !whole || !gathered::is_last_good(self, &found, now)? {
                continue;
            }
            let taken = remove_deleting_notes_among(&report.entries, folder, &id);
            report.deletions.remove(&id);
            if let Err(error) = taken {
                let reason = error.with_reason();
                reconciled.stuck.push(format!(
                    "The removal of {id} was begun, and cannot be taken back although it is the newest verified backup of its database now: {reason}"
                ));
                continue;
            }
            report.entries.retain(|entry| {
                !matches!(&entry.kind, FileKind::Note(of, note)
                    if *of == id && note.kind == NoteKind::Deleting)
            });
            reconciled.stuck.push(format!(
                "The removal of {id} was begun and is taken back: it is the newest verified backup of its database now"
            ));
        }
        Ok(())
    }

    /// Adopts what was completed and not recorded, and renews records that do not know all their notes.
    fn refresh(
        &self,
        folder: &EnvironmentFolder,
        report: &SweepReport,
        known: &HashMap<&str, &RecordView<'_>>,
        reconciled: &mut Reconciled,
    ) -> Result<(), Error> {
        let told = noted(&report.entries);
        let identity = self.project.identity();
        for id in report.manifests.difference(&report.deletions) {
            let of_it = told.get(id).copied().unwrap_or_default();
            let view = known.get(id.as_str());
            if view.is_some_and(|view| {
                of_it.is_known_to(view) && of_it.pinned() == view.standing().pinned
            }) {
                continue;
            }
            // What cannot be read stays where it is; rebuild-catalogue names it.
            let Ok(record) = folder.record(id, &report.entries) else { continue };
            let artifact = folder.path.join(&record.manifest.artifact.file_name);
            let ours = self.location.is_of(&identity, &record.manifest);
            if view.is_some() || (ours && artifact.exists()) {
                reconciled.put.push((id.clone(), self.catalogue_record(folder, &record)?));
            }
        }
        for (id, of_it) in told {
            let bare = !report.manifests.contains(id) && !report.deletions.contains(id);
            if let Some(view) = known.get(id.as_str()).filter(|_| bare)
                && !of_it.is_known_to(view)
            {
                let notes = folder.notes(id, &report.entries);
                reconciled.put.push((id.clone(), verdict(view, &notes)));
            }
        }
        Ok(())
    }

    /// Writes what tidying changes. Says which removals could not be brought to their end.
    async fn write(&self, reconciled: Reconciled, run: &Run) -> Result<Vec<String>, Error> {
        if reconciled.put.is_empty() && reconciled.removed.is_empty() {
            return Ok(Vec::new());
        }
        let mut writer = self.catalogue.edit(&run.committed()).await?;
        for (id, record) in reconciled.put {
            writer.catalogue.put(&id, record).map_err(Error::internal)?;
        }
        writer.catalogue.remove(reconciled.removed.iter().map(|(_, id)| id.as_str()));
        writer.commit(run)?;
        let left = reconciled.removed.iter().filter_map(|(folder, id)| {
            let error = remove_deleting_notes(folder, id).err()?;
            Some(format!("{id} is removed, but its last note is not: {}", error.with_reason()))
        });
        Ok(left.collect())
    }

    /// Whether a removal that was begun is this project's to finish.
    fn is_ours(&self, folder: &EnvironmentFolder, report: &SweepReport, id: &BackupId) -> bool {
        let identity = self.project.identity();
        let noted = || {
            let notes = folder.notes(id, &report.entries);
            notes.iter().any(|note| note.project.as_deref() == Some(identity.as_str()))
        };
        match Manifest::read(&folder.manifest_path(id)) {
            Ok(manifest) => self.location.is_of(&identity, &manifest),
            Err(_) => self.location.is_inside_project() || noted(),
        }
    }

    /// The record as the catalogue shows it.
    pub(super) fn catalogue_record(
        &self,
        folder: &EnvironmentFolder,
        record: &Record,
    ) -> Result<Map<String, Value>, Error> {
        let path = folder.path.join(&record.manifest.artifact.file_name);
        record.to_catalogue(&self.project.shown(&path))
    }

    /// Puts what manifest and notes say of a backup now into the catalogue.
    ///
    /// # Errors
    /// The catalogue cannot be written. A backup that is gone meanwhile is not recorded.
    pub(super) async fn record(
        &self,
        folder: &EnvironmentFolder,
        id: &BackupId,
        run: &Run,
    ) -> Result<(), Error> {
        let mut writer = self.catalogue.edit(run).await?;
        self.put(&mut writer.catalogue, folder, id, &folder.entries()?)?;
        writer.commit(run)
    }

    /// Puts what manifest and notes say of a backup into a catalogue that is being written. The notes are found
    /// among the folder's entries.
    pub(super) fn put(
        &self,
        catalogue: &mut CatalogueText,
        folder: &EnvironmentFolder,
        id: &BackupId,
        entries: &[FolderEntry],
    ) -> Result<(), Error> {
        if !folder.manifest_path(id).exists() {
            return put_verdict(catalogue, folder, id, entries);
        }
        let record = folder.record(id, entries)?;
        let record = self.catalogue_record(folder, &record)?;
        catalogue.put(id, record).map_err(Error::internal)
    }
}

impl TidyStore {
    /// Whether the second is claimed by a backup, a partial file or a record, or may once have been by a
    /// backup that was deleted: an id never names two backups.
    pub(super) fn is_taken(&self, second: Second) -> bool {
        self.newest.is_some_and(|newest| second <= newest) || self.taken.contains(&second)
    }

    /// Remembers the newest id that was claimed.
    pub(super) fn remember(&self, id: &BackupId, run: &Run) -> Result<(), Error> {
        if self.newest.is_some_and(|newest| id.second() <= newest) {
            return Ok(());
        }
        storage::replace_file(&self.newest_path, &run.id, |out| writeln!(out, "{id}"))
            .map_err(|error| Error::creating_in(&self.newest_path, error))
    }

    /// What the caller should know: removals that are stuck, and files that no manifest speaks of.
    pub(super) fn warnings(&self, shown: impl Fn(&std::path::Path) -> String) -> Vec<String> {
        self.about_removals().chain(self.foreign_files(shown)).collect()
    }

    /// What became of removals that were begun earlier, other than that they are finished.
    pub(super) fn about_removals(&self) -> impl Iterator<Item = String> {
        self.stuck.iter().take(MOST_STUCK_SHOWN).cloned()
    }

    fn foreign_files(&self, shown: impl Fn(&std::path::Path) -> String) -> Option<String> {
        let names: Vec<String> = self
            .folders
            .iter()
            .flat_map(|(folder, report)| {
                report.foreign.iter().map(|name| shown(&folder.path.join(name)))
            })
            .collect();
        let first = names.iter().take(MOST_FOREIGN_SHOWN).cloned().collect::<Vec<_>>().join(", ");
        let more = names.len().saturating_sub(MOST_FOREIGN_SHOWN);
        match (names.len(), more) {
            (0, _) => None,
            (_, 0) => Some(format!("Files without a manifest are left alone: {first}")),
            _ => Some(format!("Files without a manifest are left alone: {first} and {more} more")),
        }
    }
}

/// What the names of a backup's notes tell.
#[derive(Clone, Copy, Default)]
struct Noted<'a> {
    count: usize,
    /// The last note about a pin.
    about_pin: Option<&'a NoteName>,
}

impl Noted<'_> {
    fn is_known_to(&self, view: &RecordView<'_>) -> bool {
        view.notes_count.unwrap_or_default() == self.count
    }

    fn pinned(&self) -> bool {
        self.about_pin.is_some_and(|note| note.kind == NoteKind::Pinned)
    }
}

fn noted(entries: &[FolderEntry]) -> BTreeMap<&BackupId, Noted<'_>> {
    let mut noted: BTreeMap<&BackupId, Noted<'_>> = BTreeMap::new();
    for entry in entries {
        if let FileKind::Note(id, note) = &entry.kind {
            let of_it = noted.entry(id).or_default();
            of_it.count += 1;
            if matches!(note.kind, NoteKind::Pinned | NoteKind::Unpinned) {
                of_it.about_pin = of_it.about_pin.max(Some(note));
            }
        }
    }
    noted
}

/// A record without a manifest keeps its own fields; only the verdict is renewed.
fn put_verdict(
    catalogue: &mut CatalogueText,
    folder: &EnvironmentFolder,
    id: &BackupId,
    entries: &[FolderEntry],
) -> Result<(), Error> {
    let Some(text) = catalogue.text_of(id.as_str()) else { return Ok(()) };
    let Ok(view) = serde_json::from_str::<RecordView<'_>>(text) else { return Ok(()) };
    let verdict = verdict(&view, &folder.notes(id, entries));
    catalogue.put(id, verdict).map_err(Error::internal)
}

/// What the notes say of a record without a manifest.
fn verdict(view: &RecordView<'_>, notes: &[Note]) -> Map<String, Value> {
    let standing = records::standing(view.standing(), notes);
    let Standing { status, level, verified_at, pinned } = standing;
    let passed = status != records::RecordStatus::Invalid;
    let at = verified_at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    let verification = serde_json::json!({
        "integrity_check": if passed { "passed" } else { "failed" },
        "file_readable": records::file_readable(notes),
        "file_exists": records::file_readable(notes),
        "verified_at": at,
        "level": level,
    });
    Map::from_iter([
        ("status".to_owned(), status.name().into()),
        ("verification".to_owned(), verification),
        ("pinned".to_owned(), pinned.into()),
        ("notes_count".to_owned(), notes.len().into()),
    ])
}

/// Goes on with a removal that was begun. Everything that is named like the backup goes, whether or not the
/// note that began it can be read.
fn finish_removal(
    folder: &EnvironmentFolder,
    report: &mut SweepReport,
    id: &BackupId,
) -> Result<(), Error> {
    let notes = folder.notes(id, &report.entries);
    let artifacts = notes.iter().filter_map(|note| note.artifact.as_deref());
    for name in artifacts.filter(|name| is_own_name(name, id)) {
        storage::remove(&folder.path.join(name))?;
    }
    for entry in report.entries.iter().filter(|entry| entry.kind == FileKind::Artifact(id.clone()))
    {
        storage::remove(&folder.path.join(&entry.name))?;
    }
    storage::remove_backup_files(folder, id, None, &report.entries)?;
    sync(folder)?;
    report.manifests.remove(id);
    report.entries.retain(|entry| entry.kind.backup_id() != Some(id));
    tracing::info!(backup = %id, "finished a removal that was begun");
    Ok(())
}

/// Writes a note beside a backup, after those that are there. The caller holds the location's lock.
pub(super) fn write_note(
    folder: &EnvironmentFolder,
    id: &BackupId,
    note: &Note,
    run: &Run,
) -> Result<(), Error> {
    write_note_among(&folder.entries()?, folder, id, note, run)?;
    sync(folder)
}

/// The same, where the folder's entries are known and the caller syncs it.
pub(super) fn write_note_among(
    entries: &[FolderEntry],
    folder: &EnvironmentFolder,
    id: &BackupId,
    note: &Note,
    run: &Run,
) -> Result<(), Error> {
    let existing = entries.iter().filter_map(|entry| match &entry.kind {
        FileKind::Note(of, name) if of == id => Some(name),
        _ => None,
    });
    let name = NoteName::after(existing, note.at, note.kind, &run.id).file_name(id);
    let path = folder.path.join(name);
    let text = serde_json::to_string_pretty(note).map_err(Error::internal)?;
    let failed = |error| Error::creating_in(&folder.path, error);
    match storage::write_one_of_many(&path, text.as_bytes(), &run.id) {
        // Its name says all that a removal needs, and a removal is what a full disk needs.
        Err(error) if note.kind == NoteKind::Deleting && crate::error::is_disk_full(&error) => {
            storage::write_one_of_many(&path, b"", &run.id).map_err(failed)
        }
        other => other.map_err(failed),
    }
}

/// Makes durable what was created in a folder, or removed from it.
pub(super) fn sync(folder: &EnvironmentFolder) -> Result<(), Error> {
    storage::sync_folder(&folder.path).map_err(|error| Error::storage("sync", &folder.path, error))
}

fn remove_deleting_notes(folder: &EnvironmentFolder, id: &BackupId) -> Result<(), Error> {
    remove_deleting_notes_among(&folder.entries()?, folder, id)
}

/// Removes what a removal leaves to the last, where the folder's entries are known.
pub(super) fn remove_deleting_notes_among(
    entries: &[FolderEntry],
    folder: &EnvironmentFolder,
    id: &BackupId,
) -> Result<(), Error> {
    for entry in entries {
        if let FileKind::Note(of, note) = &entry.kind
            && of == id
            && note.kind == NoteKind::Deleting
        {
            storage::remove(&folder.path.join(&entry.name))?;
        }
    }
    Ok(())
}

/// Whether a note of a backup may let a file of that name go: one in its own folder, and of no other backup.
fn is_own_name(name: &str, id: &BackupId) -> bool {
    let plain = !name.is_empty() && !name.contains(['/', '\\', '\0']) && !name.starts_with('.');
    plain && FileKind::of(name).backup_id().is_none_or(|of| of == id)
}
