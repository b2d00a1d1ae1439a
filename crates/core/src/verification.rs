//! Grading evidence: from what an examination found to how far the proof got.

use std::path::Path;

use backup_protocol::{Evidence, RowCounts};

use crate::error::VerificationFailure;
use crate::handler::{Checksums, Dumped, Examination, ScratchRestored};
use crate::records::{Artifact, Manifest, Migrations};

/// What a passed verification reached: the structure is whole, the bytes are those that were written, the
/// size is what the database can have. Further needs a restore.
pub const REACHED: Evidence = Evidence::PlausibleSize;

/// How many tables a finding names.
const MOST_TABLES_NAMED: usize = 5;

/// Grades a fresh artifact: what was read back must be what passed, whole, with every table and row, and not
/// too small. Says what was proven: the bytes, and the rows by table.
///
/// # Errors
/// The failure says what is wrong.
pub fn grade_new(
    file: &Path,
    dumped: &Dumped,
    found: &Examination,
) -> Result<(Checksums, RowCounts), VerificationFailure> {
    let expected_minimum = dumped.expected_minimum;
    let failed = |finding: String| VerificationFailure {
        file: file_name(file),
        expected_minimum,
        actual: found.stored_bytes,
        readable: true,
        finding,
        words: None,
    };
    if let Some(flaw) = &found.flaw {
        return Err(failed(flaw.clone()));
    }
    let stored = (found.stored_bytes, found.stored_sha256.clone());
    let (raw_bytes, raw_sha256) = match &found.raw {
        Some((bytes, Some(sha256))) => (*bytes, sha256.clone()),
        Some((_, None)) => return Err(failed("its content was not compared".to_owned())),
        None => stored,
    };
    let checksums = Checksums {
        stored_bytes: found.stored_bytes,
        stored_sha256: found.stored_sha256.clone(),
        raw_bytes,
        raw_sha256,
    };
    if dumped.passed.as_ref().is_some_and(|passed| *passed != checksums) {
        return Err(failed("the file does not hold the bytes that were written to it".to_owned()));
    }
    if raw_bytes < expected_minimum {
        let finding = format!("{raw_bytes} bytes are less than this database can have");
        return Err(VerificationFailure { actual: raw_bytes, ..failed(finding) });
    }
    let Some(counted) = &found.row_counts else {
        return Ok((checksums, dumped.row_counts.clone()));
    };
    match differences(&dumped.row_counts, counted) {
        Some(finding) => Err(failed(finding)),
        None => Ok((checksums, proven_rows(&dumped.row_counts, counted))),
    }
}

/// The tables that must be in a dump, each with the rows that were found where the database did not tell.
fn proven_rows(expected: &RowCounts, counted: &RowCounts) -> RowCounts {
    let row = |(table, count): (&String, &Option<u64>)| {
        (table.clone(), count.or_else(|| counted.get(table).copied().flatten()))
    };
    expected.iter().map(row).collect()
}

/// What a dump has too little or too much of; none where every table and row that must be there is.
fn differences(expected: &RowCounts, counted: &RowCounts) -> Option<String> {
    let different: Vec<String> = expected
        .iter()
        .filter_map(|(table, count)| match (count, counted.get(table)) {
            (_, None) => Some(format!("{table} is missing")),
            (Some(count), Some(Some(found))) if count != found => {
                Some(format!("{table} has {found} of {count} rows"))
            }
            _ => None,
        })
        .collect();
    let named: Vec<&str> = different.iter().take(MOST_TABLES_NAMED).map(String::as_str).collect();
    match different.len() {
        0 => None,
        count if count > MOST_TABLES_NAMED => {
            Some(format!("{} and {} more", named.join(", "), count - MOST_TABLES_NAMED))
        }
        _ => Some(named.join(", ")),
    }
}

