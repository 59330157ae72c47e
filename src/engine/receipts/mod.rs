//! What is known of the messages that were handed to links: which of them are confirmed, which are not yet.
//!
//! Messages are counted from the beginning of the session, and a *place* is such a count. With receipts the
//! messages that are not confirmed are kept, and the window limits them. Without, they are only counted,
//! by what fences prove that ride along with pongs.

mod fences;
mod polls;

use std::collections::VecDeque;
use std::time::Duration;

use fences::{Fences, Position};
use polls::Polls;

use super::interface::{Config, ReceiptsConfig};
use super::outgoing::{messages, size};
use super::send_queue::Room;
use crate::amount::Amount;
use crate::batch::Batch;
use crate::fence::Fence;
use crate::packet::{Message, Packet};
use crate::transport::{Asked, Confirms};

#[derive(Debug)]
pub(super) struct Receipts {
    /// What the user wants, as long as they can be had.
    wanted: Option<ReceiptsConfig>,
    /// Whether fences ride along, where receipts are not wanted.
    ride_along: bool,
    /// Nothing is handed over before the first fence is answered.
    fence_alone: bool,
    evidence: Evidence,
    /// A smaller window, in messages, which grows to that of the user.
    cautious: Option<usize>,
    confirmed: u64,
    /// What was handed over and is not confirmed, where receipts are wanted.
    outstanding: Amount,
    /// What is in the batch that is being sent.
    under_way: Amount,
    /// What stands behind the last fence.
    since_fence: Amount,
    /// The batches in which it left, where receipts are wanted.
    kept: VecDeque<Kept>,
    /// Those of batches that are confirmed.
    buffers: Vec<Vec<Packet>>,
}

/// How the session's link confirms.
#[derive(Debug)]
enum Evidence {
    None,
    Polls(Polls),
    Fences(Fences),
}

/// A batch, or what is not confirmed of it.
#[derive(Debug)]
struct Kept {
    batch: Batch,
    /// So many of its messages are confirmed.
    confirmed: usize,
    amount: Amount,
}

/// So many buffers are kept in a stream, one when all is confirmed, and none that is far too large for what it
/// held: a connection should not keep the memory of its busiest moment.
const BUFFERS: usize = 8;

/// Where a message may be what ends the sessions, the window begins with one message. By polling, where it takes a
/// second until that is confirmed, it begins with as many as fit one POST.
const CAUTIOUS_POST: usize = 16;

/// Fences in a stream of messages stand so many parts of the window apart.
const FENCES_PER_WINDOW: usize = 8;

