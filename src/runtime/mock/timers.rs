//! The timers that are set, in the order in which they fire.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;
use std::time::Duration;

/// When a timer fires, in time awake; the number, given when it was made, decides between those of
/// one instant.
pub(super) type Deadline = (Duration, u64);

/// By the time that the machine was awake.
#[derive(Default)]
pub(super) struct Timers(BTreeMap<Deadline, Timer>);

pub(super) struct Timer {
    pub(super) waker: Waker,
    /// The task that has set it.
    pub(super) task: u64,
    /// Whether the task sleeps; otherwise the network wakes it, and reports what it waits for.
    pub(super) is_sleep: bool,
}

impl Timers {
    pub(super) fn insert(&mut self, deadline: Deadline, timer: Timer) {
        self.0.insert(deadline, timer);
    }

    pub(super) fn remove(&mut self, deadline: &Deadline) -> Option<Timer> {
        self.0.remove(deadline)
    }

    /// When the next one fires, unless none ever does.
    pub(super) fn next(&self) -> Option<Duration> {
        let (&(awake, _), _) = self.0.first_key_value()?;
        (awake != Duration::MAX).then_some(awake)
    }

    pub(super) fn pop_next(&mut self) -> Option<Timer> {
        self.0.pop_first().map(|(_, timer)| timer)
    }

    /// Puts a timer, if it has not fired, in the hands of this task, and gives whether it did. The
    /// waker that it had is in `waker` afterwards.
    pub(super) fn hand_over(&mut self, deadline: &Deadline, task: u64, waker: &mut Waker) -> bool {
        let timer = self.0.get_mut(deadline);
        let is_set = timer.is_some();
        if let Some(timer) = timer {
            timer.task = task;
            mem::swap(&mut timer.waker, waker);
        }
        is_set
    }

    /// The tasks that sleep, and until when.
    pub(super) fn sleeps(&self) -> impl Iterator<Item = (u64, Duration)> {
        let sleeps = self.0.iter().filter(|(_, timer)| timer.is_sleep);
        sleeps.map(|((awake, _), timer)| (timer.task, *awake))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
