//! WebSocket: the handshake, the frames of the server, and the bytes of the client's frames. Handshakes
//! and frames that break the protocol are in `tests/faults`.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::runtime::mock::{MemoryStream, duplex};
use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::transports::{Polling, WebSocket};
use engineio_client::{
    Activity, Error, ErrorKind, Framing, Limits, Link, Message, MockRuntime, OpenRequest, Packet,
    Runtime, Transport, async_trait,
};
use futures::FutureExt;
use futures::future::{BoxFuture, join};

use crate::raw::{
    BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PIPE, PONG, Peer, Request, Server, TEXT,
    fragment, frame, frame_head, settle, spawn, switching, under_both_orders, under_some_orders,
};
use crate::{message, open};

/// A link to a server that has accepted the request.
pub(crate) async fn websocket(runtime: &MockRuntime) -> (Link, Peer) {
    websocket_with(runtime, |_| {}).await
}

/// Sets a sid, so that the server's first packet need not be the open packet.
fn behind_the_open_packet(limits: Limits) -> impl FnOnce(&mut OpenRequest) {
    move |request| {
        request.sid = Some("s".into());
        request.limits = limits;
    }
}

async fn websocket_with(
    runtime: &MockRuntime,
    edit: impl FnOnce(&mut OpenRequest),
) -> (Link, Peer) {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        peer.accept_websocket().await;
        peer
    });
    let link = open(runtime, WebSocket::default(), edit).await.unwrap();
    assert_eq!(link.framing, Framing::Frames);
    (link, script.await)
}

/// The result of opening when the server answers with these bytes, in pieces of this size, and closes
/// the connection.
async fn opened_in_pieces(
    runtime: &MockRuntime,
    answer: impl FnOnce(&Request) -> Vec<u8> + Send + 'static,
    size: usize,
) -> Result<Link, Error> {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        let request = peer.request().await;
        let answer = answer(&request);
        if size == usize::MAX {
            peer.write(answer).await;
        } else {
            peer.write_pieces(answer, size).await;
        }
        drop(peer);
        assert!(!server.has_another(), "the client tries nothing twice");
    });
    let link = open(runtime, WebSocket::default(), |_| {}).await;
    script.await;
    link
}

async fn opened(
    runtime: &MockRuntime,
    answer: impl FnOnce(&Request) -> Vec<u8> + Send + 'static,
) -> Result<Link, Error> {
    opened_in_pieces(runtime, answer, usize::MAX).await
}

/// Whether a frame of the client is a whole message with this payload.
pub(crate) fn is_message(frame: &Frame, opcode: u8, payload: impl AsRef<[u8]>) -> bool {
    frame.first == FIN | opcode && frame.mask.is_some() && frame.payload == payload.as_ref()
}

#[test]
fn a_handshake_is_assembled_from_segments_of_any_size() {
    under_some_orders(async |runtime| {
        // A response in pieces of one byte needs more reads than tungstenite's own handshake accepts.
        for size in [1, 2, 3, 7, 50, usize::MAX] {
            let answer = |request: &Request| {
                let head = switching(request);
                assert!(head.len() > 128);
                [
                    head.as_bytes(),
                    &frame(TEXT, "4first"),
                    &frame(TEXT, "4second"),
                ]
                .concat()
            };
            let mut link = opened_in_pieces(&runtime, answer, size).await.unwrap();
            let mut packets = link.receiver.recv().await.unwrap();
            if packets.len() < 2 {
                packets.extend(link.receiver.recv().await.unwrap());
            }
            assert_eq!(
                packets,
                [message("first"), message("second")],
                "in pieces of {size}"
            );
            let error = link.receiver.recv().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Ended);
        }
    });
}

#[test]
fn the_end_of_a_head_is_found_wherever_a_read_cuts_it() {
    under_some_orders(async |runtime| {
        // With some of these lengths, the first read ends within the empty line at the end of the head.
        for length in 4090..4105 {
            let answer = move |request: &Request| {
                let head = switching(request);
                let head = head.trim_end();
                let padding = "x".repeat(length - head.len() - "\r\nX: \r\n\r\n".len());
                let head = format!("{head}\r\nX: {padding}\r\n\r\n");
                assert_eq!(head.len(), length);
                [head.as_bytes(), &frame(TEXT, "4x")].concat()
            };
            let mut link = opened(&runtime, answer).await.unwrap();
            assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
        }
    });
}

#[test]
fn frames_in_the_segment_of_the_head_are_not_lost() {
    under_some_orders(async |runtime| {
        // The segment of the head also contains the frames up to `cut`, which is every possible place.
        let frames = [frame(TEXT, "4first"), frame(BINARY, [7; 300])].concat();
        for cut in 0..=frames.len() {
            let mut server = Server::new(&runtime);
            let script = {
                let (now, later) = frames.split_at(cut);
                let (now, later) = (now.to_vec(), later.to_vec());
                let clock = runtime.clone();
                spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    let request = peer.request().await;
                    peer.write([switching(&request).as_bytes(), &now].concat())
                        .await;
                    settle(&clock).await;
                    peer.write(later).await;
                    peer
                })
            };
            let mut link = open(&runtime, WebSocket::default(), |_| {}).await.unwrap();
            let mut packets = Vec::new();
            while packets.len() < 2 {
                packets.extend(link.receiver.recv().await.unwrap());
            }
            assert_eq!(packets, [message("first"), message(vec![7; 300])]);
            script.await;
        }
    });
}

#[test]
fn interim_responses_to_the_handshake_are_skipped() {
    under_some_orders(async |runtime| {
        for size in [1, 60, usize::MAX] {
            let answer = |request: &Request| {
                let interim = "HTTP/1.1 100 Continue\r\n\r\n\
                    HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
                let mut answer = interim.to_owned().into_bytes();
                answer.extend(switching(request).as_bytes());
                answer.extend(frame(TEXT, "4x"));
                answer
            };
            let mut link = opened_in_pieces(&runtime, answer, size).await.unwrap();
            assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
        }
    });
}

