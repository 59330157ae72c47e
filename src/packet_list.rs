//! The packets on their way to a transport.
//!
//! A queue of short messages would consist of as many small allocations, which are made by one task and
//! freed much later by another. The allocator is slow at that, and the messages are scattered in memory.
//! The list therefore copies short messages into buffers of its own, one behind the other.

use std::fmt;
use std::ops::Range;

use crate::amount::Amount;
use crate::codec::{Frame, frame};
use crate::packet::{Message, Packet};

/// Length of the longest message that is copied, in bytes. Longer ones are moved.
const SHORT: usize = 125;

/// A list of packets: they are added at the end and taken at the front.
#[derive(Clone, Default)]
pub(crate) struct PacketList {
    /// Where the packets are, in order. Those before the index `first` were taken.
    places: Vec<Place>,
    first: usize,
    /// The short texts, one behind the other.
    texts: String,
    /// The short binary messages, one behind the other.
    data: Vec<u8>,
    /// All other packets. A packet that was taken is replaced by a noop.
    others: Vec<Packet>,
}

#[derive(Clone, Copy)]
struct Place {
    kind: Kind,
    /// Length of a short message.
    length: u8,
    /// Index of the first byte of a short message, or index of another packet.
    start: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Data,
    Other,
}

impl Place {
    /// The place of a message at this index, unless the message is not short or the buffer before it is
    /// too long to be indexed.
    #[inline]
    fn short(kind: Kind, length: usize, start: usize) -> Option<Self> {
        if length > SHORT {
            return None;
        }
        let length = u8::try_from(length).ok()?;
        let start = u32::try_from(start).ok()?;
        Some(Self {
            kind,
            length,
            start,
        })
    }

    #[inline]
    fn start(self) -> usize {
        usize::try_from(self.start).unwrap_or(usize::MAX)
    }

    #[inline]
    fn range(self) -> Range<usize> {
        let start = self.start();
        start..start.saturating_add(usize::from(self.length))
    }
}

impl PacketList {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.places.len().saturating_sub(self.first)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn places(&self) -> &[Place] {
        self.places.get(self.first..).unwrap_or_default()
    }

    // Adding packets.

    /// Adds a message at the end. If it was copied, it is returned for the caller to drop. Dropping it
    /// may run code of the user, who owns its buffer, so no lock must be held then.
    #[inline]
    pub(crate) fn push_message(&mut self, message: Message) -> Option<Message> {
        let is_copied = match &message {
            Message::Text(text) => self.copy_text(text),
            Message::Binary(data) => self.copy_data(data),
        };
        if is_copied {
            return Some(message);
        }
        self.push_other(Packet::Message(message));
        None
    }

    /// Adds a packet at the end.
    pub(crate) fn push(&mut self, packet: Packet) {
        match packet {
            Packet::Message(message) => drop(self.push_message(message)),
            other => self.push_other(other),
        }
    }

    /// Adds a packet that is not a message at the front.
    pub(crate) fn push_front(&mut self, packet: Packet) {
        let place = self.other(packet);
        self.places.insert(self.first, place);
    }

    /// Adds all packets of another list at the end.
    pub(crate) fn append(&mut self, list: Self) {
        if self.is_empty() {
            *self = list;
        } else {
            self.move_all(list);
        }
    }

    fn move_all(&mut self, mut list: Self) {
        let places = std::mem::take(&mut list.places);
        let places = places.get(list.first..).unwrap_or_default();
        self.reserve(places);
        for place in places {
            self.move_from(&mut list, *place);
        }
    }

    /// Makes room for packets of another list.
    fn reserve(&mut self, places: &[Place]) {
        let lengths = |kind| {
            let of_kind = places.iter().filter(move |place| place.kind == kind);
            of_kind.map(|place| usize::from(place.length)).sum()
        };
        self.places.reserve(places.len());
        self.texts.reserve(lengths(Kind::Text));
        self.data.reserve(lengths(Kind::Data));
    }

