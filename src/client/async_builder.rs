//! What the builder of an async client has beside the settings: `start`, `connect` and the setters of
//! handlers.

use std::sync::Arc;

use tracing::Instrument as _;

use super::builder::Builder;
use super::handle::Handle;
use super::handlers::Outcome;
use super::session::Client;
use super::start::Started;
use crate::error::Error;
use crate::event::{Closed, Disconnected, GivenUp, Reconnecting};
use crate::packet::Message;
use crate::runtime::Runtime;
use crate::transport::Transport;

impl<T: Transport + Default, R: Runtime + Default> Client<T, R> {
    /// Sets up a connection; see [`Builder`] for what can be set.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::tokio::Client::builder("http://localhost:3000")
    ///     .header("Authorization", "Bearer ...")
    ///     .transports(["websocket"])
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(url: impl AsRef<str>) -> Builder<T, R> {
        Builder::new(url, T::default(), R::default())
    }

    /// Connects with the defaults, and waits until the session is open.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it closes what it has begun.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }
}

impl<T: Transport, R: Runtime> Builder<T, R> {
    /// A connection to this address, by this transport, on this runtime.
    ///
    /// `http`, `https`, `ws` and `wss` are all taken, and do not choose the transport. The URL's
    /// path is the Engine.IO path when it has one other than `/`; its query goes with every
    /// request; its user and password become Basic authentication. The path of a `unix` URL is that
    /// of a Unix socket, as in `unix:///run/server.sock`, behind which the host is `localhost` and
    /// the Engine.IO path the default, or the one given by [`path`](Builder::path).
    ///
    /// ```
    /// # #[cfg(all(feature = "smol", feature = "websocket"))] {
    /// use engineio_client::{Builder, Smol, transports::WebSocket};
    ///
    /// let builder = Builder::new("ws://localhost:3000", WebSocket::default(), Smol::new());
    /// # let _ = builder;
    /// # }
    /// ```
    pub fn new(url: impl AsRef<str>, transport: T, runtime: R) -> Self {
        Self::of_kind(url, transport, runtime)
    }

    /// Starts to connect, and gives the client at once: [`Client::opened`] waits for the session.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings ([`Invalid`](crate::ErrorKind::Invalid)), or with the runtime
    /// ([`Runtime`](crate::ErrorKind::Runtime)).
    pub fn start(self) -> Result<Client<T, R>, Error> {
        let Started {
            client,
            handlers,
            span,
        } = self.begin()?;
        if let Some(handlers) = handlers {
            let runtime = Arc::clone(&client.handle_ref().shared().runtime);
            runtime.spawn(Box::pin(handlers.on_runtime().instrument(span)));
        }
        Ok(client)
    }

    /// Connects, and waits until the session is open.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Builder::start) and of [`Client::opened`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, it closes what it has begun.
    pub async fn connect(self) -> Result<Client<T, R>, Error> {
        let client = self.start()?;
        client.handle_ref().first_opened().await?;
        Ok(client)
    }

