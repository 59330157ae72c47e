//! Receiving messages.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{self, Either};

use super::Client;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::seconds::Seconds;
use crate::transport::Transport;

/// # Receiving
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Waits for the next message. Returns `None` when the session has ended and all messages have been
    /// read. Then [`wait`](Client::wait) returns the reason.
    ///
    /// `recv` skips all other events; the client as a `Stream` yields them. With a [message
    /// handler](crate::Builder::on_message), `recv` returns no messages: it waits until the session has
    /// ended, and returns `None`.
    ///
    /// To wait for a limited time, for the answer to a request for example, use
    /// [`recv_timeout`](Client::recv_timeout). `recv` returns whatever message comes next, which after a
    /// time-out may be a [late answer](crate::guide::testing#a-late-answer).
    ///
    /// `recv` borrows the client mutably: in a `select!`, the other branches send and sleep with a
    /// [`Handle`](crate::Handle), taken before the `select!` by `let handle = client.handle();`.
    ///
    /// ```no_run
    /// # async fn run(mut client: engineio_client::tokio::Client) {
    /// while let Some(message) = client.recv().await {
    ///     println!("{message:?}");
    /// }
    /// println!("{}", client.wait().await);
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: no message is lost, so `recv` can be a branch of `select!`.
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

    /// Returns the next message if it has already been received, or `None`.
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

    /// Waits for the next message for at most `timeout`, by the client's runtime: with the mock runtime,
    /// in virtual time.
    ///
    /// After a time-out the awaited answer may still arrive, and the next call then returns it. A
    /// program that sends requests would take it for the answer to its next request. Give each request a
    /// number that the server repeats in its answer, and skip answers with other numbers: see
    /// [the guide](crate::guide::testing#a-late-answer).
    ///
    /// ```no_run
    /// # async fn run(mut client: engineio_client::tokio::Client) -> Result<(), engineio_client::Error> {
    /// use std::time::Duration;
    ///
    /// match client.recv_timeout(Duration::from_millis(500)).await {
    ///     Ok(message) => println!("{message:?}"),
    ///     Err(error) if error.is_timeout() => println!("nothing yet"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Timeout`](ErrorKind::Timeout): no message was received in this time. No message is lost.
    /// - [`Closed`](ErrorKind::Closed): the session has ended and all messages have been read.
    ///
    /// # Cancel safety
    ///
    /// Safe: no message is lost.
    pub async fn recv_timeout(&mut self, timeout: Duration) -> Result<Message, Error> {
        let sleep = self.runtime().sleep(timeout);
        // The message is taken before the timer is looked at, so one that has been received is returned even
        // if the time has passed.
        let received = match future::select(pin!(self.recv()), sleep).await {
            Either::Left((message, _)) => message,
            Either::Right(_) => {
                let message = format!("no message was received within {} s", Seconds(timeout));
                return Err(Error::new(ErrorKind::Timeout, message));
            }
        };
        received.ok_or_else(|| self.handle.closed_error())
    }

    /// Waits for the next event. Messages are events, too. Returns `None` after [`Event::Closed`].
    ///
    /// It is the same as `next` of the client as a `Stream`, without the trait `StreamExt`.
    ///
    /// ```no_run
    /// use engineio_client::Event;
    ///
    /// # async fn run(mut client: engineio_client::tokio::Client) {
    /// while let Some(event) = client.next_event().await {
    ///     match event {
    ///         Event::Message(message) => println!("{message:?}"),
    ///         Event::Upgraded { transport, .. } => println!("now on {transport}"),
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: no event is lost.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.next().await
    }

    /// Drops all messages from now on, including those that were received and not read. Other events are
    /// kept. A program that only sends should call this. Otherwise the inbox fills up and the client
    /// receives nothing more, not even the server's pings, so that the session ends after the server's
    /// ping timeout.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = engineio_client::tokio::connect("http://localhost:3000").await?;
    /// client.discard_messages();
    /// client.send("a measurement").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn discard_messages(&self) {
        self.handle.shared().discard();
    }
}
