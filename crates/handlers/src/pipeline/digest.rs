//! Counting and hashing bytes as they pass.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// Bytes read at a time by streaming loops: large enough to make system calls
/// negligible, small enough to stay in the second-level cache while hashed.
pub(super) const READ_BYTES: usize = 256 * 1024;

/// Running SHA-256 (FIPS 180-4) and byte count of one stream.
#[derive(Default)]
pub(super) struct Tally {
    sha256: Sha256,
    bytes: u64,
}

impl Tally {
    pub(super) fn update(&mut self, data: &[u8]) {
        self.sha256.update(data);
        self.bytes += data.len() as u64;
    }

    /// The byte count and the digest in lower-case hexadecimal.
    pub(super) fn finish(self) -> (u64, String) {
        (self.bytes, lower_hex(&self.sha256.finalize()))
    }
}

fn lower_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}

/// Reads `reader` to its end and returns the byte count and the SHA-256 in
/// lower-case hexadecimal.
///
/// # Errors
///
/// The first error of `reader`, apart from interruptions, which are retried.
#[cfg(test)]
pub(super) fn sha256_of(mut reader: impl Read) -> io::Result<(u64, String)> {
    let mut tally = Tally::default();
    let mut chunk = vec![0; READ_BYTES];
    loop {
        let filled = read_some(&mut reader, &mut chunk)?;
        if filled == 0 {
            return Ok(tally.finish());
        }
        tally.update(&chunk[..filled]);
    }
}

/// One `read` that retries when interrupted by a signal.
pub(super) fn read_some(reader: &mut impl Read, space: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(space) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Reads until `space` is full or the stream ends; returns the bytes read.
pub(super) fn read_up_to(reader: &mut impl Read, space: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < space.len() {
        match read_some(reader, &mut space[filled..])? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(filled)
}

/// Tallies everything read through it, and remembers the first real failure.
///
/// Decoders report a failing source and bad data through the same `io::Error`;
/// the memory is what lets the two be told apart afterwards.
pub(super) struct TallyingReader<R> {
    source: R,
    tally: Tally,
    failure: Option<io::Error>,
}

impl<R: Read> TallyingReader<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, tally: Tally::default(), failure: None }
    }

    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }
}

impl<R: Read> Read for TallyingReader<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self.source.read(space) {
            Ok(filled) => {
                self.tally.update(&space[..filled]);
                Ok(filled)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let reported = duplicate(&error);
                self.failure.get_or_insert(error);
                Err(reported)
            }
        }
    }
}

/// A second `io::Error` with the same kind and operating system code.
pub(super) fn duplicate(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4 example values, as published by NIST.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn published_digests() {
        assert_eq!(sha256_of(io::empty()).unwrap(), (0, EMPTY.to_owned()));
        assert_eq!(sha256_of(&b"abc"[..]).unwrap(), (3, ABC.to_owned()));
    }

    #[test]
    fn a_stream_longer_than_the_chunk_equals_its_pieces() {
        let data = vec![7; 3 * READ_BYTES + 1];
        let mut tally = Tally::default();
        data.chunks(1000).for_each(|piece| tally.update(piece));
        assert_eq!(sha256_of(&data[..]).unwrap(), tally.finish());
    }

    struct Flaky {
        calls: u32,
    }

    impl Read for Flaky {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            self.calls += 1;
            match self.calls {
                1 => Err(io::ErrorKind::Interrupted.into()),
                2 => {
                    space[0] = b'x';
                    Ok(1)
                }
                _ => Err(io::Error::from_raw_os_error(5)),
            }
        }
    }

    #[test]
    fn interruptions_are_retried_and_failures_kept() {
        let mut reader = TallyingReader::new(Flaky { calls: 0 });
        let error = sha256_of(&mut reader).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        assert_eq!(reader.take_failure().unwrap().raw_os_error(), Some(5));
        assert_eq!(reader.into_tally().bytes, 1);
    }
}
