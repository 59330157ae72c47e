//! The argument and the result of a user's decision whether to reconnect.

use std::time::Duration;

use crate::error::Error;
use crate::event::Reason;

/// A session that has ended, or a failed attempt to open one: the argument of
/// [`Reconnect::decide`](crate::Reconnect::decide).
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::{Lost, Retry};
///
/// fn decide(lost: &Lost) -> Retry {
///     if !lost.was_open && lost.attempt >= 5 {
///         return Retry::Never;
///     }
///     match lost.error() {
///         Some(error) if error.is_timeout() => Retry::After(Duration::from_secs(30)),
///         _ => Retry::Usual,
///     }
/// }
///
/// let reconnect = engineio_client::Reconnect::new().decide(decide);
/// # let _ = reconnect;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lost {
    /// Why the session ended, or could not be opened.
    pub reason: Reason,
    /// Number of attempts that have failed in a row, including this one. 0 if the first connection of
    /// the client failed, and after a session that [lasted](crate::Reconnect#attempts-and-delays). The
    /// next attempt has the number `attempt + 1`.
    pub attempt: u32,
    /// Whether a session was open. False for a failed attempt to open one.
    pub was_open: bool,
}

impl Lost {
    /// A first connection that failed for this reason: for tests of a `decide` function. The fields can
    /// be changed afterwards.
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

    /// The error that ended the session or made the attempt fail. `None` if the reason is not an error,
    /// for example after the server closed the session.
    ///
    /// ```
    /// use engineio_client::{Lost, Reason};
    ///
    /// assert!(Lost::new(Reason::PingTimeout).error().is_none());
    /// ```
    pub fn error(&self) -> Option<&Error> {
        match &self.reason {
            Reason::Transport(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status with which the server refused a request. `None` if the failure was not a
    /// response.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind, Lost, Reason};
    ///
    /// let error = Error::new(ErrorKind::Status, "unauthorized").with_status(401);
    /// assert_eq!(Lost::new(Reason::Transport(error)).status(), Some(401));
    /// ```
    pub fn status(&self) -> Option<u16> {
        self.error().and_then(Error::status)
    }

    /// How long the server asked clients to wait before the next attempt, from its `Retry-After`
    /// header. At most one day.
    ///
    /// ```
    /// use engineio_client::{Lost, Reason, Retry};
    ///
    /// fn decide(lost: &Lost) -> Retry {
    ///     lost.retry_after().map_or(Retry::Usual, Retry::After)
    /// }
    ///
    /// assert_eq!(decide(&Lost::new(Reason::PingTimeout)), Retry::Usual);
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        self.error().and_then(Error::retry_after)
    }
}

/// Whether and when there is another attempt: the result of
/// [`Reconnect::decide`](crate::Reconnect::decide).
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::{Reconnect, Retry};
///
/// let reconnect = Reconnect::new().decide(|_| Retry::After(Duration::from_secs(1)));
/// # let _ = reconnect;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// The [default rules](crate::Reconnect#when-it-is-over) decide.
    Usual,
    /// An attempt after exactly this time. It is not randomised.
    After(Duration),
    /// No further attempt: the client ends.
    Never,
}
