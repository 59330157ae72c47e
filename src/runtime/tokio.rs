//! The client on tokio.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::tokio::io::ReadBuf;
use ::tokio::net::{TcpSocket, TcpStream};
use ::tokio::runtime::Handle;
use ::tokio::time::Instant;
use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::io::{AsyncRead, AsyncWrite};

use super::clock::Suspension;
use super::connection::{Address, BoxedStream};
use super::socket::Socket;
use super::traits::Runtime;

/// The tokio runtime, current-thread or multi-thread. It must be built with `enable_all`, or with
/// `enable_io` and `enable_time`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use engineio_client::Tokio;
///
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// let handle = Tokio::with_handle(runtime.handle().clone());
/// assert!(Tokio::current().is_err(), "outside of a runtime");
/// # let _ = handle;
/// # Ok(())
/// # }
/// ```
///
/// The clock is tokio's own. On Linux it also counts the time during which the machine was suspended.
///
/// # Paused time
///
/// While tokio's time is paused, it jumps to the next deadline as soon as every task waits. Waiting for
/// a socket counts as waiting, so with a server behind a real socket, `connect` fails at once with its
/// open timeout. There are two ways to test:
///
/// - With the feature `mock`: its virtual clock takes its own network into account.
/// - With a real server: time does not advance while a task of
///   [`spawn_blocking`][blocking] runs, so keep one running until the test ends.
///
/// # Name resolution and shutdown
///
/// tokio resolves names with the system's resolver (`getaddrinfo`) on a thread of its blocking pool, and
/// this call cannot be cancelled. If a name server does not answer, `connect` returns after its open
/// timeout, but the thread continues until the resolver gives up: with glibc's defaults 5 s, twice for
/// each name server. Dropping the runtime waits for the thread, and so does the end of a `main` function
/// under `#[tokio::main]`. A program that must end at once can call
/// [`Runtime::shutdown_background`][background] or
/// [`shutdown_timeout`][timeout] instead of dropping the runtime.
///
/// [blocking]: https://docs.rs/tokio/latest/tokio/task/fn.spawn_blocking.html
/// [background]: https://docs.rs/tokio/latest/tokio/runtime/struct.Runtime.html#method.shutdown_background
/// [timeout]: https://docs.rs/tokio/latest/tokio/runtime/struct.Runtime.html#method.shutdown_timeout
#[derive(Clone, Debug)]
pub struct Tokio {
    handle: Option<Handle>,
    start: Instant,
    suspension: Suspension,
}

impl Tokio {
    /// Returns the runtime in which the calling code runs.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) if the calling code does not run in a tokio
    /// runtime. Call it in one, or use [`with_handle`](Tokio::with_handle).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use engineio_client::Tokio;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// assert!(runtime.block_on(async { Tokio::current() }).is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn current() -> io::Result<Self> {
        match Handle::try_current() {
            Ok(handle) => Ok(Self::with_handle(handle)),
            Err(error) => Err(no_runtime(error)),
        }
    }

    /// Uses the runtime of this handle. This works on any thread.
    ///
    /// ```
    /// use engineio_client::Tokio;
    ///
    /// fn on(runtime: &tokio::runtime::Runtime) -> Tokio {
    ///     Tokio::with_handle(runtime.handle().clone())
    /// }
    /// ```
    pub fn with_handle(handle: Handle) -> Self {
        let start = {
            let _guard = handle.enter();
            Instant::now()
        };
        Self {
            handle: Some(handle),
            start,
            suspension: Suspension::new(),
        }
    }
}

/// The runtime in which the calling code runs. Outside of a runtime the value cannot be used: connecting
/// fails with [`ErrorKind::Runtime`](crate::ErrorKind::Runtime).
impl Default for Tokio {
    fn default() -> Self {
        Self::current().unwrap_or_else(|_| Self {
            handle: None,
            start: Instant::now(),
            suspension: Suspension::new(),
        })
    }
}

fn no_runtime(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, error)
}

