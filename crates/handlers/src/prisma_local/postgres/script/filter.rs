//! Passes a script on to `psql` without some of its statements: what it says about owners or privileges, as `pg_restore`
//! leaves it out with `--no-owner` and `--no-privileges`; settings that the server does not have; and what would disturb
//! a transaction that holds more than the script.

use std::io::{self, BufWriter, Write};

use backup_core::LeftOut;

use super::reader::{Passed, ScriptReader};
use super::statement::{Finished, Kept};

/// So much of a statement is held back until its end tells what it is, in bytes. The longest that `pg_dump` writes
/// about an owner names a function by the types of a hundred arguments, and takes half of it.
const LONGEST_HELD: usize = 64 * 1024;

/// What a script is loaded without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Omitted {
    /// Owners and privileges.
    pub roles: LeftOut,
    /// Settings, by name: those of newer servers.
    pub settings: Vec<String>,
    /// What begins and ends transactions: `pg_dump` writes large objects between both.
    pub transactions: bool,
    /// What is there already, and whose owner, privileges and comment are others' to say.
    pub kept: Vec<Kept>,
    /// Schemas that are there already.
    pub schemas: Vec<String>,
}

impl Omitted {
    fn includes(&self, finished: &Finished) -> bool {
        match finished {
            Finished::Owner { schema } => self.roles.owners || self.keeps(schema.as_ref()),
            Finished::Privileges { schema } => self.roles.privileges || self.keeps(schema.as_ref()),
            Finished::Set(setting) => self.settings.contains(&setting.name),
            Finished::Comment(of) => self.kept.contains(of),
            Finished::Transaction => self.transactions,
            Finished::Create(Kept::Schema(name)) => self.schemas.contains(name),
            Finished::Create(Kept::Extension(_))
            | Finished::CopyFromStdin { .. }
            | Finished::Insert
            | Finished::Other => false,
        }
    }

    fn keeps(&self, schema: Option<&String>) -> bool {
        schema.is_some_and(|name| self.kept.contains(&Kept::Schema(name.clone())))
    }
}

/// A filter for the script of one database, in pieces of any size.
#[derive(Debug)]
pub(crate) struct StatementFilter<W: Write> {
    out: BufWriter<W>,
    reader: ScriptReader,
    omitted: Omitted,
    /// What is neither passed on nor left out yet.
    pub(super) held: Vec<u8>,
    /// Whether the rest of the statement is passed on, whatever it turns out to be.
    passes: bool,
    extensions: Vec<String>,
}

impl<W: Write> StatementFilter<W> {
    /// Filters what goes to `out`.
    pub(crate) fn new(out: W, omitted: Omitted) -> Self {
        let (out, reader) = (BufWriter::new(out), ScriptReader::new());
        Self { out, reader, omitted, held: Vec::new(), passes: false, extensions: Vec::new() }
    }

    /// The extensions that the script has asked for so far.
    pub(crate) fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Takes bytes that the reader has read as this.
    fn take(&mut self, bytes: &[u8], passed: &Passed) -> io::Result<()> {
        if let Passed::Statement { finished, .. } = passed {
            let is_decided = std::mem::take(&mut self.passes);
            if let Finished::Create(Kept::Extension(name)) = finished {
                self.extensions.push(name.clone());
            }
            if !is_decided && self.omitted.includes(finished) {
                self.held.clear();
                return Ok(());
            }
            return self.pass(bytes);
        }
        let may_be_left_out =
            !self.passes && self.reader.may_be_left_out() && !self.reader.is_between_statements();
        if may_be_left_out && self.held.len() + bytes.len() <= LONGEST_HELD {
            // The blanks before it are not the statement's.
            let blanks =
                if self.held.is_empty() { bytes.len() - bytes.trim_ascii_start().len() } else { 0 };
            let (blanks, begun) = bytes.split_at_checked(blanks).unwrap_or((&[], bytes));
            self.held.extend_from_slice(begun);
            return self.out.write_all(blanks);
        }
        self.passes |= matches!(passed, Passed::Token { .. }) || may_be_left_out;
        self.pass(bytes)
    }

    /// Passes on what was held back, and these bytes.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(&self.held)?;
        self.held.clear();
        self.out.write_all(bytes)
    }
}

impl<W: Write> Write for StatementFilter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut rest = data;
        while !rest.is_empty() {
            let (left, passed) = self.reader.read(rest);
            let (taken, _) = rest.split_at_checked(rest.len() - left.len()).unwrap_or((rest, &[]));
            self.take(taken, &passed)?;
            rest = left;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What is held back waits for its end in vain here: whether the script is whole was examined before.
        self.passes |= !self.held.is_empty();
        self.pass(&[])?;
        self.out.flush()
    }
}
