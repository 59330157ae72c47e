//! Waits for a future by parking the thread.
//!
//! Executors that do the same refuse to be called within one another, by a panic. Here a handler may
//! wait within the future that calls handlers, and takes the unparking that was meant for that one:
//! which looks again by itself when the handler has returned, so nothing needs refusing.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

pub(super) fn block_on<O>(future: impl Future<Output = O>) -> O {
    // Where a thread is ending, its locals may be gone.
    let waker = WAKER
        .try_with(Waker::clone)
        .unwrap_or_else(|_| Waker::from(Arc::new(Unpark(thread::current()))));
    let mut future = pin!(future);
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            // Somebody else may have unparked the thread, which costs one look.
            Poll::Pending => thread::park(),
        }
    }
}
