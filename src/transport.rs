//! What a transport is: the traits that the built-in ones implement, and yours.
//!
//! A [`Transport`] opens a [`Link`], whose two halves exchange packets with the server: one call,
//! one exchange. The client decides when to call, so a transport holds no protocol state, spawns no
//! task and needs no timer. Everything that the built-in transports use is public: they live in a
//! folder of their own, which a test compiles as a foreign crate.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::batch::Batch;
use crate::cookies::Jar;
use crate::error::Error;
use crate::event::PeerClose;
use crate::fence::Fence;
pub use crate::limits::Limits;
use crate::limits::OPEN_TIMEOUT;
use crate::packet::Packet;
use crate::runtime::{Address, Runtime};

/// A way to reach an Engine.IO server.
///
/// # The contract
///
/// - **Lazy.** Nothing happens before `open`, nor between calls of a link's halves.
/// - **One call is one exchange.** The client calls [`PacketReceiver::recv`] again only when the
///   last call has returned, and so for the sender; the two halves may run at the same time.
/// - **No cancel safety is needed.** A call is dropped only together with its link.
/// - **A link that is dropped says no goodbye**, but ends its connection: on an upgrade the old link
///   is dropped, and its goodbye would end the session.
/// - **`Link::framing`** tells whether packets are joined to payloads, as on polling
///   ([`Framing::Payloads`]), or each have a frame ([`Framing::Frames`]). A session starts an
///   upgrade only from a link of payloads.
///
/// See the example `custom_transport` for a complete one. With the feature `mock`, the module
/// `transports::conformance` checks that yours keeps this contract.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// What the server calls it: `polling`, `websocket`, or a name of your own.
    fn name(&self) -> &'static str;

    /// The names of all transports that this one stands for, in order of preference.
    fn names(&self) -> Vec<&'static str> {
        vec![self.name()]
    }

    /// The schemes of the URLs that it takes. By default those of HTTP, WebSocket and Unix sockets, of
    /// which `ws` and `wss` are told to it as `http` and `https`; one of your own comes as it is.
    fn schemes(&self) -> Vec<&'static str> {
        vec!["http", "https", "ws", "wss", "unix"]
    }

    /// Opens a link to a new session, or, when the request has a `sid`, a second link to that one.
    ///
    /// A transport that makes its first exchange together with the handshake (as polling does)
    /// makes none here: its first `recv` brings the open packet.
    ///
    /// # Errors
    ///
    /// Any; the kind decides whether another transport may be tried: see [`ErrorKind`](crate::ErrorKind).
    /// A redirect is told by [`Error::with_redirect`], here or by the first `recv`: the client calls `open`
    /// again for the new place, where [the user wants it](crate::Builder::follow_redirects).
    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error>;
}

/// The half of a link that sends.
#[async_trait]
pub trait PacketSender: Send + 'static {
    /// Sends a batch; returns when it has left, as far as the transport can tell.
    ///
    /// A batch for a link of payloads fits the server's `maxPayload` and the packet cap; one for a
    /// link of frames holds at most 128 KiB, or one larger message. Call
    /// [`Activity::mark_sent`] whenever part of it has left: a batch without progress for longer
    /// than the limit ends the session.
    async fn send(&mut self, batch: Batch) -> Result<(), Error>;

    /// Says goodbye in the transport's own way (a close packet, a close frame), and returns when
    /// the server has answered. The other half's `recv` goes on while this runs.
    ///
    /// # Errors
    ///
    /// When the server can't answer any more, because the connection has failed, or refuses: then the end
    /// is not a clean one. See [`Closed::is_answered`](crate::Closed::is_answered).
    async fn close(&mut self) -> Result<(), Error>;

    /// What this link can confirm of what it has sent: asked once, when the link is open. By default
    /// nothing.
    fn confirms(&self) -> Confirms {
        Confirms::Never
    }
}

/// How it can be known that the other end of a link has taken in what was sent on it. That a batch has
/// left tells that the system has it, and no more.
///
/// ```
/// use engineio_client::{Batch, Confirms, Error, PacketSender, async_trait};
///
/// /// Packets that are handed to a queue, which nobody may ever read.
/// struct Queued;
///
/// #[async_trait]
/// impl PacketSender for Queued {
///     async fn send(&mut self, _: Batch) -> Result<(), Error> {
///         Ok(())
///     }
///
///     async fn close(&mut self) -> Result<(), Error> {
///         Ok(())
///     }
/// }
///
/// assert_eq!(Queued.confirms(), Confirms::Never);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Confirms {
    /// It can't.
    #[default]
    Never,
    /// By polling: a POST was answered, and a poll stays unanswered after that. A server that is closing
    /// answers polls at once, and may have discarded the POST.
    ByPoll,
    /// By fences: the sender takes a batch with a [fence](Batch::fence), and the receiver tells when the
    /// other end has [answered](PacketReceiver::answered_fence) it, as a websocket answers a ping. An
    /// answer says that all before the fence was read.
    ByFence,
}

