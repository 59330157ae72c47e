//! One test under many orders.

use std::ops::Range;
use std::time::Duration;

use super::mock_runtime::MockRuntime;
use super::order::Order;

/// The variable of the environment that chooses one schedule.
const VARIABLE: &str = "ENGINEIO_SEED";

/// Runs a test under several [orders](Order) of execution, each on a runtime of its own: first in
/// first out, last in first out, then [at random](Order::Random) from each of some seeds.
///
/// Where the test panics, a line on the standard error tells under which schedule, and how to run
/// that alone: with the environment variable `ENGINEIO_SEED` set to the seed, or to `fifo` or
/// `lifo`. A task that is left behind at the end is a failure, too.
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
    /// Both fixed orders and the seeds 0 to 15. No task may be left behind.
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

    /// Other seeds. None is fine.
    ///
    /// See [`Schedules`] for an example.
    pub fn seeds(mut self, seeds: Range<u64>) -> Self {
        self.seeds = seeds;
        self
    }

    /// How much virtual time tasks have to end after the test; none by default. On a network with
    /// latency, somebody has yet to learn that a connection has ended.
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

    /// Lets the test leave tasks behind. They are dropped.
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

    /// How much virtual time the test may take before that counts as a wait without an end: see
    /// [`MockRuntime::with_time_limit`]. A day by default.
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

    /// Runs the test under each schedule, or under the one that the environment asks for.
    ///
    /// # Panics
    ///
    /// With the panic of the test; when a task is left behind; and when the environment asks for
    /// what is no schedule.
    ///
    /// See [`Schedules`] for an example.
    pub fn run(self, test: impl AsyncFn(MockRuntime)) {
        let asked = std::env::var_os(VARIABLE);
        let asked = asked.map(|asked| {
            let text = asked.to_string_lossy();
            Schedule::parse(&text).unwrap_or_else(|| {
                panic!("{VARIABLE} is a seed, which is a whole number, or fifo, or lifo: {text:?}")
            })
        });
        if let Some(schedule) = asked {
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
        let told = TellOnPanic(schedule, &runtime);
        runtime.block_on(test(runtime.clone()));
        if !self.leaves_tasks {
            runtime.advance(self.grace);
            let left = runtime.tasks();
            assert!(
                left == 0,
                "tasks that are left behind: {left}{}",
                runtime.who_waits()
            );
        }
        runtime.abort_tasks();
        drop(told);
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
    /// With the panic of the test, after a line that tells how to run the same again, and when a
    /// task is left behind.
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

struct TellOnPanic<'a>(Schedule, &'a MockRuntime);

impl Drop for TellOnPanic<'_> {
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
             run the same test with {VARIABLE}={value} for that alone"
        );
    }
}
