//! Tasks that the user spawns by a handle.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt as _;
use futures::channel::oneshot;

use crate::error::{Error, ErrorKind};
use crate::handlers::words;
use crate::runtime::Runtime;

/// A task that runs in the background, from [`Handle::spawn`](crate::Handle::spawn).
///
/// It is a future of what the task returns. A task that panicked, or whose runtime was shut down,
/// gives an [`Aborted`](ErrorKind::Aborted) error. Dropping this leaves the task running.
pub struct Task<O> {
    result: oneshot::Receiver<std::thread::Result<O>>,
}

impl<O: Send + 'static> Task<O> {
    pub(super) fn spawn(
        runtime: &dyn Runtime,
        future: impl Future<Output = O> + Send + 'static,
    ) -> Self {
        let (sender, result) = oneshot::channel();
        runtime.spawn(Box::pin(async move {
            // Nobody may be waiting for it.
            let _ = sender.send(AssertUnwindSafe(future).catch_unwind().await);
        }));
        Self { result }
    }
}

impl<O> Future for Task<O> {
    type Output = Result<O, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<O, Error>> {
        Poll::Ready(match ready!(self.result.poll_unpin(cx)) {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(panic)) => {
                let message = format!("the task panicked: {}", words(&*panic));
                Err(Error::new(ErrorKind::Aborted, message))
            }
            Err(_) => Err(Error::new(
                ErrorKind::Aborted,
                "the task was dropped with its runtime",
            )),
        })
    }
}

impl<O> fmt::Debug for Task<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
