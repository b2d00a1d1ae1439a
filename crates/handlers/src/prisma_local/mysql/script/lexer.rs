//! Splits a script into statements and these into tokens, in pieces of any size: one state holds whatever a
//! piece ended within.

use std::fmt;

use memchr::{memchr, memchr2};

use super::reader::{Attention, Reader};
use super::rows::Stop;

/// What a script ended within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// A statement.
    Statement,
    /// A quoted text or name.
    Quoted,
    /// A comment that has an end.
    Comment,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Statement => "a statement",
            Self::Quoted => "a quoted text",
            Self::Comment => "a comment",
        })
    }
}

/// What the last byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing that goes on.
    Code,
    Word,
    Quoted(u8),
    /// Behind a backslash within quotes.
    Escaped(u8),
    /// Behind a quote that ends the text unless another one follows.
    QuoteSeen(u8),
    Dash,
    Dashes,
    LineComment,
    Slash,
    SlashStar,
    SlashStarM,
    /// The version in `/*!50003 …*/`: how many digits, and whether all are nines.
    Version(u8, bool),
    BlockComment,
    BlockCommentStar,
    /// Behind a star that may end the conditional comment.
    Star,
    /// How much of the delimiter was seen.
    Delimiter(usize),
    /// The line of a `DELIMITER` command.
    DelimiterLine,
}

/// Longer tokens are cut: names have 64 characters, migrations 255, a list of all SQL modes 700.
const LONGEST_TOKEN: usize = 2048;

/// The digits of a version, all nines: no server is that new. What looks like a statement is a comment, by
/// which MariaDB's tools tell its client something.
const VERSION_DIGITS: u8 = 6;

/// The state between two pieces of a script.
#[derive(Debug)]
pub(super) struct Lexer {
    place: Place,
    token: Vec<u8>,
    delimiter: Vec<u8>,
    in_statement: bool,
    /// How many conditional comments are open: what stands in them is read by a server.
    conditional: u32,
    /// The delimiter contains its line's end, which ends a line comment too.
    ends_with_line: bool,
    /// The comment's last byte was a semicolon.
    semicolon_last: bool,
}

impl Lexer {
    /// Statements end as the `mysql` client ends them.
    pub(super) fn of_the_client() -> Self {
        Self {
            place: Place::Code,
            token: Vec::new(),
            delimiter: b";".to_vec(),
            in_statement: false,
            conditional: 0,
            ends_with_line: false,
            semicolon_last: false,
        }
    }

    /// Statements end with a semicolon at a line's end: `mydumper` puts a space between them where they meet
    /// within a stored program.
    pub(super) fn of_mydumper() -> Self {
        Self { delimiter: b";\n".to_vec(), ends_with_line: true, ..Self::of_the_client() }
    }

