//! Receipts: which of the messages handed to links have arrived at the server.
//!
//! Engine.IO has no acknowledgements, so arrival has to be inferred from other answers of the server. A
//! message is *confirmed* when the peer of the connection (the server, or a proxy that ends the
//! connection) has provably taken it in while the session was open. The application may still have to
//! handle it. No single answer proves this: Node's engine.io discards packets once it has begun to
//! close, but while its own buffer is flushed it still answers WebSocket pings, POSTs and polls. Two
//! kinds of evidence hold:
//!
//! - On WebSocket, the pong to a second ping that was sent after the pong to the first: see `fences`.
//! - On polling, a poll that stays unanswered after the POST, or two more polls answered without a
//!   close: see `polls`.
//!
//! Messages are numbered from the beginning of the session. "All before place n" are the messages 0 to
//! n - 1. Confirmations are cumulative, so one place describes them.
//!
//! With receipts on, unconfirmed messages are kept for the account at the end of the session, and the
//! *window* limits them: no message beyond it is handed to a link. Pongs and fences pass regardless.
//! With receipts off, messages are only counted. Fences then follow pongs ("piggyback"), at a cost of
//! 22 bytes per ping interval.

mod fences;
mod polls;

use std::collections::VecDeque;
use std::time::Duration;

use fences::{Fences, Progress};
use polls::Polls;

use super::interface::{Config, ReceiptsConfig};

use super::send_queue::WindowRoom;
use crate::amount::Amount;
use crate::batch::Batch;
use crate::fence::Fence;
use crate::packet::{Message, Packet};
use crate::packet_list::PacketList;
use crate::transport::{Asked, Confirms};

#[derive(Debug)]
pub(super) struct Receipts {
    /// `None` when receipts are off, or were turned off because the link can't confirm. Boxed, since
    /// they are off by default.
    on: Option<Box<On>>,
    /// With receipts off: whether fences follow pongs.
    piggyback: bool,
    /// Whether messages are held back until the first fence is answered.
    fence_alone: bool,
    evidence: Evidence,
    /// All messages before this place are confirmed.
    confirmed: u64,
}

/// The state of receipts that are on.
#[derive(Debug)]
struct On {
    config: ReceiptsConfig,
    /// The window of a cautious session, in messages. It starts small and grows up to the configured
    /// window.
    cautious: Option<usize>,
    /// Amount handed to links and not confirmed.
    outstanding: Amount,
    /// Amount in the batch that is being sent.
    sending: Amount,
    /// Amount handed over since the last fence.
    since_fence: Amount,
    /// Batches that have left and are not confirmed.
    unconfirmed: VecDeque<Unconfirmed>,
    /// Buffers of confirmed batches, for reuse.
    buffers: Vec<PacketList>,
}

/// The kind of evidence that the current link offers.
#[derive(Debug)]
enum Evidence {
    None,
    Polls(Polls),
    Fences(Fences),
}

/// A batch that is not confirmed, or only in part.
#[derive(Debug)]
struct Unconfirmed {
    batch: Batch,
    /// Number of its messages that are confirmed.
    confirmed: usize,
    /// Amount of its messages that are not confirmed.
    amount: Amount,
}

/// Maximum number of buffers kept for reuse. A connection should not keep the memory of its busiest
/// moment: once every message is confirmed, only one buffer is kept, and buffers with far more capacity
/// than their batch needed are freed.
const MAX_BUFFERS: usize = 8;

/// Initial size of a cautious window on polling, in messages. It is as many as one POST holds, since a
/// confirmation takes about a second on polling. On other links a cautious window starts with one
/// message.
const CAUTIOUS_POST: usize = 16;

/// In a stream of messages, a fence is sent after each 1/n of the window, where n is this number.
const FENCES_PER_WINDOW: usize = 8;

