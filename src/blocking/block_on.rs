//! Waits for a future by parking the thread.
//!
//! Other executors of this kind panic when they are nested. Here nesting is normal: a handler may wait
//! inside of the future that calls handlers. The inner wait may consume an unpark that was meant for the
//! outer future, which is harmless, because the outer future is polled again when the handler has
//! returned.

use std::future::Future;
use std::pin::{Pin, pin};
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
    let mut future = pin!(future);
    // The waker is borrowed: to clone and drop it would take as long as handling a message.
    match WAKER.try_with(|waker| wait(future.as_mut(), waker)) {
        Ok(output) => output,
        // While a thread is being destroyed, its thread-locals may be gone.
        Err(_) => wait(future, &Waker::from(Arc::new(Unpark(thread::current())))),
    }
}

fn wait<O>(mut future: Pin<&mut impl Future<Output = O>>, waker: &Waker) -> O {
    let mut cx = Context::from_waker(waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            // A spurious unpark costs one poll.
            Poll::Pending => thread::park(),
        }
    }
}
