//! What a request or the configuration says about which backups may go.

use std::collections::{BTreeMap, BTreeSet};

use backup_protocol::RetentionReason;
use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::Candidate;

/// Which backups may go. A backup goes only where every rule that is given lets it go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Only what has expired.
    pub expired: bool,
    /// Only what is this many days old, of 24 hours each, or older.
    pub older_than_days: Option<u32>,
    /// Only what none of these keeps.
    pub keep: KeepRules,
}

/// Rules that keep: each keeps the newest backup of the last so many, and one that any of them keeps stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepRules {
    /// This many backups.
    pub last: Option<u32>,
    /// Days, in UTC, of which there are backups.
    pub daily: Option<u32>,
    /// ISO weeks, likewise.
    pub weekly: Option<u32>,
    /// Months, likewise.
    pub monthly: Option<u32>,
    /// Years, likewise.
    pub yearly: Option<u32>,
}

impl KeepRules {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Which of these backups of one database the rules keep, each with the first rule that does, by index.
    /// They are given newest first.
    pub(super) fn kept(
        &self,
        newest_first: &[(usize, &Candidate)],
    ) -> BTreeMap<usize, RetentionReason> {
        let mut kept = BTreeMap::new();
        let last = self.last.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX));
        for (index, _) in newest_first.iter().take(last) {
            kept.insert(*index, RetentionReason::KeepLast);
        }
        let periods: [PeriodRule; 4] = [
            (self.daily, day, RetentionReason::KeepDaily),
            (self.weekly, week, RetentionReason::KeepWeekly),
            (self.monthly, month, RetentionReason::KeepMonthly),
            (self.yearly, year, RetentionReason::KeepYearly),
        ];
        for (count, period_of, reason) in periods {
            let count = count.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX));
            let mut seen = BTreeSet::new();
            for (index, candidate) in newest_first {
                if seen.len() == count {
                    break;
                }
                if seen.insert(period_of(candidate.created_at)) {
                    kept.entry(*index).or_insert(reason);
                }
            }
        }
        kept
    }
}

/// How many periods, which, and the reason of what is kept for them.
type PeriodRule = (Option<u32>, fn(DateTime<Utc>) -> Period, RetentionReason);

/// A day, week, month or year: two of the same kind compare equal where they are the same.
type Period = (i32, u32);

fn day(at: DateTime<Utc>) -> Period {
    (at.year(), at.ordinal())
}

fn week(at: DateTime<Utc>) -> Period {
    (at.iso_week().year(), at.iso_week().week())
}

fn month(at: DateTime<Utc>) -> Period {
    (at.year(), at.month())
}

fn year(at: DateTime<Utc>) -> Period {
    (at.year(), 0)
}

impl Policy {
    /// What holds where nothing is said: what has expired may go.
    pub fn of_expired() -> Self {
        Self { expired: true, ..Self::default() }
    }

    /// Why a backup must stay, as far as its own times decide.
    pub(super) fn keeps_by_time(
        &self,
        candidate: &Candidate,
        now: DateTime<Utc>,
    ) -> Option<RetentionReason> {
        let expired = candidate.expires_at.is_some_and(|expires_at| expires_at <= now);
        if self.expired && !expired {
            return Some(RetentionReason::NotExpired);
        }
        let young = self.older_than_days.is_some_and(|days| {
            now.signed_duration_since(candidate.created_at) < TimeDelta::days(days.into())
        });
        young.then_some(RetentionReason::NotOldEnough)
    }

    /// Why a backup may go that nothing keeps.
    pub(super) const fn lets_go(&self) -> RetentionReason {
        if self.expired {
            RetentionReason::Expired
        } else if self.older_than_days.is_some() {
            RetentionReason::OldEnough
        } else {
            RetentionReason::NotKept
        }
    }
}
