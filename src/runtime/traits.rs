//! The trait of a runtime.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::connection::{Address, BoxedStream};
use super::random::system_random;

/// What the client needs of a runtime: a clock, timers, tasks, names and connections.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// Whether the runtime can be used from here; asked before anything else is.
    ///
    /// # Errors
    ///
    /// What is missing, in words for the user.
    fn check(&self) -> io::Result<()> {
        Ok(())
    }

    /// The time since a fixed point. Where the system can tell, the time during which the machine
    /// was suspended counts: a session dies while it sleeps.
    fn now(&self) -> Duration;

    /// Resolves when this time has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Resolves when the runtime has taken notice of all that had come for its connections: one that is
    /// polled behind it tells of that.
    ///
    /// The client waits for it, and then looks at its connections once more, before a deadline counts. A
    /// program that holds the runtime's thread up for longer than the server may be silent delays the
    /// client, not the server, whose packets lie in the system meanwhile.
    ///
    /// A runtime whose reads ask the system each time has nothing to wait for:
    ///
    /// ```
    /// # use futures::future::BoxFuture;
    /// fn catch_up() -> BoxFuture<'static, ()> {
    ///     Box::pin(std::future::ready(()))
    /// }
    /// # let _ = catch_up;
    /// ```
    ///
    /// By default a sleep of no length. That is right where timers fire after sockets were looked at
    /// (tokio), and where each read asks the system (smol and async-std).
    fn catch_up(&self) -> BoxFuture<'static, ()> {
        self.sleep(Duration::ZERO)
    }

    /// Runs a task in the background.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// A number that nobody outside of the program can predict: masks and keys of websockets are made of
    /// it (RFC 6455, 5.3), and cache-busters.
    ///
    /// By default it comes from the operating system, in blocks of 1 KiB for each thread. A runtime of
    /// one's own should override it for tests alone, with a generator that the test seeds, as
    /// `MockRuntime` does. It is called while a connection is locked, once for two frames that are sent.
    fn random(&self) -> u64 {
        system_random()
    }

    /// The addresses of a host, best first.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// Connects to an address, with `TCP_NODELAY` set where it applies.
    async fn connect(&self, address: &Address) -> io::Result<BoxedStream>;

    /// Connects by TCP from a local address: the socket is bound to it before it connects. `TCP_NODELAY`
    /// is set. Port 0 of `local` is any free port, as with `bind`.
    ///
    /// The client calls it in place of [`connect`](Self::connect) where
    /// [`Dialer::local_address`](crate::transports::Dialer::local_address) is set, with addresses of one
    /// family.
    ///
    /// By default it fails with [`Unsupported`](io::ErrorKind::Unsupported).
    ///
    /// ```
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// let _listener = runtime.listen("10.0.0.1:80".parse()?);
    /// let connected = runtime.connect_from("10.0.0.7:0".parse()?, "10.0.0.1:80".parse()?);
    /// assert!(runtime.block_on(connected).is_ok());
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    async fn connect_from(
        &self,
        local: SocketAddr,
        address: SocketAddr,
    ) -> io::Result<BoxedStream> {
        let message = format!(
            "this runtime can't connect to {address} from {}",
            local.ip()
        );
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    }
}

/// A runtime that several clients share, of which type ever it is.
#[async_trait]
impl<R: Runtime + ?Sized> Runtime for Arc<R> {
    fn check(&self) -> io::Result<()> {
        (**self).check()
    }

    fn now(&self) -> Duration {
        (**self).now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        (**self).sleep(duration)
    }

    fn catch_up(&self) -> BoxFuture<'static, ()> {
        (**self).catch_up()
    }

    // The mock runtime tells where a task was spawned.
    #[track_caller]
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        (**self).spawn(task);
    }

    fn random(&self) -> u64 {
        (**self).random()
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        (**self).resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        (**self).connect(address).await
    }

    async fn connect_from(
        &self,
        local: SocketAddr,
        address: SocketAddr,
    ) -> io::Result<BoxedStream> {
        (**self).connect_from(local, address).await
    }
}
