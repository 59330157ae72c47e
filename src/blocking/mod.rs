//! The client for threads: the same sessions, builder and names, with calls that block.
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
//! It needs no async runtime of the program's: its sessions run on one [`Background`] thread for the
//! whole process, whatever blocks besides. So it works from any thread, those of an async
//! program's `spawn_blocking` included, and may be dropped anywhere. Called from within an async task
//! it works, too, but holds up all else that the task's thread has to run, like any call that blocks.
//! Where it would wait for itself (on the background thread, or on a thread that async-std needs to
//! run the session) connecting fails with [`ErrorKind::Runtime`].

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

/// Connects with the defaults, and waits until the session is open.
///
/// # Errors
///
/// Those of [`Client::connect`].
pub fn connect(url: impl AsRef<str>) -> Result<Client, Error> {
    Client::connect(url)
}

/// One session with an Engine.IO server, for threads: what [`Client`](crate::Client) is for tasks.
///
/// One thread reads, by [`recv`](Client::recv) or as an iterator of messages; others send and close by
/// [handles](Client::handle). Dropping the client closes the session in the background: a program
/// that is to end afterwards calls [`disconnect`](Client::disconnect), which waits until all has left.
pub struct Client<T: Transport = Transports, R: Runtime = Background> {
    inner: crate::Client<T, R>,
    handle: Handle,
}

impl Client {
    /// Sets up a connection. The builder's setters are those of the async client; what it starts
    /// and connects is a client for threads, and its handlers are plain functions of a
    /// [`blocking::Handle`](Handle), called on a thread of their own.
    ///
    /// ```no_run
    /// # fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::blocking::Client::builder("http://localhost:3000")
    ///     .header("Authorization", "Bearer ...")
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

    /// Connects with the defaults, and waits until the session is open.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::connect`].
    pub fn connect(url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder(url).connect()
    }
}

impl<T: Transport, R: Runtime> Client<T, R> {
    fn new(inner: crate::Client<T, R>) -> Self {
        let handle = Handle::new(inner.handle());
        Self { inner, handle }
    }

    /// Waits until the session is open: for after [`Builder::start`].
    ///
    /// # Errors
    ///
    /// Those of [`Client::opened`](crate::Client::opened).
    pub fn opened(&self) -> Result<Connected, Error> {
        block_on(self.inner.opened())
    }

    /// Waits for the next message; `None` is the end of the session, of which [`wait`](Client::wait)
    /// tells why. Where messages go to a [handler](crate::handlers), there are none here.
    pub fn recv(&mut self) -> Option<Message> {
        block_on(self.inner.recv())
    }

    /// The next message if one has come already: see [`Client::try_recv`](crate::Client::try_recv).
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the session has ended and all messages have been read.
    pub fn try_recv(&mut self) -> Result<Option<Message>, Error> {
        self.inner.try_recv()
    }

    /// Waits for the next message, but no longer than this.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) when none came, and [`Closed`](ErrorKind::Closed) when the
    /// session has ended.
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
                let message = format!("no message came within {} s", timeout.as_secs_f64());
                Err(Error::new(ErrorKind::Timeout, message))
            }
        }
    }

    /// Waits for the next event, messages included; `None` comes after [`Event::Closed`].
    pub fn next_event(&mut self) -> Option<Event> {
        block_on(self.inner.next())
    }

    /// The messages to come, until the session ends. `for message in &mut client` is the same.
    pub fn iter(&mut self) -> Messages<'_, T, R> {
        Messages { client: self }
    }

    /// Sends a message: see [`Client::send`](crate::Client::send). Waits while the outbox is full,
    /// and until the session is open.
    ///
    /// # Errors
    ///
    /// The message comes back in the error, with the reason.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.send(message)
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// Those of [`Client::try_send`](crate::Client::try_send).
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.handle.try_send(message)
    }

    /// Sends messages that belong together, all or none: see
    /// [`Client::send_all`](crate::Client::send_all). Waits while the outbox has no room for all of
    /// them, and until the session is open.
    ///
    /// # Errors
    ///
    /// The messages come back in the error, all of them, with the reason.
    pub fn send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.handle.send_all(messages)
    }

    /// Sends messages that belong together if there is room for all of them now.
    ///
    /// # Errors
    ///
    /// Those of [`Client::try_send_all`](crate::Client::try_send_all).
    pub fn try_send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator,
        I::Item: Into<Message>,
    {
        self.handle.try_send_all(messages)
    }

    /// Sends a value as JSON, in a text message.
    ///
    /// # Errors
    ///
    /// Those of [`Client::send_json`](crate::Client::send_json).
    pub fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), SendJsonError> {
        self.handle.send_json(value)
    }

    /// Waits until all that was accepted before has left. That says nothing of its arrival.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the session ended before.
    pub fn flush(&self) -> Result<(), Error> {
        self.handle.flush()
    }

    /// Waits until all that was accepted before is confirmed: see [`Receipts`](crate::Receipts).
    ///
    /// # Errors
    ///
    /// Those of [`Handle::confirm`](crate::Handle::confirm).
    pub fn confirm(&self) -> Result<(), Error> {
        self.handle.confirm()
    }

    /// The same as [`Handle::reconnect_now`](crate::Handle::reconnect_now).
    pub fn reconnect_now(&self) {
        self.handle.reconnect_now();
    }

    /// Closes the session, and waits for its end as [`wait`](Client::wait) does. What was accepted
    /// is flushed first.
    pub fn disconnect(&self) -> Closed {
        block_on(self.inner.disconnect())
    }

    /// Begins to close the session, as [`disconnect`](Client::disconnect) does, and does not wait for
    /// its end.
    pub fn close(&self) {
        self.handle.close();
    }

    /// Waits for the end of the session, whoever ends it, and until the disconnect handler has
    /// returned, if there is one.
    pub fn wait(&self) -> Closed {
        block_on(self.inner.wait())
    }

    /// Waits until no better transport is being tried any more: see
    /// [`Client::upgraded`](crate::Client::upgraded).
    ///
    /// # Errors
    ///
    /// Why the upgrade failed, or that the session has ended.
    pub fn upgraded(&self) -> Result<&'static str, Error> {
        self.handle.upgraded()
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// What was accepted and has not left.
    pub fn backlog(&self) -> Backlog {
        self.handle.backlog()
    }

    /// The id of the session, once it was open.
    pub fn sid(&self) -> Option<String> {
        self.inner.sid()
    }

    /// The name of the transport in use, once the session was open.
    pub fn transport(&self) -> Option<&'static str> {
        self.inner.transport()
    }

    /// A handle, to send and close from other threads. It does not keep the session open.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// From now on messages are dropped as they come: see
    /// [`Client::discard_messages`](crate::Client::discard_messages).
    pub fn discard_messages(&self) {
        self.inner.discard_messages();
    }

    /// Runs a function on a thread of its own: [`Handle::start_background_task`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn start_background_task<F, O>(&self, task: F) -> Result<JoinHandle<O>, Error>
    where
        F: FnOnce() -> O + Send + 'static,
        O: Send + 'static,
    {
        self.handle.start_background_task(task)
    }

    /// Lets this thread sleep.
    pub fn sleep(&self, duration: Duration) {
        self.handle.sleep(duration);
    }
}

impl<T: Transport, R: Runtime> fmt::Debug for Client<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// The messages of a session, as an iterator.
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
