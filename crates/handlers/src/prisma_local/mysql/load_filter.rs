//! Makes of a dump what the client loads into another database: without the events, which would fire there, without the
//! name of the database that it was made of, and with the ends of statements where its tool put them.

use std::io::{self, Write};

use super::script::ScriptCheck;

/// How the line begins that gives the database another collation while a stored program is made; its name follows.
const ALTER: &[u8] = b"ALTER DATABASE ";
/// What stands between an event of `mysqldump` and the end of its statement.
const END_OF_EVENT: &[u8] = b"*/ ";

/// How the line begins that creates an event, in a dump of `mysqldump` (whatever else it creates has another number)
/// and in one of `mydumper`.
const DUMPED: &[u8] = b"/*!50106 CREATE*/ ";
const CREATE: &[u8] = b"CREATE ";
const DEFINER: &[u8] = b"DEFINER=";
const KIND: &[u8] = b"EVENT ";
/// What the client is told to end statements at, where a semicolon at a line's end does. The client takes 15 bytes.
const DELIMITER: &str = "//_statement_//";
/// So much of a line tells what it creates, in bytes: the longest definer and what stands around it.
const LONGEST_HEAD: usize = 2048;

/// What becomes of the statements that create events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Events {
    /// They are passed on like any other.
    Passed,
    /// They are written into this table, with the settings of the session that matter to them.
    KeptIn(String),
}

/// Passes a script on. Statements are told apart as the client does, so that nothing within a text or a stored program
/// is taken for one.
#[derive(Debug)]
pub(super) struct LoadFilter<W> {
    out: W,
    script: ScriptCheck,
    /// What is read of the line, until it is known whether it is passed on.
    head: Vec<u8>,
    line: Line,
    /// Whether statements end with a semicolon at a line's end, as in what `mydumper` writes: within a stored program
    /// the client would end them at each semicolon.
    ends_at_lines: bool,
    /// A semicolon that was passed on by nobody yet: it may end a line.
    semicolon: bool,
    events: Events,
    /// The statement that is withheld.
    event: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// It may begin a statement that creates an event.
    Unknown,
    Passed,
    Withheld,
}

impl<W: Write> LoadFilter<W> {
    /// Filters what `mysqldump` or `mariadb-dump` wrote, on its way to `out`.
    pub(super) fn of_dump(out: W, events: Events) -> Self {
        Self::new(out, ScriptCheck::new(""), false, events)
    }

    /// Filters the files of a `mydumper` folder.
    pub(super) fn of_folder(mut out: W, events: Events) -> io::Result<Self> {
        writeln!(out, "DELIMITER {DELIMITER}")?;
        Ok(Self::new(out, ScriptCheck::of_mydumper("", None), true, events))
    }

    fn new(out: W, script: ScriptCheck, ends_at_lines: bool, events: Events) -> Self {
        let (head, event, line) = (Vec::new(), Vec::new(), Line::Unknown);
        Self { out, script, head, line, ends_at_lines, semicolon: false, events, event }
    }

