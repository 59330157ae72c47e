//! Sending messages.

use futures::future::BoxFuture;
use serde::Serialize;

use super::{Backlog, Handle};
use crate::client::outbox::Refusal;
use crate::client::send_error::{SendAllError, SendError, SendJsonError};
use crate::client::waiting::{Confirming, Flushing, Sending};
use crate::error::Error;
use crate::packet::Message;

impl Handle {
    /// Sends a message, as [`Client::send`](crate::Client::send) does. Returns when the outbox has
    /// accepted it.
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) -> Result<(), engineio_client::Error> {
    /// handle.send("text").await?;
    /// handle.send(vec![0_u8, 1, 2]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back: see [`Client::send`](crate::Client::send) for the kinds.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the message has not been accepted, and is dropped.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.used_otherwise();
        // Usually the outbox has room, and then nothing is boxed or queued.
        match self.shared.offer(message.into()) {
            Ok(()) => Ok(()),
            Err(refusal) => self.wait_to_send(refusal).await,
        }
    }

    /// Boxed, so that the future of `send` stays small: few messages have to wait.
    #[cold]
    pub(crate) fn wait_to_send(
        &self,
        refusal: Refusal<Message>,
    ) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            let sent = match refusal {
                Refusal::Never(message, error) => Err((message, error)),
                Refusal::Later(message, _) => Sending::new(&self.shared, message).await,
            };
            sent.map_err(|(message, error)| SendError::new(message, error))
        })
    }

    /// Sends a group of messages that belong together, as [`Client::send_all`](crate::Client::send_all)
    /// does.
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) -> Result<(), engineio_client::Error> {
    /// handle.send_all(["a question", "its details"]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendAllError`] gives all messages back: see [`Client::send`](crate::Client::send) for the
    /// kinds.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, none of the messages has been accepted.
    pub async fn send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.used_otherwise();
        let messages: Vec<Message> = messages.into_iter().map(Into::into).collect();
        if messages.is_empty() {
            return Ok(());
        }
        Sending::new(&self.shared, messages)
            .await
            .map_err(|(messages, error)| SendAllError::new(messages, error))
    }

    /// Sends a value as JSON, as [`Client::send_json`](crate::Client::send_json) does.
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) -> Result<(), engineio_client::Error> {
    /// handle.send_json(&serde_json::json!({ "temperature": 21.5 })).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendJsonError`] gives the JSON back as a message, if the value can be written as JSON: see
    /// [`Client::send_json`](crate::Client::send_json) for the kinds.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the message has not been accepted.
    pub async fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), SendJsonError> {
        let message = Message::from_json(value).map_err(SendJsonError::not_json)?;
        Ok(self.send(message).await?)
    }

    /// Sends a message if the outbox has room for it now, as
    /// [`Client::try_send`](crate::Client::try_send) does. Plain handlers, and other code that cannot
    /// await, can call this.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::Handle) {
    /// if let Err(refused) = handle.try_send("position 3") {
    ///     println!("not sent: {:?}", refused.message);
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back: see [`Client::try_send`](crate::Client::try_send) for the
    /// kinds.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.used_otherwise();
        self.shared
            .offer(message.into())
            .map_err(|refusal| self.send_error(refusal))
    }

    /// Sends a group of messages if the outbox has room for all of them now, as
    /// [`Client::try_send_all`](crate::Client::try_send_all) does.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::Handle) {
    /// if let Err(refused) = handle.try_send_all(["a question", "its details"]) {
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
        self.used_otherwise();
        let messages: Vec<Message> = messages.into_iter().map(Into::into).collect();
        if messages.is_empty() {
            return Ok(());
        }
        self.shared.offer(messages).map_err(|refusal| {
            let (messages, error) = refusal.into_parts(self.shared.outbox_capacity);
            SendAllError::new(messages, error)
        })
    }

    /// Waits until every message accepted so far, by any handle, has been sent: see
    /// [`Client::flush`](crate::Client::flush).
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) -> Result<(), engineio_client::Error> {
    /// handle.send("last words").await?;
    /// handle.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) if the session ended before the messages were sent.
    ///
    /// # Cancel safety
    ///
    /// Safe: the messages are sent in any case.
    pub async fn flush(&self) -> Result<(), Error> {
        self.used_otherwise();
        Flushing::new(&self.shared).await
    }

    /// Waits until every message accepted so far, by any handle, is confirmed to have arrived: see
    /// [`Client::confirm`](crate::Client::confirm).
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) -> Result<(), engineio_client::Error> {
    /// handle.send("an order").await?;
    /// handle.confirm().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unconfirmed`](crate::ErrorKind::Unconfirmed) if some of the messages may not have arrived, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without [receipts](crate::Receipts).
    ///
    /// # Cancel safety
    ///
    /// Safe: the client goes on checking which messages have arrived.
    pub async fn confirm(&self) -> Result<(), Error> {
        self.used_otherwise();
        Confirming::new(&self.shared).await
    }

    /// Returns how many messages were accepted, by any handle, and are not sent yet.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::Handle) {
    /// let backlog = handle.backlog();
    /// println!("{} messages ({} bytes) are waiting", backlog.messages, backlog.bytes);
    /// # }
    /// ```
    pub fn backlog(&self) -> Backlog {
        let pending = self.shared.state().outbox.pending();
        Backlog {
            messages: pending.messages,
            bytes: pending.bytes,
        }
    }
}
