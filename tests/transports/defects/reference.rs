//! The defects B1 to B18 of engine.io-client, which these comments call the reference.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::transports::mock::MockTransport;
use engineio_client::{Builder, ErrorKind, Event, Message};
use futures::StreamExt as _;

use super::{accept_probe, builder, failed_with, on_polling, on_websocket, opening};
use crate::raw::{
    CLOSE, FIN, Server, TEXT, frame, response, settle, spawn, under_many_orders, under_some_orders,
};

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";

/// A host that no other test and no other run of this test uses.
fn new_host() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("defect-{}.test", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Rule E38.
#[test]
fn b01_a_probe_lost_after_its_pong_brings_polling_back() {
    // When the probe fails between its pong and the end of the poll, the reference neither polls nor
    // sends any more until its ping timeout.
    under_many_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let clock = runtime.clone();
        let script = spawn(&runtime, async move {
            let mut polls = server.accept().await;
            polls.answer(opening()).await;
            let mut probe = accept_probe(&mut server).await;
            polls.request().await;
            probe.write(frame(TEXT, "3probe")).await;
            settle(&clock).await;
            drop(probe);
            // The poll that began before the pong still waits.
            let mut posts = server.accept().await;
            assert_eq!(posts.answer("ok").await.body, b"4from here");
            polls.write(response("4from there")).await;
            polls.request().await;
            polls.write(response("1")).await;
        });
        let mut client = builder(&runtime).connect().await.unwrap();
        let mut failures = 0;
        loop {
            match client.next().await.unwrap() {
                Event::Connected(_) => {}
                Event::UpgradeFailed { .. } => {
                    failures += 1;
                    client.send("from here").await.unwrap();
                }
                Event::Message(message) => assert_eq!(message, "from there".into()),
                Event::Closed(closed) => {
                    assert!(closed.unsent().is_empty(), "{closed}");
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(failures, 1);
        assert_eq!(runtime.now(), Duration::ZERO);
        script.await;
    });
}

#[test]
fn b02_a_close_in_the_upgrade_handler_ends_the_session() {
    // The reference hangs in "closing" when its upgrade handler closes it.
    under_many_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut polls = server.accept().await;
            polls.answer(opening()).await;
            let mut probe = accept_probe(&mut server).await;
            probe.write(frame(TEXT, "3probe")).await;
            polls.answer("6").await;
            assert_eq!(probe.frame().await.payload, b"5");
            let close = probe.frame().await;
            assert_eq!(close.first, FIN | CLOSE);
            probe.write(frame(CLOSE, close.payload)).await;
            assert_eq!(probe.read_to_end().await, b"");
        });
        let client = builder(&runtime)
            .on_upgrade(async |handle, _| {
                assert!(handle.disconnect().await.is_clean());
            })
            .connect()
            .await
            .unwrap();
        let closed = client.wait().await;
        assert!(closed.is_clean(), "{closed}");
        assert_eq!(runtime.now(), Duration::ZERO);
        script.await;
    });
}

/// Rule E42.
#[test]
fn b03_a_close_during_the_handshake_of_polling_sends_a_goodbye() {
    // The reference forgets the goodbye, and the server keeps an unused session until its ping timeout.
    under_many_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let client = builder(&runtime).start().unwrap();
        let mut peer = server.accept().await;
        peer.request().await;
        client.close();
        settle(&runtime).await;
        peer.write(response(opening())).await;
        let goodbye = peer.answer("ok").await;
        assert_eq!((&*goodbye.method, &*goodbye.body), ("POST", &b"1"[..]));
        assert_eq!(goodbye.parameter("sid"), Some("s"));
        let closed = client.wait().await;
        assert!(closed.is_clean(), "{closed}");
        assert!(!server.has_another());
    });
}

#[test]
fn b04_an_immediate_failure_is_reported() {
    // The reference is "opening" for ever, without an event, when a transport's constructor throws:
    // because of an invalid port or an invalid subprotocol.
    under_some_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            let url = "http://10.0.0.1:99999";
            let refused = Builder::new(url, Transports::default(), runtime.clone())
                .transports([transport])
                .start();
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
            // Nothing listens at this address.
            let builder = builder(&runtime).transports([transport]);
            let mut client = builder.start().unwrap();
            let Some(Event::Closed(closed)) = client.next().await else {
                panic!("the last event is Closed");
            };
            failed_with(closed.reason(), ErrorKind::Connect);
            assert!(client.opened().await.is_err());
            assert!(client.next().await.is_none());
        }
        assert_eq!(runtime.now(), Duration::ZERO);
    });
}

