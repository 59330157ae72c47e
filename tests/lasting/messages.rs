//! Messages across sessions: what is sent in the next session, resent, reported or given up.

use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use engineio_client::Handle;
use futures::task::{ArcWake, waker};

use super::*;

/// Rule E58.
#[test]
fn messages_sent_between_sessions_are_sent_in_the_next() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.reconnect(exact()).start().unwrap();
        client.send("before the first").await.unwrap();
        let mut first = server.session().await;
        assert_eq!(received(&mut first, 1).await, ["before the first"]);
        assert_eq!(next(&mut client).await, "connected 1");
        first.cut();
        assert!(next(&mut client).await.starts_with("disconnected 1"));
        client.send("between").await.unwrap();
        client.send_all(["a", "b"]).await.unwrap();
        let mut second = server.session().await;
        assert_eq!(received(&mut second, 3).await, ["between", "a", "b"]);
        client.flush().await.unwrap();
        let closed = client.disconnect().await;
        // Without receipts it is not known that the message of the first session arrived.
        assert!(!closed.is_clean());
        assert!(closed.uncertain().is_empty() && closed.unsent().is_empty());
        assert_eq!((closed.confirmed(), closed.unconfirmed_count()), (0, 4));
    });
}

/// Cuts each session at its first message.
async fn kill_at_messages(mut server: MockServer, times: u32) -> MockServer {
    for _ in 0..times {
        let mut session = server.session().await;
        assert_eq!(session.recv().await, Some("poison".into()));
        session.cut();
    }
    server
}

/// Rule E60.
#[test]
fn a_message_that_ends_three_sessions_is_given_up_but_receipts_go_on() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        // Fences are answered late, so that a session with the message ends before its first fence is
        // answered.
        server.at(Step::Fence, Act::After(ms(100)));
        let reconnect = exact().resend(Resend::Unconfirmed);
        let mut client = builder.reconnect(reconnect).start().unwrap();
        client.send_all(["poison"]).await.unwrap();
        client.send("b").await.unwrap();
        let server = client.spawn(kill_at_messages(server, 3));
        let mut events = Vec::new();
        while events.len() < 10 {
            events.push(next(&mut client).await);
        }
        let ends = events
            .iter()
            .filter(|line| line.starts_with("disconnected"));
        assert_eq!(ends.count(), 3, "{events:?}");
        assert!(
            events
                .iter()
                .any(|line| line.starts_with("given up [\"poison\"]")),
            "{events:?}"
        );
        let mut server = server.await.unwrap();
        let mut session = server.session().await;
        assert_eq!(received(&mut session, 1).await, ["b"]);
        client.confirm().await.unwrap_err();
        client.send("c").await.unwrap();
        client.confirm().await.unwrap();
        assert!(client.disconnect().await.is_clean());
    });
}

#[test]
fn at_least_once_fails_with_a_server_that_closes_on_pings() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        server.at(Step::Fence, Act::Cut);
        let reconnect = exact().resend(Resend::Unconfirmed);
        let client = builder.reconnect(reconnect).start().unwrap();
        client.send("a").await.unwrap();
        let closed = client.wait().await;
        let Reason::Transport(error) = closed.reason() else {
            panic!("{closed}");
        };
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let open = [closed.unconfirmed(), closed.uncertain(), closed.unsent()].concat();
        assert_eq!(open, ["a".into()]);
    });
}

#[test]
fn a_failing_greeting_does_not_count_against_receipts() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        server.at(Step::Fence, Act::Never);
        let reconnect = exact()
            .resend(Resend::Unconfirmed)
            .hook_timeout(seconds(1))
            .greeting(async |_| std::future::pending().await);
        let mut client = builder.reconnect(reconnect).start().unwrap();
        for number in 1..8 {
            assert_eq!(next(&mut client).await, format!("connected {number}"));
            assert!(next(&mut client).await.contains("the greeting took longer"));
            assert!(next(&mut client).await.starts_with("reconnecting"));
        }
        client.disconnect().await;
    });
}

