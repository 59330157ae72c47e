//! A connection: a pipe for each direction, and the faults of the network between its ends.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use super::conditions::Conditions;
use super::event_log::EventLog;
use super::executor::Executor;
use super::lock::lock;
use super::pipe::Pipe;
use super::time::{NEVER, seconds};
use super::waiter::{Later, Waiter};
use super::weak_map::WeakMap;

/// Indices of the two ends. A pipe has the index of the end that writes to it.
pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;

pub(super) struct Line {
    /// `None` for a connection outside of a network, whose bytes arrive at once.
    route: Option<Route>,
    state: Mutex<LineState>,
}

/// The network of a line, and the line's identity in it.
pub(super) struct Route {
    pub(super) executor: Arc<Executor>,
    pub(super) log: Arc<EventLog>,
    /// The connections of the network. A line removes itself when both ends are dropped or when it is
    /// reset.
    pub(super) lines: Arc<WeakMap<Line>>,
    pub(super) number: u64,
    pub(super) address: SocketAddr,
    /// The client's local address, if it chose one.
    pub(super) local: Option<SocketAddr>,
}

struct LineState {
    conditions: Conditions,
    pipes: [Pipe; 2],
    /// For each end, the reset that it sees, either already or from a set time on.
    resets: [Option<Reset>; 2],
    /// Number of ends that were not dropped.
    ends: usize,
    black: bool,
    /// Whether the bytes are held by a partition of the whole network, and by one of this connection.
    held: [bool; 2],
    random: fastrand::Rng,
}

struct Reset {
    at: Duration,
    /// Whether bytes that arrived before the reset can still be read.
    keeps: bool,
}

impl LineState {
    fn is_held(&self) -> bool {
        self.held.contains(&true)
    }

    fn is_reset(&self, end: usize, now: Duration) -> bool {
        self.resets[end]
            .as_ref()
            .is_some_and(|reset| reset.at <= now)
    }

    /// The arrival time of an end of stream or a reset that this end sends now. The bytes that it has
    /// written before arrive first.
    fn signal_arrival(&mut self, end: usize, now: Duration) -> Duration {
        if self.is_held() {
            return NEVER;
        }
        self.pipes[end].arrival(0, now, &self.conditions, &mut self.random)
    }

    /// Wakes the waiting readers and writers whose state has changed, now or when the change arrives.
    fn wake_waiters(&mut self, now: Duration, executor: Option<&Executor>, later: &mut Later) {
        for end in [CLIENT, SERVER] {
            let reset = |end: usize| self.resets[end].as_ref().map(|reset| reset.at);
            let (at_writer, at_reader) = (reset(end), reset(1 - end));
            let pipe = &mut self.pipes[end];
            let earliest = |one: Option<Duration>, two: Option<Duration>| {
                Some(one.unwrap_or(NEVER).min(two.unwrap_or(NEVER)))
            };
            let next = earliest(pipe.next(), at_reader);
            later.wake_at(next, now, &mut pipe.reader, executor);
            let next = earliest(pipe.abandoned, at_writer);
            later.wake_at(next, now, &mut pipe.writer, executor);
        }
    }
}

impl Line {
    pub(super) fn new(conditions: Conditions, seed: u64, route: Option<Route>) -> Self {
        Self {
            route,
            state: Mutex::new(LineState {
                conditions,
                pipes: [Pipe::new(), Pipe::new()],
                resets: [None, None],
                ends: 2,
                black: false,
                held: [false; 2],
                random: fastrand::Rng::with_seed(seed),
            }),
        }
    }

    pub(super) fn route(&self) -> Option<&Route> {
        self.route.as_ref()
    }

    fn executor(&self) -> Option<&Executor> {
        self.route.as_ref().map(|route| &*route.executor)
    }

    fn now(&self) -> Duration {
        self.executor().map_or(Duration::ZERO, Executor::now)
    }

