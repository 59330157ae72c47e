//! What can be set about receipts, and the fences that tell of a session's end.

use super::Builder;
use crate::engine::ReceiptsConfig;
use crate::receipts::Receipts;
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
        self.settings.config.receipts = Some(ReceiptsConfig {
            window: receipts.window.into(),
            required: receipts.required,
        });
        self
    }

    /// Whether, without [receipts](Builder::receipts), a websocket's ping goes along with each answer to a
    /// ping of the server's and with the goodbye, where messages have left since the last. By its answer
    /// [`Closed`](crate::Closed) can tell how many messages were confirmed, instead of that any of
    /// them may be lost. On by default; it is 22 bytes an interval at most.
    pub fn fences(mut self, fences: bool) -> Self {
        self.settings.config.fences = fences;
        self
    }
}
