//! The dump's buffered way out, which also knows how much has been written.

use std::io::{self, Write};

const BUFFER_BYTES: usize = 64 * 1024;

/// Collects small pieces of the dump and hands them on in large ones.
pub(super) struct DumpOutput<'a> {
    destination: &'a mut dyn Write,
    buffer: Vec<u8>,
    handed_on: u64,
}

impl<'a> DumpOutput<'a> {
    pub(super) fn new(destination: &'a mut dyn Write) -> Self {
        Self { destination, buffer: Vec::with_capacity(BUFFER_BYTES), handed_on: 0 }
    }

    /// Bytes of the dump written so far, whether handed on or not.
    pub(super) fn position(&self) -> u64 {
        self.handed_on + self.buffer.len() as u64
    }

    /// Adds a piece of the dump.
    #[inline]
    pub(super) fn put(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.buffer.len() + piece.len() > BUFFER_BYTES {
            return self.put_past_the_buffer(piece);
        }
        self.buffer.extend_from_slice(piece);
        Ok(())
    }

    /// Adds a piece of text.
    #[inline]
    pub(super) fn text(&mut self, piece: &str) -> io::Result<()> {
        self.put(piece.as_bytes())
    }

    #[cold]
    fn put_past_the_buffer(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hand_on()?;
        if piece.len() < BUFFER_BYTES {
            self.buffer.extend_from_slice(piece);
            return Ok(());
        }
        self.destination.write_all(piece)?;
        self.handed_on += piece.len() as u64;
        Ok(())
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.destination.write_all(&self.buffer)?;
        self.handed_on += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Hands everything on and flushes the destination.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.hand_on()?;
        self.destination.flush()
    }
}
