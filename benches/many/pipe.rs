//! Connections in memory: a runtime whose `connect` returns one end of a pipe, and a scripted server at
//! the other end. It speaks just enough of the protocol for idle sessions, so that its share of memory
//! and CPU time is small. `sessions` measures that share without the client.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Runtime, Tokio, async_trait};
use futures::future::BoxFuture;
use futures::io::{AsyncRead, AsyncWrite};

/// Tokio, except that connections are pipes to [`SERVER`].
#[derive(Clone, Default)]
pub(crate) struct Pipes(Tokio);

#[async_trait]
impl Runtime for Pipes {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.0.resolve(host, port).await
    }

    async fn connect(&self, _address: &Address) -> io::Result<BoxedStream> {
        Ok(Box::new(SERVER.connect(self.now())))
    }
}

/// The server of this process.
pub(crate) static SERVER: LazyLock<Server> = LazyLock::new(Server::default);

#[derive(Default)]
pub(crate) struct Server {
    interval: AtomicU64,
    /// The next pings, in order: all sessions have the same interval.
    pings: Mutex<VecDeque<(Duration, Arc<Mutex<Pipe>>)>>,
    faults: AtomicU64,
}

impl Server {
    /// Sets the ping interval of all sessions, before the first one is opened.
    pub(crate) fn set_interval(&self, interval: Duration) {
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.interval.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn connect(&self, now: Duration) -> End {
        let pipe = Arc::new(Mutex::new(Pipe::default()));
        let due = now + Duration::from_millis(self.interval.load(Ordering::Relaxed));
        lock(&self.pings).push_back((due, Arc::clone(&pipe)));
        End(pipe)
    }

    /// Sends the pings that are due. `pinged` is called with the client's end of each session.
    pub(crate) fn tick(&self, now: Duration, mut pinged: impl FnMut(End)) {
        let interval = Duration::from_millis(self.interval.load(Ordering::Relaxed));
        loop {
            let mut pings = lock(&self.pings);
            let Some((due, pipe)) = pings.pop_front() else {
                return;
            };
            if due > now {
                pings.push_front((due, pipe));
                return;
            }
            pings.push_back((due + interval, Arc::clone(&pipe)));
            drop(pings);
            let mut state = lock(&pipe);
            if std::mem::replace(&mut state.owes_pong, true) {
                self.faults.fetch_add(1, Ordering::Relaxed);
            }
            let reader = state.send(TEXT, b"2");
            drop(state);
            wake(reader);
            pinged(End(pipe));
        }
    }

    /// Number of pings without a pong, and of bytes that the server does not understand.
    pub(crate) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Answers the bytes of one write, which contain whole frames.
    fn answer(&self, pipe: &mut Pipe, bytes: &[u8]) -> Option<Waker> {
        if bytes.starts_with(b"GET ") {
            return pipe.open(bytes, self.interval.load(Ordering::Relaxed));
        }
        let mut reader = None;
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((opcode, payload, behind)) = frame(rest) else {
                self.faults.fetch_add(1, Ordering::Relaxed);
                return reader;
            };
            rest = behind;
            let woken = match (opcode, payload.first()) {
                (TEXT, Some(b'3')) => {
                    pipe.owes_pong = false;
                    None
                }
                (TEXT, _) => pipe.send(TEXT, &payload),
                (PING, _) => pipe.send(PONG, &payload),
                _ => {
                    self.faults.fetch_add(1, Ordering::Relaxed);
                    None
                }
            };
            reader = reader.or(woken);
        }
        reader
    }
}

/// A session of the server.
#[derive(Default)]
struct Pipe {
    /// Bytes that the client has not read.
    unread: Vec<u8>,
    reader: Option<Waker>,
    owes_pong: bool,
}

const TEXT: u8 = 1;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Pipe {
    /// Answers the handshake, and sends the open packet.
    fn open(&mut self, request: &[u8], interval: u64) -> Option<Waker> {
        const NAME: &[u8] = b"Sec-WebSocket-Key: ";
        let start = memchr::memmem::find(request, NAME)? + NAME.len();
        let key = request.get(start..start + 24)?;
        let accept = derive_accept_key(key);
        self.unread = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        let open = format!(
            r#"0{{"sid":"pipe00000000","upgrades":[],"pingInterval":{interval},"pingTimeout":20000,"maxPayload":1000000}}"#
        );
        self.send(TEXT, open.as_bytes())
    }

    /// Sends a frame of up to 125 bytes.
    fn send(&mut self, opcode: u8, payload: &[u8]) -> Option<Waker> {
        let length = u8::try_from(payload.len()).unwrap_or_default();
        self.unread.extend_from_slice(&[0x80 | opcode, length]);
        self.unread.extend_from_slice(payload);
        self.reader.take()
    }
}

/// The opcode and payload of the first frame, which is masked and has a short length, and the bytes
/// behind it.
fn frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, &[u8])> {
    let (&[first, second, a, b, c, d], rest) = bytes.split_first_chunk()?;
    let (masked, behind) = rest.split_at_checked(usize::from(second & 0x7f))?;
    let mask = [a, b, c, d].into_iter().cycle();
    let payload = masked.iter().zip(mask).map(|(byte, mask)| byte ^ mask);
    Some((first & 0x0f, payload.collect(), behind))
}

/// The client's end of a pipe.
pub(crate) struct End(Arc<Mutex<Pipe>>);

impl End {
    /// Takes all bytes that the server has sent.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.0).unread)
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        let reader = SERVER.answer(&mut lock(&self.0), bytes);
        wake(reader);
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.0);
        if pipe.unread.is_empty() {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = buffer.len().min(pipe.unread.len());
        buffer[..count].copy_from_slice(&pipe.unread[..count]);
        pipe.unread.drain(..count);
        if pipe.unread.is_empty() {
            pipe.unread = Vec::new();
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}
