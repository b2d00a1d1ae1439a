//! Data and small helpers for the tests of this module.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::{Command, Stdio};
use std::thread;

use super::digest::sha256_of;
use super::lanes::Priority;
use super::writer::Written;
use super::{ArtifactWriter, Compression, CompressionSettings};

pub(super) const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

pub(super) const COMPRESSED: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

pub(super) const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

pub(super) const SETTINGS: CompressionSettings =
    CompressionSettings { level: None, workers: TWO, priority: Priority::Ordinary };

pub(super) const MIB: usize = 1 << 20;

/// The empty member that ends a gzip artifact, with libdeflate's stored block.
pub(super) const END_MEMBER_BYTES: usize = 33;

/// Bytes that do not compress: the `SplitMix64` generator (Steele et al., 2014).
pub(super) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 42_u64;
    let mut filled = Vec::with_capacity(bytes + 8);
    while filled.len() < bytes {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        filled.extend_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
    }
    filled.truncate(bytes);
    filled
}

/// Rows of a table, no two alike, which compress to about a third.
pub(super) fn text(bytes: usize) -> Vec<u8> {
    let mut rows = Vec::with_capacity(bytes + 64);
    for (number, byte) in noise(bytes / 30 + 1).into_iter().enumerate() {
        let amount = usize::from(byte) * 7919 + number;
        writeln!(rows, "{number}\tcustomer-{byte}\t{amount}\tactive\t2024").unwrap();
        if rows.len() >= bytes {
            break;
        }
    }
    assert!(rows.len() >= bytes);
    rows.truncate(bytes);
    rows
}

pub(super) fn hex_of(data: &[u8]) -> String {
    sha256_of(data).unwrap().1
}

/// Writes `raw` in pieces of `piece` bytes and returns the artifact.
pub(super) fn write_in_pieces(
    raw: &[u8],
    compression: Compression,
    piece: usize,
) -> (Vec<u8>, Written) {
    let mut writer = ArtifactWriter::new(Vec::new(), compression, SETTINGS).unwrap();
    for part in raw.chunks(piece) {
        writer.write_all(part).unwrap();
    }
    writer.finish().unwrap()
}

pub(super) fn artifact_of(raw: &[u8], compression: Compression) -> Vec<u8> {
    write_in_pieces(raw, compression, 64 * 1024).0
}

/// What a command line tool makes of `input`.
pub(super) fn piped_through(tool: &str, arguments: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut child = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs {tool}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let feeding = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    assert!(output.status.success(), "{tool}: {}", output.status);
    output.stdout
}

/// A destination that runs out of space after a number of bytes.
pub(super) struct Full {
    pub(super) space: usize,
}

pub(super) const ENOSPC: i32 = 28;

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let accepted = data.len().min(self.space);
        if accepted == 0 && !data.is_empty() {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        self.space -= accepted;
        Ok(accepted)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
