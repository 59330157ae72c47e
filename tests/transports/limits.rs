//! Each limit and timeout of the builder, reached exactly. The error names the limit and its value.

use std::future::Future;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::transports::{Transports, WebSocket};
use engineio_client::{
    Builder, Capacity, Client, Error, ErrorKind, Event, Message, MockRuntime, Reason, Runtime,
};
use futures::StreamExt;
use futures::future::abortable;

use crate::open_packet;
use crate::raw::{
    BINARY, FIN, PING, Peer, Request, Server, TEXT, frame, frame_head, response, spawn, switching,
    under_some_orders,
};

type Session = Client<Transports, MockRuntime>;
type Setting = fn(Builder<Transports, MockRuntime>) -> Builder<Transports, MockRuntime>;

const HOUR: u32 = 3_600_000;

fn builder(runtime: &MockRuntime, transport: &str) -> Builder<Transports, MockRuntime> {
    Builder::new("http://10.0.0.1", Transports::default(), runtime.clone()).transports([transport])
}

fn names_the_limit(error: &Error, kind: ErrorKind, words: &[&str]) {
    let text = error.report();
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?}: {text}");
    }
    // A program can also read the name of the limit's setter from the error. The text contains the same
    // name.
    let limit = error.limit().expect("a limit").setter();
    assert!(
        text.contains(&format!("(limit {limit})")),
        "{limit}: {text}"
    );
    assert!(
        words.iter().any(|word| word.contains(limit)),
        "{limit}: {text}"
    );
}

/// Runs a script that does not end by itself. The returned function stops it.
fn endless(
    runtime: &MockRuntime,
    script: impl Future<Output = ()> + Send + 'static,
) -> impl AsyncFnOnce() {
    let (script, handle) = abortable(script);
    let script = spawn(runtime, script);
    async move || {
        handle.abort();
        let _ = script.await;
    }
}

/// The error that ended the session.
async fn failure(session: &Session) -> Error {
    match session.wait().await.reason() {
        Reason::Transport(error) => error.clone(),
        other => panic!("{other:?}"),
    }
}

/// A session on polling, whose server answers the second poll with these bytes.
async fn polling_session(runtime: &MockRuntime, set: Setting, answer: Vec<u8>) -> (Session, Peer) {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        peer.answer(open_packet(HOUR, HOUR)).await;
        peer.request().await;
        peer.write(answer).await;
        peer
    });
    let session = set(builder(runtime, "polling")).connect().await.unwrap();
    (session, script.await)
}

/// A session over WebSocket, whose server sends these bytes.
async fn websocket_session(runtime: &MockRuntime, set: Setting, bytes: Vec<u8>) -> (Session, Peer) {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        peer.accept_websocket().await;
        peer.write(frame(TEXT, open_packet(HOUR, HOUR))).await;
        peer.write(bytes).await;
        peer
    });
    let session = set(builder(runtime, "websocket")).connect().await.unwrap();
    (session, script.await)
}

/// Rule E18.
#[test]
fn the_open_timeout_is_exact_and_counts_anew_for_each_transport() {
    under_some_orders(async |runtime| {
        for transports in [&["polling"][..], &["websocket"], &["polling", "websocket"]] {
            let mut server = Server::new(&runtime);
            let start = runtime.now();
            let client = builder(&runtime, "polling")
                .transports(transports.iter().copied())
                .open_timeout(Duration::from_millis(1500))
                .start()
                .unwrap();
            let stop = endless(&runtime, async move {
                // The server accepts connections and reads requests, but never answers.
                let mut peers = Vec::new();
                loop {
                    let mut peer = server.accept().await;
                    peer.request().await;
                    peers.push(peer);
                }
            });
            let error = client.opened().await.unwrap_err();
            let each = Duration::from_millis(1500);
            let count = u32::try_from(transports.len()).unwrap();
            assert_eq!(runtime.now() - start, each * count);
            names_the_limit(
                &error,
                ErrorKind::Timeout,
                &["open timeout of 1.5 s", "open_timeout"],
            );
            stop().await;
        }
    });
}

#[test]
fn the_send_timeout_ends_a_session_whose_post_makes_no_progress() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut polls = server.accept().await;
            polls.answer(open_packet(HOUR, HOUR)).await;
            let mut posts = server.accept().await;
            posts.request().await;
            (polls, posts)
        });
        let session = builder(&runtime, "polling")
            .send_timeout(Duration::from_secs(3))
            .connect()
            .await
            .unwrap();
        let start = runtime.now();
        session.send("a").await.unwrap();
        session.send("b").await.unwrap();
        let closed = session.wait().await;
        assert_eq!(runtime.now() - start, Duration::from_secs(3));
        names_the_limit(
            &failure(&session).await,
            ErrorKind::Timeout,
            &["send timeout of 3 s", "send_timeout"],
        );
        let all: Vec<_> = closed.uncertain().iter().chain(closed.unsent()).collect();
        assert_eq!(all, [&Message::from("a"), &Message::from("b")]);
        drop(script);
    });
}

