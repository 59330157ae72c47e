//! permessage-deflate: what is offered and accepted, and the compressed frames of both sides. The server's end
//! uses another implementation of deflate.

use engineio_client::transports::{Deflate, WebSocket};
use engineio_client::{
    Error, ErrorKind, Limit, Limits, Link, Message, MockRuntime, OpenRequest, Packet,
};
use futures::future::join;

use crate::peer_deflate::{Compressor, Decompressor};
use crate::raw::{
    BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PONG, Peer, Request, Server, TEXT, fragment,
    frame, settle, spawn, switching, under_both_orders, under_some_orders,
};
use crate::{message, open};

/// The bit of a frame that begins a compressed message.
const RSV1: u8 = 0x40;

/// The response that accepts a request, with these extensions.
fn selecting(request: &Request, extensions: &str) -> Vec<u8> {
    let head = switching(request);
    format!(
        "{}\r\nSec-WebSocket-Extensions: {extensions}\r\n\r\n",
        head.trim_end()
    )
    .into_bytes()
}

/// Opens a link to a server that selects this. Also returns what was offered.
async fn select(
    runtime: &MockRuntime,
    deflate: Deflate,
    selected: &str,
    limits: Limits,
) -> (Result<Link, Error>, Peer, Option<String>) {
    let mut server = Server::new(runtime);
    let selected = selected.to_owned();
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        let request = peer.request().await;
        peer.write(selecting(&request, &selected)).await;
        let offer = request
            .header("sec-websocket-extensions")
            .map(str::to_owned);
        (peer, offer)
    });
    let edit = |request: &mut OpenRequest| {
        // The server's first packet need not be the open packet.
        request.sid = Some("s".into());
        request.limits = limits;
    };
    let link = open(runtime, WebSocket::default().deflate(deflate), edit).await;
    let (peer, offer) = script.await;
    (link, peer, offer)
}

/// A link on which messages of any length are compressed.
async fn connected(runtime: &MockRuntime, selected: &str, limits: Limits) -> (Link, Peer) {
    let deflate = Deflate::default().threshold(0);
    let (link, peer, _) = select(runtime, deflate, selected, limits).await;
    (link.unwrap(), peer)
}

