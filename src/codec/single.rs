//! Decodes single packets: text frames and binary frames.

use std::str::Utf8Error;

use base64::Engine as _;
use bytes::{Buf as _, Bytes};

use super::base64_engine::BASE64;
use crate::error::{Error, ErrorKind};
use crate::limits::{Limit, Limits};
use crate::packet::{Message, Packet, Text};

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
pub(super) fn packet(kind: u8, rest: Text, limits: &Limits) -> Result<Packet, Error> {
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
        b'b' => decode_base64(rest.as_bytes(), limits)?,
        _ => return Err(unknown_type(char::from(kind).encode_utf8(&mut [0; 4]))),
    })
}

/// Decodes a binary message from what follows the `b`.
pub(super) fn decode_base64(encoded: &[u8], limits: &Limits) -> Result<Packet, Error> {
    let shortest = base64::decoded_len_estimate(encoded.len()).saturating_sub(2);
    check_length(shortest, limits)?;
    let data = BASE64.decode(encoded).map_err(|error| {
        Error::new(ErrorKind::Protocol, "the binary message is not base64").with_source(error)
    })?;
    check_length(data.len(), limits)?;
    Ok(Packet::Message(Message::Binary(data.into())))
}

#[cold]
pub(super) fn unknown_type(packet: &str) -> Error {
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
