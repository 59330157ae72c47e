//! The active timers, in the order in which they fire.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;
use std::time::Duration;

/// When a timer fires, in time during which the machine is awake, and the timer's number. Timers of the
/// same instant fire in the order of their numbers.
pub(super) type Deadline = (Duration, u64);

#[derive(Default)]
pub(super) struct Timers(BTreeMap<Deadline, Timer>);

pub(super) struct Timer {
    pub(super) waker: Waker,
    /// The task that set the timer.
    pub(super) task: u64,
    /// Whether the task sleeps. Otherwise the timer is one of the network, which knows what the task
    /// waits for.
    pub(super) is_sleep: bool,
}

impl Timers {
    pub(super) fn insert(&mut self, deadline: Deadline, timer: Timer) {
        self.0.insert(deadline, timer);
    }

    pub(super) fn remove(&mut self, deadline: &Deadline) -> Option<Timer> {
        self.0.remove(deadline)
    }

    /// When the next timer fires. `None` if none will.
    pub(super) fn next(&self) -> Option<Duration> {
        let (&(awake, _), _) = self.0.first_key_value()?;
        (awake != Duration::MAX).then_some(awake)
    }

    pub(super) fn pop_next(&mut self) -> Option<Timer> {
        self.0.pop_first().map(|(_, timer)| timer)
    }

    /// Assigns a timer to this task, with this waker, and returns whether the timer is still active. The
    /// previous waker is swapped into `waker`.
    pub(super) fn hand_over(&mut self, deadline: &Deadline, task: u64, waker: &mut Waker) -> bool {
        let timer = self.0.get_mut(deadline);
        let is_set = timer.is_some();
        if let Some(timer) = timer {
            timer.task = task;
            mem::swap(&mut timer.waker, waker);
        }
        is_set
    }

    /// The sleeping tasks, and when their timers fire.
    pub(super) fn sleeps(&self) -> impl Iterator<Item = (u64, Duration)> {
        let sleeps = self.0.iter().filter(|(_, timer)| timer.is_sleep);
        sleeps.map(|((awake, _), timer)| (timer.task, *awake))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
