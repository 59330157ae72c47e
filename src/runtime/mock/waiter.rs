//! Tasks that wait for the network.

use std::mem;
use std::task::Waker;
use std::time::Duration;

use super::executor::Executor;
use super::time::NEVER;
use super::timers::Deadline;

/// A task that waits to read, to write, to accept a connection, or to connect.
pub(super) struct Waiter {
    waker: Waker,
    pub(super) task: u64,
    alarm: Option<Deadline>,
}

impl Waiter {
    pub(super) fn new(waker: Waker, executor: Option<&Executor>) -> Self {
        Self {
            waker,
            task: executor.map_or(u64::MAX, Executor::current),
            alarm: None,
        }
    }

    /// Wakes the task. The waiter must not have an alarm.
    pub(super) fn wake(self) {
        self.waker.wake();
    }
}

/// Wakers to be woken or dropped once all locks are released, since wakers run foreign code. This
/// happens when the value is dropped. So declare it before a lock guard: the guard is then dropped
/// first.
#[derive(Default)]
pub(super) struct Later {
    wake: Vec<Waker>,
    forget: Vec<Waker>,
}

impl Later {
    pub(super) fn forget(&mut self, waiter: Option<Waiter>, executor: Option<&Executor>) {
        let Some(waiter) = waiter else { return };
        self.forget.push(waiter.waker);
        if let (Some(alarm), Some(executor)) = (waiter.alarm, executor) {
            self.forget.extend(executor.cancel_timer(&alarm));
        }
    }

    pub(super) fn wake(&mut self, waiter: &mut Option<Waiter>, executor: Option<&Executor>) {
        let Some(waiter) = waiter.take() else { return };
        if let (Some(alarm), Some(executor)) = (waiter.alarm, executor) {
            self.forget.extend(executor.cancel_timer(&alarm));
        }
        self.wake.push(waiter.waker);
    }

    /// Wakes the waiter at this time, or now if the time has passed.
    pub(super) fn wake_at(
        &mut self,
        at: Option<Duration>,
        now: Duration,
        slot: &mut Option<Waiter>,
        executor: Option<&Executor>,
    ) {
        let (Some(waiter), Some(at)) = (slot.as_mut(), at) else {
            return;
        };
        if at == NEVER {
            return;
        }
        let Some(executor) = executor.filter(|_| at > now) else {
            self.wake(slot, executor);
            return;
        };
        if waiter.alarm.is_some_and(|(set, _)| set <= at && set > now) {
            return;
        }
        if let Some(alarm) = waiter.alarm.take() {
            self.forget.extend(executor.cancel_timer(&alarm));
        }
        waiter.alarm = Some(executor.set_timer(at, waiter.waker.clone()));
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        for waker in mem::take(&mut self.wake) {
            waker.wake();
        }
    }
}
