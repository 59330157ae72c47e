//! What a websocket session meets: frames that no server may send, messages that are no packets, and
//! connections that end, or stop, anywhere.

use std::time::Duration;

use engineio_client::ErrorKind;

use crate::case::Case;
use crate::server::{
    BINARY, CLOSE, CONTINUATION, Cue, FIN, OPEN, PING, Peer, SHORT, Server, TEXT, fragment, frame,
    frame_head,
};

/// How long the session lives that [`SHORT`] opens, when nothing comes.
const SPAN: Duration = Duration::from_millis(600);

on_each_runtime! {
    an_end_without_a_close_frame
    a_reset
    a_frame_cut_in_its_head
    a_frame_cut_in_its_length
    a_frame_cut_in_its_payload
    a_message_cut_between_its_fragments
    silence
    silence_within_a_frame
    frames_one_byte_at_a_time
    a_reserved_bit
    every_reserved_bit
    a_reserved_opcode
    a_reserved_control_opcode
    a_masked_frame
    a_ping_that_is_too_long
    a_fragmented_ping
    a_continuation_of_nothing
    a_message_within_another
    a_text_that_is_not_utf_8
    a_text_that_is_not_utf_8_across_fragments
    a_surrogate
    a_message_above_its_limit
    a_length_that_is_huge
    a_length_with_its_highest_bit
    a_frame_without_end
    fragments_without_end
    empty_fragments_without_end
    a_close_frame_of_one_byte
    a_close_frame_with_a_code_that_is_none
    a_close_frame_whose_reason_is_not_utf_8
    a_close_frame
    a_close_frame_with_frames_behind_it
    a_close_frame_and_then_silence
    an_empty_text
    an_empty_binary_message
    a_packet_of_an_unknown_type
    base64_in_a_text
    base64_with_foreign_characters
    packets_joined_as_in_a_payload
    packets_that_a_server_does_not_send
    a_second_open_packet
    a_goodbye_in_a_text
    a_ping_with_too_much_in_it
    http_after_the_handshake
    a_stalled_reader
    a_stalled_reader_that_pings
    an_end_while_a_message_leaves
    a_reset_while_a_message_leaves
}

/// What comes behind the open packet; then the connection stays.
fn said(bytes: impl AsRef<[u8]>) -> Case {
    let bytes = bytes.as_ref().to_vec();
    Case::websocket(move |server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write(bytes)?;
        peer.until_gone()
    })
}

/// The same, and then the connection ends.
fn said_last(bytes: impl AsRef<[u8]>) -> Case {
    let bytes = bytes.as_ref().to_vec();
    Case::websocket(move |server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write(bytes)?;
        peer.finish()?;
        peer.until_gone()
    })
}

fn for_ever(start: Vec<u8>, again: Vec<u8>) -> Case {
    Case::websocket(move |server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write(start)?;
        peer.write_for_ever(again.repeat(1000))
    })
}

/// A good message, and then these.
fn after_a_message(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    [&frame(TEXT, "4good"), bytes.as_ref()].concat()
}

/// The same, for which the client must give the connection up with this code in a close frame.
fn refused(bytes: impl AsRef<[u8]>, code: u16) -> Case {
    let bytes = bytes.as_ref().to_vec();
    Case::websocket(move |server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write(bytes)?;
        assert_eq!(peer.frame()?, (FIN | CLOSE, code.to_be_bytes().to_vec()));
        peer.until_gone()
    })
}

/// A frame that breaks the protocol: what came before is delivered.
fn broken(bytes: impl AsRef<[u8]>, words: &'static str) -> Case {
    refused(after_a_message(bytes), 1002)
        .delivers(["good"])
        .breaks(
            ErrorKind::WebSocket,
            &["violated the WebSocket protocol", words],
        )
}

// What connections can do.

fn an_end_without_a_close_frame() -> Case {
    said_last(after_a_message(""))
        .delivers(["good"])
        .breaks(ErrorKind::Ended, &["without a close frame"])
}

fn a_reset() -> Case {
    Case::websocket(|server: &mut Server| server.open_websocket(OPEN)?.reset())
        .breaks(ErrorKind::Ended, &["reset"])
}

fn a_frame_cut_in_its_head() -> Case {
    said_last(after_a_message([FIN | TEXT]))
        .delivers(["good"])
        .breaks(ErrorKind::Ended, &[])
}

fn a_frame_cut_in_its_length() -> Case {
    said_last(after_a_message([FIN | TEXT, 127, 0, 0]))
        .delivers(["good"])
        .breaks(ErrorKind::Ended, &[])
}

fn a_frame_cut_in_its_payload() -> Case {
    said_last(after_a_message(b"\x81\x054cu"))
        .delivers(["good"])
        .breaks(ErrorKind::Ended, &[])
}

fn a_message_cut_between_its_fragments() -> Case {
    said_last(after_a_message(fragment(TEXT, "4cu")))
        .delivers(["good"])
        .breaks(ErrorKind::Ended, &[])
}

fn silence() -> Case {
    Case::websocket(|server: &mut Server| server.open_websocket(SHORT)?.until_gone())
        .dies_of_silence(SPAN)
}

