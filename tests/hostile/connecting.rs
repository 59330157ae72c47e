//! What comes in place of a session: nothing, half of something, a refusal, or no Engine.IO.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use engineio_client::ErrorKind;
use socket2::{Domain, Socket, Type};

use crate::case::{Case, POLLING};
use crate::server::{CLOSE, OPEN, Server, TEXT, frame, response, switching};

const SHORTLY: Duration = Duration::from_millis(300);

/// What is no HTTP, or no websocket's handshake.
fn no_http(transport: &str) -> ErrorKind {
    match transport {
        POLLING => ErrorKind::Http,
        _ => ErrorKind::WebSocket,
    }
}

/// What the server says in answer to the first request, and then it ends the connection.
fn answered(transport: &'static str, answer: &'static [u8]) -> Case {
    Case::by(transport, move |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with(answer)?;
        peer.finish()?;
        peer.until_gone()
    })
}

fn refused(
    transport: &'static str,
    answer: &'static [u8],
    status: u16,
    words: &[&'static str],
) -> Case {
    answered(transport, answer)
        .opens_not(ErrorKind::Status, words)
        .status(status)
}

by_each_transport! {
    nobody_listens
    a_port_that_answers_nothing
    a_connection_that_ends_at_once
    a_connection_that_is_reset_at_once
    a_connection_that_is_reset_within_the_head
    silence_from_the_start
    silence_within_the_head
    silence_between_interim_responses
    a_head_that_trickles_for_ever
    a_head_that_never_ends
    a_header_that_never_ends
    headers_without_number
    interim_responses_without_end
    a_head_that_is_cut
    a_tls_alert
    the_greeting_of_another_protocol
    a_status_that_is_none
    a_header_without_a_colon
    a_header_with_a_nul
    an_opening_one_byte_at_a_time
    no_content
    a_redirect
    a_redirect_with_a_secret
    bad_request_in_json
    forbidden_by_a_proxy_in_html
    unauthorized
    not_found_without_a_body
    too_many_requests
    bad_gateway_in_html_that_is_cut
    a_refusal_whose_body_never_comes
    a_refusal_in_http_1_0
    a_refusal_that_is_not_utf_8
    a_refusal_of_one_line_without_end
    an_ok_that_is_a_page
    a_first_packet_that_is_a_message
    a_first_packet_that_is_a_goodbye
    a_first_packet_that_is_unknown
    a_first_packet_that_is_empty
    an_open_packet_that_is_cut
    an_open_packet_that_is_too_large
    an_open_packet_of_brackets
}

fn nobody_listens(transport: &'static str) -> Case {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = port.local_addr().expect("it is bound");
    drop(port);
    Case::by(transport, |_| Ok(()))
        .elsewhere(format!("http://{address}"))
        .opens_not(ErrorKind::Connect, &["could not connect", "refused"])
}

/// Its queue is full, so that the system drops whoever comes.
fn a_port_that_answers_nothing(transport: &'static str) -> Case {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.bind(&any.into()).expect("a port is free");
    socket.listen(0).expect("it listens");
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().expect("it is bound");
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
        assert!(queue.len() < 64, "the queue has an end");
    }
    Case::by(transport, move |_| {
        // They last as long as the script's test.
        let _held = (listener, queue);
        std::thread::sleep(SHORTLY * 4);
        Ok(())
    })
    .elsewhere(format!("http://{address}"))
    .open_timeout(SHORTLY)
    .opens_not(ErrorKind::Timeout, &["open timeout of 0.3 s"])
}

fn a_connection_that_ends_at_once(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        server.accept()?.finish()?;
        Ok(())
    })
    .opens_not(ErrorKind::Ended, &[])
}

fn a_connection_that_is_reset_at_once(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.request()?;
        peer.reset()
    })
    .opens_not(ErrorKind::Ended, &["reset"])
}

