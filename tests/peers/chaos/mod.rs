//! Sessions by the thousand through a bad network, on real sockets and real servers: whatever
//! happens to its connections, each ends in time with a true report, nothing comes twice or out of
//! order, what left by a finished POST came, and nothing is left behind in the process.
//!
//! `ENGINEIO_CHAOS_SECONDS` says for how long, 10 by default; `ENGINEIO_CHAOS_SEED` repeats the
//! choices of a run, though not its times. The summary is also written to the file that
//! `ENGINEIO_CHAOS_SUMMARY` names. `tests/chaos` runs it for ten minutes.

#![allow(
    clippy::disallowed_methods,
    reason = "it is about real time, which the servers go by, too"
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

/// What the process may use more at the end than when a minute of the run has passed, or a fifth of
/// a shorter one: what allocators keep.
const MOST_GROWTH_KIB: u64 = 10 * 1024;

/// How long the process has for closing its last files.
const FILES_CLOSED_BY: Duration = Duration::from_secs(20);

/// A violation ends the run early, but not before some more of them are seen.
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

/// Other tests of this process would use its memory and its files.
fn in_a_process_of_its_own() {
    let program = env::current_exe().expect("this program is a file");
    // The kernel ends it together with the thread of this test.
    let status = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(program)
        .args(["--exact", "--ignored", "--nocapture"])
        .arg("chaos::sessions_over_a_bad_network_end_with_a_correct_report")
        .env("ENGINEIO_CHAOS_ALONE", "1")
        .status()
        .expect("setpriv starts it");
    assert!(status.success(), "it ended with {status}; see above");
}

fn chaos() {
    let seconds = setting("ENGINEIO_CHAOS_SECONDS").unwrap_or(10);
    let seed = setting("ENGINEIO_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("ENGINEIO_CHAOS_SEED={seed}");
    let world = World::new(seed);
    let mut ledger = Ledger::default();

    // What is made once, and stays, is made here.
    world.run(&mut ledger, Duration::from_secs(2), |_| {});
    let files = world.quiet_files(None);
    let mut samples = vec![Sample::take("after the warm-up")];
    let begin = Instant::now();
    let mut minutes = 0;
    world.run(&mut ledger, Duration::from_secs(seconds), |_| {
        let elapsed = begin.elapsed().as_secs();
        // One more while little has run: from there memory must not grow.
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
            "{files_at_the_end} files are open at the end, {files} were at the beginning"
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
    summary += "\nmemory and open files of the process, the proxy's included:\n";
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

/// The servers, and the proxy before them.
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
                // It closes a websocket whose frame is as long as its limit.
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

    /// Runs sessions for this time, all clients at once, until the server has told of each what it
    /// received.
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
                        // The other end stands until all have ended.
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
        // aiohttp hands python-engineio as much of a POST as has come, however little that is
        // (see `CUTS_LARGE_POSTS`): behind a network that splits, only its websocket works.
        let server = random.usize(0..SERVERS.len());
        let mode = match server {
            2 => Mode::WebSocket,
            _ => *random.choice(&Mode::ALL).expect("there are some"),
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

    /// The files that are open once all connections have ended, and are no more than expected, if
    /// that comes.
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

/// What the process uses.
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

/// How often something was seen.
type Counts = BTreeMap<String, u64>;
