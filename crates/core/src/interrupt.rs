//! Stopping in an orderly way: set once from outside, asked at every step.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::Error;

/// The signal that ended the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: somebody pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: somebody asked the process to end.
    Terminate,
}

impl Signal {
    /// The exit status that tells a shell which signal it was: 128 and its number.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// A flag that many hold and one raises.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Raises the flag; the first signal is the one that counts.
    pub fn raise(&self, signal: Signal) {
        let _ =
            self.0.compare_exchange(0, signal.exit_status(), Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The signal that was raised, if one was.
    pub fn raised(&self) -> Option<Signal> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            status if status == Signal::Interrupt.exit_status() => Some(Signal::Interrupt),
            _ => Some(Signal::Terminate),
        }
    }

    /// Goes on unless the flag is up.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once it is.
    pub fn check(&self) -> Result<(), Error> {
        match self.raised() {
            None => Ok(()),
            Some(_) => Err(Error::Interrupted),
        }
    }
}
