//! Public reports of users of other clients. Each test puts this client into the reported situation. Its
//! name begins with the number of the report in `tests/reports.md`.

use std::time::Duration;

use engineio_client::transports::{Polling, Transports, WebSocket};
use engineio_client::{Builder, Event, Message, MockRuntime, OpenRequest, Runtime as _};
use futures::StreamExt as _;

use crate::raw::{FIN, Peer, Server, TEXT, frame, response, spawn, switching, under_some_orders};
use crate::{message, open, open_packet};

fn builder(runtime: &MockRuntime) -> Builder<Transports, MockRuntime> {
    Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
}

/// A response with this head, a Content-Length and this body.
fn with_head(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{head}Content-Length: {length}\r\n\r\n{body}").into()
}

/// Opens a WebSocket. The server changes its handshake response with `edit`, and sends a frame right
/// after it. Checks that the frame arrives.
async fn greeted_behind(runtime: &MockRuntime, edit: fn(String) -> String) {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        let head = edit(switching(&peer.request().await));
        peer.write([head.as_bytes(), &frame(TEXT, "4x")].concat())
            .await;
        peer
    });
    let resumed = |request: &mut OpenRequest| request.sid = Some("s".into());
    let link = open(runtime, WebSocket::default(), resumed).await;
    let mut link = link.unwrap();
    assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
    drop(script.await);
}

#[test]
fn t1_a_status_line_needs_no_reason_phrase() {
    under_some_orders(async |runtime| {
        for edit in [
            (|head| head.replace(" Switching Protocols", "")) as fn(String) -> String,
            |head| head.replace("Switching Protocols", ""),
        ] {
            greeted_behind(&runtime, edit).await;
        }
        for line in ["HTTP/1.1 200\r\n", "HTTP/1.1 200 \r\n"] {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                peer.request().await;
                peer.write(with_head(line, "4x")).await;
                peer
            });
            let mut link = open(&runtime, Polling::default(), |_| {}).await.unwrap();
            assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
            drop(script.await);
        }
    });
}

#[test]
fn t2_headers_of_either_side_may_contain_non_ascii_bytes() {
    // In Latin-1 and in UTF-8.
    for city in [&b"Montr\xe9al"[..], "Montréal".as_bytes()] {
        under_some_orders(async |runtime| {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let line = [b"\r\nCf-City: ", city, b"\r\nSet-Cookie: c=", city, b"\r\n"].concat();
                let mut poll = server.accept().await;
                let request = poll.request_head().await;
                assert_eq!(request.header("x-city"), Some("Montréal"));
                let answer = response(open_packet(25_000, 20_000));
                let end = answer.windows(2).position(|two| two == b"\r\n").unwrap();
                let answer = [&answer[..end], &line, &answer[end + 2..]].concat();
                poll.write(answer).await;
                let mut probe = server.accept().await;
                let head = switching(&probe.request_head().await);
                let (status, rest) = head.split_once("\r\n").unwrap();
                let head = [status.as_bytes(), &line, rest.as_bytes()].concat();
                probe.write(head).await;
                assert_eq!(probe.frame().await.payload, b"2probe");
                (poll, probe)
            });
            let builder = builder(&runtime)
                .header("X-City", "Montréal")
                .cookies(false);
            let client = builder.connect().await.unwrap();
            let peers = script.await;
            drop((client, peers));
        });
    }
}

#[test]
fn t3_a_101_response_may_announce_a_body_that_it_does_not_have() {
    under_some_orders(async |runtime| {
        for edit in [
            (|head| head.replacen("\r\n", "\r\nContent-Length: 0\r\n", 1)) as fn(String) -> String,
            |head| head.replacen("\r\n", "\r\nTransfer-Encoding: chunked\r\n", 1),
        ] {
            greeted_behind(&runtime, edit).await;
        }
    });
}

#[test]
fn t4_the_connection_header_may_have_several_lines() {
    under_some_orders(async |runtime| {
        greeted_behind(&runtime, |head| {
            head.replacen("\r\n", "\r\nConnection: keep-alive\r\n", 1)
        })
        .await;
    });
}

/// A session on polling whose server offers an upgrade. Returns the connection of the polls and the
/// connection of the WebSocket request.
async fn offered(server: &mut Server) -> (Peer, Peer) {
    let mut polls = server.accept().await;
    polls.answer(open_packet(25_000, 20_000)).await;
    (polls, server.accept().await)
}

#[test]
fn t5_an_upgrade_that_is_answered_like_a_poll_fails_and_quotes_the_response() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let (mut polls, mut probe) = offered(&mut server).await;
            probe.answer("4swallowed").await;
            polls.answer("4hello\x1e1").await;
        });
        let mut client = builder(&runtime).connect().await.unwrap();
        let (mut quoted, mut messages) = (false, Vec::new());
        while let Some(event) = client.next().await {
            match event {
                Event::UpgradeFailed { error, .. } => {
                    let report = error.report();
                    quoted = report.ends_with("with 200 OK: 4swallowed");
                    assert!(quoted, "{report}");
                }
                Event::Message(message) => messages.push(message),
                _ => {}
            }
        }
        assert!(quoted);
        assert_eq!(messages, [Message::from("hello")]);
        script.await;
    });
}

