//! A runtime that forwards to another runtime and counts the client's tasks, polls, timers and
//! connections.

// Each test binary with this module uses only a part of it.
#![allow(dead_code)]

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Runtime, async_trait};
use futures::future::BoxFuture;

pub(crate) struct Counting<R> {
    inner: Arc<R>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    tasks: AtomicUsize,
    polls: AtomicU64,
    sleeps: AtomicUsize,
    connects: Mutex<Vec<Duration>>,
}

/// Counts a task until the task is dropped.
struct Task(Arc<Counts>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.tasks.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<R> Clone for Counting<R> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            counts: Arc::clone(&self.counts),
        }
    }
}

impl<R> Counting<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner: Arc::new(inner),
            counts: Arc::default(),
        }
    }

    /// Number of the client's running tasks.
    pub(crate) fn tasks(&self) -> usize {
        self.counts.tasks.load(Ordering::SeqCst)
    }

    /// Number of polls of all tasks so far, as a measure of wake-ups.
    pub(crate) fn polls(&self) -> u64 {
        self.counts.polls.load(Ordering::Relaxed)
    }

    /// Number of timers set so far.
    pub(crate) fn sleeps(&self) -> usize {
        self.counts.sleeps.load(Ordering::Relaxed)
    }

    /// Times of all connection attempts.
    pub(crate) fn connects(&self) -> Vec<Duration> {
        self.counts
            .connects
            .lock()
            .expect("no thread panicked")
            .clone()
    }
}

#[async_trait]
impl<R: Runtime> Runtime for Counting<R> {
    fn check(&self) -> std::io::Result<()> {
        self.inner.check()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.counts.sleeps.fetch_add(1, Ordering::Relaxed);
        self.inner.sleep(duration)
    }

    fn spawn(&self, mut task: BoxFuture<'static, ()>) {
        let counts = Arc::clone(&self.counts);
        counts.tasks.fetch_add(1, Ordering::SeqCst);
        let counted = Task(Arc::clone(&counts));
        self.inner.spawn(Box::pin(async move {
            let _counted = counted;
            poll_fn(|cx| {
                counts.polls.fetch_add(1, Ordering::Relaxed);
                task.as_mut().poll(cx)
            })
            .await;
        }));
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }

    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        self.inner.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> std::io::Result<BoxedStream> {
        let now = self.inner.now();
        self.counts
            .connects
            .lock()
            .expect("no thread panicked")
            .push(now);
        self.inner.connect(address).await
    }
}
