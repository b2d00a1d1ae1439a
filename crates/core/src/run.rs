//! One operation at work.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::progress::{Happening, Progress, Step};
use crate::runs::BackgroundRun;

/// How long a server may take to notice that a session is gone.
const SERVERS_MOMENT: Duration = Duration::from_secs(1);

/// What every part of a running operation may need.
#[derive(Clone)]
pub struct Run {
    /// Its id, in locks, partial files, manifests and events.
    pub id: RunId,
    /// When it began, by the wall clock.
    pub now: DateTime<Utc>,
    /// When it began, for durations.
    pub started: Instant,
    /// Raised when it should stop.
    pub interrupt: Interrupt,
    /// Where its happenings go.
    pub progress: Arc<dyn Progress>,
    /// What a run in the background has to keep up to date; none in the foreground.
    pub background: Option<Arc<BackgroundRun>>,
}

impl Run {
    /// Reports a step.
    pub fn step(&self, step: Step) {
        self.progress.report(Happening::Step(step));
    }

    /// Whether the run goes on after the process that was asked for it.
    pub fn is_in_background(&self) -> bool {
        self.background.is_some()
    }

    /// How long to wait for another run, given what the request allows: nobody who wants an answer at once waits.
    pub fn patience(&self, seconds: u32) -> Duration {
        if self.is_awaited() { Duration::ZERO } else { Duration::from_secs(seconds.into()) }
    }

    /// How long to wait for another run at the database's server, of the patience that is left: it takes a moment to
    /// notice that a run has ended.
    pub fn patience_at_server(&self, left: Duration) -> Duration {
        if self.is_awaited() { SERVERS_MOMENT } else { left }
    }

    /// Whether somebody waits to be told that the run goes on in the background.
    fn is_awaited(&self) -> bool {
        self.background.as_ref().is_some_and(|run| !run.is_under_way())
    }

    /// Says which backup the run is about.
    pub fn concerns(&self, backup_id: &str, environment: &str) {
        if let Some(background) = &self.background {
            background.concerns(backup_id, environment);
        }
    }

    /// Says that nothing is left that could be refused at once, and that what must be held is held.
    ///
    /// # Errors
    /// The run cannot be written down for those who will ask for it.
    pub fn under_way(&self) -> Result<(), Error> {
        self.background.as_ref().map_or(Ok(()), |background| background.under_way())
    }

    /// The run past its point of no return: it finishes what it began, whatever signal comes.
    #[must_use]
    pub fn committed(&self) -> Self {
        Self { interrupt: Interrupt::default(), ..self.clone() }
    }

    /// Seconds since the run began, to the millisecond.
    pub fn seconds(&self) -> f64 {
        let milliseconds = self.started.elapsed().as_millis();
        f64::from(u32::try_from(milliseconds).unwrap_or(u32::MAX)) / 1000.0
    }
}

/// A time in seconds, to the microsecond: so many digits are read back from JSON as the number that was written.
pub fn seconds_of(elapsed: Duration) -> f64 {
    let whole = f64::from(u32::try_from(elapsed.as_secs()).unwrap_or(u32::MAX));
    (whole * 1e6 + f64::from(elapsed.subsec_micros())) / 1e6
}

/// A run's id: 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// How many digits an id has.
    pub const LENGTH: usize = 16;

    /// A new random id.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; Self::LENGTH / 2];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        Ok(Self(crate::digest::hexadecimal(&bytes)))
    }

    /// The id that the text is; none where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == Self::LENGTH && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_is_taken_for_one() {
        let id = RunId::random().unwrap();
        assert_eq!(RunId::parse(id.as_str()), Some(id));
        for text in
            ["", "../../../../etc/x", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdefa"]
        {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}
