//! `pin-backup` and `unpin-backup`: whether somebody wants a backup kept for ever, as a note beside it.

use backup_protocol::{PinBackupParameters, PinBackupResult};
use chrono::{DateTime, Utc};

use super::Done;
use super::find::{self, Found};
use super::session::Session;
use super::store::{Store, write_note};
use crate::error::Error;
use crate::host::Host;
use crate::progress::Step;
use crate::records::{Note, NoteKind, RecordStatus};
use crate::run::Run;
use crate::storage;

pub(super) async fn pin(
    host: &Host<'_>,
    parameters: &PinBackupParameters,
    pinned: bool,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    let id = find::parse_id(&parameters.backup_id)?;
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    let store = Store::of(&project)?;
    store.catalogue.check_writable()?;
    let tidy = store.tidy(run).await?;
    let found = find::find(&store, &id, parameters.environment.as_deref())?;
    session.set_environment(found.folder.environment.as_str());
    if found.standing.status == RecordStatus::Deleting {
        return Err(Error::BackupNotFound { given: id.to_string() });
    }
    let now = (host.clock)();
    let changed = found.standing.pinned != pinned;
    if changed {
        run.step(Step::RecordingMetadata);
        found.folder.create()?;
        let kind = if pinned { NoteKind::Pinned } else { NoteKind::Unpinned };
        write_note(&found.folder, &id, &Note::new(&id, kind, now, &run.id), run)?;
        // The note is the truth; whatever comes now, its consequence is recorded.
        store.record(&found.folder, &id, &run.committed()).await?;
    }
    let about_removals: Vec<String> = tidy.about_removals().collect();
    drop(tidy);
    let expires_at = found.record.as_ref().map(|record| record.manifest.expires_at);
    let result = PinBackupResult {
        backup_id: id.to_string(),
        pinned,
        changed,
        expires_at,
        warnings: warnings(&found, pinned, expires_at, now)
            .into_iter()
            .chain(about_removals)
            .collect(),
    };
    let message = if pinned { "Backup pinned" } else { "Backup unpinned" };
    Done::new(&result, format!("{message}: {id}"))
}

/// What a pin does not change.
fn warnings(
    found: &Found,
    pinned: bool,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if pinned && found.standing.status == RecordStatus::Invalid {
        warnings.push("It is invalid: a verification failed, and a pin proves nothing".to_owned());
    }
    if pinned && !storage::is_artifact(&found.artifact) {
        warnings.push("Its artifact is missing: there is nothing left to keep".to_owned());
    }
    if !pinned && expires_at.is_some_and(|expires_at| expires_at <= now) {
        warnings.push("It has expired: the next cleanup may remove it".to_owned());
    }
    warnings
}
