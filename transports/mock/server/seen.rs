//! What the mock server records about a client.

use std::time::Duration;

use engineio_client::Packet;

/// A packet that the server has received.
///
/// ```
/// use engineio_client::Packet;
/// use engineio_client::transports::mock::MockSession;
///
/// /// When the client confirmed its upgrade.
/// fn upgraded_at(session: &MockSession) -> Option<std::time::Duration> {
///     let seen = session.seen();
///     let upgrade = seen.iter().find(|seen| seen.packet == Packet::Upgrade)?;
///     assert_eq!(upgrade.transport, "websocket");
///     Some(upgrade.at)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// When the packet arrived, by the runtime's clock.
    pub at: Duration,
    /// The transport that carried it: `polling` or `websocket`.
    pub transport: &'static str,
    /// The packet. A WebSocket close frame counts as [`Packet::Close`], too.
    pub packet: Packet,
}

/// How a session ended, from the server's point of view.
///
/// ```
/// use engineio_client::transports::mock::{MockSession, SessionEnd};
///
/// async fn leaves_politely(session: &mut MockSession) {
///     assert_eq!(session.ended().await, SessionEnd::Goodbye);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The client closed the session.
    Goodbye,
    /// The client dropped its connection or its running poll without closing the session.
    Dropped,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// The server closed the session.
    Closed,
    /// The server cut the connection.
    Cut,
}
