//! The executor: runs tasks on one thread in a deterministic order, and owns the virtual clock.
//!
//! No foreign code runs under the lock: tasks and wakers are polled, woken and dropped outside of it.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;

use super::lock::lock;
use super::order::Order;
use super::report::report;
use super::task::{Body, Name, Task};
use super::timers::{Deadline, Timer, Timers};

const POLL_LIMIT: u64 = 10_000_000;

const TIME_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Separates the random numbers that decide the order from those that users draw.
const ORDER_SEED: u64 = 0x6f72_6465_7200_0001;

pub(super) struct Executor {
    state: Mutex<ExecutorState>,
    /// The task that is being polled, which waiters and timers record for the list of waiting tasks.
    current: AtomicU64,
}

struct ExecutorState {
    order: Order,
    now: Duration,
    /// The part of `now` during which the machine was suspended. Timers do not count it.
    suspended: Duration,
    /// The number of the next task or timer. Numbers are never reused, so that a waker that outlives its
    /// task cannot wake another one.
    next: u64,
    /// Number of tasks spawned so far. It serves as the name of a task that has none.
    spawned: u64,
    tasks: BTreeMap<u64, Task>,
    /// The ready tasks, in the order of their waking. Some may have ended meanwhile.
    ready: VecDeque<u64>,
    timers: Timers,
    running: bool,
    /// Number of polls since time last passed.
    polls: u64,
    poll_limit: u64,
    /// When the current run began, in time awake.
    began: Duration,
    time_limit: Duration,
    random: fastrand::Rng,
    /// Chooses the next task under [`Order::Random`].
    dice: fastrand::Rng,
}

impl Executor {
    pub(super) fn new(order: Order) -> Self {
        Self {
            state: Mutex::new(ExecutorState {
                order,
                now: Duration::ZERO,
                suspended: Duration::ZERO,
                next: 0,
                spawned: 0,
                tasks: BTreeMap::new(),
                ready: VecDeque::new(),
                timers: Timers::default(),
                running: false,
                polls: 0,
                poll_limit: POLL_LIMIT,
                began: Duration::ZERO,
                time_limit: TIME_LIMIT,
                random: fastrand::Rng::with_seed(0),
                dice: fastrand::Rng::with_seed(ORDER_SEED),
            }),
            current: AtomicU64::new(u64::MAX),
        }
    }

    pub(super) fn set_seed(&self, seed: u64) {
        let mut state = self.state();
        state.random = fastrand::Rng::with_seed(seed);
        state.dice = fastrand::Rng::with_seed(seed ^ ORDER_SEED);
    }

    pub(super) fn set_poll_limit(&self, polls: u64) {
        self.state().poll_limit = polls;
    }

    pub(super) fn set_time_limit(&self, limit: Duration) {
        self.state().time_limit = limit;
    }

    pub(super) fn random(&self) -> u64 {
        self.state().random.u64(..)
    }

    pub(super) fn now(&self) -> Duration {
        self.state().now
    }

    pub(super) fn tasks(&self) -> usize {
        self.state().alive()
    }

    /// The task that is being polled.
    pub(super) fn current(&self) -> u64 {
        self.current.load(Ordering::Relaxed)
    }

    pub(super) fn spawn(
        self: &Arc<Self>,
        name: Option<String>,
        at: Option<&'static Location<'static>>,
        future: BoxFuture<'static, ()>,
    ) {
        self.add(Body::Spawned(future), name, at);
    }

    pub(super) fn abort_tasks(&self) {
        let aborted: BTreeMap<_, _> = {
            let mut state = self.state();
            let (aborted, main) = mem::take(&mut state.tasks)
                .into_iter()
                .partition(|(_, task)| task.is_spawned());
            state.tasks = main;
            aborted
        };
        drop(aborted);
    }