/// Rules E10, E11, E14.
#[test]
fn the_websocket_request_has_the_headers_of_the_protocol_and_the_user() {
    // Ported from engine.io-client: transport.js:179, :272, :301, :324; protocol: test-suite.js:158,
    // :180; engine.io: server.js:3500; python-engineio: test_websocket_connection_failed,
    // test_websocket_connection_extra, test_websocket_upgrade_failed
    under_some_orders(async |runtime| {
        let mut keys = Vec::new();
        for _ in 0..2 {
            let mut server = Server::on(&runtime, 8080);
            let script = spawn(&runtime, async move {
                server.accept().await.accept_websocket().await
            });
            let edit = |request: &mut OpenRequest| {
                request.url = "http://10.0.0.1:8080/x/".parse().unwrap();
                request.query = "user=1".into();
                request.sid = Some("a/b".into());
                request.timestamps = false;
                // The user's values for the headers of the handshake are ignored.
                for (name, value) in [
                    ("x-token", "abc"),
                    ("user-agent", "mine"),
                    ("upgrade", "h2c"),
                    ("connection", "close"),
                    ("sec-websocket-key", "x"),
                    ("sec-websocket-version", "8"),
                    ("sec-websocket-extensions", "permessage-deflate"),
                ] {
                    request.headers.append(name, value.parse().unwrap());
                }
            };
            open(&runtime, WebSocket::default(), edit).await.unwrap();
            let request = script.await;
            assert_eq!(request.method, "GET");
            assert_eq!(
                request.target,
                "/x/?user=1&EIO=4&transport=websocket&sid=a%2Fb"
            );
            for (name, value) in [
                ("host", Some("10.0.0.1:8080")),
                ("upgrade", Some("websocket")),
                ("connection", Some("Upgrade")),
                ("sec-websocket-version", Some("13")),
                ("x-token", Some("abc")),
                ("user-agent", Some("mine")),
                ("origin", None),
                ("sec-websocket-extensions", None),
                ("sec-websocket-protocol", None),
                ("accept-encoding", None),
            ] {
                assert_eq!(request.header(name), value, "{name}");
            }
            keys.push(request.header("sec-websocket-key").unwrap().to_owned());
        }
        // Each key is 16 bytes in base64, and differs from the key of the other request.
        assert!(
            keys.iter()
                .all(|key| key.len() == 24 && key.ends_with("=="))
        );
        assert_ne!(keys[0], keys[1]);
    });
}

#[test]
fn a_handshake_may_have_many_headers_and_be_written_in_many_ways() {
    under_some_orders(async |runtime| {
        let many = |count: usize| {
            move |request: &Request| {
                let head = switching(request);
                let mut head = head.trim_end().to_owned();
                // The head already has three headers.
                for i in 3..count {
                    head.push_str(&format!("\r\nX{i}: y"));
                }
                [format!("{head}\r\n\r\n").as_bytes(), &frame(TEXT, "4x")].concat()
            }
        };
        let rewritten = |from: &'static str, to: &'static str| {
            move |request: &Request| {
                let head = switching(request).replace(from, to);
                [head.as_bytes(), &frame(TEXT, "4x")].concat()
            }
        };
        for link in [
            opened(&runtime, many(1024)).await,
            opened(&runtime, rewritten("\r\n", "\n")).await,
            opened(&runtime, rewritten("HTTP/1.1 101", "\r\n\r\nHTTP/1.1 101")).await,
            opened_in_pieces(&runtime, rewritten("HTTP/1.1 101", "\r\nHTTP/1.1 101"), 1).await,
            opened(
                &runtime,
                rewritten("Connection: Upgrade", "connection:keep-alive , upgrade"),
            )
            .await,
            opened(
                &runtime,
                rewritten(
                    "Connection: Upgrade",
                    "Connection: keep-alive\r\nconnection: x, UPGRADE",
                ),
            )
            .await,
            opened(
                &runtime,
                rewritten("Upgrade: websocket", "UPGRADE: WebSocket"),
            )
            .await,
        ] {
            let mut link = link.unwrap();
            assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
        }
        let error = opened(&runtime, many(1025)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{}", error.report());
    });
}

#[test]
fn r23_a_response_that_selects_what_was_not_offered_is_an_error_that_names_the_header() {
    under_some_orders(async |runtime| {
        for (added, words) in [
            ("Sec-WebSocket-Extensions: ", "extension"),
            ("Sec-WebSocket-Protocol: v9", "was not offered"),
            ("Sec-WebSocket-Protocol: V1", "was not offered"),
            ("Sec-WebSocket-Protocol: ", "was not offered"),
            ("Sec-WebSocket-Protocol: v1, v2", "is not a single protocol"),
            (
                "Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v1",
                "is not a single protocol",
            ),
            // The server selects one of the offered protocols.
            ("Sec-WebSocket-Protocol: v2", ""),
        ] {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                let head = switching(&peer.request().await);
                let added = format!("\r\n{added}\r\n\r\n");
                peer.write(head.replace("\r\n\r\n", &added)).await;
                peer
            });
            let edit = |request: &mut OpenRequest| {
                let asked = "v1, v2".parse().unwrap();
                request.headers.append("sec-websocket-protocol", asked);
            };
            let opened = open(&runtime, WebSocket::default(), edit).await;
            script.await;
            if words.is_empty() {
                opened.unwrap();
                continue;
            }
            let error = opened.unwrap_err();
            let report = error.report();
            assert_eq!(error.kind(), ErrorKind::WebSocket, "{report}");
            assert!(report.contains(words) && report.len() < 200, "{report}");
        }
    });
}

