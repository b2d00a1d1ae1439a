//! The project's backups as retention sees them.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use super::find::Found;
use super::store::Store;
use crate::backup_id::{self, BackupId};
use crate::catalogue::RecordView;
use crate::error::Error;
use crate::records::{Record, RecordStatus};
use crate::retention::{self, Candidate};
use crate::storage::{self, EnvironmentFolder, FileKind, FolderEntry};

/// Labels and tags of backups that never expire.
const IMPORTANT: [&str; 2] = ["manual", "important"];

/// A backup and what retention sees of it.
#[derive(Clone)]
pub(super) struct Gathered {
    pub candidate: Candidate,
    /// Size of the artifact, in bytes.
    pub size: u64,
    /// Manifest and notes; none where there is no manifest that can be read.
    pub found: Option<Found>,
}

/// All backups of the project, or of one of its environments: those with a manifest from their folders, the
/// others as the catalogue has them.
pub(super) fn gather(store: &Store<'_>, environment: Option<&str>) -> Result<Vec<Gathered>, Error> {
    let asked = |name: &str| environment.is_none_or(|asked| asked == name);
    let mut gathered = Vec::new();
    let mut seen = HashSet::new();
    for folder in store.location.folders()? {
        if asked(folder.environment.as_str()) {
            gather_folder(store, &folder, &mut gathered, &mut seen)?;
        }
    }
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    for view in views.iter().filter(|view| asked(view.environment()) && !view.id().is_empty()) {
        if seen.insert(view.id().to_owned()) {
            gathered.push(without_manifest(view));
        }
    }
    Ok(gathered)
}

fn gather_folder(
    store: &Store<'_>,
    folder: &EnvironmentFolder,
    gathered: &mut Vec<Gathered>,
    seen: &mut HashSet<String>,
) -> Result<(), Error> {
    let identity = store.project.identity();
    let entries = folder.entries()?;
    // Each backup's own, so that notes are not looked for among those of ten thousand others.
    let mut by_backup: BTreeMap<BackupId, Vec<FolderEntry>> = BTreeMap::new();
    for entry in entries {
        if let FileKind::Manifest(id) | FileKind::Note(id, _) = &entry.kind {
            by_backup.entry(id.clone()).or_default().push(entry);
        }
    }
    for (id, entries) in &by_backup {
        // One that cannot be read is left alone; where the catalogue knows it, it stays with that reason.
        let Ok(record) = folder.record(id, entries) else { continue };
        if store.location.is_of(&identity, &record.manifest) {
            seen.insert(id.to_string());
            gathered.push(with_manifest(id, folder, record));
        }
    }
    Ok(())
}

fn with_manifest(id: &BackupId, folder: &EnvironmentFolder, record: Record) -> Gathered {
    let manifest = &record.manifest;
    let standing = record.standing();
    let words = manifest.label.iter().chain(&manifest.tags);
    // Where a link leads is what is there.
    let artifact = folder.path.join(&manifest.artifact.file_name);
    let artifact = storage::artifact_bytes_behind_links(&artifact).ok();
    let candidate = Candidate {
        id: manifest.backup_id.clone(),
        environment: manifest.environment.clone(),
        database: Some(manifest.database.identity.clone()),
        created_at: manifest.created_at,
        expires_at: Some(manifest.expires_at),
        verified: standing.is_verified(),
        artifact_exists: artifact == Some(manifest.artifact.size_bytes),
        pinned: standing.pinned,
        important: words.into_iter().any(|word| is_important(word)),
        safety_backup: backup_id::safety_reason(manifest.reason.as_deref()).is_some(),
        removal_begun: standing.status == RecordStatus::Deleting,
        before_loss: record.is_before_loss(),
        shrunk_since: manifest.shrunk_since.clone(),
    };
    let found = Found::recorded(id, folder, record);
    Gathered { candidate, size: artifact.unwrap_or_default(), found: Some(found) }
}

fn is_important(word: &str) -> bool {
    IMPORTANT.iter().any(|important| word.trim().eq_ignore_ascii_case(important))
}

/// What is known without a manifest is too little to remove anything.
fn without_manifest(view: &RecordView<'_>) -> Gathered {
    let candidate = Candidate {
        id: view.id().to_owned(),
        environment: view.environment().to_owned(),
        created_at: view.created_at(),
        expires_at: view.expires_at(),
        ..Candidate::default()
    };
    Gathered { candidate, size: view.size_bytes.unwrap_or_default(), found: None }
}

/// Whether a backup is the newest good one of its database, whatever the index says of others.
pub(super) fn is_last_good(
    store: &Store<'_>,
    found: &Found,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let gathered = gather(store, Some(found.folder.environment.as_str()))?;
    let others = gathered.iter().map(|one| &one.candidate);
    let good = found.standing.is_verified() && storage::is_artifact(&found.artifact);
    let own = gathered.iter().find(|one| one.candidate.id == found.id.as_str());
    Ok(own.is_some_and(|own| {
        // Of one without a manifest nobody knows which database it is of.
        let newest = retention::newest_good(others, own.candidate.database.as_deref(), now);
        good && newest.is_none_or(|newest| {
            !retention::is_future(&own.candidate, now) && newest.place() <= own.candidate.place()
        })
    }))
}
