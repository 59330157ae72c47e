//! What waits to be sent, and how it is cut into batches.

use std::collections::VecDeque;
use std::ops::Range;

use super::outgoing::{Acceptance, Outgoing, size};
use crate::amount::Amount;
use crate::codec::payload_len;
use crate::limits::UNTOLD_MAX_PAYLOAD;
use crate::packet::{Packet, Text};
use crate::transport::Framing;

/// The most bytes in a batch of frames, so that a pong can pass between two batches. A single
/// message may be longer.
const FRAMES_BYTES: usize = 128 * 1024;

/// How much the next batch may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) left: Amount,
    /// There is as much room as there ever is, so that a single message or group that is longer passes.
    pub(super) is_whole: bool,
}

/// The packets of the next exchange.
#[derive(Debug)]
pub(super) struct NextBatch {
    pub(super) packets: Vec<Packet>,
    /// How much of the user's they hold, where there was a [`Room`] for them.
    pub(super) amount: Amount,
}

#[derive(Debug)]
pub(super) struct SendQueue {
    queue: VecDeque<Packet>,
    /// The groups, until [`forget_groups`](Self::forget_groups). Places count all messages there ever were.
    groups: VecDeque<Range<u64>>,
    /// The place of the first message in the queue.
    first: u64,
    /// The newest ping's answer; an older one that has not left is no use to the server.
    pong: Option<Text>,
    acceptance: Acceptance,
    packets_per_post: usize,
}

impl SendQueue {
    pub(super) fn new(packets_per_post: usize) -> Self {
        let acceptance = Acceptance::new(Framing::Payloads, None);
        Self {
            queue: VecDeque::new(),
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
        if self.queue.is_empty() {
            self.queue = packets.into();
        } else {
            self.queue.extend(packets);
        }
    }

    pub(super) fn pong(&mut self, data: Text) {
        self.pong = Some(data);
    }

    /// Whether no message waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether there is nothing to send, not even a pong.
    #[inline]
    pub(super) fn has_nothing(&self) -> bool {
        self.queue.is_empty() && self.pong.is_none()
    }

    /// All messages, which will not be sent.
    pub(super) fn take(&mut self) -> VecDeque<Packet> {
        std::mem::take(&mut self.queue)
    }

    /// How many messages were handed over.
    #[inline]
    pub(super) fn handed(&self) -> u64 {
        self.first
    }

    /// The same without the beginning of a group whose end waits.
    pub(super) fn handed_whole(&self) -> u64 {
        self.group_around(self.first)
            .map_or(self.first, |group| group.start)
    }

    /// The groups that were not forgotten, by their places.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Range<u64>> {
        self.groups.iter()
    }

    /// Forgets the groups that end before this place.
    pub(super) fn forget_groups(&mut self, place: u64) {
        while self.groups.front().is_some_and(|group| group.end <= place) {
            self.groups.pop_front();
        }
    }

    /// The first group that ends behind this place.
    fn group_behind(&self, place: u64) -> Option<&Range<u64>> {
        let index = self.groups.partition_point(|group| group.end <= place);
        self.groups.get(index)
    }

    /// The group that would be cut here.
    fn group_around(&self, place: u64) -> Option<&Range<u64>> {
        self.group_behind(place)
            .filter(|group| group.start < place && place < group.end)
    }

    /// The packets of the next exchange: the pong first, then as many messages as fit.
    pub(super) fn next_batch(&mut self, room: Option<Room>) -> Option<NextBatch> {
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
            (messages, amount) = self.count_within(room, messages, pongs);
        }
        if messages == 0 && pongs == 0 {
            return None;
        }
        if !self.groups.is_empty() {
            let whole = self.keep_together(messages);
            if whole < messages && room.is_some() {
                let behind = self.queue.iter().skip(pongs).take(whole);
                amount = behind.map(size).fold(Amount::default(), Amount::plus);
            }
            messages = whole;
        }
        self.first = self.first.saturating_add(count(messages));
        let length = messages.saturating_add(pongs);
        let packets = if length == self.queue.len() {
            std::mem::take(&mut self.queue).into()
        } else {
            self.queue.drain(..length).collect()
        };
        Some(NextBatch { packets, amount })
    }

    /// Of so many messages that would make the next batch, those before a group that would be cut. A
    /// group that is the first of a batch and too long for it is cut all the same.
    fn keep_together(&self, messages: usize) -> usize {
        let end = self.first.saturating_add(count(messages));
        match self.group_around(end) {
            Some(cut) if self.acceptance.framing == Framing::Frames && self.first < cut.start => {
                usize::try_from(cut.start.saturating_sub(self.first)).unwrap_or(messages)
            }
            _ => messages,
        }
    }

    /// Of so many messages behind the pong, those for which there is room. A group that has begun goes on,
    /// since nothing of it is confirmed before all of it is; one that has not begins where there is room
    /// for all of it.
    fn count_within(&self, room: Room, messages: usize, pongs: usize) -> (usize, Amount) {
        let mut used = Amount::default();
        let mut taken = 0_usize;
        if self.groups.is_empty() {
            for packet in self.queue.iter().skip(pongs).take(messages) {
                let with_it = used.plus(size(packet));
                let alone = taken == 0 && room.is_whole;
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
                .group_behind(place)
                .filter(|group| group.start <= place);
            let rest = group.map_or(1, |group| {
                usize::try_from(group.end.saturating_sub(place)).unwrap_or(usize::MAX)
            });
            let has_begun = group.is_some_and(|group| group.start < place);
            let at = taken.saturating_add(pongs);
            let mut with_it = used;
            let mut part = used;
            for (index, packet) in self.queue.iter().skip(at).take(rest).enumerate() {
                with_it = with_it.plus(size(packet));
                if taken.saturating_add(index) < messages {
                    part = with_it;
                }
            }
            let alone = taken == 0 && room.is_whole;
            if !(has_begun || alone || with_it.fits_in(room.left)) {
                break;
            }
            used = part;
            taken = taken.saturating_add(rest);
        }
        (taken.min(messages), used)
    }

    /// How many packets fit in one payload, by exact size, and at least one: a message that can't
    /// fit alone was not accepted.
    fn count_payload(&self) -> usize {
        let most = self.acceptance.max_payload.unwrap_or(UNTOLD_MAX_PAYLOAD);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut size = 0_usize;
        let mut count = 0_usize;
        for packet in self.queue.iter().take(self.packets_per_post.max(1)) {
            let separator = usize::from(count > 0);
            size = size
                .saturating_add(separator)
                .saturating_add(payload_len(packet));
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
        for packet in &self.queue {
            let length = match packet {
                Packet::Message(message) => message.len(),
                _ => 0,
            };
            size = size.saturating_add(length);
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
