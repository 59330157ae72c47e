//! Clocks that include the time during which the machine was suspended, if the system has them.

#[cfg(any(feature = "smol", feature = "async-std"))]
pub(super) use system::Clock;
#[cfg(feature = "tokio")]
pub(super) use system::Suspension;

#[cfg(target_os = "linux")]
mod system {
    #[cfg(feature = "tokio")]
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    fn read(clock: ClockId) -> Duration {
        let time = clock_gettime(clock);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or_default(),
            u32::try_from(time.tv_nsec).unwrap_or_default(),
        )
    }

    #[cfg(any(feature = "smol", feature = "async-std"))]
    /// The time since this clock was created, by `CLOCK_BOOTTIME`.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Clock {
        start: Duration,
    }

    #[cfg(any(feature = "smol", feature = "async-std"))]
    impl Clock {
        pub(crate) fn new() -> Self {
            Self {
                start: read(ClockId::Boottime),
            }
        }

        pub(crate) fn now(&self) -> Duration {
            read(ClockId::Boottime).saturating_sub(self.start)
        }
    }

    #[cfg(feature = "tokio")]
    /// The time, in milliseconds, during which the machine was suspended since this value was created.
    /// A clock that does not count suspensions adds it.
    ///
    /// The time is computed as the difference of two clocks, which cannot be read at the same instant,
    /// so it is slightly wrong. To keep this error from making time go backwards, the reported value
    /// never shrinks, and grows in steps of more than a second.
    #[derive(Debug)]
    pub(crate) struct Suspension {
        start: u64,
        reported: AtomicU64,
    }

    /// Milliseconds of suspension since the machine was started.
    #[cfg(feature = "tokio")]
    fn suspended() -> u64 {
        let monotonic = read(ClockId::Monotonic);
        let difference = read(ClockId::Boottime).saturating_sub(monotonic);
        u64::try_from(difference.as_millis()).unwrap_or_default()
    }

    #[cfg(feature = "tokio")]
    impl Suspension {
        pub(crate) fn new() -> Self {
            let start = suspended();
            Self {
                start,
                reported: AtomicU64::new(start),
            }
        }

        pub(crate) fn total(&self) -> Duration {
            self.report(suspended())
        }

        /// `now` is the current value of [`suspended`].
        fn report(&self, now: u64) -> Duration {
            let mut reported = self.reported.load(Ordering::Relaxed);
            if now > reported.saturating_add(1000) {
                reported = self.reported.fetch_max(now, Ordering::Relaxed).max(now);
            }
            Duration::from_millis(reported.saturating_sub(self.start))
        }
    }

    #[cfg(all(test, feature = "tokio"))]
    #[test]
    fn a_suspension_is_counted_and_the_noise_of_two_clocks_is_not() {
        let suspension = Suspension::new();
        let start = suspension.start;
        let hour = Duration::from_secs(3600);
        assert_eq!(suspension.report(start + 3), Duration::ZERO);
        assert_eq!(suspension.report(start + 3_600_000), hour);
        for noise in [3_599_998, 3_600_001, 3_600_000] {
            assert_eq!(suspension.report(start + noise), hour);
        }
        assert_eq!(suspension.report(start + 7_200_000), 2 * hour);
    }

    #[cfg(all(test, any(feature = "smol", feature = "async-std")))]
    #[test]
    fn a_clock_counts_the_time_since_boot_including_suspension() {
        let clock = Clock {
            start: Duration::ZERO,
        };
        let before = read(ClockId::Boottime);
        let now = clock.now();
        let after = read(ClockId::Boottime);
        assert!(before <= now && now <= after, "{now:?}");
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::time::Duration;

    #[cfg(any(feature = "smol", feature = "async-std"))]
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Clock {
        start: std::time::Instant,
    }

    #[cfg(any(feature = "smol", feature = "async-std"))]
    #[expect(
        clippy::disallowed_methods,
        reason = "this module reads the real clock"
    )]
    impl Clock {
        pub(crate) fn new() -> Self {
            Self {
                start: std::time::Instant::now(),
            }
        }

        pub(crate) fn now(&self) -> Duration {
            self.start.elapsed()
        }
    }

    #[cfg(feature = "tokio")]
    #[derive(Debug)]
    pub(crate) struct Suspension;

    #[cfg(feature = "tokio")]
    impl Suspension {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn total(&self) -> Duration {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[cfg(any(feature = "smol", feature = "async-std"))]
    #[test]
    fn a_clock_never_goes_backwards() {
        let clock = super::Clock::new();
        never_backwards(|| clock.now());
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn the_time_of_suspension_never_shrinks() {
        let suspension = super::Suspension::new();
        never_backwards(|| suspension.total());
    }

    fn never_backwards(read: impl Fn() -> Duration) {
        let mut last = Duration::ZERO;
        for _ in 0..100_000 {
            let now = read();
            assert!(now >= last, "{now:?} after {last:?}");
            last = now;
        }
    }
}
