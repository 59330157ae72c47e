//! Counts accepted and sent messages, and keeps the flushes that wait for messages to be sent.

use crate::client::ticket_map::TicketMap;

#[derive(Debug)]
pub(super) struct Flushes<W> {
    accepted: u64,
    left: u64,
    next_number: u64,
    /// Pending flushes, ordered by the message that they wait for.
    waiting: TicketMap<FlushTicket, W>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlushTicket {
    /// The number of messages that must have been sent.
    message: u64,
    /// Distinguishes flushes that wait for the same message.
    number: u64,
}

/// State of the flush of a sink: the messages that it waits for.
#[derive(Debug, Default)]
pub(crate) struct SinkFlush {
    pub(super) ticket: Option<FlushTicket>,
    /// Whether the flush was extended: see [`Flushes::extend`].
    pub(super) extended: bool,
}

impl SinkFlush {
    pub(crate) fn is_pending(&self) -> bool {
        self.ticket.is_some()
    }
}

impl<W> Flushes<W> {
    pub(super) fn new() -> Self {
        Self {
            accepted: 0,
            left: 0,
            next_number: 0,
            waiting: TicketMap::default(),
        }
    }

    #[inline]
    pub(super) fn count_accepted(&mut self, messages: usize) {
        let count = u64::try_from(messages).unwrap_or(u64::MAX);
        self.accepted = self.accepted.saturating_add(count);
    }

    /// Counts messages that were sent, and adds the wakers of the flushes that waited for them to
    /// `woken`.
    #[inline]
    pub(super) fn count_left(&mut self, messages: usize, woken: &mut Vec<W>) {
        let count = u64::try_from(messages).unwrap_or(u64::MAX);
        self.left = self.left.saturating_add(count);
        let left = self.left;
        while let Some(flush) = self.waiting.remove_first_if(|flush| flush.message <= left) {
            woken.push(flush);
        }
    }

    /// Whether every message that a flush waits for was sent. A flush that has not begun waits for every
    /// accepted message.
    pub(super) fn is_done(&self, flush: Option<FlushTicket>) -> bool {
        let message = flush.map_or(self.accepted, |flush| flush.message);
        self.left >= message
    }

    /// Waits for the messages accepted before the first call. Returns the waker that is replaced.
    pub(super) fn wait(&mut self, flush: &mut Option<FlushTicket>, waker: W) -> Option<W> {
        let ticket = *flush.get_or_insert_with(|| {
            let number = self.next_number;
            self.next_number = number.wrapping_add(1);
            FlushTicket {
                message: self.accepted,
                number,
            }
        });
        self.waiting.insert(ticket, waker)
    }

    /// Cancels a flush, and returns its waker.
    pub(super) fn cancel(&mut self, flush: &mut Option<FlushTicket>) -> Option<W> {
        self.waiting.remove(flush.take()?)
    }

    /// If messages were accepted since the flush of a sink began, begins the flush anew. This happens
    /// only once, since otherwise a task that sends without pause could delay the flush for ever.
    /// Returns the waker of the old flush.
    pub(super) fn extend(&mut self, flush: &mut SinkFlush) -> Option<W> {
        let ticket = flush.ticket.filter(|_| !flush.extended)?;
        if ticket.message >= self.accepted {
            return None;
        }
        flush.extended = true;
        self.cancel(&mut flush.ticket)
    }

    /// No more messages will be sent: adds the wakers of all flushes to `woken`.
    pub(super) fn dismiss(&mut self, woken: &mut Vec<W>) {
        woken.extend(self.waiting.take_values());
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn left(&self) -> u64 {
        self.left
    }
}
