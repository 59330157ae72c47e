//! The queue of messages to send, and how it is divided into batches.
//!
//! A *place* is the number of a message in its session, from 0, in sending order. A batch is what one
//! `send` call takes: one POST on polling, a series of frames on WebSocket.

use std::collections::VecDeque;
use std::ops::Range;

use super::outgoing::{Acceptance, Outgoing};
use crate::amount::Amount;
use crate::limits::UNTOLD_MAX_PAYLOAD;
use crate::packet::{Packet, Text};
use crate::packet_list::PacketList;
use crate::transport::Framing;

/// Maximum number of bytes in a batch of frames. A pong can only be sent between two batches. A single
/// longer message makes a batch of its own.
const FRAMES_BYTES: usize = 128 * 1024;

/// How much of the receipts' window is free for the next batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowRoom {
    pub(super) left: Amount,
    /// Whether no message is unconfirmed. A single message or group that is larger than the window may
    /// then be sent alone, since it would never fit.
    pub(super) window_is_empty: bool,
}

/// A batch to send.
#[derive(Debug)]
pub(super) struct NextBatch {
    pub(super) packets: PacketList,
    /// Messages and bytes in the batch. Only filled in if `next_batch` was given a [`WindowRoom`].
    pub(super) amount: Amount,
}

#[derive(Debug)]
pub(super) struct SendQueue {
    queue: PacketList,
    /// Groups as ranges of places, kept until [`forget_groups`](Self::forget_groups).
    groups: VecDeque<Range<u64>>,
    /// Place of the first queued message, which is the number of messages handed to links.
    first: u64,
    /// The pong to the newest ping. It replaces an older one that has not left: the server waits for one
    /// pong only.
    pong: Option<Text>,
    acceptance: Acceptance,
    packets_per_post: usize,
}

impl SendQueue {
    pub(super) fn new(packets_per_post: usize) -> Self {
        let acceptance = Acceptance::new(Framing::Payloads, None);
        Self {
            queue: PacketList::default(),
            groups: VecDeque::new(),
            first: 0,
            pong: None,
            acceptance,
            packets_per_post,
        }
    }

    pub(super) fn accept(&mut self, acceptance: Acceptance) {
        self.acceptance = acceptance;
    }

    #[cfg(test)]
    pub(super) fn acceptance(&self) -> Acceptance {
        self.acceptance
    }

    pub(super) fn push(&mut self, outgoing: Outgoing) {
        let Outgoing { packets, groups } = outgoing;
        if !groups.is_empty() {
            let next = self.first.saturating_add(count(self.queue.len()));
            let place = |at: usize| next.saturating_add(count(at));
            self.groups.extend(
                groups
                    .into_iter()
                    .map(|group| place(group.start)..place(group.end)),
            );
        }
        self.queue.append(packets);
    }

    pub(super) fn pong(&mut self, data: Text) {
        self.pong = Some(data);
    }

    /// Whether no message is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether neither a message nor a pong is queued.
    #[inline]
    pub(super) fn nothing_to_send(&self) -> bool {
        self.queue.is_empty() && self.pong.is_none()
    }

    /// Removes and returns all queued messages.
    pub(super) fn take(&mut self) -> PacketList {
        std::mem::take(&mut self.queue)
    }

    /// Number of messages that were handed to links.
    #[inline]
    pub(super) fn handed(&self) -> u64 {
        self.first
    }

    /// Number of messages that were handed to links, without those of a group that is still partly
    /// queued.
    pub(super) fn handed_whole_groups(&self) -> u64 {
        self.group_divided_at(self.first)
            .map_or(self.first, |group| group.start)
    }

