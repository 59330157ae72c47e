//! The client on smol.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::smol::Executor;
use async_trait::async_trait;
use futures::future::BoxFuture;

use super::bound_socket::connect_from;
use super::clock::Clock;
use super::connection::{Address, BoxedStream};
use super::socket::Socket;
use super::traits::Runtime;

/// The smol runtime, on its global executor or on an executor of the program.
///
/// ```
/// use engineio_client::Smol;
///
/// let global = Smol::new();
/// let executor = std::sync::Arc::new(smol::Executor::new());
/// let own = Smol::with_executor(executor.clone());
/// # let _ = (global, own);
/// ```
///
/// # Speed
///
/// Let the code that waits for messages run on the executor too: spawn it, and `block_on` the spawned
/// task. A future that `block_on` itself runs is on a thread of its own, so each single message wakes
/// one thread after the other. An echo then takes 1.3 times the CPU time of a bare WebSocket, and
/// about the same as a bare WebSocket if the code is spawned (see `benches/README.md`).
///
/// ```no_run
/// # async fn run() {}
/// smol::block_on(smol::spawn(async {
///     // Connect and wait for messages here.
///     # run().await
/// }));
/// ```
#[derive(Clone, Debug)]
pub struct Smol {
    /// Weak, since the executor owns the session's task, which owns this value.
    executor: Option<Weak<Executor<'static>>>,
    clock: Clock,
}

impl Smol {
    /// Uses smol's global executor, which runs on its own threads. The environment variable
    /// `SMOL_THREADS` sets their number.
    ///
    /// ```
    /// use engineio_client::Smol;
    ///
    /// let runtime = Smol::new();
    /// # let _ = runtime;
    /// ```
    pub fn new() -> Self {
        Self {
            executor: None,
            clock: Clock::new(),
        }
    }

    /// Uses an executor that the program runs itself. The program must keep the executor: when it is
    /// dropped, the sessions end.
    ///
    /// Code that waits for messages and runs on this executor shares its thread with the session: see
    /// [Speed](Smol#speed).
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), engineio_client::Error> {
    /// use std::sync::Arc;
    ///
    /// use engineio_client::Smol;
    ///
    /// let executor = Arc::new(smol::Executor::new());
    /// let runtime = Smol::with_executor(executor.clone());
    /// smol::block_on(executor.run(async {
    ///     // Connect with `runtime` here.
    /// }));
    /// # let _ = runtime;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_executor(executor: Arc<Executor<'static>>) -> Self {
        Self {
            executor: Some(Arc::downgrade(&executor)),
            clock: Clock::new(),
        }
    }
}

impl Default for Smol {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Runtime for Smol {
    fn check(&self) -> io::Result<()> {
        match &self.executor {
            Some(executor) if executor.strong_count() == 0 => Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the smol executor was dropped",
            )),
            _ => Ok(()),
        }
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let timer = ::smol::Timer::after(duration);
        Box::pin(async move {
            timer.await;
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        match &self.executor {
            Some(executor) => {
                // If the executor was dropped, the task is dropped here, which wakes the tasks that
                // wait for it.
                if let Some(executor) = executor.upgrade() {
                    executor.spawn(task).detach();
                }
            }
            None => ::smol::spawn(task).detach(),
        }
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        ::smol::net::resolve((host, port)).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        match address {
            Address::Tcp(address) => {
                let stream = ::smol::net::TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Socket::boxed(stream))
            }
            Address::Unix(path) => connect_to_socket(path).await,
        }
    }

    async fn connect_from(
        &self,
        local: SocketAddr,
        address: SocketAddr,
    ) -> io::Result<BoxedStream> {
        let stream = connect_from(local, address).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(Socket::boxed(::smol::net::TcpStream::from(stream)))
    }
}

#[cfg(unix)]
async fn connect_to_socket(path: &Path) -> io::Result<BoxedStream> {
    Ok(Box::new(
        ::smol::net::unix::UnixStream::connect(path).await?,
    ))
}

#[cfg(not(unix))]
async fn connect_to_socket(path: &Path) -> io::Result<BoxedStream> {
    Err(super::connection::unsupported(path))
}