#[async_trait]
impl Runtime for Tokio {
    /// Checks that the runtime has sockets and timers. If it was built without them, tokio reports that
    /// by a panic when they are first used. The panic is caught here, but its message still appears on
    /// standard error.
    fn check(&self) -> io::Result<()> {
        let Some(handle) = &self.handle else {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "not within a tokio runtime: connect within one, or use Tokio::with_handle",
            ));
        };
        let _guard = handle.enter();
        needs("timers", "enable_time", || {
            drop(::tokio::time::sleep(Duration::ZERO));
            Ok(())
        })?;
        needs("sockets", "enable_io", open_a_socket)
    }

    fn now(&self) -> Duration {
        // Within a runtime whose time is paused, tokio's `Instant::now` is the paused clock.
        self.start.elapsed().saturating_add(self.suspension.total())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // tokio panics if a timer is created outside of a runtime.
        let _guard = self.handle.as_ref().map(Handle::enter);
        Box::pin(Sleep {
            runtime: self.handle.clone(),
            sleep: Some(Box::pin(::tokio::time::sleep(duration))),
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        if let Some(handle) = &self.handle {
            handle.spawn(task);
        }
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(::tokio::net::lookup_host((host, port)).await?.collect())
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Socket::boxed(Compat(stream)))
            }
            Address::Unix(path) => connect_to_socket(path).await,
        }
    }

    async fn connect_from(
        &self,
        local: SocketAddr,
        address: SocketAddr,
    ) -> io::Result<BoxedStream> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind(local)?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Socket::boxed(Compat(stream)))
    }
}

/// Runs code that panics if the runtime lacks a driver, and converts the panic to an error.
fn needs(what: &str, method: &str, tried: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    catch_unwind(AssertUnwindSafe(tried)).unwrap_or_else(|_| {
        let message =
            format!("the tokio runtime has no {what}: build it with {method} or enable_all");
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    })
}

#[cfg(unix)]
fn open_a_socket() -> io::Result<()> {
    ::tokio::net::UnixStream::pair().map(drop)
}

#[cfg(not(unix))]
fn open_a_socket() -> io::Result<()> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    ::tokio::net::UdpSocket::from_std(socket).map(drop)
}

/// A sleep that stays pending after its runtime has shut down. A sleep of tokio panics then.
struct Sleep {
    runtime: Option<Handle>,
    /// `None` once the runtime is known to have shut down.
    sleep: Option<Pin<Box<::tokio::time::Sleep>>>,
}

impl Sleep {
    /// Whether the runtime has shut down. A call from within any tokio runtime assumes that it has not.
    fn is_dead(&self) -> bool {
        let Some(runtime) = self
            .runtime
            .as_ref()
            .filter(|_| Handle::try_current().is_err())
        else {
            return false;
        };
        // A runtime that has shut down drops a spawned task at once.
        let task = runtime.spawn(std::future::ready(()));
        matches!(task.now_or_never(), Some(Err(_)))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_dead() {
            self.sleep = None;
        }
        let Some(sleep) = &mut self.sleep else {
            return Poll::Pending;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| sleep.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| {
            self.sleep = None;
            Poll::Pending
        })
    }
}

#[cfg(unix)]
async fn connect_to_socket(path: &Path) -> io::Result<BoxedStream> {
    Ok(Box::new(Compat(
        ::tokio::net::UnixStream::connect(path).await?,
    )))
}

#[cfg(not(unix))]
async fn connect_to_socket(path: &Path) -> io::Result<BoxedStream> {
    Err(super::connection::unsupported(path))
}

/// Implements the IO traits of `futures` for a tokio stream.
struct Compat<S>(S);

#[cfg(unix)]
impl<S: std::os::fd::AsFd> std::os::fd::AsFd for Compat<S> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<S: ::tokio::io::AsyncRead + Unpin> AsyncRead for Compat<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<S: ::tokio::io::AsyncWrite + Unpin> AsyncWrite for Compat<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
