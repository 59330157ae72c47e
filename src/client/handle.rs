//! A handle on a session: for tasks that send and close, while another one reads.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Sink;
use futures::future::BoxFuture;
use serde::Serialize;

use super::outbox::{Refusal, closed_error};
use super::send_error::{SendAllError, SendError, SendJsonError};
use super::shared::{Shared, State, Upgrade};
use super::sink::{SinkError, SinkState};
use super::task::Task;
use super::waiting::{Confirming, Flushing, Sending, Turning};
use crate::error::{Error, ErrorKind};
use crate::event::{Closed, Connected, Reason};
use crate::packet::Message;

/// Sends messages and closes the session, from any task or thread. Clones are cheap.
///
/// A handle is weak: it does not keep the session open when the [`Client`](crate::Client) is
/// dropped. It is a [`Sink`] of messages, too.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::tokio::connect("http://localhost:3000").await?;
/// let handle = client.handle();
/// tokio::spawn(async move {
///     let _ = handle.send("from another task").await;
/// });
/// while let Some(message) = client.recv().await {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Handle {
    shared: Arc<Shared>,
    /// Apart, since a handler gets a handle with each message, and few are used as a `Sink`.
    sink: Option<Box<SinkState>>,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, sink: None }
    }

    fn sink(&mut self) -> &mut SinkState {
        let shared = &self.shared;
        self.sink
            .get_or_insert_with(|| Box::new(SinkState::new(Arc::clone(shared))))
    }

    /// To be called where the handle is used other than as a sink.
    pub(super) fn used_otherwise(&self) {
        if let Some(sink) = &self.sink {
            sink.use_otherwise();
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The same as [`Client::opened`](crate::Client::opened).
    ///
    /// # Errors
    ///
    /// Why the session could not be opened.
    ///
    /// # Cancel safety
    ///
    /// Safe: the session goes on opening.
    pub async fn opened(&self) -> Result<Connected, Error> {
        Turning::new(&self.shared, is_opened).await
    }

    /// Waits until the first connection was made, or failed.
    pub(crate) async fn first_opened(&self) -> Result<Connected, Error> {
        Turning::new(&self.shared, is_first_made).await
    }

    /// The same as [`Client::send`](crate::Client::send).
    ///
    /// # Errors
    ///
    /// See there.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it has not accepted the message.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.used_otherwise();
        // Mostly there is room, and then no more is made of it than this call.
        match self.shared.offer(message.into()) {
            Ok(()) => Ok(()),
            Err(refusal) => self.wait_to_send(refusal).await,
        }
    }

    /// Boxed, so that the future of a message that need not wait is small.
    #[cold]
    fn wait_to_send(&self, refusal: Refusal<Message>) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            let sent = match refusal {
                Refusal::Never(message, error) => Err((message, error)),
                Refusal::Later(message, _) => Sending::new(&self.shared, message).await,
            };
            sent.map_err(|(message, error)| SendError::new(message, error))
        })
    }

    /// The same as [`Client::send_all`](crate::Client::send_all).
    ///
    /// # Errors
    ///
    /// See there.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it has accepted none of the messages.
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

    /// The same as [`Client::send_json`](crate::Client::send_json).
    ///
    /// # Errors
    ///
    /// See there.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it has not accepted the message.
    pub async fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), SendJsonError> {
        let message = Message::from_json(value).map_err(SendJsonError::not_json)?;
        Ok(self.send(message).await?)
    }

    /// The same as [`Client::try_send`](crate::Client::try_send).
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.used_otherwise();
        self.shared
            .offer(message.into())
            .map_err(|refusal| self.send_error(refusal))
    }

    /// The same as [`Client::try_send_all`](crate::Client::try_send_all).
    ///
    /// # Errors
    ///
    /// See there.
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

    /// Why nothing is accepted any more.
    pub(crate) fn closed_error(&self) -> Error {
        closed_error(self.shared.state().closed())
    }

    fn send_error(&self, refusal: Refusal<Message>) -> SendError {
        let (message, error) = refusal.into_parts(self.shared.outbox_capacity);
        SendError::new(message, error)
    }

    /// The same as [`Client::flush`](crate::Client::flush).
    ///
    /// # Errors
    ///
    /// See there.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn flush(&self) -> Result<(), Error> {
        self.used_otherwise();
        Flushing::new(&self.shared).await
    }

    /// Waits until all that was accepted before is confirmed: see [`Receipts`](crate::Receipts).
    ///
    /// # Errors
    ///
    /// [`Unconfirmed`](crate::ErrorKind::Unconfirmed) when something of it may not have arrived: the error
    /// says how many messages, and [`Closed`] has them. Each loss is told by the next call that covers it,
    /// and by those under way. [`Unsupported`](crate::ErrorKind::Unsupported) without receipts.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn confirm(&self) -> Result<(), Error> {
        self.used_otherwise();
        Confirming::new(&self.shared).await
    }

    /// Makes the next attempt to [reconnect](crate::Builder::reconnect) now, where the client waits for it.
    /// Nothing happens in any other state.
    pub fn reconnect_now(&self) {
        self.shared.reconnect_now();
    }

    /// Begins to close the session, as [`disconnect`](Handle::disconnect) does, and does not wait for
    /// its end: for plain handlers, and other code that can't await.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Closes the session, as [`Client::disconnect`](crate::Client::disconnect) does, and waits for
    /// its end. The disconnect handler may still be to come.
    ///
    /// # Cancel safety
    ///
    /// Safe: the session goes on closing.
    pub async fn disconnect(&self) -> Closed {
        self.shared.close();
        self.wait().await
    }

    /// Waits for the end of the session, whoever ends it. The disconnect handler may still be to
    /// come.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn wait(&self) -> Closed {
        Turning::new(&self.shared, |state| state.closed().cloned()).await
    }

    pub(crate) async fn wait_for_handlers(&self) -> Closed {
        let handled = |state: &State| state.closed().filter(|_| !state.handling).cloned();
        Turning::new(&self.shared, handled).await
    }

    /// Runs a task in the background, on the runtime of the session. It does not end with the
    /// session: one that is to, [waits](Handle::wait) for it.
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) -> Result<(), engineio_client::Error> {
    /// use std::time::Duration;
    ///
    /// let ticker = handle.clone();
    /// let task = handle.spawn(async move {
    ///     let mut sent = 0;
    ///     while ticker.send("tick").await.is_ok() {
    ///         sent += 1;
    ///         ticker.sleep(Duration::from_secs(1)).await;
    ///     }
    ///     sent
    /// });
    /// handle.wait().await;
    /// println!("{} ticks", task.await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::spawn(&*self.shared.runtime, future)
    }

    /// Waits for this time, by the clock of the session's runtime.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn sleep(&self, duration: Duration) {
        self.shared.runtime.sleep(duration).await;
    }

    /// The id of the session, once it was open.
    pub fn sid(&self) -> Option<String> {
        self.shared
            .state()
            .connected
            .as_ref()
            .map(|connected| connected.handshake.sid.clone())
    }

    /// Whether the session has ended. Then everything that waits for it has been woken, and
    /// [`wait`](Handle::wait) gives the reason at once.
    pub fn is_closed(&self) -> bool {
        self.shared.state().closed().is_some()
    }

    /// The same as [`Client::backlog`](crate::Client::backlog).
    pub fn backlog(&self) -> Backlog {
        let pending = self.shared.state().outbox.pending();
        Backlog {
            messages: pending.messages,
            bytes: pending.bytes,
        }
    }

    /// The same as [`Client::upgraded`](crate::Client::upgraded).
    ///
    /// # Errors
    ///
    /// See there.
    ///
    /// # Cancel safety
    ///
    /// Safe: the upgrade goes on.
    pub async fn upgraded(&self) -> Result<&'static str, Error> {
        Turning::new(&self.shared, is_upgraded).await
    }

    /// The name of the transport in use, once the session was open.
    pub fn transport(&self) -> Option<&'static str> {
        self.shared.state().transport
    }
}

