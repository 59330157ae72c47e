//! The whole client over both transports: what keeps a session alive and what ends it, to the
//! nanosecond, and the upgrade.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, Client, ErrorKind, Event, Message, MockRuntime, Reason, Runtime};
use futures::future::join;
use futures::{FutureExt as _, StreamExt};

use crate::open_packet;
use crate::raw::{
    CLOSE, FIN, Peer, Server, TEXT, fragment, frame, frame_head, response, settle, spawn,
    switching, under_both_orders, under_many_orders,
};

type Session = Client<Transports, MockRuntime>;

fn builder(runtime: &MockRuntime, transport: &str) -> Builder<Transports, MockRuntime> {
    Builder::new("http://10.0.0.1", Transports::default(), runtime.clone()).transports([transport])
}

/// Ping interval, in milliseconds, of tests whose server falls silent. With the ping timeout it adds up
/// to half a second.
const INTERVAL: u32 = 300;
const TIMEOUT: u32 = 200;
const SPAN: Duration = Duration::from_millis(500);

/// A session over WebSocket, and its server's end.
async fn on_websocket(runtime: &MockRuntime) -> (Session, Peer) {
    on_websocket_with(runtime, |builder| builder).await
}

async fn on_websocket_with(
    runtime: &MockRuntime,
    edit: impl FnOnce(Builder<Transports, MockRuntime>) -> Builder<Transports, MockRuntime>,
) -> (Session, Peer) {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        peer.accept_websocket().await;
        peer.write(frame(TEXT, open_packet(INTERVAL, TIMEOUT)))
            .await;
        peer
    });
    let client = edit(builder(runtime, "websocket")).connect().await.unwrap();
    (client, script.await)
}

/// A session on polling, its server, and the connection on which the next poll arrives.
async fn on_polling(
    runtime: &MockRuntime,
    ping_interval: u32,
    edit: impl FnOnce(Builder<Transports, MockRuntime>) -> Builder<Transports, MockRuntime>,
) -> (Session, Server, Peer) {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        peer.answer(open_packet(ping_interval, TIMEOUT)).await;
        (server, peer)
    });
    let client = edit(builder(runtime, "polling")).connect().await.unwrap();
    let (server, peer) = script.await;
    (client, server, peer)
}

/// Whether the session ended with an error of this kind.
fn failed_with(reason: &Reason, kind: ErrorKind) -> bool {
    matches!(reason, Reason::Transport(error) if error.kind() == kind)
}

fn text(length: usize) -> String {
    ('a'..='z').cycle().take(length).collect()
}

/// Rule E30.
#[test]
fn silence_ends_a_session_at_exactly_the_interval_and_the_timeout() {
    // Ported from engine.io: server.js:948, :1402, :1554; python-engineio:
    // test_read_loop_websocket_timeout
    under_many_orders(async |runtime| {
        let (client, peer) = on_websocket(&runtime).await;
        let opened = runtime.now();
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
        assert_eq!(runtime.now(), opened + SPAN);
        drop(peer);

        let (client, server, mut peer) = on_polling(&runtime, INTERVAL, |builder| builder).await;
        let opened = runtime.now();
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
        assert_eq!(runtime.now(), opened + SPAN);
        // The client sends no goodbye: the poll was its last request.
        peer.request().await;
        assert!(peer.next_request().await.is_none());
        drop(server);
    });
}

/// Rule E30.
#[test]
fn bytes_of_an_unfinished_message_keep_a_session_alive_and_then_silence_ends_it() {
    under_both_orders(async |runtime| {
        let whole = text(1_000_000);
        for polling in [false, true] {
            // The server sends all 40 pieces of the message, or only 17.
            for pieces in [40, 17] {
                let (mut client, server, mut peer) = if polling {
                    let (client, server, mut peer) =
                        on_polling(&runtime, INTERVAL, |builder| builder).await;
                    peer.request().await;
                    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n4";
                    peer.write(head).await;
                    (client, Some(server), peer)
                } else {
                    let (client, mut peer) = on_websocket(&runtime).await;
                    peer.write(frame_head(FIN | TEXT, 1 + whole.len() as u64))
                        .await;
                    peer.write("4").await;
                    (client, None, peer)
                };
                let clock = runtime.clone();
                let bytes = whole.clone();
                let script = spawn(&runtime, async move {
                    for piece in bytes.as_bytes().chunks(25_000).take(pieces) {
                        clock.sleep(SPAN - Duration::from_nanos(1)).await;
                        peer.write(piece).await;
                    }
                    let last = clock.now();
                    peer.read_to_end().await;
                    last
                });
                let message = client.recv().await;
                let expected = (pieces == 40).then(|| Message::from(&whole));
                assert!(message == expected);
                let closed = client.wait().await;
                assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
                let ended = runtime.now();
                assert_eq!(ended, script.await + SPAN);
                drop(server);
            }
        }
    });
}

