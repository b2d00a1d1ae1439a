//! Checks that a SQL script by `pg_dump`, `pg_restore` or `pg_dumpall` is whole, as it passes, and counts the
//! rows that it carries.
//!
//! | file | what it knows |
//! |---|---|
//! | `lexer` | where strings, names, comments and bodies begin and end |
//! | `byte_kind` | what single bytes are to the lexer |
//! | `client_encoding` | which bytes are halves of characters |
//! | `statement` | what a statement is, as far as that decides how the script goes on |
//! | `copy_block` | the rows after `COPY … FROM stdin;` |
//! | `frame` | the comments and `\restrict` lines that a script begins and ends with |
//! | `incomplete` | what may be missing |
//!
//! Everything is read as `psql` would: text that looks like a `COPY` statement, like the end of its rows or like
//! the end of the script is believed only where `psql` would take it for one.

mod byte_kind;
mod client_encoding;
mod copy_block;
mod frame;
mod incomplete;
mod lexer;
mod statement;

#[cfg(test)]
mod tests;

pub(crate) use frame::ScriptKind;
pub(crate) use incomplete::IncompleteScript;
pub(crate) use lexer::text_in;
pub(crate) use statement::TableName;

use std::collections::BTreeMap;
use std::io::{self, Write};

use client_encoding::ClientEncoding;
use copy_block::{CopyBlock, RowEnd};
use frame::Frame;
use lexer::{Lexer, Token};
use statement::{Finished, Setting, Statement};

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
    lexer: Lexer,
    statement: Statement,
    /// The rows that are passing.
    block: Option<CopyBlock>,
    row_end: RowEnd,
    frame: Frame,
    /// Where a name without schema belongs.
    default_schema: String,
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
            lexer: Lexer::new(),
            statement: Statement::new(),
            block: None,
            row_end: RowEnd::new(),
            frame: Frame::new(),
            default_schema: "public".to_owned(),
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
            rest = if self.block.is_some() { self.pass_rows(rest) } else { self.pass_token(rest) };
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
        if let Some(block) = self.block {
            return Err(IncompleteScript::WithinRows { table: block.table, rows: block.rows });
        }
        if let Some(part) = self.lexer.unfinished() {
            return Err(IncompleteScript::Within(part));
        }
        let kind = self.frame.finish()?;
        Ok(ScriptContents { kind, rows: self.rows, has_inserts: self.has_inserts })
    }

    /// Passes rows of the current block, up to its end if that is here. Returns what is left.
    fn pass_rows<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(mut block) = self.block.take() else { return bytes };
        match block.pass(bytes, &self.row_end) {
            Some(after_block) => {
                *self.rows.entry(block.table).or_default() += block.rows;
                self.lexer.begin_line();
                after_block
            }
            None => {
                self.block = Some(block);
                &[]
            }
        }
    }

    /// Passes one token, or as much of it as is here. Returns what is left.
    fn pass_token<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (rest, token) = self.lexer.next(bytes);
        let accepted = match token {
            None => Ok(()),
            Some(Token::Comment) => self.frame.comment(self.lexer.text()),
            Some(Token::MetaCommand) => self.frame.meta_command(self.lexer.text()),
            Some(token) => self.accept(token),
        };
        self.refusal = accepted.err();
        rest
    }

    fn accept(&mut self, token: Token) -> Result<(), IncompleteScript> {
        if self.statement.is_unstarted() {
            self.frame.statement()?;
        }
        let encoding = self.lexer.strings().encoding;
        let text = encoding.utf8(self.lexer.text());
        if let Some(finished) = self.statement.accept(token, &text) {
            self.lexer.end_statement();
            match finished {
                Finished::CopyFromStdin { schema, name } => {
                    let schema = schema.unwrap_or_else(|| self.default_schema.clone());
                    self.block = Some(CopyBlock::new(TableName { schema, name }));
                }
                Finished::Set(setting) => self.set(setting),
                Finished::Insert => self.has_inserts = true,
                Finished::Other => {}
            }
        } else if !self.statement.reads_words() {
            self.lexer.skim_statement();
        }
        Ok(())
    }

    fn set(&mut self, setting: Setting) {
        let Setting { name, value } = setting;
        match name.as_str() {
            "standard_conforming_strings" => {
                let off =
                    ["off", "false", "no", "0"].contains(&value.to_ascii_lowercase().as_str());
                self.lexer.strings().escapes = off;
            }
            "client_encoding" => self.lexer.strings().encoding = ClientEncoding::named(&value),
            "search_path" => self.default_schema = value,
            _ => {}
        }
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
