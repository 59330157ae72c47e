//! The defects P1 to P21 of python-engineio's client, as far as its users meet them. The defects that
//! need a real server are tested in `tests/servers/defects.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, ErrorKind, Event, Message, Reason, Runtime as _};
use futures::StreamExt as _;
use futures::channel::oneshot;

use super::{accept_probe, builder, failed_with, on_polling, on_websocket, opening};
use crate::open_packet;
use crate::raw::{
    CLOSE, FIN, Server, TEXT, frame, response, settle, spawn, under_many_orders, under_some_orders,
};

const LONG: &str = r#"0{"sid":"s","pingInterval":3600000,"pingTimeout":3600000}"#;

#[test]
fn p01_a_message_that_can_not_be_encoded_is_an_error_for_its_sender() {
    // python-engineio encodes messages in its writing task. A message that can't be encoded ends that
    // task, and the client stays "connected" without ever sending anything again.
    under_some_orders(async |runtime| {
        let (client, mut peer) = on_websocket(&runtime, |b| b).await;
        // JSON allows only texts as keys.
        let unfit = HashMap::from([((1, 2), "value")]);
        let refused = client.send_json(&unfit).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
        client.send("next").await.unwrap();
        assert_eq!(peer.frame().await.payload, b"4next");
        drop(peer);
        client.wait().await;
    });
}

#[test]
fn p03_messages_are_handled_in_order_however_long_one_takes() {
    // python-engineio starts a task for each message, so a message whose handler is slow is overtaken by
    // the next message.
    under_many_orders(async |runtime| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let (client, _server, mut polls) = on_polling(&runtime, opening(), |builder| {
            // With a disconnect handler, `wait` returns only after that handler, which runs last, has
            // returned.
            let builder = builder.on_disconnect(|_, _| ());
            builder.on_message(move |handle, message| {
                let note = Arc::clone(&note);
                async move {
                    if message == "b0".into() {
                        handle.sleep(Duration::from_millis(50)).await;
                    }
                    note.lock().unwrap().push(message);
                }
            })
        })
        .await;
        polls.answer("4b0\x1e4b1\x1e4b2\x1e4b3\x1e4b4\x1e4b5").await;
        polls.answer("1").await;
        client.wait().await;
        let expected: Vec<Message> = (0..6).map(|n| format!("b{n}").into()).collect();
        assert_eq!(*seen.lock().unwrap(), expected);
    });
}

#[test]
fn p04_what_was_sent_before_a_disconnect_arrives() {
    // Over WebSocket, python-engineio closes the connection before its writing task has run: of three
    // messages, none arrives. Over polling, the same happens right after connecting.
    under_many_orders(async |runtime| {
        let (client, mut peer) = on_websocket(&runtime, |b| b).await;
        for text in ["1", "2", "3"] {
            client.send(text).await.unwrap();
        }
        let closing = spawn(&runtime, async move { client.disconnect().await });
        for text in ["41", "42", "43"] {
            assert_eq!(peer.frame().await.payload, text.as_bytes());
        }
        let close = peer.frame().await;
        assert_eq!(close.first, FIN | CLOSE);
        peer.write(frame(CLOSE, close.payload)).await;
        assert!(closing.await.is_clean());

        let (client, mut server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
        for text in ["1", "2", "3"] {
            client.send(text).await.unwrap();
        }
        let closing = spawn(&runtime, async move { client.disconnect().await });
        // The client may have sent a poll before the user closed the session.
        let first = polls.request().await;
        let mut posts = polls;
        let mut _polls = None;
        if first.method == "GET" {
            _polls = Some(posts);
            posts = server.accept().await;
            assert_eq!(posts.answer("ok").await.body, b"41\x1e42\x1e43");
        } else {
            assert_eq!(first.body, b"41\x1e42\x1e43");
            posts.write(response("ok")).await;
        }
        assert_eq!(posts.answer("ok").await.body, b"1");
        assert!(closing.await.is_clean());
        drop(server);
    });
}

/// Rule E17.
#[test]
fn p05_greetings_in_the_open_payload_are_delivered_after_connected() {
    // With more than 15 greetings after the open packet, python-engineio can't connect.
    under_many_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let client = builder(&runtime).transports(["polling"]).start().unwrap();
        let mut polls = server.accept().await;
        let greetings: String = (0..20).map(|n| format!("\x1e4g{n}")).collect();
        polls.answer(opening() + &greetings).await;
        polls.answer("1").await;
        let events: Vec<Event> = client.collect().await;
        assert_eq!(events.len(), 22, "{events:?}");
        assert!(matches!(events[0], Event::Connected(_)));
        for (n, event) in events[1..21].iter().enumerate() {
            let expected = Message::from(format!("g{n}"));
            assert!(
                matches!(event, Event::Message(message) if *message == expected),
                "{event:?}"
            );
        }
    });
}