#[test]
fn b05_when_every_transport_fails_one_error_names_each() {
    // The reference, with the option to try all transports, reports nothing when the last one can't be
    // constructed.
    under_some_orders(async |runtime| {
        let (last, nobody) = MockTransport::new("webtransport");
        drop(nobody);
        let transports = Transports::default().with(last);
        let mut client = Builder::new("http://10.0.0.1", transports, runtime.clone())
            .start()
            .unwrap();
        let Some(Event::Closed(closed)) = client.next().await else {
            panic!("the last event is Closed");
        };
        let told = closed.to_string();
        for name in ["polling", "websocket", "webtransport"] {
            assert!(told.contains(name), "{told}");
        }
        assert!(client.next().await.is_none());
    });
}

#[test]
fn b06_a_remembered_websocket_that_fails_is_followed_by_polling() {
    // The reference, when it begins with a remembered WebSocket that fails, removes polling from its
    // list, tries WebSocket again, and never polls.
    under_some_orders(async |runtime| {
        let host = new_host();
        runtime.network().name(&host, [crate::raw::HOST]);
        let url = format!("http://{host}");
        let connect = || {
            Builder::new(&url, Transports::default(), runtime.clone())
                .remember_upgrade(true)
                .start()
                .unwrap()
        };
        let mut server = Server::new(&runtime);
        let client = connect();
        let mut polls = server.accept().await;
        polls.answer(opening()).await;
        let mut probe = accept_probe(&mut server).await;
        probe.write(frame(TEXT, "3probe")).await;
        polls.answer("6").await;
        assert_eq!(probe.frame().await.payload, b"5");
        probe.write(frame(CLOSE, "")).await;
        client.wait().await;

        let client = connect();
        let mut peer = server.accept().await;
        assert_eq!(
            peer.request().await.parameter("transport"),
            Some("websocket")
        );
        peer.write(FORBIDDEN).await;
        let mut polls = server.accept().await;
        let request = polls.answer(opening()).await;
        assert_eq!(request.parameter("transport"), Some("polling"));
        client.opened().await.unwrap();
        assert_eq!(client.transport(), Some("polling"));
        polls.answer("1").await;
        client.wait().await;
    });
}

/// Rule E23.
#[test]
fn b07_max_payload_is_kept_to_the_byte() {
    // The reference estimates base64 as a third longer than its data, which is too little, and stops
    // counting after an empty binary message. A POST is then too large, and the session is lost.
    under_some_orders(async |runtime| {
        let text = |length| Message::from("x".repeat(length));
        for messages in [
            vec![Message::from(vec![7; 52]), text(27)],
            vec![Message::from(Vec::new()), text(60), text(60)],
            vec![Message::from(vec![7; 72]), text(2)],
        ] {
            let open = r#"0{"sid":"s","pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;
            let (client, mut server, mut polls) = on_polling(&runtime, open, |b| b).await;
            // All messages wait together, so the client puts as many as possible into one POST.
            for message in &messages {
                client.try_send(message.clone()).unwrap();
            }
            let count = messages.len();
            polls.request().await;
            let mut posts = server.accept().await;
            let mut packets = 0;
            while packets < count {
                let body = posts.answer("ok").await.body;
                assert!(body.len() <= 100, "{}", body.len());
                packets += body.split(|&byte| byte == b'\x1e').count();
            }
            assert_eq!(packets, count);
            polls.write(response("1")).await;
            client.wait().await;
        }
    });
}

#[test]
fn b08_a_request_that_is_not_answered_is_given_up() {
    // The reference's request timeout has no effect in Node.
    under_some_orders(async |runtime| {
        let limit = Duration::from_secs(10);
        let mut server = Server::new(&runtime);
        let client = builder(&runtime).transports(["polling"]).start().unwrap();
        let mut peer = server.accept().await;
        peer.request().await;
        assert!(client.opened().await.unwrap_err().is_timeout());
        assert_eq!(runtime.now(), limit);
        drop((server, peer));

        let hours = r#"0{"sid":"s","pingInterval":9999999,"pingTimeout":9999999}"#;
        let (client, mut server, mut polls) = on_polling(&runtime, hours, |b| b).await;
        polls.request().await;
        let began = runtime.now();
        client.send("x").await.unwrap();
        let mut posts = server.accept().await;
        posts.request().await;
        let closed = client.wait().await;
        failed_with(closed.reason(), ErrorKind::Timeout);
        assert_eq!(closed.uncertain(), ["x".into()]);
        assert_eq!(runtime.now(), began + limit);
    });
}