/// Rule E30.
#[test]
fn responses_to_posts_do_not_keep_a_session_alive() {
    under_many_orders(async |runtime| {
        let (client, mut server, mut peer) =
            on_polling(&runtime, INTERVAL, |builder| builder).await;
        let opened = runtime.now();
        let script = spawn(&runtime, async move {
            peer.request().await;
            let mut posts = server.accept().await;
            let mut count = 0;
            while let Some(post) = posts.next_request().await {
                assert_eq!(post.body, b"4x");
                posts.write(response("ok")).await;
                count += 1;
            }
            count
        });
        for _ in 0..4 {
            runtime.sleep(Duration::from_millis(100)).await;
            client.send("x").await.unwrap();
        }
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::PingTimeout), "{closed}");
        assert_eq!(runtime.now(), opened + SPAN);
        assert_eq!(script.await, 4);
    });
}

#[test]
fn a_slow_upload_over_websocket_goes_on_until_it_stalls() {
    under_both_orders(async |runtime| {
        let (client, mut peer) = on_websocket(&runtime).await;
        let large: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
        let length = large.len();
        let (clock, expected) = (runtime.clone(), large.clone());
        let script = spawn(&runtime, async move {
            // The server sends pings all the time, so that only the upload can end the session.
            let step = Duration::from_millis(150);
            let header = 1 + 9 + 4;
            let mut bytes = Vec::new();
            while bytes.len() < header + length {
                clock.sleep(step).await;
                peer.write(frame(TEXT, "2")).await;
                let most = 10_000.min(header + length - bytes.len());
                bytes.extend(peer.read_some(most).await);
            }
            let mask = &bytes[header - 4..header];
            let unmasked = bytes[header..].iter().zip(mask.iter().cycle());
            assert!(unmasked.map(|(byte, mask)| byte ^ mask).eq(expected));
            let whole = clock.now();
            // The server reads two pieces of the second message, and then stops.
            let mut last = whole;
            for _ in 0..2 {
                clock.sleep(step).await;
                peer.write(frame(TEXT, "2")).await;
                assert!(!peer.read_some(1000).await.is_empty());
                last = clock.now();
            }
            for _ in 0..20 {
                clock.sleep(step).await;
                peer.write(frame(TEXT, "2")).await;
            }
            (whole, last, peer)
        });
        let started = runtime.now();
        client.send(large.clone()).await.unwrap();
        client.flush().await.unwrap();
        client.send(large.clone()).await.unwrap();
        let closed = client.wait().await;
        let ended = runtime.now();
        let (whole, last, peer) = script.await;
        assert!(whole > started + 10 * SPAN);
        assert!(failed_with(closed.reason(), ErrorKind::Timeout), "{closed}");
        assert!(
            closed.to_string().contains("send timeout of 0.5 s"),
            "{closed}"
        );
        assert_eq!(ended, last + SPAN);
        assert_eq!(closed.uncertain(), [Message::from(large)]);
        assert!(closed.unsent().is_empty());
        drop(peer);
    });
}

