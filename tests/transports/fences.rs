//! How a client learns how far the server has read: over WebSocket by fences, and over polling by the
//! time at which a poll was sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::runtime::mock::Conditions;
use engineio_client::transports::{Dialer, Polling, WebSocket};
use engineio_client::{
    Activity, Batch, Confirms, Error, ErrorKind, Fence, Link, MockRuntime, OpenRequest, Packet,
    PacketReceiver, Runtime, async_trait,
};
use futures::FutureExt as _;

use crate::certificates::AUTHORITY;
use crate::raw::{
    BINARY, CLOSE, CONTINUATION, FIN, Frame, HOST, PING, PIPE, PONG, Peer, Server, TEXT, fragment,
    frame, settle, spawn, under_both_orders, under_some_orders,
};
use crate::tls::{URL, accept};
use crate::websocket::{is_message, websocket};
use crate::{message, open};

fn fence(text: &str) -> Fence {
    Fence::from_bytes(text.as_bytes()).expect("16 bytes")
}

fn with_fence(packets: Vec<Packet>, fence: Fence) -> Batch {
    Batch::from(packets).with_fence(fence)
}

const FIRST: &str = "the first fence.";
const SECOND: &str = "the second fence";

/// Sends a fence without a batch, and returns the frame that the server reads.
async fn send_fence(link: &mut Link, peer: &mut Peer, text: &str) -> Frame {
    let batch = with_fence(Vec::new(), fence(text));
    link.sender.send(batch).await.unwrap();
    peer.frame().await
}

/// A link that has sent a fence. The server has read the fence, but has not answered it.
async fn fenced(runtime: &MockRuntime) -> (Link, Peer) {
    let (mut link, mut peer) = websocket(runtime).await;
    send_fence(&mut link, &mut peer, FIRST).await;
    (link, peer)
}

/// The packets that a call of `recv` returns, and the fence that was answered.
async fn received(receiver: &mut dyn PacketReceiver) -> (Vec<Packet>, Option<Fence>) {
    let packets = receiver.recv().await.unwrap();
    (packets, receiver.answered_fence())
}

/// The value of one field in the activity's debug output. The value of `received`, for example, is
/// `None` or a time.
fn reported(activity: &Activity, what: &str) -> String {
    let all = format!("{activity:?}");
    let (_, behind) = all.split_once(&format!("{what}: ")).expect("the field");
    let end = behind.find([',', ' ']).unwrap_or(behind.len());
    behind[..end].to_owned()
}

/// Rule E51.
#[test]
fn a_fence_is_a_masked_ping_after_its_batch_or_alone() {
    under_some_orders(async |runtime| {
        let (mut link, mut peer) = websocket(&runtime).await;
        assert_eq!(link.sender.confirms(), Confirms::ByFence);
        let packets = vec![message("a"), message(vec![1, 2])];
        let batch = with_fence(packets, fence(FIRST));
        link.sender.send(batch).await.unwrap();
        assert!(is_message(&peer.frame().await, TEXT, "4a"));
        assert!(is_message(&peer.frame().await, BINARY, [1, 2]));
        let ping = peer.frame().await;
        assert!(is_message(&ping, PING, FIRST), "{ping:?}");
        assert_eq!(ping.length, [0x80 | 16]);
        // The next batch has no fence, and a fence may be sent without a batch.
        link.sender.send(vec![message("b")].into()).await.unwrap();
        assert!(is_message(&peer.frame().await, TEXT, "4b"));
        let ping = send_fence(&mut link, &mut peer, SECOND).await;
        assert!(is_message(&ping, PING, SECOND), "{ping:?}");
        drop(link);
        assert_eq!(peer.read_to_end().await, b"");
    });
}

