//! Handles, tasks and timers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Client;
use crate::client::handle::Handle;
use crate::client::task::Task;
use crate::runtime::{MaybeSend, Runtime};
use crate::transport::Transport;

/// # Handles and tasks
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Returns a handle, which sends and closes from other tasks. It does not keep the session open.
    ///
    /// ```no_run
    /// # async fn run(mut client: engineio_client::tokio::Client) {
    /// let handle = client.handle();
    /// tokio::spawn(async move { handle.send("from another task").await });
    /// println!("{:?}", client.recv().await);
    /// # }
    /// ```
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Spawns a task on the runtime of the session: see [`Handle::spawn`]. In a blocking
    /// client, [`start_background_task`](crate::blocking::Client::start_background_task) runs a function
    /// on a new thread.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::tokio::Client) {
    /// let handle = client.handle();
    /// let task = client.spawn(async move {
    ///     let closed = handle.wait().await;
    ///     println!("{closed}");
    /// });
    /// # }
    /// ```
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + MaybeSend + 'static,
        F::Output: MaybeSend + 'static,
    {
        self.handle.spawn(future)
    }

    /// Waits for `duration`, on the clock of the session's runtime.
    ///
    /// To wait for a message for a limited time, use [`recv_timeout`](Client::recv_timeout). To sleep in
    /// a `select!` beside [`recv`](Client::recv), which borrows the client mutably, use
    /// [`Handle::sleep`](crate::Handle::sleep).
    ///
    /// ```no_run
    /// # async fn run(client: engineio_client::tokio::Client) {
    /// use std::time::Duration;
    ///
    /// while client.send("tick").await.is_ok() {
    ///     client.sleep(Duration::from_secs(1)).await;
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn sleep(&self, duration: Duration) {
        self.handle.sleep(duration).await;
    }

    /// Returns the runtime that the session runs on.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::tokio::Client) {
    /// use engineio_client::Runtime as _;
    ///
    /// println!("the clock of the session says {:?}", client.runtime().now());
    /// # }
    /// ```
    pub fn runtime(&self) -> &Arc<R> {
        &self.runtime
    }
}
