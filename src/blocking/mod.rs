//! The client for threads: the same builder and methods as the async client, but its calls block.
//!
//! ```no_run
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = engineio_client::blocking::connect("http://localhost:3000")?;
//! client.send("hello")?;
//! for message in &mut client {
//!     println!("{message:?}");
//! }
//! println!("{}", client.wait());
//! # Ok(())
//! # }
//! ```
//!
//! The program needs no async runtime: all blocking clients of a process run their sessions on one
//! [`Background`] thread. Sessions stay alive whatever the other threads do.
//!
//! The client can be used and dropped on any thread, including those of tokio's `spawn_blocking`. Inside
//! of an async task it works, too, but blocks the thread of that task. Where it would wait for itself
//! (on the background thread, or on a thread that async-std needs to run the session), connecting fails
//! with [`ErrorKind::Runtime`].

mod background;
mod block_on;
mod builder;
mod handle;

use std::fmt;
use std::pin::pin;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::future::{self, Either};
use futures::stream::StreamExt as _;
use serde::Serialize;

pub use background::Background;
pub use handle::Handle;

use block_on::block_on;

use crate::client::{Backlog, Builder};
use crate::client::{SendAllError, SendError, SendJsonError};
use crate::client_kind::Blocking;
use crate::error::{Error, ErrorKind};
use crate::event::{Closed, Connected, Event};
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::transport::Transport;
use crate::transports::Transports;

/// Connects with the default settings, and waits until the session is open.
///
/// ```no_run
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = engineio_client::blocking::connect("http://localhost:3000")?;
/// client.send("hello")?;
/// client.disconnect();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The same as [`Builder::connect`](Builder#method.connect-1).
pub fn connect(url: impl AsRef<str>) -> Result<Client, Error> {
    Client::connect(url)
}

/// A connection to an Engine.IO server, for threads: what [`Client`](crate::Client) is for tasks.
///
/// ```no_run
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::blocking::connect("http://localhost:3000")?;
/// client.send("hello")?;
/// while let Some(message) = client.recv() {
///     println!("received {message:?}");
/// }
/// // The session has ended.
/// println!("{}", client.wait());
/// # Ok(())
/// # }
/// ```
///
/// One thread reads, with [`recv`](Client::recv) or by iterating over the messages. Other threads send
/// and close with [handles](Client::handle).
///
/// [`close`](Client::close) begins to close the session and returns at once, and so does dropping the
/// client: the background thread sends what was accepted. [`disconnect`](Client::disconnect) waits until
/// the session has ended. A program that exits calls `disconnect`, so that its last messages are sent.
///
/// The method docs of the async [`Client`](crate::Client) hold here, too, without the sections about
/// cancelling.
pub struct Client<T: Transport = Transports, R: Runtime = Background> {
    inner: crate::Client<T, R>,
    handle: Handle,
}

impl Client {
    /// Returns a [`Builder`], which has all settings, for a connection to `url`.
    ///
    /// The setters are those of the async client. The client that it creates is one for threads. Its
    /// handlers are plain functions of a [`blocking::Handle`](Handle), called on a thread of their own.
    ///
    /// ```no_run
    /// # fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::blocking::Client::builder("http://localhost:3000")
    ///     .header("Authorization", "Bearer secret")
    ///     .on_message(|handle, message| {
    ///         handle.send(message)?;
    ///         Ok(())
    ///     })
    ///     .on_disconnect(|_handle, closed| println!("{closed}"))
    ///     .connect()?;
    /// client.wait();
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(url: impl AsRef<str>) -> Builder<Transports, Background, Blocking> {
        Builder::of_kind(url, Transports::default(), Background::default())
    }

    /// Connects with the default settings, and waits until the session is open.
    ///
    /// ```no_run
    /// # fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::blocking::Client::connect("http://localhost:3000")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The same as [`Builder::connect`](Builder#method.connect-1).
    pub fn connect(url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder(url).connect()
    }
}

impl<T: Transport, R: Runtime> Client<T, R> {
    fn new(inner: crate::Client<T, R>) -> Self {
        let handle = Handle::new(inner.handle());
        Self { inner, handle }
    }

    /// Waits until the session is open. Needed only after [`Builder::start`](Builder#method.start-1).
    ///
    /// # Errors
    ///
    /// The reason why the session could not be opened: see [`Client::opened`](crate::Client::opened).
    pub fn opened(&self) -> Result<Connected, Error> {
        block_on(self.inner.opened())
    }

    /// Waits for the next message. Returns `None` when the session has ended and all messages have been
    /// read; then [`wait`](Client::wait) returns the reason at once. With a
    /// [message handler](crate::handlers), `recv` returns no messages, and `None` at the end.
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
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the session has ended and all messages have been read.
    pub fn try_recv(&mut self) -> Result<Option<Message>, Error> {
        self.inner.try_recv()
    }