#[test]
fn r17_header_names_are_capitalised() {
    under_both_orders(async |runtime| {
        let edit = |request: &mut OpenRequest| {
            for name in ["x-api-key", "sec-websocket-protocol", "cookie", "origin"] {
                request.headers.append(name, "v".parse().unwrap());
            }
        };
        let expected = ["Host", "User-Agent", "X-Api-Key", "Cookie", "Origin"];
        let of_websocket = [
            "Connection",
            "Upgrade",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Version",
        ];
        for (is_websocket, posts) in [(true, false), (false, false), (false, true)] {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                String::from_utf8(peer.read_some(4096).await).unwrap()
            });
            if is_websocket {
                drop(open(&runtime, WebSocket::default(), edit).await);
            } else {
                let mut link = open(&runtime, Polling::default(), edit).await.unwrap();
                if posts {
                    let batch = vec![message("x")].into();
                    link.sender.send(batch).await.unwrap_err();
                } else {
                    link.receiver.recv().await.unwrap_err();
                }
            }
            let head = script.await;
            let names = head
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(": "));
            let names: Vec<&str> = names.map(|(name, _)| name).collect();
            let of_websocket = of_websocket.iter().filter(|_| is_websocket);
            for name in expected.iter().chain(of_websocket) {
                assert!(names.contains(name), "{name} is not in {names:?}");
            }
            for word in names.iter().flat_map(|name| name.split('-')) {
                assert!(
                    word.starts_with(|c: char| c.is_ascii_uppercase()),
                    "{names:?}"
                );
            }
        }
    });
}

#[test]
fn r5_a_refusal_is_reported_as_soon_as_it_is_complete_though_the_connection_stays_open() {
    under_some_orders(async |runtime| {
        for (answer, words) in [
            (
                "400 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
                ": no",
            ),
            (
                "400 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "400",
            ),
            (
                "400 No\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: Chunked\r\nContent-Length: 9\r\n\r\n\
                 2;x=y\r\nno\r\n00;z\r\nTrailer: x\r\n\r\n",
                ": no",
            ),
            (
                "400 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno!\r\n",
                "400",
            ),
            ("400 No\r\nTransfer-Encoding: chunked\r\n\r\n<html>", "400"),
            ("400 No\r\nContent-Length: 2\r\n\r\nno", ": no"),
            (
                "400 No\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nno",
                ": no",
            ),
            ("400 No\r\nContent-Length: 2\r\n\r\nno, and more", ": no"),
            ("400 No\r\nContent-Length: 0\r\n\r\n", "400"),
            ("204 No\r\n\r\n", "204"),
            ("304 No\r\nContent-Length: 10\r\n\r\n", "304"),
        ] {
            for size in [1, 3, usize::MAX] {
                let mut server = Server::new(&runtime);
                let before = runtime.now();
                let script = spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    peer.request().await;
                    let answer = format!("HTTP/1.1 {answer}");
                    peer.write_pieces(&answer, size.min(answer.len())).await;
                    peer
                });
                let error = open(&runtime, WebSocket::default(), |_| {})
                    .await
                    .unwrap_err();
                assert_eq!(runtime.now(), before, "{answer:?}");
                assert_eq!(error.kind(), ErrorKind::Status);
                let report = error.report();
                assert!(report.contains(words), "{report}");
                assert!(!report.contains("more"), "{report}");
                script.await;
            }
        }
    });
}

#[test]
fn a_refusal_whose_body_does_not_come_is_reported_within_a_second() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nhalf")
                .await;
            peer
        });
        let error = open(&runtime, WebSocket::default(), |_| {})
            .await
            .unwrap_err();
        assert_eq!(error.status(), Some(400));
        assert!(
            runtime.now() <= Duration::from_secs(1),
            "{:?}",
            runtime.now()
        );
        script.await;
    });
}

#[test]
fn a_connection_that_ends_within_the_handshake_is_an_error() {
    under_some_orders(async |runtime| {
        for length in [0, 1, 12, 60, 120] {
            let answer = move |request: &Request| switching(request).as_bytes()[..length].into();
            let error = opened(&runtime, answer).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Ended, "{}", error.report());
        }
    });
}

#[test]
fn fragments_are_joined_and_a_ping_between_them_is_answered() {
    under_some_orders(async |runtime| {
        for size in [1, 3, 1000] {
            let (mut link, mut peer) = websocket(&runtime).await;
            let script = spawn(&runtime, async move {
                let bytes = [
                    // The boundary between these fragments cuts a character.
                    fragment(TEXT, b"4h\xc3"),
                    frame(PING, "between"),
                    fragment(CONTINUATION, b"\xb6l"),
                    fragment(CONTINUATION, ""),
                    frame(PONG, "nobody asked"),
                    fragment(FIN | CONTINUATION, "lo"),
                    fragment(BINARY, [1, 2]),
                    fragment(FIN | CONTINUATION, [3]),
                ]
                .concat();
                peer.write_pieces(bytes, size).await;
                assert!(is_message(&peer.frame().await, PONG, "between"));
                peer
            });
            let mut packets = link.receiver.recv().await.unwrap();
            if packets.len() < 2 {
                packets.extend(link.receiver.recv().await.unwrap());
            }
            assert_eq!(packets, [message("höllo"), message(vec![1, 2, 3])]);
            let mut peer = script.await;
            drop(link);
            assert_eq!(peer.read_to_end().await, b"");
        }
    });
}

/// Rules E1, E2, E4, E5, E7.
#[test]
fn packets_of_every_kind_are_decoded() {
    // Ported from engine.io-client: arraybuffer/ws.js:60
    under_some_orders(async |runtime| {
        let (mut link, mut peer) = websocket(&runtime).await;
        let bytes = [
            frame(TEXT, "0{}"),
            frame(TEXT, "2probe"),
            frame(TEXT, "4a\x1e4b"),
            frame(TEXT, "4"),
            frame(TEXT, "bAQID"),
            frame(BINARY, ""),
            frame(BINARY, "4x"),
            frame(TEXT, "6"),
            frame(TEXT, "1"),
        ]
        .concat();
        for size in [1, usize::MAX] {
            let mut packets = Vec::new();
            let feed = async {
                if size == 1 {
                    peer.write_pieces(&bytes, 1).await;
                } else {
                    peer.write(&bytes).await;
                }
            };
            let receive = async {
                while packets.len() < 9 {
                    packets.extend(link.receiver.recv().await.unwrap());
                }
            };
            join(feed, receive).await;
            assert_eq!(
                packets,
                [
                    Packet::Open("{}".into()),
                    Packet::Ping("probe".into()),
                    message("a\x1e4b"),
                    message(""),
                    message(vec![1, 2, 3]),
                    message(Vec::new()),
                    message(b"4x"),
                    Packet::Noop,
                    Packet::Close,
                ]
            );
        }
    });
}

