//! The client on async-std.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ::async_std::net::{TcpStream, ToSocketAddrs};
use async_trait::async_trait;
use futures::future::BoxFuture;

use super::bound_socket::connect_from;
use super::clock::Clock;
use super::connection::{Address, BoxedStream};
use super::socket::Socket;
use super::traits::Runtime;

/// The async-std runtime. async-std is discontinued (RUSTSEC-2025-0052); this type is for programs that
/// still use it.
///
/// ```
/// let runtime = engineio_client::AsyncStd::new();
/// # let _ = runtime;
/// ```
///
/// # Speed
///
/// Let the code that waits for messages run on the executor too: spawn it with `task::spawn`, and
/// `block_on` the spawned task. A future that `block_on` itself runs is on a thread of its own, so each
/// single message wakes one thread after the other. An echo then takes 1.3 times the CPU time of a bare
/// WebSocket, and about the same as a bare WebSocket if the code is spawned (see `benches/README.md`).
#[derive(Clone, Debug)]
pub struct AsyncStd {
    clock: Clock,
}

impl AsyncStd {
    /// Uses async-std's global executor.
    ///
    /// ```
    /// use engineio_client::AsyncStd;
    ///
    /// let runtime = AsyncStd::new();
    /// # let _ = runtime;
    /// ```
    pub fn new() -> Self {
        Self {
            clock: Clock::new(),
        }
    }
}

impl Default for AsyncStd {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Runtime for AsyncStd {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(::async_std::task::sleep(duration))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        ::async_std::task::spawn(task);
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs().await?.collect())
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
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
        // async-std has its own stream type on the same reactor.
        let stream = connect_from(local, address).await?.into_inner()?;
        stream.set_nodelay(true)?;
        Ok(Socket::boxed(TcpStream::from(stream)))
    }
}

#[cfg(unix)]
async fn connect_to_socket(path: &Path) -> io::Result<BoxedStream> {
    Ok(Box::new(
        ::async_std::os::unix::net::UnixStream::connect(path).await?,
    ))
}

#[cfg(not(unix))]
async fn connect_to_socket(path: &Path) -> io::Result<BoxedStream> {
    Err(super::connection::unsupported(path))
}
