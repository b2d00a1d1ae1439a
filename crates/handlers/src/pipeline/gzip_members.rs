//! The gzip form of an artifact: a series of independent members.
//!
//! RFC 1952 §2.2 makes a gzip file a concatenation of members. Ours hold at most
//! [`BLOCK_BYTES`] of raw data each, so they can be compressed and decompressed
//! on several threads; every gzip implementation reads the result as one stream.
//!
//! So that a reader can cut the file into members without decoding it, each
//! header carries one extra subfield (RFC 1952 §2.3.1.1):
//!
//! | offset | bytes | value |
//! |---|---|---|
//! | 0 | 4 | magic `1f 8b`, CM 8 (deflate), FLG 4 (FEXTRA only) |
//! | 4 | 4 | MTIME 0: equal input gives an equal file |
//! | 8 | 2 | XFL 0, OS 255 (unknown) |
//! | 10 | 2 | XLEN 8, little-endian |
//! | 12 | 4 | subfield `DM`, LEN 4, little-endian |
//! | 16 | 4 | size of the whole member in bytes, little-endian |
//!
//! The RFC registers only `AP`; in the wild `BC` (BGZF), `IG` (mgzip), `MZ`
//! (`MiGz`), `QZ` (`QATzip`) and `RA` (dictzip) are taken. `DM`, "dump member",
//! collides with none of them.
//!
//! The last member is always empty. A file cut exactly between two members is
//! still valid gzip; the missing empty member is what gives the cut away (BGZF
//! marks its end the same way).

use std::io;

use libdeflater::{CompressionLvl, Compressor, Decompressor, crc32};

use super::error::ReadError;
use super::lanes::Block;

/// Raw bytes per member. Smaller costs compression (each member starts without
/// history), larger costs memory and gains next to nothing.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// Everything in a member's header but the member size.
const HEADER_START: [u8; 16] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 8, 0, b'D', b'M', 4, 0];

/// Bytes from the start of a member to its deflate data.
pub(super) const HEADER_BYTES: usize = HEADER_START.len() + 4;

/// CRC32 and ISIZE (RFC 1952 §2.3.1).
const TRAILER_BYTES: usize = 8;

/// No member is larger: deflate stores what it cannot compress at a cost of 5
/// bytes per stored block (RFC 1951 §3.2.4), of which libdeflate makes one per
/// 5000 bytes at worst. A test compares this with libdeflate's own bound.
const MAX_MEMBER_BYTES: usize = BLOCK_BYTES + 4096;

/// Header, trailer and the two bytes of the shortest deflate stream.
const MIN_MEMBER_BYTES: usize = HEADER_BYTES + 2 + TRAILER_BYTES;

/// The fastest whose files are clearly smaller than `gzip -6`'s: on dumps of text, level 6 gains about one more
/// percent for a third more time, and level 4 loses what was won (`scripts/bench`).
const DEFAULT_LEVEL: i32 = 5;

/// Turns raw blocks into members.
pub(super) struct MemberEncoder {
    compressor: Compressor,
    /// Worst-case space lives here, once per worker, and not in every block.
    scratch: Vec<u8>,
}

