//! A runtime that counts the client's tasks, timers and connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{MockRuntime, Runtime, async_trait};
use futures::future::BoxFuture;

#[derive(Clone)]
pub(crate) struct Counting {
    runtime: MockRuntime,
    tasks: Arc<AtomicUsize>,
    sleeps: Arc<AtomicUsize>,
    connects: Arc<Mutex<Vec<Duration>>>,
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counting {
    pub(crate) fn new(runtime: &MockRuntime) -> Self {
        Self {
            runtime: runtime.clone(),
            tasks: Arc::default(),
            sleeps: Arc::default(),
            connects: Arc::default(),
        }
    }

    /// Number of the client's running tasks.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.load(Ordering::Relaxed)
    }

    /// Number of timers set so far.
    pub(crate) fn sleeps(&self) -> usize {
        self.sleeps.load(Ordering::Relaxed)
    }

    /// Times of all connection attempts.
    pub(crate) fn connects(&self) -> Vec<Duration> {
        self.connects.lock().expect("one thread").clone()
    }
}

#[async_trait]
impl Runtime for Counting {
    fn now(&self) -> Duration {
        Runtime::now(&self.runtime)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleeps.fetch_add(1, Ordering::Relaxed);
        self.runtime.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&self.tasks));
        self.runtime.spawn(Box::pin(async move {
            let _counted = counted;
            task.await;
        }));
    }

    fn random(&self) -> u64 {
        self.runtime.random()
    }

    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        self.runtime.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> std::io::Result<BoxedStream> {
        let now = Runtime::now(&self.runtime);
        self.connects.lock().expect("one thread").push(now);
        self.runtime.connect(address).await
    }
}
