//! Opening a session: a server that does not answer, stops halfway, never ends, or refuses.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use engineio_client::ErrorKind;
use socket2::{Domain, Socket, Type};

use crate::case::{Case, POLLING};
use crate::server::{CLOSE, OPEN, Server, TEXT, frame, response, switching};

const SHORTLY: Duration = Duration::from_millis(300);

by_each_transport_on_each_runtime! {
    nobody_listens
    a_port_that_answers_nothing
    a_connection_that_is_reset_at_once
    silence_from_the_start
    a_head_that_never_ends
    an_opening_one_byte_at_a_time
}

by_each_transport! {
    a_connection_that_ends_at_once
    a_connection_that_is_reset_within_the_head
    silence_within_the_head
    silence_between_interim_responses
    a_head_that_trickles_for_ever
    a_header_that_never_ends
    interim_responses_without_end
    a_refusal_whose_body_never_comes
    a_refusal_of_one_line_without_end
}

fn nobody_listens(transport: &'static str) -> Case {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = port.local_addr().expect("it is bound");
    drop(port);
    Case::by(transport, |_| Ok(()))
        .elsewhere(format!("http://{address}"))
        .fails_to_open(ErrorKind::Connect, &["could not connect", "refused"])
}

/// The accept queue of the listener is full, so the system ignores every further attempt to connect.
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
        assert!(queue.len() < 64, "the listener's queue does not fill up");
    }
    Case::by(transport, move |_| {
        // The queue stays full until the client has given up.
        let _held = (listener, queue);
        std::thread::sleep(SHORTLY * 4);
        Ok(())
    })
    .elsewhere(format!("http://{address}"))
    .open_timeout(SHORTLY)
    .fails_to_open(ErrorKind::Timeout, &["open timeout of 0.3 s"])
}

fn a_connection_that_ends_at_once(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        server.accept()?.finish()?;
        Ok(())
    })
    .fails_to_open(ErrorKind::Ended, &[])
}

fn a_connection_that_is_reset_at_once(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.request()?;
        peer.reset()
    })
    .fails_to_open(ErrorKind::Ended, &["reset"])
}

fn a_connection_that_is_reset_within_the_head(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 200 OK\r\nContent-")?;
        peer.reset()
    })
    .fails_to_open(ErrorKind::Ended, &["reset"])
}

fn silence_from_the_start(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        server.accept()?.until_gone()
    })
    .open_timeout(SHORTLY)
    .fails_to_open(
        ErrorKind::Timeout,
        &["/engine.io/: the open timeout of 0.3 s"],
    )
}

fn silence_within_the_head(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 101 Switching Protocols\r\nUpgrade: web")?;
        peer.until_gone()
    })
    .open_timeout(SHORTLY)
    .fails_to_open(
        ErrorKind::Timeout,
        &["/engine.io/: the open timeout of 0.3 s"],
    )
}

fn silence_between_interim_responses(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")?;
        peer.until_gone()
    })
    .open_timeout(SHORTLY)
    .fails_to_open(
        ErrorKind::Timeout,
        &["/engine.io/: the open timeout of 0.3 s"],
    )
}

fn a_head_that_trickles_for_ever(transport: &'static str) -> Case {
    Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 200 OK\r\nX: ")?;
        peer.trickle_every([b'x'; 10_000], Duration::from_millis(20))
    })
    .open_timeout(SHORTLY)
    .fails_to_open(
        ErrorKind::Timeout,
        &["/engine.io/: the open timeout of 0.3 s"],
    )
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
    endless(transport, "HTTP/1.1 200 OK\r\n", long).fails_to_open(
        ErrorKind::Limit,
        &["an HTTP head of more than 65536 bytes (limit max_head_size)"],
    )
}

fn a_header_that_never_ends(transport: &'static str) -> Case {
    endless(transport, "HTTP/1.1 200 OK\r\nX: ", "x").fails_to_open(
        ErrorKind::Limit,
        &["an HTTP head of more than 65536 bytes (limit max_head_size)"],
    )
}

fn interim_responses_without_end(transport: &'static str) -> Case {
    endless(
        transport,
        "",
        "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n",
    )
    .fails_to_open(
        ErrorKind::Limit,
        &["an HTTP head of more than 65536 bytes (limit max_head_size)"],
    )
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

/// A poll waits for the body until the open timeout. A WebSocket request waits for a second at most, and
/// then reports the status without the body.
fn a_refusal_whose_body_never_comes(transport: &'static str) -> Case {
    let case = Case::by(transport, |server: &mut Server| {
        let mut peer = server.accept()?;
        peer.answer_with("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\n")?;
        peer.until_gone()
    });
    match transport {
        POLLING => case
            .open_timeout(SHORTLY)
            .fails_to_open(ErrorKind::Timeout, &["open timeout"]),
        _ => case
            .governed_by(Duration::from_secs(1))
            .fails_to_open(ErrorKind::Status, &["503"])
            .status(503),
    }
}

fn a_refusal_of_one_line_without_end(transport: &'static str) -> Case {
    let case = endless(transport, "HTTP/1.1 400 Bad Request\r\n\r\n", "no! ");
    match transport {
        POLLING => case
            .max_body(1_000_000)
            .fails_to_open(ErrorKind::Limit, &["1000000 bytes (limit max_body_size)"]),
        _ => case
            .fails_to_open(ErrorKind::Status, &["400 Bad Request: no! no! "])
            .status(400),
    }
}

/// Faults of the WebSocket handshake.
mod a_websocket_handshake {
    use super::*;

    on_tokio! {
        that_is_refused_before_it_was_asked_for
        that_is_followed_by_silence
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
        .fails_to_open(ErrorKind::Status, &["408"])
        .status(408)
    }

    fn that_is_followed_by_silence() -> Case {
        Case::websocket(|server: &mut Server| {
            let mut peer = server.accept()?;
            peer.accept_websocket()?;
            peer.until_gone()
        })
        .open_timeout(SHORTLY)
        .fails_to_open(
            ErrorKind::Timeout,
            &["/engine.io/: the open timeout of 0.3 s"],
        )
    }
}

/// Sessions that fail to open although both transports are allowed.
mod both_transports {
    use super::*;

    on_each_runtime! {
        silent_both
    }

    on_tokio! {
        refused_in_different_words
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
        .fails_to_open(
            ErrorKind::Status,
            &["polling: ", "404 Not Found: none", "websocket: ", "502"],
        )
        .status(502)
    }

    /// Each transport has an open timeout of its own.
    fn silent_both() -> Case {
        Case::upgrading(|server: &mut Server| {
            server.accept()?.until_gone()?;
            server.accept()?.until_gone()
        })
        .open_timeout(SHORTLY)
        .governed_by(SHORTLY * 2)
        .fails_to_open(
            ErrorKind::Timeout,
            &[
                "http://127.0.0.1:",
                "polling: ",
                "websocket: ",
                "open timeout of 0.3 s",
            ],
        )
    }

    fn broken_so_that_no_other_is_tried() -> Case {
        Case::upgrading(|server: &mut Server| server.open(POLLING, "0{}")?.until_gone())
            .fails_to_open(ErrorKind::Handshake, &["sid"])
    }
}
