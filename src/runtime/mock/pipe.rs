//! One direction of a connection: what was written and not read, and when it arrives.
//!
//! Nothing here moves bytes at a given time: who looks sees what has arrived by then, and who waits
//! sets an alarm for what comes next.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;
use std::time::Duration;

use super::conditions::Conditions;
use super::executor::{Deadline, Executor};

/// The arrival of what never arrives, or not as long as there is a partition.
pub(super) const NEVER: Duration = Duration::MAX;

/// Makes segments arrive one at a time: what runs sees the first before the second is there.
const APART: Duration = Duration::from_nanos(1);

pub(super) struct Pipe {
    /// What has arrived, then what has not.
    pub(super) buffer: VecDeque<u8>,
    pub(super) arrived: usize,
    /// When the rest arrives, and how many bytes at a time. The times never fall.
    flight: VecDeque<(Duration, usize)>,
    /// Bytes that a black hole has taken. They are never acknowledged, and so take room.
    pub(super) lost: usize,
    /// Nothing more will be written.
    pub(super) closed: bool,
    /// When the reader learns of that.
    pub(super) end: Option<Duration>,
    /// Nobody will read any more.
    pub(super) gone: bool,
    /// When the writer learns of that.
    pub(super) abandoned: Option<Duration>,
    /// When the line has carried what was written so far.
    free: Duration,
    last: Option<Duration>,
    pub(super) reader: Option<Waiter>,
    pub(super) writer: Option<Waiter>,
}

/// A task that waits at a pipe.
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

    /// For one that has set no alarm.
    pub(super) fn wake(self) {
        self.waker.wake();
    }
}

/// Wakes or drops wakers when it is dropped itself, which must be outside of all locks: wakers are
/// code of others.
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

    /// Wakes who waits at this time, or now if that has passed.
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

impl Pipe {
    pub(super) fn new() -> Self {
        Self {
            buffer: VecDeque::new(),
            arrived: 0,
            flight: VecDeque::new(),
            lost: 0,
            closed: false,
            end: None,
            gone: false,
            abandoned: None,
            free: Duration::ZERO,
            last: None,
            reader: None,
            writer: None,
        }
    }

    /// Bytes that take room.
    pub(super) fn used(&self) -> usize {
        self.buffer.len().saturating_add(self.lost)
    }

    /// When so many bytes arrive that set out now.
    pub(super) fn arrival(
        &mut self,
        bytes: usize,
        now: Duration,
        conditions: &Conditions,
        random: &mut fastrand::Rng,
    ) -> Duration {
        let sent = self
            .free
            .max(now)
            .saturating_add(conditions.transmission(bytes));
        self.free = sent;
        let mut arrival = sent.saturating_add(conditions.draw_latency(random));
        if let Some(last) = self.last {
            let apart = conditions.segment.map_or(Duration::ZERO, |_| APART);
            arrival = arrival.max(last.saturating_add(apart));
        }
        self.last = Some(arrival);
        arrival
    }

    /// Adds bytes that arrive at this time.
    pub(super) fn push(&mut self, bytes: &[u8], at: Duration, now: Duration) {
        self.buffer.extend(bytes);
        // What is before it in the buffer has arrived, too, if only `settle` knows.
        if at <= now {
            self.arrived += bytes.len();
        } else {
            self.flight.push_back((at, bytes.len()));
        }
    }

    /// Sees what has arrived meanwhile.
    pub(super) fn settle(&mut self, now: Duration) {
        while let Some(&(at, bytes)) = self.flight.front()
            && at <= now
        {
            self.arrived += bytes;
            self.flight.pop_front();
        }
    }

    /// When there is something new to read, the end included.
    pub(super) fn next(&self) -> Option<Duration> {
        if self.arrived > 0 {
            return Some(Duration::ZERO);
        }
        self.flight.front().map(|(at, _)| *at).or(self.end)
    }

    /// Everything arrives at once.
    pub(super) fn land(&mut self) {
        self.flight.clear();
        self.arrived = self.buffer.len();
    }

    /// What has not arrived never does.
    pub(super) fn lose(&mut self, now: Duration) {
        self.settle(now);
        self.flight.clear();
        self.lost += self.buffer.len() - self.arrived;
        self.buffer.truncate(self.arrived);
        self.end = self.end.filter(|end| *end <= now);
    }

    /// Nobody reads any more.
    pub(super) fn leave(&mut self) -> VecDeque<u8> {
        self.gone = true;
        self.flight.clear();
        self.arrived = 0;
        mem::take(&mut self.buffer)
    }

    /// What has not arrived waits for the end of a partition.
    pub(super) fn hold(&mut self, now: Duration) {
        self.settle(now);
        for (at, _) in &mut self.flight {
            *at = NEVER;
        }
        self.end = self.end.map(|at| if at > now { NEVER } else { at });
        self.free = now;
        self.last = None;
    }

    /// What waited sets out again; then the end.
    pub(super) fn release(
        &mut self,
        now: Duration,
        conditions: &Conditions,
        random: &mut fastrand::Rng,
    ) {
        for (at, bytes) in mem::take(&mut self.flight) {
            debug_assert_eq!(at, NEVER);
            let at = self.arrival(bytes, now, conditions, random);
            self.flight.push_back((at, bytes));
        }
        if self.end == Some(NEVER) {
            self.end = Some(self.arrival(0, now, conditions, random));
        }
    }
}
