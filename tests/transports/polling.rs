//! Polling, and the forms of HTTP that servers and proxies use. Faulty responses are in `tests/faults`.

use std::time::Duration;

use engineio_client::transports::{Polling, Transports};
use engineio_client::{
    Builder, Error, ErrorKind, Framing, Limits, Link, MockRuntime, OpenRequest, Packet, Runtime,
};
use futures::FutureExt;
use futures::future::{join, join4};

use crate::raw::{Server, response, settle, spawn, under_both_orders, under_some_orders};
use crate::{message, open, open_packet};

async fn polling(runtime: &MockRuntime) -> Link {
    polling_with(runtime, |_| {}).await
}

async fn polling_with(runtime: &MockRuntime, edit: impl FnOnce(&mut OpenRequest)) -> Link {
    let link = open(runtime, Polling::default(), edit).await.unwrap();
    assert_eq!(link.framing, Framing::Payloads);
    link
}

/// Opens a link whose first poll the server answers with these bytes, in pieces of this size, before it
/// closes the connection. Returns the result of that poll, and the error of the next `recv` if that call
/// fails without a request.
async fn polled_in_pieces(
    runtime: &MockRuntime,
    answer: impl Into<Vec<u8>>,
    size: usize,
    limits: Limits,
) -> (Result<Vec<Packet>, Error>, Option<Error>) {
    let mut server = Server::new(runtime);
    let answer = answer.into();
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        assert_eq!(peer.request().await.method, "GET");
        if size == usize::MAX {
            peer.write(answer).await;
        } else {
            peer.write_pieces(answer, size).await;
        }
        drop(peer);
        assert!(!server.has_another(), "a poll is not repeated");
    });
    let mut link = polling_with(runtime, |request| request.limits = limits).await;
    let first = link.receiver.recv().await;
    script.await;
    // The server has stopped listening, so a `recv` that needs a request fails to connect.
    let next = link.receiver.recv().await.unwrap_err();
    (first, (next.kind() != ErrorKind::Connect).then_some(next))
}

/// Returns the result of a poll that the server answers with these bytes in one piece. Also checks that the
/// next `recv` sends a new request.
async fn polled(runtime: &MockRuntime, answer: impl Into<Vec<u8>>) -> Result<Vec<Packet>, Error> {
    polled_within(runtime, answer, Limits::default()).await
}

async fn polled_within(
    runtime: &MockRuntime,
    answer: impl Into<Vec<u8>>,
    limits: Limits,
) -> Result<Vec<Packet>, Error> {
    let (first, next) = polled_in_pieces(runtime, answer, usize::MAX, limits).await;
    assert!(next.is_none(), "{next:?}");
    first
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    7\r\n4hello\x1e\r\nA;name=\"value\"\r\n4wörld!!!\r\n000\r\nTrailer: x\r\n\r\n";

/// Rule E3.
#[test]
fn a_response_is_assembled_from_segments_of_any_size() {
    // Ported from engine.io: server.js:2150, :2174
    under_some_orders(async |runtime| {
        let packets = vec![message("hello"), message("wörld!!!")];
        let whole = response("4hello\x1e4wörld!!!");
        for answer in [whole, CHUNKED.into()] {
            // Over all sizes, every line, every head of a chunk and every character is cut.
            for size in 1..=answer.len() {
                let limits = Limits::default();
                let (polled, next) = polled_in_pieces(&runtime, &*answer, size, limits).await;
                assert_eq!(polled.unwrap(), packets, "in pieces of {size}");
                assert!(next.is_none());
            }
        }
    });
}

#[test]
fn an_http_1_0_response_is_read_and_its_connection_is_not_used_again() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            for body in ["4a", "4b"] {
                let mut peer = server.accept().await;
                peer.request().await;
                let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                peer.write(head + body).await;
                assert_eq!(peer.read_to_end().await, b"");
            }
        });
        let mut link = polling(&runtime).await;
        assert_eq!(link.receiver.recv().await.unwrap(), [message("a")]);
        assert_eq!(link.receiver.recv().await.unwrap(), [message("b")]);
        script.await;
    });
}

