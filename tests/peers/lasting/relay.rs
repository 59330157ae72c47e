//! A relay to a server. Its connections can fall silent, be reset, or end in one direction.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// Interval at which a thread checks whether its connection was broken.
const LOOK: Duration = Duration::from_millis(20);

/// A fault of all connections at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Nothing is forwarded for a while, new connections included; then all are reset.
    Silence,
    Reset,
    /// The relay ends the direction from client to server, and forwards nothing more in it.
    EndToServer,
    /// The relay ends the direction from server to client, and forwards nothing more in it.
    EndToClient,
}

impl Fault {
    pub(super) const ALL: [Self; 4] = [
        Self::Silence,
        Self::Reset,
        Self::EndToServer,
        Self::EndToClient,
    ];
}

/// Accepts connections until it is dropped.
pub(super) struct Relay {
    port: u16,
    stop: TcpListener,
    lines: Arc<Lines>,
}

#[derive(Default)]
struct Lines {
    silent: AtomicBool,
    all: Mutex<Vec<Arc<Line>>>,
    /// Connections that were accepted during a silence.
    held: Mutex<Vec<TcpStream>>,
}

/// A client's connection and its connection to the server. Both close when the last handle is dropped.
struct Line {
    client: TcpStream,
    server: TcpStream,
    is_reset: AtomicBool,
    ended_to_server: AtomicBool,
    ended_to_client: AtomicBool,
}

impl Relay {
    /// Starts a relay to the server on this port.
    pub(super) fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("the socket is bound").port();
        let stop = listener.try_clone().expect("a second handle");
        let lines = Arc::new(Lines::default());
        let all = Arc::clone(&lines);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if all.silent.load(Ordering::SeqCst) {
                    lock(&all.held).push(client);
                } else if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) {
                    all.join(client, server);
                } else {
                    reset(&client);
                }
            }
        });
        Self { port, stop, lines }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Begins a fault, runs the function, and ends the fault.
    pub(super) fn with_fault(&self, fault: Fault, meanwhile: impl FnOnce()) {
        let lines = lock(&self.lines.all).clone();
        match fault {
            Fault::Silence => self.lines.silent.store(true, Ordering::SeqCst),
            Fault::Reset => lines.iter().for_each(|line| line.reset()),
            Fault::EndToServer => lines.iter().for_each(|line| line.end_to_server()),
            Fault::EndToClient => lines.iter().for_each(|line| line.end_to_client()),
        }
        meanwhile();
        if let Fault::Silence = fault {
            lock(&self.lines.all).iter().for_each(|line| line.reset());
            self.lines.silent.store(false, Ordering::SeqCst);
            lock(&self.lines.held)
                .drain(..)
                .for_each(|held| reset(&held));
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.stop).shutdown(Shutdown::Both);
        lock(&self.lines.all).iter().for_each(|line| line.reset());
    }
}

impl Lines {
    /// Forwards both directions of a new connection.
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
            stream
                .set_read_timeout(Some(LOOK))
                .expect("the timeout is not zero");
        }
        let line = Arc::new(Line {
            client,
            server,
            is_reset: AtomicBool::new(false),
            ended_to_server: AtomicBool::new(false),
            ended_to_client: AtomicBool::new(false),
        });
        lock(&self.all).push(Arc::clone(&line));
        let lines = Arc::clone(self);
        thread::spawn(move || {
            thread::scope(|scope| {
                scope
                    .spawn(|| lines.copy(&line, &line.client, &line.server, &line.ended_to_server));
                lines.copy(&line, &line.server, &line.client, &line.ended_to_client);
            });
            lock(&lines.all).retain(|other| !Arc::ptr_eq(other, &line));
        });
    }

    fn copy(&self, line: &Line, mut from: &TcpStream, mut to: &TcpStream, ended: &AtomicBool) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            self.wait_for_end_of_silence(line);
            if line.is_reset.load(Ordering::SeqCst) {
                return;
            }
            let count = match from.read(&mut buffer) {
                Ok(0) => {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(count) => count,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    continue;
                }
                Err(_) => return line.reset(),
            };
            self.wait_for_end_of_silence(line);
            if line.is_reset.load(Ordering::SeqCst) {
                return;
            }
            let hears = !ended.load(Ordering::SeqCst);
            if hears && to.write_all(&buffer[..count]).is_err() && !ended.load(Ordering::SeqCst) {
                return line.reset();
            }
        }
    }

    fn wait_for_end_of_silence(&self, line: &Line) {
        while self.silent.load(Ordering::SeqCst) && !line.is_reset.load(Ordering::SeqCst) {
            thread::sleep(LOOK);
        }
    }
}

impl Line {
    fn reset(&self) {
        reset(&self.client);
        reset(&self.server);
        self.is_reset.store(true, Ordering::SeqCst);
    }

    fn end_to_server(&self) {
        self.ended_to_server.store(true, Ordering::SeqCst);
        let _ = self.server.shutdown(Shutdown::Write);
    }

    fn end_to_client(&self) {
        self.ended_to_client.store(true, Ordering::SeqCst);
        let _ = self.client.shutdown(Shutdown::Write);
    }
}

/// Makes the close of the stream send a reset.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
