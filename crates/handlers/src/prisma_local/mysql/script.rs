//! What `mysqldump`, `mariadb-dump` and `mydumper` write, checked while it passes: that it is whole to its
//! last line, how many rows it inserts into which table, which objects it creates, and which of Prisma's
//! migrations it holds.
//!
//! ```text
//!  bytes ── lexer ── words, quoted texts, symbols ── reader ── contents
//!             └───── the rows of INSERTs, counted without being taken apart
//! ```
//!
//! The lexer splits as the `mysql` client does when the dump is brought back: what stands within a string, a
//! comment or a stored program is neither a row nor the line that completes a dump. It looks at each byte
//! once and holds one token of bounded length, so that any split of the dump has the same result.

mod completion;
mod contents;
mod create;
mod insert;
#[expect(clippy::indexing_slicing, reason = "offsets come from searches in the same slice")]
mod lexer;
mod metadata;
mod migrations;
mod reader;
#[expect(clippy::indexing_slicing, reason = "offsets come from searches in the same slice")]
mod rows;
mod sql_mode;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

pub(crate) use contents::ScriptContents;
pub(crate) use create::Kind;
pub(crate) use lexer::Unfinished;
pub(crate) use metadata::MydumperMetadata;
pub(crate) use migrations::MigrationColumns;

use completion::Ending;
use lexer::Lexer;
use reader::Reader;

/// Why a dump is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IncompleteScript {
    /// It begins with something else.
    #[error("it does not begin as a dump of mysqldump or mariadb-dump")]
    NotADump,
    /// It breaks off before its last line.
    #[error("it does not end with the line that completes a dump; it is cut off")]
    CutOff,
    /// It breaks off within something.
    #[error("it ends within {0} that has no end")]
    Within(Unfinished),
}

/// Reads a dump as it passes, in pieces of any size.
///
/// Memory is bounded, apart from a name for each object and the rows of the migrations table.
#[derive(Debug)]
pub(crate) struct ScriptCheck {
    lexer: Lexer,
    reader: Reader,
    ending: Ending,
}

impl ScriptCheck {
    /// For what `mysqldump` or `mariadb-dump` writes: it ends with the line that completes a dump.
    pub(crate) fn new(migrations_table: &str) -> Self {
        Self {
            lexer: Lexer::of_the_client(),
            reader: Reader::new(migrations_table, None),
            ending: Ending::CompletionLine,
        }
    }

    /// For one file of a `mydumper` folder. No line completes it: only a cut within a statement shows here,
    /// the rest by `metadata` and the tables that are missing.
    ///
    /// `columns` are those that the file which creates the migrations table had: a file with rows does not
    /// name them.
    pub(crate) fn of_mydumper(migrations_table: &str, columns: Option<MigrationColumns>) -> Self {
        Self {
            lexer: Lexer::of_mydumper(),
            reader: Reader::new(migrations_table, columns),
            ending: Ending::StatementEnd,
        }
    }

    /// The next bytes of the dump.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.lexer.feed(bytes, &mut self.reader);
    }

    /// How many tables were created so far, all but the last one with all of their rows.
    pub(crate) fn tables_done(&self) -> u64 {
        self.reader.tables_begun().saturating_sub(1)
    }

    /// What was created since this was last asked, the last of it.
    pub(crate) fn take_created(&mut self) -> Option<(Kind, String)> {
        self.reader.take_created()
    }

    /// Whether the bytes so far end where the next statement may begin.
    pub(crate) fn is_between_statements(&self) -> bool {
        self.lexer.unfinished().is_none()
    }

    /// What the dump holds, after its last byte.
    ///
    /// # Errors
    ///
    /// What is missing at its beginning or end.
    pub(crate) fn finish(mut self) -> Result<ScriptContents, IncompleteScript> {
        self.lexer.last_line(&mut self.reader);
        let needs_lines = self.ending == Ending::CompletionLine;
        if needs_lines && !self.reader.began_as_a_dump() {
            return Err(IncompleteScript::NotADump);
        }
        if let Some(unfinished) = self.lexer.unfinished() {
            return Err(IncompleteScript::Within(unfinished));
        }
        if needs_lines && !self.reader.is_completed() {
            return Err(IncompleteScript::CutOff);
        }
        Ok(self.reader.into_contents())
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
