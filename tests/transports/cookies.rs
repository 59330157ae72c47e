//! Cookies: a cookie that the server sets is sent with every later request of the session, over both
//! transports.

use std::time::Duration;

use engineio_client::cookies::Jar;
use engineio_client::transports::{Polling, Transports, WebSocket};
use engineio_client::{Builder, Event, MockRuntime, OpenRequest, Runtime};
use futures::StreamExt;

use crate::raw::{
    FIN, Peer, Request, Server, TEXT, frame, response, spawn, switching, under_many_orders,
    under_some_orders,
};
use crate::{message, open, open_packet};

/// A response with these lines in its head.
fn setting(lines: &[&str], body: &str) -> Vec<u8> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {length}\r\n\r\n{body}").into()
}

fn cookie(request: &Request) -> &str {
    request.header("cookie").unwrap_or_default()
}

/// Returns first the connection whose first request is for a WebSocket, and then the other connection.
async fn sort(mut one: Peer, mut other: Peer) -> (Peer, Peer) {
    let start = "GET /engine.io/?EIO=4&transport=websocket";
    if one.begins_with(start).await {
        (one, other)
    } else {
        assert!(other.begins_with(start).await);
        (other, one)
    }
}

fn builder(runtime: &MockRuntime) -> Builder<Transports, MockRuntime> {
    Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
}

/// Rule E49.
#[test]
fn the_cookie_of_the_handshake_goes_with_every_poll_post_and_the_websocket() {
    // Ported from engine.io-client: node.js:61; python-engineio: test_websocket_connection_with_cookies,
    // test_websocket_connection_with_cookies_and_headers
    under_many_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut polls = server.accept().await;
            assert_eq!(cookie(&polls.request().await), "mine=1");
            let lines = [
                "Set-Cookie: lb=\"w=1\"; Path=/; HttpOnly",
                "Set-Cookie: b=2",
            ];
            polls
                .write(setting(&lines, &open_packet(25_000, 20_000)))
                .await;
            let poll = polls.request().await;
            // The connections for a POST and for the probe arrive in either order.
            let (mut probe, mut posts) = sort(server.accept().await, server.accept().await).await;
            let post = posts.request().await;
            let upgrade = probe.request().await;
            for request in [&poll, &post, &upgrade] {
                assert_eq!(cookie(request), "mine=1; b=2; lb=\"w=1\"", "{request:?}");
            }
            assert_eq!(post.method, "POST");
            // The response to a POST may set cookies, too.
            posts.write(setting(&["Set-Cookie: c=3"], "ok")).await;
            polls.write(response("4hello")).await;
            let poll = polls.request().await;
            assert_eq!(cookie(&poll), "mine=1; b=2; c=3; lb=\"w=1\"");
            probe.write(switching(&upgrade)).await;
            assert_eq!(probe.frame().await.payload, b"2probe");
            probe.write(frame(TEXT, "3probe")).await;
            polls.write(response("6")).await;
            assert_eq!(probe.frame().await.payload, b"5");
            probe
        });
        let mut client = builder(&runtime)
            .header("Cookie", "mine=1")
            .connect()
            .await
            .unwrap();
        client.send("x").await.unwrap();
        loop {
            match client.next().await.unwrap() {
                Event::Upgraded { .. } => break,
                Event::Connected(_) | Event::Message(_) => {}
                other => panic!("{other:?}"),
            }
        }
        drop(script.await);
    });
}

/// Rule E49.
#[test]
fn cookies_of_a_websocket_response_are_kept_for_the_next_transport_even_if_it_refuses() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            assert_eq!(cookie(&peer.request().await), "");
            let refusal = "HTTP/1.1 503 Busy\r\nSet-Cookie: lb=2\r\nContent-Length: 0\r\n\r\n";
            peer.write(refusal).await;
            let mut peer = server.accept().await;
            assert_eq!(
                cookie(&peer.answer(open_packet(25_000, 20_000)).await),
                "lb=2"
            );
            peer
        });
        let builder = builder(&runtime).transports(["websocket", "polling"]);
        let client = builder.connect().await.unwrap();
        assert_eq!(client.transport(), Some("polling"));
        drop(script.await);

        // A response that accepts the WebSocket request sets cookies, too. The next session with the
        // same jar sends them.
        let mut server = Server::on(&runtime, 81);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            let request = peer.request().await;
            let head = switching(&request);
            let head = head.strip_suffix("\r\n").unwrap();
            peer.write(format!("{head}Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"))
                .await;
            let mut second = server.accept().await;
            (second.accept_websocket().await, peer)
        });
        let jar = Jar::default();
        for _ in 0..2 {
            let edit = |request: &mut OpenRequest| {
                request.url = "http://10.0.0.1:81/engine.io/".parse().unwrap();
                request.cookies = Some(jar.clone());
            };
            drop(open(&runtime, WebSocket::default(), edit).await.unwrap());
        }
        assert_eq!(cookie(&script.await.0), "a=1; b=2");
    });
}

