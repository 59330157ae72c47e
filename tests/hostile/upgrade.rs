//! Upgrades: a probe that fails at each step before and after the pong, a polling link that does not
//! finish or speaks too late, and a WebSocket connection that fails right after the swap.

use std::io;
use std::time::Duration;

use engineio_client::ErrorKind;

use crate::case::Case;
use crate::server::{
    BINARY, CLOSE, CONTINUATION, Cue, FIN, OPEN, Peer, Server, TEXT, fragment, frame, frame_head,
    response, switching,
};

const SHORTLY: Duration = Duration::from_millis(500);

on_each_runtime! {
    a_probe_that_is_refused
    a_probe_whose_connection_is_reset
    a_probe_whose_ping_is_not_answered
    polls_that_bring_noops_for_ever
    an_end_right_after_the_swap
    a_message_that_leaves_after_the_swap_into_nothing
    an_opening_one_byte_at_a_time
}

on_tokio! {
    a_probe_whose_connection_ends_at_once
    a_probe_that_is_not_answered
    a_probe_whose_head_stops
    a_probe_whose_head_never_ends
    a_probe_that_accepts_another_key
    a_probe_that_ends_instead_of_the_pong
    a_probe_that_closes_instead_of_the_pong
    a_probe_that_says_goodbye_instead_of_the_pong
    a_probe_with_another_pong
    a_probe_with_a_pong_without_data
    a_probe_with_a_message_instead_of_the_pong
    a_probe_with_an_open_packet_instead_of_the_pong
    a_probe_with_a_binary_message_instead_of_the_pong
    a_probe_with_an_unknown_packet_instead_of_the_pong
    a_probe_with_half_a_pong
    a_probe_with_a_broken_frame
    a_probe_with_a_frame_that_is_huge
    a_probe_with_noops_first
    a_probe_that_ends_after_the_pong
    a_probe_that_closes_after_the_pong
    a_probe_that_says_something_after_the_pong
    a_probe_that_breaks_the_protocol_after_the_pong
    a_poll_that_does_not_end_after_the_pong
    a_poll_that_fails_before_the_pong
    a_poll_that_fails_after_the_pong
    a_poll_that_brings_a_goodbye_after_the_pong
    a_poll_that_brings_messages_after_the_pong
    a_post_that_fails_after_the_pong
    an_old_link_that_speaks_after_the_swap
    an_old_link_that_fails_after_the_swap
    a_close_frame_right_after_the_swap
    silence_right_after_the_swap
}

/// Opens a session. Returns the connection of the waiting poll and the connection of the probe.
fn begun(server: &mut Server) -> io::Result<(Peer, Peer)> {
    let mut poll = server.open_polling(OPEN)?;
    poll.request()?;
    let probe = server.accept()?;
    Ok((poll, probe))
}

/// Like [`begun`], but returns after the probe's ping has arrived.
fn probed(server: &mut Server) -> io::Result<(Peer, Peer)> {
    let (poll, mut probe) = begun(server)?;
    probe.accept_websocket()?;
    probe.expect_text("2probe")?;
    Ok((poll, probe))
}

/// Like [`probed`], but returns after the server has sent the pong.
fn answered(server: &mut Server) -> io::Result<(Peer, Peer)> {
    let (poll, mut probe) = probed(server)?;
    probe.write(frame(TEXT, "3probe"))?;
    Ok((poll, probe))
}

/// Like [`answered`], but returns after the client has sent the upgrade packet.
fn swapped(server: &mut Server) -> io::Result<(Peer, Peer)> {
    let (mut poll, mut probe) = answered(server)?;
    poll.write(response("6"))?;
    probe.expect_text("5")?;
    Ok((poll, probe))
}

/// Waits until the client has dropped the probe, and checks that the session goes on over polling.
fn goes_on(server: &mut Server, poll: Peer, mut probe: Peer) -> io::Result<()> {
    probe.until_gone()?;
    goes_on_polling(server, poll)
}

fn goes_on_polling(server: &mut Server, mut poll: Peer) -> io::Result<()> {
    poll.write(response("4still here"))?;
    assert_eq!(poll.request()?.method, "GET");
    server.cue(Cue::Send("a"));
    let mut post = server.accept()?;
    assert_eq!(post.answer("ok")?.body, b"4a");
    server.cue(Cue::Flush);
    poll.write(response("1"))?;
    poll.until_gone()
}

