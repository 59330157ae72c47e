//! The client and its driver over scripted transports (`MockTransport`), in virtual time. Most tests run
//! once for each of many task orders: see `under_all_orders`.

#[path = "client/calls.rs"]
mod calls;
#[path = "support/counting.rs"]
mod counting;
#[path = "client/handlers.rs"]
mod handlers;
#[path = "client/log.rs"]
mod log;
#[path = "client/old_traits.rs"]
mod old_traits;
#[path = "client/outbox.rs"]
mod outbox;
#[path = "client/parity.rs"]
mod parity;
#[path = "client/redirects.rs"]
mod redirects;
#[path = "support/traced.rs"]
mod traced;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engineio_client::runtime::mock::Schedules;
use engineio_client::transports::Transports;
use engineio_client::transports::mock::{Call, MockEnd, MockLink, MockTransport};
use engineio_client::{
    Batch, Builder, Capacity, Client, Error, ErrorKind, Event, Framing, Message, MockRuntime,
    Packet, Reason, Runtime,
};
use futures::future::{Either, join, join3, select};
use futures::{FutureExt as _, SinkExt, StreamExt as _};

type MockClient = Client<Transports, MockRuntime>;

const OPEN: &str = r#"{"sid":"S","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;

/// Runs the test with the task orders first-in-first-out, last-in-first-out and 200 random ones. After
/// the test, tasks have an hour of virtual time to end: a dropped client closes its session in the
/// background.
fn under_all_orders(test: impl AsyncFn(MockRuntime)) {
    Schedules::new()
        .seeds(0..200)
        .grace(Duration::from_secs(3600))
        .run(test);
}

/// The server's ends of the polling and the WebSocket transport.
struct Servers {
    polling: MockEnd,
    websocket: MockEnd,
}

fn setup(runtime: &MockRuntime) -> (Builder<Transports, MockRuntime>, Servers) {
    let (polling, polling_server) = MockTransport::new("polling");
    let (websocket, websocket_server) = MockTransport::new("websocket");
    let transports = Transports::new().with(polling).with(websocket);
    let builder = Builder::new("http://localhost/", transports, runtime.clone());
    (
        builder,
        Servers {
            polling: polling_server,
            websocket: websocket_server,
        },
    )
}

fn spawn<T: Send + 'static>(
    runtime: &MockRuntime,
    task: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let (task, result) = task.remote_handle();
    runtime.spawn(Box::pin(task));
    result
}

/// Whether the future is still pending after all other runnable tasks have run.
async fn is_pending(runtime: &MockRuntime, future: &mut (impl Future + Unpin)) -> bool {
    matches!(
        select(future, runtime.sleep(Duration::ZERO)).await,
        Either::Right(_)
    )
}

async fn settle(runtime: &MockRuntime) {
    runtime.sleep(Duration::from_nanos(1)).await;
}

fn text(text: &str) -> Packet {
    Packet::Message(Message::from(text))
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.as_text().unwrap())
        .collect()
}

fn sent_texts(batch: &Batch) -> Vec<String> {
    let texts = batch.iter().filter_map(|packet| match packet {
        Packet::Message(Message::Text(text)) => Some(text.to_string()),
        _ => None,
    });
    texts.collect()
}

/// An open session that started over WebSocket.
async fn websocket(runtime: &MockRuntime) -> (MockClient, MockLink) {
    websocket_with(runtime, |builder| builder).await
}

async fn websocket_with(
    runtime: &MockRuntime,
    set: impl FnOnce(Builder<Transports, MockRuntime>) -> Builder<Transports, MockRuntime>,
) -> (MockClient, MockLink) {
    let (builder, mut servers) = setup(runtime);
    let client = set(builder.transports(["websocket"])).start().unwrap();
    let link = servers.websocket.opened().await.accept(Framing::Frames);
    link.deliver(vec![Packet::Open(OPEN.into())]);
    client.opened().await.unwrap();
    (client, link)
}

/// An open session over polling with upgrades turned off.
async fn polling(runtime: &MockRuntime) -> (MockClient, MockLink) {
    let (builder, mut servers) = setup(runtime);
    let client = builder.upgrade(false).start().unwrap();
    let link = servers.polling.opened().await.accept(Framing::Payloads);
    link.deliver(vec![Packet::Open(OPEN.into())]);
    client.opened().await.unwrap();
    (client, link)
}

/// Answers every call until the client drops the link. Returns the packets that were sent.
async fn answer_all(mut link: MockLink) -> Vec<Packet> {
    let mut all = Vec::new();
    loop {
        match link.call().await {
            Call::Send(batch, answer) => {
                all.extend(&batch);
                answer.ok();
            }
            Call::Close(answer) => {
                all.push(Packet::Close);
                answer.ok();
            }
            Call::Dropped => return all,
        }
    }
}

/// Rule E40.
#[test]
fn a_session_is_opened_used_and_closed() {
    // Covers test cases of engine.io-client: socket.js:124, connection.js:20; of python-engineio:
    // test_send, test_current_transport.
    under_all_orders(async |runtime| {
        let (mut client, mut link) = websocket(&runtime).await;
        assert_eq!(client.sid().as_deref(), Some("S"));
        assert_eq!(client.transport(), Some("websocket"));
        client.send("a").await.unwrap();
        client.send(vec![1, 2]).await.unwrap();
        assert_eq!(
            link.sent().await,
            [text("a"), Packet::Message(Message::from(vec![1, 2]))]
        );
        link.deliver(vec![text("x"), text("")]);
        assert_eq!(client.recv().await, Some(Message::from("x")));
        assert_eq!(client.recv().await, Some(Message::from("")));
        let (closed, all) = join(client.disconnect(), answer_all(link)).await;
        assert!(closed.is_clean());
        assert_eq!(all, [Packet::Close]);
        assert_eq!(client.recv().await, None);
        assert!(matches!(client.wait().await.reason(), Reason::Client));
        assert_eq!(
            client.sid().as_deref(),
            Some("S"),
            "the sid is kept after the end of the session"
        );
    });
}

