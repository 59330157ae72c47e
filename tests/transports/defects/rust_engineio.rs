//! The defects A to Q of rust_engineio. The defects of its blocking client are tested in
//! `tests/servers/defects.rs`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineio_client::{ErrorKind, Event, Message, Reason, Runtime as _};
use futures::StreamExt as _;

use super::{builder, failed_with, on_polling, on_websocket, opening};
use crate::open_packet;
use crate::raw::{
    BINARY, CLOSE, Server, TEXT, frame, response, settle, spawn, under_both_orders,
    under_many_orders, under_some_orders,
};

/// Rule E5.
#[test]
fn a_a_binary_frame_with_a_separator_is_one_message() {
    // rust_engineio decodes a binary WebSocket frame as a payload: a byte 0x1e splits the data in two.
    under_some_orders(async |runtime| {
        let (mut client, mut peer) = on_websocket(&runtime, |b| b).await;
        let data = [1, 2, 0x1e, 0x34, 5];
        peer.write(frame(BINARY, data)).await;
        assert_eq!(client.recv().await, Some(Message::from(data.to_vec())));
        client.send(data.to_vec()).await.unwrap();
        assert_eq!(peer.frame().await.payload, data);
        drop(peer);
        assert_eq!(client.recv().await, None);
    });
}

/// Rule E5.
#[test]
fn b_a_text_frame_with_a_separator_is_one_message() {
    // rust_engineio also decodes a text frame as a payload: U+001E splits the text into two packets.
    under_some_orders(async |runtime| {
        let (mut client, mut peer) = on_websocket(&runtime, |b| b).await;
        peer.write(frame(TEXT, "4a\x1e4b")).await;
        assert_eq!(client.recv().await, Some("a\x1e4b".into()));
        drop(peer);
        assert_eq!(client.recv().await, None);
    });
}

#[test]
fn c_a_long_response_to_a_poll_is_complete() {
    // rust_engineio reads a body in pieces, and decodes each piece as if it were the whole payload: of
    // 60,000 bytes it delivers 8,069, without an error.
    under_both_orders(async |runtime| {
        for length in [60_000, 2_000_000] {
            let (mut client, _server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
            let text: String = ('a'..='z').cycle().take(length).collect();
            let answer = response(format!("4{text}"));
            polls.request().await;
            polls.write_pieces(answer, 8 * 1024).await;
            assert!(client.recv().await == Some(text.into()));
            polls.answer("1").await;
            client.wait().await;
        }
    });
}

/// Rule E7.
#[test]
fn d_an_empty_message_is_a_message() {
    // rust_engineio refuses an empty text as an incomplete packet, which ends the session.
    under_some_orders(async |runtime| {
        let empty = [Message::from(""), Message::from(Vec::new())];
        let (mut client, mut peer) = on_websocket(&runtime, |b| b).await;
        peer.write(frame(TEXT, "4")).await;
        peer.write(frame(BINARY, "")).await;
        for message in &empty {
            assert_eq!(client.recv().await.as_ref(), Some(message));
            client.send(message.clone()).await.unwrap();
        }
        assert_eq!(peer.frame().await.payload, b"4");
        assert_eq!(peer.frame().await.payload, b"");
        drop(peer);
        client.wait().await;

        let (mut client, mut server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
        polls.answer("4\x1eb").await;
        for message in &empty {
            assert_eq!(client.recv().await.as_ref(), Some(message));
        }
        for message in empty {
            client.try_send(message).unwrap();
        }
        polls.request().await;
        assert_eq!(server.accept().await.answer("ok").await.body, b"4\x1eb");
        polls.write(response("1")).await;
        client.wait().await;
    });
}

/// Rule E24.
#[test]
fn e_a_message_above_max_payload_is_not_sent_and_a_refused_poll_is_a_status() {
    // rust_engineio sends messages that are larger than the server accepts, which ends the session. It
    // then parses the text of the next refusal as packets, and reports "Invalid packet id: 123"; 123 is
    // a brace.
    under_some_orders(async |runtime| {
        let open = r#"0{"sid":"s","pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;
        let (client, mut server, mut polls) = on_polling(&runtime, open, |b| b).await;
        let refused = client.send("x".repeat(100)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        client.send("x".repeat(99)).await.unwrap();
        polls.request().await;
        assert_eq!(server.accept().await.answer("ok").await.body.len(), 100);
        polls
            .write(
                "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
                 Content-Length: 41\r\n\r\n{\"code\":1,\"message\":\"Session ID unknown\"}",
            )
            .await;
        let closed = client.wait().await;
        failed_with(closed.reason(), ErrorKind::Status);
        let told = closed.to_string();
        assert!(
            told.contains("400") && told.contains("Session ID unknown"),
            "{told}"
        );
    });
}

#[test]
fn f_a_close_of_the_server_over_websocket_ends_the_session() {
    // The stream of rust_engineio ends, but the client reports that it is still connected, and calls no
    // handler.
    under_many_orders(async |runtime| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&told);
        let (client, mut peer) = on_websocket(&runtime, |builder| {
            builder.on_disconnect(move |_, closed| note.lock().unwrap().push(closed.to_string()))
        })
        .await;
        peer.write(frame(CLOSE, [3, 232])).await;
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::Server { .. }), "{closed}");
        assert_eq!(told.lock().unwrap().len(), 1);
        let refused = client.send("late").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Closed);
    });
}

