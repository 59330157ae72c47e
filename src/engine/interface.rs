//! The boundary between the engine and the driver: settings, inputs and outputs.

use std::sync::Arc;
use std::time::Duration;

use super::outgoing::{Acceptance, Outgoing};
use crate::amount::Amount;
use crate::batch::Batch;
use crate::error::Error;
use crate::event::{Ended, Event, PeerClose};
use crate::fence::Fence;
use crate::limits;
use crate::packet::{Handshake, Packet};
use crate::receipts::Receipts;
use crate::transport::{Asked, Confirms, Framing};

/// The engine's settings.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Names of the transports, in order of preference. Never empty.
    pub(crate) transports: Vec<&'static str>,
    /// Whether to try the next transport when one can't be opened.
    pub(crate) fall_back: bool,
    /// Whether to follow redirects of the handshake.
    pub(crate) follow_redirects: bool,
    /// Whether to upgrade to a better transport.
    pub(crate) upgrade: bool,
    pub(crate) open_timeout: Duration,
    /// Time without progress after which a batch on a `Payloads` link has failed. On a `Frames` link the
    /// limit is `pingInterval + pingTimeout`.
    pub(crate) send_timeout: Duration,
    pub(crate) upgrade_timeout: Duration,
    /// Time without progress after which a close gives up.
    pub(crate) close_timeout: Duration,
    /// Total time after which a close gives up.
    pub(crate) close_limit: Duration,
    /// Maximum number of packets in a payload.
    pub(crate) packets_per_post: usize,
    /// Maximum size of the open packet, in bytes.
    pub(crate) handshake_size: usize,
    /// Settings of receipts; `None` when receipts are off.
    pub(crate) receipts: Option<ReceiptsConfig>,
    /// Without receipts: whether a fence follows each pong, so that the end of the session can report
    /// how much has arrived.
    pub(crate) fences: bool,
    /// With receipts: whether to hold back all messages until the first fence of a link is answered. The
    /// client sets this when several sessions have ended at their first fence: if the next session ends
    /// there too, no message can be the cause.
    pub(crate) fence_alone: bool,
    /// Number of this session within the client. It increases with each reconnect.
    pub(crate) session: u64,
}

/// Settings of receipts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiptsConfig {
    /// Maximum amount that is handed to links and not yet confirmed.
    pub(crate) window: Amount,
    /// Whether a link that can't confirm is refused.
    pub(crate) required: bool,
    /// Whether the window starts small and doubles with each confirmation. The client sets this when a
    /// message may be what ends its sessions: a small window shows which one.
    pub(crate) cautious: bool,
}

impl From<Receipts> for ReceiptsConfig {
    fn from(receipts: Receipts) -> Self {
        Self {
            window: receipts.window.into(),
            required: receipts.required,
            cautious: false,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            transports: Vec::new(),
            fall_back: true,
            follow_redirects: false,
            upgrade: true,
            open_timeout: limits::OPEN_TIMEOUT,
            send_timeout: limits::SEND_TIMEOUT,
            upgrade_timeout: limits::UPGRADE_TIMEOUT,
            close_timeout: limits::CLOSE_TIMEOUT,
            close_limit: limits::CLOSE_LIMIT,
            packets_per_post: limits::PACKETS_PER_POST,
            handshake_size: limits::HANDSHAKE_SIZE,
            receipts: None,
            fences: true,
            fence_alone: false,
            session: 1,
        }
    }
}

/// Identifies one link of the session. Inputs that name a dropped link are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u64);

/// A call on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Receive,
    Send,
    /// Not a call on the link: the redirect in [`Output::Open`] can't be followed.
    Redirect,
}

/// An event that the driver reports to the engine.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// An `open` call has returned a link. `key` is a random number that identifies the link's fences.
    Opened {
        link: LinkId,
        framing: Framing,
        confirms: Confirms,
        key: u64,
    },
    /// A `recv` call has returned. `packets` is empty only after [`FenceAnswered`](Self::FenceAnswered).
    Received { link: LinkId, packets: Vec<Packet> },
    /// The peer has answered this fence. The `Received` of the same `recv` call follows.
    FenceAnswered { link: LinkId, fence: Fence },
    /// The server has closed the connection with this code and reason. The result of the same `recv`
    /// call follows: packets with a [`Packet::Close`], or an error.
    PeerClose { link: LinkId, close: PeerClose },
    /// Bytes of an unfinished message have arrived or left at these times.
    Active {
        link: LinkId,
        received: Option<Duration>,
        sent: Option<Duration>,
        /// What the transport has reported about when polls are written.
        asked: Asked,
    },
    /// A `send` call has returned: the batch has left.
    Sent { link: LinkId },
    /// A `close` call has returned. `answered` says whether the server has answered the goodbye.
    SaidGoodbye { link: LinkId, answered: bool },
    /// A call has failed.
    Failed {
        link: LinkId,
        call: Call,
        error: Error,
    },
    /// The response to [`Output::Drain`]: the link's `recv` has nothing more ready.
    Drained { link: LinkId },
    /// Messages of the user that the current [`Acceptance`] allows.
    Send(Outgoing),
    /// Whether the user's inbox has room.
    Room(bool),
    /// The user closes the session. The driver has passed all accepted messages in `Send` before this.
    Close,
    /// The time in the last [`Output::Wait`] has come.
    Timeout,
}

/// An instruction to the driver.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Call the transport's `open`: for a new session, or to upgrade the session of this handshake.
    Open {
        link: LinkId,
        transport: &'static str,
        sid: Option<Arc<Handshake>>,
        /// The error with which the server redirected the handshake. Its location replaces the
        /// session's URL before the call.
        redirect: Option<Error>,
    },
    /// Call the link's `recv`.
    Receive { link: LinkId },
    /// Call the link's `send`.
    Send { link: LinkId, batch: Batch },
    /// Call the link's `close`, whose goodbye ends the session.
    Close { link: LinkId },
    /// Poll the running `recv` until it would wait, then answer with [`Input::Drained`].
    Drain { link: LinkId },
    /// Drop the link and its running calls, without a goodbye.
    Drop { link: LinkId },
    /// Accept new messages of the user by this rule from now on.
    Accept(Acceptance),
    /// This batch has left, so its messages no longer count against the outbox limit.
    Left(Batch),
    /// This number of messages, the next ones in sending order, are confirmed.
    Confirmed(u64),
    /// Receipts are off for the rest of the session, because the link can't confirm or the server does
    /// not answer fences.
    NoReceipts(Error),
    /// Deliver these events to the user.
    Tell(Vec<Event>),
    /// No further upgrade will be tried in this session. The error is that of the last upgrade, if it
    /// failed. Returned once, unless the session ends first.
    UpgradeIsOver(Option<Error>),
    /// The session has ended. This is the last output.
    Closed(Box<Ended>),
    /// Nothing to do until this time or the next input.
    Wait(Option<Duration>),
}