#[test]
fn a_ping_is_answered_while_the_client_only_receives() {
    under_some_orders(async |runtime| {
        let (link, mut peer) = websocket(&runtime).await;
        let mut receiver = link.receiver;
        let received = spawn(&runtime, async move { receiver.recv().await });
        for data in ["", "a", &"x".repeat(125)] {
            peer.write(frame(PING, data)).await;
            assert!(is_message(&peer.frame().await, PONG, data));
        }
        peer.write(frame(TEXT, "4x")).await;
        assert_eq!(received.await.unwrap(), [message("x")]);
    });
}

#[test]
fn the_newest_of_many_pings_is_answered_though_nothing_follows_it() {
    under_some_orders(async |runtime| {
        for count in [100, 300, 1024, 3000] {
            let (link, mut peer) = websocket(&runtime).await;
            let mut receiver = link.receiver;
            let received = spawn(&runtime, async move { receiver.recv().await });
            let pings = (0..count).flat_map(|n| frame(PING, n.to_string()));
            peer.write(pings.collect::<Vec<u8>>()).await;
            let newest = (count - 1).to_string();
            while !is_message(&peer.frame().await, PONG, &newest) {}
            peer.write(frame(TEXT, "4x")).await;
            assert_eq!(received.await.unwrap(), [message("x")]);
        }
    });
}

#[test]
fn a_pong_is_sent_between_the_frames_of_a_waiting_send_and_never_within_one() {
    under_both_orders(async |runtime| {
        let (link, mut peer) = websocket(&runtime).await;
        let Link {
            mut sender,
            mut receiver,
            ..
        } = link;
        let large: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
        let expected = large.clone();
        let sent = spawn(&runtime, async move {
            sender.send(vec![message(large)].into()).await.unwrap();
            for n in 0..10 {
                let batch = vec![message(vec![n; 40_000]); 3];
                sender.send(batch.into()).await.unwrap();
            }
            sender
        });
        let received = spawn(&runtime, async move { receiver.recv().await });
        settle(&runtime).await;
        peer.write(frame(PING, "first")).await;
        settle(&runtime).await;
        // The client is still writing the first frame. The pong follows that frame, and comes before the
        // next batch.
        let first = peer.frame().await;
        assert!(is_message(&first, BINARY, expected));
        assert!(is_message(&peer.frame().await, PONG, "first"));
        settle(&runtime).await;
        peer.write(frame(PING, "second")).await;
        settle(&runtime).await;
        let mut pong = None;
        let mut next = 0;
        while next < 30 {
            let frame = peer.frame().await;
            if is_message(&frame, PONG, "second") {
                assert_eq!(pong.replace(next), None, "two pongs");
            } else {
                assert!(
                    is_message(&frame, BINARY, vec![next / 3; 40_000]),
                    "{frame:?}"
                );
                next += 1;
            }
        }
        assert!(pong.is_some_and(|at| at <= 6), "behind {pong:?} frames");
        peer.write(frame(TEXT, "4x")).await;
        assert_eq!(received.await.unwrap(), [message("x")]);
        sent.await;
    });
}

#[test]
fn a_pong_that_waited_for_the_last_frame_is_sent_without_further_frames() {
    under_some_orders(async |runtime| {
        let (link, mut peer) = websocket(&runtime).await;
        let Link {
            mut sender,
            mut receiver,
            ..
        } = link;
        let sent = spawn(&runtime, async move {
            let data = vec![7; PIPE];
            sender.send(vec![message(data)].into()).await.unwrap();
            sender
        });
        let received = spawn(&runtime, async move { receiver.recv().await });
        settle(&runtime).await;
        // The payload alone is as long as the pipe. So the pipe is full, and the client has yet to write
        // the last 14 bytes of the frame, a number equal to the length of its header. The pong must wait
        // for them.
        peer.write(frame(PING, "held")).await;
        settle(&runtime).await;
        // When the server has read 14 bytes, the client writes the last 14 bytes of the frame. The frame
        // is then completely written, the pipe is full again, and the pong still waits.
        let header = 1 + 9 + 4;
        let start = peer.read_exact(header).await;
        let sender = sent.await;
        settle(&runtime).await;
        assert_eq!(start[0], FIN | BINARY);
        peer.read_exact(PIPE).await;
        assert!(is_message(&peer.frame().await, PONG, "held"));
        peer.write(frame(TEXT, "4x")).await;
        assert_eq!(received.await.unwrap(), [message("x")]);
        drop(sender);
    });
}

#[test]
fn a_server_that_pings_and_does_not_read_costs_no_memory() {
    under_both_orders(async |runtime| {
        for sending in [false, true] {
            let (link, mut peer) = websocket(&runtime).await;
            let Link {
                mut sender,
                mut receiver,
                ..
            } = link;
            let received = spawn(&runtime, async move { receiver.recv().await });
            let sent = spawn(&runtime, async move {
                if sending {
                    let data = vec![7; 3 * PIPE];
                    sender.send(vec![message(data)].into()).await.unwrap();
                }
                sender
            });
            settle(&runtime).await;
            // The client reads each segment of seven pings on its own. The pongs to all pings would take
            // 1.3 MB.
            let data = "x".repeat(125);
            let pings = frame(PING, &data).repeat(7);
            for _ in 0..1500 {
                peer.write(&pings).await;
                settle(&runtime).await;
            }
            if sending {
                let first = peer.frame().await;
                assert!(is_message(&first, BINARY, vec![7; 3 * PIPE]));
            }
            drop(sent.await);
            // Counts the bytes of all pongs that arrive: those that had filled the pipe, and the few that
            // the client had queued until there was room.
            let mut pongs = 0;
            while let Some(frame) = {
                settle(&runtime).await;
                peer.frame().now_or_never()
            } {
                assert!(is_message(&frame, PONG, &data));
                pongs += frame.payload.len() + 6;
            }
            let most = if sending { 0 } else { PIPE } + 4 * 1024;
            assert!(pongs <= most, "{pongs} bytes of pongs were kept");
            assert!(pongs > 0);
            peer.write(frame(TEXT, "4x")).await;
            assert_eq!(received.await.unwrap(), [message("x")]);
        }
    });
}

