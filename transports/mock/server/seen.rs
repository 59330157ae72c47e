//! What the server has seen of a client.

use std::time::Duration;

use engineio_client::Packet;

/// A packet that the server was sent.
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
    /// When it came, on the runtime's clock.
    pub at: Duration,
    /// The transport that carried it.
    pub transport: &'static str,
    /// What came. A goodbye is [`Packet::Close`], in whichever way it was said.
    pub packet: Packet,
}

/// How a session ended, as the server sees it.
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
    /// The client said goodbye.
    Goodbye,
    /// The client dropped its connection, or its running poll, without a goodbye.
    Dropped,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// The server closed it.
    Closed,
    /// The server cut the connection.
    Cut,
}
