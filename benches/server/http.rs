//! The part of HTTP/1.1 that Engine.IO clients use.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::broken;

/// A connection with its read buffer.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Number of bytes at the start of `buffer` that were consumed.
    used: usize,
    /// Number of bytes reserved for each read.
    room: usize,
}

pub(super) struct Request {
    pub(super) is_get: bool,
    pub(super) keep_alive: bool,
    pub(super) websocket_key: Option<String>,
    pub(super) offers_deflate: bool,
    query: Vec<(String, String)>,
    body: Body,
    expects_continue: bool,
}

enum Body {
    Length(usize),
    Chunked,
}

/// Benchmark clients are not attackers. These limits catch mistakes.
const LONGEST_HEAD: usize = 64 * 1024;
const ROOM_FOR_BODIES: usize = 256 * 1024;
const LONGEST_BODY: usize = 128 * 1024 * 1024;

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            used: 0,
            room: 2048,
        }
    }

    /// Sets the number of bytes reserved for each read.
    pub(super) fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    pub(super) fn use_up(&mut self, bytes: usize) {
        self.used += bytes;
    }

    /// Reads more bytes. Returns `false` at the end of the stream. Cancel safe.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.reserve(self.room);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    async fn must_fill(&mut self) -> io::Result<()> {
        if self.fill().await? {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    pub(super) async fn respond(&mut self, status: &str, body: &[u8]) -> io::Result<()> {
        let mut answer = Vec::with_capacity(body.len() + 128);
        answer.extend_from_slice(response_head(status, body.len()).as_bytes());
        answer.extend_from_slice(body);
        self.write(&answer).await
    }

    /// Reads the head of the next request; `None` at the end of the stream.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        loop {
            if let Some(end) = memchr::memmem::find(self.unread(), b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.unread()[..end])
                    .map_err(|_| broken("the request head is not UTF-8"))?;
                let request = Request::parse(head)?;
                self.use_up(end + 4);
                return Ok(Some(request));
            }
            if self.unread().len() > LONGEST_HEAD {
                return Err(broken("the request head is too long"));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    pub(super) async fn body(&mut self, request: &Request) -> io::Result<Vec<u8>> {
        if request.expects_continue {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let mut body = Vec::new();
        match request.body {
            Body::Length(length) => self.take(length, &mut body).await?,
            Body::Chunked => loop {
                let line = self.line().await?;
                let digits = line.split(';').next().unwrap_or_default().trim();
                let length = usize::from_str_radix(digits, 16)
                    .map_err(|_| broken("chunk without a length"))?;
                self.take(length, &mut body).await?;
                // The last chunk may be followed by trailers. An empty line ends them.
                while !self.line().await?.is_empty() {}
                if length == 0 {
                    break;
                }
            },
        }
        Ok(body)
    }

    async fn take(&mut self, length: usize, to: &mut Vec<u8>) -> io::Result<()> {
        let length = to.len().saturating_add(length);
        if length > LONGEST_BODY {
            return Err(broken("the request body is too long"));
        }
        to.reserve_exact(length - to.len());
        self.room = self.room.max(length.min(ROOM_FOR_BODIES));
        loop {
            let count = self.unread().len().min(length - to.len());
            to.extend_from_slice(&self.unread()[..count]);
            self.use_up(count);
            if to.len() == length {
                return Ok(());
            }
            self.must_fill().await?;
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = memchr::memmem::find(self.unread(), b"\r\n") {
                let line = String::from_utf8_lossy(&self.unread()[..end]).into_owned();
                self.use_up(end + 2);
                return Ok(line);
            }
            self.must_fill().await?;
        }
    }
}

impl Request {
    fn parse(head: &str) -> io::Result<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (words.next(), words.next().unwrap_or_default());
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let mut request = Self {
            is_get: match method {
                Some("GET") => true,
                Some("POST") => false,
                _ => return Err(broken("the method is neither GET nor POST")),
            },
            keep_alive: true,
            websocket_key: None,
            offers_deflate: false,
            query: query
                .split('&')
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: Body::Length(0),
            expects_continue: false,
        };
        for line in lines {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| broken("header line without a colon"))?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                let length = value
                    .parse()
                    .map_err(|_| broken("invalid Content-Length"))?;
                request.body = Body::Length(length);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                request.body = Body::Chunked;
            } else if name.eq_ignore_ascii_case("expect") {
                request.expects_continue = true;
            } else if name.eq_ignore_ascii_case("sec-websocket-key") {
                request.websocket_key = Some(value.to_owned());
            } else if name.eq_ignore_ascii_case("sec-websocket-extensions") {
                request.offers_deflate = value.starts_with("permessage-deflate");
            } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close")
            {
                request.keep_alive = false;
            }
        }
        Ok(request)
    }

    /// The value of a query parameter.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|pair| pair.0 == name);
        pair.map(|pair| pair.1.as_str())
    }
}

pub(super) fn response_head(status: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: {length}\r\n\r\n"
    )
}
