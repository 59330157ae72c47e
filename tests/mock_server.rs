//! The public mock server: it speaks Engine.IO as real servers do, and a test can override each step.
//! The tests run in virtual time, under both fixed task orders.

#[path = "mock_server/fences.rs"]
mod fences;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use engineio_client::runtime::mock::Order;
use engineio_client::transports::mock::{
    Act, MockServer, MockSession, MockTransports, SessionEnd, Settings, Step,
};
use engineio_client::{
    Activity, Batch, Builder, Client, Error, ErrorKind, Event, Framing, Handshake, Link, Message,
    MockRuntime, OpenRequest, Packet, Reason, Runtime, Transport,
};
use futures::future::{Either, join, select};
use futures::{FutureExt as _, StreamExt as _};

type MockClient = Client<MockTransports, MockRuntime>;

fn under_both_orders(test: impl AsyncFn(MockRuntime)) {
    for order in [Order::FirstInFirstOut, Order::LastInFirstOut] {
        let runtime = MockRuntime::with_order(order);
        runtime.block_on(async {
            test(runtime.clone()).await;
            runtime.sleep(seconds(3600)).await;
        });
        assert_eq!(runtime.tasks(), 0, "a task is still running");
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn server(runtime: &MockRuntime) -> (Builder<MockTransports, MockRuntime>, MockServer) {
    let (transport, server) = MockServer::new(runtime.clone());
    let builder = Builder::new("http://chat.test", transport, runtime.clone());
    (builder, server)
}

/// A session that stays on this transport.
async fn session_on(
    runtime: &MockRuntime,
    transport: &str,
) -> (MockClient, MockServer, MockSession) {
    let (builder, mut server) = server(runtime);
    let client = builder.transports([transport]).connect().await.unwrap();
    let session = server.session().await;
    (client, server, session)
}

/// A link of this transport, without a client above it.
async fn link(
    runtime: &MockRuntime,
    transports: &MockTransports,
    transport: &str,
    sid: Option<&str>,
) -> Result<Link, Error> {
    let runtime: Arc<dyn Runtime> = Arc::new(runtime.clone());
    let url = "http://chat.test/engine.io/".parse().unwrap();
    let mut request = OpenRequest::new(transport, url, Activity::new(Arc::clone(&runtime)));
    request.sid = sid.map(str::to_owned);
    transports.open(&runtime, request).await
}

/// Whether the future is still pending after every other task has run as far as it can.
async fn waits(runtime: &MockRuntime, future: &mut (impl Future + Unpin)) -> bool {
    matches!(
        select(future, runtime.sleep(Duration::ZERO)).await,
        Either::Right(_)
    )
}

fn text(text: &str) -> Packet {
    Packet::Message(Message::from(text))
}

fn batch(packet: Packet) -> Batch {
    Batch::from(vec![packet])
}

fn refusal() -> Error {
    Error::new(ErrorKind::Status, "too many sessions").with_status(503)
}

fn open_of(packets: &[Packet]) -> Handshake {
    match packets {
        [Packet::Open(open)] => Handshake::parse(open).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The packets that the server has seen, each with its transport.
fn seen(session: &MockSession) -> Vec<(&'static str, Packet)> {
    let seen = session.seen().into_iter();
    seen.map(|seen| (seen.transport, seen.packet)).collect()
}

#[test]
fn a_session_that_upgrades_is_recorded() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        server.at(Step::ProbeOpen, Act::After(seconds(1)));
        let mut client = builder.header("X-Token", "abc").connect().await.unwrap();
        let mut session = server.session().await;
        assert_eq!(client.sid(), Some(session.sid()));
        assert_eq!(session.request().headers["x-token"], "abc");
        client.send("hello").await.unwrap();
        session.send("welcome");
        assert_eq!(session.recv().await, Some("hello".into()));
        assert_eq!(client.recv().await, Some("welcome".into()));
        session.upgraded().await;
        client.send(vec![1, 2]).await.unwrap();
        session.send("again");
        assert_eq!(session.recv().await, Some(vec![1, 2].into()));
        assert_eq!(client.recv().await, Some("again".into()));
        assert_eq!(
            (client.transport(), session.transport()),
            (Some("websocket"), "websocket")
        );
        let (closed, end) = join(client.disconnect(), session.ended()).await;
        assert!(closed.is_clean());
        assert_eq!(end, SessionEnd::Goodbye);
        assert_eq!(session.recv().await, None);
        assert_eq!(
            seen(&session),
            [
                ("polling", text("hello")),
                ("websocket", Packet::Ping("probe".into())),
                ("websocket", Packet::Upgrade),
                ("websocket", Packet::Message(vec![1, 2].into())),
                ("websocket", Packet::Close),
            ]
        );
    });
}

#[test]
fn each_setter_sets_its_field_and_no_other() {
    let default = Settings::new();
    assert_eq!(default, Settings::default());
    assert_eq!(default.sid, "mock");
    assert_eq!(default.ping_interval, seconds(25));
    assert_eq!(default.ping_timeout, seconds(20));
    assert!(default.upgrades);
    assert_eq!(default.max_payload, Some(1_000_000));

    let mut expected = default.clone();
    expected.sid = "chat".into();
    assert_eq!(default.clone().sid("chat"), expected);
    let mut expected = default.clone();
    expected.ping_interval = seconds(1);
    assert_eq!(default.clone().ping_interval(seconds(1)), expected);
    let mut expected = default.clone();
    expected.ping_timeout = seconds(2);
    assert_eq!(default.clone().ping_timeout(seconds(2)), expected);
    let mut expected = default.clone();
    expected.upgrades = false;
    assert_eq!(default.clone().upgrades(false), expected);
    let mut expected = default.clone();
    expected.max_payload = None;
    assert_eq!(default.max_payload(None), expected);
}

#[test]
fn the_handshake_has_the_settings_and_a_unique_sid() {
    under_both_orders(async |runtime| {
        let settings = Settings::new()
            .sid("a \"b\"")
            .ping_interval(seconds(3))
            .ping_timeout(seconds(2))
            .upgrades(true)
            .max_payload(Some(100));
        let (transports, mut server) = MockServer::with_settings(runtime.clone(), settings.clone());
        let mut links = Vec::new();
        for (transport, sid, upgrades) in [
            ("polling", "a \"b\"", &["websocket"][..]),
            ("websocket", "a \"b\"-2", &[]),
        ] {
            let mut link = link(&runtime, &transports, transport, None).await.unwrap();
            let handshake = open_of(&link.receiver.recv().await.unwrap());
            assert_eq!(handshake.sid, sid);
            assert_eq!(server.session().await.sid(), sid);
            assert_eq!(handshake.upgrades, upgrades);
            assert_eq!(handshake.ping_interval, seconds(3));
            assert_eq!(handshake.ping_timeout, seconds(2));
            assert_eq!(handshake.max_payload, Some(100));
            links.push(link);
        }
        let settings = settings.upgrades(false).max_payload(None);
        let (transports, _server) = MockServer::with_settings(runtime.clone(), settings);
        let mut link = link(&runtime, &transports, "polling", None).await.unwrap();
        let handshake = open_of(&link.receiver.recv().await.unwrap());
        assert_eq!((handshake.upgrades, handshake.max_payload), (vec![], None));
    });
}

#[test]
fn a_poll_is_answered_with_all_packets_once_there_are_any() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        let mut link = link(&runtime, &transports, "polling", None).await.unwrap();
        assert_eq!(link.framing, Framing::Payloads);
        assert!(
            server.session().now_or_never().is_none(),
            "no poll has arrived yet"
        );
        link.receiver.recv().await.unwrap();
        let session = server.session().await;
        let mut poll = link.receiver.recv();
        assert!(waits(&runtime, &mut poll).await);
        session.send("a");
        assert_eq!(poll.await.unwrap(), [text("a")]);
        let many: Vec<Packet> = (0..1000).map(|n| text(&n.to_string())).collect();
        session.send_packets(many.clone());
        assert_eq!(link.receiver.recv().await.unwrap(), many);
    });
}

