//! `delete-backup`: a `deleting` note, then artifact, manifest, notes and record. A process that is killed
//! in between leaves the note, and the next writing operation goes on from there.

use backup_protocol::{Confirmation, ConfirmationPlan, DeleteBackupParameters, DeleteBackupResult};

use super::Done;
use super::find::{self, Found};
use super::session::Session;
use super::store::{Store, newest_verified, remove_deleting_notes, write_note};
use crate::confirmation::{Bound, Confirmations};
use crate::error::{ConfirmationRequest, Error};
use crate::host::Host;
use crate::progress::Step;
use crate::project::Project;
use crate::records::{MANIFEST_VERSION, Note, NoteKind};
use crate::run::Run;
use crate::size;
use crate::storage;

pub(super) async fn delete(
    host: &Host<'_>,
    parameters: &DeleteBackupParameters,
    session: &mut Session,
    run: &Run,
) -> Result<Done, Error> {
    let id = find::parse_id(&parameters.backup_id)?;
    let project = session.open_project(host)?;
    run.step(Step::ConfigurationLoaded);
    let store = Store::of(&project)?;
    if parameters.dry_run.unwrap_or_default() {
        let found = find::find(&store, &id, parameters.environment.as_deref())?;
        session.set_environment(found.folder.environment.as_str());
        return planned(&project, &found);
    }
    store.catalogue.check_writable()?;
    let tidy = store.tidy(run).await?;
    let found = find::find(&store, &id, parameters.environment.as_deref())?;
    session.set_environment(found.folder.environment.as_str());
    confirm(&store, &found, parameters, run)?;
    let freed = remove(&store, &found, (host.clock)(), run).await?;
    drop(tidy);
    let mut warnings = Vec::new();
    if !found.owns_artifact(&store) {
        warnings.push(format!(
            "Only the record was removed: {} is not where backups are kept",
            project.shown(&found.artifact)
        ));
    } else if freed.is_none() {
        warnings.push(format!("The artifact was missing: {}", project.shown(&found.artifact)));
    }
    let result = DeleteBackupResult {
        backup_id: id.to_string(),
        file_path: project.shown(&found.artifact),
        freed_bytes: freed.unwrap_or_default(),
        artifact_existed: freed.is_some(),
        dry_run: false,
        warnings,
    };
    Done::new(&result, format!("Backup deleted: {id}"))
}

fn planned(project: &Project, found: &Found) -> Result<Done, Error> {
    let existing = found.artifact.metadata().ok().map(|metadata| metadata.len());
    let result = DeleteBackupResult {
        backup_id: found.id.to_string(),
        file_path: project.shown(&found.artifact),
        freed_bytes: existing.unwrap_or_default(),
        artifact_existed: existing.is_some(),
        dry_run: true,
        warnings: Vec::new(),
    };
    Done::new(&result, format!("Deletion planned: {}; nothing was removed", found.id))
}

/// Goes on where no yes is needed or the right one was sent, which it uses up.
fn confirm(
    store: &Store<'_>,
    found: &Found,
    parameters: &DeleteBackupParameters,
    run: &Run,
) -> Result<(), Error> {
    let last_good_backup = is_last_good(store, found)?;
    let environment = &found.folder.environment;
    let configuration = &store.project.configuration;
    if !last_good_backup && !configuration.is_protected(environment) {
        return Ok(());
    }
    let tokens = Confirmations::open(&store.project.state_folder(), &run.id)?;
    let checksum = found
        .record
        .as_ref()
        .map_or_else(String::new, |record| record.manifest.artifact.sha256.clone());
    // The yes to losing an ordinary backup is none to losing the last good one.
    let bound = Bound::to([
        "delete-backup".to_owned(),
        store.project.identity(),
        environment.to_string(),
        found.id.to_string(),
        checksum,
        format!("last good: {last_good_backup}"),
    ]);
    if let Some(Confirmation::Token(token)) = &parameters.confirm {
        let token = tokens.check(token, &bound, run.now)?;
        return tokens.use_up(&token, run);
    }
    let token = tokens.issue(&bound, run.now, configuration.approval_seconds())?;
    Err(Error::ConfirmationRequired(Box::new(ConfirmationRequest {
        plan: plan(found, last_good_backup),
        token: Some(token),
        last_good_backup,
    })))
}

fn is_last_good(store: &Store<'_>, found: &Found) -> Result<bool, Error> {
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let newest = newest_verified(&views);
    Ok(newest.get(found.folder.environment.as_str()) == Some(&found.id.as_str()))
}

fn plan(found: &Found, last_good_backup: bool) -> ConfirmationPlan {
    let environment = &found.folder.environment;
    let mut consequences = vec!["The backup cannot be brought back".to_owned()];
    if last_good_backup {
        consequences.push(format!(
            "It is the newest verified backup of {environment}: what changed since an older one could not be restored"
        ));
    }
    ConfirmationPlan {
        action: format!("Delete backup {} of {environment}", found.id),
        backup_id: Some(found.id.to_string()),
        size_bytes: found.size,
        size_human: size::human(found.size),
        consequences,
    }
}

/// Removes the backup. Says how many bytes that freed; none where the artifact was not there.
async fn remove(
    store: &Store<'_>,
    found: &Found,
    now: chrono::DateTime<chrono::Utc>,
    run: &Run,
) -> Result<Option<u64>, Error> {
    run.interrupt.check()?;
    let note = Note {
        note_version: MANIFEST_VERSION.to_owned(),
        backup_id: found.id.to_string(),
        kind: NoteKind::Deleting,
        at: now,
        run_id: run.id.to_string(),
        host: storage::host_name(),
        level: None,
        finding: None,
        artifact: found
            .artifact
            .file_name()
            .filter(|_| found.artifact.parent() == Some(found.folder.path.as_path()))
            .map(|name| name.to_string_lossy().into_owned()),
    };
    write_note(&found.folder, &found.id, &note, run)?;
    let artifact = found.owns_artifact(store).then_some(found.artifact.as_path());
    let freed = storage::remove_backup_files(&found.folder, &found.id, artifact)?;
    let mut writer = store.catalogue.edit(run).await?;
    writer.catalogue.remove(found.id.as_str());
    writer.commit(run)?;
    remove_deleting_notes(&found.folder, &found.id)?;
    Ok(freed)
}
