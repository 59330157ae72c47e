//! Handles, threads and timers.

use std::thread::JoinHandle;
use std::time::Duration;

use super::Client;
use crate::blocking::handle::Handle;
use crate::error::Error;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Handles and threads
impl<T: Transport, R: Runtime> Client<T, R> {
    /// Returns a handle, which sends and closes from other threads. It does not keep the session open.
    ///
    /// ```no_run
    /// # fn run(mut client: engineio_client::blocking::Client) {
    /// let handle = client.handle();
    /// std::thread::spawn(move || handle.send("from another thread"));
    /// println!("{:?}", client.recv());
    /// # }
    /// ```
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs a function on a new thread: see [`Handle::start_background_task`]. The same for async
    /// clients is [`spawn`](crate::Client::spawn).
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) -> Result<(), engineio_client::Error> {
    /// let handle = client.handle();
    /// client.start_background_task(move || handle.send("from another thread"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Runtime`](crate::ErrorKind::Runtime) if the operating system cannot start a thread.
    pub fn start_background_task<F, O>(&self, task: F) -> Result<JoinHandle<O>, Error>
    where
        F: FnOnce() -> O + Send + 'static,
        O: Send + 'static,
    {
        self.handle.start_background_task(task)
    }

    /// Blocks this thread for `duration`.
    ///
    /// ```no_run
    /// # fn run(client: engineio_client::blocking::Client) {
    /// use std::time::Duration;
    ///
    /// while client.send("tick").is_ok() {
    ///     client.sleep(Duration::from_secs(1));
    /// }
    /// # }
    /// ```
    pub fn sleep(&self, duration: Duration) {
        self.handle.sleep(duration);
    }
}
