//! SIGINT and SIGTERM: the run stops in an orderly way, and the process ends with the signal's status.

use backup_core::{Interrupt, Signal};
use tokio::signal::unix::{SignalKind, signal};

/// Raises the interrupt at the first signal. Must be called within the runtime.
pub(crate) fn watch(interrupt: &Interrupt) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let interrupt = interrupt.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => interrupt.raise(Signal::Terminate),
            _ = interrupted.recv() => interrupt.raise(Signal::Interrupt),
        }
    });
    Ok(())
}
