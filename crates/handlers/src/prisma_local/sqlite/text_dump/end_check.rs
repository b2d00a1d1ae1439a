//! The lines a complete dump begins and ends with, and the check for them.

use std::io::{self, Write};

/// The first line of every dump of this format.
pub(super) const FIRST_LINE: &str = "-- SQLite database dump by backup-manager, format 1\n";

/// Longer than the last line can get, with three numbers of up to twenty digits.
const TAIL_BYTES: usize = 160;

/// The last line of a dump. Its own place in the dump is part of it, so that a dump cut
/// off inside a text that quotes another dump's last line is not taken for complete.
pub(super) fn last_line(tables: u64, rows: u64, bytes_before: u64) -> String {
    format!(
        "-- Dump completed: {tables} tables, {rows} rows, {bytes_before} bytes before this line\n"
    )
}

/// Why a text dump is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IncompleteTextDump {
    /// It begins with something else.
    #[error("it does not begin as a text dump of this program")]
    NotADump,
    /// It breaks off before its last line.
    #[error("it does not end with the line that completes a dump; it is cut off")]
    CutOff,
    /// It has a last line, but bytes before it were lost or added.
    #[error("its last line belongs after {recorded} bytes, not {found}; it is damaged")]
    LengthDiffers {
        /// Where the last line says it is.
        recorded: u64,
        /// Where it is.
        found: u64,
    },
}

/// Checks that a dump is whole while its bytes pass by.
///
/// Feed it the dump from the first to the last byte through [`Write`], then ask with
/// [`finish`](Self::finish). It keeps the dump's first and last bytes only.
#[derive(Debug, Default)]
pub struct TextDumpEndCheck {
    head: Vec<u8>,
    tail: Vec<u8>,
    seen: u64,
}

impl TextDumpEndCheck {
    /// A check that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether the bytes seen begin and end as a complete dump.
    ///
    /// # Errors
    ///
    /// The first thing that is not as in a complete dump.
    pub fn finish(self) -> Result<(), IncompleteTextDump> {
        if self.head != FIRST_LINE.as_bytes() {
            return Err(IncompleteTextDump::NotADump);
        }
        let without_end = self.tail.strip_suffix(b"\n").ok_or(IncompleteTextDump::CutOff)?;
        let start = without_end.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let line = &self.tail[start..];
        let (tables, rows, recorded) = parse_last_line(line).ok_or(IncompleteTextDump::CutOff)?;
        if last_line(tables, rows, recorded).as_bytes() != line {
            return Err(IncompleteTextDump::CutOff);
        }
        let found = self.seen - line.len() as u64;
        if recorded != found {
            return Err(IncompleteTextDump::LengthDiffers { recorded, found });
        }
        Ok(())
    }
}

/// The line's three numbers, whatever is between them.
fn parse_last_line(line: &[u8]) -> Option<(u64, u64, u64)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut numbers = line
        .split(|character: char| !character.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}

impl Write for TextDumpEndCheck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let missing = FIRST_LINE.len() - self.head.len();
        self.head.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        let kept = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let outdated = (self.tail.len() + kept.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..outdated);
        self.tail.extend_from_slice(kept);
        self.seen += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump() -> Vec<u8> {
        let mut dump = format!("{FIRST_LINE}SELECT 1;\n").into_bytes();
        let last = last_line(3, 40, dump.len() as u64);
        dump.extend_from_slice(last.as_bytes());
        dump
    }

    fn check(dump: &[u8], piece: usize) -> Result<(), IncompleteTextDump> {
        let mut check = TextDumpEndCheck::new();
        for piece in dump.chunks(piece) {
            check.write_all(piece).unwrap();
        }
        check.finish()
    }

    #[test]
    fn a_whole_dump_passes_however_it_arrives() {
        for piece in [1, 7, 64, 1 << 20] {
            assert_eq!(check(&dump(), piece), Ok(()));
        }
    }

    #[test]
    fn every_shorter_dump_is_incomplete() {
        let dump = dump();
        for length in 0..dump.len() {
            assert!(check(&dump[..length], 5).is_err(), "{length}");
        }
        let mut longer = dump.clone();
        longer.push(b'\n');
        assert_eq!(check(&longer, 5), Err(IncompleteTextDump::CutOff));
    }

    #[test]
    fn lost_bytes_and_quoted_last_lines_are_noticed() {
        let mut lossy = dump();
        lossy.remove(FIRST_LINE.len());
        assert!(matches!(check(&lossy, 9), Err(IncompleteTextDump::LengthDiffers { .. })));
        let mut quoting = format!("{FIRST_LINE}INSERT INTO t VALUES('").into_bytes();
        quoting.extend_from_slice(&dump());
        assert!(check(&quoting, 9).is_err());
        assert_eq!(check(b"SELECT 1;\n", 9), Err(IncompleteTextDump::NotADump));
    }
}