    /// `waits` returns the tasks that wait for the network, and what they wait for.
    pub(super) fn block_on<F: Future>(
        self: &Arc<Self>,
        future: F,
        waits: impl FnOnce() -> Vec<(u64, String)>,
    ) -> F::Output {
        let mut future = pin!(future);
        let _running = RunGuard::new(self);
        let main = Removal {
            executor: self,
            task: self.add(Body::Main, None, None),
            kept: false,
        };
        loop {
            while let Some((id, body, waker)) = self.next_task() {
                let mut cx = Context::from_waker(&waker);
                match body {
                    Body::Spawned(task) => self.poll_task(id, task, &mut cx),
                    _ => {
                        debug_assert_eq!(id, main.task);
                        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                            return output;
                        }
                    }
                }
            }
            let end = self.state().run_end();
            if !self.fire_timer(end) {
                let text = self.no_progress(waits());
                panic!("{text}");
            }
        }
    }

    /// The message of the panic of a `block_on` that hangs.
    fn no_progress(&self, waits: Vec<(u64, String)>) -> String {
        let (now, spawned, limit, deadlock) = {
            let state = self.state();
            let deadlock = state.timers.next().is_none();
            (state.now, state.alive(), state.time_limit, deadlock)
        };
        let why = if deadlock {
            format!("deadlock at {now:?} of virtual time: no task can run and no timer is set")
        } else {
            format!(
                "block_on has not ended within {limit:?} of virtual time (now {now:?}): if the test \
                 simulates more time, raise MockRuntime::with_time_limit"
            )
        };
        let (all, lines) = (spawned + 1, self.waiting_tasks(waits));
        format!("{why}; waiting tasks: {all} (the future of block_on and {spawned} spawned){lines}")
    }

    /// Lists the tasks that have not ended and what they wait for, a line each.
    pub(super) fn waiting_tasks(&self, mut waits: Vec<(u64, String)>) -> String {
        let state = self.state();
        waits.extend(state.timers.sleeps().map(|(task, until)| {
            let what = match until {
                Duration::MAX => "a sleep that never ends".into(),
                until => format!("a timer at {:?}", until.saturating_add(state.suspended)),
            };
            (task, what)
        }));
        report(&state.tasks, &waits)
    }

    /// Starts a timer for the running task, which waits for the network until this time.
    pub(super) fn set_timer(&self, at: Duration, waker: Waker) -> Deadline {
        let task = self.current();
        let mut state = self.state();
        let deadline = (state.awake_at(at), state.number());
        let timer = Timer {
            waker,
            task,
            is_sleep: false,
        };
        state.timers.insert(deadline, timer);
        deadline
    }

    /// The deadline of a timer with this duration, if it is created now.
    pub(super) fn deadline_after(&self, duration: Duration) -> Deadline {
        let mut state = self.state();
        let at = state.now.saturating_add(duration);
        (state.awake_at(at), state.number())
    }

    /// Starts a timer for the running task, which sleeps until this deadline.
    pub(super) fn start_timer(&self, deadline: Deadline, waker: Waker) {
        let timer = Timer {
            waker,
            task: self.current(),
            is_sleep: true,
        };
        self.state().timers.insert(deadline, timer);
    }

    /// Replaces the waker of a timer. Returns `false` if the timer has fired.
    pub(super) fn set_timer_waker(&self, deadline: &Deadline, mut waker: Waker) -> bool {
        // The replaced waker is dropped with the arguments, after the lock, since wakers run foreign
        // code.
        let task = self.current();
        self.state().timers.hand_over(deadline, task, &mut waker)
    }

    /// Removes a timer if it has not fired. The caller drops the waker, outside of its locks.
    pub(super) fn cancel_timer(&self, deadline: &Deadline) -> Option<Waker> {
        let timer = self.state().timers.remove(deadline);
        timer.map(|timer| timer.waker)
    }

    pub(super) fn advance(&self, duration: Duration) {
        let _running = RunGuard::new(self);
        let end = self.now().saturating_add(duration);
        loop {
            while let Some((id, body, waker)) = self.next_task() {
                if let Body::Spawned(task) = body {
                    self.poll_task(id, task, &mut Context::from_waker(&waker));
                }
            }
            if !self.fire_timer(end) {
                break;
            }
        }
        self.state().now = end;
    }

    pub(super) fn suspend(&self, duration: Duration) {
        let mut state = self.state();
        state.now = state.now.saturating_add(duration);
        state.suspended = state.suspended.saturating_add(duration);
        state.polls = 0;
    }

    #[cfg(test)]
    pub(super) fn timers(&self) -> usize {
        self.state().timers.len()
    }

    fn state(&self) -> MutexGuard<'_, ExecutorState> {
        // No code that panics runs under the lock.
        lock(&self.state)
    }

    fn add(
        self: &Arc<Self>,
        body: Body,
        name: Option<String>,
        at: Option<&'static Location<'static>>,
    ) -> u64 {
        let mut state = self.state();
        let id = state.number();
        let name = match (&body, name) {
            (Body::Main, _) => Name::Main,
            (_, name) => {
                state.spawned += 1;
                let name = match name {
                    Some(name) => format!("{name:?}"),
                    None => state.spawned.to_string(),
                };
                Name::Spawned { name, at }
            }
        };
        let ran = state.now;
        let waker = Waker::from(Arc::new(TaskWaker {
            executor: Arc::downgrade(self),
            id,
        }));
        state.tasks.insert(
            id,
            Task {
                body,
                name,
                waker,
                queued: true,
                ran,
            },
        );
        state.ready.push_back(id);
        id
    }

    /// Takes the next task from the ready queue.
    fn next_task(&self) -> Option<(u64, Body, Waker)> {
        let mut guard = self.state();
        let state = &mut *guard;
        loop {
            let id = match state.order {
                Order::FirstInFirstOut => state.ready.pop_front(),
                Order::LastInFirstOut => state.ready.pop_back(),
                Order::Random => {
                    // Drawn as 64 bits, so that a seed gives the same order on 32-bit machines.
                    let ready = state.ready.len().max(1) as u64;
                    let pick = state.dice.u64(..ready);
                    state.ready.swap_remove_back(pick as usize)
                }
            }?;
            let Some(task) = state.tasks.get_mut(&id) else {
                continue;
            };
            task.queued = false;
            if state.polls >= state.poll_limit {
                let (now, polls) = (state.now, state.polls);
                drop(guard);
                panic!(
                    "endless loop at {now:?} of virtual time: {polls} polls while time did not pass"
                );
            }
            state.polls += 1;
            task.ran = state.now;
            self.current.store(id, Ordering::Relaxed);
            let body = match task.body {
                Body::Main => Body::Main,
                _ => mem::replace(&mut task.body, Body::Taken),
            };
            return Some((id, body, task.waker.clone()));
        }
    }

    fn poll_task(&self, id: u64, mut future: BoxFuture<'static, ()>, cx: &mut Context<'_>) {
        let mut ended = Removal {
            executor: self,
            task: id,
            kept: false,
        };
        if future.as_mut().poll(cx).is_pending() {
            // The task is missing if it has called `abort_tasks` itself.
            if let Some(task) = self.state().tasks.get_mut(&id) {
                task.body = Body::Spawned(future);
                ended.kept = true;
            }
        } else {
            // Dropped before the task counts as ended, since dropping it may run the task's code.
            drop(future);
        }
    }

    /// Moves the clock to the next timer and fires it. Returns `false` if there is none up to `end`.
    fn fire_timer(&self, end: Duration) -> bool {
        let waker = {
            let mut state = self.state();
            let Some(awake) = state.timers.next() else {
                return false;
            };
            let deadline = awake.saturating_add(state.suspended);
            if deadline > end {
                return false;
            }
            let Some(timer) = state.timers.pop_next() else {
                return false;
            };
            // The deadline of a timer that is first polled late may have passed.
            if deadline > state.now {
                state.now = deadline;
                state.polls = 0;
            }
            timer.waker
        };
        waker.wake();
        true
    }
}