impl Receipts {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            on: config.receipts.map(|config| Box::new(On::new(config))),
            piggyback: config.fences,
            fence_alone: config.fence_alone,
            evidence: Evidence::None,
            confirmed: 0,
        }
    }

    /// Whether receipts are on.
    #[inline]
    pub(super) fn are_on(&self) -> bool {
        self.on.is_some()
    }

    /// Whether the session may not use a link that can't confirm.
    pub(super) fn are_required(&self) -> bool {
        self.on.as_ref().is_some_and(|on| on.config.required)
    }

    /// Turns receipts off, because the link can't confirm.
    pub(super) fn give_up(&mut self) {
        self.on = None;
        self.piggyback = false;
        self.evidence = Evidence::None;
    }

    /// The session uses a new link, whose fences have this key. Messages that are not confirmed yet will
    /// be confirmed by the evidence of the new link.
    pub(super) fn use_link(&mut self, confirms: Confirms, key: u64) {
        if let Some(on) = &mut self.on
            && on.config.cautious
        {
            let first = match confirms {
                Confirms::ByPoll => CAUTIOUS_POST,
                Confirms::ByFence | Confirms::Never => 1,
            };
            on.cautious.get_or_insert(first);
        }
        self.evidence = match confirms {
            Confirms::ByFence => Evidence::Fences(Fences::new(key)),
            // With receipts off, nothing uses the evidence of polls.
            Confirms::ByPoll if self.on.is_some() => Evidence::Polls(Polls::default()),
            Confirms::ByPoll | Confirms::Never => Evidence::None,
        };
    }

    /// Whether the polls of the link are evidence, so that they have to be reported.
    #[inline]
    pub(super) fn watches_polls(&self) -> bool {
        matches!(self.evidence, Evidence::Polls(_))
    }

    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Free room in the window; `None` when receipts are off.
    #[inline]
    pub(super) fn room(&self) -> Option<WindowRoom> {
        let on = self.on.as_ref()?;
        let window = on.window();
        if self.fence_alone && self.awaits_first_fence() {
            return Some(WindowRoom {
                left: Amount::default(),
                window_is_empty: false,
            });
        }
        let mut left = window.minus(on.outstanding);
        // A batch is not longer than the spacing of fences, since a fence can only follow a batch.
        left.messages = left.messages.min(fence_spacing(window).messages);
        Some(WindowRoom {
            left,
            window_is_empty: on.outstanding.messages == 0,
        })
    }

    fn awaits_first_fence(&self) -> bool {
        matches!(&self.evidence, Evidence::Fences(fences) if !fences.is_any_answered())
    }

    fn is_full(&self) -> bool {
        self.room()
            .is_some_and(|room| room.left.messages == 0 || room.left.bytes == 0)
    }

    // Sending.

    /// The fence to send now, if one is due: behind a batch, or alone. `handed` is the place after the
    /// last message handed over, including the batch. `piggybacks` says that the batch begins with a
    /// pong.
    pub(super) fn fence(
        &mut self,
        handed: u64,
        queue_empty: bool,
        piggybacks: bool,
    ) -> Option<Fence> {
        let window_full = self.is_full();
        let spacing_reached = self.on.as_ref().is_some_and(|on| {
            let spacing = fence_spacing(on.window());
            !on.since_fence.plus(ONE).fits_in(spacing)
        });
        let (on, piggyback, confirmed) = (self.are_on(), self.piggyback, self.confirmed);
        let Evidence::Fences(fences) = &mut self.evidence else {
            return None;
        };
        let progress = Progress {
            handed,
            confirmed,
            spacing_reached,
            window_full,
            queue_empty,
        };
        let due = if on {
            fences.is_due(progress)
        } else {
            piggyback && piggybacks && fences.would_prove_more(handed)
        };
        if !due {
            return None;
        }
        if let Some(on) = &mut self.on {
            on.since_fence = Amount::default();
        }
        Some(fences.send(handed))
    }

    /// A batch with this amount is handed over. Call this before [`fence`](Self::fence).
    pub(super) fn hand_over(&mut self, amount: Amount) {
        if let Some(on) = &mut self.on {
            on.sending = amount;
            on.outstanding = on.outstanding.plus(amount);
            on.since_fence = on.since_fence.plus(amount);
        }
    }

    /// The batch has left. `covers` is the place after its last message, or before the first message of
    /// a group whose end is still queued. `begun` is the time at which it was handed over.
    pub(super) fn left(&mut self, now: Duration, begun: Duration, batch: &Batch, covers: u64) {
        if let Some(on) = &mut self.on {
            let amount = std::mem::take(&mut on.sending);
            if amount.messages > 0 {
                on.unconfirmed.push_back(Unconfirmed {
                    batch: batch.clone(),
                    confirmed: 0,
                    amount,
                });
            }
        }
        match &mut self.evidence {
            Evidence::Fences(fences) => fences.left(now),
            Evidence::Polls(polls) if covers > self.confirmed => polls.posted(now, begun, covers),
            Evidence::Polls(_) | Evidence::None => {}
        }
    }

    // Evidence. Each function returns the number of messages that it newly confirms.

    pub(super) fn fence_answered(&mut self, fence: Fence) -> u64 {
        let proved = match &mut self.evidence {
            Evidence::Fences(fences) => fences.answered(fence),
            Evidence::Polls(_) | Evidence::None => None,
        };
        self.confirm(proved)
    }

    /// Whether the peer does not answer fences. Call this when a packet has arrived.
    pub(super) fn fences_are_ignored(&self, now: Duration, timeout: Duration) -> bool {
        match &self.evidence {
            Evidence::Fences(fences) => self.are_on() && fences.are_ignored(now, timeout),
            Evidence::Polls(_) | Evidence::None => false,
        }
    }

    /// Whether a fence was sent and none was answered.
    pub(super) fn fences_are_unanswered(&self) -> bool {
        matches!(&self.evidence, Evidence::Fences(fences) if fences.are_unanswered())
    }

    pub(super) fn poll_begins(&mut self, now: Duration) {
        if let Evidence::Polls(polls) = &mut self.evidence {
            polls.begins(now);
        }
    }

    pub(super) fn poll_asked(&mut self, asked: Asked) {
        if let Evidence::Polls(polls) = &mut self.evidence {
            polls.asked(asked);
        }
    }

    pub(super) fn poll_ended(&mut self, packets: &[Packet]) -> u64 {
        let proved = match &mut self.evidence {
            Evidence::Polls(polls) => polls.ended(!packets.contains(&Packet::Close)),
            Evidence::Fences(_) | Evidence::None => None,
        };
        self.confirm(proved)
    }

    #[inline]
    pub(super) fn deadline(&self) -> Option<Duration> {
        match &self.evidence {
            Evidence::Polls(polls) => polls.deadline(),
            Evidence::Fences(_) | Evidence::None => None,
        }
    }

    pub(super) fn settle(&mut self, now: Duration) -> u64 {
        let proved = match &mut self.evidence {
            Evidence::Polls(polls) => polls.settle(now),
            Evidence::Fences(_) | Evidence::None => None,
        };
        self.confirm(proved)
    }

    /// Confirms all messages before this place. Returns the number of newly confirmed ones.
    fn confirm(&mut self, place: Option<u64>) -> u64 {
        let Some(count) = place.and_then(|place| place.checked_sub(self.confirmed)) else {
            return 0;
        };
        self.confirmed = self.confirmed.saturating_add(count);
        if let Some(on) = &mut self.on {
            on.confirm(count);
        }
        count
    }

    /// An empty buffer from a confirmed batch, if there is one.
    #[inline]
    pub(super) fn take_buffer(&mut self) -> Option<PacketList> {
        self.on.as_mut()?.buffers.pop()
    }

    /// Removes and returns the messages that have left and are not confirmed. Empty when receipts are
    /// off.
    pub(super) fn take_unconfirmed(&mut self) -> Vec<Message> {
        let mut list = Vec::new();
        let Some(on) = &mut self.on else {
            return list;
        };
        on.outstanding = Amount::default();
        for entry in std::mem::take(&mut on.unconfirmed) {
            list.extend(entry.batch.into_messages().skip(entry.confirmed));
        }
        list
    }
}

