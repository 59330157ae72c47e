//! How long the steps of a session may take.

use std::time::Duration;

use super::Builder;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Time-outs
impl<T: Transport, R: Runtime, K> Builder<T, R, K> {
    /// Sets the time for opening the session by one transport, from name resolution to the handshake. 10
    /// s by default.
    ///
    /// When it has passed, the attempt fails with [`Timeout`](crate::ErrorKind::Timeout), and the next
    /// transport is tried for as long. So with both built-in transports `connect` may take twice this
    /// time.
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

    /// Sets how long a POST of polling may make no progress. 10 s by default. Progress
    /// means that bytes leave.
    ///
    /// When it has passed, the session ends with a [`Timeout`](crate::ErrorKind::Timeout) error, and the
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

    /// Sets the time for an upgrade, from opening the probe to the switch. 7 s by default: Node's server
    /// gives up after 10 s.
    ///
    /// When it has passed, the upgrade has failed
    /// ([`Event::UpgradeFailed`](crate::Event::UpgradeFailed)), and the session stays on polling.
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

    /// Sets how long a close may make no progress: neither in flushing the accepted messages, nor in the
    /// server's answer to the close. 5 s by default.
    ///
    /// When it has passed, the session ends anyway, and [`Closed::is_clean`](crate::Closed::is_clean)
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

    /// Sets the total time for a close that does make progress. 60 s by default. When it has passed, the
    /// session ends as after [`close_timeout`](Builder::close_timeout), where there is an example.
    pub fn close_limit(mut self, in_all: Duration) -> Self {
        self.settings.config.close_limit = in_all;
        self
    }
}
