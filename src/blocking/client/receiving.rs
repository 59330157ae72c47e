//! Receiving messages.

use std::time::Duration;

use super::Client;
use crate::blocking::block_on::block_on;
use crate::blocking::messages::Messages;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::event::Event;
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Receiving
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Waits for the next message. Returns `None` when the session has ended and all messages have been
    /// read. Then [`wait`](Client::wait) returns the reason. With a [message handler](crate::handlers),
    /// `recv` returns no messages: it waits until the session has ended, and returns `None`.
    ///
    /// ```no_run
    /// # fn run(mut client: engineio_client::blocking::Client) {
    /// while let Some(message) = client.recv() {
    ///     println!("{message:?}");
    /// }
    /// println!("{}", client.wait());
    /// # }
    /// ```
    pub fn recv(&mut self) -> Option<Message> {
        block_on(self.inner.recv())
    }

    /// Returns the next message if it has already been received, or `None`.
    ///
    /// ```no_run
    /// # fn run(mut client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
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
    /// [`Closed`](ErrorKind::Closed) when the session has ended and all messages have been read.
    pub fn try_recv(&mut self) -> Result<Option<Message>, Error> {
        self.inner.try_recv()
    }

    /// Waits for the next message for at most `timeout`.
    ///
    /// After a time-out the awaited answer may still arrive, and the next call then returns it. A
    /// program that sends requests would take it for the answer to its next request. Give each request a
    /// number that the server repeats in its answer, and skip answers with other numbers: see
    /// [the guide](crate::guide::testing#a-late-answer).
    ///
    /// ```no_run
    /// # fn run(mut client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// use std::time::Duration;
    ///
    /// match client.recv_timeout(Duration::from_millis(500)) {
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
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Message, Error> {
        block_on(self.inner.recv_timeout(timeout))
    }

    /// Waits for the next event. Messages are events, too. Returns `None` after [`Event::Closed`].
    ///
    /// ```no_run
    /// use engineio_client::Event;
    ///
    /// # fn run(mut client: engineio_client::blocking::Client) {
    /// while let Some(event) = client.next_event() {
    ///     match event {
    ///         Event::Message(message) => println!("{message:?}"),
    ///         Event::Upgraded { transport, .. } => println!("now on {transport}"),
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// ```
    pub fn next_event(&mut self) -> Option<Event> {
        block_on(self.inner.next_event())
    }

    /// Returns an iterator over the messages. It blocks until the next message has been received, and
    /// ends when the session has ended. `for message in &mut client` does the same.
    ///
    /// ```no_run
    /// # fn run(mut client: engineio_client::blocking::Client) {
    /// for message in client.iter().take(3) {
    ///     println!("{message:?}");
    /// }
    /// # }
    /// ```
    pub fn iter(&mut self) -> Messages<'_, T, R> {
        Messages { client: self }
    }

    /// Drops all messages from now on, including those that were received and not read. A program that
    /// only sends should call this: [`Client::discard_messages`](crate::Client::discard_messages) says
    /// why.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// client.discard_messages();
    /// client.send("a measurement")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn discard_messages(&self) {
        self.inner.discard_messages();
    }
}