const AGREED: &str = "permessage-deflate";
const NO_TAKEOVER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// JSON of about this length, of which each has another beginning.
fn json(length: usize, seed: u32) -> String {
    let mut json = format!("[{seed}");
    let mut number = seed;
    while json.len() < length {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        json.push_str(&format!(r#",{{"name":"sensor","value":{}}}"#, number >> 16));
    }
    json.truncate(length);
    json
}

fn random(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..length).map(|_| random.u8(..)).collect()
}

#[test]
fn the_offer_says_what_was_asked_for() {
    under_some_orders(async |runtime| {
        for (deflate, expected) in [
            (
                Deflate::default(),
                "permessage-deflate; client_max_window_bits",
            ),
            (
                Deflate::default()
                    .client_context_takeover(false)
                    .server_context_takeover(false),
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 client_max_window_bits",
            ),
            (
                Deflate::default()
                    .client_window_bits(9)
                    .server_window_bits(8),
                "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9",
            ),
            // What is out of range counts as the nearest value.
            (
                Deflate::default()
                    .client_window_bits(0)
                    .server_window_bits(0),
                "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9",
            ),
            (
                Deflate::default()
                    .client_window_bits(99)
                    .server_window_bits(99),
                "permessage-deflate; client_max_window_bits",
            ),
        ] {
            let (link, _, offer) = select(&runtime, deflate, "x", Limits::default()).await;
            assert!(link.is_err());
            assert_eq!(offer.as_deref(), Some(expected));
        }
    });
}

/// Rule E61.
#[test]
fn an_answer_is_accepted_if_it_was_offered_and_refused_otherwise() {
    let any = Deflate::default;
    let small = || {
        Deflate::default()
            .client_window_bits(10)
            .server_window_bits(10)
    };
    let none = || Deflate::default().server_context_takeover(false);
    let answers: &[(Deflate, &str, Result<(), &str>)] = &[
        (any(), "permessage-deflate", Ok(())),
        (
            any(),
            "permessage-deflate;",
            Err("an invalid parameter: \"\""),
        ),
        (
            any(),
            "permessage-deflate ; server_no_context_takeover",
            Ok(()),
        ),
        (
            any(),
            "permessage-deflate;client_no_context_takeover",
            Ok(()),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=8",
            Ok(()),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=\"12\"",
            Ok(()),
        ),
        (
            any(),
            "permessage-deflate; client_max_window_bits=15",
            Ok(()),
        ),
        (
            any(),
            "permessage-deflate; client_max_window_bits=9",
            Ok(()),
        ),
        (
            any(),
            "permessage-deflate; client_max_window_bits=8",
            Err("demands client_max_window_bits=8, and this client compresses with at least 9"),
        ),
        (
            any(),
            "permessage-deflate; client_max_window_bits",
            Err("an invalid parameter"),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits",
            Err("an invalid parameter"),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=7",
            Err("an invalid parameter"),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=16",
            Err("an invalid parameter"),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=08",
            Err("an invalid parameter"),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=1O",
            Err("an invalid parameter"),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=",
            Err("an invalid parameter"),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=+9",
            Err("an invalid parameter"),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=115",
            Err("an invalid parameter"),
        ),
        (
            any(),
            "permessage-deflate; server_no_context_takeover=1",
            Err("an invalid parameter: \"server_no_context_takeover=1\""),
        ),
        (
            any(),
            "permessage-deflate; mux",
            Err("an invalid parameter: \"mux\""),
        ),
        (
            any(),
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            Err("with server_no_context_takeover twice"),
        ),
        (
            any(),
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            Err("with client_no_context_takeover twice"),
        ),
        (
            any(),
            "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
            Err("with server_max_window_bits twice"),
        ),
        (
            any(),
            "permessage-deflate; client_max_window_bits=10; client_max_window_bits=11",
            Err("with client_max_window_bits twice"),
        ),
        (
            any(),
            "permessage-deflate, permessage-deflate",
            Err("more than one extension"),
        ),
        (
            any(),
            "permessage-deflate\r\nSec-WebSocket-Extensions: x",
            Err("more than one extension"),
        ),
        (
            any(),
            "x-webkit-deflate-frame",
            Err("an extension that was not offered"),
        ),
        (
            any(),
            "Permessage-Deflate",
            Err("an extension that was not offered"),
        ),
        (any(), "", Err("an extension that was not offered")),
        (
            small(),
            "permessage-deflate; server_max_window_bits=10",
            Ok(()),
        ),
        (
            small(),
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
            Ok(()),
        ),
        (
            small(),
            "permessage-deflate",
            Err("without server_max_window_bits, which was asked for"),
        ),
        (
            small(),
            "permessage-deflate; server_max_window_bits=11",
            Err("server_max_window_bits=11, and 10 was offered"),
        ),
        // The server may ignore what the client has said about its own window.
        (
            small(),
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11",
            Ok(()),
        ),
        (
            none(),
            "permessage-deflate; server_no_context_takeover",
            Ok(()),
        ),
        (
            none(),
            "permessage-deflate",
            Err("without server_no_context_takeover, which was asked for"),
        ),
    ];
    under_both_orders(async |runtime| {
        for (deflate, selected, expected) in answers {
            let limits = Limits::default();
            let (link, ..) = select(&runtime, deflate.clone(), selected, limits).await;
            match (link, expected) {
                (Ok(_), Ok(())) => {}
                (Err(error), Err(expected)) => {
                    assert_eq!(error.kind(), ErrorKind::WebSocket, "{selected}");
                    let text = error.to_string();
                    assert!(text.contains(expected), "{selected}: {text}");
                }
                (link, _) => panic!("{selected}: {:?}", link.map(|_| ())),
            }
        }
    });
}

/// A server may refuse the extension. Then nothing is compressed, and no compressed frame is accepted.
#[test]
fn without_the_extension_in_the_answer_nothing_is_compressed() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.accept_websocket().await;
            peer
        });
        let deflate = Deflate::default().threshold(0);
        let edit = |request: &mut OpenRequest| request.sid = Some("s".into());
        let link = open(&runtime, WebSocket::default().deflate(deflate), edit).await;
        let (mut link, mut peer) = (link.unwrap(), script.await);
        let text = json(2000, 1);
        link.sender
            .send(vec![message(&*text)].into())
            .await
            .unwrap();
        let sent = peer.frame().await;
        assert_eq!(
            (sent.first, sent.payload),
            (FIN | TEXT, format!("4{text}").into_bytes())
        );
        peer.write(fragment(
            FIN | RSV1 | TEXT,
            Compressor::new(false).message(b"4x"),
        ))
        .await;
        let error = link.receiver.recv().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WebSocket);
    });
}

