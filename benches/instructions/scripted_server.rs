//! A server that answers requests with prebuilt bytes, without parsing them, and a deterministic runtime
//! whose connections all lead to this server.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Runtime, async_trait};
use futures::executor::LocalSpawner;
use futures::future::{BoxFuture, FutureExt as _, pending};
use futures::io::{AsyncRead, AsyncWrite};
use futures::task::LocalSpawnExt as _;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Job {
    /// The server sends.
    Receive,
    /// The client sends.
    Send,
    /// The client sends, and the server answers each message.
    Echo,
}

thread_local! {
    /// The spawner is not a field of the runtime, because a runtime has to be `Send` and the spawner
    /// is not.
    static SPAWNER: RefCell<Option<LocalSpawner>> = const { RefCell::new(None) };
}

/// A runtime without clock, timers and sockets. Its tasks run in the order in which they were woken.
pub(crate) struct ScriptedRuntime {
    server: Arc<Mutex<ScriptedServer>>,
    numbers: AtomicU64,
}

impl ScriptedRuntime {
    pub(crate) fn new(spawner: LocalSpawner, server: ScriptedServer) -> Self {
        SPAWNER.set(Some(spawner));
        Self {
            server: Arc::new(Mutex::new(server)),
            numbers: AtomicU64::new(1),
        }
    }
}

#[async_trait]
impl Runtime for ScriptedRuntime {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        pending().boxed()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        SPAWNER.with_borrow(|spawner| {
            let spawner = spawner.as_ref().expect("`new` sets it");
            spawner
                .spawn_local(task)
                .expect("the pool outlives the runtime");
        });
    }

    fn random(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn connect(&self, _: &Address) -> io::Result<BoxedStream> {
        Ok(Box::new(Stream::new(Arc::clone(&self.server))))
    }
}

/// The server's side of a session.
pub(crate) struct ScriptedServer {
    job: Job,
    /// Number of messages that the server has still to send.
    left: usize,
    /// Number of messages in one body.
    batch: usize,
    /// The frames that the server sends at once: `batch` frames, or one frame for an echo.
    frames: Arc<[u8]>,
    /// The response to a poll.
    payload: Arc<[u8]>,
    /// The response to a POST.
    post_response: Arc<[u8]>,
    /// The first poll has been answered.
    open: bool,
    /// A poll that has not been answered yet.
    poll: Option<Arc<Mutex<Incoming>>>,
    /// Number of echoes that wait for a poll.
    owed: usize,
}

const OPEN: &str =
    r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

impl ScriptedServer {
    pub(crate) fn new(job: Job, count: usize, text: &str, batch: usize) -> Self {
        let packet = format!("4{text}");
        let at_once = if job == Job::Echo { 1 } else { batch };
        let payload = vec![packet.as_str(); at_once].join("\x1e");
        Self {
            job,
            left: if job == Job::Receive { count } else { 0 },
            batch,
            frames: frame(&packet).repeat(at_once).into(),
            payload: response(&payload).into(),
            post_response: response("ok").into(),
            open: false,
            poll: None,
            owed: 0,
        }
    }

    /// A poll has arrived on this stream.
    fn handle_poll(&mut self, incoming: &Arc<Mutex<Incoming>>) {
        if !self.open {
            self.open = true;
            lock(incoming).push(response(OPEN).into(), 1);
        } else if self.left > 0 {
            self.left -= self.batch;
            lock(incoming).push(Arc::clone(&self.payload), 1);
        } else if self.owed > 0 {
            self.owed -= 1;
            lock(incoming).push(Arc::clone(&self.payload), 1);
        } else {
            self.poll = Some(Arc::clone(incoming));
        }
    }

    /// A POST has arrived on this stream.
    fn handle_post(&mut self, incoming: &Arc<Mutex<Incoming>>) {
        lock(incoming).push(Arc::clone(&self.post_response), 1);
        if self.job == Job::Echo {
            match self.poll.take() {
                Some(poll) => lock(&poll).push(Arc::clone(&self.payload), 1),
                None => self.owed += 1,
            }
        }
    }

    /// A WebSocket handshake has arrived on this stream.
    fn handle_websocket(&mut self, head: &[u8], incoming: &Arc<Mutex<Incoming>>) {
        let head = std::str::from_utf8(head).expect("the request head is UTF-8");
        let key = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let wanted = name.eq_ignore_ascii_case("sec-websocket-key");
            wanted.then(|| value.trim())
        });
        let accept =
            derive_accept_key(key.expect("the request has a Sec-WebSocket-Key").as_bytes());
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        answer.extend(frame(OPEN));
        let mut incoming = lock(incoming);
        incoming.push(answer.into(), 1);
        if self.left > 0 {
            incoming.push(Arc::clone(&self.frames), self.left / self.batch);
        }
    }
}

