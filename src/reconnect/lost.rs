//! How a session ended, or why none could be opened, and what is to follow.

use std::time::Duration;

use crate::error::Error;
use crate::event::Reason;

/// A session that has ended, or an attempt to open one that has failed: what
/// [`Reconnect::decide`](crate::Reconnect::decide) is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lost {
    /// Why the session ended, or could not be opened.
    pub reason: Reason,
    /// How many attempts have failed in a row, this one included: the number of the attempt that failed. 0
    /// when the first connection of the client failed, and after a session that
    /// [lasted](crate::Reconnect#attempts-and-delays). The next attempt has the number that follows.
    pub attempt: u32,
    /// Whether a session was open.
    pub was_open: bool,
}

impl Lost {
    /// A first connection that failed, or a session that did not open, for this reason. For tests of a
    /// function that decides.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind, Lost, Reason, Retry};
    ///
    /// fn decide(lost: &Lost) -> Retry {
    ///     match lost.status() {
    ///         Some(403) => Retry::Never,
    ///         _ => Retry::Usual,
    ///     }
    /// }
    ///
    /// let error = Error::new(ErrorKind::Status, "forbidden").with_status(403);
    /// let lost = Lost::new(Reason::Transport(error));
    /// assert_eq!(decide(&lost), Retry::Never);
    /// assert_eq!(decide(&Lost::new(Reason::PingTimeout)), Retry::Usual);
    /// ```
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            attempt: 0,
            was_open: false,
        }
    }

    /// The error, where it was one that ended the session.
    pub fn error(&self) -> Option<&Error> {
        match &self.reason {
            Reason::Transport(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status that refused a request, where one did.
    pub fn status(&self) -> Option<u16> {
        self.error().and_then(Error::status)
    }

    /// For how long the server wants not to be asked again: its `Retry-After`, a day at most.
    pub fn retry_after(&self) -> Option<Duration> {
        self.error().and_then(Error::retry_after)
    }
}

/// Whether and when there is another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// As [without a function that decides](crate::Reconnect#when-it-is-over).
    Usual,
    /// After exactly this time, which is not randomised.
    After(Duration),
    /// There is none: the client gives up.
    Never,
}
