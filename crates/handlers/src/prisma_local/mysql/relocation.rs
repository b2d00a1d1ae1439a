//! Names of the database that a dump was made of, where they decide what a statement reaches while it loads: a view
//! that uses a sequence or another database names its own too, a column's default names its sequence's, and a trigger
//! stands as somebody once wrote it. Loaded elsewhere they would reach that database, or find nothing where it is gone.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::scratch::quoted;

/// Before the name of the database, in one of the first lines of a dump.
const HEADER: &[u8] = b"-- Host: ";
const DATABASE: &[u8] = b"    Database: ";
/// How the lines begin that have a view's query, and a trigger's first line.
const VIEW: &[u8] = b"/*!50001 VIEW `";
const CREATE: &[u8] = b"/*!50003 CREATE*/ ";
/// How a table's definition begins, one of its columns, and its end.
const TABLE: &[u8] = b"CREATE TABLE ";
const COLUMN: &[u8] = b"  `";
const END_OF_TABLE: &[u8] = b")";
/// What stands before the name of a sequence in a column's default, and nowhere else in a table.
const OF_SEQUENCES: [&str; 3] = ["nextval(", "lastval(", "setval("];
/// What stands before a trigger's text, after its definer.
const TEXT: &[u8] = b"/*!50003 ";
/// So much of a line tells whether it is one of these, in bytes.
const HEAD_BYTES: usize = 18;

/// Passes a dump of `mysqldump` or `mariadb-dump` on, for another database.
#[derive(Debug)]
pub(super) struct Relocation<W> {
    out: W,
    /// The database that it is loaded into, quoted.
    target: String,
    /// The one that it was made of, as far as it tells.
    source: Option<Vec<u8>>,
    /// A database that stays, and the sequences that it has: defaults go on naming these.
    stays: (String, BTreeSet<String>),
    in_table: bool,
    line: Vec<u8>,
    /// Whether the rest of the line is passed on as it is.
    passes: bool,
}

impl<W: Write> Relocation<W> {
    pub(super) fn new(out: W, target: &str) -> Self {
        Self {
            out,
            target: quoted(target),
            source: None,
            stays: (String::new(), BTreeSet::new()),
            in_table: false,
            line: Vec::new(),
            passes: false,
        }
    }

    /// Lets columns' defaults name the sequences that a database has: once the tables are renamed into it they are right.
    pub(super) fn leaving_sequences(self, database: &str, sequences: BTreeSet<String>) -> Self {
        Self { stays: (database.to_owned(), sequences), ..self }
    }

    fn take(&mut self, part: &[u8]) -> io::Result<()> {
        let ends = part.last() == Some(&b'\n');
        if self.passes {
            self.passes = !ends;
            return self.out.write_all(part);
        }
        self.line.extend_from_slice(part);
        let known = self.line.get(..HEAD_BYTES.min(self.line.len())).unwrap_or_default();
        let matters = [HEADER, VIEW, CREATE].iter().any(|begin| known.starts_with(begin))
            || self.in_table && known.starts_with(COLUMN);
        if ends || known.len() == HEAD_BYTES && !matters {
            self.pass()?;
            self.passes = !ends;
        }
        Ok(())
    }

    /// Passes on what was kept of a line.
    fn pass(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        if self.source.is_none() && line.starts_with(HEADER) {
            let place = find(&line, DATABASE).map(|place| place + DATABASE.len());
            let name = place.and_then(|place| line.get(place..));
            self.source = name.map(|name| name.trim_ascii_end().to_vec());
        }
        self.in_table = line.starts_with(TABLE) || self.in_table && !line.starts_with(END_OF_TABLE);
        let Some(source) = &self.source else { return self.out.write_all(&line) };
        let line = if line.starts_with(VIEW) {
            let source = quoted(&String::from_utf8_lossy(source));
            replaced(&line, format!("{source}.").as_bytes(), format!("{}.", self.target).as_bytes())
        } else if self.in_table && line.starts_with(COLUMN) {
            self.column(&line, source)
        } else if line.starts_with(CREATE) {
            trigger(&line, source, self.target.as_bytes())
        } else {
            line
        };
        self.out.write_all(&line)
    }
}

