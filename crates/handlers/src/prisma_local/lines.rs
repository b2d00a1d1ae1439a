//! Looking at how the lines of a script begin, before it is loaded.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use backup_core::{Compression, Error, Run};

use crate::pipeline::{Hashed, Interruptible, ReadError, read_artifact};

/// So much of a line is looked at, in bytes: names and what stands between them are shorter.
const LONGEST_HEAD: usize = 4096;

/// Shows the beginning of every line that passes.
pub(super) struct LineHeads<'a> {
    look: &'a mut dyn FnMut(&[u8]),
    head: Vec<u8>,
}

impl<'a> LineHeads<'a> {
    pub(super) const fn new(look: &'a mut dyn FnMut(&[u8])) -> Self {
        Self { look, head: Vec::new() }
    }

    /// The next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_HEAD.saturating_sub(self.head.len());
            self.head.extend_from_slice(part.get(..room.min(part.len())).unwrap_or(part));
            if part.ends_with(b"\n") {
                self.line();
            }
        }
    }

    /// The last line may have no end.
    pub(super) fn line(&mut self) {
        (self.look)(self.head.trim_ascii_end());
        self.head.clear();
    }
}

impl Write for LineHeads<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line();
        Ok(())
    }
}

/// Shows the beginning of every line of a file.
pub(super) fn scan(
    path: &Path,
    compression: Compression,
    threads: NonZeroUsize,
    run: &Run,
    look: &mut dyn FnMut(&[u8]),
) -> Result<(), Error> {
    let failed = |error| Error::storage("read", path, error);
    let source = Interruptible::new(File::open(path).map_err(failed)?, &run.interrupt);
    let mut heads = LineHeads::new(look);
    match read_artifact(source, compression, threads, Hashed::Stored, &mut heads) {
        Ok(_) => Ok(()),
        Err(ReadError::Io(error) | ReadError::Sink(error)) => {
            run.interrupt.check()?;
            Err(failed(error))
        }
        Err(flaw) => Err(Error::RestoreFailed { detail: flaw.to_string(), words: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_seen_once_however_it_comes() {
        let long = "x".repeat(2 * LONGEST_HEAD);
        let text = format!("first\n\n{long}\nlast");
        for piece in [1, 3, 1000, text.len()] {
            let mut seen = Vec::new();
            let mut look = |line: &[u8]| seen.push(line.len());
            let mut heads = LineHeads::new(&mut look);
            for part in text.as_bytes().chunks(piece) {
                heads.feed(part);
            }
            heads.line();
            assert_eq!(seen, [5, 0, LONGEST_HEAD, 4], "{piece}");
        }
    }
}