#[test]
fn ready_messages_are_returned_at_once_in_batches_of_a_limited_size() {
    under_some_orders(async |runtime| {
        let (mut link, mut peer) = websocket(&runtime).await;
        let frames = (0..300).flat_map(|n| frame(TEXT, format!("4{n}")));
        peer.write(frames.collect::<Vec<u8>>()).await;
        let mut next = 0;
        for size in [256, 44] {
            let packets = link.receiver.recv().await.unwrap();
            assert_eq!(packets.len(), size);
            for packet in packets {
                assert_eq!(packet, message(next.to_string()));
                next += 1;
            }
        }
        assert!(link.receiver.recv().now_or_never().is_none());
    });
}

/// A `MockRuntime` with a single connection, which buffers more than the connections of the mock
/// network.
struct Wide {
    runtime: MockRuntime,
    stream: Mutex<Option<MemoryStream>>,
}

#[async_trait]
impl Runtime for Wide {
    fn now(&self) -> Duration {
        self.runtime.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.runtime.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.runtime.spawn(task);
    }

    fn random(&self) -> u64 {
        self.runtime.random()
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.runtime.resolve(host, port).await
    }

    async fn connect(&self, _: &Address) -> io::Result<BoxedStream> {
        let stream = self.stream.lock().unwrap().take();
        Ok(Box::new(stream.expect("one connection")))
    }
}

/// A link to a server that has accepted the request and sent these bytes, which have all arrived.
pub(crate) async fn wide_websocket(runtime: &MockRuntime, bytes: Vec<u8>) -> (Link, Peer) {
    let (left, right) = duplex(bytes.len() + 1024);
    let wide: Arc<dyn Runtime> = Arc::new(Wide {
        runtime: runtime.clone(),
        stream: Mutex::new(Some(left)),
    });
    let request = OpenRequest::new(
        "websocket",
        "http://10.0.0.1/engine.io/".parse().unwrap(),
        Activity::new(Arc::clone(&wide)),
    );
    let mut peer = Peer::new(runtime, right);
    let script = spawn(runtime, async move {
        peer.accept_websocket().await;
        peer.write(bytes).await;
        peer
    });
    let link = WebSocket::default().open(&wide, request).await.unwrap();
    (link, script.await)
}

#[test]
fn r19_frames_that_yield_no_message_take_many_turns() {
    under_both_orders(async |runtime| {
        const COUNT: usize = 50_000;
        let text = fragment(TEXT, "4");
        for (start, again, rest) in [
            (text.clone(), fragment(CONTINUATION, ""), frame(0, "x")),
            (text, fragment(CONTINUATION, "x"), frame(0, "x")),
            (fragment(BINARY, ""), fragment(0, ""), frame(0, "x")),
            (Vec::new(), frame(PING, ""), frame(TEXT, "4x")),
            (Vec::new(), frame(PONG, "x"), frame(TEXT, "4x")),
        ] {
            let bytes = [start, again.repeat(COUNT), rest].concat();
            let (mut link, _peer) = wide_websocket(&runtime, bytes).await;
            let mut recv = link.receiver.recv();
            let mut turns = 1;
            while (&mut recv).now_or_never().is_none() {
                turns += 1;
            }
            assert!(turns >= COUNT / 1024, "{again:?}: {turns} turns");
        }
    });
}

#[test]
fn r19_a_long_message_is_read_in_many_turns() {
    under_both_orders(async |runtime| {
        let part = fragment(CONTINUATION, [7; 100_000]);
        let bytes = [fragment(BINARY, ""), part.repeat(200), frame(0, "")].concat();
        let (mut link, _peer) = wide_websocket(&runtime, bytes).await;
        let mut recv = link.receiver.recv();
        let mut turns = 1;
        while (&mut recv).now_or_never().is_none() {
            turns += 1;
        }
        assert!(turns >= 15, "{turns} turns for 20 MB");
    });
}

#[test]
fn r20_messages_among_other_frames_do_not_keep_the_buffer_they_came_in() {
    under_both_orders(async |runtime| {
        let data = frame(BINARY, [7; 60]);
        for (rest, shared) in [
            (data.clone(), true),
            (frame(TEXT, "4".repeat(126)), true),
            (frame(PONG, [7; 125]), false),
            (frame(PING, [7; 125]), false),
            // Packets decoded from Engine.IO pings and from base64 are not slices of the buffer, so they
            // don't keep it alive.
            (frame(TEXT, "2".repeat(126)), false),
            (frame(TEXT, "b".repeat(125)), false),
            (
                [fragment(BINARY, [7; 100]), frame(CONTINUATION, [7; 100])].concat(),
                false,
            ),
        ] {
            let bytes = [data.repeat(2), rest.repeat(20)].concat();
            let (mut link, _peer) = wide_websocket(&runtime, bytes).await;
            let packets = link.receiver.recv().await.unwrap();
            for packet in packets.iter().take(2) {
                let Packet::Message(Message::Binary(message)) = packet else {
                    panic!("{packet:?}");
                };
                assert_eq!(message.as_ref(), [7; 60]);
                assert_eq!(message.is_unique(), !shared, "beside {:?}", &rest[..4]);
            }
        }
    });
}

