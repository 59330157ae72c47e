//! The `Runtime` trait.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::connection::{Address, BoxedStream};
use super::random::system_random;

/// An async runtime: a clock, timers, tasks, name resolution and connections.
///
/// Implement it to run the client on a runtime that is not built in. Pass the implementation to
/// [`Builder::new`](crate::Builder::new).
///
/// # Contract
///
/// 1. **Time does not go backwards.** [`now`](Runtime::now) is monotonic, and agrees with
///    [`sleep`](Runtime::sleep): when `sleep(d)` resolves, `now` has advanced by at least `d`.
/// 2. **Calls come from any thread.** The client calls `now`, `sleep`, `spawn` and `random` also on
///    threads outside of the runtime. It awaits `resolve` and `connect` within spawned tasks.
/// 3. **Futures may be dropped at any time**: `connect` when the open timeout passes, `sleep` when its
///    deadline no longer matters.
/// 4. **A spawned task runs until it ends**, whether anything waits for it or not. A runtime that shuts
///    down drops its tasks; the sessions then end with [`Reason::Aborted`](crate::Reason::Aborted).
/// 5. **A stream keeps two wakers**, one for reading and one for writing. The two can differ.
///
/// # Example
///
/// [`examples/custom_runtime.rs`](https://docs.rs/crate/engineio-client/latest/source/examples/custom_runtime.rs)
/// is a complete implementation.
///
/// ```no_run
/// use std::io;
/// use std::net::SocketAddr;
/// use std::time::{Duration, Instant};
///
/// use engineio_client::runtime::{Address, BoxedStream};
/// use engineio_client::{Builder, Runtime, async_trait};
/// use futures::future::BoxFuture;
///
/// struct MyRuntime {
///     start: Instant,
/// }
///
/// #[async_trait]
/// impl Runtime for MyRuntime {
///     fn now(&self) -> Duration {
///         self.start.elapsed()
///     }
///
///     fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
///         Box::pin(async move {
///             smol::Timer::after(duration).await;
///         })
///     }
///
///     fn spawn(&self, task: BoxFuture<'static, ()>) {
///         smol::spawn(task).detach();
///     }
///
///     async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
///         smol::net::resolve((host, port)).await
///     }
///
///     async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
///         match address {
///             Address::Tcp(address) => {
///                 let stream = smol::net::TcpStream::connect(address).await?;
///                 stream.set_nodelay(true)?;
///                 Ok(Box::new(stream))
///             }
///             other => Err(io::Error::new(io::ErrorKind::Unsupported, other.to_string())),
///         }
///     }
/// }
///
/// # #[cfg(all(feature = "polling", feature = "websocket"))]
/// # async fn run() -> Result<(), engineio_client::Error> {
/// use engineio_client::transports::Transports;
///
/// let runtime = MyRuntime { start: Instant::now() };
/// let builder = Builder::new("http://localhost:3000", Transports::default(), runtime);
/// let client = builder.connect().await?;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// Checks that the runtime can be used. The client calls this method first, from the thread that
    /// connects. The default implementation succeeds.
    ///
    /// # Errors
    ///
    /// An error whose message tells the user what is missing. Connecting then fails with
    /// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime).
    ///
    /// ```
    /// # #[cfg(feature = "tokio")] {
    /// use engineio_client::{Runtime, Tokio};
    ///
    /// // Created outside of a tokio runtime.
    /// let error = Tokio::default().check().unwrap_err();
    /// assert!(error.to_string().contains("tokio runtime"));
    /// # }
    /// ```
    fn check(&self) -> io::Result<()> {
        Ok(())
    }

    /// The time since a fixed point.
    ///
    /// If the operating system can tell, the time during which the machine was suspended is included:
    /// the server ends a session whose client was suspended, and the client should notice it.
    ///
    /// ```
    /// # #[cfg(feature = "mock")] {
    /// use std::time::Duration;
    ///
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// assert_eq!(runtime.now(), Duration::ZERO);
    /// runtime.block_on(runtime.sleep(Duration::from_secs(25)));
    /// assert_eq!(runtime.now(), Duration::from_secs(25));
    /// # }
    /// ```
    fn now(&self) -> Duration;

    /// Returns a future that resolves when this time has passed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future cancels the timer.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Returns a future that resolves when the runtime has processed all readiness of its sockets that
    /// the system has reported so far. A connection that is polled afterwards returns what had arrived.
    ///
    /// The client waits for this and then polls its connections once more before it lets a deadline
    /// expire. Otherwise a program that blocks the runtime's thread for longer than the ping timeout
    /// would lose its session, although the server's packets have arrived in the socket's buffer
    /// meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the future only waits.
    ///
    /// # Implementation
    ///
    /// The default implementation is a sleep of zero length. That is right if timers fire after sockets
    /// have been polled (tokio), and if each read makes a system call (smol and async-std). On a
    /// runtime whose reads make a system call, this implementation is sufficient, too:
    ///
    /// ```
    /// # use futures::future::BoxFuture;
    /// fn catch_up() -> BoxFuture<'static, ()> {
    ///     Box::pin(std::future::ready(()))
    /// }
    /// # let _ = catch_up;
    /// ```
    fn catch_up(&self) -> BoxFuture<'static, ()> {
        self.sleep(Duration::ZERO)
    }

    /// Runs a task in the background until it ends.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Returns a random number that cannot be predicted from outside of the program, for the masks and
    /// keys of WebSockets (RFC 6455, section 5.3) and for cache-busters.
    ///
    /// By default the numbers come from the operating system, in blocks of 1 KiB per thread. Override
    /// this method only for tests, with a seeded generator, as `MockRuntime` does. The client calls it
    /// once per two frames sent, while a connection is locked, so it must be fast.
    ///
    /// On `wasm32-unknown-unknown` there is no operating system, and the default numbers can be
    /// predicted, so override this method there, as the runtime of the feature `web` does.
    ///
    /// ```
    /// # #[cfg(feature = "mock")] {
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let (one, same) = (MockRuntime::seeded(7), MockRuntime::seeded(7));
    /// assert_eq!(one.random(), same.random());
    /// # }
    /// ```
    fn random(&self) -> u64 {
        system_random()
    }

    /// Resolves a host name to addresses, in the order in which to try them.
    ///
    /// # Errors
    ///
    /// If the name cannot be resolved. Connecting then fails with
    /// [`ErrorKind::Resolve`](crate::ErrorKind::Resolve).
    ///
    /// # Cancel safety
    ///
    /// The client drops the future when the open timeout passes.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// Connects to an address. Sets `TCP_NODELAY` on TCP connections: with Nagle's algorithm each small
    /// message could be delayed.
    ///
    /// # Errors
    ///
    /// If the connection cannot be made, and [`Unsupported`](io::ErrorKind::Unsupported) for a kind of
    /// address that the runtime does not support. The client then tries the next address. If there is
    /// none, connecting fails with [`ErrorKind::Connect`](crate::ErrorKind::Connect).
    ///
    /// # Cancel safety
    ///
    /// The client drops the future when the open timeout passes, and when another address has connected
    /// first. A connection that is still being made must be closed with the future.
    async fn connect(&self, address: &Address) -> io::Result<BoxedStream>;

    /// Connects over TCP from a local address: binds the socket before it connects. Sets `TCP_NODELAY`.
    /// Port 0 of `local` means any free port.
    ///
    /// The client calls this in place of [`connect`](Self::connect) if
    /// [`Dialer::local_address`](crate::transports::Dialer::local_address) is set. Both addresses are of
    /// the same family.
    ///
    /// # Errors
    ///
    /// The errors of [`connect`](Self::connect), and of binding the socket. The default implementation
    /// always fails with [`Unsupported`](io::ErrorKind::Unsupported).
    ///
    /// # Cancel safety
    ///
    /// As for [`connect`](Self::connect).
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

/// Several clients can share a runtime in an `Arc`. `Arc<dyn Runtime>` is a runtime, too.
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

    // The mock runtime records where a task was spawned.
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
