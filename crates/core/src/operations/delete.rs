//! `delete-backup`: what a person names goes, the last good backup only with a token.

use backup_protocol::{Confirmation, ConfirmationPlan, DeleteBackupParameters, DeleteBackupResult};

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::Done;
use super::find::{self, Found};
use super::gathered;
use super::removal::{self, Doomed};
use super::session::Session;
use super::store::Store;
use crate::backup_id::BackupId;
use crate::confirmation::{Bound, Confirmations};
use crate::error::{ConfirmationRequest, Error};
use crate::host::Host;
use crate::progress::Step;
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
    let live_databases = project.live_databases(&host.surroundings);
    let owned = |found: &Found| owns_artifact(&store, found, &live_databases);
    let environment = parameters.environment.as_deref();
    let before = find::find(&store, &id, environment);
    if parameters.dry_run.unwrap_or_default() {
        let found = before?;
        session.set_environment(found.folder.environment.as_str());
        return planned(&store, &found, owned(&found), (host.clock)());
    }
    let tidy = store.tidy(run).await?;
    if let (true, Ok(found)) = (tidy.removed.contains(&id), before) {
        // The yes was given to the request that began the removal.
        session.set_environment(found.folder.environment.as_str());
        return done(&store, &found, Some(found.size), true, tidy.about_removals().collect());
    }
    let found = find::find(&store, &id, environment)?;
    session.set_environment(found.folder.environment.as_str());
    let last_good = confirm(&store, &found, parameters, (host.clock)(), run)?;
    let action = format!("Delete backup {id} of {}", found.folder.environment);
    session.intend(host, removal::intent(action, [(id.to_string(), None)]), run).await?;
    let doomed = [Doomed { found: &found, owned: owned(&found), last_good }];
    let mut removed = removal::remove(&store, &doomed, (host.clock)(), run).await?;
    let freed = removed.pop().ok_or_else(|| Error::internal("each removal has its outcome"))??;
    let about_removals: Vec<String> = tidy.about_removals().collect();
    drop(tidy);
    done(&store, &found, freed, owned(&found), about_removals)
}

/// Whether the artifact's file goes with the backup: a manifest names its own artifact, but a record without
/// one could name any file of the project, the live database among them.
fn owns_artifact(store: &Store<'_>, found: &Found, live_databases: &[PathBuf]) -> bool {
    if found.record.is_some() {
        return true;
    }
    let path = storage::resolved(&found.artifact);
    let in_own_folder = path
        .parent()
        .and_then(Path::file_name)
        .is_some_and(|folder| folder.to_str() == Some(found.folder.environment.as_str()));
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let of_another = BackupId::from_file_name(name)
        .is_some_and(|(id, _)| path.with_file_name(storage::manifest_name(&id)).exists());
    in_own_folder && !of_another && find::is_kept_here(store, &path, live_databases)
}

fn done(
    store: &Store<'_>,
    found: &Found,
    freed: Option<u64>,
    owned: bool,
    about_removals: Vec<String>,
) -> Result<Done, Error> {
    let mut result = DeleteBackupResult {
        freed_bytes: freed.unwrap_or_default(),
        artifact_existed: freed.is_some(),
        ..described(store, found, owned, freed.is_some())
    };
    result.warnings.extend(about_removals);
    Done::new(&result, format!("Backup deleted: {}", found.id))
}

fn planned(
    store: &Store<'_>,
    found: &Found,
    owned: bool,
    now: DateTime<Utc>,
) -> Result<Done, Error> {
    let existing = storage::artifact_bytes(&found.artifact).ok();
    let last_good_backup = gathered::is_last_good(store, found, now)?;
    let result = DeleteBackupResult {
        freed_bytes: existing.filter(|_| owned).unwrap_or_default(),
        dry_run: true,
        needs_confirmation: last_good_backup
            || found.standing.pinned
            || store.project.configuration.is_protected(&found.folder.environment),
        ..described(store, found, owned, existing.is_some())
    };
    Done::new(&result, format!("Deletion planned: {}; nothing was removed", found.id))
}

fn described(store: &Store<'_>, found: &Found, owned: bool, existed: bool) -> DeleteBackupResult {
    let path = store.project.shown(&found.artifact);
    let warning = match (owned, existed) {
        (false, _) => Some(format!("Only the record goes: {path} is not where backups are kept")),
        (true, false) => Some(format!("The artifact was missing: {path}")),
        (true, true) => None,
    };
    DeleteBackupResult {
        backup_id: found.id.to_string(),
        file_path: path,
        freed_bytes: 0,
        artifact_existed: existed,
        needs_confirmation: false,
        dry_run: false,
        warnings: warning.into_iter().collect(),
    }
}

/// Goes on where no yes is needed or the right one was sent, which it uses up. Says whether that was a yes to losing
/// the newest verified backup.
fn confirm(
    store: &Store<'_>,
    found: &Found,
    parameters: &DeleteBackupParameters,
    now: DateTime<Utc>,
    run: &Run,
) -> Result<bool, Error> {
    let last_good_backup = gathered::is_last_good(store, found, now)?;
    let environment = &found.folder.environment;
    let configuration = &store.project.configuration;
    let pinned = found.standing.pinned;
    if !last_good_backup && !pinned && !configuration.is_protected(environment) {
        return Ok(false);
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
        format!("pinned: {pinned}"),
    ]);
    if let Some(Confirmation::Token(token)) = &parameters.confirm {
        let token = tokens.check(token, &bound, now)?;
        tokens.use_up(&token, now)?;
        return Ok(last_good_backup);
    }
    let token = tokens.issue(&bound, now, configuration.approval_seconds())?;
    Err(Error::ConfirmationRequired(Box::new(ConfirmationRequest {
        plan: plan(found, last_good_backup),
        token: Some(token),
        last_good_backup,
    })))
}

fn plan(found: &Found, last_good_backup: bool) -> ConfirmationPlan {
    let environment = &found.folder.environment;
    let mut consequences = vec!["The backup cannot be brought back".to_owned()];
    if last_good_backup {
        consequences.push(format!(
            "It is the newest verified backup of {environment}: what changed since an older one could not be restored"
        ));
    }
    if found.standing.pinned {
        consequences.push("It is pinned: somebody wanted it kept".to_owned());
    }
    ConfirmationPlan {
        action: format!("Delete backup {} of {environment}", found.id),
        backup_id: Some(found.id.to_string()),
        size_bytes: found.size,
        size_human: size::human(found.size),
        consequences,
    }
}
