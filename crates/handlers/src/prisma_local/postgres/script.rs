//! Checks that a SQL script by `pg_dump`, `pg_restore` or `pg_dumpall` is whole, as it passes, and counts the
//! rows that it carries; and leaves parts of it out on its way into `psql`.
//!
//! | file | what it knows |
//! |---|---|
//! | `lexer` | where strings, names, comments and bodies begin and end |
//! | `byte_kind` | what single bytes are to the lexer |
//! | `client_encoding` | which bytes are halves of characters |
//! | `statement` | what a statement is, as far as that decides how the script goes on |
//! | `reader` | both together: comments, commands, statements and rows, one after the other |
//! | `filter` | which statements are left out, and how the others are passed on |
//! | `copy_block` | the rows after `COPY … FROM stdin;` |
//! | `frame` | the comments and `\restrict` lines that a script begins and ends with |
//! | `incomplete` | what may be missing |
//!
//! Everything is read as `psql` would: text that looks like a `COPY` statement, like the end of its rows or like
//! the end of the script is believed only where `psql` would take it for one.

mod byte_kind;
mod client_encoding;
mod copy_block;
mod filter;
mod frame;
mod incomplete;
mod lexer;
mod reader;
mod statement;

#[cfg(test)]
mod tests;

pub(crate) use filter::{Omitted, StatementFilter};
pub(crate) use frame::ScriptKind;
pub(crate) use incomplete::IncompleteScript;
pub(crate) use lexer::text_in;
pub(crate) use statement::{Kept, TableName};

use std::collections::BTreeMap;
use std::io::{self, Write};

use frame::Frame;
use reader::{Passed, ScriptReader};
use statement::Finished;

/// What a complete script holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScriptContents {
    /// Whether it is one database or a cluster.
    pub kind: ScriptKind,
    /// The rows of each table whose rows are `COPY` data, tables without rows among them. In a cluster's script
    /// tables of the same name in different databases are added up.
    pub rows: BTreeMap<TableName, u64>,
    /// Whether there are `INSERT` statements (`pg_dump --inserts`). Their rows are not in `rows`.
    pub has_inserts: bool,
}

/// Checks a script while its bytes pass by, in pieces of any size.
///
/// Feed it from the first to the last byte, then ask with [`finish`](Self::finish). It keeps a few kilobytes, and
/// one entry for each table.
#[derive(Clone, Debug)]
pub(crate) struct ScriptCheck {
    reader: ScriptReader,
    frame: Frame,
    rows: BTreeMap<TableName, u64>,
    has_inserts: bool,
    is_empty: bool,
    /// What no further byte can make good.
    refusal: Option<IncompleteScript>,
}

impl ScriptCheck {
    /// A check that has seen nothing.
    pub fn new() -> Self {
        Self {
            reader: ScriptReader::new(),
            frame: Frame::new(),
            rows: BTreeMap::new(),
            has_inserts: false,
            is_empty: true,
            refusal: None,
        }
    }

    /// Takes the script's next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.is_empty &= bytes.is_empty();
        let mut rest = bytes;
        while !rest.is_empty() && self.refusal.is_none() {
            let (left, passed) = self.reader.read(rest);
            self.refusal = self.check(passed).err();
            rest = left;
        }
    }

    fn check(&mut self, passed: Passed) -> Result<(), IncompleteScript> {
        match passed {
            Passed::Comment => self.frame.comment(self.reader.text()),
            Passed::MetaCommand => self.frame.meta_command(self.reader.text()),
            Passed::Token { is_first: true } | Passed::Statement { is_first: true, .. } => {
                self.frame.statement()
            }
            Passed::Statement { finished: Finished::Insert, .. } => {
                self.has_inserts = true;
                Ok(())
            }
            Passed::Rows(block) => {
                *self.rows.entry(block.table).or_default() += block.rows;
                Ok(())
            }
            Passed::Statement { .. } | Passed::Token { .. } | Passed::Part => Ok(()),
        }
    }

    /// Of how many tables all rows have passed.
    pub fn tables_done(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Says whether the bytes seen are a whole script, and what it holds.
    ///
    /// # Errors
    ///
    /// The first thing that is missing or too much.
    pub fn finish(self) -> Result<ScriptContents, IncompleteScript> {
        if self.is_empty {
            return Err(IncompleteScript::Empty);
        }
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        self.reader.finish()?;
        let kind = self.frame.finish()?;
        Ok(ScriptContents { kind, rows: self.rows, has_inserts: self.has_inserts })
    }
}

impl Write for ScriptCheck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
