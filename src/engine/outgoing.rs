//! Messages on their way from the user to the engine, and the check whether the session can carry them.

use std::ops::Range;

use crate::codec::SEPARATOR;
use crate::error::{Error, ErrorKind};
use crate::packet::{Message, Packet};
use crate::packet_list::PacketList;
use crate::transport::Framing;

/// The rule that decides which messages the session's current link can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acceptance {
    pub(super) framing: Framing,
    pub(super) max_payload: Option<u64>,
    /// Whether `maxPayload` also limits messages on `Frames` links.
    strict: bool,
}

impl Acceptance {
    pub(crate) fn new(framing: Framing, max_payload: Option<u64>) -> Self {
        Self {
            framing,
            max_payload,
            strict: false,
        }
    }

    /// The rule for a client that reconnects. A message may be sent in a later session, which may be on
    /// polling, so messages larger than the server's `maxPayload` are refused on every link.
    pub(crate) fn strict(self) -> Self {
        Self {
            strict: true,
            ..self
        }
    }

    /// Checks whether this message can be sent, at least in a batch of its own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] if the message exceeds `maxPayload`; [`ErrorKind::NeedsFrames`] if a text
    /// contains U+001E, which separates packets in a payload. `Frames` links have neither limit, unless
    /// the rule is [`strict`](Self::strict).
    #[inline]
    pub(crate) fn check(&self, message: &Message) -> Result<(), Error> {
        if self.framing == Framing::Frames && !self.strict {
            return Ok(());
        }
        self.check_limits(message)
    }

    fn check_limits(&self, message: &Message) -> Result<(), Error> {
        let frames = self.framing == Framing::Frames;
        let length = match message {
            Message::Text(text) => {
                if !frames && memchr::memchr(SEPARATOR, text.as_bytes()).is_some() {
                    return Err(Error::new(
                        ErrorKind::NeedsFrames,
                        "a text with the character U+001E can't be sent over polling, where it separates packets",
                    ));
                }
                text.len().saturating_add(1)
            }
            Message::Binary(data) => data.len().div_ceil(3).saturating_mul(4).saturating_add(1),
        };
        match self.max_payload {
            Some(most) if u64::try_from(length).unwrap_or(u64::MAX) > most => Err(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "the message takes {length} bytes on the wire; the server accepts {most} (its maxPayload)"
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Messages of the user in sending order. Some form groups, which are sent in one piece.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    pub(super) packets: PacketList,
    /// Groups of two or more messages, as ranges of `packets`. Disjoint and in order.
    pub(super) groups: Vec<Range<usize>>,
}

impl Outgoing {
    /// Creates an empty list that reuses the buffers of another empty one.
    pub(crate) fn new(empty: PacketList) -> Self {
        Self {
            packets: empty,
            groups: Vec::new(),
        }
    }

    /// Adds a message. If it was copied, it is returned for the caller to drop: see
    /// [`PacketList::push_message`].
    #[inline]
    pub(crate) fn push(&mut self, message: Message) -> Option<Message> {
        self.packets.push_message(message)
    }

    /// Adds messages as one group. Returns those that were copied.
    pub(crate) fn push_group(&mut self, messages: Vec<Message>) -> Vec<Message> {
        let start = self.packets.len();
        let pushed = messages
            .into_iter()
            .map(|message| self.packets.push_message(message));
        let copied = pushed.flatten().collect();
        let end = self.packets.len();
        if end.saturating_sub(start) > 1 {
            self.groups.push(start..end);
        }
        copied
    }

    /// Creates a list of one group. The messages are not copied, so none is dropped.
    pub(crate) fn one_group(messages: Vec<Message>) -> Self {
        let mut list = Self::default();
        for message in messages {
            list.packets.push_uncopied(message);
        }
        if list.packets.len() > 1 {
            list.groups.push(0..list.packets.len());
        }
        list
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// The range of the group that contains this place, or of the single message there.
    pub(crate) fn parcel_at(&self, place: usize) -> Range<usize> {
        let at = self.groups.partition_point(|group| group.end <= place);
        let group = self.groups.get(at).filter(|group| group.start <= place);
        group.map_or_else(|| place..place.saturating_add(1), Range::clone)
    }

    /// The messages in this range. Short ones are copied.
    pub(crate) fn messages_at(&self, places: Range<usize>) -> impl Iterator<Item = Message> {
        places.filter_map(|place| match self.packets.packet(place) {
            Some(Packet::Message(message)) => Some(message),
            _ => None,
        })
    }

    /// Removes and returns the first `count` messages. The cut must not be inside a group.
    pub(crate) fn split_front(&mut self, count: usize) -> Self {
        let packets = self.packets.take_front(count);
        let (front, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.groups)
            .into_iter()
            .partition(|group| group.end <= count);
        self.groups = rest
            .into_iter()
            .map(|group| group.start.saturating_sub(count)..group.end.saturating_sub(count))
            .collect();
        Self {
            packets,
            groups: front,
        }
    }

    /// Inserts `front` before all other messages.
    pub(crate) fn prepend(&mut self, front: Self) {
        if front.is_empty() {
            return;
        }
        let count = front.packets.len();
        let Self { packets, groups } = std::mem::replace(self, front);
        self.packets.append(packets);
        let shifted = groups
            .into_iter()
            .map(|group| group.start.saturating_add(count)..group.end.saturating_add(count));
        self.groups.extend(shifted);
    }

    /// Creates a list of messages and the ranges of its groups.
    pub(crate) fn with_groups(
        messages: impl IntoIterator<Item = Message>,
        groups: Vec<Range<usize>>,
    ) -> Self {
        Self {
            packets: messages.into_iter().map(Packet::Message).collect(),
            groups,
        }
    }

    pub(crate) fn into_messages(self) -> impl Iterator<Item = Message> {
        self.packets.into_messages()
    }
}

#[cfg(any(test, fuzzing, feature = "__bench"))]
impl FromIterator<Packet> for Outgoing {
    fn from_iter<I: IntoIterator<Item = Packet>>(packets: I) -> Self {
        Self {
            packets: packets.into_iter().collect(),
            groups: Vec::new(),
        }
    }
}
