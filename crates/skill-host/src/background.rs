//! Runs in the background: this program started again as a process that outlives the one that starts it.
//!
//! The request goes to it through a pipe, and its first answer comes back through another: that it holds what it
//! needs and goes on, or how it ended. Then it lets go of everything that it has from its parent.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backup_core::{BackgroundRun, Interrupt, Launch, Launcher, Run, RunFolder, RunId};
use backup_protocol::{Answer, IncomingRequest, Rejected, RequestFault, read_request};
use chrono::Utc;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;

use crate::command_line::BackgroundCommand;
use crate::host::{self, ALL_SUCCEEDED, SOME_FAILED};
use crate::input::{self, Line};
use crate::output;
use crate::progress;
use crate::signals;

/// What process listings call the run.
const PROCESS_NAME: &std::ffi::CStr = c"backup-manager";
/// Descriptors from here on are none of the three streams.
const FIRST_BEYOND_STREAMS: i32 = 3;
/// How often a run hears whether it should end, and looks whether it has something to write down.
const TICK: Duration = Duration::from_millis(250);
/// How often a signal to the process that waits is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How often, and after which pauses, the last answer is tried to be kept: a full disk may have room again.
const LAST_WRITES: u32 = 10;
const LAST_WRITE_PAUSE: Duration = Duration::from_secs(1);

/// Starts this program for runs in the background.
pub(crate) struct OwnProgram;

#[async_trait]
impl Launcher for OwnProgram {
    async fn launch(&self, launch: Launch, interrupt: &Interrupt) -> io::Result<Option<String>> {
        withhold_inherited_descriptors();
        let mut command = Command::new(host::own_program()?);
        command.arg0("backup-manager").arg("background");
        command.arg("--run").arg(launch.run.as_str()).arg("--folder").arg(&launch.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::from(launch.log));
        let mut child = command.spawn()?;
        let answered = first_answer(&mut child, launch.request)?;
        let process = Pid::from_child(&child);
        let answer = wait_for(answered, process, interrupt).await;
        // It is waited for so that its end is noticed, by nobody in particular.
        std::thread::spawn(move || child.wait());
        Ok(answer)
    }
}

/// What this process was started with beyond its three streams is not handed on: whoever reads such a pipe (a
/// shell's `3>&1`) would wait for the run. Nothing that a run needs comes this way: it takes its locks itself.
fn withhold_inherited_descriptors() {
    close_fds::set_fds_cloexec_threadsafe(FIRST_BEYOND_STREAMS, &[]);
}

/// Sends the request, and hears the first line that comes back.
fn first_answer(
    child: &mut Child,
    request: String,
) -> io::Result<oneshot::Receiver<Option<String>>> {
    let piped = || io::Error::other("a pipe is missing");
    let mut stdin = child.stdin.take().ok_or_else(piped)?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or_else(piped)?);
    let (heard, answered) = oneshot::channel();
    std::thread::spawn(move || {
        // A run that does not read it has ended, which its missing answer tells.
        let sent = stdin.write_all(request.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
        drop(stdin);
        let mut line = String::new();
        let read = sent.and_then(|()| stdout.read_line(&mut line));
        let whole = read.is_ok() && line.ends_with('\n');
        let _ = heard.send(whole.then_some(line));
    });
    Ok(answered)
}

/// Waits for the first answer. A signal that comes meanwhile is the run's too, which answers that it was cancelled.
async fn wait_for(
    mut answered: oneshot::Receiver<Option<String>>,
    process: Pid,
    interrupt: &Interrupt,
) -> Option<String> {
    let mut passed_on = false;
    loop {
        tokio::select! {
            biased;
            answer = &mut answered => return answer.ok().flatten(),
            () = tokio::time::sleep(LOOK) => {}
        }
        if !passed_on && interrupt.raised().is_some() {
            passed_on = true;
            if let Err(error) = kill_process(process, Signal::TERM) {
                tracing::debug!(%error, "the run has ended already");
            }
        }
    }
}

