use proptest::prelude::*;

use super::super::test_support::{
    ALL, COMPRESSED, END_MEMBER_BYTES, ENOSPC, Full, MIB, TWO, artifact_of, hex_of, noise,
    piped_through, text, write_in_pieces,
};
use super::*;

fn read(stored: &[u8], compression: Compression) -> Result<(Vec<u8>, ReadBack), ReadError> {
    let mut raw = Vec::new();
    let read_back = read_artifact(stored, compression, TWO, Hashed::StoredAndRaw, &mut raw)?;
    Ok((raw, read_back))
}

fn read_gzip(stored: &[u8]) -> Result<Vec<u8>, ReadError> {
    read(stored, Compression::Gzip).map(|(raw, _)| raw)
}

fn assert_round_trip(raw: &[u8], compression: Compression, piece: usize) {
    let (stored, written) = write_in_pieces(raw, compression, piece);
    let (back, read_back) = read(&stored, compression).unwrap();
    assert!(back == raw, "{compression:?}, {} bytes", raw.len());
    assert_eq!(read_back.raw_bytes, written.raw_bytes);
    assert_eq!(read_back.raw_sha256.as_ref(), Some(&written.raw_sha256));
    assert_eq!(read_back.stored_bytes, written.stored_bytes);
    assert_eq!(read_back.stored_sha256, written.stored_sha256);
    let quicker = read_artifact(&stored[..], compression, TWO, Hashed::Stored, &mut io::sink());
    let raw_sha256 = read_back.raw_sha256.clone().filter(|_| compression == Compression::None);
    assert_eq!(quicker.unwrap(), ReadBack { raw_sha256, ..read_back });
}

