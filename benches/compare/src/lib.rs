//! Common code of the workers. A worker is a process that does one job with one client and prints the
//! time that it took.

#[path = "../../server/json.rs"]
mod json;

use std::error::Error;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use lexopt::Arg;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use tokio::runtime::{Builder, Runtime};

pub type Failure = Box<dyn Error + Send + Sync>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Job {
    Receive,
    Send,
    Echo,
}

/// A worker's job.
#[derive(Clone, Debug)]
pub struct Task {
    /// Address of the server, such as `http://127.0.0.1:1234`.
    pub url: String,
    pub transport: String,
    pub job: Job,
    /// Bytes in a message.
    pub length: usize,
    pub count: usize,
    pub text: bool,
    /// Whether messages are JSON, and are compressed by permessage-deflate without context.
    pub deflate: bool,
    /// The runtime, and where on it the job runs.
    pub runtime: String,
    /// The WebSocket library, for the bare worker.
    pub library: String,
    /// The interface, for this library's worker.
    pub api: String,
    pub packets_per_post: Option<usize>,
    /// Number of sessions that do the job at once, on the runtime `tokio-threads`.
    pub sessions: usize,
}

impl Task {
    /// Parses the command line arguments.
    fn parse(mut arguments: lexopt::Parser) -> Result<Self, Failure> {
        let mut task = Self {
            url: String::new(),
            transport: "websocket".into(),
            job: Job::Receive,
            length: 64,
            count: 1000,
            text: true,
            deflate: false,
            runtime: "tokio".into(),
            library: "async-tungstenite".into(),
            api: "recv".into(),
            packets_per_post: None,
            sessions: 1,
        };
        while let Some(argument) = arguments.next()? {
            let Arg::Long(name) = argument else {
                return Err(argument.unexpected().into());
            };
            let name = name.to_owned();
            let value = arguments.value()?.into_string();
            let value = value.map_err(|_| format!("--{name} is not UTF-8"))?;
            match name.as_str() {
                "url" => task.url = value,
                "transport" => task.transport = value,
                "job" => {
                    task.job = match value.as_str() {
                        "receive" => Job::Receive,
                        "send" => Job::Send,
                        "echo" => Job::Echo,
                        _ => return Err(format!("unknown job {value}").into()),
                    }
                }
                "length" => task.length = number(&name, &value)?,
                "count" => task.count = number(&name, &value)?,
                "form" => {
                    (task.text, task.deflate) = match value.as_str() {
                        "text" => (true, false),
                        "binary" => (false, false),
                        "json" => (true, true),
                        _ => return Err(format!("unknown form {value}").into()),
                    }
                }
                "runtime" => task.runtime = value,
                "library" => task.library = value,
                "api" => task.api = value,
                "packets-per-post" => task.packets_per_post = Some(number(&name, &value)?),
                "sessions" => task.sessions = number(&name, &value)?,
                _ => return Err(format!("unknown option --{name}").into()),
            }
        }
        if task.url.is_empty() {
            return Err("the option --url is missing".into());
        }
        Ok(task)
    }

    /// The URL with the job in its query.
    pub fn address(&self) -> String {
        let job = match self.job {
            Job::Receive => "receive",
            Job::Send => "send",
            Job::Echo => "echo",
        };
        let form = match (self.text, self.deflate) {
            (_, true) => "json&deflate=fresh",
            (true, false) => "text",
            (false, false) => "binary",
        };
        let Self {
            url, length, count, ..
        } = self;
        format!("{url}/engine.io/?job={job}&form={form}&length={length}&count={count}")
    }

    /// The contents of a message, as text and as binary. The job uses one of them.
    pub fn contents(&self) -> (String, Vec<u8>) {
        let bytes = (0..self.length).map(|index| index as u8).collect();
        if self.deflate {
            return (json::json(self.length), bytes);
        }
        ("x".repeat(self.length), bytes)
    }

