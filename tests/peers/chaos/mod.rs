//! Thousands of sessions over a bad network, with real sockets and real servers. Whatever happens to its
//! connections, each session ends in time with a correct report. No message arrives twice or out of
//! order, every message of an answered POST arrives, and no task, file or memory is left behind in the
//! process.
//!
//! The test runs for `ENGINEIO_CHAOS_SECONDS`, 10 by default. `ENGINEIO_CHAOS_SEED` repeats the random
//! choices of a run, but not its timing. The summary is also written to the file named by
//! `ENGINEIO_CHAOS_SUMMARY`. `tests/chaos` runs the test for ten minutes.

#![allow(
    clippy::disallowed_methods,
    reason = "the servers and the proxy use real time"
)]

mod ledger;
mod proxy;
mod session;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use engineio_client::{AsyncStd, Smol, Tokio};
use futures::future::join_all;

use crate::support::peers::Peer;
use crate::support::session::{Mode, Runs};
use ledger::{Entry, Ledger};
use proxy::Proxy;

const RUNTIMES: [&str; 3] = ["tokio", "smol", "async-std"];
const CLIENTS: usize = 8;
const SLOTS: usize = CLIENTS * RUNTIMES.len();

/// Maximum growth of memory between the first sample of the run (after a minute, or a fifth of a shorter
/// run) and the end. Allocators keep some freed memory.
const MOST_GROWTH_KIB: u64 = 10 * 1024;

/// The time in which the process must close its last files.
const FILES_CLOSED_BY: Duration = Duration::from_secs(20);

/// The run ends early after this number of violations.
const MOST_FAULTS: usize = 20;

const SERVERS: [&str; 3] = ["node", "python-uvicorn", "python-aiohttp"];

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn sessions_over_a_bad_network_end_with_a_correct_report() {
    if env::var_os("ENGINEIO_CHAOS_ALONE").is_some() {
        chaos();
    } else {
        in_a_process_of_its_own();
    }
}

/// Runs the test in its own process, because it measures the process's memory and open files.
fn in_a_process_of_its_own() {
    let program = env::current_exe().expect("this program is a file");
    // The kernel ends the process together with the thread of this test.
    let status = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(program)
        .args(["--exact", "--ignored", "--nocapture"])
        .arg("chaos::sessions_over_a_bad_network_end_with_a_correct_report")
        .env("ENGINEIO_CHAOS_ALONE", "1")
        .status()
        .expect("setpriv starts the test");
    assert!(
        status.success(),
        "the test process ended with {status}; see its output above"
    );
}

