//! A server on loopback that writes raw bytes. It runs in the test's own task.

use futures::{AsyncReadExt as _, AsyncWriteExt as _, FutureExt as _};
use smol::net::{TcpListener, TcpStream};

pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(crate) fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        Self {
            listener: smol::Async::new(listener)
                .expect("sockets can do it")
                .into(),
        }
    }

    pub(crate) fn url(&self) -> String {
        let address = self.listener.local_addr().expect("it is bound");
        format!("http://{address}")
    }

    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.expect("a client comes");
        Peer {
            stream,
            unread: Vec::new(),
        }
    }

    /// Whether a connection is waiting to be accepted.
    pub(crate) fn has_another(&self) -> bool {
        self.listener.accept().now_or_never().is_some()
    }
}

/// The server's end of one connection.
pub(crate) struct Peer {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The values of the header with this name, which is in lower case.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str()).collect()
    }
}

impl Peer {
    /// Reads a request with its body.
    pub(crate) async fn request(&mut self) -> Request {
        let mut request = self.request_head().await;
        let length = request
            .header("content-length")
            .first()
            .map_or(0, |length| length.parse().expect("a length"));
        request.body = self.read(length).await;
        request
    }

    pub(crate) async fn request_head(&mut self) -> Request {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.read(1).await);
        }
        let head = String::from_utf8(head).expect("a head of text");
        let mut lines = head.trim_end().split("\r\n");
        let mut words = lines
            .next()
            .unwrap_or_default()
            .split(' ')
            .map(str::to_owned);
        let (method, target) = (words.next(), words.next());
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Request {
            method: method.expect("a method"),
            target: target.expect("a target"),
            headers: headers.collect(),
            body: Vec::new(),
        }
    }

    /// Reads this number of bytes.
    pub(crate) async fn read(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            let mut piece = [0; 4096];
            let count = self.stream.read(&mut piece).await.expect("a read");
            assert!(count > 0, "the client has gone");
            self.unread.extend(&piece[..count]);
        }
        self.unread.drain(..count).collect()
    }

    /// Reads and discards until the client has closed the connection.
    pub(crate) async fn gone(&mut self) {
        let mut piece = [0; 4096];
        while matches!(self.stream.read(&mut piece).await, Ok(1..)) {}
    }

    /// Writes, and returns whether the client still reads.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Answers with 200 and this body.
    pub(crate) async fn answer(&mut self, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        self.write([head.as_bytes(), body].concat()).await;
    }
}
