//! The measurements, their order and their limits.

use std::fmt::Write as _;

use super::options::{Options, PARTS};
use super::plan::{
    Active, Context, DEFAULT_PING_INTERVAL, Form, Job, OnRuntime, Order, Part, Plan, Way,
};
use super::process::{Figures, measure};
use super::system;
use super::worker::Failure;

const KIB: f64 = 1024.0;
/// Limit of the memory of an idle connection, in KiB.
const IDLE: f64 = 6.0;
/// Limit of the memory of a connection that has carried a large message in each direction, in KiB.
const LARGE: f64 = 256.0;
/// Limit of the CPU time per connection with the largest number of connections, relative to that with
/// the smallest number.
const GROWTH: f64 = 1.5;

const FEW: usize = 1000;
const GROWING: [usize; 4] = [FEW, 2000, 5000, 10_000];
const QUICK_GROWING: [usize; 2] = [200, 500];
/// Most connections on sockets. More would take longer than the time that a run should take.
const MOST: usize = 50_000;
const QUICK_MOST: usize = 1000;
/// Number of files and of local ports that are in use besides those of established connections.
const OTHERS: usize = 500;
/// Sessions over pipes.
const SESSIONS: usize = 100_000;
const QUICK_SESSIONS: usize = 10_000;
/// Clients that connect at once.
const STORM: usize = 10_000;
const QUICK_STORM: usize = 1000;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let options = Options::parse(arguments)?;
    let table = Table::new(options)?;
    for part in PARTS.into_iter().filter(|part| table.options.wants(part)) {
        match part {
            "growth" => table.growth()?,
            "idle" => table.idle()?,
            "sessions" => table.sessions()?,
            "storm" => table.storm()?,
            "deflate" => table.deflate()?,
            _ => table.large()?,
        }
    }
    Ok(())
}

struct Table {
    options: Options,
    most: usize,
    /// Most connections that are upgraded. Each of them takes a second local port for its polls, which
    /// stays in use for a minute after the upgrade.
    most_upgraded: usize,
}

impl Table {
    fn new(options: Options) -> Result<Self, Failure> {
        let files = usize::try_from(system::raise_files()?).unwrap_or(usize::MAX);
        let ports = system::ports()?;
        let possible = files.min(ports).saturating_sub(OTHERS);
        let most = possible.min(if options.quick { QUICK_MOST } else { MOST });
        println!(
            "The limit of open files is {files}, and there are {ports} local ports: measuring up to {most} connections."
        );
        println!();
        Ok(Self {
            options,
            most,
            most_upgraded: most.min((ports / 2).saturating_sub(OTHERS)),
        })
    }

    fn plan(&self, runtime: OnRuntime, way: Way, connections: usize, job: Job) -> Plan {
        Plan {
            runtime,
            way,
            connections,
            job,
            quick: self.options.quick,
            port: 0,
        }
    }

    /// Measures several numbers of connections, to show how the cost grows.
    fn growth(&self) -> Result<(), Failure> {
        let sizes: &[usize] = if self.options.quick {
            &QUICK_GROWING
        } else {
            &GROWING
        };
        let smaller = sizes.iter().copied().filter(|size| *size < self.most);
        println!("CPU time per connection, websocket, tokio, in µs per second");
        println!(
            "{:>12}{:>12}{:>20}{:>16}",
            "connections", "idle", "1 message/second", "memory, KiB"
        );
        let mut rows = Vec::new();
        for size in smaller.chain([self.most]) {
            let active = if rows.is_empty() {
                Active::OneAndTen
            } else {
                Active::One
            };
            let job = Job::Crowd { active };
            let figures = measure(self.plan(OnRuntime::Tokio, Way::Websocket, size, job))?;
            println!(
                "{size:>12}{:>12.3}{:>20.1}{:>16.2}",
                idle_at_default(&figures)? * 1e6,
                figures.figure("echo_1_cpu")? * 1e6,
                figures.figure("memory")? / KIB,
            );
            rows.push((size, figures));
        }
        println!();
        self.write_csv(&rows)?;
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
        for (name, words) in [("heartbeat_cpu", "idle"), ("echo_1_cpu", "active")] {
            let ratio = last.figure(name)? / least.figure(name)?;
            let what = format!("CPU per connection, {words}, {most} vs {fewest}");
            row(&what, ratio, Some(GROWTH));
        }
        println!();
        Ok(())
    }

    /// Writes what an idle connection costs, by the number of connections.
    fn write_csv(&self, rows: &[(usize, Figures)]) -> Result<(), Failure> {
        let Some(file) = &self.options.csv else {
            return Ok(());
        };
        let mut csv = "connections,memory_kib,cpu_us_per_second\n".to_owned();
        for (connections, figures) in rows {
            let memory = figures.figure("memory")? / KIB;
            let cpu = idle_at_default(figures)? * 1e6;
            writeln!(csv, "{connections},{memory:.3},{cpu:.4}")?;
        }
        Ok(std::fs::write(file, csv)?)
    }

