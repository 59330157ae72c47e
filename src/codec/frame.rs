//! Frames: a packet as its type character and its contents.

use base64::Engine as _;

use super::base64_engine::BASE64;
use crate::packet::{Message, Packet};

/// The byte that separates the packets of a payload (U+001E, record separator).
pub const SEPARATOR: u8 = 0x1e;

/// A packet encoded as one frame: its type character and its text, or the bytes of a binary message.
///
/// ```
/// use engineio_client::codec::{Frame, frame};
/// use engineio_client::{Message, Packet};
///
/// assert_eq!(frame(&Packet::Message(Message::from("hi"))), Frame::Text(b'4', "hi"));
/// assert_eq!(frame(&Packet::Message(Message::from(vec![1]))), Frame::Binary(&[1]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a frame is text or binary")]
pub enum Frame<'a> {
    /// A text frame: the type character, then the text.
    Text(u8, &'a str),
    /// A binary frame: the data of a binary message.
    Binary(&'a [u8]),
}

impl Frame<'_> {
    /// Exact number of bytes that the packet takes in a payload, without separators.
    ///
    /// ```
    /// use engineio_client::codec::Frame;
    ///
    /// assert_eq!(Frame::Text(b'4', "hi").payload_len(), "4hi".len());
    /// assert_eq!(Frame::Binary(&[1]).payload_len(), "bAQ==".len());
    /// ```
    pub fn payload_len(&self) -> usize {
        match self {
            Self::Text(_, text) => text.len().saturating_add(1),
            Self::Binary(data) => base64_len(data.len()).saturating_add(1),
        }
    }

    /// Writes a part of the packet as it stands in a payload: the bytes from `start` on, as far as there
    /// is `room`. Returns their number. For a transport that sends a payload in pieces.
    ///
    /// Base64 is written in whole groups of four bytes, so up to three bytes of the room may stay unused.
    /// `start` must be the sum of what earlier calls returned.
    ///
    /// ```
    /// use engineio_client::codec::Frame;
    ///
    /// let frame = Frame::Binary(&[1, 2, 3, 4]);
    /// let mut room = [0; 6];
    /// assert_eq!(frame.encode_part(0, &mut room), 5);
    /// assert_eq!(room[..5], *b"bAQID");
    /// assert_eq!(frame.encode_part(5, &mut room), 4);
    /// assert_eq!(room[..4], *b"BA==");
    /// assert_eq!(frame.encode_part(9, &mut room), 0);
    /// ```
    pub fn encode_part(&self, start: usize, room: &mut [u8]) -> usize {
        let Some(before) = start.checked_sub(1) else {
            let (kind, contents) = match self {
                Self::Text(kind, text) => (*kind, text.as_bytes()),
                Self::Binary(data) => (b'b', *data),
            };
            return match room.split_first_mut() {
                Some((first, room)) => {
                    *first = kind;
                    self.encode_contents(contents, room).saturating_add(1)
                }
                None => 0,
            };
        };
        match self {
            Self::Text(_, text) => {
                self.encode_contents(text.as_bytes().get(before..).unwrap_or_default(), room)
            }
            Self::Binary(data) => {
                let start = (before / 4).saturating_mul(3);
                self.encode_contents(data.get(start..).unwrap_or_default(), room)
            }
        }
    }

    fn encode_contents(&self, contents: &[u8], room: &mut [u8]) -> usize {
        match self {
            Self::Text(..) => {
                let count = contents.len().min(room.len());
                if let (Some(room), Some(text)) = (room.get_mut(..count), contents.get(..count)) {
                    room.copy_from_slice(text);
                }
                count
            }
            Self::Binary(_) => {
                // Only the last group may need padding.
                let most = (room.len() / 4).saturating_mul(3);
                let data = contents.get(..most).unwrap_or(contents);
                // There is room, so this does not fail.
                BASE64.encode_slice(data, room).unwrap_or_default()
            }
        }
    }
}

/// The length of data in base64.
fn base64_len(data: usize) -> usize {
    data.div_ceil(3).saturating_mul(4)
}

