//! The byte path between a database dump and its artifact file.
//!
//! Writing ([`ArtifactWriter`]): hash and count the raw bytes, compress, hash
//! and count the stored bytes, write. Reading ([`read_artifact`]): the same in
//! the other direction, checking everything the format lets us check. Neither
//! direction ever holds more than a fixed number of blocks, whatever the size of
//! the dump.
//!
//! ```text
//!                     +-> worker 0 -+
//!  caller: raw hash --+             +--> collector: stored hash, write
//!     ^               +-> worker 1 -+         |
//!     +------------- emptied blocks ----------+
//! ```
//!
//! | algorithm | stored form | threads besides the caller's, writing / reading |
//! |---|---|---|
//! | none | the raw bytes; hashed once | 0 / 0 |
//! | gzip | independent members of 1 MiB raw each, see `gzip_members` | workers + 1 / workers |
//! | zstd | one frame with a content checksum | 2 / 1 |

mod digest;
mod error;
mod gzip_members;
mod gzip_reader;
mod interruptible;
mod lanes;
mod reader;
mod writer;
mod zstd_frame;

#[cfg(test)]
mod test_support;

pub use error::ReadError;
pub use reader::{Hashed, ReadBack, read_artifact};
pub use writer::{ArtifactWriter, CompressionSettings};

pub(crate) use interruptible::Interruptible;

use std::io::{BufReader, Read};

use backup_core::Compression;

/// Decompresses the beginning of an artifact, as far as it goes. Says how many bytes that came to; what is no
/// such artifact comes to none.
pub(crate) fn decompressed_head(
    stored: impl Read,
    compression: Compression,
    head: &mut [u8],
) -> usize {
    let stored = BufReader::new(stored);
    let mut decoder: Box<dyn Read + '_> = match compression {
        Compression::None => Box::new(stored),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(stored)),
        Compression::Zstd => match zstd_frame::decoder(stored) {
            Ok(decoder) => Box::new(decoder),
            Err(_) => return 0,
        },
    };
    let mut filled = 0;
    while let Some(space) = head.get_mut(filled..).filter(|space| !space.is_empty()) {
        match decoder.read(space) {
            // What is damaged ends with an error; what came before it is all that is asked for.
            Ok(0) | Err(_) => break,
            Ok(read) => filled += read,
        }
    }
    filled
}
