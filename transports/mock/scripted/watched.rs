//! Shared state that the client's calls and the test's wait for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use event_listener::Event;

/// A value that can be waited for: each change lets all who wait look again.
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

    /// Waits until this gives something.
    pub(super) async fn until<R>(&self, mut look: impl FnMut(&mut T) -> Option<R>) -> R {
        loop {
            if let Some(result) = look(&mut self.value()) {
                return result;
            }
            let changed = self.changed.listen();
            // It may have changed before there was a listener.
            if let Some(result) = look(&mut self.value()) {
                return result;
            }
            changed.await;
        }
    }
}
