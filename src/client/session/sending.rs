//! Sending messages.

use serde::Serialize;

use super::Client;
use crate::client::handle::Backlog;
use crate::client::send_error::{SendAllError, SendError, SendJsonError};
use crate::error::Error;
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Sending
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Sends a message. Returns when the outbox has accepted it.
    ///
    /// Accepted messages are sent in order. A message that has not been sent when the session ends is in
    /// [`Closed::uncertain`](crate::Closed::uncertain) or [`Closed::unsent`](crate::Closed::unsent). A
    /// message that has been sent may still be lost, if the session ends before the server has read it.
    /// `Closed` has the number of such messages, and with [receipts](crate::Receipts) the messages
    /// themselves.
    ///
    /// Waits while the outbox is full. A client that does not
    /// [reconnect](crate::Builder::reconnect) also waits until the session is open; one that reconnects
    /// accepts messages without a session.
    ///
    /// ```no_run
    /// # async fn run(client: engineio_client::tokio::Client) -> Result<(), engineio_client::SendError> {
    /// client.send("text").await?;
    /// client.send(vec![0_u8, 1, 2]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back.
    ///
    /// - [`Closed`](crate::ErrorKind::Closed): the session is closed or closing.
    /// - [`TooLarge`](crate::ErrorKind::TooLarge): on polling, the message is larger than the server's
    ///   `maxPayload`. [Wait for the upgrade](Client::upgraded), or send a smaller message.
    /// - [`NeedsFrames`](crate::ErrorKind::NeedsFrames): on polling, a text contains `\x1e`. Polling
    ///   separates packets with this character, so the server would split the text there. Wait for the
    ///   upgrade, or send the text as binary.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the message has not been accepted, and is dropped.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.used_otherwise();
        // As `Handle::send`, but without a future inside another one, which costs as much as the lock.
        match self.handle.shared().offer(message.into()) {
            Ok(()) => Ok(()),
            Err(refusal) => self.handle.wait_to_send(refusal).await,
        }
    }

    /// Sends a group of messages that belong together, such as a text and its attachments. Either all
    /// are accepted or none, and no other message is sent between them.
    ///
    /// Over WebSocket a group of up to 128 KiB is written at once. With polling, a group may take
    /// several POSTs.
    ///
    /// Waits while the outbox has no room for the whole group, and, like [`send`](Client::send), for the
    /// session if the client does not reconnect. A group that is larger than the outbox is accepted when
    /// the outbox is empty. An empty group is accepted at once.
    ///
    /// ```no_run
    /// use engineio_client::Message;
    ///
    /// # async fn run(client: engineio_client::tokio::Client) -> Result<(), engineio_client::Error> {
    /// let photo = Message::from(std::fs::read("photo.jpg").unwrap_or_default());
    /// client.send_all([Message::from("a photo follows"), photo]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendAllError`] gives all messages back. The kinds are those of [`send`](Client::send), for the
    /// first message that cannot be sent.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, none of the messages has been accepted.
    pub async fn send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.handle.send_all(messages).await
    }

    /// Sends a value as JSON in a text message.
    ///
    /// ```no_run
    /// # async fn run(client: engineio_client::tokio::Client) -> Result<(), engineio_client::Error> {
    /// client.send_json(&serde_json::json!({ "temperature": 21.5 })).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Invalid`](crate::ErrorKind::Invalid): the value cannot be written as JSON, such as a map
    ///   whose keys are not strings.
    /// - The kinds of [`send`](Client::send). [`SendJsonError`] then gives the JSON back as a message.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the message has not been accepted.
    pub async fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), SendJsonError> {
        self.handle.send_json(value).await
    }

    /// Sends a message if the outbox has room for it now.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::tokio::Client) -> Result<(), engineio_client::Error> {
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
    /// The kinds of [`send`](Client::send), and:
    ///
    /// - [`Full`](crate::ErrorKind::Full): the outbox has no room, or other senders are waiting for
    ///   room.
    /// - [`NotOpen`](crate::ErrorKind::NotOpen): the session is not open yet, as may be the case just
    ///   after [`start`](crate::Builder::start). Not returned by a client that
    ///   [reconnects](crate::Builder::reconnect), since it accepts messages without a session.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.try_send(message)
    }

    /// Sends a group of messages as [`send_all`](Client::send_all) does, if the outbox has room for all
    /// of them now.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::tokio::Client) {
    /// if let Err(refused) = client.try_send_all(["a question", "its details"]) {
    ///     println!("not sent: {:?}", refused.messages);
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The kinds of [`try_send`](Client::try_send), for the whole group. [`SendAllError`] gives all
    /// messages back.
    pub fn try_send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.handle.try_send_all(messages)
    }

    /// Waits until every message accepted so far has been sent. A message that has been sent has not
    /// necessarily arrived: [`confirm`](Client::confirm) waits for that.
    ///
    /// A client that [reconnects](crate::Builder::reconnect) waits until each message has been handed to
    /// a connection once.
    ///
    /// ```no_run
    /// # async fn run(client: engineio_client::tokio::Client) -> Result<(), engineio_client::Error> {
    /// client.send("last words").await?;
    /// client.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) if the session ended before the messages were sent.
    /// [`Closed`](crate::Closed), the result of [`wait`](Client::wait), has the messages that were not
    /// sent.
    ///
    /// # Cancel safety
    ///
    /// Safe: the messages are sent in any case.
    pub async fn flush(&self) -> Result<(), Error> {
        self.handle.flush().await
    }

    /// Waits until every message accepted so far is confirmed to have arrived.
    ///
    /// Needs [receipts](crate::Receipts): [`Builder::receipts`](crate::Builder::receipts) turns them on,
    /// and so does [`Resend::Unconfirmed`](crate::Resend::Unconfirmed), which also requires them.
    ///
    /// ```no_run
    /// use engineio_client::{ErrorKind, Receipts};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = engineio_client::tokio::Client::builder("http://localhost:3000")
    ///     .receipts(Receipts::new())
    ///     .connect()
    ///     .await?;
    /// client.send("an order").await?;
    /// match client.confirm().await {
    ///     Ok(()) => println!("it has arrived"),
    ///     Err(error) if error.kind() == ErrorKind::Unconfirmed => println!("it may be lost"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Unconfirmed`](crate::ErrorKind::Unconfirmed): some of the messages may not have arrived. The
    ///   error message has their number, and [`Closed`](crate::Closed) has the messages. Each loss is
    ///   reported once: by the `confirm` calls that were waiting when it happened, or else by the next
    ///   `confirm` call that covers it.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): receipts are off, or this server or transport
    ///   cannot confirm messages.
    ///
    /// # Cancel safety
    ///
    /// Safe: the client goes on checking which messages have arrived.
    pub async fn confirm(&self) -> Result<(), Error> {
        self.handle.confirm().await
    }

    /// Returns how many messages were accepted and are not sent yet.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::tokio::Client) {
    /// let backlog = client.backlog();
    /// println!("{} messages ({} bytes) are waiting", backlog.messages, backlog.bytes);
    /// # }
    /// ```
    pub fn backlog(&self) -> Backlog {
        self.handle.backlog()
    }
}
