//! The transport traits: implement them to reach an Engine.IO server in another way than polling or
//! WebSocket.
//!
//! A [`Transport`] opens a [`Link`]. The two halves of a link, a [`PacketSender`] and a
//! [`PacketReceiver`], exchange packets with the server: one call is one exchange. The client decides
//! when to call, so a transport has no protocol state, spawns no tasks and sets no timers.
//!
//! The built-in [`transports`](crate::transports) use only public items of this crate. A test compiles
//! them as a separate crate, so a custom transport can do everything that they do.

mod activity;
mod open_request;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use activity::Activity;
pub(crate) use activity::Asked;
pub use open_request::OpenRequest;
pub(crate) use open_request::add_query;

use crate::batch::Batch;
use crate::error::Error;
use crate::event::PeerClose;
use crate::fence::Fence;
pub use crate::limits::Limits;
use crate::packet::Packet;
use crate::runtime::Runtime;

/// A way to reach an Engine.IO server.
///
/// # Contract
///
/// 1. **Nothing happens between calls.** A transport connects, reads and writes only while the client
///    calls `open`, or a method of a link's halves. It keeps no background task.
/// 2. **One call is one exchange.** On polling, one `send` is exactly one POST, and one `recv` is one
///    GET. The client calls a half again only after its last call has returned. The two halves are
///    called concurrently.
/// 3. **The framing is fixed.** [`Framing::Payloads`] means that packets are joined into bodies, as on
///    polling; the client then splits batches by the server's `maxPayload`. [`Framing::Frames`] means
///    that each packet is sent on its own. Only a session on a link of payloads is upgraded.
/// 4. **Order is kept**, and each packet is delivered at most once. No layer repeats a batch of which a
///    byte may have been sent.
/// 5. **`recv` returns everything that is ready**, and at least one packet. On a link of payloads this
///    is one whole payload. On a link of frames a call returns at most 256 packets, and takes no further
///    packet once it has 64 KiB beyond the first. Packets that arrived before an error are returned
///    first; the next call returns the error.
/// 6. **A link of frames buffers within bounds.** While the client does not call `recv`, the link holds
///    at least 300 packets and 32 KiB from the server, and less than 64 MiB. When the buffers are full,
///    the server waits. A TCP connection behaves like this.
/// 7. **A clean end differs from a failure.** A close by the server is [`Packet::Close`]. The end of a
///    connection without a close is an error of the kind [`Ended`](crate::ErrorKind::Ended).
/// 8. **`close` waits for the answer.** It sends the close after all packets that were sent earlier, and
///    returns when the server has answered.
/// 9. **Dropping a link ends its connection without a close packet or a close frame.** After an
///    upgrade the client drops the old link, and a close on it would end the session.
/// 10. **The client enforces the time limits**, except for [`OpenRequest::dial_timeout`]. A call may
///     wait without a limit of its own. The transport enforces the size limits of [`OpenRequest::limits`]
///     while it receives.
/// 11. **Progress is reported**: [`Activity::mark_sent`] when a part of a batch has been sent, and
///     [`Activity::mark`] when a part of a message has arrived. Otherwise the client mistakes a slow
///     transfer for silence.
/// 12. **Calls need not be cancel safe.** The client drops a running call only when it drops the whole
///     link.
///
/// With the feature `mock`, [`transports::conformance`](crate::transports::conformance) checks a
/// transport against this contract; call it from a test.
///
/// # Example
///
#[doc = include_str!("transport/example.md")]
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// The name by which the server knows the transport: `polling`, `websocket`, or a name that a
    /// custom server knows.
    fn name(&self) -> &'static str;

    /// The names of all transports that this one combines, in order of preference. By default
    /// [`name`](Transport::name) alone. [`Transports`](crate::transports::Transports) returns several.
    ///
    /// ```
    /// # #[cfg(all(feature = "polling", feature = "websocket"))] {
    /// use engineio_client::Transport;
    /// use engineio_client::transports::Transports;
    ///
    /// assert_eq!(Transports::default().names(), ["polling", "websocket"]);
    /// # }
    /// ```
    fn names(&self) -> Vec<&'static str> {
        vec![self.name()]
    }

    /// The URL schemes that the transport accepts. By default `http`, `https`, `ws`, `wss` and `unix`.
    ///
    /// The transport receives `ws` and `wss` URLs with the schemes `http` and `https`. It receives a URL
    /// with a scheme of its own unchanged.
    ///
    /// ```
    /// # struct Serial;
    /// # impl Serial {
    /// fn schemes(&self) -> Vec<&'static str> {
    ///     vec!["serial"]
    /// }
    /// # }
    /// ```
    fn schemes(&self) -> Vec<&'static str> {
        vec!["http", "https", "ws", "wss", "unix"]
    }

    /// Opens a link: of a new session, or, if the request has a `sid`, a second link of that session,
    /// for an upgrade.
    ///
    /// A transport whose first exchange is the handshake, as on polling, does nothing here. Its first
    /// `recv` returns the open packet.
    ///
    /// # Errors
    ///
    /// An error of any kind. The client then opens the next of its transports, except after
    /// [`Handshake`](crate::ErrorKind::Handshake), [`Protocol`](crate::ErrorKind::Protocol),
    /// [`Limit`](crate::ErrorKind::Limit) and [`Invalid`](crate::ErrorKind::Invalid), which another
    /// transport would not avoid. An error of the first `recv` has the same effect.
    ///
    /// Report a redirect with [`Error::with_redirect`], here or from the first `recv`. The client then
    /// calls `open` again with the target, if [`follow_redirects`](crate::Builder::follow_redirects) is
    /// on.
    ///
    /// # Cancel safety
    ///
    /// The client drops the future when the open timeout passes or the session is closed. A connection
    /// that is still being opened must be closed with the future.
    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error>;
}