#[test]
fn a_websocket_write_may_stall_for_the_servers_ping_interval_and_timeout() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let clock = runtime.clone();
        let stop = endless(&runtime, async move {
            let mut peer = server.accept().await;
            peer.accept_websocket().await;
            peer.write(frame(TEXT, open_packet(2000, 1000))).await;
            // The server sends pings, but does not read.
            loop {
                clock.sleep(Duration::from_millis(900)).await;
                peer.write(frame(TEXT, "2")).await;
            }
        });
        let session = builder(&runtime, "websocket").connect().await.unwrap();
        let start = runtime.now();
        // This is far more than the pipe holds.
        session.send(vec![0; 10_000_000]).await.unwrap();
        let closed = session.wait().await;
        assert_eq!(runtime.now() - start, Duration::from_secs(3));
        let error = failure(&session).await;
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(error.limit(), None, "no setter changes the server's times");
        let words = "the send timeout of 3 s passed (the server's pingInterval and pingTimeout)";
        assert_eq!(error.to_string(), words);
        assert_eq!(closed.uncertain().len(), 1);
        stop().await;
    });
}

/// Rule E38.
#[test]
fn the_upgrade_timeout_gives_up_the_probe_and_not_the_session() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut polls = server.accept().await;
            polls.answer(open_packet(HOUR, HOUR)).await;
            let mut probe = server.accept().await;
            probe.accept_websocket().await;
            // The server sends no pong.
            (polls, probe, server)
        });
        let mut session = builder(&runtime, "polling")
            .transports(["polling", "websocket"])
            .upgrade_timeout(Duration::from_millis(2500))
            .connect()
            .await
            .unwrap();
        let start = runtime.now();
        loop {
            match session.next().await {
                Some(Event::UpgradeFailed { error, .. }) => {
                    let words = &["upgrade timeout of 2.5 s"];
                    assert!(error.report().contains(words[0]), "{}", error.report());
                    break;
                }
                Some(_) => {}
                None => panic!("the session has ended"),
            }
        }
        assert_eq!(runtime.now() - start, Duration::from_millis(2500));
        assert_eq!(session.transport(), Some("polling"));
        drop(script);
    });
}

/// Rule E41.
#[test]
fn a_close_takes_no_longer_than_its_two_limits() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.accept_websocket().await;
            peer.write(frame(TEXT, open_packet(HOUR, HOUR))).await;
            peer
        });
        let session = builder(&runtime, "websocket")
            .close_timeout(Duration::from_secs(2))
            .close_limit(Duration::from_secs(30))
            .connect()
            .await
            .unwrap();
        // The server never answers the close frame.
        let start = runtime.now();
        session.disconnect().await;
        assert_eq!(runtime.now() - start, Duration::from_secs(2));
        drop(script.await);

        // The write makes progress all the time, but does not finish within the limit.
        let mut server = Server::new(&runtime);
        let clock = runtime.clone();
        let stop = endless(&runtime, async move {
            let mut peer = server.accept().await;
            peer.accept_websocket().await;
            peer.write(frame(TEXT, open_packet(HOUR, HOUR))).await;
            loop {
                clock.sleep(Duration::from_millis(1500)).await;
                peer.read_some(1000).await;
            }
        });
        let session = builder(&runtime, "websocket")
            .close_timeout(Duration::from_secs(2))
            .close_limit(Duration::from_secs(30))
            .connect()
            .await
            .unwrap();
        session.send(vec![0; 10_000_000]).await.unwrap();
        let start = runtime.now();
        let closed = session.disconnect().await;
        assert_eq!(runtime.now() - start, Duration::from_secs(30));
        assert!(!closed.is_clean());
        stop().await;
    });
}

