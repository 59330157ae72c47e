//! How a send gives the page its turns, and waits until the browser has written most of what it took, for which a
//! browser has no event.

use std::time::Duration;

/// How many bytes the browser may hold when a send returns.
const MAX_HELD: u32 = 128 * 1024;

/// How long to wait before looking again.
const LOOK_AGAIN: Duration = Duration::from_millis(4);

/// How many looks without progress have only a turn of the page between them.
const LOOKS_AT_ONCE: u32 = 16;

/// What a look at the number of bytes that the browser holds means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Done,
    /// Look again after this time. A time of zero is a turn of the page.
    Again(Duration),
}

/// The looks of one send.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    held: Option<u32>,
    without_progress: u32,
}

impl Pacing {
    /// Whether bytes have been written since the last look, and what to do.
    pub(super) fn look(&mut self, held: u32) -> (bool, Look) {
        let has_progressed = self.held.is_some_and(|before| held < before);
        self.held = Some(held);
        if held <= MAX_HELD {
            return (has_progressed, Look::Done);
        }
        if has_progressed {
            self.without_progress = 0;
        }
        let pause = if self.without_progress < LOOKS_AT_ONCE {
            Duration::ZERO
        } else {
            LOOK_AGAIN
        };
        self.without_progress = self.without_progress.saturating_add(1);
        (has_progressed, Look::Again(pause))
    }
}

/// How long frames are handed to the browser without a turn for the page. A frame takes it about 10 µs, and a batch may
/// have thousands.
const LONGEST_SLICE: Duration = Duration::from_millis(4);

/// How many frames are sent between two looks at the clock.
const FRAMES_PER_LOOK: u32 = 16;

/// The time since the page last had a turn, while a batch is sent.
#[derive(Debug)]
pub(super) struct Slices {
    began: Duration,
    frames: u32,
}

impl Slices {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            began: now,
            frames: 0,
        }
    }

    /// Called before each frame. Returns true if the page is to have a turn first.
    pub(super) fn next(&mut self, now: impl FnOnce() -> Duration) -> bool {
        self.frames = self.frames.wrapping_add(1);
        self.frames.is_multiple_of(FRAMES_PER_LOOK)
            && now().saturating_sub(self.began) >= LONGEST_SLICE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Look = Look::Again(Duration::ZERO);

    #[test]
    fn a_send_waits_while_the_browser_holds_more_than_128_kib() {
        assert_eq!(Pacing::default().look(0), (false, Look::Done));
        assert_eq!(Pacing::default().look(131_072), (false, Look::Done));
        let mut pacing = Pacing::default();
        assert_eq!(pacing.look(200_000), (false, TURN));
        assert_eq!(pacing.look(200_000), (false, TURN));
        assert_eq!(pacing.look(150_000), (true, TURN));
        assert_eq!(pacing.look(131_073), (true, TURN));
        assert_eq!(pacing.look(131_072), (true, Look::Done));
    }

    #[test]
    fn the_page_has_a_turn_after_4_ms_of_sending() {
        let micros = Duration::from_micros;
        let mut now = micros(5_000_000);
        let mut slices = Slices::new(now);
        let mut sent = 0;
        while !slices.next(|| now) {
            now += micros(10);
            sent += 1;
        }
        // The clock is looked at before every 16th frame: the 416th is the first after 4 ms.
        assert_eq!(sent, 415);
        let mut slices = Slices::new(now);
        assert!((0..10_000).all(|_| !slices.next(|| now + micros(3999))));
    }

    #[test]
    fn a_connection_that_stands_still_is_looked_at_every_4_ms() {
        let mut pacing = Pacing::default();
        let mut looks = (0..100).map(|_| pacing.look(1_000_000).1);
        assert_eq!(looks.by_ref().take_while(|look| *look == TURN).count(), 16);
        assert!(looks.all(|look| look == Look::Again(LOOK_AGAIN)));
        // Progress brings the short looks back.
        assert_eq!(pacing.look(900_000), (true, TURN));
    }
}
