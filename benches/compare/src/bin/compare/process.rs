//! The server and worker processes, each pinned to a core.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use engineio_client_compare::Failure;

use crate::rows::{Kind, Row};
use crate::subjects::{Subject, installed};

/// A worker that has not ended after this time has hung. It normally takes at most a second.
const DEADLINE: Duration = Duration::from_secs(60);

const WORKERS_CORE: &str = "0";
const SERVERS_CORE: &str = "1";
const BOTH_CORES: &str = "0,1";

/// Where the processes run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cores {
    One,
    Two,
    /// Not pinned, because `taskset` is missing or there is only one core.
    Any,
}

/// Starts processes.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    binaries: PathBuf,
    pub(crate) cores: Cores,
}

/// A worker's measurement, for all its messages together.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    pub(crate) cpu_ns: f64,
    pub(crate) wall_ns: f64,
    /// Percentiles of the times of echoes; empty for other jobs.
    pub(crate) echo_ns: Vec<f64>,
}

/// Why a worker has no times: a word for the table, and details.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) word: &'static str,
    pub(crate) details: String,
}

impl Launcher {
    /// # Errors
    ///
    /// If the path of this program is unknown.
    pub(crate) fn new(one_core: bool) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let binaries = program.parent().unwrap_or(Path::new(".")).to_owned();
        let can_pin = |core| {
            let status = Command::new("taskset").args(["-c", core, "true"]).status();
            status.is_ok_and(|status| status.success())
        };
        let cores = match one_core {
            true if can_pin(WORKERS_CORE) => Cores::One,
            false if can_pin(WORKERS_CORE) && can_pin(SERVERS_CORE) => Cores::Two,
            _ => Cores::Any,
        };
        Ok(Self { binaries, cores })
    }

    fn command(&self, row: &Row, core: &str, program: &Path) -> Command {
        let cores = match (self.cores, row.kind) {
            (Cores::One, _) => WORKERS_CORE,
            (Cores::Two, Kind::Throughput { cores: 2, .. }) => BOTH_CORES,
            (Cores::Two, _) => core,
            (Cores::Any, _) => return Command::new(program),
        };
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(program);
        command
    }

    /// # Errors
    ///
    /// If the server can't be started or does not print its port.
    pub(crate) fn server(&self, row: &Row) -> Result<Server, Failure> {
        let program = self.binaries.join("bare-server");
        let child = self
            .command(row, SERVERS_CORE, &program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut server = Server {
            child,
            url: String::new(),
        };
        let mut line = String::new();
        if let Some(stdout) = server.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port: u16 = line
            .trim()
            .parse()
            .map_err(|_| "the server did not print its port")?;
        server.url = format!("http://127.0.0.1:{port}");
        Ok(server)
    }

    /// Runs a worker to its end.
    pub(crate) fn worker(
        &self,
        server: &Server,
        row: &Row,
        subject: &Subject,
        count: usize,
    ) -> Result<Times, Trouble> {
        let (program, arguments) = subject.command(row, &self.binaries);
        let mut command = self.command(row, WORKERS_CORE, &program);
        command
            .args(arguments)
            .env("NODE_PATH", installed().join("node/node_modules"))
            .args(["--url", &server.url, "--transport", row.transport])
            .args(["--job", row.job, "--form", row.form])
            .args(["--length", &row.length.to_string()])
            .args(["--count", &count.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(packets) = row.packets_per_post {
            command.args(["--packets-per-post", &packets.to_string()]);
        }
        if let Kind::Throughput { sessions, .. } = row.kind {
            command.args(["--sessions", &sessions.to_string()]);
        }
        let mut child = command
            .spawn()
            .map_err(|error| fails(format!("{}: {error}", program.display())))?;
        let (sender, ended) = mpsc::channel();
        let stdout = read_all(child.stdout.take(), sender.clone());
        let stderr = read_all(child.stderr.take(), sender);
        // Both pipes end when the worker does.
        let in_time = ended.recv_timeout(DEADLINE).is_ok() && ended.recv_timeout(DEADLINE).is_ok();
        if !in_time {
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| fails(error.to_string()))?;
        let stdout = stdout.join().unwrap_or_default();
        let stderr = stderr.join().unwrap_or_default();
        if !in_time {
            return Err(Trouble {
                word: "hangs",
                details: format!("did not end within {} s; {stderr}", DEADLINE.as_secs()),
            });
        }
        if !status.success() {
            return Err(Trouble {
                word: match stderr.contains("loses data") {
                    true => "loses data",
                    false => "fails",
                },
                details: stderr,
            });
        }
        parse(&stdout).ok_or_else(|| fails(format!("unexpected output: {stdout:?}")))
    }
}

fn fails(details: String) -> Trouble {
    Trouble {
        word: "fails",
        details,
    }
}

fn parse(line: &str) -> Option<Times> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(Times {
        cpu_ns: value.get("cpu_ns")?.as_f64()?,
        wall_ns: value.get("wall_ns")?.as_f64()?,
        echo_ns: serde_json::from_value(value.get("echo_ns")?.clone()).ok()?,
    })
}

fn read_all(
    pipe: Option<impl Read + Send + 'static>,
    ended: mpsc::Sender<()>,
) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = ended.send(());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The server process, which is killed on drop.
pub(crate) struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
