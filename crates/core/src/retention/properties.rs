//! Random catalogues, policies and clocks: what must never go never goes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::clock::CLOCK_DIFFERENCE;
use super::*;

/// Takes facts off a random number, a few bits at a time.
struct Bits(u64);

impl Bits {
    fn below(&mut self, count: u64) -> u64 {
        let taken = self.0 % count;
        self.0 /= count;
        taken
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

fn candidate(index: usize, number: u64, now: DateTime<Utc>) -> Candidate {
    let mut bits = Bits(number);
    // Mostly within the last two months, close together; some years away, to either side.
    let hours = match bits.below(16) {
        0 => 24 * 365 * 2,
        1 => -24 * 400,
        2 => -1,
        _ => i64::try_from(bits.below(24 * 60)).unwrap(),
    };
    let created_at =
        now - TimeDelta::hours(hours) - TimeDelta::seconds(bits.below(2).cast_signed());
    let retention = i64::try_from(bits.below(60)).unwrap();
    Candidate {
        id: format!("backup-{index:02}"),
        environment: ["dev", "production"][usize::from(bits.one_in(2))].to_owned(),
        database: (!bits.one_in(16)).then(|| ["a", "b"][usize::from(bits.one_in(4))].to_owned()),
        created_at,
        expires_at: (!bits.one_in(16)).then(|| created_at + TimeDelta::days(retention)),
        verified: !bits.one_in(4),
        artifact_exists: !bits.one_in(8),
        pinned: bits.one_in(16),
        important: bits.one_in(16),
        safety_backup: bits.one_in(6),
        removal_begun: bits.one_in(16),
        before_loss: bits.one_in(16),
        shrunk_since: (index > 0 && bits.one_in(16)).then(|| {
            let before = bits.below(index as u64);
            format!("backup-{before:02}")
        }),
    }
}

fn policy(number: u64) -> Policy {
    let mut bits = Bits(number);
    let mut some =
        |most: u64| (!bits.one_in(2)).then(|| u32::try_from(1 + bits.below(most)).unwrap());
    let older_than_days = some(50);
    let (last, daily, weekly, monthly, yearly) = (some(5), some(9), some(4), some(3), some(2));
    let keep = match number % 4 {
        0 => KeepRules::default(),
        1 => KeepRules { last, ..KeepRules::default() },
        _ => KeepRules { last, daily, weekly, monthly, yearly },
    };
    match number % 3 {
        0 => Policy::of_expired(),
        1 => Policy { expired: true, older_than_days, keep },
        _ => Policy { expired: false, older_than_days, keep },
    }
}

/// When the clock stands: leap days, the nights of daylight saving, the turn of a year, far away.
fn clock(number: u64) -> DateTime<Utc> {
    let times = [
        "2024-02-29T23:59:59Z",
        "2025-03-30T01:00:00Z",
        "2025-10-26T01:30:00Z",
        "2024-12-31T23:59:59Z",
        "2025-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "9999-12-31T00:00:00Z",
    ];
    let mut bits = Bits(number);
    let time: DateTime<Utc> = times[usize::try_from(bits.below(7)).unwrap()].parse().unwrap();
    time + TimeDelta::seconds(bits.below(86_400).cast_signed())
}

/// The backups that go.
fn removed<'a>(candidates: &'a [Candidate], plan: &Plan) -> BTreeSet<&'a str> {
    let pairs = candidates.iter().zip(&plan.decisions);
    pairs.filter(|(_, decision)| decision.removes).map(|(one, _)| one.id.as_str()).collect()
}

/// The newest backup, by a key, of those that a test calls good.
fn newest<'a, K: Ord>(
    candidates: &'a [Candidate],
    good: impl Fn(&Candidate) -> bool,
    key: impl Fn(&'a Candidate) -> K,
) -> BTreeMap<K, &'a Candidate> {
    let mut newest: BTreeMap<K, &Candidate> = BTreeMap::new();
    for one in candidates.iter().filter(|one| good(one)) {
        let place = newest.entry(key(one)).or_insert(one);
        if (one.created_at, &one.id) > (place.created_at, &place.id) {
            *place = one;
        }
    }
    newest
}