/// Rule E44.
#[test]
fn events_arrive_in_order_and_closed_is_the_last() {
    // Covers test cases of engine.io: server.js:1728; of python-engineio: test_receive_close_packet.
    under_all_orders(async |runtime| {
        let (client, link) = websocket(&runtime).await;
        link.deliver(vec![text("a"), text("b"), Packet::Close, text("late")]);
        let events: Vec<Event> = client.collect().await;
        assert!(
            matches!(
                &events[..],
                [Event::Connected(_), Event::Message(a), Event::Message(b), Event::Closed(closed)]
                    if a.as_text() == Some("a") && b.as_text() == Some("b") && matches!(closed.reason(), Reason::Server { .. })
            ),
            "{events:?}"
        );
    });
}

#[test]
fn a_session_that_cannot_be_opened_reports_why() {
    // Covers test cases of engine.io: server.js:1489, :1506; of python-engineio:
    // test_send_packet_disconnected.
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let client = builder.transports(["websocket"]).start().unwrap();
        let handle = client.handle();
        let waiting = spawn(&runtime, async move { handle.send("early").await });
        assert_eq!(
            client.try_send("too early").unwrap_err().kind(),
            ErrorKind::NotOpen
        );
        settle(&runtime).await;
        servers
            .websocket
            .opened()
            .await
            .refuse(Error::new(ErrorKind::Connect, "no way"));
        let error = client.opened().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::Connect, "no way".into())
        );
        let refused = waiting.await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Closed);
        assert_eq!(
            refused.message,
            Message::from("early"),
            "the message is returned"
        );
        assert_eq!(client.sid(), None);
        assert_eq!(
            client.try_send("too late").unwrap_err().kind(),
            ErrorKind::Closed
        );
    });
}

#[test]
fn a_client_that_is_not_open_has_no_sid_and_no_transport_and_can_be_closed() {
    // Covers test cases of engine.io: server.js:1522; of python-engineio: test_create,
    // test_disconnect_not_connected.
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let client = builder.start().unwrap();
        assert_eq!((client.sid(), client.transport()), (None, None));
        let open = servers.polling.opened().await;
        assert!(client.opened().now_or_never().is_none());
        let (closed, ()) = join(client.disconnect(), open.dropped()).await;
        assert!(closed.is_clean(), "{closed:?}");
        assert_eq!((client.sid(), client.transport()), (None, None));
        let error = client.opened().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    });
}

/// Rule E18.
#[test]
fn the_first_transport_of_the_list_opens_the_session() {
    // Covers test cases of engine.io: server.js:556, :566; of python-engineio: test_connect_polling,
    // test_connect_websocket, test_connect_custom_headers.
    under_all_orders(async |runtime| {
        for (names, first) in [
            (None, "polling"),
            (Some(&["polling"][..]), "polling"),
            (Some(&["polling", "websocket"]), "polling"),
            (Some(&["websocket"]), "websocket"),
            (Some(&["websocket", "polling"]), "websocket"),
        ] {
            let (mut builder, mut servers) = setup(&runtime);
            if let Some(names) = names {
                builder = builder.transports(names.iter().copied());
            }
            let start = runtime.now();
            let client = builder.header("X-Custom", "123").start().unwrap();
            let (open, framing) = if first == "polling" {
                (servers.polling.opened().await, Framing::Payloads)
            } else {
                (servers.websocket.opened().await, Framing::Frames)
            };
            assert_eq!(open.request.transport, first);
            assert_eq!(open.request.url.as_str(), "http://localhost/engine.io/");
            assert_eq!(open.request.headers["x-custom"], "123");
            let link = open.accept(framing);
            link.deliver(vec![Packet::Open(OPEN.into())]);
            client.opened().await.unwrap();
            assert_eq!(client.transport(), Some(first));
            assert_eq!(runtime.now(), start, "another transport was tried first");
            drop((client, link));
        }
    });
}

/// Rule E18.
#[test]
fn opening_times_out_after_ten_seconds_or_the_configured_time() {
    // Covers a test case of python-engineio: test_custom_timeout.
    under_all_orders(async |runtime| {
        for set in [None, Some(Duration::from_secs(27))] {
            let (mut builder, mut servers) = setup(&runtime);
            if let Some(timeout) = set {
                builder = builder.open_timeout(timeout);
            }
            let client = builder.transports(["websocket"]).start().unwrap();
            let start = runtime.now();
            let open = servers.websocket.opened().await;
            let error = client.opened().await.unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            let expected = set.unwrap_or(Duration::from_secs(10));
            assert_eq!(runtime.now() - start, expected);
            open.dropped().await;
        }
    });
}

/// Rule E18.
#[test]
fn the_next_transport_is_tried_and_the_error_names_all_that_failed() {
    // Covers test cases of engine.io: server.js:1489, :1506.
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let client = builder.start().unwrap();
        servers
            .polling
            .opened()
            .await
            .refuse(Error::new(ErrorKind::Connect, "refused"));
        let open = servers.websocket.opened().await;
        assert_eq!(open.request.transport, "websocket");
        assert_eq!(open.request.sid, None);
        open.refuse(Error::new(ErrorKind::Status, "the server answered 500").with_status(500));
        let error = client.opened().await.unwrap_err();
        assert_eq!(error.status(), Some(500));
        let report = error.report();
        assert!(
            report.contains("polling: refused")
                && report.contains("websocket: the server answered 500"),
            "{report}"
        );
    });
}