/// Reads the frames of one message. Returns its opcode, whether it is compressed, and its payload.
async fn next_message(peer: &mut Peer) -> (u8, bool, Vec<u8>) {
    let first = peer.frame().await;
    assert!(first.mask.is_some());
    let (opcode, is_compressed) = (first.first & 0xf, first.first & RSV1 != 0);
    let mut payload = first.payload;
    let mut is_final = first.first & FIN != 0;
    while !is_final {
        let next = peer.frame().await;
        assert_eq!(next.first & !FIN, CONTINUATION);
        is_final = next.first & FIN != 0;
        payload.extend(next.payload);
    }
    (opcode, is_compressed, payload)
}

#[test]
fn messages_of_any_length_are_compressed_and_understood() {
    under_both_orders(async |runtime| {
        for (selected, takes_over) in [(AGREED, true), (NO_TAKEOVER, false)] {
            let (mut link, mut peer) = connected(&runtime, selected, Limits::default()).await;
            let lengths = [
                0, 1, 2, 10, 125, 126, 1000, 65_534, 65_535, 65_536, 65_537, 131_072, 1_000_000,
            ];
            let texts = lengths.map(|length| message(json(length, 7)));
            let binaries = lengths.map(|length| message(json(length, 8).into_bytes()));
            let packets: Vec<Packet> = texts.into_iter().chain(binaries).collect();
            let expected = packets.clone();
            let script = spawn(&runtime, async move {
                let mut decompressor = Decompressor::new(takes_over);
                for packet in expected {
                    let Packet::Message(expected) = packet else {
                        panic!("only messages were sent");
                    };
                    let (opcode, is_compressed, payload) = next_message(&mut peer).await;
                    let plain = if is_compressed {
                        let plain = decompressor.message(&payload).expect("valid data");
                        assert!(payload.len() < plain.len());
                        plain
                    } else {
                        assert!(
                            payload.len() < 20,
                            "{} bytes are not compressed",
                            payload.len()
                        );
                        payload
                    };
                    match expected {
                        Message::Text(text) => {
                            assert_eq!(opcode, TEXT);
                            assert!(plain == format!("4{text}").into_bytes());
                        }
                        Message::Binary(data) => {
                            assert_eq!(opcode, BINARY);
                            assert!(plain == data);
                        }
                    }
                }
            });
            link.sender.send(packets.into()).await.unwrap();
            script.await;
        }
    });
}

#[test]
fn only_messages_from_the_threshold_on_are_compressed() {
    under_some_orders(async |runtime| {
        let deflate = Deflate::default().threshold(100);
        let (link, mut peer, _) = select(&runtime, deflate, AGREED, Limits::default()).await;
        let mut link = link.unwrap();
        // The type of a text counts, as it is compressed with it.
        for (packet, is_compressed) in [
            (message("x".repeat(98)), false),
            (message("x".repeat(99)), true),
            (message(vec![0; 99]), false),
            (message(vec![0; 100]), true),
        ] {
            link.sender.send(vec![packet].into()).await.unwrap();
            assert_eq!(next_message(&mut peer).await.1, is_compressed);
        }
    });
}

/// Rule E63.
#[test]
fn what_does_not_shrink_is_sent_as_it_is_and_leaves_no_trace() {
    under_some_orders(async |runtime| {
        for (selected, takes_over) in [(AGREED, true), (NO_TAKEOVER, false)] {
            let (mut link, mut peer) = connected(&runtime, selected, Limits::default()).await;
            let mut decompressor = Decompressor::new(takes_over);
            let noise = random(100_000);
            for (data, expected) in [
                (json(1000, 1).into_bytes(), true),
                (noise[..1000].to_vec(), false),
                // Were the last message a part of the context, this one would refer to it.
                (noise[..1000].to_vec(), false),
                (json(1000, 1).into_bytes(), true),
                (noise.clone(), false),
                (json(100_000, 2).into_bytes(), true),
                // Its beginning shrinks.
                ([json(70_000, 3).as_bytes(), &noise].concat(), true),
                (json(1000, 1).into_bytes(), true),
            ] {
                let script = async {
                    let (opcode, is_compressed, payload) = next_message(&mut peer).await;
                    assert_eq!((opcode, is_compressed), (BINARY, expected));
                    let plain = if is_compressed {
                        decompressor.message(&payload).expect("valid data")
                    } else {
                        payload
                    };
                    assert!(plain == data);
                };
                let send = link.sender.send(vec![message(data.clone())].into());
                let (sent, ()) = join(send, script).await;
                sent.unwrap();
            }
        }
    });
}

