//! A handle on a session, for tasks that send and close while another one reads.

// rustdoc shows `impl` blocks in the order of their modules. So these modules are in the order in which
// the documentation of `Handle` should show them. The blank lines keep rustfmt from sorting them.

mod opening;

mod sending;

mod ending;

mod tasks;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::Sink;

use super::outbox::{Refusal, closed_error};
use super::send_error::SendError;
use super::shared::Shared;
use super::sink::{SinkError, SinkState};
use crate::error::Error;
use crate::packet::Message;

/// Sends messages and closes the session, from any task or thread. Clones are cheap.
///
/// [`Client::handle`](crate::Client::handle) returns one, and each [handler](crate::handlers) is called
/// with one. A handle does not keep the session open: the session ends when the
/// [`Client`](crate::Client) is dropped, and then [`send`](Handle::send) returns a
/// [`Closed`](crate::ErrorKind::Closed) error.
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
///
/// A handle is also a [`Sink`][sink] of [`Message`]s. If `SinkExt` is in scope and `handle` is a `&mut
/// Handle`, `handle.send(..)` is the method of `SinkExt`, which waits until the message has been sent.
/// To call the method of the handle, write `Handle::send(handle, ..)`.
///
/// [sink]: https://docs.rs/futures/latest/futures/sink/trait.Sink.html
pub struct Handle {
    shared: Arc<Shared>,
    /// Boxed, because each handler call gets a handle and few handles are used as a `Sink`.
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

    /// Must be called when the handle is used other than as a sink: see [`SinkState::use_otherwise`].
    pub(super) fn used_otherwise(&self) {
        if let Some(sink) = &self.sink {
            sink.use_otherwise();
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The error of a call that needs an open session.
    pub(crate) fn closed_error(&self) -> Error {
        closed_error(self.shared.state().closed())
    }

    fn send_error(&self, refusal: Refusal<Message>) -> SendError {
        let (message, error) = refusal.into_parts(self.shared.outbox_capacity);
        SendError::new(message, error)
    }
}

/// How much of the [outbox](crate::Builder::outbox) is used by messages that were accepted and are not
/// sent yet.
///
/// ```no_run
/// # fn run(client: engineio_client::tokio::Client) {
/// let backlog = client.backlog();
/// println!("{} messages ({} bytes) are waiting", backlog.messages, backlog.bytes);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backlog {
    /// The number of messages, including those that are being sent.
    pub messages: usize,
    /// The bytes of text and data in these messages.
    pub bytes: usize,
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

/// `poll_ready` promises room for one message of any size. The outbox therefore holds at most its
/// [capacity](crate::Builder::outbox), plus one message for each handle whose `poll_ready` has returned
/// `Ready`. A handle that does not use this promise does not block other senders: if they wait for room,
/// the room promised to the handle is given to them. If the handle calls `start_send` after that, its
/// message is accepted beyond the capacity.
///
/// `poll_flush` waits until every message accepted before it, by any handle, has been sent. A sink
/// cannot tell whether a poll continues the previous flush, or starts a new flush because the previous
/// one was abandoned. A flush that is polled again is therefore extended to cover the messages accepted
/// since its first poll, but only once, so that other tasks that send without pause cannot delay it for
/// ever. Sending through this handle always starts a new flush.
///
/// `poll_close` closes the session and waits until it has ended.
///
/// All three polls may be pending at the same time. Each wakes the task that made it last.
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
