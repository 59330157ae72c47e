//! The pause between one poll and the next.
//!
//! There is none, except after polls that brought nothing but noops. A server that is being probed may
//! answer each poll with a noop at once (python-engineio does, and after some failed probes it never
//! stops). Without a pause, that is thousands of requests a second.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct PollSpacing {
    longest: Duration,
    next: Duration,
    due: Option<Duration>,
}

impl Default for PollSpacing {
    fn default() -> Self {
        Self {
            longest: LONGEST,
            next: FIRST,
            due: None,
        }
    }
}

impl PollSpacing {
    /// A pause delays a ping as well, so it must stay well below the time in which the server expects
    /// the pong.
    pub(super) fn new(ping_timeout: Duration) -> Self {
        Self {
            longest: LONGEST
                .min(ping_timeout.checked_div(2).unwrap_or_default())
                .max(FIRST),
            ..Self::default()
        }
    }

    /// A poll has returned, either with nothing but noops or with another packet.
    pub(super) fn polled(&mut self, now: Duration, only_noops: bool) {
        if only_noops {
            self.due = Some(now.saturating_add(self.next));
            self.next = self.next.saturating_mul(2).min(self.longest);
        } else {
            self.due = None;
            self.next = FIRST;
        }
    }

    /// Makes the next poll due now: the client sends, and the server may answer, or the session is
    /// closing, or an upgrade is over.
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