/// The sending half of a [`Link`]. The page of [`Transport`] has the contract and a complete example.
///
/// ```
/// use engineio_client::{Batch, Confirms, Error, PacketSender, async_trait};
///
/// /// Counts the packets of another sender.
/// struct Counting {
///     inner: Box<dyn PacketSender>,
///     packets: usize,
/// }
///
/// #[async_trait]
/// impl PacketSender for Counting {
///     async fn send(&mut self, batch: Batch) -> Result<(), Error> {
///         let packets = batch.len();
///         self.inner.send(batch).await?;
///         self.packets += packets;
///         Ok(())
///     }
///
///     async fn close(&mut self) -> Result<(), Error> {
///         self.inner.close().await
///     }
///
///     fn confirms(&self) -> Confirms {
///         self.inner.confirms()
///     }
/// }
/// ```
#[async_trait]
pub trait PacketSender: Send + 'static {
    /// Sends a batch. Returns when the batch has been sent, as far as the transport can tell: when the
    /// POST is answered, or when the last frame is written to the connection.
    ///
    /// On a link of payloads, a batch fits the server's `maxPayload` and its packet limit. On a link of
    /// frames, a batch has at most 128 KiB, or is one larger message.
    ///
    /// Call [`Activity::mark_sent`] whenever a part of the batch has been sent. The session ends if a batch
    /// makes no progress for the [send timeout](crate::Builder::send_timeout), or on a link of frames for
    /// `pingInterval + pingTimeout`.
    ///
    /// # Errors
    ///
    /// If the batch was not sent, or was not sent as a whole. The error ends the session, or fails the
    /// upgrade. The messages of the batch are then [uncertain](crate::Closed::uncertain), so do not
    /// send any of them again. Use [`Ended`](crate::ErrorKind::Ended) for a connection that failed.
    ///
    /// # Cancel safety
    ///
    /// None needed: the client drops the future only together with the link.
    async fn send(&mut self, batch: Batch) -> Result<(), Error>;

    /// Closes the session in the transport's own way, with a close packet or a close frame. Returns when
    /// the server has answered. The client continues to call `recv` of the other half meanwhile.
    ///
    /// # Errors
    ///
    /// If the server refuses, or can no longer answer because the connection has failed. The end of the
    /// session then counts as unanswered: see [`Closed::is_answered`](crate::Closed::is_answered).
    ///
    /// # Cancel safety
    ///
    /// None needed: the client drops the future only together with the link, when the close timeout
    /// passes.
    async fn close(&mut self) -> Result<(), Error>;

    /// How this link can confirm what it has sent, for [receipts](crate::Receipts). The client asks
    /// once, when the link is open. [`Confirms::Never`] by default.
    fn confirms(&self) -> Confirms {
        Confirms::Never
    }
}

/// How a link can confirm that the peer has read what was sent on it.
///
/// The return of `send` is no confirmation: the batch may still be in a buffer of the operating system.
///
/// ```
/// use engineio_client::{Batch, Confirms, Error, PacketSender, async_trait};
///
/// /// Puts packets into a queue, and cannot tell whether anybody reads it.
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
    /// The link cannot confirm anything.
    #[default]
    Never,
    /// By polls: a POST is confirmed when it has been answered and a later poll stays unanswered. A
    /// server that is closing may discard a POST, but it answers polls at once, so the unanswered poll
    /// shows that the server is not closing.
    ByPoll,
    /// By [fences](Fence): the sender writes the fence of a batch, and the receiver reports the peer's
    /// [answer](PacketReceiver::answered_fence), as a WebSocket ping is answered by a pong. The
    /// answer means that the peer has read everything before the fence.
    ByFence,
}

