//! The async client.

// rustdoc shows `impl` blocks in the order of their modules. So these modules are in the order in which
// the documentation of `Client` should show them. The blank lines keep rustfmt from sorting them.

mod opening;

mod receiving;

mod sending;

mod ending;

mod tasks;

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{FusedStream, Stream};
use futures::{Sink, SinkExt as _};

use super::handle::Handle;
use super::inbox::{Reader, Side};
use super::shared::Shared;
use super::sink::SinkError;
use crate::event::Event;
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// A connection to an Engine.IO server: one session, or, if it [reconnects](crate::Builder::reconnect),
/// one session after the other.
///
/// Programs name the alias of their runtime, such as `engineio_client::tokio::Client`, which fixes both
/// type parameters. `engineio_client::Client::connect(..)` leaves them open, and the compiler reports
/// "type annotations needed" (E0283).
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::tokio::connect("http://localhost:3000").await?;
/// client.send("hello").await?;
/// while let Some(message) = client.recv().await {
///     println!("received {message:?}");
/// }
/// // The session has ended.
/// let closed = client.wait().await;
/// println!("{closed}, {} messages were not sent", closed.unsent().len());
/// # Ok(())
/// # }
/// ```
///
/// A background task keeps the session alive: it answers pings, upgrades the transport and sends what
/// was accepted, whether or not the program awaits the client. Methods that send, wait and close take
/// `&self`. A [`Handle`](crate::Handle) has the same methods for other tasks.
///
/// # Receiving
///
/// [`recv`](Client::recv) returns the next message. It returns `None` when the session has ended (for a
/// client that reconnects: when the last session has ended). Then [`wait`](Client::wait) returns the
/// reason.
///
/// The client is also a [`Stream`][stream] of [`Event`]s, which include messages, upgrades and reconnecting.
/// With a [message handler](crate::Builder::on_message), the messages go to the handler only.
///
/// # Sending
///
/// [`send`](Client::send) returns when the message is in the outbox. [`flush`](Client::flush) waits
/// until everything in the outbox has been sent, and [`confirm`](Client::confirm) until the server has
/// received all of it.
///
/// The client is also a [`Sink`][sink] of [`Message`]s. `SinkExt` has a method `send`, too, which waits until
/// everything has been sent, as `flush` does. If `SinkExt` is in scope and `client` is a `&mut Client`,
/// `client.send(..)` is the method of `SinkExt`:
///
/// ```no_run
/// use engineio_client::tokio::Client;
/// use futures::SinkExt as _;
///
/// # async fn run(client: &mut Client) -> Result<(), Box<dyn std::error::Error>> {
/// // `SinkExt::send`, which takes a `Message`.
/// client.send("hello".into()).await?;
/// // `Client::send`, which takes anything that is `Into<Message>`.
/// Client::send(client, "hello").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Back-pressure
///
/// While the [outbox](crate::Builder::outbox) is full, [`send`](Client::send) waits. While the
/// [inbox](crate::Builder::inbox) is full, the client receives nothing. A client that is not read
/// therefore stops the server from sending, and after the server's ping timeout the session ends. A
/// program that only sends calls [`discard_messages`](Client::discard_messages).
///
/// # Closing
///
/// Each of these calls closes the session: the client accepts no more messages, sends the accepted ones,
/// and tells the server that the session is over, within the limits of
/// [`close_timeout`](crate::Builder::close_timeout) and [`close_limit`](crate::Builder::close_limit).
///
/// | call | returns |
/// |---|---|
/// | [`close`](Client::close) | at once |
/// | [`disconnect`](Client::disconnect) | when the session has ended; the result has the messages that were not sent |
/// | dropping the client | at once; messages that were received and not read are lost |
///
/// After `close` or a drop, the background task finishes closing the session, as long as the runtime
/// runs. A program that exits calls `disconnect`, so that its last messages are sent. Handlers are still
/// called for everything that was received before the end of the session, even after the client has been
/// dropped.
///
/// [stream]: https://docs.rs/futures/latest/futures/stream/trait.Stream.html
/// [sink]: https://docs.rs/futures/latest/futures/sink/trait.Sink.html
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
}

impl<T: Transport, R: Runtime> Drop for Client<T, R> {
    fn drop(&mut self) {
        self.handle.shared().client_dropped();
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

/// Behaves like [the sink of `Handle`](Handle#impl-Sink<Message>-for-Handle): see there for how many
/// messages are accepted.
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
