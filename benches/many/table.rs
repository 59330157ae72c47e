//! The measurements, their order and their limits.

use std::error::Error;

use super::plan::{Active, DEFAULT_PING_INTERVAL, Form, Job, OnRuntime, Order, Plan, Way};
use super::process::{Figures, measure};
use super::system;

type Failure = Box<dyn Error + Send + Sync>;

const KIB: f64 = 1024.0;
/// Limit of the memory of an idle connection, in KiB.
const IDLE: f64 = 24.0;
/// Limit of the memory of a connection that has carried a large message in each direction, in KiB.
const LARGE: f64 = 256.0;
/// Limit of the CPU time per connection with the largest number of connections, relative to that with
/// the smallest number.
const GROWTH: f64 = 1.5;

const CROWD: usize = 10_000;
const GROWING: [usize; 4] = [1000, 2000, 5000, 10_000];
const QUICK_CROWD: usize = 1000;
const QUICK_GROWING: [usize; 3] = [200, 500, 1000];
/// Number of files that a process has open besides its established connections.
const OTHER_FILES: u64 = 500;

const PARTS: [&str; 3] = ["idle", "large", "growth"];

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let parts: Vec<&String> = arguments.iter().filter(|part| *part != "--quick").collect();
    if let Some(other) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        let words = format!("unknown argument {other:?}: expected --quick or any of {PARTS:?}");
        return Err(words.into());
    }
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| *wanted == part);
    let table = Table::new(quick)?;
    if wanted("growth") {
        table.growth()?;
    }
    if wanted("idle") {
        table.idle()?;
    }
    if wanted("large") {
        table.large()?;
    }
    Ok(())
}

struct Table {
    quick: bool,
    most: usize,
}

impl Table {
    fn new(quick: bool) -> Result<Self, Failure> {
        let files = system::raise_files()?;
        let possible = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
        let wanted = if quick { QUICK_CROWD } else { CROWD };
        if possible < wanted {
            println!(
                "The limit of open files is {files}: measuring {possible} connections instead of {wanted}."
            );
        }
        Ok(Self {
            quick,
            most: possible.min(wanted),
        })
    }

    fn plan(&self, runtime: OnRuntime, way: Way, connections: usize, job: Job) -> Plan {
        Plan {
            runtime,
            way,
            connections,
            job,
            quick: self.quick,
            port: 0,
        }
    }

    /// Measures several numbers of connections, to show how the cost grows.
    fn growth(&self) -> Result<(), Failure> {
        let sizes: &[usize] = if self.quick { &QUICK_GROWING } else { &GROWING };
        let sizes: Vec<usize> = sizes
            .iter()
            .copied()
            .filter(|size| *size <= self.most)
            .collect();
        println!("CPU time per connection, websocket, tokio, in µs per second");
        println!(
            "{:>12}{:>12}{:>20}{:>16}",
            "connections", "idle", "1 message/second", "memory, KiB"
        );
        let mut rows = Vec::new();
        for size in &sizes {
            let first = rows.is_empty();
            let active = if first {
                Active::OneAndTen
            } else {
                Active::One
            };
            let plan = self.plan(
                OnRuntime::Tokio,
                Way::Websocket,
                *size,
                Job::Crowd { active },
            );
            let figures = measure(plan)?;
            println!(
                "{size:>12}{:>12.3}{:>20.1}{:>16.1}",
                idle_at_default(&figures)? * 1e6,
                figures.figure("echo_1_cpu")? * 1e6,
                figures.figure("memory")? / KIB,
            );
            rows.push((*size, figures));
        }
        println!();
        let (Some((fewest, least)), Some((most, last))) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        title();
        let each = least.figure("echo_10_cpu")? * 1e6;
        row(
            &format!("CPU µs per echo, {fewest} connections, 10 per second each"),
            each,
            None,
        );
        if fewest < most {
            for (name, words) in [("heartbeat_cpu", "idle"), ("echo_1_cpu", "active")] {
                let ratio = last.figure(name)? / least.figure(name)?;
                let what = format!("CPU per connection, {words}, {most} vs {fewest}");
                row(&what, ratio, Some(GROWTH));
            }
        }
        println!();
        Ok(())
    }

    fn idle(&self) -> Result<(), Failure> {
        println!("{} idle connections in one process", self.most);
        title();
        for (runtime, way) in [
            (OnRuntime::Tokio, Way::Websocket),
            (OnRuntime::Tokio, Way::Upgraded),
            (OnRuntime::Smol, Way::Websocket),
            (OnRuntime::AsyncStd, Way::Websocket),
        ] {
            let job = Job::Crowd { active: Active::No };
            let figures = measure(self.plan(runtime, way, self.most, job))?;
            idle_rows(runtime, way, &figures)?;
        }
        println!();
        Ok(())
    }

    fn large(&self) -> Result<(), Failure> {
        let connections = if self.quick { 50 } else { 200 };
        println!("{connections} idle connections after 1 MB in each direction, tokio");
        title();
        for way in [Way::Websocket, Way::Polling] {
            for (order, how) in [
                (Order::OneAfterAnother, "one by one"),
                (Order::AtOnce, "all at once"),
                (Order::AtOnceMapped, "at once, mapped"),
            ] {
                for form in [Form::Text, Form::Binary] {
                    let job = Job::Large { form, order };
                    let figures = measure(self.plan(OnRuntime::Tokio, way, connections, job))?;
                    let what = format!("memory KiB, {}, {}, {how}", way.name(), form.name());
                    // The allocator keeps freed memory here, so the connections have no limit.
                    let limit = (order != Order::AtOnce).then_some(LARGE);
                    row(&what, figures.figure("memory")? / KIB, limit);
                    let before = figures.figure("memory_before")? / KIB;
                    let right_after = figures.figure("memory_right_after")? / KIB;
                    println!("    (before {before:.1}, right after {right_after:.1})");
                }
            }
        }
        println!();
        Ok(())
    }
}

fn idle_rows(runtime: OnRuntime, way: Way, figures: &Figures) -> Result<(), Failure> {
    let (runtime, way) = (runtime.name(), way.name());
    let memory = figures.figure("memory")? / KIB;
    row(&format!("memory KiB, {way}, {runtime}"), memory, Some(IDLE));
    let cpu = idle_at_default(figures)? * 1e6;
    row(&format!("CPU µs per second, {way}, {runtime}"), cpu, None);
    Ok(())
}

/// CPU seconds per second of an idle connection at the default heartbeat of 25 s. Calculated, since an
/// idle connection does nothing else.
fn idle_at_default(figures: &Figures) -> Result<f64, Failure> {
    Ok(figures.figure("heartbeat_cpu")? / DEFAULT_PING_INTERVAL.as_secs_f64())
}

fn title() {
    println!("{:54}{:>12}{:>10}", "", "measured", "limit");
}

fn row(what: &str, figure: f64, limit: Option<f64>) {
    match limit {
        Some(limit) => {
            let met = if figure <= limit { "met" } else { "NOT MET" };
            println!("{what:54}{figure:>12.2}{limit:>10.1}   {met}");
        }
        None => println!("{what:54}{figure:>12.2}"),
    }
}
