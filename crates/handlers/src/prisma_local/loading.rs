//! Restoring: a script into a client's stdin, or an archive by its own tool.

use std::fs::File;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backup_core::{Compression, Error, Run};

use crate::pipeline::{Hashed, Interruptible, ReadError, read_artifact};
use crate::process::{Launcher, RunningTool, Stdin, ToolCommand, ToolEnd, ToolInput, Watched};

/// A tool that restores.
pub(super) struct LoadTool<'a> {
    /// What it is called.
    pub name: &'static str,
    pub launcher: &'a Launcher,
    pub threads: NonZeroUsize,
    pub run: &'a Run,
}

impl LoadTool<'_> {
    /// Has it read scripts, one after the other, which must load without an error. They pass through what `through`
    /// makes of its stdin.
    pub(super) fn feed<W: Write>(
        &self,
        command: &ToolCommand,
        scripts: &[(PathBuf, Compression)],
        through: impl FnOnce(ToolInput) -> std::io::Result<W>,
    ) -> Result<(), Error> {
        self.feed_with(command, |input| {
            // Why it reads nothing, or no more, it tells itself.
            let Ok(mut input) = through(input) else { return Ok(false) };
            let mut whole = true;
            for (script, compression) in scripts {
                whole = whole && pour(script, *compression, self.threads, self.run, &mut input)?;
            }
            Ok(whole)
        })
    }

    /// Has it read what `write` writes, which says whether that was all of it. It must load without an error.
    pub(super) fn feed_with(
        &self,
        command: &ToolCommand,
        write: impl FnOnce(ToolInput) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut tool = self.start(command, Stdin::Piped)?;
        let stdin = tool.take_stdin().ok_or_else(|| Error::internal("a tool has no stdin"))?;
        let whole = write(ToolInput::new(stdin, &self.run.interrupt))?;
        let end = self.await_end(tool)?;
        if !whole && end.is_success() {
            return Err(failed(format!("{} ended before the script did", self.name), None));
        }
        Ok(())
    }

    /// Has it restore by itself, without an error.
    pub(super) fn perform(&self, command: &ToolCommand) -> Result<(), Error> {
        let tool = self.start(command, Stdin::Empty)?;
        self.await_end(tool).map(|_| ())
    }

    fn start(&self, command: &ToolCommand, stdin: Stdin) -> Result<RunningTool, Error> {
        let started = self.launcher.start(&command.clone().discard_output(), stdin);
        started.map_err(|error| Error::storage("run", Path::new(self.name), error))
    }

    /// Waits for as long as it works: nothing that can be seen from here tells a server that is busy from one
    /// that hangs.
    fn await_end(&self, tool: RunningTool) -> Result<ToolEnd, Error> {
        let mut looks = 0;
        let watched = tool.watch(Duration::MAX, &self.run.interrupt, || {
            looks += 1;
            Some(looks)
        });
        let lost = |error| Error::storage("run", Path::new(self.name), error);
        match watched.map_err(lost)? {
            Watched::Interrupted | Watched::Stalled => Err(Error::Interrupted),
            Watched::Ended(end) if end.is_success() => Ok(end),
            Watched::Ended(end) => {
                let detail = format!("{} {}", self.name, end.manner());
                Err(failed(detail, Some(end.words)))
            }
        }
    }
}

/// Writes a stored script to a tool. Whether the tool read all of it: why not, it tells itself.
pub(super) fn pour(
    script: &Path,
    compression: Compression,
    threads: NonZeroUsize,
    run: &Run,
    input: &mut dyn Write,
) -> Result<bool, Error> {
    let read = |error| Error::storage("read", script, error);
    let source = Interruptible::new(File::open(script).map_err(read)?, &run.interrupt);
    let poured = read_artifact(source, compression, threads, Hashed::Stored, input);
    run.interrupt.check()?;
    match poured {
        Ok(_) => Ok(true),
        Err(ReadError::Sink(_)) => Ok(false),
        Err(ReadError::Io(error)) => Err(read(error)),
        Err(flaw) => Err(failed(flaw.to_string(), None)),
    }
}

fn failed(detail: String, words: Option<String>) -> Error {
    Error::RestoreFailed { detail, words: words.filter(|words| !words.is_empty()) }
}