/// Returns the `Cookie` headers of the polls of one link. The user has set `mine=1`. `answers` has, for
/// each response, the lines in its head. The polls are `pause` seconds apart.
async fn polls(runtime: &MockRuntime, answers: &'static [&[&str]], pause: u64) -> Vec<String> {
    let mut server = Server::new(runtime);
    let clock = runtime.clone();
    let script = spawn(runtime, async move {
        let mut cookies = Vec::new();
        for lines in answers {
            let mut peer = server.accept().await;
            cookies.push(cookie(&peer.request().await).to_owned());
            peer.write(setting(&[*lines, &["Connection: close"]].concat(), "4x"))
                .await;
        }
        cookies
    });
    let edit = |request: &mut OpenRequest| {
        request.headers.insert("cookie", "mine=1".parse().unwrap());
        request.cookies = Some(Jar::default());
    };
    let mut link = open(runtime, Polling::default(), edit).await.unwrap();
    for _ in answers {
        assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
        clock.sleep(Duration::from_secs(pause)).await;
    }
    script.await
}

#[test]
fn a_cookie_is_replaced_deleted_and_expires() {
    // Ported from engine.io-client: node.js:61
    under_some_orders(async |runtime| {
        let answers: &[&[&str]] = &[
            &["Set-Cookie: a=1", "Set-Cookie: b=1"],
            &["Set-Cookie: a=2; Max-Age=25"],
            &["Set-Cookie: b=; Max-Age=0"],
            &[
                "Date: Tue, 01 Jan 2030 00:00:00 GMT",
                "Set-Cookie: c=1; Expires=Tue, 01 Jan 2030 00:00:15 GMT",
            ],
            &[],
            &[],
        ];
        let expected = [
            "mine=1",
            "mine=1; a=1; b=1",
            "mine=1; a=2; b=1",
            "mine=1; a=2",
            // By now `a` has expired: it was set 30 s ago, for 25 s. `c` was set 10 s ago, for 15 s.
            "mine=1; c=1",
            "mine=1",
        ];
        assert_eq!(polls(&runtime, answers, 10).await, expected);
    });
}

/// Rule E49.
#[test]
fn paths_secure_and_foreign_domains_are_respected() {
    under_some_orders(async |runtime| {
        let answers: &[&[&str]] = &[
            &[
                "Set-Cookie: a=1; Path=/other",
                "Set-Cookie: b=1; Secure",
                "Set-Cookie: c=1; Domain=example.com",
                "Set-Cookie: d=1; Path=/",
                "Set-Cookie: e=1; Path=/engine.io/",
                "Set-Cookie: mine=2; Path=/engine.io",
            ],
            &[],
        ];
        let expected = ["mine=1", "e=1; mine=2; d=1"];
        assert_eq!(polls(&runtime, answers, 0).await, expected);
    });
}

#[test]
fn a_client_that_keeps_no_cookies_sends_only_the_users() {
    // Ported from engine.io-client: node.js:85
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write(setting(&["Set-Cookie: a=1"], &open_packet(25_000, 20_000)))
                .await;
            cookie(&peer.request().await).to_owned()
        });
        let builder = builder(&runtime).cookies(false).upgrade(false);
        let client = builder.header("Cookie", "mine=1").connect().await.unwrap();
        assert_eq!(script.await, "mine=1");
        drop(client);
    });
}

/// Rule E50.
#[test]
fn the_limits_of_the_builder_are_those_of_the_session() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.request().await;
            let lines = ["Set-Cookie: a=1", "Set-Cookie: b=2", "Set-Cookie: c=3"];
            peer.write(setting(&lines, &open_packet(25_000, 20_000)))
                .await;
            cookie(&peer.request().await).to_owned()
        });
        let builder = builder(&runtime)
            .max_cookies(2)
            .max_cookie_bytes(100)
            .upgrade(false);
        let client = builder.connect().await.unwrap();
        assert_eq!(script.await, "b=2; c=3");
        drop(client);
    });
}

/// Rule E50.
#[test]
fn two_sessions_of_one_program_do_not_share_cookies() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut cookies = Vec::new();
            for _ in 0..2 {
                let mut peer = server.accept().await;
                cookies.push(cookie(&peer.request().await).to_owned());
                peer.write(setting(&["Set-Cookie: a=1"], &open_packet(25_000, 20_000)))
                    .await;
                peer.request().await;
                peer.write(response("1")).await;
            }
            cookies
        });
        for _ in 0..2 {
            let client = builder(&runtime).upgrade(false).connect().await.unwrap();
            client.wait().await;
        }
        assert_eq!(script.await, ["", ""]);
    });
}

#[test]
fn a_websocket_that_opens_a_session_carries_the_users_cookie() {
    // Ported from python-engineio: test_websocket_connection_with_cookie_header
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            let request = peer.accept_websocket().await;
            peer.write(frame(TEXT, open_packet(25_000, 20_000))).await;
            assert_eq!(peer.frame().await.first, FIN | TEXT);
            (cookie(&request).to_owned(), peer)
        });
        let builder = builder(&runtime).transports(["websocket"]);
        let client = builder.header("Cookie", "mine=1").connect().await.unwrap();
        client.send("x").await.unwrap();
        assert_eq!(script.await.0, "mine=1");
    });
}