#[test]
fn a_slow_post_goes_on_until_it_stalls() {
    under_both_orders(async |runtime| {
        let limit = Duration::from_secs(2);
        let large = text(1_000_000);
        // The second POST stalls within its body, or after all of it has arrived.
        for whole in [false, true] {
            let (client, mut server, mut polls) =
                on_polling(&runtime, 3_600_000, |builder| builder.send_timeout(limit)).await;
            let (clock, expected) = (runtime.clone(), large.clone());
            let script = spawn(&runtime, async move {
                polls.request().await;
                let mut peer = server.accept().await;
                // When the client has written the whole request, the server needs two of these pauses to
                // read the bytes that are still in the pipe.
                let step = Duration::from_millis(600);
                peer.request_head().await;
                let mut body = Vec::new();
                while body.len() <= expected.len() {
                    clock.sleep(step).await;
                    body.extend(peer.read_some(50_000).await);
                }
                assert!(body[0] == b'4' && body[1..] == *expected.as_bytes());
                // The response may be slow, too.
                clock.sleep(step).await;
                peer.write("HTTP/1.1 200 OK\r\n").await;
                clock.sleep(step).await;
                peer.write("Content-Length: 2\r\n\r\nok").await;

                let mut last = clock.now();
                if whole {
                    peer.request().await;
                } else {
                    peer.request_head().await;
                    clock.sleep(step).await;
                    peer.read_exact(10_000).await;
                    last = clock.now();
                }
                clock.sleep(3 * limit).await;
                (last, peer, polls)
            });
            client.send(&large).await.unwrap();
            client.flush().await.unwrap();
            client.send(&large).await.unwrap();
            let closed = client.wait().await;
            let ended = runtime.now();
            let (last, ..) = script.await;
            assert!(failed_with(closed.reason(), ErrorKind::Timeout), "{closed}");
            assert!(
                closed.to_string().contains("send timeout of 2 s"),
                "{closed}"
            );
            assert_eq!(ended, last + limit);
            assert!(closed.uncertain() == [Message::from(&large)]);
        }
    });
}

/// Rule E40.
#[test]
fn a_disconnect_on_websocket_flushes_and_waits_for_the_servers_close_frame() {
    // Ported from protocol: test-suite.js:508; engine.io: server.js:1075; python-engineio:
    // test_disconnect_websocket, test_read_loop_websocket_disconnected
    under_many_orders(async |runtime| {
        let (client, mut peer) = on_websocket(&runtime).await;
        let clock = runtime.clone();
        let script = spawn(&runtime, async move {
            for n in 0..100 {
                let text = peer.frame().await;
                assert_eq!(text.payload, format!("4{n}").into_bytes());
            }
            let close = peer.frame().await;
            assert_eq!(close.first, FIN | CLOSE);
            clock.sleep(Duration::from_millis(400)).await;
            peer.write(frame(CLOSE, close.payload)).await;
            assert_eq!(peer.read_to_end().await, b"");
        });
        for n in 0..100 {
            client.send(n.to_string()).await.unwrap();
        }
        let closed = client.disconnect().await;
        assert!(closed.is_clean(), "{closed}");
        assert_eq!(runtime.now(), Duration::from_millis(400));
        script.await;
    });
}

/// Rule E40.
#[test]
fn a_disconnect_on_polling_flushes_and_posts_a_close_packet() {
    // Ported from protocol: test-suite.js:482; engine.io: server.js:1050; python-engineio:
    // test_disconnect_polling, test_write_loop_polling_two_packets_done
    under_many_orders(async |runtime| {
        let (client, mut server, mut polls) =
            on_polling(&runtime, INTERVAL, |builder| builder).await;
        let clock = runtime.clone();
        let script = spawn(&runtime, async move {
            polls.request().await;
            let mut posts = server.accept().await;
            let mut received = String::new();
            loop {
                let body = String::from_utf8(posts.request().await.body).unwrap();
                if body == "1" {
                    break;
                }
                assert!(body.split('\x1e').count() <= 16);
                received.extend(body.split('\x1e').map(|packet| &packet[1..]));
                posts.write(response("ok")).await;
            }
            clock.sleep(Duration::from_millis(400)).await;
            posts.write(response("ok")).await;
            // The client drops the unanswered poll only now.
            assert!(polls.next_request().await.is_none());
            received
        });
        let mut expected = String::new();
        for n in 0..100 {
            client.send(n.to_string()).await.unwrap();
            expected.push_str(&n.to_string());
        }
        let closed = client.disconnect().await;
        assert!(closed.is_clean(), "{closed}");
        assert_eq!(runtime.now(), Duration::from_millis(400));
        assert_eq!(script.await, expected);
    });
}

