//! Events of a session, and the ways in which a session ends.

mod closed;
mod reason;

use std::sync::Arc;
use std::time::Duration;

pub use closed::Closed;
pub(crate) use closed::Ended;
pub use reason::{PeerClose, Reason};

use crate::error::Error;
use crate::packet::{Handshake, Message};

/// An event of a session. A [`Client`](crate::Client) is a `Stream` of events, in the order in which
/// they happen.
///
/// ```
/// use engineio_client::Event;
/// use futures::{Stream, StreamExt};
///
/// /// Works for every client, since a client is such a stream.
/// async fn log(mut events: impl Stream<Item = Event> + Unpin) {
///     while let Some(event) = events.next().await {
///         match event {
///             Event::Connected(connected) => println!("connected over {}", connected.transport),
///             Event::Message(message) => println!("{} bytes", message.len()),
///             Event::Upgraded { transport, .. } => println!("upgraded to {transport}"),
///             Event::UpgradeFailed { error, .. } => println!("no upgrade: {}", error.report()),
///             Event::Disconnected(end) => println!("{}; may be lost: {}", end.reason, end.may_be_lost()),
///             Event::Reconnecting(next) => println!("next attempt in {:?}", next.delay),
///             Event::Closed(closed) => println!("{closed}"),
///             // More kinds of events may be added.
///             _ => {}
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A session is open. The first event of each session.
    Connected(Connected),
    /// A message arrived.
    Message(Message),
    /// The session switched to a better transport. Messages before this event arrived over the previous
    /// transport, messages after it arrive over the new one.
    #[non_exhaustive]
    Upgraded {
        /// The name of the new transport.
        transport: &'static str,
    },
    /// An upgrade failed. The session continues on its current transport, and nothing is lost.
    #[non_exhaustive]
    UpgradeFailed {
        /// The name of the transport that was tried.
        transport: &'static str,
        /// Why the upgrade failed.
        error: Error,
    },
    /// An open session has ended, and another one may follow. Emitted only by a client that
    /// [reconnects](crate::Builder::reconnect).
    Disconnected(Box<Disconnected>),
    /// The client will try to open another session after a delay.
    Reconnecting(Box<Reconnecting>),
    /// The client gave up sending a message, or a group of messages. The client itself continues.
    GivenUp(Box<GivenUp>),
    /// [Receipts](crate::Receipts) have ended, since the transport or the server cannot confirm
    /// messages. The session continues.
    #[non_exhaustive]
    NoReceipts {
        /// Why nothing can be confirmed.
        error: Error,
    },
    /// The client has ended. Always the last event.
    Closed(Closed),
}

/// The end of one session of a client that [reconnects](crate::Builder::reconnect), and what became of
/// the messages. [`Closed`] explains the four counts.
///
/// ```
/// use engineio_client::Disconnected;
///
/// fn log(end: &Disconnected) {
///     println!("session {} ended: {}", end.session, end.reason);
///     if end.may_be_lost() > 0 {
///         println!("{} messages may be lost, {} of them known", end.may_be_lost(), end.lost.len());
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Disconnected {
    /// Number of the session, from 1.
    pub session: u64,
    /// Why the session ended.
    pub reason: Reason,
    /// Number of messages confirmed in this session.
    pub confirmed: u64,
    /// Number of messages sent in this session and not confirmed.
    pub unconfirmed: u64,
    /// Number of messages that were being sent when the session ended.
    pub uncertain: u64,
    /// Number of messages that this session did not send. The next session sends them.
    pub unsent: u64,
    /// The messages that may be lost, as far as the client still has them. No later session sends them.
    /// With [`Resend::Unsent`](crate::Resend::Unsent) these are the messages that were being sent when
    /// the session ended. With [receipts](crate::Receipts) they also include the messages that were
    /// sent and not confirmed; without receipts the client does not keep those. If only a part of a
    /// group of messages was sent, all messages of the group are included.
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

    /// Sets the messages that may be lost, and their number.
    pub(crate) fn with_lost(self, count: u64, lost: Vec<Message>) -> Self {
        Self {
            lost,
            may_be_lost: count,
            ..self
        }
    }

    /// Number of messages that may be lost: they may not have arrived, and no later session sends them
    /// again. [`lost`](Self::lost) contains those that the client still has.
    ///
    /// ```
    /// use engineio_client::Disconnected;
    ///
    /// fn is_harmless(end: &Disconnected) -> bool {
    ///     end.may_be_lost() == 0
    /// }
    /// ```
    pub fn may_be_lost(&self) -> u64 {
        self.may_be_lost
    }
}

/// Announces an attempt to open another session after a delay.
///
/// ```
/// use engineio_client::Reconnecting;
///
/// fn log(next: &Reconnecting) {
///     println!("{}; attempt {} in {:.1} s", next.reason, next.attempt, next.delay.as_secs_f64());
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reconnecting {
    /// Number of the attempt, which counts failures in a row: see
    /// [`Reconnect`](crate::Reconnect#attempts-and-delays).
    pub attempt: u32,
    /// Time from this event to the attempt.
    pub delay: Duration,
    /// How the last session ended, or why it could not be opened.
    pub reason: Reason,
}

/// Messages that the client will never send, although it continues.
///
/// ```
/// use engineio_client::{ErrorKind, GivenUp};
///
/// fn log(given_up: &GivenUp) {
///     match given_up.error.kind() {
///         ErrorKind::TooLarge => println!("too large for this server: {}", given_up.error),
///         _ => println!("{} messages given up: {}", given_up.messages.len(), given_up.error),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GivenUp {
    /// One message, or the messages of one group.
    pub messages: Vec<Message>,
    /// Why the client gave up. Either the session cannot carry the message
    /// ([`TooLarge`](crate::ErrorKind::TooLarge), [`NeedsFrames`](crate::ErrorKind::NeedsFrames)), or
    /// several sessions in a row ended while the message was unconfirmed, so that the message itself
    /// probably makes sessions end ([`Unconfirmed`](crate::ErrorKind::Unconfirmed)).
    pub error: Error,
}

/// A session that was opened.
///
/// ```
/// use engineio_client::Connected;
///
/// fn log(connected: &Connected) {
///     let sid = &connected.handshake.sid;
///     println!("session {} ({sid}) over {}", connected.session, connected.transport);
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connected {
    /// The parameters of the session, from the server's open packet.
    pub handshake: Arc<Handshake>,
    /// The name of the transport that opened the session.
    pub transport: &'static str,
    /// Number of the session, from 1. It exceeds 1 only for a client that
    /// [reconnects](crate::Builder::reconnect).
    pub session: u64,
}
