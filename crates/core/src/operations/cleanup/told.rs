//! What a cleanup answers: totals, and the plan, backups that go first, then the newest.

use std::collections::BTreeMap;

use backup_protocol::{
    CleanupBackupsParameters, CleanupBackupsResult, RetentionAction, RetentionDecision,
    RetentionReason,
};
use chrono::{DateTime, Utc};

use super::{BATCH, Gathered, Planned};
use crate::error::Error;
use crate::operations::Done;
use crate::operations::find::Found;
use crate::operations::list::{self, DEFAULT_LIMIT, PAGE_BYTES};
use crate::operations::removal::Outcome;
use crate::retention::Decision;
use crate::size;

/// How far a cleanup has got.
pub(super) struct Cleaned {
    /// The plan that was agreed to.
    pub planned: Planned,
    /// What became of each backup that was to go, by its id.
    pub outcomes: BTreeMap<String, Outcome>,
}

impl Cleaned {
    pub(super) fn new(planned: Planned) -> Self {
        Self { planned, outcomes: BTreeMap::new() }
    }

    /// The next that go: those that the plan of now still removes, and that were not tried.
    pub(super) fn next_batch(&self, now: &Planned) -> Vec<Found> {
        let untried = now.removed().filter(|one| !self.outcomes.contains_key(&one.candidate.id));
        untried.filter_map(|one| one.found.clone()).take(BATCH).collect()
    }

    /// Whether nothing that was tried is still there, other than what somebody reads.
    pub(super) fn is_whole(&self) -> bool {
        let stays = |outcome: &Outcome| !matches!(outcome, Ok(_) | Err(Error::BackupInUse { .. }));
        !self.outcomes.values().any(stays)
    }

    /// What was done, for an error that ends it.
    pub(super) fn remains(&self) -> Option<String> {
        let removed = self.outcomes.values().filter(|outcome| outcome.is_ok()).count();
        (removed > 0).then(|| format!("{removed} backups were removed before"))
    }

    /// The plan as it was done, what that freed in bytes, and what could not be removed.
    fn done(&self) -> (Planned, u64, Vec<(String, String)>) {
        let mut planned = self.planned.clone();
        let (mut freed, mut failed) = (0, Vec::new());
        for (one, decision) in planned.gathered.iter().zip(&mut planned.decisions) {
            let stays = |reason| Decision { removes: false, reason };
            match self.outcomes.get(&one.candidate.id) {
                Some(Ok(bytes)) => freed += bytes.unwrap_or_default(),
                Some(Err(Error::BackupInUse { .. })) => *decision = stays(RetentionReason::InUse),
                Some(Err(error)) => {
                    *decision = stays(RetentionReason::RemovalBegun);
                    failed.push((one.candidate.id.clone(), error.with_reason()));
                }
                // The plan of later did not remove it any more.
                None if decision.removes => *decision = stays(RetentionReason::Later),
                None => {}
            }
        }
        (planned, freed, failed)
    }
}

/// A place in the order of the answer.
type Place = (RetentionAction, std::cmp::Reverse<(DateTime<Utc>, String)>);

/// The answer to a dry run.
pub(super) fn planned(
    parameters: &CleanupBackupsParameters,
    planned: &Planned,
    needs_confirmation: bool,
) -> Result<Done, Error> {
    let freed = planned.removed().map(|one| one.size).sum();
    let cursor = parameters.cursor.as_deref().map(read_cursor).transpose()?;
    let mut result = result(parameters, planned, freed, cursor.as_ref());
    result.needs_confirmation = needs_confirmation;
    result.dry_run = true;
    let message = format!(
        "Cleanup would remove {} of {} backups; nothing was removed",
        result.deleted_count, result.total_count
    );
    Done::new(&result, message)
}

/// The answer to a cleanup.
pub(super) fn done(
    parameters: &CleanupBackupsParameters,
    cleaned: &Cleaned,
    warnings: Vec<String>,
) -> Result<Done, Error> {
    let (planned, freed, failed) = cleaned.done();
    if !failed.is_empty() {
        let removed = planned.removed().count();
        let error = Error::CleanupIncomplete { removed, freed, failed };
        return Err(error.with_remains(warnings));
    }
    let mut result = result(parameters, &planned, freed, None);
    result.next_cursor = None;
    result.warnings = warnings;
    let message = format!(
        "Cleanup removed {} of {} backups, {} freed",
        result.deleted_count, result.total_count, result.freed_human
    );
    Done::new(&result, message)
}