#[test]
fn g_waiting_messages_share_a_post() {
    // rust_engineio sends one POST for each packet.
    under_some_orders(async |runtime| {
        let (client, mut server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
        for n in 0..160 {
            client.try_send(n.to_string()).unwrap();
        }
        polls.request().await;
        let mut posts = server.accept().await;
        for _ in 0..10 {
            let body = posts.answer("ok").await.body;
            assert_eq!(body.split(|&byte| byte == b'\x1e').count(), 16);
        }
        client.flush().await.unwrap();
        polls.write(response("1")).await;
        client.wait().await;
    });
}

#[test]
fn h_messages_are_handled_in_order() {
    // rust_engineio spawns a task for each message: of 20,000 messages, several hundred are overtaken by
    // later ones.
    under_many_orders(async |runtime| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let (client, mut peer) = on_websocket(&runtime, |builder| {
            // With a disconnect handler, `wait` returns only after that handler, which runs last, has
            // returned.
            let builder = builder.on_disconnect(|_, _| ());
            builder.on_message(move |handle, message| {
                let note = Arc::clone(&note);
                async move {
                    let text = message.as_text().unwrap().to_owned();
                    let number: usize = text.parse().unwrap();
                    // The first messages take the longest.
                    let pause = Duration::from_millis(100_u64.saturating_sub(number as u64));
                    handle.sleep(pause).await;
                    note.lock().unwrap().push(number);
                }
            })
        })
        .await;
        for n in 0..200 {
            peer.write(frame(TEXT, format!("4{n}"))).await;
        }
        peer.write(frame(CLOSE, "")).await;
        client.wait().await;
        assert!(seen.lock().unwrap().iter().copied().eq(0..200));
    });
}

#[test]
fn i_pings_are_answered_while_the_user_does_something_else() {
    // rust_engineio answers pings only while its user polls it. After three seconds of other work, the
    // server has dropped the session, but the client accepts messages as if nothing had happened.
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let mut client = builder(&runtime).transports(["websocket"]).start().unwrap();
        let mut peer = server.accept().await;
        peer.accept_websocket().await;
        peer.write(frame(TEXT, open_packet(300, 200))).await;
        let clock = runtime.clone();
        let script = spawn(&runtime, async move {
            for _ in 0..10 {
                clock.sleep(Duration::from_millis(300)).await;
                peer.write(frame(TEXT, "2")).await;
                assert_eq!(peer.frame().await.payload, b"3");
            }
            peer.write(frame(TEXT, "4there you are")).await;
            peer
        });
        // The user does something else.
        runtime.sleep(Duration::from_secs(3)).await;
        let mut peer = script.await;
        assert_eq!(client.recv().await, Some("there you are".into()));
        client.send("here I am").await.unwrap();
        assert_eq!(peer.frame().await.payload, b"4here I am");
        drop(peer);
        client.wait().await;
    });
}

#[test]
fn k_stray_packets_of_the_server_are_ignored() {
    // A pong or a second open packet from the server makes rust_engineio panic.
    under_some_orders(async |runtime| {
        let stray = ["3", "3probe", "5", "6", "0", "0{}", "0{\"sid\":\"other\"}"];
        let (mut client, mut peer) = on_websocket(&runtime, |b| b).await;
        for packet in stray {
            peer.write(frame(TEXT, packet)).await;
        }
        peer.write(frame(TEXT, "4behind")).await;
        assert_eq!(client.recv().await, Some("behind".into()));
        drop(peer);
        client.wait().await;

        let (mut client, _server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
        polls
            .answer(format!("{}\x1e4behind", stray.join("\x1e")))
            .await;
        assert_eq!(client.recv().await, Some("behind".into()));
        polls.answer("1").await;
        client.wait().await;
    });
}

#[test]
fn m_after_a_lost_connection_the_stream_ends_with_its_error() {
    // When the peer has gone, the iterator of rust_engineio returns the same wrong error for ever.
    under_some_orders(async |runtime| {
        let (mut client, peer) = on_websocket(&runtime, |b| b).await;
        drop(peer);
        assert_eq!(client.recv().await, None);
        let closed = client.wait().await;
        failed_with(closed.reason(), ErrorKind::Ended);
        let events: Vec<Event> = client.collect().await;
        assert!(events.len() < 3, "{events:?}");
    });
}

#[test]
fn p_a_server_that_accepts_and_says_nothing_is_given_up() {
    // rust_engineio waits for ever: for the handshake of a WebSocket, for a probe, for a response.
    under_some_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            let began = runtime.now();
            let mut server = Server::new(&runtime);
            let client = builder(&runtime).transports([transport]).start().unwrap();
            let silent = server.accept().await;
            let error = client.opened().await.unwrap_err();
            assert!(error.is_timeout(), "{error}");
            assert_eq!(runtime.now(), began + Duration::from_secs(10));
            drop(silent);
        }
    });
}

#[test]
fn q_a_proxys_error_page_is_an_error_with_its_status() {
    // rust_engineio parses the page of a 502 as packets, and reports "Invalid packet id: 60"; 60 is "<".
    under_some_orders(async |runtime| {
        let page = "<html>\r\n<body>502 Bad Gateway</body>\r\n</html>";
        let answer = format!(
            "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}",
            page.len()
        );
        for transport in ["polling", "websocket"] {
            let mut server = Server::new(&runtime);
            let client = builder(&runtime).transports([transport]).start().unwrap();
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write(&answer).await;
            let error = client.opened().await.unwrap_err();
            assert_eq!(error.status(), Some(502), "{error}");
        }
        let (client, _server, mut polls) = on_polling(&runtime, opening(), |b| b).await;
        polls.request().await;
        polls.write(&answer).await;
        let closed = client.wait().await;
        failed_with(closed.reason(), ErrorKind::Status);
        settle(&runtime).await;
    });
}
