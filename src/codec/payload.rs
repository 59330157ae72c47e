//! The payloads of polling: packets joined by separators, with binary messages in base64.

use bytes::Bytes;

use super::frame::{Packets, SEPARATOR};
use super::single::{decode_base64, decode_text, packet, unknown_type};
use crate::error::{Error, ErrorKind};
use crate::limits::{Limit, Limits};
use crate::packet::{Message, Packet, Text};

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
    // A buffer of the exact length is not copied when it becomes `Bytes`.
    let mut payload = Vec::with_capacity(packets.payload_len());
    packets.append_payload(&mut payload);
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
/// Texts are slices of the body's buffer, with two exceptions. Short packets of a body of more than 4 KiB
/// are copied, in blocks of at most 4 KiB, so that a text that is kept for long does not keep the whole
/// body. If all texts together make up at most half of the body, each is copied.
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
    let mut packets = Vec::with_capacity(estimated_count(&body, limits));
    let error = match decode_parts(&body, limits, &mut packets) {
        Ok(()) => None,
        Err(Stop::Malformed(error)) => Some(error),
        Err(Stop::NotUtf8) => {
            let error = Error::new(ErrorKind::Protocol, "the payload is not UTF-8");
            Some(match std::str::from_utf8(&body) {
                Err(invalid) => error.with_source(invalid),
                Ok(_) => error,
            })
        }
    };
    if packets.capacity() > packets.len().saturating_mul(2).saturating_add(8) {
        // Too much was allocated in advance.
        packets.shrink_to_fit();
    }
    detach_small_share(&mut packets, body.len());
    Decoded { packets, error }
}

/// The number of packets if all are as long as the first one, up to what is worth allocating at once.
fn estimated_count(body: &[u8], limits: &Limits) -> usize {
    let first = memchr::memchr(SEPARATOR, body).unwrap_or(body.len());
    let count = body.len().checked_div(first).unwrap_or_default();
    count.clamp(1, 256).min(limits.payload_packets)
}

/// Why decoding stops.
enum Stop {
    Malformed(Error),
    /// The next packet is not UTF-8.
    NotUtf8,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Malformed(error)
    }
}

/// Maximum number of bytes that are copied out of a body as one block. A text keeps its block alive.
pub(super) const BLOCK: usize = 4096;

/// Decodes the packets of a payload, and stops at the first malformed one.
fn decode_parts(body: &Bytes, limits: &Limits, packets: &mut Vec<Packet>) -> Result<(), Stop> {
    if body.len() <= BLOCK {
        return decode_block(body, limits, packets);
    }
    let mut start = 0;
    while let Some(rest) = body.get(start..) {
        // A separator may follow a block of the greatest length.
        let end = match rest.get(..=BLOCK) {
            None => rest.len(),
            Some(most) => match memchr::memrchr(SEPARATOR, most) {
                Some(end) => end,
                None => memchr::memchr(SEPARATOR, rest).unwrap_or(rest.len()),
            },
        };
        let part = rest.get(..end).unwrap_or_default();
        if end <= BLOCK {
            decode_block(&Bytes::copy_from_slice(part), limits, packets)?;
        } else {
            check_count(packets, limits)?;
            packets.push(decode_long(body, part, limits)?);
        }
        start = start.saturating_add(end).saturating_add(1);
    }
    Ok(())
}

/// Decodes a packet of more than [`BLOCK`] bytes. A text shares the body's buffer.
fn decode_long(body: &Bytes, part: &[u8], limits: &Limits) -> Result<Packet, Stop> {
    if let [b'b', encoded @ ..] = part {
        let decoded = decode_base64(encoded, limits);
        // All of base64 is ASCII, so only an error may be about something else.
        if decoded.is_err() && std::str::from_utf8(encoded).is_err() {
            return Err(Stop::NotUtf8);
        }
        return Ok(decoded?);
    }
    let text = Text::from_utf8(body.slice_ref(part)).map_err(|_| Stop::NotUtf8)?;
    Ok(decode_text(text, limits)?)
}

/// Decodes the packets of a part of a payload. Their texts share its buffer.
fn decode_block(block: &Bytes, limits: &Limits, packets: &mut Vec<Packet>) -> Result<(), Stop> {
    let mut start = 0;
    for end in memchr::memchr_iter(SEPARATOR, block).chain([block.len()]) {
        check_count(packets, limits)?;
        match block.get(start..end).and_then(<[u8]>::first) {
            Some(kind) if kind.is_ascii() => {
                let text = block.slice(start.saturating_add(1)..end);
                let text = Text::from_utf8(text).map_err(|_| Stop::NotUtf8)?;
                packets.push(match kind {
                    // Nearly all packets are texts.
                    b'4' if text.len() <= limits.message => Packet::Message(Message::Text(text)),
                    _ => packet(*kind, text, limits)?,
                });
            }
            _ => {
                let part = Text::from_utf8(block.slice(start..end)).map_err(|_| Stop::NotUtf8)?;
                return Err(unknown_type(&part).into());
            }
        }
        start = end.saturating_add(1);
    }
    Ok(())
}

#[inline]
fn check_count(packets: &[Packet], limits: &Limits) -> Result<(), Error> {
    if packets.len() >= limits.payload_packets {
        return Err(too_many_packets(limits));
    }
    Ok(())
}

#[cold]
fn too_many_packets(limits: &Limits) -> Error {
    let most = limits.payload_packets;
    let message = format!("the payload has more than {most} packets");
    Error::new(ErrorKind::Limit, message).with_limit(Limit::PayloadPackets)
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
