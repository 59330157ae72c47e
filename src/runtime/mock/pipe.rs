//! One direction of a connection: the bytes that were written and not read, and when they arrive.
//!
//! No task moves bytes when their time comes. A read takes the bytes that have arrived by then, and a
//! waiting reader sets a timer for the next arrival.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use super::conditions::Conditions;
use super::time::NEVER;
use super::waiter::Waiter;

/// The time between two segments. It lets a task read the first before the second arrives.
const APART: Duration = Duration::from_nanos(1);

pub(super) struct Pipe {
    /// Bytes that have arrived, followed by bytes in flight.
    pub(super) buffer: VecDeque<u8>,
    /// Number of bytes in `buffer` that have arrived.
    pub(super) arrived: usize,
    /// Arrival times and lengths of the bytes in flight. The times never decrease.
    flight: VecDeque<(Duration, usize)>,
    /// Number of bytes lost in a black hole. They are never acknowledged, so they occupy the buffer.
    pub(super) lost: usize,
    /// Number of bytes sent to a reader that was dropped. A real system would answer them by a reset.
    pub(super) refused: usize,
    /// The writer has closed the pipe.
    pub(super) closed: bool,
    /// When the reader sees the end of the stream.
    pub(super) end: Option<Duration>,
    /// The reader was dropped.
    pub(super) gone: bool,
    /// When the writer sees that the reader was dropped. `None` if the reader exists, or if a black hole keeps
    /// the writer from seeing it.
    pub(super) abandoned: Option<Duration>,
    /// When the bytes written so far have been transmitted.
    free: Duration,
    /// The last arrival time.
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

    /// Number of bytes that count towards the capacity.
    pub(super) fn used(&self) -> usize {
        self.buffer.len().saturating_add(self.lost)
    }

    /// Computes when this number of bytes arrives if it is sent now.
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
        // If the new bytes have arrived, so have the bytes before them in the buffer, because arrival times
        // never decrease. `settle` counts those later.
        if at <= now {
            self.arrived += bytes.len();
        } else {
            self.flight.push_back((at, bytes.len()));
        }
    }

    /// Counts the bytes that have arrived by now.
    pub(super) fn settle(&mut self, now: Duration) {
        while let Some(&(at, bytes)) = self.flight.front()
            && at <= now
        {
            self.arrived += bytes;
            self.flight.pop_front();
        }
    }

    /// When a read next returns bytes or the end of the stream.
    pub(super) fn next(&self) -> Option<Duration> {
        if self.arrived > 0 {
            return Some(Duration::ZERO);
        }
        self.flight.front().map(|(at, _)| *at).or(self.end)
    }

    /// Lets all bytes in flight arrive immediately.
    pub(super) fn land(&mut self) {
        self.flight.clear();
        self.arrived = self.buffer.len();
    }

    /// Drops all bytes in flight.
    pub(super) fn lose(&mut self, now: Duration) {
        self.settle(now);
        self.flight.clear();
        self.lost += self.buffer.len() - self.arrived;
        self.buffer.truncate(self.arrived);
        self.end = self.end.filter(|end| *end <= now);
    }

    /// The reader is dropped. Returns the unread bytes.
    pub(super) fn leave(&mut self, now: Duration) -> VecDeque<u8> {
        self.settle(now);
        self.refused += self.buffer.len() - self.arrived;
        self.gone = true;
        self.flight.clear();
        self.arrived = 0;
        mem::take(&mut self.buffer)
    }

    /// Holds the bytes in flight until the end of a partition.
    pub(super) fn hold(&mut self, now: Duration) {
        self.settle(now);
        for (at, _) in &mut self.flight {
            *at = NEVER;
        }
        self.end = self.end.map(|at| if at > now { NEVER } else { at });
        self.free = now;
        self.last = None;
    }

    /// Sends the held bytes again, followed by the end of the stream.
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
