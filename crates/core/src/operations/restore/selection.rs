//! Which backup is to be brought back.

use backup_protocol::RestoreBackupParameters;

use crate::backup_id::{self, BackupId};
use crate::catalogue::RecordView;
use crate::environment::EnvironmentName;
use crate::error::Error;
use crate::operations::find::{self, Found};
use crate::operations::store::Store;
use crate::storage;

/// What the request says.
enum Wanted<'a> {
    Id(&'a str),
    /// The newest verified one.
    Latest,
    /// The newest verified one whose last migration is that one.
    Migration(&'a str),
}

/// Finds the backup that the request means.
pub(super) fn select(
    store: &Store<'_>,
    parameters: &RestoreBackupParameters,
) -> Result<Found, Error> {
    let migration = match wanted(parameters)? {
        Wanted::Id(id) => {
            let source = parameters.source_environment.as_deref();
            return find::find(store, &find::parse_id(id)?, source);
        }
        Wanted::Latest => None,
        Wanted::Migration(migration) => Some(migration),
    };
    let source = parameters.source_environment.as_deref().unwrap_or(&parameters.environment);
    let source = EnvironmentName::parse(source).map_err(|error| Error::InvalidParameter {
        parameter: "source_environment",
        detail: error.to_string(),
    })?;
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let is_there =
        |view: &RecordView<'_>| storage::is_artifact(&store.project.root.join(view.file_path()));
    let newest = views
        .iter()
        .filter(|view| view.environment() == source.as_str() && view.standing().is_verified())
        .filter(|view| migration.is_none_or(|wanted| view.last_migration() == Some(wanted)))
        .filter(|view| is_there(view) && !is_of_before_a_restore(view))
        .max_by_key(|view| (view.created_at(), view.id()));
    let id = newest.and_then(|view| BackupId::parse(view.id()).ok());
    let id = id.ok_or_else(|| Error::BackupNotFound {
        given: match migration {
            Some(migration) => {
                format!("a verified one of {source} with last migration {migration}")
            }
            None => format!("a verified one of {source}"),
        },
    })?;
    find::find(store, &id, Some(source.as_str()))
}

/// Whether it is the safety backup of a restore: what somebody wanted to leave behind is nobody's latest, and the
/// same request sent twice must not bring it back. Its id, or the answer's undo request, brings it back.
fn is_of_before_a_restore(view: &RecordView<'_>) -> bool {
    backup_id::safety_reason(view.reason.as_deref()) == Some("pre-rollback")
}

fn wanted(parameters: &RestoreBackupParameters) -> Result<Wanted<'_>, Error> {
    let id = parameters.backup_id.as_deref().or(parameters.from.as_deref());
    let latest = parameters.latest.unwrap_or_default();
    let twice = parameters.backup_id.is_some() && parameters.from.is_some();
    match (id, latest, parameters.to_migration.as_deref()) {
        (Some(id), false, None) if !twice => Ok(Wanted::Id(id)),
        (None, true, None) => Ok(Wanted::Latest),
        (None, false, Some(migration)) => Ok(Wanted::Migration(migration)),
        _ => Err(Error::InvalidParameter {
            parameter: "backup_id",
            detail: "is needed, or latest or to_migration in its place, and only one of them"
                .to_owned(),
        }),
    }
}
