//! Settings of receipts: which of the sent messages have arrived.

use crate::limits::{self, Capacity};

/// Settings of receipts, by which the client knows which messages have arrived.
///
/// Receipts need no change of the server: the client derives them from WebSocket pings and from the
/// timing of polls. They are off by default; [`Builder::receipts`](crate::Builder::receipts) turns them
/// on.
///
/// ```
/// use engineio_client::{Capacity, Receipts};
///
/// let receipts = Receipts::new()
///     .window(Capacity::new(1024, 1024 * 1024))
///     .required(true);
/// # let _ = receipts;
/// ```
///
/// A message is *confirmed* when the endpoint that speaks WebSocket or HTTP with this client has read it
/// while the session was open. The endpoint is the server, or a proxy that terminates the connection for
/// it. This is weaker than an acknowledgement by the application (such as Socket.IO's `emitWithAck`),
/// which proves that the message was handled. With receipts,
///
/// - [`confirm`](crate::Client::confirm) waits until every message accepted so far is confirmed;
/// - [`Closed`](crate::Closed) counts the confirmed messages, and returns the unconfirmed ones;
/// - [`disconnect`](crate::Client::disconnect) closes the session once everything is confirmed, or when
///   most of the close timeout has passed.
///
/// # How messages are confirmed
///
/// Over WebSocket the client sends a ping behind the messages, a [fence](crate::Fence). The pong shows
/// that the server has read the messages. But a server that is closing may discard them and still
/// answer, as Node's engine.io does. So the client sends a second ping after the first pong, and the
/// second pong confirms the messages: two round trips.
///
/// On polling, a POST is confirmed after its response, when either a poll stays unanswered for one
/// second (or four round trips of the POST, if that is longer) or two further polls have been answered.
/// A server that is closing answers polls at once, so an unanswered poll shows that it is not closing.
/// The client assumes that no response on one of the two connections is delayed by more than this time
/// relative to the other connection.
///
/// # Cost
///
/// A session that sends few messages has at most one ping in flight, and an idle session sends none.
/// Under load up to eight pings are in flight. Unconfirmed messages are kept in memory, up to the
/// [window](Receipts::window). When the window is full, the client sends no further messages, the
/// outbox fills, and [`send`](crate::Client::send) waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipts {
    pub(crate) window: Capacity,
    pub(crate) required: bool,
}

impl Receipts {
    /// The defaults: a window of 16,384 messages or 8 MiB, and receipts are not required.
    ///
    /// ```
    /// use engineio_client::Receipts;
    ///
    /// assert_eq!(Receipts::new(), Receipts::default());
    /// ```
    pub fn new() -> Self {
        Self {
            window: limits::RECEIPT_WINDOW,
            required: false,
        }
    }

    /// Sets how much may be sent and not yet confirmed, in messages and in bytes, whichever is reached
    /// first: 16,384 messages or 8 MiB by default. A single message or group that is larger than the
    /// window is sent when nothing else is unconfirmed.
    ///
    /// A small window limits the throughput to one window per two round trips over WebSocket, and to one
    /// window per second on polling.
    ///
    /// ```
    /// use engineio_client::{Capacity, Receipts};
    ///
    /// let receipts = Receipts::new().window(Capacity::new(65_536, 32 * 1024 * 1024));
    /// # let _ = receipts;
    /// ```
    #[must_use]
    pub fn window(mut self, window: Capacity) -> Self {
        self.window = Capacity::new(window.messages.max(1), window.bytes.max(1));
        self
    }

    /// Sets whether a session that cannot confirm messages ends with
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported). Off by default: the client then emits
    /// [`Event::NoReceipts`](crate::Event::NoReceipts), and the session continues without receipts.
    ///
    /// A session cannot confirm messages if its transport has no means to, or if the server does not
    /// answer WebSocket pings.
    ///
    /// ```
    /// use engineio_client::Receipts;
    ///
    /// let receipts = Receipts::new().required(true);
    /// # let _ = receipts;
    /// ```
    #[must_use]
    pub fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }
}

impl Default for Receipts {
    fn default() -> Self {
        Self::new()
    }
}
