//! The user closes the session, at every step of it, while the server misbehaves.

use std::time::Duration;

use engineio_client::ErrorKind;

use crate::case::Case;
use crate::server::{CLOSE, Cue, FIN, OPEN, Server, TEXT, frame, response};

const SHORTLY: Duration = Duration::from_millis(500);

by_each_transport_on_each_runtime! {
    and_the_server_says_nothing_more
    and_the_server_says_goodbye_too
}

by_each_transport! {
    before_a_byte_has_come
    within_the_head_of_the_first_answer
    and_the_server_ends_the_connections
}

on_each_runtime! {
    during_the_first_poll_which_is_answered
    with_a_message_that_the_server_does_not_take
    and_the_close_frame_is_answered_by_pings_alone
    between_the_pong_and_the_swap
}

on_tokio! {
    during_the_first_poll_which_is_refused
    and_the_post_of_the_goodbye_is_refused
    and_the_post_of_the_goodbye_is_no_http
    and_a_post_is_not_answered
    and_the_poll_is_answered_late
    and_the_close_frame_is_answered_behind_messages
    and_the_close_frame_is_answered_by_what_is_no_frame
    before_the_probe_is_answered
    before_the_probes_pong
    right_after_the_swap
}

/// Over polling, the client waits for the first response until the close timeout, because only that
/// response names the session to close. Over WebSocket, the client drops the connection at once.
/// Rule E42.
fn before_a_byte_has_come(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.request()?;
        server.cue(Cue::Close);
        peer.until_gone()
    })
    .close_timeout(SHORTLY)
    .ends_by_client()
}

fn within_the_head_of_the_first_answer(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 200 OK\r\nConte")?;
        server.cue(Cue::Close);
        peer.until_gone()
    })
    .close_timeout(SHORTLY)
    .ends_by_client()
}

fn and_the_server_says_nothing_more(transport: &'static str) -> Case {
    Case::by(transport, move |server: &mut Server| {
        let mut peer = server.open(transport, OPEN)?;
        server.cue(Cue::Open);
        server.cue(Cue::Close);
        peer.until_gone()
    })
    .close_timeout(SHORTLY)
    .ends_by_client()
}

fn and_the_server_ends_the_connections(transport: &'static str) -> Case {
    Case::by(transport, move |server: &mut Server| {
        let mut peer = server.open(transport, OPEN)?;
        if transport == "polling" {
            peer.request()?;
        }
        server.cue(Cue::Open);
        server.cue(Cue::Close);
        if transport == "polling" {
            let mut post = server.accept()?;
            assert_eq!(post.request()?.body, b"1");
            post.finish()?;
            peer.finish()?;
            post.until_gone()?;
        } else {
            assert_eq!(peer.frame()?.0, FIN | CLOSE);
            peer.finish()?;
        }
        peer.until_gone()
    })
    .ends_by_client()
}

fn and_the_server_says_goodbye_too(transport: &'static str) -> Case {
    Case::by(transport, move |server: &mut Server| {
        let mut peer = server.open(transport, OPEN)?;
        server.cue(Cue::Open);
        if transport == "polling" {
            peer.request()?;
            server.cue(Cue::Close);
            let mut post = server.accept()?;
            assert_eq!(post.request()?.body, b"1");
            peer.write(response("1"))?;
            post.write(response("ok"))?;
        } else {
            server.cue(Cue::Close);
            assert_eq!(peer.frame()?.0, FIN | CLOSE);
            peer.write([frame(TEXT, "1"), frame(CLOSE, "")].concat())?;
        }
        peer.until_gone()
    })
    .ends_by_client()
}

/// The response opens a session that the user has already closed. The client sends a goodbye with the
/// sid of that session.
/// Rule E42.
fn during_the_first_poll_which_is_answered() -> Case {
    Case::polling(|server: &mut Server| {
        let mut poll = server.accept()?;
        poll.request()?;
        server.cue(Cue::Close);
        poll.write(response(OPEN))?;
        let mut request = poll.request()?;
        if request.method == "GET" {
            request = server.accept()?.answer("ok")?;
        } else {
            poll.write(response("ok"))?;
        }
        assert_eq!(request.body, b"1");
        assert!(request.target.ends_with("&sid=s"), "{}", request.target);
        poll.until_gone()
    })
    .ends_by_client()
}

fn during_the_first_poll_which_is_refused() -> Case {
    Case::polling(|server: &mut Server| {
        let mut poll = server.accept()?;
        poll.request()?;
        server.cue(Cue::Close);
        poll.write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")?;
        poll.until_gone()
    })
    .ends_by_client()
    .or_fails_to_open(ErrorKind::Status)
}

/// The user closes a session on polling, and the server answers the goodbye with these bytes.
fn goodbye_answered(answer: &'static str) -> Case {
    Case::polling(move |server: &mut Server| {
        let mut poll = server.open_polling(OPEN)?;
        poll.request()?;
        server.cue(Cue::Open);
        server.cue(Cue::Close);
        let mut post = server.accept()?;
        assert_eq!(post.request()?.body, b"1");
        post.write(answer)?;
        poll.until_gone()
    })
    .ends_by_client()
}