/// Grades a recorded artifact against its manifest.
///
/// # Errors
/// The failure says what is wrong.
pub fn grade_recorded(
    file: &Path,
    recorded: &Artifact,
    found: &Examination,
) -> Result<(), VerificationFailure> {
    let failed = |finding: &str| VerificationFailure {
        file: file_name(file),
        expected_minimum: recorded.size_bytes,
        actual: found.stored_bytes,
        readable: true,
        finding: finding.to_owned(),
        words: None,
    };
    if found.stored_bytes != recorded.size_bytes {
        return Err(failed("the size is not the recorded one"));
    }
    if found.stored_sha256 != recorded.sha256 {
        return Err(failed("the checksum is not the recorded one"));
    }
    if let Some(flaw) = &found.flaw {
        return Err(failed(flaw));
    }
    let is_another = |(bytes, sha256): &(u64, Option<String>)| {
        *bytes != recorded.raw_size_bytes
            || sha256.as_ref().is_some_and(|sha256| *sha256 != recorded.raw_sha256)
    };
    if found.raw.as_ref().is_some_and(is_another) {
        return Err(failed("the uncompressed content is not the recorded one"));
    }
    Ok(())
}

/// How far a restore proved a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It loaded without an error; not every count is known.
    Loaded,
    /// And every table has as many rows as were recorded.
    RowsEqual,
}

impl Restored {
    /// The evidence that it is.
    pub const fn evidence(self) -> Evidence {
        match self {
            Self::Loaded => Evidence::Restored,
            Self::RowsEqual => Evidence::RowsEqual,
        }
    }
}

/// Grades what a restore brought back against what was recorded. Only exact counts are compared.
///
/// # Errors
/// The failure names what differs.
pub fn grade_restored(
    file: &Path,
    manifest: &Manifest,
    restored: &ScratchRestored,
) -> Result<Restored, VerificationFailure> {
    let failed = |finding: String| VerificationFailure {
        file: file_name(file),
        expected_minimum: manifest.artifact.size_bytes,
        actual: manifest.artifact.size_bytes,
        readable: true,
        finding: format!("restored, it is not what was recorded: {finding}"),
        words: None,
    };
    let recorded = &manifest.row_counts;
    let counted = &as_recorded(recorded, &restored.row_counts);
    if let Some(finding) = differences(recorded, counted) {
        return Err(failed(finding));
    }
    let strange = counted
        .iter()
        .find(|(table, rows)| !recorded.contains_key(*table) && rows.is_some_and(|rows| rows > 0));
    if let Some((table, _)) = strange {
        return Err(failed(format!("{table} has rows and was not there")));
    }
    // Of nothing it cannot be said that it is equal.
    let all_known = !recorded.is_empty()
        && recorded
            .iter()
            .all(|(table, rows)| rows.is_some() && counted.get(table).is_some_and(Option::is_some));
    Ok(if all_known { Restored::RowsEqual } else { Restored::Loaded })
}

/// The counts under the names that were recorded: another server may spell them in lower case.
fn as_recorded(recorded: &RowCounts, counted: &RowCounts) -> RowCounts {
    let spelled = |name: &String| {
        if recorded.contains_key(name) {
            return name.clone();
        }
        let lower = name.to_lowercase();
        let mut same = recorded.keys().filter(|known| known.to_lowercase() == lower);
        match (same.next(), same.next()) {
            (Some(only), None) if !counted.contains_key(only) => only.clone(),
            _ => name.clone(),
        }
    };
    counted.iter().map(|(name, rows)| (spelled(name), *rows)).collect()
}

/// What the caller should know where the migrations that came back are not those that were recorded. The bytes are the
/// recorded ones, so it is the place that differs where they are looked for: another `schema=`, another table.
pub fn migrations_warning(manifest: &Manifest, restored: &Migrations) -> Option<String> {
    // Two names of one instant have no order of their own.
    let sorted = |migrations: &Migrations| {
        let mut names = migrations.migrations_list.clone();
        names.sort();
        names
    };
    (sorted(&manifest.migrations) != sorted(restored)).then(|| {
        format!(
            "{} migrations were recorded, and {} are found where this environment's URL and migrations.table say",
            manifest.migrations.applied_count, restored.applied_count
        )
    })
}

