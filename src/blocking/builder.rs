//! What the builder of a blocking client has beside the settings: `start`, `connect` and the setters of
//! handlers.

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

impl<T: Transport, R: Runtime> Builder<T, R, Blocking> {
    /// Starts to connect, and gives the client at once: [`Client::opened`] waits for the session.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings ([`Invalid`](ErrorKind::Invalid)), or with the runtime
    /// ([`Runtime`](ErrorKind::Runtime)); the latter also when there can be no thread for the
    /// handlers.
    pub fn start(self) -> Result<Client<T, R>, Error> {
        if let Some(background) = self.runtime_as_any().downcast_ref::<Background>() {
            background.check_thread().map_err(|error| {
                Error::new(ErrorKind::Runtime, "the runtime can't be used here").with_source(error)
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
    /// # Errors
    ///
    /// Those of [`start`](Builder::start) and of [`Client::opened`].
    pub fn connect(self) -> Result<Client<T, R>, Error> {
        let client = self.start()?;
        block_on(client.inner.handle_ref().first_opened())?;
        Ok(client)
    }

    /// What is called when the session is open. See [`handlers`](crate::handlers). A second one
    /// replaces the first, and so for the others.
    pub fn on_connect<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_connect(move |handle| handler(Handle::new(handle)));
        self
    }

    /// What is called with each message. See [`handlers`](crate::handlers).
    pub fn on_message<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, Message) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_message(move |handle, message| handler(Handle::new(handle), message));
        self
    }

    /// What is called when the session has gone over to a better transport, with its name. See
    /// [`handlers`](crate::handlers).
    pub fn on_upgrade<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, &'static str) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_upgrade(move |handle, transport| handler(Handle::new(handle), transport));
        self
    }

    /// What is called when a session has ended and another may follow, where the client
    /// [reconnects](Builder::reconnect). See [`handlers`](crate::handlers).
    pub fn on_connection_lost<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, Disconnected) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_connection_lost(move |handle, end| handler(Handle::new(handle), end));
        self
    }

    /// What is called before the delay of an attempt to [reconnect](Builder::reconnect). See [`handlers`](crate::handlers).
    pub fn on_reconnecting<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, Reconnecting) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_reconnecting(move |handle, next| handler(Handle::new(handle), next));
        self
    }

    /// What is called with a message or a group that a client which [reconnects](Builder::reconnect) will
    /// never send. See [`handlers`](crate::handlers).
    pub fn on_given_up<F, O>(mut self, mut handler: F) -> Self
    where
        F: FnMut(Handle, GivenUp) -> O + Send + 'static,
        O: Outcome<PlainHandler>,
    {
        self.handlers()
            .on_given_up(move |handle, given_up| handler(Handle::new(handle), given_up));
        self
    }

    /// What is called when a session that was open has ended, with the reason, after all messages
    /// that came before have been handled. See [`handlers`](crate::handlers).
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
