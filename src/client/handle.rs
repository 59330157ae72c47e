//! A handle on a session: for tasks that send and close, while another one reads.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use event_listener::{Event as Bell, EventListener};
use futures::{FutureExt as _, Sink};
use serde::Serialize;

use super::Task;
use super::shared::{Place, Refusal, Shared, Ticket, closed_error};
use crate::error::{Error, ErrorKind, SendError};
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

/// How far the `Sink` of a handle is.
#[derive(Default)]
struct SinkState {
    /// What it waits for.
    listener: Option<EventListener>,
    /// Its place among those who wait to send.
    ticket: Option<Ticket>,
    /// The number of the message that a flush waits for.
    flush: Option<u64>,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, sink: None }
    }

    fn sink(&mut self) -> &mut SinkState {
        self.sink.get_or_insert_default()
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
        wait_for(&self.shared.turned, || self.is_opened()).await
    }

    fn is_opened(&self) -> Option<Result<Connected, Error>> {
        let state = self.shared.state();
        if let Some(connected) = &state.connected {
            return Some(Ok(connected.clone()));
        }
        let closed = state.closed.as_ref()?;
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
        let mut message = match self.shared.push(message.into(), Place::None) {
            Ok(()) => return Ok(()),
            Err(Refusal::No(error)) => return Err(error),
            Err(Refusal::Later(message, _)) => message,
        };
        let ticket = self.shared.queue_up();
        loop {
            let listener = self.shared.room.listen();
            match self.shared.push(message, Place::Ticket(&ticket)) {
                Ok(()) => return Ok(()),
                Err(Refusal::No(error)) => return Err(error),
                Err(Refusal::Later(back, _)) => message = back,
            }
            listener.await;
        }
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
    pub async fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), Error> {
        self.send(Message::from_json(value)?)
            .await
            .map_err(Error::from)
    }

    /// The same as [`Client::try_send`](crate::Client::try_send).
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.shared
            .push(message.into(), Place::None)
            .map_err(|refusal| refusal.into_error(&self.shared))
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
        let number = self.shared.accepted();
        let flushed = wait_for(&self.shared.left, || self.shared.flushed(number)).await;
        flushed.map_err(|closed| closed_error(Some(&closed)))
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
        wait_for(&self.shared.turned, || self.shared.state().closed.clone()).await
    }

    pub(crate) async fn wait_for_handlers(&self) -> Closed {
        let handled = || {
            let state = self.shared.state();
            state.closed.clone().filter(|_| !state.handling)
        };
        wait_for(&self.shared.turned, handled).await
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

    /// The name of the transport in use, once the session was open.
    pub fn transport(&self) -> Option<&'static str> {
        self.shared.state().transport
    }

    /// Polls a condition that changes with a bell.
    fn poll_for<O>(
        &mut self,
        cx: &mut Context<'_>,
        bell: impl Fn(&Shared) -> &Bell,
        condition: impl Fn(&Shared) -> Option<O>,
    ) -> Poll<O> {
        self.sink().listener = None;
        loop {
            if let Some(output) = condition(&self.shared) {
                return Poll::Ready(output);
            }
            let mut listener = bell(&self.shared).listen();
            if let Some(output) = condition(&self.shared) {
                return Poll::Ready(output);
            }
            if listener.poll_unpin(cx).is_pending() {
                self.sink().listener = Some(listener);
                return Poll::Pending;
            }
        }
    }
}

async fn wait_for<O>(bell: &Bell, condition: impl Fn() -> Option<O>) -> O {
    loop {
        if let Some(output) = condition() {
            return output;
        }
        let listener = bell.listen();
        if let Some(output) = condition() {
            return output;
        }
        listener.await;
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

/// What the [`Sink`]s of this crate fail with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SinkError {
    /// The message was not accepted, and comes back.
    Refused(SendError),
    /// The session ended before all that was accepted had left. What had not stands in it.
    Closed(Closed),
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Closed(_) => f.write_str("the session ended before all messages had left"),
        }
    }
}

impl std::error::Error for SinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => std::error::Error::source(error),
            Self::Closed(closed) => match closed.reason() {
                Reason::Transport(error) => Some(error),
                _ => None,
            },
        }
    }
}

/// `poll_flush` waits until all has left, `poll_close` until the session has ended.
impl Sink<Message> for Handle {
    type Error = SinkError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        let handle = &mut *self;
        if handle.sink().ticket.is_none() {
            if handle.shared.is_ready(Place::None) {
                return Poll::Ready(Ok(()));
            }
            handle.sink().ticket = Some(handle.shared.queue_up());
        }
        let ticket = handle.sink().ticket.take();
        let ready = handle.poll_for(
            cx,
            |shared| &shared.room,
            |shared| {
                let place = ticket.as_ref().map_or(Place::None, Place::Ticket);
                shared.is_ready(place).then_some(Ok(()))
            },
        );
        if ready.is_pending() {
            handle.sink().ticket = ticket;
        }
        ready
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), SinkError> {
        // A flush that was given up does not cover this one.
        self.sink().flush = None;
        // Room was promised by `poll_ready`; that somebody else took it meanwhile is borne with.
        self.shared
            .push(message, Place::Promised)
            .map_err(|refusal| SinkError::Refused(refusal.into_error(&self.shared)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        let known = self.sink().flush;
        let number = known.unwrap_or_else(|| self.shared.accepted());
        self.sink().flush = Some(number);
        ready!(self.poll_for(cx, |shared| &shared.left, |shared| shared.flushed(number)))
            .map_err(SinkError::Closed)?;
        self.sink().flush = None;
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        self.shared.close();
        let closed = ready!(self.poll_for(
            cx,
            |shared| &shared.turned,
            |shared| shared.state().closed.clone()
        ));
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