    /// Takes a part of a line, or all that is left of it.
    fn take(&mut self, part: &[u8]) -> io::Result<()> {
        let ends = part.last() == Some(&b'\n');
        match self.line {
            Line::Unknown => {
                self.head.extend_from_slice(part);
                // A definer's name may have a line's end in it.
                let in_name = self.head.starts_with(CREATE)
                    && memchr::memchr_iter(b'`', &self.head).count() % 2 == 1;
                if in_name && self.head.len() < LONGEST_HEAD {
                    return Ok(());
                }
                if ends || self.head.len() >= LONGEST_HEAD {
                    self.decide()?;
                }
            }
            Line::Passed => self.pass(part)?,
            Line::Withheld => self.withhold(part),
        }
        if ends {
            let goes_on = !self.script.is_between_statements();
            if !goes_on && self.line == Line::Withheld {
                self.keep_event()?;
            }
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
        if self.events != Events::Passed && creates_event(&head) {
            self.line = Line::Withheld;
            self.withhold(&head);
            return Ok(());
        }
        self.line = Line::Passed;
        match without_name(&head) {
            // Without a name it is the database that the script is loaded into.
            Some(rest) => {
                self.pass(ALTER)?;
                self.pass(rest)
            }
            None => self.pass(&head),
        }
    }

    fn withhold(&mut self, part: &[u8]) {
        self.script.feed(part);
        self.event.extend_from_slice(part);
    }

    /// Has the server write down the event that was withheld, with the settings of the session as they are by now.
    fn keep_event(&mut self) -> io::Result<()> {
        let event = std::mem::take(&mut self.event);
        let Events::KeptIn(table) = &self.events else { return Ok(()) };
        let text = event.trim_ascii_end();
        let (definition, end) = if self.ends_at_lines {
            (text.strip_suffix(b";").unwrap_or(text), DELIMITER.as_bytes())
        } else {
            let no_end = || io::Error::other("an event of the dump has no end");
            let place = rfind(text, END_OF_EVENT).ok_or_else(no_end)? + END_OF_EVENT.len();
            text.split_at_checked(place).ok_or_else(no_end)?
        };
        write!(
            self.out,
            "INSERT INTO {table} (mode, client, connection, database_collation, zone, definition) VALUES \
             (@@sql_mode, @@character_set_client, @@collation_connection, @@collation_database, @@time_zone, 0x"
        )?;
        for byte in definition {
            write!(self.out, "{byte:02x}")?;
        }
        self.out.write_all(b")\n")?;
        self.out.write_all(end)?;
        self.out.write_all(b"\n")
    }

    fn pass(&mut self, part: &[u8]) -> io::Result<()> {
        self.script.feed(part);
        if !self.ends_at_lines || part.is_empty() {
            return self.out.write_all(part);
        }
        if std::mem::take(&mut self.semicolon) {
            if part == b"\n" && self.script.is_between_statements() {
                return write!(self.out, "\n{DELIMITER}\n");
            }
            self.out.write_all(b";")?;
        }
        if let Some(statement) = part.strip_suffix(b";\n")
            && self.script.is_between_statements()
        {
            self.out.write_all(statement)?;
            return write!(self.out, "\n{DELIMITER}\n");
        }
        match part.strip_suffix(b";") {
            Some(rest) => {
                self.semicolon = true;
                self.out.write_all(rest)
            }
            None => self.out.write_all(part),
        }
    }
}

impl<W: Write> Write for LoadFilter<W> {
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
        if !self.event.is_empty() {
            self.keep_event()?;
        }
        if std::mem::take(&mut self.semicolon) {
            write!(self.out, "\n{DELIMITER}\n")?;
        }
        self.out.flush()
    }
}

/// Whether a line, where a statement may begin, creates an event.
fn creates_event(line: &[u8]) -> bool {
    if line.starts_with(DUMPED) {
        return true;
    }
    let Some(rest) = line.strip_prefix(CREATE) else { return false };
    let rest = match rest.strip_prefix(DEFINER) {
        Some(definer) => after_definer(definer),
        None => rest,
    };
    rest.starts_with(KIND)
}

/// What follows the name in a statement that gives a database another collation.
fn without_name(line: &[u8]) -> Option<&[u8]> {
    let name = line.strip_prefix(ALTER)?;
    if !name.starts_with(b"`") {
        return None;
    }
    let rest = after_definer(name);
    (!rest.is_empty()).then_some(rest)
}