/// The half of a link that receives.
#[async_trait]
pub trait PacketReceiver: Send + 'static {
    /// Waits for packets: at least one (but see [`answered_fence`](PacketReceiver::answered_fence)), and those that came with it, but at most 256 of them or
    /// 64 KiB beyond the first (a payload is one batch, whatever it holds).
    ///
    /// Packets that were read before an error are returned first, and the error by the next call.
    /// A clean end by the server is [`Packet::Close`]; an end without one is an error of the kind
    /// [`Ended`](crate::ErrorKind::Ended). Call [`Activity::mark`] when bytes of an unfinished
    /// message come, so that a slow and long message is no silence.
    async fn recv(&mut self) -> Result<Vec<Packet>, Error>;

    /// What the server said when it closed the connection, where this transport has words for it. It is
    /// asked after `recv` has returned [`Packet::Close`] or an error, and told in
    /// [`Reason::Server`](crate::Reason::Server): with an error, too, for a library that reports a
    /// close as one. `None` by default.
    fn peer_close(&self) -> Option<PeerClose> {
        None
    }

    /// The fence that the other end has answered, where this link [confirms by
    /// fences](Confirms::ByFence): the newest, as an answer counts for all fences before. It is asked after
    /// each `recv`, which may return without a packet when one was answered, and is not told again. `None`
    /// by default.
    ///
    /// An answer that came behind a close of the server's is not told.
    fn answered_fence(&mut self) -> Option<Fence> {
        None
    }
}

/// What `open` gives: two halves, and how they frame packets.
#[non_exhaustive]
pub struct Link {
    /// The half that sends.
    pub sender: Box<dyn PacketSender>,
    /// The half that receives.
    pub receiver: Box<dyn PacketReceiver>,
    /// Whether packets are joined to payloads or have a frame each.
    pub framing: Framing,
}