#[test]
fn a_websocket_delivers_packets_within_the_bounds_of_a_call() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        let mut link = link(&runtime, &transports, "websocket", None)
            .await
            .unwrap();
        assert_eq!(link.framing, Framing::Frames);
        link.receiver.recv().await.unwrap();
        let mut session = server.session().await;
        for _ in 0..300 {
            session.send("a");
        }
        assert_eq!(link.receiver.recv().await.unwrap().len(), 256);
        assert!(session.flush().now_or_never().is_none());
        assert_eq!(link.receiver.recv().await.unwrap().len(), 44);
        session.flush().await;
        for _ in 0..4 {
            session.send("x".repeat(40_000));
        }
        assert_eq!(link.receiver.recv().await.unwrap().len(), 3);
        assert_eq!(link.receiver.recv().await.unwrap().len(), 1);
    });
}

#[test]
fn pings_are_sent_at_the_interval_and_need_pongs() {
    under_both_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            let (builder, mut server) = server(&runtime);
            let builder = builder.transports([transport]).send_timeout(seconds(60));
            let client = builder.connect().await.unwrap();
            let mut session = server.session().await;
            let opened = runtime.now();
            runtime.sleep(seconds(3601)).await;
            let pongs: Vec<Duration> = session.seen().into_iter().map(|seen| seen.at).collect();
            let expected: Vec<Duration> = (1..=144).map(|n| opened + n * seconds(25)).collect();
            assert_eq!(pongs, expected);

            server.at(Step::Post, Act::Never);
            assert_eq!(session.ended().await, SessionEnd::PingTimeout);
            assert_eq!(runtime.now() - opened, seconds(3600 + 25 + 20));
            let closed = client.wait().await;
            assert!(matches!(
                closed.reason(),
                Reason::Server { .. } | Reason::Transport(_)
            ));
        }
    });
}

