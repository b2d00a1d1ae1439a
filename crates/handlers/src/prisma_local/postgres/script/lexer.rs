//! Where strings, names, comments and dollar-quoted bodies begin and end outside of `COPY` data, by the rules of
//! PostgreSQL's own scanner and of `psql`.
//!
//! There is no looking ahead: what a byte means is decided by the [`Place`] that the bytes before it led to. So
//! it makes no difference where a piece ends.

use memchr::{memchr, memchr2};

use super::byte_kind::{is_blank, is_word, skim};
use super::client_encoding::ClientEncoding;
use super::incomplete::Part;

/// How much of a token's text is kept. Longer ones are cut; none that matters is.
const KEPT_BYTES: usize = 1024;

/// How much is kept where nobody asks for words: enough to tell the prefix `E` of a string from a longer word.
const SKIMMED_BYTES: usize = 2;

/// A piece of the script that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, a name without quotes, or a number.
    Word,
    /// A name in double quotes.
    QuotedName,
    /// A string.
    Text,
    /// One character of an operator or of punctuation.
    Symbol(u8),
    /// A comment that is a line of its own between two statements. Other comments are no tokens.
    Comment,
    /// A line for psql.
    MetaCommand,
}

impl Token {
    pub(super) fn is_name(self) -> bool {
        matches!(self, Self::Word | Self::QuotedName)
    }

    /// The name that is meant: without quotes it is one in small letters.
    pub(super) fn name(self, text: &[u8]) -> String {
        let name = name_of(text);
        if self == Self::Word { name.to_ascii_lowercase() } else { name }
    }
}

/// A text that is in the encoding of that name.
pub(crate) fn text_in(encoding: &str, bytes: &[u8]) -> String {
    name_of(&ClientEncoding::named(encoding).utf8(bytes))
}

/// A name as text. Bytes that are no UTF-8, as names in other encodings have them, stay apart from each other:
/// each is written as its number.
fn name_of(bytes: &[u8]) -> String {
    bytes.utf8_chunks().fold(String::new(), |mut text, chunk| {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&byte.escape_ascii().to_string());
        }
        text
    })
}

/// What the bytes so far have led into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between tokens.
    Open,
    /// After a hyphen, which may begin a comment.
    Hyphen,
    /// After a slash, which may begin a comment.
    Slash,
    Word,
    /// After a dollar sign and perhaps letters, which may begin a dollar-quoted string.
    DollarTag,
    /// In a dollar-quoted string, after so many bytes of its delimiter.
    DollarQuoted {
        matched: usize,
    },
    Text {
        escapes: bool,
    },
    /// In a string with escapes, before a byte that is only itself.
    Escaped,
    /// After the quote that ends a string, unless another one continues it: at once, to stand for itself, or
    /// after a line break.
    AfterText {
        escapes: bool,
    },
    QuotedName,
    /// After the quote that ends a name, unless another one follows at once to stand for itself.
    AfterQuotedName,
    LineComment {
        is_token: bool,
    },
    BlockComment {
        depth: u32,
        /// The byte before, where it may be half of `/*` or `*/`.
        previous: u8,
    },
    MetaCommand,
}

/// How much of a statement is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    BetweenStatements,
    /// Every token.
    Statement,
    /// Its end, and the parentheses that it depends on.
    StatementEnd,
}

/// What a backslash in a string is.
#[derive(Clone, Copy, Debug)]
pub(super) struct StringRules {
    /// Whether it escapes the next byte also where no `E` stands before the string.
    pub(super) escapes: bool,
    /// Whether it is one at all, or half of a character.
    pub(super) encoding: ClientEncoding,
}

/// Splits a script into tokens.
#[derive(Clone, Debug)]
pub(super) struct Lexer {
    place: Place,
    reading: Reading,
    /// The text of the token, or of a dollar-quoted string the delimiter.
    text: Vec<u8>,
    /// Whether only a line break came since the last token. Not kept within statements.
    at_line_start: bool,
    strings: StringRules,
}