fn rfind(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).rposition(|window| window == wanted)
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

    fn filtered(mut filter: LoadFilter<Vec<u8>>, text: &str, piece: usize) -> String {
        for part in text.as_bytes().chunks(piece) {
            filter.write_all(part).unwrap();
        }
        filter.flush().unwrap();
        String::from_utf8(filter.out).unwrap()
    }

    fn kept() -> Events {
        Events::KeptIn("`kept`".to_owned())
    }

    /// What has the server write an event down.
    fn written(definition: &str, end: &str) -> String {
        let digits: Vec<String> = definition.bytes().map(|byte| format!("{byte:02x}")).collect();
        let digits = digits.concat();
        format!(
            "INSERT INTO `kept` (mode, client, connection, database_collation, zone, definition) VALUES \
             (@@sql_mode, @@character_set_client, @@collation_connection, @@collation_database, @@time_zone, 0x{digits})\n{end}\n"
        )
    }

    #[test]
    fn events_are_written_down_and_nothing_else_is() {
        let before = "-- MySQL dump\nINSERT INTO `t` VALUES ('\n/*!50106 CREATE*/ /*!50106 EVENT `no` ');\nDELIMITER ;;\n/*!50003 SET x = 1 */ ;;\n";
        let event = "/*!50106 CREATE*/ /*!50117 DEFINER=`a\nb`@`%`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO BEGIN\nSELECT ';;\n';\nEND */ ;;\n";
        let after = "/*!50003 SET x = 2 */ ;;\nDELIMITER ;\n/*!50003 CREATE*/ /*!50020 DEFINER=`a`@`%`*/ /*!50003 PROCEDURE `p`() SELECT 1 */;\n-- Dump completed";
        let text = format!("{before}{event}{event}{after}");
        let kept_one = written(event.trim_end().trim_end_matches(";;"), ";;");
        for piece in [1, 7, 64, 4096] {
            let filter = LoadFilter::of_dump(Vec::new(), kept());
            assert_eq!(
                filtered(filter, &text, piece),
                format!("{before}{kept_one}{kept_one}{after}"),
                "{piece}"
            );
        }
    }

    #[test]
    fn a_comment_with_half_a_name_hides_no_event() {
        let before = "-- Host: localhost    Database: back`tick\nDELIMITER ;;\n";
        let event =
            "/*!50106 CREATE*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1 */ ;;\n";
        let filter = LoadFilter::of_dump(Vec::new(), kept());
        let expected =
            format!("{before}{}", written(event.trim_end().trim_end_matches(";;"), ";;"));
        assert_eq!(filtered(filter, &format!("{before}{event}"), 64), expected);
        let text = format!("{before}{event}");
        assert_eq!(filtered(LoadFilter::of_dump(Vec::new(), Events::Passed), &text, 64), text);
    }

    #[test]
    fn a_database_of_another_name_is_never_altered() {
        let text = "ALTER DATABASE `sh op``s` CHARACTER SET latin1 COLLATE latin1_bin ;\n\
                    INSERT INTO a VALUES ('\nALTER DATABASE `no` CHARACTER SET latin1;\n');\n";
        let expected = text.replacen("`sh op``s` ", "", 1);
        for piece in [1, 9, 4096] {
            let filter = LoadFilter::of_dump(Vec::new(), kept());
            assert_eq!(filtered(filter, text, piece), expected);
        }
    }

    #[test]
    fn so_are_those_of_mydumper() {
        let event = "CREATE DEFINER=`a\nb`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1;\n";
        let other = "CREATE DEFINER=`a EVENT b`@`%` FUNCTION `f`() RETURNS int RETURN 1;\nCREATE TABLE `EVENT ` (a int);\n";
        let kept_one = written(event.trim_end().trim_end_matches(';'), DELIMITER);
        let other_one = other.replace(";\n", &format!("\n{DELIMITER}\n"));
        let expected = format!("DELIMITER {DELIMITER}\n{kept_one}{other_one}{kept_one}");
        for piece in [1, 5, 4096] {
            let filter = LoadFilter::of_folder(Vec::new(), kept()).unwrap();
            assert_eq!(filtered(filter, &format!("{event}{other}{event}"), piece), expected);
        }
    }

    #[test]
    fn a_stored_program_of_mydumper_is_one_statement() {
        let program = "CREATE TRIGGER `t` BEFORE UPDATE ON `a` FOR EACH ROW BEGIN SET NEW.b = ';\n'; \nSET @c = 1; END";
        let expected =
            format!("DELIMITER {DELIMITER}\nSET x = 1\n{DELIMITER}\n{program}\n{DELIMITER}\n");
        for piece in [1, 2, 3, 4096] {
            let filter = LoadFilter::of_folder(Vec::new(), kept()).unwrap();
            assert_eq!(filtered(filter, &format!("SET x = 1;\n{program};\n"), piece), expected);
            let filter = LoadFilter::of_folder(Vec::new(), kept()).unwrap();
            assert_eq!(filtered(filter, &format!("SET x = 1;\n{program};"), piece), expected);
        }
    }
}