/// The receiving half of a [`Link`]. The page of [`Transport`] has the contract and a complete example.
///
/// ```
/// use engineio_client::{Error, Fence, Packet, PacketReceiver, PeerClose, async_trait};
///
/// /// Prints the packets of another receiver.
/// struct Printing(Box<dyn PacketReceiver>);
///
/// #[async_trait]
/// impl PacketReceiver for Printing {
///     async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
///         let packets = self.0.recv().await?;
///         println!("{packets:?}");
///         Ok(packets)
///     }
///
///     fn peer_close(&self) -> Option<PeerClose> {
///         self.0.peer_close()
///     }
///
///     fn answered_fence(&mut self) -> Option<Fence> {
///         self.0.answered_fence()
///     }
/// }
/// ```
#[async_trait]
pub trait PacketReceiver: Send + 'static {
    /// Waits for packets, and returns those that are available.
    ///
    /// 1. Returns at least one packet. The exception is the answer to a fence: see
    ///    [`answered_fence`](PacketReceiver::answered_fence).
    /// 2. On a link of frames, returns all packets that have arrived, up to 256 packets. It takes no
    ///    further packet once it has 64 KiB beyond the first. On a link of payloads, returns all packets
    ///    of one payload.
    /// 3. Packets that were read before an error are returned first; the next call returns the error.
    /// 4. A clean close by the server is [`Packet::Close`].
    ///
    /// Call [`Activity::mark`] when bytes of an incomplete message arrive, so that the client does not
    /// take a large message on a slow line for silence.
    ///
    /// # Errors
    ///
    /// Any error ends the session, or fails the upgrade. Use [`Ended`](crate::ErrorKind::Ended) if the
    /// connection ended without a close, [`Protocol`](crate::ErrorKind::Protocol) for bytes that are not
    /// packets, and [`Limit`](crate::ErrorKind::Limit) if a limit of [`OpenRequest::limits`] was
    /// exceeded.
    ///
    /// # Cancel safety
    ///
    /// None needed: the client drops the future only together with the link.
    async fn recv(&mut self) -> Result<Vec<Packet>, Error>;

    /// The code and the text with which the server closed the connection, if the transport has them.
    /// `None` by default.
    ///
    /// The client asks after `recv` has returned [`Packet::Close`] or an error, and reports the answer
    /// in [`Reason::Server`](crate::Reason::Server). It also asks after errors, since some libraries
    /// report a close as an error.
    ///
    /// ```
    /// use engineio_client::PeerClose;
    ///
    /// # struct Receiver { close_frame: Option<(u16, String)> }
    /// # impl Receiver {
    /// fn peer_close(&self) -> Option<PeerClose> {
    ///     let (code, text) = self.close_frame.as_ref()?;
    ///     Some(PeerClose::new(*code, text))
    /// }
    /// # }
    /// ```
    fn peer_close(&self) -> Option<PeerClose> {
        None
    }

    /// Returns the newest fence that the peer has answered since the last call, if the link [confirms by
    /// fences](Confirms::ByFence). An answer covers all earlier fences. `None` by default.
    ///
    /// The client asks after each `recv`. `recv` may return without packets if a fence was answered. An
    /// answer that arrived after the server's close is not reported.
    ///
    /// ```
    /// use engineio_client::Fence;
    ///
    /// # struct Receiver { answered: Option<Fence> }
    /// # impl Receiver {
    /// // `recv` stores `Fence::from_bytes(pong)` in `self.answered`.
    /// fn answered_fence(&mut self) -> Option<Fence> {
    ///     self.answered.take()
    /// }
    /// # }
    /// ```
    fn answered_fence(&mut self) -> Option<Fence> {
        None
    }
}

/// An open connection to a server, in two halves. [`Transport::open`] returns it.
///
/// Dropping a link ends its connection without a close packet or a close frame.
///
/// ```
/// use engineio_client::{Error, Link, Packet};
///
/// async fn ping(link: &mut Link) -> Result<Vec<Packet>, Error> {
///     link.sender.send(vec![Packet::Ping("probe".into())].into()).await?;
///     link.receiver.recv().await
/// }
/// ```
#[non_exhaustive]
pub struct Link {
    /// The sending half.
    pub sender: Box<dyn PacketSender>,
    /// The receiving half.
    pub receiver: Box<dyn PacketReceiver>,
    /// How the link carries packets.
    pub framing: Framing,
}

impl Link {
    /// Creates a link from its halves.
    ///
    /// ```
    /// use engineio_client::{Framing, Link, PacketReceiver, PacketSender};
    ///
    /// fn link(sender: impl PacketSender, receiver: impl PacketReceiver) -> Link {
    ///     Link::new(sender, receiver, Framing::Frames)
    /// }
    /// ```
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
///
/// ```
/// use engineio_client::Framing;
///
/// /// A text with the separator `\x1e` cannot be sent in a payload.
/// fn can_carry(framing: Framing, text: &str) -> bool {
///     framing == Framing::Frames || !text.contains('\x1e')
/// }
///
/// assert!(!can_carry(Framing::Payloads, "a\x1eb"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the protocol has exactly these two"
)]
pub enum Framing {
    /// Packets are joined by `\x1e` into bodies of limited size, one exchange at a time in each
    /// direction.
    Payloads,
    /// Each packet has a frame of its own.
    Frames,
}
