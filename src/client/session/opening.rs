//! Waiting for the session and its upgrade.

use super::Client;
use crate::error::Error;
use crate::event::Connected;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Opening
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Waits until the session is open. Needed only after [`Builder::start`](crate::Builder::start).
    ///
    /// A client that [reconnects](crate::Builder::reconnect) waits until any attempt succeeds.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// let client = engineio_client::tokio::Client::builder("http://localhost:3000").start()?;
    /// let connected = client.opened().await?;
    /// println!("session {} over {}", connected.handshake.sid, connected.transport);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The reason why the session could not be opened. If several transports were tried, the message
    /// names the reason of each. [`Error::is_retryable`] returns whether another attempt can succeed
    /// without a change.
    ///
    /// - [`Resolve`], [`Connect`], [`Proxy`], [`Tls`]: the client could not connect to the server.
    /// - [`Status`]: the server refused the request; [`Error::status`] has the HTTP status.
    /// - [`NotEngineIo`], [`Http`], [`WebSocket`], [`Handshake`], [`Protocol`]: the response is not that
    ///   of an Engine.IO 4 server. Check the URL and its path.
    /// - [`Timeout`], [`Limit`]: [`Error::limit`] names the limit that was reached.
    /// - [`Unsupported`]: [receipts](crate::Receipts) are required, and the server cannot confirm
    ///   messages.
    /// - [`Closed`]: this client was closed before the session was open.
    /// - [`Aborted`]: the task that drives the connection was dropped with its runtime, or panicked.
    ///
    /// # Cancel safety
    ///
    /// Safe: the session goes on opening, and `opened` can be called again.
    ///
    /// [`Resolve`]: crate::ErrorKind::Resolve
    /// [`Connect`]: crate::ErrorKind::Connect
    /// [`Proxy`]: crate::ErrorKind::Proxy
    /// [`Tls`]: crate::ErrorKind::Tls
    /// [`Status`]: crate::ErrorKind::Status
    /// [`NotEngineIo`]: crate::ErrorKind::NotEngineIo
    /// [`Http`]: crate::ErrorKind::Http
    /// [`WebSocket`]: crate::ErrorKind::WebSocket
    /// [`Handshake`]: crate::ErrorKind::Handshake
    /// [`Protocol`]: crate::ErrorKind::Protocol
    /// [`Timeout`]: crate::ErrorKind::Timeout
    /// [`Limit`]: crate::ErrorKind::Limit
    /// [`Unsupported`]: crate::ErrorKind::Unsupported
    /// [`Closed`]: crate::ErrorKind::Closed
    /// [`Aborted`]: crate::ErrorKind::Aborted
    pub async fn opened(&self) -> Result<Connected, Error> {
        self.handle.opened().await
    }

    /// Waits until the upgrade has ended, and returns the name of the transport in use: the new one, or
    /// the first one if the session does not upgrade.
    ///
    /// ```no_run
    /// # async fn run(client: engineio_client::tokio::Client) {
    /// match client.upgraded().await {
    ///     Ok(transport) => println!("on {transport}"),
    ///     Err(error) if error.is_closed() => println!("the session has ended"),
    ///     Err(error) => println!("still on polling: {}", error.report()),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Closed`](crate::ErrorKind::Closed): the session ended before the upgrade did.
    /// - Any other kind: the upgrade failed for this reason, and the session goes on with the first
    ///   transport.
    ///
    /// # Cancel safety
    ///
    /// Safe: the upgrade goes on.
    pub async fn upgraded(&self) -> Result<&'static str, Error> {
        self.handle.upgraded().await
    }

    /// Returns the id of the session. It is `None` until a session has opened, and while a client is
    /// [reconnecting](crate::Builder::reconnect).
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::tokio::Client) {
    /// println!("session {:?} by {:?}", client.sid(), client.transport());
    /// # }
    /// ```
    pub fn sid(&self) -> Option<String> {
        self.handle.sid()
    }

    /// Returns the name of the transport in use, such as `"polling"` or `"websocket"`. It is `None`
    /// whenever [`sid`](Self::sid) is.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::tokio::Client) {
    /// println!("on {:?}", client.transport());
    /// # }
    /// ```
    pub fn transport(&self) -> Option<&'static str> {
        self.handle.transport()
    }
}
