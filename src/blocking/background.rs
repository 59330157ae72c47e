//! The runtime of clients for threads: one of the built-in ones, on a thread that is its own.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
#[cfg(feature = "__runtime")]
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::runtime::{Address, BoxedStream, Runtime};

/// What sessions of threads run on: one thread for the whole process, with one of the async runtimes
/// that were compiled in. By default it is the first there is of tokio, smol and async-std.
///
/// An async client may run on it, too. After a `fork` new sessions start anew on tokio, and are refused
/// on smol and async-std, whose threads stay behind in the parent; those of the parent are not the
/// child's to use.
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
        feature = "__runtime",
        expect(dead_code, reason = "this build has one")
    )]
    Feature,
    /// It could not be started.
    #[cfg_attr(
        not(feature = "__runtime"),
        expect(dead_code, reason = "there is nothing to start")
    )]
    Start(Arc<io::Error>),
}

thread_local! {
    /// Whether this is a thread that sessions run on.
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };
}

impl Background {
    #[cfg(feature = "__runtime")]
    fn started(name: &'static str, runtime: io::Result<Arc<dyn Runtime>>) -> Self {
        let runtime = runtime.map_err(|error| Missing::Start(Arc::new(error)));
        Self { runtime, name }
    }

    /// Whether a thread may block here until a session on this runtime has done something.
    pub(super) fn check_thread(&self) -> io::Result<()> {
        if IS_BACKGROUND.get() || self.name == "async-std" && on_async_std::is_needed() {
            return Err(io::Error::new(
                io::ErrorKind::Deadlock,
                "a blocking client would block the thread that its session runs on: use the async \
                 client here, or call this by spawn_blocking or on a thread of its own",
            ));
        }
        Ok(())
    }
}

/// What is started once in a process, and tried again if it could not be.
#[cfg(feature = "__runtime")]
struct Started<T>(Mutex<Option<(u32, T)>>);

#[cfg(feature = "__runtime")]
impl<T: Clone> Started<T> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// What was started, or is now; `after_fork` is asked where that was in the parent of this process,
    /// whose id it is given.
    fn get(
        &self,
        start: impl FnOnce() -> io::Result<T>,
        after_fork: impl FnOnce(u32) -> io::Result<T>,
    ) -> io::Result<T> {
        let process = std::process::id();
        let mut started = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = match &*started {
            Some((of, value)) if *of == process => return Ok(value.clone()),
            Some((parent, _)) => after_fork(*parent)?,
            None => start()?,
        };
        let last = started.replace((process, value.clone()));
        // Its threads are not here, and whoever waits for them to end waits for ever.
        std::mem::forget(last);
        Ok(value)
    }
}

#[cfg(any(feature = "smol", feature = "async-std"))]
fn forked(name: &str, parent: u32) -> io::Error {
    let message = format!(
        "sessions on {name} were begun in the process {parent}, of which this is a fork: its threads \
         are not here; fork before the first session, or use tokio"
    );
    io::Error::new(io::ErrorKind::Unsupported, message)
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use std::future::pending;
    use std::io;
    use std::sync::{Arc, mpsc};

    use super::{Background, IS_BACKGROUND, Started};
    use crate::runtime::Tokio;

    static HANDLE: Started<::tokio::runtime::Handle> = Started::new();

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
            // A forked process has none of its parent's threads, but a runtime of its own is as good.
            let handle = HANDLE.get(start, |_parent| start());
            let runtime = handle.map(|handle| Arc::new(Tokio::with_handle(handle)) as _);
            Self::started("tokio", runtime)
        }
    }
}

#[cfg(feature = "smol")]
mod on_smol {
    use std::future::pending;
    use std::io;
    use std::sync::Arc;

    use ::smol::Executor;

    use super::{Background, IS_BACKGROUND, Started, forked};
    use crate::runtime::Smol;

    static EXECUTOR: Started<Arc<Executor<'static>>> = Started::new();

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
            // Its reactor is one for the process, and after a fork it is the parent's.
            let executor = EXECUTOR.get(start, |parent| Err(forked("smol", parent)));
            let runtime = executor.map(|executor| Arc::new(Smol::with_executor(executor)) as _);
            Self::started("smol", runtime)
        }
    }
}

#[cfg(feature = "async-std")]
mod on_async_std {
    use std::sync::Arc;

    use super::{Background, Started, forked};
    use crate::runtime::AsyncStd;

    /// Its threads start by themselves; what counts is in which process they did.
    static USED: Started<()> = Started::new();

    impl Background {
        /// async-std's global executor, of which there is one alone.
        pub fn async_std() -> Self {
            let used = USED.get(|| Ok(()), |parent| Err(forked("async-std", parent)));
            let runtime = used.map(|()| Arc::new(AsyncStd::new()) as _);
            Self::started("async-std", runtime)
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

#[cfg(not(feature = "__runtime"))]
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
        self.runtime.as_ref().map_err(Missing::error)?.check()
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

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let runtime = self.runtime.as_ref().map_err(Missing::error)?;
        runtime.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        let runtime = self.runtime.as_ref().map_err(Missing::error)?;
        runtime.connect(address).await
    }

    async fn connect_from(
        &self,
        local: SocketAddr,
        address: SocketAddr,
    ) -> io::Result<BoxedStream> {
        let runtime = self.runtime.as_ref().map_err(Missing::error)?;
        runtime.connect_from(local, address).await
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Background").field(&self.name).finish()
    }
}