fn a_connection_that_is_reset_within_the_head(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 200 OK\r\nContent-")?;
        peer.reset()
    })
    .opens_not(ErrorKind::Ended, &["reset"])
}

fn silence_from_the_start(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        server.accept()?.until_gone()
    })
    .open_timeout(SHORTLY)
    .opens_not(ErrorKind::Timeout, &["open timeout of 0.3 s"])
}

fn silence_within_the_head(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 101 Switching Protocols\r\nUpgrade: web")?;
        peer.until_gone()
    })
    .open_timeout(SHORTLY)
    .opens_not(ErrorKind::Timeout, &["open timeout of 0.3 s"])
}

fn silence_between_interim_responses(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")?;
        peer.until_gone()
    })
    .open_timeout(SHORTLY)
    .opens_not(ErrorKind::Timeout, &["open timeout of 0.3 s"])
}

fn a_head_that_trickles_for_ever(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 200 OK\r\nX: ")?;
        peer.trickle_every([b'x'; 10_000], Duration::from_millis(20))
    })
    .open_timeout(SHORTLY)
    .opens_not(ErrorKind::Timeout, &["open timeout of 0.3 s"])
}

fn endless(transport: &'static str, start: &'static str, again: &'static str) -> Case {
    Case::by(transport, move |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with(start)?;
        peer.write_for_ever(again.repeat(1000))
    })
}

fn a_head_that_never_ends(transport: &'static str) -> Case {
    let long = "X-Long: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n";
    endless(transport, "HTTP/1.1 200 OK\r\n", long).opens_not(
        ErrorKind::Limit,
        &["an HTTP head of more than 65536 bytes (limit max_head_size)"],
    )
}

fn a_header_that_never_ends(transport: &'static str) -> Case {
    endless(transport, "HTTP/1.1 200 OK\r\nX: ", "x").opens_not(
        ErrorKind::Limit,
        &["an HTTP head of more than 65536 bytes (limit max_head_size)"],
    )
}

/// They fit the bytes of a head, and are too many.
fn headers_without_number(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a:b\r\n".repeat(5000));
        peer.answer_with(head)?;
        peer.until_gone()
    })
    .opens_not(ErrorKind::Limit, &["an HTTP head of more than"])
}

fn interim_responses_without_end(transport: &'static str) -> Case {
    endless(
        transport,
        "",
        "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n",
    )
    .opens_not(
        ErrorKind::Limit,
        &["an HTTP head of more than 65536 bytes (limit max_head_size)"],
    )
}

fn a_head_that_is_cut(transport: &'static str) -> Case {
    answered(transport, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n")
        .opens_not(ErrorKind::Ended, &[])
}

fn a_tls_alert(transport: &'static str) -> Case {
    answered(transport, b"\x15\x03\x01\x00\x02\x02\x46")
        .opens_not(no_http(transport), &["not HTTP"])
}

fn the_greeting_of_another_protocol(transport: &'static str) -> Case {
    answered(transport, b"220 mail.example ESMTP\r\n").opens_not(no_http(transport), &["not HTTP"])
}

fn a_status_that_is_none(transport: &'static str) -> Case {
    answered(transport, b"HTTP/1.1 2x0 OK\r\n\r\n").opens_not(no_http(transport), &["not HTTP"])
}

fn a_header_without_a_colon(transport: &'static str) -> Case {
    answered(transport, b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n")
        .opens_not(no_http(transport), &["not HTTP"])
}

fn a_header_with_a_nul(transport: &'static str) -> Case {
    answered(transport, b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n")
        .opens_not(no_http(transport), &["not HTTP"])
}

fn an_opening_one_byte_at_a_time(transport: &'static str) -> Case {
    Case::by(transport, move |server: &mut Server| {
        let mut peer = server.accept()?;
        let request = peer.request()?;
        if transport == POLLING {
            peer.trickle(response(format!("{OPEN}\x1e4hello\x1e1")))?;
        } else {
            peer.trickle(switching(&request))?;
            for frame in [frame(TEXT, OPEN), frame(TEXT, "4hello"), frame(CLOSE, "")] {
                peer.trickle(frame)?;
            }
        }
        peer.until_gone()
    })
    .delivers(["hello"])
    .ends_by_server()
}

fn no_content(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        204,
        &["204 No Content"],
    )
}

fn a_redirect(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
        301,
        &["a redirect to https://elsewhere.example/, which is not followed"],
    )
}

fn a_redirect_with_a_secret(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.1 302 Found\r\nLocation: /login?token=secret\r\nContent-Length: 0\r\n\r\n",
        302,
        &["a redirect to /login, which is not followed"],
    )
}

