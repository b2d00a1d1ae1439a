//! How fast bytes pass, and when they will all have passed.

use std::time::{Duration, Instant};

/// Before so much has been seen, a rate says nothing.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Remembers when bytes began to pass.
#[derive(Debug, Default)]
pub struct Pacer {
    begun: Option<Instant>,
}

/// Bytes on their way, and what that lets expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Bytes so far.
    pub done: u64,
    /// Bytes in all, estimated.
    pub expected: Option<u64>,
    /// Bytes a second so far.
    pub bytes_per_second: Option<u64>,
    /// How long the rest takes at that rate.
    pub left: Option<Duration>,
    /// Tables of which all rows have passed.
    pub tables_done: Option<u64>,
}

impl Pacer {
    /// The pace now that so many bytes have passed.
    pub fn pace(
        &mut self,
        done: u64,
        expected: Option<u64>,
        tables_done: Option<u64>,
        now: Instant,
    ) -> Pace {
        let begun = *self.begun.get_or_insert(now);
        pace(done, expected, tables_done, now.saturating_duration_since(begun))
    }
}

fn pace(done: u64, expected: Option<u64>, tables_done: Option<u64>, passed: Duration) -> Pace {
    let bytes_per_second = u64::try_from(u128::from(done) * 1_000 / passed.as_millis().max(1)).ok();
    let bytes_per_second = bytes_per_second.filter(|rate| passed >= FIRST_LOOK && *rate > 0);
    let rest = expected.and_then(|expected| expected.checked_sub(done));
    let left = rest.zip(bytes_per_second).map(|(rest, rate)| Duration::from_secs(rest / rate));
    Pace { done, expected, bytes_per_second, left, tables_done }
}

impl Pace {
    /// The share that is done, from 0 to 1, to three digits.
    #[expect(clippy::cast_precision_loss, reason = "three digits are kept")]
    pub fn share(&self) -> Option<f64> {
        let expected = self.expected.filter(|expected| *expected > 0)?;
        Some(((self.done as f64 / expected as f64).min(1.0) * 1_000.0).round() / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_a_second_and_an_end_needs_a_rate() {
        let early = pace(1_000, Some(2_000), None, Duration::from_millis(500));
        assert_eq!((early.bytes_per_second, early.left, early.share()), (None, None, Some(0.5)));
        let later = pace(1_000, Some(5_000), None, Duration::from_secs(2));
        assert_eq!(later.bytes_per_second, Some(500));
        assert_eq!(later.left, Some(Duration::from_secs(8)));
        let beyond = pace(6_000, Some(5_000), None, Duration::from_secs(2));
        assert_eq!((beyond.left, beyond.share()), (None, Some(1.0)));
    }
}
