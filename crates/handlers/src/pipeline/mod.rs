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
pub use reader::{ReadBack, read_artifact};
pub use writer::{ArtifactWriter, CompressionSettings};

pub(crate) use interruptible::Interruptible;

use backup_core::Compression;
