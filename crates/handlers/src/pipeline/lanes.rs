//! Ordered work on several threads with a fixed number of recycled blocks.
//!
//! Each worker thread is a lane with its own job and result channel. Block `i`
//! goes to lane `i % lanes` and the collector takes results from the lanes in
//! the same rotation, so order is kept without a reorder queue.
//!
//! Memory is bounded by the number of blocks, which are handed round:
//! feeder -> worker -> collector -> feeder. Every channel has room for all of
//! them, so the only waiting is for a block to arrive, and a lost partner shows
//! as a closed channel: no party can wait for ever.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// Blocks per worker (one being worked on, one waiting on either side of it).
const BLOCKS_PER_LANE: usize = 2;

/// The niceness of what yields to everything else (nice(2)).
#[cfg(target_os = "linux")]
const LOWEST_NICENESS: i32 = 19;

/// Blocks in the hands of the feeder and of the collector.
const BLOCKS_AT_THE_ENDS: usize = 1;

/// How much of the processor a thread gets when others want it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// As much as others.
    #[default]
    Ordinary,
    /// What others leave.
    Lowest,
}

impl Priority {
    /// Gives the calling thread this priority. Only on Linux does a thread have one of its own.
    pub(super) fn take(self) {
        #[cfg(target_os = "linux")]
        if self == Self::Lowest
            && let Err(error) = rustix::process::nice(LOWEST_NICENESS)
        {
            tracing::debug!(%error, "the priority stays as it is");
        }
    }
}

/// One unit of work. Its buffers keep their capacity from one use to the next.
#[derive(Default)]
pub(super) struct Block {
    /// Filled by the feeder's owner. Holds stale bytes when handed out.
    pub(super) input: Vec<u8>,
    /// Filled by the worker.
    pub(super) output: Vec<u8>,
}

/// The other side is gone; its owner knows why.
#[derive(Debug)]
pub(super) struct Stopped;

/// The end at which blocks are filled. Dropping it ends the stream.
pub(super) struct Feeder {
    jobs: Vec<SyncSender<Block>>,
    spare: Receiver<Block>,
    next: usize,
}

impl Feeder {
    /// Waits for a block that is free to be filled.
    pub(super) fn blank(&self) -> Result<Block, Stopped> {
        self.spare.recv().map_err(|_| Stopped)
    }

    /// A block that is free to be filled, if there is one right now.
    pub(super) fn blank_now(&self) -> Option<Block> {
        self.spare.try_recv().ok()
    }

    pub(super) fn submit(&mut self, block: Block) -> Result<(), Stopped> {
        let lane = self.jobs.get(self.next).ok_or(Stopped)?;
        lane.send(block).map_err(|_| Stopped)?;
        self.next = (self.next + 1) % self.jobs.len();
        Ok(())
    }
}

/// The end at which finished blocks come out, in the order they went in.
pub(super) struct Collector<E> {
    results: Vec<Receiver<Result<Block, E>>>,
    spare: SyncSender<Block>,
    workers: Vec<JoinHandle<()>>,
    next: usize,
}

impl<E> Collector<E> {
    /// The next finished block, or `None` once the feeder is gone and every
    /// block has been delivered.
    pub(super) fn next(&mut self) -> Option<Result<Block, E>> {
        let result = self.results.get(self.next)?.recv().ok()?;
        self.next = (self.next + 1) % self.results.len();
        Some(result)
    }

    pub(super) fn recycle(&self, block: Block) {
        // A feeder that has already gone needs no more blocks.
        let _ = self.spare.send(block);
    }

    /// Tells both sides to stop and waits for the workers, which end once the
    /// feeder is dropped. Fails if one of them panicked: the stream that came
    /// out is then incomplete.
    pub(super) fn join(self) -> io::Result<()> {
        drop(self.results);
        drop(self.spare);
        let mut panicked = false;
        for worker in self.workers {
            panicked |= worker.join().is_err();
        }
        if panicked {
            return Err(io::Error::other("a worker thread panicked"));
        }
        Ok(())
    }
}

