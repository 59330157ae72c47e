//! Common code of the workers. A worker is a process that does one job with one client and prints the
//! time that it took.

use std::error::Error;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use lexopt::Arg;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

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
    /// Runtime and interface, for this library's worker.
    pub runtime: String,
    pub api: String,
    pub packets_per_post: Option<usize>,
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
            runtime: "tokio".into(),
            api: "recv".into(),
            packets_per_post: None,
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
                    task.text = match value.as_str() {
                        "text" => true,
                        "binary" => false,
                        _ => return Err(format!("unknown form {value}").into()),
                    }
                }
                "runtime" => task.runtime = value,
                "api" => task.api = value,
                "packets-per-post" => task.packets_per_post = Some(number(&name, &value)?),
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
        let form = if self.text { "text" } else { "binary" };
        let Self {
            url, length, count, ..
        } = self;
        format!("{url}/engine.io/?job={job}&form={form}&length={length}&count={count}")
    }

    /// The contents of a message, as text and as binary. The job uses one of them.
    pub fn contents(&self) -> (String, Vec<u8>) {
        let bytes = (0..self.length).map(|index| index as u8).collect();
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

    pub fn stop(self) -> Times {
        Times {
            cpu: cpu() - self.cpu,
            wall: self.wall.elapsed().as_nanos() as i64,
        }
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

/// The `main` of a worker.
pub fn main(work: impl FnOnce(&Task) -> Result<Times, Failure>) -> ExitCode {
    match Task::parse(lexopt::Parser::from_env()).and_then(|task| work(&task)) {
        Ok(Times { cpu, wall }) => {
            println!("{{\"cpu_ns\":{cpu},\"wall_ns\":{wall}}}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
