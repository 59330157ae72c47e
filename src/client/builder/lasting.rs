//! Reconnecting and receipts.

use super::Builder;
use crate::receipts::Receipts;
use crate::reconnect::Reconnect;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Reconnecting and receipts
impl<T: Transport, R: Runtime, K> Builder<T, R, K> {
    /// Opens a new session when one ends: see [`Reconnect`]. Off by default: then the client has only
    /// one session.
    ///
    /// Client, handles, handlers and streams stay the same from session to session. Each session begins
    /// with an empty cookie jar and the settings of the builder, and resolves host names again.
    ///
    /// **Connecting.** [`connect`](Builder::connect) fails if the first attempt fails; after
    /// [`start`](Builder::start), the client goes on trying.
    ///
    /// **Sending.** While there is no session, [`send`](crate::Client::send) accepts messages into the
    /// outbox. In a session, a message that is larger than the server's `maxPayload` is refused on any
    /// transport, since the next session may begin with polling. A message that the current session
    /// cannot carry (a text with `\x1e` on polling, or a message larger than the `maxPayload` of a new
    /// server) waits for the upgrade, and the messages after it wait, too. If there is no upgrade, the
    /// message is given up ([`Event::GivenUp`]).
    ///
    /// **Waiting.** [`flush`](crate::Client::flush) and [`confirm`](crate::Client::confirm) go on
    /// waiting while the client reconnects. [`wait`](crate::Client::wait) waits until the client gives
    /// up or is closed.
    ///
    /// **Ending.** [`disconnect`](crate::Client::disconnect), [`close`](crate::Client::close) and
    /// dropping the client end it in any state, and no further connection is made. If no session is
    /// open, the accepted messages are not sent: [`Closed::unsent`](crate::Closed::unsent) has them.
    ///
    /// **Events.** A program may ignore them. The client keeps every unread [`Event::GivenUp`], but only
    /// the newest 1,024 unread events about sessions. Of several [`Event::Reconnecting`] in a row it
    /// keeps only the newest. [`Closed`](crate::Closed) has the totals of all sessions.
    ///
    /// ```no_run
    /// use engineio_client::{Event, Reconnect, Resend};
    /// use futures::StreamExt as _;
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut client = engineio_client::tokio::Client::builder("http://localhost:3000")
    ///     .reconnect(Reconnect::new().resend(Resend::Unconfirmed))
    ///     .connect()
    ///     .await?;
    /// client.send("an order").await?;
    /// while let Some(event) = client.next().await {
    ///     match event {
    ///         Event::Message(message) => println!("{message:?}"),
    ///         Event::Disconnected(end) => println!("session {} ended: {}", end.session, end.reason),
    ///         Event::Reconnecting(next) => println!("attempt {} in {:?}", next.attempt, next.delay),
    ///         Event::GivenUp(lost) => println!("not sent: {:?}", lost.messages),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Event::GivenUp`]: crate::Event::GivenUp
    /// [`Event::Reconnecting`]: crate::Event::Reconnecting
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.settings.reconnect = Some(reconnect);
        self
    }

    /// Finds out which messages have arrived: see [`Receipts`]. Off by default, but turned on and
    /// required by [`Resend::Unconfirmed`](crate::Resend::Unconfirmed).
    ///
    /// With receipts a POST has at most 16 packets, whatever
    /// [`packets_per_post`](Builder::packets_per_post) is: python-engineio discards a larger POST, and
    /// still answers 200.
    ///
    /// ```no_run
    /// use engineio_client::Receipts;
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = engineio_client::tokio::Client::builder("http://localhost:3000")
    ///     .receipts(Receipts::new())
    ///     .connect()
    ///     .await?;
    /// client.send("an order").await?;
    /// client.confirm().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn receipts(mut self, receipts: Receipts) -> Self {
        self.settings.config.receipts = Some(receipts.into());
        self
    }

    /// Sets whether a session without [receipts](Builder::receipts) still finds out, over WebSocket, how
    /// many messages were certainly read by the server. On by default.
    ///
    /// When the client answers the server's Engine.IO ping, it also sends a WebSocket ping (a
    /// [fence](crate::Fence), at most 22 bytes), if it has sent messages since the last fence. The
    /// WebSocket pongs let [`Closed::confirmed`](crate::Closed::confirmed) count the messages sent
    /// before each fence. Without fences, all messages of the session count as unconfirmed.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// // For a server that cannot handle WebSocket pings.
    /// let builder = Client::builder("http://localhost:3000").fences(false);
    /// ```
    pub fn fences(mut self, fences: bool) -> Self {
        self.settings.config.fences = fences;
        self
    }
}
