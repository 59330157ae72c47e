//! Time on an event loop: clocks that are not to be trusted, time-outs that are cut, and turns that end.

use std::time::Duration;

/// A clock that never goes back, from one that may.
#[derive(Debug, Default)]
pub(super) struct Monotonic {
    latest: Duration,
}

impl Monotonic {
    /// The time, from what the host's clock says, in milliseconds.
    pub(super) fn read(&mut self, milliseconds: f64) -> Duration {
        if let Ok(now) = Duration::try_from_secs_f64(milliseconds / 1000.0) {
            self.latest = self.latest.max(now);
        }
        self.latest
    }
}

/// The longest time-out that hosts keep, in milliseconds. A longer one fires at once.
const LONGEST_TIMEOUT: i32 = i32::MAX;

/// The time-out to set for the rest of a sleep, in milliseconds. `None` once the sleep is over. A rest that is too
/// long for one time-out takes several.
pub(super) fn next_timeout(rest: Duration) -> Option<i32> {
    if rest.is_zero() {
        return None;
    }
    let milliseconds = rest.as_nanos().div_ceil(1_000_000);
    Some(i32::try_from(milliseconds).unwrap_or(LONGEST_TIMEOUT))
}

/// How long tasks may run before the page gets a turn: a quarter of a frame at 60 frames per second.
const LONGEST_TURN: Duration = Duration::from_millis(4);

/// A time without tasks after which the page must have had a turn.
const PAUSE: Duration = Duration::from_millis(2);

/// How long the tasks of a thread have been running since the page last had a turn.
///
/// A woken task runs as a microtask, before the page gets a turn. Tasks that wake each other would keep the page
/// from reacting to clicks, and from being drawn, for as long as they have something to do.
#[derive(Debug, Default)]
pub(super) struct Turn {
    began: Duration,
    /// When a task last returned.
    ran: Duration,
}

impl Turn {
    /// Begins a turn: the page has had its own.
    pub(super) fn begin(&mut self, now: Duration) {
        self.began = now;
        self.ran = now;
    }

    /// Whether a task may run now. Otherwise the page gets a turn first.
    pub(super) fn may_run(&mut self, now: Duration) -> bool {
        if now.saturating_sub(self.ran) >= PAUSE {
            self.began = now;
        }
        now.saturating_sub(self.began) < LONGEST_TURN
    }

    /// A task has returned.
    pub(super) fn has_run(&mut self, now: Duration) {
        self.ran = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_clock_that_jumps_back_or_breaks_stands_still() {
        let mut clock = Monotonic::default();
        for (read, time) in [
            (0.0, ms(0)),
            (12.5, Duration::from_micros(12_500)),
            (3.0, Duration::from_micros(12_500)),
            (-7.0, Duration::from_micros(12_500)),
            (f64::NAN, Duration::from_micros(12_500)),
            (f64::INFINITY, Duration::from_micros(12_500)),
            (12.75, Duration::from_micros(12_750)),
            (86_400_000.0, ms(86_400_000)),
        ] {
            assert_eq!(clock.read(read), time, "{read}");
        }
    }

    #[test]
    fn a_sleep_is_rounded_up_and_cut_into_time_outs_that_hosts_keep() {
        assert_eq!(next_timeout(Duration::ZERO), None);
        assert_eq!(next_timeout(Duration::from_nanos(1)), Some(1));
        assert_eq!(next_timeout(ms(1)), Some(1));
        assert_eq!(next_timeout(Duration::from_micros(1001)), Some(2));
        assert_eq!(next_timeout(ms(2_147_483_647)), Some(2_147_483_647));
        assert_eq!(next_timeout(ms(2_147_483_648)), Some(2_147_483_647));
        assert_eq!(next_timeout(Duration::MAX), Some(2_147_483_647));
    }

    #[test]
    fn a_sleep_of_sixty_days_takes_three_time_outs() {
        let mut rest = Duration::from_secs(60 * 24 * 60 * 60);
        let mut parts = Vec::new();
        while let Some(part) = next_timeout(rest) {
            parts.push(part);
            rest -= ms(part.try_into().unwrap());
        }
        assert_eq!(parts, [2_147_483_647, 2_147_483_647, 889_032_706]);
    }

    #[test]
    fn tasks_that_wake_each_other_let_the_page_have_a_turn() {
        let mut turn = Turn::default();
        let mut now = ms(1000);
        let mut ran = Duration::ZERO;
        assert!(turn.may_run(now));
        while turn.may_run(now) {
            now += Duration::from_micros(300);
            ran += Duration::from_micros(300);
            turn.has_run(now);
        }
        assert!(ran >= LONGEST_TURN && ran < LONGEST_TURN + ms(1), "{ran:?}");
        // It may not run before that turn, whoever asks.
        assert!(!turn.may_run(now));
        now += ms(1);
        turn.begin(now);
        assert!(turn.may_run(now));
    }

    #[test]
    fn a_task_that_is_woken_after_a_pause_runs_at_once() {
        let mut turn = Turn::default();
        turn.begin(ms(1000));
        turn.has_run(ms(1005));
        assert!(!turn.may_run(ms(1006)), "no pause, and 6 ms");
        assert!(turn.may_run(ms(1007)), "a pause of 2 ms");
        assert!(turn.may_run(ms(1008)));
    }
}
