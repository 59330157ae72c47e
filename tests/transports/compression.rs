//! Compressed responses to polls: whole, broken, and decompression bombs.

use std::io::Write;
use std::sync::{Arc, Mutex};

use engineio_client::http::{Exchange, HttpClient};
use engineio_client::transports::Polling;
use engineio_client::{Error, ErrorKind, Limits, MockRuntime, OpenRequest, Packet, async_trait};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::{Request, Response};
use proptest::prelude::*;

use crate::raw::{Server, response, spawn, under_both_orders, under_some_orders};
use crate::{message, open};

fn gzip(data: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: impl AsRef<[u8]>, level: Compression) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), level);
    encoder.write_all(data.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn deflate(data: impl AsRef<[u8]>, level: Compression) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), level);
    encoder.write_all(data.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn encoded(coding: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The result of a poll that is answered with these bytes.
async fn polled(
    runtime: &MockRuntime,
    answer: Vec<u8>,
    limits: Limits,
) -> Result<Vec<Packet>, Error> {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        let request = peer.request().await;
        assert_eq!(request.header("accept-encoding"), Some("gzip, deflate"));
        peer.write(answer).await;
    });
    let edit = |request: &mut OpenRequest| request.limits = limits;
    let mut link = open(runtime, Polling::default(), edit).await.unwrap();
    let received = link.receiver.recv().await;
    script.await;
    received
}

async fn text(runtime: &MockRuntime, answer: Vec<u8>) -> Result<Vec<Packet>, Error> {
    polled(runtime, answer, Limits::default()).await
}

/// A payload, part of which is hard to compress, and its packets.
fn payload() -> (String, Vec<Packet>) {
    let text: String = (0..20_000_u32).map(|n| format!("{n} ö ")).collect();
    (format!("4{text}\x1e4x"), vec![message(text), message("x")])
}

#[test]
fn gzip_and_deflate_are_decoded_in_every_form() {
    // Ported from engine.io: server.js:3254-3436
    under_both_orders(async |runtime| {
        let (body, packets) = payload();
        let best = Compression::best();
        for answer in [
            encoded("gzip", gzip(&body)),
            encoded("x-gzip", gzip(&body)),
            encoded("GZIP", gzip(&body)),
            encoded("deflate", zlib(&body, best)),
            encoded("deflate", zlib(&body, Compression::none())),
            // Some servers send a bare deflate stream, without a zlib header, under the name `deflate`.
            encoded("deflate", deflate(&body, best)),
            encoded("deflate", deflate(&body, Compression::none())),
            encoded("identity", &body),
            encoded("", &body),
            encoded("identity, gzip,", gzip(&body)),
            // Codings are listed in the order in which the server applied them.
            encoded("gzip, deflate", zlib(gzip(&body), best)),
            encoded("deflate\r\nContent-Encoding: gzip", gzip(zlib(&body, best))),
        ] {
            assert!(text(&runtime, answer).await.unwrap() == packets);
        }
    });
}

#[test]
fn a_bare_deflate_stream_is_distinguished_from_one_with_a_header() {
    under_both_orders(async |runtime| {
        let mut alike = 0;
        for length in 0..300 {
            // Texts of different lengths compress with different codes, so the streams begin with
            // different bytes.
            let body: String = (0..length).map(|n| format!("{n} ")).collect();
            let body = format!("4{body}");
            let bytes = deflate(&body, Compression::best());
            // These two bytes pass the check of a zlib header, although the stream has no header.
            if u16::from_be_bytes([bytes[0], bytes[1]]) % 31 == 0 {
                alike += 1;
                let packets = text(&runtime, encoded("deflate", bytes)).await;
                assert_eq!(packets.unwrap(), [message(&body[1..])]);
            }
        }
        assert!(alike > 0);
    });
}

#[test]
fn an_unknown_coding_and_too_many_codings_are_errors_that_say_so() {
    under_some_orders(async |runtime| {
        let thrice = gzip(gzip(gzip("4x")));
        for (answer, words) in [
            (encoded("br", "4x"), "as \"br\""),
            (encoded("gzip, zstd", gzip("4x")), "as \"zstd\""),
            (encoded("gzip, gzip, gzip", thrice), "more than 2 times"),
        ] {
            let error = text(&runtime, answer).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Http);
            assert!(error.to_string().contains(words), "{error}");
        }
    });
}