fn bad_request_in_json(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 37\r\n\r\n{\"code\":0,\"message\":\"Transport no\\n\"}\n",
        400,
        &["400 Bad Request: Transport no  (code 0)"],
    )
}

fn forbidden_by_a_proxy_in_html(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<!DOCTYPE html><h1>Blocked</h1>",
        403,
        &["403 Forbidden"],
    )
}

fn unauthorized(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\nno",
        401,
        &["401 Unauthorized: no"],
    )
}

fn not_found_without_a_body(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
        404,
        &["404 Not Found"],
    )
}

fn too_many_requests(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 4\r\n\r\nslow",
        429,
        &["429 Too Many Requests: slow"],
    )
}

/// The connection ends before the body does. By polling that is told; a websocket's request keeps
/// the status.
fn bad_gateway_in_html_that_is_cut(transport: &'static str) -> Case {
    let answer =
        b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Length: 5000\r\n\r\n<html><center>";
    match transport {
        POLLING => answered(transport, answer).opens_not(ErrorKind::Ended, &[]),
        _ => refused(transport, answer, 502, &["502 Bad Gateway"]),
    }
}

/// By websocket the body is waited for a second at most.
fn a_refusal_whose_body_never_comes(transport: &'static str) -> Case {
    let case = Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\n")?;
        peer.until_gone()
    });
    match transport {
        POLLING => case
            .open_timeout(SHORTLY)
            .opens_not(ErrorKind::Timeout, &["open timeout"]),
        _ => case
            .governed_by(Duration::from_secs(1))
            .opens_not(ErrorKind::Status, &["503"])
            .status(503),
    }
}

fn a_refusal_in_http_1_0(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.0 400 Bad Request\r\n\r\nold",
        400,
        &["400 Bad Request: old"],
    )
}

fn a_refusal_that_is_not_utf_8(transport: &'static str) -> Case {
    refused(
        transport,
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        400,
        &["400 Bad Request"],
    )
}

fn a_refusal_of_one_line_without_end(transport: &'static str) -> Case {
    let case = endless(transport, "HTTP/1.1 400 Bad Request\r\n\r\n", "no! ");
    match transport {
        POLLING => case
            .max_body(1_000_000)
            .opens_not(ErrorKind::Limit, &["1000000 bytes (limit max_body_size)"]),
        _ => case
            .opens_not(ErrorKind::Status, &["400 Bad Request: no! no! "])
            .status(400),
    }
}

fn an_ok_that_is_a_page(transport: &'static str) -> Case {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n<!DOCTYPE html>\n<html>";
    match transport {
        POLLING => answered(transport, answer).opens_not(
            ErrorKind::NotEngineIo,
            &[
                "/engine.io/: the response to the first poll (text/html) is not Engine.IO",
                "a packet of unknown type \"<\"",
            ],
        ),
        _ => refused(transport, answer, 200, &["200 OK"]),
    }
}

fn first_packet(transport: &'static str, packet: &'static str) -> Case {
    Case::by(transport, move |server: &mut Server| {
        server.open(transport, packet)?.until_gone()
    })
}

