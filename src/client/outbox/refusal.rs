//! Why the outbox did not accept a message, and the errors that tell it to the user.

use crate::amount::Amount;
use crate::error::{Error, ErrorKind};
use crate::event::{Closed, PeerClose, Reason};
use crate::limits::Limit;

/// Why something was not accepted.
#[derive(Debug)]
pub(crate) enum Refusal<P> {
    /// There is no room for it, or no session yet.
    Later(P, ErrorKind),
    /// It never will be.
    Never(P, Error),
}

impl<P> Refusal<P> {
    /// For a sender that does not wait.
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

/// Why nothing is accepted any more.
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
            "the session is closed, since the server was silent for too long",
        ),
        Some(Reason::Aborted) => Error::new(
            ErrorKind::Closed,
            "the session is closed, since the task that drives it ended early",
        ),
    }
}