impl On {
    fn new(config: ReceiptsConfig) -> Self {
        Self {
            config,
            cautious: None,
            outstanding: Amount::default(),
            sending: Amount::default(),
            since_fence: Amount::default(),
            unconfirmed: VecDeque::new(),
            buffers: Vec::new(),
        }
    }

    fn window(&self) -> Amount {
        let mut window = self.config.window;
        if let Some(messages) = self.cautious {
            window.messages = window.messages.min(messages);
        }
        window
    }

    /// The next `count` messages are confirmed.
    fn confirm(&mut self, count: u64) {
        if count > 0 {
            self.cautious = self.cautious.map(|messages| messages.saturating_mul(2));
        }
        let mut rest = usize::try_from(count).unwrap_or(usize::MAX);
        while rest > 0
            && let Some(oldest) = self.unconfirmed.front_mut()
        {
            if oldest.amount.messages <= rest {
                rest = rest.saturating_sub(oldest.amount.messages);
                self.outstanding = self.outstanding.minus(oldest.amount);
                if let Some(oldest) = self.unconfirmed.pop_front() {
                    self.keep_buffer(oldest.batch);
                }
            } else {
                let part = oldest.confirm(rest);
                self.outstanding = self.outstanding.minus(part);
                rest = 0;
            }
        }
        if self.unconfirmed.is_empty() {
            self.buffers.truncate(1);
        }
    }

    /// Keeps the buffer of a confirmed batch for reuse.
    fn keep_buffer(&mut self, batch: Batch) {
        if self.buffers.len() < MAX_BUFFERS
            && let Some(empty) = batch.into_empty_list()
        {
            self.buffers.push(empty);
        }
    }
}

impl Unconfirmed {
    /// Confirms the next `count` messages of the batch. Returns their amount.
    fn confirm(&mut self, count: usize) -> Amount {
        let mut part = Amount::default();
        let amounts = self.batch.amounts();
        let messages = amounts.filter(|amount| amount.messages > 0);
        for size in messages.skip(self.confirmed).take(count) {
            part = part.plus(size);
        }
        self.confirmed = self.confirmed.saturating_add(part.messages);
        self.amount = self.amount.minus(part);
        part
    }
}

/// The amount of messages between two fences in a stream.
fn fence_spacing(window: Amount) -> Amount {
    Amount {
        messages: (window.messages / FENCES_PER_WINDOW).max(1),
        bytes: (window.bytes / FENCES_PER_WINDOW).max(1),
    }
}

/// The smallest message.
const ONE: Amount = Amount {
    messages: 1,
    bytes: 0,
};