#[test]
fn a_client_gives_up_a_server_that_stops_pinging() {
    under_both_orders(async |runtime| {
        let (client, server, mut session) = session_on(&runtime, "websocket").await;
        server.at(Step::Ping, Act::Never);
        let opened = runtime.now();
        assert!(matches!(client.wait().await.reason(), Reason::PingTimeout));
        assert_eq!(runtime.now() - opened, seconds(45));
        assert_eq!(session.ended().await, SessionEnd::Dropped);
    });
}

#[test]
fn a_late_ping_does_not_delay_the_next_one() {
    under_both_orders(async |runtime| {
        let (_client, server, session) = session_on(&runtime, "polling").await;
        server.once(Step::Ping, Act::After(seconds(15)));
        let opened = runtime.now();
        runtime.sleep(seconds(100)).await;
        let pongs: Vec<Duration> = session.seen().into_iter().map(|seen| seen.at).collect();
        assert_eq!(
            pongs,
            [
                opened + seconds(40),
                opened + seconds(65),
                opened + seconds(90)
            ]
        );
    });
}

#[test]
fn a_skipped_ping_is_followed_by_the_next_and_a_late_one_extends_its_timeout() {
    under_both_orders(async |runtime| {
        let settings = Settings::new().ping_timeout(seconds(60));
        let (transport, mut server) = MockServer::with_settings(runtime.clone(), settings);
        let builder = Builder::new("http://chat.test", transport, runtime.clone());
        let builder = builder.transports(["polling"]).send_timeout(seconds(100));
        let _client = builder.connect().await.unwrap();
        let mut session = server.session().await;
        let opened = runtime.now();
        server.once(Step::Ping, Act::Never);
        runtime.sleep(seconds(80)).await;
        let pongs: Vec<Duration> = session.seen().into_iter().map(|seen| seen.at).collect();
        assert_eq!(pongs, [opened + seconds(50), opened + seconds(75)]);

        server.once(Step::Ping, Act::After(seconds(10)));
        server.at(Step::Post, Act::Never);
        assert_eq!(session.ended().await, SessionEnd::PingTimeout);
        assert_eq!(runtime.now() - opened, seconds(100 + 10 + 60));
    });
}

#[test]
fn a_goodbye_is_answered_on_the_link() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        for (transport, answer) in [("polling", Packet::Noop), ("websocket", Packet::Close)] {
            let mut link = link(&runtime, &transports, transport, None).await.unwrap();
            link.receiver.recv().await.unwrap();
            let mut session = server.session().await;
            let mut poll = link.receiver.recv();
            assert!(waits(&runtime, &mut poll).await);
            link.sender.close().await.unwrap();
            assert_eq!(poll.await.unwrap(), [answer]);
            assert_eq!(session.ended().await, SessionEnd::Goodbye);
            session.send("too late");
            assert!(link.receiver.recv().await.is_err());
        }
    });
}