impl Lexer {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Open,
            reading: Reading::BetweenStatements,
            text: Vec::with_capacity(KEPT_BYTES),
            at_line_start: true,
            strings: StringRules { escapes: false, encoding: ClientEncoding::AsciiSafe },
        }
    }

    /// The text of the token that [`next`](Self::next) has just returned, without quotes; the first
    /// [`KEPT_BYTES`] of it.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The last token has ended its statement.
    pub(super) fn end_statement(&mut self) {
        self.reading = Reading::BetweenStatements;
        self.at_line_start = false;
    }

    /// Words and most symbols need not become tokens before the statement has ended.
    pub(super) fn skim_statement(&mut self) {
        self.reading = Reading::StatementEnd;
    }

    /// What is not for the lexer has passed, to the end of its line.
    pub(super) fn begin_line(&mut self) {
        self.at_line_start = true;
    }

    /// How strings are to be read from here on.
    pub(super) fn strings(&mut self) -> &mut StringRules {
        &mut self.strings
    }

    /// Whether between two statements no token has begun that could be of the next one.
    pub(super) fn is_between_tokens(&self) -> bool {
        let in_none = matches!(
            self.place,
            Place::Open
                | Place::LineComment { .. }
                | Place::BlockComment { .. }
                | Place::MetaCommand
        );
        in_none && self.is_between_statements()
    }

    /// What the script would break off within if it ended here. An unfinished comment of one line is nothing.
    pub(super) fn unfinished(&self) -> Option<Part> {
        match self.place {
            Place::Text { .. } | Place::Escaped => Some(Part::Text),
            Place::DollarQuoted { .. } => Some(Part::DollarQuoted),
            Place::QuotedName => Some(Part::Name),
            Place::BlockComment { .. } => Some(Part::BlockComment),
            Place::MetaCommand => Some(Part::MetaCommand),
            Place::Open | Place::LineComment { .. } if self.is_between_statements() => None,
            _ => Some(Part::Statement),
        }
    }

    /// Reads up to the end of a token, or of the bytes. Returns what is left, and the token.
    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<Token>) {
        match self.place {
            Place::Open => self.open(bytes),
            Place::Hyphen => self.after_hyphen(bytes),
            Place::Slash => self.after_slash(bytes),
            Place::Word => self.word(bytes),
            Place::DollarTag => self.dollar_tag(bytes),
            Place::DollarQuoted { matched } => self.dollar_quoted(bytes, matched),
            Place::Text { escapes } => self.string(bytes, escapes),
            Place::Escaped => {
                self.place = Place::Text { escapes: true };
                let (skipped, rest) = split(bytes, 1);
                self.keep(skipped);
                (rest, None)
            }
            Place::AfterText { escapes } => self.after_text(bytes, escapes),
            Place::QuotedName => self.quoted_name(bytes),
            Place::AfterQuotedName => self.after_quoted_name(bytes),
            Place::LineComment { is_token } => self.line_comment(bytes, is_token),
            Place::BlockComment { depth, previous } => self.block_comment(bytes, depth, previous),
            Place::MetaCommand => self.meta_command(bytes),
        }
    }

    fn open<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<Token>) {
        let blank = bytes.iter().position(|byte| !is_blank(*byte)).unwrap_or(bytes.len());
        let (blanks, bytes) = split(bytes, blank);
        if let Some(last) = blanks.last() {
            self.at_line_start = *last == b'\n';
        }
        let bytes = if self.reading == Reading::StatementEnd { skim(bytes) } else { bytes };
        let Some((first, rest)) = bytes.split_first() else { return (bytes, None) };
        match first {
            b'-' => self.place = Place::Hyphen,
            b'/' => self.place = Place::Slash,
            b'\\' if self.is_between_statements() => self.enter(Place::MetaCommand),
            b'\'' => self.enter_statement(Place::Text { escapes: self.strings.escapes }),
            b'"' => self.enter_statement(Place::QuotedName),
            b'$' => self.enter_statement(Place::DollarTag),
            byte if is_word(*byte) => {
                self.enter_statement(Place::Word);
                return self.word(bytes);
            }
            byte => return (rest, Some(self.symbol(*byte))),
        }
        (rest, None)
    }

    fn enter(&mut self, place: Place) {
        self.text.clear();
        self.place = place;
    }

    fn enter_statement(&mut self, place: Place) {
        if self.is_between_statements() {
            self.reading = Reading::Statement;
        }
        self.enter(place);
    }

    fn is_between_statements(&self) -> bool {
        self.reading == Reading::BetweenStatements
    }

    fn symbol(&mut self, byte: u8) -> Token {
        self.enter_statement(Place::Open);
        Token::Symbol(byte)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let limit = match self.reading {
            Reading::BetweenStatements | Reading::Statement => KEPT_BYTES,
            Reading::StatementEnd => SKIMMED_BYTES,
        };
        let room = limit.saturating_sub(self.text.len());
        if room == 0 {
            return;
        }
        self.text.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn after_hyphen<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<Token>) {
        match bytes.split_first() {
            Some((b'-', rest)) => {
                let is_token = self.is_between_statements() && self.at_line_start;
                self.enter(Place::LineComment { is_token });
                (rest, None)
            }
            _ => (bytes, Some(self.symbol(b'-'))),
        }
    }

    fn after_slash<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<Token>) {
        match bytes.split_first() {
            Some((b'*', rest)) => {
                self.at_line_start = false;
                self.place = Place::BlockComment { depth: 1, previous: 0 };
                (rest, None)
            }
            _ => (bytes, Some(self.symbol(b'/'))),
        }
    }

    fn word<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<Token>) {
        let Some(end) = bytes.iter().position(|byte| !is_word(*byte)) else {
            self.keep(bytes);
            return (&[], None);
        };
        let (letters, rest) = split(bytes, end);
        self.keep(letters);
        if let (Some((b'\'', string)), b"e" | b"E") = (rest.split_first(), self.text.as_slice()) {
            self.enter(Place::Text { escapes: true });
            return (string, None);
        }
        self.place = Place::Open;
        (rest, Some(Token::Word))
    }

    fn dollar_tag<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<Token>) {
        for (at, byte) in bytes.iter().enumerate() {
            let fits = self.text.len() < KEPT_BYTES;
            let (_, rest) = split(bytes, at + 1);
            match byte {
                b'$' if fits => {
                    self.text.insert(0, b'$');
                    self.text.push(b'$');
                    self.place = Place::DollarQuoted { matched: 0 };
                    return (rest, None);
                }
                byte if is_word(*byte) && fits => self.text.push(*byte),
                _ => {
                    // A dollar sign that quotes nothing, as in `$1`; the digit says nothing.
                    self.place = Place::Open;
                    return (split(bytes, at).1, Some(Token::Symbol(b'$')));
                }
            }
        }
        (&[], None)
    }

    fn dollar_quoted<'a>(&mut self, bytes: &'a [u8], matched: usize) -> (&'a [u8], Option<Token>) {
        let mut matched = matched;
        let mut rest = bytes;
        while let Some((byte, tail)) = rest.split_first() {
            if self.text.get(matched) == Some(byte) {
                matched += 1;
                rest = tail;
                if matched == self.text.len() {
                    self.place = Place::Open;
                    return (rest, Some(Token::Text));
                }
            } else if matched > 0 {
                // The delimiter has no dollar sign but its first and last, so it can only begin anew here.
                matched = 0;
            } else {
                rest = memchr(b'$', rest).map_or(&[], |dollar| split(rest, dollar).1);
            }
        }
        self.place = Place::DollarQuoted { matched };
        (rest, None)
    }

    fn string<'a>(&mut self, bytes: &'a [u8], escapes: bool) -> (&'a [u8], Option<Token>) {
        let encoding = self.strings.encoding;
        let end = match (escapes, encoding) {
            (false, _) => memchr(b'\'', bytes),
            (true, ClientEncoding::AsciiSafe | ClientEncoding::Latin1) => {
                memchr2(b'\'', b'\\', bytes)
            }
            (true, _) => bytes
                .iter()
                .position(|byte| matches!(byte, b'\'' | b'\\') || encoding.takes_next(*byte)),
        };
        let (text, rest) = split(bytes, end.unwrap_or(bytes.len()));
        self.keep(text);
        match rest.split_first() {
            None => (rest, None),
            Some((b'\'', rest)) => {
                self.place = Place::AfterText { escapes };
                (rest, None)
            }
            Some((_, rest)) => {
                self.place = Place::Escaped;
                (rest, None)
            }
        }
    }

    fn after_text<'a>(&mut self, bytes: &'a [u8], escapes: bool) -> (&'a [u8], Option<Token>) {
        let blank = bytes.iter().position(|byte| !is_blank(*byte)).unwrap_or(bytes.len());
        let (_, bytes) = split(bytes, blank);
        match bytes.split_first() {
            None => (bytes, None),
            Some((b'\'', rest)) => {
                self.place = Place::Text { escapes };
                (rest, None)
            }
            Some(_) => {
                self.place = Place::Open;
                (bytes, Some(Token::Text))
            }
        }
    }

    fn quoted_name<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<Token>) {
        let end = memchr(b'"', bytes);
        let (name, rest) = split(bytes, end.unwrap_or(bytes.len()));
        self.keep(name);
        if end.is_some() {
            self.place = Place::AfterQuotedName;
        }
        (split(rest, 1).1, None)
    }

    fn after_quoted_name<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<Token>) {
        if let Some((b'"', rest)) = bytes.split_first() {
            self.keep(b"\"");
            self.place = Place::QuotedName;
            return (rest, None);
        }
        self.place = Place::Open;
        (bytes, Some(Token::QuotedName))
    }

    fn line_comment<'a>(&mut self, bytes: &'a [u8], is_token: bool) -> (&'a [u8], Option<Token>) {
        let end = memchr2(b'\n', b'\r', bytes);
        let (comment, rest) = split(bytes, end.unwrap_or(bytes.len()));
        self.keep(comment);
        if end.is_none() {
            return (rest, None);
        }
        self.at_line_start = true;
        self.place = Place::Open;
        (split(rest, 1).1, is_token.then_some(Token::Comment))
    }

    fn block_comment<'a>(
        &mut self,
        bytes: &'a [u8],
        depth: u32,
        previous: u8,
    ) -> (&'a [u8], Option<Token>) {
        let (mut depth, mut previous) = (depth, previous);
        let mut rest = bytes;
        while let Some((byte, tail)) = rest.split_first() {
            match (previous, byte) {
                (b'*', b'/') => {
                    depth -= 1;
                    previous = 0;
                    if depth == 0 {
                        self.place = Place::Open;
                        return (tail, None);
                    }
                }
                (b'/', b'*') => {
                    depth = depth.saturating_add(1);
                    previous = 0;
                }
                (_, b'*' | b'/') => previous = *byte,
                _ => {
                    previous = 0;
                    rest = memchr2(b'*', b'/', rest).map_or(&[], |at| split(rest, at).1);
                    continue;
                }
            }
            rest = tail;
        }
        self.place = Place::BlockComment { depth, previous };
        (rest, None)
    }

    fn meta_command<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Option<Token>) {
        let end = memchr(b'\n', bytes);
        let (line, rest) = split(bytes, end.unwrap_or(bytes.len()));
        self.keep(line);
        if end.is_none() {
            return (rest, None);
        }
        self.at_line_start = true;
        self.place = Place::Open;
        (split(rest, 1).1, Some(Token::MetaCommand))
    }
}

/// Splits at a place that is within the bytes or at their end.
fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}