impl Link {
    /// A link of these halves.
    pub fn new(sender: impl PacketSender, receiver: impl PacketReceiver, framing: Framing) -> Self {
        Self {
            sender: Box::new(sender),
            receiver: Box::new(receiver),
            framing,
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

/// How a link carries packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two")]
pub enum Framing {
    /// Packets are joined by `\x1e` in bodies of limited size, one exchange at a time each way.
    Payloads,
    /// Each packet has a frame of its own.
    Frames,
}

/// What a transport is told when it is to open a link.
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenRequest {
    /// Which of [`Transport::names`] is meant.
    pub transport: String,
    /// The server's address with the Engine.IO path, without a query.
    pub url: Url,
    /// Where to connect to instead of the host in the URL: a Unix socket.
    pub address: Option<Address>,
    /// The user's query, encoded, without `EIO`, `transport` and what else the protocol adds.
    pub query: String,
    /// The user's headers, for every request.
    pub headers: HeaderMap,
    /// The session's cookies, for every request, and from every response. None are kept when this is
    /// `None`.
    pub cookies: Option<Jar>,
    /// The session to join, for an upgrade.
    pub sid: Option<String>,
    /// Whether requests carry a cache-buster, `t`.
    pub timestamps: bool,
    /// What may be received at most.
    pub limits: Limits,
    /// The most time for one dial: name, TCP and TLS together.
    pub dial_timeout: Duration,
    /// Where the transport reports that bytes come and go.
    pub activity: Activity,
}

/// What stays as it is in a query: the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl OpenRequest {
    /// A request with default limits and nothing optional: for tests of transports.
    pub fn new(transport: impl Into<String>, url: Url, activity: Activity) -> Self {
        Self {
            transport: transport.into(),
            url,
            address: None,
            query: String::new(),
            headers: HeaderMap::new(),
            cookies: None,
            sid: None,
            timestamps: true,
            limits: Limits::default(),
            dial_timeout: OPEN_TIMEOUT,
            activity,
        }
    }

    /// The path and query of one request: the user's query first, then what the protocol adds.
    ///
    /// `random` makes the cache-buster, which differs for each request: a time alone would not,
    /// when two clients ask in the same millisecond.
    pub fn target(&self, sid: Option<&str>, random: u64) -> String {
        let path = self.url.path();
        // What is added is shorter, with a sid as servers make them.
        let mut target = String::with_capacity(
            path.len()
                .saturating_add(self.query.len())
                .saturating_add(128),
        );
        target.push_str(path);
        target.push('?');
        if !self.query.is_empty() {
            target.push_str(&self.query);
            target.push('&');
        }
        target.push_str("EIO=4&transport=");
        target.extend(utf8_percent_encode(&self.transport, ENCODED));
        if self.timestamps {
            target.push_str("&t=");
            let mut rest = random;
            for _ in 0..8 {
                let digit = u32::try_from(rest % 36).unwrap_or_default();
                target.push(char::from_digit(digit, 36).unwrap_or('0'));
                rest /= 36;
            }
        }
        if let Some(sid) = sid {
            target.push_str("&sid=");
            target.extend(utf8_percent_encode(sid, ENCODED));
        }
        target
    }
}

/// Without what may be secret: the values of headers and of the query.
impl fmt::Debug for OpenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.keys().map(http::HeaderName::as_str).collect();
        f.debug_struct("OpenRequest")
            .field("transport", &self.transport)
            .field("url", &self.url.as_str())
            .field("headers", &headers)
            .field("sid", &self.sid)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Adds one pair to a query, encoded.
pub(crate) fn add_query(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.extend(utf8_percent_encode(name, ENCODED));
    query.push('=');
    query.extend(utf8_percent_encode(value, ENCODED));
}

/// Where a transport reports progress within a message, so that what is slow is not taken for dead.
#[derive(Clone)]
pub struct Activity {
    runtime: Arc<dyn Runtime>,
    marks: Arc<Marks>,
}

#[derive(Default)]
struct Marks {
    /// Nanoseconds of [`Runtime::now`], plus one; zero is never.
    received: AtomicU64,
    sent: AtomicU64,
    asked: AtomicU64,
}

impl Activity {
    /// One that has seen nothing, on this runtime's clock.
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self {
            runtime,
            marks: Arc::default(),
        }
    }

    /// Bytes of a message that is not whole yet have come.
    pub fn mark(&self) {
        self.marks.received.store(self.stamp(), Ordering::Relaxed);
    }

    /// Bytes of a batch that has not left yet have left.
    pub fn mark_sent(&self) {
        self.marks.sent.store(self.stamp(), Ordering::Relaxed);
    }

    /// A poll has left: the request by which a `recv` waits for packets, on a link that confirms [by
    /// polls](Confirms::ByPoll). A server that is silent from then on has not closed the session. Of a
    /// transport that never calls this, a poll counts from the call of `recv`, though it may still be
    /// connecting.
    pub fn mark_asked(&self) {
        self.marks.asked.store(self.stamp(), Ordering::Relaxed);
    }

    /// The poll that was [marked](Self::mark_asked) has not arrived, and is being made again: until it is
    /// marked anew it has not left.
    pub fn mark_not_asked(&self) {
        self.marks.asked.store(NOT_ASKED, Ordering::Relaxed);
    }

    fn stamp(&self) -> u64 {
        let nanos = u64::try_from(self.runtime.now().as_nanos()).unwrap_or(u64::MAX);
        nanos.saturating_add(1).min(NOT_ASKED - 1)
    }

    /// When bytes came last, on the runtime's clock.
    pub(crate) fn received(&self) -> Option<Duration> {
        at(&self.marks.received)
    }

    /// When bytes left last, on the runtime's clock.
    pub(crate) fn sent(&self) -> Option<Duration> {
        at(&self.marks.sent)
    }

    /// When a poll left last, on the runtime's clock.
    pub(crate) fn asked(&self) -> Asked {
        if self.marks.asked.load(Ordering::Relaxed) == NOT_ASKED {
            return Asked::NotYet;
        }
        at(&self.marks.asked).map_or(Asked::Untold, Asked::At)
    }
}

/// Whether a poll has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The transport does not tell.
    #[default]
    Untold,
    /// The last one has left then.
    At(Duration),
    /// The one that runs did not arrive, and is made again.
    NotYet,
}

const NOT_ASKED: u64 = u64::MAX;

fn at(mark: &AtomicU64) -> Option<Duration> {
    mark.load(Ordering::Relaxed)
        .checked_sub(1)
        .map(Duration::from_nanos)
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activity")
            .field("received", &self.received())
            .field("sent", &self.sent())
            .field("asked", &self.asked())
            .finish()
    }
}