#[test]
fn a_fence_stays_after_a_batch_that_is_written_in_pieces() {
    under_both_orders(async |runtime| {
        // A message needs many pieces, or exactly one together with its frame header of eight bytes, or
        // one byte more or less than one piece.
        let lengths = [PIPE, 4096 - 8, 4096 - 9, 4096 - 7];
        for length in lengths {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                peer.accept_websocket().await;
                peer
            });
            let transport = WebSocket::default().write_buffer_size(4096);
            let link = open(&runtime, transport, |_| {}).await.unwrap();
            let (mut sender, mut receiver) = (link.sender, link.receiver);
            let mut peer = script.await;
            let large = vec![7; length];
            let batch = vec![message(large.clone()); 3];
            let sent = spawn(&runtime, async move {
                sender.send(with_fence(batch, fence(FIRST))).await.unwrap();
                sender
            });
            let received = spawn(&runtime, async move { receiver.recv().await });
            settle(&runtime).await;
            // This ping makes a pong due while the batch is being written.
            peer.write(frame(PING, "meanwhile")).await;
            settle(&runtime).await;
            let mut frames = Vec::new();
            while frames.len() < 5 {
                frames.push(peer.frame().await);
            }
            frames.retain(|frame| !is_message(frame, PONG, "meanwhile"));
            let (last, before) = frames.split_last().unwrap();
            assert_eq!(before.len(), 3, "{frames:?}");
            for frame in before {
                assert!(is_message(frame, BINARY, &large), "{frame:?}");
            }
            assert!(is_message(last, PING, FIRST), "{frames:?}");
            drop(sent.await);
            drop(peer);
            assert_eq!(received.await.unwrap_err().kind(), ErrorKind::Ended);
        }
    });
}

#[test]
fn a_pong_to_a_fence_is_reported_once_and_is_no_packet() {
    under_some_orders(async |runtime| {
        for size in [1, 5, 1000] {
            let (mut link, mut peer) = fenced(&runtime).await;
            assert_eq!(link.receiver.answered_fence(), None);
            let mut receiver = link.receiver;
            let received = spawn(&runtime, async move {
                let received = received(&mut *receiver).await;
                (receiver, received)
            });
            peer.write_pieces(frame(PONG, FIRST), size).await;
            let (mut receiver, received) = received.await;
            assert_eq!(received, (Vec::new(), Some(fence(FIRST))));
            assert_eq!(receiver.answered_fence(), None, "reported twice");
            assert!(receiver.recv().now_or_never().is_none());
        }
    });
}

#[test]
fn a_pong_is_reported_with_the_packets_around_it() {
    under_some_orders(async |runtime| {
        let pong = frame(PONG, FIRST);
        let (text, ping) = (frame(TEXT, "4x"), frame(PING, "y"));
        for bytes in [
            [pong.clone(), text.clone()].concat(),
            [text.clone(), pong.clone()].concat(),
            [ping, pong.clone(), frame(PONG, "foreign"), text].concat(),
        ] {
            let (mut link, mut peer) = fenced(&runtime).await;
            peer.write(bytes).await;
            let expected = (vec![message("x")], Some(fence(FIRST)));
            assert_eq!(received(&mut *link.receiver).await, expected);
            assert!(link.receiver.recv().now_or_never().is_none());
        }
        // A pong between the fragments of a message.
        let (mut link, mut peer) = fenced(&runtime).await;
        peer.write([fragment(TEXT, "4"), pong].concat()).await;
        let expected = (Vec::new(), Some(fence(FIRST)));
        assert_eq!(received(&mut *link.receiver).await, expected);
        peer.write(frame(CONTINUATION, "x")).await;
        let expected = (vec![message("x")], None);
        assert_eq!(received(&mut *link.receiver).await, expected);
    });
}

/// Rule E52.
#[test]
fn only_the_newest_of_many_pongs_is_reported() {
    under_some_orders(async |runtime| {
        let (mut link, mut peer) = fenced(&runtime).await;
        send_fence(&mut link, &mut peer, SECOND).await;
        let pongs = [frame(PONG, FIRST), frame(PONG, SECOND)].concat();
        peer.write(pongs).await;
        let expected = (Vec::new(), Some(fence(SECOND)));
        assert_eq!(received(&mut *link.receiver).await, expected);
        assert!(link.receiver.recv().now_or_never().is_none());
        // A newer answered fence also replaces one that `answered_fence` has not returned yet.
        for text in [FIRST, SECOND] {
            peer.write(frame(PONG, text)).await;
            assert_eq!(link.receiver.recv().await.unwrap(), []);
        }
        assert_eq!(link.receiver.answered_fence(), Some(fence(SECOND)));
        assert_eq!(link.receiver.answered_fence(), None);
    });
}

