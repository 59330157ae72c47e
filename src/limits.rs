//! The limits of a session: their names, their defaults, and why the defaults are what they are.

use std::fmt;
use std::time::Duration;

/// A limit that an error says was reached: see [`Error::limit`](crate::Error::limit).
///
/// `Display` gives the name of its [`setter`](Limit::setter), as it stands in the error's message.
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
    /// Bytes of a message received: [`max_message_size`](crate::Builder::max_message_size).
    MessageSize,
    /// Bytes of a polling body received: [`max_body_size`](crate::Builder::max_body_size).
    BodySize,
    /// Packets in a polling body received:
    /// [`max_payload_packets`](crate::Builder::max_payload_packets).
    PayloadPackets,
    /// Bytes of an HTTP head, and of the open packet: [`max_head_size`](crate::Builder::max_head_size).
    HeadSize,
    /// Messages and bytes that are accepted and have not left: [`outbox`](crate::Builder::outbox).
    Outbox,
    /// The time for opening a session by one transport: [`open_timeout`](crate::Builder::open_timeout).
    OpenTimeout,
    /// The time that a POST may go without progress: [`send_timeout`](crate::Builder::send_timeout).
    SendTimeout,
    /// The time for an upgrade: [`upgrade_timeout`](crate::Builder::upgrade_timeout).
    UpgradeTimeout,
    /// The time for the hook before a connection, and for the greeting of a session:
    /// [`hook_timeout`](crate::Reconnect::hook_timeout).
    HookTimeout,
}

impl Limit {
    /// The method of [`Builder`](crate::Builder) that sets it, or for
    /// [`HookTimeout`](Limit::HookTimeout) that of [`Reconnect`](crate::Reconnect).
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

/// How much a queue of messages holds: whichever number is reached first.
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
    reason = "a literal names both numbers, and a queue of messages has no third"
)]
pub struct Capacity {
    /// The most messages.
    pub messages: usize,
    /// The most bytes in them.
    pub bytes: usize,
}

impl Capacity {
    /// So many messages or bytes, whichever comes first.
    pub const fn new(messages: usize, bytes: usize) -> Self {
        Self { messages, bytes }
    }
}

/// What a transport may receive at most.
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
    /// Bytes of a message. 64 MiB by default.
    pub message: usize,
    /// Bytes of a polling body. By default 4/3 of 64 MiB and 64 KiB more.
    pub body: usize,
    /// Packets in one polling body. 131,072 by default.
    pub payload_packets: usize,
    /// Bytes of an HTTP head, and of the open packet. 64 KiB by default.
    pub head: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::for_message(MESSAGE_SIZE)
    }
}

impl Limits {
    /// The limits that follow from that of a message in bytes: a body may hold it in base64, with room
    /// for other packets, and is never limited to less than 16 MiB.
    pub fn for_message(bytes: usize) -> Self {
        let encoded = (bytes / 3).saturating_mul(4).saturating_add(BODY_BESIDE);
        Self {
            message: bytes,
            body: encoded.max(LEAST_BODY),
            payload_packets: PAYLOAD_PACKETS,
            head: HEAD_SIZE,
        }
    }

    /// The same limits with that of a message changed alone, in bytes.
    #[must_use]
    pub fn message(mut self, bytes: usize) -> Self {
        self.message = bytes;
        self
    }

    /// The same limits with that of a polling body changed, in bytes.
    #[must_use]
    pub fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// The same limits with that of the packets in one polling body changed.
    #[must_use]
    pub fn payload_packets(mut self, packets: usize) -> Self {
        self.payload_packets = packets;
        self
    }

    /// The same limits with that of an HTTP head and the open packet changed, in bytes.
    #[must_use]
    pub fn head(mut self, bytes: usize) -> Self {
        self.head = bytes;
        self
    }
}

/// A message received. Servers send messages of any size; 64 MiB is tungstenite's default as well.
const MESSAGE_SIZE: usize = 64 * 1024 * 1024;

/// In a body, room for other packets beside the largest message in base64.
const BODY_BESIDE: usize = 64 * 1024;

/// A small limit of messages must not refuse a body of many small ones.
const LEAST_BODY: usize = 16 * 1024 * 1024;

/// Packets in one body received. A packet takes two bytes of it and 48 bytes of memory, so that a body
/// of 64 MiB could grow to 1.5 GiB; a server that has held messages back sends some thousands.
const PAYLOAD_PACKETS: usize = 131_072;

/// An HTTP head. Servers and proxies limit those that they receive to 8 to 64 KiB.
const HEAD_SIZE: usize = 64 * 1024;

/// Redirects of one attempt. Browsers follow 20, other clients 5 to 30; a server that has moved needs one
/// or two (to https, and to its new name).
pub(crate) const REDIRECTS: u32 = 5;

/// Bytes of a redirect's `Location`: as long as servers take a request line.
pub(crate) const LOCATION: usize = 8 * 1024;

/// From the name to the open packet, by one transport. Two lost SYNs take 3 s, three 7 s.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A POST without progress. The server answers at once, so that only the network takes time.
pub(crate) const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// From opening the probe to going over. Node's server gives a probe up after 10 s, and an upgrade that
/// it has given up loses the session.
pub(crate) const UPGRADE_TIMEOUT: Duration = Duration::from_secs(7);

/// A close without progress: a program that ends should not be held up for longer by a server that is
/// gone.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A close in all, with progress: what a full outbox takes on a slow line.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(60);

/// Before the first attempt to reconnect, and what the delay grows to: the defaults of Socket.IO.
pub(crate) const RECONNECT_DELAY: Duration = Duration::from_secs(1);
pub(crate) const RECONNECT_MAX_DELAY: Duration = Duration::from_secs(5);

/// The longest `Retry-After` that is obeyed. A longer one is more often a mistake of the server than a
/// wish, and a client that waits for a day looks as if it hung.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(3600);

/// A hook of the user's: long enough to fetch a token from a slow server.
pub(crate) const HOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Packets in one POST. python-engineio discards a POST of more than 16, and answers 200.
pub(crate) const PACKETS_PER_POST: usize = 16;

/// Bytes to which messages are joined in one POST where the server tells no `maxPayload`: the default of
/// engine.io and python-engineio, whose older versions do not tell it. A larger
/// message goes alone.
pub(crate) const UNTOLD_MAX_PAYLOAD: u64 = 1_000_000;

/// Bytes of the open packet: it may be as long as an HTTP head.
pub(crate) const HANDSHAKE_SIZE: usize = HEAD_SIZE;

/// Accepted and not left. Of 128, 2,048 and 16,384 messages the second is the fastest: fewer make more
/// wake-ups, more leave the processor's caches.
pub(crate) const OUTBOX: Capacity = Capacity {
    messages: 2048,
    bytes: 2 * 1024 * 1024,
};

/// Left and not confirmed, with receipts.
pub(crate) const RECEIPT_WINDOW: Capacity = Capacity {
    messages: 16_384,
    bytes: 8 * 1024 * 1024,
};

/// Come and not read. While large messages wait, their buffers can't be used again: 64 MiB here made
/// them 1.8 times as slow.
pub(crate) const INBOX: Capacity = Capacity {
    messages: 1024,
    bytes: 128 * 1024,
};

/// Cookies of a session, which go with every request: browsers keep 50 to 180 for a host, and a head of
/// more than 16 KiB is refused by many servers.
pub(crate) const COOKIES: usize = 64;

/// Bytes of the cookies of a session.
pub(crate) const COOKIE_BYTES: usize = 16 * 1024;
