//! A handle to a session, for threads.

use std::fmt;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;

use super::block_on::block_on;
use crate::client::Backlog;
use crate::client::{SendAllError, SendError, SendJsonError};
use crate::error::{Error, ErrorKind};
use crate::event::{Closed, Connected};
use crate::packet::Message;

/// Sends messages and closes the session, from any thread. Clones are cheap. A handle does not keep the
/// session open when the [`Client`](super::Client) is dropped.
///
/// ```no_run
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = engineio_client::blocking::connect("http://localhost:3000")?;
/// let handle = client.handle();
/// std::thread::spawn(move || handle.send("from another thread"));
/// println!("{:?}", client.recv());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    inner: crate::Handle,
}

impl Handle {
    pub(super) fn new(inner: crate::Handle) -> Self {
        Self { inner }
    }

    /// Returns the async form of this handle. Tasks that the async handle [spawns](crate::Handle::spawn)
    /// run on the thread that all blocking clients share, so they must not block, and must not call a
    /// blocking client or handle.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) {
    /// let handle = client.handle().as_async().clone();
    /// client.handle().as_async().spawn(async move { handle.send("from a task").await });
    /// # }
    /// ```
    pub fn as_async(&self) -> &crate::Handle {
        &self.inner
    }

    /// Waits until the session is open.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) -> Result<(), engineio_client::Error> {
    /// let connected = handle.opened()?;
    /// println!("session {} over {}", connected.handshake.sid, connected.transport);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The reason why the session could not be opened: see [`Client::opened`](crate::Client::opened).
    pub fn opened(&self) -> Result<Connected, Error> {
        block_on(self.inner.opened())
    }

