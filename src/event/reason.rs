//! Why a session ended.

use std::fmt;

use crate::error::Error;

/// Why a session ended, or could not be opened.
///
/// ```
/// use engineio_client::{Error, ErrorKind, Reason};
///
/// fn explain(reason: &Reason) -> String {
///     match reason {
///         Reason::Client => "we closed it".into(),
///         Reason::Server { close: Some(close), .. } => format!("the server closed it: {close}"),
///         Reason::Server { .. } => "the server closed it".into(),
///         Reason::PingTimeout => "the server went silent".into(),
///         Reason::Transport(error) => format!("the connection failed: {}", error.report()),
///         other => other.to_string(),
///     }
/// }
///
/// let reset = Error::new(ErrorKind::Ended, "connection reset");
/// assert_eq!(explain(&Reason::Transport(reset)), "the connection failed: connection reset");
/// ```
///
/// [Errors](crate::guide::errors#what-to-do) says after which reasons connecting again is worth an
/// attempt.
///
/// The reason does not say whether messages were lost: [`Closed`](crate::Closed) does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// This client closed the session: by `disconnect` or `close`, or because the client was dropped.
    Client,
    /// The server closed the session, with a close packet or a close frame.
    #[non_exhaustive]
    Server {
        /// The code and the text of the WebSocket close frame. `None` for a close packet, which has
        /// neither.
        close: Option<PeerClose>,
    },
    /// The server sent nothing for longer than `pingInterval + pingTimeout`.
    PingTimeout,
    /// The connection failed or could not be made, or the server broke the protocol.
    Transport(Error),
    /// The task that drives the connection was dropped (with its runtime), or panicked.
    Aborted,
}

/// The code and the text of the close frame with which the server closed the connection (RFC 6455,
/// section 7.4).
///
/// `Display` escapes control characters and shortens long texts.
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
    /// The close code; 1005 if the frame had none, as after `close()` of a socket in Node's `engine.io`.
    pub code: u16,
    /// The text, which is often empty. A WebSocket close frame has room for 123 bytes.
    pub reason: String,
}

impl PeerClose {
    /// A close with this code and text, for authors of transports: see
    /// [`PacketReceiver::peer_close`](crate::PacketReceiver::peer_close).
    ///
    /// ```
    /// use engineio_client::PeerClose;
    ///
    /// let going_away = PeerClose::new(1001, "");
    /// assert_eq!(going_away.code, 1001);
    /// ```
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// The suffix of an error or a log line: ` (1009: too big)`, or nothing if the code only says that
    /// the connection is closed.
    pub(crate) fn suffix(close: Option<&Self>) -> String {
        match close {
            Some(close) if !matches!(close.code, 1000 | 1005) || !close.reason.is_empty() => {
                format!(" ({close})")
            }
            _ => String::new(),
        }
    }
}

impl fmt::Display for PeerClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.reason.is_empty() {
            return Ok(());
        }
        let beginning: String = self.reason.chars().take(SHOWN_CHARS).collect();
        write!(f, ": {}", beginning.escape_debug())?;
        if beginning.len() < self.reason.len() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

/// Maximum number of characters of the server's text that are shown.
const SHOWN_CHARS: usize = 123;

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
            Self::PingTimeout => f.write_str("ping timeout: the server was silent for too long"),
            Self::Transport(error) => write!(f, "the transport failed: {}", error.report()),
            Self::Aborted => f.write_str("the task that drives the connection ended early"),
        }
    }
}