#[test]
fn r20_a_fragment_at_the_end_of_a_read_does_not_keep_its_buffer() {
    under_both_orders(async |runtime| {
        let pongs = frame(PONG, [7; 125]).repeat(100);
        let bytes = [pongs, fragment(BINARY, "x")].concat();
        let (mut link, mut peer) = wide_websocket(&runtime, bytes).await;
        assert!(link.receiver.recv().now_or_never().is_none());
        peer.write(frame(CONTINUATION, "y")).await;
        let packets = link.receiver.recv().await.unwrap();
        let [Packet::Message(Message::Binary(message))] = <[Packet; 1]>::try_from(packets).unwrap()
        else {
            panic!("another packet");
        };
        assert_eq!(message, "xy");
        let capacity = message.try_into_mut().unwrap().capacity();
        assert!(capacity < 100, "{capacity} bytes are kept for two");
    });
}

#[test]
fn a_batch_holds_no_more_than_64_kib_beyond_its_first_packet() {
    under_some_orders(async |runtime| {
        let frames = [(1, 100_000), (100, 7000), (1, 200_000), (1, 7000)];
        let frames = frames.map(|(count, length)| frame(BINARY, vec![0; length]).repeat(count));
        let (mut link, _peer) = wide_websocket(&runtime, frames.concat()).await;
        let mut count = 0;
        while count < 103 {
            let packets = link
                .receiver
                .recv()
                .now_or_never()
                .expect("all frames have arrived");
            let packets = packets.unwrap();
            count += packets.len();
            let beyond = packets.iter().skip(1).map(|packet| match packet {
                Packet::Message(message) => message.len(),
                other => panic!("{other:?}"),
            });
            // The last packet may exceed the bound.
            let before_the_last: usize = beyond.rev().skip(1).sum();
            assert!(before_the_last < 64 * 1024, "{before_the_last}");
        }
    });
}

/// The code of each broken frame is in `tests/faults/frames.rs`.
/// Rule E46.
#[test]
fn r22_a_server_that_breaks_a_protocol_gets_a_close_frame_with_the_code() {
    under_both_orders(async |runtime| {
        let long = "x".repeat(3001);
        let cases = [
            (frame(CONTINUATION, "4x"), 1002_u16),
            (frame(TEXT, b"4\xff"), 1007),
            // Messages above the limit: announced by a head, binary, as a text, in base64, and as the
            // sum of fragments.
            (frame_head(FIN | BINARY, 5000), 1009),
            (frame(BINARY, &long), 1009),
            (frame(TEXT, format!("4{long}")), 1009),
            (frame(TEXT, format!("b{}AA==", "AAAA".repeat(1000))), 1009),
            (
                [fragment(BINARY, &long), frame_head(0, 2000)].concat(),
                1009,
            ),
        ];
        let limits = Limits::default().message(3000);
        for (bytes, code) in &cases {
            for before in [Vec::new(), frame(TEXT, "4good")] {
                let (mut link, mut peer) =
                    websocket_with(&runtime, behind_the_open_packet(limits)).await;
                peer.write([&before[..], bytes].concat()).await;
                let mut recv = async || {
                    let received = link.receiver.recv().now_or_never();
                    received.expect("no need to wait")
                };
                if !before.is_empty() {
                    assert_eq!(recv().await.unwrap(), [message("good")]);
                    // The client sends the close frame only after `recv` has returned the error.
                    assert!(peer.read_some(1).now_or_never().is_none());
                }
                recv().await.unwrap_err();
                drop(link);
                let close = peer.frame().await;
                let start = bytes[..bytes.len().min(20)].escape_ascii();
                assert!(
                    is_message(&close, CLOSE, code.to_be_bytes()),
                    "{start}: {close:?}"
                );
                assert_eq!(peer.read_to_end().await, b"", "{start}");
            }
        }
    });
}

#[test]
fn r22_a_fault_is_an_error_at_once_though_its_close_frame_can_not_be_sent_yet() {
    under_both_orders(async |runtime| {
        let (link, mut peer) = websocket(&runtime).await;
        let Link {
            mut sender,
            mut receiver,
            ..
        } = link;
        let data = vec![7; 3 * PIPE];
        let expected = data.clone();
        let sent = spawn(&runtime, async move {
            sender.send(vec![message(data)].into()).await.unwrap();
            sender
        });
        settle(&runtime).await;
        peer.write(frame(CONTINUATION, "x")).await;
        let error = receiver.recv().now_or_never().expect("no need to wait");
        assert_eq!(error.unwrap_err().kind(), ErrorKind::WebSocket);
        // The frame that is being sent is completed before the close frame.
        assert!(is_message(&peer.frame().await, BINARY, expected));
        let close = peer.frame().await;
        assert!(is_message(&close, CLOSE, 1002_u16.to_be_bytes()));
        drop(sent.await);
    });
}

#[test]
fn r22_a_fault_after_a_close_frame_gets_no_second_one() {
    under_both_orders(async |runtime| {
        let (mut link, mut peer) = websocket(&runtime).await;
        peer.write([frame(CLOSE, b"\x03\xe8"), frame(TEXT, "4late")].concat())
            .await;
        assert_eq!(link.receiver.recv().await.unwrap(), [Packet::Close]);
        link.receiver.recv().await.unwrap_err();
        drop(link);
        assert!(is_message(&peer.frame().await, CLOSE, b"\x03\xe8"));
        assert_eq!(peer.read_to_end().await, b"");
    });
}

