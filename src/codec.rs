//! Encodes and decodes packets: text frames, binary frames, and the payloads of polling. Pure functions,
//! for use by transports.

use std::ops::Range;
use std::str::Utf8Error;

use base64::Engine as _;
use bytes::{Buf as _, Bytes};

use self::base64_engine::BASE64;

use crate::error::{Error, ErrorKind};
use crate::limits::{Limit, Limits};
use crate::packet::{Message, Packet, Text};

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
            Self::Binary(data) => data.len().div_ceil(3).saturating_mul(4).saturating_add(1),
        }
    }
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

/// A sequence of packets that [`encode_payload`] accepts: a slice, array or `Vec`, or a
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

/// Encodes packets as a payload.
///
/// A text that contains [`SEPARATOR`] would be decoded as two packets. The client never passes such a
/// text to a transport with [`Framing::Payloads`](crate::transport::Framing::Payloads).
///
/// ```
/// use engineio_client::codec::encode_payload;
/// use engineio_client::{Message, Packet};
///
/// let payload = encode_payload(&[
///     Packet::Message(Message::from("hello")),
///     Packet::Message(Message::from(vec![1, 2, 3, 4])),
/// ]);
/// assert_eq!(payload, "4hello\x1ebAQIDBA==");
/// ```
pub fn encode_payload(packets: &(impl Packets + ?Sized)) -> Bytes {
    let frames = packets.frames();
    let length = frames
        .clone()
        .map(|frame| frame.payload_len().saturating_add(1))
        .sum();
    let mut payload = String::with_capacity(length);
    for (index, frame) in frames.enumerate() {
        if index > 0 {
            payload.push(char::from(SEPARATOR));
        }
        match frame {
            Frame::Text(kind, text) => {
                payload.push(char::from(kind));
                payload.push_str(text);
            }
            Frame::Binary(data) => {
                payload.push('b');
                BASE64.encode_string(data, &mut payload);
            }
        }
    }
    Bytes::from(payload)
}

/// The result of [`decode_payload`]: the packets before the first error, and that error.
///
/// ```
/// use engineio_client::codec::decode_payload;
/// use engineio_client::{ErrorKind, Limits};
///
/// let decoded = decode_payload("4first\x1e?".into(), &Limits::default());
/// assert_eq!(decoded.packets.len(), 1);
/// assert_eq!(decoded.error.unwrap().kind(), ErrorKind::Protocol);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Decoded {
    /// The valid packets, in order.
    pub packets: Vec<Packet>,
    /// The error in the packet that follows them, if there is one.
    pub error: Option<Error>,
}

/// Decodes a payload. Decoding stops at the first malformed packet.
///
/// Texts are slices of the body's buffer, unless all texts together make up at most half of the body.
/// Then they are copied.
///
/// ```
/// use engineio_client::codec::decode_payload;
/// use engineio_client::{Limits, Message, Packet};
///
/// let decoded = decode_payload("4a\x1e4b\x1ex".into(), &Limits::default());
/// assert_eq!(decoded.packets.len(), 2);
/// assert_eq!(decoded.packets[1], Packet::Message(Message::from("b")));
/// assert!(decoded.error.is_some());
/// ```
pub fn decode_payload(body: Bytes, limits: &Limits) -> Decoded {
    let (text, mut error) = match Text::from_utf8(body.clone()) {
        Ok(text) => (text, None),
        Err(invalid) => {
            // The packets before the one with invalid UTF-8 are still valid.
            let valid = body.get(..invalid.valid_up_to()).unwrap_or_default();
            let whole = memchr::memrchr(SEPARATOR, valid).unwrap_or(0);
            let error =
                Error::new(ErrorKind::Protocol, "the payload is not UTF-8").with_source(invalid);
            match Text::from_utf8(body.slice(..whole)) {
                Ok(text) if whole > 0 => (text, Some(error)),
                _ => {
                    return Decoded {
                        packets: Vec::new(),
                        error: Some(error),
                    };
                }
            }
        }
    };
    let mut packets = Vec::new();
    let mut start = 0;
    let ends = memchr::memchr_iter(SEPARATOR, text.as_bytes()).chain([text.len()]);
    for end in ends {
        if packets.len() >= limits.payload_packets {
            let most = limits.payload_packets;
            let message = format!("the payload has more than {most} packets");
            error = Some(Error::new(ErrorKind::Limit, message).with_limit(Limit::PayloadPackets));
            break;
        }
        match decode_part(&text, start..end, limits) {
            Ok(packet) => packets.push(packet),
            Err(fault) => {
                error = Some(fault);
                break;
            }
        }
        start = end.saturating_add(1);
    }
    detach_small_share(&mut packets, text.len());
    Decoded { packets, error }
}

