//! A reader or writer that fails once the run is to stop.

use std::io::{self, Read, Write};

use backup_core::Interrupt;

/// Looks at the interrupt at every call.
pub(crate) struct Interruptible<'a, T> {
    inner: T,
    interrupt: &'a Interrupt,
}

impl<'a, T> Interruptible<'a, T> {
    pub(crate) const fn new(inner: T, interrupt: &'a Interrupt) -> Self {
        Self { inner, interrupt }
    }

    fn check(&self) -> io::Result<()> {
        match self.interrupt.raised() {
            None => Ok(()),
            // Not `ErrorKind::Interrupted`: callers repeat a call that ended with that.
            Some(_) => Err(io::Error::other("the run was interrupted")),
        }
    }
}

impl<T: Read> Read for Interruptible<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.read(buffer)
    }
}

impl<T: Write> Write for Interruptible<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
