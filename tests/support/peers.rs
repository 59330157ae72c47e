//! Real Engine.IO servers, each in a process of its own, that the integration
//! tests talk to. `tests/run` installs what they need.

// Each test program that has this module uses a part of it.
#![allow(dead_code)]

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const START_DEADLINE: Duration = Duration::from_secs(30);

/// A running peer server; dropping it ends the process.
pub(crate) struct Peer {
    port: u16,
    // It also holds the peer's standard input open: the peer ends with it, so
    // that none is left behind when the test process is killed.
    child: Child,
    log: Arc<Log>,
}

impl Peer {
    /// Starts the reference server, npm's `engine.io`.
    pub(crate) fn node(options: &[&str]) -> Self {
        let modules = installed("node").join("node_modules");
        let mut command = Command::new("node");
        command
            .env("NODE_PATH", modules)
            .arg(source("node/server.js"))
            .args(options);
        Self::start(command)
    }

    /// Starts python-engineio on the HTTP server `driver`: `aiohttp` or
    /// `uvicorn`.
    pub(crate) fn python(driver: &str, options: &[&str]) -> Self {
        let interpreter = installed("python").join("bin").join("python");
        let mut command = Command::new(interpreter);
        command
            .arg(source("python/server.py"))
            .args(["--driver", driver])
            .args(options);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut child = command
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");

        let log = Arc::new(Log::default());
        let writer = Arc::clone(&log);
        thread::spawn(move || writer.fill(BufReader::new(stderr)));

        // From here on a panic drops the peer, which ends the process.
        let mut peer = Self {
            port: 0,
            child,
            log,
        };

        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            // An error is left to the receiver: it gets a line with no port.
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = receiver.recv_timeout(START_DEADLINE).unwrap_or_else(|_| {
            panic!(
                "no port from {command:?} in {START_DEADLINE:?}; it wrote: {:?}",
                peer.lines()
            )
        });
        peer.port = parse_port(&line).unwrap_or_else(|| {
            // The process is ending; its last words say why.
            peer.log.wait_for_end(START_DEADLINE);
            panic!(
                "{line:?} from {command:?} instead of a port; it wrote: {:?}",
                peer.lines()
            )
        });
        peer
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All lines that the peer has written on standard error so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.lock().lines.clone()
    }

    /// Waits for a line on standard error that contains `part`, or finds it
    /// among the lines already there. `None` when the deadline passes or the
    /// peer ends first.
    pub(crate) fn wait_for_line(&self, part: &str, deadline: Duration) -> Option<String> {
        self.log.wait(deadline, |state| {
            state.lines.iter().find(|line| line.contains(part)).cloned()
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Fails only for a process that has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a peer has written on standard error.
#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    // A test that panicked with the lock must not hide its panic behind others.
    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, mut stderr: impl BufRead) {
        let mut bytes = Vec::new();
        while matches!(stderr.read_until(b'\n', &mut bytes), Ok(1..)) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            self.lock().lines.push(line);
            self.changed.notify_all();
            bytes.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn wait<T>(
        &self,
        deadline: Duration,
        mut find: impl FnMut(&LogState) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + deadline;
        let mut state = self.lock();
        loop {
            if let Some(found) = find(&state) {
                return Some(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn wait_for_end(&self, deadline: Duration) {
        self.wait(deadline, |_| None::<()>);
    }
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(path)
}

fn installed(peer: &str) -> PathBuf {
    let root = env::var_os("ENGINEIO_PEERS").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/peers/.installed"
            ))
        },
        PathBuf::from,
    );
    let path = root.join(peer);
    // The stamp is the last thing that an install writes.
    assert!(
        path.join("stamp").exists(),
        "no peer in {}: run tests/run, which installs the peers",
        path.display()
    );
    path
}

/// The port in a line `{"port":N}`.
fn parse_port(line: &str) -> Option<u16> {
    let number = line.trim().strip_prefix("{\"port\":")?.strip_suffix('}')?;
    number.parse().ok()
}
