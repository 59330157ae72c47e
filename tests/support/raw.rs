//! A server of raw bytes on the network of a `MockRuntime`. A test reads exactly the bytes that the
//! client sent, and writes any bytes in pieces of any size.

// Each test binary with this module uses only a part of it.
#![allow(dead_code)]

#[path = "wire.rs"]
pub(crate) mod wire;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use engineio_client::runtime::mock::{MemoryStream, MockListener, Schedules};
use engineio_client::runtime::{BoxedStream, ByteStream};
use engineio_client::{MockRuntime, Runtime};
use futures::channel::oneshot;
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};

use wire::accepting;
#[allow(unused_imports, reason = "each test program uses a part of it")]
pub(crate) use wire::{
    BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, fragment, frame, frame_head, response,
};

/// Where a [`Server`] listens: the host of `http://10.0.0.1`.
pub(crate) const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// Number of bytes that the mock network buffers in one direction.
pub(crate) const PIPE: usize = 64 * 1024;

/// Runs the test with the task orders first-in-first-out and last-in-first-out: for slow tests with many
/// bytes.
pub(crate) fn under_both_orders(test: impl AsyncFn(MockRuntime)) {
    Schedules::new().seeds(0..0).run(test);
}

/// Runs the test first-in-first-out, last-in-first-out, and in some random task orders.
pub(crate) fn under_some_orders(test: impl AsyncFn(MockRuntime)) {
    Schedules::new().seeds(0..8).run(test);
}

/// Runs the test first-in-first-out, last-in-first-out, and in 200 random task orders: for tests of
/// whole sessions.
pub(crate) fn under_many_orders(test: impl AsyncFn(MockRuntime)) {
    Schedules::new().seeds(0..200).run(test);
}

/// Spawns a task whose result can be awaited. A panic of the task fails the test.
pub(crate) fn spawn<T: Send + 'static>(
    runtime: &MockRuntime,
    task: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Unpin {
    let (sender, receiver) = oneshot::channel();
    runtime.spawn(Box::pin(async move {
        let _ = sender.send(task.await);
    }));
    receiver.map(|result| result.expect("the task has ended"))
}

/// Lets all other tasks run until they wait.
pub(crate) async fn settle(runtime: &MockRuntime) {
    runtime.sleep(Duration::ZERO).await;
}

/// Accepts the connections to one port of [`HOST`].
pub(crate) struct Server {
    runtime: MockRuntime,
    listener: MockListener,
}

impl Server {
    pub(crate) fn new(runtime: &MockRuntime) -> Self {
        Self::on(runtime, 80)
    }

    pub(crate) fn on(runtime: &MockRuntime, port: u16) -> Self {
        Self {
            runtime: runtime.clone(),
            listener: runtime.listen(SocketAddr::new(HOST, port)),
        }
    }

    pub(crate) async fn accept(&mut self) -> Peer {
        Peer::new(&self.runtime, self.listener.accept().await)
    }

    /// Accepts a connection as a bare stream.
    pub(crate) async fn accept_stream(&mut self) -> MemoryStream {
        self.listener.accept().await
    }

    /// Whether another connection is waiting to be accepted. If so, it is accepted and dropped.
    pub(crate) fn has_another(&mut self) -> bool {
        self.listener.accept().now_or_never().is_some()
    }
}

/// The server's end of one connection. Dropping it ends both directions.
pub(crate) struct Peer {
    runtime: MockRuntime,
    stream: BoxedStream,
    unread: Vec<u8>,
}

/// A received request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of the header with this lower-case name. Panics if the header occurs twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} occurs twice: {self:?}");
        value
    }

    /// The undecoded name-value pairs of the query.
    pub(crate) fn query(&self) -> Vec<(&str, &str)> {
        let (_, query) = self.target.split_once('?').unwrap_or_default();
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query();
        pairs
            .iter()
            .find(|pair| pair.0 == name)
            .map(|&(_, value)| value)
    }
}

/// A frame of the client, unmasked.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The first byte: FIN bit, three reserved bits, opcode.
    pub(crate) first: u8,
    pub(crate) mask: Option<[u8; 4]>,
    /// The header's bytes for the payload length, including the byte with the mask bit.
    pub(crate) length: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.payload[..self.payload.len().min(16)];
        f.debug_struct("Frame")
            .field("first", &format_args!("{:#x}", self.first))
            .field("length", &self.payload.len())
            .field("start", &format_args!("{}", start.escape_ascii()))
            .finish()
    }
}

/// The head of the response with which a server accepts a WebSocket request.
pub(crate) fn switching(request: &Request) -> String {
    accepting(request.header("sec-websocket-key").expect("a key"))
}

impl Peer {
    pub(crate) fn new(runtime: &MockRuntime, stream: impl ByteStream) -> Self {
        Self {
            runtime: runtime.clone(),
            stream: Box::new(stream),
            unread: Vec::new(),
        }
    }