fn and_the_post_of_the_goodbye_is_refused() -> Case {
    goodbye_answered("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
}

fn and_the_post_of_the_goodbye_is_no_http() -> Case {
    goodbye_answered("\0\0\0\0\0\0\0\0")
}

fn and_a_post_is_not_answered() -> Case {
    Case::polling(|server: &mut Server| {
        let mut poll = server.open_polling(OPEN)?;
        poll.request()?;
        server.cue(Cue::Open);
        server.cue(Cue::Send("a"));
        let mut post = server.accept()?;
        post.request()?;
        server.cue(Cue::Send("b"));
        server.cue(Cue::Close);
        poll.until_gone()?;
        post.until_gone()
    })
    .close_timeout(SHORTLY)
    .ends_by_client()
    .uncertain(&["a"])
    .unsent(&["b"])
}

/// Once the server has answered the goodbye, the client does not wait for the response to its poll.
fn and_the_poll_is_answered_late() -> Case {
    Case::polling(|server: &mut Server| {
        let mut poll = server.open_polling(OPEN)?;
        poll.request()?;
        server.cue(Cue::Open);
        server.cue(Cue::Close);
        let mut post = server.accept()?;
        assert_eq!(post.answer("ok")?.body, b"1");
        poll.until_gone()?;
        let _ = poll.write(response("4late"));
        Ok(())
    })
    .ends_by_client()
}

fn with_a_message_that_the_server_does_not_take() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.accept_with(|socket| {
            let _ = socket.set_recv_buffer_size(4096);
        })?;
        peer.accept_websocket()?;
        peer.write(frame(TEXT, OPEN))?;
        server.cue(Cue::Open);
        server.cue(Cue::SendLarge(16_000_000));
        peer.frame_head()?;
        server.cue(Cue::Close);
        peer.until_gone_unread(frame(TEXT, "6"))
    })
    .close_timeout(SHORTLY)
    .ends_by_client()
    .uncertain(&["16000000 bytes"])
}

/// Messages that arrive before the server's close frame are delivered.
fn and_the_close_frame_is_answered_behind_messages() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        server.cue(Cue::Open);
        server.cue(Cue::Close);
        assert_eq!(peer.frame()?.0, FIN | CLOSE);
        peer.write([frame(TEXT, "4a"), frame(TEXT, "4b"), frame(CLOSE, "")].concat())?;
        peer.until_gone()
    })
    .delivers(["a", "b"])
    .ends_by_client()
}

fn and_the_close_frame_is_answered_by_pings_alone() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        server.cue(Cue::Open);
        server.cue(Cue::Close);
        assert_eq!(peer.frame()?.0, FIN | CLOSE);
        peer.until_gone_unread(frame(TEXT, "2"))
    })
    .close_timeout(SHORTLY)
    .ends_by_client()
}

fn and_the_close_frame_is_answered_by_what_is_no_frame() -> Case {
    Case::websocket(|server: &mut Server| {
        let mut peer = server.open_websocket(OPEN)?;
        server.cue(Cue::Open);
        server.cue(Cue::Close);
        assert_eq!(peer.frame()?.0, FIN | CLOSE);
        peer.write(frame(3, "x"))?;
        peer.until_gone()
    })
    .ends_by_client()
}

/// The user closes the session while it is still on polling. The client drops the probe at once, and
/// sends the goodbye over polling.
fn during_the_upgrade(
    script: impl FnOnce(&mut crate::server::Peer) -> std::io::Result<()> + Send + 'static,
) -> Case {
    Case::upgrading(move |server: &mut Server| {
        let mut poll = server.open_polling(OPEN)?;
        poll.request()?;
        let mut probe = server.accept()?;
        script(&mut probe)?;
        server.cue(Cue::Open);
        server.cue(Cue::Close);
        let mut post = server.accept()?;
        assert_eq!(post.answer("ok")?.body, b"1");
        probe.until_gone()?;
        poll.until_gone()
    })
    .ends_by_client()
}

fn before_the_probe_is_answered() -> Case {
    during_the_upgrade(|probe| probe.request().map(drop))
}

/// Rule E43.
fn before_the_probes_pong() -> Case {
    during_the_upgrade(|probe| {
        probe.accept_websocket()?;
        probe.expect_text("2probe")
    })
}

/// Rule E43.
fn between_the_pong_and_the_swap() -> Case {
    during_the_upgrade(|probe| {
        probe.accept_websocket()?;
        probe.expect_text("2probe")?;
        probe.write(frame(TEXT, "3probe"))
    })
}

fn right_after_the_swap() -> Case {
    Case::upgrading(|server: &mut Server| {
        let mut poll = server.open_polling(OPEN)?;
        poll.request()?;
        let mut probe = server.accept()?;
        probe.accept_websocket()?;
        probe.expect_text("2probe")?;
        probe.write(frame(TEXT, "3probe"))?;
        poll.write(response("6"))?;
        probe.expect_text("5")?;
        server.cue(Cue::Open);
        server.cue(Cue::Close);
        assert_eq!(probe.frame()?.0, FIN | CLOSE);
        probe.write(frame(CLOSE, ""))?;
        probe.until_gone()
    })
    .upgrades()
    .ends_by_client()
}