/// By polling it is a web server's answer that is no packet; what has become a websocket is spoken to by
/// an Engine.IO server.
fn undecodable(transport: &'static str) -> ErrorKind {
    match transport {
        POLLING => ErrorKind::NotEngineIo,
        _ => ErrorKind::Protocol,
    }
}

fn a_first_packet_that_is_a_message(transport: &'static str) -> Case {
    first_packet(transport, "4hello").opens_not(
        ErrorKind::Handshake,
        &["the server's first packet is a message, not the open packet"],
    )
}

fn a_first_packet_that_is_a_goodbye(transport: &'static str) -> Case {
    first_packet(transport, "1").opens_not(ErrorKind::Handshake, &["closed the session"])
}

fn a_first_packet_that_is_unknown(transport: &'static str) -> Case {
    first_packet(transport, "hello").opens_not(undecodable(transport), &["unknown type \"h\""])
}

fn a_first_packet_that_is_empty(transport: &'static str) -> Case {
    first_packet(transport, "").opens_not(undecodable(transport), &["an empty packet"])
}

fn an_open_packet_that_is_cut(transport: &'static str) -> Case {
    first_packet(transport, r#"0{"sid":"s","pingInt"#)
        .opens_not(ErrorKind::Handshake, &["handshake is malformed: not JSON"])
}

fn an_open_packet_that_is_too_large(transport: &'static str) -> Case {
    Case::by(transport, move |server: &mut Server| {
        let sid = "s".repeat(70_000);
        let open = format!(r#"0{{"sid":"{sid}","pingInterval":1,"pingTimeout":1}}"#);
        server.open(transport, &open)?.until_gone()
    })
    .opens_not(
        ErrorKind::Limit,
        &["the open packet has more than 65536 bytes (limit max_head_size)"],
    )
}

fn an_open_packet_of_brackets(transport: &'static str) -> Case {
    Case::by(transport, move |server: &mut Server| {
        let open = format!("0{}", "[".repeat(60_000));
        server.open(transport, &open)?.until_gone()
    })
    .opens_not(ErrorKind::Handshake, &["handshake is malformed: not JSON"])
}

/// What only a websocket's handshake can do wrong.
mod a_websocket_handshake {
    use super::*;

    on_each_runtime! {
        that_is_refused_before_it_was_asked_for
        that_accepts_another_key
        that_accepts_no_key
        that_accepts_twice
        that_upgrades_to_nothing
        that_upgrades_to_something_else
        without_connection_upgrade
        in_http_1_0
        with_an_extension
        with_a_protocol_that_nobody_asked_for
        that_is_cut
        that_is_followed_by_silence
        that_is_followed_by_the_end
        that_is_followed_by_a_close_frame
    }

    /// A handshake with this done to it.
    fn edited(edit: fn(String) -> String) -> Case {
        Case::websocket(move |server: &mut Server| {
            let mut peer = server.accept()?;
            let request = peer.request()?;
            peer.write(edit(switching(&request)))?;
            peer.until_gone()
        })
    }

    fn broken(edit: fn(String) -> String, words: &'static str) -> Case {
        edited(edit).opens_not(ErrorKind::WebSocket, &[words])
    }

    fn that_is_refused_before_it_was_asked_for() -> Case {
        Case::websocket(|server: &mut Server| {
            let mut peer = server.accept()?;
            peer.write(
                "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            )?;
            peer.finish()?;
            peer.until_gone()
        })
        .opens_not(ErrorKind::Status, &["408"])
        .status(408)
    }

    fn that_accepts_another_key() -> Case {
        broken(
            |head| head.replace("Accept: ", "Accept: x"),
            "the Sec-WebSocket-Accept of the response does not match this request",
        )
    }

    fn that_accepts_no_key() -> Case {
        broken(
            |head| head.replace("Sec-WebSocket-Accept", "X-Accept"),
            "the response has no Sec-WebSocket-Accept",
        )
    }

    fn that_accepts_twice() -> Case {
        broken(
            |head| {
                head.replace(
                    "Upgrade: websocket",
                    "Upgrade: websocket\r\nSec-WebSocket-Accept: x",
                )
            },
            "the response has more than one Sec-WebSocket-Accept",
        )
    }

    fn that_upgrades_to_nothing() -> Case {
        broken(
            |head| head.replace("Upgrade: websocket\r\n", ""),
            "Upgrade: websocket",
        )
    }

    fn that_upgrades_to_something_else() -> Case {
        broken(
            |head| head.replace("Upgrade: websocket", "Upgrade: h2c"),
            "the response has \"Upgrade: h2c\" instead of \"Upgrade: websocket\"",
        )
    }

    fn without_connection_upgrade() -> Case {
        broken(
            |head| head.replace("Connection: Upgrade", "Connection: close"),
            "Connection: Upgrade",
        )
    }

    fn in_http_1_0() -> Case {
        broken(|head| head.replace("HTTP/1.1", "HTTP/1.0"), "HTTP/1.0")
    }

    fn with_an_extension() -> Case {
        broken(
            |head| {
                head.replace(
                    "\r\n\r\n",
                    "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
                )
            },
            "an extension",
        )
    }

    fn with_a_protocol_that_nobody_asked_for() -> Case {
        broken(
            |head| head.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
            "a Sec-WebSocket-Protocol that was not offered",
        )
    }

    fn that_is_cut() -> Case {
        Case::websocket(|server: &mut Server| {
            let mut peer = server.accept()?;
            let request = peer.request()?;
            peer.write(&switching(&request)[..60])?;
            peer.finish()?;
            peer.until_gone()
        })
        .opens_not(ErrorKind::Ended, &["during the WebSocket handshake"])
    }

    fn that_is_followed_by_silence() -> Case {
        edited(|head| head)
            .open_timeout(SHORTLY)
            .opens_not(ErrorKind::Timeout, &["open timeout of 0.3 s"])
    }

    fn that_is_followed_by_the_end() -> Case {
        Case::websocket(|server: &mut Server| {
            let mut peer = server.accept()?;
            peer.accept_websocket()?;
            peer.finish()?;
            peer.until_gone()
        })
        .opens_not(ErrorKind::Ended, &["without a close frame"])
    }

    fn that_is_followed_by_a_close_frame() -> Case {
        Case::websocket(|server: &mut Server| {
            let mut peer = server.accept()?;
            peer.accept_websocket()?;
            peer.write(frame(CLOSE, b"\x03\xf0no"))?;
            peer.until_gone()
        })
        .opens_not(ErrorKind::Handshake, &["closed the session"])
    }
}

/// Where a refusal by the first transport is answered by the next, and that one fails too.
mod both_transports {
    use super::*;

    on_each_runtime! {
        refused_in_different_words
        silent_both
        broken_so_that_no_other_is_tried
    }

    fn refused_in_different_words() -> Case {
        Case::upgrading(|server: &mut Server| {
            let mut peer = server.accept()?;
            peer.answer_with("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")?;
            let mut peer = server.accept()?;
            peer.answer_with("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")?;
            peer.until_gone()
        })
        .opens_not(
            ErrorKind::Status,
            &["polling: ", "404 Not Found: none", "websocket: ", "502"],
        )
        .status(502)
    }

    /// Each has the open timeout of its own.
    fn silent_both() -> Case {
        Case::upgrading(|server: &mut Server| {
            server.accept()?.until_gone()?;
            server.accept()?.until_gone()
        })
        .open_timeout(SHORTLY)
        .governed_by(SHORTLY * 2)
        .opens_not(
            ErrorKind::Timeout,
            &["polling: ", "websocket: ", "open timeout of 0.3 s"],
        )
    }

    fn broken_so_that_no_other_is_tried() -> Case {
        Case::upgrading(|server: &mut Server| server.open(POLLING, "0{}")?.until_gone())
            .opens_not(ErrorKind::Handshake, &["sid"])
    }
}
