//! What the user sends, on its way to the engine, and which of it a session can carry.

use std::ops::Range;

use crate::amount::Amount;
use crate::codec::SEPARATOR;
use crate::error::{Error, ErrorKind};
use crate::packet::{Message, Packet};
use crate::transport::Framing;

/// Which messages the session can carry at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acceptance {
    pub(super) framing: Framing,
    pub(super) max_payload: Option<u64>,
    /// Whether `maxPayload` binds frames, too.
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

    /// The same for messages that may leave in another session than this: none is accepted that is larger
    /// than the server's `maxPayload`, since the next session may be on polling.
    pub(crate) fn strict(self) -> Self {
        Self {
            strict: true,
            ..self
        }
    }

    /// Whether this message can be sent, alone at least.
    ///
    /// # Errors
    ///
    /// On a link of payloads, [`ErrorKind::TooLarge`] and [`ErrorKind::NeedsFrames`].
    pub(crate) fn check(&self, message: &Message) -> Result<(), Error> {
        let frames = self.framing == Framing::Frames;
        if frames && !self.strict {
            return Ok(());
        }
        let length = match message {
            Message::Text(text) => {
                if !frames && memchr::memchr(SEPARATOR, text.as_bytes()).is_some() {
                    return Err(Error::new(
                        ErrorKind::NeedsFrames,
                        "a text with the character U+001E can't be sent by polling, where any server splits it",
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
                    "a message of {length} bytes on the wire, where the server takes {most} (its maxPayload)"
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Messages that the user sends, in order, and which of them belong together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    pub(super) packets: Vec<Packet>,
    /// Groups of more than one message, by their places in `packets`.
    pub(super) groups: Vec<Range<usize>>,
}

impl Outgoing {
    /// An empty one, in a buffer that has served before.
    pub(crate) fn new(mut buffer: Vec<Packet>) -> Self {
        buffer.clear();
        Self {
            packets: buffer,
            groups: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, message: Message) {
        self.packets.push(Packet::Message(message));
    }

    /// Adds messages that stay together.
    pub(crate) fn push_group(&mut self, messages: Vec<Message>) {
        let start = self.packets.len();
        self.packets
            .extend(messages.into_iter().map(Packet::Message));
        let end = self.packets.len();
        if end.saturating_sub(start) > 1 {
            self.groups.push(start..end);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// The messages that belong together with the one at this place.
    pub(crate) fn parcel_at(&self, place: usize) -> Range<usize> {
        let at = self.groups.partition_point(|group| group.end <= place);
        let group = self.groups.get(at).filter(|group| group.start <= place);
        group.map_or_else(|| place..place.saturating_add(1), Range::clone)
    }

    /// Those at these places.
    pub(crate) fn messages_at(&self, places: Range<usize>) -> impl Iterator<Item = &Message> {
        let packets = self.packets.get(places).unwrap_or_default();
        packets.iter().filter_map(|packet| match packet {
            Packet::Message(message) => Some(message),
            _ => None,
        })
    }

    /// Takes the first so many messages out. No group may be cut.
    pub(crate) fn split_front(&mut self, count: usize) -> Self {
        let rest = self.packets.split_off(count.min(self.packets.len()));
        let packets = std::mem::replace(&mut self.packets, rest);
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

    /// Puts these before all others.
    pub(crate) fn prepend(&mut self, front: Self) {
        if front.is_empty() {
            return;
        }
        let count = front.packets.len();
        let Self { packets, groups } = std::mem::replace(self, front);
        self.packets.extend(packets);
        let shifted = groups
            .into_iter()
            .map(|group| group.start.saturating_add(count)..group.end.saturating_add(count));
        self.groups.extend(shifted);
    }

    /// Messages with the groups among them, by their places.
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
        messages(self.packets)
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

/// How much of the user's a packet holds.
pub(super) fn size(packet: &Packet) -> Amount {
    match packet {
        Packet::Message(message) => Amount {
            messages: 1,
            bytes: message.len(),
        },
        _ => Amount::default(),
    }
}

/// What of these the user has sent.
pub(super) fn messages(packets: impl IntoIterator<Item = Packet>) -> impl Iterator<Item = Message> {
    packets.into_iter().filter_map(|packet| match packet {
        Packet::Message(message) => Some(message),
        _ => None,
    })
}
