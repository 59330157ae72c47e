//! What waits to go to the client, and how much of it one call of its `recv` takes.

use std::collections::VecDeque;
use std::time::Duration;

use engineio_client::codec::payload_len;
use engineio_client::{Error, Fence, Framing, Packet};

/// A call on a link of frames returns at most so many packets, and so many bytes beyond the first.
const MOST_PACKETS: usize = 256;
const MOST_BYTES: usize = 64 * 1024;

/// A packet for the client, the answer to its fence, or an error for its call, and when it is due.
pub(super) struct Outgoing {
    pub(super) due: Duration,
    pub(super) what: What,
}

pub(super) enum What {
    Packet(Packet),
    Answer(Fence),
    Failure(Error),
}

/// What one call of `recv` takes.
pub(super) struct Taking {
    framing: Framing,
    now: Duration,
    pub(super) packets: Vec<Packet>,
    bytes: usize,
    /// The newest fence that is answered.
    pub(super) answered: Option<Fence>,
    pub(super) failure: Option<Error>,
    full: bool,
}

impl Taking {
    pub(super) fn new(framing: Framing, now: Duration) -> Self {
        Self {
            framing,
            now,
            packets: Vec::new(),
            bytes: 0,
            answered: None,
            failure: None,
            full: false,
        }
    }

    /// Whether a call returns with nothing of this.
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.answered.is_none()
    }

    pub(super) fn take(&mut self, queue: &mut VecDeque<Outgoing>) {
        while !self.full && queue.front().is_some_and(|next| next.due <= self.now) {
            match queue.pop_front() {
                Some(Outgoing {
                    what: What::Packet(packet),
                    ..
                }) => {
                    if !self.packets.is_empty() {
                        self.bytes += payload_len(&packet);
                    }
                    self.packets.push(packet);
                    // A payload is one batch, whatever it holds.
                    self.full = self.framing == Framing::Frames
                        && (self.packets.len() >= MOST_PACKETS || self.bytes >= MOST_BYTES);
                }
                Some(Outgoing {
                    what: What::Answer(fence),
                    ..
                }) => self.answered = Some(fence),
                Some(Outgoing {
                    what: What::Failure(error),
                    due,
                }) => {
                    self.full = true;
                    if self.is_empty() {
                        self.failure = Some(error);
                    } else {
                        queue.push_front(Outgoing {
                            due,
                            what: What::Failure(error),
                        });
                    }
                }
                None => {}
            }
        }
    }
}