#[test]
fn sizes_around_the_block_boundary_round_trip() {
    for size in [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + MIB / 2] {
        for compression in ALL {
            assert_round_trip(&text(size), compression, 64 * 1024);
            assert_round_trip(&noise(size), compression, MIB + 3);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_size_round_trips(
        blocks in 0_usize..4,
        around in -3_isize..=3,
        tail in 0_usize..3000,
        piece in 1000_usize..2_000_000,
        compressible in any::<bool>(),
    ) {
        let size = (blocks * MIB + tail).saturating_add_signed(around);
        let raw = if compressible { text(size) } else { noise(size) };
        for compression in ALL {
            assert_round_trip(&raw, compression, piece);
        }
    }

    #[test]
    fn no_input_causes_a_panic(
        start in prop::collection::vec(any::<u8>(), 0..200),
        offset in 0_usize..3000,
    ) {
        for compression in COMPRESSED {
            let _ = read(&start, compression);
            let mut damaged = artifact_of(&text(10_000), compression);
            let offset = offset % damaged.len();
            let end = (offset + start.len()).min(damaged.len());
            damaged[offset..end].copy_from_slice(&start[..end - offset]);
            if let Ok((raw, _)) = read(&damaged, compression) {
                prop_assert_eq!(raw, text(10_000));
            }
        }
    }
}

#[test]
fn any_truncation_is_detected() {
    for compression in COMPRESSED {
        let stored = artifact_of(&text(MIB + 5000), compression);
        let ends = (0..64).chain(stored.len() - 64..stored.len());
        for end in ends.chain((64..stored.len() - 64).step_by(stored.len() / 20)) {
            let outcome = read(&stored[..end], compression);
            let is_truncated = matches!(outcome, Err(ReadError::Truncated));
            assert!(is_truncated, "{compression:?} at {end}: {outcome:?}");
        }
    }
}

#[test]
fn a_cut_between_members_is_detected() {
    let stored = artifact_of(&text(2 * MIB), Compression::Gzip);
    let first = u32::from_le_bytes(stored[16..20].try_into().unwrap()) as usize;
    for end in [first, stored.len() - END_MEMBER_BYTES] {
        // Valid gzip, as far as everyone else is concerned.
        piped_through("gzip", &["-t"], stored[..end].to_vec());
        assert!(matches!(read_gzip(&stored[..end]), Err(ReadError::Truncated)));
    }
}

/// Flips one bit at a time; data may come back only if it is the right data.
fn assert_flips_detected(stored: &[u8], raw: &[u8], compression: Compression, step: usize) {
    let sha256 = hex_of(stored);
    let offsets = (0..stored.len()).step_by(step);
    let flips = offsets.len();
    let mut unnoticed = 0;
    for offset in offsets {
        let mut damaged = stored.to_vec();
        damaged[offset] ^= 1 << (offset % 8);
        if let Ok((back, read_back)) = read(&damaged, compression) {
            assert!(back == raw, "wrong data after a flip at {offset}");
            assert_ne!(read_back.stored_sha256, sha256);
            unnoticed += 1;
        }
    }
    // Some bits carry nothing: the padding after deflate data, or the unused
    // bit (RFC 8878 §3.1.1.1.1) and a larger window in a zstd header.
    assert!(
        unnoticed * 33 <= flips,
        "{compression:?}: {unnoticed} of {flips} flips went unnoticed"
    );
}

#[test]
fn flipped_bits_are_detected() {
    let small = text(300);
    let large = text(MIB + 100);
    for compression in COMPRESSED {
        for (raw, step) in [(&small, 1), (&large, 4999)] {
            let stored = artifact_of(raw, compression);
            assert_flips_detected(&stored, raw, compression, step);
        }
    }
}

#[test]
fn trailing_garbage_is_detected() {
    for compression in COMPRESSED {
        for garbage in [&b"x"[..], b"more than one header of garbage", &[0; 512]] {
            let mut stored = artifact_of(&text(5000), compression);
            stored.extend_from_slice(garbage);
            assert!(read(&stored, compression).is_err(), "{compression:?}");
        }
    }
}

#[test]
fn wrong_magic_is_corrupt() {
    for compression in COMPRESSED {
        let outcome = read(b"-- PostgreSQL database dump, as plain text", compression);
        assert!(matches!(outcome, Err(ReadError::Corrupt { .. })), "{outcome:?}");
    }
    let swapped = artifact_of(&text(5000), Compression::Zstd);
    assert!(matches!(read_gzip(&swapped), Err(ReadError::Corrupt { .. })));
}

#[test]
fn foreign_gzip_is_read_and_checked() {
    let raw = text(2 * MIB + 99);
    let foreign = piped_through("gzip", &["-c", "-1"], raw.clone());
    let (back, read_back) = read(&foreign, Compression::Gzip).unwrap();
    assert!(back == raw);
    assert_eq!(read_back.stored_sha256, hex_of(&foreign));
    assert_eq!(read_back.stored_bytes, foreign.len() as u64);

    let mut twice = foreign.clone();
    twice.extend_from_slice(&foreign);
    assert!(read_gzip(&twice).unwrap() == [&raw[..], &raw[..]].concat());

    for end in [0, 1, 9, 10, foreign.len() / 2, foreign.len() - 8, foreign.len() - 1] {
        assert!(matches!(read_gzip(&foreign[..end]), Err(ReadError::Truncated)), "{end}");
    }
    for back in [1, 5, 1000] {
        let mut damaged = foreign.clone();
        let offset = damaged.len() - back;
        damaged[offset] ^= 4;
        assert!(matches!(read_gzip(&damaged), Err(ReadError::Corrupt { .. })), "{back}");
    }
    let garbage = [&foreign[..], b"garbage"].concat();
    assert!(read_gzip(&garbage).is_err());
}

#[test]
fn our_members_may_be_followed_by_others() {
    let raw = text(MIB + 1);
    let ours = artifact_of(&raw, Compression::Gzip);
    let theirs = piped_through("gzip", &["-c"], b"theirs".to_vec());
    let mixed = [&ours[..], &ours[..], &theirs[..], &ours[..]].concat();
    let expected = [&raw[..], &raw[..], b"theirs", &raw[..]].concat();
    assert!(read_gzip(&mixed).unwrap() == expected);
}

#[test]
fn a_bomb_is_streamed() {
    struct Counting(u64);
    impl Write for Counting {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            assert!(data.len() <= MIB);
            self.0 += data.len() as u64;
            Ok(data.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let zeros = vec![0; 32 * MIB];
    let foreign = piped_through("gzip", &["-c"], zeros.clone());
    let zstd = artifact_of(&zeros, Compression::Zstd);
    for (stored, compression) in [(foreign, Compression::Gzip), (zstd, Compression::Zstd)] {
        let mut counting = Counting(0);
        read_artifact(&stored[..], compression, TWO, Hashed::Stored, &mut counting).unwrap();
        assert_eq!(counting.0, zeros.len() as u64);
    }
}

#[test]
fn a_lying_isize_is_corrupt() {
    let mut stored = artifact_of(&text(5000), Compression::Gzip);
    // The trailer of the first member, before the empty one.
    let trailer_end = stored.len() - END_MEMBER_BYTES;
    stored[trailer_end - 4..trailer_end].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read_gzip(&stored), Err(ReadError::Corrupt { .. })));
}

#[test]
fn a_failing_sink_is_told_apart() {
    for compression in ALL {
        let stored = artifact_of(&text(9 * MIB), compression);
        for space in [0, MIB, 9 * MIB - 1] {
            let outcome =
                read_artifact(&stored[..], compression, TWO, Hashed::Stored, &mut Full { space });
            let Err(ReadError::Sink(error)) = outcome else {
                panic!("{compression:?}: {outcome:?}");
            };
            assert_eq!(error.raw_os_error(), Some(ENOSPC));
        }
    }
}

/// Delivers some bytes, then fails as a bad disk does.
struct BadDisk<'a>(&'a [u8]);

impl Read for BadDisk<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.0.read(space)
    }
}

#[test]
fn a_failing_source_is_told_apart() {
    let foreign = piped_through("gzip", &["-c"], text(MIB));
    let own = ALL.map(|compression| (artifact_of(&text(9 * MIB), compression), compression));
    for (stored, compression) in own.into_iter().chain([(foreign, Compression::Gzip)]) {
        for end in [0, 5, 1000, stored.len() / 2, stored.len()] {
            let source = BadDisk(&stored[..end]);
            let outcome = read_artifact(source, compression, TWO, Hashed::Stored, &mut io::sink());
            let Err(ReadError::Io(error)) = outcome else {
                panic!("{compression:?} at {end}: {outcome:?}");
            };
            assert_eq!(error.raw_os_error(), Some(5));
        }
    }
}

#[test]
fn damage_is_reported_before_a_later_truncation() {
    let mut stored = artifact_of(&noise(4 * MIB), Compression::Gzip);
    stored[5000] ^= 1;
    stored.truncate(stored.len() - 40);
    assert!(matches!(read_gzip(&stored), Err(ReadError::Corrupt { .. })));
}
