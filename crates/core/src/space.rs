//! How much room a backup needs before it may begin.

/// The seed's buffer on a database's size: a fifth.
const BUFFER_PERCENT: u64 = 120;
/// The seed's guess at what compression leaves, until a former backup has measured it.
const COMPRESSED_PERCENT: f64 = 30.0;

/// The room that a backup needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceNeed {
    /// The database's size with the buffer, before compression.
    pub estimate: u64,
    /// What must be free: the artifact as estimated, and the working copy where one is made.
    pub required: u64,
}

impl SpaceNeed {
    /// The need of a database of `size` bytes. `measured_ratio` is a former backup's artifact divided by
    /// its database; `working_copy` says how many bytes the handler writes beside the artifact.
    pub fn of(size: u64, compressed: bool, measured_ratio: Option<f64>, working_copy: u64) -> Self {
        let estimate = size.saturating_mul(BUFFER_PERCENT) / 100;
        let percent = match (measured_ratio, compressed) {
            (Some(ratio), _) => ratio * 100.0,
            (None, true) => COMPRESSED_PERCENT,
            (None, false) => 100.0,
        };
        let artifact = scaled(estimate, percent);
        Self { estimate, required: artifact.saturating_add(working_copy) }
    }

    /// Whether `available` bytes will do.
    pub const fn fits(&self, available: u64) -> bool {
        self.required <= available
    }
}

/// The smallest artifact that is plausible for a dump that is expected to have so many bytes before compression,
/// in bytes: a tenth of it. Tables may be mostly empty pages, and rows may have gone since the last backup.
pub fn plausible_minimum(expected_dump: u64, compressed: bool) -> u64 {
    let percent = if compressed { COMPRESSED_PERCENT } else { 100.0 };
    scaled(expected_dump / 10, percent)
}

/// A share of `bytes`, rounded down; sizes beyond 2^53 bytes lose precision that no estimate has.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of a size, clamped to be positive"
)]
fn scaled(bytes: u64, percent: f64) -> u64 {
    (bytes as f64 * percent.max(0.0) / 100.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::GIB;

    #[test]
    fn the_seeds_arithmetic() {
        let need = SpaceNeed::of(45 * GIB, true, None, 0);
        assert_eq!(need.estimate, 54 * GIB);
        assert_eq!(crate::size::whole_need(need.required, 50 * GIB, GIB), 16);
        assert!(need.fits(50 * GIB));
    }

    #[test]
    fn a_tenth_of_what_is_expected_is_plausible() {
        assert_eq!(plausible_minimum(1000, false), 100);
        assert_eq!(plausible_minimum(1000, true), 30);
    }

    #[test]
    fn measured_ratios_replace_the_guess() {
        assert_eq!(SpaceNeed::of(1000, true, Some(0.5), 0).required, 600);
        assert_eq!(SpaceNeed::of(1000, false, None, 1000).required, 2200);
    }
}