#[test]
fn interim_responses_without_end_are_an_error_that_names_the_limit_of_a_head() {
    under_some_orders(async |runtime| {
        let limits = Limits::default().head(1000);
        // Each interim response has 33 bytes. The client skips interim responses within the limit, and
        // counts anew for the next request.
        let interim = "HTTP/1.1 103 Hints\r\nX-Name: x\r\n\r\n";
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            for _ in 0..2 {
                peer.request().await;
                peer.write(interim.repeat(20)).await;
                peer.write(response("4hello")).await;
            }
            peer.request().await;
            for _ in 0..100 {
                peer.write_pieces(interim.repeat(20), 100).await;
            }
        });
        let mut link = polling_with(&runtime, |request| request.limits = limits).await;
        for _ in 0..2 {
            assert_eq!(link.receiver.recv().await.unwrap(), [message("hello")]);
        }
        let error = link.receiver.recv().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{}", error.report());
        assert!(
            error
                .to_string()
                .contains("1000 bytes (limit max_head_size)")
        );
        script.await;
    });
}

#[test]
fn polls_follow_each_other_on_one_connection() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            for n in 0..100 {
                peer.answer(format!("4{n}")).await;
            }
            assert!(!server.has_another());
            peer.read_to_end().await
        });
        let mut link = polling(&runtime).await;
        for n in 0..100 {
            let packets = link.receiver.recv().await.unwrap();
            assert_eq!(packets, [message(n.to_string())]);
        }
        drop(link);
        assert_eq!(script.await, b"");
    });
}

#[test]
fn a_poll_and_a_post_at_once_have_a_connection_each_and_keep_both() {
    // Ported from protocol: test-suite.js:204
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut first = server.accept().await;
            let mut second = server.accept().await;
            for _ in 0..10 {
                // The server answers after both requests have arrived.
                let requests = join(first.request(), second.request()).await;
                for (peer, request) in [(&mut first, requests.0), (&mut second, requests.1)] {
                    match &*request.method {
                        "GET" => peer.write(response("4hello")).await,
                        "POST" => {
                            assert_eq!(request.body, b"4to you");
                            peer.write(response("ok")).await;
                        }
                        other => panic!("{other}"),
                    }
                }
            }
            assert!(!server.has_another());
        });
        let Link {
            mut sender,
            mut receiver,
            ..
        } = polling(&runtime).await;
        for _ in 0..10 {
            let batch = vec![message("to you")].into();
            let (received, sent) = join(receiver.recv(), sender.send(batch)).await;
            assert_eq!(received.unwrap(), [message("hello")]);
            sent.unwrap();
        }
        script.await;
    });
}

#[test]
fn a_kept_connection_that_the_server_has_closed_is_dialled_again() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            for n in 0..10 {
                let mut peer = server.accept().await;
                peer.answer(format!("4{n}")).await;
            }
        });
        let mut link = polling(&runtime).await;
        for n in 0..10 {
            let packets = link.receiver.recv().await.unwrap();
            assert_eq!(packets, [message(n.to_string())]);
            // After every second poll, the client pauses long enough for the end of the connection to
            // arrive.
            if n % 2 == 0 {
                runtime.sleep(Duration::from_millis(1)).await;
            }
        }
        script.await;
    });
}

#[test]
fn a_connection_is_reused_until_a_second_before_the_server_closes_it() {
    under_some_orders(async |runtime| {
        for (header, seconds) in [
            ("Keep-Alive: timeout=2\r\n", 1),
            ("keep-alive: max=7, timeout=30\r\n", 29),
            // gunicorn keeps connections for 2 seconds, but sends no `Keep-Alive` header.
            ("", 1),
        ] {
            let mut server = Server::new(&runtime);
            let answer = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: 2\r\n\r\n4x");
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                for _ in 0..2 {
                    peer.request().await;
                    peer.write(&answer).await;
                }
                let mut second = server.accept().await;
                second.request().await;
                second.write(&answer).await;
                assert_eq!(peer.read_to_end().await, b"");
            });
            let limit = Duration::from_secs(seconds);
            let mut link = polling(&runtime).await;
            link.receiver.recv().await.unwrap();
            runtime.sleep(limit - Duration::from_nanos(1)).await;
            link.receiver.recv().await.unwrap();
            runtime.sleep(limit).await;
            link.receiver.recv().await.unwrap();
            script.await;
        }
    });
}

