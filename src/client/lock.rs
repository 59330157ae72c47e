//! Locks, and what must not happen under one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::log::TARGET;
use super::panic_text::panic_text;

/// No code of ours can panic under a lock. No code of the user's runs under one, wakers included: they
/// are called and dropped outside, since either may come back here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    #[cfg(any(test, fuzzing))]
    super::test_model::assert_free(mutex);
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a task. That its waker panics is no reason to forget the others.
pub(super) fn wake(waker: Waker) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        tracing::error!(target: TARGET, panic = panic_text(&*panic), "a waker panicked");
    }
}