/// Rule E28.
#[test]
fn pings_are_answered_on_both_transports() {
    // Ported from engine.io: server.js:973, :997; python-engineio: test_receive_ping_packet
    under_many_orders(async |runtime| {
        let (client, mut peer) = on_websocket(&runtime).await;
        peer.write(frame(TEXT, "2hey")).await;
        assert_eq!(peer.frame().await.payload, b"3hey");
        // A close frame of the server ends the session.
        peer.write(frame(CLOSE, "")).await;
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::Server { .. }), "{closed}");
        assert_eq!(peer.frame().await.first, FIN | CLOSE);

        let (client, mut server, mut polls) =
            on_polling(&runtime, INTERVAL, |builder| builder).await;
        polls.answer("2hey").await;
        // The client sends the pong before the next poll, on the connection that it has kept.
        assert_eq!(polls.answer("ok").await.body, b"3hey");
        server.accept().await.answer("1").await;
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::Server { .. }), "{closed}");
    });
}

/// Rule E45.
#[test]
fn a_lost_connection_ends_the_session_and_reports_uncertain_messages() {
    // Ported from engine.io: server.js:2605; python-engineio: test_write_loop_websocket_bad_connection
    under_many_orders(async |runtime| {
        let (client, mut peer) = on_websocket(&runtime).await;
        client.send(vec![7; 1_000_000]).await.unwrap();
        settle(&runtime).await;
        client.send("behind").await.unwrap();
        peer.write(frame(TEXT, "4last words")).await;
        drop(peer);
        let mut client = client;
        assert_eq!(client.recv().await, Some("last words".into()));
        assert_eq!(client.recv().await, None);
        let closed = client.wait().await;
        assert!(failed_with(closed.reason(), ErrorKind::Ended), "{closed}");
        assert_eq!(closed.uncertain(), [Message::from(vec![7; 1_000_000])]);
        assert_eq!(closed.unsent(), [Message::from("behind")]);
    });
}

/// Progress of a session that upgrades, as the server's tasks share it. The messages are numbers.
#[derive(Default)]
struct Both {
    to_send: VecDeque<usize>,
    received: Vec<usize>,
    probed: bool,
    upgraded: bool,
    /// Number of messages that the server has sent over polling.
    sent_by_polling: usize,
    received_by_polling: usize,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Both>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Both> {
        self.0.lock().unwrap()
    }

    /// The payload for the poll that waits; `None` if the server is not to answer that poll yet.
    fn payload(&self) -> Option<String> {
        let mut both = self.lock();
        assert!(!both.upgraded, "a poll after the upgrade");
        let count = both.to_send.len().min(7);
        if count == 0 || both.probed {
            return both.probed.then(|| "6".into());
        }
        both.sent_by_polling += count;
        let packets: Vec<String> = both
            .to_send
            .drain(..count)
            .map(|n| format!("4{n}"))
            .collect();
        Some(packets.join("\x1e"))
    }

    fn receive(&self, packet: &[u8]) {
        let text = std::str::from_utf8(packet).unwrap();
        let number = text.strip_prefix('4').expect(text).parse().unwrap();
        self.lock().received.push(number);
    }
}

const TICK: Duration = Duration::from_millis(1);

async fn serve_polling(mut peer: Peer, clock: MockRuntime, shared: Shared) {
    while let Some(request) = peer.next_request().await {
        clock.sleep(TICK).await;
        if request.method == "POST" {
            assert!(!shared.lock().upgraded, "a post after the upgrade");
            for packet in request.body.split(|&byte| byte == b'\x1e') {
                shared.receive(packet);
                shared.lock().received_by_polling += 1;
            }
            peer.write(response("ok")).await;
        } else if request.parameter("sid").is_none() {
            peer.write(response(open_packet(25_000, 20_000))).await;
        } else {
            let payload = loop {
                match shared.payload() {
                    Some(payload) => break payload,
                    None => clock.sleep(TICK).await,
                }
            };
            peer.write(response(payload)).await;
        }
    }
}

async fn serve_websocket(mut peer: Peer, clock: MockRuntime, shared: Shared, count: usize) {
    let request = peer.request().await;
    assert_eq!(request.parameter("sid"), Some("s"));
    // Polling goes on meanwhile.
    clock.sleep(20 * TICK).await;
    peer.write(switching(&request)).await;
    assert_eq!(peer.frame().await.payload, b"2probe");
    clock.sleep(20 * TICK).await;
    shared.lock().probed = true;
    peer.write(frame(TEXT, "3probe")).await;
    assert_eq!(peer.frame().await.payload, b"5");
    shared.lock().upgraded = true;
    let more = |most: usize| {
        let mut both = shared.lock();
        let most = most.min(both.to_send.len());
        let frames = both.to_send.drain(..most);
        frames
            .flat_map(|n| frame(TEXT, format!("4{n}")))
            .collect::<Vec<u8>>()
    };
    while shared.lock().received.len() < count {
        peer.write(more(2)).await;
        shared.receive(&peer.frame().await.payload);
    }
    peer.write(more(usize::MAX)).await;
    let close = peer.frame().await;
    assert_eq!(close.first, FIN | CLOSE);
    peer.write(frame(CLOSE, close.payload)).await;
}

