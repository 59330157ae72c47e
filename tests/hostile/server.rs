//! A server on a real socket that writes raw bytes, because a server library would not let it misbehave.
//! Its script runs on a thread of its own. Every wait of the script has a deadline, and the end of the
//! test stops the script.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures::channel::mpsc;
use socket2::SockRef;

use crate::wire::accepting;
pub(crate) use crate::wire::{
    BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, fragment, frame, frame_head, response,
};

/// How long a script waits for its client. This is long, so that no test fails on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a script asks the user of the client to do.
#[derive(Debug)]
pub(crate) enum Cue {
    Send(&'static str),
    SendLarge(usize),
    /// Wait until the session is open.
    Open,
    /// Wait until every accepted message has been sent.
    Flush,
    Close,
}

/// A script of the server. The test fails if the script waits for the client in vain: if a read or a
/// write times out, or if the client ends the connection while the script expects more bytes. A write to
/// a connection that the client has closed is no failure.
pub(crate) type Script = Box<dyn FnOnce(&mut Server) -> io::Result<()> + Send>;

/// The script's half of a server.
pub(crate) struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
    cues: mpsc::Sender<Cue>,
    done: Receiver<()>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    streams: Mutex<Vec<Weak<TcpStream>>>,
    held: Mutex<Vec<Peer>>,
}

/// The test's half of a server. Dropping it ends every connection and the script.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    ended: Receiver<io::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The cues that the script gives to the user of the client.
pub(crate) struct Cues {
    pub(crate) cues: mpsc::Receiver<Cue>,
    /// Acknowledges each cue.
    pub(crate) done: SyncSender<()>,
}

pub(crate) fn run(script: Script) -> (Running, Cues) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let shared = Arc::new(Shared::default());
    let (cues, cued) = mpsc::channel(1);
    let (tell_done, done) = sync_channel(1);
    let mut server = Server {
        listener,
        shared: Arc::clone(&shared),
        cues,
        done,
    };
    let (end, ended) = sync_channel(1);
    let thread = thread::spawn(move || {
        let result = script(&mut server);
        let _ = end.send(result);
    });
    let running = Running {
        address,
        shared,
        ended,
        thread: Some(thread),
    };
    let cues = Cues {
        cues: cued,
        done: tell_done,
    };
    (running, cues)
}

impl Running {
    /// Waits for the end of the script. Fails the test if the script waited in vain or panicked.
    pub(crate) fn finish(mut self) {
        check(self.wait(PATIENCE));
    }

