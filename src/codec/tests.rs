//! Tables of packets and their encodings.

use bytes::Bytes;

use super::payload::BLOCK;
use super::*;
use crate::error::ErrorKind;
use crate::limits::Limits;
use crate::packet::{Message, Packet};

fn limits() -> Limits {
    Limits::default()
}

fn message(content: impl Into<Message>) -> Packet {
    Packet::Message(content.into())
}

/// Rules E1, E3, E4, E7.
#[test]
fn the_examples_of_the_protocol() {
    // Ported from engine.io-client: arraybuffer/polling.js:56; engine.io-parser: index.ts:17, :39,
    // node.ts:27, :99, browser.ts:103; protocol: test-suite.js:232, :260; python-engineio:
    // test_packet.py:56, :78, :118, test_payload.py:17, :23, :30, :36, :43
    let open = |text: &str| Packet::Open(text.into());
    let ping = |text: &str| Packet::Ping(text.into());
    let pong = |text: &str| Packet::Pong(text.into());
    for (packets, payload) in [
        (vec![message("hello")], "4hello"),
        (vec![message("")], "4"),
        (vec![message("€ and 🚀")], "4€ and 🚀"),
        (
            vec![message("hello"), ping(""), message(vec![1, 2, 3, 4])],
            "4hello\x1e2\x1ebAQIDBA==",
        ),
        (
            vec![open("{}"), Packet::Close, ping("probe")],
            "0{}\x1e1\x1e2probe",
        ),
        (
            vec![pong("probe"), Packet::Upgrade, Packet::Noop],
            "3probe\x1e5\x1e6",
        ),
        (
            vec![
                open(""),
                Packet::Close,
                ping("probe"),
                pong("probe"),
                message("test"),
            ],
            "0\x1e1\x1e2probe\x1e3probe\x1e4test",
        ),
        (
            vec![
                message(vec![0, 1, 2]),
                message("abc"),
                message(vec![3, 4, 5, 6]),
                message("def"),
            ],
            "bAAEC\x1e4abc\x1ebAwQFBg==\x1e4def",
        ),
        (
            vec![message(vec![0, 1, 2]), message(vec![3, 4, 5, 6])],
            "bAAEC\x1ebAwQFBg==",
        ),
        (vec![message(vec![4, 1, 2, 3])], "bBAECAw=="),
        (vec![message(Vec::new())], "b"),
        (vec![message("test"), message(Vec::new())], "4test\x1eb"),
        (vec![message("123"), message("true")], "4123\x1e4true"),
    ] {
        assert_eq!(encode_payload(&packets), payload);
        let decoded = decode_payload(payload.into(), &limits());
        assert_eq!(decoded.packets, packets);
        assert!(decoded.error.is_none());
    }
}

/// Rules E1, E2, E7.
#[test]
fn a_frame_is_the_type_and_the_text_or_the_plain_data() {
    // Ported from engine.io-parser: node.ts:15, :80; python-engineio: test_packet.py:7, :14, :18, :26,
    // :30, :38, :42, :63, :70, :82, :118
    let whole = Bytes::from_static(&[0, 4, 1, 2, 3, 255]);
    for (packet, expected) in [
        (Packet::Noop, Frame::Text(b'6', "")),
        (message("text"), Frame::Text(b'4', "text")),
        (message(""), Frame::Text(b'4', "")),
        (message("123"), Frame::Text(b'4', "123")),
        // Binary data that looks like a packet is still data, and a slice is sent without the bytes
        // around it.
        (message(whole.slice(1..5)), Frame::Binary(&[4, 1, 2, 3])),
        (message(b"4text"), Frame::Binary(b"4text")),
        (message(b"4"), Frame::Binary(b"4")),
        (message(Vec::new()), Frame::Binary(b"")),
    ] {
        assert_eq!(frame(&packet), expected);
        let decoded = match expected {
            Frame::Text(kind, text) => {
                decode_text(format!("{}{text}", char::from(kind)).into(), &limits())
            }
            Frame::Binary(data) => decode_binary(Bytes::copy_from_slice(data), &limits()),
        };
        assert_eq!(decoded.unwrap(), packet);
    }
}

#[test]
fn payload_len_is_the_exact_length_of_a_payload() {
    for n in 0..10 {
        let packets = [message(vec![7; n]), message("è".repeat(n)), Packet::Noop];
        let separators = packets.len() - 1;
        let expected: usize = packets.iter().map(payload_len).sum::<usize>() + separators;
        assert_eq!(encode_payload(&packets).len(), expected);
    }
}

