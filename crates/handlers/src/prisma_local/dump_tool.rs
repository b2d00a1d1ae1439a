//! A dump tool at work: its output on its way into an artifact, or the artifact that it writes itself.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backup_core::{
    Checksums, Compression, Error, Happening, Run, ToolSettings, VerificationFailure,
    available_space,
};

use crate::pipeline::{ArtifactWriter, CompressionSettings};
use crate::process::{
    Launcher, OutputEnd, RunningTool, Stdin, ToolCommand, ToolEnd, ToolOutput, Watched,
};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// How many warnings of a tool are repeated.
const MOST_WARNINGS: usize = 10;

/// A disk with less room than this is full for a tool that wrote nothing for so long.
const FULL_DISK_BYTES: u64 = 64 * 1024;
const FULL_DISK_PATIENCE: Duration = Duration::from_secs(3);

/// A tool that dumps, and what is known of the dump.
pub(super) struct DumpTool<'a> {
    /// What it is called.
    pub name: &'static str,
    pub launcher: &'a Launcher,
    pub settings: &'a ToolSettings,
    pub run: &'a Run,
    /// The dump's size before compression, in bytes, estimated.
    pub expected_bytes: Option<u64>,
    /// The error of its end, where that was not a good one.
    pub failure: &'a dyn Fn(&ToolEnd) -> Error,
}

/// What a look at some bytes of a dump came to.
pub(super) struct Checked {
    /// How many of them, at their start, do not go into the artifact.
    pub left_out: usize,
    /// Of how many tables all rows have passed so far.
    pub tables_done: u64,
}

/// Text that went into an artifact.
pub(super) struct Streamed {
    pub checksums: Checksums,
    /// What the tool said on stderr.
    pub words: String,
}

impl DumpTool<'_> {
    /// Starts it.
    pub(super) fn start(&self, command: &ToolCommand) -> Result<RunningTool, Error> {
        let started = self.launcher.start(command, Stdin::Empty);
        started.map_err(|error| Error::storage("run", Path::new(self.name), error))
    }

    /// Has it write text, which passes through `check` into a file, and makes the file durable.
    pub(super) fn stream(
        &self,
        command: &ToolCommand,
        file: File,
        path: &Path,
        compression: Compression,
        mut check: impl FnMut(&[u8]) -> Checked,
    ) -> Result<Streamed, Error> {
        let written = |error| Error::storage("write", path, error);
        let mut tool = self.start(command)?;
        let stdout = tool.take_stdout().ok_or_else(|| Error::internal("a tool has no stdout"))?;
        let mut output = ToolOutput::new(stdout, self.settings.stall, &self.run.interrupt);
        let settings = CompressionSettings::of(self.settings, compression);
        let mut writer = ArtifactWriter::new(file, compression, settings).map_err(written)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut done = 0;
        loop {
            let read = match output.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => chunk.get(..read).unwrap_or_default(),
                Err(error) => return Err(self.broken_off(&output, &error)),
            };
            let Checked { left_out, tables_done } = check(read);
            writer.write_all(read.get(left_out..).unwrap_or_default()).map_err(written)?;
            done += read.len() as u64;
            self.report(done, Some(tables_done));
        }
        let end = self.ended_well(tool)?;
        let (file, bytes) = writer.finish().map_err(written)?;
        file.sync_all().map_err(written)?;
        Ok(Streamed { checksums: bytes.into(), words: end.words })
    }

    /// Lets a tool write by itself, for as long as what `size` measures at the path grows.
    pub(super) fn watch(
        &self,
        tool: RunningTool,
        path: &Path,
        size: impl Fn() -> u64,
    ) -> Result<ToolEnd, Error> {
        let (mut reported, mut grown) = (0, Instant::now());
        let watched = tool.watch(self.settings.stall, &self.run.interrupt, || {
            let written = size();
            if written != reported {
                (reported, grown) = (written, Instant::now());
                self.report(written, None);
            } else if grown.elapsed() >= FULL_DISK_PATIENCE && room(path) < FULL_DISK_BYTES {
                // Some versions of mydumper try for ever.
                return None;
            }
            Some(written)
        });
        let failed = |error| Error::storage("run", &PathBuf::from(self.name), error);
        match watched.map_err(failed)? {
            Watched::Interrupted => Err(Error::Interrupted),
            Watched::Stalled if room(path) < FULL_DISK_BYTES => {
                Err(Error::SpaceDuring { required: FULL_DISK_BYTES, available: room(path) })
            }
            Watched::Stalled => Err(self.stalled()),
            Watched::Ended(end) if end.is_success() => Ok(end),
            Watched::Ended(end) => Err((self.failure)(&end)),
        }
    }

    fn broken_off(&self, output: &ToolOutput, error: &std::io::Error) -> Error {
        match output.end() {
            Some(OutputEnd::Interrupted) => Error::Interrupted,
            Some(OutputEnd::Stalled) => self.stalled(),
            None => incomplete(format!("{}'s output cannot be read: {error}", self.name), None),
        }
    }

    fn stalled(&self) -> Error {
        let seconds = self.settings.stall.as_secs();
        incomplete(format!("{} wrote nothing for {seconds} s and was stopped", self.name), None)
    }

    fn ended_well(&self, tool: RunningTool) -> Result<ToolEnd, Error> {
        let ended = tool.wait(self.settings.stall, &self.run.interrupt);
        let end = ended.map_err(|error| Error::storage("run", Path::new(self.name), error))?;
        self.run.interrupt.check()?;
        let end = end.ok_or_else(|| self.stalled())?;
        if end.is_success() { Ok(end) } else { Err((self.failure)(&end)) }
    }

    fn report(&self, done: u64, tables_done: Option<u64>) {
        let expected = self.expected_bytes;
        self.run.progress.report(Happening::Bytes { done, expected, tables_done });
    }
}