/// Rule E25.
#[test]
fn a_message_above_its_limit_ends_the_session_and_one_as_long_passes() {
    under_some_orders(async |runtime| {
        let set: Setting = |builder| builder.max_message_size(1000);
        for (length, passes) in [(1000, true), (1001, false)] {
            let text = "x".repeat(length);
            let answers = [
                polling_session(&runtime, set, response(format!("4{text}"))).await,
                websocket_session(&runtime, set, frame(TEXT, format!("4{text}"))).await,
                websocket_session(&runtime, set, frame(BINARY, text.as_bytes())).await,
                polling_session(
                    &runtime,
                    set,
                    response(format!("b{}", STANDARD.encode(&text))),
                )
                .await,
            ];
            for (mut session, peer) in answers {
                if passes {
                    assert_eq!(session.recv().await.unwrap().len(), 1000);
                } else {
                    let words = &["1000 bytes", "max_message_size"];
                    names_the_limit(&failure(&session).await, ErrorKind::Limit, words);
                }
                drop(peer);
            }
        }
        // A message whose announced length is above the limit is refused before it arrives.
        let head = frame_head(FIN | TEXT, 1_000_000_000);
        let (session, peer) = websocket_session(&runtime, set, head).await;
        let words = &["1000 bytes", "max_message_size"];
        names_the_limit(&failure(&session).await, ErrorKind::Limit, words);
        drop(peer);
    });
}

/// Rule E25.
#[test]
fn a_body_above_its_limit_ends_the_session_and_one_as_long_passes() {
    under_some_orders(async |runtime| {
        let set: Setting = |builder| builder.max_body_size(1000);
        let chunked = |body: &str| {
            let (first, second) = body.split_at(500);
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                 {:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
                first.len(),
                second.len()
            )
            .into_bytes()
        };
        let fits = format!("4{}", "x".repeat(999));
        let above = format!("4{}", "x".repeat(1000));
        for answer in [response(&fits), chunked(&fits)] {
            let (mut session, peer) = polling_session(&runtime, set, answer).await;
            assert_eq!(session.recv().await, Some(Message::from(&fits[1..])));
            drop(peer);
        }
        for answer in [
            // The Content-Length alone is above the limit.
            b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n".to_vec(),
            b"HTTP/1.1 200 OK\r\nContent-Length: 9007199254740991\r\n\r\n".to_vec(),
            b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n4x".to_vec(),
            chunked(&above),
            format!("HTTP/1.1 200 OK\r\n\r\n{above}").into(),
        ] {
            let (session, peer) = polling_session(&runtime, set, answer).await;
            let words = &["1000 bytes", "max_body_size"];
            names_the_limit(&failure(&session).await, ErrorKind::Limit, words);
            drop(peer);
        }
    });
}

/// Rule E25.
#[test]
fn packets_above_their_limit_end_the_session_after_the_packets_before_them() {
    under_some_orders(async |runtime| {
        // `max_message_size`, which is called later, does not change the limit of packets.
        let set: Setting = |builder| builder.max_payload_packets(3).max_message_size(1000);
        let (mut session, peer) =
            polling_session(&runtime, set, response("4a\x1e4b\x1e4c\x1e4d")).await;
        for text in ["a", "b", "c"] {
            assert_eq!(session.recv().await, Some(Message::from(text)));
        }
        assert_eq!(session.recv().await, None);
        let words = &["3 packets", "max_payload_packets"];
        names_the_limit(&failure(&session).await, ErrorKind::Limit, words);
        drop(peer);
    });
}

/// The response with which a server opens a session over this transport: its head, without the empty
/// line at the end, and the bytes after the head (the body, or the first frame).
fn first_answer(transport: &str, request: &Request) -> (String, Vec<u8>) {
    let open = open_packet(HOUR, HOUR);
    if transport == "polling" {
        let length = open.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}");
        (head, open.into())
    } else {
        (switching(request).trim_end().into(), frame(TEXT, open))
    }
}

/// Heads above the default limit are in `tests/faults/responses.rs`.
#[test]
fn a_head_above_its_limit_is_an_error_that_names_it_and_a_shorter_one_passes() {
    under_some_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            for (length, end, passes) in [
                (700, "\r\n\r\n", true),
                (1000, "\r\n\r\n", false),
                // A head without an end.
                (100_000, "", false),
            ] {
                let mut server = Server::new(&runtime);
                let script = spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    let (head, rest) = first_answer(transport, &peer.request().await);
                    let head = format!("{head}\r\nX: {}{end}", "x".repeat(length));
                    peer.write([head.as_bytes(), &rest].concat()).await;
                    peer
                });
                let connect = builder(&runtime, transport).max_head_size(1000).connect();
                match connect.await {
                    Ok(_) => assert!(passes, "{transport} {length}"),
                    Err(error) => {
                        assert!(!passes, "{transport} {length}: {error:?}");
                        names_the_limit(&error, ErrorKind::Limit, &["1000 bytes", "max_head_size"]);
                    }
                }
                drop(script.await);
            }
        }
    });
}