#[test]
fn a_message_above_its_limit_is_an_error_that_names_it_before_its_bytes_come() {
    under_some_orders(async |runtime| {
        let limits = Limits::default().message(3000);
        let long = "x".repeat(3000);
        for (bytes, fits) in [
            (frame(TEXT, format!("4{long}")), true),
            (frame(TEXT, format!("4{long}x")), false),
            (frame(BINARY, [0; 3000]), true),
            (frame(BINARY, [0; 3001]), false),
            // In base64.
            (frame(TEXT, format!("b{}", "AAAA".repeat(1000))), true),
            (frame(TEXT, format!("b{}AA==", "AAAA".repeat(1000))), false),
            // Refused from the header alone.
            (frame_head(FIN | BINARY, 4100), false),
            (frame_head(FIN | TEXT, u64::MAX >> 1), false),
            // The limit applies to the length of all fragments together.
            (
                [
                    fragment(BINARY, [0; 2000]),
                    fragment(0, [0; 1000]),
                    fragment(FIN, ""),
                ]
                .concat(),
                true,
            ),
            (
                [fragment(BINARY, [0; 2000]), fragment(0, [0; 2500])].concat(),
                false,
            ),
        ] {
            let (mut link, mut peer) =
                websocket_with(&runtime, behind_the_open_packet(limits)).await;
            peer.write(&bytes).await;
            let received = link
                .receiver
                .recv()
                .now_or_never()
                .expect("no need to wait");
            if fits {
                assert_eq!(received.unwrap().len(), 1);
            } else {
                let error = received.unwrap_err();
                let text = error.report();
                assert_eq!(error.kind(), ErrorKind::Limit, "{text}");
                assert!(
                    text.contains("max_message_size") && text.contains("3000"),
                    "{text}"
                );
            }
        }
    });
}

#[test]
fn a_frame_of_20_mib_passes_with_the_default_limits() {
    under_both_orders(async |runtime| {
        let (mut link, mut peer) = websocket(&runtime).await;
        let data: Vec<u8> = (0..=255).cycle().take(20 * 1024 * 1024).collect();
        let bytes = frame(BINARY, &data);
        let script = spawn(&runtime, async move {
            peer.write(bytes).await;
            peer
        });
        let packets = link.receiver.recv().await.unwrap();
        assert!(packets == [message(data)]);
        script.await;
    });
}

#[test]
fn a_close_frame_is_a_clean_end_and_is_answered() {
    under_some_orders(async |runtime| {
        for (payload, answer) in [
            (&b""[..], &b""[..]),
            (b"\x03\xe8", b"\x03\xe8"),
            (b"\x03\xe9going away", b"\x03\xe9going away"),
        ] {
            let (mut link, mut peer) = websocket(&runtime).await;
            peer.write([frame(TEXT, "4last"), frame(CLOSE, payload)].concat())
                .await;
            let packets = link.receiver.recv().await.unwrap();
            assert_eq!(packets, [message("last"), Packet::Close]);
            assert!(is_message(&peer.frame().await, CLOSE, answer));
            drop(peer);
            let error = link.receiver.recv().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Ended);
        }
    });
}

#[test]
fn a_close_frame_is_answered_with_its_code_unless_the_code_is_reserved() {
    under_some_orders(async |runtime| {
        for (code, answered) in [
            (1001_u16, 1001_u16),
            (4000, 4000),
            (1005, 1002),
            (999, 1002),
        ] {
            let (mut link, mut peer) = websocket(&runtime).await;
            peer.write(frame(CLOSE, code.to_be_bytes())).await;
            assert_eq!(link.receiver.recv().await.unwrap(), [Packet::Close]);
            let answer = peer.frame().await;
            assert_eq!(answer.first, FIN | CLOSE);
            assert_eq!(answer.payload, answered.to_be_bytes());
        }
    });
}

#[test]
fn nothing_is_sent_after_the_clients_close_frame() {
    under_some_orders(async |runtime| {
        let (link, mut peer) = websocket(&runtime).await;
        let Link {
            mut sender,
            mut receiver,
            ..
        } = link;
        let received = spawn(&runtime, async move { receiver.recv().await });
        let closed = spawn(&runtime, async move { sender.close().await });
        assert_eq!(peer.frame().await.first, FIN | CLOSE);
        peer.write(frame(PING, "late")).await;
        settle(&runtime).await;
        assert_eq!(peer.read_some(100).now_or_never(), None);
        peer.write(frame(CLOSE, [])).await;
        closed.await.unwrap();
        assert_eq!(received.await.unwrap(), [Packet::Close]);
        assert_eq!(peer.read_some(100).await, b"", "the connection ends");
    });
}

#[test]
fn a_sender_fails_after_the_end_of_a_connection_without_a_close_frame() {
    under_some_orders(async |runtime| {
        let (mut link, peer) = websocket(&runtime).await;
        drop(peer);
        link.receiver.recv().await.unwrap_err();
        let sent = link.sender.send(vec![message("y")].into()).await;
        let error = sent.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ended, "{}", error.report());
    });
}

#[test]
fn a_close_frame_is_masked_comes_last_and_waits_for_the_answer() {
    under_some_orders(async |runtime| {
        // The server answers with a close frame, or closes the connection.
        for answered in [true, false] {
            let (link, mut peer) = websocket(&runtime).await;
            let Link {
                mut sender,
                mut receiver,
                ..
            } = link;
            let received = spawn(&runtime, async move {
                let first = receiver.recv().await;
                (first, receiver.recv().await)
            });
            let mut closed = spawn(&runtime, async move {
                sender.send(vec![message("last")].into()).await.unwrap();
                sender.close().await
            });
            assert!(is_message(&peer.frame().await, TEXT, "4last"));
            let close = peer.frame().await;
            assert_eq!(close.first, FIN | CLOSE);
            assert!(close.mask.is_some());
            runtime.sleep(Duration::from_secs(3600)).await;
            assert!(
                (&mut closed).now_or_never().is_none(),
                "the close waits for the answer"
            );
            // Messages before the server's answer are still delivered.
            peer.write(frame(TEXT, "4before")).await;
            if answered {
                peer.write(frame(CLOSE, &close.payload)).await;
                closed.await.unwrap();
                assert_eq!(peer.read_some(100).now_or_never(), None);
                drop(peer);
            } else {
                drop(peer);
                closed.await.unwrap();
            }
            let (first, next) = received.await;
            let first = first.unwrap();
            assert_eq!(first[0], message("before"));
            if answered {
                let last = first
                    .get(1)
                    .cloned()
                    .or_else(|| next.ok().map(|mut next| next.remove(0)));
                assert_eq!(last, Some(Packet::Close));
            } else {
                assert_eq!(next.unwrap_err().kind(), ErrorKind::Ended);
            }
        }
    });
}

