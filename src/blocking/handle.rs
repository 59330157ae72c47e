//! A handle on a session, for threads.

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

/// Sends messages and closes the session, from any thread. Clones are cheap, and do not keep the
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

    /// The same handle for async tasks. What is spawned by it runs on the thread that all sessions
    /// share: there nothing may block, and so nobody may wait by a blocking handle or client.
    pub fn as_async(&self) -> &crate::Handle {
        &self.inner
    }

    /// Waits until the session is open.
    ///
    /// # Errors
    ///
    /// Why the session could not be opened.
    pub fn opened(&self) -> Result<Connected, Error> {
        block_on(self.inner.opened())
    }

    /// Sends a message: see [`Client::send`](crate::Client::send). Waits while the outbox is full,
    /// and until the session is open.
    ///
    /// # Errors
    ///
    /// The message comes back in the error, with the reason.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        block_on(self.inner.send(message))
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// Those of [`Client::try_send`](crate::Client::try_send).
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.inner.try_send(message)
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
        block_on(self.inner.send_all(messages))
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
        self.inner.try_send_all(messages)
    }

    /// Sends a value as JSON, in a text message.
    ///
    /// # Errors
    ///
    /// Those of [`Client::send_json`](crate::Client::send_json).
    pub fn send_json<V: Serialize + ?Sized>(&self, value: &V) -> Result<(), SendJsonError> {
        block_on(self.inner.send_json(value))
    }

    /// Waits until all that was accepted before has left.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the session ended before.
    pub fn flush(&self) -> Result<(), Error> {
        block_on(self.inner.flush())
    }

    /// Waits until all that was accepted before is confirmed: see [`Receipts`](crate::Receipts).
    ///
    /// # Errors
    ///
    /// Those of [`Handle::confirm`](crate::Handle::confirm).
    pub fn confirm(&self) -> Result<(), Error> {
        block_on(self.inner.confirm())
    }

    /// The same as [`Handle::reconnect_now`](crate::Handle::reconnect_now).
    pub fn reconnect_now(&self) {
        self.inner.reconnect_now();
    }

    /// Closes the session and waits for its end. What was accepted is flushed first. The disconnect
    /// handler may still be to come, so that handlers may call this.
    pub fn disconnect(&self) -> Closed {
        block_on(self.inner.disconnect())
    }

    /// Begins to close the session, as [`disconnect`](Handle::disconnect) does, and does not wait for
    /// its end.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Waits for the end of the session, whoever ends it. The disconnect handler may still be to
    /// come.
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
        block_on(self.inner.upgraded())
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// What was accepted and has not left.
    pub fn backlog(&self) -> Backlog {
        self.inner.backlog()
    }

    /// The id of the session, once it was open.
    pub fn sid(&self) -> Option<String> {
        self.inner.sid()
    }

    /// The name of the transport in use, once the session was open.
    pub fn transport(&self) -> Option<&'static str> {
        self.inner.transport()
    }

    /// Runs a function on a thread of its own, and gives what [`std::thread::spawn`] does. It does
    /// not end with the session: one that is to, [waits](Handle::wait) for it.
    ///
    /// # Errors
    ///
    /// [`Runtime`](crate::ErrorKind::Runtime) when the system has no thread to give.
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

    /// Lets this thread sleep.
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
    Error::new(ErrorKind::Runtime, "there can be no more threads").with_source(error)
}