/// Is the run: reads its request, answers once, and goes on.
pub(crate) fn run(command: &BackgroundCommand) -> ExitCode {
    // First of all: what ends the parent's terminal or its process group must not end this.
    if let Err(error) = rustix::process::setsid() {
        tracing::debug!(%error, "the session stays the parent's");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_name(PROCESS_NAME) {
        tracing::debug!(%error, "the process keeps its name");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(perform(command))) {
        Ok(true) => ExitCode::from(ALL_SUCCEEDED),
        Ok(false) => ExitCode::from(SOME_FAILED),
        Err(error) => {
            progress::say(&format!("backup-manager: {error}"));
            ExitCode::from(SOME_FAILED)
        }
    }
}

/// Does what the request asks for. Says whether it succeeded.
async fn perform(command: &BackgroundCommand) -> io::Result<bool> {
    let interrupt = Interrupt::default();
    let _signalled = signals::watch(&interrupt)?;
    signals::outlive_hangup()?;
    let Some(Line::Whole(line)) = input::read_line(&mut io::stdin().lock())? else {
        return Ok(answer_parent(backup_core::refuse(Rejected::unreadable(
            RequestFault::LineTooLong,
        ))));
    };
    let request = match read_request(&line) {
        Ok(request) => request,
        Err(rejected) => return Ok(answer_parent(backup_core::refuse(*rejected))),
    };
    let Some(id) = RunId::parse(&command.run) else {
        return Err(io::Error::other("--run is no run's id"));
    };
    let text = String::from_utf8_lossy(&line);
    let folder = RunFolder::at(&command.folder, id);
    let (run, background) = match take(&request, folder, &interrupt).await {
        Ok(taken) => taken,
        Err(error) => return Ok(answer_parent(backup_core::unable(&request, &text, &error))),
    };
    keep_up_to_date(Arc::clone(&background));
    let current_directory = std::env::current_dir()?;
    let host = host::new(&current_directory)?;
    let answer = backup_core::perform(&host, &request, &text, &run).await;
    if background.is_under_way() { finish(answer, &background) } else { Ok(answer_parent(answer)) }
}

/// Makes this process the run's.
async fn take(
    request: &IncomingRequest,
    folder: RunFolder,
    interrupt: &Interrupt,
) -> Result<(Run, Arc<BackgroundRun>), backup_core::Error> {
    let shown = if request.command.wants_events() {
        progress::events(&folder.id)
    } else {
        progress::for_people(false)
    };
    let run = Run {
        id: folder.id.clone(),
        now: Utc::now(),
        started: Instant::now(),
        interrupt: interrupt.clone(),
        progress: Arc::clone(&shown),
        background: None,
    };
    let announce = Box::new(|answer| {
        answer_parent(answer);
        let_go();
    });
    let background =
        BackgroundRun::take(folder, request.operation, announce, Utc::now, &run).await?;
    let progress = background.listening(shown);
    Ok((Run { progress, background: Some(Arc::clone(&background)), ..run }, background))
}

/// A thread of its own: the run's may be busy for minutes.
fn keep_up_to_date(background: Arc<BackgroundRun>) {
    std::thread::spawn(move || {
        loop {
            background.tick();
            std::thread::sleep(TICK);
        }
    });
}

/// The first answer, to the process that waits for it. Says whether it is a success.
fn answer_parent(answer: Answer) -> bool {
    output::Output::new().write(answer)
}

/// Lets go of the parent's pipes; the log stays.
fn let_go() {
    let nowhere: io::Result<File> = OpenOptions::new().read(true).write(true).open("/dev/null");
    let let_go = nowhere.and_then(|nowhere| {
        rustix::stdio::dup2_stdin(&nowhere)?;
        rustix::stdio::dup2_stdout(&nowhere)?;
        Ok(())
    });
    if let Err(error) = let_go {
        tracing::debug!(%error, "the parent's pipes stay open");
    }
}

/// Keeps the last answer. Says whether it is a success.
fn finish(answer: Answer, background: &BackgroundRun) -> io::Result<bool> {
    let (line, succeeded) = output::line_of(answer);
    for _ in 1..LAST_WRITES {
        match background.finish(&line) {
            Ok(()) => return Ok(succeeded),
            Err(error) => progress::say(&format!("backup-manager: {error}")),
        }
        std::thread::sleep(LAST_WRITE_PAUSE);
    }
    background.finish(&line).map(|()| succeeded).map_err(io::Error::other)
}
