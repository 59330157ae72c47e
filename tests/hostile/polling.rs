//! What a polling session meets: responses that lie about themselves, payloads that are none, and
//! connections that end between requests and within them.

use std::time::Duration;

use engineio_client::ErrorKind;

use crate::case::Case;
use crate::server::{Cue, OPEN, Peer, SHORT, Server, response};

/// How long the session lives that [`SHORT`] opens, when nothing comes.
const SPAN: Duration = Duration::from_millis(600);
const SHORTLY: Duration = Duration::from_millis(300);

on_each_runtime! {
    no_content
    a_redirect
    a_bad_request_in_json
    an_error_page_of_a_proxy
    a_switch_of_protocols
    an_interim_response_first
    interim_responses_without_end
    http_1_0
    http_0_9
    a_body_without_a_length
    a_body_without_a_length_that_is_cut
    a_body_in_chunks
    a_body_of_one_byte_chunks
    a_body_that_is_cut
    a_body_that_is_reset
    a_body_that_stops
    a_body_that_is_longer_than_it_says
    a_body_that_never_ends
    a_length_that_is_huge
    a_length_beyond_64_bits
    a_length_that_is_negative
    a_length_that_is_a_word
    lengths_that_differ
    lengths_that_agree
    a_length_and_chunks
    a_size_of_a_chunk_that_is_none
    a_size_of_a_chunk_that_is_huge
    a_size_of_a_chunk_beyond_64_bits
    a_chunk_longer_than_it_says
    chunks_without_an_end
    chunks_that_are_cut
    an_extension_of_a_chunk_without_end
    trailers_without_end
    a_coding_of_the_transfer_that_is_unknown
    a_body_compressed_as_unknown
    a_head_cut
    a_poll_that_is_not_answered
    a_packet_of_an_unknown_type
    an_empty_body
    an_empty_packet_at_the_end
    an_empty_packet_at_the_start
    base64_with_foreign_characters
    base64_without_its_padding
    a_text_that_is_not_utf_8
    a_byte_order_mark
    packets_that_a_server_does_not_send
    a_second_open_packet
    a_second_open_packet_that_is_none
    a_goodbye_with_packets_behind_it
    a_ping_with_too_much_in_it
    a_message_above_its_limit
    a_binary_message_above_its_limit
    packets_above_their_number
    noops_for_ever
    a_connection_that_ends_between_requests
    a_connection_that_ends_within_a_poll
    a_connection_that_says_something_between_requests
    a_post_that_is_refused
    a_post_whose_connection_ends
    a_post_whose_answer_is_no_http
    a_post_that_is_not_answered
    a_post_that_is_not_read
    a_post_that_is_answered_early
    a_post_answered_with_packets
    a_sid_of_reserved_characters
    a_sid_with_line_breaks
    a_server_that_forgets_the_session
}

/// The second request of a session, a poll, answered with these bytes. The connection goes on.
fn polled(answer: impl AsRef<[u8]> + Send + 'static) -> Case {
    Case::polling(move |server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with(answer)?;
        peer.until_gone()
    })
}

/// The same, and then the connection ends.
fn polled_to_the_end(answer: impl AsRef<[u8]> + Send + 'static) -> Case {
    Case::polling(move |server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with(answer)?;
        peer.finish()?;
        peer.until_gone()
    })
}

/// The second request of a session, answered with a good response that has this body.
fn payload(body: impl AsRef<[u8]>) -> Case {
    polled(response(body))
}

fn refused(answer: &'static str, status: u16, words: &'static str) -> Case {
    polled(answer)
        .breaks(ErrorKind::Status, &[words])
        .status(status)
}

fn no_http(answer: &'static str) -> Case {
    polled(answer).breaks(ErrorKind::Http, &["not HTTP"])
}

// What HTTP can do.

fn no_content() -> Case {
    refused("HTTP/1.1 204 No Content\r\n\r\n", 204, "204 No Content")
}

fn a_redirect() -> Case {
    refused(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere?secret=1\r\nContent-Length: 0\r\n\r\n",
        307,
        "a redirect to /elsewhere, which is not followed",
    )
}

fn a_bad_request_in_json() -> Case {
    refused(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 43\r\n\r\n{\"code\":\"3\",\"message\":\"Bad request\nSecret\"}",
        400,
        "400 Bad Request",
    )
}

fn an_error_page_of_a_proxy() -> Case {
    polled_to_the_end(
        "HTTP/1.1 504 Gateway Time-out\r\nConnection: close\r\n\r\n<html><h1>504</h1></html>",
    )
    .breaks(ErrorKind::Status, &["504 Gateway Timeout"])
    .status(504)
}

fn a_switch_of_protocols() -> Case {
    polled("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n4late")
        .breaks(ErrorKind::Status, &["101 Switching Protocols"])
        .status(101)
}

fn an_interim_response_first() -> Case {
    let mut answer =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n".to_vec();
    answer.extend(response("4hello\x1e1"));
    polled(answer).delivers(["hello"]).ends_by_server()
}

fn interim_responses_without_end() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.request()?;
        peer.write_for_ever("HTTP/1.1 102 Processing\r\n\r\n".repeat(1000))
    })
    .breaks(ErrorKind::Limit, &["limit max_head_size"])
}