fn check(candidates: &[Candidate], policy: &Policy, now: DateTime<Utc>) {
    let plan = Plan::make(candidates, policy, now);
    let gone = removed(candidates, &plan);
    assert_eq!(plan.decisions.len(), candidates.len());
    let good = |one: &Candidate| one.verified && one.artifact_exists;
    for (place, last) in newest(candidates, good, |one| &one.environment) {
        assert!(!gone.contains(last.id.as_str()), "the last good one of {place}");
    }
    let past = |one: &Candidate| one.created_at - now <= CLOCK_DIFFERENCE && !one.removal_begun;
    let shields =
        newest(candidates, |one| good(one) && past(one), |one| (&one.environment, &one.database));
    for (index, one) in candidates.iter().enumerate() {
        let shield = shields.get(&(&one.environment, &one.database));
        if !gone.contains(one.id.as_str()) {
            continue;
        }
        let shield = shield.expect("something newer and verified takes its place, or it stays");
        assert_ne!(shield.id, one.id);
        let place = candidates.iter().position(|candidate| candidate.id == shield.id).unwrap();
        assert!(plan.relied_on.contains(&place) && !plan.relied_on.contains(&index));
        assert!(one.database.is_some() && !one.pinned && !one.important && !one.before_loss);
        assert!(past(one), "nobody knows how old what is from the future is");
        assert!(!one.safety_backup || now - one.created_at >= TimeDelta::days(90));
        assert!(!policy.expired || one.expires_at.unwrap() <= now);
        let days = policy.older_than_days.unwrap_or_default();
        assert!(now - one.created_at >= TimeDelta::days(days.into()) || days == 0);
        let same = |other: &&Candidate| {
            (&other.environment, &other.database) == (&one.environment, &one.database)
        };
        let lost = |other: &Candidate| other.shrunk_since.as_ref() == Some(&one.id);
        assert!(!candidates.iter().filter(same).any(lost), "the one before a loss");
        let newer = candidates.iter().filter(same).filter(|other| {
            good(other) && past(other) && (other.created_at, &other.id) > (one.created_at, &one.id)
        });
        let (counts, newer) = (good(one), newer.collect::<Vec<_>>());
        if counts {
            assert!(newer.len() >= policy.keep.last.unwrap_or_default() as usize);
            let days: BTreeSet<_> = newer.iter().map(|one| one.created_at.date_naive()).collect();
            let its_own = days.contains(&one.created_at.date_naive());
            assert!(its_own || days.len() >= policy.keep.daily.unwrap_or_default() as usize);
        }
    }
}

fn check_stability(candidates: &[Candidate], policy: &Policy, now: DateTime<Utc>) {
    let gone = Plan::make(candidates, policy, now);
    let gone = removed(candidates, &gone);
    let mut other_order = candidates.to_vec();
    other_order.reverse();
    let plan = Plan::make(&other_order, policy, now);
    assert_eq!(removed(&other_order, &plan), gone, "the order in which they are read is no rule");
    other_order.retain(|one| !gone.contains(one.id.as_str()));
    let again = Plan::make(&other_order, policy, now);
    assert_eq!(removed(&other_order, &again), BTreeSet::new(), "what stays, stays");
    if policy.keep.is_empty() {
        let earlier = now - TimeDelta::days(40);
        let plan = Plan::make(candidates, policy, earlier);
        let early = removed(candidates, &plan);
        assert!(early.is_subset(&gone), "a clock that jumps back removes nothing more");
    }
}

proptest! {
    // The number of cases is what this project promises.
    #![proptest_config(ProptestConfig { cases: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_must_never_go_never_goes(
        numbers in prop::collection::vec(any::<u64>(), 0..14),
        policy_number in any::<u64>(),
        clock_number in any::<u64>(),
    ) {
        let (now, policy) = (clock(clock_number), policy(policy_number));
        let candidates: Vec<Candidate> =
            numbers.iter().enumerate().map(|(index, number)| candidate(index, *number, now)).collect();
        check(&candidates, &policy, now);
        check_stability(&candidates, &policy, now);
    }
}