fn chaos() {
    let seconds = setting("ENGINEIO_CHAOS_SECONDS").unwrap_or(10);
    let seed = setting("ENGINEIO_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("ENGINEIO_CHAOS_SEED={seed}");
    let world = World::new(seed);
    let mut ledger = Ledger::default();

    // Warm-up: creates everything that is created once and kept.
    world.run(&mut ledger, Duration::from_secs(2), |_| {});
    let files = world.quiet_files(None);
    let mut samples = vec![Sample::take("after the warm-up")];
    let begin = Instant::now();
    let mut minutes = 0;
    world.run(&mut ledger, Duration::from_secs(seconds), |_| {
        let elapsed = begin.elapsed().as_secs();
        // In a short run, the first sample is taken after a fifth of the run. From then on, memory must
        // not grow.
        if elapsed / 60 > minutes || (samples.len() == 1 && elapsed >= seconds / 5) {
            minutes = elapsed / 60;
            samples.push(Sample::take(&format!("after {elapsed} s")));
        }
    });
    let files_at_the_end = world.quiet_files(Some(files));
    samples.push(Sample::take("at the end"));

    let mut faults = ledger.faults();
    if files_at_the_end > files {
        faults.push(format!(
            "{files_at_the_end} files are open at the end, but {files} at the beginning"
        ));
    }
    let settled = samples.get(1).map_or(0, |sample| sample.kib);
    let last = samples.last().map_or(0, |sample| sample.kib);
    if last.saturating_sub(settled) > MOST_GROWTH_KIB {
        faults.push(format!("memory grew from {settled} KiB to {last} KiB"));
    }
    let mut summary = format!("seed {seed}, {seconds} s, {SLOTS} clients at a time\n\n");
    summary += &ledger.summary();
    summary += &world.summary();
    summary += "\nmemory and open files of the process, including the proxy:\n";
    for sample in &samples {
        let Sample { when, kib, files } = sample;
        let _ = writeln!(summary, "  {when}: {kib} KiB, {files} files");
    }
    let _ = writeln!(
        summary,
        "  with all sessions closed: {files} files before the run, {files_at_the_end} after it"
    );
    let _ = writeln!(summary, "\nviolations: {}", faults.len());
    println!("{summary}");
    if let Some(path) = env::var_os("ENGINEIO_CHAOS_SUMMARY") {
        fs::write(path, &summary).expect("the summary is written");
    }
    assert!(
        faults.is_empty(),
        "ENGINEIO_CHAOS_SEED={seed}:\n{}",
        faults.join("\n")
    );
}

fn setting(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// The servers, and the proxy in front of them.
struct World {
    servers: [Peer; SERVERS.len()],
    proxy: Proxy,
    seed: u64,
    sessions: AtomicU64,
}

impl World {
    fn new(seed: u64) -> Self {
        let options = |interval: &str, timeout: &str, most: usize| {
            let max = most.to_string();
            ["--ping-interval", interval, "--ping-timeout", timeout]
                .into_iter()
                .chain(["--max-payload", &max])
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        Self {
            servers: [
                Peer::node(&options("300", "200", session::MAX_PAYLOAD)),
                Peer::python("uvicorn", &options("1000", "1000", session::MAX_PAYLOAD)),
                // aiohttp already closes a WebSocket when a frame has exactly the size of the limit.
                Peer::python(
                    "aiohttp",
                    &options("1000", "1000", session::MAX_PAYLOAD + 1),
                ),
            ],
            proxy: Proxy::start(SLOTS, seed),
            seed,
            sessions: AtomicU64::new(0),
        }
    }

    /// Runs all clients concurrently for this time, and then waits until the servers have logged what
    /// they received in each session.
    fn run(&self, ledger: &mut Ledger, time: Duration, mut tick: impl FnMut(&Self)) {
        let stop = AtomicBool::new(false);
        let begin = Instant::now();
        let (sender, entries) = mpsc::channel();
        thread::scope(|scope| {
            let sender = &sender;
            let stop = &stop;
            let threads = [
                scope.spawn(move || self.clients::<Tokio>(0, sender.clone(), stop)),
                scope.spawn(move || self.clients::<Smol>(1, sender.clone(), stop)),
                scope.spawn(move || self.clients::<AsyncStd>(2, sender.clone(), stop)),
            ];
            loop {
                for (server, peer) in self.servers.iter().enumerate() {
                    for line in peer.log().take(Duration::from_millis(50)) {
                        ledger.line(server, &line);
                    }
                }
                for entry in entries.try_iter() {
                    ledger.enter(entry);
                }
                ledger.settle();
                tick(self);
                if begin.elapsed() > time || ledger.faults().len() >= MOST_FAULTS {
                    stop.store(true, Ordering::SeqCst);
                }
                if threads.iter().all(|thread| thread.is_finished()) && ledger.is_settled() {
                    break;
                }
            }
        });
    }

    fn clients<R: Runs>(&self, runtime: usize, sender: Sender<Entry>, stop: &AtomicBool) {
        R::run(async {
            let clients = (0..CLIENTS).map(|client| {
                let sender = sender.clone();
                async move {
                    let slot = runtime * CLIENTS + client;
                    while !stop.load(Ordering::SeqCst) {
                        let entry = self.session::<R>(runtime, slot).await;
                        // The receiver outlives all clients.
                        let _ = sender.send(entry);
                    }
                }
            });
            join_all(clients).await;
        });
    }

    async fn session<R: Runs>(&self, runtime: usize, slot: usize) -> Entry {
        let number = self.sessions.fetch_add(1, Ordering::SeqCst);
        let mut random = fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x2545_f491));
        // On aiohttp, python-engineio only reads the part of a POST that has arrived (see
        // `CUTS_LARGE_POSTS`). On a network that splits packets, it only works over WebSocket.
        let server = random.usize(0..SERVERS.len());
        let mode = match server {
            2 => Mode::WebSocket,
            _ => *random.choice(&Mode::ALL).expect("not empty"),
        };
        let url = self.proxy.before(slot, &self.servers[server].url());
        let harm = self.proxy.harm(slot);
        let report = session::run::<R>(&url, mode, random).await;
        Entry {
            number,
            runtime,
            server,
            report,
            harmed: self.proxy.harm(slot) != harm,
        }
    }

    /// Waits until all connections have ended and at most `expected` files are open, or until the time
    /// is up. Returns the number of open files.
    fn quiet_files(&self, expected: Option<usize>) -> usize {
        let begin = Instant::now();
        loop {
            let files = open_files();
            let quiet = self.proxy.alive() == 0;
            if quiet && expected.is_some_and(|expected| files <= expected) {
                return files;
            }
            let late = begin.elapsed() > FILES_CLOSED_BY;
            let settled = expected.is_none() && quiet && begin.elapsed() > Duration::from_secs(1);
            if late || settled {
                return files;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn summary(&self) -> String {
        let mut text = format!("\nconnections: {}\n", self.proxy.connections());
        text += "faults of the network:\n";
        for (name, count) in self.proxy.faults() {
            let _ = writeln!(text, "  {name}: {count}");
        }
        text
    }
}

/// Memory and open files of the process at one time.
struct Sample {
    when: String,
    kib: u64,
    files: usize,
}

impl Sample {
    fn take(when: &str) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        Self {
            when: when.to_owned(),
            kib: number.unwrap_or_default(),
            files: open_files(),
        }
    }
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, |files| files.count())
}

/// Number of occurrences by name.
type Counts = BTreeMap<String, u64>;