#[test]
fn a_compressed_body_that_is_broken_is_an_error_and_nothing_of_it_is_delivered() {
    under_both_orders(async |runtime| {
        let (body, _) = payload();
        let wholes = [
            ("gzip", gzip(&body)),
            ("deflate", zlib(&body, Compression::best())),
            ("deflate", deflate(&body, Compression::best())),
        ];
        for (coding, whole) in wholes {
            let checked = coding == "gzip" || whole[0] == 0x78;
            // The stream is cut within its header, its data or its checksum.
            for length in [
                0,
                1,
                2,
                5,
                11,
                whole.len() / 2,
                whole.len() - 5,
                whole.len() - 1,
            ] {
                let error = text(&runtime, encoded(coding, &whole[..length])).await;
                let error = error.expect_err(&format!("{coding} cut at {length}"));
                assert_eq!(error.kind(), ErrorKind::Http, "{coding} {length} {error:?}");
                assert!(error.to_string().contains("is truncated"), "{error:?}");
            }
            let trailing = [&whole[..], b"x"].concat();
            let error = text(&runtime, encoded(coding, trailing)).await.unwrap_err();
            assert!(error.to_string().contains("after its end"), "{error:?}");
            // A bare deflate stream has no checksum, so a change in it may go unnoticed.
            let ends: &[usize] = if checked { &[1, 4] } else { &[] };
            for from_end in ends {
                let mut wrong = whole.clone();
                let at = whole.len() - from_end;
                wrong[at] ^= 1;
                let error = text(&runtime, encoded(coding, wrong)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Http, "{error:?}");
                assert!(error.to_string().contains("corrupt"), "{error:?}");
            }
            let error = text(&runtime, encoded(coding, "4plain text"))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Http, "{error:?}");
        }
        // Two streams, one after the other.
        let two = [gzip("4x"), gzip("4y")].concat();
        let error = text(&runtime, encoded("gzip", two)).await.unwrap_err();
        assert!(error.to_string().contains("after its end"), "{error:?}");
    });
}

/// The body in each coding.
fn in_each_coding(body: &str) -> Vec<(&'static str, Vec<u8>)> {
    let best = Compression::best();
    vec![
        ("gzip", gzip(body)),
        ("deflate", zlib(body, best)),
        ("deflate", deflate(body, best)),
        ("gzip, gzip", gzip(gzip(body))),
    ]
}

#[test]
fn the_limit_of_a_body_counts_decoded_bytes_and_one_as_long_passes() {
    const LIMIT: usize = 100_000;
    let limits = Limits::default().body(LIMIT);
    let fits = format!("4{}", "x".repeat(LIMIT - 1));
    let above = format!("{fits}x");
    // This body is shorter than the limit only while it is compressed.
    let bomb = "4".repeat(300 * LIMIT);
    let mut too_large: Vec<_> = [&above, &bomb].map(|body| in_each_coding(body)).concat();
    // The trailer of a gzip stream may state a wrong length. Here it states 0.
    let mut lying = gzip(&bomb);
    let end = lying.len() - 4;
    lying[end..].copy_from_slice(&[0; 4]);
    too_large.push(("gzip", lying));
    let mut boasting = gzip("4x");
    let end = boasting.len() - 4;
    boasting[end..].copy_from_slice(&[255; 4]);
    under_both_orders(async |runtime| {
        for (coding, bytes) in in_each_coding(&fits) {
            let packets = polled(&runtime, encoded(coding, bytes), limits).await;
            assert!(packets.unwrap() == [message(&fits[1..])], "{coding}");
        }
        for (coding, bytes) in &too_large {
            assert!(bytes.len() < LIMIT);
            let error = polled(&runtime, encoded(coding, bytes), limits).await;
            let error = error.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Limit, "{coding} {error:?}");
            let text = error.to_string();
            assert!(
                text.contains("max_body_size") && text.contains("100000"),
                "{text}"
            );
        }
        // A body whose trailer announces more than the limit is not decoded.
        let mut unread = vec![0; 1000];
        unread.extend(200_000_u32.to_le_bytes());
        let error = polled(&runtime, encoded("gzip", unread), limits).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Limit);
        // A length in the trailer that so few bytes can't decode to is reported as corruption, not as a
        // limit.
        let error = text(&runtime, encoded("gzip", &boasting)).await;
        assert!(error.unwrap_err().to_string().contains("corrupt"));
    });
}