/// Rule E23.
#[test]
fn p06_payloads_of_17_packets_are_accepted_and_never_sent() {
    // python-engineio refuses a payload of 17 packets and ends the session, though its own server sends
    // such payloads. The client also posts such payloads, though its own server discards them and
    // answers 200.
    under_some_orders(async |runtime| {
        let (mut client, mut server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
        let many: Vec<String> = (0..17).map(|n| format!("4{n}")).collect();
        polls.answer(many.join("\x1e")).await;
        for n in 0..17 {
            assert_eq!(client.recv().await, Some(n.to_string().into()));
        }
        for n in 0..17 {
            client.try_send(n.to_string()).unwrap();
        }
        polls.request().await;
        let mut posts = server.accept().await;
        let mut received = Vec::new();
        while received.len() < 17 {
            let body = String::from_utf8(posts.answer("ok").await.body).unwrap();
            let packets: Vec<String> = body.split('\x1e').map(str::to_owned).collect();
            assert!(packets.len() <= 16);
            received.extend(packets);
        }
        assert_eq!(received, many);
        polls.write(response("1")).await;
        client.wait().await;
    });
}

/// Rule E14.
#[test]
fn p07_the_users_headers_are_sent_with_every_request() {
    // python-engineio sends the user's headers with the first poll and with the WebSocket request, and
    // with no other request.
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let client = builder(&runtime)
            .header("X-Foo", "bar")
            .header("Authorization", "Bearer t")
            .start()
            .unwrap();
        let mut polls = server.accept().await;
        let mut requests = vec![polls.answer(opening()).await];
        let mut probe = server.accept().await;
        requests.push(probe.request().await);
        probe
            .write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            .await;
        drop(probe);
        requests.push(polls.request().await);
        client.send("x").await.unwrap();
        requests.push(server.accept().await.answer("ok").await);
        polls.write(response("1")).await;
        client.wait().await;
        let transports: Vec<_> = requests
            .iter()
            .map(|request| (&*request.method, request.parameter("transport").unwrap()))
            .collect();
        assert_eq!(
            transports,
            [
                ("GET", "polling"),
                ("GET", "websocket"),
                ("GET", "polling"),
                ("POST", "polling")
            ]
        );
        for request in requests {
            assert_eq!(request.header("x-foo"), Some("bar"));
            assert_eq!(request.header("authorization"), Some("Bearer t"));
        }
    });
}

#[test]
fn p08_cookies_are_kept_unchanged_for_their_server_and_path() {
    // python-engineio forgets the cookies of a server that is addressed by IP, sends cookies of another
    // path with the WebSocket request, quotes values a second time, and removes the user's cookie from
    // the caller's headers, so that a second connection lacks it.
    under_some_orders(async |runtime| {
        for _ in 0..2 {
            let mut server = Server::new(&runtime);
            let client = builder(&runtime)
                .header("Cookie", "mine=1")
                .start()
                .unwrap();
            let mut polls = server.accept().await;
            assert_eq!(polls.request().await.header("cookie"), Some("mine=1"));
            let open = opening();
            polls
                .write(format!(
                    "HTTP/1.1 200 OK\r\nSet-Cookie: lb=\"a b\"\r\nSet-Cookie: no=1; Path=/other\r\n\
                     Content-Length: {}\r\n\r\n{open}",
                    open.len()
                ))
                .await;
            let mut probe = server.accept().await;
            let all = Some("mine=1; lb=\"a b\"");
            assert_eq!(probe.request().await.header("cookie"), all);
            drop(probe);
            assert_eq!(polls.answer("1").await.header("cookie"), all);
            client.wait().await;
        }
    });
}

