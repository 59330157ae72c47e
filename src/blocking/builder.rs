//! The builder of a blocking client: `start`, `connect` and the setters of handlers.

use std::thread;

use super::block_on::block_on;
use super::handle::no_thread;
use super::{Background, Client, Handle};
use crate::client::Builder;
use crate::client::handlers::{Outcome, PlainHandler};
use crate::client_kind::Blocking;
use crate::error::{Error, ErrorKind};
use crate::event::{Closed, Disconnected, GivenUp, Reconnecting};
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # The blocking client
///
/// `start`, `connect` and the setters of handlers for [`blocking::Client`](Client). The handlers of a
/// blocking client are plain functions, called on a thread of their own: see
/// [`handlers`](crate::handlers).
impl<T: Transport, R: Runtime> Builder<T, R, Blocking> {
    /// Starts to connect, and returns the client at once. [`Client::opened`] waits until the session is
    /// open.
    ///
    /// # Errors
    ///
    /// - [`Invalid`](ErrorKind::Invalid): a setting cannot be used. The message says which.
    /// - [`Runtime`](ErrorKind::Runtime): the runtime cannot be used here, or the operating system
    ///   cannot start a thread.
    pub fn start(self) -> Result<Client<T, R>, Error> {
        if let Some(background) = self.runtime_as_any().downcast_ref::<Background>() {
            background.check_thread().map_err(|error| {
                Error::new(ErrorKind::Runtime, "the runtime cannot be used here").with_source(error)
            })?;
        }
        let started = self.begin()?;
        if let Some(handlers) = started.handlers {
            let handlers = handlers.on_thread();
            let span = started.span;
            thread::Builder::new()
                .name("engineio-handlers".to_owned())
                .spawn(move || span.in_scope(|| block_on(handlers)))
                .map_err(no_thread)?;
        }
        Ok(Client::new(started.client))
    }

    /// Connects, and waits until the session is open.
    ///
    /// Makes one attempt, also with [`reconnect`](Builder::reconnect): if the first connection fails,
    /// `connect` returns the error and the client ends. A client from
    /// [`start`](Builder#method.start-1) goes on trying.
    ///
    /// ```no_run
    /// # fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::blocking::Client::builder("http://localhost:3000")
    ///     .header("Authorization", "Bearer secret")
    ///     .connect()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`start`](Builder#method.start-1) and of [`Client::opened`].
    pub fn connect(self) -> Result<Client<T, R>, Error> {
        let client = self.that_must_connect().start()?;
        client.opened()?;
        Ok(client)
    }

    /// Sets a handler that is called when a session has opened. Setting a handler again replaces it.
    pub fn on_connect<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_connect(move |handle| handler(Handle::new(handle)));
        self
    }

    /// Sets a handler that is called with each message. [`Client::recv`] then returns no messages.
    ///
    /// ```
    /// # use engineio_client::blocking::Client;
    /// let builder = Client::builder("http://localhost:3000").on_message(|handle, message| {
    ///     handle.send(message)?;
    ///     Ok(())
    /// });
    /// ```
    pub fn on_message<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, Message) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_message(move |handle, message| handler(Handle::new(handle), message));
        self
    }

    /// Sets a handler that is called when the session has upgraded, with the name of the new transport.
    pub fn on_upgrade<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, &'static str) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_upgrade(move |handle, transport| handler(Handle::new(handle), transport));
        self
    }

    /// Sets a handler that is called when a session of a client that [reconnects](Builder::reconnect)
    /// has ended and another may follow.
    pub fn on_connection_lost<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, Disconnected) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_connection_lost(move |handle, end| handler(Handle::new(handle), end));
        self
    }

    /// Sets a handler that is called before the delay of an attempt to [reconnect](Builder::reconnect).
    pub fn on_reconnecting<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, Reconnecting) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_reconnecting(move |handle, next| handler(Handle::new(handle), next));
        self
    }

    /// Sets a handler for a client that [reconnects](Builder::reconnect). It is called with each message
    /// or group that the client has given up, and will never send.
    pub fn on_given_up<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, GivenUp) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_given_up(move |handle, given_up| handler(Handle::new(handle), given_up));
        self
    }

    /// Sets a handler that is called when the client has ended, with the reason, after all messages have
    /// been handled. It is not called if the client never connected.
    pub fn on_disconnect<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, Closed) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_disconnect(move |handle, closed| handler(Handle::new(handle), closed));
        self
    }
}
