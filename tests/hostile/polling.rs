//! An open session on polling: bodies that stop or never end, connections that fail, and POSTs that
//! fail.

use std::time::Duration;

use engineio_client::ErrorKind;

use crate::case::Case;
use crate::server::{Cue, OPEN, Peer, SHORT, Server, response};

/// How long a session that [`SHORT`] opens lives without a packet.
const SPAN: Duration = Duration::from_millis(600);
const SHORTLY: Duration = Duration::from_millis(300);

on_each_runtime! {
    a_body_that_is_reset
    a_body_that_never_ends
    a_poll_that_is_not_answered
    a_connection_that_ends_between_requests
    a_post_that_is_not_answered
    a_post_that_is_not_read
}

on_tokio! {
    a_body_of_one_byte_chunks
    a_body_that_stops
    a_size_of_a_chunk_that_is_huge
    chunks_without_an_end
    noops_for_ever
    a_connection_that_says_something_between_requests
    a_post_that_is_refused
    a_post_whose_connection_ends
    a_post_whose_answer_is_no_http
    a_post_that_is_answered_early
    a_post_answered_with_packets
    a_sid_of_reserved_characters
    a_sid_with_line_breaks
}

// Responses to a poll.

fn a_body_of_one_byte_chunks() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for byte in "4hello\x1e1".bytes() {
            peer.trickle([b'1', b'\r', b'\n', byte, b'\r', b'\n'])?;
        }
        peer.trickle("0\r\n\r\n")?;
        peer.until_gone()
    })
    .delivers(["hello"])
    .ends_by_server()
}

fn a_body_that_is_reset() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n4whole\x1e4cu")?;
        peer.reset()
    })
    .breaks(ErrorKind::Ended, &["reset"])
}

fn a_body_that_stops() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(SHORT)?;
        peer.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n4whole\x1e4cu")?;
        peer.until_gone()
    })
    .ends_by_ping_timeout(SPAN)
}

fn a_body_that_never_ends() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with("HTTP/1.1 200 OK\r\n\r\n4")?;
        peer.write_for_ever([b'x'; 10_000])
    })
    .max_body(1_000_000)
    .breaks(
        ErrorKind::Limit,
        &["a body of more than 1000000 bytes (limit max_body_size)"],
    )
}

/// The client allocates nothing for a size that the server only announces.
fn a_size_of_a_chunk_that_is_huge() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(SHORT)?;
        peer.answer_with(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n4x",
        )?;
        peer.until_gone()
    })
    .ends_by_ping_timeout(SPAN)
}

fn chunks_without_an_end() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n")?;
        peer.write_for_ever("8\r\nxxxxxxxx\r\n".repeat(1000))
    })
    .max_body(100_000)
    .breaks(
        ErrorKind::Limit,
        &["a body of more than 100000 bytes (limit max_body_size)"],
    )
}

fn a_poll_that_is_not_answered() -> Case {
    Case::polling(|server: &mut Server| server.open_polling(SHORT)?.until_gone())
        .ends_by_ping_timeout(SPAN)
}

/// Noops are signs of life. After a poll that returned only noops, the client waits before it polls
/// again.
/// Rule E26.
fn noops_for_ever() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        for _ in 0..5 {
            peer.answer("6")?;
        }
        peer.answer("1")?;
        peer.until_gone()
    })
    .governed_by(Duration::from_secs(3))
    .ends_by_server()
}

// Connections.

/// The server announces the end with `Connection: close`, because on a real network an unannounced end
/// races with the client's next request. The test of an unannounced end runs in virtual time:
/// `a_kept_connection_that_the_server_has_closed_is_dialled_again`.
fn a_connection_that_ends_between_requests() -> Case {
    Case::polling(|server: &mut Server| {
        for body in [OPEN, "4again", "4and again", "1"] {
            let mut peer = server.accept()?;
            let length = body.len();
            peer.answer_with(format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            ))?;
        }
        Ok(())
    })
    .delivers(["again", "and again"])
    .ends_by_server()
}

/// The second response belongs to no request, so the client does not use the connection again.
fn a_connection_that_says_something_between_requests() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.accept()?;
        let stray = [response(OPEN), response("4stray")].concat();
        peer.answer_with(stray)?;
        let mut next = server.accept()?;
        next.answer("4good\x1e1")?;
        peer.until_gone()?;
        next.until_gone()
    })
    .delivers(["good"])
    .ends_by_server()
}

/// Opens a session whose poll waits, and makes the client post "a". Returns the connection of the poll
/// and the connection of the POST.
fn posting(server: &mut Server, open: &str) -> std::io::Result<(Peer, Peer)> {
    let mut poll = server.open_polling(open)?;
    poll.request()?;
    server.cue(Cue::Send("a"));
    let post = server.accept()?;
    Ok((poll, post))
}

