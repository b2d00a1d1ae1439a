//! The zstd form of an artifact: one frame with a content checksum.

use std::io::{self, BufRead, Write};

use zstd::stream::{read, write};

use super::lanes::Block;

/// Raw bytes handed to the compressing thread at a time. Only a matter of
/// overlap: the frame does not depend on it.
pub(super) const BLOCK_BYTES: usize = 512 * 1024;

/// The fastest of the regular levels: already smaller than most links and
/// disks need, at several times the speed of gzip.
const DEFAULT_LEVEL: i32 = 1;

/// Levels above 19 need windows of up to 128 MiB to read back.
const LEVELS: std::ops::RangeInclusive<i32> = 1..=19;

/// log2 of the largest window we decode: the 8 MiB that RFC 8878 §3.1.1.1.2
/// recommends as a limit, and the most that [`LEVELS`] use. A file asking for
/// more must not be able to make us allocate it.
const WINDOW_LOG_LIMIT: u32 = 23;

/// Turns raw blocks into consecutive pieces of one frame.
pub(super) struct FrameEncoder {
    encoder: write::Encoder<'static, Vec<u8>>,
}

impl FrameEncoder {
    /// `level` is zstd's, 1 (fastest) to 19; 1 unless given. Any other level is
    /// [`io::ErrorKind::InvalidInput`].
    pub(super) fn new(level: Option<i32>) -> io::Result<Self> {
        let level = level.unwrap_or(DEFAULT_LEVEL);
        if !LEVELS.contains(&level) {
            let message = format!("zstd level {level} is not between 1 and 19");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut encoder = write::Encoder::new(Vec::new(), level)?;
        encoder.include_checksum(true)?;
        Ok(Self { encoder })
    }

    /// Compresses `block.input`; an empty block ends the frame.
    pub(super) fn encode(&mut self, block: &mut Block) -> io::Result<()> {
        block.output.clear();
        std::mem::swap(self.encoder.get_mut(), &mut block.output);
        let outcome = if block.input.is_empty() {
            self.encoder.do_finish()
        } else {
            self.encoder.write_all(&block.input)
        };
        std::mem::swap(self.encoder.get_mut(), &mut block.output);
        outcome
    }
}

/// A streaming decoder that checks content checksums and accepts concatenated
/// frames, as `zstd -d` does.
pub(super) fn decoder<R: BufRead>(source: R) -> io::Result<read::Decoder<'static, R>> {
    let mut decoder = read::Decoder::with_buffer(source)?;
    decoder.window_log_max(WINDOW_LOG_LIMIT)?;
    Ok(decoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_levels_are_refused() {
        for level in [-1, 0, 20, 22] {
            let error = FrameEncoder::new(Some(level)).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn the_highest_level_can_be_read_back() {
        let mut frame = Vec::new();
        let mut encoder = FrameEncoder::new(Some(*LEVELS.end())).unwrap();
        let mut block = Block::default();
        for input in [vec![b'a'; 100_000], Vec::new()] {
            block.input = input;
            encoder.encode(&mut block).unwrap();
            frame.extend_from_slice(&block.output);
        }
        let mut raw = Vec::new();
        io::Read::read_to_end(&mut decoder(&frame[..]).unwrap(), &mut raw).unwrap();
        assert_eq!(raw, vec![b'a'; 100_000]);
    }

    #[test]
    fn windows_beyond_the_limit_are_refused() {
        let mut encoder = write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(WINDOW_LOG_LIMIT + 1).unwrap();
        encoder.write_all(b"small, but announced as large").unwrap();
        let frame = encoder.finish().unwrap();
        let mut raw = Vec::new();
        assert!(io::Read::read_to_end(&mut decoder(&frame[..]).unwrap(), &mut raw).is_err());
    }
}
