//! Runs one test under many orders of execution.

use std::ops::Range;
use std::time::Duration;

use super::mock_runtime::MockRuntime;
use super::order::Order;

/// The environment variable that selects a single schedule.
const VARIABLE: &str = "ENGINEIO_SEED";

/// Runs a test under several [orders](Order) of execution, each on a new runtime: first-in-first-out,
/// last-in-first-out, and a [random](Order::Random) order for each of several seeds.
///
/// If the test panics, a line on standard error names the schedule. To run only this schedule, set the
/// environment variable `ENGINEIO_SEED` to the seed, or to `fifo` or `lifo`. By default a test also
/// fails if it leaves tasks running.
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::Runtime;
/// use engineio_client::runtime::mock::Schedules;
///
/// Schedules::new().seeds(0..50).run(async |runtime| {
///     runtime.sleep(Duration::from_secs(1)).await;
///     assert_eq!(runtime.now(), Duration::from_secs(1));
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing runs before `run`"]
pub struct Schedules {
    seeds: Range<u64>,
    grace: Duration,
    leaves_tasks: bool,
    time_limit: Option<Duration>,
}

impl Schedules {
    /// Both fixed orders and the seeds 0 to 15. No task may be left running.
    ///
    /// ```
    /// use engineio_client::runtime::mock::Schedules;
    ///
    /// Schedules::new().run(async |_| {});
    /// ```
    pub fn new() -> Self {
        Self {
            seeds: 0..16,
            grace: Duration::ZERO,
            leaves_tasks: false,
            time_limit: None,
        }
    }

    /// Sets the range of seeds. An empty range leaves the two fixed orders.
    ///
    /// See [`Schedules`] for an example.
    pub fn seeds(mut self, seeds: Range<u64>) -> Self {
        self.seeds = seeds;
        self
    }

    /// Sets how much virtual time the tasks have to end after the test has returned. Zero by default. A
    /// network with latency needs more, since a peer learns a little later that a connection has ended.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::Runtime;
    /// use engineio_client::runtime::mock::Schedules;
    ///
    /// Schedules::new().grace(Duration::from_secs(1)).run(async |runtime| {
    ///     runtime.spawn(runtime.sleep(Duration::from_millis(200)));
    /// });
    /// ```
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Allows tasks to be still running when the test ends. They are dropped then.
    ///
    /// ```
    /// use engineio_client::Runtime;
    /// use engineio_client::runtime::mock::Schedules;
    ///
    /// Schedules::new().leave_tasks().run(async |runtime| {
    ///     runtime.spawn(Box::pin(std::future::pending()));
    /// });
    /// ```
    pub fn leave_tasks(mut self) -> Self {
        self.leaves_tasks = true;
        self
    }

    /// Sets how much virtual time the test may take: see [`MockRuntime::with_time_limit`]. A day by
    /// default.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::Runtime;
    /// use engineio_client::runtime::mock::Schedules;
    ///
    /// let week = Duration::from_secs(7 * 24 * 3600);
    /// Schedules::new().time_limit(week).run(async |runtime| runtime.sleep(week).await);
    /// ```
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Runs the test under each schedule, or under the one that `ENGINEIO_SEED` selects.
    ///
    /// # Panics
    ///
    /// If the test panics, with its panic; if it leaves tasks running; and if `ENGINEIO_SEED` is not a
    /// schedule.
    ///
    /// See [`Schedules`] for an example.
    pub fn run(self, test: impl AsyncFn(MockRuntime)) {
        let selected = std::env::var_os(VARIABLE).map(|value| {
            let text = value.to_string_lossy();
            Schedule::parse(&text).unwrap_or_else(|| {
                panic!("{VARIABLE} must be a seed (a whole number), fifo or lifo, not {text:?}")
            })
        });
        if let Some(schedule) = selected {
            return self.run_one(schedule, &test);
        }
        self.run_one(Schedule::Fifo, &test);
        self.run_one(Schedule::Lifo, &test);
        for seed in self.seeds.clone() {
            self.run_one(Schedule::Seed(seed), &test);
        }
    }

    fn run_one(&self, schedule: Schedule, test: &impl AsyncFn(MockRuntime)) {
        let runtime = match schedule {
            Schedule::Fifo => MockRuntime::new(),
            Schedule::Lifo => MockRuntime::with_order(Order::LastInFirstOut),
            Schedule::Seed(seed) => MockRuntime::seeded(seed),
        };
        let runtime = match self.time_limit {
            Some(limit) => runtime.with_time_limit(limit),
            None => runtime,
        };
        let report = ReportOnPanic(schedule, &runtime);
        runtime.block_on(test(runtime.clone()));
        if !self.leaves_tasks {
            runtime.advance(self.grace);
            let left = runtime.tasks();
            assert!(
                left == 0,
                "the test left tasks running: {left}{}",
                runtime.waiting_tasks()
            );
        }
        runtime.abort_tasks();
        drop(report);
    }
}

impl Default for Schedules {
    fn default() -> Self {
        Self::new()
    }
}

impl MockRuntime {
    /// Runs a test under both fixed orders and 16 random ones: short for
    /// [`Schedules::new().run(test)`](Schedules::run).
    ///
    /// # Panics
    ///
    /// If the test panics, with its panic, after a line that says how to repeat the run; and if the test
    /// leaves tasks running.
    ///
    /// ```
    /// use engineio_client::MockRuntime;
    ///
    /// MockRuntime::check(async |runtime| assert!(runtime.now().is_zero()));
    /// ```
    pub fn check(test: impl AsyncFn(Self)) {
        Schedules::new().run(test);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Schedule {
    Fifo,
    Lifo,
    Seed(u64),
}

impl Schedule {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "fifo" => Some(Self::Fifo),
            "lifo" => Some(Self::Lifo),
            seed => seed.parse().ok().map(Self::Seed),
        }
    }
}

struct ReportOnPanic<'a>(Schedule, &'a MockRuntime);

impl Drop for ReportOnPanic<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let now = self.1.now();
        let (which, value) = match self.0 {
            Schedule::Fifo => ("first in, first out".into(), "fifo".into()),
            Schedule::Lifo => ("last in, first out".into(), "lifo".into()),
            Schedule::Seed(seed) => (format!("seed {seed}"), seed.to_string()),
        };
        eprintln!(
            "this happened under {which}, at {now:?} of virtual time; \
             to run only this schedule, set {VARIABLE}={value}"
        );
    }
}