#[test]
fn a_send_waits_until_the_session_is_open() {
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let client = builder.transports(["websocket"]).start().unwrap();
        let mut send = Box::pin(client.send("a"));
        assert!(is_pending(&runtime, &mut send).await);
        let mut link = servers.websocket.opened().await.accept(Framing::Frames);
        link.deliver(vec![Packet::Open(OPEN.into())]);
        send.await.unwrap();
        assert_eq!(link.sent().await, [text("a")]);
    });
}

#[test]
fn the_outbox_is_bounded_in_messages_and_send_waits_for_room() {
    // Covers test cases of engine.io: server.js:2586, :2605; of python-engineio: test_send_packet.
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 3,
                bytes: 1000,
            })
        })
        .await;
        for message in ["a", "b", "c"] {
            client.try_send(message).unwrap();
        }
        let refused = client.try_send("d").unwrap_err();
        assert_eq!(
            (refused.kind(), refused.message),
            (ErrorKind::Full, Message::from("d"))
        );
        let mut send = Box::pin(client.send("d"));
        assert!(
            is_pending(&runtime, &mut send).await,
            "the batch that is being sent still occupies the outbox"
        );
        assert_eq!(link.sent().await.len(), 3);
        send.await.unwrap();
        assert_eq!(link.sent().await, [text("d")]);
    });
}

#[test]
fn waiting_senders_are_woken_when_a_thirtieth_of_the_outbox_is_free() {
    under_all_orders(async |runtime| {
        for (most, leave_before) in [(3, 0), (64, 1)] {
            let (builder, mut servers) = setup(&runtime);
            let builder = builder.upgrade(false).packets_per_post(1);
            let client = builder
                .outbox(Capacity {
                    messages: most,
                    bytes: 1_000_000,
                })
                .start()
                .unwrap();
            let mut link = servers.polling.opened().await.accept(Framing::Payloads);
            link.deliver(vec![Packet::Open(OPEN.into())]);
            client.opened().await.unwrap();
            for _ in 0..most {
                client.try_send("x").unwrap();
            }
            let mut send = Box::pin(client.send("y"));
            assert!(is_pending(&runtime, &mut send).await);
            for _ in 0..leave_before {
                link.sent().await;
                assert!(is_pending(&runtime, &mut send).await);
            }
            link.sent().await;
            send.await.unwrap();
        }
    });
}

#[test]
fn the_outbox_is_bounded_in_bytes_and_admits_a_larger_message_alone() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 100,
                bytes: 10,
            })
        })
        .await;
        client.try_send("x".repeat(50)).unwrap();
        assert_eq!(client.try_send("y").unwrap_err().kind(), ErrorKind::Full);
        link.sent().await;
        settle(&runtime).await;
        client.try_send("12345").unwrap();
        client.try_send("67890").unwrap();
        assert_eq!(client.try_send("1").unwrap_err().kind(), ErrorKind::Full);
    });
}

#[test]
fn a_send_dropped_while_it_waits_sends_nothing() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 1,
                bytes: 1000,
            })
        })
        .await;
        client.try_send("a").unwrap();
        let mut send = Box::pin(client.send("never"));
        assert!(is_pending(&runtime, &mut send).await);
        drop(send);
        assert_eq!(link.sent().await, [text("a")]);
        settle(&runtime).await;
        client.send("b").await.unwrap();
        assert_eq!(link.sent().await, [text("b")]);
    });
}

#[test]
fn waiting_senders_are_admitted_in_order_and_small_messages_do_not_overtake_a_large_one() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 100,
                bytes: 100,
            })
        })
        .await;
        client.try_send("x".repeat(60)).unwrap();
        let mut large = Box::pin(client.send("y".repeat(80)));
        assert!(is_pending(&runtime, &mut large).await);
        let mut small = Box::pin(client.send("small"));
        assert!(
            is_pending(&runtime, &mut small).await,
            "the small message overtook the large one"
        );
        assert_eq!(client.try_send("s").unwrap_err().kind(), ErrorKind::Full);
        let mut given_up = Box::pin(client.send("given up"));
        assert!(is_pending(&runtime, &mut given_up).await);
        drop(given_up);
        link.sent().await;
        let (large, small) = join(large, small).await;
        assert!(large.is_ok() && small.is_ok());
        let mut sent = link.sent().await.to_vec();
        if sent.len() < 2 {
            sent.extend(link.sent().await.to_vec());
        }
        assert_eq!(sent, [text(&"y".repeat(80)), text("small")]);
        client.try_send("after").unwrap();
    });
}

#[test]
fn a_dropped_flush_of_the_sink_does_not_count_for_the_next_flush() {
    under_all_orders(async |runtime| {
        let (mut client, mut link) = polling(&runtime).await;
        client.feed(Message::from("a")).await.unwrap();
        assert!(is_pending(&runtime, &mut SinkExt::flush(&mut client)).await);
        client.feed(Message::from("b")).await.unwrap();
        assert_eq!(link.sent().await, [text("a")]);
        settle(&runtime).await;
        assert!(
            is_pending(&runtime, &mut SinkExt::flush(&mut client)).await,
            "b has not been sent"
        );
        assert_eq!(link.sent().await, [text("b")]);
        SinkExt::flush(&mut client).await.unwrap();
    });
}

