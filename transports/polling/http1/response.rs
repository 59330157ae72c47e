//! Reads one response from bytes that arrive in pieces.

use bytes::{Bytes, BytesMut};
use engineio_client::Limits;

use super::super::super::shared::buffer_pool::SizedBuffer;
use super::chunks::{Chunks, Piece};
use super::fault::Fault;
use super::head::{self, Head, Length};

/// An incomplete head of fewer bytes is parsed each time that more of it arrives, and a longer one when its
/// length has doubled.
const SHORT_HEAD: usize = 1024;

/// Reads the response to one request, within the limits.
pub(super) struct ResponseReader {
    limits: Limits,
    wants_headers: bool,
    /// Bytes of the interim responses to this request, and of empty lines.
    skipped: usize,
    /// Length of the incomplete head when it was last parsed.
    parsed: usize,
    state: State,
}

enum State {
    /// The bytes of an incomplete head.
    Head(Vec<u8>),
    Body(Head, Body),
    Complete(Received),
}

enum Body {
    Sized(SizedBuffer),
    Chunked(Chunks, BytesMut),
    UntilEnd(BytesMut),
}

/// A complete response.
pub(super) struct Received {
    pub(super) head: Head,
    pub(super) body: Bytes,
    /// Bytes arrived that are not a part of the response.
    pub(super) has_more: bool,
}

impl ResponseReader {
    /// `wants_headers` is explained at [`head::parse`].
    pub(super) fn new(limits: Limits, wants_headers: bool) -> Self {
        Self {
            limits,
            wants_headers,
            skipped: 0,
            parsed: 0,
            state: State::Head(Vec::new()),
        }
    }

    /// Where the next bytes belong, if the length of the body is known. The caller reads directly into
    /// this room and calls [`fill`](Self::fill), or else calls [`feed`](Self::feed).
    pub(super) fn room(&mut self) -> Option<&mut [u8]> {
        match &mut self.state {
            State::Body(_, Body::Sized(buffer)) => Some(buffer.room()),
            _ => None,
        }
    }