/// Rule E8.
#[test]
fn good_packets_before_a_bad_one_are_kept() {
    // Ported from engine.io-parser: index.ts:26, :54; python-engineio: test_receive_unknown_packet,
    // test_packet.py:132, test_payload.py:13, :60
    for (payload, good, named) in [
        (&b""[..], 0, "empty"),
        (b"4a\x1e", 1, "empty"),
        (b"\x1e4a", 0, "empty"),
        (b"4a\x1e7", 1, "unknown type \"7\""),
        (b"a123", 0, "unknown type"),
        (b"{", 0, "unknown type"),
        (b"{}", 0, "unknown type"),
        (br#"["a123", "a456"]"#, 0, "unknown type"),
        (b"bad payload", 0, "base64"),
        (b"<html>", 0, "unknown type"),
        ("٤x".as_bytes(), 0, "unknown type"),
        (b"4a\x1eb*AQID", 1, "base64"),
        (b"4a\x1ebAQI", 1, "base64"),
        (b"4a\x1ebAQI_", 1, "base64"),
        (b"4a\x1ebAQIDBA", 1, "base64"),
        (b"4a\x1e4\xff\x1e4c", 1, "UTF-8"),
        (b"4\xff", 0, "UTF-8"),
        (b"4a\x1e7\xff", 1, "UTF-8"),
        (b"4a\x1eb\xff", 1, "UTF-8"),
        (b"4a\x1e\xff", 1, "UTF-8"),
    ] {
        let decoded = decode_payload(Bytes::copy_from_slice(payload), &limits());
        assert_eq!(decoded.packets.len(), good, "{payload:?}");
        let error = decoded.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains(named), "{payload:?}: {error}");
    }
}

