//! The servers: gunicorn, which runs python-engineio, and nginx, haproxy and apache as reverse proxies
//! in front of Node's engine.io.

use std::fs;
use std::io::BufReader;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::place::Place;
use crate::support::log::Log;
use crate::support::peers;
use crate::support::session::DEADLINE;
use crate::support::tls::AUTHORITY;

/// The web server that the sessions connect to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Front {
    Gunicorn,
    Nginx,
    Haproxy,
    Apache,
}

impl Front {
    /// Round trip between clients and server.
    pub(super) fn round_trip(self) -> Duration {
        Duration::from_millis(if self == Self::Gunicorn { 40 } else { 100 })
    }

    /// Interval between a session's messages. For gunicorn, it is the server's keep-alive timeout, so
    /// that messages cross the server's close of the connection.
    pub(super) fn interval(self) -> Duration {
        Duration::from_millis(if self == Self::Gunicorn { 2000 } else { 100 })
    }

    pub(super) fn messages(self) -> usize {
        let messages = if self == Self::Gunicorn { 8 } else { 40 };
        super::setting("ENGINEIO_KEEPALIVE_MESSAGES").unwrap_or(messages)
    }

    /// Whether the server is reloaded during the sessions.
    pub(super) fn reloads(self) -> bool {
        self != Self::Gunicorn
    }

    /// The signal for a graceful reload: `nginx -s reload`, haproxy's reload, `apachectl graceful`.
    fn signal(self) -> Signal {
        match self {
            Self::Gunicorn | Self::Nginx => Signal::HUP,
            Self::Haproxy => Signal::USR2,
            Self::Apache => Signal::USR1,
        }
    }
}

/// A web server and, unless it runs the application itself, the server behind it.
pub(super) struct Server {
    front: Front,
    program: Program,
    behind: Option<Program>,
    port: u16,
    folder: PathBuf,
}

impl Server {
    pub(super) fn start(place: &Place, front: Front, tls: bool) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("keepalive-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("the folder can be made");
        let identity = AUTHORITY.issue(&[place.host(), "127.0.0.1"]);
        for (file, text) in [
            ("certificate.pem", identity.certificate.clone()),
            ("key.pem", identity.key.clone()),
            ("ca.pem", AUTHORITY.pem()),
            ("both.pem", identity.certificate + &identity.key),
        ] {
            fs::write(folder.join(file), text).expect("the file can be written");
        }
        let behind = (front != Front::Gunicorn).then(|| node(place));
        let behind_port = behind.as_ref().map_or(0, port_of);
        // Another process may take the port before the program binds it.
        for _ in 0..5 {
            let port = free_port();
            let setup = Setup {
                host: place.host(),
                port,
                behind: behind_port,
                tls,
                folder: &folder,
            };
            let program = Program::start(setup.command(place, front));
            if program.is_ready(place.host(), port) {
                return Self {
                    front,
                    program,
                    behind,
                    port,
                    folder,
                };
            }
        }
        panic!("{front:?} did not start five times");
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// File with the CA of the server's certificate.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    pub(super) fn reload(&self) {
        self.program.signal(self.front.signal());
    }

    /// Ends the servers and returns the received messages. Prints the web server's output if
    /// `prints_log` is set.
    pub(super) fn stop(self, prints_log: bool) -> Vec<String> {
        self.program.stop();
        if prints_log {
            println!("{:?} wrote: {:#?}", self.front, self.program.log.lines());
        }
        let log = Arc::clone(
            self.behind
                .as_ref()
                .map_or(&self.program.log, |node| &node.log),
        );
        if let Some(node) = &self.behind {
            node.stop();
        }
        let _ = fs::remove_dir_all(&self.folder);
        let lines = log.lines();
        let messages = lines
            .iter()
            .filter_map(|line| line.strip_prefix("message "));
        messages.map(str::to_owned).collect()
    }
}

/// A running program; dropping it ends the process.
struct Program {
    child: std::sync::Mutex<Child>,
    log: Arc<Log>,
}

impl Program {
    fn start(mut command: Command) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let child = command
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().expect("a second handle"))
            .stderr(writer)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        // The command holds write ends of the pipe. If it kept them, the log would not end with the
        // program.
        drop(command);
        let log = Arc::new(Log::default());
        let to = Arc::clone(&log);
        thread::spawn(move || to.fill(BufReader::new(reader)));
        Self {
            child: child.into(),
            log,
        }
    }

    fn is_ready(&self, host: &str, port: u16) -> bool {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if TcpStream::connect((host, port)).is_ok() {
                return true;
            }
            if self.log.has_ended() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        eprintln!("not ready: {:?}", self.log.lines());
        false
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.lock().expect("no thread panicked");
        kill_process(Pid::from_child(&child), signal).expect("the program runs");
    }

    fn stop(&self) {
        self.signal(Signal::TERM);
        self.log.wait_for_end(DEADLINE);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let child = self.child.get_mut().expect("no thread panicked");
        if matches!(child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
            self.log.wait_for_end(Duration::from_secs(5));
            let _ = child.kill();
        }
        let _ = child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("the socket is bound").port()
}

