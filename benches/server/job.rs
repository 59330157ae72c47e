//! The job of a session, from the query of its URL, and the encoded messages that the server sends.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use flate2::{Compress, Compression, FlushCompress};

use super::http::Request;
use super::json::json;
use super::{refused, websocket};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Receive,
    Send,
    Echo,
    Idle,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) kind: Kind,
    pub(super) length: usize,
    pub(super) count: usize,
    pub(super) text: bool,
    /// Whether the contents are JSON.
    pub(super) json: bool,
    pub(super) deflate: Option<Deflate>,
    pub(super) ping_interval: Duration,
    pub(super) ping_timeout: Duration,
    pub(super) upgrade: bool,
}

/// How messages are compressed on WebSocket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deflate {
    /// Without context.
    Fresh,
    /// With context, and windows of this number of bits.
    Bits(usize),
}

impl Deflate {
    /// The extension as the server selects it.
    pub(super) fn answer(self) -> String {
        match self {
            Self::Fresh => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover".into()
            }
            Self::Bits(bits) => format!(
                "permessage-deflate; server_max_window_bits={bits}; client_max_window_bits={bits}"
            ),
        }
    }
}

/// Minimum size of a body or write, if there are enough messages.
const PIECE: usize = 64 * 1024;

/// Maximum length of a message. The server holds a whole message in memory.
const LONGEST: usize = 64 * 1024 * 1024;

impl Job {
    pub(super) fn parse(request: &Request) -> io::Result<Self> {
        let number = |name: &str, default: usize| match request.value(name) {
            None => Ok(default),
            Some(value) => value
                .parse::<usize>()
                .map_err(|_| refused(format!("{name}={value} is not a number"))),
        };
        let kind = match request.value("job").unwrap_or("idle") {
            "receive" => Kind::Receive,
            "send" => Kind::Send,
            "echo" => Kind::Echo,
            "idle" => Kind::Idle,
            other => return Err(refused(format!("unknown job {other}"))),
        };
        let (text, json) = match request.value("form").unwrap_or("text") {
            "text" => (true, false),
            "binary" => (false, false),
            "json" => (true, true),
            other => return Err(refused(format!("unknown form {other}"))),
        };
        let deflate = match request.value("deflate") {
            None => None,
            Some("fresh") => Some(Deflate::Fresh),
            Some(_) => Some(Deflate::Bits(number("deflate", 15)?)),
        };
        let job = Self {
            kind,
            length: number("length", 64)?,
            count: number("count", 200_000)?,
            text,
            json,
            deflate,
            ping_interval: Duration::from_millis(number("ping_interval", 25_000)? as u64),
            ping_timeout: Duration::from_millis(number("ping_timeout", 20_000)? as u64),
            upgrade: number("upgrade", 0)? == 1,
        };
        if job.length > LONGEST {
            return Err(refused(format!("length must be at most {LONGEST}")));
        }
        if job.count == 0 {
            return Err(refused("count must be at least 1"));
        }
        if job.upgrade && kind != Kind::Idle {
            return Err(refused("upgrade=1 requires job=idle"));
        }
        Ok(job)
    }

    /// A message encoded for a payload.
    pub(super) fn packet(&self) -> Vec<u8> {
        if self.json {
            format!("4{}", json(self.length)).into_bytes()
        } else if self.text {
            let mut packet = vec![b'x'; self.length.saturating_add(1)];
            packet[0] = b'4';
            packet
        } else {
            format!("b{}", BASE64.encode(self.bytes())).into_bytes()
        }
    }

    /// A message encoded as a server's frame.
    pub(super) fn frame(&self) -> Vec<u8> {
        if self.deflate.is_some() {
            websocket::frame(
                websocket::RSV1 | websocket::TEXT,
                &compressed(&self.packet()),
            )
        } else if self.text {
            websocket::frame(websocket::TEXT, &self.packet())
        } else {
            websocket::frame(websocket::BINARY, &self.bytes())
        }
    }

    /// Payload length of the frame in which a client sends the message.
    pub(super) fn frame_length(&self) -> usize {
        self.length.saturating_add(usize::from(self.text))
    }

    fn bytes(&self) -> Vec<u8> {
        (0..self.length).map(|index| index as u8).collect()
    }
}

/// A message as the payload of a compressed frame.
fn compressed(message: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(message.len() + 1024);
    let mut compress = Compress::new(Compression::default(), false);
    let status = compress.compress_vec(message, &mut payload, FlushCompress::Sync);
    assert!(status.is_ok() && payload.ends_with(&[0, 0, 0xff, 0xff]));
    payload.truncate(payload.len() - 4);
    payload
}

/// Copies of one message in a buffer of at least [`PIECE`] bytes. To send fewer messages, the server sends
/// the beginning of the buffer.
#[derive(Debug)]
pub(super) struct Pieces {
    whole: Vec<u8>,
    /// Length of one message with its separator.
    length: usize,
    separator: usize,
}

impl Pieces {
    pub(super) fn new(one: &[u8], separator: &[u8]) -> Self {
        let length = one.len() + separator.len();
        let mut whole = Vec::with_capacity(PIECE + length);
        while whole.len() < PIECE {
            whole.extend_from_slice(one);
            whole.extend_from_slice(separator);
        }
        Self {
            whole,
            length,
            separator: separator.len(),
        }
    }

    /// Number of messages in the buffer.
    pub(super) fn most(&self) -> usize {
        self.whole.len() / self.length
    }

    /// The first `count` messages (1 to `most`), without a separator at the end.
    pub(super) fn first(&self, count: usize) -> &[u8] {
        &self.whole[..count * self.length - self.separator]
    }
}
