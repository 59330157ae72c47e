//! Reconnecting at once, closing, and waiting for the end.

use super::Client;
use crate::event::Closed;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Ending
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Closes the session and waits for its end. For closing without waiting there is
    /// [`close`](Client::close).
    ///
    /// No more messages are accepted. The accepted ones are sent first, which takes no longer than the
    /// [`close_timeout`](crate::Builder::close_timeout) and [`close_limit`](crate::Builder::close_limit)
    /// allow. Then `disconnect` waits as [`wait`](Client::wait) does, including for
    /// [handlers](crate::handlers). Messages that are received meanwhile can still be read; messages for
    /// which the inbox has no room are dropped.
    ///
    /// Without an open session nothing can be sent. If a client that
    /// [reconnects](crate::Builder::reconnect) is closed before its first session, between two sessions,
    /// or before the [greeting](crate::Reconnect::greeting) of a session has returned, the accepted
    /// messages are in [`Closed::unsent`](crate::Closed::unsent). With
    /// [`Resend::Unconfirmed`](crate::Resend::Unconfirmed), those that an earlier session has already
    /// tried to send are in [`Closed::uncertain`](crate::Closed::uncertain). To have them sent, call
    /// [`flush`](Client::flush) or [`confirm`](Client::confirm) first: both go on waiting while the
    /// client reconnects.
    ///
    /// ```no_run
    /// # async fn run(client: engineio_client::tokio::Client) {
    /// let closed = client.disconnect().await;
    /// if !closed.is_clean() {
    ///     println!("{closed}: {} messages were not sent", closed.unsent().len());
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: the session goes on closing.
    pub async fn disconnect(&self) -> Closed {
        self.close();
        self.wait().await
    }

    /// Begins to close the session, as [`disconnect`](Client::disconnect) does, and returns at once.
    ///
    /// ```no_run
    /// # async fn run(mut client: engineio_client::tokio::Client) {
    /// client.close();
    /// // What the server sends before the end can still be read.
    /// while let Some(message) = client.recv().await {
    ///     println!("{message:?}");
    /// }
    /// # }
    /// ```
    pub fn close(&self) {
        self.handle.close();
    }

    /// Waits for the end of the session, for whatever reason it ends, and until the
    /// [disconnect handler](crate::Builder::on_disconnect) has returned, if there is one. A client that
    /// [reconnects](crate::Builder::reconnect) waits until no other session will follow.
    ///
    /// A handler that awaited this would wait for itself. Handlers use
    /// [`Handle::wait`](crate::Handle::wait) instead.
    ///
    /// ```no_run
    /// use engineio_client::Reason;
    ///
    /// # async fn run(client: engineio_client::tokio::Client) {
    /// match client.wait().await.reason() {
    ///     Reason::Server { .. } => println!("the server closed the session"),
    ///     Reason::Transport(error) => println!("the connection failed: {}", error.report()),
    ///     reason => println!("{reason}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: `wait` can be called again, even after the session has ended.
    pub async fn wait(&self) -> Closed {
        self.handle.wait_for_handlers().await
    }

    /// Returns whether the session has ended. If so, [`wait`](Client::wait) returns the reason.
    ///
    /// ```no_run
    /// # async fn run(client: engineio_client::tokio::Client) {
    /// if client.is_closed() {
    ///     println!("{}", client.wait().await);
    /// }
    /// # }
    /// ```
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Makes the next attempt to [reconnect](crate::Builder::reconnect) now, instead of after its delay.
    /// Does nothing unless the client is waiting for that delay.
    ///
    /// ```no_run
    /// # fn network_is_back(client: &engineio_client::tokio::Client) {
    /// client.reconnect_now();
    /// # }
    /// ```
    pub fn reconnect_now(&self) {
        self.handle.reconnect_now();
    }
}
