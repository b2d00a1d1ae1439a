//! Whether a database has suspiciously less in it than at its last backup.

use backup_protocol::{Format, RowCounts};

use crate::size;

/// Fewer rows than this say nothing: a database of a few rows halves easily.
const FEWEST_ROWS: u64 = 10;
/// A smaller dump says nothing.
const FEWEST_BYTES: u64 = size::MIB;
/// How many tables a warning names.
const MOST_NAMED: usize = 3;

/// How much was in a backup.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// Rows by table.
    pub row_counts: &'a RowCounts,
    /// The dump's length before compression, in bytes.
    pub raw_bytes: u64,
    /// The dump's format: lengths of different ones cannot be compared.
    pub format: Format,
}

/// A warning where half of the rows or more are gone since the backup `former_id`, or, where rows are not
/// known, half of the dump's length.
pub fn warning(former_id: &str, former: Content<'_>, now: Content<'_>) -> Option<String> {
    // A table that was not counted now says nothing; one that is not there any more has no rows.
    let uncounted = |table: &String| matches!(now.row_counts.get(table), Some(None));
    let then = former.row_counts.iter().filter(|(table, _)| !uncounted(table));
    let rows_then: u64 = then.filter_map(|(_, count)| *count).sum();
    let rows_now: u64 = now.row_counts.values().flatten().sum();
    let lost_rows = rows_then >= FEWEST_ROWS && rows_now <= rows_then / 2;
    if lost_rows {
        return Some(format!(
            "The database has lost {} % of its rows since {former_id}: {rows_then} then, {rows_now} now{}. Keep that backup until you know why",
            percent_lost(rows_then, rows_now),
            tables(former.row_counts, now.row_counts)
        ));
    }
    let lost_bytes = former.format == now.format
        && former.raw_bytes >= FEWEST_BYTES
        && now.raw_bytes <= former.raw_bytes / 2;
    lost_bytes.then(|| {
        format!(
            "The dump is {} % smaller than that of {former_id}: {} then, {} now. Keep that backup until you know why",
            percent_lost(former.raw_bytes, now.raw_bytes),
            size::human(former.raw_bytes),
            size::human(now.raw_bytes)
        )
    })
}

fn percent_lost(then: u64, now: u64) -> u64 {
    let lost = u128::from(then.saturating_sub(now)) * 100 / u128::from(then.max(1));
    u64::try_from(lost).unwrap_or(100)
}

/// The tables that lost the most.
fn tables(then: &RowCounts, now: &RowCounts) -> String {
    let mut losses: Vec<(u64, String)> = then
        .iter()
        .filter_map(|(table, count)| {
            let before = (*count)?;
            match now.get(table) {
                Some(Some(after)) if *after < before => {
                    Some((before - after, format!("{table} {before} → {after}")))
                }
                None => Some((before, format!("{table} {before} → gone"))),
                _ => None,
            }
        })
        .collect();
    losses.sort_by(|one, other| other.cmp(one));
    let named: Vec<String> = losses.into_iter().take(MOST_NAMED).map(|(_, text)| text).collect();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> RowCounts {
        counts.iter().map(|(table, count)| ((*table).to_owned(), Some(*count))).collect()
    }

    fn warned(then: &[(&str, u64)], now: &[(&str, u64)]) -> Option<String> {
        let (then, now) = (counts(then), counts(now));
        let content = |row_counts| Content { row_counts, raw_bytes: 10, format: Format::Sql };
        warning("backup-20250124-140000", content(&then), content(&now))
    }

    #[test]
    fn who_loses_nine_rows_of_ten_is_told_where() {
        let text = warned(&[("a", 900), ("b", 100)], &[("a", 50), ("b", 50)]).unwrap();
        assert!(text.starts_with("The database has lost 90 % of its rows since backup-20250124-140000: 1000 then, 100 now (a 900 → 50, b 100 → 50)"), "{text}");
        assert!(warned(&[("a", 900)], &[]).unwrap().contains("a 900 → gone"));
    }

    #[test]
    fn growth_ordinary_change_and_little_say_nothing() {
        assert_eq!(warned(&[("a", 100)], &[("a", 1000)]), None);
        assert_eq!(warned(&[("a", 100)], &[("a", 51)]), None);
        assert_eq!(warned(&[("a", 9)], &[("a", 0)]), None);
    }

    #[test]
    fn what_is_not_counted_is_not_lost() {
        let then = counts(&[("a", 900), ("b", 100)]);
        let mut now = counts(&[("b", 100)]);
        now.insert("a".to_owned(), None);
        let content = |row_counts| Content { row_counts, raw_bytes: 10, format: Format::Sql };
        assert_eq!(warning("x", content(&then), content(&now)), None);
    }

    #[test]
    fn where_rows_are_unknown_the_length_tells() {
        let unknown: RowCounts = [("a".to_owned(), None)].into();
        let content =
            |raw_bytes| Content { row_counts: &unknown, raw_bytes, format: Format::Custom };
        let text = warning("x", content(100 * size::MIB), content(size::MIB)).unwrap();
        assert!(text.starts_with("The dump is 99 % smaller"), "{text}");
        assert_eq!(warning("x", content(100 * size::MIB), content(60 * size::MIB)), None);
    }
}