/// The server answers the probe's request with these bytes.
fn probe_is_answered(answer: &'static str, words: &'static str) -> Case {
    Case::upgrading(move |server: &mut Server| {
        let (poll, mut probe) = begun(server)?;
        probe.answer_with(answer)?;
        probe.finish()?;
        goes_on(server, poll, probe)
    })
    .fails_to_upgrade(words)
    .delivers(["still here"])
    .ends_by_server()
}

/// The server answers the probe's ping with these bytes.
fn probe_says(bytes: Vec<u8>, words: &'static str) -> Case {
    Case::upgrading(move |server: &mut Server| {
        let (poll, mut probe) = probed(server)?;
        probe.write(bytes)?;
        goes_on(server, poll, probe)
    })
    .fails_to_upgrade(words)
    .delivers(["still here"])
    .ends_by_server()
}

/// The server sends these bytes over the probe after its pong, while the poll still waits.
fn probe_adds(bytes: Vec<u8>, words: &'static str) -> Case {
    Case::upgrading(move |server: &mut Server| {
        let (poll, mut probe) = answered(server)?;
        probe.write(bytes)?;
        goes_on(server, poll, probe)
    })
    .fails_to_upgrade(words)
    .delivers(["still here"])
    .ends_by_server()
}

// Faults before the pong.

fn a_probe_that_is_refused() -> Case {
    probe_is_answered(
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\nno websockets",
        "403 Forbidden: no websockets",
    )
}

fn a_probe_whose_connection_ends_at_once() -> Case {
    probe_is_answered("", "closed the connection during the WebSocket handshake")
}

fn a_probe_whose_connection_is_reset() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (poll, mut probe) = begun(server)?;
        probe.request()?;
        probe.reset()?;
        goes_on_polling(server, poll)
    })
    .fails_to_upgrade("reset")
    .delivers(["still here"])
    .ends_by_server()
}

fn stops(script: impl FnOnce(&mut Peer) -> io::Result<()> + Send + 'static) -> Case {
    Case::upgrading(move |server: &mut Server| {
        let (poll, mut probe) = begun(server)?;
        script(&mut probe)?;
        goes_on(server, poll, probe)
    })
    .upgrade_timeout(SHORTLY)
    .fails_to_upgrade("the upgrade timeout of 0.5 s passed")
    .delivers(["still here"])
    .ends_by_server()
}

fn a_probe_that_is_not_answered() -> Case {
    stops(|_| Ok(()))
}

fn a_probe_whose_head_stops() -> Case {
    stops(|probe| probe.answer_with("HTTP/1.1 101 Swi").map(drop))
}

fn a_probe_whose_head_never_ends() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (poll, mut probe) = begun(server)?;
        probe.answer_with("HTTP/1.1 101 Switching Protocols\r\nX: ")?;
        // The client closes the connection before the write has finished.
        let _ = probe.write_for_ever([b'x'; 1000]);
        goes_on(server, poll, probe)
    })
    .fails_to_upgrade("an HTTP head of more than 65536 bytes (limit max_head_size)")
    .delivers(["still here"])
    .ends_by_server()
}

fn a_probe_that_accepts_another_key() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (poll, mut probe) = begun(server)?;
        let request = probe.request()?;
        probe.write(switching(&request).replace("Accept: ", "Accept: x"))?;
        goes_on(server, poll, probe)
    })
    .fails_to_upgrade("does not match this request")
    .delivers(["still here"])
    .ends_by_server()
}

fn a_probe_whose_ping_is_not_answered() -> Case {
    stops(|probe| {
        probe.accept_websocket()?;
        probe.expect_text("2probe")
    })
}

fn a_probe_that_ends_instead_of_the_pong() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (poll, mut probe) = probed(server)?;
        probe.finish()?;
        goes_on(server, poll, probe)
    })
    .fails_to_upgrade("without a close frame")
    .delivers(["still here"])
    .ends_by_server()
}

fn a_probe_that_closes_instead_of_the_pong() -> Case {
    probe_says(frame(CLOSE, b"\x03\xf0"), "")
}

fn a_probe_that_says_goodbye_instead_of_the_pong() -> Case {
    probe_says(frame(TEXT, "1"), "")
}

fn a_probe_with_another_pong() -> Case {
    probe_says(frame(TEXT, "3other"), "")
}