    /// What is called when the session is open: a plain or an async function of a [`Handle`]. See
    /// [`handlers`](crate::handlers). A second one replaces the first, and so for the others.
    pub fn on_connect<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_connect(handler);
        self
    }

    /// [`on_connect`](Builder::on_connect) with something that the handler works with: each call gets a
    /// clone of it, such as an `Arc`. So an async closure need not capture it, which it could not lend to
    /// its future.
    pub fn on_connect_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + Send + 'static,
        F: FnMut(S, Handle) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.on_connect(move |handle| handler(state.clone(), handle))
    }

    /// What is called with each message: a plain or an async function of a [`Handle`] and a
    /// [`Message`]. See [`handlers`](crate::handlers).
    pub fn on_message<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, Message) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_message(handler);
        self
    }

    /// [`on_message`](Builder::on_message) with something that the handler works with: each call gets a
    /// clone of it, such as an `Arc`. So an async closure need not capture it, which it could not lend to
    /// its future.
    ///
    /// ```
    /// # #[cfg(all(feature = "tokio", feature = "websocket"))] {
    /// use std::sync::{Arc, Mutex};
    ///
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let builder = engineio_client::tokio::Client::builder("http://localhost:3000")
    ///     .on_message_with(log.clone(), async |log, handle, message| {
    ///         log.lock().expect("nothing panics with it").push(message.clone());
    ///         handle.send(message).await?;
    ///         Ok(())
    ///     });
    /// # let _ = builder;
    /// # }
    /// ```
    pub fn on_message_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + Send + 'static,
        F: FnMut(S, Handle, Message) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.on_message(move |handle, message| handler(state.clone(), handle, message))
    }

    /// What is called when the session has gone over to a better transport, with its name. See
    /// [`handlers`](crate::handlers).
    pub fn on_upgrade<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, &'static str) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_upgrade(handler);
        self
    }

    /// [`on_upgrade`](Builder::on_upgrade) with something that the handler works with: each call gets a
    /// clone of it, such as an `Arc`. So an async closure need not capture it, which it could not lend to
    /// its future.
    pub fn on_upgrade_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + Send + 'static,
        F: FnMut(S, Handle, &'static str) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.on_upgrade(move |handle, transport| handler(state.clone(), handle, transport))
    }

    /// What is called when a session has ended and another may follow, where the client
    /// [reconnects](Builder::reconnect). The end of it all is told to
    /// [`on_disconnect`](Builder::on_disconnect). Reconnecting does not wait for the handler.
    pub fn on_connection_lost<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, Disconnected) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_connection_lost(handler);
        self
    }

    /// [`on_connection_lost`](Builder::on_connection_lost) with something that the handler works with: each call gets a clone of it,
    /// such as an `Arc`. So an async closure need not capture it, which it could not lend to its future.
    pub fn on_connection_lost_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + Send + 'static,
        F: FnMut(S, Handle, Disconnected) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.on_connection_lost(move |handle, end| handler(state.clone(), handle, end))
    }

    /// What is called before the delay of an attempt to [reconnect](Builder::reconnect). (Socket.IO's
    /// `reconnect_attempt` comes behind the delay.)
    pub fn on_reconnecting<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, Reconnecting) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_reconnecting(handler);
        self
    }

    /// [`on_reconnecting`](Builder::on_reconnecting) with something that the handler works with: each call gets a clone of it,
    /// such as an `Arc`. So an async closure need not capture it, which it could not lend to its future.
    pub fn on_reconnecting_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + Send + 'static,
        F: FnMut(S, Handle, Reconnecting) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.on_reconnecting(move |handle, next| handler(state.clone(), handle, next))
    }

    /// What is called with a message or a group that a client which [reconnects](Builder::reconnect) will
    /// never send.
    pub fn on_given_up<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, GivenUp) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_given_up(handler);
        self
    }

    /// [`on_given_up`](Builder::on_given_up) with something that the handler works with: each call gets a clone of it,
    /// such as an `Arc`. So an async closure need not capture it, which it could not lend to its future.
    pub fn on_given_up_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + Send + 'static,
        F: FnMut(S, Handle, GivenUp) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.on_given_up(move |handle, given_up| handler(state.clone(), handle, given_up))
    }

    /// What is called when a session that was open has ended, with the reason, after all messages
    /// that came before have been handled. See [`handlers`](crate::handlers).
    pub fn on_disconnect<F, O, K>(mut self, handler: F) -> Self
    where
        F: FnMut(Handle, Closed) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.handlers().on_disconnect(handler);
        self
    }

    /// [`on_disconnect`](Builder::on_disconnect) with something that the handler works with: each call gets a
    /// clone of it, such as an `Arc`. So an async closure need not capture it, which it could not lend to
    /// its future.
    pub fn on_disconnect_with<S, F, O, K>(self, state: S, mut handler: F) -> Self
    where
        S: Clone + Send + 'static,
        F: FnMut(S, Handle, Closed) -> O + Send + 'static,
        O: Outcome<K>,
    {
        self.on_disconnect(move |handle, closed| handler(state.clone(), handle, closed))
    }
}