impl MemberEncoder {
    /// `level` is libdeflate's, 1 (fastest) to 12; 5 unless given. Any other
    /// level is [`io::ErrorKind::InvalidInput`].
    pub(super) fn new(level: Option<i32>) -> io::Result<Self> {
        let level = level.unwrap_or(DEFAULT_LEVEL);
        let valid = CompressionLvl::new(level).ok().filter(|_| level > 0);
        let valid = valid.ok_or_else(|| {
            let message = format!("gzip level {level} is not between 1 and 12");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        Ok(Self { compressor: Compressor::new(valid), scratch: vec![0; MAX_MEMBER_BYTES] })
    }

    /// Compresses `block.input`, at most [`BLOCK_BYTES`], into one member.
    pub(super) fn encode(&mut self, block: &mut Block) -> io::Result<()> {
        let payload_bytes = self
            .compressor
            .deflate_compress(&block.input, &mut self.scratch)
            .map_err(io::Error::other)?;
        let member_bytes = HEADER_BYTES + payload_bytes + TRAILER_BYTES;
        let member = &mut block.output;
        member.clear();
        member.extend_from_slice(&HEADER_START);
        member.extend_from_slice(&little_endian(member_bytes)?);
        member.extend_from_slice(&self.scratch[..payload_bytes]);
        member.extend_from_slice(&crc32(&block.input).to_le_bytes());
        member.extend_from_slice(&little_endian(block.input.len())?);
        Ok(())
    }
}

fn little_endian(size: usize) -> io::Result<[u8; 4]> {
    let size = u32::try_from(size).map_err(io::Error::other)?;
    Ok(size.to_le_bytes())
}

/// Reads a member's size in bytes off its first [`HEADER_BYTES`], or `None` if
/// another program wrote it (or fewer bytes are given).
///
/// # Errors
///
/// [`ReadError::Corrupt`] if it is ours but for one byte, which nobody else's is
/// (decoding it as a stream would work, and hide the damage), or if it states a
/// size no member of ours can have. The size returned is safe to allocate.
pub(super) fn member_bytes(header: &[u8]) -> Result<Option<usize>, ReadError> {
    let Some((start, size)) = header.split_first_chunk::<{ HEADER_START.len() }>() else {
        return Ok(None);
    };
    let Ok(size) = <[u8; 4]>::try_from(size) else {
        return Ok(None);
    };
    let pairs = start.iter().zip(&HEADER_START);
    match pairs.filter(|(found, ours)| found != ours).count() {
        0 => {}
        1 => return Err(ReadError::corrupt("damaged gzip member header")),
        _ => return Ok(None),
    }
    let size = u32::from_le_bytes(size) as usize;
    if !(MIN_MEMBER_BYTES..=MAX_MEMBER_BYTES).contains(&size) {
        return Err(ReadError::corrupt("impossible gzip member size"));
    }
    Ok(Some(size))
}

/// Whether a complete member says it holds no data, which marks the end.
pub(super) fn is_end_member(member: &[u8]) -> bool {
    member.ends_with(&[0; 4])
}

/// Turns members back into raw blocks.
pub(super) struct MemberDecoder {
    decompressor: Decompressor,
}

impl MemberDecoder {
    pub(super) fn new() -> Self {
        Self { decompressor: Decompressor::new() }
    }

    /// Decompresses the member in `block.input`, whose header has been parsed.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corrupt`] if the data is not deflate, or does not match the
    /// CRC32 or the size in the trailer.
    pub(super) fn decode(&mut self, block: &mut Block) -> Result<(), ReadError> {
        let (expected_crc, raw_bytes, payload) = split_member(&block.input)
            .ok_or_else(|| ReadError::corrupt("gzip member too short"))?;
        if raw_bytes > BLOCK_BYTES {
            return Err(ReadError::corrupt("impossible gzip ISIZE"));
        }
        // Recycled blocks already have this length, so nothing is zeroed.
        block.output.resize(raw_bytes, 0);
        let decompressed = self
            .decompressor
            .deflate_decompress(payload, &mut block.output)
            .map_err(|error| ReadError::corrupt(format!("invalid deflate data: {error}")))?;
        if decompressed != raw_bytes {
            return Err(ReadError::corrupt("gzip ISIZE mismatch"));
        }
        if crc32(&block.output) != expected_crc {
            return Err(ReadError::corrupt("gzip CRC32 mismatch"));
        }
        Ok(())
    }
}

/// A member's CRC32, ISIZE and deflate data.
fn split_member(member: &[u8]) -> Option<(u32, usize, &[u8])> {
    let (rest, size) = member.split_last_chunk::<4>()?;
    let (rest, crc) = rest.split_last_chunk::<4>()?;
    let payload = rest.get(HEADER_BYTES..)?;
    let raw_bytes = u32::from_le_bytes(*size) as usize;
    Some((u32::from_le_bytes(*crc), raw_bytes, payload))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{noise, text};
    use super::*;

    fn member_of(raw: Vec<u8>) -> Vec<u8> {
        let mut block = Block { input: raw, output: Vec::new() };
        MemberEncoder::new(None).unwrap().encode(&mut block).unwrap();
        block.output
    }

    fn decode(member: Vec<u8>) -> Result<Vec<u8>, ReadError> {
        let mut block = Block { input: member, output: Vec::new() };
        MemberDecoder::new().decode(&mut block)?;
        Ok(block.output)
    }

    #[test]
    fn the_size_limit_covers_libdeflates_worst_case() {
        for level in 1..=12 {
            let level = CompressionLvl::new(level).unwrap();
            let bound = Compressor::new(level).deflate_compress_bound(BLOCK_BYTES);
            assert!(bound + HEADER_BYTES + TRAILER_BYTES <= MAX_MEMBER_BYTES);
        }
        assert!(member_of(noise(BLOCK_BYTES)).len() <= MAX_MEMBER_BYTES);
    }

    #[test]
    fn the_header_states_the_member_size() {
        for raw in [Vec::new(), b"x".to_vec(), text(BLOCK_BYTES)] {
            let member = member_of(raw);
            assert_eq!(member_bytes(&member[..HEADER_BYTES]).unwrap(), Some(member.len()));
        }
        let empty = member_of(Vec::new());
        assert!(empty.len() >= MIN_MEMBER_BYTES);
        assert!(is_end_member(&empty));
        assert!(!is_end_member(&member_of(b"x".to_vec())));
    }

    #[test]
    fn headers_of_others_are_not_ours() {
        assert!(member_bytes(&[]).unwrap().is_none());
        assert!(member_bytes(&HEADER_START).unwrap().is_none());
        assert!(member_bytes(&[0; HEADER_BYTES]).unwrap().is_none());
        let mut bgzf = member_of(Vec::new());
        bgzf[12..14].copy_from_slice(b"BC");
        assert!(member_bytes(&bgzf[..HEADER_BYTES]).unwrap().is_none());
    }

    #[test]
    fn impossible_sizes_and_damaged_headers_are_corrupt() {
        let member = member_of(b"x".to_vec());
        for size in [0, MIN_MEMBER_BYTES - 1, MAX_MEMBER_BYTES + 1, u32::MAX as usize] {
            let mut header = member[..HEADER_BYTES].to_vec();
            header[16..].copy_from_slice(&little_endian(size).unwrap());
            assert!(matches!(member_bytes(&header), Err(ReadError::Corrupt { .. })));
        }
        for offset in 0..HEADER_START.len() {
            let mut header = member[..HEADER_BYTES].to_vec();
            header[offset] ^= 1;
            assert!(member_bytes(&header).is_err(), "offset {offset}");
        }
    }

    #[test]
    fn a_wrong_trailer_is_corrupt() {
        let raw = text(5000);
        let member = member_of(raw.clone());
        assert_eq!(decode(member.clone()).unwrap(), raw);
        for back in 1..=TRAILER_BYTES {
            let mut damaged = member.clone();
            let offset = damaged.len() - back;
            damaged[offset] ^= 0x10;
            assert!(decode(damaged).is_err(), "{back} bytes from the end");
        }
        assert!(decode(member[..HEADER_BYTES + 3].to_vec()).is_err());
    }

    #[test]
    fn unusable_levels_are_refused() {
        for level in [-1, 0, 13] {
            let error = MemberEncoder::new(Some(level)).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
        assert!(MemberEncoder::new(Some(12)).is_ok());
    }
}
