//! The runtime of blocking clients: one of the built-in runtimes, on a background thread.

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

/// The runtime of blocking clients: a background thread, shared by all clients of the process, that runs
/// one of the async runtimes enabled by features. By default, that is the first of tokio, smol and
/// async-std that is enabled. (async-std has threads of its own, and uses them instead of the background
/// thread.)
///
/// An async client can run on it, too.
///
/// After a `fork`, the sessions of the parent cannot be used in the child. On tokio, the child can start
/// new sessions, which run on a new thread. On smol and async-std, new sessions fail with
/// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime), because their global threads exist only in the
/// parent.
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

/// Why the runtime is missing.
#[derive(Clone, Debug)]
enum Missing {
    /// No runtime feature is enabled.
    #[cfg_attr(
        feature = "__runtime",
        expect(dead_code, reason = "this build has a runtime")
    )]
    Feature,
    /// The runtime could not be started.
    #[cfg_attr(
        not(feature = "__runtime"),
        expect(dead_code, reason = "this build has no runtime to start")
    )]
    Start(Arc<io::Error>),
}

thread_local! {
    /// Whether this is the background thread.
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };
}

impl Background {
    #[cfg(feature = "__runtime")]
    fn started(name: &'static str, runtime: io::Result<Arc<dyn Runtime>>) -> Self {
        let runtime = runtime.map_err(|error| Missing::Start(Arc::new(error)));
        Self { runtime, name }
    }

    /// Fails if this thread would block itself by waiting for a session on this runtime.
    pub(super) fn check_thread(&self) -> io::Result<()> {
        if IS_BACKGROUND.get() || self.name == "async-std" && on_async_std::is_needed() {
            return Err(io::Error::new(
                io::ErrorKind::Deadlock,
                "a blocking client would block the thread that its session runs on: use the async \
                 client here, or call this in `spawn_blocking` or on another thread",
            ));
        }
        Ok(())
    }
}

/// A value that is started once in each process. If the start fails, the next call of `get` tries again.
#[cfg(feature = "__runtime")]
struct Started<T>(Mutex<Option<(u32, T)>>);

#[cfg(feature = "__runtime")]
impl<T: Clone> Started<T> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns the value, and starts it if necessary. If the value was started in the parent of this
    /// process, `after_fork` is called instead, with the parent's process id, to start a new value or to
    /// fail.
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
        // The threads of the parent's value do not exist in this process, so its destructor could wait
        // for them for ever.
        std::mem::forget(last);
        Ok(value)
    }
}

#[cfg(any(feature = "smol", feature = "async-std"))]
fn forked(name: &str, parent: u32) -> io::Error {
    let message = format!(
        "this process is a fork of process {parent}, which has started sessions on {name}: their \
         threads do not exist here; fork before the first session, or use tokio"
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
        /// A background thread with a tokio runtime.
        ///
        /// ```
        /// use engineio_client::blocking::{Background, Client};
        ///
        /// let builder = Client::builder("http://localhost:3000").runtime(Background::tokio());
        /// ```
        pub fn tokio() -> Self {
            // A forked process has none of its parent's threads, so it starts a runtime of its own.
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
        /// A background thread with a smol executor.
        ///
        /// ```
        /// use engineio_client::blocking::{Background, Client};
        ///
        /// let builder = Client::builder("http://localhost:3000").runtime(Background::smol());
        /// ```
        pub fn smol() -> Self {
            // smol has one reactor for the process, whose thread does not exist after a fork.
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

    /// async-std starts its threads itself. This only records the process that uses them.
    static USED: Started<()> = Started::new();

    impl Background {
        /// async-std's global executor. async-std has no other.
        ///
        /// ```
        /// use engineio_client::blocking::{Background, Client};
        ///
        /// let builder = Client::builder("http://localhost:3000").runtime(Background::async_std());
        /// ```
        pub fn async_std() -> Self {
            let used = USED.get(|| Ok(()), |parent| Err(forked("async-std", parent)));
            let runtime = used.map(|()| Arc::new(AsyncStd::new()) as _);
            Self::started("async-std", runtime)
        }
    }

    /// Whether this thread is running a task of async-std's executor.
    pub(super) fn is_needed() -> bool {
        ::async_std::task::try_current().is_some()
    }
}

/// Without async-std, sessions run only on the background thread.
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
                "this build has no runtime: enable the feature `tokio`, `smol` or `async-std`",
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