fn a_probe_with_a_pong_without_data() -> Case {
    probe_says(frame(TEXT, "3"), "")
}

fn a_probe_with_a_message_instead_of_the_pong() -> Case {
    probe_says(frame(TEXT, "4stray"), "a message")
}

fn a_probe_with_an_open_packet_instead_of_the_pong() -> Case {
    probe_says(frame(TEXT, OPEN), "an open packet")
}

fn a_probe_with_a_binary_message_instead_of_the_pong() -> Case {
    probe_says(frame(BINARY, "3probe"), "a message")
}

fn a_probe_with_an_unknown_packet_instead_of_the_pong() -> Case {
    probe_says(frame(TEXT, "x"), "unknown type")
}

fn a_probe_with_half_a_pong() -> Case {
    stops(|probe| {
        probe.accept_websocket()?;
        probe.expect_text("2probe")?;
        probe.write(fragment(TEXT, "3pro"))
    })
}

fn a_probe_with_a_broken_frame() -> Case {
    probe_says(
        frame(CONTINUATION, "3probe"),
        "violated the WebSocket protocol",
    )
}

fn a_probe_with_a_frame_that_is_huge() -> Case {
    probe_says(frame_head(FIN | TEXT, 1 << 50), "(limit max_message_size)")
}

/// Rule E37.
fn a_probe_with_noops_first() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (mut poll, mut probe) = probed(server)?;
        probe.write([frame(TEXT, "6"), frame(TEXT, "6"), frame(TEXT, "3probe")].concat())?;
        poll.write(response("6"))?;
        probe.expect_text("5")?;
        probe.write(frame(CLOSE, ""))?;
        probe.until_gone()
    })
    .upgrades()
    .ends_by_server()
}

// Faults after the pong.

/// Rule E38.
fn a_probe_that_ends_after_the_pong() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (poll, mut probe) = answered(server)?;
        probe.finish()?;
        goes_on(server, poll, probe)
    })
    .fails_to_upgrade("without a close frame")
    .delivers(["still here"])
    .ends_by_server()
}

fn a_probe_that_closes_after_the_pong() -> Case {
    probe_adds(frame(CLOSE, ""), "")
}

/// Rule E37.
fn a_probe_that_says_something_after_the_pong() -> Case {
    probe_adds(frame(TEXT, "4early"), "a message")
}

fn a_probe_that_breaks_the_protocol_after_the_pong() -> Case {
    probe_adds(frame(3, "x"), "violated the WebSocket protocol")
}

/// Rule E38.
fn a_poll_that_does_not_end_after_the_pong() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (poll, probe) = answered(server)?;
        goes_on(server, poll, probe)
    })
    .upgrade_timeout(SHORTLY)
    .fails_to_upgrade("the upgrade timeout of 0.5 s passed")
    .delivers(["still here"])
    .ends_by_server()
}

const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";

fn a_poll_that_fails_before_the_pong() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (mut poll, mut probe) = probed(server)?;
        poll.write(BROKEN)?;
        poll.until_gone()?;
        probe.until_gone()
    })
    .breaks(ErrorKind::Status, &["a poll with 500"])
    .status(500)
}

fn a_poll_that_fails_after_the_pong() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (mut poll, mut probe) = answered(server)?;
        poll.write(BROKEN)?;
        poll.until_gone()?;
        probe.until_gone()
    })
    .breaks(ErrorKind::Status, &["a poll with 500"])
    .status(500)
}

fn a_poll_that_brings_a_goodbye_after_the_pong() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (mut poll, mut probe) = answered(server)?;
        poll.write(response("4last\x1e1"))?;
        poll.until_gone()?;
        probe.until_gone()
    })
    .delivers(["last"])
    .ends_by_server()
}

/// Rule E35.
fn a_poll_that_brings_messages_after_the_pong() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (mut poll, mut probe) = answered(server)?;
        poll.write(response("4a\x1e4b"))?;
        probe.expect_text("5")?;
        probe.write([frame(TEXT, "4c"), frame(CLOSE, "")].concat())?;
        probe.until_gone()
    })
    .upgrades()
    .delivers(["a", "b", "c"])
    .ends_by_server()
}

