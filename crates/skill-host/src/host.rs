//! The request loop: read a line, answer it, go on.

use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use backup_core::{Host, Interrupt, Run, RunId, Surroundings};
use backup_handlers::PrismaLocal;
use backup_protocol::{Answer, IncomingRequest, Outcome, Rejected, RequestFault, read_request};
use chrono::Utc;
use tokio::sync::{Notify, mpsc};

use crate::background::OwnProgram;
use crate::input::{self, Line};
use crate::messages;
use crate::output::Output;
use crate::progress;
use crate::signals;

/// Exit status when every request succeeded, and when at least one did not.
pub(crate) const ALL_SUCCEEDED: u8 = 0;
pub(crate) const SOME_FAILED: u8 = 1;

/// Serves stdin until its end, a signal, or the end of stdout.
pub(crate) fn serve() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        let status = runtime.block_on(serve_lines());
        // The reader may sit in a read that never returns.
        runtime.shutdown_background();
        status
    });
    match served {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            progress::say(&format!("backup-manager: {error}"));
            ExitCode::from(SOME_FAILED)
        }
    }
}

async fn serve_lines() -> io::Result<u8> {
    let interrupt = Interrupt::default();
    let signalled = signals::watch(&interrupt)?;
    let current_directory = std::env::current_dir()?;
    let host = new(&current_directory)?;
    let mut lines = read_lines();
    let mut output = Output::new();
    let mut status = ALL_SUCCEEDED;
    while let Some(line) = next_line(&mut lines, &signalled, &interrupt).await {
        let answer = match line? {
            Line::Whole(line) if input::is_blank(&line) => continue,
            Line::Whole(line) => answer_line(&host, &line, &interrupt).await,
            Line::TooLong => backup_core::refuse(Rejected::unreadable(RequestFault::LineTooLong)),
        };
        if !output.write(answer) {
            status = SOME_FAILED;
        }
        if output.is_closed() {
            break;
        }
    }
    Ok(interrupt.raised().map_or(status, backup_core::Signal::exit_status))
}

/// What the rules need from this program.
pub(crate) fn new(current_directory: &Path) -> io::Result<Host<'_>> {
    Ok(Host {
        surroundings: Surroundings { variable: &variable, current_directory },
        prisma_local: Arc::new(PrismaLocal::new(own_program()?)),
        launcher: Arc::new(OwnProgram),
        workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        version: env!("CARGO_PKG_VERSION"),
        clock: Utc::now,
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// This program, to be started again for runs in the background and beside native tools. On Linux what runs, even where its file has been
/// replaced meanwhile.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    std::env::current_exe()
}

/// The next line, or none at the end of the input or after a signal.
async fn next_line(
    lines: &mut mpsc::Receiver<io::Result<Line>>,
    signalled: &Notify,
    interrupt: &Interrupt,
) -> Option<io::Result<Line>> {
    if interrupt.raised().is_some() {
        return None;
    }
    tokio::select! {
        biased;
        () = signalled.notified() => None,
        line = lines.recv() => line,
    }
}

/// Reads stdin in a thread of its own: a read cannot be given up, a wait for a line can.
fn read_lines() -> mpsc::Receiver<io::Result<Line>> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Some(line) = input::read_line(&mut stdin).transpose() {
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

async fn answer_line(host: &Host<'_>, line: &[u8], interrupt: &Interrupt) -> Answer {
    let request = match read_request(line) {
        Ok(request) => request,
        Err(rejected) => return refuse(*rejected),
    };
    let text = String::from_utf8_lossy(line);
    match new_run(&request, interrupt) {
        Ok(run) => backup_core::perform(host, &request, &text, &run).await,
        Err(error) => backup_core::fault(request.id, Some(request.operation.to_string()), error),
    }
}

fn new_run(request: &IncomingRequest, interrupt: &Interrupt) -> Result<Run, backup_core::Error> {
    let id = RunId::random()?;
    let progress = if request.command.wants_events() {
        progress::events(&id)
    } else {
        progress::for_people(io::stderr().is_terminal())
    };
    Ok(Run {
        id,
        now: Utc::now(),
        started: Instant::now(),
        interrupt: interrupt.clone(),
        progress,
        background: None,
    })
}

/// The answer to a line that is no request; people read of it too.
fn refuse(rejected: Rejected) -> Answer {
    let answer = backup_core::refuse(rejected);
    if let Outcome::Error(failure) = &answer.outcome {
        progress::say(&messages::failure(false, answer.environment.as_deref(), &failure.error));
    }
    answer
}
