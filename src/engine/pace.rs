//! How soon a poll follows the last one.
//!
//! At once, but for one case: a server that is being probed may answer each poll with a noop as
//! soon as it comes (python-engineio does, and goes on for ever after some failed probes). Without
//! a pause that is thousands of requests a second.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Pace {
    longest: Duration,
    next: Duration,
    due: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            longest: LONGEST,
            next: FIRST,
            due: None,
        }
    }
}

impl Pace {
    /// A pause holds up a ping, too, so it must stay well below the time that the server gives us
    /// for the pong.
    pub(super) fn new(ping_timeout: Duration) -> Self {
        Self {
            longest: LONGEST
                .min(ping_timeout.checked_div(2).unwrap_or_default())
                .max(FIRST),
            ..Self::default()
        }
    }

    /// A poll has returned, with nothing but noops or with more.
    pub(super) fn polled(&mut self, now: Duration, only_noops: bool) {
        if only_noops {
            self.due = Some(now.saturating_add(self.next));
            self.next = self.next.saturating_mul(2).min(self.longest);
        } else {
            self.due = None;
            self.next = FIRST;
        }
    }

    /// There is something to do, so there may be something to hear.
    pub(super) fn end_pause(&mut self) {
        self.due = None;
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.due.is_none_or(|due| now >= due)
    }
}
