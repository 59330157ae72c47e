//! Peers: real Engine.IO servers in their own processes, for the integration tests. `tests/run` installs
//! them.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::log::Log;
use super::tls::AUTHORITY;

const START_DEADLINE: Duration = Duration::from_secs(30);

/// A running peer server; dropping it ends the process.
pub(crate) struct Peer {
    scheme: &'static str,
    port: u16,
    // Holds the peer's standard input open. The peer exits when its standard input ends, so it also
    // exits when the test process is killed.
    child: Child,
    log: Arc<Log>,
}

impl Peer {
    /// Starts the reference server, npm's `engine.io`.
    pub(crate) fn node(options: &[String]) -> Self {
        let mut command = node();
        command.args(options);
        Self::start(command)
    }

    /// Starts npm's `ws`, without engine.io.
    #[allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) fn ws() -> Self {
        Self::start(node_program("node/ws_server.js"))
    }

    /// Starts the reference server with its own TLS.
    pub(crate) fn node_with_tls(options: &[String]) -> Self {
        let identity = AUTHORITY.issue(&["127.0.0.1"]);
        let mut command = node();
        command
            .args(options)
            .arg("--tls")
            .env("TLS_CERTIFICATE", identity.certificate)
            .env("TLS_KEY", identity.key);
        let mut peer = Self::start(command);
        peer.scheme = "https";
        peer
    }

    /// Starts python-engineio on the HTTP server `driver`: `aiohttp` or
    /// `uvicorn`.
    pub(crate) fn python(driver: &str, options: &[String]) -> Self {
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
            scheme: "http",
            port: 0,
            child,
            log,
        };

        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            // On an error the receiver gets a line without a port, and reports it.
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = receiver.recv_timeout(START_DEADLINE).unwrap_or_else(|_| {
            panic!(
                "no port from {command:?} in {START_DEADLINE:?}; it wrote: {:?}",
                peer.log.lines()
            )
        });
        peer.port = parse_port(&line).unwrap_or_else(|| {
            // The process is exiting; its output says why.
            peer.log.wait_for_end(START_DEADLINE);
            panic!(
                "{line:?} from {command:?} instead of a port; it wrote: {:?}",
                peer.log.lines()
            )
        });
        peer
    }

    /// `http://127.0.0.1:PORT`, or `https`.
    pub(crate) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// What the peer writes on standard error.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Suspends the process: its connections stay open, but it sends nothing.
    pub(crate) fn silence(&self) {
        // `kill` is built into every shell; as a program, it is not installed everywhere.
        let status = Command::new("sh")
            .args([
                "-c",
                r#"kill -STOP "$1""#,
                "sh",
                &self.child.id().to_string(),
            ])
            .status();
        assert!(
            status.as_ref().is_ok_and(|status| status.success()),
            "cannot stop the peer: {status:?}"
        );
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Fails only if the process has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn node() -> Command {
    node_program("node/server.js")
}

fn node_program(program: &str) -> Command {
    let modules = installed("node").join("node_modules");
    let mut command = Command::new("node");
    command.env("NODE_PATH", modules).arg(source(program));
    command
}

pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(path)
}

pub(crate) fn installed(peer: &str) -> PathBuf {
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
    // An installation writes its stamp last.
    assert!(
        path.join("stamp").exists(),
        "no peer in {}: run tests/run, which installs the peers",
        path.display()
    );
    path
}

/// The port in a line `{"port":N}`.
pub(crate) fn parse_port(line: &str) -> Option<u16> {
    let number = line.trim().strip_prefix("{\"port\":")?.strip_suffix('}')?;
    number.parse().ok()
}