/// Rule E52.
#[test]
fn pongs_that_answer_no_fence_are_not_reported() {
    under_some_orders(async |runtime| {
        let (mut link, mut peer) = fenced(&runtime).await;
        let foreign = [&b""[..], &[1; 15], &[1; 17], &[1; 125]];
        let pongs = foreign.map(|data| frame(PONG, data));
        peer.write(pongs.concat()).await;
        assert!(link.receiver.recv().now_or_never().is_none());
        assert_eq!(link.receiver.answered_fence(), None);
        // Before the first fence no pong is reported, whatever its payload.
        let (mut link, mut peer) = websocket(&runtime).await;
        peer.write(frame(PONG, FIRST)).await;
        assert!(link.receiver.recv().now_or_never().is_none());
        assert_eq!(link.receiver.answered_fence(), None);
        peer.write(frame(TEXT, "4x")).await;
        let expected = (vec![message("x")], None);
        assert_eq!(received(&mut *link.receiver).await, expected);
    });
}

#[test]
fn a_pong_that_breaks_the_protocol_is_an_error_after_a_good_one() {
    under_some_orders(async |runtime| {
        for bad in [
            fragment(PONG, FIRST),
            frame(PONG, [7; 126]),
            fragment(FIN | 0x40 | PONG, FIRST),
        ] {
            let (mut link, mut peer) = fenced(&runtime).await;
            peer.write([frame(PONG, FIRST), bad].concat()).await;
            let expected = (Vec::new(), Some(fence(FIRST)));
            assert_eq!(received(&mut *link.receiver).await, expected);
            let error = link.receiver.recv().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WebSocket);
            assert_eq!(link.receiver.answered_fence(), None);
        }
        // The end of the connection is an error, too.
        let (mut link, mut peer) = fenced(&runtime).await;
        peer.write(frame(PONG, FIRST)).await;
        drop(peer);
        let expected = (Vec::new(), Some(fence(FIRST)));
        assert_eq!(received(&mut *link.receiver).await, expected);
        let error = link.receiver.recv().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ended);
    });
}

#[test]
fn a_pong_after_a_close_frame_is_not_reported() {
    under_some_orders(async |runtime| {
        for together in [true, false] {
            let (mut link, mut peer) = fenced(&runtime).await;
            send_fence(&mut link, &mut peer, SECOND).await;
            peer.write([frame(PONG, FIRST), frame(CLOSE, [])].concat())
                .await;
            if together {
                peer.write(frame(PONG, SECOND)).await;
            }
            let expected = (vec![Packet::Close], Some(fence(FIRST)));
            assert_eq!(received(&mut *link.receiver).await, expected);
            if !together {
                peer.write(frame(PONG, SECOND)).await;
            }
            let error = link.receiver.recv().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WebSocket);
            assert_eq!(link.receiver.answered_fence(), None);
        }
    });
}

#[test]
fn a_flood_of_pongs_keeps_within_the_bounds_of_a_call() {
    under_both_orders(async |runtime| {
        const COUNT: usize = 3000;
        let (link, mut peer) = fenced(&runtime).await;
        let Link {
            mut receiver,
            sender,
            ..
        } = link;
        let writing = spawn(&runtime, async move {
            let pongs = frame(PONG, FIRST).repeat(COUNT);
            peer.write([pongs, frame(TEXT, "4x")].concat()).await;
            peer
        });
        settle(&runtime).await;
        let mut calls = 0;
        loop {
            calls += 1;
            let (packets, answered) = received(&mut *receiver).await;
            assert_eq!(answered, Some(fence(FIRST)));
            if packets == [message("x")] {
                break;
            }
            assert_eq!(packets, []);
        }
        // `recv` returns once for each read into the buffer, not once for each pong.
        assert!((3..=6).contains(&calls), "{calls} calls");
        assert!(receiver.recv().now_or_never().is_none());
        drop((writing.await, sender));
    });
}

