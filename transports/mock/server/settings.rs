//! Settings of the mock server. Its handshake contains most of them.

use std::time::Duration;

/// Settings of a [`MockServer`](super::MockServer).
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::MockRuntime;
/// use engineio_client::transports::mock::{MockServer, Settings};
///
/// let settings = Settings::new()
///     .sid("chat")
///     .ping_interval(Duration::from_secs(1))
///     .ping_timeout(Duration::from_millis(500))
///     .upgrades(false)
///     .max_payload(Some(1000));
/// let (transport, server) = MockServer::with_settings(MockRuntime::new(), settings);
/// # drop((transport, server));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The first session's id. The ids of later sessions have a number appended: `mock-2`, and so on.
    /// Default: `mock`.
    pub sid: String,
    /// The time from the opening of the session, or from a pong, to the next ping. Default: 25 s.
    pub ping_interval: Duration,
    /// How long the server waits for a pong. Default: 20 s.
    pub ping_timeout: Duration,
    /// Whether the server offers the upgrade from polling to WebSocket. Default: `true`.
    pub upgrades: bool,
    /// Maximum number of bytes in the body of a POST. A larger body is refused with status 413. `None`
    /// means no limit. Default: 1,000,000 bytes.
    pub max_payload: Option<u64>,
}

impl Settings {
    /// The default settings.
    ///
    /// ```
    /// use engineio_client::transports::mock::Settings;
    ///
    /// assert_eq!(Settings::new(), Settings::default());
    /// ```
    pub fn new() -> Self {
        Self {
            sid: "mock".into(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrades: true,
            max_payload: Some(1_000_000),
        }
    }

    /// Sets the id of the first session. The ids of later sessions have a number appended: `mock-2`,
    /// and so on. Default: `mock`.
    ///
    /// ```
    /// use engineio_client::transports::mock::Settings;
    ///
    /// assert_eq!(Settings::new().sid("chat").sid, "chat");
    /// ```
    #[must_use]
    pub fn sid(mut self, sid: impl Into<String>) -> Self {
        self.sid = sid.into();
        self
    }

    /// Sets the time from the opening of the session, or from a pong, to the next ping. The handshake
    /// contains it in whole milliseconds. Default: 25 s.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::transports::mock::Settings;
    ///
    /// let settings = Settings::new().ping_interval(Duration::from_millis(300));
    /// assert_eq!(settings.ping_interval.as_millis(), 300);
    /// ```
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// Sets how long the server waits for a pong before it ends the session. The handshake contains it
    /// in whole milliseconds. Default: 20 s.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::transports::mock::Settings;
    ///
    /// let settings = Settings::new().ping_timeout(Duration::from_millis(200));
    /// assert_eq!(settings.ping_timeout.as_millis(), 200);
    /// ```
    #[must_use]
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.ping_timeout = timeout;
        self
    }

    /// Sets whether the server offers the upgrade from polling to WebSocket. Default: `true`.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockServer;
    /// use engineio_client::transports::mock::Settings;
    /// use engineio_client::{Builder, MockRuntime};
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.block_on(async {
    ///     let settings = Settings::new().upgrades(false);
    ///     let (transport, mut server) = MockServer::with_settings(runtime.clone(), settings);
    ///     let client = Builder::new("http://chat.test", transport, runtime.clone()).connect().await?;
    ///     assert_eq!(client.transport(), Some("polling"));
    ///     # drop(server.session().await);
    ///     # Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn upgrades(mut self, upgrades: bool) -> Self {
        self.upgrades = upgrades;
        self
    }

    /// Sets the maximum number of bytes in the body of a POST. A larger body is refused with status
    /// 413. `None` means no limit. Default: 1,000,000 bytes.
    ///
    /// ```
    /// use engineio_client::transports::mock::Settings;
    ///
    /// assert_eq!(Settings::new().max_payload, Some(1_000_000));
    /// assert_eq!(Settings::new().max_payload(None).max_payload, None);
    /// ```
    #[must_use]
    pub fn max_payload(mut self, bytes: Option<u64>) -> Self {
        self.max_payload = bytes;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