#[test]
fn a_full_outbox_blocks_the_producer_and_loses_nothing() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let builder = builder.outbox(engineio_client::Capacity::new(10, 1000));
        let client = builder.reconnect(exact()).connect().await.unwrap();
        let first = server.session().await;
        server.at(Step::Handshake, Act::Cut);
        first.cut();
        runtime.sleep(ms(1)).await;
        let handle = client.handle();
        let producer = client.spawn(async move {
            for number in 0..100 {
                handle.send(number.to_string()).await.unwrap();
            }
        });
        runtime.sleep(seconds(20)).await;
        assert_eq!(client.backlog().messages, 10);
        server.at(Step::Handshake, Act::Properly);
        let connected = client.opened().await.unwrap();
        let mut second = session_of(&mut server, &connected).await;
        let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        assert_eq!(received(&mut second, 100).await, expected);
        producer.await.unwrap();
        client.disconnect().await;
    });
}

/// A waker that closes the client as soon as it is called, and so in the middle of the driver's turn.
struct Closing(Handle);

impl ArcWake for Closing {
    fn wake_by_ref(closing: &Arc<Self>) {
        closing.0.close();
    }
}

/// With several threads, a program can see the `Connected` event, send and close while the driver is
/// still in the turn in which it opens the session.
#[test]
fn a_close_in_the_turn_of_opening_still_sends_accepted_messages() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.reconnect(exact()).start().unwrap();
        let handle = client.handle();
        handle.send("a").await.unwrap();
        let waker = waker(Arc::new(Closing(handle.clone())));
        {
            let mut connected = pin!(client.next());
            let first = connected.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(first.is_pending());
        }
        let mut session = server.session().await;
        assert_eq!(received(&mut session, 1).await, ["a"]);
        let closed = handle.wait().await;
        assert!(closed.is_clean(), "{closed:?}");
    });
}

/// Reconnecting with exact delays that resends unconfirmed messages.
fn at_least_once() -> Reconnect {
    exact().resend(Resend::Unconfirmed)
}

/// Rule E58.
#[test]
fn at_least_once_resends_unconfirmed_messages_first_in_the_next_session() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.reconnect(at_least_once()).connect().await.unwrap();
        let mut first = server.session().await;
        client.send("a").await.unwrap();
        client.confirm().await.unwrap();
        server.at(Step::Fence, Act::Never);
        for message in ["b", "c"] {
            client.send(message).await.unwrap();
        }
        client.flush().await.unwrap();
        assert_eq!(received(&mut first, 3).await, ["a", "b", "c"]);
        first.cut();
        next(&mut client).await;
        assert_eq!(
            next(&mut client).await,
            "disconnected 1: the transport failed: the mock server ended the connection, \
             confirmed 1 unconfirmed 2 uncertain 0 unsent 0 lost [] of 0"
        );
        client.send("d").await.unwrap();
        server.at(Step::Fence, Act::Properly);
        let mut second = server.session().await;
        assert_eq!(received(&mut second, 3).await, ["b", "c", "d"]);
        client.confirm().await.unwrap();
        let closed = client.disconnect().await;
        assert!(closed.is_clean());
        assert_eq!((closed.confirmed(), closed.unconfirmed_count()), (4, 0));
    });
}

