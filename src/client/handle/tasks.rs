//! Tasks and timers.

use std::future::Future;
use std::time::Duration;

use super::Handle;
use crate::client::task::Task;
use crate::runtime::MaybeSend;

impl Handle {
    /// Spawns a task on the runtime of the session. The task does not end when the session ends: it can
    /// [wait](Handle::wait) for the end, or stop when [`send`](Handle::send) fails.
    ///
    /// In a blocking client, [`start_background_task`] runs a function on a new thread.
    ///
    /// [`start_background_task`]: crate::blocking::Handle::start_background_task
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) -> Result<(), engineio_client::Error> {
    /// use std::time::Duration;
    ///
    /// let ticker = handle.clone();
    /// let task = handle.spawn(async move {
    ///     let mut sent = 0;
    ///     while ticker.send("tick").await.is_ok() {
    ///         sent += 1;
    ///         ticker.sleep(Duration::from_secs(1)).await;
    ///     }
    ///     sent
    /// });
    /// handle.wait().await;
    /// println!("{} ticks", task.await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + MaybeSend + 'static,
        F::Output: MaybeSend + 'static,
    {
        Task::spawn(&*self.shared.runtime, future)
    }

    /// Waits for `duration`, on the clock of the session's runtime.
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) {
    /// use std::time::Duration;
    ///
    /// while handle.send("tick").await.is_ok() {
    ///     handle.sleep(Duration::from_secs(1)).await;
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn sleep(&self, duration: Duration) {
        self.shared.runtime.sleep(duration).await;
    }
}
