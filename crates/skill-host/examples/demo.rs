//! The README's demo: fills the bookshop's databases, then holds a conversation with the skill host.
//!
//! `demo <folder>`, where the folder is a throwaway copy of `fixtures/projects/bookshop`. It starts the
//! `backup-manager` that was built beside it and fails when an envelope reports no success.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let folder = std::env::args_os().nth(1).ok_or("usage: demo <copy of the bookshop>")?;
    let folder = PathBuf::from(folder);
    fill_databases(&folder)?;
    let mut host = Host::start(&folder)?;

    title("create-backup: production is copied, proven and recorded")?;
    let created = host.ask(&json!({
        "id": 1,
        "operation": "create-backup",
        "parameters": { "environment": "production", "label": "before-the-sale" },
    }))?;
    title("verify-backup: the artifact is decompressed and examined to its end")?;
    host.ask(&json!({
        "id": 2,
        "operation": "verify-backup",
        "parameters": { "backup_id": created.pointer("/result/backup_id") },
    }))?;
    title("list-backups: what the catalogue knows")?;
    host.ask(&json!({
        "id": 3,
        "operation": "list-backups",
        "parameters": { "environment": "production" },
    }))?;
    host.finish()
}

/// One database for each environment, from the script that is committed beside the schema.
fn fill_databases(project: &Path) -> Outcome<()> {
    let prisma = project.join("prisma");
    let script = std::fs::read_to_string(prisma.join("bookshop.sql"))?;
    for environment in ["dev", "staging", "production"] {
        Connection::open(prisma.join(format!("{environment}.db")))?.execute_batch(&script)?;
    }
    Ok(())
}

fn title(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "\n── {text}\n")
}

/// A running skill host.
struct Host {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// The host's stderr goes to a file: whatever was said before an answer is there when the answer is.
    messages: File,
}

impl Host {
    fn start(project: &Path) -> Outcome<Self> {
        // This example was built into target/<profile>/examples.
        let example = std::env::current_exe()?;
        let profile = example.ancestors().nth(2).ok_or("the demo lies in no target folder")?;
        let messages = project.join("messages.txt");
        let mut process = Command::new(profile.join("backup-manager"))
            .current_dir(project)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&messages)?)
            .spawn()?;
        let stdin = process.stdin.take().ok_or("no stdin")?;
        let stdout = BufReader::new(process.stdout.take().ok_or("no stdout")?);
        Ok(Self { process, stdin, stdout, messages: File::open(messages)? })
    }

    /// Sends a request, shows what came of it, and returns the envelope of a success.
    fn ask(&mut self, request: &Value) -> Outcome<Value> {
        writeln!(self.stdin, "{request}")?;
        self.stdin.flush()?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let mut messages = String::new();
        self.messages.read_to_string(&mut messages)?;
        show("stdin  ", &request.to_string())?;
        show("stderr ", &messages)?;
        let envelope: Value =
            serde_json::from_str(&line).map_err(|error| format!("no envelope: {error}: {line}"))?;
        show("stdout ", &serde_json::to_string_pretty(&envelope)?)?;
        if envelope.pointer("/status").and_then(Value::as_str) != Some("success") {
            return Err(format!(
                "the request failed: {}",
                envelope.pointer("/error").unwrap_or(&Value::Null)
            )
            .into());
        }
        Ok(envelope)
    }

    /// Ends the input and expects the host to end well.
    fn finish(mut self) -> Outcome<()> {
        drop(self.stdin);
        let status = self.process.wait()?;
        writeln!(
            io::stdout().lock(),
            "\nThe input ended; the host ended with {status}.\n\
             On the wire every envelope is one line; it is indented here to be read."
        )?;
        if status.success() { Ok(()) } else { Err("the host failed".into()) }
    }
}

/// Shows a text line by line, each with the name of the stream it belongs to.
fn show(stream: &str, text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    text.lines().try_for_each(|line| writeln!(out, "{stream}│ {line}"))
}
