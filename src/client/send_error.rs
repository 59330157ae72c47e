//! What hands back to its sender what was not accepted.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::packet::Message;

/// A message that was not accepted, handed back with the reason. `Debug` tells its kind and length, and
/// not what it says.
#[derive(Clone)]
#[non_exhaustive]
pub struct SendError {
    /// The message, as it was given.
    pub message: Message,
    /// Why it was not accepted.
    pub error: Error,
}

impl SendError {
    pub(crate) fn new(message: Message, error: Error) -> Self {
        Self { message, error }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("message", &Summary(&self.message))
            .field("error", &self.error)
            .finish()
    }
}

/// What may be told of a message.
struct Summary<'a>(&'a Message);

impl fmt::Debug for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Message::Text(_) => "text",
            Message::Binary(_) => "binary",
        };
        write!(f, "{kind} of {} bytes", self.0.len())
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message was not sent")
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        error.error
    }
}

/// A value that was not sent as JSON, with the reason, and with the message if it could be made one.
/// `Debug` tells the message's length, and not what it says.
#[derive(Clone)]
#[non_exhaustive]
pub struct SendJsonError {
    /// The value as a message; `None` where it can't be JSON.
    pub message: Option<Message>,
    /// Why it was not accepted.
    pub error: Error,
}

impl SendJsonError {
    pub(crate) fn not_json(error: Error) -> Self {
        Self {
            message: None,
            error,
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }
}

impl From<SendError> for SendJsonError {
    fn from(error: SendError) -> Self {
        Self {
            message: Some(error.message),
            error: error.error,
        }
    }
}

impl fmt::Debug for SendJsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendJsonError")
            .field("message", &self.message.as_ref().map(Summary))
            .field("error", &self.error)
            .finish()
    }
}

impl fmt::Display for SendJsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was not sent")
    }
}

impl std::error::Error for SendJsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<SendJsonError> for Error {
    fn from(error: SendJsonError) -> Self {
        error.error
    }
}

/// A group of messages that was not accepted, handed back whole with the reason. `Debug` tells how
/// many there are, and not what they say.
#[derive(Clone)]
#[non_exhaustive]
pub struct SendAllError {
    /// The messages, as they were given.
    pub messages: Vec<Message>,
    /// Why they were not accepted: for one that can't be sent, what is wrong with it.
    pub error: Error,
}

impl SendAllError {
    pub(crate) fn new(messages: Vec<Message>, error: Error) -> Self {
        Self { messages, error }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }
}

impl fmt::Debug for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendAllError")
            .field("messages", &self.messages.len())
            .field("error", &self.error)
            .finish()
    }
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the messages were not sent")
    }
}

impl std::error::Error for SendAllError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<SendAllError> for Error {
    fn from(error: SendAllError) -> Self {
        error.error
    }
}