#[test]
fn p09_a_disconnect_does_not_wait_for_the_poll() {
    // python-engineio waits until the server answers the poll, which its own server does after half a
    // minute.
    under_many_orders(async |runtime| {
        let (client, mut server, mut polls) = on_polling(&runtime, LONG, |b| b).await;
        polls.request().await;
        let closing = spawn(&runtime, async move { client.disconnect().await });
        assert_eq!(server.accept().await.answer("ok").await.body, b"1");
        assert!(closing.await.is_clean());
        assert_eq!(runtime.now(), Duration::ZERO);
        assert!(polls.next_request().await.is_none());
    });
}

#[test]
fn p10_the_servers_close_on_polling_ends_the_wait_at_once() {
    // `wait` of python-engineio returns 30 seconds after the disconnect handler was called.
    under_many_orders(async |runtime| {
        let told = Arc::new(Mutex::new(0));
        let note = Arc::clone(&told);
        let (client, mut server, mut polls) = on_polling(&runtime, LONG, |builder| {
            builder.on_disconnect(move |_, _| *note.lock().unwrap() += 1)
        })
        .await;
        polls
            .write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")
            .await;
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::Server { .. }), "{closed}");
        assert_eq!(*told.lock().unwrap(), 1);
        assert_eq!(runtime.now(), Duration::ZERO);
        assert!(!server.has_another());
    });
}

/// Rule E30.
#[test]
fn p11_received_messages_keep_a_session_alive() {
    // The writing task of python-engineio ends the connection when it has had nothing to write for some
    // seconds. Pings keep the connection alive, because the client answers them; messages do not.
    under_some_orders(async |runtime| {
        let minute = 60;
        for polling in [true, false] {
            let open = open_packet(1000, 1000);
            let mut server = Server::new(&runtime);
            let transport = if polling { "polling" } else { "websocket" };
            let mut client = builder(&runtime).transports([transport]).start().unwrap();
            let mut peer = server.accept().await;
            if polling {
                peer.answer(open).await;
            } else {
                peer.accept_websocket().await;
                peer.write(frame(TEXT, open)).await;
            }
            let clock = runtime.clone();
            let script = spawn(&runtime, async move {
                for n in 0..minute {
                    clock.sleep(Duration::from_millis(1500)).await;
                    if polling {
                        peer.answer(format!("4{n}")).await;
                    } else {
                        peer.write(frame(TEXT, format!("4{n}"))).await;
                    }
                }
                (peer, server)
            });
            for n in 0..minute {
                assert_eq!(client.recv().await, Some(n.to_string().into()));
            }
            drop(script.await);
            client.wait().await;
        }
    });
}