#[test]
fn b09_a_body_that_is_cut_short_ends_the_session_with_an_error() {
    // The reference loses the error of a body that fails after its head, and does not poll any more.
    under_some_orders(async |runtime| {
        let (client, _server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
        polls.request().await;
        polls
            .write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n4half of")
            .await;
        settle(&runtime).await;
        drop(polls);
        let closed = client.wait().await;
        failed_with(closed.reason(), ErrorKind::Ended);
        assert_eq!(runtime.now(), Duration::ZERO);
    });
}

/// Rule E16.
#[test]
fn b10_an_invalid_open_packet_is_an_error_of_connecting() {
    // The reference throws an exception in an event handler when the open packet is not JSON or lacks a
    // field, and is "opening" for ever.
    under_some_orders(async |runtime| {
        for open in [
            "0",
            "0{",
            "0nonsense",
            "0[]",
            "0null",
            r#"0{"upgrades":[],"pingInterval":1,"pingTimeout":1}"#,
            r#"0{"sid":"s","upgrades":3,"pingInterval":1,"pingTimeout":1}"#,
            r#"0{"sid":"s","upgrades":[]}"#,
            r#"0{"sid":"s","upgrades":[],"pingInterval":0,"pingTimeout":0}"#,
        ] {
            let mut server = Server::new(&runtime);
            let client = builder(&runtime).start().unwrap();
            let mut peer = server.accept().await;
            peer.answer(open).await;
            let error = client.opened().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Handshake, "{open}: {error}");
            assert_eq!(peer.read_to_end().await, b"", "another request");
        }
    });
}

