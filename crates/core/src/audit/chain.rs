//! The chain: each line ends with the digest of the whole line before it and with its own.
//!
//! `{…,"previous":"<sha256>","digest":"<sha256>"}`: `previous` is the SHA-256 of the line before, without its
//! newline; for the first line it is 64 zeros. `digest` is the SHA-256 of the line's own text before `,"digest"`.

use std::io::{self, BufRead};

use crate::digest;

/// What stands for the line before the first one.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// How many flaws a report names.
const MOST_FLAWS: usize = 20;

/// An entry's JSON object as a line that follows the one before it; none before the first.
pub(super) fn seal(entry: &str, before: Option<&[u8]>) -> String {
    let previous = before.map_or_else(|| NOTHING.to_owned(), digest::of_bytes);
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
}

/// Looks whether every line follows from the one before it.
///
/// # Errors
/// The trail cannot be read.
pub fn check_chain(trail: &mut dyn BufRead) -> io::Result<ChainReport> {
    let mut report = ChainReport::default();
    let mut previous = NOTHING.to_owned();
    let mut line = Vec::new();
    loop {
        line.clear();
        if trail.read_until(b'\n', &mut line)? == 0 {
            return Ok(report);
        }
        report.lines += 1;
        let number = report.lines;
        let is_whole = line.pop_if(|last| *last == b'\n').is_some();
        match Seal::of(&line) {
            Some(seal) => {
                if seal.previous != previous {
                    report.flaw(format!(
                        "line {number} does not follow from line {}: one was changed, added or removed",
                        number - 1
                    ));
                }
                if !seal.is_own {
                    report.flaw(format!("line {number} was changed"));
                }
                if !is_whole {
                    report.torn.push(number);
                }
            }
            // What a crash leaves is no whole object.
            None if serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(&line)
                .is_ok() =>
            {
                report.flaw(format!("line {number} was added by somebody else: it has no digest"));
            }
            None => report.torn.push(number),
        }
        previous = digest::of_bytes(&line);
    }
}

impl ChainReport {
    fn flaw(&mut self, flaw: String) {
        if self.flaws.len() < MOST_FLAWS {
            self.flaws.push(flaw);
        }
    }
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
            lines.push(seal(entry, lines.last().map(String::as_bytes)));
        }
        lines
    }

    fn check(lines: &[String]) -> ChainReport {
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        check_chain(&mut text.as_bytes()).unwrap()
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
        lines.push(seal("{\"d\":4}", Some(b"{\"c\":")));
        let report = check(&lines);
        assert_eq!((report.flaws.len(), report.torn), (0, vec![3]));
        let unfinished = format!("{}\n{{\"b\"", lines[0]);
        let report = check_chain(&mut unfinished.as_bytes()).unwrap();
        assert_eq!((report.lines, report.torn), (2, vec![2]));
    }
}
