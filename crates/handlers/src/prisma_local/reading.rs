//! Reading an artifact's file back to its end.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use backup_core::{Compression, Depth, Error, Examination, Run};

use crate::pipeline::{Hashed, Interruptible, ReadBack, ReadError, read_artifact};

/// Reads a file to its end and hands on what it holds; what cannot be decompressed is a flaw.
pub(super) fn read(
    path: &Path,
    compression: Compression,
    threads: NonZeroUsize,
    depth: Depth,
    raw: &mut dyn Write,
    run: &Run,
) -> Result<Examination, Error> {
    let failed = |error| Error::storage("read", path, error);
    let file = File::open(path).map_err(failed)?;
    let source = Interruptible::new(file, &run.interrupt);
    // What was just written is held against the bytes that passed on their way into it.
    let hashed = if depth == Depth::Structure { Hashed::StoredAndRaw } else { Hashed::Stored };
    match read_artifact(source, compression, threads, hashed, raw) {
        Ok(ReadBack { raw_bytes, raw_sha256, stored_bytes, stored_sha256 }) => Ok(Examination {
            stored_bytes,
            stored_sha256,
            raw: (compression != Compression::None).then_some((raw_bytes, raw_sha256)),
            flaw: None,
            row_counts: None,
        }),
        Err(ReadError::Io(error)) => {
            run.interrupt.check()?;
            Err(failed(error))
        }
        Err(ReadError::Sink(error)) => Err(Error::storage("write a scratch copy of", path, error)),
        // What it holds beyond the damage nobody knows; its bytes are told all the same.
        Err(flaw) => {
            let bytes = read(path, Compression::None, threads, depth, &mut io::sink(), run)?;
            Ok(Examination { flaw: Some(flaw.to_string()), ..bytes })
        }
    }
}
