//! Locks and wakers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::log::TARGET;
use super::panic_text::panic_text;

/// Locks a mutex. No code of this crate panics while it holds a lock, so poisoning is ignored. No code
/// of the user runs under a lock: wakers are called and dropped after the lock is released, since both
/// can run arbitrary code that calls back into the client.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    #[cfg(any(test, fuzzing))]
    super::test_model::assert_free(mutex);
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a task. A waker that panics must not keep other tasks from being woken.
pub(super) fn wake(waker: Waker) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        tracing::error!(target: TARGET, panic = panic_text(&*panic), "a waker panicked");
    }
}
