//! Passes a script on to `psql` without what it says about owners or privileges: `pg_restore` leaves the same out
//! with `--no-owner` and `--no-privileges`.

use std::io::{self, BufWriter, Write};

use backup_core::LeftOut;

use super::reader::{Passed, ScriptReader};
use super::statement::Finished;

/// So much of a statement is held back until its end tells what it is, in bytes. The longest that `pg_dump` writes
/// about an owner names a function by the types of a hundred arguments, and takes half of it.
const LONGEST_HELD: usize = 64 * 1024;

/// A filter for the script of one database, in pieces of any size.
#[derive(Debug)]
pub(crate) struct RoleFilter<W: Write> {
    out: BufWriter<W>,
    reader: ScriptReader,
    left_out: LeftOut,
    /// What is neither passed on nor left out yet.
    pub(super) held: Vec<u8>,
    /// Whether the rest of the statement is passed on, whatever it turns out to be.
    passes: bool,
}

impl<W: Write> RoleFilter<W> {
    /// Filters what goes to `out`.
    pub(crate) fn new(out: W, left_out: LeftOut) -> Self {
        let (out, reader) = (BufWriter::new(out), ScriptReader::new());
        Self { out, reader, left_out, held: Vec::new(), passes: false }
    }

    /// Takes bytes that the reader has read as this.
    fn take(&mut self, bytes: &[u8], passed: &Passed) -> io::Result<()> {
        if let Passed::Statement { finished, .. } = passed {
            let is_decided = std::mem::take(&mut self.passes);
            if !is_decided && self.leaves_out(finished) {
                self.held.clear();
                return Ok(());
            }
            return self.pass(bytes);
        }
        let may_be_left_out = !self.passes
            && self.reader.may_be_about_roles()
            && !self.reader.is_between_statements();
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

    fn leaves_out(&self, finished: &Finished) -> bool {
        match finished {
            Finished::Owner => self.left_out.owners,
            Finished::Privileges => self.left_out.privileges,
            Finished::CopyFromStdin { .. }
            | Finished::Set(_)
            | Finished::Insert
            | Finished::Other => false,
        }
    }

    /// Passes on what was held back, and these bytes.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(&self.held)?;
        self.held.clear();
        self.out.write_all(bytes)
    }
}

impl<W: Write> Write for RoleFilter<W> {
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