/// Starts one thread per element of `transforms`.
pub(super) fn start<T, E>(
    name: &str,
    transforms: Vec<T>,
    priority: Priority,
) -> io::Result<(Feeder, Collector<E>)>
where
    T: FnMut(&mut Block) -> Result<(), E> + Send + 'static,
    E: Send + 'static,
{
    let blocks = transforms.len() * BLOCKS_PER_LANE + BLOCKS_AT_THE_ENDS;
    let (spare_in, spare_out) = sync_channel(blocks);
    for _ in 0..blocks {
        // Cannot fail: the receiver is in scope and the channel has the room.
        let _ = spare_in.send(Block::default());
    }
    let mut feeder = Feeder { jobs: Vec::new(), spare: spare_out, next: 0 };
    let mut collector =
        Collector { results: Vec::new(), spare: spare_in, workers: Vec::new(), next: 0 };
    for (lane, transform) in transforms.into_iter().enumerate() {
        let (job_in, job_out) = sync_channel(blocks);
        let (result_in, result_out) = sync_channel(blocks);
        let worker = thread::Builder::new().name(format!("{name}-{lane}")).spawn(move || {
            priority.take();
            work(transform, &job_out, &result_in);
        })?;
        feeder.jobs.push(job_in);
        collector.results.push(result_out);
        collector.workers.push(worker);
    }
    Ok((feeder, collector))
}

fn work<T, E>(mut transform: T, jobs: &Receiver<Block>, results: &SyncSender<Result<Block, E>>)
where
    T: FnMut(&mut Block) -> Result<(), E>,
{
    for mut block in jobs {
        let result = transform(&mut block).map(|()| block);
        if results.send(result).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Transform = Box<dyn FnMut(&mut Block) -> Result<(), u8> + Send>;

    fn copying_after(delay: Duration) -> Transform {
        Box::new(move |block| {
            thread::sleep(delay);
            block.output.clone_from(&block.input);
            Ok(())
        })
    }

    #[test]
    fn order_survives_a_slow_lane() {
        let slow = copying_after(Duration::from_millis(3));
        let quick = || copying_after(Duration::ZERO);
        let (mut feeder, mut collector) =
            start("test", vec![slow, quick(), quick()], Priority::Ordinary).unwrap();
        let feeding = thread::spawn(move || {
            for number in 0..100 {
                let mut block = feeder.blank().unwrap();
                block.input.clear();
                block.input.push(number);
                feeder.submit(block).unwrap();
            }
        });
        let mut seen = Vec::new();
        while let Some(result) = collector.next() {
            let block = result.unwrap();
            seen.push(block.output[0]);
            collector.recycle(block);
        }
        feeding.join().unwrap();
        collector.join().unwrap();
        assert_eq!(seen, (0..100).collect::<Vec<u8>>());
    }

    #[test]
    fn blocks_are_limited_and_recycled() {
        let (mut feeder, mut collector) =
            start("test", vec![copying_after(Duration::ZERO)], Priority::Ordinary).unwrap();
        let all = BLOCKS_PER_LANE + BLOCKS_AT_THE_ENDS;
        for _ in 0..all {
            let block = feeder.blank().unwrap();
            feeder.submit(block).unwrap();
        }
        assert!(feeder.blank_now().is_none(), "more blocks than declared");
        let block = collector.next().unwrap().unwrap();
        collector.recycle(block);
        assert!(feeder.blank().is_ok());
    }

    #[test]
    fn a_vanished_collector_stops_the_feeder() {
        let (feeder, collector) =
            start("test", vec![copying_after(Duration::ZERO)], Priority::Ordinary).unwrap();
        let stopped = thread::spawn(move || {
            let mut held = Vec::new();
            while let Ok(block) = feeder.blank() {
                held.push(block);
            }
            held.len()
        });
        collector.join().unwrap();
        assert!(stopped.join().unwrap() <= BLOCKS_PER_LANE + BLOCKS_AT_THE_ENDS);
    }

    #[test]
    fn failures_and_panics_are_reported() {
        let failing: Transform = Box::new(|_| Err(9));
        let (mut feeder, mut collector) = start("test", vec![failing], Priority::Ordinary).unwrap();
        let block = feeder.blank().unwrap();
        feeder.submit(block).unwrap();
        assert_eq!(collector.next().unwrap().err(), Some(9));
        drop(feeder);
        collector.join().unwrap();

        let panicking: Transform = Box::new(|_| panic!("expected by the test"));
        let (mut feeder, mut collector) =
            start("test", vec![panicking], Priority::Ordinary).unwrap();
        let block = feeder.blank().unwrap();
        feeder.submit(block).unwrap();
        assert!(collector.next().is_none());
        drop(feeder);
        assert!(collector.join().is_err());
    }
}
