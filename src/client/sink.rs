//! The state of a handle that is used as a sink, and its error.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use super::outbox::{Refusal, Seat, SinkFlush};
use super::send_error::SendError;
use super::shared::{Shared, State, TurnTicket};
use crate::event::{Closed, Reason};
use crate::packet::Message;

/// The state of the three polls of a handle's `Sink`. Each poll has a waker of its own.
#[derive(Debug)]
pub(super) struct SinkState {
    shared: Arc<Shared>,
    seat: Seat,
    flush: SinkFlush,
    close: Option<TurnTicket>,
    /// Whether the handle was used other than as a sink since the last `poll_flush`. A future of
    /// `SinkExt` borrows the handle, so a flush that was pending before such a use has been abandoned.
    used_otherwise: AtomicBool,
}

impl SinkState {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            seat: Seat::None,
            flush: SinkFlush::default(),
            close: None,
            used_otherwise: AtomicBool::new(false),
        }
    }

    /// Must be called when the handle is used other than as a sink.
    pub(super) fn use_otherwise(&self) {
        self.used_otherwise.store(true, Ordering::Relaxed);
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { shared, seat, .. } = self;
        if shared.outbox(|outbox| outbox.is_ready(seat, cx.waker())) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    pub(super) fn start_send(&mut self, message: Message) -> Result<(), Refusal<Message>> {
        // A pending flush does not cover this message, so the next `poll_flush` must start a new one.
        self.forget_flush();
        let Self { shared, seat, .. } = self;
        shared
            .outbox(|outbox| outbox.start_send(seat, message))
            .map(drop)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        if std::mem::take(self.used_otherwise.get_mut()) {
            self.forget_flush();
        }
        let Self { shared, flush, .. } = self;
        match shared.outbox(|outbox| outbox.is_sink_flushed(flush, cx.waker())) {
            None => Poll::Pending,
            Some(flushed) => Poll::Ready(flushed),
        }
    }

    /// Closes the session and waits for its end.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        let Self { shared, close, .. } = self;
        shared.close();
        let ended = |state: &State| state.closed().cloned();
        shared.poll_turn(close, cx, ended)
    }

    fn forget_flush(&mut self) {
        let mut flush = std::mem::take(&mut self.flush);
        if flush.is_pending() {
            self.shared
                .outbox(|outbox| outbox.cancel_sink_flush(&mut flush));
        }
    }
}

impl Drop for SinkState {
    fn drop(&mut self) {
        self.forget_flush();
        self.shared.cancel_turn(&mut self.close);
        let seat = &mut self.seat;
        self.shared.outbox(|outbox| outbox.leave(seat));
    }
}

/// The error of [`Client`](crate::Client) and [`Handle`](crate::Handle) as a `Sink`.
///
/// ```no_run
/// use engineio_client::SinkError;
/// use futures::SinkExt as _;
///
/// # async fn run(client: &mut engineio_client::tokio::Client) {
/// match client.send("hello".into()).await {
///     Ok(()) => println!("sent"),
///     Err(SinkError::Refused(refused)) => println!("not accepted: {:?}", refused.message),
///     Err(SinkError::Closed(closed)) => println!("{} messages were not sent", closed.unsent().len()),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SinkError {
    /// The message was not accepted. The error gives the message back.
    Refused(SendError),
    /// The session ended before all accepted messages were sent. [`Closed`] has the messages that were
    /// not sent.
    Closed(Closed),
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Closed(_) => f.write_str("the session ended before all messages were sent"),
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