fn is_opened(state: &State) -> Option<Result<Connected, Error>> {
    if let Some(connected) = &state.connected {
        return Some(Ok(connected.clone()));
    }
    let closed = state.closed()?;
    Some(Err(match closed.reason() {
        Reason::Transport(error) => error.clone(),
        Reason::Aborted => Error::new(
            ErrorKind::Aborted,
            "the task that drives the connection ended early",
        ),
        _ => Error::new(
            ErrorKind::Closed,
            "the session was closed before it was open",
        ),
    }))
}

/// Whether the first connection was made, or failed.
fn is_first_made(state: &State) -> Option<Result<Connected, Error>> {
    match &state.first_failure {
        Some(error) if state.connected.is_none() => Some(Err(error.clone())),
        _ => is_opened(state),
    }
}

fn is_upgraded(state: &State) -> Option<Result<&'static str, Error>> {
    match (&state.upgrade, state.transport, state.closed()) {
        (Some(Upgrade::Failed(error)), ..) => Some(Err(error.clone())),
        (Some(Upgrade::Over), Some(transport), _) => Some(Ok(transport)),
        (_, _, Some(closed)) => Some(Err(closed_error(Some(closed)))),
        _ => None,
    }
}

/// What was accepted and has not left: how far the [outbox](crate::Builder::outbox) is filled.
///
/// ```no_run
/// # fn run(client: engineio_client::tokio::Client) {
/// let backlog = client.backlog();
/// println!("{} messages ({} bytes) are on their way", backlog.messages, backlog.bytes);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backlog {
    /// How many messages, those that are being sent among them.
    pub messages: usize,
    /// How many bytes of text and data are in them.
    pub bytes: usize,
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

/// `poll_ready` promises room for one message of any size. The outbox therefore holds at most its
/// [capacity](crate::Builder::outbox), plus one message for each handle that was told it is ready. A
/// handle that does not use its promise blocks no other sender: while others wait for room the promise
/// lapses, and a message passed to `start_send` later is accepted beyond the capacity.
///
/// `poll_flush` waits until every message accepted before it, by any handle, has been sent. A sink
/// cannot tell whether a poll continues a flush or starts a new one after an abandoned one. A flush that
/// is polled again is therefore extended to cover the messages accepted since its first poll, but only
/// once, so that other tasks that send without pause cannot delay it for ever. Sending through this
/// handle always starts a new flush.
///
/// `poll_close` closes the session and waits until it has ended.
///
/// All three may be pending at the same time. Each wakes the task that polled it last.
impl Sink<Message> for Handle {
    type Error = SinkError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        self.sink().poll_ready(cx).map(Ok)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SinkError> {
        self.sink()
            .start_send(message)
            .map_err(|refusal| SinkError::Refused(self.send_error(refusal)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        let flushed = self.sink().poll_flush(cx);
        flushed.map_err(SinkError::Closed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        let closed = ready!(self.sink().poll_close(cx));
        let all_left = closed.uncertain().is_empty() && closed.unsent().is_empty();
        Poll::Ready(if all_left {
            Ok(())
        } else {
            Err(SinkError::Closed(closed))
        })
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("sid", &self.sid())
            .finish_non_exhaustive()
    }
}
