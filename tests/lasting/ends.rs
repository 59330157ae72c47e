//! When the client opens another session, and when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engineio_client::{Handle, Packet};

use super::*;

/// Rule E56.
#[test]
fn a_client_opens_a_new_session_after_one_ends() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.reconnect(exact()).connect().await.unwrap();
        let first = server.session().await;
        assert_eq!(next(&mut client).await, "connected 1");
        runtime.sleep(seconds(10)).await;
        let handle = client.handle();
        first.close();
        assert!(
            next(&mut client)
                .await
                .starts_with("disconnected 1: closed by the server")
        );
        assert_eq!(next(&mut client).await, "reconnecting 1 in 1s");
        assert_eq!(client.sid(), None);
        let before = runtime.now();
        assert_eq!(next(&mut client).await, "connected 2");
        assert_eq!(runtime.now() - before, seconds(1));
        let mut second = server.session().await;
        assert_eq!(client.sid(), Some(second.sid()));
        handle.send("hello").await.unwrap();
        assert_eq!(received(&mut second, 1).await, ["hello"]);
        second.send("you, too");
        assert_eq!(client.recv().await, Some("you, too".into()));
        let closed = client.disconnect().await;
        assert!(closed.is_clean(), "{closed:?}");
    });
}

#[test]
fn a_client_opens_a_new_session_after_one_that_ends_in_the_turn_it_opens() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        let open = r#"{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
        let both = vec![Packet::Open(open.into()), Packet::Close];
        server.once(Step::Handshake, Act::Send(both));
        let mut client = builder.reconnect(exact()).start().unwrap();
        assert_eq!(next(&mut client).await, "connected 1");
        let event = next(&mut client).await;
        assert!(
            event.starts_with("disconnected 1: closed by the server"),
            "{event}"
        );
        assert_eq!(next(&mut client).await, "reconnecting 1 in 1s");
        assert_eq!(next(&mut client).await, "connected 2");
        client.disconnect().await;
    });
}

/// Rule E57.
#[test]
fn a_server_that_is_down_is_retried_after_growing_delays() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.reconnect(exact()).connect().await.unwrap();
        let first = server.session().await;
        assert_eq!(next(&mut client).await, "connected 1");
        runtime.sleep(seconds(10)).await;
        server.at(Step::Handshake, Act::Cut);
        first.cut();
        assert!(next(&mut client).await.starts_with("disconnected 1"));
        let start = runtime.now();
        for (attempt, delay) in [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5)] {
            let event = next(&mut client).await;
            assert_eq!(event, format!("reconnecting {attempt} in {delay}s"));
        }
        server.at(Step::Handshake, Act::Properly);
        assert_eq!(next(&mut client).await, "connected 2");
        assert_eq!(runtime.now() - start, seconds(1 + 2 + 4 + 5 + 5));
        client.disconnect().await;
    });
}

#[test]
fn connect_fails_at_once_but_start_keeps_trying() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let builder = builder.reconnect(exact());
        server.once(Step::Handshake, refused(503));
        let error = builder.try_clone().unwrap().connect().await.unwrap_err();
        assert_eq!(error.status(), Some(503));
        runtime.sleep(seconds(60)).await;
        server.once(Step::Handshake, refused(503));
        let client = builder.start().unwrap();
        let connected = client.opened().await.unwrap();
        assert_eq!(connected.session, 1);
        server.session().await;
        client.disconnect().await;
    });
}

#[test]
fn a_connect_that_fails_announces_no_further_attempt() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        server.once(Step::Handshake, refused(503));
        let announced = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&announced);
        let builder = builder
            .reconnect(exact())
            .on_reconnecting(move |_handle: Handle, _next| {
                count.fetch_add(1, Ordering::SeqCst);
            });
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.status(), Some(503));
        runtime.sleep(seconds(60)).await;
        assert_eq!(announced.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn the_client_ends_after_the_last_attempt() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        server.at(Step::Handshake, refused(500));
        let client = builder.reconnect(exact().attempts(3)).start().unwrap();
        let closed = client.wait().await;
        let Reason::Transport(error) = closed.reason() else {
            panic!("{closed}");
        };
        assert_eq!(error.status(), Some(500));
        assert_eq!(runtime.now(), seconds(1 + 2 + 4));
    });
}

