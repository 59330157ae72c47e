//! The limits of a session: their names, their defaults, and the reasons for the defaults.

use std::fmt;
use std::time::Duration;

/// A limit that was reached, as [`Error::limit`](crate::Error::limit) returns it.
///
/// `Display` prints the name of its [`setter`](Limit::setter), which the error's message also contains.
///
/// ```
/// use engineio_client::{Error, ErrorKind, Limit};
///
/// let error = Error::new(ErrorKind::Limit, "a body of more than 1000 bytes").with_limit(Limit::BodySize);
/// assert_eq!(error.limit(), Some(Limit::BodySize));
/// assert_eq!(error.to_string(), "a body of more than 1000 bytes (limit max_body_size)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of a received message: [`max_message_size`](crate::Builder::max_message_size).
    MessageSize,
    /// Bytes of a received polling body: [`max_body_size`](crate::Builder::max_body_size).
    BodySize,
    /// Packets in a received polling body:
    /// [`max_payload_packets`](crate::Builder::max_payload_packets).
    PayloadPackets,
    /// Bytes of an HTTP head, and of the open packet: [`max_head_size`](crate::Builder::max_head_size).
    HeadSize,
    /// Messages and bytes that are accepted and not yet sent: [`outbox`](crate::Builder::outbox).
    Outbox,
    /// Time to open a session over one transport: [`open_timeout`](crate::Builder::open_timeout).
    OpenTimeout,
    /// Time that a POST may go without progress: [`send_timeout`](crate::Builder::send_timeout).
    SendTimeout,
    /// Time for an upgrade: [`upgrade_timeout`](crate::Builder::upgrade_timeout).
    UpgradeTimeout,
    /// Time for one call of the hook before a connection, and for one call of the greeting function:
    /// [`hook_timeout`](crate::Reconnect::hook_timeout).
    HookTimeout,
}

impl Limit {
    /// The name of the method that sets the limit: of [`Builder`](crate::Builder), or for
    /// [`HookTimeout`](Limit::HookTimeout) of [`Reconnect`](crate::Reconnect).
    ///
    /// ```
    /// use engineio_client::Limit;
    ///
    /// assert_eq!(Limit::BodySize.setter(), "max_body_size");
    /// ```
    pub fn setter(self) -> &'static str {
        match self {
            Self::MessageSize => "max_message_size",
            Self::BodySize => "max_body_size",
            Self::PayloadPackets => "max_payload_packets",
            Self::HeadSize => "max_head_size",
            Self::Outbox => "outbox",
            Self::OpenTimeout => "open_timeout",
            Self::SendTimeout => "send_timeout",
            Self::UpgradeTimeout => "upgrade_timeout",
            Self::HookTimeout => "hook_timeout",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.setter())
    }
}

/// The capacity of a queue of messages. The queue is full when either number is reached.
///
/// ```
/// use engineio_client::Capacity;
///
/// let capacity = Capacity { messages: 100, bytes: 64 * 1024 };
/// # let _ = capacity;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a literal names both numbers, and a queue of messages needs no third"
)]
pub struct Capacity {
    /// Largest number of messages.
    pub messages: usize,
    /// Largest total size of the messages, in bytes.
    pub bytes: usize,
}

impl Capacity {
    /// Creates a capacity of this number of messages or this number of bytes, whichever is reached
    /// first.
    ///
    /// ```
    /// use engineio_client::Capacity;
    ///
    /// const OUTBOX: Capacity = Capacity::new(100, 64 * 1024);
    /// assert_eq!(OUTBOX.messages, 100);
    /// ```
    pub const fn new(messages: usize, bytes: usize) -> Self {
        Self { messages, bytes }
    }
}

/// The limits on what a transport may receive. [`Builder`](crate::Builder) sets them for the built-in
/// transports; a custom transport finds them in [`OpenRequest::limits`](crate::OpenRequest).
///
/// ```
/// use engineio_client::Limits;
///
/// let limits = Limits::default().message(1024 * 1024).head(16 * 1024);
/// assert_eq!(limits.message, 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest message, in bytes. 64 MiB by default.
    pub message: usize,
    /// Largest polling body, in bytes. 4/3 of 64 MiB plus 64 KiB by default.
    pub body: usize,
    /// Largest number of packets in one polling body. 131,072 by default.
    pub payload_packets: usize,
    /// Largest HTTP head and largest open packet, in bytes. 64 KiB by default.
    pub head: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::for_message(MESSAGE_SIZE)
    }
}

impl Limits {
    /// Derives all limits from the size of the largest message, in bytes. The body limit has room for
    /// such a message in base64 and for other packets beside it, and is never less than 16 MiB.
    ///
    /// ```
    /// use engineio_client::Limits;
    ///
    /// let limits = Limits::for_message(64 * 1024 * 1024);
    /// assert_eq!(limits, Limits::default());
    /// assert!(limits.body > limits.message * 4 / 3);
    /// ```
    pub fn for_message(bytes: usize) -> Self {
        let encoded = (bytes / 3).saturating_mul(4).saturating_add(BODY_BESIDE);
        Self {
            message: bytes,
            body: encoded.max(LEAST_BODY),
            payload_packets: PAYLOAD_PACKETS,
            head: HEAD_SIZE,
        }
    }

