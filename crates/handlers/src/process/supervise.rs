//! The supervisor: runs one tool and sees to its end.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::time::Duration;

use rustix::fs::Mode;
use rustix::process::{Pid, Signal, getpgrp, getpid, getppid, kill_process, kill_process_group};

use tokio::signal::unix::{SignalKind, signal};

/// How often the supervisor looks whether its parent lives.
const LOOK: Duration = Duration::from_millis(100);
/// What a shell answers for a program that cannot be started.
const CANNOT_START: u8 = 127;
/// The lowest priority of the processor; Linux derives the priority of input and output from it
/// (`ioprio_set(2)`: the best-effort level is (nice + 20) / 5).
const LOWEST_PRIORITY: i32 = 19;
/// What process listings call the supervisor: not what they call the program, so that who ends all processes
/// of that name does not end the one that cleans up.
#[cfg(target_os = "linux")]
const PROCESS_NAME: &std::ffi::CStr = c"backup-tool";

/// A tool to run, and for whom.
#[derive(Clone, Debug)]
pub struct Supervision {
    /// The process that wants the tool; when it dies, the tool does.
    pub parent: u32,
    /// Whether the tool gets the processor and the disk last.
    pub low_priority: bool,
    /// A file that goes when the parent dies: what it told the tool is nobody else's to read.
    pub remove_with_parent: Option<PathBuf>,
    /// The tool.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// Runs the tool on this process's own streams until its end, and ends as it did. The process must be the
/// leader of a process group of its own: the group is killed when the parent dies.
pub fn supervise(supervision: &Supervision) -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_name(PROCESS_NAME) {
        tracing::debug!(%error, "the supervisor keeps its name");
    }
    if supervision.low_priority
        && let Err(error) = rustix::process::nice(LOWEST_PRIORITY)
    {
        tracing::debug!(%error, "the priority stays as it is");
    }
    if let Err(error) = hear_out_termination() {
        tracing::debug!(%error, "a request to end ends the supervisor too");
    }
    // What a tool writes holds what the database holds.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let started = Command::new(&supervision.program).args(&supervision.arguments).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return cannot_start(supervision, &error),
    };
    let (parent, secret) = (supervision.parent, supervision.remove_with_parent.clone());
    std::thread::spawn(move || outlive_nobody(parent, secret.as_deref()));
    match child.wait() {
        Ok(status) => end_like(status),
        Err(error) => cannot_start(supervision, &error),
    }
}

/// A request to end is the tool's to follow: the supervisor stays to take note of its end. What is handled here
/// is not handled in the tool.
fn hear_out_termination() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    // Registered once, a handler stays for the life of the process.
    signal(SignalKind::terminate()).map(drop)
}

fn cannot_start(supervision: &Supervision, error: &std::io::Error) -> ExitCode {
    let program = supervision.program.display();
    // The parent reads this; without a parent nobody does.
    let _ = writeln!(std::io::stderr(), "{program}: {error}");
    ExitCode::from(CANNOT_START)
}

/// Kills the whole group once the parent is gone.
fn outlive_nobody(parent: u32, secret: Option<&Path>) {
    let alive = || getppid().is_some_and(|now| now.as_raw_nonzero().get().unsigned_abs() == parent);
    while alive() {
        std::thread::sleep(LOOK);
    }
    if let Some(secret) = secret {
        let _ = std::fs::remove_file(secret);
    }
    // A group that is not our own is the caller's, who must not be killed.
    if getpgrp() == getpid() {
        let _ = kill_process_group(getpid(), Signal::KILL);
    }
    std::process::exit(CANNOT_START.into());
}

/// Ends as the tool did, by the same signal where it was one.
fn end_like(status: ExitStatus) -> ExitCode {
    if let Some(code) = status.code() {
        return ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX));
    }
    let signal = status.signal().unwrap_or_default();
    if let Some(signal) = Signal::from_named_raw(signal) {
        let _ = kill_process(getpid(), signal);
    }
    // A signal that did not end this process: as a shell says it.
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

/// The process id as the supervisor is told it.
pub(super) fn own_process() -> u32 {
    let process: Pid = getpid();
    process.as_raw_nonzero().get().unsigned_abs()
}
