//! A host that is spoken to line by line, while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long an answer may take before the test gives up: far more than any should.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running host and its three pipes.
#[derive(Debug)]
pub struct Conversation {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    readers: Vec<JoinHandle<()>>,
    said: String,
}

/// How a conversation ended.
#[derive(Debug)]
pub struct Ending {
    /// What stdout still had, line by line.
    pub stdout: Vec<String>,
    /// Everything that stderr had.
    pub stderr: String,
    /// How the process ended.
    pub status: ExitStatus,
}

impl Conversation {
    /// Starts a host whose three streams are pipes.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (out, stdout) = channel();
        let (err, stderr) = channel();
        let readers = vec![
            read_lines(child.stdout.take().unwrap(), out),
            read_lines(child.stderr.take().unwrap(), err),
        ];
        let stdin = child.stdin.take();
        Self { child, stdin, stdout, stderr, readers, said: String::new() }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush()).expect("the host reads");
    }

    /// The next line of stdout, without its newline.
    pub fn hear(&mut self) -> String {
        let line = next(&self.stdout, "answer").expect("the host ended without an answer");
        line.strip_suffix('\n').expect("an answer ends with a newline").to_owned()
    }

    /// Sends a line and returns the line that answers it.
    pub fn ask(&mut self, line: impl AsRef<[u8]>) -> String {
        self.send(line);
        self.send("\n");
        self.hear()
    }

    /// Sends a request and returns its envelope.
    pub fn ask_json(&mut self, request: &Value) -> Value {
        let line = self.ask(request.to_string());
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Waits until stderr has said `text`.
    pub fn await_message(&mut self, text: &str) {
        while !self.said.contains(text) {
            let line = next(&self.stderr, "message")
                .unwrap_or_else(|| panic!("the host ended without saying {text:?}: {}", self.said));
            self.said.push_str(&line);
        }
    }

    /// Whether stdout has nothing to read now.
    pub fn is_silent(&self) -> bool {
        self.stdout.try_recv().is_err()
    }

    /// The process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Closes stdin, so that the host has nothing more to wait for.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Waits for the end without closing stdin.
    pub fn await_end(mut self) -> Ending {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() >= deadline {
                self.child.kill().unwrap();
                panic!("the host does not end; it said: {}", self.said);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let stdout =
            self.stdout.try_iter().map(|line| line.trim_end_matches('\n').to_owned()).collect();
        self.said.extend(self.stderr.try_iter());
        Ending { stdout, stderr: std::mem::take(&mut self.said), status }
    }

    /// Closes stdin and waits for the end.
    pub fn end(mut self) -> Ending {
        self.hang_up();
        self.await_end()
    }
}

fn next(lines: &Receiver<String>, what: &str) -> Option<String> {
    match lines.recv_timeout(PATIENCE) {
        Ok(line) => Some(line),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => panic!("no {what} within {PATIENCE:?}"),
    }
}

fn read_lines(
    stream: impl Read + Send + 'static,
    lines: std::sync::mpsc::Sender<String>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            match stream.read_line(&mut line) {
                Ok(0) => return,
                Ok(_) if lines.send(line).is_err() => return,
                Ok(_) => {}
                Err(error) => panic!("a stream of the host is not UTF-8: {error}"),
            }
        }
    })
}
