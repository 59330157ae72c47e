//! What a session tells its user.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::packet::{Handshake, Message};

/// What happens in a session, in order. A [`Client`](crate::Client) is a `Stream` of these.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The session is open; always the first, unless it could not be opened.
    Connected(Connected),
    /// A message came.
    Message(Message),
    /// The session went over to a better transport. Messages before this came by the old one,
    /// those after it come by the new one.
    #[non_exhaustive]
    Upgraded {
        /// The transport's name.
        transport: &'static str,
    },
    /// An upgrade failed; the session goes on as it was, and nothing is lost.
    #[non_exhaustive]
    UpgradeFailed {
        /// The transport that was tried.
        transport: &'static str,
        /// Why it failed.
        error: Error,
    },
    /// A session has ended that was open, and another may follow: where the client
    /// [reconnects](crate::Builder::reconnect).
    Disconnected(Box<Disconnected>),
    /// Another session will be opened after a delay.
    Reconnecting(Box<Reconnecting>),
    /// A message, or a group, will never be sent, though the client goes on.
    GivenUp(Box<GivenUp>),
    /// There are no [receipts](crate::Receipts) from now on: the link or the server can't confirm.
    #[non_exhaustive]
    NoReceipts {
        /// Why.
        error: Error,
    },
    /// The session has ended; always the last.
    Closed(Closed),
}

/// How a session ended that another may follow, and what became of the messages: see
/// [`Closed`] for the four parts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Disconnected {
    /// The number of the session, from 1.
    pub session: u64,
    /// Why it ended.
    pub reason: Reason,
    /// How many messages were confirmed in it.
    pub confirmed: u64,
    /// How many had left in it and are not confirmed.
    pub unconfirmed: u64,
    /// How many were under way.
    pub uncertain: u64,
    /// How many it was given that have not left. The next session sends them.
    pub unsent: u64,
    /// The messages that may be lost and that no session sends again, where they were kept: by
    /// [`Resend::Unsent`](crate::Resend::Unsent) those that were under way, and with
    /// [receipts](crate::Receipts) those that had left. Those of groups of which something was handed over
    /// are among them.
    pub lost: Vec<Message>,
    may_be_lost: u64,
}

impl Disconnected {
    pub(crate) fn new(session: u64, ended: &Ended) -> Self {
        let count = |list: &[Message]| u64::try_from(list.len()).unwrap_or(u64::MAX);
        Self {
            session,
            reason: ended.reason.clone(),
            confirmed: ended.confirmed,
            unconfirmed: ended.unconfirmed_count,
            uncertain: count(&ended.uncertain),
            unsent: count(&ended.unsent),
            lost: Vec::new(),
            may_be_lost: 0,
        }
    }

    /// With what no session sends again.
    pub(crate) fn with_lost(self, count: u64, lost: Vec<Message>) -> Self {
        Self {
            lost,
            may_be_lost: count,
            ..self
        }
    }

    /// How many messages may be lost: those that may not have arrived and that no session sends again.
    pub fn may_be_lost(&self) -> u64 {
        self.may_be_lost
    }
}

/// An attempt to open another session, which follows after a delay.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reconnecting {
    /// Its number in the row: 1 after a session that has lasted.
    pub attempt: u32,
    /// The time until then.
    pub delay: Duration,
    /// How the session ended, or why it could not be opened.
    pub reason: Reason,
}

/// What will never be sent, though the client goes on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GivenUp {
    /// One message, or a group.
    pub messages: Vec<Message>,
    /// Why: the session can't carry it ([`TooLarge`](crate::ErrorKind::TooLarge),
    /// [`NeedsFrames`](crate::ErrorKind::NeedsFrames)), or it seems to be what ends the sessions
    /// ([`Unconfirmed`](crate::ErrorKind::Unconfirmed)).
    pub error: Error,
}

/// A session that was opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connected {
    /// What the server said of the session.
    pub handshake: Arc<Handshake>,
    /// The transport that opened it.
    pub transport: &'static str,
    /// Its number, from 1: others follow where the client [reconnects](crate::Builder::reconnect).
    pub session: u64,
}

/// How a session ended, and what became of the messages that had been accepted.
///
/// In order they are
///
/// 1. [`confirmed`](Closed::confirmed): taken in by the server's endpoint while the session was open. A
///    number;
/// 2. [`unconfirmed_count`](Closed::unconfirmed_count): they had left, and what became of them nobody knows.
///    A number, and with [receipts](crate::Receipts) [they themselves](Closed::unconfirmed);
/// 3. [`uncertain`](Closed::uncertain): their sending was under way;
/// 4. [`unsent`](Closed::unsent): they never left.
///
/// What may be lost is what stands in 2 and 3, unless the end is [clean](Closed::is_clean). What the server
/// had for this client and had not sent is the server's to know.
///
/// Without receipts little is confirmed, and only by websocket: what stood before the last [fence but
/// one](crate::Builder::fences). Clones share it.
#[derive(Clone)]
pub struct Closed(Arc<Ended>);

