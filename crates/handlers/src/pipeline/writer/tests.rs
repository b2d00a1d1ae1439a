use std::sync::{Arc, Mutex};

use super::super::test_support::{
    ALL, COMPRESSED, END_MEMBER_BYTES, ENOSPC, Full, MIB, SETTINGS, TWO, artifact_of, hex_of,
    noise, piped_through, text, write_in_pieces,
};
use super::*;

#[test]
fn both_sides_are_counted_and_hashed() {
    let raw = text(2 * MIB + 12_345);
    for compression in ALL {
        let (stored, written) = write_in_pieces(&raw, compression, 70_001);
        assert_eq!(written.raw_bytes, raw.len() as u64);
        assert_eq!(written.raw_sha256, hex_of(&raw));
        assert_eq!(written.stored_bytes, stored.len() as u64);
        assert_eq!(written.stored_sha256, hex_of(&stored));
        assert_eq!(stored == raw, compression == Compression::None);
    }
}

#[test]
fn the_artifact_depends_only_on_the_data() {
    let raw = text(3 * MIB + 7);
    for compression in COMPRESSED {
        let (whole, _) = write_in_pieces(&raw, compression, raw.len());
        let (pieces, _) = write_in_pieces(&raw, compression, 4093);
        assert_eq!(whole, pieces);
    }
}

#[test]
fn command_line_tools_read_what_we_write() {
    for size in [0, 1, MIB, 2 * MIB + MIB / 2] {
        let raw = text(size);
        let gzip = artifact_of(&raw, Compression::Gzip);
        piped_through("gzip", &["-t"], gzip.clone());
        assert!(piped_through("zcat", &[], gzip) == raw, "zcat, {size} bytes");
        let zstd = artifact_of(&raw, Compression::Zstd);
        piped_through("zstd", &["-q", "-t"], zstd.clone());
        assert!(piped_through("zstd", &["-dc"], zstd) == raw, "zstd, {size} bytes");
    }
}

#[test]
fn an_empty_dump_is_one_empty_member() {
    let gzip = artifact_of(&[], Compression::Gzip);
    assert_eq!(gzip.len(), END_MEMBER_BYTES);
    assert_eq!(usize::from(gzip[16]), END_MEMBER_BYTES);
}

#[test]
fn zstd_frames_carry_a_content_checksum() {
    let zstd = artifact_of(b"some data", Compression::Zstd);
    // RFC 8878 §3.1.1.1.1: bit 2 of the frame header descriptor.
    assert_eq!(zstd[4] & 0b100, 0b100);
}

#[test]
fn levels_reach_the_compressor_and_are_checked() {
    let raw = text(MIB);
    for compression in COMPRESSED {
        let size_at = |level| {
            let settings = CompressionSettings { level: Some(level), ..SETTINGS };
            let mut writer = ArtifactWriter::new(Vec::new(), compression, settings)?;
            writer.write_all(&raw)?;
            writer.finish().map(|(stored, _)| stored.len())
        };
        assert!(size_at(9).unwrap() < size_at(1).unwrap());
        let error = size_at(99).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

/// Writes until the writer refuses: more than any test's destination takes and
/// the writer holds back. No window is large enough to see the repetition.
fn first_failure(writer: &mut impl Write) -> Option<io::Error> {
    let data = noise(3 * MIB);
    let mut pieces = data.chunks(100_000).cycle().take(300);
    pieces.find_map(|piece| writer.write_all(piece).err())
}

#[test]
fn a_full_disk_is_reported_as_such() {
    for compression in ALL {
        for space in [0, 1, 1000, MIB, 2 * MIB + 1] {
            let destination = Full { space };
            let mut writer = ArtifactWriter::new(destination, compression, SETTINGS).unwrap();
            let error = first_failure(&mut writer).expect("a full disk was not noticed");
            assert_eq!(error.raw_os_error(), Some(ENOSPC), "{compression:?}");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);

            let again = writer.write(b"more").unwrap_err();
            assert_eq!(again.raw_os_error(), Some(ENOSPC));
            if compression != Compression::None {
                let last = writer.finish().err().unwrap();
                assert_eq!(last.raw_os_error(), Some(ENOSPC));
            }
        }
    }
}

#[test]
fn a_disk_full_at_the_very_end_fails_finish() {
    for compression in COMPRESSED {
        let stored = artifact_of(b"little", compression).len();
        for space in 0..=stored {
            let destination = Full { space };
            let mut writer = ArtifactWriter::new(destination, compression, SETTINGS).unwrap();
            writer.write_all(b"little").unwrap();
            let code = writer.finish().err().map(|error| error.raw_os_error());
            let expected = (space < stored).then_some(Some(ENOSPC));
            assert_eq!(code, expected, "{compression:?}, {space} of {stored}");
        }
    }
}

struct FailingFlush;

impl Write for FailingFlush {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::TimedOut, "expected by the test"))
    }
}

#[test]
fn a_failing_flush_fails_finish() {
    for compression in ALL {
        let writer = ArtifactWriter::new(FailingFlush, compression, SETTINGS).unwrap();
        let error = writer.finish().err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}

/// A destination whose content and life can be observed from outside.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn dropping_ends_the_threads_and_leaves_an_incomplete_artifact() {
    let raw = text(5 * MIB);
    for compression in COMPRESSED {
        let shared = Shared::default();
        let mut writer = ArtifactWriter::new(shared.clone(), compression, SETTINGS).unwrap();
        writer.write_all(&raw).unwrap();
        drop(writer);
        assert_eq!(Arc::strong_count(&shared.0), 1, "the destination lives on");
        let stored = shared.0.lock().unwrap();
        assert!(!stored.is_empty());
        let read = super::super::read_artifact(
            &stored[..],
            compression,
            TWO,
            super::super::Hashed::Stored,
            &mut io::sink(),
        );
        assert!(matches!(read, Err(super::super::ReadError::Truncated)));
    }
}

struct Panicking;

impl Write for Panicking {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("expected by the test")
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panicking_destination_is_an_error() {
    for compression in COMPRESSED {
        let mut writer = ArtifactWriter::new(Panicking, compression, SETTINGS).unwrap();
        assert!(first_failure(&mut writer).is_some());
        assert!(writer.finish().is_err());
    }
}
