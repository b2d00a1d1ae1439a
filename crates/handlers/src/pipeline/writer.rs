//! Writing an artifact.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::thread::{self, JoinHandle};

use backup_core::{Checksums, ToolSettings};

use super::Compression;
use super::digest::{Tally, duplicate};
use super::gzip_members::{self, MemberEncoder};
use super::lanes::{self, Block, Collector, Feeder, Priority, Stopped};
use super::zstd_frame::{self, FrameEncoder};

/// The highest level of libdeflate; zstd's own go further.
const HIGHEST_GZIP_LEVEL: i32 = 12;

/// How hard to compress, and on how many threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompressionSettings {
    /// gzip: 1 to 12, default 5. zstd: 1 to 19, default 1. Ignored without
    /// compression.
    pub level: Option<i32>,
    /// Threads compressing gzip members. Each one adds about 6 MiB of memory at
    /// worst. zstd always uses one.
    pub workers: NonZeroUsize,
    /// The priority of those threads.
    pub priority: Priority,
}

impl CompressionSettings {
    /// As the environment's settings have it; a level beyond what the algorithm has means its highest.
    pub fn of(settings: &ToolSettings, compression: Compression) -> Self {
        let highest = if compression == Compression::Gzip { HIGHEST_GZIP_LEVEL } else { i32::MAX };
        let level = settings.compression_level.map(|level| level.min(highest));
        let priority = if settings.low_priority { Priority::Lowest } else { Priority::Ordinary };
        Self { level, workers: settings.threads, priority }
    }
}

/// What went through an [`ArtifactWriter`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// SHA-256 of the bytes before compression, lower-case hexadecimal.
    pub raw_sha256: String,
    /// Bytes written to the destination.
    pub stored_bytes: u64,
    /// SHA-256 of the bytes written to the destination, lower-case hexadecimal.
    pub stored_sha256: String,
}

impl From<Written> for Checksums {
    fn from(written: Written) -> Self {
        Self {
            stored_bytes: written.stored_bytes,
            stored_sha256: written.stored_sha256,
            raw_bytes: written.raw_bytes,
            raw_sha256: written.raw_sha256,
        }
    }
}

/// Compresses what is written to it into a destination, hashing both sides.
///
/// A failure of the destination comes back, with its kind and operating system
/// code, from a later [`write`](Write::write) or from [`finish`](Self::finish),
/// and from every call after that.
///
/// Dropping it without [`finish`](Self::finish) waits for the threads, drops the
/// destination and leaves a compressed artifact recognisably incomplete.
///
/// Without compression every write goes straight to the destination, so writes
/// should be large.
pub struct ArtifactWriter<W: Write + Send + 'static> {
    raw: Tally,
    stage: Stage<W>,
}

enum Stage<W> {
    Direct(W),
    Threaded(Threaded<W>),
}

impl<W: Write + Send + 'static> ArtifactWriter<W> {
    /// Starts the threads that `compression` needs.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for a level out of range; otherwise the
    /// system's reason for not starting a thread.
    pub fn new(
        destination: W,
        compression: Compression,
        settings: CompressionSettings,
    ) -> io::Result<Self> {
        let stage = match compression {
            Compression::None => Stage::Direct(destination),
            Compression::Gzip => Stage::Threaded(gzip(destination, settings)?),
            Compression::Zstd => Stage::Threaded(zstd(destination, settings)?),
        };
        Ok(Self { raw: Tally::default(), stage })
    }

    /// Compresses what is left, flushes the destination and returns it.
    ///
    /// # Errors
    ///
    /// The destination's error if any write to it, or the flush, failed.
    pub fn finish(self) -> io::Result<(W, Written)> {
        let (raw_bytes, raw_sha256) = self.raw.finish();
        let (destination, stored) = match self.stage {
            Stage::Direct(mut destination) => {
                destination.flush()?;
                (destination, (raw_bytes, raw_sha256.clone()))
            }
            Stage::Threaded(mut threaded) => {
                let (destination, stored) = threaded.finish()?;
                (destination, stored.finish())
            }
        };
        let (stored_bytes, stored_sha256) = stored;
        let written = Written { raw_bytes, raw_sha256, stored_bytes, stored_sha256 };
        Ok((destination, written))
    }
}

impl<W: Write + Send + 'static> Write for ArtifactWriter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let accepted = match &mut self.stage {
            Stage::Direct(destination) => destination.write(data)?,
            Stage::Threaded(threaded) => threaded.write(data)?,
        };
        self.raw.update(&data[..accepted]);
        Ok(accepted)
    }

    /// Without compression, flushes the destination. Otherwise does nothing:
    /// blocks cut short would cost compression, and `finish` flushes.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stage {
            Stage::Direct(destination) => destination.flush(),
            Stage::Threaded(_) => Ok(()),
        }
    }
}

