//! A session as its user sees it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::stream::{FusedStream, Stream};
use futures::{Sink, SinkExt as _};
use serde::Serialize;

use super::handle::{Backlog, Handle};
use super::inbox::{Reader, Side};
use super::send_error::{SendAllError, SendError, SendJsonError};
use super::shared::Shared;
use super::sink::SinkError;
use super::task::Task;
use crate::error::Error;
use crate::event::{Closed, Connected, Event};
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// One session with an Engine.IO server; or, where it [reconnects](crate::Builder::reconnect), one after the
/// other.
///
/// It is a [`Stream`] of [`Event`]s and a [`Sink`] of [`Message`]s; [`recv`](Client::recv) yields
/// messages alone. A background task keeps the session alive: it answers pings, upgrades the
/// transport and flushes, whether or not anybody awaits the client. [`handle`](Client::handle)
/// gives handles that send and close from elsewhere.
///
/// Dropping the client closes the session: what was accepted is still flushed, in the background,
/// and what came before is still handed to its [handler](crate::handlers).
///
/// Back-pressure works both ways. [`send`](Client::send) waits while the outbox is full, and while
/// the inbox is full nothing more is received, so a client that does not read stops the server from
/// sending, and in the end (after the server's ping timeout) from believing in it. A program that
/// only sends says so with [`discard_messages`](Client::discard_messages).
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::tokio::connect("http://localhost:3000").await?;
/// client.send("hello").await?;
/// while let Some(message) = client.recv().await {
///     println!("{message:?}");
/// }
/// println!("{}", client.wait().await);
/// # Ok(())
/// # }
/// ```
pub struct Client<T: Transport, R: Runtime> {
    handle: Handle,
    reader: Reader,
    runtime: Arc<R>,
    transport: PhantomData<fn() -> T>,
}

impl<T: Transport, R: Runtime> Client<T, R> {
    pub(super) fn new(shared: Arc<Shared>, runtime: Arc<R>) -> Self {
        Self {
            reader: Reader::new(Arc::clone(&shared.inboxes), Side::Client),
            handle: Handle::new(shared),
            runtime,
            transport: PhantomData,
        }
    }

    pub(crate) fn handle_ref(&self) -> &Handle {
        &self.handle
    }

    /// Waits until the session is open: for after [`Builder::start`](crate::Builder::start).
    ///
    /// # Errors
    ///
    /// Why it could not be opened: the error names the step, the limit that passed, or the status
    /// and the words with which the server refused. Where several transports were tried, it names
    /// them all.
    ///
    /// # Cancel safety
    ///
    /// Safe: the session goes on opening.
    pub async fn opened(&self) -> Result<Connected, Error> {
        self.handle.opened().await
    }

    /// The next message, or `None` when the session has ended: [`wait`](Client::wait) tells why.
    ///
    /// Other events are passed over; use the client as a `Stream` to see them. Where messages go to
    /// a [handler](crate::handlers), there are none here.
    ///
    /// # Cancel safety
    ///
    /// Safe: no message is lost.
    pub async fn recv(&mut self) -> Option<Message> {
        self.handle.used_otherwise();
        poll_fn(|cx| {
            loop {
                match ready!(self.reader.poll_next(cx)) {
                    Some(Event::Message(message)) => return Poll::Ready(Some(message)),
                    Some(_) => {}
                    None => return Poll::Ready(None),
                }
            }
        })
        .await
    }

    /// The next message if one has come already; `None` if not.
    ///
    /// ```no_run
    /// # fn run(mut client: engineio_client::tokio::Client) -> Result<(), engineio_client::Error> {
    /// while let Some(message) = client.try_recv()? {
    ///     println!("{message:?}");
    /// }
    /// println!("nothing more for now");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the session has ended and all messages have been read.
    pub fn try_recv(&mut self) -> Result<Option<Message>, Error> {
        self.handle.used_otherwise();
        loop {
            match self.reader.try_next() {
                Poll::Ready(Some(Event::Message(message))) => return Ok(Some(message)),
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Err(self.handle.closed_error()),
                Poll::Pending => return Ok(None),
            }
        }
    }

