//! An open session over WebSocket: resets, silence, messages that never end, and a server that does not
//! read.

use std::time::Duration;

use engineio_client::ErrorKind;

use crate::case::Case;
use crate::server::{
    BINARY, CLOSE, CONTINUATION, Cue, FIN, OPEN, PING, Peer, SHORT, Server, TEXT, fragment, frame,
    frame_head,
};

/// How long a session that [`SHORT`] opens lives without a packet.
const SPAN: Duration = Duration::from_millis(600);

on_each_runtime! {
    a_reset
    silence
    frames_one_byte_at_a_time
    a_frame_without_end
    a_stalled_reader
    an_end_while_a_message_leaves
}

on_tokio! {
    silence_within_a_frame
    fragments_without_end
    empty_fragments_without_end
    a_close_frame_and_then_silence
    a_stalled_reader_that_pings
    a_reset_while_a_message_leaves
}

fn for_ever(start: Vec<u8>, again: Vec<u8>) -> Case {
    Case::websocket(move |server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write(start)?;
        peer.write_for_ever(again.repeat(1000))
    })
}

// Connections.

fn a_reset() -> Case {
    Case::websocket(|server: &mut Server| server.open_websocket(OPEN)?.reset())
        .breaks(ErrorKind::Ended, &["reset"])
}

fn silence() -> Case {
    Case::websocket(|server: &mut Server| server.open_websocket(SHORT)?.until_gone())
        .ends_by_ping_timeout(SPAN)
}

fn silence_within_a_frame() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(SHORT)?;
        peer.write(b"\x81\x054cu")?;
        peer.until_gone()
    })
    .ends_by_ping_timeout(SPAN)
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

// Frames and messages without an end.

/// The head of the frame announces 10 MB, which is above the limit.
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

/// Fragments of an unfinished message are signs of life, so the session ends only after the server has
/// stopped.
fn empty_fragments_without_end() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(SHORT)?;
        peer.write(fragment(TEXT, "4a"))?;
        peer.write(fragment(CONTINUATION, "").repeat(100_000))?;
        peer.until_gone()
    })
    .ends_by_ping_timeout(SPAN)
}

/// After the server's close frame, the client does not wait for the server to close the connection.
fn a_close_frame_and_then_silence() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        peer.write(frame(CLOSE, b"\x03\xe8"))?;
        peer.until_gone()
    })
    .ends_by_server()
}

// A server that does not read what the client sends.

/// Opens a session on a socket with a small receive buffer, and makes the client send a message that
/// does not fit into that buffer.
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
    .ends_by_ping_timeout(SPAN)
    .uncertain(&["16000000 bytes"])
}

/// The server sends pings, but reads nothing.
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