/// Rules E34, E36.
#[test]
fn two_thousand_messages_each_way_cross_the_upgrade_in_order() {
    // Ported from protocol: test-suite.js:559, :584; engine.io: server.js:214, :1789, :1910, :3147
    const COUNT: usize = 2000;
    under_both_orders(async |runtime| {
        let shared = Shared::default();
        shared.lock().to_send = (0..COUNT).collect();
        let mut server = Server::new(&runtime);
        let script = {
            let (tasks, shared) = (runtime.clone(), shared.clone());
            spawn(&runtime, async move {
                let first = serve_polling(server.accept().await, tasks.clone(), shared.clone());
                let first = spawn(&tasks, first);
                // The client opens two more connections, in either order: for the probe, and for a poll
                // or POST while another request uses the first connection.
                let mut rest = Vec::new();
                for _ in 0..2 {
                    let peer = server.accept().await;
                    let (clock, shared) = (tasks.clone(), shared.clone());
                    rest.push(spawn(&tasks, async move {
                        let mut peer = peer;
                        if peer
                            .begins_with("GET /engine.io/?EIO=4&transport=websocket")
                            .await
                        {
                            serve_websocket(peer, clock, shared, COUNT).await;
                        } else {
                            serve_polling(peer, clock, shared).await;
                        }
                    }));
                }
                first.await;
                for task in rest {
                    task.await;
                }
                assert!(!server.has_another());
            })
        };
        let mut client = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
            .connect()
            .await
            .unwrap();
        let handle = client.handle();
        let send = async {
            for n in 0..COUNT {
                handle.send(n.to_string()).await.unwrap();
                if n % 10 == 0 {
                    runtime.sleep(TICK).await;
                }
            }
        };
        let mut upgraded_at = None;
        let receive = async {
            let mut next = 0;
            while next < COUNT {
                match client.next().await.unwrap() {
                    Event::Message(message) => {
                        assert_eq!(message.as_text(), Some(&*next.to_string()));
                        next += 1;
                    }
                    Event::Upgraded { transport, .. } => {
                        assert_eq!(transport, "websocket");
                        assert_eq!(upgraded_at.replace(next), None);
                    }
                    Event::Connected(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        join(send, receive).await;
        assert_eq!(client.transport(), Some("websocket"));
        let closed = client.disconnect().await;
        assert!(closed.is_clean(), "{closed}");
        script.await;
        let both = shared.lock();
        assert!(both.received.iter().copied().eq(0..COUNT));
        // In each direction, many messages were sent over each transport.
        assert_eq!(upgraded_at, Some(both.sent_by_polling));
        for by_polling in [both.sent_by_polling, both.received_by_polling] {
            assert!((100..COUNT - 100).contains(&by_polling), "{by_polling}");
        }
    });
}

#[test]
fn a_refused_upgrade_leaves_the_session_on_polling() {
    // Ported from python-engineio: test_polling_connection_not_upgraded, test_websocket_upgrade_failed
    under_many_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut polls = server.accept().await;
            polls.answer(open_packet(25_000, 20_000)).await;
            let mut probe = server.accept().await;
            probe.request().await;
            probe
                .write("HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nnever")
                .await;
            drop(probe);
            polls.answer("4still here").await;
            polls.request().await;
            let mut posts = server.accept().await;
            assert_eq!(posts.answer("ok").await.body, b"4so am I");
            polls.write(response("1")).await;
        });
        let mut client = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
            .connect()
            .await
            .unwrap();
        let (mut failed, mut heard) = (false, false);
        while !(failed && heard) {
            match client.next().await.unwrap() {
                Event::UpgradeFailed {
                    transport, error, ..
                } => {
                    assert_eq!(transport, "websocket");
                    assert_eq!(error.status(), Some(400), "{}", error.report());
                    failed = true;
                }
                Event::Message(message) => {
                    assert_eq!(message, "still here".into());
                    heard = true;
                }
                Event::Connected(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(client.transport(), Some("polling"));
        client.send("so am I").await.unwrap();
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::Server { .. }), "{closed}");
        script.await;
    });
}

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";

/// Opens a session over this transport with these bytes as the open packet.
async fn open_by(peer: &mut Peer, transport: &str, bytes: &str) {
    if transport == "websocket" {
        peer.accept_websocket().await;
        peer.write(frame(TEXT, bytes)).await;
    } else {
        peer.answer(bytes).await;
    }
}

/// Rule E18.
#[test]
fn the_next_transport_is_tried_when_the_server_refuses_the_first() {
    // Ported from engine.io-client: socket.js:52, :72, :92
    under_many_orders(async |runtime| {
        for names in [["polling", "websocket"], ["websocket", "polling"]] {
            for fall_back in [true, false] {
                let mut server = Server::new(&runtime);
                let script = spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    let request = peer.request().await;
                    assert_eq!(request.parameter("transport"), Some(names[0]));
                    peer.write(FORBIDDEN).await;
                    drop(peer);
                    if fall_back {
                        let mut peer = server.accept().await;
                        open_by(&mut peer, names[1], &open_packet(25_000, 20_000)).await;
                        return Some((server, peer));
                    }
                    assert!(!server.has_another());
                    None
                });
                let builder =
                    Builder::new("http://10.0.0.1", Transports::default(), runtime.clone());
                let connected = builder
                    .transports(names)
                    .upgrade(false)
                    .fall_back(fall_back)
                    .connect()
                    .await;
                match connected {
                    Ok(client) => assert_eq!(client.transport(), Some(names[1])),
                    Err(error) => {
                        assert!(!fall_back, "{}", error.report());
                        assert_eq!(error.status(), Some(403));
                    }
                }
                assert_eq!(script.await.is_some(), fall_back);
            }
        }
    });
}

