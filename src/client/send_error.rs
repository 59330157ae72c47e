//! Errors that give back messages that were not accepted.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::packet::Message;

/// A message that was not accepted, with the reason. Returned by [`send`](crate::Client::send) and
/// [`try_send`](crate::Client::try_send).
///
/// `Debug` prints whether the message is text or binary and its length, but not its contents.
///
/// ```no_run
/// use engineio_client::ErrorKind;
///
/// # async fn run(client: engineio_client::tokio::Client) {
/// if let Err(refused) = client.send(vec![0; 10_000_000]).await {
///     match refused.kind() {
///         ErrorKind::TooLarge => println!("the server does not take {} bytes", refused.message.len()),
///         _ => println!("{}", refused.error.report()),
///     }
/// }
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SendError {
    /// The message.
    pub message: Message,
    /// Why the message was not accepted.
    pub error: Error,
}

impl SendError {
    pub(crate) fn new(message: Message, error: Error) -> Self {
        Self { message, error }
    }

    /// Returns the kind of [`error`](Self::error).
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

/// What `Debug` prints of a message.
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
        write!(f, "the message was not sent: {}", self.error)
    }
}

impl std::error::Error for SendError {
    // `Display` has printed `error`.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        error.error
    }
}

/// A value that was not sent as JSON, with the reason, and with the JSON if the value could be written
/// as JSON. Returned by [`send_json`](crate::Client::send_json).
///
/// `Debug` prints the length of the JSON, but not its contents.
///
/// ```no_run
/// # async fn run(client: engineio_client::tokio::Client) {
/// if let Err(refused) = client.send_json(&[1, 2, 3]).await {
///     match refused.message {
///         Some(json) => println!("not sent: {json:?}"),
///         None => println!("not JSON ({:?}): {}", refused.kind(), refused.error.report()),
///     }
/// }
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SendJsonError {
    /// The JSON as a text message, or `None` if the value cannot be written as JSON.
    pub message: Option<Message>,
    /// Why the value was not sent.
    pub error: Error,
}

impl SendJsonError {
    pub(crate) fn not_json(error: Error) -> Self {
        Self {
            message: None,
            error,
        }
    }

    /// Returns the kind of [`error`](Self::error).
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
        write!(f, "the value was not sent: {}", self.error)
    }
}

impl std::error::Error for SendJsonError {
    // `Display` has printed `error`.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

impl From<SendJsonError> for Error {
    fn from(error: SendJsonError) -> Self {
        error.error
    }
}

/// A group of messages that was not accepted, with the reason. Returned by
/// [`send_all`](crate::Client::send_all) and [`try_send_all`](crate::Client::try_send_all).
///
/// `Debug` prints the number of messages, but not their contents.
///
/// ```no_run
/// # async fn run(client: engineio_client::tokio::Client) {
/// if let Err(refused) = client.send_all(["first", "second"]).await {
///     println!("{} messages were not sent: {:?}", refused.messages.len(), refused.kind());
/// }
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SendAllError {
    /// All messages of the group, in order.
    pub messages: Vec<Message>,
    /// Why the group was not accepted. If one message of the group cannot be sent, this is the reason
    /// for that message.
    pub error: Error,
}

impl SendAllError {
    pub(crate) fn new(messages: Vec<Message>, error: Error) -> Self {
        Self { messages, error }
    }

    /// Returns the kind of [`error`](Self::error).
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
        write!(f, "the messages were not sent: {}", self.error)
    }
}

impl std::error::Error for SendAllError {
    // `Display` has printed `error`.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

impl From<SendAllError> for Error {
    fn from(error: SendAllError) -> Self {
        error.error
    }
}
