//! Retention after a create: what has expired of the same database goes, and nobody is asked.

use std::collections::BTreeSet;

use backup_protocol::AutomaticRetention;
use chrono::{DateTime, TimeDelta, Utc};

use super::told::Cleaned;
use super::{Gathered, MOST_NAMED, Planned, believe_clock, remove_batch};
use crate::error::Error;
use crate::host::Host;
use crate::operations::gathered::gather;
use crate::operations::session::Session;
use crate::operations::store::Store;
use crate::records::Record;
use crate::retention::{Plan, Policy, Witness};
use crate::run::Run;

/// What was removed, and what the caller should know.
#[derive(Default)]
pub(in crate::operations) struct Automatic {
    pub removed: Option<AutomaticRetention>,
    pub warnings: Vec<String>,
}

/// Removes the expired backups of the database of which one was just made. The new backup is whole whatever
/// becomes of the others: what goes wrong is a warning. `ahead` says how far the database's server is ahead of this
/// clock.
pub(in crate::operations) async fn after_create(
    host: &Host<'_>,
    store: &Store<'_>,
    made: &Record,
    ahead: Option<TimeDelta>,
    session: &Session,
    run: &Run,
) -> Automatic {
    let backup = store.project.configuration.backup.as_ref();
    if backup.and_then(|backup| backup.auto_cleanup) == Some(false) {
        return Automatic::default();
    }
    match remove_expired(host, store, made, ahead, session, run).await {
        Ok(automatic) => automatic,
        Err(error) => Automatic {
            removed: None,
            warnings: vec![format!("Expired backups were not removed: {}", reason(&error))],
        },
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::ClockSuspect { reason } => format!("the clock is suspect: {reason}"),
        other => other.with_reason(),
    }
}

async fn remove_expired(
    host: &Host<'_>,
    store: &Store<'_>,
    made: &Record,
    ahead: Option<TimeDelta>,
    session: &Session,
    run: &Run,
) -> Result<Automatic, Error> {
    let now = (host.clock)();
    if !may_remove(store, made, now)? {
        return Ok(Automatic::default());
    }
    let _tidy = store.tidy(run).await?;
    let environment = made.manifest.environment.as_str();
    let mut gathered = gather(store, Some(environment))?;
    let of_database = Some(made.manifest.database.identity.as_str());
    let server = ahead.map(|ahead| Witness { whose: "the database's server", time: now + ahead });
    let suspicion = believe_clock(store, now, server, Some(&made.manifest.backup_id));
    gathered.retain(|one| one.candidate.database.as_deref() == of_database);
    let candidates: Vec<_> = gathered.iter().map(|one| one.candidate.clone()).collect();
    let Plan { decisions, relied_on } = Plan::make(&candidates, &Policy::of_expired(), now);
    let planned = Planned { gathered, decisions, relied_on, now };
    if planned.removed().next().is_none() {
        return Ok(Automatic::default());
    }
    suspicion?;
    if let Some(after) = planned.gathered.iter().find(|one| shows_unseen_loss(one)) {
        let id = &after.candidate.id;
        return Ok(Automatic {
            removed: None,
            warnings: vec![format!(
                "Expired backups of {environment} stay: {id} shows a loss that nobody has looked at. Send cleanup-backups for {environment} to let retention go on"
            )],
        });
    }
    // Only the backup that was proven a moment ago may take the place of what goes.
    let proven = BTreeSet::from([made.manifest.backup_id.clone()]);
    if !planned.unproven(&proven).is_empty() {
        return Ok(Automatic {
            removed: None,
            warnings: vec![format!(
                "Expired backups of {environment} stay: the new backup is not the newest by the clock"
            )],
        });
    }
    session.intend(host, planned.intent(), run).await?;
    let mut so_far = Cleaned::new(planned);
    loop {
        let batch = so_far.next_batch(&so_far.planned);
        if batch.is_empty() {
            return Ok(told(&so_far));
        }
        remove_batch(store, &batch, &mut so_far, run).await?;
    }
}

fn shows_unseen_loss(one: &Gathered) -> bool {
    let record = one.found.as_ref().and_then(|found| found.record.as_ref());
    record.is_some_and(Record::shows_unseen_loss)
}

/// Whether the catalogue knows a backup of that database that has expired: most creates end here.
fn may_remove(store: &Store<'_>, made: &Record, now: DateTime<Utc>) -> Result<bool, Error> {
    let snapshot = store.catalogue.read()?;
    let (views, _) = snapshot.views()?;
    let identity = Some(made.manifest.database.identity.as_str());
    Ok(views.iter().any(|view| {
        view.database_identity.as_deref() == identity
            && view.environment() == made.manifest.environment
            && view.expires_at().is_some_and(|expires_at| expires_at <= now)
    }))
}

fn told(so_far: &Cleaned) -> Automatic {
    let mut removed = AutomaticRetention::default();
    let mut warnings = Vec::new();
    for one in so_far.planned.removed() {
        let id = &one.candidate.id;
        match so_far.outcomes.get(id) {
            Some(Ok(bytes)) => {
                removed.removed_count += 1;
                removed.freed_bytes += bytes.unwrap_or_default();
                if removed.backup_ids.len() < MOST_NAMED {
                    removed.backup_ids.push(id.clone());
                }
            }
            // It expires no less when its reader is done.
            Some(Err(Error::BackupInUse { .. })) | None => {}
            Some(Err(error)) => {
                warnings
                    .push(format!("{id} has expired and is still there: {}", error.with_reason()));
            }
        }
    }
    warnings.truncate(MOST_NAMED);
    Automatic { removed: (removed.removed_count > 0).then_some(removed), warnings }
}
