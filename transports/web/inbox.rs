//! What a browser's WebSocket has told, until the client asks: messages in order, then the end.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use engineio_client::codec::{decode_binary, decode_text};
use engineio_client::{Error, ErrorKind, Limits, Packet, PeerClose, Text};

/// A call returns at most this number of packets, and takes no further one with this number of bytes beyond the first.
const MAX_PACKETS: usize = 256;
const MAX_BYTES: usize = 64 * 1024;

/// What an entry of the queue takes besides its data, in bytes: many small messages need memory, too.
const PER_MESSAGE: usize = 64;

/// A message as the browser hands it over.
#[derive(Debug)]
pub(super) enum Incoming {
    Text(Text),
    Binary(Bytes),
}

impl Incoming {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => data.len(),
        }
    }
}

/// The browser calls `open`, `push` and `close` whenever it likes. The client calls the rest.
#[derive(Debug)]
pub(super) struct Inbox {
    limits: Limits,
    /// Bytes that may wait beyond the largest message.
    max_waiting: usize,
    is_open: bool,
    queue: VecDeque<Incoming>,
    /// Bytes in the queue, with `PER_MESSAGE` for each.
    waiting: usize,
    /// Whether more came than may wait. What came afterwards was thrown away.
    is_overrun: bool,
    end: Option<End>,
    /// A fault behind the packets that the last call returned.
    fault: Option<Error>,
    reader: Option<Waker>,
    closer: Option<Waker>,
}

#[derive(Debug)]
struct End {
    close: PeerClose,
    is_clean: bool,
}

impl End {
    /// For errors: the code, and what the server or the browser said.
    fn text(&self) -> String {
        format!("code {}", self.close)
    }
}

impl Inbox {
    pub(super) fn new(limits: Limits, max_waiting: usize) -> Self {
        Self {
            limits,
            max_waiting,
            is_open: false,
            queue: VecDeque::new(),
            waiting: 0,
            is_overrun: false,
            end: None,
            fault: None,
            reader: None,
            closer: None,
        }
    }

    /// The connection is open.
    pub(super) fn open(&mut self) {
        self.is_open = true;
        self.wake_reader();
    }

    /// A message has arrived. Returns false if it was thrown away, or is the last one for which there is room.
    pub(super) fn push(&mut self, incoming: Incoming) -> bool {
        if self.is_overrun {
            return false;
        }
        let size = incoming.len().saturating_add(PER_MESSAGE);
        self.waiting = self.waiting.saturating_add(size);
        self.queue.push_back(incoming);
        self.is_overrun = self.waiting > self.max_waiting.saturating_add(self.limits.message);
        self.wake_reader();
        !self.is_overrun
    }

    /// The connection has ended, or was never opened.
    pub(super) fn close(&mut self, code: u16, reason: &str, is_clean: bool) {
        let close = PeerClose::new(code, reason);
        self.end = Some(End { close, is_clean });
        self.wake_reader();
        if let Some(closer) = self.closer.take() {
            closer.wake();
        }
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Waits until the connection is open.
    ///
    /// # Errors
    ///
    /// What the browser said, if it could not open the connection.
    pub(super) fn poll_open(&mut self, cx: &Context<'_>) -> Poll<Result<(), String>> {
        if self.is_open {
            return Poll::Ready(Ok(()));
        }
        if let Some(end) = &self.end {
            return Poll::Ready(Err(end.text()));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits for packets, and returns those that have arrived, within the limits of one call.
    pub(super) fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Result<Vec<Packet>, Error>> {
        if let Some(fault) = self.fault.take() {
            return Poll::Ready(Err(fault));
        }
        let mut packets = Vec::new();
        let mut bytes = 0_usize;
        while packets.len() < MAX_PACKETS
            && (packets.len() < 2 || bytes < MAX_BYTES)
            && let Some(incoming) = self.queue.pop_front()
        {
            let length = incoming.len();
            let size = length.saturating_add(PER_MESSAGE);
            self.waiting = self.waiting.saturating_sub(size);
            if !packets.is_empty() {
                bytes = bytes.saturating_add(length);
            }
            let decoded = match incoming {
                Incoming::Text(text) => decode_text(text, &self.limits),
                Incoming::Binary(data) => decode_binary(data, &self.limits),
            };
            match decoded {
                Ok(packet) => packets.push(packet),
                Err(error) if packets.is_empty() => return Poll::Ready(Err(error)),
                Err(error) => {
                    self.fault = Some(error);
                    break;
                }
            }
        }
        if !packets.is_empty() {
            return Poll::Ready(Ok(packets));
        }
        if self.is_overrun {
            return Poll::Ready(Err(self.overrun()));
        }
        match &self.end {
            Some(end) if end.is_clean => Poll::Ready(Ok(vec![Packet::Close])),
            Some(end) => Poll::Ready(Err(Error::new(
                ErrorKind::Ended,
                format!("the WebSocket ended without a close frame ({})", end.text()),
            ))),
            None => {
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn overrun(&self) -> Error {
        let message = format!(
            "more than {} bytes of messages came and were not taken, and a browser can't make the server wait",
            self.max_waiting
        );
        Error::new(ErrorKind::Limit, message)
    }

    /// Waits for the end.
    pub(super) fn poll_closed(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.end.is_some() {
            return Poll::Ready(());
        }
        self.closer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The server's close frame.
    pub(super) fn peer_close(&self) -> Option<PeerClose> {
        let end = self.end.as_ref()?;
        end.is_clean.then(|| end.close.clone())
    }
}