fn silence_within_a_frame() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(SHORT)?;
        peer.write(b"\x81\x054cu")?;
        peer.until_gone()
    })
    .dies_of_silence(SPAN)
}

fn frames_one_byte_at_a_time() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        for bytes in [
            fragment(TEXT, "4he"),
            frame(PING, "now"),
            fragment(CONTINUATION, ""),
            frame(CONTINUATION, "llo"),
            frame(BINARY, [b'x'; 200]),
            frame(CLOSE, b"\x03\xe8bye"),
        ] {
            peer.trickle(bytes)?;
        }
        assert_eq!(peer.frame()?, (FIN | 10, b"now".to_vec()));
        peer.until_gone()
    })
    .delivers([
        engineio_client::Message::from("hello"),
        engineio_client::Message::from(vec![b'x'; 200]),
    ])
    .ends_by_server()
}

// What frames can hold.

fn a_reserved_bit() -> Case {
    broken(fragment(FIN | 0x40 | TEXT, "4x"), "Reserved bits")
}

fn every_reserved_bit() -> Case {
    broken(fragment(FIN | 0x70 | TEXT, "4x"), "Reserved bits")
}

fn a_reserved_opcode() -> Case {
    broken(frame(3, "4x"), "")
}

fn a_reserved_control_opcode() -> Case {
    broken(frame(11, "x"), "")
}

fn a_masked_frame() -> Case {
    broken(b"\x81\x82\0\0\0\x004x", "masked")
}

fn a_ping_that_is_too_long() -> Case {
    broken(frame(PING, [b'x'; 126]), "Control frame too big")
}

fn a_fragmented_ping() -> Case {
    broken(fragment(PING, "x"), "Fragmented control frame")
}

fn a_continuation_of_nothing() -> Case {
    broken(
        frame(CONTINUATION, "4x"),
        "Continue frame but nothing to continue",
    )
}

fn a_message_within_another() -> Case {
    broken(
        [fragment(TEXT, "4a"), frame(TEXT, "4b")].concat(),
        "waiting for more fragments",
    )
}

fn no_utf_8(bytes: impl AsRef<[u8]>) -> Case {
    refused(after_a_message(bytes), 1007)
        .delivers(["good"])
        .breaks(ErrorKind::Protocol, &["not UTF-8"])
}

fn a_text_that_is_not_utf_8() -> Case {
    no_utf_8(frame(TEXT, b"4\xc3\x28"))
}

fn a_text_that_is_not_utf_8_across_fragments() -> Case {
    no_utf_8([fragment(TEXT, b"4\xc3"), frame(CONTINUATION, b"\x28")].concat())
}

fn a_surrogate() -> Case {
    no_utf_8(frame(TEXT, b"4\xed\xa0\x80"))
}

fn a_message_above_its_limit() -> Case {
    let good = frame(TEXT, format!("4{}", "a".repeat(1000)));
    let bad = frame(TEXT, format!("4{}", "b".repeat(1001)));
    refused([good, bad].concat(), 1009)
        .max_message(1000)
        .delivers(["a".repeat(1000)])
        .breaks(
            ErrorKind::Limit,
            &["more than 1000 bytes (limit max_message_size)"],
        )
}

/// Told from the head alone.
fn a_length_that_is_huge() -> Case {
    refused(after_a_message(frame_head(FIN | TEXT, 1 << 40)), 1009)
        .delivers(["good"])
        .breaks(ErrorKind::Limit, &["(limit max_message_size)"])
}

fn a_length_with_its_highest_bit() -> Case {
    refused(after_a_message(frame_head(FIN | BINARY, u64::MAX)), 1009)
        .delivers(["good"])
        .breaks(ErrorKind::Limit, &["(limit max_message_size)"])
}

/// Within the limit, as it says, but it goes on and on: so it is many.
fn a_frame_without_end() -> Case {
    for_ever(frame_head(FIN | BINARY, 10_000_000), vec![b'x'; 100])
        .max_message(1_000_000)
        .breaks(
            ErrorKind::Limit,
            &["more than 1000000 bytes (limit max_message_size)"],
        )
}

fn fragments_without_end() -> Case {
    for_ever(fragment(BINARY, "x"), fragment(CONTINUATION, [b'x'; 100]))
        .max_message(1_000_000)
        .breaks(
            ErrorKind::Limit,
            &["more than 1000000 bytes (limit max_message_size)"],
        )
}

/// They are bytes of an unfinished message, which is life; so the server has to stop.
fn empty_fragments_without_end() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(SHORT)?;
        peer.write(fragment(TEXT, "4a"))?;
        peer.write(fragment(CONTINUATION, "").repeat(100_000))?;
        peer.until_gone()
    })
    .dies_of_silence(SPAN)
}

fn a_close_frame_of_one_byte() -> Case {
    broken(frame(CLOSE, b"\x03"), "")
}

fn a_close_frame_with_a_code_that_is_none() -> Case {
    said(after_a_message(frame(CLOSE, b"\x00\x07")))
        .delivers(["good"])
        .ends_by_server()
}

