//! Which runs are remembered: those of the last thirty days, and the newest fifty.

use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};

use super::{RunFolder, Runs};

/// How long every run is remembered.
const REMEMBERED: TimeDelta = TimeDelta::days(30);
/// How many runs are remembered however old they are.
const NEWEST: usize = 50;
/// How long a run that is not under way may take to get there. Longer than any request is answered in.
const START: TimeDelta = TimeDelta::days(1);

/// Removes the folders of runs that nobody will ask for any more. Nothing depends on it: what cannot be removed
/// now is removed later.
pub(super) fn tidy(runs: &Runs, now: DateTime<Utc>) {
    let Ok(folders) = runs.folders() else { return };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for folder in folders {
        match folder.record() {
            Some(record) => known.push((record.started_at, folder)),
            None => unknown.push(folder),
        }
    }
    for folder in forgotten(known, now) {
        folder.remove_unless_alive();
    }
    for folder in unknown.into_iter().filter(|folder| is_abandoned(folder, now)) {
        folder.remove_unless_alive();
    }
}

/// The runs that are too old and too many.
fn forgotten<Folder>(
    mut known: Vec<(DateTime<Utc>, Folder)>,
    now: DateTime<Utc>,
) -> impl Iterator<Item = Folder> {
    known.sort_by_key(|(started_at, _)| std::cmp::Reverse(*started_at));
    let older = known.into_iter().skip(NEWEST);
    older.filter(move |(started_at, _)| now - *started_at > REMEMBERED).map(|(_, folder)| folder)
}

/// Whether a run died before it was under way.
fn is_abandoned(folder: &RunFolder, now: DateTime<Utc>) -> bool {
    let modified = folder.path.metadata().and_then(|metadata| metadata.modified());
    let modified: Option<DateTime<Utc>> = modified.ok().map(|at: SystemTime| at.into());
    modified.is_some_and(|at| now - at > START)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_old_and_beyond_the_newest_is_forgotten() {
        let now: DateTime<Utc> = "2025-01-24T14:00:00Z".parse().unwrap();
        let days_old = |days: i64| now - TimeDelta::days(days);
        let old = (0..60).map(|day| (days_old(31 + day), day)).collect();
        assert_eq!(forgotten(old, now).collect::<Vec<_>>(), (50..60).collect::<Vec<_>>());
        let young = (0..60).map(|run| (days_old(30), run)).collect();
        assert_eq!(forgotten(young, now).count(), 0);
        let future = (0..60).map(|run| (days_old(-400), run)).collect();
        assert_eq!(forgotten(future, now).count(), 0);
    }
}