fn response(body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: {length}\r\n\r\n"
    );
    (head + body).into_bytes()
}

/// An unmasked text frame.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(length) if length < 126 => frame.push(length),
        Ok(length) => frame.extend([126, 0, length]),
        Err(_) => panic!("the server only sends short frames"),
    }
    frame.extend(text.as_bytes());
    frame
}

/// Bytes that the client will read.
#[derive(Default)]
struct Incoming {
    pieces: VecDeque<Piece>,
    reader: Option<Waker>,
}

/// Bytes that are read `times` times.
struct Piece {
    bytes: Arc<[u8]>,
    at: usize,
    times: usize,
}

impl Incoming {
    fn push(&mut self, bytes: Arc<[u8]>, times: usize) {
        self.pieces.push_back(Piece {
            bytes,
            at: 0,
            times,
        });
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Copies as many bytes as the buffer has room for.
    fn read(&mut self, mut buffer: &mut [u8]) -> usize {
        let room = buffer.len();
        while let Some(piece) = self.pieces.front_mut() {
            let rest = &piece.bytes[piece.at..];
            let count = rest.len().min(buffer.len());
            if count == 0 {
                break;
            }
            let (now, later) = buffer.split_at_mut(count);
            now.copy_from_slice(&rest[..count]);
            buffer = later;
            piece.at += count;
            if piece.at == piece.bytes.len() {
                piece.at = 0;
                piece.times -= 1;
                if piece.times == 0 {
                    self.pieces.pop_front();
                }
            }
        }
        room - buffer.len()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared
        .lock()
        .expect("no thread panics while it holds the lock")
}

/// The client's end of a connection. A flush marks the end of a request, or of a frame.
struct Stream {
    server: Arc<Mutex<ScriptedServer>>,
    incoming: Arc<Mutex<Incoming>>,
    protocol: Protocol,
    /// Whether bytes were written since the last flush.
    written: bool,
}

enum Protocol {
    /// Nothing was flushed yet. Holds the bytes written so far.
    Unknown(Vec<u8>),
    /// HTTP, with the first byte of the request that is being written.
    Http(Option<u8>),
    WebSocket,
}

impl Stream {
    fn new(server: Arc<Mutex<ScriptedServer>>) -> Self {
        Self {
            server,
            incoming: Arc::default(),
            protocol: Protocol::Unknown(Vec::new()),
            written: false,
        }
    }

    fn request(&self, method: Option<u8>) {
        let mut server = lock(&self.server);
        match method {
            Some(b'G') => server.handle_poll(&self.incoming),
            Some(b'P') => server.handle_post(&self.incoming),
            other => panic!("unexpected first byte of a request: {other:?}"),
        }
    }

    /// Answers a ping at the end of the written bytes. The client's pings follow a batch and have 16
    /// bytes of data.
    fn answer_ping(&self, bytes: &[u8]) {
        let Some([0x89, 0x90, mask @ ..]) = bytes.last_chunk::<22>() else {
            return;
        };
        let (mask, data) = mask.split_at(4);
        let mut pong = vec![0x8a, 16];
        pong.extend(
            data.iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        lock(&self.incoming).push(pong.into(), 1);
    }

    fn flushed(&mut self) {
        match &mut self.protocol {
            Protocol::Unknown(head) => {
                let head = std::mem::take(head);
                if head.windows(19).any(|part| part == b"transport=websocket") {
                    self.protocol = Protocol::WebSocket;
                    lock(&self.server).handle_websocket(&head, &self.incoming);
                } else {
                    self.protocol = Protocol::Http(None);
                    self.request(head.first().copied());
                }
            }
            Protocol::Http(method) => {
                let method = method.take();
                self.request(method);
            }
            Protocol::WebSocket => {
                let server = lock(&self.server);
                if server.job == Job::Echo {
                    lock(&self.incoming).push(Arc::clone(&server.frames), 1);
                }
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut incoming = lock(&self.incoming);
        match incoming.read(buffer) {
            0 => {
                incoming.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            count => Poll::Ready(Ok(count)),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.protocol {
            Protocol::Unknown(head) => head.extend_from_slice(bytes),
            Protocol::Http(first @ None) => *first = bytes.first().copied(),
            Protocol::Http(_) => {}
            Protocol::WebSocket => self.answer_ping(bytes),
        }
        self.written = true;
        Poll::Ready(Ok(bytes.len()))
    }

    /// Takes all buffers at once, like a socket.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut count = 0;
        for buffer in buffers {
            count += ready!(self.as_mut().poll_write(cx, buffer))?;
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.written) {
            self.flushed();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
