//! Reading an artifact back.

use std::io::{self, BufReader, Read, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use super::Compression;
use super::digest::{READ_BYTES, Tally, TallyingReader, read_some, read_up_to};
use super::error::ReadError;
use super::{gzip_reader, zstd_frame};

/// Chunks on their way between the decoding and the hashing thread.
const CHUNKS: usize = 4;

/// What went through [`read_artifact`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadBack {
    /// Bytes after decompression.
    pub raw_bytes: u64,
    /// SHA-256 of the bytes after decompression, lower-case hexadecimal; where it was wanted.
    pub raw_sha256: Option<String>,
    /// Bytes read from the source.
    pub stored_bytes: u64,
    /// SHA-256 of the bytes read from the source, lower-case hexadecimal.
    pub stored_sha256: String,
}

/// Of which bytes a checksum is taken. Every compressed block has a checksum of its own, which is always compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hashed {
    /// Those of the file: enough where they are compared with what is recorded of a file that was read back
    /// whole before. Hashing what is in it as well would take a third of the time and tell nothing new.
    Stored,
    /// Those of the file, and those that were compressed into it.
    StoredAndRaw,
}

/// Reads a whole artifact, checks everything its format can check, and writes
/// the decompressed bytes to `raw` in order ([`io::sink`] just to verify).
///
/// gzip artifacts of an [`ArtifactWriter`](super::ArtifactWriter) are
/// decompressed on `workers` threads; gzip files of other programs and zstd on
/// one. Every stored byte is read and hashed, and anything after the compressed
/// data is an error. A gzip file of another program cut exactly between two
/// members is not recognisable as truncated: compare `stored_sha256`.
///
/// # Errors
///
/// See [`ReadError`]. Bytes already written to `raw` by then are not to be
/// trusted.
pub fn read_artifact<R: Read + Send>(
    source: R,
    compression: Compression,
    workers: NonZeroUsize,
    hashed: Hashed,
    raw: &mut dyn Write,
) -> Result<ReadBack, ReadError> {
    // Without compression they are the same bytes.
    let hashes_raw = hashed == Hashed::StoredAndRaw || compression == Compression::None;
    let mut sink = RawSink::new(raw, hashes_raw);
    let stored = match compression {
        Compression::None => {
            copy(source, &mut sink)?;
            None
        }
        Compression::Gzip => {
            let mut source = TallyingReader::new(source);
            gzip_reader::read(&mut source, workers, &mut sink)?;
            Some(source.into_tally())
        }
        Compression::Zstd => {
            let mut source = TallyingReader::new(source);
            read_zstd(&mut source, &mut sink)?;
            Some(source.into_tally())
        }
    };
    let (raw_bytes, raw_sha256) = sink.finish()?;
    let (stored_bytes, stored_sha256) = match stored {
        Some(tally) => tally.finish(),
        None => (raw_bytes, raw_sha256.clone().unwrap_or_default()),
    };
    Ok(ReadBack { raw_bytes, raw_sha256, stored_bytes, stored_sha256 })
}

/// Passes decompressed bytes on, counts them, and hashes them where that is wanted.
pub(super) struct RawSink<'a> {
    raw: &'a mut dyn Write,
    bytes: u64,
    tally: Option<Tally>,
}

impl<'a> RawSink<'a> {
    fn new(raw: &'a mut dyn Write, hashes: bool) -> Self {
        Self { raw, bytes: 0, tally: hashes.then(Tally::default) }
    }

    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), ReadError> {
        self.bytes += data.len() as u64;
        if let Some(tally) = &mut self.tally {
            tally.update(data);
        }
        self.raw.write_all(data).map_err(ReadError::Sink)
    }

    fn finish(self) -> Result<(u64, Option<String>), ReadError> {
        self.raw.flush().map_err(ReadError::Sink)?;
        Ok((self.bytes, self.tally.map(|tally| tally.finish().1)))
    }
}

fn copy(mut source: impl Read, sink: &mut RawSink) -> Result<(), ReadError> {
    let mut chunk = vec![0; READ_BYTES];
    loop {
        let filled = read_some(&mut source, &mut chunk).map_err(ReadError::Io)?;
        if filled == 0 {
            return Ok(());
        }
        sink.write(&chunk[..filled])?;
    }
}

fn read_zstd<R: Read + Send>(
    source: &mut TallyingReader<R>,
    sink: &mut RawSink,
) -> Result<(), ReadError> {
    let buffered = BufReader::with_capacity(READ_BYTES, &mut *source);
    let decoder = zstd_frame::decoder(buffered).map_err(ReadError::Io)?;
    stream_decoded(decoder, sink).map_err(|error| blame_source(error, source))
}

/// Decodes on another thread, so that hashing and writing overlap with it.
///
/// An error of the decoder comes back as [`ReadError::Io`], for
/// [`blame_source`] to judge.
pub(super) fn stream_decoded(
    decoder: impl Read + Send,
    sink: &mut RawSink,
) -> Result<(), ReadError> {
    let (filled_in, filled_out) = sync_channel(CHUNKS);
    let (spare_in, spare_out) = sync_channel(CHUNKS);
    for _ in 0..CHUNKS {
        // Cannot fail: the receiver is in scope and the channel has the room.
        let _ = spare_in.send(Vec::new());
    }
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("artifact-decode".to_owned())
            .spawn_scoped(scope, move || decode(decoder, &filled_in, &spare_out))
            .map_err(ReadError::Io)?;
        let drained = drain(&filled_out, &spare_in, sink);
        // The decoding thread may be waiting at either channel.
        drop((filled_out, spare_in));
        let outcome = join(worker)?;
        drained?;
        outcome.map_err(ReadError::Io)
    })
}

fn decode(
    mut decoder: impl Read,
    filled: &SyncSender<Vec<u8>>,
    spare: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    while let Ok(mut chunk) = spare.recv() {
        chunk.resize(READ_BYTES, 0);
        let bytes = read_up_to(&mut decoder, &mut chunk)?;
        chunk.truncate(bytes);
        if bytes == 0 || filled.send(chunk).is_err() {
            break;
        }
    }
    Ok(())
}

fn drain(
    filled: &Receiver<Vec<u8>>,
    spare: &SyncSender<Vec<u8>>,
    sink: &mut RawSink,
) -> Result<(), ReadError> {
    for chunk in filled {
        sink.write(&chunk)?;
        // The decoding thread needs no more chunks once it is done.
        let _ = spare.send(chunk);
    }
    Ok(())
}

/// A panic of the caller's own reader becomes an error like its others.
fn join<T>(thread: ScopedJoinHandle<T>) -> Result<T, ReadError> {
    thread
        .join()
        .map_err(|_| ReadError::Io(io::Error::other("the thread reading the artifact panicked")))
}

/// Tells what an error that surfaced in a decoder is really about: its source
/// failed, its source ended too early, or the data is bad.
pub(super) fn blame_source<R: Read>(error: ReadError, source: &mut TallyingReader<R>) -> ReadError {
    let ReadError::Io(error) = error else {
        return error;
    };
    if let Some(failure) = source.take_failure() {
        return ReadError::Io(failure);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::Truncated,
        _ => ReadError::corrupt(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
