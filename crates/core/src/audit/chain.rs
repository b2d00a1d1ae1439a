//! The chain: each line ends with the digest of the whole line before it and with its own.
//!
//! `{…,"previous":"<sha256>","digest":"<sha256>"}`: `previous` is the SHA-256 of the line before, without its
//! newline; for the first line it is 64 zeros. `digest` is the SHA-256 of the line's own text before `,"digest"`.

use std::io::{self, BufRead};

use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::head::{HEAD_FILE, Head};
use crate::digest;

/// What stands for the line before the first one.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// How many flaws a report names.
const MOST_FLAWS: usize = 20;
/// The plan for half a million backups is shorter than this, in bytes.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// An entry's JSON object as a line that follows the one before it, whose digest is given; none before the first.
pub(super) fn seal(entry: &str, before: Option<&str>) -> String {
    let previous = before.unwrap_or(NOTHING);
    let body = format!("{},\"previous\":\"{previous}\"", entry.strip_suffix('}').unwrap_or(entry));
    let own = digest::of_bytes(body.as_bytes());
    format!("{body},\"digest\":\"{own}\"}}")
}

/// What a look at the whole trail found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainReport {
    /// How many lines there are.
    pub lines: u64,
    /// Where the chain does not hold, in a sentence each; the first twenty.
    pub flaws: Vec<String>,
    /// Lines that were cut short by a crash or a full disk; what follows them says so.
    pub torn: Vec<u64>,
    /// Whether it is known where the trail ended when it was last written.
    pub is_end_known: bool,
}

/// Looks whether every line follows from the one before it, and whether the one that was written last is there.
///
/// # Errors
/// The trail cannot be read.
pub(super) fn check(
    trail: &mut dyn BufRead,
    head: &io::Result<Option<Head>>,
) -> io::Result<ChainReport> {
    let mut report = ChainReport::default();
    let mut previous = NOTHING.to_owned();
    let mut end = Head { bytes: 0, digest: String::new() };
    let mut missing = head.as_ref().ok().and_then(Option::as_ref);
    report.is_end_known = missing.is_some();
    while let Some(line) = Line::read(trail, LONGEST_LINE)? {
        report.lines += 1;
        report.look_at(&line, &previous);
        end.bytes += line.bytes;
        end.digest.clone_from(&line.digest);
        missing = missing.filter(|head| **head != end);
        previous = line.digest;
    }
    if let Some(head) = missing {
        let bytes = head.bytes;
        report.flaw(format!(
            "lines at the end are gone or were changed: one that was written ended at byte {bytes}"
        ));
    }
    if let Err(error) = head {
        report.flaw(format!("where the last line ended cannot be read: {HEAD_FILE}: {error}"));
    }
    Ok(report)
}

/// A line as it was read, without its newline.
struct Line {
    /// None where it is too long to be kept.
    text: Option<Vec<u8>>,
    digest: String,
    /// Whether it has its newline.
    is_ended: bool,
    /// How many it is in the file, with its newline.
    bytes: u64,
}

impl Line {
    /// Reads the next line; none at the end.
    fn read(trail: &mut dyn BufRead, longest: usize) -> io::Result<Option<Self>> {
        let (mut text, mut digest) = (Some(Vec::new()), Sha256::new());
        let (mut is_ended, mut bytes) = (false, 0);
        while !is_ended {
            let available = match trail.fill_buf() {
                Ok([]) => break,
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let newline = available.iter().position(|byte| *byte == b'\n');
            let (content, _) = available.split_at(newline.unwrap_or(available.len()));
            digest.update(content);
            text = text.filter(|text| text.len() + content.len() <= longest);
            if let Some(text) = &mut text {
                text.extend_from_slice(content);
            }
            is_ended = newline.is_some();
            let consumed = content.len() + usize::from(is_ended);
            trail.consume(consumed);
            bytes += consumed as u64;
        }
        let digest = digest::hexadecimal(&digest.finalize());
        Ok((bytes > 0).then_some(Self { text, digest, is_ended, bytes }))
    }
}

impl ChainReport {
    /// Says what is wrong with the line that was counted last.
    fn look_at(&mut self, line: &Line, previous: &str) {
        let number = self.lines;
        let Some(text) = &line.text else {
            let most = LONGEST_LINE / (1024 * 1024);
            self.flaw(format!(
                "line {number} was added by somebody else: it has more than {most} MiB"
            ));
            return;
        };
        let Some(seal) = Seal::of(text) else {
            // What a crash leaves is no whole object.
            if is_object(text) {
                self.flaw(format!("line {number} was added by somebody else: it has no digest"));
            } else {
                self.torn.push(number);
            }
            return;
        };
        if seal.previous != previous {
            self.flaw(format!(
                "line {number} does not follow from line {}: one was changed, added or removed",
                number - 1
            ));
        }
        if !seal.is_own {
            self.flaw(format!("line {number} was changed"));
        }
        if !line.is_ended {
            self.torn.push(number);
        }
    }