/// The failure of an artifact that is a folder where it should be a file, or the other way round.
pub fn of_another_kind(file: &Path, expected: u64) -> VerificationFailure {
    let kind = if file.is_dir() { "a folder, not a file" } else { "a file, not a folder" };
    VerificationFailure { finding: format!("it is {kind}"), ..missing(file, expected) }
}

/// The failure of an artifact that is not there.
pub fn missing(file: &Path, expected: u64) -> VerificationFailure {
    VerificationFailure {
        file: file_name(file),
        expected_minimum: expected,
        actual: 0,
        readable: false,
        finding: "the file is missing".to_owned(),
        words: None,
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: u64) -> Examination {
        Examination {
            stored_bytes: bytes,
            stored_sha256: "aa".to_owned(),
            raw: None,
            flaw: None,
            row_counts: None,
        }
    }

    fn counts(counts: &[(&str, Option<u64>)]) -> RowCounts {
        counts.iter().map(|(table, count)| ((*table).to_owned(), *count)).collect()
    }

    /// A dump of so many bytes, as they passed, that must have at least so many.
    fn dumped(passed: Option<u64>, expected_minimum: u64) -> Dumped {
        let passed = passed.map(|bytes| Checksums {
            stored_bytes: bytes,
            stored_sha256: "aa".to_owned(),
            raw_bytes: bytes,
            raw_sha256: "aa".to_owned(),
        });
        Dumped {
            passed,
            migrations: Migrations::default(),
            row_counts: RowCounts::new(),
            globals: None,
            server: None,
            compression: crate::handler::Compression::None,
            expected_minimum,
            writers_blocked_seconds: None,
            tools: std::collections::BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_fresh_artifact_must_be_what_passed() {
        let file = Path::new("a.sql");
        assert!(grade_new(file, &dumped(Some(5), 5), &found(5)).is_ok());
        assert!(grade_new(file, &dumped(Some(6), 0), &found(5)).is_err());
        assert!(grade_new(file, &dumped(None, 6), &found(5)).is_err());
        let flawed = Examination { flaw: Some("no end".to_owned()), ..found(5) };
        assert_eq!(grade_new(file, &dumped(None, 0), &flawed).unwrap_err().finding, "no end");
    }

    #[test]
    fn every_table_and_every_row_must_be_there() {
        let expected = counts(&[("a", Some(2)), ("b", None), ("c", Some(0))]);
        let dumped = Dumped { row_counts: expected, ..dumped(None, 0) };
        let graded = |rows: &[(&str, Option<u64>)]| {
            let found = Examination { row_counts: Some(counts(rows)), ..found(5) };
            grade_new(Path::new("a.sql"), &dumped, &found).map_err(|failure| failure.finding)
        };
        let whole = [("a", Some(2)), ("b", Some(7)), ("c", Some(0)), ("extension's", Some(1))];
        let (_, rows) = graded(&whole).unwrap();
        assert_eq!(rows, counts(&[("a", Some(2)), ("b", Some(7)), ("c", Some(0))]));
        let few = graded(&[("a", Some(1)), ("c", Some(0))]).unwrap_err();
        assert_eq!(few, "a has 1 of 2 rows, b is missing");
    }

    #[test]
    fn a_recorded_artifact_must_be_the_recorded_one() {
        let file = Path::new("a.sql");
        let recorded = Artifact {
            file_name: "a.sql".to_owned(),
            format: backup_protocol::Format::Sql,
            compression: "none".to_owned(),
            size_bytes: 5,
            sha256: "aa".to_owned(),
            raw_size_bytes: 5,
            raw_sha256: "aa".to_owned(),
        };
        assert!(grade_recorded(file, &recorded, &found(5)).is_ok());
        assert!(grade_recorded(file, &recorded, &found(4)).is_err());
        let changed = Examination { stored_sha256: "bb".to_owned(), ..found(5) };
        assert!(grade_recorded(file, &recorded, &changed).is_err());
        let inside = Examination { raw: Some((5, Some("bb".to_owned()))), ..found(5) };
        assert!(grade_recorded(file, &recorded, &inside).is_err());
    }
}