    /// Writes the bytes, as many at once as the connection buffers. Ignores errors: the client may have
    /// gone.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        if self.stream.write_all(bytes.as_ref()).await.is_ok() {
            // TLS may otherwise keep a part of the data in its buffer.
            let _ = self.stream.flush().await;
        }
    }

    /// Writes pieces of this size. The client has read each piece before the next is written.
    pub(crate) async fn write_pieces(&mut self, bytes: impl AsRef<[u8]>, size: usize) {
        for piece in bytes.as_ref().chunks(size) {
            self.write(piece).await;
            settle(&self.runtime).await;
        }
    }

    /// Ends the direction from server to client.
    pub(crate) async fn finish(&mut self) {
        let _ = self.stream.close().await;
    }

    /// Reads the available bytes, up to `most`. Returns no bytes at the end of the stream.
    pub(crate) async fn read_some(&mut self, most: usize) -> Vec<u8> {
        if !self.unread.is_empty() {
            let most = most.min(self.unread.len());
            return self.unread.drain(..most).collect();
        }
        let mut bytes = vec![0; most];
        let count = self.stream.read(&mut bytes).await.expect("a read");
        bytes.truncate(count);
        bytes
    }

    pub(crate) async fn read_exact(&mut self, count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.unread.drain(..count.min(self.unread.len())).collect();
        let start = bytes.len();
        bytes.resize(count, 0);
        let read = self.stream.read_exact(&mut bytes[start..]).await;
        read.expect("the client goes on writing");
        bytes
    }

    /// Reads until the client has ended the connection.
    pub(crate) async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.unread);
        self.stream.read_to_end(&mut bytes).await.expect("a read");
        bytes
    }

    /// Waits until it is known whether the next bytes are `start`, without consuming them.
    pub(crate) async fn begins_with(&mut self, start: &str) -> bool {
        while self.unread.len() < start.len() {
            let missing = start.len() - self.unread.len();
            let mut piece = vec![0; missing];
            let count = self.stream.read(&mut piece).await.expect("a read");
            if count == 0 {
                return false;
            }
            self.unread.extend_from_slice(&piece[..count]);
        }
        self.unread.starts_with(start.as_bytes())
    }

    /// Reads a request, with its body.
    pub(crate) async fn request(&mut self) -> Request {
        self.next_request().await.expect("a request")
    }

    /// Reads a request, with its body, unless the client ends the connection instead.
    pub(crate) async fn next_request(&mut self) -> Option<Request> {
        let mut request = self.next_request_head().await?;
        if let Some(length) = request.header("content-length") {
            let length = length.parse().expect("a length");
            request.body = self.read_exact(length).await;
        }
        Some(request)
    }

    /// Reads the head of a request.
    pub(crate) async fn request_head(&mut self) -> Request {
        self.next_request_head().await.expect("a request")
    }

    async fn next_request_head(&mut self) -> Option<Request> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let mut piece = [0; 4096];
            let count = self.stream.read(&mut piece).await.expect("a read");
            if count == 0 {
                assert!(self.unread.is_empty(), "half a head");
                return None;
            }
            self.unread.extend_from_slice(&piece[..count]);
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let head = String::from_utf8(head).expect("a head of text");
        let mut lines = head.trim_end().split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let mut word = || first.next().expect("three words").to_owned();
        let (method, target, version) = (word(), word(), word());
        assert_eq!(version, "HTTP/1.1");
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Some(Request {
            method,
            target,
            headers: headers.collect(),
            body: Vec::new(),
        })
    }

    /// Reads a request, and answers it with 200 and this body.
    pub(crate) async fn answer(&mut self, body: impl AsRef<[u8]>) -> Request {
        let request = self.request().await;
        self.write(response(body)).await;
        request
    }

    /// Reads a WebSocket request and accepts it.
    pub(crate) async fn accept_websocket(&mut self) -> Request {
        let request = self.request().await;
        self.write(switching(&request)).await;
        request
    }

    /// Reads a frame, unless the client ends the connection instead.
    pub(crate) async fn next_frame(&mut self) -> Option<Frame> {
        if self.unread.is_empty() {
            self.unread = self.read_some(1).await;
        }
        if self.unread.is_empty() {
            return None;
        }
        Some(self.frame().await)
    }

    /// Reads a frame.
    pub(crate) async fn frame(&mut self) -> Frame {
        let head = self.read_exact(2).await;
        let mut length = vec![head[1]];
        let count = match head[1] & 0x7f {
            126 => {
                length.extend(self.read_exact(2).await);
                u64::from(u16::from_be_bytes([length[1], length[2]]))
            }
            127 => {
                length.extend(self.read_exact(8).await);
                u64::from_be_bytes(length[1..].try_into().expect("eight bytes"))
            }
            short => u64::from(short),
        };
        let mask: Option<[u8; 4]> = match head[1] & 0x80 {
            0 => None,
            _ => Some(self.read_exact(4).await.try_into().expect("four bytes")),
        };
        let mut payload = self.read_exact(count.try_into().expect("a length")).await;
        for (byte, mask) in payload
            .iter_mut()
            .zip(mask.unwrap_or_default().iter().cycle())
        {
            *byte ^= mask;
        }
        Frame {
            first: head[0],
            mask,
            length,
            payload,
        }
    }
}