/// Node's engine.io, which logs the messages that it receives.
fn node(place: &Place) -> Program {
    let mut command = place.command("node");
    command
        .env("NODE_PATH", peers::installed("node").join("node_modules"))
        .arg(peers::source("node/server.js"))
        .arg("--tell-messages");
    Program::start(command)
}

fn port_of(node: &Program) -> u16 {
    let line = node.log.wait_for_line("\"port\"", DEADLINE);
    let port = line.as_deref().and_then(peers::parse_port);
    port.unwrap_or_else(|| panic!("no port from Node: {:?}", node.log.lines()))
}

/// Common parts of the web servers' configurations.
struct Setup<'a> {
    host: &'a str,
    port: u16,
    behind: u16,
    tls: bool,
    folder: &'a Path,
}

impl Setup<'_> {
    fn command(&self, place: &Place, front: Front) -> Command {
        match front {
            Front::Gunicorn => self.gunicorn(place),
            Front::Nginx => self.nginx(place),
            Front::Haproxy => self.haproxy(place),
            Front::Apache => self.apache(place),
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("the file can be written");
        path
    }

    fn if_tls(&self, text: &str) -> String {
        let text = if self.tls { text } else { "" };
        text.replace("FOLDER", &self.folder.display().to_string())
    }

    fn gunicorn(&self, place: &Place) -> Command {
        let python = peers::installed("python").join("bin/python");
        let mut command = place.command(&python.display().to_string());
        command
            .args([
                "-m",
                "gunicorn",
                "--worker-class",
                "gevent",
                "--workers",
                "1",
            ])
            .arg("--chdir")
            .arg(peers::source("python"))
            .args(["--bind", &format!("{}:{}", self.host, self.port)]);
        if self.tls {
            for (option, file) in [("--certfile", "certificate.pem"), ("--keyfile", "key.pem")] {
                command.arg(option).arg(self.folder.join(file));
            }
        }
        command.arg("gunicorn_app:app");
        command
    }

    fn nginx(&self, place: &Place) -> Command {
        let Self {
            host, port, behind, ..
        } = self;
        let folder = self.folder.display();
        let ssl = if self.tls { " ssl" } else { "" };
        let certificate = self
            .if_tls("ssl_certificate FOLDER/certificate.pem; ssl_certificate_key FOLDER/key.pem;");
        let text = format!(
            "daemon off;\npid {folder}/pid;\nerror_log stderr;\nworker_processes 1;\n\
             events {{ worker_connections 512; }}\n\
             http {{\n\
             access_log off;\n\
             client_body_temp_path {folder}/a;\nproxy_temp_path {folder}/b;\n\
             fastcgi_temp_path {folder}/c;\nuwsgi_temp_path {folder}/d;\nscgi_temp_path {folder}/e;\n\
             server {{\nlisten {host}:{port}{ssl};\n{certificate}\n\
             location / {{ proxy_pass http://127.0.0.1:{behind}; }}\n}}\n}}\n"
        );
        let mut command = place.command("nginx");
        command
            .args(["-e", "stderr", "-c"])
            .arg(self.write("nginx.conf", &text));
        command
    }

    fn haproxy(&self, place: &Place) -> Command {
        let Self {
            host, port, behind, ..
        } = self;
        let folder = self.folder.display();
        let certificate = self.if_tls("ssl crt FOLDER/both.pem");
        let text = format!(
            "global\n\tmaxconn 500\n\tnbthread 1\n\
             \tstats socket {folder}/socket mode 600 level admin expose-fd listeners\n\
             defaults\n\tmode http\n\
             \ttimeout connect 30s\n\ttimeout client 60s\n\ttimeout server 60s\n\
             \ttimeout http-keep-alive 1s\n\
             \toption http-server-close\n\
             frontend entrance\n\tbind {host}:{port} {certificate}\n\tdefault_backend servers\n\
             backend servers\n\tserver one 127.0.0.1:{behind}\n"
        );
        let mut command = place.command("haproxy");
        command
            .args(["-W", "-f"])
            .arg(self.write("haproxy.cfg", &text));
        command
    }

    fn apache(&self, place: &Place) -> Command {
        let Self {
            host, port, behind, ..
        } = self;
        let folder = self.folder.display();
        let modules: String = ["mpm_event", "authz_core", "proxy", "proxy_http", "ssl"]
            .map(|name| {
                format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
            })
            .concat();
        let certificate = self.if_tls(
            "SSLEngine on\nSSLCertificateFile FOLDER/certificate.pem\n\
             SSLCertificateKeyFile FOLDER/key.pem\nSSLSessionCache none\n",
        );
        let text = format!(
            "{modules}ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/pid\n\
             User nobody\nGroup nogroup\nErrorLog /dev/stderr\nServerName {host}\n\
             StartServers 1\nListen {host}:{port}\n{certificate}\
             ProxyPass / http://127.0.0.1:{behind}/ disablereuse=On\n"
        );
        let mut command = place.command("apache2");
        command
            .args(["-D", "FOREGROUND", "-f"])
            .arg(self.write("apache.conf", &text));
        command
    }
}