/// Rule E58.
#[test]
fn at_most_once_reports_unconfirmed_messages_and_does_not_resend_them() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let builder = builder.reconnect(exact()).receipts(Receipts::new());
        let mut client = builder.connect().await.unwrap();
        let mut first = server.session().await;
        server.at(Step::Fence, Act::Never);
        client.send("a").await.unwrap();
        assert_eq!(received(&mut first, 1).await, ["a"]);
        first.cut();
        next(&mut client).await;
        let confirm = client.confirm().await.unwrap_err();
        assert_eq!(confirm.kind(), ErrorKind::Unconfirmed);
        assert!(
            confirm
                .to_string()
                .starts_with("1 message may not have arrived"),
            "{confirm}"
        );
        assert_eq!(
            next(&mut client).await,
            "disconnected 1: the transport failed: the mock server ended the connection, \
             confirmed 0 unconfirmed 1 uncertain 0 unsent 0 lost [\"a\"] of 1"
        );
        server.at(Step::Fence, Act::Properly);
        client.send("b").await.unwrap();
        let mut second = server.session().await;
        assert_eq!(received(&mut second, 1).await, ["b"]);
        client
            .confirm()
            .await
            .expect("the loss was already reported");
        let closed = client.disconnect().await;
        assert_eq!((closed.confirmed(), closed.unconfirmed_count()), (1, 1));
    });
}

/// Starts a client whose first message ends this number of sessions.
async fn poisoned(
    runtime: &MockRuntime,
    sessions: usize,
    first_fence: Act,
) -> (MockClient, MockServer) {
    let (builder, mut server) = server(runtime);
    server.at(Step::Fence, Act::Never);
    server.once(Step::Fence, first_fence.clone());
    let client = builder.reconnect(at_least_once()).start().unwrap();
    client.send("poison").await.unwrap();
    client.send("good").await.unwrap();
    for _ in 0..sessions {
        let mut session = server.session().await;
        assert_eq!(received(&mut session, 1).await, ["poison"]);
        server.once(Step::Fence, first_fence.clone());
        session.cut();
    }
    (client, server)
}

/// Rule E60.
#[test]
fn a_message_that_ends_three_sessions_in_a_row_is_given_up() {
    under_both_orders(async |runtime| {
        let (mut client, mut server) = poisoned(&runtime, 3, Act::Properly).await;
        server.at(Step::Fence, Act::Properly);
        let mut fourth = server.session().await;
        assert_eq!(received(&mut fourth, 1).await, ["good"]);
        let event = loop {
            let event = next(&mut client).await;
            if event.starts_with("given up") {
                break event;
            }
        };
        assert!(
            event.starts_with("given up [\"poison\"]: the message was among the first"),
            "{event}"
        );
        let error = client.confirm().await.unwrap_err();
        assert!(
            error.to_string().starts_with("1 message may not"),
            "{error}"
        );
        client.disconnect().await;
    });
}

#[test]
fn receipts_end_with_a_server_that_closes_on_pings() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        server.at(Step::Fence, Act::Close);
        let builder = builder.receipts(Receipts::new());
        let client = builder.reconnect(exact()).start().unwrap();
        for _ in 0..3 {
            server.session().await;
        }
        let mut fourth = server.session().await;
        client.send("a").await.unwrap();
        assert_eq!(received(&mut fourth, 1).await, ["a"]);
        runtime.sleep(seconds(10)).await;
        assert_eq!(client.sid(), Some(fourth.sid()));
        let error = client.confirm().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        client.disconnect().await;
    });
}

#[test]
fn a_transport_is_told_whether_it_must_confirm_in_each_session() {
    under_both_orders(async |runtime| {
        for resend in [Resend::Unsent, Resend::Unconfirmed] {
            let (transport, mut server) = MockServer::new(runtime.clone());
            let builder = Builder::new("http://chat.test", transport, runtime.clone())
                .receipts(Receipts::new())
                .reconnect(exact().resend(resend));
            let client = builder.connect().await.unwrap();
            for _ in 0..2 {
                let session = server.session().await;
                let is_strict = resend == Resend::Unconfirmed;
                assert_eq!(session.request().must_confirm, is_strict);
                session.cut();
            }
            client.disconnect().await;
        }
    });
}

