//! What the engine is told, and what it says is to be done.

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

/// What the engine is told to keep to.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The transports' names, in order of preference. Never empty.
    pub(crate) transports: Vec<&'static str>,
    /// Whether the next transport is tried when one can't be opened.
    pub(crate) fall_back: bool,
    /// Whether a redirect of the handshake is followed.
    pub(crate) follow_redirects: bool,
    /// Whether the session may go over to a better transport.
    pub(crate) upgrade: bool,
    pub(crate) open_timeout: Duration,
    /// For a batch on a link of payloads: the time without progress.
    pub(crate) send_timeout: Duration,
    pub(crate) upgrade_timeout: Duration,
    /// The time without progress while closing.
    pub(crate) close_timeout: Duration,
    pub(crate) close_limit: Duration,
    /// The most packets in a payload.
    pub(crate) packets_per_post: usize,
    /// The most bytes of an open packet.
    pub(crate) handshake_size: usize,
    /// Whether it is to be found out which messages have arrived, and how.
    pub(crate) receipts: Option<ReceiptsConfig>,
    /// Without receipts: whether fences ride along with the answers to pings.
    pub(crate) fences: bool,
    /// With receipts: no message is handed over before the first fence of a link is answered. If the session
    /// ends all the same it is not a message that ends it.
    pub(crate) fence_alone: bool,
    /// The number of the session.
    pub(crate) session: u64,
}

/// How receipts are to be had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiptsConfig {
    /// The most that is handed to links and not confirmed.
    pub(crate) window: Amount,
    /// The session is not to live by a link that can't confirm.
    pub(crate) required: bool,
    /// The window begins small and doubles with each confirmation, so that it shows which message ends the
    /// sessions.
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

/// Names one link of the session. Answers from a link that is gone are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u64);

/// Which of a link's calls is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Receive,
    Send,
    /// No call of the link: the redirect that [`Output::Open`] named can't be followed.
    Redirect,
}

/// What has happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// An `open` has returned a link, with what it can confirm. `key` is a random number, for its fences.
    Opened {
        link: LinkId,
        framing: Framing,
        confirms: Confirms,
        key: u64,
    },
    /// A `recv` has returned.
    Received { link: LinkId, packets: Vec<Packet> },
    /// The other end has answered this fence. What was received with the answer follows.
    FenceAnswered { link: LinkId, fence: Fence },
    /// The server has closed the connection, and said this. What came with it follows: packets with a
    /// close, or an error.
    PeerClose { link: LinkId, close: PeerClose },
    /// Bytes of something unfinished came, or left, at these times.
    Active {
        link: LinkId,
        received: Option<Duration>,
        sent: Option<Duration>,
        /// When a poll left last.
        asked: Asked,
    },
    /// A `send` has returned: the batch has left.
    Sent { link: LinkId },
    /// A `close` has returned: the server has answered, or it failed.
    SaidGoodbye { link: LinkId, answered: bool },
    /// A call has failed.
    Failed {
        link: LinkId,
        call: Call,
        error: Error,
    },
    /// The link's `recv` was polled until it would wait: an answer to [`Output::Drain`].
    Drained { link: LinkId },
    /// The user's messages, which [`Acceptance`] has let in.
    Send(Outgoing),
    /// Whether the user's inbox has room.
    Room(bool),
    /// The user closes the session. All that was accepted has been given by `Send` before.
    Close,
    /// The time that [`Output::Wait`] named has come.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Call `open`, for a new session or for the one of this id.
    Open {
        link: LinkId,
        transport: &'static str,
        sid: Option<Arc<Handshake>>,
        /// The error with the redirect that is to be followed first, from then on.
        redirect: Option<Error>,
    },
    /// Call the link's `recv`.
    Receive { link: LinkId },
    /// Call the link's `send`.
    Send { link: LinkId, batch: Batch },
    /// Call the link's `close`: its goodbye ends the session.
    Close { link: LinkId },
    /// Poll the link's `recv` until it would wait, and no longer.
    Drain { link: LinkId },
    /// Drop the link and all its calls, without a goodbye.
    Drop { link: LinkId },
    /// From now on, accept messages by this rule.
    Accept(Acceptance),
    /// The batch has left: there is room for other messages.
    Left(Batch),
    /// The next so many messages are confirmed.
    Confirmed(u64),
    /// There are no receipts any more, since this link can't confirm.
    NoReceipts(Error),
    /// Tell the user.
    Tell(Vec<Event>),
    /// No further transport will be tried in this session, and this is why the last could not be gone over
    /// to, if it could not. Comes once, unless the session ends before.
    UpgradeIsOver(Option<Error>),
    /// The session has ended. The last output.
    Closed(Box<Ended>),
    /// Nothing more to do before this time, or the next input.
    Wait(Option<Duration>),
}
