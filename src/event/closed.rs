//! How a session ended, and what became of the messages.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::reason::Reason;
use crate::packet::Message;

/// How a session ended, and what became of each message that the client had accepted.
///
/// In the order in which they were accepted, the messages are:
///
/// | part | what became of them | available |
/// |---|---|---|
/// | 1. [`confirmed`](Closed::confirmed) | the server's endpoint read them while the session was open | their number |
/// | 2. [`unconfirmed_count`](Closed::unconfirmed_count) | they were sent; whether they arrived is not known | their number; with [receipts](crate::Receipts) also the [messages](Closed::unconfirmed) |
/// | 3. [`uncertain`](Closed::uncertain) | they were being sent when the connection ended; they may have arrived | the messages |
/// | 4. [`unsent`](Closed::unsent) | they were never sent | the messages |
///
/// Parts 2 and 3 may be lost, unless the end is [clean](Closed::is_clean). Without receipts few
/// messages are confirmed, and only over WebSocket: those before the second-to-last
/// [fence](crate::Builder::fences) that the server answered.
///
/// `Closed` does not count messages from the server to this client that the server had not sent yet.
///
/// ```
/// use engineio_client::{Closed, Message};
///
/// /// The messages to send again, for a server that recognises duplicates.
/// fn to_resend(closed: &Closed) -> Vec<Message> {
///     if closed.is_clean() {
///         return Vec::new();
///     }
///     let parts = [closed.unconfirmed(), closed.uncertain(), closed.unsent()];
///     parts.concat()
/// }
/// ```
///
/// The end of a session in a test, on the mock runtime:
///
/// ```
/// # #[cfg(feature = "mock")] {
/// use engineio_client::transports::mock::MockServer;
/// use engineio_client::{Builder, MockRuntime, Reason};
///
/// let runtime = MockRuntime::new();
/// let closed = runtime.block_on(async {
///     let (transport, mut server) = MockServer::new(runtime.clone());
///     let client = Builder::new("http://chat.test", transport, runtime.clone()).connect().await?;
///     server.session().await.close();
///     Ok::<_, engineio_client::Error>(client.wait().await)
/// })?;
/// assert!(matches!(closed.reason(), Reason::Server { .. }));
/// assert!(closed.unsent().is_empty());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A `Closed` is cheap to clone: clones share the messages.
#[derive(Clone)]
pub struct Closed(Arc<Ended>);

/// The contents of a [`Closed`].
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) reason: Reason,
    /// This client closed the session and the server answered, or no session was open yet.
    pub(crate) answered: bool,
    pub(crate) confirmed: u64,
    pub(crate) unconfirmed_count: u64,
    /// The unconfirmed messages, if they were kept.
    pub(crate) unconfirmed: Vec<Message>,
    /// Number of unconfirmed messages that make the end unclean even if the server answered the close.
    /// With receipts these are all unconfirmed messages, without receipts only those of earlier
    /// sessions.
    pub(crate) doubtful: u64,
    pub(crate) uncertain: Vec<Message>,
    pub(crate) unsent: Vec<Message>,
    /// Groups of messages, as ranges of the sequence of unconfirmed, `uncertain` and `unsent` messages.
    pub(crate) groups: Vec<Range<usize>>,
    /// Whether a fence was sent, and no fence was answered.
    pub(crate) fences_unanswered: bool,
}

impl Ended {
    /// The end of a session that accepted no message.
    pub(crate) fn without_messages(reason: Reason, answered: bool) -> Self {
        Self {
            reason,
            answered,
            confirmed: 0,
            unconfirmed_count: 0,
            unconfirmed: Vec::new(),
            doubtful: 0,
            uncertain: Vec::new(),
            unsent: Vec::new(),
            groups: Vec::new(),
            fences_unanswered: false,
        }
    }
}

impl Closed {
    pub(crate) fn new(ended: Ended) -> Self {
        Self(Arc::new(ended))
    }

