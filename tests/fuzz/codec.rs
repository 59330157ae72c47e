//! Payloads and frames: decoding is compared with a second, independent decoder, and the decoded packets
//! are encoded again.

use bytes::Bytes;
use engineio_client::codec::{
    Frame, decode_binary, decode_payload, decode_text, encode_payload, frame, is_protocol_3,
    payload_len,
};
use engineio_client::{Error, ErrorKind, Limits, Message, Packet, Text};

use super::input::Input;
use super::net::content;

/// The input: the limit of a message, the limit of packets, and a payload. The payload is also decoded
/// as a text frame and as a binary frame.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let limits = Limits::default()
        .message(input.limit())
        .payload_packets(input.limit());
    let body = input.rest();
    let _ = is_protocol_3(body);
    a_payload(body, &limits);
    a_binary_frame(body, &limits);
    if let Ok(text) = std::str::from_utf8(body) {
        a_text_frame(text, &limits);
    }
}

fn a_payload(body: &[u8], limits: &Limits) {
    let decoded = decode_payload(Bytes::copy_from_slice(body), limits);
    let mut parts = body.split(|byte| *byte == b'\x1e');
    let mut packets = Vec::new();
    let fault = loop {
        let Some(part) = parts.next() else { break None };
        if packets.len() == limits.payload_packets {
            break Some(Fault::Limit);
        }
        match std::str::from_utf8(part).map_err(|_| Fault::Protocol) {
            Ok(part) => match expected(part, limits) {
                Ok(packet) => packets.push(packet),
                Err(fault) => break Some(fault),
            },
            Err(fault) => break Some(fault),
        }
    };
    assert_eq!(decoded.packets, packets);
    // If the first packet above the limit is also invalid UTF-8, the error may name either fault.
    let last = packets.len() == limits.payload_packets && std::str::from_utf8(body).is_err();
    match (&decoded.error, fault) {
        (Some(error), Some(fault)) => assert!(fault.is(error) || last, "{error:?} for {fault:?}"),
        (None, None) => {}
        (error, fault) => panic!("{error:?} for {fault:?}"),
    }
    decoded.error.iter().for_each(is_short);
    // The decoded content is not longer than the payload.
    let length: usize = packets.iter().map(content).sum();
    assert!(length <= body.len() && packets.len() <= body.len() + 1);
    assert!(decoded.packets.capacity() <= 2 * packets.len() + 8);
    if !packets.is_empty() {
        encoded_again(&packets, body, limits);
    }
}

fn encoded_again(packets: &[Packet], body: &[u8], limits: &Limits) {
    let encoded = encode_payload(packets);
    let said: usize = packets.iter().map(payload_len).sum();
    assert_eq!(encoded.len(), said + packets.len() - 1);
    let decoded = decode_payload(encoded.clone(), limits);
    assert!(decoded.error.is_none(), "{:?}", decoded.error);
    assert_eq!(decoded.packets, packets);
    // Each packet has exactly one encoding, except for packets without data: the decoder ignores data
    // that follows their type.
    let bare = |packet: &Packet| matches!(packet, Packet::Close | Packet::Upgrade | Packet::Noop);
    if !packets.iter().any(bare) {
        assert!(body.starts_with(&encoded));
    }
}

fn a_text_frame(text: &str, limits: &Limits) {
    match (decode_text(text.into(), limits), expected(text, limits)) {
        (Ok(packet), Ok(expected)) => {
            assert_eq!(packet, expected);
            match frame(&packet) {
                Frame::Text(kind, rest) => {
                    assert_eq!(kind, text.as_bytes()[0]);
                    assert!(rest.is_empty() || rest == &text[1..]);
                }
                Frame::Binary(data) => {
                    let again = decode_binary(Bytes::copy_from_slice(data), limits);
                    assert_eq!(again.unwrap(), packet);
                }
            }
        }
        (Err(error), Err(fault)) => {
            assert!(fault.is(&error), "{error:?} for {fault:?}");
            is_short(&error);
        }
        (packet, expected) => panic!("{packet:?} for {expected:?}"),
    }
}

fn a_binary_frame(data: &[u8], limits: &Limits) {
    match decode_binary(Bytes::copy_from_slice(data), limits) {
        Ok(packet) => {
            assert!(data.len() <= limits.message);
            assert_eq!(packet, Packet::Message(Message::from(data)));
            assert_eq!(frame(&packet), Frame::Binary(data));
        }
        Err(error) => {
            assert!(data.len() > limits.message);
            assert_eq!(error.kind(), ErrorKind::Limit);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Protocol,
    Limit,
}

impl Fault {
    fn is(self, error: &Error) -> bool {
        error.kind()
            == match self {
                Self::Protocol => ErrorKind::Protocol,
                Self::Limit => ErrorKind::Limit,
            }
    }
}

/// The packet that a text stands for, as the protocol defines it.
fn expected(text: &str, limits: &Limits) -> Result<Packet, Fault> {
    let mut chars = text.chars();
    let kind = chars.next().ok_or(Fault::Protocol)?;
    let rest = chars.as_str();
    let data = || Text::from(rest);
    let fits = |length: usize| (length <= limits.message).then_some(()).ok_or(Fault::Limit);
    Ok(match kind {
        '0' => Packet::Open(data()),
        '1' => Packet::Close,
        '2' => Packet::Ping(data()),
        '3' => Packet::Pong(data()),
        '4' => {
            fits(rest.len())?;
            Packet::Message(data().into())
        }
        '5' => Packet::Upgrade,
        '6' => Packet::Noop,
        'b' => {
            // Base64 that must exceed the limit once it is decoded is refused without decoding it.
            fits(rest.len().div_ceil(4).saturating_mul(3).saturating_sub(2))?;
            let data = from_base64(rest.as_bytes()).ok_or(Fault::Protocol)?;
            fits(data.len())?;
            Packet::Message(data.into())
        }
        _ => return Err(Fault::Protocol),
    })
}

/// RFC 4648, section 4: padded, without foreign characters or spare bits.
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut data = Vec::new();
    let groups = text.len().div_ceil(4);
    for (index, group) in text.chunks(4).enumerate() {
        let group: [u8; 4] = group.try_into().ok()?;
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || padding > 0 && index + 1 < groups {
            return None;
        }
        let mut bits = 0_u32;
        for byte in &group[..4 - padding] {
            let digit = DIGITS.iter().position(|digit| digit == byte)?;
            bits = bits << 6 | u32::try_from(digit).ok()?;
        }
        let three = (bits << (6 * padding)).to_be_bytes();
        if three[4 - padding..].iter().any(|byte| *byte != 0) {
            return None;
        }
        data.extend(&three[1..4 - padding]);
    }
    Some(data)
}

/// Checks that an error is short: it must not repeat all of the peer's bytes.
fn is_short(error: &Error) {
    assert!(error.report().to_string().len() < 200, "{error:?}");
}