/// Rule E13.
#[test]
fn the_scheme_of_the_url_does_not_choose_the_transport() {
    under_both_orders(async |runtime| {
        for scheme in ["http", "ws"] {
            for transport in ["polling", "websocket"] {
                let mut server = Server::new(&runtime);
                let script = spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    open_by(&mut peer, transport, &open_packet(25_000, 20_000)).await;
                    (server, peer)
                });
                let url = format!("{scheme}://10.0.0.1");
                let builder = Builder::new(&url, Transports::default(), runtime.clone());
                let client = builder.transports([transport]).connect().await.unwrap();
                assert_eq!(client.transport(), Some(transport), "{url}");
                drop(script.await);
            }
        }
    });
}

/// Node's server ends a session whose poll is aborted.
///
/// Rule E21.
#[test]
fn a_poll_is_not_aborted_while_its_session_lives() {
    under_both_orders(async |runtime| {
        let (mut client, mut server, mut polls) =
            on_polling(&runtime, 3_600_000, |builder| builder).await;
        polls.request().await;
        let answering = spawn(&runtime, async move {
            for _ in 0..3 {
                server.accept().await.answer("ok").await;
            }
        });
        for _ in 0..3 {
            client.send("x").await.unwrap();
            client.flush().await.unwrap();
            assert!(client.recv().now_or_never().is_none());
            runtime.sleep(Duration::from_secs(600)).await;
        }
        answering.await;
        assert!(polls.next_request().now_or_never().is_none());
        polls.write(response("4late")).await;
        assert_eq!(client.recv().await, Some("late".into()));
    });
}

#[test]
fn the_handshake_is_reported_once() {
    // Ported from protocol: test-suite.js:131; python-engineio: test_polling_connection_successful,
    // test_websocket_connection_successful
    under_many_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                let open = r#"0{"sid":"123","upgrades":[],"pingInterval":1000,"pingTimeout":2000}"#;
                open_by(&mut peer, transport, open).await;
                (server, peer)
            });
            let calls = Calls::default();
            let connect = calls.clone();
            let mut client = builder(&runtime, transport)
                .on_connect(move |handle| connect.note(format!("{:?}", handle.sid())))
                .connect()
                .await
                .unwrap();
            let (_server, _peer) = script.await;
            let connected = client.opened().await.unwrap();
            assert_eq!(connected.transport, transport);
            let handshake = &connected.handshake;
            assert_eq!(handshake.sid, "123");
            assert_eq!(handshake.upgrades, [""; 0]);
            assert_eq!(handshake.ping_interval, Duration::from_secs(1));
            assert_eq!(handshake.ping_timeout, Duration::from_secs(2));
            assert_eq!(handshake.max_payload, None);
            assert_eq!(client.sid().as_deref(), Some("123"));
            assert_eq!(client.transport(), Some(transport));
            assert!(matches!(client.next().await, Some(Event::Connected(_))));
            assert!(client.next().now_or_never().is_none());
            settle(&runtime).await;
            assert_eq!(calls.all(), [r#"Some("123")"#]);
        }
    });
}

