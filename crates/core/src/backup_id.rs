//! Backup ids: `backup-YYYYMMDD-HHMMSS[-suffix]`, UTC, at most 63 characters.
//!
//! An id is parsed wherever it enters and never pasted into a path unparsed. Its time is a name, not a
//! fact: a taken second is passed over for the next free one, so rules use `created_at` only.

use std::fmt;

use chrono::{DateTime, Days, NaiveDateTime, TimeDelta, Timelike, Utc};
use thiserror::Error;

/// The longest id: RDS takes snapshot identifiers of up to 63 characters in some engines.
const LONGEST_ID: usize = 63;
/// The longest suffix made from a label.
const LONGEST_SLUG: usize = 40;
const PREFIX: &str = "backup-";
const STAMP_FORMAT: &str = "%Y%m%d-%H%M%S";
const STAMP_LENGTH: usize = "YYYYMMDD-HHMMSS".len();

/// The reasons that make a backup a safety backup.
const SAFETY_REASONS: [&str; 3] = ["pre-migration", "pre-rollback", "pre-operation"];

/// The safety reason that `reason` is: alone, or followed by a space and more words.
pub fn safety_reason(reason: Option<&str>) -> Option<&'static str> {
    let first = reason?.split(' ').next()?;
    SAFETY_REASONS.into_iter().find(|safety| *safety == first)
}

/// A parsed backup id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId(String);

/// The second that an id names; one second names one backup of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Second(NaiveDateTime);

/// A text that is no backup id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a backup id looks like backup-20250124-140000 or backup-20250124-140000-label")]
pub struct NotABackupId;

