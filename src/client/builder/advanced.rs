//! Settings that few programs need.

use std::marker::PhantomData;

use super::Builder;
use crate::client::handlers::Handlers;
use crate::runtime::Runtime;
use crate::transport::Transport;

/// # Advanced
impl<T: Transport, R: Runtime, K> Builder<T, R, K> {
    /// Replaces the runtime that the session runs on.
    ///
    /// ```
    /// use engineio_client::Smol;
    /// use engineio_client::tokio::Client;
    ///
    /// let builder = Client::builder("http://localhost:3000").runtime(Smol::new());
    /// ```
    pub fn runtime<R2: Runtime>(self, runtime: R2) -> Builder<T, R2, K> {
        Builder {
            transport: self.transport,
            runtime,
            settings: self.settings,
            handlers: self.handlers,
            kind: PhantomData,
        }
    }

    /// Copies the settings for another client. Returns `None` if handlers are set, which are functions
    /// that cannot be copied: set the handlers on each copy.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let settings = Client::builder("http://localhost:3000").header("X-Device", "7");
    /// let first = settings.try_clone().expect("no handlers are set");
    /// let second = settings.on_message(|_handle, message| println!("{message:?}"));
    /// assert!(second.try_clone().is_none());
    /// ```
    pub fn try_clone(&self) -> Option<Self>
    where
        T: Clone,
        R: Clone,
    {
        self.handlers.is_empty().then(|| Self {
            transport: self.transport.clone(),
            runtime: self.runtime.clone(),
            settings: self.settings.clone(),
            handlers: Handlers::default(),
            kind: PhantomData,
        })
    }

    /// Sets whether requests have a query parameter `t` that is different each time, so that no cache
    /// answers them. On by default.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").timestamps(false);
    /// ```
    pub fn timestamps(mut self, timestamps: bool) -> Self {
        self.settings.timestamps = timestamps;
        self
    }

    /// Sets whether the log has the contents of messages: the first 1000 characters or bytes of each, at
    /// the level `TRACE`. Off by default: then only packet types and lengths are logged.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").log_contents(true);
    /// ```
    pub fn log_contents(mut self, log_contents: bool) -> Self {
        self.settings.log_contents = log_contents;
        self
    }
}