#[test]
fn a_compressed_refusal_is_quoted_and_a_broken_one_keeps_its_status() {
    under_some_orders(async |runtime| {
        let words = r#"{"code":1,"message":"Session ID unknown"}"#;
        for (body, expected) in [(gzip(words), "Session ID unknown"), (b"x".to_vec(), "400")] {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
            );
            let answer = [head.as_bytes(), &body].concat();
            let error = text(&runtime, answer).await.unwrap_err();
            assert_eq!(error.status(), Some(400));
            assert!(error.to_string().contains(expected), "{error}");
        }
    });
}

#[test]
fn polls_accept_the_users_codings_and_posts_accept_none() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            let poll = peer.request().await;
            assert_eq!(poll.header("accept-encoding"), Some("deflate;q=0.5"));
            peer.write(encoded("gzip", gzip("4x"))).await;
            peer.answer("ok").await
        });
        let edit = |request: &mut OpenRequest| {
            let value = "deflate;q=0.5".parse().unwrap();
            request.headers.insert("accept-encoding", value);
        };
        let mut link = open(&runtime, Polling::default(), edit).await.unwrap();
        assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
        link.sender.send(vec![message("y")].into()).await.unwrap();
        script.await;
    });
}

/// An HTTP client of the user, which returns these responses in turn.
struct Canned(Mutex<Vec<Response<bytes::Bytes>>>);

#[async_trait]
impl HttpClient for Canned {
    async fn send(
        &self,
        request: Request<bytes::Bytes>,
        _: &Exchange,
    ) -> Result<Response<bytes::Bytes>, Error> {
        assert_eq!(request.headers()["accept-encoding"], "gzip, deflate");
        Ok(self.0.lock().unwrap().remove(0))
    }
}

#[test]
fn a_users_http_client_may_decode_bodies_or_not() {
    under_some_orders(async |runtime| {
        let as_it_came = Response::builder().header("content-encoding", "gzip");
        let as_it_came = as_it_came.body(gzip("4x").into()).unwrap();
        let decoded = Response::new("4y".into());
        let client = Canned(Mutex::new(vec![as_it_came, decoded]));
        let transport = Polling::with_client(Arc::new(client));
        let mut link = open(&runtime, transport, |_| {}).await.unwrap();
        assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
        assert_eq!(link.receiver.recv().await.unwrap(), [message("y")]);
    });
}

#[test]
fn a_compressed_body_may_come_in_chunks_and_an_uncompressed_one_follow() {
    // Ported from engine.io: server.js:3254-3436
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let (body, packets) = payload();
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.request().await;
            let head =
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
            peer.write(head).await;
            for chunk in gzip(&body).chunks(1000) {
                peer.write(format!("{:x}\r\n", chunk.len())).await;
                peer.write(chunk).await;
                peer.write("\r\n").await;
            }
            peer.write("0\r\n\r\n").await;
            peer.request().await;
            peer.write(response("4x")).await;
        });
        let mut link = open(&runtime, Polling::default(), |_| {}).await.unwrap();
        assert!(link.receiver.recv().await.unwrap() == packets);
        assert_eq!(link.receiver.recv().await.unwrap(), [message("x")]);
        script.await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Arbitrary bytes are decoded or refused with an error. They never cause a panic, and never decode
    /// to more than the limit.
    #[test]
    fn any_bytes_are_decoded_or_an_error_within_the_limit(
        text in "[a-z]{0,200}",
        cut in 0_usize..300,
        at in 0_usize..300,
        flip: u8,
        coding in 0_usize..4,
    ) {
        let body = format!("4{text}");
        let best = Compression::best();
        let (name, mut bytes) = match coding {
            0 => ("gzip", gzip(&body)),
            1 => ("deflate", zlib(&body, best)),
            2 => ("deflate", deflate(&body, best)),
            _ => ("gzip, deflate", zlib(gzip(&body), best)),
        };
        bytes.truncate(cut.max(1));
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let limits = Limits::default().body(300);
        let runtime = MockRuntime::new();
        runtime.block_on(async {
            if let Err(error) = polled(&runtime, encoded(name, bytes), limits).await {
                let known = [ErrorKind::Http, ErrorKind::Limit, ErrorKind::NotEngineIo];
                assert!(known.contains(&error.kind()), "{error:?}");
            }
        });
    }
}