#[test]
fn a_connection_that_the_server_does_not_keep_is_not_used_again() {
    // Ported from engine.io: server.js:1226
    under_some_orders(async |runtime| {
        for header in ["Keep-Alive: timeout=1", "Connection: close"] {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peers = Vec::new();
                for _ in 0..3 {
                    let mut peer = server.accept().await;
                    peer.request().await;
                    let answer =
                        format!("HTTP/1.1 200 OK\r\n{header}\r\nContent-Length: 2\r\n\r\n4x");
                    peer.write(answer).await;
                    // The server keeps the connection open.
                    peers.push(peer);
                }
            });
            let mut link = polling(&runtime).await;
            for _ in 0..3 {
                assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
            }
            script.await;
        }
    });
}

/// Rule E27.
#[test]
fn a_request_that_left_is_not_repeated_when_its_connection_dies() {
    under_some_orders(async |runtime| {
        // The request is sent on a new or on a kept connection, and the connection ends before or within
        // the response.
        for polls_before in [0, 1] {
            for half in [
                "",
                "HTTP/1.1 20",
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n4x",
            ] {
                for post in [false, true] {
                    let mut server = Server::new(&runtime);
                    let script = spawn(&runtime, async move {
                        let mut peer = server.accept().await;
                        for _ in 0..polls_before {
                            peer.answer("4x").await;
                        }
                        let request = peer.request().await;
                        assert_eq!(request.method, if post { "POST" } else { "GET" });
                        peer.write(half).await;
                        drop(peer);
                        server
                    });
                    let mut link = polling(&runtime).await;
                    for _ in 0..polls_before {
                        link.receiver.recv().await.unwrap();
                    }
                    let error = if post {
                        link.sender
                            .send(vec![message("x")].into())
                            .await
                            .unwrap_err()
                    } else {
                        link.receiver.recv().await.unwrap_err()
                    };
                    assert_eq!(error.kind(), ErrorKind::Ended, "{}", error.report());
                    assert!(!script.await.has_another(), "the request was sent again");
                }
            }
        }
    });
}

#[test]
fn a_head_of_200_headers_is_accepted() {
    under_some_orders(async |runtime| {
        let headers: String = (0..200).map(|n| format!("X-{n}: {n}\r\n")).collect();
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 2\r\n\r\n4x");
        assert_eq!(polled(&runtime, answer).await.unwrap(), [message("x")]);
    });
}

#[test]
fn a_response_longer_than_its_content_length_is_cut_and_its_connection_is_not_used_again() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n4hello4more")
                .await;
            server.accept().await.answer("4again").await;
        });
        let mut link = polling(&runtime).await;
        assert_eq!(link.receiver.recv().await.unwrap(), [message("hello")]);
        assert_eq!(link.receiver.recv().await.unwrap(), [message("again")]);
        script.await;
    });
}

/// Rule E22.
#[test]
fn a_post_succeeds_with_any_2xx_and_fails_with_any_other_status() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            for answer in [
                "200 OK\r\nContent-Length: 2\r\n\r\nok",
                "204 No Content\r\n\r\n",
                "201 Created\r\nContent-Length: 6\r\n\r\n<html>",
                "413 Payload Too Large\r\nContent-Length: 0\r\n\r\n",
                "302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
            ] {
                assert_eq!(peer.request().await.body, b"4x\x1e3");
                peer.write(format!("HTTP/1.1 {answer}")).await;
            }
            assert_eq!(peer.request().await.body, b"1");
            peer.write(response("ok")).await;
        });
        let mut link = polling(&runtime).await;
        let mut send = async || {
            let batch = vec![message("x"), Packet::Pong("".into())];
            link.sender.send(batch.into()).await
        };
        for _ in 0..3 {
            send().await.unwrap();
        }
        for (status, words) in [
            (413, "413 Payload Too Large"),
            (302, "a redirect to /login"),
        ] {
            let error = send().await.unwrap_err();
            assert_eq!(
                (error.kind(), error.status()),
                (ErrorKind::Status, Some(status))
            );
            assert!(error.to_string().contains(words), "{error}");
        }
        link.sender.close().await.unwrap();
        script.await;
    });
}