#[test]
fn the_context_is_kept_as_agreed() {
    under_some_orders(async |runtime| {
        for (selected, takes_over) in [
            (AGREED, true),
            ("permessage-deflate; server_no_context_takeover", true),
            ("permessage-deflate; client_no_context_takeover", false),
        ] {
            let (mut link, mut peer) = connected(&runtime, selected, Limits::default()).await;
            let text = json(500, 1);
            let mut lengths = Vec::new();
            for _ in 0..3 {
                link.sender
                    .send(vec![message(&*text)].into())
                    .await
                    .unwrap();
                lengths.push(next_message(&mut peer).await.2.len());
            }
            let again = if takes_over { 20 } else { lengths[0] };
            assert!(
                lengths[0] > 50 && lengths[1] <= again && lengths[2] <= again,
                "{lengths:?}"
            );
            assert!(takes_over || lengths[1] == lengths[0]);
        }
    });
}

#[test]
fn the_client_compresses_with_the_agreed_window() {
    under_both_orders(async |runtime| {
        for bits in 9..=15 {
            let asked = Deflate::default().threshold(0).client_window_bits(bits);
            let by_server = format!("permessage-deflate; client_max_window_bits={bits}");
            for (deflate, selected) in [
                (asked.clone(), AGREED),
                (asked, "permessage-deflate; client_max_window_bits=15"),
                (Deflate::default().threshold(0), &*by_server),
            ] {
                let (link, mut peer, _) =
                    select(&runtime, deflate, selected, Limits::default()).await;
                let mut link = link.unwrap();
                let mut decompressor = Decompressor::with_window(true, bits);
                // A repetition at each distance.
                let noise = random(1 << 16);
                let data: Vec<u8> = (8..16)
                    .flat_map(|bits| {
                        [&noise[..(1 << bits) - 100], &noise[..(1 << bits) - 100]].concat()
                    })
                    .collect();
                let send = link
                    .sender
                    .send(vec![message(data.clone()), message(data.clone())].into());
                let script = async {
                    for _ in 0..2 {
                        let (_, is_compressed, payload) = next_message(&mut peer).await;
                        assert!(is_compressed);
                        let plain = decompressor.message(&payload);
                        assert!(plain.expect("no distance beyond the window") == data);
                    }
                };
                let (sent, ()) = join(send, script).await;
                sent.unwrap();
            }
        }
    });
}

/// Rule E63.
#[test]
fn a_pong_does_not_wait_for_the_end_of_a_large_message() {
    under_some_orders(async |runtime| {
        let (link, mut peer) = connected(&runtime, AGREED, Limits::default()).await;
        let (mut sender, mut receiver) = (link.sender, link.receiver);
        let large = json(3_000_000, 1);
        let batch = vec![message(large)].into();
        // Both halves in one task, as in a client.
        let client = spawn(&runtime, async move {
            let (sent, received) = join(sender.send(batch), receiver.recv()).await;
            sent.is_ok() && received.is_err()
        });
        // The rest of the message fits into the buffers of neither side.
        let first = peer.frame().await;
        assert_eq!(first.first, RSV1 | TEXT);
        peer.write(frame(PING, "are you there")).await;
        let mut fragments = 1;
        loop {
            let next = peer.frame().await;
            if next.first == FIN | PONG {
                assert_eq!(next.payload, b"are you there");
                break;
            }
            assert_eq!(next.first, CONTINUATION, "the pong came after the message");
            fragments += 1;
        }
        assert!(
            fragments < 40,
            "{fragments} of 46 fragments came before the pong"
        );
        while peer.frame().await.first != FIN | CONTINUATION {}
        drop(peer);
        assert!(client.await);
    });
}

/// The frames of a message, cut into fragments of this size.
fn frames(opcode: u8, payload: &[u8], size: usize) -> Vec<u8> {
    if payload.len() <= size {
        return fragment(FIN | RSV1 | opcode, payload);
    }
    let pieces = payload.chunks(size);
    let last = pieces.len() - 1;
    let mut frames = Vec::new();
    for (index, piece) in pieces.enumerate() {
        let opcode = if index == 0 {
            RSV1 | opcode
        } else {
            CONTINUATION
        };
        let fin = if index == last { FIN } else { 0 };
        frames.extend(fragment(fin | opcode, piece));
        frames.extend(fragment(FIN | PONG, "between"));
    }
    frames
}

