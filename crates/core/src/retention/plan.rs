//! The retention plan: which backups stay and which go, each with the reason.

use std::collections::{BTreeMap, BTreeSet};

use backup_protocol::RetentionReason;
use chrono::{DateTime, TimeDelta, Utc};

use super::Policy;
use super::clock::CLOCK_DIFFERENCE;
use super::period::SAFETY_DAYS;

/// A backup as retention sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts of a backup, independent of each other")]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// The environment.
    pub environment: String,
    /// The digest of its database; none where no manifest can be read, so that nothing is known for sure.
    pub database: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether a verification reached plausible size and none has failed since.
    pub verified: bool,
    /// Whether its artifact is there.
    pub artifact_exists: bool,
    /// Whether somebody wants it kept for ever.
    pub pinned: bool,
    /// Whether its label or a tag is `manual` or `important`.
    pub important: bool,
    /// Whether it was made before something dangerous.
    pub safety_backup: bool,
    /// Whether its removal was begun.
    pub removal_begun: bool,
    /// Whether its database lost much after it was made.
    pub before_loss: bool,
    /// The backup since which its database had lost much when it was made.
    pub shrunk_since: Option<String>,
}

/// What becomes of one backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it goes.
    pub removes: bool,
    /// Why.
    pub reason: RetentionReason,
}

/// What becomes of each backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the candidates.
    pub decisions: Vec<Decision>,
    /// The backups that must be sound for the plan to be safe, by index: what takes the place of those that go.
    pub relied_on: BTreeSet<usize>,
}

/// The backups of one database of one environment.
type Group<'a> = BTreeMap<(&'a str, &'a str), Vec<(usize, &'a Candidate)>>;

impl Plan {
    /// Plans for a whole project. Backups of different databases or environments never stand for each other.
    pub fn make(candidates: &[Candidate], policy: &Policy, now: DateTime<Utc>) -> Self {
        let mut decisions: Vec<Decision> =
            candidates.iter().map(|_| keep(RetentionReason::NoManifest)).collect();
        let mut relied_on = BTreeSet::new();
        let mut groups = Group::new();
        for (index, candidate) in candidates.iter().enumerate() {
            if let Some(database) = &candidate.database {
                let place = groups.entry((candidate.environment.as_str(), database)).or_default();
                place.push((index, candidate));
            }
        }
        for group in groups.values_mut() {
            group.sort_by(|(_, one), (_, other)| other.place().cmp(&one.place()));
            let context = Context::of(group, policy, now);
            let mut removes = false;
            for (index, candidate) in &*group {
                let decision = context.decide(*index, candidate);
                removes |= decision.removes;
                if let Some(place) = decisions.get_mut(*index) {
                    *place = decision;
                }
            }
            if removes {
                relied_on.extend(context.last_good);
                relied_on.extend(context.kept.keys());
            }
        }
        Self { decisions, relied_on }
    }
}

const fn keep(reason: RetentionReason) -> Decision {
    Decision { removes: false, reason }
}

/// What is known of a group when its backups are decided on, one by one.
struct Context<'a> {
    policy: &'a Policy,
    now: DateTime<Utc>,
    /// The newest backup that counts.
    last_good: Option<usize>,
    /// What the policy's rules keep.
    kept: BTreeMap<usize, RetentionReason>,
    /// Backups before a loss, and those that show it.
    before_loss: BTreeSet<&'a str>,
    after_loss: BTreeSet<&'a str>,
}

impl<'a> Context<'a> {
    fn of(newest_first: &[(usize, &'a Candidate)], policy: &'a Policy, now: DateTime<Utc>) -> Self {
        let counted: Vec<(usize, &Candidate)> =
            newest_first.iter().copied().filter(|(_, one)| counts(one, now)).collect();
        let ids: BTreeSet<&str> = newest_first.iter().map(|(_, one)| one.id.as_str()).collect();
        let losses = newest_first.iter().filter_map(|(_, after)| {
            let before = after.shrunk_since.as_deref().filter(|before| ids.contains(before))?;
            Some((before, after.id.as_str()))
        });
        let (before_loss, after_loss) = losses.unzip();
        Self {
            policy,
            now,
            last_good: counted.first().map(|(index, _)| *index),
            kept: policy.keep.kept(&counted),
            before_loss,
            after_loss,
        }
    }

    /// Decides on one backup: first what no policy can touch, then what the policy says.
    fn decide(&self, index: usize, candidate: &Candidate) -> Decision {
        let reason = self.holds(index, candidate);
        let reason = reason.or_else(|| self.policy.keeps_by_time(candidate, self.now));
        let reason = reason.or_else(|| self.kept.get(&index).copied());
        reason.map_or(Decision { removes: true, reason: self.policy.lets_go() }, keep)
    }

    /// Why no policy can touch a backup.
    fn holds(&self, index: usize, candidate: &Candidate) -> Option<RetentionReason> {
        let age = self.now.signed_duration_since(candidate.created_at);
        let id = candidate.id.as_str();
        let holds = [
            (candidate.removal_begun, RetentionReason::RemovalBegun),
            (self.last_good == Some(index), RetentionReason::LastGoodBackup),
            (candidate.pinned, RetentionReason::Pinned),
            (candidate.important, RetentionReason::Important),
            (candidate.before_loss || self.before_loss.contains(id), RetentionReason::BeforeLoss),
            (self.after_loss.contains(id), RetentionReason::ShowsLoss),
            (self.last_good.is_none(), RetentionReason::NothingVerified),
            (is_future(candidate, self.now), RetentionReason::FromTheFuture),
            (
                candidate.safety_backup && age < TimeDelta::days(SAFETY_DAYS.into()),
                RetentionReason::SafetyBackup,
            ),
        ];
        holds.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }
}

/// The newest backup that can take another's place, of one database or, where that is not known, of any.
pub fn newest_good<'a>(
    candidates: impl IntoIterator<Item = &'a Candidate>,
    database: Option<&str>,
    now: DateTime<Utc>,
) -> Option<&'a Candidate> {
    let same = |one: &&Candidate| database.is_none() || one.database.as_deref() == database;
    let good = candidates.into_iter().filter(|one| counts(one, now) && one.database.is_some());
    good.filter(same).max_by_key(|one| one.place())
}

impl Candidate {
    /// Its place among others: by true time, then by id.
    pub fn place(&self) -> (DateTime<Utc>, &str) {
        (self.created_at, &self.id)
    }
}

/// Whether a backup can take another's place: one from the future cannot, since nobody knows when it was made.
fn counts(candidate: &Candidate, now: DateTime<Utc>) -> bool {
    candidate.verified
        && candidate.artifact_exists
        && !candidate.removal_begun
        && !is_future(candidate, now)
}

/// Whether a backup was made later than it is now, so that nobody knows how old it is.
pub fn is_future(candidate: &Candidate, now: DateTime<Utc>) -> bool {
    candidate.created_at.signed_duration_since(now) > CLOCK_DIFFERENCE
}
