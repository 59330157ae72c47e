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
/// let settings = Settings {
///     ping_interval: Duration::from_secs(1),
///     upgrades: false,
///     ..Settings::default()
/// };
/// let (transport, server) = MockServer::with_settings(MockRuntime::new(), settings);
/// # drop((transport, server));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built with `..Settings::default()` by tests"
)]
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

impl Default for Settings {
    fn default() -> Self {
        Self {
            sid: "mock".into(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrades: true,
            max_payload: Some(1_000_000),
        }
    }
}
