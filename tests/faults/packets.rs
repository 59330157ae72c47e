//! Payloads and WebSocket messages whose packets are malformed, misplaced or unusual.

use engineio_client::ErrorKind::{Handshake, NotEngineIo, Protocol};

use super::{Fault, OPEN, Outcome, Place, error, fault, goodbye, sampled};
use crate::wire::{BINARY, CLOSE, TEXT, frame, response};

/// First packets that do not open a session.
pub(crate) fn first() -> Vec<Fault> {
    // Any HTTP server may answer a poll, so an undecodable response means that the server does not speak
    // Engine.IO. A server that has accepted the WebSocket request does speak Engine.IO, so there the
    // same packet violates the protocol.
    let undecodable = |name, packet: &'static str, words: &[&'static str]| {
        first_packet(
            name,
            packet,
            error(NotEngineIo, words),
            error(Protocol, words),
        )
    };
    let handshake = |name, packet: &'static str, words: &[&'static str]| {
        let outcome = error(Handshake, words);
        first_packet(name, packet, outcome.clone(), outcome)
    };
    let mut faults: Vec<Fault> = [
        undecodable(
            "a first packet of an unknown type",
            "hello",
            &["unknown type \"h\""],
        ),
        undecodable("an empty first packet", "", &["an empty packet"]),
        handshake(
            "a first packet that is a message",
            "4hello",
            &["the server's first packet is a message, not the open packet"],
        ),
        handshake(
            "a first packet that is a noop",
            "6",
            &["not the open packet"],
        ),
        handshake(
            "a first packet that is a goodbye",
            "1",
            &["closed the session"],
        ),
        handshake(
            "an open packet that is cut short",
            r#"0{"sid":"s","pingInt"#,
            &["the server's handshake is malformed: not JSON"],
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\n<!DOCTYPE html>\n<html>";
    let words = &[
        "/engine.io/: the response to the first poll (text/html) is not Engine.IO",
        "a packet of unknown type \"<\"",
    ];
    faults.extend([
        fault("a page in answer to the first poll", page)
            .at(Place::FirstPoll, error(NotEngineIo, words))
            .also_on_sockets(),
        fault(
            "a close frame in the place of the open packet",
            frame(CLOSE, b"\x03\xf0not allowed"),
        )
        .at(
            Place::FirstFrame,
            error(Handshake, &["closed the session", "(1008: not allowed)"]),
        ),
    ]);
    faults
}

/// Sends the packet as the whole response to the first poll, and as the first WebSocket message, each
/// with its own outcome.
fn first_packet(
    name: &'static str,
    packet: &'static str,
    polling: Outcome,
    websocket: Outcome,
) -> [Fault; 2] {
    [
        fault(name, response(packet)).at(Place::FirstPoll, polling),
        fault(name, frame(TEXT, packet)).at(Place::FirstFrame, websocket),
    ]
}

/// Responses to a poll of an open session that are not payloads, or that contain packets which no server
/// should send.
pub(crate) fn payloads() -> Vec<Fault> {
    let good = || goodbye().delivers(["good"]);
    let bad = |words: &[&'static str]| error(Protocol, words);
    let after_good = |words: &[&'static str]| error(Protocol, words).delivers(["good"]);
    let long_ping = format!("4good\x1e2{}\x1e4never", "x".repeat(126));
    let second_open = format!("{OPEN}\x1e4good\x1e1");
    let rows: [(&str, &[u8], Outcome); 16] = [
        (
            "a packet of an unknown type",
            b"4good\x1e9\x1e4never",
            after_good(&["unknown type \"9\""]),
        ),
        ("an empty payload", b"", bad(&["an empty packet"])),
        (
            "an empty packet at the end",
            b"4good\x1e",
            after_good(&["an empty packet"]),
        ),
        (
            "an empty packet between two",
            b"4good\x1e\x1e4never",
            after_good(&["an empty packet"]),
        ),
        (
            "an empty packet at the start",
            b"\x1e4never",
            bad(&["an empty packet"]),
        ),
        (
            "base64 with the alphabet of URLs",
            b"4good\x1ebA-_=\x1e4never",
            after_good(&["not base64"]),
        ),
        (
            "base64 without any valid character",
            b"4good\x1eb****\x1e4never",
            after_good(&["not base64"]),
        ),
        ("base64 without its padding", b"bAAE", bad(&["not base64"])),
        (
            "a text that is not UTF-8",
            b"4good\x1e4\xc3\x28\x1e4never",
            after_good(&["not UTF-8"]),
        ),
        (
            "a text that ends within a character",
            b"4good\x1e4\xc3",
            after_good(&["not UTF-8"]),
        ),
        (
            "a byte order mark",
            b"\xef\xbb\xbf4x",
            bad(&["unknown type"]),
        ),
        (
            "packets that only clients send",
            b"3probe\x1e5\x1e6\x1e3\x1e4good\x1e1",
            good(),
        ),
        // Rule E17.
        ("a second open packet", second_open.as_bytes(), good()),
        (
            "second open packets that are malformed",
            b"0\x1e0{\x1e0{\"sid\":7}\x1e4good\x1e1",
            good(),
        ),
        // Rule E44.
        ("packets after a goodbye", b"4good\x1e1\x1e4never", good()),
        // Rule E28.
        (
            "a ping with 126 bytes of data",
            long_ping.as_bytes(),
            after_good(&["more than 125 bytes"]),
        ),
    ];
    let mut faults: Vec<Fault> = rows
        .into_iter()
        .map(|(name, body, outcome)| fault(name, response(body)).at(Place::LaterPoll, outcome))
        .collect();
    // The empty payload above has a Content-Length. Of these two, one is in chunks, and the other ends
    // with the connection.
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    faults.extend([
        fault("an empty payload in chunks", chunked)
            .at(Place::FirstPoll, error(NotEngineIo, &["an empty packet"]))
            .at(Place::LaterPoll, bad(&["an empty packet"])),
        fault(
            "an empty payload without a length",
            "HTTP/1.1 200 OK\r\n\r\n",
        )
        .ends()
        .at(Place::FirstPoll, error(NotEngineIo, &["an empty packet"]))
        .at(Place::LaterPoll, bad(&["an empty packet"])),
    ]);
    sampled(faults, 4)
}

/// WebSocket messages in an open session that are no valid packets, or that are packets which no server
/// should send.
pub(crate) fn messages() -> Vec<Fault> {
    // To the transport this frame is valid. Only the engine refuses the ping in it, so no close code is
    // expected.
    let too_much = error(Protocol, &["more than 125 bytes"]).delivers(["good"]);
    let bad = |words: &[&'static str]| {
        let outcome = error(Protocol, words).delivers(["good"]);
        outcome.close_code(1002)
    };
    let texts = |packets: &[&str]| -> Vec<u8> {
        packets
            .iter()
            .flat_map(|packet| frame(TEXT, packet))
            .collect()
    };
    let long_ping = format!("2{}", "x".repeat(126));
    let rows = [
        ("an empty text", texts(&[""]), bad(&["an empty packet"])),
        (
            "a text of an unknown type",
            texts(&["hello"]),
            bad(&["unknown type \"h\""]),
        ),
        (
            "JSON that is not a packet",
            texts(&["{}"]),
            bad(&["unknown type"]),
        ),
        (
            "base64 with the alphabet of URLs in a text",
            texts(&["bA-_="]),
            bad(&["not base64"]),
        ),
        // Rule E28.
        (
            "a ping with 126 bytes of data in a text",
            texts(&[&long_ping]),
            too_much,
        ),
        // Rule E7.
        (
            "an empty binary message",
            [frame(BINARY, ""), frame(CLOSE, "")].concat(),
            goodbye().delivers(["good".into(), engineio_client::Message::from(Vec::new())]),
        ),
        // Rule E4.
        (
            "base64 in a text",
            [frame(TEXT, "bAAEC"), frame(CLOSE, "")].concat(),
            goodbye().delivers(["good".into(), engineio_client::Message::from(vec![0, 1, 2])]),
        ),
        // A message is one packet, whatever it contains.
        // Rule E5.
        (
            "packets joined as in a payload",
            [frame(TEXT, "4a\x1e4b\x1e1"), frame(CLOSE, "")].concat(),
            goodbye().delivers(["good", "a\x1e4b\x1e1"]),
        ),
        (
            "texts that only clients send",
            texts(&["3probe", "5", "6", "3", "4also good", "1"]),
            goodbye().delivers(["good", "also good"]),
        ),
        // Rule E17.
        (
            "second open packets",
            texts(&["0", OPEN, "0{", "4also good", "1"]),
            goodbye().delivers(["good", "also good"]),
        ),
        (
            "messages after a goodbye in a text",
            texts(&["1", "4never"]),
            goodbye().delivers(["good"]),
        ),
    ];
    let faults =
        rows.map(|(name, bytes, outcome)| fault(name, bytes).at(Place::LaterFrame, outcome));
    sampled(faults.into(), 2)
}