#[test]
fn a_compressed_body_that_was_not_asked_for_is_refused() {
    under_some_orders(async |runtime| {
        let answer = |status: &str, encoding: &str| {
            format!(
                "HTTP/1.1 {status}\r\nContent-Encoding: {encoding}\r\nContent-Length: 2\r\n\r\n4x"
            )
        };
        for encoding in ["gzip", "br", "identity, gzip"] {
            let answer = answer("200 OK", encoding);
            let error = polled(&runtime, answer).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Http);
            assert!(error.to_string().contains("compressed"), "{error}");
        }
        // The coding `identity` is no compression.
        let packets = polled(&runtime, answer("200 OK", "Identity")).await;
        assert_eq!(packets.unwrap(), [message("x")]);
        // The error of a refusal is its status, even if the body can't be decoded.
        let error = polled(&runtime, answer("502 Bad Gateway", "gzip")).await;
        assert_eq!(error.unwrap_err().status(), Some(502));
    });
}

#[test]
fn a_payload_of_50_000_packets_comes_as_one_batch() {
    under_both_orders(async |runtime| {
        let packets: Vec<String> = (0..50_000).map(|n| format!("4{n}")).collect();
        let received = polled(&runtime, response(packets.join("\x1e")))
            .await
            .unwrap();
        assert_eq!(received.len(), 50_000);
        for (n, packet) in received.into_iter().enumerate() {
            assert_eq!(packet, message(n.to_string()));
        }
    });
}

/// Rule E48.
#[test]
fn a_server_of_protocol_3_is_recognised_and_a_message_that_looks_like_it_is_delivered() {
    under_some_orders(async |runtime| {
        let first = polled(&runtime, response("96:0{\"sid\":\"x\"}")).await;
        let error = first.unwrap_err();
        assert!(error.to_string().contains("EIO=3"), "{error}");
        // Code that reconnects recognises a server of protocol 3 by this kind of error.
        assert_eq!(error.kind(), ErrorKind::Protocol);
    });
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write(response(open_packet(25_000, 20_000))).await;
            peer.request().await;
            peer.write(response(r#"4:0{"x":1}"#)).await;
        });
        let mut link = polling(&runtime).await;
        link.receiver.recv().await.unwrap();
        assert_eq!(
            link.receiver.recv().await.unwrap(),
            [message(r#":0{"x":1}"#)]
        );
        script.await;
    });
}

