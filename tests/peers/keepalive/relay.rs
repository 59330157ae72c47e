//! A relay to a server that delays the server's data by a round trip, like a network that is slow in one
//! direction.
//!
//! On a real network, data that a client sends after the server has closed the connection reaches a
//! closed connection, and no system acknowledges it. Behind a relay, the relay's system would
//! acknowledge it. So when the server closes, the relay attaches a filter to the client's connection,
//! which drops all incoming packets. When the server's answer would have arrived over a real network,
//! the relay resets the connection.
//!
//! The relay notices the server's close a moment late, and data that arrives in between is acknowledged.
//! So before a server reloads, the relay is [held](Relay::hold): it drops the clients' packets, as if
//! they were still in flight.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{SockFilter, SockRef};

/// Accepts connections until it is dropped. Accepted connections go on until one side ends.
pub(super) struct Relay {
    port: u16,
    stop: TcpListener,
    lines: Lines,
}

/// The open connections.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Arc<Line>>>>);

struct Line {
    client: TcpStream,
    /// Whether the server has ended the connection.
    over: AtomicBool,
}

impl Relay {
    /// Starts a relay to the server on this port.
    pub(super) fn before(server: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("the socket is bound").port();
        let stop = listener.try_clone().expect("a second handle");
        let lines = Lines::default();
        let all = lines.clone();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let lines = all.clone();
                thread::spawn(move || {
                    // If the server does not listen, the client's connection ends.
                    if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) {
                        lines.join(client, server, delay);
                    }
                });
            }
        });
        Self { port, stop, lines }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Drops the packets that arrive from clients on the open connections.
    pub(super) fn hold(&self) {
        for line in &*self.lines.get() {
            line.deafen();
        }
    }

    /// Accepts packets again on the connections that the server has not ended.
    pub(super) fn release(&self) {
        for line in &*self.lines.get() {
            if !line.over.load(Ordering::SeqCst) {
                let _ = SockRef::from(&line.client).detach_filter();
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.stop).shutdown(Shutdown::Both);
    }
}

impl Lines {
    fn get(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forwards both directions of a new connection until the server ends it.
    fn join(&self, client: TcpStream, server: TcpStream, delay: Duration) {
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
        }
        let handle = |stream: &TcpStream| stream.try_clone().expect("a second handle");
        let (from_client, to_server) = (handle(&client), handle(&server));
        let line = Arc::new(Line {
            client,
            over: AtomicBool::new(false),
        });
        self.get().push(Arc::clone(&line));
        let upwards = thread::spawn(move || copy(from_client, to_server));
        let (give, take) = channel();
        let downwards = {
            let line = Arc::clone(&line);
            thread::spawn(move || line.hand_out(&take, delay))
        };
        line.listen(server, |bytes| {
            let due = Instant::now() + delay;
            give.send((due, bytes)).is_ok()
        });
        let _ = downwards.join();
        // This makes the other thread's read end as well.
        let _ = line.client.shutdown(Shutdown::Both);
        let _ = upwards.join();
        self.get().retain(|other| !Arc::ptr_eq(other, &line));
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Whether filters can be attached: some systems only allow root to do so.
pub(super) fn is_exact() -> bool {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let client = TcpStream::connect(listener.local_addr().expect("the socket is bound"));
    let nothing = SockFilter::new(0x06, 0, 0, 0);
    let attached = SockRef::from(&client.expect("the server listens")).attach_filter(&[nothing]);
    attached.is_ok()
}

impl Line {
    fn deafen(&self) {
        let nothing = SockFilter::new(0x06, 0, 0, 0);
        let _ = SockRef::from(&self.client).attach_filter(&[nothing]);
    }

    /// Reads the server's data and passes it to `give`, then `None` at the end.
    fn listen(&self, mut server: TcpStream, give: impl Fn(Option<Vec<u8>>) -> bool) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = server.read(&mut buffer).unwrap_or_default();
            if count == 0 {
                self.over.store(true, Ordering::SeqCst);
                self.deafen();
            }
            let bytes = (count > 0).then(|| buffer[..count].to_vec());
            if !give(bytes) || count == 0 {
                return;
            }
        }
    }

    /// Writes each piece of data to the client when it is due.
    fn hand_out(&self, take: &Receiver<(Instant, Option<Vec<u8>>)>, delay: Duration) {
        while let Ok((due, bytes)) = take.recv() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let Some(bytes) = bytes else {
                let _ = self.client.shutdown(Shutdown::Write);
                thread::sleep(delay);
                let _ = SockRef::from(&self.client).set_linger(Some(Duration::ZERO));
                return;
            };
            if (&self.client).write_all(&bytes).is_err() {
                return;
            }
        }
    }
}
