//! Reconnecting at once, closing, and waiting for the end.

use super::Client;
use crate::blocking::block_on::block_on;
use crate::event::Closed;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Ending
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Closes the session and waits for its end. For closing without waiting there is
    /// [`close`](Client::close).
    ///
    /// No more messages are accepted, and the accepted ones are sent first. Then `disconnect` waits as
    /// [`wait`](Client::wait) does. See [`Client::disconnect`](crate::Client::disconnect) for how long
    /// this can take.
    ///
    /// Without an open session nothing can be sent: the accepted messages are then in
    /// [`Closed::unsent`]. [`flush`](Client::flush) and [`confirm`](Client::confirm) wait for a session.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) {
    /// let closed = client.disconnect();
    /// if !closed.is_clean() {
    ///     println!("{closed}: {} messages were not sent", closed.unsent().len());
    /// }
    /// # }
    /// ```
    pub fn disconnect(&self) -> Closed {
        block_on(self.inner.disconnect())
    }

    /// Begins to close the session, as [`disconnect`](Self::disconnect) does, and returns at once.
    ///
    /// ```no_run
    /// # fn run(mut client: engineio_client::blocking::Client) {
    /// client.close();
    /// // What the server sends before the end can still be read.
    /// for message in &mut client {
    ///     println!("{message:?}");
    /// }
    /// # }
    /// ```
    pub fn close(&self) {
        self.handle.close();
    }

    /// Waits for the end of the session, for whatever reason it ends, and until the disconnect handler
    /// has returned, if there is one. A handler that called this would wait for itself. Handlers use
    /// [`Handle::wait`](crate::blocking::Handle::wait) instead.
    pub fn wait(&self) -> Closed {
        block_on(self.inner.wait())
    }

    /// Returns whether the session has ended.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) {
    /// if client.is_closed() {
    ///     println!("{}", client.wait());
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
    /// # fn run(client: engineio_client::blocking::Client) {
    /// // The network is back.
    /// client.reconnect_now();
    /// # }
    /// ```
    pub fn reconnect_now(&self) {
        self.handle.reconnect_now();
    }
}
