//! Sending messages.

use serde::Serialize;

use super::Client;
use crate::client::{Backlog, SendAllError, SendError, SendJsonError};
use crate::error::Error;
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Sending
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Sends a message, as [`Client::send`](crate::Client::send) does. Returns when the outbox has
    /// accepted it. Blocks while the outbox is full and, unless the client
    /// [reconnects](crate::Builder::reconnect), until the session is open.
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back: see [`Client::send`](crate::Client::send) for the kinds.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.send(message)
    }

    /// Sends a group of messages that belong together, as [`Client::send_all`](crate::Client::send_all)
    /// does. Either all are accepted or none. Blocks while the outbox has no room for the whole group
    /// and, unless the client [reconnects](crate::Builder::reconnect), until the session is open.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// client.send_all(["a question", "its details"])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendAllError`] gives all messages back: see [`Client::send`](crate::Client::send) for the
    /// kinds.
    pub fn send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.handle.send_all(messages)
    }

    /// Sends a value as JSON in a text message.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// client.send_json(&serde_json::json!({ "temperature": 21.5 }))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendJsonError`] gives the JSON back as a message, if the value can be written as JSON: see
    /// [`Client::send_json`](crate::Client::send_json) for the kinds.
    pub fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), SendJsonError> {
        self.handle.send_json(value)
    }

    /// Sends a message if the outbox has room for it now.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// use engineio_client::ErrorKind;
    ///
    /// match client.try_send("position 3") {
    ///     Err(refused) if refused.kind() == ErrorKind::Full => println!("dropped {:?}", refused.message),
    ///     sent => sent?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back: see [`Client::try_send`](crate::Client::try_send) for the
    /// kinds.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.try_send(message)
    }

    /// Sends a group of messages if the outbox has room for all of them now.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) {
    /// if let Err(refused) = client.try_send_all(["a question", "its details"]) {
    ///     println!("not sent: {:?}", refused.messages);
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendAllError`] gives all messages back: see [`Client::try_send`](crate::Client::try_send) for
    /// the kinds.
    pub fn try_send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.handle.try_send_all(messages)
    }

    /// Waits until every message accepted so far has been sent. A message that has been sent has not
    /// necessarily arrived: see [`confirm`](Self::confirm).
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// client.send("last words")?;
    /// client.flush()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) if the session ended before the messages were sent.
    pub fn flush(&self) -> Result<(), Error> {
        self.handle.flush()
    }

    /// Waits until every message accepted so far is confirmed to have arrived.
    ///
    /// Needs [receipts](crate::Receipts): [`Builder::receipts`](crate::Builder::receipts) turns them on,
    /// and so does [`Resend::Unconfirmed`](crate::Resend::Unconfirmed), which also requires them.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// use engineio_client::ErrorKind;
    ///
    /// client.send("an order")?;
    /// match client.confirm() {
    ///     Err(error) if error.kind() == ErrorKind::Unconfirmed => println!("it may be lost"),
    ///     confirmed => confirmed?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unconfirmed`](crate::ErrorKind::Unconfirmed) if some of the messages may not have arrived, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without receipts.
    pub fn confirm(&self) -> Result<(), Error> {
        self.handle.confirm()
    }

    /// Returns how many messages were accepted and are not sent yet.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) {
    /// let backlog = client.backlog();
    /// println!("{} messages ({} bytes) are waiting", backlog.messages, backlog.bytes);
    /// # }
    /// ```
    pub fn backlog(&self) -> Backlog {
        self.handle.backlog()
    }
}
