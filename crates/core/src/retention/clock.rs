//! Whether this machine's clock can be believed: a clock that jumped stops every removal.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// How far apart the clocks of two machines may be; a backup from later says that one of them is wrong.
pub const CLOCK_DIFFERENCE: TimeDelta = TimeDelta::minutes(5);
/// How far a witness may be from this clock: more than servers' clocks drift, less than retention counts in.
const WITNESS_DIFFERENCE: TimeDelta = TimeDelta::hours(1);
/// One backup from the future may have been made while a clock was wrong for a moment; more of them say that
/// this clock went back.
const MOST_FUTURE: usize = 1;
/// A project in use makes a backup more often than this. After a longer pause the next backup says that time
/// really passed.
const LONGEST_PAUSE: TimeDelta = TimeDelta::days(366);

/// Another clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Whose, for people: `the file system`, `the database server`.
    pub whose: &'static str,
    /// What it says.
    pub time: DateTime<Utc>,
}

/// This machine's clock, and what speaks for it or against it.
#[derive(Clone, Debug)]
pub struct Clock<'a> {
    /// What it says.
    pub now: DateTime<Utc>,
    /// Other clocks.
    pub witnesses: &'a [Witness],
}

impl Clock<'_> {
    /// Why the clock cannot be believed; none where it can. `made` are the times at which the project's backups
    /// were made, without those of this run.
    pub fn suspicion(&self, made: impl IntoIterator<Item = DateTime<Utc>>) -> Option<String> {
        let shown = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let apart = self.witnesses.iter().find(|witness| {
            witness.time.signed_duration_since(self.now).abs() > WITNESS_DIFFERENCE
        });
        if let Some(Witness { whose, time }) = apart {
            let (now, time) = (shown(self.now), shown(*time));
            return Some(format!("this clock says {now}, that of {whose} {time}"));
        }
        let (mut future, mut newest) = (0, None);
        for at in made {
            if at.signed_duration_since(self.now) > CLOCK_DIFFERENCE {
                future += 1;
            } else {
                newest = newest.max(Some(at));
            }
        }
        if future > MOST_FUTURE {
            let now = shown(self.now);
            return Some(format!("{future} backups were made after {now}, which this clock says"));
        }
        let newest = newest?;
        let pause = self.now.signed_duration_since(newest);
        (pause > LONGEST_PAUSE).then(|| {
            format!(
                "this clock says {}, and the newest backup was made {} days before, on {}",
                shown(self.now),
                pause.num_days(),
                shown(newest)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn suspicion(witness: Option<&str>, made: &[&str]) -> Option<String> {
        let witness = witness.map(|time| Witness { whose: "the file system", time: at(time) });
        let witnesses: Vec<Witness> = witness.into_iter().collect();
        let clock = Clock { now: at("2025-01-24T14:00:00Z"), witnesses: &witnesses };
        clock.suspicion(made.iter().map(|made| at(made)))
    }

    #[test]
    fn a_witness_that_says_otherwise_is_believed() {
        assert_eq!(suspicion(Some("2025-01-24T14:59:59Z"), &[]), None);
        let said = suspicion(Some("2025-01-24T15:00:01Z"), &[]).unwrap();
        assert!(said.contains("the file system 2025-01-24T15:00:01Z"), "{said}");
        assert!(suspicion(Some("2020-01-24T14:00:00Z"), &["2020-01-24T13:00:00Z"]).is_some());
    }

    #[test]
    fn one_backup_from_the_future_is_a_slip_and_two_are_a_clock() {
        let past = "2025-01-23T14:00:00Z";
        assert_eq!(suspicion(None, &[past, "2035-01-24T14:00:00Z"]), None);
        assert_eq!(suspicion(None, &[past, "2025-01-24T14:05:00Z", "2025-01-24T14:04:00Z"]), None);
        let said =
            suspicion(None, &[past, "2035-01-24T14:00:00Z", "2025-01-24T14:06:00Z"]).unwrap();
        assert!(said.starts_with("2 backups were made after"), "{said}");
    }

    #[test]
    fn a_clock_that_is_years_ahead_of_every_backup_is_not_believed() {
        assert_eq!(suspicion(None, &["2024-01-24T14:00:00Z"]), None);
        let made = ["2024-01-01T14:00:00Z", "2023-01-01T14:00:00Z", "2035-01-01T14:00:00Z"];
        let said = suspicion(None, &made).unwrap();
        assert!(said.contains("389 days before, on 2024-01-01T14:00:00Z"), "{said}");
        assert_eq!(suspicion(None, &[]), None, "where nothing is kept nothing can be lost");
    }
}