#[test]
fn a_probe_has_its_own_steps() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        server.at(Step::Post, Act::Fail(refusal()));
        let client = builder.connect().await.unwrap();
        server.session().await.upgraded().await;
        assert_eq!(client.transport(), Some("websocket"));
    });
}

#[test]
fn an_upgrade_packet_before_the_pong_is_ignored() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        server.at(Step::ProbePong, Act::After(seconds(1)));
        let mut polling = link(&runtime, &transports, "polling", None).await.unwrap();
        polling.receiver.recv().await.unwrap();
        let session = server.session().await;
        let sid = session.sid();
        let mut probe = link(&runtime, &transports, "websocket", Some(&sid))
            .await
            .unwrap();
        let packets = vec![Packet::Ping("probe".into()), Packet::Upgrade];
        probe.sender.send(packets.into()).await.unwrap();
        assert_eq!(session.transport(), "polling");
        runtime.sleep(seconds(1)).await;
        probe.sender.send(batch(Packet::Upgrade)).await.unwrap();
        assert_eq!(session.transport(), "websocket");
    });
}

#[test]
fn during_an_upgrade_polls_are_released_and_packets_wait_for_the_websocket() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        let mut polling = link(&runtime, &transports, "polling", None).await.unwrap();
        polling.receiver.recv().await.unwrap();
        let session = server.session().await;
        let mut poll = polling.receiver.recv();
        assert!(waits(&runtime, &mut poll).await);
        let sid = session.sid();
        let mut probe = link(&runtime, &transports, "websocket", Some(&sid))
            .await
            .unwrap();
        assert!(waits(&runtime, &mut poll).await);
        probe
            .sender
            .send(batch(Packet::Ping("probe".into())))
            .await
            .unwrap();
        assert_eq!(
            probe.receiver.recv().await.unwrap(),
            [Packet::Pong("probe".into())]
        );
        session.send("kept");
        assert_eq!(poll.await.unwrap(), [Packet::Noop]);
        assert_eq!(
            polling.receiver.recv().await.unwrap(),
            [Packet::Noop],
            "the next poll is answered with a noop, too"
        );
        assert!(waits(&runtime, &mut probe.receiver.recv()).await);
    });
}

#[test]
fn packets_that_waited_for_the_upgrade_are_delivered_over_websocket() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        let mut polling = link(&runtime, &transports, "polling", None).await.unwrap();
        polling.receiver.recv().await.unwrap();
        let mut session = server.session().await;
        let sid = session.sid();
        let mut probe = link(&runtime, &transports, "websocket", Some(&sid))
            .await
            .unwrap();
        probe.sender.send(batch(Packet::Upgrade)).await.unwrap();
        assert_eq!(
            session.transport(),
            "polling",
            "the upgrade packet has no effect before the pong"
        );
        probe
            .sender
            .send(batch(Packet::Ping("probe".into())))
            .await
            .unwrap();
        probe.receiver.recv().await.unwrap();
        session.send("kept");
        polling
            .sender
            .send(batch(text("by polling")))
            .await
            .unwrap();
        probe.sender.send(batch(Packet::Upgrade)).await.unwrap();
        drop(polling);
        session.upgraded().await;
        assert_eq!(probe.receiver.recv().await.unwrap(), [text("kept")]);
        probe
            .sender
            .send(batch(text("by websocket")))
            .await
            .unwrap();
        assert_eq!(session.recv().await, Some("by polling".into()));
        assert_eq!(session.recv().await, Some("by websocket".into()));
        drop(probe);
        assert_eq!(session.ended().await, SessionEnd::Dropped);
    });
}

#[test]
fn a_dropped_probe_brings_polling_back() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        let mut polling = link(&runtime, &transports, "polling", None).await.unwrap();
        polling.receiver.recv().await.unwrap();
        let session = server.session().await;
        let sid = session.sid();
        let mut probe = link(&runtime, &transports, "websocket", Some(&sid))
            .await
            .unwrap();
        probe
            .sender
            .send(batch(Packet::Ping("probe".into())))
            .await
            .unwrap();
        session.send("kept");
        drop(probe);
        assert_eq!(polling.receiver.recv().await.unwrap(), [text("kept")]);
    });
}