    /// Waits for the next message for at most `timeout`.
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
        let sleep = self.inner.runtime().sleep(timeout);
        let received = block_on(async {
            match future::select(pin!(self.inner.recv()), sleep).await {
                Either::Left((message, _)) => Some(message),
                Either::Right(_) => None,
            }
        });
        match received {
            Some(Some(message)) => Ok(message),
            Some(None) => Err(self.handle.as_async().closed_error()),
            None => {
                let message = format!("no message was received within {} s", timeout.as_secs_f64());
                Err(Error::new(ErrorKind::Timeout, message))
            }
        }
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
        block_on(self.inner.next())
    }

    /// Returns an iterator over the messages, which blocks for each and ends with the session.
    /// `for message in &mut client` does the same.
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

    /// Sends a message, as [`Client::send`](crate::Client::send) does. Returns when the outbox has
    /// accepted it. Blocks while the outbox is full, and until the session is open.
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back: see [`Client::send`](crate::Client::send) for the kinds.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.send(message)
    }

    /// Sends a message if the outbox has room for it now.
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back: see [`Client::try_send`](crate::Client::try_send) for the
    /// kinds.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.try_send(message)
    }

    /// Sends a group of messages that belong together, as [`Client::send_all`](crate::Client::send_all)
    /// does. Either all are accepted or none. Blocks while the outbox has no room for the whole group,
    /// and until the session is open.
    ///
    /// # Errors
    ///
    /// [`SendAllError`] gives all messages back: see [`Client::send`](crate::Client::send) for the
    /// kinds.
    pub fn send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.handle.send_all(messages)
    }

    /// Sends a group of messages if the outbox has room for all of them now.
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
        self.handle.try_send_all(messages)
    }

    /// Sends a value as JSON in a text message.
    ///
    /// # Errors
    ///
    /// [`SendJsonError`] gives the JSON back as a message, if the value can be written as JSON: see
    /// [`Client::send_json`](crate::Client::send_json) for the kinds.
    pub fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), SendJsonError> {
        self.handle.send_json(value)
    }

    /// Waits until every message accepted before has been sent. That does not mean that it has arrived:
    /// see [`confirm`](Self::confirm).
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) if the session ended before.
    pub fn flush(&self) -> Result<(), Error> {
        self.handle.flush()
    }

    /// Waits until every message accepted before is confirmed to have arrived. Needs
    /// [`Receipts`](crate::Receipts).
    ///
    /// # Errors
    ///
    /// [`Unconfirmed`](crate::ErrorKind::Unconfirmed) if some of the messages may not have arrived, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without receipts.
    pub fn confirm(&self) -> Result<(), Error> {
        self.handle.confirm()
    }

    /// Makes the next attempt to [reconnect](crate::Builder::reconnect) now, instead of after its delay.
    /// Does nothing unless the client is waiting for that delay.
    pub fn reconnect_now(&self) {
        self.handle.reconnect_now();
    }

    /// Closes the session and waits for its end. For closing without waiting there is
    /// [`close`](Client::close).
    ///
    /// No more messages are accepted, and the accepted ones are sent first. Then it waits as
    /// [`wait`](Client::wait) does. See [`Client::disconnect`](crate::Client::disconnect) for the time
    /// that it takes.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) {
    /// let closed = client.disconnect();
    /// if !closed.is_clean() {
    ///     println!("{closed}: {} messages were not sent", closed.unsent().len());
    /// }
    /// # }
    /// ```
    pub fn disconnect(&self) -> Closed {
        block_on(self.inner.disconnect())
    }

    /// Begins to close the session, as [`disconnect`](Self::disconnect) does, and returns at once.
    pub fn close(&self) {
        self.handle.close();
    }

    /// Waits for the end of the session, for whatever reason it ends, and until the disconnect handler
    /// has returned, if there is one. A handler uses [`Handle::wait`] instead, since here it would wait
    /// for itself.
    pub fn wait(&self) -> Closed {
        block_on(self.inner.wait())
    }

    /// Waits until no upgrade is under way or to come, and returns the name of the transport in use.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) if the session ended before. Any other kind is the reason
    /// why the upgrade failed; the session goes on with the first transport.
    pub fn upgraded(&self) -> Result<&'static str, Error> {
        self.handle.upgraded()
    }

    /// Returns whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Returns how many messages were accepted and are not sent yet.
    pub fn backlog(&self) -> Backlog {
        self.handle.backlog()
    }

    /// Returns the id of the session, or `None` if no session is open yet.
    pub fn sid(&self) -> Option<String> {
        self.inner.sid()
    }

    /// Returns the name of the transport in use, or `None` if no session is open yet.
    pub fn transport(&self) -> Option<&'static str> {
        self.inner.transport()
    }

    /// Returns a handle, which sends and closes from other threads. It does not keep the session open.
    ///
    /// ```no_run
    /// # fn run(mut client: engineio_client::blocking::Client) {
    /// let handle = client.handle();
    /// std::thread::spawn(move || handle.send("from another thread"));
    /// println!("{:?}", client.recv());
    /// # }
    /// ```
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Drops all messages from now on, including those that were received and not read. For a program
    /// that only sends: see [`Client::discard_messages`](crate::Client::discard_messages).
    pub fn discard_messages(&self) {
        self.inner.discard_messages();
    }

    /// Runs a function on a new thread: see [`Handle::start_background_task`].
    ///
    /// # Errors
    ///
    /// [`Runtime`](ErrorKind::Runtime) if the operating system cannot start a thread.
    pub fn start_background_task<F, O>(&self, task: F) -> Result<JoinHandle<O>, Error>
    where
        F: FnOnce() -> O + Send + 'static,
        O: Send + 'static,
    {
        self.handle.start_background_task(task)
    }

    /// Blocks this thread for `duration`.
    pub fn sleep(&self, duration: Duration) {
        self.handle.sleep(duration);
    }
}

impl<T: Transport, R: Runtime> fmt::Debug for Client<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// An iterator over the messages of a session, from [`Client::iter`].
///
/// ```no_run
/// # fn run() -> Result<(), engineio_client::Error> {
/// let mut client = engineio_client::blocking::connect("http://localhost:3000")?;
/// for message in &mut client {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Messages<'a, T: Transport, R: Runtime> {
    client: &'a mut Client<T, R>,
}

impl<T: Transport, R: Runtime> Iterator for Messages<'_, T, R> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.client.recv()
    }
}

impl<'a, T: Transport, R: Runtime> IntoIterator for &'a mut Client<T, R> {
    type Item = Message;
    type IntoIter = Messages<'a, T, R>;

    fn into_iter(self) -> Messages<'a, T, R> {
        self.iter()
    }
}
