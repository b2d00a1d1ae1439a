//! SIGINT and SIGTERM: the run stops in an orderly way, and the process ends with the signal's status.

use std::sync::Arc;

use backup_core::{Interrupt, Signal};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// A terminal that goes does not end the process. Must be called within the runtime.
pub(crate) fn outlive_hangup() -> std::io::Result<()> {
    // Registered once, a handler stays for the life of the process. What is handled here is not handled in tools.
    signal(SignalKind::hangup()).map(drop)
}

/// Raises the interrupt at the first signal, and wakes who waits. Must be called within the runtime.
pub(crate) fn watch(interrupt: &Interrupt) -> std::io::Result<Arc<Notify>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let interrupt = interrupt.clone();
    let signalled = Arc::new(Notify::new());
    let waiting = Arc::clone(&signalled);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => interrupt.raise(Signal::Terminate),
            _ = interrupted.recv() => interrupt.raise(Signal::Interrupt),
        }
        waiting.notify_one();
    });
    Ok(signalled)
}
