//! Reading gzip: our own members in parallel, anything else as a stream.

use std::io::{BufReader, Read};
use std::num::NonZeroUsize;

use flate2::bufread::MultiGzDecoder;

use super::digest::{READ_BYTES, TallyingReader, read_up_to};
use super::error::ReadError;
use super::gzip_members::{HEADER_BYTES, MemberDecoder, is_end_member, member_bytes};
use super::lanes::{self, Block, Collector, Feeder, Priority};
use super::reader::{RawSink, blame_source, stream_decoded};

/// Reads a gzip file to its end.
///
/// A file may change hands once, from members of ours to those of another
/// program (as `cat ours.gz theirs.gz` makes it): the rest is read as a stream.
pub(super) fn read<R: Read + Send>(
    source: &mut TallyingReader<R>,
    workers: NonZeroUsize,
    sink: &mut RawSink,
) -> Result<(), ReadError> {
    let mut next = read_header(source)?;
    if matches!(next, Next::Member { .. }) {
        next = read_members(source, next, workers, sink)?;
    }
    match next {
        Next::End => Ok(()),
        Next::Member { header, .. } | Next::Foreign { header } => {
            read_stream(source, &header, sink)
        }
    }
}

/// What comes next in the file.
enum Next {
    /// A member of ours of `size` bytes, starting with `header`.
    Member { header: Vec<u8>, size: usize },
    /// Anything else. The header is shorter only at the end of the file.
    Foreign { header: Vec<u8> },
    /// The end of the file, in a place where it may end.
    End,
}

fn read_header(source: &mut impl Read) -> Result<Next, ReadError> {
    let mut header = vec![0; HEADER_BYTES];
    let filled = read_up_to(source, &mut header).map_err(ReadError::Io)?;
    header.truncate(filled);
    Ok(match member_bytes(&header)? {
        Some(size) => Next::Member { header, size },
        None => Next::Foreign { header },
    })
}

fn read_stream<R: Read + Send>(
    source: &mut TallyingReader<R>,
    header: &[u8],
    sink: &mut RawSink,
) -> Result<(), ReadError> {
    let whole = BufReader::with_capacity(READ_BYTES, header.chain(&mut *source));
    stream_decoded(MultiGzDecoder::new(whole), sink).map_err(|error| blame_source(error, source))
}

fn read_members(
    source: &mut impl Read,
    first: Next,
    workers: NonZeroUsize,
    sink: &mut RawSink,
) -> Result<Next, ReadError> {
    let transforms = (0..workers.get())
        .map(|_| {
            let mut decoder = MemberDecoder::new();
            move |block: &mut Block| decoder.decode(block)
        })
        .collect();
    let (feeder, mut collector) =
        lanes::start("gunzip", transforms, Priority::Ordinary).map_err(ReadError::Io)?;
    let next = pump(source, first, feeder, &mut collector, sink);
    let workers = collector.join();
    let next = next?;
    workers.map_err(ReadError::Io)?;
    Ok(next)
}

/// Keeps the workers supplied and drains them, both from this thread: hashing
/// leaves it idle time enough to read, and a thread of its own for reading was
/// measured to be slower, as it takes turns with the workers.
fn pump(
    source: &mut impl Read,
    first: Next,
    feeder: Feeder,
    collector: &mut Collector<ReadError>,
    sink: &mut RawSink,
) -> Result<Next, ReadError> {
    let mut feeder = Some(feeder);
    let mut next = Ok(first);
    loop {
        while let (Ok(Next::Member { header, size }), Some(lanes)) = (&next, &mut feeder) {
            let Some(block) = lanes.blank_now() else {
                break;
            };
            next = feed_member(source, header, *size, block, lanes);
        }
        if !matches!(next, Ok(Next::Member { .. })) {
            // Lets the collector run out; only then is an error behind the
            // members in flight the first one in the file.
            feeder = None;
        }
        let Some(block) = collector.next() else {
            return next;
        };
        let block = block?;
        sink.write(&block.output)?;
        collector.recycle(block);
    }
}

/// Hands one member to the workers and looks at what follows it.
fn feed_member(
    source: &mut impl Read,
    header: &[u8],
    size: usize,
    mut block: Block,
    lanes: &mut Feeder,
) -> Result<Next, ReadError> {
    block.input.resize(size, 0);
    let (start, remainder) = block.input.split_at_mut(header.len());
    start.copy_from_slice(header);
    let filled = read_up_to(source, remainder).map_err(ReadError::Io)?;
    if filled < remainder.len() {
        return Err(ReadError::Truncated);
    }
    let may_end_here = is_end_member(&block.input);
    if lanes.submit(block).is_err() {
        // Only a worker's panic closes a lane, and joining it will report that.
        return Ok(Next::End);
    }
    match read_header(source)? {
        Next::Foreign { header } if header.is_empty() => {
            if may_end_here {
                Ok(Next::End)
            } else {
                Err(ReadError::Truncated)
            }
        }
        next => Ok(next),
    }
}
