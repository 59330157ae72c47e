//! The runtime of clients for threads: one of the built-in ones, on a thread that is its own.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::runtime::{Address, BoxedStream, Runtime};

/// What sessions of threads run on: one thread for the whole process, with one of the async runtimes
/// that were compiled in. By default it is the first there is of tokio, smol and async-std.
///
/// ```
/// # #[cfg(feature = "smol")] {
/// use engineio_client::blocking::{Background, Client};
///
/// let builder = Client::builder("http://localhost:3000").runtime(Background::smol());
/// # let _ = builder;
/// # }
/// ```
#[derive(Clone)]
pub struct Background {
    runtime: Result<Arc<dyn Runtime>, Missing>,
    name: &'static str,
}

/// Why there is no runtime.
#[derive(Clone, Debug)]
enum Missing {
    /// None was compiled in.
    #[cfg_attr(
        any(feature = "tokio", feature = "smol", feature = "async-std"),
        expect(dead_code, reason = "this build has one")
    )]
    Feature,
    /// It could not be started.
    #[cfg_attr(
        not(any(feature = "tokio", feature = "smol")),
        expect(dead_code, reason = "there is nothing to start")
    )]
    Start(Arc<io::Error>),
}

thread_local! {
    /// Whether this is a thread that sessions run on.
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };
}

impl Background {
    #[cfg(any(feature = "tokio", feature = "smol"))]
    fn started(name: &'static str, runtime: io::Result<Arc<dyn Runtime>>) -> Self {
        let runtime = runtime.map_err(|error| Missing::Start(Arc::new(error)));
        Self { runtime, name }
    }
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use std::future::pending;
    use std::io;
    use std::sync::{Arc, OnceLock, mpsc};

    use super::{Background, IS_BACKGROUND};
    use crate::runtime::Tokio;

    static HANDLE: OnceLock<Result<::tokio::runtime::Handle, Arc<io::Error>>> = OnceLock::new();

    fn start() -> io::Result<::tokio::runtime::Handle> {
        let runtime = ::tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let (ready, is_ready) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("engineio".to_owned())
            .spawn(move || {
                IS_BACKGROUND.set(true);
                let _ = ready.send(());
                runtime.block_on(pending::<()>());
            })?;
        is_ready.recv().map_err(io::Error::other)?;
        Ok(handle)
    }

    impl Background {
        /// A tokio runtime of its own.
        pub fn tokio() -> Self {
            let handle = HANDLE.get_or_init(|| start().map_err(Arc::new)).clone();
            let runtime = handle
                .map(|handle| Arc::new(Tokio::with_handle(handle)) as _)
                .map_err(io::Error::other);
            Self::started("tokio", runtime)
        }
    }
}

#[cfg(feature = "smol")]
mod on_smol {
    use std::future::pending;
    use std::io;
    use std::sync::{Arc, OnceLock};

    use ::smol::Executor;

    use super::{Background, IS_BACKGROUND};
    use crate::runtime::Smol;

    static EXECUTOR: OnceLock<Result<Arc<Executor<'static>>, Arc<io::Error>>> = OnceLock::new();

    fn start() -> io::Result<Arc<Executor<'static>>> {
        let executor = Arc::new(Executor::new());
        let running = Arc::clone(&executor);
        std::thread::Builder::new()
            .name("engineio".to_owned())
            .spawn(move || {
                IS_BACKGROUND.set(true);
                ::smol::block_on(running.run(pending::<()>()));
            })?;
        Ok(executor)
    }

    impl Background {
        /// An executor of smol's of its own.
        pub fn smol() -> Self {
            let executor = EXECUTOR.get_or_init(|| start().map_err(Arc::new)).clone();
            let runtime = executor
                .map(|executor| Arc::new(Smol::with_executor(executor)) as _)
                .map_err(io::Error::other);
            Self::started("smol", runtime)
        }
    }
}

#[cfg(feature = "async-std")]
mod on_async_std {
    use std::sync::Arc;

    use super::Background;
    use crate::runtime::AsyncStd;

    impl Background {
        /// async-std's global executor, of which there is one alone.
        pub fn async_std() -> Self {
            Self {
                runtime: Ok(Arc::new(AsyncStd::new())),
                name: "async-std",
            }
        }
    }

    /// Whether blocking this thread holds up the executor.
    pub(super) fn is_needed() -> bool {
        ::async_std::task::try_current().is_some()
    }
}

/// Without async-std no thread but our own is needed.
#[cfg(not(feature = "async-std"))]
mod on_async_std {
    pub(super) fn is_needed() -> bool {
        false
    }
}

#[cfg(feature = "tokio")]
fn first() -> Background {
    Background::tokio()
}

#[cfg(all(not(feature = "tokio"), feature = "smol"))]
fn first() -> Background {
    Background::smol()
}

#[cfg(all(not(feature = "tokio"), not(feature = "smol"), feature = "async-std"))]
fn first() -> Background {
    Background::async_std()
}

#[cfg(not(any(feature = "tokio", feature = "smol", feature = "async-std")))]
fn first() -> Background {
    Background {
        runtime: Err(Missing::Feature),
        name: "none",
    }
}

impl Default for Background {
    fn default() -> Self {
        first()
    }
}

impl Missing {
    fn error(&self) -> io::Error {
        match self {
            Self::Feature => io::Error::new(
                io::ErrorKind::Unsupported,
                "this build has no runtime: enable the feature tokio, smol or async-std",
            ),
            Self::Start(error) => io::Error::new(error.kind(), Arc::clone(error)),
        }
    }
}

#[async_trait]
impl Runtime for Background {
    fn check(&self) -> io::Result<()> {
        let runtime = self.runtime.as_ref().map_err(Missing::error)?;
        if IS_BACKGROUND.get() || self.name == "async-std" && on_async_std::is_needed() {
            return Err(io::Error::new(
                io::ErrorKind::Deadlock,
                "a blocking client would block the thread that its session runs on: use the async \
                 client here, or call this by spawn_blocking or on a thread of its own",
            ));
        }
        runtime.check()
    }

    fn now(&self) -> Duration {
        self.runtime
            .as_ref()
            .map_or(Duration::ZERO, |runtime| runtime.now())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        match &self.runtime {
            Ok(runtime) => runtime.sleep(duration),
            Err(_) => Box::pin(futures::future::pending()),
        }
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        if let Ok(runtime) = &self.runtime {
            runtime.spawn(task);
        }
    }

    fn random(&self) -> u64 {
        fastrand::u64(..)
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let runtime = self.runtime.as_ref().map_err(Missing::error)?;
        runtime.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        let runtime = self.runtime.as_ref().map_err(Missing::error)?;
        runtime.connect(address).await
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Background").field(&self.name).finish()
    }
}
