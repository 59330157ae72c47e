//! Suspension of the machine. When the machine wakes, the clock has jumped ahead, but no timer has
//! counted that time. The session then either continues or is known to have ended.

use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, Client, Message, MockRuntime, Reason};

use crate::open_packet;
use crate::raw::{Peer, Server, TEXT, frame, settle, under_both_orders, under_many_orders};

const SPAN: Duration = Duration::from_millis(500);
const HOUR: Duration = Duration::from_secs(3600);

/// An idle session, its server, and the server's end of the connection on which the client waits for
/// packets.
async fn connect(
    runtime: &MockRuntime,
    transport: &str,
) -> (Client<Transports, MockRuntime>, Server, Peer) {
    let mut server = Server::new(runtime);
    let client = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
        .transports([transport])
        .start()
        .unwrap();
    let mut peer = server.accept().await;
    if transport == "websocket" {
        peer.accept_websocket().await;
        peer.write(frame(TEXT, open_packet(300, 200))).await;
    } else {
        peer.answer(open_packet(300, 200)).await;
        peer.request().await;
    }
    client.opened().await.unwrap();
    settle(runtime).await;
    (client, server, peer)
}

/// Rule E32.
#[test]
fn messages_for_a_session_that_has_expired_are_not_sent_and_are_handed_back() {
    under_many_orders(async |runtime| {
        for transport in ["websocket", "polling"] {
            let (client, mut server, mut peer) = connect(&runtime, transport).await;
            runtime.suspend(HOUR);
            let woken = runtime.now();
            client.send("a").await.unwrap();
            client.send("b").await.unwrap();
            let flushed = client.flush().await;
            assert!(flushed.is_err(), "nothing was sent");
            let closed = client.wait().await;
            assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
            assert!(closed.uncertain().is_empty());
            assert_eq!(closed.unsent(), [Message::from("a"), Message::from("b")]);
            assert_eq!(runtime.now(), woken, "the client notices at once");
            assert_eq!(peer.read_to_end().await, b"");
            assert!(!server.has_another());
        }
    });
}

#[test]
fn a_suspension_is_noticed_though_nothing_is_sent() {
    under_both_orders(async |runtime| {
        for transport in ["websocket", "polling"] {
            let (client, _server, _peer) = connect(&runtime, transport).await;
            runtime.suspend(HOUR);
            let woken = runtime.now();
            let closed = client.wait().await;
            assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
            assert!(runtime.now() <= woken + SPAN);
        }
    });
}

#[test]
fn a_session_survives_a_suspension_shorter_than_ping_interval_and_timeout() {
    under_many_orders(async |runtime| {
        for transport in ["websocket", "polling"] {
            let (mut client, mut server, mut peer) = connect(&runtime, transport).await;
            runtime.suspend(SPAN - Duration::from_nanos(1));
            client.send("still here").await.unwrap();
            if transport == "websocket" {
                assert_eq!(peer.frame().await.payload, b"4still here");
                peer.write(frame(TEXT, "4so am I")).await;
            } else {
                let mut posts = server.accept().await;
                assert_eq!(posts.answer("ok").await.body, b"4still here");
                peer.write(crate::raw::response("4so am I")).await;
            }
            assert_eq!(client.recv().await, Some("so am I".into()));
            drop((server, peer));
            client.wait().await;
        }
    });
}

#[test]
fn messages_from_before_the_suspension_are_delivered_before_the_end() {
    under_many_orders(async |runtime| {
        let (mut client, _server, mut peer) = connect(&runtime, "websocket").await;
        // The message is in the socket when the machine is suspended, and the server has gone when the
        // machine wakes.
        peer.write(frame(TEXT, "4before")).await;
        drop(peer);
        runtime.suspend(HOUR);
        let woken = runtime.now();
        let _ = client.send("a").await;
        assert_eq!(client.recv().await, Some("before".into()));
        assert_eq!(client.recv().await, None);
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::Transport(_)), "{closed}");
        let back: Vec<_> = closed.uncertain().iter().chain(closed.unsent()).collect();
        assert_eq!(back, [&Message::from("a")], "the message is handed back");
        assert_eq!(runtime.now(), woken);
    });
}

#[test]
fn a_message_that_was_being_sent_during_the_suspension_is_uncertain_and_the_rest_unsent() {
    under_both_orders(async |runtime| {
        let (client, _server, _peer) = connect(&runtime, "websocket").await;
        let large = Message::from(vec![7; 1_000_000]);
        // The server does not read, so the client can't send the whole message.
        client.send(large.clone()).await.unwrap();
        settle(&runtime).await;
        client.send("behind").await.unwrap();
        runtime.suspend(HOUR);
        let woken = runtime.now();
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
        assert!(closed.uncertain() == [large]);
        assert_eq!(closed.unsent(), [Message::from("behind")]);
        assert!(runtime.now() <= woken + SPAN);
    });
}

#[test]
fn a_suspension_fails_an_attempt_to_connect_and_an_upgrade_without_loss() {
    under_both_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let client = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
            .transports(["polling"])
            .start()
            .unwrap();
        let peer = server.accept().await;
        settle(&runtime).await;
        runtime.suspend(HOUR);
        let woken = runtime.now();
        assert!(client.opened().await.unwrap_err().is_timeout());
        assert!(runtime.now() <= woken + Duration::from_secs(10));
        drop((peer, server));

        let mut server = Server::new(&runtime);
        let client = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
            .start()
            .unwrap();
        let mut polls = server.accept().await;
        polls.answer(open_packet(300, 200)).await;
        let mut probe = server.accept().await;
        probe.accept_websocket().await;
        probe.frame().await;
        probe.write(frame(TEXT, "3probe")).await;
        polls.request().await;
        settle(&runtime).await;
        runtime.suspend(HOUR);
        client.send("a").await.unwrap();
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
        assert_eq!(closed.unsent(), [Message::from("a")]);
        assert_eq!(probe.read_to_end().await, b"", "no upgrade");
    });
}
