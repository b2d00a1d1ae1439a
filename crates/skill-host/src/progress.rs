//! How happenings look on stderr: messages for people, a bar on a terminal, or JSON events for machines.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backup_core::{Completion, Happening, Pace, Pacer, Progress, RunId};
use backup_protocol::{Event, EventKind, Operation, Status};
use chrono::Utc;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::messages;

/// How often bytes are worth a plain line, and an event.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
const EVENT_INTERVAL: Duration = Duration::from_millis(500);

/// Says something on stderr; nobody listening is no reason to fail.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Messages for people, with a bar where they sit at a terminal.
pub(crate) fn for_people(terminal: bool) -> Arc<dyn Progress> {
    Arc::new(Messages { terminal, state: Mutex::new(MessagesState::default()) })
}

/// JSON event lines for machines.
pub(crate) fn events(run: &RunId) -> Arc<dyn Progress> {
    Arc::new(Events { run_id: run.to_string(), state: Mutex::new(EventsState::default()) })
}

struct Messages {
    terminal: bool,
    state: Mutex<MessagesState>,
}

#[derive(Default)]
struct MessagesState {
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
    pacer: Pacer,
}

impl Progress for Messages {
    fn report(&self, happening: Happening) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Happening::Bytes { done, expected, tables_done } = happening {
            let pace = state.pacer.pace(done, expected, tables_done, Instant::now());
            self.show_bytes(&mut state, &pace);
            return;
        }
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        say(&match happening {
            Happening::Started { operation, environment, label } => {
                state.last_line = Some(Instant::now());
                messages::start(operation, environment.as_deref(), label.as_deref())
            }
            Happening::Step(step) => messages::step(&step),
            Happening::Completed(completion) => messages::end(&completion),
            Happening::Failed { status, environment, reason } => {
                messages::failure(status == Status::Cancelled, environment.as_deref(), &reason)
            }
            Happening::Bytes { done, expected, tables_done } => {
                messages::progress(&Pace { done, expected, tables_done, ..Pace::default() })
            }
        });
    }
}

impl Messages {
    fn show_bytes(&self, state: &mut MessagesState, pace: &Pace) {
        if self.terminal {
            let bar = state.bar.get_or_insert_with(|| new_bar(pace.expected));
            bar.set_position(pace.done);
            return;
        }
        let due = state.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        if due {
            state.last_line = Some(Instant::now());
            say(&messages::progress(pace));
        }
    }
}

fn new_bar(expected: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(expected, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(
        "  {bar:30} {binary_bytes} of about {binary_total_bytes} ({binary_bytes_per_sec}, {eta} left)",
    );
    // The template is fixed; where it were wrong, the default bar would do.
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

struct Events {
    run_id: String,
    state: Mutex<EventsState>,
}

#[derive(Default)]
struct EventsState {
    sequence: u64,
    operation: Option<Operation>,
    environment: Option<String>,
    last_bytes: Option<Instant>,
    pacer: Pacer,
}

impl Progress for Events {
    fn report(&self, happening: Happening) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (kind, message, pace, status) = match happening {
            Happening::Started { operation, environment, .. } => {
                state.operation = Some(operation);
                state.environment = environment;
                (EventKind::Started, None, None, None)
            }
            Happening::Step(step) => {
                let message = messages::step(&step).trim_start_matches("✓ ").to_owned();
                (EventKind::Step, Some(message), None, None)
            }
            Happening::Bytes { done, expected, tables_done } => {
                let pace = state.pacer.pace(done, expected, tables_done, Instant::now());
                if state.last_bytes.is_some_and(|last| last.elapsed() < EVENT_INTERVAL) {
                    return;
                }
                state.last_bytes = Some(Instant::now());
                (EventKind::Progress, None, Some(pace), None)
            }
            Happening::Completed(completion) => {
                let message = match completion {
                    Completion::Created { backup_id, .. } => format!("Backup created: {backup_id}"),
                    Completion::Other { message, .. } => message,
                };
                (EventKind::Completed, Some(message), None, Some(Status::Success))
            }
            Happening::Failed { status, reason, .. } => {
                (EventKind::Completed, Some(reason), None, Some(status))
            }
        };
        state.sequence += 1;
        let at = Utc::now();
        let event = Event {
            run_id: self.run_id.clone(),
            sequence: state.sequence,
            at,
            event: kind,
            operation: state.operation,
            environment: state.environment.clone(),
            message,
            bytes_done: pace.map(|pace| pace.done),
            bytes_expected: pace.and_then(|pace| pace.expected),
            bytes_per_second: pace.and_then(|pace| pace.bytes_per_second),
            share: pace.and_then(|pace| pace.share()),
            estimated_end: pace.and_then(|pace| pace.left).map(|left| at + left),
            tables_done: pace.and_then(|pace| pace.tables_done),
            status,
        };
        if let Ok(line) = serde_json::to_string(&event) {
            say(&line);
        }
    }
}