fn http_1_0() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with(format!(
            "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{OPEN}",
            OPEN.len()
        ))?;
        drop(peer);
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.0 200 OK\r\n\r\n4hello\x1e1")?;
        peer.finish()?;
        peer.until_gone()
    })
    .delivers(["hello"])
    .ends_by_server()
}

fn http_0_9() -> Case {
    no_http("4hello")
}

fn a_body_without_a_length() -> Case {
    polled_to_the_end("HTTP/1.1 200 OK\r\n\r\n4hello\x1e1")
        .delivers(["hello"])
        .ends_by_server()
}

/// Nobody can tell that it is.
fn a_body_without_a_length_that_is_cut() -> Case {
    polled_to_the_end("HTTP/1.1 200 OK\r\n\r\n4hello\x1ebAA")
        .delivers(["hello"])
        .breaks(ErrorKind::Protocol, &["not base64"])
}

fn a_body_in_chunks() -> Case {
    polled("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n006;x=\"y\"\r\nhello\x1e\r\n1\r\n1\r\n0\r\nX-Sum: 1\r\n\r\n")
        .delivers(["hello"])
        .ends_by_server()
}

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

/// Nothing of it is delivered, though a packet in it is whole.
fn a_body_that_is_cut() -> Case {
    polled_to_the_end("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n4whole\x1e4cu").breaks(
        ErrorKind::Ended,
        &["the connection failed during a request"],
    )
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
    .dies_of_silence(SPAN)
}

/// What is behind it is nobody's, and its connection is not used again.
fn a_body_that_is_longer_than_it_says() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n4abcdef")?;
        let mut next = server.accept()?;
        next.answer("1")?;
        peer.until_gone()?;
        next.until_gone()
    })
    .delivers(["ab"])
    .ends_by_server()
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

fn a_length_that_is_huge() -> Case {
    polled("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n4x")
        .breaks(ErrorKind::Limit, &["(limit max_body_size)"])
}

fn a_length_beyond_64_bits() -> Case {
    no_http("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n4x")
}

fn a_length_that_is_negative() -> Case {
    no_http("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n4x")
}

fn a_length_that_is_a_word() -> Case {
    no_http("HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n4x")
}

fn lengths_that_differ() -> Case {
    no_http("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n4xy")
}

fn lengths_that_agree() -> Case {
    polled("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n4x\x1e1")
        .delivers(["x"])
        .ends_by_server()
}

/// The chunks count, as HTTP has it.
fn a_length_and_chunks() -> Case {
    polled_to_the_end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n4x\x1e1\r\n0\r\n\r\n")
        .delivers(["x"])
        .ends_by_server()
}

fn chunks(body: &'static str) -> Case {
    polled(format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    ))
}

fn a_size_of_a_chunk_that_is_none() -> Case {
    chunks("xyz\r\n4x\r\n0\r\n\r\n").breaks(ErrorKind::Http, &["not HTTP"])
}

/// Its bytes never come, and it is not taken at its word.
fn a_size_of_a_chunk_that_is_huge() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(SHORT)?;
        peer.answer_with(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n4x",
        )?;
        peer.until_gone()
    })
    .dies_of_silence(SPAN)
}

fn a_size_of_a_chunk_beyond_64_bits() -> Case {
    chunks("fffffffffffffffff\r\n4x").breaks(ErrorKind::Http, &["not HTTP"])
}

fn a_chunk_longer_than_it_says() -> Case {
    chunks("2\r\n4xyz\r\n0\r\n\r\n").breaks(ErrorKind::Http, &["not HTTP"])
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

fn chunks_that_are_cut() -> Case {
    polled_to_the_end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4x\r\n")
        .breaks(ErrorKind::Ended, &[])
}

fn an_extension_of_a_chunk_without_end() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")?;
        peer.write_for_ever([b'x'; 1000])
    })
    .breaks(ErrorKind::Http, &["not HTTP"])
}

fn trailers_without_end() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.answer_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4x\r\n0\r\n")?;
        peer.write_for_ever("X: y\r\n".repeat(1000))
    })
    .breaks(ErrorKind::Http, &["not HTTP"])
}

/// HTTP has such a body last until the end of the connection.
fn a_coding_of_the_transfer_that_is_unknown() -> Case {
    polled_to_the_end("HTTP/1.1 200 OK\r\nTransfer-Encoding: br\r\n\r\n4x\x1e1")
        .delivers(["x"])
        .ends_by_server()
}

fn a_body_compressed_as_unknown() -> Case {
    polled("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n4x")
        .breaks(ErrorKind::Http, &["as \"br\""])
}

fn a_head_cut() -> Case {
    polled_to_the_end("HTTP/1.1 200 OK\r\nContent-Le").breaks(ErrorKind::Ended, &[])
}

