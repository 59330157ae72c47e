//! Evidence from fences (WebSocket pings).
//!
//! A WebSocket peer answers pings in order with everything else it reads. So the answer to a fence
//! proves that the peer has *read* all messages before the fence. It does not prove that it has
//! *accepted* them: a server that has begun to close discards what it reads. Node's engine.io still
//! answers one of the fences that it reads then, while it flushes its own buffer.
//!
//! The proof is a second fence, sent after the answer to the first has arrived. If the server was
//! closing when it read the first fence, its close frame follows right behind its buffer, and it never
//! reads the second fence. So the answer to the second fence proves that the server was not closing at
//! the first: all messages before the first fence are confirmed. This takes two round trips. (Reproduced
//! against Node's server with two messages or 50 MB in its buffer and a slow reader: in 9 of 9 runs the
//! first answer came and the second never did.)
//!
//! Each fence therefore has two places: it `covers` the messages sent before it, and its answer `proves`
//! the messages that were known to be read when it was sent.
//!
//! In a stream of messages, a fence is sent after each eighth of the window, with at most 8 fences in
//! flight. A session that sends few messages has at most one fence in flight.

use std::collections::VecDeque;
use std::time::Duration;

use crate::fence::Fence;

/// Maximum number of fences in flight.
const MAX_IN_FLIGHT: usize = 8;

#[derive(Debug)]
pub(super) struct Fences {
    /// Random number in the link's fences.
    key: u64,
    /// Number of the next fence.
    next: u64,
    in_flight: VecDeque<InFlight>,
    /// The peer has read all messages before this place.
    read: u64,
    /// The place that the answer to the newest fence proves, or has proved.
    proves: u64,
    first: FirstFence,
}

#[derive(Debug)]
struct InFlight {
    number: u64,
    /// All messages before this place were sent before the fence.
    covers: u64,
    /// The answer to this fence proves that the peer has accepted all messages before this place: when the
    /// fence was sent, answers to earlier fences had shown that the peer had read them.
    proves: u64,
}

/// State of the link's first fence, which shows whether the peer answers fences at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstFence {
    NotSent,
    /// Handed to the transport, but its batch has not left.
    Sending,
    /// Left at this time and not answered.
    Sent(Duration),
    Answered,
}

/// Progress of sending, which decides whether a fence is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Number of messages handed to links, including the batch about to be sent.
    pub(super) handed: u64,
    pub(super) confirmed: u64,
    /// Enough was sent since the last fence for another one.
    pub(super) spacing_reached: bool,
    /// The window has no room.
    pub(super) window_full: bool,
    /// No message is queued.
    pub(super) queue_empty: bool,
}

impl Fences {
    pub(super) fn new(key: u64) -> Self {
        Self {
            key,
            next: 0,
            in_flight: VecDeque::new(),
            read: 0,
            proves: 0,
            first: FirstFence::NotSent,
        }
    }

    /// Whether a fence is due now, with receipts on. The first fence is sent alone when the link opens,
    /// to find out whether the peer answers fences.
    #[inline]
    pub(super) fn is_due(&self, progress: Progress) -> bool {
        let in_flight = self.in_flight.len();
        if in_flight >= MAX_IN_FLIGHT {
            return false;
        }
        if self.first == FirstFence::NotSent {
            return true;
        }
        let uncovered = progress.handed > self.covered();
        // Messages were read that no fence in flight will prove.
        let unproved = self.read > self.proves.max(progress.confirmed);
        if uncovered && progress.spacing_reached {
            return true;
        }
        if in_flight > 0 {
            return progress.window_full && (uncovered || unproved);
        }
        unproved || (uncovered && (progress.queue_empty || progress.window_full))
    }

    /// Whether the answer to a piggybacked fence would prove anything new.
    pub(super) fn would_prove_more(&self, handed: u64) -> bool {
        self.in_flight.len() < MAX_IN_FLIGHT && (handed > self.covered() || self.read > self.proves)
    }

    /// All messages before this place have a fence behind them, or were read.
    fn covered(&self) -> u64 {
        self.in_flight.back().map_or(self.read, |last| last.covers)
    }

    /// Creates the next fence, to be sent after all messages before the place `handed`.
    pub(super) fn send(&mut self, handed: u64) -> Fence {
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.proves = self.read;
        self.in_flight.push_back(InFlight {
            number,
            covers: handed,
            proves: self.read,
        });
        if self.first == FirstFence::NotSent {
            self.first = FirstFence::Sending;
        }
        Fence::new(self.key, number)
    }

    /// A batch has left, with its fence if it had one.
    pub(super) fn left(&mut self, now: Duration) {
        if self.first == FirstFence::Sending {
            self.first = FirstFence::Sent(now);
        }
    }

    /// A fence was answered. Returns the place before which all messages are confirmed. An answer to a
    /// fence that is not in flight is ignored. An answer also counts for all earlier fences, because a
    /// WebSocket peer may answer only the newest ping (RFC 6455, 5.5.3).
    pub(super) fn answered(&mut self, fence: Fence) -> Option<u64> {
        let at = self
            .in_flight
            .iter()
            .position(|known| Fence::new(self.key, known.number) == fence)?;
        self.first = FirstFence::Answered;
        let mut proved = None;
        for known in self.in_flight.drain(..=at) {
            self.read = self.read.max(known.covers);
            proved = Some(known.proves);
        }
        proved
    }

    pub(super) fn is_any_answered(&self) -> bool {
        self.first == FirstFence::Answered
    }

    /// Whether a fence was sent and none was answered.
    pub(super) fn are_unanswered(&self) -> bool {
        matches!(self.first, FirstFence::Sending | FirstFence::Sent(_))
    }

    /// Whether the first fence is still unanswered when a packet arrives `timeout` after it has left.
    /// The peer then does not answer WebSocket pings at all.
    pub(super) fn are_ignored(&self, now: Duration, timeout: Duration) -> bool {
        matches!(self.first, FirstFence::Sent(at) if now >= at.saturating_add(timeout))
    }
}