#[test]
fn everything_that_had_arrived_is_delivered_when_a_send_fails_in_the_same_turn() {
    under_all_orders(async |runtime| {
        let (client, mut link) = websocket(&runtime).await;
        client.send("a").await.unwrap();
        let Call::Send(_, answer) = link.call().await else {
            panic!("a batch was due")
        };
        // The driver sees all of this in one turn: the failure, three batches and a close.
        link.deliver(vec![text("1")]);
        link.deliver(vec![text("2"), text("3")]);
        link.deliver(vec![text("4"), Packet::Close]);
        answer.fail(Error::new(ErrorKind::Ended, "gone"));
        let closed = client.wait().await;
        assert!(
            matches!(closed.reason(), Reason::Server { .. }),
            "{closed:?}"
        );
        let events: Vec<Event> = client.collect().await;
        let messages = events.iter().filter_map(|event| match event {
            Event::Message(message) => message.as_text(),
            _ => None,
        });
        assert_eq!(messages.collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    });
}

#[test]
fn a_full_inbox_stops_receiving_and_reading_resumes_it() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket_with(&runtime, |builder| {
            builder.inbox(Capacity {
                messages: 4,
                bytes: 1000,
            })
        })
        .await;
        for _ in 0..10 {
            link.deliver(vec![text("a"), text("b")]);
        }
        settle(&runtime).await;
        // The link has delivered the open packet and two batches of two messages, so the inbox is full.
        assert_eq!(link.recv_calls(), 3);
        client.recv().await.unwrap();
        settle(&runtime).await;
        assert_eq!(link.recv_calls(), 4, "room for one batch");
        for _ in 1..20 {
            client.recv().await.unwrap();
        }
        assert!(client.recv().now_or_never().is_none());
    });
}

#[test]
fn the_inbox_is_bounded_in_bytes_and_may_be_exceeded_by_one_batch() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket_with(&runtime, |builder| {
            builder.inbox(Capacity {
                messages: 1000,
                bytes: 10,
            })
        })
        .await;
        for _ in 0..3 {
            link.deliver(vec![text(&"x".repeat(50))]);
        }
        settle(&runtime).await;
        assert_eq!(link.recv_calls(), 2);
        client.recv().await.unwrap();
        settle(&runtime).await;
        assert_eq!(link.recv_calls(), 3);
    });
}

#[test]
fn discarded_messages_do_not_fill_the_inbox() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket_with(&runtime, |builder| {
            builder.inbox(Capacity {
                messages: 2,
                bytes: 1000,
            })
        })
        .await;
        for _ in 0..3 {
            link.deliver(vec![text("a"), text("b")]);
        }
        settle(&runtime).await;
        assert_eq!(link.recv_calls(), 2, "the inbox is full");
        client.discard_messages();
        settle(&runtime).await;
        assert_eq!(link.recv_calls(), 5);
        for _ in 0..10 {
            link.deliver(vec![text("c"), text("d")]);
        }
        settle(&runtime).await;
        assert_eq!(link.recv_calls(), 15);
        link.deliver(vec![Packet::Close]);
        assert!(matches!(client.next().await, Some(Event::Connected(_))));
        assert!(
            matches!(client.next().await, Some(Event::Closed(_))),
            "only messages are discarded"
        );
    });
}

#[test]
fn discarding_drops_the_rest_of_a_batch_that_was_partly_read() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket_with(&runtime, |builder| {
            builder.inbox(Capacity {
                messages: 3,
                bytes: 1000,
            })
        })
        .await;
        link.deliver(vec![text("a"), text("b"), text("c")]);
        assert_eq!(client.recv().await, Some(Message::from("a")));
        client.discard_messages();
        link.deliver(vec![text("d"), Packet::Close]);
        assert_eq!(client.recv().await, None);
    });
}

/// Rule E28.
#[test]
fn pings_are_answered_while_the_program_does_not_read() {
    // Covers a test case of engine.io-protocol: test-suite.js:452.
    under_all_orders(async |runtime| {
        let (client, link) = websocket_with(&runtime, |builder| {
            builder.inbox(Capacity {
                messages: 100,
                bytes: 10_000,
            })
        })
        .await;
        let server = {
            let clock = runtime.clone();
            spawn(&runtime, async move {
                let mut link = link;
                for round in 0..50 {
                    clock.sleep(Duration::from_secs(25)).await;
                    link.deliver(vec![
                        text("news"),
                        Packet::Ping(format!("{round}").as_str().into()),
                    ]);
                    assert_eq!(
                        link.sent().await,
                        [Packet::Pong(format!("{round}").as_str().into())]
                    );
                }
                link
            })
        };
        let link = server.await;
        assert!(runtime.now() >= Duration::from_secs(50 * 25));
        let (closed, _) = join(client.disconnect(), answer_all(link)).await;
        assert!(closed.is_clean());
    });
}

/// Rule E28.
#[test]
fn a_session_survives_an_hour_of_heartbeats() {
    // Covers a test case of engine.io-protocol: test-suite.js:412.
    under_all_orders(async |runtime| {
        let (client, mut link) = polling(&runtime).await;
        for _ in 0..144 {
            runtime.sleep(Duration::from_secs(25)).await;
            link.deliver(vec![Packet::Ping("".into())]);
            assert_eq!(link.sent().await, [Packet::Pong("".into())]);
        }
        join(client.disconnect(), answer_all(link)).await;
    });
}

/// Rule E30.
#[test]
fn a_silent_server_ends_the_session_exactly_after_interval_and_timeout() {
    // Covers test cases of engine.io: server.js:932, :1573.
    under_all_orders(async |runtime| {
        let (client, link) = websocket(&runtime).await;
        let opened = runtime.now();
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::PingTimeout));
        assert_eq!(runtime.now() - opened, Duration::from_secs(45));
        assert!(link.is_dropped());
    });
}

/// Rule E31.
#[test]
fn a_full_inbox_suspends_the_heartbeat_deadline() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket_with(&runtime, |builder| {
            builder.inbox(Capacity {
                messages: 1,
                bytes: 1000,
            })
        })
        .await;
        link.deliver(vec![text("a")]);
        runtime.sleep(Duration::from_secs(1000)).await;
        assert_eq!(client.recv().await, Some(Message::from("a")));
        let read = runtime.now();
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::PingTimeout));
        assert_eq!(runtime.now() - read, Duration::from_secs(45));
    });
}

