//! Reconnecting at once, closing, and waiting for the end.

use super::Handle;
use crate::client::shared::State;
use crate::client::waiting::Turning;
use crate::event::Closed;

impl Handle {
    /// Closes the session and waits for its end, as [`Client::disconnect`](crate::Client::disconnect)
    /// does, but not for the disconnect handler. So handlers can await it.
    ///
    /// Without an open session nothing can be sent: the accepted messages are then in
    /// [`Closed::unsent`].
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").on_message(async |handle, message| {
    ///     if message.as_text() == Some("goodbye") {
    ///         handle.disconnect().await;
    ///     }
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: the session goes on closing.
    pub async fn disconnect(&self) -> Closed {
        self.shared.close();
        self.wait().await
    }

    /// Begins to close the session, as [`disconnect`](Handle::disconnect) does, and returns at once.
    /// Plain handlers, and other code that cannot await, can call this.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").on_message(|handle, message| {
    ///     if message.as_text() == Some("goodbye") {
    ///         handle.close();
    ///     }
    /// });
    /// ```
    pub fn close(&self) {
        self.shared.close();
    }

    /// Waits for the end of the session, as [`Client::wait`](crate::Client::wait) does, but not for the
    /// disconnect handler. So handlers can await it.
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) {
    /// println!("{}", handle.wait().await);
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: `wait` can be called again, even after the session has ended.
    pub async fn wait(&self) -> Closed {
        Turning::new(&self.shared, |state| state.closed().cloned()).await
    }

    pub(crate) async fn wait_for_handlers(&self) -> Closed {
        let handled = |state: &State| state.closed().filter(|_| !state.handling).cloned();
        Turning::new(&self.shared, handled).await
    }

    /// Returns whether the session has ended. If so, [`wait`](Handle::wait) returns the reason at once.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::Handle) {
    /// while !handle.is_closed() {
    ///     // Work for the session.
    /// }
    /// # }
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.state().closed().is_some()
    }

    /// Makes the next attempt to [reconnect](crate::Builder::reconnect) now, instead of after its delay.
    /// Does nothing unless the client is waiting for that delay.
    ///
    /// ```no_run
    /// # fn run(handle: engineio_client::Handle) {
    /// // The network is back.
    /// handle.reconnect_now();
    /// # }
    /// ```
    pub fn reconnect_now(&self) {
        self.shared.reconnect_now();
    }
}