#[test]
fn disconnect_during_the_delay_ends_the_client_and_nothing_connects_afterwards() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let client = builder.reconnect(exact()).connect().await.unwrap();
        let first = server.session().await;
        first.cut();
        runtime.sleep(ms(500)).await;
        client.send("left over").await.unwrap();
        let before = runtime.now();
        let closed = client.disconnect().await;
        assert_eq!(runtime.now(), before);
        assert!(matches!(closed.reason(), Reason::Client));
        assert_eq!(closed.unsent(), ["left over".into()]);
        assert!(!closed.is_clean());
        runtime.sleep(seconds(100)).await;
        assert!(futures::FutureExt::now_or_never(server.session()).is_none());
    });
}

#[test]
fn dropping_the_client_during_the_delay_ends_it() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let client = builder.reconnect(exact()).connect().await.unwrap();
        server.session().await.cut();
        runtime.sleep(ms(500)).await;
        drop(client);
        runtime.sleep(seconds(100)).await;
        assert!(futures::FutureExt::now_or_never(server.session()).is_none());
    });
}

#[test]
fn reconnect_now_skips_the_delay() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let reconnect = Reconnect::new()
            .delay(seconds(1000))
            .max_delay(seconds(1000));
        let mut client = builder.reconnect(reconnect).connect().await.unwrap();
        let first = server.session().await;
        // `reconnect_now` has no effect while a session is open.
        client.reconnect_now();
        runtime.sleep(seconds(1)).await;
        first.cut();
        for _ in 0..3 {
            next(&mut client).await;
        }
        let before = runtime.now();
        client.reconnect_now();
        assert_eq!(next(&mut client).await, "connected 2");
        assert_eq!(runtime.now(), before);
        server.session().await;
        client.disconnect().await;
    });
}

#[test]
fn unread_session_events_are_bounded() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.reconnect(exact()).connect().await.unwrap();
        for _ in 0..600 {
            runtime.sleep(seconds(10)).await;
            server.session().await.cut();
        }
        server.at(Step::Handshake, Act::Cut);
        runtime.sleep(seconds(10_000)).await;
        client.close();
        let mut kept = Vec::new();
        while let Some(event) = client.next().await {
            kept.push(format!("{event:?}"));
        }
        // The client keeps the newest 1,024 events, and `Closed`.
        assert_eq!(kept.len(), 1024 + 1);
        assert!(kept[1023].starts_with("Reconnecting"), "{}", kept[1023]);
        assert!(
            !kept[1022].starts_with("Reconnecting"),
            "of successive `Reconnecting` events, only the newest is kept"
        );
    });
}

/// Rule E57.
#[test]
fn a_thousand_clients_of_a_restarted_server_reconnect_spread_over_time() {
    // `client::supervisor::tests::backoff` tests the delays of a hundred seeds.
    let runtime = MockRuntime::seeded(0);
    runtime.block_on(async {
        let (builder, mut server) = server(&runtime);
        let builder = builder.reconnect(Reconnect::new());
        let mut clients = Vec::new();
        let mut sessions = Vec::new();
        for _ in 0..1000 {
            clients.push(builder.try_clone().unwrap().connect().await.unwrap());
            sessions.push(server.session().await);
        }
        runtime.sleep(seconds(60)).await;
        let restart = runtime.now();
        for session in sessions {
            session.cut();
        }
        let mut times = Vec::new();
        let mut again = Vec::new();
        for _ in 0..1000 {
            again.push(server.session().await);
            times.push(runtime.now() - restart);
        }
        assert!(times[999] < seconds(15), "{:?}", times[999]);
        for (at, time) in times.iter().enumerate() {
            let within = times[at..]
                .iter()
                .take_while(|later| **later - *time < ms(50));
            assert!(
                within.count() <= 100,
                "more than 100 clients connect within 50 ms at {time:?}"
            );
        }
        drop(clients);
        runtime.sleep(seconds(60)).await;
    });
}
