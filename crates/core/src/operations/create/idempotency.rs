//! One key, one backup: the same key with the same parameters answers with the first one's backup.

use std::time::Duration;

use super::order::BackupOrder;
use crate::backup_id::BackupId;
use crate::error::Error;
use crate::locks::{self, FileLock};
use crate::operations::find;
use crate::operations::store::Store;
use crate::records::{Idempotency, Record, RecordStatus};
use crate::run::Run;
use crate::storage;

/// The key in this run's hands, and the backup that it made before.
pub(super) struct KeyGuard {
    lock: Option<FileLock>,
    pub made_before: Option<Record>,
}

impl KeyGuard {
    /// Takes the request's key, waiting for a run that holds it; none where the request has no key.
    pub(super) async fn take(
        store: &Store<'_>,
        order: &BackupOrder,
        patience: Duration,
        run: &Run,
    ) -> Result<Option<Self>, Error> {
        let Some(wanted) = &order.idempotency else { return Ok(None) };
        let locks = store.project.state_folder().join(".locks");
        let path = locks.join(format!("idempotency-{}.lock", wanted.key_sha256));
        let lock = FileLock::acquire(&path, patience, Some(&wanted.parameters_sha256), run).await?;
        let Some(lock) = lock else {
            let holder = locks::holder(&path);
            let purpose = holder.as_ref().and_then(|holder| holder.purpose.as_deref());
            if purpose.is_some_and(|purpose| purpose != wanted.parameters_sha256) {
                return Err(other_parameters());
            }
            return Err(Error::BackupInProgress { run_id: holder.map(|holder| holder.run_id) });
        };
        // A killed run may have completed its backup without recording it.
        drop(store.tidy(run).await?);
        let made_before = made_before(store, wanted)?;
        Ok(Some(Self { lock: Some(lock), made_before }))
    }
}

impl Drop for KeyGuard {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            lock.release_and_remove();
        }
    }
}

/// The newest backup that the key made and that still counts.
fn made_before(store: &Store<'_>, wanted: &Idempotency) -> Result<Option<Record>, Error> {
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let made = views
        .iter()
        .filter(|view| {
            view.idempotency.as_ref().is_some_and(|made| made.key_sha256 == wanted.key_sha256)
        })
        .max_by_key(|view| (view.created_at(), view.id()));
    let Some(id) = made.and_then(|view| BackupId::parse(view.id()).ok()) else { return Ok(None) };
    let found = match find::find(store, &id, None) {
        Ok(found) => found,
        Err(Error::BackupNotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if found.standing.status != RecordStatus::Valid || !storage::is_artifact(&found.artifact) {
        return Ok(None);
    }
    let same = |record: &Record| {
        let made = record.manifest.idempotency.as_ref();
        made.is_some_and(|made| made.parameters_sha256 == wanted.parameters_sha256)
    };
    match found.record {
        Some(record) if same(&record) => Ok(Some(record)),
        Some(_) => Err(other_parameters()),
        None => Ok(None),
    }
}

fn other_parameters() -> Error {
    Error::InvalidParameter {
        parameter: "idempotency_key",
        detail: "was used with other parameters; send a new key for another backup".to_owned(),
    }
}
