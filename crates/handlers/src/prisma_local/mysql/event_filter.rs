//! Withholds the events of a dump from where it is loaded: they would fire there.

use std::io::{self, Write};

use super::script::ScriptCheck;

/// How the line begins that creates an event, in a dump of `mysqldump` and in one of `mydumper`.
const DUMPED: &[u8] = b"/*!50106 CREATE*/ ";
const DUMPED_KIND: &[u8] = b"/*!50106 EVENT ";
const CREATE: &[u8] = b"CREATE ";
const DEFINER: &[u8] = b"DEFINER=";
const KIND: &[u8] = b"EVENT ";
/// So much of a line tells what it creates, in bytes: the longest definer and what stands around it.
const LONGEST_HEAD: usize = 2048;

/// Passes a script on without the statements that create events. Statements are told apart as the client does,
/// so that nothing within a text or a stored program is taken for one.
#[derive(Debug)]
pub(super) struct EventFilter<W> {
    out: W,
    script: ScriptCheck,
    /// What is read of the line, until it is known whether it is passed on.
    head: Vec<u8>,
    line: Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// It may begin a statement that creates an event.
    Unknown,
    Passed,
    Withheld,
}

impl<W: Write> EventFilter<W> {
    /// Filters what passes to `out`; `script` reads it as that kind of dump.
    pub(super) fn new(out: W, script: ScriptCheck) -> Self {
        Self { out, script, head: Vec::new(), line: Line::Unknown }
    }

    /// Takes a part of a line, or all that is left of it.
    fn take(&mut self, part: &[u8]) -> io::Result<()> {
        let ends = part.last() == Some(&b'\n');
        match self.line {
            Line::Unknown => {
                self.head.extend_from_slice(part);
                if ends || self.head.len() >= LONGEST_HEAD {
                    self.decide()?;
                }
            }
            Line::Passed => self.pass(part)?,
            Line::Withheld => self.script.feed(part),
        }
        if ends {
            let goes_on = !self.script.is_between_statements();
            self.line = match self.line {
                Line::Withheld if goes_on => Line::Withheld,
                // Only where a statement may begin can one be withheld.
                _ if goes_on => Line::Passed,
                _ => Line::Unknown,
            };
        }
        Ok(())
    }

    fn decide(&mut self) -> io::Result<()> {
        let head = std::mem::take(&mut self.head);
        if creates_event(&head) {
            self.line = Line::Withheld;
            self.script.feed(&head);
            return Ok(());
        }
        self.line = Line::Passed;
        self.pass(&head)
    }

    fn pass(&mut self, part: &[u8]) -> io::Result<()> {
        self.script.feed(part);
        self.out.write_all(part)
    }
}

impl<W: Write> Write for EventFilter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            self.take(part)?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // The last line of a file may have no end.
        if self.line == Line::Unknown && !self.head.is_empty() {
            self.decide()?;
        }
        self.out.flush()
    }
}

/// Whether a line, where a statement may begin, creates an event.
fn creates_event(line: &[u8]) -> bool {
    if let Some(rest) = line.strip_prefix(DUMPED) {
        return rest.windows(DUMPED_KIND.len()).any(|window| window == DUMPED_KIND);
    }
    let Some(rest) = line.strip_prefix(CREATE) else { return false };
    let rest = match rest.strip_prefix(DEFINER) {
        Some(definer) => after_definer(definer),
        None => rest,
    };
    rest.starts_with(KIND)
}

/// What follows a definer, whose names may hold blanks between their backticks.
fn after_definer(text: &[u8]) -> &[u8] {
    let mut quoted = false;
    let end = text.iter().position(|byte| {
        quoted ^= *byte == b'`';
        *byte == b' ' && !quoted
    });
    end.and_then(|end| text.get(end + 1..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(script: ScriptCheck, text: &str, piece: usize) -> String {
        let mut filter = EventFilter::new(Vec::new(), script);
        for part in text.as_bytes().chunks(piece) {
            filter.write_all(part).unwrap();
        }
        filter.flush().unwrap();
        String::from_utf8(filter.out).unwrap()
    }

    #[test]
    fn events_are_left_out_and_nothing_else_is() {
        let before = "-- MySQL dump\nINSERT INTO `t` VALUES ('\n/*!50106 CREATE*/ /*!50106 EVENT `no` ');\nDELIMITER ;;\n/*!50003 SET x = 1 */ ;;\n";
        let event = "/*!50106 CREATE*/ /*!50117 DEFINER=`a b`@`%`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO BEGIN\nSELECT ';;\n';\nEND */ ;;\n";
        let after = "/*!50003 SET x = 2 */ ;;\nDELIMITER ;\n/*!50003 CREATE*/ /*!50020 DEFINER=`a`@`%`*/ /*!50003 PROCEDURE `p`() SELECT 1 */;\n-- Dump completed";
        let text = format!("{before}{event}{event}{after}");
        for piece in [1, 7, 64, 4096] {
            let script = ScriptCheck::new("");
            assert_eq!(filtered(script, &text, piece), format!("{before}{after}"), "{piece}");
        }
    }

    #[test]
    fn so_are_those_of_mydumper() {
        let event = "CREATE DEFINER=`a b`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1;\n";
        let other = "CREATE DEFINER=`a EVENT b`@`%` FUNCTION `f`() RETURNS int RETURN 1;\nCREATE TABLE `EVENT ` (a int);\n";
        let script = ScriptCheck::of_mydumper("", None);
        assert_eq!(filtered(script, &format!("{event}{other}{event}"), 5), other);
    }
}