#[test]
fn r24_the_open_packet_is_bounded_by_the_limit_of_heads_alone() {
    under_some_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            for (messages, length, passes) in [
                (0, 8192, true),
                (0, 8193, false),
                (10, 8192, true),
                (10, 8193, false),
                (10, 100_000, false),
                (1_000_000, 8192, true),
                (1_000_000, 8193, false),
            ] {
                let start = r#"0{"sid":""#;
                let end = r#"","upgrades":[],"pingInterval":1000,"pingTimeout":1000}"#;
                let sid = "s".repeat(length + 1 - start.len() - end.len());
                let open = format!("{start}{sid}{end}");
                let mut server = Server::new(&runtime);
                let script = spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    if transport == "polling" {
                        peer.answer(open).await;
                    } else {
                        peer.accept_websocket().await;
                        peer.write(frame(TEXT, open)).await;
                    }
                    peer
                });
                let connect = builder(&runtime, transport)
                    .max_head_size(8192)
                    .max_message_size(messages)
                    .connect();
                match connect.await {
                    Ok(_) => assert!(passes, "{transport} {messages} {length}"),
                    Err(error) => {
                        assert!(!passes, "{transport} {messages} {length}: {error:?}");
                        let words = &["open packet", "8192 bytes", "max_head_size"];
                        names_the_limit(&error, ErrorKind::Limit, words);
                    }
                }
                drop(script.await);
            }
        }
    });
}

#[test]
fn r24_pings_are_not_bounded_by_the_limit_of_messages() {
    under_some_orders(async |runtime| {
        let set: Setting = |builder| builder.max_message_size(10);
        let ping = format!("2{}", "x".repeat(125));
        let texts = [&*ping, "40123456789", "4x123456789x"];
        let answers = [
            polling_session(&runtime, set, response(texts.join("\x1e"))).await,
            websocket_session(&runtime, set, texts.map(|text| frame(TEXT, text)).concat()).await,
        ];
        for (mut session, peer) in answers {
            assert_eq!(session.recv().await, Some(Message::from("0123456789")));
            let words = &["10 bytes", "max_message_size"];
            names_the_limit(&failure(&session).await, ErrorKind::Limit, words);
            drop(peer);
        }
    });
}

#[test]
fn a_full_outbox_is_an_error_that_names_its_capacity() {
    under_some_orders(async |runtime| {
        let set: Setting = |builder| {
            builder.outbox(Capacity {
                messages: 2,
                bytes: 100,
            })
        };
        let (session, peer) = websocket_session(&runtime, set, Vec::new()).await;
        session.try_send("a").unwrap();
        session.try_send("b").unwrap();
        let refused = session.try_send("c").unwrap_err();
        assert_eq!(refused.message, Message::from("c"));
        let words = &["2 messages", "100 bytes", "limit outbox"];
        names_the_limit(&refused.error, ErrorKind::Full, words);
        drop(peer);
    });
}

/// Rule E23.
#[test]
fn a_post_holds_no_more_packets_than_its_limit() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut polls = server.accept().await;
            polls.answer(open_packet(HOUR, HOUR)).await;
            let mut posts = server.accept().await;
            let mut sizes = Vec::new();
            while sizes.iter().sum::<usize>() < 10 {
                let body = posts.answer("ok").await.body;
                sizes.push(body.split(|byte| *byte == 0x1e).count());
            }
            (sizes, polls)
        });
        let session = builder(&runtime, "polling")
            .packets_per_post(4)
            .connect()
            .await
            .unwrap();
        for _ in 0..10 {
            session.try_send("x").unwrap();
        }
        let (sizes, polls) = script.await;
        assert!(sizes.iter().all(|size| *size <= 4), "{sizes:?}");
        assert!(sizes.contains(&4), "{sizes:?}");
        drop(polls);
    });
}

#[test]
fn a_websocket_with_small_buffers_passes_any_message() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.accept_websocket().await;
            peer.write(frame(TEXT, open_packet(HOUR, HOUR))).await;
            peer.write(frame(PING, "x")).await;
            let mut message = peer.frame().await;
            while message.payload == b"x" {
                message = peer.frame().await;
            }
            peer.write(frame(BINARY, &message.payload)).await;
            peer
        });
        let transports = Transports::new().with(
            WebSocket::default()
                .read_buffer_size(1024)
                .write_buffer_size(1024),
        );
        let mut session = Builder::new("http://10.0.0.1", transports, runtime.clone())
            .connect()
            .await
            .unwrap();
        let data: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        session.send(data.clone()).await.unwrap();
        assert_eq!(session.recv().await, Some(Message::from(data)));
        drop(script.await);
    });
}
