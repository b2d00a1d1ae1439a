//! Reading what a tool writes: as long as it writes, and no longer than somebody waits for it.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::ChildStdout;
use std::time::{Duration, Instant};

use backup_core::Interrupt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long one look at the pipe takes at most: so soon a signal is heard.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// A larger pipe means fewer switches between two processes; a system that does not allow it has a smaller.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1024 * 1024;

/// Why nothing more was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputEnd {
    /// The run was interrupted.
    Interrupted,
    /// The tool wrote nothing for too long.
    Stalled,
}

/// A tool's stdout.
#[derive(Debug)]
pub(crate) struct ToolOutput {
    stdout: ChildStdout,
    interrupt: Interrupt,
    patience: Duration,
    last: Instant,
    end: Option<OutputEnd>,
}

impl ToolOutput {
    /// Reads a pipe, giving up after `patience` without a byte.
    pub(crate) fn new(stdout: ChildStdout, patience: Duration, interrupt: &Interrupt) -> Self {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES) {
            tracing::debug!(%error, "the pipe stays small");
        }
        let interrupt = interrupt.clone();
        Self { stdout, interrupt, patience, last: Instant::now(), end: None }
    }

    /// Why reading failed, where that was not the pipe's own failure.
    pub(crate) const fn end(&self) -> Option<OutputEnd> {
        self.end
    }

    /// Begins to wait anew: what the tool was asked for begins now.
    pub(crate) fn begin_waiting(&mut self, patience: Duration) {
        self.last = Instant::now();
        self.patience = patience;
    }

    /// From now on it is this that ends waiting.
    pub(crate) fn listen_to(&mut self, interrupt: &Interrupt) {
        self.interrupt = interrupt.clone();
    }

    fn give_up(&mut self, end: OutputEnd) -> io::Error {
        self.end = Some(end);
        io::Error::other(match end {
            OutputEnd::Interrupted => "interrupted",
            OutputEnd::Stalled => "the tool wrote nothing for too long",
        })
    }
}

impl Read for ToolOutput {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.interrupt.raised().is_some() {
                return Err(self.give_up(OutputEnd::Interrupted));
            }
            let ready = {
                let mut pipe = [PollFd::from_borrowed_fd(self.stdout.as_fd(), PollFlags::IN)];
                match poll(&mut pipe, Some(&LOOK)) {
                    Ok(ready) => ready > 0,
                    Err(rustix::io::Errno::INTR) => false,
                    Err(error) => return Err(error.into()),
                }
            };
            if ready {
                let read = self.stdout.read(space)?;
                self.last = Instant::now();
                return Ok(read);
            }
            if self.last.elapsed() >= self.patience {
                return Err(self.give_up(OutputEnd::Stalled));
            }
        }
    }
}