/// Runs a client through an upgrade with one overridden step. Returns the client's second event and its
/// time.
async fn upgrade_with(runtime: &MockRuntime, step: Step, act: Act) -> (Event, Duration) {
    let (builder, mut server) = server(runtime);
    server.at(step, act);
    let start = runtime.now();
    let mut client = builder.connect().await.unwrap();
    let mut session = server.session().await;
    assert!(matches!(client.next().await, Some(Event::Connected(_))));
    let event = client.next().await.unwrap();
    let took = runtime.now() - start;
    server.at(step, Act::Properly);
    client.send("still there").await.unwrap();
    assert_eq!(session.recv().await, Some("still there".into()));
    session.send("so am I");
    assert_eq!(client.recv().await, Some("so am I".into()));
    assert!(client.disconnect().await.is_clean());
    (event, took)
}

#[test]
fn an_upgrade_can_fail_at_any_step_and_the_session_goes_on() {
    under_both_orders(async |runtime| {
        for (step, act, after) in [
            (Step::ProbeOpen, Act::Fail(refusal()), 0),
            (Step::ProbeOpen, Act::Cut, 0),
            (Step::ProbeOpen, Act::Never, 7),
            (Step::ProbeOpen, Act::After(seconds(8)), 7),
            (Step::ProbePong, Act::Never, 7),
            (Step::ProbePong, Act::After(seconds(8)), 7),
            (
                Step::ProbePong,
                Act::Send(vec![Packet::Pong("wrong".into())]),
                0,
            ),
            (Step::ProbePong, Act::Fail(refusal()), 0),
            (Step::Release, Act::Never, 7),
            (Step::Release, Act::After(seconds(8)), 7),
        ] {
            let (event, took) = upgrade_with(&runtime, step, act.clone()).await;
            assert!(
                matches!(event, Event::UpgradeFailed { .. }),
                "{step:?} {act:?} {event:?}"
            );
            assert_eq!(took, seconds(after), "{step:?} {act:?}");
        }
        for (step, act, after) in [
            (Step::ProbeOpen, Act::Properly, 0),
            (Step::ProbeOpen, Act::After(seconds(2)), 2),
            (Step::ProbePong, Act::After(seconds(2)), 2),
            (
                Step::ProbePong,
                Act::Send(vec![Packet::Noop, Packet::Pong("probe".into())]),
                0,
            ),
            (Step::Release, Act::After(seconds(2)), 2),
        ] {
            let (event, took) = upgrade_with(&runtime, step, act.clone()).await;
            assert!(
                matches!(event, Event::Upgraded { .. }),
                "{step:?} {act:?} {event:?}"
            );
            assert_eq!(took, seconds(after), "{step:?} {act:?}");
        }
    });
}

#[test]
fn a_poll_that_is_released_by_a_message_delivers_it_before_the_upgrade() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        server.once(Step::Release, Act::Send(vec![text("late")]));
        let client = builder.connect().await.unwrap();
        let events: Vec<Event> = client.take(3).collect().await;
        assert!(
            matches!(
                &events[..],
                [
                    Event::Connected(_),
                    Event::Message(_),
                    Event::Upgraded { .. }
                ]
            ),
            "{events:?}"
        );
    });
}

#[test]
fn a_server_that_ignores_the_upgrade_delivers_nothing_more() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        server.at(Step::Upgrade, Act::Never);
        let client = builder.connect().await.unwrap();
        let session = server.session().await;
        session.send("kept");
        let events: Vec<Event> = client.collect().await;
        assert!(
            matches!(
                &events[..],
                [Event::Connected(_), Event::Upgraded { .. }, Event::Closed(closed)]
                    // Both sides give up at the same instant, in either order.
                    if matches!(closed.reason(), Reason::PingTimeout | Reason::Transport(_))
            ),
            "{events:?}"
        );
        assert_eq!(session.transport(), "polling");
    });
}