    fn state(&self) -> MutexGuard<'_, LineState> {
        lock(&self.state)
    }

    fn log(&self, event: impl FnOnce() -> String) {
        if let Some(Route { log, number, .. }) = &self.route {
            log.add(|| format!("#{number} {}", event()));
        }
    }

    fn log_signal(&self, state: &LineState, end: usize, what: &str, at: Duration, now: Duration) {
        // A reset end sends nothing.
        if !state.is_reset(end, now) {
            self.log(|| match state.black {
                true => format!("{} {what}, lost", arrow(end)),
                false => format!("{} {what}{}", arrow(end), arrives(at, now)),
            });
        }
    }

    pub(super) fn poll_read(
        &self,
        end: usize,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // Declared before the lock, so that it is dropped after the lock: wakers run foreign code.
        let mut later = Later::default();
        let (waker, now, executor) = (cx.waker().clone(), self.now(), self.executor());
        let mut guard = self.state();
        let state = &mut *guard;
        let is_reset = state.is_reset(end, now);
        let reset = state.resets[end].as_ref();
        let reset_at = reset.map(|reset| reset.at);
        let keeps = reset.is_some_and(|reset| reset.keeps);
        let pipe = &mut state.pipes[1 - end];
        pipe.settle(now);
        if is_reset && !(keeps && pipe.arrived > 0) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if pipe.arrived > 0 {
            let most = pipe.arrived.min(buf.len());
            let mut read = 0;
            // The ring buffer consists of up to two slices, and a read returns one of them.
            while read < most {
                read += pipe.buffer.read(&mut buf[read..most])?;
            }
            pipe.arrived -= read;
            later.forget(pipe.reader.take(), executor);
            later.wake(&mut pipe.writer, executor);
            return Poll::Ready(Ok(read));
        }
        let next = pipe.next().unwrap_or(NEVER);
        if next <= now {
            later.forget(pipe.reader.take(), executor);
            return Poll::Ready(Ok(0));
        }
        later.forget(pipe.reader.take(), executor);
        pipe.reader = Some(Waiter::new(waker, executor));
        let next = next.min(reset_at.unwrap_or(NEVER));
        later.wake_at(Some(next), now, &mut pipe.reader, executor);
        Poll::Pending
    }

    pub(super) fn poll_write(
        &self,
        end: usize,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut later = Later::default();
        let (waker, now, executor) = (cx.waker().clone(), self.now(), self.executor());
        let mut guard = self.state();
        let state = &mut *guard;
        if state.is_reset(end, now) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let held = state.is_held();
        let pipe = &mut state.pipes[end];
        if pipe.closed || pipe.abandoned.is_some_and(|at| at <= now) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = state.conditions.capacity.saturating_sub(pipe.used());
        later.forget(pipe.writer.take(), executor);
        if room == 0 && !buf.is_empty() {
            // Dropping the reader empties the buffer. So either the reader exists, or bytes that were lost in
            // a black hole fill the pipe, and then the writer learns nothing any more.
            pipe.writer = Some(Waiter::new(waker, executor));
            return Poll::Pending;
        }
        let written = buf.len().min(room);
        let mut rest = &buf[..written];
        while !rest.is_empty() {
            let size = state.conditions.piece(rest.len(), &mut state.random);
            let (piece, more) = rest.split_at(size);
            rest = more;
            let arrow = arrow(end);
            if state.black {
                pipe.lost += size;
                self.log(|| format!("{arrow} {size} bytes, lost"));
            } else if pipe.gone {
                pipe.refused += size;
                self.log(|| format!("{arrow} {size} bytes, to nobody"));
            } else if held {
                pipe.push(piece, NEVER, now);
                self.log(|| format!("{arrow} {size} bytes, held"));
            } else {
                let at = pipe.arrival(size, now, &state.conditions, &mut state.random);
                pipe.push(piece, at, now);
                self.log(|| format!("{arrow} {size} bytes{}", arrives(at, now)));
            }
        }
        let next = pipe.next();
        later.wake_at(next, now, &mut pipe.reader, executor);
        Poll::Ready(Ok(written))
    }

    /// Closes the direction in which this end writes.
    pub(super) fn close(&self, end: usize) {
        let mut later = Later::default();
        let now = self.now();
        let mut state = self.state();
        self.close_in(&mut state, end, now);
        state.wake_waiters(now, self.executor(), &mut later);
    }

    fn close_in(&self, state: &mut LineState, end: usize, now: Duration) {
        if !mem::replace(&mut state.pipes[end].closed, true) {
            let at = state.signal_arrival(end, now);
            state.pipes[end].end = (!state.black).then_some(at);
            self.log_signal(state, end, "end", at, now);
        }
    }

    /// An end is dropped. The other end then reads an end of stream, or with `reset` an error.
    pub(super) fn drop_end(&self, end: usize, reset: bool) {
        let mut later = Later::default();
        let now = self.now();
        let unread: VecDeque<u8>;
        let (forgotten, last) = {
            let mut state = self.state();
            let at = if reset {
                state.pipes[end].closed = true;
                let at = state.signal_arrival(end, now);
                self.log_signal(&state, end, "reset", at, now);
                if !state.black && state.resets[1 - end].is_none() {
                    state.resets[1 - end] = Some(Reset { at, keeps: false });
                }
                at
            } else if state.pipes[end].closed {
                state.signal_arrival(end, now)
            } else {
                self.close_in(&mut state, end, now);
                state.pipes[end].end.unwrap_or(NEVER)
            };
            let at = (!state.black).then_some(at);
            let incoming = &mut state.pipes[1 - end];
            unread = incoming.leave(now);
            incoming.abandoned = at;
            let forgotten = (incoming.reader.take(), state.pipes[end].writer.take());
            state.wake_waiters(now, self.executor(), &mut later);
            state.ends -= 1;
            (forgotten, state.ends == 0)
        };
        later.forget(forgotten.0, self.executor());
        later.forget(forgotten.1, self.executor());
        drop(unread);
        if let (true, Some(route)) = (last, &self.route) {
            route.lines.remove(route.number);
        }
    }

    /// Resets both ends immediately. With `keeps`, bytes in flight arrive first and can still be read.
    pub(super) fn reset(&self, keeps: bool) {
        let mut later = Later::default();
        let now = self.now();
        let mut guard = self.state();
        let state = &mut *guard;
        for end in [CLIENT, SERVER] {
            if state.is_reset(end, now) {
                continue;
            }
            state.resets[end] = Some(Reset { at: now, keeps });
            if keeps {
                state.pipes[end].land();
            }
        }
        self.log(|| "reset".into());
        state.wake_waiters(now, self.executor(), &mut later);
        drop(guard);
        if let Some(route) = &self.route {
            route.lines.remove(route.number);
        }
    }

    pub(super) fn set(&self, conditions: Conditions) {
        let mut later = Later::default();
        let mut state = self.state();
        state.conditions = conditions;
        // The new capacity may leave room for waiting writes.
        for pipe in &mut state.pipes {
            later.wake(&mut pipe.writer, self.executor());
        }
    }

    pub(super) fn black_hole(&self) {
        let now = self.now();
        let mut guard = self.state();
        let state = &mut *guard;
        if !mem::replace(&mut state.black, true) {
            for pipe in &mut state.pipes {
                pipe.lose(now);
                pipe.abandoned = pipe.abandoned.filter(|at| *at <= now);
            }
            for reset in &mut state.resets {
                *reset = reset.take().filter(|reset| reset.at <= now);
            }
            self.log(|| "black hole".into());
        }
    }

    /// Starts or ends a partition: of this connection if `own`, otherwise of the network.
    pub(super) fn hold(&self, own: bool, hold: bool) {
        let mut later = Later::default();
        let now = self.now();
        let mut guard = self.state();
        let state = &mut *guard;
        let held_before = state.is_held();
        state.held[usize::from(own)] = hold;
        if own {
            self.log(|| if hold { "partition" } else { "heal" }.into());
        }
        if state.is_held() == held_before {
            return;
        }
        for end in [CLIENT, SERVER] {
            // Signals to the other end travel behind the bytes of the pipe, so they are held, too.
            let abandoned = &mut state.pipes[1 - end].abandoned;
            let reset = state.resets[1 - end].as_mut().map(|reset| &mut reset.at);
            if hold {
                for at in abandoned.iter_mut().chain(reset) {
                    *at = if *at > now { NEVER } else { *at };
                }
                state.pipes[end].hold(now);
            } else {
                let pipe = &mut state.pipes[end];
                pipe.release(now, &state.conditions, &mut state.random);
                let signal = pipe.arrival(0, now, &state.conditions, &mut state.random);
                let abandoned = &mut state.pipes[1 - end].abandoned;
                let reset = state.resets[1 - end].as_mut().map(|reset| &mut reset.at);
                for at in abandoned.iter_mut().chain(reset) {
                    *at = if *at == NEVER { signal } else { *at };
                }
            }
        }
        state.wake_waiters(now, self.executor(), &mut later);
    }

    /// Number of bytes written by this end that the other end has not read.
    pub(super) fn unread(&self, end: usize) -> usize {
        self.state().pipes[end].buffer.len()
    }

    /// Number of bytes written by this end that have not arrived. `None` after a reset.
    pub(super) fn unacknowledged(&self, end: usize) -> Option<usize> {
        let (now, mut state) = (self.now(), self.state());
        if state.is_reset(end, now) {
            return None;
        }
        let pipe = &mut state.pipes[end];
        pipe.settle(now);
        Some(pipe.buffer.len() - pipe.arrived + pipe.lost + pipe.refused)
    }

    /// Whether the connection was neither reset nor dropped by both ends.
    pub(super) fn is_open(&self) -> bool {
        let (now, state) = (self.now(), self.state());
        state.ends > 0
            && [CLIENT, SERVER]
                .iter()
                .all(|end| !state.is_reset(*end, now))
    }

    /// Adds the tasks that wait for this connection, and what they wait for.
    pub(super) fn waits(&self, into: &mut Vec<(u64, String)>) {
        let Some(Route {
            number, address, ..
        }) = &self.route
        else {
            return;
        };
        let state = self.state();
        let fate = match (state.black, state.is_held()) {
            (true, _) => ", a black hole",
            (_, true) => ", across a partition",
            _ => "",
        };
        for (end, name) in [(CLIENT, "client"), (SERVER, "server")] {
            let which = format!("connection #{number} with {address} (its {name}'s end){fate}");
            if let Some(waiter) = &state.pipes[1 - end].reader {
                into.push((waiter.task, format!("bytes to read from {which}")));
            }
            if let Some(waiter) = &state.pipes[end].writer {
                into.push((waiter.task, format!("room to write to {which}")));
            }
        }
    }
}

fn arrow(end: usize) -> &'static str {
    if end == CLIENT { "->" } else { "<-" }
}

fn arrives(at: Duration, now: Duration) -> String {
    if at == NEVER {
        ", held".into()
    } else if at > now {
        format!(", arrives {}", seconds(at))
    } else {
        String::new()
    }
}
