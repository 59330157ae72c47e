//! WebSocket frames that break RFC 6455, connections that end between or within frames, and close frames
//! that end the session although they are unusual.

use engineio_client::ErrorKind;

use super::{Fault, Outcome, Place, error, fault, goodbye, sampled};
use crate::wire::{
    BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, fragment, frame, frame_head,
};

/// Frames that break the protocol. The client answers with a close frame, whose code depends on the
/// fault.
pub(crate) fn broken() -> Vec<Fault> {
    let mut faults = protocol_errors();
    faults.extend(not_utf_8());
    faults.extend(too_long());
    faults
}

/// Sends the fault in place of the open packet, and also in an open session, which delivers "good"
/// before it.
fn at_both(fault: Fault, outcome: Outcome) -> Fault {
    fault
        .at(Place::FirstFrame, outcome.clone())
        .at(Place::LaterFrame, outcome.delivers(["good"]))
}

fn protocol_errors() -> Vec<Fault> {
    let http = format!("HTTP/1.1 502 Bad Gateway\r\n\r\n{}", "<p>no</p>".repeat(20));
    let rows: [(&str, Vec<u8>, &[&str]); 16] = [
        (
            "a reserved bit",
            fragment(FIN | 0x40 | TEXT, "4x"),
            &["Reserved bits"],
        ),
        (
            "another reserved bit",
            fragment(FIN | 0x10 | TEXT, "4x"),
            &["Reserved bits"],
        ),
        (
            "every reserved bit",
            fragment(FIN | 0x70 | TEXT, "4x"),
            &["Reserved bits"],
        ),
        (
            "a reserved bit of a ping",
            fragment(FIN | 0x20 | PING, "x"),
            &["Reserved bits"],
        ),
        (
            "a reserved bit of a close frame",
            fragment(FIN | 0x40 | CLOSE, ""),
            &["Reserved bits"],
        ),
        ("a reserved opcode", frame(3, "4x"), &[]),
        ("a reserved opcode of a control frame", frame(11, "x"), &[]),
        (
            "a masked frame",
            b"\x81\x82\0\0\0\x004x".to_vec(),
            &["masked"],
        ),
        (
            "a ping of 126 bytes",
            frame(PING, [b'x'; 126]),
            &["Control frame too big"],
        ),
        (
            "a ping in fragments",
            fragment(PING, "x"),
            &["Fragmented control frame"],
        ),
        (
            "a pong in fragments",
            fragment(PONG, ""),
            &["Fragmented control frame"],
        ),
        (
            "a close frame in fragments",
            fragment(CLOSE, ""),
            &["Fragmented control frame"],
        ),
        (
            "a continuation of nothing",
            frame(CONTINUATION, "4x"),
            &["Continue frame but nothing to continue"],
        ),
        (
            "a message within another",
            [fragment(TEXT, "4a"), frame(TEXT, "4b")].concat(),
            &["waiting for more fragments"],
        ),
        ("a close frame of one byte", frame(CLOSE, b"\x03"), &[]),
        // A proxy that has forwarded the handshake can still fail, and then sends an HTTP response.
        ("HTTP after the handshake", http.into(), &[]),
    ];
    let rows = rows.into_iter().map(|(name, bytes, words)| {
        let words = [&["violated the WebSocket protocol"], words].concat();
        let outcome = error(ErrorKind::WebSocket, &words).close_code(1002);
        at_both(fault(name, bytes), outcome)
    });
    let mut faults: Vec<Fault> = rows.collect();
    for opcode in (3..8).chain(11..16) {
        let outcome = error(ErrorKind::WebSocket, &["violated the WebSocket protocol"]);
        let fault = fault("an empty frame with a reserved opcode", frame(opcode, ""));
        faults.push(at_both(fault, outcome.close_code(1002)));
    }
    sampled(faults, 2)
}

fn not_utf_8() -> Vec<Fault> {
    let rows = [
        ("a text that is not UTF-8", frame(TEXT, b"4\xc3\x28")),
        (
            "a text that is not UTF-8 from its first byte",
            frame(TEXT, b"\xff"),
        ),
        ("a text that ends within a character", frame(TEXT, b"4\xc3")),
        ("a surrogate in UTF-8", frame(TEXT, b"4\xed\xa0\x80")),
        ("a fragment that is not UTF-8", fragment(TEXT, b"4\xff")),
        (
            "a text that is not UTF-8 across fragments",
            [fragment(TEXT, b"4\xc3"), frame(CONTINUATION, b"\x28")].concat(),
        ),
        (
            "a text that is not UTF-8 across fragments and not finished",
            [fragment(TEXT, b"4\xc3"), fragment(CONTINUATION, "x")].concat(),
        ),
        (
            "a text in fragments that ends within a character",
            [fragment(TEXT, b"4\xc3"), frame(CONTINUATION, "")].concat(),
        ),
        (
            "a close frame whose reason is not UTF-8",
            frame(CLOSE, b"\x03\xe8\xff\xff"),
        ),
    ];
    let outcome = error(ErrorKind::Protocol, &["not UTF-8"]).close_code(1007);
    let faults = rows.map(|(name, bytes)| at_both(fault(name, bytes), outcome.clone()));
    sampled(faults.into(), 2)
}

/// Frames whose announced length exceeds the limit. The client refuses them after the head: the server
/// sends no byte of the payload.
fn too_long() -> Vec<Fault> {
    let rows = [
        ("a length of 1 TiB", frame_head(FIN | TEXT, 1 << 40)),
        (
            "a length with its highest bit set",
            frame_head(FIN | BINARY, u64::MAX),
        ),
    ];
    let rows = rows.map(|(name, bytes)| {
        let outcome = error(ErrorKind::Limit, &["(limit max_message_size)"]);
        let outcome = outcome.close_code(1009).delivers(["good"]);
        fault(name, bytes).at(Place::LaterFrame, outcome)
    });
    sampled(rows.into(), 2)
}

/// Connections that end without a close frame: between frames, within a frame, or between fragments.
pub(crate) fn cut_short() -> Vec<Fault> {
    let rows = [
        ("an end between frames", Vec::new()),
        ("an end within the head of a frame", vec![FIN | TEXT]),
        (
            "an end within the length of a frame",
            vec![FIN | TEXT, 127, 0, 0],
        ),
        (
            "an end after the head of a frame",
            frame_head(FIN | TEXT, 10),
        ),
        (
            "an end within the payload of a frame",
            b"\x81\x054cu".to_vec(),
        ),
        ("an end between fragments", fragment(TEXT, "4cu")),
    ];
    let rows = rows.map(|(name, bytes)| {
        let outcome = error(ErrorKind::Ended, &["without a close frame"]);
        at_both(fault(name, bytes).ends(), outcome)
    });
    sampled(rows.into(), 2)
}

/// Close frames that end the session without an error, whatever their payload and the frames after them.
pub(crate) fn close_frames() -> Vec<Fault> {
    let good = || goodbye().delivers(["good"]);
    let late = [frame(CLOSE, ""), frame(TEXT, "4never")].concat();
    vec![
        fault(
            "a close frame with a reason",
            frame(CLOSE, b"\x03\xe9going"),
        )
        .at(Place::LaterFrame, good())
        .also_on_sockets(),
        fault(
            "a close frame with a code that is reserved",
            frame(CLOSE, b"\x00\x07"),
        )
        .at(Place::LaterFrame, good()),
        fault("frames after a close frame", late).at(Place::LaterFrame, good()),
    ]
}
