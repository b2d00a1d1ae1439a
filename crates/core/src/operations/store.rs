//! A project's backups: their location and their catalogue, and the tidying that comes before a write.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

use crate::backup_id::{BackupId, Second};
use crate::catalogue::{CatalogueFile, CatalogueWriter};
use crate::error::Error;
use crate::locks::FileLock;
use crate::project::Project;
use crate::records::{Manifest, Note, NoteKind, Record};
use crate::run::Run;
use crate::storage::{self, EnvironmentFolder, FileKind, Location, SweepReport};

/// How many names of foreign files one answer shows.
const MOST_FOREIGN_SHOWN: usize = 5;

/// Where a project's backups are.
pub(super) struct Store<'a> {
    pub project: &'a Project,
    pub location: Location,
    pub catalogue: CatalogueFile,
}

/// A store that is tidy and stays so: nobody else claims, sweeps or deletes while this is held.
pub(super) struct TidyStore {
    _lock: FileLock,
    /// Every environment's folder as it is now.
    pub folders: Vec<(EnvironmentFolder, SweepReport)>,
    /// The seconds that ids of this project or location claim.
    taken: HashSet<Second>,
}

impl<'a> Store<'a> {
    pub(super) fn of(project: &'a Project) -> Result<Self, Error> {
        let location = project.location()?;
        let catalogue = CatalogueFile::in_folder(&project.state_folder());
        Ok(Self { project, location, catalogue })
    }

    /// Takes the location's lock: for whoever claims an id, sweeps or deletes.
    pub(super) async fn lock(&self, run: &Run) -> Result<FileLock, Error> {
        ignore_in_git(self.project, run)?;
        FileLock::acquire_short(&self.location.root().join(".backup-manager.lock"), run).await
    }

    /// Takes the lock and tidies: sweeps partials of dead writers, adopts what they completed, finishes
    /// removals that were begun.
    pub(super) async fn tidy(&self, run: &Run) -> Result<TidyStore, Error> {
        let lock = self.lock(run).await?;
        storage::sweep_partials(&self.project.state_folder())?;
        let mut folders = Vec::new();
        for folder in self.location.folders()? {
            let report = storage::sweep(&folder)?;
            folders.push((folder, report));
        }
        let mut taken = self.reconcile(&mut folders, run).await?;
        for (_, report) in &folders {
            let ids = report.entries.iter().filter_map(|entry| entry.kind.backup_id());
            taken.extend(ids.map(BackupId::second));
        }
        Ok(TidyStore { _lock: lock, folders, taken })
    }

    /// Brings the catalogue in line with the folders. Says which seconds its records claim.
    async fn reconcile(
        &self,
        folders: &mut [(EnvironmentFolder, SweepReport)],
        run: &Run,
    ) -> Result<HashSet<Second>, Error> {
        let snapshot = self.catalogue.read()?;
        let views = snapshot.views_to_write()?;
        let known: BTreeSet<&str> = views.iter().map(crate::catalogue::RecordView::id).collect();
        let seconds =
            known.iter().filter_map(|id| BackupId::parse(id).ok()).map(|id| id.second()).collect();
        let mut adopted = Vec::new();
        let mut removed = Vec::new();
        for (folder, report) in folders.iter_mut() {
            for id in report.manifests.difference(&report.deletions) {
                if !known.contains(id.as_str())
                    && let Some(record) = self.adoptable(folder, report, id)
                {
                    adopted.push((id.clone(), self.catalogue_record(folder, &record)?));
                }
            }
            for id in report.deletions.clone() {
                if known.contains(id.as_str()) || self.is_ours(folder, &id) {
                    finish_removal(folder, report, &id)?;
                    removed.push((folder.clone(), id));
                }
            }
        }
        if !adopted.is_empty() || !removed.is_empty() {
            let mut writer = self.catalogue.edit(run).await?;
            for (id, record) in adopted {
                writer.catalogue.put(&id, record).map_err(Error::internal)?;
            }
            for (_, id) in &removed {
                writer.catalogue.remove(id.as_str());
            }
            writer.commit(run)?;
        }
        for (folder, id) in removed {
            remove_deleting_notes(&folder, &id)?;
        }
        Ok(seconds)
    }

    /// A backup that was completed and not recorded. One that cannot be read stays where it is and is
    /// named by rebuild-catalogue.
    fn adoptable(
        &self,
        folder: &EnvironmentFolder,
        report: &SweepReport,
        id: &BackupId,
    ) -> Option<Record> {
        let record = folder.record(id, &report.entries).ok()?;
        let artifact = folder.path.join(&record.manifest.artifact.file_name);
        let ours = self.location.is_of(&self.project.identity(), &record.manifest);
        (ours && artifact.exists()).then_some(record)
    }