/// The client posts "a", and the server answers the POST with these bytes and closes the connection of
/// the POST.
fn posted(answer: &'static str) -> Case {
    Case::polling(move |server: &mut Server| {
        let (mut poll, mut post) = posting(server, OPEN)?;
        let request = post.request()?;
        assert_eq!((&*request.method, &*request.body), ("POST", &b"4a"[..]));
        post.write(answer)?;
        post.finish()?;
        poll.until_gone()?;
        post.until_gone()
    })
    .uncertain(&["a"])
}

fn a_post_that_is_refused() -> Case {
    posted("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig")
        .breaks(
            ErrorKind::Status,
            &["a POST with 413 Payload Too Large: big"],
        )
        .status(413)
}

fn a_post_whose_connection_ends() -> Case {
    posted("").breaks(
        ErrorKind::Ended,
        &["the connection failed during a request"],
    )
}

fn a_post_whose_answer_is_no_http() -> Case {
    posted("ok").breaks(ErrorKind::Http, &["not HTTP"])
}

fn a_post_that_is_not_answered() -> Case {
    Case::polling(|server: &mut Server| {
        let (mut poll, mut post) = posting(server, OPEN)?;
        post.request()?;
        server.cue(Cue::Send("b"));
        poll.until_gone()?;
        post.until_gone()
    })
    .send_timeout(SHORTLY * 2)
    .breaks(ErrorKind::Timeout, &["the send timeout of 0.6 s passed"])
    .uncertain(&["a"])
    .unsent(&["b"])
}

fn a_post_that_is_not_read() -> Case {
    Case::polling(|server: &mut Server| {
        let mut poll = server.open_polling(
            r#"0{"sid":"s","pingInterval":25000,"pingTimeout":20000,"maxPayload":100000000}"#,
        )?;
        poll.request()?;
        server.cue(Cue::SendLarge(8_000_000));
        let _post = server.accept_with(|socket| {
            let _ = socket.set_recv_buffer_size(4096);
        })?;
        poll.until_gone()
    })
    .send_timeout(SHORTLY * 2)
    .breaks(ErrorKind::Timeout, &["the send timeout of 0.6 s passed"])
    .uncertain(&["8000000 bytes"])
}

/// Some servers refuse a body before they have read it.
fn a_post_that_is_answered_early() -> Case {
    Case::polling(|server: &mut Server| {
        let (mut poll, mut post) = posting(server, OPEN)?;
        post.request_head()?;
        post.write(
            "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        )?;
        post.finish()?;
        poll.until_gone()?;
        post.until_gone()
    })
    .breaks(ErrorKind::Status, &["413"])
    .status(413)
    .uncertain(&["a"])
}

/// Only polls bring packets. The client ignores the body of a response to a POST.
fn a_post_answered_with_packets() -> Case {
    Case::polling(|server: &mut Server| {
        let (mut poll, mut post) = posting(server, OPEN)?;
        post.request()?;
        post.write(response("4stray\x1e1"))?;
        server.cue(Cue::Flush);
        poll.write(response("4good\x1e1"))?;
        poll.until_gone()
    })
    .delivers(["good"])
    .ends_by_server()
}

/// The client percent-encodes the sid, so that the sid stays a single value in the query.
/// Rule E11.
fn a_sid_of_reserved_characters() -> Case {
    Case::polling(|server: &mut Server| {
        let mut poll = server.open_polling(
            r#"0{"sid":"a b&sid=c#?/..%00é","pingInterval":25000,"pingTimeout":20000}"#,
        )?;
        let encoded = "&sid=a%20b%26sid%3Dc%23%3F%2F..%2500%C3%A9";
        let request = poll.request()?;
        assert!(request.target.ends_with(encoded), "{}", request.target);
        assert!(
            request.target.starts_with("/engine.io/?"),
            "{}",
            request.target
        );
        server.cue(Cue::Send("a"));
        let mut post = server.accept()?;
        let request = post.answer("ok")?;
        assert!(request.target.ends_with(encoded), "{}", request.target);
        server.cue(Cue::Flush);
        poll.write(response("1"))?;
        poll.until_gone()
    })
    .ends_by_server()
}

/// The line breaks do not add headers to the next request.
fn a_sid_with_line_breaks() -> Case {
    Case::polling(|server: &mut Server| {
        let mut poll = server.open_polling(
            r#"0{"sid":"a\r\nX-Evil: 1\r\n\r\nGET / HTTP/1.1","pingInterval":25000,"pingTimeout":20000}"#,
        )?;
        let request = poll.answer("1")?;
        let encoded = "&sid=a%0D%0AX-Evil%3A%201%0D%0A%0D%0AGET%20%2F%20HTTP%2F1.1";
        assert!(request.target.ends_with(encoded), "{}", request.target);
        assert_eq!(request.header("x-evil"), None);
        poll.until_gone()
    })
    .ends_by_server()
}
