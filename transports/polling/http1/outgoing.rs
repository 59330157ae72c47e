//! A request as it is sent: the head, and the body in pieces.

use std::cell::Cell;
use std::mem;

use engineio_client::Batch;
use engineio_client::codec::Packets;

use super::super::super::shared::buffer_pool::Buffer;
use super::body::Body;

/// Number of bytes of a body that are encoded before they are written; a buffer of the pool may have room
/// for twice as many. Few servers accept a body that is longer. Each write may wake the server, so many
/// short pieces would cost more.
const PIECE: usize = 1024 * 1024;

/// Up to this length a body is encoded into the buffer of the head.
const SHORT: usize = 16 * 1024;

/// Maximum capacity of a buffer that a thread keeps.
const MAX_SPARE: usize = 32 * 1024;

thread_local! {
    /// The buffer of the last request that this thread has sent.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

pub(super) struct Outgoing {
    pub(super) is_poll: bool,
    /// Whether the caller looks at the headers of a successful response.
    pub(super) wants_headers: bool,
    bytes: Bytes,
    /// The part of the bytes that is left to write.
    start: usize,
    end: usize,
    /// The rest of a long body.
    body: Option<Body>,
}

enum Bytes {
    /// A head, and a short body.
    Short(Vec<u8>),
    /// A head and a piece of a body, or a further piece.
    Long(Buffer),
}

impl Outgoing {
    /// `head` adds the head to a buffer, with this length of the body. `batch` is `None` for a poll.
    pub(super) fn new<E>(
        head: impl FnOnce(&mut Vec<u8>, Option<usize>) -> Result<(), E>,
        batch: Option<&Batch>,
        wants_headers: bool,
    ) -> Result<Self, E> {
        let mut buffer = SPARE.take();
        buffer.clear();
        let length = batch.map(Packets::payload_len);
        head(&mut buffer, length)?;
        let mut outgoing = Self {
            is_poll: batch.is_none(),
            wants_headers,
            bytes: Bytes::Short(Vec::new()),
            start: 0,
            end: buffer.len(),
            body: None,
        };
        match (batch, length) {
            (Some(batch), Some(length)) if length > SHORT => {
                let room = outgoing.end.saturating_add(length.min(PIECE));
                let mut bytes = Buffer::new(room);
                if let Some(front) = bytes.get_mut(..outgoing.end) {
                    front.copy_from_slice(&buffer);
                }
                keep(buffer);
                outgoing.bytes = Bytes::Long(bytes);
                outgoing.body = Some(Body::new(batch.clone()));
                outgoing.encode();
            }
            _ => {
                if let Some(batch) = batch {
                    batch.append_payload(&mut buffer);
                }
                outgoing.end = buffer.len();
                outgoing.bytes = Bytes::Short(buffer);
            }
        }
        Ok(outgoing)
    }

    /// The next bytes to write. Empty at the end of the request.
    pub(super) fn bytes(&self) -> &[u8] {
        let bytes = match &self.bytes {
            Bytes::Short(bytes) => bytes,
            Bytes::Long(bytes) => &**bytes,
        };
        bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Records that `count` of the [`bytes`](Self::bytes) were written.
    pub(super) fn advance(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.encode();
            if self.end == 0 {
                self.release();
            }
        }
    }

    /// Encodes as much of the body as there is room for.
    fn encode(&mut self) {
        if let (Some(body), Bytes::Long(bytes)) = (&mut self.body, &mut self.bytes) {
            let room = bytes.get_mut(self.end..).unwrap_or_default();
            self.end = self.end.saturating_add(body.encode(room));
        }
    }

    /// Gives the buffer back, since a response to a poll may take long.
    fn release(&mut self) {
        self.body = None;
        let bytes = mem::replace(&mut self.bytes, Bytes::Short(Vec::new()));
        if let Bytes::Short(buffer) = bytes {
            keep(buffer);
        }
    }
}

fn keep(buffer: Vec<u8>) {
    if buffer.capacity() <= MAX_SPARE {
        SPARE.set(buffer);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use engineio_client::codec::encode_payload;
    use engineio_client::{Message, Packet};

    use super::*;

    #[test]
    fn a_request_is_its_head_and_its_body_however_it_is_written() {
        for length in [1, 100, SHORT, 100_000, 5_000_000] {
            for count in [7919, 65_536, usize::MAX] {
                let data = Packet::Message(Message::from(vec![7; length]));
                let batch = Batch::from(vec![data, Packet::Noop]);
                let payload = encode_payload(&batch);
                let mut outgoing = outgoing(Some(&batch));
                assert!(!outgoing.is_poll);
                let mut written = Vec::new();
                while let bytes @ [_, ..] = outgoing.bytes() {
                    let bytes = bytes.get(..count).unwrap_or(bytes);
                    written.extend_from_slice(bytes);
                    outgoing.advance(bytes.len());
                }
                assert_eq!(written, [HEAD, &*payload].concat());
            }
        }
        let mut poll = outgoing(None);
        assert_eq!((poll.bytes(), poll.is_poll), (HEAD, true));
        poll.advance(HEAD.len());
        assert!(SPARE.take().capacity() >= HEAD.len());
    }

    const HEAD: &[u8] = b"POST /\r\n\r\n";

    fn outgoing(batch: Option<&Batch>) -> Outgoing {
        let head = |buffer: &mut Vec<u8>, length| {
            assert_eq!(length, batch.map(|batch| encode_payload(batch).len()));
            buffer.extend_from_slice(HEAD);
            Ok::<(), Infallible>(())
        };
        match Outgoing::new(head, batch, false) {
            Ok(outgoing) => outgoing,
            Err(never) => match never {},
        }
    }
}
