//! The rows of an `INSERT`, counted at the dump's own speed.
//!
//! Blocks of bytes go through a state machine without a branch for each byte: a row is short and irregular,
//! and guessing where its values end would cost more than looking at every byte. A block in which nothing
//! can happen, as in long texts and blobs, is passed over at once. What the machine has no state for is left
//! to [`RowCount::closely`], and what that does not know to the lexer.

use memchr::{memchr, memchr2};

use super::sql_mode::SqlMode;

/// The rows between `VALUES` and the statement's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowCount {
    /// How many parentheses are open: a value may be an expression.
    depth: u32,
    rows: u64,
    /// The quote that texts were last seen to have.
    quote: u8,
}

/// Where a count stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Before a byte that needs a closer look, or at the end.
    Between,
    /// At the end, within a quoted text.
    Quoted(u8),
    /// At the end, behind a backslash within a quoted text.
    Escaped(u8),
}

impl Default for RowCount {
    fn default() -> Self {
        Self { depth: 0, rows: 0, quote: b'\'' }
    }
}

impl RowCount {
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    pub(super) fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'(' => {
                self.depth += 1;
                self.rows += u64::from(self.depth == 1);
            }
            b')' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// Counts on through `bytes`, which begin outside of any text: how many were taken, and where they end.
    pub(super) fn scan(&mut self, bytes: &[u8], mode: SqlMode, delimiter: &[u8]) -> (usize, Stop) {
        let is_usual = mode == SqlMode::default() && delimiter.first() == Some(&b';');
        let mut at = 0;
        let mut stop = Stop::Between;
        loop {
            let before = at;
            if is_usual {
                at += self.quickly(&bytes[at..], &mut stop);
            }
            at += self.closely(&bytes[at..], mode, &mut stop);
            if at == bytes.len() || at == before {
                return (at, stop);
            }
        }
    }

    /// Counts whole blocks, up to one in which something unusual happens: how many bytes were taken.
    fn quickly(&mut self, bytes: &[u8], stop: &mut Stop) -> usize {
        let Some(mut state) = self.state(*stop) else { return 0 };
        let table = if self.quote == b'"' { &DOUBLE_QUOTED } else { &SINGLE_QUOTED };
        let mut taken = 0;
        for block in bytes.as_chunks::<BLOCK>().0 {
            let is_quiet = match state {
                TEXT | NESTED_TEXT => is_quiet_within(block, self.quote),
                VALUE => is_quiet_between(block),
                _ => false,
            };
            if !is_quiet {
                let mut end = state;
                let mut rows = 0;
                for byte in block {
                    end = (table[usize::from(*byte)] >> end) & SLOT;
                    rows += u64::from(end == ROW);
                }
                if end == UNUSUAL {
                    break;
                }
                self.rows += rows;
                state = end;
            }
            taken += BLOCK;
        }
        (self.depth, *stop) = match state {
            OUTSIDE => (0, Stop::Between),
            NESTED => (2, Stop::Between),
            TEXT => (1, Stop::Quoted(self.quote)),
            ESCAPED => (1, Stop::Escaped(self.quote)),
            NESTED_TEXT => (2, Stop::Quoted(self.quote)),
            NESTED_ESCAPED => (2, Stop::Escaped(self.quote)),
            _ => (1, Stop::Between),
        };
        // Whether the dash begins a comment is not known yet.
        taken - usize::from(state == DASH)
    }

    /// The machine's state where a count stopped, if it has one.
    fn state(&self, stop: Stop) -> Option<u64> {
        match (self.depth, stop) {
            (0, Stop::Between) => Some(OUTSIDE),
            (1, Stop::Between) => Some(VALUE),
            (2, Stop::Between) => Some(NESTED),
            (1, Stop::Quoted(quote)) if quote == self.quote => Some(TEXT),
            (1, Stop::Escaped(quote)) if quote == self.quote => Some(ESCAPED),
            (2, Stop::Quoted(quote)) if quote == self.quote => Some(NESTED_TEXT),
            (2, Stop::Escaped(quote)) if quote == self.quote => Some(NESTED_ESCAPED),
            _ => None,
        }
    }