#[test]
fn a_close_frame_is_sent_though_the_buffer_of_pongs_is_full() {
    under_some_orders(async |runtime| {
        let (link, mut peer) = websocket(&runtime).await;
        let Link {
            mut sender,
            mut receiver,
            ..
        } = link;
        let received = spawn(&runtime, async move { receiver.recv().await });
        // The pongs to these pings fill the client's queue of control frames exactly.
        let pings = frame(PING, "x".repeat(122)).repeat(7);
        for _ in 0..200 {
            peer.write(&pings).await;
            settle(&runtime).await;
        }
        let closed = spawn(&runtime, async move { sender.close().await });
        settle(&runtime).await;
        let close = loop {
            let frame = peer.frame().await;
            if frame.first != FIN | PONG {
                break frame;
            }
        };
        assert_eq!(close.first, FIN | CLOSE);
        peer.write(frame(CLOSE, close.payload)).await;
        closed.await.unwrap();
        assert_eq!(received.await.unwrap(), [Packet::Close]);
    });
}

/// Rules E1, E2.
#[test]
fn each_frame_has_its_own_mask_and_the_shortest_encoding_of_its_length() {
    // Ported from protocol: test-suite.js:357, :375; python-engineio:
    // test_write_loop_websocket_one_packet, test_write_loop_websocket_three_packets,
    // test_write_loop_websocket_one_packet_binary
    under_both_orders(async |runtime| {
        let (link, mut peer) = websocket(&runtime).await;
        let mut sender = link.sender;
        let lengths = [
            1, 2, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537,
        ];
        let data = |length: usize| {
            (0..length)
                .map(|n| b'a' + (n % 23) as u8)
                .collect::<Vec<u8>>()
        };
        let text = move |length| String::from_utf8(data(length)).unwrap();
        // The batches have one packet, seven packets, or all packets.
        for batch in [1, 7, usize::MAX] {
            let mut packets = vec![
                Packet::Ping("probe".into()),
                Packet::Pong("".into()),
                Packet::Upgrade,
                message("a\x1e4b"),
                message(Vec::new()),
            ];
            let mut expected: Vec<(u8, Vec<u8>)> = [&b"2probe"[..], b"3", b"5", b"4a\x1e4b"]
                .map(|payload| (TEXT, payload.to_vec()))
                .into();
            expected.push((BINARY, Vec::new()));
            for length in lengths {
                packets.push(message(text(length - 1)));
                expected.push((TEXT, format!("4{}", text(length - 1)).into()));
                packets.push(message(data(length)));
                expected.push((BINARY, data(length)));
            }
            let sent = spawn(&runtime, async move {
                for batch in packets.chunks(batch.min(packets.len())) {
                    sender.send(batch.to_vec().into()).await.unwrap();
                }
                sender
            });
            let mut masks = std::collections::BTreeSet::new();
            for (opcode, payload) in expected {
                let frame = peer.frame().await;
                assert!(is_message(&frame, opcode, &payload), "{frame:?}");
                let length = match payload.len() {
                    0..126 => 1,
                    126..65_536 => 3,
                    _ => 9,
                };
                assert_eq!(frame.length.len(), length, "{frame:?}");
                assert!(masks.insert(frame.mask), "a mask comes twice");
            }
            sender = sent.await;
        }
        drop(sender);
        drop(link.receiver);
        assert_eq!(peer.read_to_end().await, b"");
    });
}

#[test]
fn r21_masks_and_keys_are_the_runtimes_own_random_numbers() {
    let run = || {
        let runtime = MockRuntime::seeded(7);
        runtime.clone().block_on(async move {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                let request = peer.accept_websocket().await;
                let mut masks = Vec::new();
                for _ in 0..20 {
                    masks.extend(peer.frame().await.mask.unwrap());
                }
                let key = request.header("sec-websocket-key").unwrap().to_owned();
                (key, masks)
            });
            let mut link = open(&runtime, WebSocket::default(), |_| {}).await.unwrap();
            let batch = vec![message("x"); 20];
            link.sender.send(batch.into()).await.unwrap();
            script.await
        })
    };
    let (key, masks) = run();
    // The masks must not come from a generator that is seeded with a single number. Otherwise the masks
    // could be computed from the key.
    let runtime = MockRuntime::seeded(7);
    let numbers = [(); 20].map(|()| runtime.random().to_ne_bytes()).concat();
    let drawn = |bytes: &[u8]| numbers.windows(bytes.len()).any(|window| window == bytes);
    assert!(drawn(&masks), "{masks:?} are not in {numbers:?}");
    assert!(drawn(&STANDARD.decode(&key).unwrap()), "{key}");
    assert_eq!(run(), (key, masks), "the same seed gives the same numbers");
}

#[test]
fn a_send_returns_when_the_batch_is_written_and_fails_when_the_server_is_gone() {
    // Ported from python-engineio: test_write_loop_websocket_bad_connection
    under_some_orders(async |runtime| {
        let (mut link, mut peer) = websocket(&runtime).await;
        let batch = vec![message(vec![7; 2 * PIPE])];
        let mut send = link.sender.send(batch.clone().into());
        assert!((&mut send).now_or_never().is_none());
        let script = spawn(&runtime, async move {
            let mut count = 0;
            while count < PIPE + 14 {
                count += peer.read_some(1000).await.len();
            }
            peer
        });
        send.await.unwrap();
        let peer = script.await;
        let mut send = link.sender.send(batch.into());
        assert!((&mut send).now_or_never().is_none());
        drop(peer);
        let error = send.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ended, "{}", error.report());
    });
}