/// The server ends a poll before it sends its pong, and holds the next poll. Nothing is lost, and a
/// message that the user sends meanwhile is sent over WebSocket.
#[test]
fn t6_a_noop_before_the_pong_delays_the_upgrade_and_loses_nothing() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let clock = runtime.clone();
        let client = builder(&runtime).start().unwrap();
        let (mut polls, mut probe) = offered(&mut server).await;
        let request = probe.request().await;
        probe.write(switching(&request)).await;
        assert_eq!(probe.frame().await.payload, b"2probe");
        polls.answer("6").await;
        polls.request().await;
        probe.write(frame(TEXT, "3probe")).await;
        clock.sleep(Duration::from_secs(1)).await;
        client.send("meanwhile").await.unwrap();
        clock.sleep(Duration::from_secs(1)).await;
        polls.write(response("4held")).await;
        assert_eq!(probe.frame().await.payload, b"5");
        let sent = probe.frame().await;
        assert_eq!(
            (sent.first, &*sent.payload),
            (FIN | TEXT, &b"4meanwhile"[..])
        );
        assert!(runtime.now() < Duration::from_secs(3));
        let mut client = client;
        assert_eq!(client.recv().await, Some(Message::from("held")));
    });
}

#[test]
fn t6_a_message_waits_for_a_held_poll_no_longer_than_the_upgrade_timeout() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let limit = Duration::from_millis(2500);
        let builder = builder(&runtime).upgrade_timeout(limit);
        let client = builder.start().unwrap();
        let (mut polls, mut probe) = offered(&mut server).await;
        let request = probe.request().await;
        probe.write(switching(&request)).await;
        assert_eq!(probe.frame().await.payload, b"2probe");
        polls.request().await;
        probe.write(frame(TEXT, "3probe")).await;
        runtime.sleep(Duration::from_secs(1)).await;
        client.send("meanwhile").await.unwrap();
        let mut posts = server.accept().await;
        assert_eq!(posts.answer("ok").await.body, b"4meanwhile");
        assert_eq!(runtime.now(), limit);
        polls.write(response("1")).await;
        assert!(client.wait().await.unsent().is_empty());
    });
}

/// HAProxy and others send "408 Request Timeout" on a connection that they have kept, and then close the
/// connection.
#[test]
fn t10_a_408_on_a_kept_connection_answers_no_request() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let client = builder(&runtime).transports(["polling"]).start().unwrap();
        let mut polls = server.accept().await;
        polls.answer(open_packet(25_000, 20_000)).await;
        polls.request().await;
        for text in ["one", "two"] {
            client.send(text).await.unwrap();
            let mut posts = server.accept().await;
            let request = posts.request().await;
            assert_eq!(request.body, format!("4{text}").as_bytes());
            posts.write(response("ok")).await;
            posts
                .write("HTTP/1.0 408 Request Time-out\r\nConnection: close\r\n\r\n<html>")
                .await;
        }
        polls.write(response("1")).await;
        let closed = client.wait().await;
        assert!(
            closed.unsent().is_empty() && closed.uncertain().is_empty(),
            "{closed}"
        );
    });
}

#[test]
fn t13_the_users_host_replaces_that_of_the_url_on_both_transports() {
    under_some_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            let mut server = Server::new(&runtime);
            let builder = builder(&runtime).transports([transport]);
            let connecting = builder.header("Host", "other.test").start().unwrap();
            let mut peer = server.accept().await;
            // `header` panics if the request has the header twice.
            let request = peer.request_head().await;
            assert_eq!(request.header("host"), Some("other.test"), "{transport}");
            peer.write("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
                .await;
            assert!(connecting.opened().await.is_err());
        }
    });
}

#[test]
fn t15_characters_of_four_bytes_are_assembled_from_chunks_of_one_byte() {
    under_some_orders(async |runtime| {
        let text = "🎉€ü𝄞";
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for byte in format!("4{text}").into_bytes() {
            answer.extend([b"1\r\n", &[byte][..], b"\r\n"].concat());
        }
        answer.extend(b"0\r\n\r\n");
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write_pieces(answer, 1).await;
            peer.answer("ok").await.body
        });
        let mut link = open(&runtime, Polling::default(), |_| {}).await.unwrap();
        let packets = link.receiver.recv().await.unwrap();
        assert_eq!(packets, [message(text)]);
        link.sender.send(packets.into()).await.unwrap();
        assert_eq!(script.await, format!("4{text}").as_bytes());
    });
}