/// Rule E30.
#[test]
fn a_pong_is_no_sign_of_life_but_part_of_a_message_is() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.accept_websocket().await;
            peer
        });
        let mut activity = None;
        let link = open(&runtime, WebSocket::default(), |request| {
            activity = Some(request.activity.clone());
        });
        let mut link = link.await.unwrap();
        let (activity, mut peer) = (activity.unwrap(), script.await);
        send_fence(&mut link, &mut peer, FIRST).await;
        let step = Duration::from_secs(1);
        let mut receiver = link.receiver;
        let receiving = spawn(
            &runtime,
            async move { while receiver.recv().await.is_ok() {} },
        );
        let pongs = [frame(PONG, FIRST), frame(PONG, "foreign")];
        for pong in pongs.iter().flat_map(|pong| [pong.clone(), pong.repeat(3)]) {
            runtime.sleep(step).await;
            peer.write(&pong).await;
            settle(&runtime).await;
            assert_eq!(reported(&activity, "received"), "None");
            for size in [1, 12] {
                peer.write_pieces(&pong, size).await;
                assert_eq!(reported(&activity, "received"), "None");
            }
        }
        // A frame that is not a pong is a sign of life, whether it arrives before or after a pong, and
        // even if only a part of it arrives.
        let long = [frame(PONG, FIRST), vec![FIN | CONTINUATION]].concat();
        for (number, bytes) in [
            [frame(PING, ""), frame(PONG, FIRST)].concat(),
            [fragment(TEXT, "4"), frame(PONG, FIRST)].concat(),
            [frame(PONG, FIRST), fragment(CONTINUATION, "")].concat(),
            long,
        ]
        .into_iter()
        .enumerate()
        {
            runtime.sleep(step).await;
            let now = runtime.now();
            peer.write(bytes).await;
            settle(&runtime).await;
            let expected = format!("Some({now:?})");
            assert_eq!(reported(&activity, "received"), expected, "{number}");
        }
        drop(receiving);
    });
}

// The time at which a poll has left.

/// Opens a link. Returns it with the record of its activity.
async fn watched(
    runtime: &MockRuntime,
    polling: Polling,
    edit: impl FnOnce(&mut OpenRequest),
) -> (Link, Activity) {
    let mut activity = None;
    let link = open(runtime, polling, |request| {
        activity = Some(request.activity.clone());
        edit(request);
    });
    (link.await.unwrap(), activity.unwrap())
}

/// Checks the time at which the last poll left; `None` if that time is unknown.
fn left_at(activity: &Activity, at: Option<Duration>) {
    let expected = at.map_or_else(|| "Untold".to_owned(), |at| format!("At({at:?})"));
    assert_eq!(reported(activity, "asked"), expected);
}

const SECOND_OF_TIME: Duration = Duration::from_secs(1);

#[test]
fn a_poll_has_left_when_its_request_is_written_and_not_while_it_connects() {
    under_some_orders(async |runtime| {
        let slow = Conditions::new().connect_latency(3 * SECOND_OF_TIME);
        runtime.network().set(slow);
        let mut server = Server::new(&runtime);
        let (mut link, activity) = watched(&runtime, Polling::default(), |_| {}).await;
        assert_eq!(link.sender.confirms(), Confirms::ByPoll);
        let mut last = None;
        for _ in 0..2 {
            let called = runtime.now();
            let mut receiver = link.receiver;
            let received = spawn(&runtime, async move {
                let packets = receiver.recv().await.unwrap();
                (receiver, packets)
            });
            runtime.sleep(2 * SECOND_OF_TIME).await;
            left_at(&activity, last);
            let mut peer = server.accept().await;
            settle(&runtime).await;
            last = Some(called + 3 * SECOND_OF_TIME);
            left_at(&activity, last);
            // The time does not change while the poll waits, nor when it is answered.
            runtime.sleep(SECOND_OF_TIME).await;
            peer.answer("4x").await;
            let (receiver, packets) = received.await;
            assert_eq!(packets, [message("x")]);
            left_at(&activity, last);
            // The pause is longer than the client keeps a connection, so the next poll needs a new one.
            runtime.sleep(4 * SECOND_OF_TIME).await;
            link.receiver = receiver;
        }
    });
}