fn a_close_frame_whose_reason_is_not_utf_8() -> Case {
    refused(after_a_message(frame(CLOSE, b"\x03\xe8\xff\xff")), 1007)
        .delivers(["good"])
        .breaks(ErrorKind::Protocol, &["not UTF-8"])
}

fn a_close_frame() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write(after_a_message(frame(CLOSE, b"\x03\xe9going")))?;
        assert_eq!(peer.frame()?.0, FIN | CLOSE);
        peer.until_gone()
    })
    .delivers(["good"])
    .ends_by_server()
}

fn a_close_frame_with_frames_behind_it() -> Case {
    said([frame(CLOSE, ""), frame(TEXT, "4behind")].concat()).ends_by_server()
}

/// It has said goodbye: nobody waits for the end of its connection.
fn a_close_frame_and_then_silence() -> Case {
    said(frame(CLOSE, b"\x03\xe8")).ends_by_server()
}

// What messages can hold.

fn no_packet(bytes: impl AsRef<[u8]>, words: &'static str) -> Case {
    said(after_a_message(bytes))
        .delivers(["good"])
        .breaks(ErrorKind::Protocol, &[words])
}

fn an_empty_text() -> Case {
    no_packet(frame(TEXT, ""), "an empty packet")
}

fn an_empty_binary_message() -> Case {
    said([frame(BINARY, ""), frame(CLOSE, "")].concat())
        .delivers([Vec::new()])
        .ends_by_server()
}

fn a_packet_of_an_unknown_type() -> Case {
    no_packet(frame(TEXT, "hello"), "unknown type \"h\"")
}

fn base64_in_a_text() -> Case {
    said([frame(TEXT, "bAAEC"), frame(CLOSE, "")].concat())
        .delivers([vec![0, 1, 2]])
        .ends_by_server()
}

fn base64_with_foreign_characters() -> Case {
    no_packet(frame(TEXT, "bA-_="), "not base64")
}

/// A frame is one packet, whatever stands in it.
fn packets_joined_as_in_a_payload() -> Case {
    said([frame(TEXT, "4a\x1e4b\x1e1"), frame(CLOSE, "")].concat())
        .delivers(["a\x1e4b\x1e1"])
        .ends_by_server()
}

fn packets_that_a_server_does_not_send() -> Case {
    let packets = ["3probe", "5", "6", "3", "4good", "1"];
    said(packets.map(|packet| frame(TEXT, packet)).concat())
        .delivers(["good"])
        .ends_by_server()
}

fn a_second_open_packet() -> Case {
    said(
        ["0", SHORT, "0{", "4good", "1"]
            .map(|packet| frame(TEXT, packet))
            .concat(),
    )
    .delivers(["good"])
    .ends_by_server()
}

fn a_goodbye_in_a_text() -> Case {
    said(after_a_message(
        [frame(TEXT, "1"), frame(TEXT, "4behind")].concat(),
    ))
    .delivers(["good"])
    .ends_by_server()
}

fn a_ping_with_too_much_in_it() -> Case {
    no_packet(
        frame(TEXT, format!("2{}", "x".repeat(126))),
        "more than 125 bytes",
    )
}

/// A proxy that changes its mind, in words that are no frames.
fn http_after_the_handshake() -> Case {
    broken(
        format!("HTTP/1.1 502 Bad Gateway\r\n\r\n{}", "<p>no</p>".repeat(20)),
        "",
    )
}

// What a server can do to what the client sends.

/// A session whose server has a small buffer, and whose user sends more than goes into it.
fn stalled(server: &mut Server, open: &str) -> std::io::Result<Peer> {
    let mut peer = server.accept_with(|socket| {
        let _ = socket.set_recv_buffer_size(4096);
    })?;
    peer.accept_websocket()?;
    peer.write(frame(TEXT, open))?;
    server.cue(Cue::SendLarge(16_000_000));
    Ok(peer)
}

fn a_stalled_reader() -> Case {
    Case::websocket(|server: &mut Server| {
        let peer = stalled(server, SHORT)?;
        server.hold(peer);
        Ok(())
    })
    .dies_of_silence(SPAN)
    .uncertain(&["16000000 bytes"])
}

/// It lives, and takes nothing.
fn a_stalled_reader_that_pings() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = stalled(server, SHORT)?;
        peer.until_gone_unread(frame(TEXT, "2"))
    })
    .governed_by(SPAN)
    .breaks(ErrorKind::Timeout, &["the send timeout of 0.6 s passed"])
    .uncertain(&["16000000 bytes"])
}

fn an_end_while_a_message_leaves() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = stalled(server, OPEN)?;
        peer.write(frame(TEXT, "4good"))?;
        peer.frame_head()?;
        peer.finish()?;
        drop(peer);
        Ok(())
    })
    .delivers(["good"])
    .breaks(ErrorKind::Ended, &[])
    .uncertain(&["16000000 bytes"])
}

fn a_reset_while_a_message_leaves() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = stalled(server, OPEN)?;
        peer.frame_head()?;
        peer.reset()
    })
    .breaks(ErrorKind::Ended, &[])
    .uncertain(&["16000000 bytes"])
}
