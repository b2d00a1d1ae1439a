//! A script taken apart as `psql` does it: comments, its own commands, statements, rows.

use super::client_encoding::ClientEncoding;
use super::copy_block::{CopyBlock, RowEnd};
use super::incomplete::IncompleteScript;
use super::lexer::{Lexer, Token};
use super::statement::{Finished, Setting, Statement, TableName};

/// What the bytes that were read have completed.
#[derive(Debug)]
pub(super) enum Passed {
    /// Nothing yet.
    Part,
    /// A comment that is a line of its own between two statements.
    Comment,
    /// A line for `psql`.
    MetaCommand,
    /// A part of a statement, the first one or another.
    Token { is_first: bool },
    /// A statement to its end, which is its first token too where it is empty. Rows may follow.
    Statement { is_first: bool, finished: Finished },
    /// All rows of a `COPY` statement.
    Rows(CopyBlock),
}

/// Reads a script in pieces of any size. It keeps a few kilobytes.
#[derive(Clone, Debug)]
pub(super) struct ScriptReader {
    lexer: Lexer,
    statement: Statement,
    /// The rows that are passing.
    block: Option<CopyBlock>,
    row_end: RowEnd,
    /// Where a name without schema belongs.
    default_schema: String,
}

impl ScriptReader {
    pub(super) fn new() -> Self {
        Self {
            lexer: Lexer::new(),
            statement: Statement::new(),
            block: None,
            row_end: RowEnd::new(),
            default_schema: "public".to_owned(),
        }
    }

    /// Reads on up to the end of something, or of the bytes. Returns what is left, and what has passed.
    pub(super) fn read<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Passed) {
        if self.block.is_some() { self.rows(bytes) } else { self.token(bytes) }
    }

    /// The text of the comment, of the line for `psql` or of the token that has just passed.
    pub(super) fn text(&self) -> &[u8] {
        self.lexer.text()
    }

    /// Whether the bytes that were read last are between statements, and of none.
    pub(super) fn is_between_statements(&self) -> bool {
        self.block.is_none() && self.statement.is_unstarted() && self.lexer.is_between_tokens()
    }

    /// Whether what was begun last may turn out to be a statement that a filter leaves out.
    pub(super) fn may_be_left_out(&self) -> bool {
        self.block.is_none() && self.statement.may_be_left_out()
    }

    /// Says what the script breaks off within if it ends here.
    pub(super) fn finish(self) -> Result<(), IncompleteScript> {
        if let Some(block) = self.block {
            return Err(IncompleteScript::WithinRows { table: block.table, rows: block.rows });
        }
        self.lexer.unfinished().map_or(Ok(()), |part| Err(IncompleteScript::Within(part)))
    }

    fn rows<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Passed) {
        let Some(mut block) = self.block.take() else { return (bytes, Passed::Part) };
        if let Some(after_block) = block.pass(bytes, &self.row_end) {
            self.lexer.begin_line();
            return (after_block, Passed::Rows(block));
        }
        self.block = Some(block);
        (&[], Passed::Part)
    }

    fn token<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], Passed) {
        let (rest, token) = self.lexer.next(bytes);
        let passed = match token {
            None => Passed::Part,
            Some(Token::Comment) => Passed::Comment,
            Some(Token::MetaCommand) => Passed::MetaCommand,
            Some(token) => self.accept(token),
        };
        (rest, passed)
    }

    fn accept(&mut self, token: Token) -> Passed {
        let is_first = self.statement.is_unstarted();
        let encoding = self.lexer.strings().encoding;
        let text = encoding.utf8(self.lexer.text());
        let Some(finished) = self.statement.accept(token, &text) else {
            if !self.statement.reads_words() {
                self.lexer.skim_statement();
            }
            return Passed::Token { is_first };
        };
        self.lexer.end_statement();
        match &finished {
            Finished::CopyFromStdin { schema, name } => {
                let schema = schema.clone().unwrap_or_else(|| self.default_schema.clone());
                self.block = Some(CopyBlock::new(TableName { schema, name: name.clone() }));
            }
            Finished::Set(setting) => self.set(setting),
            Finished::Insert
            | Finished::Owner { .. }
            | Finished::Privileges { .. }
            | Finished::Comment(_)
            | Finished::Transaction
            | Finished::Create(_)
            | Finished::Other => {}
        }
        Passed::Statement { is_first, finished }
    }

    fn set(&mut self, Setting { name, value }: &Setting) {
        match name.as_str() {
            "standard_conforming_strings" => {
                let off =
                    ["off", "false", "no", "0"].contains(&value.to_ascii_lowercase().as_str());
                self.lexer.strings().escapes = off;
            }
            "client_encoding" => self.lexer.strings().encoding = ClientEncoding::named(value),
            "search_path" => self.default_schema.clone_from(value),
            _ => {}
        }
    }
}