    /// Sets the largest message, in bytes. The other limits stay as they are.
    ///
    /// ```
    /// use engineio_client::Limits;
    ///
    /// assert_eq!(Limits::default().message(1024).message, 1024);
    /// ```
    #[must_use]
    pub fn message(mut self, bytes: usize) -> Self {
        self.message = bytes;
        self
    }

    /// Sets the largest polling body, in bytes.
    ///
    /// ```
    /// use engineio_client::Limits;
    ///
    /// assert_eq!(Limits::default().body(4096).body, 4096);
    /// ```
    #[must_use]
    pub fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// Sets the largest number of packets in one polling body.
    ///
    /// ```
    /// use engineio_client::Limits;
    ///
    /// assert_eq!(Limits::default().payload_packets(100).payload_packets, 100);
    /// ```
    #[must_use]
    pub fn payload_packets(mut self, packets: usize) -> Self {
        self.payload_packets = packets;
        self
    }

    /// Sets the largest HTTP head and the largest open packet, in bytes.
    ///
    /// ```
    /// use engineio_client::Limits;
    ///
    /// assert_eq!(Limits::default().head(8192).head, 8192);
    /// ```
    #[must_use]
    pub fn head(mut self, bytes: usize) -> Self {
        self.head = bytes;
        self
    }
}

/// Largest received message. Servers send messages of any size; tungstenite's default is 64 MiB, too.
const MESSAGE_SIZE: usize = 64 * 1024 * 1024;

/// Number of bytes that a body may have in addition to the largest message in base64.
const BODY_BESIDE: usize = 64 * 1024;

/// Lower bound of the body limit, so that a small message limit does not reject a body of many small
/// messages.
const LEAST_BODY: usize = 16 * 1024 * 1024;

/// Maximum number of packets in one received body. The smallest packet takes two bytes of the body and
/// 48 bytes of memory, so without this limit a body of 64 MiB could grow to 1.5 GiB. A server that has
/// queued messages sends some thousands at most.
const PAYLOAD_PACKETS: usize = 131_072;

/// Largest HTTP head. Servers and proxies limit the heads that they accept to 8 to 64 KiB.
const HEAD_SIZE: usize = 64 * 1024;

/// Maximum number of redirects of one attempt. Browsers follow 20, other clients 5 to 30. A server that
/// has moved needs one or two: to https, and to its new name.
pub(crate) const REDIRECTS: u32 = 5;

/// Maximum length of the `Location` of a redirect, in bytes: servers accept request lines of about this
/// length.
pub(crate) const LOCATION: usize = 8 * 1024;

/// Time limit from name resolution to the open packet, over one transport. Two lost SYNs delay a
/// connection by 3 s, three lost SYNs by 7 s.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Time limit of a POST without progress. Servers answer a POST at once, so only the network takes
/// time.
pub(crate) const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Time limit from opening the probe to the switch to the new transport. Node's server abandons a probe
/// after 10 s, and a client that completes an abandoned upgrade loses the session.
pub(crate) const UPGRADE_TIMEOUT: Duration = Duration::from_secs(7);

/// Time limit of a close without progress. An unreachable server should not delay the end of a program
/// for longer.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time limit of a whole close that makes progress: enough to send a full outbox over a slow line.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(60);

/// The first delay and the longest delay of reconnecting: Socket.IO's defaults.
pub(crate) const RECONNECT_DELAY: Duration = Duration::from_secs(1);
pub(crate) const RECONNECT_MAX_DELAY: Duration = Duration::from_secs(5);

/// The longest `Retry-After` that is obeyed. A longer one is usually a mistake of the server, and a
/// client that waits for a day appears to hang.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Time limit of a user's hook: long enough to fetch a token from a slow server.
pub(crate) const HOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of packets in one POST. python-engineio discards a POST of more than 16, and answers
/// 200.
pub(crate) const PACKETS_PER_POST: usize = 16;

/// Maximum size of a POST that joins several messages, in bytes, if the server does not announce
/// `maxPayload`. The value is the default of engine.io and python-engineio, whose older versions do not
/// announce it. A larger message is sent alone.
pub(crate) const UNTOLD_MAX_PAYLOAD: u64 = 1_000_000;

/// Largest open packet, in bytes: as large as an HTTP head.
pub(crate) const HANDSHAKE_SIZE: usize = HEAD_SIZE;

/// Capacity of the outbox: messages accepted and not yet sent. Measured with 128, 2,048 and 16,384
/// messages, 2,048 is the fastest: fewer cause more wake-ups, and more do not fit the processor's
/// caches.
pub(crate) const OUTBOX: Capacity = Capacity {
    messages: 2048,
    bytes: 2 * 1024 * 1024,
};

/// Capacity of the receipts' window: messages sent and not yet confirmed.
pub(crate) const RECEIPT_WINDOW: Capacity = Capacity {
    messages: 16_384,
    bytes: 8 * 1024 * 1024,
};

/// Capacity of the inbox: messages received and not yet read. It is small because the buffers of waiting
/// messages cannot be reused: with an inbox of 64 MiB, receiving large messages took 1.8 times as long as
/// with this one.
pub(crate) const INBOX: Capacity = Capacity {
    messages: 1024,
    bytes: 128 * 1024,
};

/// Maximum number of cookies of a session, which are sent with every request. Browsers keep 50 to 180
/// for a host, and many servers reject a head of more than 16 KiB.
pub(crate) const COOKIES: usize = 64;

/// Maximum number of bytes of the cookies of a session.
pub(crate) const COOKIE_BYTES: usize = 16 * 1024;
