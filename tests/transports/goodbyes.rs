//! The end of an open session is clean only if the server has answered the goodbye. Without an answer,
//! messages that were already sent may be lost, and the client can't say which.

use std::time::Duration;

use engineio_client::transports::{Transports, WebSocket};
use engineio_client::{Builder, Closed, MockRuntime, Reason};
use futures::future::{BoxFuture, join};

use crate::raw::{CLOSE, Peer, Server, TEXT, frame, response, spawn, under_some_orders};
use crate::{open, open_packet};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How a server reacts to the goodbye.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Takes {
    /// It answers as the transport requires.
    Answers,
    /// It reads the goodbye, and closes the connection. Over WebSocket this is an answer.
    Ends,
    /// It reads the goodbye, and resets the connection.
    Resets,
    /// It does not read any more.
    IsSilent,
    /// It answers a POST with an error.
    Refuses,
}

/// The connections that the server keeps open.
type Held = Vec<Peer>;

async fn websocket(runtime: MockRuntime, mut server: Server, takes: Takes) -> Held {
    let mut peer = server.accept().await;
    peer.accept_websocket().await;
    peer.write(frame(TEXT, open_packet(25_000, 20_000))).await;
    if takes == Takes::IsSilent {
        return vec![peer];
    }
    assert_eq!(peer.frame().await.payload, b"4m");
    let goodbye = peer.frame().await;
    match takes {
        Takes::Answers => peer.write(frame(CLOSE, goodbye.payload)).await,
        Takes::Resets => runtime.network().reset_all(),
        _ => {}
    }
    Held::new()
}

async fn polling(runtime: MockRuntime, mut server: Server, takes: Takes) -> Held {
    let mut polls = server.accept().await;
    polls.answer(open_packet(25_000, 20_000)).await;
    polls.request().await;
    let mut posts = server.accept().await;
    if takes == Takes::IsSilent {
        return vec![polls, posts];
    }
    assert_eq!(posts.answer("ok").await.body, b"4m");
    assert_eq!(posts.request().await.body, b"1");
    match takes {
        Takes::Answers => posts.write(response("ok")).await,
        Takes::Resets => runtime.network().reset_all(),
        Takes::Refuses => {
            let refusal = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
            posts.write(refusal).await;
        }
        _ => {}
    }
    vec![polls]
}

/// The end of a session that has sent a message, and the time from the call of `disconnect` to that end.
async fn end(runtime: &MockRuntime, transport: &str, takes: Takes) -> (Closed, Duration) {
    let server = Server::new(runtime);
    let script: BoxFuture<'static, Held> = match transport {
        "polling" => Box::pin(polling(runtime.clone(), server, takes)),
        _ => Box::pin(websocket(runtime.clone(), server, takes)),
    };
    let script = spawn(runtime, script);
    let client = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
        .transports([transport])
        .close_timeout(CLOSE_TIMEOUT)
        .connect()
        .await
        .unwrap();
    client.send("m").await.unwrap();
    let began = runtime.now();
    let (closed, held) = join(client.disconnect(), script).await;
    drop(held);
    (closed, runtime.now().saturating_sub(began))
}

/// Rule E40.
#[test]
fn r9_an_answered_goodbye_is_a_clean_end() {
    under_some_orders(async |runtime| {
        for (transport, takes) in [
            ("websocket", Takes::Answers),
            ("websocket", Takes::Ends),
            ("polling", Takes::Answers),
        ] {
            let (closed, after) = end(&runtime, transport, takes).await;
            assert!(closed.is_answered() && closed.is_clean(), "{closed:?}");
            assert_eq!(closed.to_string(), "closed by this client");
            assert_eq!(after, Duration::ZERO, "{transport}: {takes:?}");
        }
    });
}

#[test]
fn r9_a_goodbye_without_an_answer_is_not_a_clean_end() {
    under_some_orders(async |runtime| {
        for (transport, takes, wait) in [
            ("websocket", Takes::IsSilent, CLOSE_TIMEOUT),
            ("websocket", Takes::Resets, Duration::ZERO),
            ("polling", Takes::IsSilent, CLOSE_TIMEOUT),
            ("polling", Takes::Resets, Duration::ZERO),
            ("polling", Takes::Ends, Duration::ZERO),
            ("polling", Takes::Refuses, Duration::ZERO),
        ] {
            let (closed, after) = end(&runtime, transport, takes).await;
            assert!(matches!(closed.reason(), Reason::Client), "{closed:?}");
            assert!(!closed.is_answered() && !closed.is_clean(), "{closed:?}");
            let text = closed.to_string();
            assert!(text.contains("did not answer"), "{text}");
            assert_eq!(after, wait, "{transport}: {takes:?}");
        }
    });
}

#[test]
fn r9_a_websocket_that_fails_after_its_close_frame_fails_its_sender_too() {
    under_some_orders(async |runtime| {
        for resets in [false, true] {
            let mut server = Server::new(&runtime);
            let network = runtime.network();
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                peer.accept_websocket().await;
                peer.frame().await;
                if resets {
                    network.reset_all();
                }
            });
            let mut link = open(&runtime, WebSocket::default(), |_| {}).await.unwrap();
            let (received, closed) = join(link.receiver.recv(), link.sender.close()).await;
            received.unwrap_err();
            assert_eq!(closed.is_err(), resets, "{closed:?}");
            script.await;
        }
    });
}

#[test]
fn r9_a_close_before_the_session_is_open_needs_no_answer() {
    under_some_orders(async |runtime| {
        for transport in ["websocket", "polling"] {
            // Nothing listens at this address.
            let client = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
                .transports([transport])
                .start()
                .unwrap();
            let closed = client.disconnect().await;
            assert!(closed.is_clean(), "{closed:?}");
        }
    });
}