#[test]
fn a_server_that_is_slow_to_upgrade_flushes_late() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        server.at(Step::Upgrade, Act::After(seconds(3)));
        server.at(Step::ProbePong, Act::After(seconds(1)));
        // The message does not answer the poll that the client has already made.
        server.at(Step::Poll, Act::After(Duration::from_millis(1)));
        let mut client = builder.connect().await.unwrap();
        let session = server.session().await;
        runtime.sleep(seconds(1)).await;
        session.send("kept");
        assert_eq!(client.recv().await, Some("kept".into()));
        assert!(runtime.now() >= seconds(4), "{:?}", runtime.now());
    });
}

#[test]
fn an_overridden_step_can_keep_a_session_from_opening() {
    under_both_orders(async |runtime| {
        for (step, act, kind) in [
            (Step::Open, Act::Fail(refusal()), ErrorKind::Status),
            (Step::Open, Act::Never, ErrorKind::Timeout),
            (Step::Open, Act::After(seconds(11)), ErrorKind::Timeout),
            (Step::Open, Act::Cut, ErrorKind::Ended),
            (Step::Handshake, Act::Never, ErrorKind::Timeout),
            (Step::Handshake, Act::After(seconds(11)), ErrorKind::Timeout),
            (
                Step::Handshake,
                Act::Send(vec![Packet::Noop]),
                ErrorKind::Handshake,
            ),
            (Step::Handshake, Act::Close, ErrorKind::Handshake),
            (Step::Handshake, Act::Cut, ErrorKind::Ended),
            (Step::Handshake, Act::Fail(refusal()), ErrorKind::Status),
        ] {
            for transport in ["polling", "websocket"] {
                let (builder, server) = server(&runtime);
                server.at(step, act.clone());
                let error = builder.transports([transport]).connect().await.unwrap_err();
                assert_eq!(error.kind(), kind, "{step:?} {act:?} {transport}");
            }
        }
    });
}

#[test]
fn m3_each_attempt_of_a_client_is_an_open_and_at_refuses_all_of_them() {
    under_both_orders(async |runtime| {
        let (builder, server) = server(&runtime);
        let again = builder.try_clone().unwrap();
        server.once(Step::Open, Act::Fail(refusal()));
        let client = builder.connect().await.unwrap();
        assert_eq!(
            client.transport(),
            Some("websocket"),
            "the second transport"
        );
        client.disconnect().await;

        server.at(Step::Open, Act::Fail(refusal()));
        let refused = again.try_clone().unwrap().connect().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Status);
        server.at(Step::Open, Act::Properly);
        again.connect().await.unwrap().disconnect().await;
    });
}

/// The panic message of a test that never ends.
fn hangs(test: impl AsyncFn(MockRuntime)) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| MockRuntime::check(test)));
    *panic.unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn m1_a_test_that_waits_for_a_message_fails_after_a_day_despite_heartbeats() {
    let client_waits = hangs(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.connect().await.unwrap();
        let _session = server.session().await;
        client.recv().await;
    });
    let server_waits = hangs(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let _client = builder.connect().await.unwrap();
        server.session().await.recv().await;
    });
    let both_wait = hangs(async |runtime| {
        let (builder, mut server) = server(&runtime);
        let mut client = builder.connect().await.unwrap();
        let mut session = server.session().await;
        join(client.recv(), session.recv()).await;
    });
    for text in [client_waits, server_waits, both_wait] {
        for part in [
            "not ended within 86400s of virtual time",
            "\n  the future of block_on, since ",
            // The client's own task.
            "\n  task 1, spawned through `dyn Runtime`, since ",
            ": waits for a timer at ",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
    }
}

#[test]
fn once_applies_once_and_a_late_open_succeeds() {
    under_both_orders(async |runtime| {
        let (builder, mut server) = server(&runtime);
        server.once(Step::Open, Act::Fail(refusal()));
        server.once(Step::Open, Act::After(seconds(2)));
        let client = builder.connect().await.unwrap();
        assert_eq!(
            client.transport(),
            Some("websocket"),
            "the client fell back"
        );
        assert_eq!(runtime.now(), seconds(2));
        assert_eq!(server.session().await.sid(), "mock");
        assert!(server.session().now_or_never().is_none());
    });
}

