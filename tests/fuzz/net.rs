//! Helpers of the checks of transports.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use engineio_client::runtime::mock::Order;
use engineio_client::{
    Activity, Error, Limits, Link, MockRuntime, OpenRequest, Packet, Runtime, Transport,
};
use futures::future::{Either, select};

use super::input::Input;
use super::raw::{Peer, settle};

/// A secret in the query and in headers, which no error may repeat.
pub(super) const SECRET: &str = "s3cr3t";

/// How the server's bytes are cut, and in which order tasks run.
#[derive(Clone)]
pub(super) struct Pieces {
    pub(super) order: Order,
    /// Lengths of successive pieces, repeated in turn. Zero stands for all bytes that remain.
    sizes: [usize; 3],
}

impl Pieces {
    pub(super) fn take(input: &mut Input<'_>) -> Self {
        let order = match input.byte() % 2 {
            0 => Order::FirstInFirstOut,
            _ => Order::LastInFirstOut,
        };
        let sizes = [input.byte(), input.byte(), input.byte()].map(usize::from);
        Self { order, sizes }
    }

    pub(super) fn whole(order: Order) -> Self {
        let sizes = [0; 3];
        Self { order, sizes }
    }

    pub(super) fn runtime(&self) -> MockRuntime {
        // Far more polls than any check needs: a task that exceeds them at one instant is in a busy
        // loop.
        MockRuntime::with_order(self.order).with_poll_limit(200_000)
    }

    pub(super) fn of<'a>(&self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        for size in self.sizes.iter().cycle() {
            if bytes.is_empty() {
                break;
            }
            let size = match *size {
                0 => bytes.len(),
                size => size.min(bytes.len()),
            };
            let (piece, rest) = bytes.split_at(size);
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }

    /// Writes piece by piece, and waits until each piece has been read.
    pub(super) async fn write(&self, peer: &mut Peer, runtime: &MockRuntime, bytes: &[u8]) {
        for piece in self.of(bytes) {
            peer.write(piece).await;
            settle(runtime).await;
        }
    }
}

pub(super) async fn open(
    runtime: &MockRuntime,
    transport: impl Transport,
    limits: Limits,
) -> Result<Link, Error> {
    open_at(runtime, "http://10.0.0.1/engine.io/", transport, limits).await
}

pub(super) async fn open_at(
    runtime: &MockRuntime,
    url: &str,
    transport: impl Transport,
    limits: Limits,
) -> Result<Link, Error> {
    let runtime: Arc<dyn Runtime> = Arc::new(runtime.clone());
    let url = url.parse().expect("a URL");
    let mut request = OpenRequest::new(transport.name(), url, Activity::new(Arc::clone(&runtime)));
    request.limits = limits;
    request.query = format!("token={SECRET}");
    for name in ["authorization", "cookie"] {
        let value = SECRET.parse().expect("a value");
        request.headers.insert(name, value);
    }
    request.cookies = Some(Default::default());
    transport.open(&runtime, request).await
}

/// The output of the future; `None` if it takes more than a minute.
pub(super) async fn within_a_minute<T>(
    runtime: &MockRuntime,
    future: impl Future<Output = T>,
) -> Option<T> {
    let future = std::pin::pin!(future);
    match select(future, runtime.sleep(Duration::from_secs(60))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// The number of content bytes in the packet.
pub(super) fn content(packet: &Packet) -> usize {
    match packet {
        Packet::Open(text) | Packet::Ping(text) | Packet::Pong(text) => text.len(),
        Packet::Message(message) => message.len(),
        Packet::Close | Packet::Upgrade | Packet::Noop => 0,
    }
}

pub(super) fn within_limits(packets: &[Packet], limits: &Limits) {
    for packet in packets {
        if let Packet::Message(message) = packet {
            assert!(message.len() <= limits.message, "{} bytes", message.len());
        }
    }
}

/// Checks that an error is short, on one line, and without the secret.
pub(super) fn is_presentable(error: &Error, secret_is_theirs: bool) {
    for words in [error.to_string(), error.report().to_string()] {
        assert!(words.len() < 1500 && !words.is_empty(), "{words}");
        assert!(!words.contains(char::is_control), "{words:?}");
        assert!(secret_is_theirs || !words.contains(SECRET), "{words}");
    }
    assert!(secret_is_theirs || !format!("{error:?}").contains(SECRET));
}

/// Reads a request without a body. The request may contain any bytes, because the client sends a cookie
/// back as the server has set it.
pub(super) async fn request(peer: &mut Peer) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let piece = peer.read_some(4096).await;
        if piece.is_empty() {
            return None;
        }
        head.extend(piece);
    }
    Some(head)
}