/// Rule E30.
#[test]
fn bytes_of_an_unfinished_message_postpone_the_heartbeat_deadline() {
    under_all_orders(async |runtime| {
        let (client, link) = websocket(&runtime).await;
        for _ in 0..10 {
            runtime.sleep(Duration::from_secs(30)).await;
            link.request().activity.mark();
        }
        let last = runtime.now();
        client.wait().await;
        assert_eq!(runtime.now() - last, Duration::from_secs(45));
    });
}

#[test]
fn a_flush_waits_only_for_messages_accepted_before_it() {
    // Covers test cases of engine.io: server.js:2626-2749.
    under_all_orders(async |runtime| {
        let (client, mut link) = polling(&runtime).await;
        client.flush().await.unwrap();
        client.send("a").await.unwrap();
        let mut flush = Box::pin(client.flush());
        assert!(is_pending(&runtime, &mut flush).await);
        client.send("b").await.unwrap();
        assert_eq!(link.sent().await, [text("a")]);
        flush.await.unwrap();
        let mut flush = Box::pin(client.flush());
        assert!(is_pending(&runtime, &mut flush).await);
        link.fail_recv(Error::new(ErrorKind::Ended, "gone"));
        assert_eq!(flush.await.unwrap_err().kind(), ErrorKind::Closed);
    });
}

/// Rule E45.
#[test]
fn messages_that_did_not_leave_are_handed_back_in_order() {
    // Covers test cases of engine.io: server.js:877, :2586.
    under_all_orders(async |runtime| {
        let (client, mut link) = polling(&runtime).await;
        client.send("left").await.unwrap();
        link.sent().await;
        for number in 0..20 {
            client.send(format!("{number}")).await.unwrap();
        }
        let Call::Send(_, answer) = link.call().await else {
            panic!("a batch was due")
        };
        link.deliver(vec![text("arrived")]);
        answer.fail(Error::new(ErrorKind::Ended, "gone"));
        let closed = client.wait().await;
        assert!(
            matches!(closed.reason(), Reason::Transport(error) if error.kind() == ErrorKind::Ended)
        );
        let mut all = texts(closed.uncertain());
        assert!(!all.is_empty() && all.len() <= 16);
        all.extend(texts(closed.unsent()));
        assert_eq!(
            all,
            (0..20).map(|number| number.to_string()).collect::<Vec<_>>()
        );
        let messages: Vec<Event> = client.collect().await;
        assert!(messages.iter().any(
            |event| matches!(event, Event::Message(message) if message.as_text() == Some("arrived"))
        ));
    });
}

/// Rule E40.
#[test]
fn a_close_flushes_accepted_messages_and_refuses_new_ones() {
    // Covers test cases of engine.io-client: connection.js:63; of python-engineio:
    // test_send_packet_disconnected.
    under_all_orders(async |runtime| {
        let (client, mut link) = polling(&runtime).await;
        for message in ["a", "b", "c"] {
            client.send(message).await.unwrap();
        }
        let handle = client.handle();
        let mut disconnect = Box::pin(handle.disconnect());
        assert!(is_pending(&runtime, &mut disconnect).await);
        let refused = client.send("late").await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.message),
            (ErrorKind::Closed, Message::from("late"))
        );
        let mut sent = sent_texts(&link.sent().await);
        let close = loop {
            match link.call().await {
                Call::Send(batch, answer) => {
                    sent.extend(sent_texts(&batch));
                    answer.ok();
                }
                Call::Close(answer) => break answer,
                Call::Dropped => panic!("the link was dropped without a close"),
            }
        };
        assert_eq!(sent, ["a", "b", "c"]);
        assert!(
            is_pending(&runtime, &mut disconnect).await,
            "the server has not answered the close yet"
        );
        close.ok();
        assert!(disconnect.await.is_clean());
        assert!(link.is_dropped());
    });
}

/// Rule E40.
#[test]
fn a_close_that_nobody_awaits_still_flushes_and_closes_the_session() {
    // Covers test cases of python-engineio: test_disconnect_polling_abort,
    // test_disconnect_websocket_abort.
    under_all_orders(async |runtime| {
        for over_polling in [true, false] {
            let (client, link) = if over_polling {
                polling(&runtime).await
            } else {
                websocket(&runtime).await
            };
            client.try_send("a").unwrap();
            client.close();
            assert_eq!(client.try_send("b").unwrap_err().kind(), ErrorKind::Closed);
            assert!(client.wait().now_or_never().is_none());
            assert_eq!(answer_all(link).await, [text("a"), Packet::Close]);
            assert!(client.wait().await.is_clean());
        }
    });
}

#[test]
fn messages_received_during_a_close_are_delivered_without_gaps_while_the_inbox_has_room() {
    under_all_orders(async |runtime| {
        let (mut client, mut link) = websocket_with(&runtime, |builder| {
            builder.inbox(Capacity {
                messages: 2,
                bytes: 1000,
            })
        })
        .await;
        client.send("a").await.unwrap();
        let Call::Send(_, answer) = link.call().await else {
            panic!("a batch was due")
        };
        let handle = client.handle();
        let mut disconnect = Box::pin(handle.disconnect());
        assert!(is_pending(&runtime, &mut disconnect).await);
        for number in 0..4 {
            link.deliver(vec![text(&number.to_string())]);
            settle(&runtime).await;
        }
        // The inbox has room again, but messages 2 and 3 were dropped. Later messages must be dropped
        // too.
        assert_eq!(client.recv().await, Some(Message::from("0")));
        assert_eq!(client.recv().await, Some(Message::from("1")));
        link.deliver(vec![text("late")]);
        settle(&runtime).await;
        answer.ok();
        join(disconnect, answer_all(link)).await;
        assert_eq!(client.recv().await, None);
    });
}

