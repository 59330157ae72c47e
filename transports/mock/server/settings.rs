//! What the mock server tells its clients in the handshake, and its limits.

use std::time::Duration;

/// What a [`MockServer`](super::MockServer) tells its clients.
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
    /// The first session's id; the second one's is this with `-2` behind, and so on. `mock` by
    /// default.
    pub sid: String,
    /// The time from the opening, or from a pong, to the next ping. 25 s by default.
    pub ping_interval: Duration,
    /// How long the server waits for a pong. 20 s by default.
    pub ping_timeout: Duration,
    /// Whether the server offers the upgrade from polling to websocket. It does by default.
    pub upgrades: bool,
    /// The most bytes in a body that the server takes by polling; a larger one is refused with
    /// status 413. One million by default, and `None` is no limit.
    pub max_payload: Option<u64>,
}

impl Settings {
    /// The defaults of each field.
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

    /// Sets the id of the first session: `mock` by default. Later sessions have a number behind it:
    /// `mock-2`, and so on.
    ///
    /// See [`Settings`] for an example.
    #[must_use]
    pub fn sid(mut self, sid: impl Into<String>) -> Self {
        self.sid = sid.into();
        self
    }

    /// Sets the time from the opening, or from a pong, to the next ping: 25 s by default. The
    /// handshake tells it in whole milliseconds.
    ///
    /// See [`Settings`] for an example.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// Sets how long the server waits for a pong before it ends the session: 20 s by default. The
    /// handshake tells it in whole milliseconds.
    ///
    /// See [`Settings`] for an example.
    #[must_use]
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.ping_timeout = timeout;
        self
    }

    /// Sets whether the server offers the upgrade from polling to websocket: `true` by default.
    ///
    /// See [`Settings`] for an example.
    #[must_use]
    pub fn upgrades(mut self, upgrades: bool) -> Self {
        self.upgrades = upgrades;
        self
    }

    /// Sets the most bytes in the body of a POST: one million by default, and `None` is no limit. A
    /// larger body is refused with status 413.
    ///
    /// See [`Settings`] for an example.
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