#[test]
fn on_a_kept_connection_a_poll_leaves_at_once_and_a_post_does_not_count() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            for _ in 0..3 {
                peer.answer("4x").await;
            }
            peer
        });
        let (mut link, activity) = watched(&runtime, Polling::default(), |_| {}).await;
        link.receiver.recv().await.unwrap();
        let first = runtime.now();
        left_at(&activity, Some(first));
        let moment = Duration::from_millis(300);
        runtime.sleep(moment).await;
        link.sender.send(vec![message("m")].into()).await.unwrap();
        left_at(&activity, Some(first));
        runtime.sleep(moment).await;
        link.receiver.recv().await.unwrap();
        left_at(&activity, Some(first + 2 * moment));
        drop(script.await);
    });
}

#[test]
fn a_poll_has_not_left_within_a_tls_handshake_nor_before_its_last_byte() {
    under_some_orders(async |runtime| {
        runtime.network().name("chat.test", [HOST]);
        let mut listener = runtime.listen((HOST, 443).into());
        let config = AUTHORITY.issue(&["chat.test"]).server();
        let waits = runtime.clone();
        let script = spawn(&runtime, async move {
            let stream = listener.accept().await;
            waits.sleep(3 * SECOND_OF_TIME).await;
            let stream = accept(stream, &config).await.unwrap();
            // The request is longer than the network's buffer, so that a part of it waits at the client.
            waits.sleep(3 * SECOND_OF_TIME).await;
            let mut peer = Peer::new(&waits, stream);
            peer.answer("4x").await;
            peer
        });
        let dialer = Dialer::default().tls(AUTHORITY.trusted());
        let polling = Polling::default().dialer(dialer);
        let (mut link, activity) = watched(&runtime, polling, |request| {
            request.url = URL.parse().unwrap();
            let long = "x".repeat(2 * PIPE).parse().unwrap();
            request.headers.insert("x-long", long);
        })
        .await;
        let receiving = spawn(&runtime, async move { link.receiver.recv().await });
        for _ in 0..5 {
            runtime.sleep(SECOND_OF_TIME).await;
            left_at(&activity, None);
        }
        assert_eq!(receiving.await.unwrap(), [message("x")]);
        left_at(&activity, Some(6 * SECOND_OF_TIME));
        drop(script.await);
    });
}

#[test]
fn a_poll_that_is_sent_again_leaves_again() {
    under_some_orders(async |runtime| {
        let latency = Duration::from_millis(50);
        runtime.network().set(Conditions::new().latency(latency));
        let mut server = Server::new(&runtime);
        let waits = runtime.clone();
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.answer("4first").await;
            // The server has closed the connection, and the client does not know yet.
            waits.sleep(latency / 2).await;
            drop(peer);
            let mut next = server.accept().await;
            next.answer("4second").await;
            next
        });
        let (mut link, activity) = watched(&runtime, Polling::default(), |_| {}).await;
        assert_eq!(link.receiver.recv().await.unwrap(), [message("first")]);
        let called = runtime.now();
        let receiving = spawn(&runtime, async move { link.receiver.recv().await });
        settle(&runtime).await;
        left_at(&activity, Some(called));
        assert_eq!(receiving.await.unwrap(), [message("second")]);
        left_at(&activity, Some(called + latency / 2));
        drop(script.await);
    });
}

/// An HTTP client that does not report when its requests leave.
struct Foreign;

#[async_trait]
impl HttpClient for Foreign {
    async fn send(
        &self,
        _: http::Request<Bytes>,
        _: &Exchange,
    ) -> Result<http::Response<Bytes>, Error> {
        Ok(http::Response::new(Bytes::from("4x")))
    }
}

#[test]
fn the_departure_of_a_poll_by_a_users_http_client_is_unknown() {
    under_some_orders(async |runtime| {
        let polling = Polling::with_client(Arc::new(Foreign));
        let (mut link, activity) = watched(&runtime, polling, |_| {}).await;
        assert_eq!(link.sender.confirms(), Confirms::ByPoll);
        assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
        left_at(&activity, None);
    });
}
