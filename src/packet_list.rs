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

/// Short messages of one kind that are copied to another buffer.
struct Run {
    /// Indexes of the first byte, and of the byte after the last.
    start: Option<u32>,
    end: usize,
    /// Index of the first byte in the other buffer.
    target: u32,
}

impl Run {
    /// Nothing yet. The messages will be added to a buffer of this length.
    fn before(target: usize) -> Self {
        Self {
            start: None,
            end: 0,
            target: u32::try_from(target).unwrap_or(u32::MAX),
        }
    }

    /// Adds the message at this place, which lies behind those that were added before. Returns its place
    /// in the other buffer.
    #[inline]
    fn add(&mut self, place: Place) -> Place {
        let start = *self.start.get_or_insert(place.start);
        self.end = place.range().end;
        let offset = place.start.saturating_sub(start);
        Place {
            start: self.target.saturating_add(offset),
            ..place
        }
    }

    fn range(&self) -> Range<usize> {
        let start = self.start.and_then(|start| usize::try_from(start).ok());
        start.unwrap_or(self.end)..self.end
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

    /// Adds a message at the end without copying it, so that there is nothing to drop.
    pub(crate) fn push_uncopied(&mut self, message: Message) {
        self.push_other(Packet::Message(message));
    }

    /// Adds a packet that is not a message at the front.
    pub(crate) fn push_front(&mut self, packet: Packet) {
        let place = self.other(packet);
        self.places.insert(self.first, place);
    }

    /// Adds all packets of another list at the end.
    pub(crate) fn append(&mut self, mut list: Self) {
        let fit = |ours: usize, theirs: usize| u32::try_from(ours.saturating_add(theirs)).is_ok();
        if self.is_empty() {
            *self = list;
        } else if fit(self.texts.len(), list.texts.len()) && fit(self.data.len(), list.data.len()) {
            let all = list.first..list.places.len();
            self.move_range(&mut list, all);
        } else {
            for packet in list.into_packets() {
                self.push(packet);
            }
        }
    }

    /// Adds the packets that another list has at these places. There must be indexes for all of its bytes
    /// behind ours.
    ///
    /// Short messages lie in the order of their places, so those of a range of places are copied at once.
    fn move_range(&mut self, list: &mut Self, range: Range<usize>) {
        let mut texts = Run::before(self.texts.len());
        let mut data = Run::before(self.data.len());
        self.places.reserve(range.len());
        for index in range {
            let Some(place) = list.places.get(index).copied() else {
                break;
            };
            let place = match place.kind {
                Kind::Text => texts.add(place),
                Kind::Data => data.add(place),
                Kind::Other => {
                    let packet = list.take(place);
                    self.other(packet)
                }
            };
            self.places.push(place);
        }
        self.texts
            .push_str(list.texts.get(texts.range()).unwrap_or_default());
        let data = list.data.get(data.range()).unwrap_or_default();
        self.data.extend_from_slice(data);
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
        let end = self.first.saturating_add(count);
        front.move_range(self, self.first..end);
        self.first = end;
        if self.first > self.len() {
            // Most packets were taken. The others are moved, so that the memory of these is freed.
            let mut list = std::mem::take(self);
            let rest = list.first..list.places.len();
            self.move_range(&mut list, rest);
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
mod tests;