impl<W> Relocation<W> {
    /// A column with the sequences of the other database in its default, unless they stay.
    fn column(&self, line: &[u8], source: &[u8]) -> Vec<u8> {
        let source = String::from_utf8_lossy(source);
        let named = OF_SEQUENCES.map(|function| format!("{function}{}.", quoted(&source)));
        let mut result = Vec::with_capacity(line.len());
        let mut rest = line;
        while !rest.is_empty() {
            let found = OF_SEQUENCES.iter().zip(&named);
            let found = found.clone().find(|(_, named)| rest.starts_with(named.as_bytes()));
            let length = match found {
                Some((function, named)) => {
                    let sequence = rest.get(named.len()..).unwrap_or_default();
                    if self.stays(&source, sequence) {
                        result.extend_from_slice(named.as_bytes());
                    } else {
                        result.extend_from_slice(format!("{function}{}.", self.target).as_bytes());
                    }
                    named.len()
                }
                None => {
                    let length = text(rest).or_else(|| token(rest)).unwrap_or(rest.len());
                    result.extend_from_slice(rest.get(..length).unwrap_or_default());
                    length
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        result
    }

    /// Whether defaults go on naming the sequence whose name stands first in a text.
    fn stays(&self, source: &str, text: &[u8]) -> bool {
        let name = token(text).and_then(|length| text.get(..length)).unwrap_or_default();
        let name = String::from_utf8_lossy(&unquoted(name)).into_owned();
        let (database, sequences) = &self.stays;
        database == source && sequences.contains(&name)
    }
}

impl<W: Write> Write for Relocation<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            self.take(part)?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass()?;
        self.out.flush()
    }
}

/// All of one in the place of all of another.
pub(super) fn replaced(text: &[u8], wanted: &[u8], instead: &[u8]) -> Vec<u8> {
    let (mut rest, mut result) = (text, Vec::with_capacity(text.len()));
    while let Some(place) = find(rest, wanted) {
        result.extend_from_slice(rest.get(..place).unwrap_or_default());
        result.extend_from_slice(instead);
        rest = rest.get(place + wanted.len()..).unwrap_or_default();
    }
    result.extend_from_slice(rest);
    result
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

/// A trigger's first line with the other database's name before its own and its table's, where there was the source's.
fn trigger(line: &[u8], source: &[u8], target: &[u8]) -> Vec<u8> {
    let Some(begin) = line.get(CREATE.len()..).and_then(|rest| find(rest, TEXT)) else {
        return line.to_vec();
    };
    let mut place = CREATE.len() + begin + TEXT.len();
    let mut result = line.get(..place).unwrap_or_default().to_vec();
    let mut words = 0;
    // Its name is the first that is qualified or none is; its table comes after ON.
    while let Some(token) = token(line.get(place..).unwrap_or_default()) {
        let text = line.get(place..place + token).unwrap_or_default();
        let after = line.get(place + token..).unwrap_or_default().trim_ascii_start();
        let is_source = after.first() == Some(&b'.') && unquoted(text) == source;
        result.extend_from_slice(if is_source { target } else { text });
        place += token;
        if text.eq_ignore_ascii_case(b"FOR") {
            break;
        }
        words += 1;
        if words == 64 {
            break;
        }
    }
    result.extend_from_slice(line.get(place..).unwrap_or_default());
    result
}

/// How long the next name, word or other letter is; none at the end.
fn token(text: &[u8]) -> Option<usize> {
    let first = *text.first()?;
    if first == b'`' || first == b'"' {
        let mut place = 1;
        loop {
            let end = text.get(place..)?.iter().position(|byte| *byte == first)?;
            place += end + 1;
            if text.get(place) != Some(&first) {
                return Some(place);
            }
            place += 1;
        }
    }
    let is_of_word =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 128..);
    let length = text.iter().position(|byte| !is_of_word(byte)).unwrap_or(text.len());
    Some(length.max(1))
}

/// How long a text in quotes is; none where there is none.
fn text(bytes: &[u8]) -> Option<usize> {
    let mut place = 1;
    bytes.first().filter(|first| **first == b'\'')?;
    loop {
        match bytes.get(place)? {
            b'\\' => place += 2,
            b'\'' => return Some(place + 1),
            _ => place += 1,
        }
    }
}

/// A name as it is.
fn unquoted(name: &[u8]) -> Vec<u8> {
    match name {
        [open @ (b'`' | b'"'), inner @ .., close] if open == close => {
            replaced(inner, &[*open, *open], &[*open])
        }
        name => name.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relocated(text: &str, piece: usize) -> String {
        let mut relocation = Relocation::new(Vec::new(), "scratch");
        for part in text.as_bytes().chunks(piece) {
            relocation.write_all(part).unwrap();
        }
        relocation.flush().unwrap();
        String::from_utf8(relocation.out).unwrap()
    }

    #[test]
    fn views_and_triggers_reach_the_database_that_they_are_loaded_into() {
        let text = "-- MySQL dump\n-- Host: localhost    Database: sh`op\n\
            INSERT INTO `t` VALUES ('`sh``op`.`a`');\n\
            /*!50001 VIEW `v` AS select nextval(`sh``op`.`s`),`other`.`t`.`a` from `sh``op`.`t` */;\n\
            /*!50003 CREATE*/ /*!50017 DEFINER=`a`@`sh``op`*/ /*!50003 trigger `sh``op`.`x` before insert on \"sh`op\" . t for each row set @a = `sh``op`.f() */;;\n\
            /*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER other.x BEFORE INSERT ON t FOR EACH ROW SET @a = 1 */;;\nend";
        let expected = "-- MySQL dump\n-- Host: localhost    Database: sh`op\n\
            INSERT INTO `t` VALUES ('`sh``op`.`a`');\n\
            /*!50001 VIEW `v` AS select nextval(`scratch`.`s`),`other`.`t`.`a` from `scratch`.`t` */;\n\
            /*!50003 CREATE*/ /*!50017 DEFINER=`a`@`sh``op`*/ /*!50003 trigger `scratch`.`x` before insert on `scratch` . t for each row set @a = `sh``op`.f() */;;\n\
            /*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER other.x BEFORE INSERT ON t FOR EACH ROW SET @a = 1 */;;\nend";
        for piece in [1, 5, 17, 4096] {
            assert_eq!(relocated(text, piece), expected, "{piece}");
        }
    }

    #[test]
    fn defaults_name_the_sequences_that_are_there() {
        let text = "-- Host: localhost    Database: shop\nCREATE TABLE `t` (\n  `a` int DEFAULT nextval(`shop`.`here`),\n  `b` int DEFAULT nextval(`shop`.`gone`) COMMENT 'x'\n) ENGINE=InnoDB;\n  `b` int DEFAULT nextval(`shop`.`gone`)\n";
        let of = |database: &str| {
            let here = BTreeSet::from(["here".to_owned()]);
            let mut relocation = Relocation::new(Vec::new(), "x").leaving_sequences(database, here);
            relocation.write_all(text.as_bytes()).unwrap();
            relocation.flush().unwrap();
            String::from_utf8(relocation.out).unwrap()
        };
        let gone = text.replacen("`shop`.`gone`", "`x`.`gone`", 1);
        assert_eq!(of("shop"), gone);
        assert_eq!(of("other"), gone.replacen("`shop`.`here`", "`x`.`here`", 1));
    }

    #[test]
    fn so_do_those_in_expressions_and_no_texts() {
        let text = "-- Host: localhost    Database: shop\nCREATE TABLE `t` (\n  \
            `a` int DEFAULT (lastval(`shop`.`s`) + nextval(`shop`.`t`)),\n  `b` int DEFAULT setval(`shop`.`s`,5,1,0),\n  \
            `c` text DEFAULT concat('it\\'s nextval(`shop`.`s`)',nextval(`shop`.`s`),my_nextval(`shop`.`s`)) COMMENT 'nextval(`shop`.`s`)'\n)\n";
        let expected = text
            .replace("(lastval(`shop`.", "(lastval(`scratch`.")
            .replace("+ nextval(`shop`.", "+ nextval(`scratch`.")
            .replace("DEFAULT setval(`shop`.", "DEFAULT setval(`scratch`.")
            .replace("',nextval(`shop`.", "',nextval(`scratch`.");
        for piece in [1, 7, 4096] {
            assert_eq!(relocated(text, piece), expected, "{piece}");
        }
    }

    #[test]
    fn a_dump_that_tells_no_name_stays_as_it_is() {
        let text =
            "-- MySQL dump\n/*!50001 VIEW `v` AS select `shop`.`t`.`a` from `shop`.`t` */;\n";
        assert_eq!(relocated(text, 7), text);
    }
}