#[test]
fn a_close_and_a_cut_come_after_the_packets_before_them() {
    under_both_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            for cut in [false, true] {
                let (client, _server, mut session) = session_on(&runtime, transport).await;
                session.send("a");
                session.send("b");
                if cut {
                    session.cut();
                } else {
                    session.close();
                }
                session.send("never");
                let events: Vec<Event> = client.skip(1).collect().await;
                let [Event::Message(a), Event::Message(b), Event::Closed(closed)] = &events[..]
                else {
                    panic!("{events:?}");
                };
                assert_eq!((a.as_text(), b.as_text()), (Some("a"), Some("b")));
                let end = session.ended().await;
                if cut {
                    assert!(
                        matches!(closed.reason(), Reason::Transport(error) if error.kind() == ErrorKind::Ended)
                    );
                    assert_eq!(end, SessionEnd::Cut);
                } else {
                    assert!(matches!(closed.reason(), Reason::Server { .. }));
                    assert_eq!(end, SessionEnd::Closed);
                }
            }
        }
    });
}

#[test]
fn a_close_ends_a_session_at_any_moment_of_its_upgrade() {
    under_both_orders(async |runtime| {
        for step in [
            Step::ProbePong,
            Step::Release,
            Step::Upgrade,
            Step::Ping,
            Step::Post,
            Step::Poll,
        ] {
            for act in [Act::Close, Act::Cut] {
                let (builder, mut server) = server(&runtime);
                server.at(step, act.clone());
                let client = builder.start().unwrap();
                let mut session = server.session().await;
                let _ = client.send("a").await;
                let closed = client.wait().await;
                match (&act, closed.reason()) {
                    (Act::Close, Reason::Server { .. }) | (Act::Cut, Reason::Transport(_)) => {}
                    // The session is cut off before it is open.
                    (Act::Close, Reason::Transport(_)) if step == Step::Poll => {}
                    // A send failed before the close was reported.
                    (Act::Close, Reason::Transport(_)) if step == Step::Post => {}
                    (act, reason) => panic!("{step:?} {act:?} {reason:?}"),
                }
                let end = session.ended().await;
                let cut = matches!(act, Act::Cut);
                assert_eq!(
                    end,
                    if cut {
                        SessionEnd::Cut
                    } else {
                        SessionEnd::Closed
                    }
                );
            }
        }
    });
}

#[test]
fn an_unanswered_goodbye_ends_with_the_close_timeout() {
    under_both_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            let (client, server, mut session) = session_on(&runtime, transport).await;
            server.at(Step::Goodbye, Act::Never);
            let start = runtime.now();
            client.disconnect().await;
            assert_eq!(runtime.now() - start, seconds(5));
            assert_eq!(session.ended().await, SessionEnd::Dropped);

            let (client, server, mut session) = session_on(&runtime, transport).await;
            server.at(Step::Goodbye, Act::After(seconds(2)));
            let start = runtime.now();
            assert!(client.disconnect().await.is_clean());
            assert_eq!(runtime.now() - start, seconds(2));
            assert_eq!(session.ended().await, SessionEnd::Goodbye);
        }
    });
}

#[test]
fn a_batch_can_be_accepted_late_or_never_or_fail() {
    under_both_orders(async |runtime| {
        let (client, server, mut session) = session_on(&runtime, "polling").await;
        server.once(Step::Post, Act::After(seconds(2)));
        client.send("late").await.unwrap();
        let start = runtime.now();
        assert_eq!(session.recv().await, Some("late".into()));
        assert_eq!(runtime.now() - start, seconds(2));
        client.flush().await.unwrap();

        server.once(Step::Post, Act::Send(vec![text("instead")]));
        client.send("a").await.unwrap();
        let mut client = client;
        assert_eq!(client.recv().await, Some("instead".into()));
        assert_eq!(session.recv().await, Some("a".into()));

        server.once(Step::Post, Act::Fail(refusal()));
        client.send("fails").await.unwrap();
        let closed = client.wait().await;
        assert_eq!(closed.uncertain(), [Message::from("fails")]);
        assert_eq!(session.recv().await, None);
        assert_eq!(seen(&session).len(), 2);
    });
}

