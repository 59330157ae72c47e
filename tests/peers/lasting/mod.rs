//! Reconnecting clients with real servers that are killed every one to three seconds, while each client
//! sends a message every 2 ms. The client connects directly or through a relay whose connections fall
//! silent, are reset, or end in one direction. The server logs each message before it does anything
//! else. The test compares that log with the client's reports.
//!
//! - At least once: no message is missing except those reported as given up.
//! - At most once: no message arrives twice, and the client reports at least as many messages as
//!   possibly lost as are missing.
//!
//! Settings, as environment variables:
//!
//! - `ENGINEIO_LASTING_SECONDS`: duration of each case, 4 by default.
//! - `ENGINEIO_LASTING_AT_ONCE`: number of cases that run concurrently.
//! - `ENGINEIO_LASTING_ALL`: run each combination of server, transport, promise and way (direct or
//!   relay) on every runtime, not only on one.
//! - `ENGINEIO_LASTING_ONLY`: only run cases whose names contain all of these words.
//! - `ENGINEIO_LASTING_KEEP`: keep the logs of successful cases, too, in `target/tmp`.
//! - `ENGINEIO_LASTING_SEED`: repeat the random choices of a run, but not its timing.
//!
//! `tests/lasting-servers` runs all cases for a minute each.

#![expect(
    clippy::disallowed_methods,
    reason = "the servers and the relay use real time"
)]

mod ledger;
mod relay;
mod return_of_many;
mod servers;
mod sessions;

use std::env;
use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use engineio_client::{AsyncStd, Smol, Tokio};

use self::ledger::{Verdict, judge};
use self::relay::{Fault, Relay};
use self::servers::{Kind, Server};
use self::sessions::{Account, Ending, Promise, Signals};
use crate::support::session::{Mode, Runs};

/// Number of concurrent cases: as many as two cores can run without delays that end sessions.
const AT_ONCE: u64 = 9;

#[derive(Clone, Copy, Debug, PartialEq)]
enum On {
    Tokio,
    Smol,
    AsyncStd,
}

const RUNTIMES: [On; 3] = [On::Tokio, On::Smol, On::AsyncStd];

#[derive(Clone, Copy, Debug)]
struct Case {
    kind: Kind,
    mode: Mode,
    on: On,
    promise: Promise,
    /// Whether the client connects through a relay.
    relayed: bool,
}

/// The faults injected into the server and the connections.
#[derive(Debug, Default)]
struct Harm {
    kills: usize,
    faults: usize,
    trace: Vec<String>,
}