    /// Why the session ended.
    ///
    /// ```
    /// use engineio_client::{Closed, Reason};
    ///
    /// fn ended_by_us(closed: &Closed) -> bool {
    ///     matches!(closed.reason(), Reason::Client)
    /// }
    /// ```
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// Number of messages that the server's endpoint has read: the first ones that were accepted.
    /// [`Receipts`](crate::Receipts) defines "confirmed".
    ///
    /// ```
    /// use engineio_client::Closed;
    ///
    /// fn account(closed: &Closed) -> String {
    ///     format!(
    ///         "{} arrived, {} may be lost, {} were not sent",
    ///         closed.confirmed(),
    ///         closed.unconfirmed_count() + closed.uncertain().len() as u64,
    ///         closed.unsent().len(),
    ///     )
    /// }
    /// ```
    pub fn confirmed(&self) -> u64 {
        self.0.confirmed
    }

    /// Number of messages after the confirmed ones that were sent and may have arrived.
    pub fn unconfirmed_count(&self) -> u64 {
        self.0.unconfirmed_count
    }

    /// The messages that [`unconfirmed_count`](Closed::unconfirmed_count) counts. They are kept only
    /// with [receipts](crate::Receipts); without receipts the slice is empty.
    pub fn unconfirmed(&self) -> &[Message] {
        &self.0.unconfirmed
    }

    /// The messages that were being sent when the connection ended. They may have arrived.
    pub fn uncertain(&self) -> &[Message] {
        &self.0.uncertain
    }

    /// The messages that were never sent. Sending them again creates no duplicates.
    pub fn unsent(&self) -> &[Message] {
        &self.0.unsent
    }

    /// Whether this client closed the session and the server answered the close: with a close frame or
    /// the end of the connection over WebSocket, with a 2xx status on polling. Also true if this client
    /// closed before the session was open, when the server has nothing to answer.
    ///
    /// If no answer came within the [`close_timeout`](crate::Builder::close_timeout), or if the
    /// connection failed first, every message that was sent may be lost, whether
    /// [`uncertain`](Closed::uncertain) lists it or not: a server that has died silently reads nothing,
    /// and the buffers of this machine hold megabytes.
    ///
    /// An answer does not prove that the server handled every message. A Node server whose handler
    /// called `close()` a moment earlier discards messages that arrive afterwards, and still answers
    /// the close. [`Receipts`](crate::Receipts) give proof.
    ///
    /// ```
    /// use engineio_client::Closed;
    ///
    /// fn warn(closed: &Closed) {
    ///     if !closed.is_answered() {
    ///         println!("the server may not have read the last messages: {closed}");
    ///     }
    /// }
    /// ```
    pub fn is_answered(&self) -> bool {
        self.0.answered
    }

    /// Whether no message is known or suspected to be lost: this client closed the session, every
    /// accepted message was sent, and the server [answered](Closed::is_answered) the close. With
    /// [receipts](crate::Receipts), every message must be confirmed as well. For a client that
    /// [reconnects](crate::Builder::reconnect) this must hold for all its sessions.
    ///
    /// A close by the server is never clean, whatever its code, since the server may have discarded
    /// messages that it received. The code in [`Reason::Server`] says more: 1000, 1001 and 1005
    /// are an ordinary end (1005 stands for a close frame without a code, which is the ordinary close of
    /// Node's `engine.io`), 1002, 1003, 1007 and 1008 reject something that this client sent, 1009 means
    /// that a message was too large, and 1011 is an internal error of the server.
    ///
    /// ```
    /// use engineio_client::Closed;
    ///
    /// fn exit_code(closed: &Closed) -> i32 {
    ///     if closed.is_clean() { 0 } else { 1 }
    /// }
    /// ```
    pub fn is_clean(&self) -> bool {
        matches!(self.0.reason, Reason::Client)
            && self.0.uncertain.is_empty()
            && self.0.unsent.is_empty()
            && self.0.doubtful == 0
            && self.0.answered
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed")
            .field("reason", self.reason())
            .field("confirmed", &self.confirmed())
            .field("unconfirmed", &self.unconfirmed_count())
            .field("uncertain", &self.uncertain().len())
            .field("unsent", &self.unsent().len())
            .field("answered", &self.is_answered())
            .finish()
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Reason::Client if !self.is_answered() => {
                f.write_str("closed by this client, but the server did not answer the close")
            }
            reason => reason.fmt(f),
        }
    }
}