    /// What the script ends within, if it ends here.
    pub(super) fn unfinished(&self) -> Option<Unfinished> {
        match self.place {
            Place::Quoted(_) | Place::Escaped(_) | Place::QuoteSeen(_) => Some(Unfinished::Quoted),
            Place::BlockComment | Place::BlockCommentStar => Some(Unfinished::Comment),
            Place::Code | Place::LineComment if !self.in_statement => None,
            _ => Some(Unfinished::Statement),
        }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], reader: &mut Reader) {
        while let Some(&byte) = bytes.first() {
            let taken = self.step(byte, bytes, reader);
            bytes = &bytes[taken..];
        }
    }

    /// The script is over: its last line may have no end.
    pub(super) fn last_line(&mut self, reader: &mut Reader) {
        if self.place == Place::LineComment && !self.in_statement {
            reader.unended_remark(&self.token);
        }
    }

    /// Goes on from here, with at least one byte: how many were taken. None only where the place has changed.
    fn step(&mut self, byte: u8, bytes: &[u8], reader: &mut Reader) -> usize {
        match self.place {
            Place::Code => self.code(byte, bytes, reader),
            Place::Word => self.word(bytes, reader),
            Place::Quoted(quote) => self.quoted(quote, bytes, reader),
            Place::Escaped(quote) => {
                self.keep_if_wanted(&[unescaped(byte)], reader);
                self.go(Place::Quoted(quote), 1)
            }
            Place::QuoteSeen(quote) if byte == quote => {
                self.keep_if_wanted(&[quote], reader);
                self.go(Place::Quoted(quote), 1)
            }
            Place::QuoteSeen(_) => {
                if reader.attention() == Attention::Tokens {
                    reader.quoted(&self.token);
                }
                self.go(Place::Code, 0)
            }
            Place::Dash if byte == b'-' => self.go(Place::Dashes, 1),
            Place::Dash => self.symbols(b"-", reader),
            Place::Dashes if byte.is_ascii_whitespace() || byte.is_ascii_control() => {
                self.line_comment(b"--")
            }
            Place::Dashes => self.symbols(b"--", reader),
            Place::LineComment => self.comment_line(bytes, reader),
            Place::Slash if byte == b'*' => self.go(Place::SlashStar, 1),
            Place::Slash => self.symbols(b"/", reader),
            Place::SlashStar if byte == b'M' => self.go(Place::SlashStarM, 1),
            Place::SlashStar | Place::SlashStarM if byte == b'!' => {
                self.go(Place::Version(0, true), 1)
            }
            Place::SlashStar | Place::SlashStarM => {
                reader.aside();
                self.go(Place::BlockComment, 0)
            }
            Place::Version(digits, nines) => self.version(digits, nines, byte, reader),
            Place::BlockComment => match memchr(b'*', bytes) {
                Some(star) => self.go(Place::BlockCommentStar, star + 1),
                None => bytes.len(),
            },
            Place::BlockCommentStar => match byte {
                b'/' => self.go(Place::Code, 1),
                b'*' => 1,
                _ => self.go(Place::BlockComment, 1),
            },
            Place::Star if byte == b'/' => {
                self.conditional -= 1;
                self.go(Place::Code, 1)
            }
            Place::Star => self.symbols(b"*", reader),
            Place::Delimiter(seen) => self.delimiter(seen, byte, reader),
            Place::DelimiterLine => self.delimiter_line(bytes),
        }
    }

    fn go(&mut self, place: Place, taken: usize) -> usize {
        self.place = place;
        taken
    }

    fn code(&mut self, byte: u8, bytes: &[u8], reader: &mut Reader) -> usize {
        let mode = reader.sql_mode();
        if let Some(count) = reader.counting() {
            let (taken, stop) = count.scan(bytes, mode, &self.delimiter);
            match stop {
                Stop::Quoted(quote) => return self.go(Place::Quoted(quote), taken),
                Stop::Escaped(quote) => return self.go(Place::Escaped(quote), taken),
                Stop::Between if taken > 0 => return taken,
                Stop::Between => {}
            }
        }
        match byte {
            _ if self.conditional == 0 && self.delimiter.first() == Some(&byte) => {
                self.delimiter(0, byte, reader)
            }
            _ if byte.is_ascii_whitespace() => 1,
            _ if is_of_word(byte) => {
                self.token.clear();
                self.go(Place::Word, 0)
            }
            b'\'' | b'"' | b'`' => {
                self.begin(reader);
                self.token.clear();
                self.go(Place::Quoted(byte), 1)
            }
            b'-' => self.go(Place::Dash, 1),
            b'/' => self.go(Place::Slash, 1),
            b'#' => self.line_comment(b""),
            b'*' if self.conditional > 0 => self.go(Place::Star, 1),
            _ => self.symbols(&[byte], reader) + 1,
        }
    }

    fn word(&mut self, bytes: &[u8], reader: &mut Reader) -> usize {
        let end = bytes.iter().position(|byte| !is_of_word(*byte));
        let length = end.unwrap_or(bytes.len());
        self.keep_if_wanted(&bytes[..length], reader);
        if end.is_some() {
            self.place = Place::Code;
            if !self.in_statement && self.token.eq_ignore_ascii_case(b"DELIMITER") {
                reader.aside();
                self.token.clear();
                self.place = Place::DelimiterLine;
            } else {
                self.begin(reader);
                if reader.attention() == Attention::Tokens {
                    reader.word(&self.token);
                }
            }
        }
        length
    }

    fn quoted(&mut self, quote: u8, bytes: &[u8], reader: &mut Reader) -> usize {
        let found = if reader.sql_mode().escapes_within(quote) {
            memchr2(quote, b'\\', bytes)
        } else {
            memchr(quote, bytes)
        };
        self.keep_if_wanted(&bytes[..found.unwrap_or(bytes.len())], reader);
        match found {
            Some(at) if bytes[at] == quote => self.go(Place::QuoteSeen(quote), at + 1),
            Some(at) => self.go(Place::Escaped(quote), at + 1),
            None => bytes.len(),
        }
    }

    fn line_comment(&mut self, opening: &[u8]) -> usize {
        self.token.clear();
        self.keep(opening);
        self.semicolon_last = false;
        self.go(Place::LineComment, 0)
    }

    fn comment_line(&mut self, bytes: &[u8], reader: &mut Reader) -> usize {
        let end = memchr(b'\n', bytes);
        let text = &bytes[..end.unwrap_or(bytes.len())];
        if let Some(last) = text.last() {
            self.semicolon_last = *last == b';';
        }
        if !self.in_statement {
            self.keep(text);
        }
        let Some(end) = end else { return bytes.len() };
        self.place = Place::Code;
        if !self.in_statement {
            reader.remark(&self.token);
        } else if self.ends_with_line && self.semicolon_last && self.conditional == 0 {
            self.end_statement(reader);
        }
        end + 1
    }

    fn version(&mut self, digits: u8, nines: bool, byte: u8, reader: &mut Reader) -> usize {
        if digits < VERSION_DIGITS && byte.is_ascii_digit() {
            return self.go(Place::Version(digits + 1, nines && byte == b'9'), 1);
        }
        if digits == VERSION_DIGITS && nines {
            return self.go(Place::BlockComment, 0);
        }
        self.begin(reader);
        self.conditional += 1;
        self.go(Place::Code, 0)
    }

    fn delimiter(&mut self, seen: usize, byte: u8, reader: &mut Reader) -> usize {
        if self.delimiter.get(seen) != Some(&byte) {
            let symbols = self.delimiter[..seen].to_vec();
            return self.symbols(&symbols, reader);
        }
        if seen + 1 == self.delimiter.len() {
            self.end_statement(reader);
        } else {
            self.place = Place::Delimiter(seen + 1);
        }
        1
    }

    fn delimiter_line(&mut self, bytes: &[u8]) -> usize {
        let end = memchr(b'\n', bytes);
        self.keep(&bytes[..end.unwrap_or(bytes.len())]);
        let Some(end) = end else { return bytes.len() };
        let given = self.token.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
        if let Some(delimiter) = given {
            self.delimiter = delimiter.to_vec();
        }
        self.go(Place::Code, end + 1)
    }

    fn begin(&mut self, reader: &mut Reader) {
        if !self.in_statement {
            self.in_statement = true;
            reader.begin();
        }
    }

    fn end_statement(&mut self, reader: &mut Reader) {
        reader.end();
        self.in_statement = false;
        self.place = Place::Code;
    }

    /// What was seen are symbols after all.
    fn symbols(&mut self, symbols: &[u8], reader: &mut Reader) -> usize {
        self.begin(reader);
        for symbol in symbols {
            if reader.attention() != Attention::End {
                reader.symbol(*symbol);
            }
        }
        self.go(Place::Code, 0)
    }

    fn keep_if_wanted(&mut self, bytes: &[u8], reader: &mut Reader) {
        if reader.attention() == Attention::Tokens {
            self.keep(bytes);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST_TOKEN - self.token.len();
        self.token.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// The byte that a backslash before this one stands for.
fn unescaped(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'r' => b'\r',
        b'Z' => 0x1a,
        _ => byte,
    }
}