#[test]
fn every_waiter_is_notified_of_the_end() {
    // Covers test cases of python-engineio: test_wait, test_disconnect_not_connected.
    under_all_orders(async |runtime| {
        let (client, link) = polling(&runtime).await;
        let (a, b) = (client.handle(), client.handle());
        let (first, second, all) = join3(a.disconnect(), b.disconnect(), answer_all(link)).await;
        assert!(first.is_clean() && second.is_clean());
        assert_eq!(all, [Packet::Close], "the session is closed once");
        assert!(client.wait().await.is_clean());
        assert!(client.disconnect().await.is_clean(), "a second disconnect");
    });
}

/// Rule E40.
#[test]
fn a_dropped_client_still_sends_accepted_messages_and_closes_the_session() {
    under_all_orders(async |runtime| {
        let (client, link) = websocket(&runtime).await;
        let handle = client.handle();
        client.send("last words").await.unwrap();
        drop(client);
        assert_eq!(
            handle.send("too late").await.unwrap_err().kind(),
            ErrorKind::Closed
        );
        assert_eq!(answer_all(link).await, [text("last words"), Packet::Close]);
        assert!(handle.wait().await.is_clean());
    });
}

/// Rule E41.
#[test]
fn a_dropped_client_ends_in_time_although_the_server_does_not_answer() {
    under_all_orders(async |runtime| {
        let (client, link) = websocket(&runtime).await;
        let handle = client.handle();
        client.send("never").await.unwrap();
        drop(client);
        let start = runtime.now();
        let closed = handle.wait().await;
        assert_eq!(runtime.now() - start, Duration::from_secs(5));
        assert_eq!(texts(closed.uncertain()), ["never"]);
        assert!(!closed.is_clean());
        drop(link);
    });
}

/// Rule E42.
#[test]
fn a_dropped_connect_leaves_no_session_behind() {
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let mut connect = Box::pin(builder.connect());
        assert!(is_pending(&runtime, &mut connect).await);
        drop(connect);
        let open = servers.polling.opened().await;
        open.dropped().await;

        // Once the first poll is running, the client waits for the session id and closes the session.
        let (builder, mut servers) = setup(&runtime);
        let mut connect = Box::pin(builder.connect());
        assert!(is_pending(&runtime, &mut connect).await);
        let mut link = servers.polling.opened().await.accept(Framing::Payloads);
        link.receiving().await;
        drop(connect);
        settle(&runtime).await;
        assert!(!link.is_dropped());
        link.deliver(vec![Packet::Open(OPEN.into())]);
        assert_eq!(answer_all(link).await, [Packet::Close]);
    });
}

#[test]
fn waiters_are_notified_when_the_runtime_drops_the_driver() {
    under_all_orders(async |runtime| {
        let (client, mut link) = polling(&runtime).await;
        client.send("a").await.unwrap();
        let Call::Send(..) = link.call().await else {
            panic!("a batch was due")
        };
        client.send("b").await.unwrap();
        let mut wait = Box::pin(client.wait());
        assert!(is_pending(&runtime, &mut wait).await);
        runtime.abort_tasks();
        let closed = wait.await;
        assert!(matches!(closed.reason(), Reason::Aborted));
        assert_eq!(
            (texts(closed.uncertain()), texts(closed.unsent())),
            (vec!["a"], vec!["b"])
        );
        assert_eq!(
            client.send("c").await.unwrap_err().kind(),
            ErrorKind::Closed
        );
    });
}

/// Rules E6, E34, E35, E36.
#[test]
fn an_upgrade_from_polling_to_websocket_loses_nothing() {
    // Covers test cases of engine.io-protocol: test-suite.js:336; of python-engineio:
    // test_current_transport, test_polling_connection_upgraded.
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let mut client = builder.start().unwrap();
        let mut polling = servers.polling.opened().await.accept(Framing::Payloads);
        polling.deliver(vec![Packet::Open(OPEN.into())]);
        client.opened().await.unwrap();
        assert_eq!(client.transport(), Some("polling"));
        let open = servers.websocket.opened().await;
        assert_eq!(open.request.sid.as_deref(), Some("S"));
        let mut websocket = open.accept(Framing::Frames);
        assert_eq!(websocket.sent().await, [Packet::Ping("probe".into())]);

        // Both links are busy when the pong comes.
        client.send("over polling").await.unwrap();
        let Call::Send(batch, post) = polling.call().await else {
            panic!("a batch was due")
        };
        assert_eq!(batch, [text("over polling")]);
        websocket.deliver(vec![Packet::Pong("probe".into())]);
        settle(&runtime).await;
        client.send("over websocket").await.unwrap();
        assert_eq!(
            client.send("a\x1eb").await.unwrap_err().kind(),
            ErrorKind::NeedsFrames
        );
        polling.deliver(vec![text("late answer")]);
        settle(&runtime).await;
        assert_eq!(polling.recv_calls(), 2, "a poll was started after the pong");
        assert!(!polling.is_dropped());
        post.ok();
        assert_eq!(websocket.sent().await, [Packet::Upgrade]);
        assert_eq!(websocket.sent().await, [text("over websocket")]);
        assert!(
            polling.is_dropped(),
            "closing the polling link would end the session"
        );
        assert_eq!(client.transport(), Some("websocket"));
        client.send("a\x1eb").await.unwrap();
        assert_eq!(websocket.sent().await, [text("a\x1eb")]);
        websocket.deliver(vec![text("on websocket")]);

        let mut seen = Vec::new();
        while seen.len() < 4 {
            seen.push(match client.next().await.unwrap() {
                Event::Connected(_) => "connected".to_owned(),
                Event::Message(message) => message.as_text().unwrap().to_owned(),
                Event::Upgraded { transport, .. } => format!("upgraded to {transport}"),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(
            seen,
            [
                "connected",
                "late answer",
                "upgraded to websocket",
                "on websocket"
            ]
        );
        join(client.disconnect(), answer_all(websocket)).await;
    });
}

/// Rule E38.
#[test]
fn polling_resumes_when_the_probe_fails_after_its_pong() {
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let mut client = builder.start().unwrap();
        let mut polling = servers.polling.opened().await.accept(Framing::Payloads);
        polling.deliver(vec![Packet::Open(OPEN.into())]);
        let mut websocket = servers.websocket.opened().await.accept(Framing::Frames);
        websocket.sent().await;
        websocket.deliver(vec![Packet::Pong("probe".into())]);
        settle(&runtime).await;
        client.send("waits").await.unwrap();
        settle(&runtime).await;
        websocket.fail_recv(Error::new(ErrorKind::Ended, "gone"));
        assert_eq!(polling.sent().await, [text("waits")]);
        polling.deliver(vec![text("x")]);
        assert!(matches!(client.next().await, Some(Event::Connected(_))));
        assert!(matches!(
            client.next().await,
            Some(Event::UpgradeFailed {
                transport: "websocket",
                ..
            })
        ));
        assert!(matches!(client.next().await, Some(Event::Message(_))));
        assert_eq!(client.transport(), Some("polling"));
        assert!(websocket.is_dropped());
        join(client.disconnect(), answer_all(polling)).await;
    });
}

