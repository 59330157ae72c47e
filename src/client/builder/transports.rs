//! Which transports a session uses.

use std::marker::PhantomData;

use super::Builder;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Transports
impl<T: Transport, R: Runtime, K> Builder<T, R, K> {
    /// Sets the transports to use, by name, in order of preference. `["polling", "websocket"]` by
    /// default.
    ///
    /// The first transport opens the session. If that is polling, the session may
    /// [upgrade](Builder::upgrade) to one of the others. If the first transport cannot open the session,
    /// the next one is [tried](Builder::fall_back). An unknown name, a name given twice and an empty
    /// list are [`Invalid`](crate::ErrorKind::Invalid) errors of `start` and `connect`.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// // WebSocket first; polling for networks that block it.
    /// let builder = Client::builder("http://localhost:3000").transports(["websocket", "polling"]);
    /// ```
    pub fn transports<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.settings.names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Replaces the transport with a custom one, or with a list of transports
    /// ([`Transports`](crate::transports::Transports)).
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// use engineio_client::transports::WebSocket;
    ///
    /// let websocket = WebSocket::default().read_buffer_size(32 * 1024);
    /// let builder = Client::builder("http://localhost:3000").transport(websocket);
    /// ```
    pub fn transport<T2: Transport>(self, transport: T2) -> Builder<T2, R, K> {
        Builder {
            transport,
            runtime: self.runtime,
            settings: self.settings,
            handlers: self.handlers,
            kind: PhantomData,
        }
    }

    /// Sets whether a session on polling upgrades to a better transport. On by default.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").upgrade(false);
    /// ```
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        self.settings.config.upgrade = upgrade;
        self
    }

    /// Sets whether the client remembers servers that have upgraded a session to WebSocket, and tries
    /// WebSocket first when it connects to them again. This saves the polling requests. Off by default.
    ///
    /// The process remembers up to 1024 servers. It forgets a server when an upgrade fails, or when a
    /// session can only be opened by polling.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").remember_upgrade(true);
    /// ```
    pub fn remember_upgrade(mut self, remember: bool) -> Self {
        self.settings.remember_upgrade = remember;
        self
    }

    /// Sets whether the next transport is tried if one cannot open the session. On by default. If all
    /// transports fail, the error lists the reason of each. It has the kind of the last one, or
    /// [`NotEngineIo`](crate::ErrorKind::NotEngineIo) if the server answered with web pages.
    ///
    /// After a [`Handshake`](crate::ErrorKind::Handshake), [`Protocol`](crate::ErrorKind::Protocol),
    /// [`Limit`](crate::ErrorKind::Limit) or [`Invalid`](crate::ErrorKind::Invalid) error no other
    /// transport is tried: the server's answer would be the same.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").fall_back(false);
    /// ```
    pub fn fall_back(mut self, fall_back: bool) -> Self {
        self.settings.config.fall_back = fall_back;
        self
    }
}