#[test]
fn the_urls_user_goes_with_every_request_of_both_transports_as_basic_authentication() {
    // Ported from python-engineio: test_websocket_connection_with_auth
    under_many_orders(async |runtime| {
        for (own, expected) in [(None, "Basic Zm9vOmJhcg=="), (Some("mine"), "mine")] {
            for transport in ["polling", "websocket"] {
                let mut server = Server::new(&runtime);
                let script = spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    if transport == "websocket" {
                        let request = peer.accept_websocket().await;
                        peer.write(frame(TEXT, open_packet(INTERVAL, TIMEOUT)))
                            .await;
                        return (vec![request], vec![peer]);
                    }
                    let mut requests = vec![peer.answer(open_packet(INTERVAL, TIMEOUT)).await];
                    requests.push(peer.request().await);
                    let mut posts = server.accept().await;
                    requests.push(posts.answer("ok").await);
                    (requests, vec![peer, posts])
                });
                let mut builder = Builder::new(
                    "http://foo:bar@10.0.0.1",
                    Transports::default(),
                    runtime.clone(),
                );
                if let Some(own) = own {
                    builder = builder.header("Authorization", own);
                }
                // A random timestamp could contain "foo" by chance.
                builder = builder.timestamps(false);
                let client = builder.transports([transport]).connect().await.unwrap();
                client.send("x").await.unwrap();
                let (requests, peers) = script.await;
                // The next server must not see this session's connections.
                drop(peers);
                client.wait().await;
                assert_eq!(requests.len(), if transport == "polling" { 3 } else { 1 });
                for request in requests {
                    assert_eq!(request.header("authorization"), Some(expected));
                    assert!(!request.target.contains("foo"), "{}", request.target);
                }
            }
        }
    });
}

/// The calls of a test's handlers.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Checks that the session has ended for this reason, and that events and handlers have reported it
/// once.
async fn ended_once(client: Session, calls: &Calls, kind: ErrorKind) {
    let closed = client.wait().await;
    assert!(failed_with(closed.reason(), kind), "{closed}");
    let refused = client.send("late").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    let events: Vec<Event> = client.collect().await;
    assert!(
        matches!(&events[..], [Event::Connected(_), Event::Closed(_)]),
        "{events:?}"
    );
    assert_eq!(calls.all().len(), 1, "{:?}", calls.all());
}

#[test]
fn a_poll_that_fails_ends_the_session_and_is_reported_once() {
    // Ported from protocol: test-suite.js:288; engine.io: server.js:1592, :1683; python-engineio:
    // test_receive_unknown_packet, test_read_loop_polling_no_response,
    // test_read_loop_polling_bad_status, test_read_loop_polling_bad_packet, test_read_loop_polling
    under_many_orders(async |runtime| {
        for (answer, kind) in [
            (Vec::new(), ErrorKind::Ended),
            (FORBIDDEN.into(), ErrorKind::Status),
            (response("foo"), ErrorKind::Protocol),
        ] {
            let calls = Calls::default();
            let disconnect = calls.clone();
            let (client, mut server, mut polls) = on_polling(&runtime, INTERVAL, |builder| {
                builder.on_disconnect(move |_, closed| disconnect.note(closed.to_string()))
            })
            .await;
            let script = spawn(&runtime, async move {
                // The packets of the last good poll are handled.
                polls.answer("2\x1e6").await;
                assert_eq!(polls.answer("ok").await.body, b"3");
                let mut peer = server.accept().await;
                assert_eq!(peer.request().await.method, "GET");
                peer.write(answer).await;
                drop(peer);
                (server, polls)
            });
            ended_once(client, &calls, kind).await;
            let (mut server, _polls) = script.await;
            assert!(!server.has_another(), "another poll");
        }
    });
}