#[test]
fn p12_deeply_nested_json_is_an_ordinary_text() {
    // python-engineio parses every text as JSON. 100,000 brackets exceed the recursion limit of its
    // parser. Over polling, that leaves a client that is "connected" for ever.
    under_some_orders(async |runtime| {
        let nested = "[".repeat(100_000);
        let (mut client, _server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
        polls.answer(format!("4{nested}\x1e4next")).await;
        let message = client.recv().await.unwrap();
        assert_eq!(message.as_text(), Some(&*nested));
        let error = message.json::<serde_json::Value>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(client.recv().await, Some("next".into()));
        polls.answer("1").await;
        client.wait().await;
    });
}

#[test]
fn p13_a_text_that_looks_like_json_is_delivered_unchanged() {
    // python-engineio turns such texts into numbers, booleans, `None` and unquoted texts.
    under_some_orders(async |runtime| {
        let texts = [
            "123",
            "-1",
            " 12",
            "1.5",
            "true",
            "null",
            "\"x\"",
            "NaN",
            "-Infinity",
            "{\"a\":1}",
            "[1,2]",
            "\u{feff}1",
            " padded ",
        ];
        let (mut client, mut peer) = on_websocket(&runtime, |b| b).await;
        for text in texts {
            peer.write(frame(TEXT, format!("4{text}"))).await;
            assert_eq!(client.recv().await, Some(text.into()));
            client.send(text).await.unwrap();
            assert_eq!(peer.frame().await.payload, format!("4{text}").into_bytes());
        }
        drop(peer);
        client.wait().await;
    });
}

#[test]
fn p14_any_bad_first_response_is_an_error_with_a_kind() {
    // In python-engineio, each of these leaks a different internal exception: an empty body, a body that
    // is not text, invalid JSON, a long refusal, an open packet with invalid upgrades. Such an open
    // packet also leaves the client half connected.
    under_some_orders(async |runtime| {
        let refusal = |words: &str| {
            let length = words.len();
            format!("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{words}")
                .into_bytes()
        };
        let no_list = r#"0{"sid":"s","upgrades":"none","pingInterval":1,"pingTimeout":1}"#;
        for (answer, kind) in [
            (response(""), ErrorKind::NotEngineIo),
            (response([0x34, 0xff]), ErrorKind::NotEngineIo),
            (response("foo"), ErrorKind::NotEngineIo),
            (response("\u{664}x"), ErrorKind::NotEngineIo),
            (response("4early"), ErrorKind::Handshake),
            (response(no_list), ErrorKind::Handshake),
            (
                b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
                ErrorKind::Status,
            ),
            (refusal("\"Unauthorized\""), ErrorKind::Status),
            (refusal("{no JSON"), ErrorKind::Status),
            (refusal(&"x".repeat(50_000)), ErrorKind::Status),
        ] {
            let mut server = Server::new(&runtime);
            let client = builder(&runtime)
                .transports(["polling"])
                .on_disconnect(|_, _| -> () { panic!("the client was never connected") })
                .start()
                .unwrap();
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write(&answer).await;
            let error = client.opened().await.unwrap_err();
            assert_eq!(error.kind(), kind, "{}", error.report());
            peer.read_to_end().await;
        }
    });
}

/// Rules E26, E38.
#[test]
fn p15_a_failed_probe_is_closed_and_causes_no_storm_of_polls() {
    // python-engineio leaves the WebSocket of a failed probe open. Its server then believes that the
    // upgrade is still in progress, and answers each poll at once: 3,000 polls a second.
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let client = builder(&runtime).start().unwrap();
        let mut polls = server.accept().await;
        polls.answer(opening()).await;
        let mut probe = accept_probe(&mut server).await;
        probe.write(frame(TEXT, "6")).await;
        probe.write(frame(TEXT, "4no pong")).await;
        probe.read_to_end().await;
        let began = runtime.now();
        let mut count = 0;
        while runtime.now() < began + Duration::from_secs(10) && count < 100 {
            polls.request().await;
            polls
                .write("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=60\r\nContent-Length: 1\r\n\r\n6")
                .await;
            count += 1;
        }
        assert!(count < 30, "{count} polls in ten seconds");
        polls.answer("1").await;
        client.wait().await;
    });
}

#[test]
fn p16_messages_before_the_end_are_handled_before_the_disconnect() {
    // python-engineio calls the disconnect handler at once, and handles earlier messages in tasks that
    // run later.
    under_many_orders(async |runtime| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (message, disconnect) = (Arc::clone(&seen), Arc::clone(&seen));
        let (client, _server, mut polls) = on_polling(&runtime, opening(), |builder| {
            builder
                .on_message(move |handle, text| {
                    let message = Arc::clone(&message);
                    async move {
                        handle.sleep(Duration::from_millis(10)).await;
                        message.lock().unwrap().push(format!("{text:?}"));
                    }
                })
                .on_disconnect(move |_, closed| {
                    disconnect.lock().unwrap().push(format!("{closed}"));
                })
        })
        .await;
        polls.answer("4a\x1e4b\x1e1").await;
        client.wait().await;
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(
            seen[0].contains("\"a\"") && seen[1].contains("\"b\""),
            "{seen:?}"
        );
    });
}