impl ExecutorState {
    /// Converts a time of the clock to time awake, if the machine is not suspended meanwhile.
    fn awake_at(&self, at: Duration) -> Duration {
        match at {
            Duration::MAX => at,
            _ => at.saturating_sub(self.suspended),
        }
    }

    /// When the time limit of the current run passes, if the machine is not suspended meanwhile.
    fn run_end(&self) -> Duration {
        let end = self.began.saturating_add(self.time_limit);
        end.saturating_add(self.suspended)
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn alive(&self) -> usize {
        self.tasks.values().filter(|task| task.is_spawned()).count()
    }
}

/// Marks the executor as running while it exists.
struct RunGuard<'a>(&'a Executor);

impl<'a> RunGuard<'a> {
    fn new(executor: &'a Executor) -> Self {
        let running = {
            let mut state = executor.state();
            let running = mem::replace(&mut state.running, true);
            if !running {
                state.polls = 0;
                state.began = state.now.saturating_sub(state.suspended);
            }
            running
        };
        assert!(
            !running,
            "this MockRuntime is already running: block_on, advance and run_until_stalled cannot be \
             called within a task, or from two threads at once"
        );
        Self(executor)
    }
}

impl Drop for RunGuard<'_> {
    fn drop(&mut self) {
        self.0.current.store(u64::MAX, Ordering::Relaxed);
        self.0.state().running = false;
    }
}

/// Removes a task that has ended or panicked.
struct Removal<'a> {
    executor: &'a Executor,
    task: u64,
    kept: bool,
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        if !self.kept {
            let removed = self.executor.state().tasks.remove(&self.task);
            drop(removed);
        }
    }
}

struct TaskWaker {
    /// Weak, since tasks own their own wakers.
    executor: Weak<Executor>,
    id: u64,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(executor) = self.executor.upgrade() {
            let mut state = executor.state();
            if let Some(task) = state.tasks.get_mut(&self.id)
                && !mem::replace(&mut task.queued, true)
            {
                state.ready.push_back(self.id);
            }
        }
    }
}
