use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
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

/// tokio, in either of its flavours, with `enable_all` (or `enable_io` and `enable_time`).
///
/// Its clock is tokio's own, and counts on Linux the time during which the machine was suspended, too.
///
/// # Paused time
///
/// While tokio's time is paused, it jumps to the next deadline as soon as every task waits, and waiting
/// for a socket counts as that: with a server behind a socket, `connect` fails at once with its open
/// timeout. tokio's time stands still as long as a task of
/// [`spawn_blocking`](::tokio::task::spawn_blocking) runs, so that a test which has one that waits for
/// its end can use a real server. Tests without a real server use the feature `mock`, whose clock knows
/// its network.
///
/// # Names, and the end of the runtime
///
/// tokio resolves names by the system's resolver (`getaddrinfo`), on a thread of its blocking pool,
/// and that call can't be cancelled. `connect` keeps its open timeout when a nameserver does not
/// answer, but the thread stays in the call until the resolver gives up (with glibc's defaults 5 s,
/// twice for each nameserver), and dropping the runtime waits for it: so does the end of a `main`
/// under `#[tokio::main]`. A program that has to end at once calls
/// [`Runtime::shutdown_background`](::tokio::runtime::Runtime::shutdown_background) or
/// [`shutdown_timeout`](::tokio::runtime::Runtime::shutdown_timeout) in place of dropping its runtime.
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
#[derive(Clone, Debug)]
pub struct Tokio {
    handle: Option<Handle>,
    start: Instant,
    suspension: Arc<Suspension>,
}

impl Tokio {
    /// The runtime that this code runs in.
    ///
    /// # Errors
    ///
    /// When it runs in none.
    pub fn current() -> io::Result<Self> {
        match Handle::try_current() {
            Ok(handle) => Ok(Self::with_handle(handle)),
            Err(error) => Err(no_runtime(error)),
        }
    }

    /// A runtime of your choice, from wherever this is called.
    pub fn with_handle(handle: Handle) -> Self {
        let start = {
            let _guard = handle.enter();
            Instant::now()
        };
        Self {
            handle: Some(handle),
            start,
            suspension: Arc::new(Suspension::new()),
        }
    }
}

/// The runtime that it was made in. Outside of one it is a `Tokio` that can't be used, and says so
/// when a connection is started.
impl Default for Tokio {
    fn default() -> Self {
        Self::current().unwrap_or_else(|_| Self {
            handle: None,
            start: Instant::now(),
            suspension: Arc::new(Suspension::new()),
        })
    }
}

fn no_runtime(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, error)
}

#[async_trait]
impl Runtime for Tokio {
    /// That there is a runtime, with sockets and timers. One that lacks them tells so by a panic alone,
    /// which is caught here (what it prints on standard error is not).
    fn check(&self) -> io::Result<()> {
        let Some(handle) = &self.handle else {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "this is not a tokio runtime: call it in one, or give the client Tokio::with_handle",
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
        // Within the runtime, `Instant::now` is the paused clock where time is paused.
        self.start.elapsed().saturating_add(self.suspension.total())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // A timer has to be made inside of the runtime, while this may be called from outside.
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

/// What a runtime has to be built with for this not to panic.
fn needs(what: &str, method: &str, tried: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    catch_unwind(AssertUnwindSafe(tried)).unwrap_or_else(|_| {
        let message =
            format!("this tokio runtime has no {what}: build it with {method}, or enable_all");
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

/// A sleep that never ends when its runtime is gone, where tokio's own panics.
struct Sleep {
    runtime: Option<Handle>,
    /// `None` once the runtime is known to be gone.
    sleep: Option<Pin<Box<::tokio::time::Sleep>>>,
}

impl Sleep {
    /// Whether the runtime is gone, as far as can be told: within a runtime it is taken for the one.
    fn is_dead(&self) -> bool {
        let Some(runtime) = self
            .runtime
            .as_ref()
            .filter(|_| Handle::try_current().is_err())
        else {
            return false;
        };
        // A runtime that is gone drops what it is given at once.
        let given = runtime.spawn(std::future::ready(()));
        matches!(given.now_or_never(), Some(Err(_)))
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

/// tokio's stream with the traits of `futures`.
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