#[test]
fn a_waiting_receiver_can_fail_or_fall_silent() {
    under_both_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            let (client, server, mut session) = session_on(&runtime, transport).await;
            let mut wait = Box::pin(client.wait());
            assert!(waits(&runtime, &mut wait).await);
            server.at(Step::Poll, Act::Never);
            session.send("never");
            assert!(waits(&runtime, &mut wait).await);
            server.at(Step::Poll, Act::Fail(refusal()));
            assert!(
                matches!(wait.await.reason(), Reason::Transport(error) if error.status() == Some(503))
            );
            drop(client);
            session.cut();
            session.ended().await;
        }
    });
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    under_both_orders(async |runtime| {
        let settings = Settings::new().max_payload(Some(10));
        let (transports, _server) = MockServer::with_settings(runtime.clone(), settings);
        let mut link = link(&runtime, &transports, "polling", None).await.unwrap();
        link.receiver.recv().await.unwrap();
        let error = link
            .sender
            .send(batch(text("0123456789")))
            .await
            .unwrap_err();
        assert_eq!(error.status(), Some(413));
        let fits = vec![text("0123"), text("456")];
        link.sender.send(fits.into()).await.unwrap();
    });
}

#[test]
fn the_sid_of_an_ended_session_is_unknown() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        let mut polling = link(&runtime, &transports, "polling", None).await.unwrap();
        assert_eq!(
            polling
                .sender
                .send(batch(text("early")))
                .await
                .unwrap_err()
                .status(),
            Some(400)
        );
        polling.receiver.recv().await.unwrap();
        let session = server.session().await;
        session.close();
        assert_eq!(polling.receiver.recv().await.unwrap(), [Packet::Close]);
        assert_eq!(
            polling.receiver.recv().await.unwrap_err().status(),
            Some(400)
        );
        let probe = link(&runtime, &transports, "websocket", Some("mock")).await;
        assert_eq!(probe.unwrap_err().status(), Some(400));
    });
}

#[test]
fn a_dropped_poll_reveals_a_client_that_has_gone() {
    under_both_orders(async |runtime| {
        let (client, _server, mut session) = session_on(&runtime, "polling").await;
        runtime.abort_tasks();
        assert_eq!(session.ended().await, SessionEnd::Dropped);
        drop(client);
    });
}

#[test]
fn a_dropped_server_opens_no_session_and_open_ones_go_on() {
    under_both_orders(async |runtime| {
        let (transports, mut server) = MockServer::new(runtime.clone());
        let connect = || Builder::new("http://chat.test", transports.clone(), runtime.clone());
        let client = connect().connect().await.unwrap();
        let mut session = server.session().await;
        drop(server);
        let error = connect().connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        client.send("a").await.unwrap();
        assert_eq!(session.recv().await, Some("a".into()));
        drop(client);
        assert_eq!(session.ended().await, SessionEnd::Goodbye);
    });
}

#[test]
fn a_session_lives_without_its_handle() {
    under_both_orders(async |runtime| {
        let (client, server, session) = session_on(&runtime, "polling").await;
        drop((server, session));
        runtime.sleep(seconds(1000)).await;
        client.send("a").await.unwrap();
        assert!(client.disconnect().await.is_clean());
    });
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn it_works_on_a_runtime_with_real_time() {
    use engineio_client::Tokio;

    let settings = Settings::new().ping_interval(Duration::from_millis(5));
    let runtime = Tokio::current().unwrap();
    let (transport, mut server) = MockServer::with_settings(runtime.clone(), settings);
    let mut client = Builder::new("http://chat.test", transport, runtime)
        .connect()
        .await
        .unwrap();
    let mut session = server.session().await;
    session.upgraded().await;
    client.send("hello").await.unwrap();
    assert_eq!(session.recv().await, Some("hello".into()));
    tokio::time::sleep(Duration::from_millis(50)).await;
    session.send("still there?");
    assert_eq!(client.recv().await, Some("still there?".into()));
    let pongs = session.seen().into_iter();
    assert!(
        pongs
            .filter(|seen| matches!(seen.packet, Packet::Pong(_)))
            .count()
            > 1
    );
    assert!(client.disconnect().await.is_clean());
}