/// Rule E8.
#[test]
fn good_packets_before_a_bad_one_are_kept_in_a_large_body() {
    let short = b"4ab\x1e".repeat(2000);
    let long = |first: &[u8], byte: u8| [first, &[byte; 5000]].concat();
    for (bad, named) in [
        (b"4\xff\x1e4c".to_vec(), "UTF-8"),
        (b"b\xff\x1e4c".to_vec(), "UTF-8"),
        (b"7".to_vec(), "unknown type \"7\""),
        (long(b"4", b'\xff'), "UTF-8"),
        (long(b"b", b'\xff'), "UTF-8"),
        (long(b"b", b'*'), "base64"),
        (long("٤".as_bytes(), b'x'), "unknown type"),
    ] {
        let body = [&*short, &*bad].concat();
        let decoded = decode_payload(body.into(), &limits());
        assert_eq!(decoded.packets, vec![message("ab"); 2000]);
        let error = decoded.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
}

#[test]
fn r20_texts_share_the_bodys_buffer_unless_they_are_less_than_half_of_it() {
    for (filling, shares) in [(9_900, true), (10_100, false)] {
        let long = "x".repeat(5000);
        let body = Bytes::from(format!("4{long}\x1e6{}\x1e4{long}", "x".repeat(filling)));
        let range = body.as_ptr_range();
        let decoded = decode_payload(body, &limits());
        assert_eq!(decoded.packets.len(), 3);
        for index in [0, 2] {
            let Packet::Message(Message::Text(text)) = &decoded.packets[index] else {
                panic!("{:?}", decoded.packets[index]);
            };
            assert_eq!(*text, *long);
            assert_eq!(range.contains(&text.as_ptr()), shares, "{filling}");
        }
    }
}

#[test]
fn short_packets_of_a_large_body_are_copied_in_blocks_of_4_kib() {
    let short = |n: usize| format!("short {n}");
    let (block, long) = ("x".repeat(BLOCK - 1), "y".repeat(BLOCK));
    let mut texts: Vec<String> = (0..1000).map(short).collect();
    // A block of the greatest length, and a packet that is one byte longer.
    texts.extend([block, long, short(0), String::new(), short(1)]);
    let packets: Vec<Packet> = texts.iter().map(|text| message(&**text)).collect();
    let body = encode_payload(&packets);
    let range = body.as_ptr_range();
    let decoded = decode_payload(body, &limits());
    assert!(decoded.error.is_none());
    assert_eq!(decoded.packets, packets);
    let mut blocks = 0;
    let mut end_of_last = 0;
    for text in decoded.packets.iter().map(packet_text) {
        assert_eq!(range.contains(&text.as_ptr()), text.len() == BLOCK);
        if text.is_empty() {
            // An empty text has no buffer.
            end_of_last += 2;
        } else if text.len() < BLOCK {
            // The next text of a block follows after a separator and a type character.
            let start = text.as_ptr() as usize;
            if start != end_of_last + 2 {
                blocks += 1;
            }
            end_of_last = start + text.len();
        }
    }
    // Three blocks of about 370 packets, the packet of 4 KiB, and the rest.
    assert_eq!(blocks, 3 + 1 + 1);

    // The packets of a small body share its buffer.
    let body = encode_payload(&[message("a"), message("b".repeat(BLOCK - 4))]);
    assert_eq!(body.len(), BLOCK);
    let range = body.as_ptr_range();
    for packet in decode_payload(body, &limits()).packets {
        assert!(range.contains(&packet_text(&packet).as_ptr()));
    }
}

fn packet_text(packet: &Packet) -> &str {
    match packet {
        Packet::Message(Message::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_packet_is_encoded_in_parts_of_any_length() {
    let binary = |length: u8| message((0..length).collect::<Vec<u8>>());
    let binaries = (0..9).chain([100, 101, 102]).map(binary);
    let texts = ["", "hè", "a longer text"].map(message);
    for packet in binaries.chain(texts).chain([Packet::Close]) {
        let whole = encode_payload(std::slice::from_ref(&packet));
        let frame = frame(&packet);
        for most in 5..=whole.len() + 5 {
            let mut encoded = Vec::new();
            while encoded.len() < whole.len() {
                let mut room = vec![0xff; most];
                let count = frame.encode_part(encoded.len(), &mut room);
                encoded.extend(&room[..count]);
                assert!(count > most - 4 || encoded.len() == whole.len());
                assert!(room[count..].iter().all(|byte| *byte == 0xff));
            }
            assert_eq!(encoded, whole);
            assert_eq!(frame.encode_part(encoded.len(), &mut [0; 9]), 0);
        }
        assert_eq!(frame.encode_part(0, &mut []), 0);
    }
}

#[test]
fn a_first_body_of_protocol_3_is_recognised() {
    for (body, expected) in [
        (r#"96:0{"sid":"x"}"#, true),
        (r#"100:0{"sid":"x"}"#, true),
        (r#":0{"sid":"x"}"#, false),
        (r#"0{"sid":"x"}"#, false),
        ("96:1", false),
        ("96", false),
        ("", false),
    ] {
        assert_eq!(is_protocol_3(body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn a_message_that_looks_like_protocol_3_is_a_message() {
    let decoded = decode_payload(r#"4:0{"x":1}"#.into(), &limits());
    assert_eq!(decoded.packets, [message(r#":0{"x":1}"#)]);
    assert!(decoded.error.is_none());
}

/// Rules E4, E5.
#[test]
fn a_text_frame_is_not_split_at_the_separator() {
    let packet = decode_text("4a\x1e4b".into(), &limits()).unwrap();
    assert_eq!(packet, message("a\x1e4b"));
    assert_eq!(
        decode_text("bAQID".into(), &limits()).unwrap(),
        message(vec![1, 2, 3])
    );
}

/// Rule E25.
#[test]
fn limits_are_exact_and_their_errors_name_the_setter() {
    let limits = Limits::default().message(4).payload_packets(2);
    assert!(decode_text("41234".into(), &limits).is_ok());
    let error = decode_text("412345".into(), &limits).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("max_message_size"));
    assert!(decode_text("bAQIDBA==".into(), &limits).is_ok());
    assert_eq!(
        decode_text("bAQIDBAU=".into(), &limits).unwrap_err().kind(),
        ErrorKind::Limit
    );
    assert_eq!(
        decode_binary(Bytes::from_static(b"12345"), &limits)
            .unwrap_err()
            .kind(),
        ErrorKind::Limit
    );
    let decoded = decode_payload("4a\x1e4b\x1e4c".into(), &limits);
    assert_eq!(decoded.packets.len(), 2);
    assert_eq!(decoded.error.unwrap().kind(), ErrorKind::Limit);
    assert!(decode_payload("4a\x1e4b".into(), &limits).error.is_none());
}

#[test]
fn a_payload_of_50_000_packets_is_taken() {
    // Ported from python-engineio: test_payload.py:64
    let body = vec!["4x"; 50_000].join("\x1e");
    let decoded = decode_payload(body.into(), &limits());
    assert_eq!(decoded.packets.len(), 50_000);
    assert!(decoded.error.is_none());
}
