//! A tool at work, and how it ended.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use backup_core::Interrupt;
use rustix::process::{Pid, Signal, kill_process_group};

use super::bounded::BoundedText;

/// How long a tool that is told to stop may take to say goodbye to its server.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often a tool's end is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// How often the size of what a tool writes is looked at.
const WATCH: Duration = Duration::from_millis(100);

/// One look at it is followed by a pause of so many times its length.
const WATCHING_SHARE: u32 = 20;

/// What watching a tool came to.
#[derive(Debug)]
pub(crate) enum Watched {
    /// It ended.
    Ended(ToolEnd),
    /// It wrote nothing for too long, and was stopped.
    Stalled,
    /// The run was interrupted; the tool was stopped.
    Interrupted,
}

/// A running tool. Dropped, it is stopped with all that it started.
#[derive(Debug)]
pub(crate) struct RunningTool {
    child: Child,
    group: Option<Pid>,
    said: Option<Receiver<BoundedText>>,
    ended: Option<ExitStatus>,
}

/// How a tool ended, and what it said.
#[derive(Clone, Debug)]
pub(crate) struct ToolEnd {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it said on stderr, its middle cut where it said much; not yet cleaned of secrets.
    pub words: String,
}

impl ToolEnd {
    /// Whether it says that it succeeded.
    pub(crate) fn is_success(&self) -> bool {
        self.status.success()
    }

    /// How it ended, for people.
    pub(crate) fn manner(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("ended with status {code}"),
            (None, Some(signal)) => format!("was killed by signal {signal}"),
            (None, None) => "ended".to_owned(),
        }
    }
}

impl RunningTool {
    pub(super) fn new(mut child: Child) -> io::Result<Self> {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let stderr = child.stderr.take();
        let mut tool = Self { child, group, said: None, ended: None };
        if let Some(stderr) = stderr {
            let (heard, said) = channel();
            let listener = std::thread::Builder::new().name("tool-stderr".to_owned());
            listener.spawn(move || {
                // Nobody waits any more where what the tool left behind goes on talking.
                let _ = heard.send(BoundedText::drain(stderr));
            })?;
            tool.said = Some(said);
        }
        Ok(tool)
    }

    /// Its stdout, once.
    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its stdin, once.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended.is_some())
    }

    /// Waits for its end, not longer than `patience`; none where it goes on, or the run is interrupted.
    pub(crate) fn wait(
        mut self,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> io::Result<Option<ToolEnd>> {
        drop(self.take_stdin());
        let deadline = Instant::now() + patience;
        while !self.has_ended()? {
            if Instant::now() >= deadline || interrupt.raised().is_some() {
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
        Ok(self.stop())
    }

    /// Waits for its end for as long as what it has written grows, and not longer than `patience` where it does
    /// not. `written` says how much that is, in bytes, or nothing where it will never be more: that is a stall
    /// at once.
    pub(crate) fn watch(
        mut self,
        patience: Duration,
        interrupt: &Interrupt,
        mut written: impl FnMut() -> Option<u64>,
    ) -> io::Result<Watched> {
        let (mut last, mut grown) = (0, Instant::now());
        let (mut looked, mut pause) = (Instant::now(), WATCH);
        while !self.has_ended()? {
            if interrupt.raised().is_some() {
                return Ok(Watched::Interrupted);
            }
            if looked.elapsed() >= pause {
                let before = Instant::now();
                let Some(now) = written() else { return Ok(Watched::Stalled) };
                looked = Instant::now();
                // Looking takes a small part of the time, however much there is to look at.
                pause = WATCH.max(before.elapsed() * WATCHING_SHARE);
                if now != last {
                    (last, grown) = (now, Instant::now());
                }
                if grown.elapsed() >= patience {
                    return Ok(Watched::Stalled);
                }
            }
            std::thread::sleep(LOOK);
        }
        written();
        let end = self.stop().map(Watched::Ended);
        end.ok_or_else(|| io::Error::other("the tool's end was lost"))
    }

    /// Its end, where it ends by itself now, else where it is stopped.
    pub(crate) fn finish(mut self) -> Option<ToolEnd> {
        drop(self.take_stdin());
        let deadline = Instant::now() + FAREWELL;
        while matches!(self.has_ended(), Ok(false)) && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        self.stop()
    }

    /// Stops it, if it still runs, with all that it started.
    pub(crate) fn stop(&mut self) -> Option<ToolEnd> {
        self.stop_group();
        if self.ended.is_none() {
            self.ended = self.child.wait().ok();
        }
        let words = self.said.take().and_then(|said| said.recv_timeout(FAREWELL).ok());
        let words = words.map(BoundedText::into_string).unwrap_or_default();
        self.ended.map(|status| ToolEnd { status, words })
    }

    fn stop_group(&mut self) {
        let Some(group) = self.group.take() else { return };
        if self.ended.is_none() {
            let _ = kill_process_group(group, Signal::TERM);
            // The supervisor does not listen: it ends when the tool has.
            let deadline = Instant::now() + FAREWELL;
            while matches!(self.has_ended(), Ok(false)) && Instant::now() < deadline {
                std::thread::sleep(LOOK);
            }
        }
        // Whatever is left: a tool that does not listen, or something that it started.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

impl Drop for RunningTool {
    fn drop(&mut self) {
        if self.group.is_some() {
            self.stop();
        }
    }
}
