//! The queue of packets for the client, and how much of it one call of `recv` takes.

use std::collections::VecDeque;
use std::time::Duration;

use engineio_client::codec::payload_len;
use engineio_client::{Error, Fence, Framing, Packet};

/// On a link of frames, the maximum number of packets that a call returns, and the maximum number of
/// bytes beyond the first packet.
const MAX_PACKETS: usize = 256;
const MAX_BYTES: usize = 64 * 1024;

/// An entry of the queue, and the time at which it becomes available.
pub(super) struct Outgoing {
    pub(super) due: Duration,
    pub(super) what: What,
}

pub(super) enum What {
    Packet(Packet),
    Answer(Fence),
    Failure(Error),
}

/// What one call of `recv` takes from the queues.
pub(super) struct Taking {
    framing: Framing,
    now: Duration,
    pub(super) packets: Vec<Packet>,
    bytes: usize,
    /// The newest answered fence.
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

    /// Whether there is nothing for the call to return.
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
                    // On polling, a call takes everything that is due, since a payload may have any
                    // size.
                    self.full = self.framing == Framing::Frames
                        && (self.packets.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES);
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
