//! What can be set about receipts, and the fences that tell of a session's end.

use super::Builder;
use crate::receipts::Receipts;
use crate::reconnect::Reconnect;
use crate::runtime::Runtime;
use crate::transport::Transport;

impl<T: Transport, R: Runtime, K> Builder<T, R, K> {
    /// Whether it is found out which messages have arrived: see [`Receipts`]. Off by default.
    ///
    /// A POST then holds 16 packets at most, whatever [`packets_per_post`](Builder::packets_per_post)
    /// says: python-engineio discards a larger one, and answers 200.
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

    /// That the client opens a new session when one ends: see [`Reconnect`]. Off by default: a client is one
    /// session then.
    ///
    /// The client, its handles, handlers and streams stay the same. While there is no session,
    /// [`send`](crate::Client::send) accepts messages into the outbox, by the rules of the last session;
    /// before the first, by those of polling without a `maxPayload`. In a session nothing is accepted that
    /// is larger than its `maxPayload`, on any transport: it may leave in the next one, by polling. A message
    /// that the next session can't carry (a text with `` by polling, or more than its `maxPayload`) waits
    /// for the upgrade, with all behind it, and is given up if that fails ([`Event::GivenUp`]).
    ///
    /// [`flush`](crate::Client::flush) and [`confirm`](crate::Client::confirm) wait through reconnecting.
    /// [`wait`](crate::Client::wait) waits for the end of it all. [`disconnect`](crate::Client::disconnect) and
    /// dropping the client end it at once, in any state, and nothing connects afterwards.
    /// [`connect`](Builder::connect) fails at once if the first connection fails;
    /// [`start`](Builder::start) goes on trying.
    ///
    /// Who does not read the events need not: of those of sessions the newest 1,024 are kept, of
    /// [`Event::Reconnecting`] in a row the newest, and each [`Event::GivenUp`]. The last
    /// [`Closed`](crate::Closed) has the totals.
    ///
    /// Each session begins with an empty cookie jar and with what was set here, and resolves names anew.
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

    /// Whether, without [receipts](Builder::receipts), a websocket's ping goes along with each answer to a
    /// ping of the server's, where messages have left since the last. By its answer
    /// [`Closed`](crate::Closed) can tell how many messages were confirmed, instead of that any of
    /// them may be lost. On by default; it is 22 bytes an interval at most.
    pub fn fences(mut self, fences: bool) -> Self {
        self.settings.config.fences = fences;
        self
    }
}
