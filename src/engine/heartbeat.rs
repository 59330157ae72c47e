//! The heartbeat: when the server's silence ends the session.
//!
//! The server pings every `pingInterval` and waits `pingTimeout` for the pong. A client that hears
//! nothing for the sum of both has lost its server. Every packet counts as a sign of life, and so do
//! bytes of an unfinished message. The pong to a fence does not: a gateway answers WebSocket pings for a
//! server that is dead.
//!
//! While no `recv` runs (the inbox is full, or a poll is put off), the client would not notice a packet.
//! The deadline is then suspended, and a new full span begins with the next `recv`.

use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    /// `pingInterval + pingTimeout`.
    span: Duration,
    /// `None` while suspended.
    deadline: Option<Duration>,
}

impl Heartbeat {
    /// Creates a heartbeat that is suspended.
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span,
            deadline: None,
        }
    }

    pub(super) fn span(&self) -> Duration {
        self.span
    }

    /// The server showed a sign of life at this time, which may be in the past.
    pub(super) fn activity(&mut self, at: Duration) {
        if let Some(deadline) = &mut self.deadline {
            *deadline = (*deadline).max(at.saturating_add(self.span));
        }
    }

    pub(super) fn suspend(&mut self) {
        self.deadline = None;
    }

    /// Starts a new full span if the heartbeat was suspended.
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