/// What a [`Closed`] tells.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) reason: Reason,
    /// This side has said goodbye, and the server has answered; or there was nobody to say it to.
    pub(crate) answered: bool,
    /// How many messages are confirmed.
    pub(crate) confirmed: u64,
    /// How many have left and are not confirmed, and they themselves where they were kept.
    pub(crate) unconfirmed_count: u64,
    pub(crate) unconfirmed: Vec<Message>,
    /// How many of them an answered goodbye does not excuse: with receipts, and where they left in an earlier
    /// session.
    pub(crate) doubtful: u64,
    pub(crate) uncertain: Vec<Message>,
    pub(crate) unsent: Vec<Message>,
    /// The messages that belong together, by their places in all that is not confirmed: what has left,
    /// `uncertain` and `unsent`, in order.
    pub(crate) groups: Vec<Range<usize>>,
    /// A fence was sent, and none was answered.
    pub(crate) fences_unanswered: bool,
}

impl Ended {
    /// The end of a session in which nothing was accepted.
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

/// Why a session ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// This client closed it.
    Client,
    /// The server closed it, with a close packet or a close frame.
    #[non_exhaustive]
    Server {
        /// What it said, where the transport has words for it: a websocket's close frame has, a close
        /// packet has not.
        close: Option<PeerClose>,
    },
    /// The server was silent for longer than `pingInterval + pingTimeout`.
    PingTimeout,
    /// The connection failed, or could not be made.
    Transport(Error),
    /// The task that drives the connection was dropped (with its runtime), or panicked.
    Aborted,
}

/// What the server said when it closed the connection: the code and the words of a websocket's close
/// frame (RFC 6455, section 7.4).
///
/// ```
/// use engineio_client::PeerClose;
///
/// let close = PeerClose::new(1009, "message too big");
/// assert_eq!(close.to_string(), "1009: message too big");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerClose {
    /// The code; 1005 where there was none.
    pub code: u16,
    /// The words, which are often empty. A websocket has room for 123 bytes of them.
    pub reason: String,
}

impl PeerClose {
    /// A close with this code and these words.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// What an error or a log says of a close behind its own words: ` (1009: too big)`, or nothing where
    /// the code only says that the connection is closed.
    pub(crate) fn suffix(close: Option<&Self>) -> String {
        match close {
            Some(close) if !matches!(close.code, 1000 | 1005) || !close.reason.is_empty() => {
                format!(" ({close})")
            }
            _ => String::new(),
        }
    }
}

/// Control characters are escaped, and long words cut.
impl fmt::Display for PeerClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.reason.is_empty() {
            return Ok(());
        }
        let beginning: String = self.reason.chars().take(MOST_WORDS).collect();
        write!(f, ": {}", beginning.escape_debug())?;
        if beginning.len() < self.reason.len() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

/// The most characters of the server's words that are shown.
const MOST_WORDS: usize = 123;

impl Closed {
    pub(crate) fn new(ended: Ended) -> Self {
        Self(Arc::new(ended))
    }

    /// Why the session ended.
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// How many messages are confirmed: the first ones that were accepted. See
    /// [`Receipts`](crate::Receipts) for what that means.
    pub fn confirmed(&self) -> u64 {
        self.0.confirmed
    }

    /// How many messages behind the confirmed ones had left. They may have arrived.
    pub fn unconfirmed_count(&self) -> u64 {
        self.0.unconfirmed_count
    }

    /// Those messages, where they were kept: with [receipts](crate::Receipts). Empty without.
    pub fn unconfirmed(&self) -> &[Message] {
        &self.0.unconfirmed
    }

    /// The messages whose sending was under way: they may have arrived.
    pub fn uncertain(&self) -> &[Message] {
        &self.0.uncertain
    }

    /// The messages that never left.
    pub fn unsent(&self) -> &[Message] {
        &self.0.unsent
    }

    /// Whether this side ended the session, and the server has answered its goodbye: by a close frame or the
    /// end of the connection behind ours, or by a 2xx for the close packet of polling. Where there was no
    /// session yet nobody had to answer.
    ///
    /// Without an answer, within the [`close_timeout`](crate::Builder::close_timeout) or before the
    /// connection failed, everything that had left may be lost, though neither list names it: a server that
    /// has gone silently reads nothing, and this machine's buffers hold megabytes.
    ///
    /// An answer does not prove that everything was handled: Node's server, where a handler there has called
    /// `close()` a moment before, throws away what comes meanwhile, and answers all the same.
    pub fn is_answered(&self) -> bool {
        self.0.answered
    }

    /// Whether this side ended the session, everything accepted had left, and the server has
    /// [answered](Closed::is_answered) the goodbye; with [receipts](crate::Receipts), whether everything is
    /// confirmed besides. Of a client that [reconnects](crate::Builder::reconnect) nothing may have been
    /// lost in any session.
    ///
    /// A close by the server is never clean here, whatever its code: the server may have thrown away
    /// what it was sent. [`Reason::Server`] has the code, which tells more: 1000 and 1001 are an
    /// ordinary end, with 1002, 1003, 1007 or 1008 the server refuses what this client sent, with 1009
    /// a message was too large for it, 1011 is a fault of its own.
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
                f.write_str("closed by this client, whose goodbye the server did not answer")
            }
            reason => reason.fmt(f),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("closed by this client"),
            Self::Server { close } => {
                write!(
                    f,
                    "closed by the server{}",
                    PeerClose::suffix(close.as_ref())
                )
            }
            Self::PingTimeout => f.write_str("the server was silent for too long"),
            Self::Transport(error) => write!(f, "the transport failed: {}", error.report()),
            Self::Aborted => f.write_str("the task that drives the connection ended early"),
        }
    }
}
