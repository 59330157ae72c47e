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

/// smol: its global executor, or one of yours.
///
/// ```
/// use engineio_client::Smol;
///
/// let global = Smol::new();
/// let executor = std::sync::Arc::new(smol::Executor::new());
/// let mine = Smol::with_executor(executor.clone());
/// # let _ = (global, mine);
/// ```
#[derive(Clone, Debug)]
pub struct Smol {
    /// Weak, since the executor holds the session's task, which holds this.
    executor: Option<Weak<Executor<'static>>>,
    clock: Clock,
}

impl Smol {
    /// The global executor of smol, which runs on threads of its own (`SMOL_THREADS`).
    pub fn new() -> Self {
        Self {
            executor: None,
            clock: Clock::new(),
        }
    }

    /// An executor of yours, which you run. The global one's thread has to be woken for each message
    /// that comes alone: an echo takes 1.6 times the CPU time of a bare WebSocket there, and 1.2 times
    /// where your executor and what waits for the message share a thread (see `benches/README.md`).
    /// The executor is yours to keep: with it, its sessions end.
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
                "the executor is gone",
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
                // One that is gone drops the task, which tells those who wait for it.
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
