//! Packets, and the messages in them.

mod handshake;
mod json;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use handshake::Handshake;

use crate::error::{Error, ErrorKind};
pub use crate::text::Text;

/// A message: text or binary data. The receiver gets the same variant that was sent.
///
/// ```
/// use engineio_client::Message;
///
/// let text = Message::from("hello");
/// let binary = Message::from(vec![1, 2, 3]);
/// for message in [text, binary] {
///     match message {
///         Message::Text(text) => assert_eq!(text, "hello"),
///         Message::Binary(data) => assert_eq!(data[..], [1, 2, 3]),
///     }
/// }
/// ```
///
/// Cloning a message does not copy its contents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the protocol has exactly these two, and a match should not need a third arm"
)]
pub enum Message {
    /// Text, in UTF-8.
    Text(Text),
    /// Binary data.
    Binary(Bytes),
}

impl Message {
    /// The length in bytes.
    ///
    /// ```
    /// use engineio_client::Message;
    ///
    /// assert_eq!(Message::from("è").len(), 2);
    /// ```
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => data.len(),
        }
    }

    /// Whether the message has no contents. An empty message is sent and received like any other.
    ///
    /// ```
    /// use engineio_client::Message;
    ///
    /// assert!(Message::from("").is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text, or `None` for binary data.
    ///
    /// ```
    /// use engineio_client::Message;
    ///
    /// assert_eq!(Message::from("hello").as_text(), Some("hello"));
    /// assert_eq!(Message::from(vec![1]).as_text(), None);
    /// ```
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The binary data, or `None` for text.
    ///
    /// ```
    /// use engineio_client::Message;
    ///
    /// let message = Message::from(vec![1, 2]);
    /// assert_eq!(message.as_binary().map(|data| data.len()), Some(2));
    /// assert!(Message::from("hello").as_binary().is_none());
    /// ```
    pub fn as_binary(&self) -> Option<&Bytes> {
        match self {
            Self::Text(_) => None,
            Self::Binary(data) => Some(data),
        }
    }
}

impl Message {
    /// Serializes a value to JSON, as a text message.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the value has no JSON form, for example a map whose keys are not
    /// strings.
    ///
    /// ```
    /// use engineio_client::Message;
    ///
    /// let message = Message::from_json(&vec![1, 2, 3])?;
    /// assert_eq!(message.as_text(), Some("[1,2,3]"));
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    pub fn from_json<V: Serialize + ?Sized>(value: &V) -> Result<Self, Error> {
        serde_json::to_string(value)
            .map(Self::from)
            .map_err(|error| {
                Error::new(ErrorKind::Invalid, "the value cannot be written as JSON")
                    .with_source(error)
            })
    }

    /// Deserializes the message from JSON: text, or binary data that contains JSON in UTF-8.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the message is not JSON, or does not fit the type. The error and its
    /// causes do not repeat the message, except for at most one value that does not fit the type.
    ///
    /// ```
    /// use engineio_client::Message;
    ///
    /// let numbers: Vec<u8> = Message::from("[1, 2, 3]").json()?;
    /// assert_eq!(numbers, [1, 2, 3]);
    /// assert!(Message::from("hello").json::<Vec<u8>>().is_err());
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    pub fn json<V: DeserializeOwned>(&self) -> Result<V, Error> {
        let value = match self {
            Self::Text(text) => serde_json::from_str(text),
            Self::Binary(data) => serde_json::from_slice(data),
        };
        value.map_err(|error| {
            Error::new(
                ErrorKind::Invalid,
                "the message is not JSON of the expected type",
            )
            .with_source(error)
        })
    }
}

impl From<Text> for Message {
    #[inline]
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    #[inline]
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    #[inline]
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&String> for Message {
    fn from(text: &String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Message {
    #[inline]
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}

impl From<Vec<u8>> for Message {
    #[inline]
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(data.into())
    }
}

impl From<&[u8]> for Message {
    #[inline]
    fn from(data: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(data: &[u8; N]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}

/// A packet of the Engine.IO protocol, as a transport sends and receives it.
///
/// Programs that use a [`Client`](crate::Client) see only the [`Message`]s. Authors of transports see
/// packets; [`codec`](crate::codec) has their encodings.
///
/// ```
/// use engineio_client::{Message, Packet, Text};
///
/// let ping = Packet::Ping(Text::from_static("probe"));
/// let message = Packet::Message(Message::from("hello"));
/// assert_ne!(ping, message);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "protocol 4 has exactly these seven, and a transport must handle each"
)]
pub enum Packet {
    /// `0`: the server's handshake in JSON, not parsed yet: see [`Handshake::parse`].
    Open(Text),
    /// `1`: the peer closes the session. A transport with a close of its own, such as the WebSocket
    /// close frame, reports it as this packet.
    Close,
    /// `2`: a ping of the server, or the client's probe of a transport, whose data is `probe`.
    Ping(Text),
    /// `3`: the answer to a ping, with the same data.
    Pong(Text),
    /// `4`: a text message; or a binary message, whose encoding depends on the transport.
    Message(Message),
    /// `5`: the client switches the session to this transport.
    Upgrade,
    /// `6`: no content. The server sends it to answer a poll during an upgrade.
    Noop,
}

impl Packet {
    /// The name of the packet in error messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "an open packet",
            Self::Close => "a close packet",
            Self::Ping(_) => "a ping",
            Self::Pong(_) => "a pong",
            Self::Message(_) => "a message",
            Self::Upgrade => "an upgrade packet",
            Self::Noop => "a noop",
        }
    }
}