#[test]
fn a_group_is_resent_as_a_whole_or_not_at_all() {
    under_both_orders(async |runtime| {
        for resend in [Resend::Unsent, Resend::Unconfirmed] {
            let (transport, mut server) = MockServer::new(runtime.clone());
            let builder = Builder::new("http://chat.test", transport, runtime.clone());
            let builder = builder.transports(["polling"]);
            let reconnect = exact().resend(resend);
            let client = builder.reconnect(reconnect).connect().await.unwrap();
            let first = server.session().await;
            // The first POST of the group succeeds, and the second fails.
            server.once(Step::Post, Act::Properly);
            server.at(Step::Post, Act::Cut);
            let group: Vec<String> = (0..20).map(|number| number.to_string()).collect();
            client.send_all(group.clone()).await.unwrap();
            runtime.sleep(ms(500)).await;
            client.send("behind").await.unwrap();
            server.at(Step::Post, Act::Properly);
            drop(first);
            let mut second = server.session().await;
            let expected = match resend {
                Resend::Unconfirmed => [group, vec!["behind".to_owned()]].concat(),
                _ => vec!["behind".to_owned()],
            };
            assert_eq!(received(&mut second, expected.len()).await, expected);
            client.disconnect().await;
        }
    });
}

/// Rule E53.
#[test]
fn polling_to_a_silent_server_confirms_one_window_per_second() {
    under_both_orders(async |runtime| {
        const MESSAGES: usize = 40_000;
        let (transport, mut server) = MockServer::new(runtime.clone());
        let builder = Builder::new("http://chat.test", transport, runtime.clone());
        let builder = builder.transports(["polling"]).receipts(Receipts::new());
        let client = builder.connect().await.unwrap();
        let mut session = server.session().await;
        let handle = client.handle();
        let sender = client.spawn(async move {
            let text = "x".repeat(64);
            for _ in 0..MESSAGES {
                handle.send(text.as_str()).await.unwrap();
            }
            handle.confirm().await.unwrap();
        });
        for _ in 0..MESSAGES {
            session.recv().await.unwrap();
        }
        sender.await.unwrap();
        // The messages fill three windows of 16,384.
        assert_eq!(runtime.now(), seconds(3));
        client.disconnect().await;
    });
}

/// Rule E60.
#[test]
fn one_poison_message_among_many_is_given_up_soon() {
    under_both_orders(async |runtime| {
        for transport in ["websocket", "polling"] {
            let (transports, mut server) = MockServer::new(runtime.clone());
            let builder = Builder::new("http://chat.test", transports, runtime.clone());
            let builder = builder.transports([transport]);
            let mut client = builder.reconnect(at_least_once()).start().unwrap();
            // Fences are answered late, so the server dies before it has confirmed the messages that it
            // has read.
            server.at(Step::Fence, Act::After(ms(100)));
            for number in 0..100 {
                client.send(number.to_string()).await.unwrap();
            }
            let mut sessions = 0;
            let mut arrived = std::collections::BTreeSet::new();
            while arrived.len() < 99 {
                let mut session = server.session().await;
                sessions += 1;
                while let Some(message) = session.recv().await {
                    if message == "50".into() {
                        session.cut();
                        break;
                    }
                    arrived.insert(message.as_text().unwrap().to_owned());
                    if arrived.len() == 99 {
                        break;
                    }
                }
            }
            // Over polling, any of the 16 messages in a POST may be the poison message.
            let most = if transport == "websocket" { 15 } else { 60 };
            assert!(sessions <= most, "{transport}: {sessions} sessions");
            client.confirm().await.unwrap_err();
            client.close();
            let mut given_up = Vec::new();
            while let Some(event) = client.next().await {
                if let Event::GivenUp(lost) = event {
                    given_up.extend(texts(&lost.messages).into_iter().map(str::to_owned));
                }
            }
            if transport == "websocket" {
                assert_eq!(given_up, ["50"]);
            }
            assert!(given_up.contains(&"50".to_owned()), "{given_up:?}");
        }
    });
}