/// Rules E10, E11, E12, E14.
#[test]
fn requests_have_the_query_and_headers_of_the_protocol_and_the_user() {
    // Ported from engine.io-client: engine.io-client.js:23, :104, transport.js:93, :145, :285; protocol:
    // test-suite.js:87, :99, :109; engine.io: server.js:661, :672, :3496; python-engineio:
    // test_timestamp_requests, test_connect_query_string, test_connect_custom_headers,
    // test_polling_connection_failed, test_write_loop_polling_one_packet
    under_some_orders(async |runtime| {
        let mut server = Server::on(&runtime, 8080);
        let script = spawn(&runtime, async move {
            let mut requests = Vec::new();
            let mut peer = server.accept().await;
            let open = open_packet(300, 200).replace(r#""s""#, r#""a/b+c d&é%""#);
            requests.push(peer.answer(open).await);
            // The server leaves the next poll unanswered. Meanwhile the client sends a POST.
            requests.push(peer.request().await);
            let mut second = server.accept().await;
            requests.push(second.answer("ok").await);
            peer.write(response("1")).await;
            requests
        });
        let url = "http://10.0.0.1:8080/?user=1&x=%20y&EIO=3&transport=other";
        let client = Builder::new(url, Transports::default(), runtime.clone())
            .upgrade(false)
            .query("more", "a b")
            .header("X-Token", "abc")
            .header("Accept", "text/plain")
            .connect()
            .await
            .unwrap();
        assert_eq!(client.sid().unwrap(), "a/b+c d&é%");
        client.send("hellö").await.unwrap();
        client.wait().await;

        let requests = script.await;
        let agent = concat!("engineio-client/", env!("CARGO_PKG_VERSION"));
        let mut busters = std::collections::BTreeSet::new();
        for (n, request) in requests.iter().enumerate() {
            let method = if n == 2 { "POST" } else { "GET" };
            assert_eq!(request.method, method);
            assert!(
                request.target.starts_with("/engine.io/?"),
                "{}",
                request.target
            );
            let buster = request.parameter("t").expect("a cache-buster");
            assert_eq!(buster.len(), 8, "{buster}");
            assert!(busters.insert(buster), "{buster} comes twice");
            let mut expected = vec![
                ("user", "1"),
                ("x", "%20y"),
                ("more", "a%20b"),
                ("EIO", "4"),
                ("transport", "polling"),
                ("t", buster),
            ];
            if n > 0 {
                expected.push(("sid", "a%2Fb%2Bc%20d%26%C3%A9%25"));
            }
            assert_eq!(request.query(), expected);
            assert_eq!(request.header("host"), Some("10.0.0.1:8080"));
            assert_eq!(request.header("user-agent"), Some(agent));
            assert_eq!(request.header("x-token"), Some("abc"));
            assert_eq!(request.header("accept"), Some("text/plain"));
            for unwanted in ["origin", "cookie", "expect"] {
                assert_eq!(request.header(unwanted), None);
            }
            // The client accepts no compression in the response to a POST, which is too short for that.
            let compressible = n != 2 && cfg!(feature = "compression");
            let accepted = compressible.then_some("gzip, deflate");
            assert_eq!(request.header("accept-encoding"), accepted);
        }
        let post = &requests[2];
        assert_eq!(post.body, "4hellö".as_bytes());
        assert_eq!(post.header("content-length"), Some("7"));
        assert_eq!(post.header("transfer-encoding"), None);
        assert_eq!(
            post.header("content-type"),
            Some("text/plain;charset=UTF-8")
        );
        for poll in &requests[..2] {
            assert_eq!(poll.header("content-length"), None);
            assert_eq!(poll.header("content-type"), None);
        }
    });
}

/// Rule E12.
#[test]
fn the_users_headers_replace_those_of_the_client() {
    // Ported from engine.io-client: transport.js:145; python-engineio: test_timestamp_requests
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.answer("4x").await
        });
        let mut link = polling_with(&runtime, |request| {
            request.timestamps = false;
            request.sid = Some("known".into());
            for (name, value) in [
                ("user-agent", "mine"),
                ("host", "proxied.example"),
                ("x-twice", "1"),
                ("x-twice", "2"),
            ] {
                request.headers.append(name, value.parse().unwrap());
            }
        })
        .await;
        link.receiver.recv().await.unwrap();
        let request = script.await;
        assert_eq!(request.header("user-agent"), Some("mine"));
        assert_eq!(request.header("host"), Some("proxied.example"));
        let twice = request.headers.iter().filter(|(name, _)| name == "x-twice");
        assert_eq!(twice.count(), 2);
        assert_eq!(
            request.target,
            "/engine.io/?EIO=4&transport=polling&sid=known"
        );
    });
}

#[test]
fn a_header_with_a_line_break_is_refused_before_anything_is_sent() {
    let runtime = MockRuntime::new();
    let mut server = Server::new(&runtime);
    for (name, value) in [
        ("X-Value", "a\r\nInjected: yes"),
        ("X-Value", "a\nb"),
        ("X-Value", "a\rb"),
        ("X-Value", "a\0b"),
        ("X-Name\r\nInjected", "yes"),
        ("X Name", "yes"),
        ("", "yes"),
    ] {
        let builder = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone());
        let error = builder.header(name, value).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name:?}: {value:?}");
    }
    assert_eq!(runtime.tasks(), 0);
    assert!(!server.has_another());
}