/// A table is counted again where its rows in the dump are less than this share of what the server's
/// statistics say, and where they say at least so many.
const SUSPICIOUS_SHARE: u64 = 10;
const SUSPICIOUS_ROWS: u64 = 1_000;

/// Whether a table has suspiciously few rows in a dump, against what the server says that it has.
pub(super) const fn is_suspicious(rows: u64, said: u64) -> bool {
    said >= SUSPICIOUS_ROWS && rows < said / SUSPICIOUS_SHARE
}

/// The room on the disk, in bytes; plenty where that cannot be found out.
fn room(path: &Path) -> u64 {
    available_space(path).unwrap_or(u64::MAX)
}

/// What tools say of a full disk.
const DISK_FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// Whether the tool says that its own disk is full; what a server says of its disk is marked as the server's.
pub(super) fn says_disk_full(words: &str, servers_mark: &str) -> bool {
    words.lines().any(|line| {
        !line.contains(servers_mark) && DISK_FULL.iter().any(|full| line.contains(full))
    })
}

/// What a tool that succeeded warned of: it may have left something out.
pub(super) fn warnings(tool: &str, words: &str) -> Vec<String> {
    let is_warning = |line: &&str| line.to_ascii_lowercase().contains("warning");
    let lines = words.lines().map(str::trim).filter(is_warning).take(MOST_WARNINGS);
    lines
        .map(|line| {
            let line = line.strip_prefix(&format!("{tool}: ")).unwrap_or(line);
            format!("{tool}: {line}")
        })
        .collect()
}

/// The error of a dump that is not whole.
pub(super) fn incomplete(finding: String, words: Option<String>) -> Error {
    Error::VerificationFailed(Box::new(VerificationFailure {
        // The caller knows what the artifact was to be called.
        file: String::new(),
        expected_minimum: 0,
        actual: 0,
        readable: false,
        finding,
        words: words.filter(|words| !words.is_empty()),
    }))
}