    fn flaw(&mut self, flaw: String) {
        if self.flaws.len() < MOST_FLAWS {
            self.flaws.push(flaw);
        }
    }
}

fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// The end of a line.
struct Seal<'a> {
    previous: &'a str,
    /// Whether the digest is that of the line.
    is_own: bool,
}

impl<'a> Seal<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let (body, own) = text.strip_suffix("\"}")?.rsplit_once(",\"digest\":\"")?;
        let (_, previous) = body.strip_suffix('"')?.rsplit_once(",\"previous\":\"")?;
        Some(Self { previous, is_own: digest::of_bytes(body.as_bytes()) == own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(entries: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for entry in entries {
            let before = lines.last().map(|line| digest::of_bytes(line.as_bytes()));
            lines.push(seal(entry, before.as_deref()));
        }
        lines
    }

    fn check(lines: &[String]) -> ChainReport {
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        super::check(&mut text.as_bytes(), &Ok(None)).unwrap()
    }

    #[test]
    fn what_is_as_it_was_written_holds() {
        let lines = trail(&["{\"a\":1}", "{\"b\":{\"c\":2}}", "{\"d\":\"}\"}"]);
        for line in &lines {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        assert_eq!(check(&lines), ChainReport { lines: 3, ..ChainReport::default() });
        assert_eq!(check(&[]), ChainReport::default());
    }

    #[test]
    fn a_changed_a_removed_and_an_added_line_are_named() {
        let lines = trail(&["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
        let mut changed = lines.clone();
        changed[1] = changed[1].replace("2}", "4}").replace("\"b\":2", "\"b\":9");
        let flaws = check(&changed).flaws;
        assert_eq!(flaws.len(), 2, "{flaws:?}");
        assert!(flaws[0].contains("line 2 was changed"), "{flaws:?}");
        let mut last = lines.clone();
        last[2] = last[2].replace("\"c\":3", "\"c\":4");
        assert_eq!(check(&last).flaws, ["line 3 was changed"]);
        let removed = [lines[0].clone(), lines[2].clone()];
        assert!(check(&removed).flaws[0].starts_with("line 2 does not follow from line 1"));
        assert!(check(&lines[1..]).flaws[0].starts_with("line 1 does not follow"));
    }

    #[test]
    fn a_line_that_somebody_else_wrote_is_no_torn_one() {
        let mut lines = trail(&["{\"a\":1}"]);
        lines.push("{\"forged\":true}".to_owned());
        assert!(check(&lines).flaws[0].starts_with("line 2 was added by somebody else"));
    }

    #[test]
    fn a_torn_line_is_named_and_the_chain_goes_on_over_it() {
        let mut lines = trail(&["{\"a\":1}", "{\"b\":2}"]);
        lines.push("{\"c\":".to_owned());
        lines.push(seal("{\"d\":4}", Some(&digest::of_bytes(b"{\"c\":"))));
        let report = check(&lines);
        assert_eq!((report.flaws.len(), report.torn), (0, vec![3]));
        let unfinished = format!("{}\n{{\"b\"", lines[0]);
        let report = super::check(&mut unfinished.as_bytes(), &Ok(None)).unwrap();
        assert_eq!((report.lines, report.torn), (2, vec![2]));
    }

    #[test]
    fn a_line_that_is_too_long_is_not_kept_and_the_next_one_follows_from_it() {
        for longest in [4, 5] {
            let mut trail = io::BufReader::with_capacity(2, &b"abcde\nf"[..]);
            let line = Line::read(&mut trail, longest).unwrap().unwrap();
            assert_eq!(line.text, (longest == 5).then(|| b"abcde".to_vec()));
            assert_eq!((line.digest, line.is_ended), (digest::of_bytes(b"abcde"), true));
            let line = Line::read(&mut trail, longest).unwrap().unwrap();
            assert_eq!((line.text.as_deref(), line.is_ended), (Some(&b"f"[..]), false));
            assert!(Line::read(&mut trail, longest).unwrap().is_none());
        }
    }

    #[test]
    fn an_earlier_end_is_found_and_one_that_is_not_there_is_missed() {
        let lines = trail(&["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let end = |count: usize| Head {
            bytes: lines.iter().take(count).map(|line| line.len() as u64 + 1).sum(),
            digest: digest::of_bytes(lines[count - 1].as_bytes()),
        };
        let flaws = |text: &str, head: Head| {
            super::check(&mut text.as_bytes(), &Ok(Some(head))).unwrap().flaws
        };
        for count in 1..=3 {
            assert_eq!(flaws(&text, end(count)), [""; 0], "a crash leaves the end of line {count}");
        }
        let shorter = lines[0].clone() + "\n";
        for lost in [flaws(&shorter, end(2)), flaws("", end(1)), flaws(text.trim_end(), end(3))] {
            assert_eq!(lost.len(), 1);
            assert!(lost[0].starts_with("lines at the end are gone"), "{lost:?}");
        }
        let other = Head { digest: digest::of_bytes(b"x"), ..end(3) };
        assert_eq!(flaws(&text, other).len(), 1, "the last line is another one");
    }
}
