//! What a program can ask to know of what it has sent.

use crate::limits::{self, Capacity};

/// Receipts: which messages have arrived is found out, by what the protocol offers anyway, without a change
/// of the server. They are off by default: [`Builder::receipts`](crate::Builder::receipts) turns them on.
///
/// A message is *confirmed* when it was taken in, while the session was open, by the endpoint that speaks
/// WebSocket or HTTP with this client: the server, or a proxy that ends the connection for it. That is
/// weaker than an acknowledgement of the application (Socket.IO's `emitWithAck`, say), which tells that the
/// message was handled. With them
///
/// - [`confirm`](crate::Client::confirm) waits until all that was accepted before is confirmed;
/// - [`Closed`](crate::Closed) tells how many messages were confirmed, and gives back those that were not;
/// - [`disconnect`](crate::Client::disconnect) says goodbye when all is confirmed, or most of the close
///   timeout has passed.
///
/// # How
///
/// By WebSocket a ping follows the messages as a [fence](crate::Fence), and is answered when they were
/// read; a server that was closing just then throws them away all the same (Node's engine.io does), so a
/// second ping, sent when the first was answered, is what proves them: two round trips. By polling a POST is
/// proved when, after its answer, a poll stays unanswered for a second (or four round trips of the POST, if
/// that is longer), or two further polls were answered: a server that is closing answers polls at once. That
/// relies on an answer being delayed by no more than that on one of two connections.
///
/// # What it costs
///
/// On a quiet session one ping a round trip, eight under way in a stream. What is not confirmed is kept, up
/// to the [window](Receipts::window); beyond it nothing is handed to the connection, the outbox fills, and
/// [`send`](crate::Client::send) waits.
///
/// ```
/// use engineio_client::{Capacity, Receipts};
///
/// let receipts = Receipts::new()
///     .window(Capacity::new(1024, 1024 * 1024))
///     .required(true);
/// # let _ = receipts;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipts {
    pub(crate) window: Capacity,
    pub(crate) required: bool,
}

impl Receipts {
    /// The defaults: a window of 16,384 messages or 8 MiB, and not required.
    pub fn new() -> Self {
        Self {
            window: limits::RECEIPT_WINDOW,
            required: false,
        }
    }

    /// How much may be on its way and not confirmed, whichever comes first: 16,384 messages or 8 MiB by
    /// default. A single message or group that is larger passes alone. A window that is small for the
    /// connection limits its throughput: one window in two round trips by WebSocket, one in a second
    /// by polling.
    #[must_use]
    pub fn window(mut self, window: Capacity) -> Self {
        self.window = Capacity::new(window.messages.max(1), window.bytes.max(1));
        self
    }

    /// Whether a session is refused that can't confirm: by a transport that has no way to, or by a server
    /// that does not answer the pings of WebSocket. The error is
    /// [`Unsupported`](crate::ErrorKind::Unsupported). Where it is off, the default,
    /// [`Event::NoReceipts`](crate::Event::NoReceipts) tells that there are none, and the session goes on.
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