/// Rule E43.
#[test]
fn a_close_at_any_step_of_an_upgrade_is_clean() {
    // Covers test cases of engine.io-client: connection.js:142; of engine.io: server.js:1131.
    // The user closes the session before the probe is open (0), before the pong (1), after the pong (2),
    // or after the pong with another message queued (3).
    for step in 0..4 {
        under_all_orders(async |runtime| {
            let (builder, mut servers) = setup(&runtime);
            let client = builder.start().unwrap();
            let polling = servers.polling.opened().await.accept(Framing::Payloads);
            polling.deliver(vec![Packet::Open(OPEN.into())]);
            client.opened().await.unwrap();
            let open = servers.websocket.opened().await;
            client.send("a").await.unwrap();
            let handle = client.handle();
            let polling = spawn(&runtime, answer_all(polling));
            let (closed, polling, websocket) = if step == 0 {
                let (closed, all) = join(handle.disconnect(), polling).await;
                open.dropped().await;
                (closed, all, Vec::new())
            } else {
                let mut websocket = open.accept(Framing::Frames);
                websocket.sent().await;
                if step > 1 {
                    websocket.deliver(vec![Packet::Pong("probe".into())]);
                    settle(&runtime).await;
                }
                if step < 3 {
                    let (closed, all, probe) =
                        join3(handle.disconnect(), polling, answer_all(websocket)).await;
                    (closed, all, probe)
                } else {
                    client.send("b").await.unwrap();
                    (
                        handle.disconnect().await,
                        polling.await,
                        answer_all(websocket).await,
                    )
                }
            };
            assert!(closed.is_clean(), "step {step}: {closed:?}");
            assert_eq!(polling.last(), Some(&Packet::Close), "step {step}");
            assert!(
                websocket.is_empty(),
                "step {step}: the probe was closed, which ends the session"
            );
            assert!(polling.contains(&text("a")));
        });
    }
}

/// Rule E43.
#[test]
fn a_close_between_the_pong_and_the_upgrade_flushes_accepted_messages_and_refuses_new_ones() {
    // Covers test cases of engine.io-client: connection.js:142, :160, :179, :197.
    under_all_orders(async |runtime| {
        // The test runs once with a probe that fails during the close, and once with a probe that does
        // not.
        for dies in [false, true] {
            let (builder, mut servers) = setup(&runtime);
            let client = builder.start().unwrap();
            let polling = servers.polling.opened().await.accept(Framing::Payloads);
            polling.deliver(vec![Packet::Open(OPEN.into())]);
            client.opened().await.unwrap();
            let mut websocket = servers.websocket.opened().await.accept(Framing::Frames);
            websocket.sent().await;
            websocket.deliver(vec![Packet::Pong("probe".into())]);
            settle(&runtime).await;
            // Nothing can leave while the poll is still running.
            for message in ["a", "b", "c"] {
                client.send(message).await.unwrap();
            }
            let handle = client.handle();
            let mut disconnect = Box::pin(handle.disconnect());
            assert!(is_pending(&runtime, &mut disconnect).await);
            let refused = client.send("late").await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Closed);
            if dies {
                websocket.fail_recv(Error::new(ErrorKind::Ended, "gone"));
            }
            let (closed, sent) = join(disconnect, answer_all(polling)).await;
            assert!(closed.is_clean(), "{closed:?}");
            assert_eq!(sent, [text("a"), text("b"), text("c"), Packet::Close]);
            assert!(answer_all(websocket).await.is_empty());
        }
    });
}

#[test]
fn a_client_is_a_stream_and_a_sink() {
    under_all_orders(async |runtime| {
        let (mut client, link) = websocket_with(&runtime, |builder| {
            builder.outbox(Capacity {
                messages: 2,
                bytes: 100,
            })
        })
        .await;
        let server = spawn(&runtime, answer_all(link));
        for number in 0..10 {
            client
                .feed(Message::from(format!("{number}")))
                .await
                .unwrap();
        }
        SinkExt::flush(&mut client).await.unwrap();
        let mut handle = client.handle();
        SinkExt::send(&mut handle, Message::from("by the handle"))
            .await
            .unwrap();
        SinkExt::close(&mut client).await.unwrap();
        let mut expected: Vec<Packet> = (0..10).map(|number| text(&number.to_string())).collect();
        expected.extend([text("by the handle"), Packet::Close]);
        assert_eq!(server.await, expected);
        assert!(
            SinkExt::send(&mut handle, Message::from("late"))
                .await
                .is_err()
        );
    });
}

