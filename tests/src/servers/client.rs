//! Client programs, fed and listened to.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

/// Runs a command with bytes for its stdin.
pub(super) fn fed(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A client that fails reads no further.
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    })
}

/// What a command printed, or what it complained of.
pub(super) fn finished(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Runs a command that must succeed, and returns what it printed.
pub(super) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    finished(&output).unwrap_or_else(|words| panic!("{}: {words}", command.get_program().display()))
}

/// A connection that stays open, and with it whatever was begun in it.
#[derive(Debug)]
pub struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    mark: fn(&str) -> String,
}

/// Stands after the answer to a text; no text of the tests is this.
const MARK: &str = "this-was-the-last-line";

impl Session {
    /// Starts a client. `mark` makes the text that has it print a line.
    pub(super) fn start(mut client: Command, mark: fn(&str) -> String) -> Self {
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = client.spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, stdout, mark }
    }

    /// Sends statements and waits for their answer.
    pub fn sql(&mut self, text: &str) -> String {
        self.send(text);
        let (mut answer, mut line) = (String::new(), String::new());
        loop {
            line.clear();
            let length = self.stdout.read_line(&mut line).unwrap();
            assert!(length > 0, "the session ended: {text}");
            if line.trim_end() == MARK {
                return answer;
            }
            answer.push_str(&line);
        }
    }

    /// Sends statements without waiting: for those that wait themselves.
    pub fn send(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        let text = format!("{text}{}", (self.mark)(MARK));
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
