//! Writing what a tool reads: for as long as it takes, and no longer than somebody waits for it.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ChildStdin;

use backup_core::Interrupt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long one look at the pipe takes at most: so soon a signal is heard.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// So much fits into a pipe that is ready: `PIPE_BUF` of pipe(7), and what POSIX asks for elsewhere.
const PIPE_BUF_BYTES: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// A tool's stdin. There is no limit to how long it may read nothing: a server may work for hours on one index.
#[derive(Debug)]
pub(crate) struct ToolInput {
    stdin: ChildStdin,
    interrupt: Interrupt,
}

impl ToolInput {
    /// Writes to a pipe until the run is interrupted.
    pub(crate) fn new(stdin: ChildStdin, interrupt: &Interrupt) -> Self {
        Self { stdin, interrupt: interrupt.clone() }
    }

    /// The pipe, for others to write to.
    pub(crate) fn into_inner(self) -> ChildStdin {
        self.stdin
    }
}

impl Write for ToolInput {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        loop {
            if self.interrupt.raised().is_some() {
                return Err(io::Error::other("interrupted"));
            }
            let ready = {
                let mut pipe = [PollFd::from_borrowed_fd(self.stdin.as_fd(), PollFlags::OUT)];
                match poll(&mut pipe, Some(&LOOK)) {
                    Ok(ready) => ready > 0,
                    Err(rustix::io::Errno::INTR) => false,
                    Err(error) => return Err(error.into()),
                }
            };
            if ready {
                // No more than what does not block: a tool that reads nothing must not keep a signal waiting.
                let some = data.get(..PIPE_BUF_BYTES.min(data.len())).unwrap_or_default();
                return self.stdin.write(some);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdin.flush()
    }
}