#[test]
#[ignore = "needs the peers that tests/run installs"]
fn killed_servers_lose_and_duplicate_no_more_than_the_client_reports() {
    let seconds = setting("ENGINEIO_LASTING_SECONDS").unwrap_or(4);
    let seed = setting("ENGINEIO_LASTING_SEED").unwrap_or_else(|| fastrand::u64(..));
    let at_once = setting("ENGINEIO_LASTING_AT_ONCE").unwrap_or(AT_ONCE);
    println!("ENGINEIO_LASTING_SEED={seed}");
    println!("lasting: {}", heading());
    let next = Mutex::new(cases().into_iter().enumerate());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((number, case)) = taken else {
                        return;
                    };
                    let random = fastrand::Rng::with_seed(seed ^ number as u64);
                    if let Err(failure) = case.run(Duration::from_secs(seconds), random) {
                        failures.lock().expect("no thread panicked").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panicked");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The heading of the columns of [`Case::line`].
fn heading() -> String {
    format!(
        "{:<8}{:<7}{:<10}{:<10}{:<30}{:>6}{:>7}{:>9}{:>9}{:>8}{:>8}{:>9}{:>8}{:>9}{:>8}",
        "server",
        "way",
        "transport",
        "runtime",
        "promise",
        "kills",
        "faults",
        "sessions",
        "accepted",
        "missing",
        "doubled",
        "reported",
        "repeats",
        "given up",
        "seconds",
    )
}

fn cases() -> Vec<Case> {
    let all = env::var_os("ENGINEIO_LASTING_ALL").is_some();
    let only = env::var("ENGINEIO_LASTING_ONLY").unwrap_or_default();
    let mut cases = Vec::new();
    for promise in Promise::ALL {
        for mode in Mode::ALL {
            for relayed in [false, true] {
                for kind in [Kind::Node, Kind::Aiohttp] {
                    // Chosen so that each runtime runs with each server, transport, promise and way.
                    let one =
                        (promise as usize + mode as usize + usize::from(relayed) + kind as usize)
                            % 3;
                    for (number, on) in RUNTIMES.into_iter().enumerate() {
                        if all || number == one {
                            cases.push(Case {
                                kind,
                                mode,
                                on,
                                promise,
                                relayed,
                            });
                        }
                    }
                }
            }
        }
    }
    cases.retain(|case| only.split(' ').all(|word| case.name().contains(word)));
    cases
}

impl Case {
    fn name(&self) -> String {
        let kind = match self.kind {
            Kind::Node => "node",
            Kind::Aiohttp => "aiohttp",
        };
        let way = if self.relayed { "relay" } else { "direct" };
        let mode = match self.mode {
            Mode::Polling => "polling",
            Mode::WebSocket => "websocket",
            Mode::Upgraded => "upgrade",
        };
        let on = match self.on {
            On::Tokio => "tokio",
            On::Smol => "smol",
            On::AsyncStd => "async-std",
        };
        let promise = match self.promise {
            Promise::LeastOnce => "at-least-once",
            Promise::MostOnce => "at-most-once",
            Promise::MostOnceWithoutReceipts => "at-most-once-without-receipts",
        };
        format!("{kind:<8}{way:<7}{mode:<10}{on:<10}{promise:<30}")
    }

    /// Whether the client ends when everything is settled, or just after the server was killed. It ends
    /// just after a kill only in cases in which messages may be lost.
    fn ending(&self) -> Ending {
        if self.relayed || self.promise == Promise::LeastOnce {
            Ending::Settled
        } else {
            Ending::AtOnce
        }
    }

    fn run(&self, time: Duration, random: fastrand::Rng) -> Result<(), String> {
        let begin = Instant::now();
        let mut server = Server::start(self.kind);
        let relay = self.relayed.then(|| Relay::before(server.port()));
        let port = relay.as_ref().map_or_else(|| server.port(), Relay::port);
        let url = format!("http://127.0.0.1:{port}");
        let signals = Signals::default();
        let (account, harm) = thread::scope(|scope| {
            let talking = scope.spawn(|| match self.on {
                On::Tokio => self.talk::<Tokio>(&url, &signals),
                On::Smol => self.talk::<Smol>(&url, &signals),
                On::AsyncStd => self.talk::<AsyncStd>(&url, &signals),
            });
            // On a panic, the guard ends the client as well, so that the scope can end.
            let harm = Guard(&signals)
                .run(|| self.harm(&mut server, relay.as_ref(), &signals, time, random));
            (talking.join().expect("the client does not panic"), harm)
        });
        let log = fs::read_to_string(server.log_file()).unwrap_or_default();
        let verdict = judge(self.promise, &account, &log);
        println!("{}", self.line(&account, &harm, &verdict, begin.elapsed()));
        if verdict.faults.is_empty() && env::var_os("ENGINEIO_LASTING_KEEP").is_none() {
            server.remove();
            return Ok(());
        }
        let faults = verdict.faults.join("\n    ");
        let trace = format!(
            "client: {:#?}\nharm: {:#?}\nserver: {:#?}",
            account.trace,
            harm.trace,
            server.complaints()
        );
        let path = server.log_file().with_file_name("trace");
        fs::write(&path, trace).expect("the file is written");
        if verdict.faults.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{}\n    {faults}\n    see {}",
            self.name(),
            path.display()
        ))
    }

    fn talk<R: Runs>(&self, url: &str, signals: &Signals) -> Account {
        let (give, take) = mpsc::channel();
        R::run(async {
            let account =
                sessions::run::<R>(url, self.mode, self.promise, self.ending(), signals).await;
            let _ = give.send(account);
        });
        take.recv().expect("the runtime has run the client")
    }

    /// Kills the server or breaks the connections, every one to three seconds.
    fn harm(
        &self,
        server: &mut Server,
        relay: Option<&Relay>,
        signals: &Signals,
        time: Duration,
        mut random: fastrand::Rng,
    ) -> Harm {
        let mut harm = Harm::default();
        let begin = Instant::now();
        loop {
            thread::sleep(Duration::from_millis(random.u64(1000..3000)));
            if begin.elapsed() >= time {
                break;
            }
            // With a relay, three choices are equally likely: to kill the server, to break the
            // connections, or to do both.
            let (fault, kills) = match (relay, random.u8(0..3)) {
                (None, _) | (Some(_), 0) => (None, true),
                (Some(relay), choice) => (Some(relay), choice == 1),
            };
            let Some(relay) = fault else {
                harm.kill(server, begin);
                server.start_again();
                continue;
            };
            let fault = random.choice(Fault::ALL).expect("not empty");
            harm.faults += 1;
            harm.trace(begin, &format!("{fault:?}"));
            relay.with_fault(fault, || {
                if kills {
                    thread::sleep(Duration::from_millis(random.u64(0..300)));
                    harm.kill(server, begin);
                    server.start_again();
                }
                if let Fault::Silence = fault {
                    thread::sleep(Duration::from_millis(random.u64(1000..2000)));
                }
            });
            harm.trace(begin, "over");
        }
        signals.stop.store(true, Ordering::SeqCst);
        if self.ending() == Ending::AtOnce {
            let late = Instant::now() + Duration::from_secs(10);
            while !signals.stopped.load(Ordering::SeqCst) && Instant::now() < late {
                thread::yield_now();
            }
            harm.kill(server, begin);
        }
        signals.leave.store(true, Ordering::SeqCst);
        harm
    }

    fn line(&self, account: &Account, harm: &Harm, verdict: &Verdict, time: Duration) -> String {
        format!(
            "lasting: {}{:>6}{:>7}{:>9}{:>9}{:>8}{:>8}{:>9}{:>8}{:>9}{:>8.1}",
            self.name(),
            harm.kills,
            harm.faults,
            account.sessions,
            account.accepted,
            verdict.missing.len(),
            verdict.doubled.len(),
            verdict.reported,
            verdict.duplicates,
            account.given_up.len(),
            time.as_secs_f64(),
        )
    }
}

impl Harm {
    fn kill(&mut self, server: &mut Server, begin: Instant) {
        self.kills += 1;
        self.trace(begin, "kill");
        server.kill();
    }

    fn trace(&mut self, begin: Instant, what: &str) {
        self.trace
            .push(format!("{:>7.3} {what}", begin.elapsed().as_secs_f64()));
    }
}

/// Makes the client stop and close when dropped.
struct Guard<'a>(&'a Signals);

impl Guard<'_> {
    fn run<T>(self, function: impl FnOnce() -> T) -> T {
        function()
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        for flag in [&self.0.stop, &self.0.leave] {
            flag.store(true, Ordering::SeqCst);
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}