async fn received(link: &mut Link, count: usize) -> Vec<Packet> {
    let mut packets = Vec::new();
    while packets.len() < count {
        packets.extend(link.receiver.recv().await.unwrap());
    }
    packets
}

#[test]
fn compressed_messages_are_received_in_any_fragments() {
    under_both_orders(async |runtime| {
        for (selected, takes_over) in [(AGREED, true), (NO_TAKEOVER, false)] {
            for size in [1, 2, 7, 100, 4096, usize::MAX] {
                let (mut link, mut peer) = connected(&runtime, selected, Limits::default()).await;
                let largest = if size < 100 { 2000 } else { 3_000_000 };
                let mut compressor = Compressor::new(takes_over);
                let mut bytes = Vec::new();
                let mut expected = Vec::new();
                for length in [0, 1, 100, 1000, 70_000, 3_000_000] {
                    if length > largest {
                        continue;
                    }
                    let text = json(length, 1);
                    let compressed = compressor.message(format!("4{text}").as_bytes());
                    bytes.extend(frames(TEXT, &compressed, size));
                    expected.push(message(&*text));
                    let compressed = compressor.message(text.as_bytes());
                    bytes.extend(frames(BINARY, &compressed, size));
                    expected.push(message(text.into_bytes()));
                    // A plain message between compressed ones.
                    bytes.extend(frame(TEXT, "4plain"));
                    expected.push(message("plain"));
                }
                let script = spawn(&runtime, async move {
                    peer.write(bytes).await;
                    peer
                });
                assert!(
                    received(&mut link, expected.len()).await == expected,
                    "{selected} {size}"
                );
                script.await;
            }
        }
    });
}

