//! Tasks that the user spawns with `Handle::spawn`.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{AbortHandle, abortable};

use super::panic_text::panic_text;
use crate::error::{Error, ErrorKind};
use crate::runtime::{MaybeSend, Runtime, local};

/// A task that was spawned with [`Handle::spawn`](crate::Handle::spawn). It is a future of the task's
/// result.
///
/// The result is an [`Aborted`](ErrorKind::Aborted) error if the task panicked, was
/// [aborted](Task::abort), or was dropped because its runtime was shut down. Dropping a `Task` leaves
/// the task running.
///
/// ```no_run
/// # async fn run(handle: engineio_client::Handle) {
/// let task = handle.spawn(std::future::pending::<()>());
/// task.abort();
/// assert!(task.await.is_err());
/// # }
/// ```
pub struct Task<O> {
    abort: AbortHandle,
    result: oneshot::Receiver<std::thread::Result<O>>,
}

impl<O: MaybeSend + 'static> Task<O> {
    pub(super) fn spawn(
        runtime: &dyn Runtime,
        future: impl Future<Output = O> + MaybeSend + 'static,
    ) -> Self {
        let (sender, result) = oneshot::channel();
        let (future, abort) = abortable(AssertUnwindSafe(future).catch_unwind());
        runtime.spawn(Box::pin(local(async move {
            if let Ok(output) = future.await {
                // Fails if the `Task` was dropped.
                let _ = sender.send(output);
            }
        })));
        Self { abort, result }
    }
}

impl<O> Task<O> {
    /// Drops the task at the `.await` where it is suspended. Does nothing if the task has already ended.
    ///
    /// ```no_run
    /// # async fn run(handle: engineio_client::Handle) {
    /// let task = handle.spawn(std::future::pending::<()>());
    /// task.abort();
    /// # }
    /// ```
    pub fn abort(&self) {
        self.abort.abort();
    }
}

impl<O> Future for Task<O> {
    type Output = Result<O, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<O, Error>> {
        Poll::Ready(match ready!(self.result.poll_unpin(cx)) {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(panic)) => {
                let message = format!("the task panicked: {}", panic_text(&*panic));
                Err(Error::new(ErrorKind::Aborted, message))
            }
            Err(_) => Err(Error::new(
                ErrorKind::Aborted,
                "the task was aborted, or dropped with its runtime",
            )),
        })
    }
}

impl<O> fmt::Debug for Task<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
