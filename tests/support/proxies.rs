//! Real proxies, each in its own process: Debian's tinyproxy for HTTP, microsocks for SOCKS5, and
//! haproxy for TLS in front of one of them.

use std::fs;
use std::io::{BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::log::Log;

const START_DEADLINE: Duration = Duration::from_secs(30);

/// Number of attempts to connect to a new proxy until `START_DEADLINE`.
const LOOKS: u32 = 6000;

/// Number of ports to try: another process may take a port before the proxy binds it.
const TRIES: usize = 10;

/// A user name and a password.
pub(crate) type Credentials = Option<(&'static str, &'static str)>;

/// A running proxy; dropping it ends the process.
pub(crate) struct Proxy {
    port: u16,
    child: Child,
    log: Arc<Log>,
    /// Files that are removed when the proxy ends.
    files: Vec<PathBuf>,
}

impl Proxy {
    /// An HTTP proxy that forwards requests and supports `CONNECT`.
    pub(crate) fn http(credentials: Credentials) -> Self {
        Self::start(|port| {
            let mut settings = format!(
                "Port {port}\nListen 127.0.0.1\nLogLevel Info\nMaxClients 100\nTimeout 600\n"
            );
            if let Some((user, password)) = credentials {
                settings.push_str(&format!("BasicAuth {user} {password}\n"));
            }
            let mut child = spawn("tinyproxy", &["-d", "-c", "/dev/stdin"]);
            let mut input = child.stdin.take().expect("the stream is piped");
            input
                .write_all(settings.as_bytes())
                .expect("the proxy reads its settings");
            drop(input);
            let log = fill(child.stdout.take().expect("the stream is piped"));
            let ready = log.wait_for_line("Accepting connections", START_DEADLINE);
            let proxy = Self::new(port, child, log, Vec::new());
            ready.map(|_| proxy)
        })
    }

    /// A SOCKS5 proxy.
    pub(crate) fn socks(credentials: Credentials) -> Self {
        Self::start(|port| {
            let port_text = port.to_string();
            let mut arguments = vec!["-i", "127.0.0.1", "-p", &port_text];
            if let Some((user, password)) = credentials {
                arguments.extend(["-u", user, "-P", password]);
            }
            let mut child = spawn("microsocks", &arguments);
            let log = fill(child.stderr.take().expect("the stream is piped"));
            // microsocks does not print when it is ready.
            Self::new(port, child, log, Vec::new()).once_it_listens()
        })
    }

    /// A TLS proxy in front of another proxy, with this certificate and key in PEM.
    pub(crate) fn with_tls(behind: &Self, identity: &str) -> Self {
        Self::start(|port| {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
            let name = format!("haproxy-tls-{}-{port}", std::process::id());
            let [pem, config] = ["pem", "cfg"].map(|end| folder.join(format!("{name}.{end}")));
            let text = format!(
                "global\n\
                 \tnbthread 1\n\
                 \tnoreuseport\n\
                 defaults\n\
                 \tmode tcp\n\
                 \ttimeout connect 30s\n\
                 \ttimeout client 60s\n\
                 \ttimeout server 60s\n\
                 listen proxy\n\
                 \tbind 127.0.0.1:{port} ssl crt {}\n\
                 \tserver behind {}\n",
                pem.display(),
                behind.address()
            );
            fs::write(&pem, identity).expect("the file can be written");
            fs::write(&config, text).expect("the file can be written");
            let path = config.to_str().expect("the path is UTF-8");
            let mut child = spawn("haproxy", &["-db", "-f", path]);
            let log = fill(child.stderr.take().expect("the stream is piped"));
            Self::new(port, child, log, vec![pem, config]).once_it_listens()
        })
    }

    fn new(port: u16, child: Child, log: Arc<Log>, files: Vec<PathBuf>) -> Self {
        Self {
            port,
            child,
            log,
            files,
        }
    }

    /// Waits until the proxy accepts connections. Returns `None` if its process ends first.
    fn once_it_listens(mut self) -> Option<Self> {
        for _ in 0..LOOKS {
            if self.has_ended() {
                return None;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Some(self);
            }
            thread::sleep(START_DEADLINE / LOOKS);
        }
        None
    }

    fn start(start_on: impl Fn(u16) -> Option<Self>) -> Self {
        let proxy = (0..TRIES).find_map(|_| start_on(free_port()));
        proxy.expect("the proxy starts on one of several ports")
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The proxy's output.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Fails only if the process has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}

/// A port of 127.0.0.1 on which nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("the socket is bound").port()
}

/// Starts a program that the kernel ends together with the thread of this test (`--pdeathsig`), so that
/// it also ends when the test process is killed.
fn spawn(program: &str, arguments: &[&str]) -> Child {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", program])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start setpriv for {program}: {error}"))
}

fn fill(source: impl Read + Send + 'static) -> Arc<Log> {
    let log = Arc::new(Log::default());
    let writer = Arc::clone(&log);
    thread::spawn(move || writer.fill(BufReader::new(source)));
    log
}