impl BackupId {
    /// Reads an id.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, NotABackupId> {
        let rest = text.strip_prefix(PREFIX).ok_or(NotABackupId)?;
        let stamp = rest.get(..STAMP_LENGTH).ok_or(NotABackupId)?;
        // chrono takes signs and blanks in numbers; an id has digits only.
        if !stamp.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Err(NotABackupId);
        }
        NaiveDateTime::parse_from_str(stamp, STAMP_FORMAT).map_err(|_| NotABackupId)?;
        match rest.get(STAMP_LENGTH..).unwrap_or_default() {
            "" => {}
            suffix => {
                let slug = suffix.strip_prefix('-').ok_or(NotABackupId)?;
                if text.len() > LONGEST_ID || slug.is_empty() || slugify(slug, LONGEST_ID) != slug {
                    return Err(NotABackupId);
                }
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The first id at or after `now` whose second `is_taken` does not claim.
    pub fn first_free(
        now: DateTime<Utc>,
        suffix: Option<&str>,
        mut is_taken: impl FnMut(Second) -> bool,
    ) -> Self {
        let mut second = Second::of(now);
        while is_taken(second) {
            second = second.next();
        }
        Self::compose(second, suffix)
    }

    fn compose(Second(second): Second, suffix: Option<&str>) -> Self {
        let stamp = second.format(STAMP_FORMAT);
        Self(match suffix {
            Some(suffix) => format!("{PREFIX}{stamp}-{suffix}"),
            None => format!("{PREFIX}{stamp}"),
        })
    }

    /// The second that the id names.
    pub fn second(&self) -> Second {
        let stamp = self.0.get(PREFIX.len()..PREFIX.len() + STAMP_LENGTH).unwrap_or_default();
        Second(NaiveDateTime::parse_from_str(stamp, STAMP_FORMAT).unwrap_or_default())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that a file's name begins with, and the rest of the name from its first dot.
    pub fn from_file_name(name: &str) -> Option<(Self, &str)> {
        let end = name.find('.')?;
        let (id, rest) = name.split_at(end);
        Some((Self::parse(id).ok()?, rest))
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Second {
    fn of(time: DateTime<Utc>) -> Self {
        // Years beyond four digits have no id; a clock that far off gets the last that has one.
        let latest = NaiveDateTime::parse_from_str("99991231-000000", STAMP_FORMAT);
        let time = time.naive_utc().with_nanosecond(0).unwrap_or_default();
        Self(latest.map_or(time, |latest| time.clamp(NaiveDateTime::default(), latest)))
    }

    fn next(self) -> Self {
        Self(self.0.checked_add_signed(TimeDelta::seconds(1)).unwrap_or(self.0))
    }
}

/// The suffix of a new id: a safety reason before the label, else none.
pub fn suffix(label: Option<&str>, reason: Option<&str>) -> Option<String> {
    if let Some(safety) = safety_reason(reason) {
        return Some(safety.to_owned());
    }
    Some(slugify(label?, LONGEST_SLUG)).filter(|slug| !slug.is_empty())
}

/// ASCII lower case, digits and single hyphens, at most `longest` characters.
fn slugify(text: &str, longest: usize) -> String {
    let mut slug = String::with_capacity(longest);
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= longest {
            break;
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// When a backup made at `created_at` expires.
pub fn expires_at(created_at: DateTime<Utc>, retention_days: u32) -> DateTime<Utc> {
    created_at
        .checked_add_days(Days::new(u64::from(retention_days)))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_seeds_ids_are_composed() {
        let now = at("2025-01-24T14:00:00Z");
        let id = |label, reason| {
            BackupId::first_free(now, suffix(label, reason).as_deref(), |_| false).0
        };
        assert_eq!(id(None, None), "backup-20250124-140000");
        assert_eq!(
            id(Some("pre-v2-migration"), Some("before major schema changes")),
            "backup-20250124-140000-pre-v2-migration"
        );
        assert_eq!(
            id(Some("before-migration-deployment"), Some("pre-migration")),
            "backup-20250124-140000-pre-migration"
        );
        assert_eq!(
            id(None, Some("pre-migration safety backup")),
            "backup-20250124-140000-pre-migration"
        );
        assert_eq!(id(Some("x"), Some("pre-migrations")), "backup-20250124-140000-x");
        assert_eq!(id(Some("Ünïcode & \"Quotes\"!"), None), "backup-20250124-140000-n-code-quotes");
        assert_eq!(id(Some("…"), None), "backup-20250124-140000");
    }

    #[test]
    fn taken_seconds_are_passed_over() {
        let taken = Second::of(at("2024-12-31T23:59:59Z"));
        let id = BackupId::first_free(at("2024-12-31T23:59:59.9Z"), None, |second| second == taken);
        assert_eq!(id.as_str(), "backup-20250101-000000");
    }

    #[test]
    fn paths_are_no_ids() {
        for text in [
            "",
            "backup-",
            "backup-20250124-140000-",
            "backup-20250124-140000-../x",
            "backup-20250124-140000-A",
            "backup-20250124-140000--a",
            "backup-20250124-250000",
            "../backup-20250124-140000",
            "backup-20250124-140000\n",
            "backup-+0250124-140000",
            "backup-20250124-140000-a/b",
            "backup-20250124-140000.sql",
        ] {
            assert_eq!(BackupId::parse(text), Err(NotABackupId), "{text}");
        }
    }

    #[test]
    fn file_names_give_their_id() {
        let (id, rest) = BackupId::from_file_name("backup-20250124-140000-a.sql.gz").unwrap();
        assert_eq!((id.as_str(), rest), ("backup-20250124-140000-a", ".sql.gz"));
    }

    proptest! {
        #[test]
        fn every_composed_id_parses_and_fits(label in ".{0,80}", seconds in 0i64..4_000_000_000) {
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let id = BackupId::first_free(now, suffix(Some(&label), None).as_deref(), |_| false);
            prop_assert!(id.as_str().len() <= LONGEST_ID);
            prop_assert_eq!(BackupId::parse(id.as_str()), Ok(id.clone()));
            prop_assert_eq!(id.second(), Second::of(now));
        }
    }
}