    /// The groups that are still remembered, each as a range of places in the queue.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Range<u64>> {
        self.groups.iter()
    }

    /// Forgets the groups that end at or before this place.
    pub(super) fn forget_groups(&mut self, place: u64) {
        while self.groups.front().is_some_and(|group| group.end <= place) {
            self.groups.pop_front();
        }
    }

    /// The first group that ends after this place.
    fn group_ending_after(&self, place: u64) -> Option<&Range<u64>> {
        let index = self.groups.partition_point(|group| group.end <= place);
        self.groups.get(index)
    }

    /// The group that a cut before this place would divide.
    fn group_divided_at(&self, place: u64) -> Option<&Range<u64>> {
        self.group_ending_after(place)
            .filter(|group| group.start < place && place < group.end)
    }

    /// Removes the next batch from the queue: the pong first, then as many messages as fit.
    pub(super) fn next_batch(&mut self, room: Option<WindowRoom>) -> Option<NextBatch> {
        let pong = self.pong.take();
        let pongs = usize::from(pong.is_some());
        if let Some(data) = pong {
            self.queue.push_front(Packet::Pong(data));
        }
        let length = match self.acceptance.framing {
            Framing::Payloads => self.count_payload(),
            Framing::Frames => self.count_frames(),
        };
        let mut messages = length.saturating_sub(pongs);
        let mut amount = Amount::default();
        if let Some(room) = room {
            (messages, amount) = self.count_in_window(room, messages, pongs);
        }
        if messages == 0 && pongs == 0 {
            return None;
        }
        if !self.groups.is_empty() {
            let whole = self.without_divided_group(messages);
            if whole < messages && room.is_some() {
                let behind = self.queue.amounts().skip(pongs).take(whole);
                amount = behind.fold(Amount::default(), Amount::plus);
            }
            messages = whole;
        }
        self.first = self.first.saturating_add(count(messages));
        let length = messages.saturating_add(pongs);
        let packets = self.queue.take_front(length);
        Some(NextBatch { packets, amount })
    }

    /// Reduces the number of messages in the next batch so that it divides no group. A group that begins
    /// the batch and is too long for it is divided nevertheless, and so are all groups on polling, where
    /// the limits of a POST may be much smaller than a group.
    fn without_divided_group(&self, messages: usize) -> usize {
        let end = self.first.saturating_add(count(messages));
        match self.group_divided_at(end) {
            Some(cut) if self.acceptance.framing == Framing::Frames && self.first < cut.start => {
                usize::try_from(cut.start.saturating_sub(self.first)).unwrap_or(messages)
            }
            _ => messages,
        }
    }

    /// Reduces the number of messages in the next batch to those that the window has room for. A group
    /// is started only if the window has room for all of it or nothing else is unconfirmed. Once a part
    /// of a group was sent, the other messages of the group are sent regardless of the window, because
    /// none of them is confirmed before all of them have left.
    fn count_in_window(&self, room: WindowRoom, messages: usize, pongs: usize) -> (usize, Amount) {
        let mut used = Amount::default();
        let mut taken = 0_usize;
        if self.groups.is_empty() {
            for amount in self.queue.amounts().skip(pongs).take(messages) {
                let with_it = used.plus(amount);
                let alone = taken == 0 && room.window_is_empty;
                if !(alone || with_it.fits_in(room.left)) {
                    break;
                }
                used = with_it;
                taken = taken.saturating_add(1);
            }
            return (taken, used);
        }
        while taken < messages {
            let place = self.first.saturating_add(count(taken));
            let group = self
                .group_ending_after(place)
                .filter(|group| group.start <= place);
            let rest = group.map_or(1, |group| {
                usize::try_from(group.end.saturating_sub(place)).unwrap_or(usize::MAX)
            });
            let has_begun = group.is_some_and(|group| group.start < place);
            let at = taken.saturating_add(pongs);
            let mut with_it = used;
            let mut part = used;
            for (index, amount) in self.queue.amounts().skip(at).take(rest).enumerate() {
                with_it = with_it.plus(amount);
                if taken.saturating_add(index) < messages {
                    part = with_it;
                }
            }
            let alone = taken == 0 && room.window_is_empty;
            if !(has_begun || alone || with_it.fits_in(room.left)) {
                break;
            }
            used = part;
            taken = taken.saturating_add(rest);
        }
        (taken.min(messages), used)
    }

    /// Number of packets that fit in one payload by exact size. At least one, since [`Acceptance`] has
    /// refused messages that don't fit alone.
    fn count_payload(&self) -> usize {
        let most = self.acceptance.max_payload.unwrap_or(UNTOLD_MAX_PAYLOAD);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut size = 0_usize;
        let mut count = 0_usize;
        for frame in self.queue.frames().take(self.packets_per_post.max(1)) {
            let separator = usize::from(count > 0);
            size = size
                .saturating_add(separator)
                .saturating_add(frame.payload_len());
            if count > 0 && size > most {
                break;
            }
            count = count.saturating_add(1);
        }
        count
    }

    fn count_frames(&self) -> usize {
        let mut size = 0_usize;
        let mut count = 0_usize;
        for amount in self.queue.amounts() {
            size = size.saturating_add(amount.bytes);
            if count > 0 && size > FRAMES_BYTES {
                break;
            }
            count = count.saturating_add(1);
        }
        count
    }
}

fn count(packets: usize) -> u64 {
    u64::try_from(packets).unwrap_or(u64::MAX)
}