/// Rule E47.
#[test]
fn p17_a_post_that_fails_is_noticed_while_the_poll_waits() {
    // python-engineio notices a failed POST only when its poll returns, up to half a minute later, and
    // loses the messages of the POST.
    under_some_orders(async |runtime| {
        let (client, mut server, mut polls) = on_polling(&runtime, LONG, |b| b).await;
        polls.request().await;
        client.send("x").await.unwrap();
        let mut posts = server.accept().await;
        posts.request().await;
        posts
            .write("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
            .await;
        let closed = client.wait().await;
        failed_with(closed.reason(), ErrorKind::Status);
        assert_eq!(closed.uncertain(), ["x".into()]);
        // The client waits a second for the response to the poll, which may contain the reason.
        assert_eq!(runtime.now(), Duration::from_secs(1));
    });
}

/// Rule E47.
#[test]
fn a_refused_post_before_the_poll_brings_the_servers_close_is_a_close_by_the_server() {
    under_some_orders(async |runtime| {
        let (client, mut server, mut polls) = on_polling(&runtime, LONG, |b| b).await;
        polls.request().await;
        client.send("x").await.unwrap();
        let mut posts = server.accept().await;
        posts.request().await;
        posts
            .write("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")
            .await;
        runtime.sleep(Duration::from_millis(300)).await;
        polls
            .write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")
            .await;
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::Server { .. }), "{closed}");
        assert_eq!(closed.uncertain(), ["x".into()]);
        assert_eq!(runtime.now(), Duration::from_millis(300));
    });
}

#[test]
fn p18_a_disconnect_handler_may_connect_again() {
    // In python-engineio, connecting again in the disconnect handler is an error, because the client is
    // not yet "disconnected".
    under_many_orders(async |runtime| {
        let (give, again) = oneshot::channel();
        let mut give = Some(give);
        let next = runtime.clone();
        let (client, mut peer) = on_websocket(&runtime, |b| {
            b.on_disconnect(move |_, _| {
                let (give, next) = (give.take(), next.clone());
                async move {
                    let builder = builder(&next).transports(["websocket"]);
                    let client = builder.connect().await.expect("it connects again");
                    let _ = give.expect("once").send(client);
                }
            })
        })
        .await;
        let mut server = Server::new(&runtime);
        drop(peer);
        peer = server.accept().await;
        peer.accept_websocket().await;
        peer.write(frame(TEXT, opening())).await;
        client.wait().await;
        let second = again.await.unwrap();
        second.send("again").await.unwrap();
        assert_eq!(peer.frame().await.payload, b"4again");
        drop(peer);
        second.wait().await;
    });
}

/// Rule E9.
#[test]
fn p19_the_path_of_the_url_is_used() {
    // python-engineio silently ignores the URL's path, and requests /engine.io/.
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let url = "http://10.0.0.1/x/y?room=1";
        let client = Builder::new(url, Transports::default(), runtime.clone())
            .start()
            .unwrap();
        let request = server.accept().await.request().await;
        assert!(
            request.target.starts_with("/x/y/?room=1&"),
            "{}",
            request.target
        );
        client.disconnect().await;
    });
}

/// Rule E30.
#[test]
fn p20_a_dead_server_is_noticed_over_polling_as_soon_as_over_websocket() {
    // Over polling, python-engineio notices a dead server five seconds after the longer of the server's
    // ping interval and ping timeout.
    under_some_orders(async |runtime| {
        let (client, _server, mut polls) =
            on_polling(&runtime, open_packet(1000, 1000), |b| b).await;
        polls.request().await;
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
        assert_eq!(runtime.now(), Duration::from_secs(2));
    });
}

/// Rule E14.
#[test]
fn p21_a_websocket_request_has_no_origin_and_the_urls_user() {
    // The threaded client of python-engineio sends an Origin with the WebSocket request, which its own
    // server refuses behind TLS. That client also does not send the URL's user.
    under_some_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            let mut server = Server::new(&runtime);
            let url = "http://foo:bar@10.0.0.1";
            let client = Builder::new(url, Transports::default(), runtime.clone())
                .transports([transport])
                .start()
                .unwrap();
            let request = server.accept().await.request().await;
            assert_eq!(request.header("origin"), None);
            assert_eq!(request.header("authorization"), Some("Basic Zm9vOmJhcg=="));
            assert_eq!(request.header("host"), Some("10.0.0.1"));
            client.disconnect().await;
            settle(&runtime).await;
        }
    });
}
