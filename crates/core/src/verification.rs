//! Grading evidence: from what an examination found to how far the proof got.

use std::path::Path;

use backup_protocol::Evidence;

use crate::error::VerificationFailure;
use crate::handler::{Checksums, Examination};
use crate::records::Artifact;

/// What a passed verification reached: the structure is whole, the bytes are those that were written, the
/// size is what the database can have. Further needs a restore.
pub const REACHED: Evidence = Evidence::PlausibleSize;

/// Grades a fresh artifact: what was read back must be what passed, whole, and not too small.
///
/// # Errors
/// The failure says what is wrong.
pub fn grade_new(
    file: &Path,
    passed: Option<&Checksums>,
    found: &Examination,
    expected_minimum: u64,
) -> Result<Checksums, VerificationFailure> {
    let failed = |finding: String| VerificationFailure {
        file: file_name(file),
        expected_minimum,
        actual: found.stored_bytes,
        readable: true,
        finding,
    };
    if let Some(flaw) = &found.flaw {
        return Err(failed(flaw.clone()));
    }
    let (raw_bytes, raw_sha256) =
        found.raw.clone().unwrap_or_else(|| (found.stored_bytes, found.stored_sha256.clone()));
    let checksums = Checksums {
        stored_bytes: found.stored_bytes,
        stored_sha256: found.stored_sha256.clone(),
        raw_bytes,
        raw_sha256,
    };
    if passed.is_some_and(|passed| *passed != checksums) {
        return Err(failed("the file does not hold the bytes that were written to it".to_owned()));
    }
    if raw_bytes < expected_minimum {
        let finding = format!("{raw_bytes} bytes are less than this database can have");
        return Err(VerificationFailure { actual: raw_bytes, ..failed(finding) });
    }
    Ok(checksums)
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
    let recorded_raw = (recorded.raw_size_bytes, recorded.raw_sha256.clone());
    if found.raw.as_ref().is_some_and(|raw| *raw != recorded_raw) {
        return Err(failed("the uncompressed content is not the recorded one"));
    }
    Ok(())
}

/// The failure of an artifact that is not there.
pub fn missing(file: &Path, expected: u64) -> VerificationFailure {
    VerificationFailure {
        file: file_name(file),
        expected_minimum: expected,
        actual: 0,
        readable: false,
        finding: "the file is missing".to_owned(),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: u64) -> Examination {
        Examination { stored_bytes: bytes, stored_sha256: "aa".to_owned(), raw: None, flaw: None }
    }

    fn passed(bytes: u64) -> Checksums {
        Checksums {
            stored_bytes: bytes,
            stored_sha256: "aa".to_owned(),
            raw_bytes: bytes,
            raw_sha256: "aa".to_owned(),
        }
    }

    #[test]
    fn a_fresh_artifact_must_be_what_passed() {
        let file = Path::new("a.sql");
        assert!(grade_new(file, Some(&passed(5)), &found(5), 5).is_ok());
        assert!(grade_new(file, Some(&passed(6)), &found(5), 0).is_err());
        assert!(grade_new(file, None, &found(5), 6).is_err());
        let flawed = Examination { flaw: Some("no end".to_owned()), ..found(5) };
        assert_eq!(grade_new(file, None, &flawed, 0).unwrap_err().finding, "no end");
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
        let inside = Examination { raw: Some((5, "bb".to_owned())), ..found(5) };
        assert!(grade_recorded(file, &recorded, &inside).is_err());
    }
}
