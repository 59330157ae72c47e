//! A server that can be killed and started again on the same port, and its log.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use socket2::{Domain, Socket, Type};

use crate::support::log::Log;
use crate::support::peers;
use crate::support::session::DEADLINE;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Node,
    Aiohttp,
}

/// A server. Dropping it ends its process.
pub(super) struct Server {
    kind: Kind,
    port: u16,
    /// A socket bound to the port without listening. It reserves the port while no server runs.
    /// Otherwise the system could choose the port as the local port of a client's connection to the
    /// server, which would then connect to itself.
    _port: Socket,
    folder: PathBuf,
    log: Arc<Log>,
    process: Option<Child>,
    generation: usize,
}

impl Server {
    pub(super) fn start(kind: Kind) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("lasting-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("the folder can be made");
        let (reservation, port) = reserve_port();
        let mut server = Self {
            kind,
            port,
            _port: reservation,
            folder,
            log: Arc::default(),
            process: None,
            generation: 0,
        };
        server.start_again();
        server
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Kills the process with SIGKILL. Returns when it has ended.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts a new process, and returns when it listens.
    pub(super) fn start_again(&mut self) {
        self.generation += 1;
        let mut process = self
            .command()
            .args([
                self.port.to_string(),
                self.log_file().display().to_string(),
                self.generation.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stdout = process.stdout.take().expect("the stream is piped");
        let stderr = process.stderr.take().expect("the stream is piped");
        // Stored here, so that a panic from here on ends the process.
        self.process = Some(process);
        let log = Arc::clone(&self.log);
        thread::spawn(move || log.fill(BufReader::new(stderr)));
        let line = first_line(stdout);
        assert_eq!(
            peers::parse_port(&line),
            Some(self.port),
            "{:?} wrote: {:?}",
            self.kind,
            self.log.lines()
        );
    }

    fn command(&self) -> Command {
        match self.kind {
            Kind::Node => {
                let mut command = Command::new("node");
                command
                    .env("NODE_PATH", peers::installed("node").join("node_modules"))
                    .arg(peers::source("node/lasting_server.js"));
                command
            }
            Kind::Aiohttp => {
                let python = peers::installed("python").join("bin/python");
                let mut command = Command::new(python);
                command.arg(peers::source("python/lasting_server.py"));
                command
            }
        }
    }

    /// The log of the messages received by all processes.
    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The standard error of all processes.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Ends the server and removes its log.
    pub(super) fn remove(mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn reserve_port() -> (Socket, u16) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket
        .set_reuse_address(true)
        .expect("the socket is not bound yet");
    let any = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("a port is free");
    let address = socket.local_addr().expect("the socket is bound");
    let port = address.as_socket().expect("an IP address").port();
    (socket, port)
}

/// Reads the first line. Returns an empty string if there is none in time.
fn first_line(source: impl Read + Send + 'static) -> String {
    let (give, take) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(source).read_line(&mut line);
        let _ = give.send(line);
    });
    take.recv_timeout(DEADLINE).unwrap_or_default()
}