    /// Waits for the end of the script. Connections that the script holds with [`Server::hold`] stay
    /// open.
    pub(crate) fn wait(&mut self, patience: Duration) -> io::Result<()> {
        match self.ended.recv_timeout(patience) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => panic!("the script did not end"),
            Err(RecvTimeoutError::Disconnected) => {
                let thread = self.thread.take().expect("it is joined once");
                let panic = thread.join().expect_err("it ended without a result");
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Ends the script, whatever it is waiting for.
    fn stop(&self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // The script may be waiting for a connection.
        drop(TcpStream::connect(self.address));
        for stream in lock(&self.shared.streams).iter() {
            if let Some(stream) = stream.upgrade() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

/// Fails the test if the script waited for the client in vain. A write that failed because the client
/// has closed the connection is no failure.
pub(crate) fn check(result: io::Result<()>) {
    if let Err(error) = result {
        let waited = matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::UnexpectedEof
        );
        assert!(!waited, "the script waited for the client in vain: {error}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    pub(crate) fn accept(&mut self) -> io::Result<Peer> {
        self.accept_with(|_| {})
    }

    /// Accepts a connection, and lets `edit` configure its socket.
    pub(crate) fn accept_with(&mut self, edit: impl FnOnce(SockRef<'_>)) -> io::Result<Peer> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        edit(SockRef::from(&stream));
        let stream = Arc::new(stream);
        lock(&self.shared.streams).push(Arc::downgrade(&stream));
        if self.shared.over.load(Ordering::SeqCst) {
            return Err(io::Error::other("the test has ended"));
        }
        Ok(Peer {
            stream,
            unread: Vec::new(),
        })
    }

    /// Asks the user of the client to do something, and waits until it is done or the session has ended.
    pub(crate) fn cue(&mut self, cue: Cue) {
        if self.cues.try_send(cue).is_ok() {
            let _ = self.done.recv_timeout(PATIENCE);
        }
    }

    /// Keeps a connection open until the test ends.
    pub(crate) fn hold(&mut self, peer: Peer) {
        lock(&self.shared.held).push(peer);
    }

    /// Accepts a connection and answers its first poll with this payload, which begins with the open
    /// packet.
    pub(crate) fn open_polling(&mut self, first: impl AsRef<[u8]>) -> io::Result<Peer> {
        let mut peer = self.accept()?;
        peer.answer(first)?;
        Ok(peer)
    }

    /// Accepts a WebSocket connection, and sends this open packet.
    pub(crate) fn open_websocket(&mut self, open: impl AsRef<[u8]>) -> io::Result<Peer> {
        let mut peer = self.accept()?;
        peer.accept_websocket()?;
        peer.write(frame(TEXT, open))?;
        Ok(peer)
    }

    /// Accepts a connection of this transport, and opens the session.
    pub(crate) fn open(&mut self, transport: &str, open: &str) -> io::Result<Peer> {
        match transport {
            "polling" => self.open_polling(open),
            _ => self.open_websocket(open),
        }
    }
}

/// An open packet that offers an upgrade. Its ping times are too long for any test to reach.
pub(crate) const OPEN: &str = r#"0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// An open packet whose session is dead after 600 ms of silence.
pub(crate) const SHORT: &str = r#"0{"sid":"s","upgrades":["websocket"],"pingInterval":300,"pingTimeout":300,"maxPayload":1000000}"#;

/// The server's end of a connection. Dropping it ends both directions.
pub(crate) struct Peer {
    stream: Arc<TcpStream>,
    unread: Vec<u8>,
}

/// A received request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

/// The head with which a server accepts a WebSocket request.
pub(crate) fn switching(request: &Request) -> String {
    accepting(request.header("sec-websocket-key").expect("a key"))
}

impl Peer {
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        (&*self.stream).write_all(bytes.as_ref())
    }

    /// Writes these bytes again and again, until the client has closed the connection.
    pub(crate) fn write_for_ever(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        loop {
            self.write(bytes.as_ref())?;
        }
    }

    /// Writes these bytes again and again, until the client has read nothing for `patience`.
    pub(crate) fn write_until_stalled(
        &mut self,
        bytes: impl AsRef<[u8]>,
        patience: Duration,
    ) -> io::Result<()> {
        self.stream.set_write_timeout(Some(patience))?;
        match self.write_for_ever(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }

    /// Answers each request with these bytes, until no request has arrived for `patience`.
    pub(crate) fn answer_until_stalled(
        &mut self,
        bytes: impl AsRef<[u8]>,
        patience: Duration,
    ) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience))?;
        loop {
            match self.answer_with(&bytes) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes one byte at a time, each as a segment of its own.
    pub(crate) fn trickle(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.trickle_every(bytes, Duration::from_micros(200))
    }

    /// Writes one byte at a time, with this pause after each byte.
    pub(crate) fn trickle_every(
        &mut self,
        bytes: impl AsRef<[u8]>,
        pause: Duration,
    ) -> io::Result<()> {
        for byte in bytes.as_ref() {
            self.write([*byte])?;
            thread::sleep(pause);
        }
        Ok(())
    }

    /// Shuts down the write half, so that the client reads the end of the stream.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) -> io::Result<()> {
        SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO))
    }

    /// Reads and discards, until the client has closed the connection.
    pub(crate) fn until_gone(&mut self) -> io::Result<()> {
        let mut piece = [0; 4096];
        loop {
            match (&*self.stream).read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // A client that closes with unread bytes resets the connection.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes `alive` again and again without reading, until the client has closed the connection.
    ///
    /// The client's bytes stay in the buffers. A read would return those bytes before it shows the end
    /// of the connection. Writes fail soon after the end.
    pub(crate) fn until_gone_unread(&mut self, alive: impl AsRef<[u8]>) -> io::Result<()> {
        loop {
            self.write(alive.as_ref())?;
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut piece = [0; 4096];
        let count = (&*self.stream).read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend_from_slice(&piece[..count]);
        Ok(())
    }

    fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            self.fill()?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Reads a request, with its body.
    pub(crate) fn request(&mut self) -> io::Result<Request> {
        let mut request = self.request_head()?;
        if let Some(length) = request.header("content-length") {
            let length = length.parse().expect("a length");
            request.body = self.read_exact(length)?;
        }
        Ok(request)
    }

    /// Reads the head of a request.
    pub(crate) fn request_head(&mut self) -> io::Result<Request> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let head = String::from_utf8(head).expect("a head of text");
        let mut words = head.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, target) = (word(), word());
        Ok(Request {
            method,
            target,
            head,
            body: Vec::new(),
        })
    }

    /// Reads a request, and answers with status 200 and this body.
    pub(crate) fn answer(&mut self, body: impl AsRef<[u8]>) -> io::Result<Request> {
        self.answer_with(response(body))
    }

    /// Reads a request, and answers with these bytes.
    pub(crate) fn answer_with(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<Request> {
        let request = self.request()?;
        self.write(bytes)?;
        Ok(request)
    }

    /// Reads a WebSocket request, and accepts it.
    pub(crate) fn accept_websocket(&mut self) -> io::Result<Request> {
        let request = self.request()?;
        assert_eq!(
            request.header("upgrade"),
            Some("websocket"),
            "{}",
            request.head
        );
        self.write(switching(&request))?;
        Ok(request)
    }

    /// Reads a frame of the client. Returns its first byte and its unmasked payload.
    pub(crate) fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let head = self.read_exact(2)?;
        let count = match head[1] & 0x7f {
            126 => {
                let length = self.read_exact(2)?;
                u64::from(u16::from_be_bytes([length[0], length[1]]))
            }
            127 => {
                let length = self.read_exact(8)?;
                u64::from_be_bytes(length.try_into().expect("eight bytes"))
            }
            short => u64::from(short),
        };
        assert_eq!(head[1] & 0x80, 0x80, "a client masks its frames");
        let mask = self.read_exact(4)?;
        let mut payload = self.read_exact(count.try_into().expect("a length"))?;
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        Ok((head[0], payload))
    }

    /// Reads the first two bytes of a frame, and leaves the rest unread.
    pub(crate) fn frame_head(&mut self) -> io::Result<()> {
        self.read_exact(2).map(drop)
    }

    /// Reads a text frame, and checks its payload.
    pub(crate) fn expect_text(&mut self, text: &str) -> io::Result<()> {
        let (first, payload) = self.frame()?;
        let said = String::from_utf8_lossy(&payload);
        assert_eq!((first, &*said), (FIN | TEXT, text));
        Ok(())
    }
}
