//! Compressed responses to polls, whole and broken, which a user's own HTTP client returns.

use std::io::Write;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use engineio_client::codec::{decode_payload, is_protocol_3};
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::transports::Polling;
use engineio_client::{Error, ErrorKind, Limits, MockRuntime, Packet, async_trait};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::{Request, Response};

use super::input::Input;
use super::net;

/// The input: the limit of a body, the coding, the form, and the body. In form zero the body is sent as
/// it is; in the other forms it is compressed first. In form two, one byte of the compressed body is
/// then changed, or the body is cut.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let limit = match input.byte() {
        255 => 1 << 20,
        byte => usize::from(byte) * 16,
    };
    let coding = usize::from(input.byte());
    let form = input.byte() % 3;
    let level = Compression::new(u32::from(input.byte()) % 10);
    let (place, change) = (usize::from(input.byte()), input.byte());
    let mut body = input.rest().to_vec();
    let original = body.clone();
    let (name, has_sum): (_, bool) = [
        ("gzip", true),
        ("deflate", ZLIB_HAS_SUM),
        ("deflate", false),
        ("gzip, deflate", true),
        ("x-gzip, identity", true),
        ("br", true),
    ][coding % 6];
    if form > 0 {
        body = match coding % 6 {
            0 | 4 => gzip(&body, level),
            1 => zlib(&body, level),
            2 => bare(&body, level),
            3 => zlib(&gzip(&body, level), level),
            _ => body,
        };
    }
    if form == 2 {
        let place = place % body.len().max(1);
        match body.get_mut(place) {
            Some(byte) if change != 0 => *byte ^= change,
            _ => body.truncate(place),
        }
    }
    let length = body.len();
    let result = polled(name, body, limit);
    match &result {
        Ok(packets) => {
            assert!(packets.iter().map(net::content).sum::<usize>() <= limit);
            assert_ne!(name, "br");
        }
        Err(error) => {
            let kinds = [
                ErrorKind::Http,
                ErrorKind::Limit,
                ErrorKind::NotEngineIo,
                ErrorKind::Protocol,
            ];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            net::is_presentable(error, false);
        }
    }
    if name == "br" || form == 0 {
        return;
    }
    if form == 2 {
        // A changed byte of a header may have no meaning. A checksum reveals any other change.
        if change == 0 {
            assert!(result.is_err(), "{length} bytes of a body that was cut");
        } else if has_sum && let Ok(packets) = result {
            assert_eq!(
                packets,
                decode_payload(original.into(), &limits(limit)).packets
            );
        }
        return;
    }
    if original.len() > limit {
        assert_eq!(result.expect_err("too large").kind(), ErrorKind::Limit);
        return;
    }
    // With two codings, the body between them may exceed the limit although the original does not.
    let too_large = |error: &Error| error.kind() == ErrorKind::Limit;
    if name == "gzip, deflate" && result.as_ref().is_err_and(too_large) {
        assert!(original.len() + 100 > limit);
        return;
    }
    if is_protocol_3(&original) {
        assert_eq!(result.expect_err("protocol 3").kind(), ErrorKind::Protocol);
        return;
    }
    let expected = decode_payload(Bytes::from(original), &limits(limit));
    match (result, expected.packets.is_empty()) {
        (Ok(packets), false) => assert_eq!(packets, expected.packets),
        (Err(error), true) => {
            let kind = match expected.error.expect("an error").kind() {
                ErrorKind::Limit => ErrorKind::Limit,
                _ => ErrorKind::NotEngineIo,
            };
            assert_eq!(error.kind(), kind);
        }
        (result, _) => panic!("{result:?} for {expected:?}"),
    }
}

/// The decompression library does not check this checksum under a fuzzer, because a fuzzer could not
/// produce valid ones.
const ZLIB_HAS_SUM: bool = cfg!(not(fuzzing));

fn limits(body: usize) -> Limits {
    Limits::default().body(body).payload_packets(1000)
}

fn gzip(data: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(data).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(data: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), level);
    encoder.write_all(data).expect("memory");
    encoder.finish().expect("memory")
}

fn bare(data: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), level);
    encoder.write_all(data).expect("memory");
    encoder.finish().expect("memory")
}

struct Canned(Mutex<Option<Response<Bytes>>>);

#[async_trait]
impl HttpClient for Canned {
    async fn send(&self, request: Request<Bytes>, _: &Exchange) -> Result<Response<Bytes>, Error> {
        assert_eq!(request.headers()["accept-encoding"], "gzip, deflate");
        let response = self.0.lock().expect("no panic").take();
        Ok(response.expect("one request"))
    }
}

fn polled(coding: &str, body: Vec<u8>, limit: usize) -> Result<Vec<Packet>, Error> {
    let response = Response::builder().header("content-encoding", coding);
    let response = response.body(body.into()).expect("a response");
    let client = Arc::new(Canned(Mutex::new(Some(response))));
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let transport = Polling::with_client(client);
        let mut link = net::open(&runtime, transport, limits(limit)).await?;
        link.receiver.recv().await
    })
}