    /// Adds the packet that another list has at this place.
    fn move_from(&mut self, list: &mut Self, place: Place) {
        let is_copied = match list.frame_at(place) {
            Frame::Text(_, text) if place.kind == Kind::Text => self.copy_text(text),
            Frame::Binary(data) if place.kind == Kind::Data => self.copy_data(data),
            _ => false,
        };
        if !is_copied {
            let packet = list.take(place);
            self.push_other(packet);
        }
    }

    #[inline]
    fn copy_text(&mut self, text: &str) -> bool {
        let Some(place) = Place::short(Kind::Text, text.len(), self.texts.len()) else {
            return false;
        };
        self.texts.push_str(text);
        self.places.push(place);
        true
    }

    #[inline]
    fn copy_data(&mut self, data: &[u8]) -> bool {
        let Some(place) = Place::short(Kind::Data, data.len(), self.data.len()) else {
            return false;
        };
        self.data.extend_from_slice(data);
        self.places.push(place);
        true
    }

    fn push_other(&mut self, packet: Packet) {
        let place = self.other(packet);
        self.places.push(place);
    }

    fn other(&mut self, packet: Packet) -> Place {
        // There are fewer than 2³² packets in memory, since a packet takes more than 32 bytes.
        let start = u32::try_from(self.others.len()).unwrap_or(u32::MAX);
        self.others.push(packet);
        Place {
            kind: Kind::Other,
            length: 0,
            start,
        }
    }

    // Looking at packets.

    /// The frame of the packet at this index.
    #[inline]
    pub(crate) fn frame(&self, index: usize) -> Option<Frame<'_>> {
        let place = self.places.get(self.first.checked_add(index)?)?;
        Some(self.frame_at(*place))
    }

    pub(crate) fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'_>> + Clone {
        self.places().iter().map(|place| self.frame_at(*place))
    }

    #[inline]
    fn frame_at(&self, place: Place) -> Frame<'_> {
        match place.kind {
            Kind::Text => Frame::Text(b'4', self.texts.get(place.range()).unwrap_or_default()),
            Kind::Data => Frame::Binary(self.data.get(place.range()).unwrap_or_default()),
            Kind::Other => frame(self.others.get(place.start()).unwrap_or(&Packet::Noop)),
        }
    }

    /// A copy of the packet at this index. The contents of long messages are shared.
    pub(crate) fn packet(&self, index: usize) -> Option<Packet> {
        let place = self.places.get(self.first.checked_add(index)?)?;
        Some(self.packet_at(*place))
    }

    fn packet_at(&self, place: Place) -> Packet {
        match (place.kind, self.frame_at(place)) {
            (Kind::Text, Frame::Text(_, text)) => Packet::Message(text.into()),
            (Kind::Data, Frame::Binary(data)) => Packet::Message(data.into()),
            _ => self
                .others
                .get(place.start())
                .map_or(Packet::Noop, Packet::clone),
        }
    }

    /// The messages and bytes that count for each packet: none unless it is a message.
    pub(crate) fn amounts(&self) -> impl Iterator<Item = Amount> {
        self.places().iter().map(|place| {
            let bytes = match place.kind {
                Kind::Text | Kind::Data => usize::from(place.length),
                Kind::Other => match self.others.get(place.start()) {
                    Some(Packet::Message(message)) => message.len(),
                    _ => return Amount::default(),
                },
            };
            Amount { messages: 1, bytes }
        })
    }

    // Taking packets.

    /// Takes the first `count` packets.
    pub(crate) fn take_front(&mut self, count: usize) -> Self {
        if count >= self.len() {
            return std::mem::take(self);
        }
        let mut front = Self::default();
        front.reserve(self.places().get(..count).unwrap_or_default());
        for _ in 0..count {
            if let Some(place) = self.places.get(self.first).copied() {
                self.first = self.first.saturating_add(1);
                front.move_from(self, place);
            }
        }
        if self.first > self.len() {
            // Most packets were taken. The others are moved, so that the memory of these is freed.
            let list = std::mem::take(self);
            self.move_all(list);
        }
        front
    }

    /// All packets, in order.
    pub(crate) fn into_packets(mut self) -> impl Iterator<Item = Packet> {
        let places = std::mem::take(&mut self.places);
        places
            .into_iter()
            .skip(self.first)
            .map(move |place| self.take(place))
    }

    pub(crate) fn into_messages(self) -> impl Iterator<Item = Message> {
        self.into_packets().filter_map(|packet| match packet {
            Packet::Message(message) => Some(message),
            _ => None,
        })
    }

    /// Empties the list, so that its buffers can be reused. Buffers that are far too large for what they
    /// held are freed: a connection should not keep the memory of its busiest moment. `None` if no
    /// buffer is left.
    pub(crate) fn into_empty(mut self) -> Option<Self> {
        let is_too_large =
            |capacity: usize, length: usize, least: usize| capacity / 8 > length.max(least);
        if is_too_large(self.places.capacity(), self.places.len(), 8) {
            self.places = Vec::new();
        }
        if is_too_large(self.texts.capacity(), self.texts.len(), SHORT) {
            self.texts = String::new();
        }
        if is_too_large(self.data.capacity(), self.data.len(), SHORT) {
            self.data = Vec::new();
        }
        if is_too_large(self.others.capacity(), self.others.len(), 8) {
            self.others = Vec::new();
        }
        self.places.clear();
        self.texts.clear();
        self.data.clear();
        self.others.clear();
        self.first = 0;
        (self.places.capacity() > 0).then_some(self)
    }

    fn take(&mut self, place: Place) -> Packet {
        match (place.kind, self.others.get_mut(place.start())) {
            (Kind::Other, Some(packet)) => std::mem::replace(packet, Packet::Noop),
            _ => self.packet_at(place),
        }
    }
}