fn made(id: &str, created_at: &str, days: i64) -> Candidate {
    let created_at: DateTime<Utc> = created_at.parse().unwrap();
    Candidate {
        id: id.to_owned(),
        environment: "dev".to_owned(),
        database: Some("a".to_owned()),
        created_at,
        expires_at: Some(created_at + TimeDelta::days(days)),
        verified: true,
        artifact_exists: true,
        ..Candidate::default()
    }
}

fn reasons(candidates: &[Candidate], policy: &Policy, now: &str) -> Vec<String> {
    let plan = Plan::make(candidates, policy, now.parse().unwrap());
    let told = |decision: &Decision| {
        let reason = serde_json::to_value(decision.reason).unwrap();
        let action = if decision.removes { "delete" } else { "keep" };
        format!("{action} {}", reason.as_str().unwrap())
    };
    plan.decisions.iter().map(told).collect()
}

#[test]
fn a_backup_expires_with_the_second() {
    let backups = [made("a", "2025-01-24T14:00:00Z", 30), made("b", "2025-03-01T00:00:00Z", 30)];
    let policy = Policy::of_expired();
    let before = reasons(&backups, &policy, "2025-02-23T13:59:59Z");
    assert_eq!(before, ["keep last_good_backup", "keep from_the_future"]);
    let backups = [made("a", "2025-01-24T14:00:00Z", 30), made("b", "2025-01-25T00:00:00Z", 30)];
    assert_eq!(reasons(&backups, &policy, "2025-02-23T13:59:59Z")[0], "keep not_expired");
    assert_eq!(reasons(&backups, &policy, "2025-02-23T14:00:00Z")[0], "delete expired");
}

#[test]
fn failed_backups_never_take_the_place_of_a_good_one() {
    let mut backups: Vec<Candidate> = (1..9)
        .map(|day| made(&format!("b{day}"), &format!("2025-01-0{day}T00:00:00Z"), 1))
        .collect();
    for failed in &mut backups[1..] {
        failed.verified = false;
    }
    let last =
        Policy { keep: KeepRules { last: Some(2), ..KeepRules::default() }, ..Policy::default() };
    let told = reasons(&backups, &last, "2025-02-01T00:00:00Z");
    assert_eq!(told[0], "keep last_good_backup");
    assert_eq!(told[1..], vec!["delete not_kept"; 7]);
    backups[0].verified = false;
    let told = reasons(&backups, &last, "2025-02-01T00:00:00Z");
    assert_eq!(told, vec!["keep nothing_verified"; 8]);
}

#[test]
fn generations_count_periods_that_have_backups() {
    let times = [
        "2023-06-01T00:00:00Z",
        "2024-12-30T00:00:00Z",
        "2025-01-01T00:00:00Z",
        "2025-01-05T10:00:00Z",
        "2025-01-05T11:00:00Z",
        "2025-01-20T00:00:00Z",
    ];
    let backups: Vec<Candidate> =
        times.iter().enumerate().map(|(at, time)| made(&at.to_string(), time, 1)).collect();
    let keep = KeepRules {
        daily: Some(2),
        weekly: Some(2),
        monthly: Some(2),
        yearly: Some(3),
        ..KeepRules::default()
    };
    let policy = Policy { keep, ..Policy::default() };
    assert_eq!(
        reasons(&backups, &policy, "2025-01-20T12:00:00Z"),
        [
            "keep keep_yearly",
            // December; its ISO week is the first of 2025, of which a newer one is kept.
            "keep keep_monthly",
            "delete not_kept",
            "delete not_kept",
            "keep keep_daily",
            "keep last_good_backup",
        ]
    );
}

#[test]
fn what_was_before_a_loss_stays_and_so_does_what_shows_it() {
    let mut backups: Vec<Candidate> = (1..6)
        .map(|day| made(&format!("b{day}"), &format!("2025-01-0{day}T00:00:00Z"), 1))
        .collect();
    backups[2].shrunk_since = Some("b2".to_owned());
    assert_eq!(
        reasons(&backups, &Policy::of_expired(), "2025-02-01T00:00:00Z"),
        [
            "delete expired",
            "keep before_loss",
            "keep shows_loss",
            "delete expired",
            "keep last_good_backup"
        ]
    );
    backups.remove(1);
    assert_eq!(
        reasons(&backups, &Policy::of_expired(), "2025-02-01T00:00:00Z")[1],
        "delete expired"
    );
}