#[test]
fn a_large_post_arrives_complete_at_a_server_that_reads_slowly() {
    under_both_orders(async |runtime| {
        let text: String = ('a'..='z').cycle().take(2_000_000).collect();
        let mut server = Server::new(&runtime);
        let clock = runtime.clone();
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            let head = peer.request_head().await;
            let length: usize = head.header("content-length").unwrap().parse().unwrap();
            let mut body = Vec::new();
            while body.len() < length {
                clock.sleep(Duration::from_millis(10)).await;
                body.extend(peer.read_some(10_000).await);
            }
            peer.write(response("ok")).await;
            body
        });
        let mut link = polling(&runtime).await;
        let batch = vec![message(&text)];
        link.sender.send(batch.into()).await.unwrap();
        assert!(runtime.now() > Duration::from_secs(1));
        let body = script.await;
        assert_eq!(body.len(), 1 + text.len());
        assert!(body[1..] == *text.as_bytes());
    });
}

#[test]
fn nothing_is_sent_or_read_between_calls() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let mut link = polling(&runtime).await;
        settle(&runtime).await;
        assert!(!server.has_another(), "opening makes no exchange");
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.answer("4x").await;
            (server, peer)
        });
        link.receiver.recv().await.unwrap();
        let (mut server, mut peer) = script.await;
        runtime.sleep(Duration::from_secs(60)).await;
        assert!(peer.request().now_or_never().is_none());
        assert!(!server.has_another());
    });
}

#[test]
fn four_links_at_once_do_not_mix_up_their_responses() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let tasks = runtime.clone();
        let script = spawn(&runtime, async move {
            let mut peers = Vec::new();
            for _ in 0..4 {
                let mut peer = server.accept().await;
                peers.push(spawn(&tasks, async move {
                    for _ in 0..20 {
                        let request = peer.request().await;
                        let sid = request.parameter("sid").unwrap();
                        peer.write_pieces(response(format!("4{sid}")), 5).await;
                    }
                }));
            }
            for peer in peers {
                peer.await;
            }
        });
        let poll = async |sid: &str| {
            let mut link = polling_with(&runtime, |request| request.sid = Some(sid.into())).await;
            for _ in 0..20 {
                assert_eq!(link.receiver.recv().await.unwrap(), [message(sid)]);
            }
        };
        join4(poll("a"), poll("b"), poll("c"), poll("d")).await;
        script.await;
    });
}

/// The first piece is the beginning of a response, and the second shows that it is none. The server sends
/// no empty line and leaves the connection open.
#[test]
fn bytes_that_are_not_http_are_recognised_in_whatever_pieces_they_arrive() {
    under_some_orders(async |runtime| {
        for pieces in [
            ["", "Hello, I am no web server.\n"],
            ["H", "ello, I am no web server.\n"],
            ["HTTP/1.1 200 OK\r\n", "no colon\r\n"],
        ] {
            let mut server = Server::new(&runtime);
            let waits = runtime.clone();
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                peer.request().await;
                for piece in pieces {
                    peer.write(piece).await;
                    waits.sleep(Duration::from_millis(1)).await;
                }
                peer
            });
            let mut link = polling(&runtime).await;
            let received = spawn(&runtime, async move { link.receiver.recv().await });
            runtime.sleep(Duration::from_secs(10)).await;
            let received = received.now_or_never();
            let error = received.expect("the poll has ended").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Http, "{pieces:?}");
            drop(script.await);
        }
    });
}

/// No server can have accepted messages that were not written yet. Whatever answers a POST so early has
/// not read it, and the connection is closed before the rest is sent.
#[test]
fn a_success_that_arrives_before_the_post_was_written_does_not_count() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.request_head().await;
            peer.write(response("ok")).await;
            peer.read_to_end().await.len()
        });
        let mut link = polling(&runtime).await;
        let batch = vec![message("x".repeat(1_000_000))];
        let sent = link.sender.send(batch.into()).await;
        drop(link);
        let arrived = script.await;
        assert!(
            sent.is_err(),
            "a success, although {arrived} of 1,000,001 bytes were written"
        );
    });
}