/// Encodes a packet as a frame of its own. Nothing is copied.
///
/// ```
/// use engineio_client::codec::{Frame, frame};
/// use engineio_client::Packet;
///
/// assert_eq!(frame(&Packet::Noop), Frame::Text(b'6', ""));
/// ```
pub fn frame(packet: &Packet) -> Frame<'_> {
    match packet {
        Packet::Open(text) => Frame::Text(b'0', text),
        Packet::Close => Frame::Text(b'1', ""),
        Packet::Ping(text) => Frame::Text(b'2', text),
        Packet::Pong(text) => Frame::Text(b'3', text),
        Packet::Message(Message::Text(text)) => Frame::Text(b'4', text),
        Packet::Message(Message::Binary(data)) => Frame::Binary(data),
        Packet::Upgrade => Frame::Text(b'5', ""),
        Packet::Noop => Frame::Text(b'6', ""),
    }
}

/// A sequence of packets that [`encode_payload`](super::encode_payload) accepts: a slice, array or `Vec`, or a
/// [`Batch`](crate::Batch).
///
/// ```
/// use engineio_client::codec::{Frame, Packets};
/// use engineio_client::{Message, Packet};
///
/// let packets = [Packet::Message(Message::from("hi")), Packet::Noop];
/// assert!(packets.frames().eq([Frame::Text(b'4', "hi"), Frame::Text(b'6', "")]));
/// ```
pub trait Packets {
    /// The packets as frames, in order.
    fn frames(&self) -> impl Iterator<Item = Frame<'_>> + Clone;

    /// Exact number of bytes of the packets as a payload, with their separators.
    ///
    /// ```
    /// use engineio_client::Packet;
    /// use engineio_client::codec::Packets as _;
    ///
    /// assert_eq!([Packet::Noop, Packet::Close].payload_len(), "6\x1e1".len());
    /// ```
    fn payload_len(&self) -> usize {
        let length = self.frames().fold(0_usize, |length, frame| {
            length.saturating_add(frame.payload_len()).saturating_add(1)
        });
        // The last packet has no separator.
        length.saturating_sub(1)
    }

    /// Adds the packets as a payload to the end of a buffer.
    ///
    /// ```
    /// use engineio_client::Packet;
    /// use engineio_client::codec::Packets as _;
    ///
    /// let mut buffer = b"POST".to_vec();
    /// [Packet::Noop, Packet::Close].append_payload(&mut buffer);
    /// assert_eq!(buffer, b"POST6\x1e1");
    /// ```
    fn append_payload(&self, buffer: &mut Vec<u8>) {
        for (index, frame) in self.frames().enumerate() {
            if index > 0 {
                buffer.push(SEPARATOR);
            }
            match frame {
                Frame::Text(kind, text) => {
                    buffer.push(kind);
                    buffer.extend_from_slice(text.as_bytes());
                }
                Frame::Binary(_) => {
                    let start = buffer.len();
                    buffer.resize(start.saturating_add(frame.payload_len()), 0);
                    frame.encode_part(0, buffer.get_mut(start..).unwrap_or_default());
                }
            }
        }
    }
}

impl Packets for [Packet] {
    fn frames(&self) -> impl Iterator<Item = Frame<'_>> + Clone {
        self.iter().map(frame)
    }
}

impl Packets for Vec<Packet> {
    fn frames(&self) -> impl Iterator<Item = Frame<'_>> + Clone {
        self.iter().map(frame)
    }
}

impl<const N: usize> Packets for [Packet; N] {
    fn frames(&self) -> impl Iterator<Item = Frame<'_>> + Clone {
        self.iter().map(frame)
    }
}

/// Exact number of bytes that a packet takes in a payload, without separators.
///
/// ```
/// use engineio_client::codec::payload_len;
/// use engineio_client::{Message, Packet};
///
/// assert_eq!(payload_len(&Packet::Message(Message::from("è"))), 3);
/// assert_eq!(payload_len(&Packet::Message(Message::from(vec![0; 4]))), 1 + 8);
/// ```
pub fn payload_len(packet: &Packet) -> usize {
    frame(packet).payload_len()
}
