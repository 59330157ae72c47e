//! The body of a response that refuses the upgrade, in which the server explains the refusal.

use std::sync::Arc;
use std::time::Duration;

use engineio_client::Runtime;
use engineio_client::runtime::BoxedStream;
use futures::future;
use futures::io::AsyncReadExt as _;
use http::{HeaderMap, StatusCode, header};

use super::response::options;

/// Time limit for reading the body.
const BODY_WAIT: Duration = Duration::from_secs(1);
/// Maximum number of bytes of the body that are read.
const BODY_SIZE: usize = 16 * 1024;

/// Reads the body until it is complete. `bytes` are the part that has arrived already. A body that
/// ends early, takes too long or is too large is returned as far as it was read.
pub(super) async fn read_body(
    runtime: &Arc<dyn Runtime>,
    stream: &mut BoxedStream,
    bytes: Vec<u8>,
    status: StatusCode,
    headers: &HeaderMap,
) -> Vec<u8> {
    let mut body = Body::new(Framing::of(status, headers));
    body.push(&bytes);
    let read = Box::pin(async {
        let mut piece = [0; 4096];
        while !body.is_complete() {
            match stream.read(&mut piece).await {
                Ok(count @ 1..) => body.push(piece.get(..count).unwrap_or_default()),
                Ok(0) | Err(_) => break,
            }
        }
    });
    drop(future::select(read, runtime.sleep(BODY_WAIT)).await);
    body.into_data()
}

/// How the end of a body is recognised (RFC 9112, 6.3).
#[derive(Clone, Copy, PartialEq)]
enum Framing {
    /// The body ends after this number of bytes.
    Length(usize),
    /// The body ends after the last chunk.
    Chunked,
    /// The body ends with the connection.
    UntilClosed,
}

impl Framing {
    fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Self::Length(0);
        }
        // `Transfer-Encoding` overrides `Content-Length`.
        if headers.contains_key(header::TRANSFER_ENCODING) {
            return match options(headers, &header::TRANSFER_ENCODING).last() {
                Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Self::Chunked,
                _ => Self::UntilClosed,
            };
        }
        let mut lengths = options(headers, &header::CONTENT_LENGTH)
            .map(|length| std::str::from_utf8(length).ok()?.parse().ok());
        match lengths.next() {
            Some(Some(length)) if lengths.all(|other| other == Some(length)) => {
                Self::Length(length)
            }
            _ => Self::UntilClosed,
        }
    }
}

struct Body {
    framing: Framing,
    /// The bytes received so far.
    bytes: Vec<u8>,
    /// The data of the complete chunks, and the offset of the next chunk.
    joined: Vec<u8>,
    next: usize,
    /// Whether the last chunk has arrived, or bytes that are not a chunk.
    ended: bool,
}

impl Body {
    fn new(framing: Framing) -> Self {
        Self {
            framing,
            bytes: Vec::new(),
            joined: Vec::new(),
            next: 0,
            ended: false,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while self.framing == Framing::Chunked && !self.ended {
            let rest = self.bytes.get(self.next..).unwrap_or_default();
            match Chunk::parse(rest) {
                // Trailers may follow. Trailers don't explain the refusal, so they are not read.
                Ok(Some(Chunk { size: 0, .. })) | Err(_) => self.ended = true,
                Ok(Some(Chunk {
                    data,
                    end: Some(end),
                    ..
                })) => {
                    self.joined.extend_from_slice(data);
                    self.next = self.next.saturating_add(end);
                }
                Ok(_) => return,
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.ended
            || self.bytes.len() >= BODY_SIZE
            || matches!(self.framing, Framing::Length(length) if self.bytes.len() >= length)
    }

    fn into_data(mut self) -> Vec<u8> {
        match self.framing {
            Framing::Chunked => {
                let rest = self.bytes.get(self.next..).unwrap_or_default();
                if let Ok(Some(chunk)) = Chunk::parse(rest) {
                    self.joined.extend_from_slice(chunk.data);
                }
                self.joined
            }
            Framing::Length(length) => {
                self.bytes.truncate(length);
                self.bytes
            }
            Framing::UntilClosed => self.bytes,
        }
    }
}

/// A chunk that may be incomplete.
struct Chunk<'a> {
    size: usize,
    data: &'a [u8],
    /// The offset of the next chunk, if this one is complete.
    end: Option<usize>,
}

impl<'a> Chunk<'a> {
    /// Parses the chunk at the start of these bytes. Returns `None` if its size has not arrived yet.
    fn parse(bytes: &'a [u8]) -> Result<Option<Self>, httparse::InvalidChunkSize> {
        let httparse::Status::Complete((start, size)) = httparse::parse_chunk_size(bytes)? else {
            return Ok(None);
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let rest = bytes.get(start..).unwrap_or_default();
        let data = rest.get(..size).unwrap_or(rest);
        let end = match rest.get(size..) {
            Some([b'\r', b'\n', ..]) => Some(start.saturating_add(size).saturating_add(2)),
            None | Some([] | [b'\r']) => None,
            Some(_) => return Err(httparse::InvalidChunkSize),
        };
        Ok(Some(Self { size, data, end }))
    }
}