impl FromIterator<Packet> for PacketList {
    fn from_iter<I: IntoIterator<Item = Packet>>(packets: I) -> Self {
        let mut list = Self::default();
        for packet in packets {
            list.push(packet);
        }
        list
    }
}

/// Two lists are equal if they have equal packets, wherever these are stored.
impl PartialEq for PacketList {
    fn eq(&self, other: &Self) -> bool {
        self.frames().eq(other.frames())
    }
}

impl Eq for PacketList {}

impl fmt::Debug for PacketList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packets = self.places().iter().map(|place| self.packet_at(*place));
        f.debug_list().entries(packets).finish()
    }
}

#[cfg(test)]
impl PacketList {
    pub(crate) fn with_buffer() -> Self {
        Self {
            places: Vec::with_capacity(8),
            ..Self::default()
        }
    }

    pub(crate) fn has_buffer(&self) -> bool {
        self.places.capacity() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of all kinds. Some of the messages have the length of the longest short one.
    fn packets(count: usize) -> Vec<Packet> {
        let text = |length| Packet::Message("è".repeat(length / 2).into());
        let data = |length| Packet::Message(vec![7; length].into());
        (0..count)
            .map(|index| match index % 8 {
                0 => text(2 * index),
                1 => data(index),
                2 => text(SHORT - 1),
                3 => data(SHORT),
                4 => text(SHORT + 1),
                5 => data(SHORT + 1),
                6 => Packet::Pong("probe".into()),
                _ => Packet::Message("".into()),
            })
            .collect()
    }

    fn list(packets: &[Packet]) -> PacketList {
        packets.iter().cloned().collect()
    }

    #[test]
    fn packets_are_the_same_by_value_and_as_frames() {
        let packets = packets(40);
        let list = list(&packets);
        assert_eq!(list.len(), packets.len());
        assert!(list.frames().eq(packets.iter().map(frame)));
        for (index, packet) in packets.iter().enumerate() {
            assert_eq!(list.packet(index).as_ref(), Some(packet));
            assert_eq!(list.frame(index), Some(frame(packet)));
        }
        assert_eq!(list.packet(40), None);
        assert_eq!(list.frame(40), None);
        assert_eq!(list.clone().into_packets().collect::<Vec<_>>(), packets);
        let amounts: Vec<Amount> = packets
            .iter()
            .map(|packet| match packet {
                Packet::Message(message) => Amount {
                    messages: 1,
                    bytes: message.len(),
                },
                _ => Amount::default(),
            })
            .collect();
        assert_eq!(list.amounts().collect::<Vec<_>>(), amounts);
    }

    #[test]
    fn a_short_message_is_copied_and_a_long_one_is_moved() {
        let mut list = PacketList::default();
        let short = Message::from(vec![1; SHORT]);
        assert_eq!(list.push_message(short.clone()), Some(short));
        let long = Message::from(vec![1; SHORT + 1]);
        let buffer = long.as_binary().map(|data| data.as_ptr());
        assert_eq!(list.push_message(long), None);
        let moved = list.into_messages().last();
        let moved = moved.as_ref().and_then(Message::as_binary);
        assert_eq!(moved.map(|data| data.as_ptr()), buffer);
    }

    /// Takes from the front and adds at the end in turn, so that the memory of what was taken is freed
    /// in between.
    #[test]
    fn parts_taken_from_the_front_are_in_order() {
        let packets = packets(300);
        for part in [1, 3, 7, 16, 64] {
            let mut rest = packets.as_slice();
            let mut queue = PacketList::default();
            let mut taken = Vec::new();
            while taken.len() < packets.len() {
                let (added, behind) = rest.split_at(rest.len().min(part + 2));
                rest = behind;
                queue.append(list(added));
                let front = queue.take_front(part);
                assert!(front.len() <= part);
                taken.extend(front.into_packets());
                assert!(
                    queue.first <= queue.len() + part,
                    "the places of taken packets are freed"
                );
            }
            assert!(queue.is_empty());
            assert_eq!(taken, packets);
        }
    }

    #[test]
    fn a_packet_is_added_at_the_front_of_a_list_that_was_partly_taken() {
        let packets = packets(40);
        for taken in [0, 5, 30] {
            let mut queue = list(&packets);
            queue.take_front(taken);
            queue.push_front(Packet::Pong("x".into()));
            assert_eq!(queue.len(), 41 - taken);
            let front = queue.take_front(3);
            assert_eq!(front.packet(0), Some(Packet::Pong("x".into())));
            assert!(
                front
                    .into_packets()
                    .skip(1)
                    .eq(packets[taken..taken + 2].iter().cloned())
            );
            assert!(
                queue
                    .into_packets()
                    .eq(packets[taken + 2..].iter().cloned())
            );
        }
    }

    #[test]
    fn lists_are_equal_if_their_packets_are() {
        let packets = packets(20);
        let mut part = list(&packets);
        part.take_front(3);
        assert_eq!(part, list(&packets[3..]));
        assert_ne!(part, list(&packets[4..]));
        let mut longer = part.clone();
        longer.push(Packet::Noop);
        assert_ne!(part, longer);
        assert_eq!(format!("{part:?}"), format!("{:?}", &packets[3..]));
    }

    #[test]
    fn an_emptied_list_keeps_buffers_of_the_right_size_only() {
        let mut burst = PacketList::default();
        for _ in 0..1000 {
            burst.push(Packet::Message("x".repeat(100).into()));
        }
        let mut empty = burst.into_empty().expect("a buffer was needed");
        assert!(empty.is_empty());
        assert!(empty.texts.capacity() >= 100_000);
        empty.push(Packet::Message("hi".into()));
        assert!(
            empty.into_empty().is_none(),
            "buffers of 1,000 messages, for one message"
        );
        let mut few = PacketList::default();
        few.push(Packet::Message("hi".into()));
        assert!(few.into_empty().is_some_and(|empty| empty.is_empty()));
        assert!(PacketList::default().into_empty().is_none());
    }

    #[test]
    fn a_message_that_does_not_fit_in_the_index_is_moved() {
        let start = usize::try_from(u32::MAX).expect("a usize has 32 bits");
        assert!(Place::short(Kind::Data, SHORT, start).is_some());
        assert!(Place::short(Kind::Data, SHORT, start + 1).is_none());
        assert!(Place::short(Kind::Data, SHORT + 1, 0).is_none());
    }
}
