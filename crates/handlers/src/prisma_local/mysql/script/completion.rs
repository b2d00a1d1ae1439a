//! The lines by which the tools begin and complete a dump, and say what they left out.

/// How a script ends when it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With the line that completes a dump.
    CompletionLine,
    /// Anywhere between two statements.
    StatementEnd,
}

const COMPLETED: &[u8] = b"-- Dump completed";

/// The date behind it, a digit where there is a `0`. Before noon the hour has a space for its first digit.
const DATED: &[u8] = b" on 0000-00-00 00:00:00";
const TENS_OF_HOURS: usize = 15;

const FIRST_LINES: [&[u8]; 2] = [b"-- MySQL dump ", b"-- MariaDB dump "];

/// In lower case: what a tool writes for something that it could not read.
const LEFT_OUT: [&[u8]; 3] =
    [b"-- insufficient privileges to ", b"-- failed on view ", b"-- warning"];

/// Whether this line, which has its end, completes a dump. A tool that was told not to write the date ends
/// the line before it.
pub(super) fn completes(line: &[u8]) -> bool {
    line == COMPLETED || completes_unended(line)
}

/// Whether this line completes a dump although its end is missing: by the date, which has a fixed length.
/// Without the date it could be the beginning of a longer line.
pub(super) fn completes_unended(line: &[u8]) -> bool {
    let Some(date) = line.strip_prefix(COMPLETED) else { return false };
    let fits = |(place, (found, form)): (usize, (&u8, &u8))| match form {
        b'0' => found.is_ascii_digit() || (place == TENS_OF_HOURS && *found == b' '),
        _ => found == form,
    };
    date.len() == DATED.len() && date.iter().zip(DATED).enumerate().all(fits)
}

/// Whether this line is the first that either family's tool writes about its dump.
pub(super) fn begins_a_dump(line: &[u8]) -> bool {
    FIRST_LINES.iter().any(|first| line.starts_with(first))
}

/// Whether by this line the tool says that something is not in the dump.
pub(super) fn tells_of_omission(line: &[u8]) -> bool {
    let begins = |omission: &&[u8]| {
        line.get(..omission.len()).is_some_and(|start| start.eq_ignore_ascii_case(omission))
    };
    LEFT_OUT.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_completion_line_is_known_to_its_last_digit() {
        for line in
            ["-- Dump completed on 2024-02-29 12:34:56", "-- Dump completed on 2024-02-29  2:34:56"]
        {
            assert!(completes(line.as_bytes()) && completes_unended(line.as_bytes()));
            for length in 0..line.len() {
                let cut = &line.as_bytes()[..length];
                assert!(!completes_unended(cut), "{length}");
                assert_eq!(completes(cut), cut == COMPLETED, "{length}");
            }
        }
        assert!(!completes(b"-- Dump completed on 2024-02-29 12:34:56`"));
        assert!(!completes(b"-- Dump completed on 2024-02- 9 12:34:56"));
        assert!(!completes(b"--  Dump completed"));
    }

    #[test]
    fn omissions_are_told_in_several_ways() {
        for line in [
            "-- insufficient privileges to SHOW CREATE PROCEDURE `p`",
            "-- failed on view `v`: CREATE VIEW",
            "-- WARNING: old server version. The following dump may be incomplete.",
        ] {
            assert!(tells_of_omission(line.as_bytes()), "{line}");
        }
        assert!(!tells_of_omission(b"-- Dumping data for table `insufficient privileges to`"));
    }
}