#[test]
fn b11_a_silent_server_is_given_up() {
    // The reference has no timeout for opening, nor for a probe.
    under_some_orders(async |runtime| {
        // The server sends nothing, the head of a response, or a WebSocket handshake without an open
        // packet.
        for (transport, said) in [
            ("polling", ""),
            ("polling", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
            ("websocket", ""),
            ("websocket", "101"),
        ] {
            let began = runtime.now();
            let mut server = Server::new(&runtime);
            let client = builder(&runtime).transports([transport]).start().unwrap();
            let mut peer = server.accept().await;
            if said == "101" {
                peer.accept_websocket().await;
            } else {
                peer.request().await;
                peer.write(said).await;
            }
            let error = client.opened().await.unwrap_err();
            assert!(error.is_timeout(), "{error}");
            assert_eq!(runtime.now(), began + Duration::from_secs(10));
            peer.read_to_end().await;
        }
        let began = runtime.now();
        let mut server = Server::new(&runtime);
        let mut client = builder(&runtime).start().unwrap();
        let mut polls = server.accept().await;
        polls.answer(opening()).await;
        let mut probe = accept_probe(&mut server).await;
        polls.request().await;
        assert!(matches!(client.next().await, Some(Event::Connected(_))));
        match client.next().await {
            Some(Event::UpgradeFailed { error, .. }) => assert!(error.is_timeout(), "{error}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(runtime.now(), began + Duration::from_secs(7));
        probe.read_to_end().await;
        polls.write(response("4still here\x1e1")).await;
        assert_eq!(client.recv().await, Some("still here".into()));
        client.wait().await;
    });
}

/// Rules E37, E38.
#[test]
fn b12_a_probe_with_a_wrong_pong_is_closed_and_reported_once() {
    // After a wrong pong, the reference leaves the WebSocket open, and reports a second failure when
    // that connection ends.
    under_many_orders(async |runtime| {
        for answer in ["3wrong", "3", "4hello", "2probe"] {
            let mut server = Server::new(&runtime);
            let client = builder(&runtime).start().unwrap();
            let mut polls = server.accept().await;
            polls.answer(opening()).await;
            let mut probe = accept_probe(&mut server).await;
            probe.write(frame(TEXT, answer)).await;
            probe.read_to_end().await;
            polls.answer("1").await;
            let events: Vec<Event> = client.collect().await;
            assert!(
                matches!(
                    &events[..],
                    [
                        Event::Connected(_),
                        Event::UpgradeFailed { .. },
                        Event::Closed(_)
                    ]
                ),
                "{events:?}"
            );
            assert_eq!(runtime.now(), Duration::ZERO);
        }
    });
}

/// Rule E17.
#[test]
fn b13_a_second_open_packet_is_ignored() {
    // The reference client adopts the sid, pingInterval and pingTimeout of a second open packet, emits a
    // second `open` event, and probes again.
    under_some_orders(async |runtime| {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        let mut server = Server::new(&runtime);
        let mut client = builder(&runtime)
            // With a disconnect handler, `wait` returns only after that handler, which runs last, has
            // returned.
            .on_disconnect(|_, _| ())
            .on_connect(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
            })
            .start()
            .unwrap();
        let mut polls = server.accept().await;
        polls.answer(opening()).await;
        let mut probe = server.accept().await;
        probe.request().await;
        probe.write(FORBIDDEN).await;
        drop(probe);
        let other = opening().replace(r#""sid":"s""#, r#""sid":"other""#);
        polls.answer(format!("{other}\x1e4behind")).await;
        assert_eq!(client.recv().await, Some("behind".into()));
        assert_eq!(client.sid().as_deref(), Some("s"));
        let poll = polls.request().await;
        assert_eq!(poll.parameter("sid"), Some("s"));
        assert!(!server.has_another(), "no second probe");
        polls.write(response("1")).await;
        client.wait().await;
        assert_eq!(opened.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn b14_a_client_that_was_closed_before_it_was_open_does_not_open() {
    // The reference goes from "closing" back to "open" if it was closed while a message waited, and
    // reports that it is open.
    under_many_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let client = builder(&runtime)
            .on_connect(|_| -> () { panic!("the client was closed before") })
            .start()
            .unwrap();
        let handle = client.handle();
        let send = spawn(&runtime, async move { handle.send("waits").await });
        let mut peer = server.accept().await;
        peer.request().await;
        client.close();
        let refused = send.await.unwrap_err();
        assert_eq!(refused.message, "waits".into());
        peer.write(response(opening())).await;
        assert_eq!(peer.answer("ok").await.body, b"1");
        let events: Vec<Event> = client.collect().await;
        assert!(matches!(&events[..], [Event::Closed(_)]), "{events:?}");
        assert!(!server.has_another(), "no probe");
    });
}

#[test]
fn b15_the_users_cookie_and_the_servers_are_sent_together_over_both_transports() {
    // When the reference opens a WebSocket, it replaces the user's cookies with the cookies that it has
    // stored, even if it has stored none.
    under_some_orders(async |runtime| {
        for (set, expected) in [
            ("", "mine=1"),
            ("Set-Cookie: theirs=2\r\n", "mine=1; theirs=2"),
        ] {
            let mut server = Server::new(&runtime);
            let client = builder(&runtime)
                .header("Cookie", "mine=1")
                .start()
                .unwrap();
            let mut polls = server.accept().await;
            let first = polls.request().await;
            assert_eq!(first.header("cookie"), Some("mine=1"));
            let open = opening();
            let head = format!(
                "HTTP/1.1 200 OK\r\n{set}Content-Length: {}\r\n\r\n",
                open.len()
            );
            polls.write(head + &open).await;
            let mut probe = server.accept().await;
            assert_eq!(probe.request().await.header("cookie"), Some(expected));
            probe.write(FORBIDDEN).await;
            assert_eq!(polls.answer("1").await.header("cookie"), Some(expected));
            client.wait().await;
        }
    });
}

/// Rule E6.
#[test]
fn b17_a_separator_in_a_text_does_not_split_a_payload() {
    // The reference sends a text with the character U+001E over polling, and the server splits it.
    under_some_orders(async |runtime| {
        let (client, mut server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
        let refused = client.send("a\x1e4b").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NeedsFrames);
        assert_eq!(refused.message, "a\x1e4b".into());
        client.send(b"a\x1e4b").await.unwrap();
        polls.request().await;
        assert_eq!(server.accept().await.answer("ok").await.body, b"bYR40Yg==");
        polls.write(response("1")).await;
        client.wait().await;
        drop(server);

        let (client, mut peer) = on_websocket(&runtime, |b| b).await;
        client.send("a\x1e4b").await.unwrap();
        assert_eq!(peer.frame().await.payload, b"4a\x1e4b");
        drop(peer);
        client.wait().await;
    });
}

#[test]
fn b18_a_remembered_upgrade_applies_to_its_own_server() {
    // The reference remembers for its whole process that WebSocket has worked, for every server.
    under_some_orders(async |runtime| {
        let (known, other) = (new_host(), new_host());
        let connect = |host: &str| {
            runtime.network().name(host, [crate::raw::HOST]);
            Builder::new(
                format!("http://{host}"),
                Transports::default(),
                runtime.clone(),
            )
            .remember_upgrade(true)
            .start()
            .unwrap()
        };
        let mut server = Server::new(&runtime);
        let client = connect(&known);
        let mut polls = server.accept().await;
        polls.answer(opening()).await;
        let mut probe = accept_probe(&mut server).await;
        probe.write(frame(TEXT, "3probe")).await;
        polls.answer("6").await;
        assert_eq!(probe.frame().await.payload, b"5");
        probe.write(frame(CLOSE, "")).await;
        client.wait().await;

        for (host, first) in [(&other, "polling"), (&known, "websocket")] {
            let client = connect(host);
            let request = server.accept().await.request().await;
            assert_eq!(request.parameter("transport"), Some(first));
            client.disconnect().await;
        }
    });
}
