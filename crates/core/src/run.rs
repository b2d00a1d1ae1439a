//! One operation at work.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};

use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::progress::{Happening, Progress, Step};

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
}

impl Run {
    /// Reports a step.
    pub fn step(&self, step: Step) {
        self.progress.report(Happening::Step(step));
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