/// Rules E6, E24.
#[test]
fn a_message_that_polling_cannot_carry_is_handed_back_and_the_session_goes_on() {
    // Covers test cases of engine.io-client: socket.js:187, connection.js:100.
    under_all_orders(async |runtime| {
        let (client, mut link) = polling(&runtime).await;
        let large = "x".repeat(1000);
        let refused = client.send(large.as_str()).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.message),
            (ErrorKind::TooLarge, Message::from(large))
        );
        let refused = client.try_send("a\x1eb").unwrap_err();
        assert_eq!(
            (refused.kind(), refused.message),
            (ErrorKind::NeedsFrames, Message::from("a\x1eb"))
        );
        client.send("x".repeat(999)).await.unwrap();
        assert_eq!(link.sent().await.len(), 1);
    });
}

#[test]
fn a_successful_upgrade_is_remembered_if_the_builder_says_so() {
    // Covers test cases of engine.io-client: transport.js:10, :33.
    under_all_orders(async |runtime| {
        static RUN: AtomicUsize = AtomicUsize::new(0);
        let url = format!(
            "http://remember-{}.test",
            RUN.fetch_add(1, Ordering::Relaxed)
        );
        let connect = |remember: bool| {
            let (polling, polling_server) = MockTransport::new("polling");
            let (websocket, websocket_server) = MockTransport::new("websocket");
            let transports = Transports::new().with(polling).with(websocket);
            let client = Builder::new(&url, transports, runtime.clone())
                .remember_upgrade(remember)
                .start()
                .unwrap();
            (client, polling_server, websocket_server)
        };
        // The first session upgrades.
        let (client, mut polling_server, mut websocket_server) = connect(true);
        let polling = polling_server.opened().await.accept(Framing::Payloads);
        polling.deliver(vec![Packet::Open(OPEN.into())]);
        let mut websocket = websocket_server.opened().await.accept(Framing::Frames);
        websocket.sent().await;
        websocket.deliver(vec![Packet::Pong("probe".into())]);
        polling.deliver(vec![Packet::Noop]);
        websocket.sent().await;
        settle(&runtime).await;
        assert_eq!(client.transport(), Some("websocket"));
        join(client.disconnect(), answer_all(websocket)).await;

        // The second session starts with WebSocket and falls back to polling.
        let (client, mut polling_server, mut websocket_server) = connect(true);
        websocket_server
            .opened()
            .await
            .refuse(Error::new(ErrorKind::Connect, "not today"));
        polling_server
            .opened()
            .await
            .refuse(Error::new(ErrorKind::Connect, "nor this"));
        assert!(client.opened().await.is_err());

        // A client without `remember_upgrade` starts with polling.
        let (client, mut polling_server, _websocket_server) = connect(false);
        polling_server
            .opened()
            .await
            .refuse(Error::new(ErrorKind::Protocol, "enough"));
        assert!(client.opened().await.is_err());
    });
}

#[test]
fn start_reports_invalid_settings() {
    // Covers test cases of engine.io-client: socket.js:39; of python-engineio: test_invalid_transports.
    let runtime = MockRuntime::new();
    let start =
        |url: &str,
         set: fn(Builder<Transports, MockRuntime>) -> Builder<Transports, MockRuntime>| {
            let (transport, _server) = MockTransport::new("polling");
            set(Builder::new(
                url,
                Transports::new().with(transport),
                runtime.clone(),
            ))
            .start()
            .map(|_| ())
        };
    let url = "http://localhost";
    for (url, set, named) in [
        (
            "nonsense",
            (|builder| builder) as fn(Builder<Transports, MockRuntime>) -> _,
            "URL",
        ),
        ("ftp://localhost", |builder| builder, "ftp"),
        (url, |builder| builder.header("X-A", "a\r\nX-B: b"), "X-A"),
        (url, |builder| builder.header("X A", "a"), "X A"),
        // These headers would describe another body than the one that the client sends.
        (
            url,
            |builder| builder.header("Content-Length", "3"),
            "content-length",
        ),
        (
            url,
            |builder| {
                let name = http::header::TRANSFER_ENCODING;
                let value = http::HeaderValue::from_static("chunked");
                builder.headers([(name, value)].into_iter().collect())
            },
            "transfer-encoding",
        ),
        (url, |builder| builder.transports(["pigeon"]), "pigeon"),
        (url, |builder| builder.transports([""; 0]), "empty"),
    ] {
        let error = start(url, set).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.report().contains(named), "{}", error.report());
    }
}

/// Rule E10.
#[test]
fn query_parameters_that_the_protocol_sets_are_ignored() {
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let (builder, mut servers) = setup(&runtime);
        let builder = builder
            .query("sid", "old")
            .query("a", "1")
            .query("EIO", "3");
        let client = builder.query("transport", "pigeon").start().unwrap();
        let request = servers.polling.opened().await.request;
        assert_eq!(request.query, "a=1");
        drop(client);
    });
}

#[test]
fn debug_output_contains_no_secret() {
    under_all_orders(async |runtime| {
        let (builder, mut servers) = setup(&runtime);
        let builder = builder
            .header("Authorization", "hush-hush")
            .query("token", "hush-hush");
        let printed = format!("{builder:?}");
        let client = builder.start().unwrap();
        let request = servers.polling.opened().await.request;
        let printed = format!("{printed} {client:?} {request:?}");
        assert!(printed.contains("authorization"), "{printed}");
        assert!(!printed.contains("hush"), "{printed}");
    });
}
