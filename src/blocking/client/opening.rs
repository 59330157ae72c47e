//! Connecting, and waiting for the session and its upgrade.

use super::Client;
use crate::blocking::background::Background;
use crate::blocking::block_on::block_on;
use crate::client::Builder;
use crate::client_kind::Blocking;
use crate::error::Error;
use crate::event::Connected;
use crate::runtime::Runtime;
use crate::transport::Transport;
use crate::transports::Transports;

impl Client {
    /// Returns a [`Builder`], which has all settings, for a connection to `url`.
    ///
    /// The builder has the same setters as for an async client, but creates a blocking client. The
    /// handlers of a blocking client are plain functions that take a
    /// [`blocking::Handle`](crate::blocking::Handle). They are called on a thread of their own.
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

/// # Opening
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Waits until the session is open. Needed only after [`Builder::start`](Builder#method.start-1).
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// let connected = client.opened()?;
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

    /// Waits until the upgrade has ended, and returns the name of the transport in use.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// println!("on {}", client.upgraded()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) if the session ended before the upgrade did. Any other kind
    /// is the reason why the upgrade failed; the session goes on with the first transport.
    pub fn upgraded(&self) -> Result<&'static str, Error> {
        self.handle.upgraded()
    }

    /// Returns the id of the session. It is `None` until a session has opened, and while a client is
    /// [reconnecting](crate::Builder::reconnect).
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) {
    /// println!("session {:?} by {:?}", client.sid(), client.transport());
    /// # }
    /// ```
    pub fn sid(&self) -> Option<String> {
        self.inner.sid()
    }

    /// Returns the name of the transport in use. It is `None` whenever [`sid`](Self::sid) is.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) {
    /// println!("on {:?}", client.transport());
    /// # }
    /// ```
    pub fn transport(&self) -> Option<&'static str> {
        self.inner.transport()
    }
}