    /// Sends a message: returns when the outbox has accepted it. It then leaves in order, or comes
    /// back in [`Closed::uncertain`] or [`Closed::unsent`]. What has left may be lost when the session ends
    /// before the server has read it: [`Closed`] counts it, and with [receipts](crate::Receipts) has it.
    ///
    /// Waits while the outbox is full, and until the session is open. (A client that
    /// [reconnects](crate::Builder::reconnect) accepts messages without a session.)
    ///
    /// # Errors
    ///
    /// The message comes back in [`SendError`]: when the session is closed or closing
    /// ([`Closed`](crate::ErrorKind::Closed)); and while the session is on polling, when the
    /// message is larger than the server's `maxPayload` ([`TooLarge`](crate::ErrorKind::TooLarge))
    /// or a text holds `\x1e`, which polling can't carry ([`NeedsFrames`](crate::ErrorKind::NeedsFrames)).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it has not accepted the message.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.send(message).await
    }

    /// Sends messages that belong together, say a text and its attachments: they are accepted all or
    /// none, and leave in this order with no other message between them. On a transport of frames a
    /// group of up to 128 KiB is written at once; by polling it may take several POSTs.
    ///
    /// Waits while the outbox has no room for all of them, and until the session is open. A group that
    /// is larger than the whole outbox is let in alone. An empty one is accepted at once.
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
    /// The messages come back in [`SendAllError`], all of them: when the session is closed or closing,
    /// and when one of them could not be [sent](Client::send).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it has accepted none of the messages.
    pub async fn send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.handle.send_all(messages).await
    }

    /// Sends a value as JSON, in a text message.
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
    /// [`Invalid`](crate::ErrorKind::Invalid) for a value that can't be JSON (a map whose keys are not
    /// texts, say); and those of [`send`](Client::send), with the message.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it has not accepted the message.
    pub async fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), SendJsonError> {
        self.handle.send_json(value).await
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Client::send); and [`Full`](crate::ErrorKind::Full) when the outbox has no room
    /// for it, or others wait for room, [`NotOpen`](crate::ErrorKind::NotOpen) before the session is open.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.try_send(message)
    }

    /// Sends messages that belong together, as [`send_all`](Client::send_all) does, if there is room
    /// for all of them now.
    ///
    /// # Errors
    ///
    /// Those of [`send_all`](Client::send_all); and [`Full`](crate::ErrorKind::Full) when the outbox
    /// has no room for all of them, or others wait for room, and
    /// [`NotOpen`](crate::ErrorKind::NotOpen) before the session is open.
    pub fn try_send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.handle.try_send_all(messages)
    }

    /// Waits until all that was accepted before has left. That says nothing of its arrival:
    /// [`confirm`](Client::confirm) does. A client that [reconnects](crate::Builder::reconnect) waits until all
    /// has been handed to a connection once.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the session ended before.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn flush(&self) -> Result<(), Error> {
        self.handle.flush().await
    }

    /// Waits until all that was accepted before is confirmed: see [`Receipts`](crate::Receipts).
    ///
    /// # Errors
    ///
    /// Those of [`Handle::confirm`].
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn confirm(&self) -> Result<(), Error> {
        self.handle.confirm().await
    }

    /// The same as [`Handle::reconnect_now`].
    pub fn reconnect_now(&self) {
        self.handle.reconnect_now();
    }

    /// Closes the session, and waits for its end as [`wait`](Client::wait) does. What was accepted
    /// is flushed first; nothing more is accepted. That takes no longer than the close timeouts of
    /// [`Builder`](crate::Builder) allow; what [handlers](crate::handlers) have left to do comes behind it. What comes
    /// meanwhile is kept for reading while the inbox has room, and dropped beyond that.
    ///
    /// # Cancel safety
    ///
    /// Safe: the session goes on closing.
    pub async fn disconnect(&self) -> Closed {
        self.close();
        self.wait().await
    }

    /// Begins to close the session, as [`disconnect`](Client::disconnect) does, and does not wait for
    /// its end.
    pub fn close(&self) {
        self.handle.close();
    }

    /// Waits for the end of the session, whoever ends it, and until the disconnect handler has
    /// returned, if there is one. (So a handler that waited for this would wait for itself: it has a
    /// [`Handle`] to wait with.)
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn wait(&self) -> Closed {
        self.handle.wait_for_handlers().await
    }

    /// The id of the session, once it was open.
    pub fn sid(&self) -> Option<String> {
        self.handle.sid()
    }

    /// The name of the transport in use, once the session was open.
    pub fn transport(&self) -> Option<&'static str> {
        self.handle.transport()
    }

    /// Waits until no better transport is being tried any more, and gives the name of the one in use:
    /// that which the session has gone over to, or the first where there was nothing to go over to.
    ///
    /// # Errors
    ///
    /// Why the last transport that was tried failed; the session goes on by the first. And
    /// [`Closed`](crate::ErrorKind::Closed) when the session ended before.
    ///
    /// # Cancel safety
    ///
    /// Safe: the upgrade goes on.
    pub async fn upgraded(&self) -> Result<&'static str, Error> {
        self.handle.upgraded().await
    }

    /// Whether the session has ended: [`wait`](Client::wait) tells why.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// What was accepted and has not left.
    pub fn backlog(&self) -> Backlog {
        self.handle.backlog()
    }

    /// A handle, to send and close from elsewhere. It does not keep the session open.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The same as [`Handle::spawn`].
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// The same as [`Handle::sleep`].
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn sleep(&self, duration: Duration) {
        self.handle.sleep(duration).await;
    }

    /// From now on messages are dropped as they come, so that a program which only sends need not
    /// read, and with them those that have come and were not read. Other events are kept.
    pub fn discard_messages(&self) {
        self.handle.shared().discard();
    }

    /// The runtime that the session runs on.
    pub fn runtime(&self) -> &Arc<R> {
        &self.runtime
    }
}

impl<T: Transport, R: Runtime> Drop for Client<T, R> {
    fn drop(&mut self) {
        self.handle.shared().leave();
    }
}

impl<T: Transport, R: Runtime> Stream for Client<T, R> {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.reader.poll_next(cx)
    }
}

impl<T: Transport, R: Runtime> FusedStream for Client<T, R> {
    fn is_terminated(&self) -> bool {
        self.reader.is_finished()
    }
}

/// As [that of `Handle`](Handle#impl-Sink<Message>-for-Handle), whose documentation has the bound of
/// what is accepted.
impl<T: Transport, R: Runtime> Sink<Message> for Client<T, R> {
    type Error = SinkError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        self.handle.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SinkError> {
        self.handle.start_send_unpin(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        self.handle.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        self.handle.poll_close_unpin(cx)
    }
}

impl<T: Transport, R: Runtime> fmt::Debug for Client<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("sid", &self.sid())
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}