    fn idle(&self) -> Result<(), Failure> {
        println!("Idle connections in one process");
        title();
        let all = [
            (OnRuntime::Tokio, Way::Websocket),
            (OnRuntime::Tokio, Way::Upgraded),
            (OnRuntime::Smol, Way::Websocket),
            (OnRuntime::AsyncStd, Way::Websocket),
        ];
        let rows = if self.options.quick { 2 } else { all.len() };
        for (runtime, way) in all.into_iter().take(rows) {
            let job = Job::Crowd { active: Active::No };
            let connections = match way {
                Way::Upgraded => self.most_upgraded,
                Way::Websocket | Way::Polling => self.most,
            };
            let figures = measure(self.plan(runtime, way, connections, job))?;
            let what = format!("{connections} {}, {}", way.name(), runtime.name());
            let memory = figures.figure("memory")? / KIB;
            row(&format!("memory KiB, {what}"), memory, Some(IDLE));
            let cpu = idle_at_default(&figures)? * 1e6;
            row(&format!("CPU µs per second, {what}"), cpu, None);
        }
        println!();
        Ok(())
    }

    /// Measures sessions over pipes, and subtracts the cost of the pipes and of their server.
    fn sessions(&self) -> Result<(), Failure> {
        let most = if self.options.quick {
            QUICK_SESSIONS
        } else {
            SESSIONS
        };
        println!("{most} idle sessions in one process, over pipes in memory, tokio");
        title();
        let mut heartbeats = Vec::new();
        for size in [FEW, most] {
            let figures = |with| {
                let job = Job::Sessions { with };
                measure(self.plan(OnRuntime::Tokio, Way::Websocket, size, job))
            };
            let (server, both) = (figures(Part::Server)?, figures(Part::Clients)?);
            let (alone, all) = (server.figure("memory")?, both.figure("memory")?);
            if size == most {
                let what = "memory KiB, over the server and its pipes alone";
                row(what, (all - alone) / KIB, Some(IDLE));
                println!(
                    "    (with clients {:.2}, alone {:.2})",
                    all / KIB,
                    alone / KIB
                );
            }
            let (alone, all) = (
                server.figure("heartbeat_cpu")?,
                both.figure("heartbeat_cpu")?,
            );
            heartbeats.push((size, (all - alone) * 1e6));
        }
        for (size, heartbeat) in &heartbeats {
            row(
                &format!("CPU µs per heartbeat, {size} sessions"),
                *heartbeat,
                None,
            );
        }
        if let [(_, least), (_, last)] = heartbeats[..] {
            let what = format!("CPU per heartbeat, {most} vs {FEW}");
            row(&what, last / least, Some(GROWTH));
        }
        println!();
        Ok(())
    }

    /// Opens many connections at once.
    fn storm(&self) -> Result<(), Failure> {
        let most = if self.options.quick {
            QUICK_STORM
        } else {
            STORM
        };
        println!("Clients that connect at once, tokio");
        title();
        for way in [Way::Websocket, Way::Polling, Way::Upgraded] {
            // On polling a session has two connections, and during an upgrade a third one.
            let files = match way {
                Way::Websocket => 1,
                Way::Polling | Way::Upgraded => 4,
            };
            let size = most.min(self.most / files);
            let figures = measure(self.plan(OnRuntime::Tokio, way, size, Job::Storm))?;
            let what = |what: &str| format!("{what}, {size} clients, {}", way.name());
            row(
                &what("seconds until all are open"),
                figures.figure("seconds")?,
                None,
            );
            row(&what("CPU µs each"), figures.figure("cpu")? * 1e6, None);
            row(
                &what("memory KiB each, peak"),
                figures.figure("peak")? / KIB,
                None,
            );
            row(
                &what("memory KiB each, then"),
                figures.figure("memory")? / KIB,
                None,
            );
            row(&what("failures"), figures.figure("failures")?, Some(0.0));
        }
        println!();
        Ok(())
    }

    fn large(&self) -> Result<(), Failure> {
        let (connections, forms): (_, &[Form]) = if self.options.quick {
            (50, &[Form::Text])
        } else {
            (200, &[Form::Text, Form::Binary])
        };
        println!("{connections} idle connections after 1 MB in each direction, tokio");
        title();
        for way in [Way::Websocket, Way::Polling] {
            for (order, how) in [
                (Order::OneAfterAnother, "one by one"),
                (Order::AtOnce, "all at once"),
                (Order::AtOnceMapped, "at once, mapped"),
            ] {
                for &form in forms {
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

impl Table {
    /// Measures what compression keeps for a connection.
    fn deflate(&self) -> Result<(), Failure> {
        let connections = if self.options.quick { 50 } else { 500 };
        println!("{connections} connections after a compressed message in each direction, tokio");
        title();
        let mut without = None;
        for (_, with) in Context::ALL {
            let job = Job::Compressed { with };
            let figures = measure(self.plan(OnRuntime::Tokio, Way::Websocket, connections, job))?;
            let memory = figures.figure("memory")? / KIB;
            let what = match with {
                Context::Off => "memory KiB, not compressed".to_owned(),
                Context::Fresh => "memory KiB, without context".to_owned(),
                Context::Bits(bits) => format!("memory KiB, context of {bits} window bits"),
            };
            row(&what, memory, None);
            match without {
                None => without = Some(memory),
                Some(without) => println!("    (for compression {:.1})", memory - without),
            }
        }
        println!();
        Ok(())
    }
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