    fn is_ours(&self, folder: &EnvironmentFolder, id: &BackupId) -> bool {
        match Manifest::read(&folder.manifest_path(id)) {
            Ok(manifest) => self.location.is_of(&self.project.identity(), &manifest),
            Err(_) => self.location.is_inside_project(),
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

    /// Writes a note beside a backup, and its consequence into the catalogue.
    pub(super) async fn add_note(
        &self,
        folder: &EnvironmentFolder,
        id: &BackupId,
        note: &Note,
        run: &Run,
    ) -> Result<(), Error> {
        write_note(folder, id, note, run)?;
        if note.kind == NoteKind::Deleting {
            return Ok(());
        }
        let entries = folder.entries()?;
        let mut writer = self.catalogue.edit(run).await?;
        if let Ok(record) = folder.record(id, &entries) {
            let record = self.catalogue_record(folder, &record)?;
            writer.catalogue.put(id, record).map_err(Error::internal)?;
        } else {
            put_verdict(&mut writer, id, note)?;
        }
        writer.commit(run)
    }
}

impl TidyStore {
    /// Whether the second is claimed by a backup, a partial file or a record.
    pub(super) fn is_taken(&self, second: Second) -> bool {
        self.taken.contains(&second)
    }

    /// A warning about files that no manifest speaks of, if there are any.
    pub(super) fn foreign_files(
        &self,
        shown: impl Fn(&std::path::Path) -> String,
    ) -> Option<String> {
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

/// Goes on with a removal that was begun.
fn finish_removal(
    folder: &EnvironmentFolder,
    report: &mut SweepReport,
    id: &BackupId,
) -> Result<(), Error> {
    let notes = folder.notes(id, &report.entries)?;
    let artifact = notes.iter().find_map(|note| note.artifact.clone());
    let artifact = artifact.filter(|name| is_plain_name(name)).map(|name| folder.path.join(name));
    storage::remove_backup_files(folder, id, artifact.as_deref())?;
    report.manifests.remove(id);
    report.entries.retain(|entry| entry.kind.backup_id() != Some(id));
    tracing::info!(backup = %id, "finished a removal that was begun");
    Ok(())
}

/// A record without a manifest keeps its own fields; only the verdict is renewed.
fn put_verdict(writer: &mut CatalogueWriter, id: &BackupId, note: &Note) -> Result<(), Error> {
    let Some(text) = writer.catalogue.text_of(id.as_str()) else { return Ok(()) };
    let mut record: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let passed = note.kind == NoteKind::Verified;
    let verdict = serde_json::json!({
        "integrity_check": if passed { "passed" } else { "failed" },
        "file_readable": passed,
        "file_exists": true,
        "verified_at": note.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "level": note.level,
    });
    record.insert("status".to_owned(), if passed { "valid" } else { "invalid" }.into());
    record.insert("verification".to_owned(), verdict);
    writer.catalogue.put(id, record).map_err(Error::internal)
}

pub(super) fn write_note(
    folder: &EnvironmentFolder,
    id: &BackupId,
    note: &Note,
    run: &Run,
) -> Result<(), Error> {
    let name = crate::records::NoteName::new(note.at, note.kind, &run.id).file_name(id);
    let text = serde_json::to_string_pretty(note).map_err(Error::internal)?;
    folder.create()?;
    storage::write_new_file(&folder.path.join(name), text.as_bytes(), &run.id)
        .map_err(|error| Error::creating_in(&folder.path, error))
}

pub(super) fn remove_deleting_notes(
    folder: &EnvironmentFolder,
    id: &BackupId,
) -> Result<(), Error> {
    for entry in folder.entries()? {
        if let FileKind::Note(of, note) = &entry.kind
            && of == id
            && note.kind == NoteKind::Deleting
        {
            storage::remove(&folder.path.join(&entry.name))?;
        }
    }
    Ok(())
}

pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', '\0']) && !name.starts_with('.')
}

/// The default location always keeps itself out of the repository.
fn ignore_in_git(project: &Project, run: &Run) -> Result<(), Error> {
    let state = project.state_folder();
    storage::create_folder(&state).map_err(|error| Error::creating_in(&state, error))?;
    let path = state.join(".gitignore");
    if path.exists() {
        return Ok(());
    }
    match storage::write_new_file(&path, b"*\n", &run.id) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::creating_in(&state, error)),
    }
}

/// The newest verified backup of each environment, by time, then id.
pub(super) fn newest_verified<'v>(
    views: impl IntoIterator<Item = &'v crate::catalogue::RecordView<'v>>,
) -> BTreeMap<&'v str, &'v str> {
    let mut newest: BTreeMap<&str, (chrono::DateTime<chrono::Utc>, &str)> = BTreeMap::new();
    for view in views {
        if view.standing().is_verified() {
            let candidate = (view.created_at(), view.id());
            let best = newest.entry(view.environment()).or_insert(candidate);
            *best = candidate.max(*best);
        }
    }
    newest.into_iter().map(|(environment, (_, id))| (environment, id)).collect()
}
