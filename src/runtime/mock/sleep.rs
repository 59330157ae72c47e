//! The future of [`Runtime::sleep`](crate::Runtime::sleep).

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::executor::Executor;
use super::timers::Deadline;

/// A timer. It is in the executor's list from its first poll until it fires or is dropped. Its time
/// counts from its creation.
pub(super) struct Sleep {
    executor: Arc<Executor>,
    deadline: Deadline,
    started: bool,
}

impl Sleep {
    pub(super) fn new(executor: &Arc<Executor>, duration: Duration) -> Self {
        Self {
            executor: Arc::clone(executor),
            deadline: executor.deadline_after(duration),
            started: false,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        if !mem::replace(&mut self.started, true) {
            self.executor.start_timer(self.deadline, waker);
            Poll::Pending
        } else if self.executor.set_timer_waker(&self.deadline, waker) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.started {
            drop(self.executor.cancel_timer(&self.deadline));
        }
    }
}