    pub fn wrong_api(&self) -> Failure {
        format!("unknown api {} on {}", self.api, self.runtime).into()
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, Failure> {
    value
        .parse()
        .map_err(|_| format!("--{name}: {value} is not a number").into())
}

/// Counts received messages and checks their form and length.
#[derive(Clone, Debug)]
pub struct Tally {
    text: bool,
    length: usize,
    count: usize,
    wrong: usize,
}

impl Tally {
    pub fn new(task: &Task) -> Self {
        Self {
            text: task.text,
            length: task.length,
            count: 0,
            wrong: 0,
        }
    }

    pub fn add(&mut self, text: bool, length: usize) {
        self.count += 1;
        if text != self.text || length != self.length {
            self.wrong += 1;
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// # Errors
    ///
    /// If a message had another length or form than expected.
    pub fn check(&self) -> Result<(), Failure> {
        let Self { count, wrong, .. } = self;
        if *wrong > 0 {
            return Err(format!(
                "loses data: {wrong} of {count} messages have the wrong form or length"
            )
            .into());
        }
        Ok(())
    }

    /// The error for a session that ended before all messages had arrived.
    pub fn lost(&self, task: &Task, why: impl std::fmt::Display) -> Failure {
        let (received, expected) = (self.count, task.count);
        format!("loses data: {received} of {expected} messages arrived, then: {why}").into()
    }
}

/// # Errors
///
/// If the server reports that it did not receive all messages.
pub fn check_done(text: Option<&str>) -> Result<(), Failure> {
    match text {
        Some("done") => Ok(()),
        other => Err(format!("loses data: the server says {other:?}").into()),
    }
}

/// Measures the CPU time of the process (user and system) and the elapsed time.
pub struct Clock {
    cpu: i64,
    wall: Instant,
}

pub struct Times {
    cpu: i64,
    wall: i64,
    laps: Laps,
}

impl Clock {
    /// Must be called before the message that starts the job is sent, so that everything that the
    /// server sends is measured.
    pub fn start() -> Self {
        Self {
            cpu: cpu(),
            wall: now(),
        }
    }

    pub fn stop(self, laps: Laps) -> Times {
        Times {
            cpu: cpu() - self.cpu,
            wall: self.wall.elapsed().as_nanos() as i64,
            laps,
        }
    }
}

/// The times between sending a message and receiving its echo, in nanoseconds. Empty for other jobs.
#[derive(Clone, Debug, Default)]
pub struct Laps {
    last: Option<Instant>,
    times: Vec<u32>,
}

impl Laps {
    pub fn new(task: &Task) -> Self {
        let count = match task.job {
            Job::Echo => task.count,
            _ => 0,
        };
        Self {
            last: None,
            times: Vec::with_capacity(count),
        }
    }

    /// Must be called when an echo has been received, just before the next message is sent. The first
    /// echo, for which everything is cold, is left out.
    pub fn lap(&mut self) {
        let now = now();
        if let Some(last) = self.last.replace(now) {
            let lap = now.duration_since(last).as_nanos();
            self.times.push(lap.try_into().unwrap_or(u32::MAX));
        }
    }

    /// The times that half, 90 %, 99 % and 99.9 % of the echoes did not exceed, and the longest one.
    fn percentiles(mut self) -> Vec<u32> {
        self.times.sort_unstable();
        let at = |thousandths: usize| {
            let rank = (self.times.len() * thousandths).div_ceil(1000);
            self.times.get(rank.saturating_sub(1)).copied()
        };
        let thousandths = [500, 900, 990, 999, 1000];
        thousandths.into_iter().filter_map(at).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn cpu() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("getrusage of this process succeeds");
    usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds()
}

/// The runtime of a program with one thread.
///
/// # Errors
///
/// If the system refuses to create it.
pub fn current_thread() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// The runtime with a worker thread for each core that this process may use.
///
/// # Errors
///
/// If the system refuses to create it.
pub fn threads() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

/// Does the job in several sessions at once, each in a task of its own. They connect before the clock
/// starts.
///
/// # Errors
///
/// The first error of a session.
pub async fn at_once<S, F>(
    task: &Task,
    connect: impl AsyncFn() -> Result<S, Failure>,
    work: impl Fn(Task, S) -> F,
) -> Result<Times, Failure>
where
    F: Future<Output = Result<Times, Failure>> + Send + 'static,
{
    let mut sessions = Vec::new();
    for _ in 0..task.sessions {
        sessions.push(connect().await?);
    }
    let clock = Clock::start();
    let sessions = sessions.into_iter();
    let tasks: Vec<_> = sessions
        .map(|session| tokio::spawn(work(task.clone(), session)))
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(clock.stop(Laps::default()))
}

/// The `main` of a worker.
pub fn main(work: impl FnOnce(&Task) -> Result<Times, Failure>) -> ExitCode {
    match Task::parse(lexopt::Parser::from_env()).and_then(|task| work(&task)) {
        Ok(Times { cpu, wall, laps }) => {
            let laps = laps.percentiles();
            println!("{{\"cpu_ns\":{cpu},\"wall_ns\":{wall},\"echo_ns\":{laps:?}}}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
