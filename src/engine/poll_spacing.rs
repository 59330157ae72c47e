//! The pause between a poll and the next one.
//!
//! The next poll normally starts at once. During an upgrade, however, a server answers the running poll
//! with a noop so that polling can come to rest. python-engineio answers every poll at once with a noop
//! while it is probed, and after some failed probes it does so until the session ends. A client that
//! polls again at once would then send thousands of requests per second.
//!
//! So a poll that returns only noops, at any time, is followed by a pause: 50 ms, doubling up to 1 s.
//! Any other packet resets the pause to 50 ms. A pause ends early when the client sends (the server may
//! respond), when the user closes, and when an upgrade has succeeded or failed.

use std::time::Duration;

const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct PollSpacing {
    longest: Duration,
    /// Length of the next pause.
    next: Duration,
    /// End of the current pause.
    due: Option<Duration>,
}

impl Default for PollSpacing {
    fn default() -> Self {
        Self {
            longest: MAX_PAUSE,
            next: MIN_PAUSE,
            due: None,
        }
    }
}

impl PollSpacing {
    /// A pause delays the server's pings too. It is limited to half of `pingTimeout`, the time in which
    /// the server expects the pong, but not below 50 ms.
    pub(super) fn new(ping_timeout: Duration) -> Self {
        Self {
            longest: MAX_PAUSE
                .min(ping_timeout.checked_div(2).unwrap_or_default())
                .max(MIN_PAUSE),
            ..Self::default()
        }
    }

    /// A poll has returned.
    pub(super) fn polled(&mut self, now: Duration, only_noops: bool) {
        if only_noops {
            self.due = Some(now.saturating_add(self.next));
            self.next = self.next.saturating_mul(2).min(self.longest);
        } else {
            self.due = None;
            self.next = MIN_PAUSE;
        }
    }

    /// Makes the next poll due now.
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
