//! Why the receiving half gives up a connection, and the close code that it sends.

use std::error::Error as _;
use std::str::Utf8Error;

use async_tungstenite::tungstenite;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use engineio_client::{Error, ErrorKind, Limit, Limits};

use super::reader::FrameReader;

pub(super) struct Fault {
    pub(super) error: Error,
    /// The code of the close frame that is sent before the connection ends (RFC 6455, 7.1.7). `None`
    /// if the connection has ended already.
    pub(super) code: Option<CloseCode>,
}

impl Fault {
    /// The connection has ended or failed.
    #[cold]
    pub(super) fn lost(error: Error) -> Self {
        Self { error, code: None }
    }

    /// A frame violates the WebSocket protocol or is too long.
    #[cold]
    pub(super) fn frame(error: tungstenite::Error, frames: &FrameReader, limits: &Limits) -> Self {
        let (error, code) = match error {
            tungstenite::Error::Capacity(_) => {
                (too_long(frames.awaits_first(), limits), CloseCode::Size)
            }
            tungstenite::Error::Utf8(_) => {
                let error = Error::new(ErrorKind::Protocol, "the text frame is not UTF-8");
                (error, CloseCode::Invalid)
            }
            tungstenite::Error::Io(error) => {
                let message = "a message of the server can't be decompressed";
                let error = Error::new(ErrorKind::WebSocket, message).with_source(error);
                (error, CloseCode::Invalid)
            }
            error => {
                let message = "the server violated the WebSocket protocol";
                let error = Error::new(ErrorKind::WebSocket, message).with_source(error);
                (error, CloseCode::Protocol)
            }
        };
        Self {
            error,
            code: Some(code),
        }
    }

    /// The contents of a frame are not a valid packet, or are too long.
    #[cold]
    pub(super) fn packet(error: Error) -> Self {
        let is_not_text = error
            .source()
            .is_some_and(|source| source.is::<Utf8Error>());
        let code = match error.kind() {
            ErrorKind::Limit => CloseCode::Size,
            _ if is_not_text => CloseCode::Invalid,
            _ => CloseCode::Protocol,
        };
        Self {
            error,
            code: Some(code),
        }
    }
}

/// The error for a message that is too long. Until the first message has arrived it may be an open
/// packet, so the larger limit applies.
fn too_long(is_first: bool, limits: &Limits) -> Error {
    let (what, most, limit) = if is_first && limits.head > limits.message {
        ("the open packet", limits.head, Limit::HeadSize)
    } else {
        ("the message", limits.message, Limit::MessageSize)
    };
    let message = format!("{what} has more than {most} bytes");
    Error::new(ErrorKind::Limit, message).with_limit(limit)
}