/// Copies the texts out of the body's buffer if they make up at most half of the body.
///
/// A text that is a slice of the body keeps the whole body alive, but the inbox limit counts only the
/// bytes of the text. Without the copy, a server could fill its bodies with packets that are dropped,
/// such as noops, and so make the client keep far more memory than the limit allows.
fn detach_small_share(packets: &mut [Packet], body: usize) {
    let texts = |packet: &Packet| match packet {
        Packet::Message(Message::Text(text)) => text.len(),
        _ => 0,
    };
    let kept: usize = packets.iter().map(texts).sum();
    if kept == 0 || kept > body / 2 {
        return;
    }
    for packet in packets {
        if let Packet::Message(Message::Text(text)) = packet {
            *text = text.detach();
        }
    }
}

/// Decodes the packet in this range of a payload.
fn decode_part(payload: &Text, part: Range<usize>, limits: &Limits) -> Result<Packet, Error> {
    let kind = payload.as_bytes().get(part.clone()).and_then(<[u8]>::first);
    match kind {
        Some(kind) if kind.is_ascii() => {
            let rest = payload.slice(part.start.saturating_add(1)..part.end);
            packet(*kind, rest.unwrap_or_default(), limits)
        }
        _ => Err(unknown_type(payload.get(part).unwrap_or_default())),
    }
}

/// Whether the first response body of a session comes from a server that speaks Engine.IO protocol 3.
///
/// Protocol 3 (EIO=3) puts the number of characters before each packet: `96:0{"sid":...`. Check only
/// the first body: in a later body, the same bytes may be a message.
///
/// ```
/// use engineio_client::codec::is_protocol_3;
///
/// assert!(is_protocol_3(br#"96:0{"sid":"x"}"#));
/// assert!(!is_protocol_3(br#"0{"sid":"x"}"#));
/// ```
pub fn is_protocol_3(first_body: &[u8]) -> bool {
    let digits = first_body
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    digits > 0
        && first_body
            .get(digits..)
            .is_some_and(|rest| rest.starts_with(b":0{"))
}

/// Decodes a text frame.
///
/// # Errors
///
/// [`ErrorKind::Protocol`] if the frame is empty, has an unknown packet type, or has invalid base64
/// after a `b`; [`ErrorKind::Limit`] if the message is longer than the limit.
///
/// ```
/// use engineio_client::codec::decode_text;
/// use engineio_client::{Limits, Packet, Text};
///
/// let packet = decode_text(Text::from("3probe"), &Limits::default())?;
/// assert_eq!(packet, Packet::Pong(Text::from("probe")));
/// # Ok::<(), engineio_client::Error>(())
/// ```
pub fn decode_text(frame: Text, limits: &Limits) -> Result<Packet, Error> {
    match frame.as_bytes().first() {
        Some(kind) if kind.is_ascii() => packet(*kind, frame.without_type(), limits),
        _ => Err(unknown_type(&frame)),
    }
}

