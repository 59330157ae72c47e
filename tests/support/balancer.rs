//! haproxy in front of several servers. It uses a cookie to send all requests of a session to the same
//! server.

use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::log::Log;
use super::session::DEADLINE;

/// A running haproxy; dropping it ends the process.
pub(crate) struct Balancer {
    port: u16,
    child: Child,
    log: Arc<Log>,
    config: PathBuf,
}

/// A shell script. It starts a background process that ends haproxy when standard input ends, and then
/// replaces itself with haproxy, which keeps the shell's process id (`$$`). So haproxy also ends when
/// the test process is killed.
const PROGRAM: &str = r#"
exec 3<&0
(read -r _ <&3; kill $$) >/dev/null 2>&1 &
exec haproxy -db -f "$1" 3<&- </dev/null
"#;

impl Balancer {
    /// Starts haproxy before servers on these ports. New sessions go to the servers in turn.
    pub(crate) fn before(servers: &[u16]) -> Self {
        // Another process may take the port before haproxy binds it.
        for _ in 0..5 {
            let mut balancer = Self::start(servers);
            if balancer.is_ready() {
                return balancer;
            }
        }
        panic!("haproxy did not start five times");
    }

    fn start(servers: &[u16]) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = free.local_addr().expect("the socket is bound").port();
        drop(free);
        let name = format!("haproxy-{}-{port}.cfg", std::process::id());
        let config = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&config, configuration(port, servers)).expect("the file can be written");
        let mut child = Command::new("sh")
            .args(["-c", PROGRAM, "sh"])
            .arg(&config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let stderr = child.stderr.take().expect("stderr is piped");
        let log = Arc::new(Log::default());
        let writer = Arc::clone(&log);
        thread::spawn(move || writer.fill(BufReader::new(stderr)));
        Self {
            port,
            child,
            log,
            config,
        }
    }

    /// Waits until haproxy answers (`true`) or has ended (`false`).
    fn is_ready(&mut self) -> bool {
        for _ in 0..3000 {
            if self.answers() {
                return true;
            }
            if self.log.has_ended() {
                eprintln!("haproxy ended: {:?}", self.log.lines());
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("haproxy did not answer: {:?}", self.log.lines());
    }

    /// Whether this haproxy answers on the port, and not another process.
    fn answers(&self) -> bool {
        let asked = || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            let name = monitor(self.port);
            stream.write_all(format!("GET {name} HTTP/1.0\r\n\r\n").as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            std::io::Result::Ok(answer)
        };
        asked().is_ok_and(|answer| answer.contains(" 200 "))
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // This makes the background process end haproxy. Its process id is not reused before the `wait`
        // below.
        drop(self.child.stdin.take());
        self.log.wait_for_end(DEADLINE);
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.config);
    }
}

fn monitor(port: u16) -> String {
    format!("/alive-{}-{port}", std::process::id())
}

fn configuration(port: u16, servers: &[u16]) -> String {
    let mut text = format!(
        "global\n\
         \tmaxconn 200\n\
         \tnbthread 1\n\
         \tnoreuseport\n\
         defaults\n\
         \tmode http\n\
         \ttimeout connect 30s\n\
         \ttimeout client 60s\n\
         \ttimeout server 60s\n\
         \ttimeout tunnel 60s\n\
         frontend entrance\n\
         \tbind 127.0.0.1:{port}\n\
         \tmonitor-uri {}\n\
         \tdefault_backend servers\n\
         backend servers\n\
         \tbalance roundrobin\n\
         \tcookie server insert indirect nocache\n",
        monitor(port)
    );
    for (number, port) in servers.iter().enumerate() {
        text.push_str(&format!(
            "\tserver s{number} 127.0.0.1:{port} cookie s{number}\n"
        ));
    }
    text
}