impl Receipts {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            wanted: config.receipts,
            ride_along: config.fences,
            fence_alone: config.fence_alone,
            evidence: Evidence::None,
            cautious: None,
            confirmed: 0,
            outstanding: Amount::default(),
            under_way: Amount::default(),
            since_fence: Amount::default(),
            kept: VecDeque::new(),
            buffers: Vec::new(),
        }
    }

    /// Whether the user wants them, and can have them.
    #[inline]
    pub(super) fn are_on(&self) -> bool {
        self.wanted.is_some()
    }

    /// Whether the session is not to live without.
    pub(super) fn are_required(&self) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.required)
    }

    /// There are none from now on: this link can't confirm.
    pub(super) fn give_up(&mut self) {
        self.wanted = None;
        self.ride_along = false;
        self.evidence = Evidence::None;
        self.kept.clear();
    }

    /// The session goes on by a link that confirms like this.
    pub(super) fn use_link(&mut self, confirms: Confirms, key: u64) {
        if self.wanted.as_ref().is_some_and(|wanted| wanted.cautious) {
            let first = match confirms {
                Confirms::ByPoll => CAUTIOUS_POST,
                Confirms::ByFence | Confirms::Never => 1,
            };
            self.cautious.get_or_insert(first);
        }
        self.evidence = match confirms {
            Confirms::ByFence => Evidence::Fences(Fences::new(key)),
            // Without receipts nobody waits for what polls prove.
            Confirms::ByPoll if self.wanted.is_some() => Evidence::Polls(Polls::default()),
            Confirms::ByPoll | Confirms::Never => Evidence::None,
        };
    }

    /// Whether the polls of the link are worth telling of.
    #[inline]
    pub(super) fn watches_polls(&self) -> bool {
        matches!(self.evidence, Evidence::Polls(_))
    }

    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// The room that the window leaves; `None` where nothing limits it.
    #[inline]
    pub(super) fn room(&self) -> Option<Room> {
        let window = self.window()?;
        if self.fence_alone && self.awaits_first_fence() {
            return Some(Room {
                left: Amount::default(),
                is_whole: false,
            });
        }
        let mut left = window.minus(self.outstanding);
        left.messages = left.messages.min(distance(window).messages);
        Some(Room {
            left,
            is_whole: self.outstanding.messages == 0,
        })
    }

    fn awaits_first_fence(&self) -> bool {
        matches!(&self.evidence, Evidence::Fences(fences) if !fences.is_any_answered())
    }

    fn window(&self) -> Option<Amount> {
        let mut window = self.wanted.as_ref()?.window;
        if let Some(messages) = self.cautious {
            window.messages = window.messages.min(messages);
        }
        Some(window)
    }

    fn is_full(&self) -> bool {
        self.room()
            .is_some_and(|room| room.left.messages == 0 || room.left.bytes == 0)
    }

    // What is sent.

    /// The fence that follows a batch, or goes alone. `handed` counts the messages of the batch in;
    /// `rides` tells that it would ride along with something that has to be sent in any case.
    pub(super) fn fence(&mut self, handed: u64, idle: bool, rides: bool) -> Option<Fence> {
        let full = self.is_full();
        let far = self
            .window()
            .is_some_and(|window| !self.since_fence.plus(ONE).fits_in(distance(window)));
        let (on, ride_along, confirmed) = (self.are_on(), self.ride_along, self.confirmed);
        let Evidence::Fences(fences) = &mut self.evidence else {
            return None;
        };
        let position = Position {
            handed,
            confirmed,
            far,
            full,
            idle,
        };
        let due = if on {
            fences.is_due(position)
        } else {
            ride_along && rides && fences.is_news(handed)
        };
        if !due {
            return None;
        }
        self.since_fence = Amount::default();
        Some(fences.send(handed))
    }

    /// A batch is handed over: to be told before it is asked for its fence.
    pub(super) fn hand_over(&mut self, amount: Amount) {
        self.under_way = amount;
        self.outstanding = self.outstanding.plus(amount);
        self.since_fence = self.since_fence.plus(amount);
    }

    /// It has left. `covers` is the place behind its last message, or before the first of a group that
    /// it has begun; `begun` is when it was handed over.
    pub(super) fn left(&mut self, now: Duration, begun: Duration, batch: &Batch, covers: u64) {
        let amount = std::mem::take(&mut self.under_way);
        if amount.messages > 0 {
            self.kept.push_back(Kept {
                batch: batch.clone(),
                confirmed: 0,
                amount,
            });
        }
        match &mut self.evidence {
            Evidence::Fences(fences) => fences.left(now),
            Evidence::Polls(polls) if covers > self.confirmed => polls.posted(now, begun, covers),
            Evidence::Polls(_) | Evidence::None => {}
        }
    }

    // What proves something. Each gives how many messages are confirmed by it.

    pub(super) fn fence_answered(&mut self, fence: Fence) -> u64 {
        let proved = match &mut self.evidence {
            Evidence::Fences(fences) => fences.answered(fence),
            Evidence::Polls(_) | Evidence::None => None,
        };
        self.confirm(proved)
    }

    /// Whether the other end answers no fence, though packets have come later.
    pub(super) fn fences_are_ignored(&self, now: Duration, patience: Duration) -> bool {
        match &self.evidence {
            Evidence::Fences(fences) => self.are_on() && fences.are_ignored(now, patience),
            Evidence::Polls(_) | Evidence::None => false,
        }
    }

    /// Whether a fence was sent, and none was answered.
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

    /// All before this place is confirmed.
    fn confirm(&mut self, place: Option<u64>) -> u64 {
        let Some(count) = place.and_then(|place| place.checked_sub(self.confirmed)) else {
            return 0;
        };
        self.confirmed = self.confirmed.saturating_add(count);
        if count > 0 {
            self.cautious = self.cautious.map(|messages| messages.saturating_mul(2));
        }
        let mut rest = usize::try_from(count).unwrap_or(usize::MAX);
        while rest > 0
            && let Some(kept) = self.kept.front_mut()
        {
            if kept.amount.messages <= rest {
                rest = rest.saturating_sub(kept.amount.messages);
                self.outstanding = self.outstanding.minus(kept.amount);
                if let Some(kept) = self.kept.pop_front() {
                    self.keep_buffer(kept.batch);
                }
            } else {
                let part = kept.confirm(rest);
                self.outstanding = self.outstanding.minus(part);
                rest = 0;
            }
        }
        if self.kept.is_empty() {
            self.buffers.truncate(1);
        }
        count
    }

    /// A batch is confirmed: its buffer can serve again.
    fn keep_buffer(&mut self, batch: Batch) {
        if let Some(mut packets) = batch.try_into_packets()
            && self.buffers.len() < BUFFERS
            && packets.capacity() / 8 <= packets.len().max(8)
        {
            packets.clear();
            self.buffers.push(packets);
        }
    }

    /// A buffer of a batch that is confirmed, if there is one.
    #[inline]
    pub(super) fn take_buffer(&mut self) -> Option<Vec<Packet>> {
        self.buffers.pop()
    }

    /// What has left and is not confirmed, where it was kept.
    pub(super) fn take_kept(&mut self) -> Vec<Message> {
        self.outstanding = Amount::default();
        let mut list = Vec::new();
        for kept in std::mem::take(&mut self.kept) {
            list.extend(messages(kept.batch.into_packets()).skip(kept.confirmed));
        }
        list
    }
}

impl Kept {
    /// Its next messages are confirmed: gives how much that is.
    fn confirm(&mut self, count: usize) -> Amount {
        let mut part = Amount::default();
        let messages = self.batch.packets().iter().map(size);
        let messages = messages.filter(|size| size.messages > 0);
        for size in messages.skip(self.confirmed).take(count) {
            part = part.plus(size);
        }
        self.confirmed = self.confirmed.saturating_add(part.messages);
        self.amount = self.amount.minus(part);
        part
    }
}

/// How far fences stand apart in a stream of messages.
fn distance(window: Amount) -> Amount {
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