    /// Sends a message, as [`Client::send`](crate::Client::send) does. Returns when the outbox has
    /// accepted it. Blocks while the outbox is full and, unless the client
    /// [reconnects](crate::Builder::reconnect), until the session is open.
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back: see [`Client::send`](crate::Client::send) for the kinds.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        block_on(self.inner.send(message))
    }

    /// Sends a message if the outbox has room for it now.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) -> Result<(), engineio_client::Error> {
    /// use engineio_client::ErrorKind;
    ///
    /// match handle.try_send("position 3") {
    ///     Err(refused) if refused.kind() == ErrorKind::Full => println!("dropped {:?}", refused.message),
    ///     sent => sent?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back: see [`Client::try_send`](crate::Client::try_send) for the
    /// kinds.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.inner.try_send(message)
    }

    /// Sends a group of messages that belong together, as [`Client::send_all`](crate::Client::send_all)
    /// does. Either all are accepted or none. Blocks while the outbox has no room for the whole group
    /// and, unless the client [reconnects](crate::Builder::reconnect), until the session is open.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) -> Result<(), engineio_client::Error> {
    /// handle.send_all(["a question", "its details"])?;
    /// # Ok(())
    /// # }
    /// ```
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
        block_on(self.inner.send_all(messages))
    }

    /// Sends a group of messages if the outbox has room for all of them now.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) {
    /// if let Err(refused) = handle.try_send_all(["a question", "its details"]) {
    ///     println!("not sent: {:?}", refused.messages);
    /// }
    /// # }
    /// ```
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
        self.inner.try_send_all(messages)
    }

    /// Sends a value as JSON in a text message.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) -> Result<(), engineio_client::Error> {
    /// handle.send_json(&serde_json::json!({ "temperature": 21.5 }))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendJsonError`] gives the JSON back as a message, if the value can be written as JSON: see
    /// [`Client::send_json`](crate::Client::send_json) for the kinds.
    pub fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), SendJsonError> {
        block_on(self.inner.send_json(value))
    }

    /// Waits until every message accepted so far has been sent. A message that has been sent has not
    /// necessarily arrived: see [`confirm`](Self::confirm).
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) -> Result<(), engineio_client::Error> {
    /// handle.send("last words")?;
    /// handle.flush()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) if the session ended before the messages were sent.
    pub fn flush(&self) -> Result<(), Error> {
        block_on(self.inner.flush())
    }

    /// Waits until every message accepted so far is confirmed to have arrived.
    ///
    /// Needs [receipts](crate::Receipts): [`Builder::receipts`](crate::Builder::receipts) turns them on,
    /// and so does [`Resend::Unconfirmed`](crate::Resend::Unconfirmed), which also requires them.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) -> Result<(), engineio_client::Error> {
    /// use engineio_client::ErrorKind;
    ///
    /// handle.send("an order")?;
    /// match handle.confirm() {
    ///     Err(error) if error.kind() == ErrorKind::Unconfirmed => println!("it may be lost"),
    ///     confirmed => confirmed?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unconfirmed`](crate::ErrorKind::Unconfirmed) if some of the messages may not have arrived, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without receipts.
    pub fn confirm(&self) -> Result<(), Error> {
        block_on(self.inner.confirm())
    }

    /// Makes the next attempt to [reconnect](crate::Builder::reconnect) now, instead of after its delay.
    /// Does nothing unless the client is waiting for that delay.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) {
    /// // The network is back.
    /// handle.reconnect_now();
    /// # }
    /// ```
    pub fn reconnect_now(&self) {
        self.inner.reconnect_now();
    }

    /// Closes the session and waits for its end, but not for the disconnect handler. So handlers can
    /// call this.
    ///
    /// Without an open session nothing can be sent: the accepted messages are then in
    /// [`Closed::unsent`].
    ///
    /// ```no_run
    /// # fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::blocking::Client::builder("http://localhost:3000")
    ///     .on_message(|handle, message| {
    ///         if message.as_text() == Some("goodbye") {
    ///             handle.disconnect();
    ///         }
    ///     })
    ///     .connect()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn disconnect(&self) -> Closed {
        block_on(self.inner.disconnect())
    }

    /// Begins to close the session, as [`disconnect`](Self::disconnect) does, and returns at once.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) {
    /// handle.close();
    /// # }
    /// ```
    pub fn close(&self) {
        self.inner.close();
    }

    /// Waits for the end of the session, for whatever reason it ends, but not for the disconnect
    /// handler. So handlers can call this.
    pub fn wait(&self) -> Closed {
        block_on(self.inner.wait())
    }

    /// Waits until the upgrade has ended, and returns the name of the transport in use.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) -> Result<(), engineio_client::Error> {
    /// println!("on {}", handle.upgraded()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) if the session ended before the upgrade did. Any other kind
    /// is the reason why the upgrade failed; the session goes on with the first transport.
    pub fn upgraded(&self) -> Result<&'static str, Error> {
        block_on(self.inner.upgraded())
    }

    /// Returns whether the session has ended.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) {
    /// if handle.is_closed() {
    ///     println!("{}", handle.wait());
    /// }
    /// # }
    /// ```
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Returns how many messages were accepted and are not sent yet.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) {
    /// let backlog = handle.backlog();
    /// println!("{} messages ({} bytes) are waiting", backlog.messages, backlog.bytes);
    /// # }
    /// ```
    pub fn backlog(&self) -> Backlog {
        self.inner.backlog()
    }

    /// Returns the id of the session. It is `None` until a session has opened, and while a client is
    /// [reconnecting](crate::Builder::reconnect).
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) {
    /// println!("session {:?} by {:?}", handle.sid(), handle.transport());
    /// # }
    /// ```
    pub fn sid(&self) -> Option<String> {
        self.inner.sid()
    }

    /// Returns the name of the transport in use. It is `None` whenever [`sid`](Self::sid) is.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::blocking::Handle) {
    /// println!("on {:?}", handle.transport());
    /// # }
    /// ```
    pub fn transport(&self) -> Option<&'static str> {
        self.inner.transport()
    }

    /// Runs a function on a new thread, and returns its [`JoinHandle`]. The thread does not end when the
    /// session ends: it can [wait](Handle::wait) for the end, or stop when [`send`](Handle::send) fails.
    /// The same for async clients is [`spawn`](crate::Handle::spawn).
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// use std::time::Duration;
    ///
    /// let handle = client.handle();
    /// client.start_background_task(move || {
    ///     while handle.send("tick").is_ok() {
    ///         handle.sleep(Duration::from_secs(1));
    ///     }
    /// })?;
    /// client.wait();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Runtime`](crate::ErrorKind::Runtime) if the operating system cannot start a thread.
    pub fn start_background_task<F, O>(&self, task: F) -> Result<JoinHandle<O>, Error>
    where
        F: FnOnce() -> O + Send + 'static,
        O: Send + 'static,
    {
        thread::Builder::new()
            .name("engineio-task".to_owned())
            .spawn(task)
            .map_err(no_thread)
    }

    /// Blocks this thread for `duration`.
    pub fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

pub(super) fn no_thread(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Runtime, "could not start a thread").with_source(error)
}