/// The message in the failed POST may have arrived, so the client does not send it again over WebSocket.
fn a_post_that_fails_after_the_pong() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (mut poll, mut probe) = probed(server)?;
        server.cue(Cue::Send("a"));
        let mut post = server.accept()?;
        post.request()?;
        probe.write(frame(TEXT, "3probe"))?;
        post.write(BROKEN)?;
        poll.until_gone()?;
        probe.until_gone()
    })
    .breaks(ErrorKind::Status, &["a POST with 500"])
    .status(500)
    .uncertain(&["a"])
}

/// python-engineio answers each poll at once with a noop during a probe.
fn polls_that_bring_noops_for_ever() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (mut poll, mut probe) = probed(server)?;
        for _ in 0..3 {
            poll.write(response("6"))?;
            poll.request()?;
        }
        probe.write(frame(TEXT, "3probe"))?;
        poll.write(response("6"))?;
        probe.expect_text("5")?;
        probe.write(frame(CLOSE, ""))?;
        probe.until_gone()
    })
    .upgrades()
    .ends_by_server()
}

// Faults after the swap.

/// The client has dropped the polling link, and ignores everything that arrives there.
/// Rule E36.
fn an_old_link_that_speaks_after_the_swap() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (mut poll, mut probe) = swapped(server)?;
        // The client may have closed this connection.
        let _ = poll.write([response("4late"), response("1")].concat());
        probe.write([frame(TEXT, "4good"), frame(CLOSE, "")].concat())?;
        probe.until_gone()
    })
    .upgrades()
    .delivers(["good"])
    .ends_by_server()
}

fn an_old_link_that_fails_after_the_swap() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (poll, mut probe) = swapped(server)?;
        poll.reset()?;
        probe.write([frame(TEXT, "4good"), frame(CLOSE, "")].concat())?;
        probe.until_gone()
    })
    .upgrades()
    .delivers(["good"])
    .ends_by_server()
}

/// Rule E39.
fn an_end_right_after_the_swap() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (_poll, mut probe) = swapped(server)?;
        probe.finish()?;
        probe.until_gone()
    })
    .upgrades()
    .breaks(ErrorKind::Ended, &["without a close frame"])
}

fn a_close_frame_right_after_the_swap() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (_poll, mut probe) = swapped(server)?;
        probe.write(frame(CLOSE, b"\x03\xe8"))?;
        probe.until_gone()
    })
    .upgrades()
    .ends_by_server()
}

/// The polling link and the WebSocket link share one heartbeat. Its 2 s leave a slow machine enough time
/// for the upgrade.
fn silence_right_after_the_swap() -> Case {
    Case::upgrading(|server: &mut Server| {
        let mut poll = server.open_polling(
            r#"0{"sid":"s","upgrades":["websocket"],"pingInterval":1000,"pingTimeout":1000}"#,
        )?;
        poll.request()?;
        let mut probe = server.accept()?;
        probe.accept_websocket()?;
        probe.expect_text("2probe")?;
        probe.write(frame(TEXT, "3probe"))?;
        poll.write(response("6"))?;
        probe.expect_text("5")?;
        probe.until_gone()
    })
    .upgrades()
    .ends_by_ping_timeout(Duration::from_secs(2))
}

/// A message that was written to the connection counts as uncertain: WebSocket does not acknowledge
/// messages.
fn a_message_that_leaves_after_the_swap_into_nothing() -> Case {
    Case::upgrading(|server: &mut Server| {
        let (_poll, mut probe) = swapped(server)?;
        server.cue(Cue::SendLarge(16_000_000));
        probe.frame_head()?;
        probe.reset()
    })
    .upgrades()
    .breaks(ErrorKind::Ended, &[])
    .uncertain(&["16000000 bytes"])
}

fn an_opening_one_byte_at_a_time() -> Case {
    Case::upgrading(|server: &mut Server| {
        let mut poll = server.accept()?;
        poll.request()?;
        poll.trickle(response(OPEN))?;
        poll.request()?;
        let mut probe = server.accept()?;
        let request = probe.request()?;
        probe.trickle(switching(&request))?;
        probe.expect_text("2probe")?;
        probe.trickle(frame(TEXT, "3probe"))?;
        poll.trickle(response("6"))?;
        probe.expect_text("5")?;
        probe.trickle(frame(TEXT, "4hello"))?;
        probe.trickle(frame(CLOSE, ""))?;
        probe.until_gone()
    })
    .upgrades()
    .delivers(["hello"])
    .ends_by_server()
}
