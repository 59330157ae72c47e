//! Why the outbox did not accept a message, and the errors for the user.

use crate::amount::Amount;
use crate::error::{Error, ErrorKind};
use crate::event::{Closed, PeerClose, Reason};
use crate::limits::Limit;

/// A parcel that was not accepted, and why.
#[derive(Debug)]
pub(crate) enum Refusal<P> {
    /// There is no room for the parcel, or no session yet.
    Later(P, ErrorKind),
    /// The parcel will never be accepted.
    Never(P, Error),
}

impl<P> Refusal<P> {
    /// The parcel and the error for a sender that does not wait.
    pub(crate) fn into_parts(self, capacity: Amount) -> (P, Error) {
        match self {
            Self::Never(parcel, error) => (parcel, error),
            Self::Later(parcel, ErrorKind::NotOpen) => {
                let error = Error::new(ErrorKind::NotOpen, "the session is not open yet");
                (parcel, error)
            }
            Self::Later(parcel, kind) => {
                let Amount { messages, bytes } = capacity;
                let text = format!("the outbox is full: {messages} messages or {bytes} bytes");
                (parcel, Error::new(kind, text).with_limit(Limit::Outbox))
            }
        }
    }
}

/// The error of a call that needs an open session. `closed` is `None` while the session is still
/// closing.
pub(crate) fn closed_error(closed: Option<&Closed>) -> Error {
    match closed.map(Closed::reason) {
        None => Error::new(ErrorKind::Closed, "the session is closing"),
        Some(Reason::Transport(cause)) => {
            Error::new(ErrorKind::Closed, "the session is closed").with_source(cause.clone())
        }
        Some(Reason::Client) => Error::new(ErrorKind::Closed, "the session is closed"),
        Some(Reason::Server { close }) => {
            let close = PeerClose::suffix(close.as_ref());
            let message = format!("the server has closed the session{close}");
            Error::new(ErrorKind::Closed, message)
        }
        Some(Reason::PingTimeout) => Error::new(
            ErrorKind::Closed,
            "the session is closed: the server was silent for too long",
        ),
        Some(Reason::Aborted) => Error::new(
            ErrorKind::Closed,
            "the session is closed: the task that drives it ended early",
        ),
    }
}
