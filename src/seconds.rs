//! Durations for messages.

use std::fmt;
use std::time::Duration;

/// Prints a duration in seconds, with as many digits as it needs: `20`, `0.25`.
///
/// It prints integers. Printing floating point numbers takes several kilobytes of machine code, which a page in
/// a browser would have to load.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs())?;
        let (mut rest, mut digits) = (self.0.subsec_nanos(), 9_usize);
        if rest == 0 {
            return Ok(());
        }
        while rest.is_multiple_of(10) {
            rest /= 10;
            digits = digits.saturating_sub(1);
        }
        write!(f, ".{rest:0digits$}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_the_digits_that_they_need() {
        for (nanos, printed) in [
            (0, "0"),
            (20_000_000_000, "20"),
            (250_000_000, "0.25"),
            (1, "0.000000001"),
            (60_000_000_100, "60.0000001"),
        ] {
            assert_eq!(Seconds(Duration::from_nanos(nanos)).to_string(), printed);
        }
        assert_eq!(
            Seconds(Duration::MAX).to_string(),
            "18446744073709551615.999999999"
        );
    }

    proptest! {
        #[test]
        fn no_digit_is_lost_and_no_zero_is_left_over(seconds: u64, nanos in 0..1_000_000_000_u32) {
            let all = format!("{seconds}.{nanos:09}");
            let needed = all.trim_end_matches('0').trim_end_matches('.');
            prop_assert_eq!(Seconds(Duration::new(seconds, nanos)).to_string(), needed);
        }
    }
}