fn result(
    parameters: &CleanupBackupsParameters,
    planned: &Planned,
    freed: u64,
    cursor: Option<&Place>,
) -> CleanupBackupsResult {
    let mut ordered: Vec<(Place, RetentionDecision)> = planned
        .gathered
        .iter()
        .zip(&planned.decisions)
        .map(|(one, decision)| (place(one, *decision), shown(one, *decision)))
        .collect();
    ordered.sort_by(|(one, _), (other, _)| one.cmp(other));
    let limit = usize::try_from(parameters.limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(usize::MAX);
    let remaining =
        ordered.into_iter().filter(|(place, _)| cursor.is_none_or(|cursor| place > cursor));
    let (backups, next_cursor) = page(remaining, limit);
    let deleted = planned.removed().count();
    CleanupBackupsResult {
        total_count: planned.gathered.len() as u64,
        deleted_count: deleted as u64,
        kept_count: (planned.gathered.len() - deleted) as u64,
        freed_bytes: freed,
        freed_human: size::human(freed),
        backups,
        replaced: None,
        next_cursor,
        needs_confirmation: false,
        dry_run: false,
        warnings: Vec::new(),
    }
}

/// As many as fit, and the cursor for the rest.
fn page(
    remaining: impl Iterator<Item = (Place, RetentionDecision)>,
    limit: usize,
) -> (Vec<RetentionDecision>, Option<String>) {
    let (mut shown, mut bytes, mut last) = (Vec::new(), 0, None);
    for (place, decision) in remaining {
        let length = serde_json::to_string(&decision).map_or(0, |text| text.len() + 1);
        if shown.len() == limit || bytes + length > PAGE_BYTES {
            return (shown, last.as_ref().map(write_cursor));
        }
        bytes += length;
        shown.push(decision);
        last = Some(place);
    }
    (shown, None)
}

pub(super) fn action(decision: Decision) -> RetentionAction {
    if decision.removes { RetentionAction::Delete } else { RetentionAction::Keep }
}

fn place(one: &Gathered, decision: Decision) -> Place {
    let candidate = &one.candidate;
    (action(decision), std::cmp::Reverse((candidate.created_at, candidate.id.clone())))
}

fn shown(one: &Gathered, decision: Decision) -> RetentionDecision {
    let candidate = &one.candidate;
    RetentionDecision {
        backup_id: candidate.id.clone(),
        environment: candidate.environment.clone(),
        created_at: candidate.created_at,
        expires_at: candidate.expires_at,
        size_bytes: one.size,
        action: action(decision),
        reason: decision.reason,
    }
}

fn write_cursor((action, std::cmp::Reverse((time, id))): &Place) -> String {
    let action = match action {
        RetentionAction::Delete => "delete",
        RetentionAction::Keep => "keep",
    };
    format!("{action}_{}", list::write_cursor(*time, id))
}

fn read_cursor(text: &str) -> Result<Place, Error> {
    let (action, place) = match text.split_once('_') {
        Some(("delete", place)) => (RetentionAction::Delete, place),
        // What else it may be is refused where the place is read.
        Some(("keep", place)) => (RetentionAction::Keep, place),
        _ => (RetentionAction::Keep, text),
    };
    Ok((action, std::cmp::Reverse(list::read_cursor(place)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let time: DateTime<Utc> = "2025-01-24T14:00:00Z".parse().unwrap();
        for action in [RetentionAction::Delete, RetentionAction::Keep] {
            let place = (action, std::cmp::Reverse((time, "backup-20250124-140000-a".to_owned())));
            assert_eq!(read_cursor(&write_cursor(&place)).unwrap(), place);
        }
        for wrong in ["x", "keep_x", "gone_2025-01-24T14:00:00Z_a", ""] {
            assert!(read_cursor(wrong).is_err(), "{wrong}");
        }
    }
}
