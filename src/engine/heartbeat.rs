//! When the server's silence is taken for its end.

use std::time::Duration;

/// The deadline moves with every sign of life, and rests while we do not listen.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    span: Duration,
    deadline: Option<Duration>,
}

impl Heartbeat {
    /// One that rests until `resume`. The span is `pingInterval + pingTimeout`.
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span,
            deadline: None,
        }
    }

    pub(super) fn span(&self) -> Duration {
        self.span
    }

    /// Something came at this time, which may be in the past.
    pub(super) fn life(&mut self, at: Duration) {
        if let Some(deadline) = &mut self.deadline {
            *deadline = (*deadline).max(at.saturating_add(self.span));
        }
    }

    /// Not listening: the server's silence does not count. `pump_receive` in `session.rs` decides when.
    pub(super) fn suspend(&mut self) {
        self.deadline = None;
    }

    /// Listening again: a full span from now, unless it was not suspended.
    pub(super) fn resume(&mut self, now: Duration) {
        if self.deadline.is_none() {
            self.deadline = Some(now.saturating_add(self.span));
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    pub(super) fn expired(&self, now: Duration) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }
}
