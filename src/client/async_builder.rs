//! Creates async clients: `Client::builder`, `Builder::start` and `Builder::connect`.

use std::sync::Arc;

use tracing::Instrument as _;

use super::builder::Builder;
use super::session::Client;
use super::start::Started;
use crate::error::Error;
use crate::runtime::Runtime;
use crate::transport::Transport;

impl<T: Transport + Default, R: Runtime + Default> Client<T, R> {
    /// Returns a [`Builder`], which has all settings, for a connection to `url`.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::tokio::Client::builder("http://localhost:3000")
    ///     .header("Authorization", "Bearer secret")
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(url: impl AsRef<str>) -> Builder<T, R> {
        Builder::new(url, T::default(), R::default())
    }

    /// Connects with the default settings, and waits until the session is open.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::tokio::Client::connect("http://localhost:3000").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The same as [`Builder::connect`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the connection attempt is aborted and its session
    /// closed.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }
}

impl<T: Transport, R: Runtime> Builder<T, R> {
    /// Creates a builder for a connection to `url` with this transport and runtime.
    ///
    /// The scheme is `http`, `https`, `ws` or `wss`; `ws` means the same as `http`, and `wss` the same
    /// as `https`, since [`transports`](Builder::transports) chooses the transport. The path of the URL
    /// is the Engine.IO path; if the URL's path is empty or `/`, the Engine.IO path is `/engine.io/`.
    /// The query is sent with every request. User and password are sent as Basic authentication.
    ///
    /// A `unix` URL, such as `unix:///run/server.sock`, names a Unix socket. The host is then
    /// `localhost`, and the Engine.IO path is `/engine.io/` unless [`path`](Builder::path) sets another.
    ///
    /// ```
    /// # #[cfg(all(feature = "smol", feature = "websocket"))] {
    /// use engineio_client::{Builder, Smol, transports::WebSocket};
    ///
    /// let builder = Builder::new("ws://localhost:3000", WebSocket::default(), Smol::new());
    /// # }
    /// ```
    pub fn new(url: impl AsRef<str>, transport: T, runtime: R) -> Self {
        Self::of_kind(url, transport, runtime)
    }

    /// Starts to connect, and returns the client at once. [`Client::opened`] waits until the session is
    /// open.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::tokio::Client::builder("http://localhost:3000").start()?;
    /// let handle = client.handle();
    /// client.opened().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Invalid`](crate::ErrorKind::Invalid): a setting cannot be used. The message says which.
    /// - [`Runtime`](crate::ErrorKind::Runtime): the runtime cannot be used here, for example because
    ///   `Tokio` was used outside of a tokio runtime.
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
    /// Makes one attempt, also with [`reconnect`](Builder::reconnect): if the first connection fails,
    /// `connect` returns the error and the client ends. A client from [`start`](Builder::start) goes on
    /// trying.
    ///
    /// ```no_run
    /// # async fn run() {
    /// let builder = engineio_client::tokio::Client::builder("http://localhost:3000");
    /// match builder.connect().await {
    ///     Ok(client) => println!("connected over {:?}", client.transport()),
    ///     Err(error) if error.is_retryable() => eprintln!("try again later: {}", error.report()),
    ///     Err(error) => eprintln!("{}", error.report()),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`start`](Builder::start) and of [`Client::opened`].
    /// [`Error::is_retryable`] returns whether another attempt can succeed without a change.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the connection attempt is aborted and its session
    /// closed.
    pub async fn connect(self) -> Result<Client<T, R>, Error> {
        let client = self.that_must_connect().start()?;
        client.opened().await?;
        Ok(client)
    }
}
