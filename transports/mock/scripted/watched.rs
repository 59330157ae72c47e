//! State that both the client's calls and the test's calls wait for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use event_listener::Event;

/// A value that tasks can wait for. After each change, every waiting task looks at the value again.
#[derive(Default)]
pub(super) struct Watched<T> {
    value: Mutex<T>,
    changed: Event,
}

impl<T> Watched<T> {
    fn value(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.value())
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.value());
        self.changed.notify(usize::MAX);
        result
    }

    /// Waits until `look` returns a value.
    pub(super) async fn until<R>(&self, mut look: impl FnMut(&mut T) -> Option<R>) -> R {
        loop {
            if let Some(result) = look(&mut self.value()) {
                return result;
            }
            let changed = self.changed.listen();
            // The value may have changed before the listener existed.
            if let Some(result) = look(&mut self.value()) {
                return result;
            }
            changed.await;
        }
    }
}
