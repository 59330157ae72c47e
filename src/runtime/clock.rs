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
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Suspension {
        start: u64,
    }

    /// The suspension since the machine was started that was reported last, in this process.
    #[cfg(feature = "tokio")]
    static REPORTED: AtomicU64 = AtomicU64::new(0);

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
            Self {
                start: report(&REPORTED, suspended()),
            }
        }

        pub(crate) fn total(&self) -> Duration {
            let reported = report(&REPORTED, suspended());
            Duration::from_millis(reported.saturating_sub(self.start))
        }
    }

    /// The value to report. `now` is the current value of [`suspended`].
    #[cfg(feature = "tokio")]
    fn report(reported: &AtomicU64, now: u64) -> u64 {
        let last = reported.load(Ordering::Relaxed);
        if now > last.saturating_add(1000) {
            return reported.fetch_max(now, Ordering::Relaxed).max(now);
        }
        last
    }

    #[cfg(all(test, feature = "tokio"))]
    #[test]
    fn a_suspension_is_counted_and_the_noise_of_two_clocks_is_not() {
        let reported = AtomicU64::new(5000);
        let hour = 3_600_000;
        assert_eq!(report(&reported, 5003), 5000);
        assert_eq!(report(&reported, 5000 + hour), 5000 + hour);
        for noise in [hour - 2, hour + 1, hour] {
            assert_eq!(report(&reported, 5000 + noise), 5000 + hour);
        }
        assert_eq!(report(&reported, 5000 + 2 * hour), 5000 + 2 * hour);
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
    #[derive(Clone, Copy, Debug)]
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