/// RFC 7692, 7.2.3.
#[test]
fn the_examples_of_the_rfc_are_understood() {
    let hello: &[&[u8]] = &[
        // One block, uncompressed, one that ends its stream, two blocks.
        &[0xc2, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[0x42, 3, 0xf2, 0x48, 0xcd, 0x80, 4, 0xc9, 0xc9, 0x07, 0x00],
        &[
            0xc2, 11, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ],
        &[0xc2, 8, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[
            0xc2, 13, 0xf2, 0x48, 0x05, 0, 0, 0, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ],
        // Without the byte that should follow a block that ends its stream.
        &[0xc2, 7, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
    ];
    under_some_orders(async |runtime| {
        for selected in [AGREED, NO_TAKEOVER] {
            let (mut link, mut peer) = connected(&runtime, selected, Limits::default()).await;
            for example in hello {
                // Cut at each place.
                for cut in 1..example.len() {
                    peer.write(&example[..cut]).await;
                    settle(&runtime).await;
                    peer.write(&example[cut..]).await;
                    let packets = received(&mut link, 1).await;
                    assert_eq!(packets, [message(b"Hello".to_vec())], "{example:x?}");
                }
            }
        }
        // An empty message is one byte, or none.
        let (mut link, mut peer) = connected(&runtime, AGREED, Limits::default()).await;
        peer.write([0xc2, 1, 0x00, 0xc2, 0, 0x42, 0, 0x80, 0]).await;
        assert!(
            received(&mut link, 3)
                .await
                .iter()
                .all(|packet| *packet == message(vec![]))
        );
        // The second message refers to the first.
        let (mut link, mut peer) = connected(&runtime, AGREED, Limits::default()).await;
        peer.write([0xc2, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00])
            .await;
        peer.write([0xc2, 5, 0xf2, 0x00, 0x11, 0x00, 0x00]).await;
        let hello = message(b"Hello".to_vec());
        assert_eq!(received(&mut link, 2).await, [hello.clone(), hello]);
    });
}

/// Rule E62.
#[test]
fn compressed_frames_that_break_the_rfc_are_refused() {
    let whole = || Compressor::new(false).message(&[b"4", json(500, 1).as_bytes()].concat());
    let compressed = |first: u8, payload: &[u8]| fragment(first, payload);
    let mut cut = whole();
    cut.truncate(cut.len() / 2);
    let invalid_text = Compressor::new(false).message(b"4\xff");
    let half_text = Compressor::new(false).message("4\u{e4}".as_bytes()[..2].as_ref());
    let faults: Vec<(&str, Vec<u8>, ErrorKind, u16)> = vec![
        (
            "a continuation that says it is compressed",
            [
                fragment(RSV1 | TEXT, &whole()[..5]),
                fragment(FIN | RSV1 | CONTINUATION, &whole()[5..]),
            ]
            .concat(),
            ErrorKind::WebSocket,
            1002,
        ),
        (
            "a compressed continuation of a plain message",
            [
                fragment(TEXT, "4a"),
                fragment(FIN | RSV1 | CONTINUATION, whole()),
            ]
            .concat(),
            ErrorKind::WebSocket,
            1002,
        ),
        (
            "a compressed ping",
            fragment(FIN | RSV1 | PING, whole().get(..100).unwrap()),
            ErrorKind::WebSocket,
            1002,
        ),
        (
            "a compressed pong",
            fragment(FIN | RSV1 | PONG, "x"),
            ErrorKind::WebSocket,
            1002,
        ),
        (
            "a compressed close",
            fragment(FIN | RSV1 | CLOSE, ""),
            ErrorKind::WebSocket,
            1002,
        ),
        (
            "another reserved bit",
            fragment(FIN | RSV1 | 0x20 | TEXT, whole()),
            ErrorKind::WebSocket,
            1002,
        ),
        (
            "a compressed message within a message",
            [
                fragment(RSV1 | TEXT, &whole()[..5]),
                fragment(FIN | RSV1 | TEXT, whole()),
            ]
            .concat(),
            ErrorKind::WebSocket,
            1002,
        ),
        (
            "a reserved kind of block",
            compressed(FIN | RSV1 | BINARY, &[0x06, 0x00]),
            ErrorKind::WebSocket,
            1007,
        ),
        (
            "a distance before the beginning",
            compressed(FIN | RSV1 | BINARY, &[0xf2, 0x00, 0x11, 0x00, 0x00]),
            ErrorKind::WebSocket,
            1007,
        ),
        (
            "a message that is cut off",
            compressed(FIN | RSV1 | TEXT, &cut),
            ErrorKind::WebSocket,
            1007,
        ),
        (
            "text that is not UTF-8",
            compressed(FIN | RSV1 | TEXT, &invalid_text),
            ErrorKind::Protocol,
            1007,
        ),
        (
            "half a character",
            compressed(FIN | RSV1 | TEXT, &half_text),
            ErrorKind::Protocol,
            1007,
        ),
        (
            "no packet",
            compressed(FIN | RSV1 | TEXT, &Compressor::new(false).message(b"9")),
            ErrorKind::Protocol,
            1002,
        ),
    ];
    under_both_orders(async |runtime| {
        for selected in [AGREED, NO_TAKEOVER] {
            for (name, bytes, kind, code) in &faults {
                for size in [1, usize::MAX] {
                    let (mut link, mut peer) =
                        connected(&runtime, selected, Limits::default()).await;
                    peer.write(frame(TEXT, "4before")).await;
                    assert_eq!(received(&mut link, 1).await, [message("before")]);
                    let bytes = bytes.clone();
                    let script = spawn(&runtime, async move {
                        if size == 1 {
                            peer.write_pieces(bytes, 1).await;
                        } else {
                            peer.write(bytes).await;
                        }
                        peer.frame().await
                    });
                    let error = link.receiver.recv().await.unwrap_err();
                    assert_eq!(error.kind(), *kind, "{name}: {error}");
                    let close: Frame = script.await;
                    assert_eq!(close.first, FIN | CLOSE, "{name}");
                    assert_eq!(close.payload, code.to_be_bytes(), "{name}: {error}");
                }
            }
        }
    });
}

/// Rule E62.
#[test]
fn the_limit_of_a_message_applies_to_what_was_decompressed() {
    under_both_orders(async |runtime| {
        let limits = Limits::default().message(100_000);
        for (data, is_allowed) in [
            (vec![7; 100_000], true),
            (vec![7; 100_001], false),
            (vec![7; 50_000_000], false),
            // Incompressible data takes more bytes when it is compressed.
            (random(100_000), true),
            (random(100_001), false),
        ] {
            for size in [100, usize::MAX] {
                let (mut link, mut peer) = connected(&runtime, AGREED, limits).await;
                let bytes = frames(BINARY, &Compressor::new(false).message(&data), size);
                let script = spawn(&runtime, async move {
                    peer.write(bytes).await;
                    peer
                });
                if is_allowed {
                    assert!(received(&mut link, 1).await == [message(data.clone())]);
                } else {
                    let error = link.receiver.recv().await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Limit);
                    assert_eq!(error.limit(), Some(Limit::MessageSize));
                }
                drop(link);
                script.await;
            }
        }
    });
}
