//! A conversation with a server through its own command-line client: it accepts exactly what the dump tool
//! accepts, because both connect with the same library and the same settings.

use std::io::{BufRead, BufReader, Write};
use std::process::ChildStdin;
use std::time::Duration;

use backup_core::{Error, Interrupt, RunId};

use crate::process::{
    Launcher, OutputEnd, RunningTool, Stdin, ToolCommand, ToolEnd, ToolInput, ToolOutput,
};

/// The longest answer to one question, in bytes: names and states, never rows of the project.
const LONGEST_ANSWER: usize = 256 * 1024 * 1024;

/// An open session: what is asked goes to the client's stdin, what is answered comes from its stdout.
#[derive(Debug)]
pub(super) struct ClientSession {
    tool: Option<RunningTool>,
    stdin: Option<ChildStdin>,
    output: BufReader<ToolOutput>,
    /// Ends every answer; nothing in a database can know it.
    end_mark: String,
    patience: Duration,
}

/// Why a session ended.
#[derive(Debug)]
pub(super) enum SessionEnd {
    /// The run was interrupted.
    Interrupted,
    /// The server did not answer for too long.
    Stalled(Duration),
    /// The client ended: what the server or the library said.
    Ended(ToolEnd),
    /// An error that is known already: one of this program's own, or of what others do at the server.
    Fault(Error),
}

impl SessionEnd {
    /// The error: one of this program's or of the run, or else what `unreachable` makes of the server's or
    /// the library's own words, which `plain` has freed of what only the client knows.
    pub(super) fn into_error(
        self,
        plain: impl Fn(&str) -> String,
        unreachable: impl Fn(String) -> Error,
    ) -> Error {
        match self {
            Self::Interrupted => Error::Interrupted,
            Self::Fault(error) => error,
            Self::Stalled(after) => {
                unreachable(format!("the server did not answer for {} s", after.as_secs()))
            }
            Self::Ended(end) if end.words.is_empty() => {
                unreachable(format!("the client {}", end.manner()))
            }
            Self::Ended(end) => unreachable(plain(&end.words)),
        }
    }

    /// A fault of this program.
    pub(super) fn fault(detail: &str) -> Self {
        Self::Fault(Error::internal(detail))
    }
}

impl ClientSession {
    /// Starts the client, which connects.
    pub(super) fn open(
        client: &ToolCommand,
        launcher: &Launcher,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<Self, SessionEnd> {
        let started = launcher.start(client, Stdin::Piped);
        let mut tool = started.map_err(|error| SessionEnd::Fault(Error::internal(error)))?;
        let pipes = tool.take_stdin().zip(tool.take_stdout());
        let (stdin, stdout) = pipes.ok_or_else(|| SessionEnd::fault("a client has no pipes"))?;
        let output = BufReader::new(ToolOutput::new(stdout, patience, interrupt));
        let end_mark = RunId::random().map_err(SessionEnd::Fault)?.to_string();
        Ok(Self { tool: Some(tool), stdin: Some(stdin), output, end_mark, patience })
    }

    /// From now on it is this that ends waiting for answers.
    pub(super) fn listen_to(&mut self, interrupt: &Interrupt) {
        self.output.get_mut().listen_to(interrupt);
    }

    /// From now on it waits so long for an answer.
    pub(super) fn wait_for(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Asks, and reads the answer up to the line that is the mark; `ask` writes the question, and what has the
    /// client print the mark after it.
    pub(super) fn ask(
        &mut self,
        ask: impl Fn(&mut dyn Write, &str) -> std::io::Result<()>,
    ) -> Result<Vec<u8>, SessionEnd> {
        let mark = &self.end_mark;
        let asked = self
            .stdin
            .as_mut()
            .is_some_and(|stdin| ask(stdin, mark).and_then(|()| stdin.flush()).is_ok());
        // A client that has ended reads no more: what it said tells why.
        if !asked {
            return Err(self.end());
        }
        self.output.get_mut().begin_waiting(self.patience);
        let mark = format!("{}\n", self.end_mark).into_bytes();
        let mut answer = Vec::new();
        loop {
            match self.output.read_until(b'\n', &mut answer) {
                Ok(0) | Err(_) => return Err(self.end()),
                Ok(_) if answer.ends_with(&mark) => {
                    answer.truncate(answer.len() - mark.len());
                    return Ok(answer);
                }
                Ok(_) if answer.len() >= LONGEST_ANSWER => {
                    return Err(SessionEnd::fault("an answer is too long"));
                }
                Ok(_) => {}
            }
        }
    }

    /// Has the client read what `write` writes, which says whether that was all of it; what is answered is not
    /// read. Where it was not all, or could not be had, the session is over.
    pub(super) fn feed(
        &mut self,
        interrupt: &Interrupt,
        write: impl FnOnce(&mut dyn Write) -> Result<bool, Error>,
    ) -> Result<(), SessionEnd> {
        let Some(stdin) = self.stdin.take() else { return Err(self.end()) };
        let mut input = ToolInput::new(stdin, interrupt);
        if !write(&mut input).map_err(SessionEnd::Fault)? {
            return Err(self.end());
        }
        self.stdin = Some(input.into_inner());
        Ok(())
    }

    /// Ends the session and finds out why it could not go on.
    fn end(&mut self) -> SessionEnd {
        self.stdin = None;
        match self.output.get_ref().end() {
            Some(OutputEnd::Interrupted) => return SessionEnd::Interrupted,
            Some(OutputEnd::Stalled) => return SessionEnd::Stalled(self.patience),
            None => {}
        }
        match self.tool.take().and_then(RunningTool::finish) {
            Some(end) => SessionEnd::Ended(end),
            None => SessionEnd::fault("the session has ended before"),
        }
    }
}

impl Drop for ClientSession {
    fn drop(&mut self) {
        // The end of its input ends it, unless it is at work.
        self.stdin = None;
        if self.output.get_ref().end().is_none()
            && let Some(tool) = self.tool.take()
        {
            tool.finish();
        }
    }
}