fn gzip<W: Write + Send + 'static>(
    destination: W,
    settings: CompressionSettings,
) -> io::Result<Threaded<W>> {
    let mut transforms = Vec::new();
    for _ in 0..settings.workers.get() {
        let mut encoder = MemberEncoder::new(settings.level)?;
        transforms.push(move |block: &mut Block| encoder.encode(block));
    }
    let lanes = lanes::start("gzip", transforms, settings.priority)?;
    Threaded::start(destination, gzip_members::BLOCK_BYTES, lanes)
}

fn zstd<W: Write + Send + 'static>(
    destination: W,
    settings: CompressionSettings,
) -> io::Result<Threaded<W>> {
    let mut encoder = FrameEncoder::new(settings.level)?;
    let transform = move |block: &mut Block| encoder.encode(block);
    let lanes = lanes::start("zstd", vec![transform], settings.priority)?;
    Threaded::start(destination, zstd_frame::BLOCK_BYTES, lanes)
}

/// The caller's side of compression on other threads.
struct Threaded<W> {
    block_bytes: usize,
    state: State<W>,
}

enum State<W> {
    Running(Running<W>),
    /// What the first failing call returned.
    Failed(io::Error),
    Finished,
}

struct Running<W> {
    feeder: Feeder,
    filling: Block,
    collector: JoinHandle<io::Result<(W, Tally)>>,
}

impl<W: Write + Send + 'static> Threaded<W> {
    fn start(
        destination: W,
        block_bytes: usize,
        (feeder, collector): (Feeder, Collector<io::Error>),
    ) -> io::Result<Self> {
        let collector = thread::Builder::new()
            .name("artifact-store".to_owned())
            .spawn(move || store(collector, destination))?;
        let running = Running { feeder, filling: Block::default(), collector };
        Ok(Self { block_bytes, state: State::Running(running) })
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let outcome = match &mut self.state {
            State::Running(running) => running.fill(data, self.block_bytes),
            State::Failed(error) => return Err(duplicate(error)),
            State::Finished => Err(Stopped),
        };
        outcome.map_err(|Stopped| self.fail())
    }

    fn finish(&mut self) -> io::Result<(W, Tally)> {
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Running(running) => running.finish(),
            State::Failed(error) => Err(error),
            State::Finished => Err(stopped_early()),
        }
    }

    /// Ends the threads after one of them stopped, and finds out why it did.
    fn fail(&mut self) -> io::Error {
        let error = match self.finish() {
            Ok(_) => stopped_early(),
            Err(error) => error,
        };
        self.state = State::Failed(duplicate(&error));
        error
    }
}

impl<W> Drop for Threaded<W> {
    fn drop(&mut self) {
        if let State::Running(running) = std::mem::replace(&mut self.state, State::Finished) {
            // Nobody is left to be told how it went.
            let _ = running.join();
        }
    }
}

impl<W> Running<W> {
    fn fill(&mut self, data: &[u8], block_bytes: usize) -> Result<usize, Stopped> {
        if self.filling.input.len() >= block_bytes {
            self.submit()?;
        }
        let input = &mut self.filling.input;
        // Once per block: recycled blocks come with the capacity.
        input.reserve_exact(block_bytes - input.len());
        let accepted = data.len().min(block_bytes - input.len());
        input.extend_from_slice(&data[..accepted]);
        Ok(accepted)
    }

    /// Sends the block being filled on its way and starts on an empty one.
    fn submit(&mut self) -> Result<(), Stopped> {
        let mut blank = self.feeder.blank()?;
        blank.input.clear();
        let full = std::mem::replace(&mut self.filling, blank);
        self.feeder.submit(full)
    }

    /// Sends the rest and the empty block by which the encoders know the end.
    fn finish(mut self) -> io::Result<(W, Tally)> {
        let rest = if self.filling.input.is_empty() { Ok(()) } else { self.submit() };
        // A refusal means the collector failed: joining it tells how.
        let ended = rest.and_then(|()| self.submit());
        let stored = self.join()?;
        match ended {
            Ok(()) => Ok(stored),
            Err(Stopped) => Err(stopped_early()),
        }
    }

    fn join(self) -> io::Result<(W, Tally)> {
        // The workers end when their jobs do, and the collector when they do.
        drop(self.feeder);
        self.collector
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread writing the artifact panicked")))
    }
}

fn stopped_early() -> io::Error {
    io::Error::other("compression stopped early")
}

/// The collecting thread: hashes and writes finished blocks until they end.
fn store<W: Write>(
    mut collector: Collector<io::Error>,
    mut destination: W,
) -> io::Result<(W, Tally)> {
    let stored = store_blocks(&mut collector, &mut destination);
    let workers = collector.join();
    let stored = stored?;
    workers?;
    Ok((destination, stored))
}

fn store_blocks(
    collector: &mut Collector<io::Error>,
    destination: &mut impl Write,
) -> io::Result<Tally> {
    let mut stored = Tally::default();
    while let Some(block) = collector.next() {
        let block = block?;
        destination.write_all(&block.output)?;
        stored.update(&block.output);
        collector.recycle(block);
    }
    destination.flush()?;
    Ok(stored)
}

#[cfg(test)]
mod tests;
