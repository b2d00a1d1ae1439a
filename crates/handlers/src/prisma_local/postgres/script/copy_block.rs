//! The rows between `COPY … FROM stdin;` and the line `\.`, at the speed of memory.

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter};

use super::TableName;

/// Finds where a block's rows end. Made once: it prepares itself for the machine.
#[derive(Clone, Debug)]
pub(super) struct RowEnd(Finder<'static>);

impl RowEnd {
    /// The end of a row, and the line after it.
    const MARK: &'static [u8] = b"\n\\.\n";

    pub(super) fn new() -> Self {
        Self(Finder::new(Self::MARK))
    }
}

/// Where in a line the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// In the line of the `COPY` statement.
    Statement,
    /// At the first byte of a line.
    Start,
    /// After a backslash that begins a line.
    Backslash,
    /// After a backslash and a dot that begin a line.
    BackslashDot,
    /// Somewhere in a line that is a row.
    Row,
}

/// The rows of one `COPY` statement, as they pass.
#[derive(Clone, Debug)]
pub(super) struct CopyBlock {
    /// Whose rows they are.
    pub(super) table: TableName,
    /// The rows that have passed to their end.
    pub(super) rows: u64,
    line: Line,
}

impl CopyBlock {
    /// A block whose statement has just ended; its line has not.
    pub(super) fn new(table: TableName) -> Self {
        Self { table, rows: 0, line: Line::Statement }
    }

    /// Passes bytes. Returns what comes after the block once its end is there; none while it is not.
    pub(super) fn pass<'a>(&mut self, bytes: &'a [u8], row_end: &RowEnd) -> Option<&'a [u8]> {
        let mut rest = bytes;
        while let Some((first, tail)) = rest.split_first() {
            match (self.line, first) {
                (Line::Statement, _) => {
                    let newline = memchr(b'\n', rest)?;
                    self.line = Line::Start;
                    rest = rest.get(newline + 1..)?;
                }
                (Line::Start, b'\\') => {
                    self.line = Line::Backslash;
                    rest = tail;
                }
                (Line::Backslash, b'.') => {
                    self.line = Line::BackslashDot;
                    rest = tail;
                }
                (Line::BackslashDot, b'\n') => return Some(tail),
                (Line::Start | Line::Backslash | Line::BackslashDot, _) => self.line = Line::Row,
                (Line::Row, _) => return self.pass_rows(rest, row_end),
            }
        }
        None
    }

    /// Passes bytes that do not begin with the end of the block.
    fn pass_rows<'a>(&mut self, bytes: &'a [u8], row_end: &RowEnd) -> Option<&'a [u8]> {
        let end = row_end.0.find(bytes);
        let rows = end.map_or(bytes, |end| bytes.get(..=end).unwrap_or(bytes));
        self.rows += memchr_iter(b'\n', rows).count() as u64;
        self.line = if bytes.ends_with(b"\n") {
            Line::Start
        } else if bytes.ends_with(b"\n\\") {
            Line::Backslash
        } else if bytes.ends_with(b"\n\\.") {
            Line::BackslashDot
        } else {
            Line::Row
        };
        bytes.get(end? + RowEnd::MARK.len()..)
    }
}