    /// Whether the head is complete.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(self.state, State::Body(..))
    }

    /// Whether the response is complete.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete(_))
    }

    /// The response, if it is complete.
    pub(super) fn into_received(self) -> Option<Received> {
        match self.state {
            State::Complete(received) => Some(received),
            State::Head(_) | State::Body(..) => None,
        }
    }

    /// Records that `count` bytes were read into the [`room`](Self::room).
    pub(super) fn fill(&mut self, count: usize) {
        if let State::Body(_, Body::Sized(buffer)) = &mut self.state {
            buffer.fill(count);
            if buffer.is_whole() {
                self.finish(false);
            }
        }
    }

    /// Takes bytes that were read.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.state {
            State::Head(pending) if pending.is_empty() => self.take_heads(bytes),
            State::Head(pending) => {
                let start = pending.len().saturating_sub(3);
                pending.extend_from_slice(bytes);
                if !may_end(pending.get(start..).unwrap_or_default()) {
                    let length = pending.len();
                    // What is not HTTP may never end. To parse a long head each time would take time that
                    // grows with the square of its length.
                    if length < SHORT_HEAD || length >= self.parsed.saturating_mul(2) {
                        self.parsed = length;
                        head::parse(pending, self.limits.head, false)?;
                    }
                    return self.check_length(length);
                }
                let whole = std::mem::take(pending);
                self.take_heads(&whole)
            }
            State::Body(..) => self.take_body(bytes),
            State::Complete(_) => Ok(()),
        }
    }

    /// The connection has ended. This is an error unless the response ends with it.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match &self.state {
            State::Body(_, Body::UntilEnd(_)) => {
                self.finish(false);
                Ok(())
            }
            State::Head(pending) => {
                // An incomplete head may be malformed, too.
                head::parse(pending, self.limits.head, false)?;
                Err(Fault::ended())
            }
            _ => Err(Fault::ended()),
        }
    }

    fn check_length(&self, length: usize) -> Result<(), Fault> {
        if length >= self.limits.head {
            return Err(Fault::HeadTooLarge);
        }
        Ok(())
    }

    /// Takes a head and the bytes after it. Interim responses are skipped.
    fn take_heads(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        loop {
            // Empty lines before a response are skipped.
            if let [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] = bytes {
                self.count_skipped(bytes.len().saturating_sub(rest.len()))?;
                bytes = rest;
                continue;
            }
            let parsed = head::parse(bytes, self.limits.head, self.wants_headers)?;
            let Some((head, length)) = parsed else {
                self.check_length(bytes.len())?;
                self.parsed = bytes.len();
                self.state = State::Head(bytes.to_vec());
                return Ok(());
            };
            bytes = bytes.get(length..).unwrap_or_default();
            if !head.is_interim() {
                return self.begin_body(head, bytes);
            }
            self.count_skipped(length)?;
        }
    }

    /// Counts bytes before the final response. Each interim response is within the limit, but their
    /// number has no end.
    fn count_skipped(&mut self, length: usize) -> Result<(), Fault> {
        self.skipped = self.skipped.saturating_add(length);
        if self.skipped > self.limits.head {
            return Err(Fault::HeadTooLarge);
        }
        Ok(())
    }

    fn begin_body(&mut self, head: Head, bytes: &[u8]) -> Result<(), Fault> {
        let body = match head.length {
            Length::Exactly(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if length > self.limits.body {
                    return Err(Fault::BodyTooLarge);
                }
                if let Some(body) = bytes.get(..length) {
                    self.state = State::Complete(Received {
                        head,
                        body: Bytes::copy_from_slice(body),
                        has_more: bytes.len() > length,
                    });
                    return Ok(());
                }
                let buffer = SizedBuffer::starting_with(bytes, length);
                self.state = State::Body(head, Body::Sized(buffer));
                return Ok(());
            }
            Length::Chunked => Body::Chunked(Chunks::new(self.limits.head), BytesMut::new()),
            Length::UntilEnd => Body::UntilEnd(BytesMut::new()),
        };
        self.state = State::Body(head, body);
        self.take_body(bytes)
    }

    fn take_body(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        let State::Body(_, body) = &mut self.state else {
            return Ok(());
        };
        let limit = self.limits.body;
        match body {
            Body::Sized(buffer) => {
                bytes = buffer.take(bytes);
                if buffer.is_whole() {
                    self.finish(!bytes.is_empty());
                }
            }
            Body::Chunked(chunks, buffer) => loop {
                match chunks.next(&mut bytes)? {
                    Piece::Data(data) => append(buffer, data, limit)?,
                    Piece::More => break,
                    Piece::End => {
                        self.finish(!bytes.is_empty());
                        break;
                    }
                }
            },
            Body::UntilEnd(buffer) => append(buffer, bytes, limit)?,
        }
        Ok(())
    }

    fn finish(&mut self, has_more: bool) {
        let state = std::mem::replace(&mut self.state, State::Head(Vec::new()));
        if let State::Body(head, body) = state {
            self.state = State::Complete(Received {
                head,
                body: match body {
                    Body::Sized(buffer) => buffer.into_bytes(),
                    Body::Chunked(_, buffer) | Body::UntilEnd(buffer) => buffer.freeze(),
                },
                has_more,
            });
        }
    }
}

fn append(buffer: &mut BytesMut, data: &[u8], limit: usize) -> Result<(), Fault> {
    if data.len() > limit.saturating_sub(buffer.len()) {
        return Err(Fault::BodyTooLarge);
    }
    buffer.extend_from_slice(data);
    Ok(())
}

/// Whether these bytes may contain the empty line that ends a head. Some servers omit the `\r`.
fn may_end(bytes: &[u8]) -> bool {
    let mut lines = memchr::memchr_iter(b'\n', bytes);
    lines.any(|at| {
        let behind = at.checked_add(1).and_then(|start| bytes.get(start..));
        matches!(behind, Some([b'\n', ..] | [b'\r', b'\n', ..]))
    })
}
