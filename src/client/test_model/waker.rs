//! Wakers that remember that they were called, and let a user act at that moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use super::running;

/// A waker that remembers that it was called.
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(false)))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.set();
        interrupt();
        if let Some(model) = running()
            && !Arc::ptr_eq(&self, &model.state.borrow().driver_woken)
        {
            model.may_panic();
        }
    }
}

/// Dropping the last waker of a task may drop the task, whose destructor may call the client.
impl Drop for Flag {
    fn drop(&mut self) {
        interrupt();
    }
}

/// A point at which another thread may act.
pub(super) fn interrupt() {
    if let Some(model) = running() {
        model.interrupt();
    }
}
