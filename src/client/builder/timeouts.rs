//! How long the steps of a session may take.

use std::time::Duration;

use super::Builder;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Time-outs
impl<T: Transport, R: Runtime, K> Builder<T, R, K> {
    /// Sets the time limit for opening the session with one transport, from name resolution to the
    /// handshake. 10 s by default.
    ///
    /// After this time, the attempt fails with [`Timeout`](crate::ErrorKind::Timeout), and the next
    /// transport is tried with the same time limit. So with both built-in transports `connect` may take
    /// twice this time.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").open_timeout(Duration::from_secs(3));
    /// ```
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.open_timeout = timeout;
        self
    }

    /// Sets how long a POST of the polling transport may make no progress, that is, send no bytes. 10 s
    /// by default.
    ///
    /// After this time, the session ends with a [`Timeout`](crate::ErrorKind::Timeout) error, and the
    /// messages of the POST are in [`Closed::uncertain`](crate::Closed::uncertain). The corresponding
    /// limit of a WebSocket write is the server's `pingInterval + pingTimeout`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").send_timeout(Duration::from_secs(30));
    /// ```
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.send_timeout = timeout;
        self
    }

    /// Sets the time limit for an upgrade, from opening the probe to the switch. 7 s by default, because
    /// Node's server gives up after 10 s.
    ///
    /// After this time, the upgrade has failed ([`Event::UpgradeFailed`](crate::Event::UpgradeFailed)),
    /// and the session stays on polling.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").upgrade_timeout(Duration::from_secs(3));
    /// ```
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.upgrade_timeout = timeout;
        self
    }

    /// Sets how long closing may make no progress, either in sending the accepted messages or in
    /// receiving the server's answer to the close. 5 s by default.
    ///
    /// After this time, the session ends anyway, and [`Closed::is_clean`](crate::Closed::is_clean)
    /// returns `false`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000")
    ///     .close_timeout(Duration::from_secs(1))
    ///     .close_limit(Duration::from_secs(10));
    /// ```
    pub fn close_timeout(mut self, without_progress: Duration) -> Self {
        self.settings.config.close_timeout = without_progress;
        self
    }

    /// Sets the total time limit for closing, however much progress it makes. 60 s by default. After
    /// this time, the session ends as described at [`close_timeout`](Builder::close_timeout), which also
    /// has an example.
    pub fn close_limit(mut self, in_all: Duration) -> Self {
        self.settings.config.close_limit = in_all;
        self
    }
}