    /// Counts about a block byte by byte, up to what only the lexer knows: how many bytes were taken.
    fn closely(&mut self, bytes: &[u8], mode: SqlMode, stop: &mut Stop) -> usize {
        let mut at = 0;
        while at < BLOCK
            && let Some(&byte) = bytes.get(at)
        {
            at += match *stop {
                Stop::Escaped(quote) => {
                    *stop = Stop::Quoted(quote);
                    1
                }
                Stop::Quoted(quote) => within_text(&bytes[at..], quote, mode, stop),
                Stop::Between => match byte {
                    b'(' | b')' => {
                        self.symbol(byte);
                        1
                    }
                    b'\'' | b'"' => {
                        self.quote = byte;
                        *stop = Stop::Quoted(byte);
                        1
                    }
                    b'-' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => 1,
                    b',' | b' ' | b'\n' | b'.' | b'_' => 1,
                    _ if byte.is_ascii_alphanumeric() => 1,
                    _ => return at,
                },
            };
        }
        at
    }
}

/// Goes on within a text: how many bytes are taken. A doubled quote is an end and a beginning: for a count
/// that is the same.
fn within_text(bytes: &[u8], quote: u8, mode: SqlMode, stop: &mut Stop) -> usize {
    let found = if mode.escapes_within(quote) {
        memchr2(quote, b'\\', bytes)
    } else {
        memchr(quote, bytes)
    };
    let Some(at) = found else { return bytes.len() };
    *stop = if bytes[at] == quote { Stop::Between } else { Stop::Escaped(quote) };
    at + 1
}

/// How many bytes the machine takes at once. Its compares fill whole vector registers.
const BLOCK: usize = 64;

// The states. Each is the place of a slot of six bits in the table's entry for a byte, where the next state
// stands: so the next state is one shift away.
const ROW: u64 = 0;
const OUTSIDE: u64 = 6;
const VALUE: u64 = 12;
const DASH: u64 = 18;
const TEXT: u64 = 24;
const ESCAPED: u64 = 30;
const NESTED: u64 = 36;
const NESTED_TEXT: u64 = 42;
const NESTED_ESCAPED: u64 = 48;
const UNUSUAL: u64 = 54;
const SLOT: u64 = 0b11_1111;

static SINGLE_QUOTED: [u64; 256] = table(b'\'');
static DOUBLE_QUOTED: [u64; 256] = table(b'"');

const fn table(quote: u8) -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut state = ROW;
        while state <= UNUSUAL {
            #[expect(clippy::cast_possible_truncation, reason = "below 256")]
            let next = next(state, byte as u8, quote);
            table[byte] |= next << state;
            state += 6;
        }
        byte += 1;
    }
    table
}

/// The state behind `byte`. `ROW` is behind the parenthesis that begins a row.
const fn next(state: u64, byte: u8, quote: u8) -> u64 {
    // Quotes of another kind are as unusual as those of a name.
    let byte = match byte {
        _ if byte == quote => b'\'',
        b'\'' | b'"' => b'`',
        _ => byte,
    };
    match (state, byte) {
        (ESCAPED, _) => TEXT,
        (NESTED_ESCAPED, _) | (NESTED, b'\'') => NESTED_TEXT,
        (TEXT, b'\\') => ESCAPED,
        (NESTED_TEXT, b'\\') => NESTED_ESCAPED,
        (TEXT, b'\'') | (NESTED, b')') => VALUE,
        (NESTED_TEXT, b'\'') => NESTED,
        (TEXT | NESTED_TEXT | UNUSUAL, _) => state,
        (_, b'`' | b';' | b'#' | b'/' | b'*' | b'\\')
        | (OUTSIDE, b')' | b'-' | b'\'')
        | (NESTED, b'(' | b'-')
        | (DASH, b'-') => UNUSUAL,
        (OUTSIDE, b'(') => ROW,
        (OUTSIDE | NESTED, _) => state,
        (_, b'-') => DASH,
        (_, b'(') => NESTED,
        (_, b')') => OUTSIDE,
        (_, b'\'') => TEXT,
        _ => VALUE,
    }
}

/// Whether a block goes on with the text that it begins in.
fn is_quiet_within(block: &[u8; BLOCK], quote: u8) -> bool {
    let stirs = |byte: &u8| u8::from(*byte == quote) | u8::from(*byte == b'\\');
    block.iter().fold(0, |found, byte| found | stirs(byte)) == 0
}

/// Whether a block goes on with the number or blob that it begins in: above the digits nothing else than
/// these three means anything.
fn is_quiet_between(block: &[u8; BLOCK]) -> bool {
    let stirs = |byte: &u8| {
        u8::from(*byte < b'0')
            | u8::from(*byte == b';')
            | u8::from(*byte == b'\\')
            | u8::from(*byte == b'`')
    };
    block.iter().fold(0, |found, byte| found | stirs(byte)) == 0
}
