//! One direction of a connection: what was written and not read, and when it arrives.
//!
//! Nothing here moves bytes at a given time: who looks sees what has arrived by then, and who waits
//! sets an alarm for what comes next.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use super::conditions::Conditions;
use super::time::NEVER;
use super::waiter::Waiter;

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
    /// Bytes for a reader that was gone, whose system answers them by a reset.
    pub(super) refused: usize,
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

impl Pipe {
    pub(super) fn new() -> Self {
        Self {
            buffer: VecDeque::new(),
            arrived: 0,
            flight: VecDeque::new(),
            lost: 0,
            refused: 0,
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
    pub(super) fn leave(&mut self, now: Duration) -> VecDeque<u8> {
        self.settle(now);
        self.refused += self.buffer.len() - self.arrived;
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