/// Decodes a text frame whose bytes were not validated as UTF-8 yet, so that the transport need not
/// validate them itself.
///
/// # Errors
///
/// The errors of [`decode_text`], and [`ErrorKind::Protocol`] if the frame is not valid UTF-8.
///
/// ```
/// use bytes::Bytes;
/// use engineio_client::codec::decode_text_frame;
/// use engineio_client::{Limits, Message, Packet};
///
/// let limits = Limits::default();
/// let packet = decode_text_frame(Bytes::from_static(b"4hello"), &limits)?;
/// assert_eq!(packet, Packet::Message(Message::from("hello")));
/// assert!(decode_text_frame(Bytes::from_static(b"4\xff"), &limits).is_err());
/// # Ok::<(), engineio_client::Error>(())
/// ```
#[inline]
pub fn decode_text_frame(mut frame: Bytes, limits: &Limits) -> Result<Packet, Error> {
    match frame.first().copied() {
        Some(b'4') => {
            frame.advance(1);
            let text = utf8(frame)?;
            check_length(text.len(), limits)?;
            Ok(Packet::Message(Message::Text(text)))
        }
        Some(kind) if kind.is_ascii() => {
            frame.advance(1);
            packet(kind, utf8(frame)?, limits)
        }
        _ => Err(unknown_type(&utf8(frame)?)),
    }
}

#[inline]
fn utf8(frame: Bytes) -> Result<Text, Error> {
    Text::from_utf8(frame).map_err(not_utf8)
}

#[cold]
fn not_utf8(invalid: Utf8Error) -> Error {
    Error::new(ErrorKind::Protocol, "the text frame is not UTF-8").with_source(invalid)
}

/// Decodes a packet from its type character and the text after it.
#[inline]
fn packet(kind: u8, rest: Text, limits: &Limits) -> Result<Packet, Error> {
    Ok(match kind {
        b'0' => Packet::Open(rest),
        b'1' => Packet::Close,
        b'2' => Packet::Ping(rest),
        b'3' => Packet::Pong(rest),
        b'4' => {
            check_length(rest.len(), limits)?;
            Packet::Message(Message::Text(rest))
        }
        b'5' => Packet::Upgrade,
        b'6' => Packet::Noop,
        b'b' => {
            check_length(
                base64::decoded_len_estimate(rest.len()).saturating_sub(2),
                limits,
            )?;
            let data = BASE64.decode(rest.as_bytes()).map_err(|error| {
                Error::new(ErrorKind::Protocol, "the binary message is not base64")
                    .with_source(error)
            })?;
            check_length(data.len(), limits)?;
            Packet::Message(Message::Binary(data.into()))
        }
        _ => return Err(unknown_type(char::from(kind).encode_utf8(&mut [0; 4]))),
    })
}

#[cold]
fn unknown_type(packet: &str) -> Error {
    let message = match packet.chars().next() {
        Some(kind) => format!("a packet of unknown type {:?}", kind.to_string()),
        None => "an empty packet".to_owned(),
    };
    Error::new(ErrorKind::Protocol, message)
}

/// Decodes a binary frame.
///
/// # Errors
///
/// [`ErrorKind::Limit`] if the message is longer than the limit.
///
/// ```
/// use engineio_client::codec::decode_binary;
/// use engineio_client::{Limits, Message, Packet};
///
/// let packet = decode_binary(vec![1, 2].into(), &Limits::default())?;
/// assert_eq!(packet, Packet::Message(Message::from(vec![1, 2])));
/// # Ok::<(), engineio_client::Error>(())
/// ```
#[inline]
pub fn decode_binary(data: Bytes, limits: &Limits) -> Result<Packet, Error> {
    check_length(data.len(), limits)?;
    Ok(Packet::Message(Message::Binary(data)))
}

/// Uses SIMD on the architectures for which `base64` implements it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod base64_engine {
    use std::sync::LazyLock;

    use base64::engine::Simd;
    use base64::engine::general_purpose::PAD;

    pub(super) static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod base64_engine {
    pub(super) use base64::engine::general_purpose::STANDARD as BASE64;
}

#[inline]
fn check_length(length: usize, limits: &Limits) -> Result<(), Error> {
    if length > limits.message {
        return Err(too_long(limits));
    }
    Ok(())
}

#[cold]
fn too_long(limits: &Limits) -> Error {
    let message = format!("the message has more than {} bytes", limits.message);
    Error::new(ErrorKind::Limit, message).with_limit(Limit::MessageSize)
}

#[cfg(test)]
mod tests;