#[test]
fn a_websocket_that_fails_ends_the_session_and_is_reported_once() {
    // Ported from protocol: test-suite.js:392; engine.io: server.js:1607, :1705; python-engineio:
    // test_receive_unknown_packet, test_read_loop_websocket_no_response,
    // test_read_loop_websocket_unexpected_error, test_read_loop_websocket
    under_many_orders(async |runtime| {
        for (bytes, kind) in [
            (Vec::new(), ErrorKind::Ended),
            (frame(TEXT, ""), ErrorKind::Protocol),
            (frame(TEXT, "foo"), ErrorKind::Protocol),
            (fragment(FIN | 0x40 | TEXT, "4x"), ErrorKind::WebSocket),
        ] {
            let calls = Calls::default();
            let disconnect = calls.clone();
            let (client, mut peer) = on_websocket_with(&runtime, |builder| {
                builder.on_disconnect(move |_, closed| disconnect.note(closed.to_string()))
            })
            .await;
            peer.write(frame(TEXT, "2")).await;
            assert_eq!(peer.frame().await.payload, b"3");
            peer.write(bytes).await;
            drop(peer);
            ended_once(client, &calls, kind).await;
        }
    });
}

#[test]
fn a_post_that_fails_ends_the_session_though_a_poll_waits() {
    // Ported from engine.io-client: socket.js:187; python-engineio:
    // test_write_loop_polling_bad_connection, test_write_loop_polling_bad_status
    under_many_orders(async |runtime| {
        // A server that has just closed the session refuses POSTs, and gives the reason in the response
        // to the poll. So after a refused POST, the client waits a moment for that response.
        let a_moment = Duration::from_secs(1);
        for (answer, kind, waits) in [
            ("", ErrorKind::Ended, Duration::ZERO),
            (
                "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
                ErrorKind::Status,
                a_moment,
            ),
            (
                "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n",
                ErrorKind::Status,
                a_moment,
            ),
        ] {
            let start = runtime.now();
            let (client, mut server, mut polls) =
                on_polling(&runtime, 3_600_000, |builder| builder).await;
            let script = spawn(&runtime, async move {
                polls.request().await;
                let mut posts = server.accept().await;
                assert_eq!(posts.request().await.body, b"4x");
                posts.write(answer).await;
                drop(posts);
                (server, polls)
            });
            client.send("x").await.unwrap();
            let closed = client.wait().await;
            assert!(failed_with(closed.reason(), kind), "{closed}");
            assert_eq!(closed.uncertain(), [Message::from("x")]);
            assert_eq!(runtime.now() - start, waits);
            let (mut server, _polls) = script.await;
            assert!(!server.has_another(), "another POST");
        }
    });
}

/// Rule E44.
#[test]
fn a_close_frame_of_any_code_is_a_close_by_the_server() {
    // Ported from engine.io-client: socket.js:214; engine.io: server.js:997, :1705, :1850
    under_many_orders(async |runtime| {
        for (code, reason, shown) in [
            (None, "", ""),
            (Some(1000_u16), "", ""),
            (Some(1000), "bye", " (1000: bye)"),
            (Some(1001), "", " (1001)"),
            (
                Some(1009),
                "Max payload size exceeded",
                " (1009: Max payload size exceeded)",
            ),
            (Some(1011), "\u{1b}[2J\n", " (1011: \\u{1b}[2J\\n)"),
            (Some(4999), "ours", " (4999: ours)"),
        ] {
            let (client, mut peer) = on_websocket(&runtime).await;
            let mut payload = code.map_or_else(Vec::new, |code| code.to_be_bytes().to_vec());
            payload.extend(reason.as_bytes());
            peer.write(frame(CLOSE, &payload)).await;
            let closed = client.wait().await;
            let Reason::Server {
                close: Some(close), ..
            } = closed.reason()
            else {
                panic!("{closed:?}")
            };
            assert_eq!((close.code, &*close.reason), (code.unwrap_or(1005), reason));
            assert_eq!(closed.to_string(), format!("closed by the server{shown}"));
            assert!(!closed.is_clean());
            let late = client.send("late").await.unwrap_err();
            assert!(late.error.to_string().ends_with(shown), "{}", late.error);
        }
    });
}