fn a_poll_that_is_not_answered() -> Case {
    Case::polling(|server: &mut Server| server.open_polling(SHORT)?.until_gone())
        .dies_of_silence(SPAN)
}

// What payloads can hold.

fn a_packet_of_an_unknown_type() -> Case {
    payload("4good\x1e9\x1e4bad")
        .delivers(["good"])
        .breaks(ErrorKind::Protocol, &["unknown type \"9\""])
}

fn an_empty_body() -> Case {
    payload("").breaks(ErrorKind::Protocol, &["an empty packet"])
}

fn an_empty_packet_at_the_end() -> Case {
    payload("4good\x1e")
        .delivers(["good"])
        .breaks(ErrorKind::Protocol, &["an empty packet"])
}

fn an_empty_packet_at_the_start() -> Case {
    payload("\x1e4bad").breaks(ErrorKind::Protocol, &["an empty packet"])
}

fn base64_with_foreign_characters() -> Case {
    payload("4good\x1ebA-_=")
        .delivers(["good"])
        .breaks(ErrorKind::Protocol, &["not base64"])
}

fn base64_without_its_padding() -> Case {
    payload("bAAE").breaks(ErrorKind::Protocol, &["not base64"])
}

fn a_text_that_is_not_utf_8() -> Case {
    payload(b"4good\x1e4\xc3\x28\x1e4bad")
        .delivers(["good"])
        .breaks(ErrorKind::Protocol, &["not UTF-8"])
}

fn a_byte_order_mark() -> Case {
    payload(b"\xef\xbb\xbf4x").breaks(ErrorKind::Protocol, &["unknown type"])
}

fn packets_that_a_server_does_not_send() -> Case {
    payload("3probe\x1e5\x1e6\x1e3\x1e4good\x1e1")
        .delivers(["good"])
        .ends_by_server()
}

fn a_second_open_packet() -> Case {
    payload(format!("{SHORT}\x1e4good\x1e1"))
        .delivers(["good"])
        .ends_by_server()
}

fn a_second_open_packet_that_is_none() -> Case {
    payload("0\x1e0{\x1e0{\"sid\":7}\x1e4good\x1e1")
        .delivers(["good"])
        .ends_by_server()
}

fn a_goodbye_with_packets_behind_it() -> Case {
    payload("4good\x1e1\x1e4behind")
        .delivers(["good"])
        .ends_by_server()
}

fn a_ping_with_too_much_in_it() -> Case {
    payload(format!("4good\x1e2{}", "x".repeat(126)))
        .delivers(["good"])
        .breaks(ErrorKind::Protocol, &["more than 125 bytes"])
}

fn a_message_above_its_limit() -> Case {
    payload(format!("4{}\x1e4{}", "a".repeat(1000), "b".repeat(1001)))
        .max_message(1000)
        .delivers(["a".repeat(1000)])
        .breaks(
            ErrorKind::Limit,
            &["more than 1000 bytes (limit max_message_size)"],
        )
}

fn a_binary_message_above_its_limit() -> Case {
    payload(format!("b{}", "AAAA".repeat(335)))
        .max_message(1000)
        .breaks(
            ErrorKind::Limit,
            &["more than 1000 bytes (limit max_message_size)"],
        )
}

fn packets_above_their_number() -> Case {
    payload(["4x"; 6].join("\x1e"))
        .max_packets(5)
        .delivers(["x"; 5])
        .breaks(
            ErrorKind::Limit,
            &["more than 5 packets (limit max_payload_packets)"],
        )
}

/// They are life, and no storm comes of them.
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

// What connections can do.

/// One that ends without saying so is a race on a real network: in virtual time it is none, see
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

fn a_connection_that_ends_within_a_poll() -> Case {
    Case::polling(|server: &mut Server| {
        let mut peer = server.open_polling(OPEN)?;
        peer.request()?;
        peer.finish()?;
        peer.until_gone()
    })
    .breaks(
        ErrorKind::Ended,
        &["the connection failed during a request"],
    )
}

/// What it says answers nothing, so the connection is not used again.
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

/// A session on which a poll waits, and the connection of a post of "a".
fn posting(server: &mut Server, open: &str) -> std::io::Result<(Peer, Peer)> {
    let mut poll = server.open_polling(open)?;
    poll.request()?;
    server.cue(Cue::Send("a"));
    let post = server.accept()?;
    Ok((poll, post))
}

/// A post of "a" that is answered so; a "b" is accepted while it is under way.
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

/// Some servers refuse a body without having read it.
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

/// Only polls bring packets: these are no concern of anybody.
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

/// It is no part of the URL but a value in it.
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

/// It puts no header into the next request.
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

/// As after a restart, or behind a balancer that is not sticky.
fn a_server_that_forgets_the_session() -> Case {
    polled("HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n{\"code\":1,\"message\":\"Session ID unknown\"}")
        .breaks(ErrorKind::Status, &["400 Bad Request: Session ID unknown (code 1)"])
        .status(400)
}
