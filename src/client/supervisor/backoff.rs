//! The delays before attempts to reconnect.

use std::time::Duration;

#[derive(Clone, Debug)]
pub(super) struct Backoff {
    /// The delay before the first attempt.
    pub(super) delay: Duration,
    pub(super) max_delay: Duration,
    /// From 0 to 1.
    pub(super) randomization: f64,
}

impl Backoff {
    /// The delay before an attempt, whose number is 1 or more. It is not shorter than `least`, the
    /// server's `Retry-After`.
    ///
    /// A delay that follows from `least` is randomised upwards: an overloaded server sends the same time
    /// to all its clients, and they must not all reconnect at once.
    pub(super) fn delay(&self, attempt: u32, least: Duration, random: &mut Random) -> Duration {
        let (low, high) = self.range(attempt);
        let extra = scaled(high.saturating_sub(low), random.unit());
        let usual = low.saturating_add(extra).min(high);
        if least.is_zero() {
            return usual;
        }
        usual.max(least.saturating_add(extra))
    }

    /// The range from which the delay is drawn evenly.
    ///
    /// `max_delay` limits the upper end of the range, not the drawn delay: otherwise many clients would
    /// reconnect exactly after `max_delay`.
    pub(super) fn range(&self, attempt: u32) -> (Duration, Duration) {
        let doublings = attempt.saturating_sub(1).min(MOST_DOUBLINGS);
        let exponent = i32::try_from(doublings).unwrap_or_default();
        let base = scaled(self.delay, 2_f64.powi(exponent)).min(self.max_delay);
        let low = scaled(base, 1.0 - self.randomization);
        let high = scaled(base, 1.0 + self.randomization).min(self.max_delay);
        (low, high)
    }
}

/// Enough doublings to turn the shortest delay into the longest: 2^128 ns are more than `Duration::MAX`.
const MOST_DOUBLINGS: u32 = 128;

/// Like `Duration::mul_f64`, but returns `Duration::MAX` if the product is too large, where that panics.
fn scaled(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// A random number generator with a seed: SplitMix64, whose numbers are evenly distributed for any
/// seeds, including consecutive ones.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    /// A number from 0 (inclusive) to 1 (exclusive), with the 53 bits that an `f64` can hold.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
