//! WebSocket: a frame for each packet, over any stream.

mod frames;
mod handshake;
mod io;
mod reader;

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use async_tungstenite::tungstenite;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use async_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control};
use engineio_client::codec::{decode_binary, decode_text};
use engineio_client::{
    Activity, Batch, Error, ErrorKind, Framing, Limits, Link, OpenRequest, Packet, PacketReceiver,
    PacketSender, PeerClose, Runtime, Text, Transport, async_trait,
};

use self::frames::FrameWriter;
use self::io::Io;
use self::reader::{FrameReader, Incoming};
use super::built_in_settings::BuiltInSettings;
use super::shared::dial::{Dialer, Purpose};
use super::shared::own_error::own_error;

/// WebSocket (RFC 6455), without extensions.
///
/// ```
/// use engineio_client::Transport;
/// use engineio_client::transports::WebSocket;
///
/// let transport = WebSocket::default().read_buffer_size(32 * 1024);
/// assert_eq!(transport.name(), "websocket");
/// ```
#[derive(Clone, Debug)]
pub struct WebSocket {
    read_buffer_size: usize,
    write_buffer_size: usize,
    dialer: Dialer,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            read_buffer_size: 64 * 1024,
            write_buffer_size: 1024 * 1024,
            dialer: Dialer::default(),
        }
    }
}

impl WebSocket {
    /// The websocket in the default list of transports.
    pub(super) fn built_in(settings: &BuiltInSettings) -> Arc<dyn Transport> {
        Arc::new(Self::default().dialer(settings.dialer.clone()))
    }

    /// The most that is read in one go: 64 KiB by default. The buffer belongs to the thread, and serves
    /// each connection that it drives: an idle one holds no buffer at all.
    #[must_use]
    pub fn read_buffer_size(mut self, bytes: usize) -> Self {
        self.read_buffer_size = bytes.max(1024);
        self
    }

    /// The most bytes that are put into frames before they are written: 1 MiB by default. A thread
    /// keeps one buffer of up to this size (at most 1 MiB) for the connections that it drives; one
    /// whose server does not read has a buffer of its own.
    ///
    /// Each write wakes the server, so that longer messages than this take more time: those of 1 MB
    /// 1.5 times as much in pieces of 256 KiB.
    #[must_use]
    pub fn write_buffer_size(mut self, bytes: usize) -> Self {
        self.write_buffer_size = bytes.max(1024);
        self
    }

    /// How it connects.
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = dialer;
        self
    }
}

#[async_trait]
impl Transport for WebSocket {
    fn name(&self) -> &'static str {
        "websocket"
    }

    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let address = request.address.as_ref();
        let dialed = self
            .dialer
            .dial(runtime, &request.url, address, Purpose::Tunnel, None)
            .await?;
        let (stream, rest) = handshake::shake_hands(runtime, dialed.stream, &request).await?;
        let limits = request.limits;
        let mut frames = FrameReader::new(longest_frame(&limits));
        frames.feed(&rest);
        let state = State {
            io: Io::new(stream, self.read_buffer_size),
            frames,
            writer: FrameWriter::new(runtime.random(), self.write_buffer_size),
            control: Vec::new(),
            late_pong: None,
            reader: Waker::noop().clone(),
            sending: false,
            said_goodbye: false,
            closed: false,
            peer_close: None,
            closer: None,
        };
        let shared = Arc::new(Mutex::new(state));
        let sender = Sender {
            shared: Arc::clone(&shared),
            activity: request.activity.clone(),
        };
        let receiver = Receiver {
            shared,
            activity: request.activity,
            limits,
            error: None,
            hint: 0,
            seen: 0,
        };
        Ok(Link::new(sender, receiver, Framing::Frames))
    }
}

/// A text frame holds the packet's type, too; base64 in one is longer than what it says.
fn longest_frame(limits: &Limits) -> usize {
    limits
        .message
        .saturating_add(limits.message / 3)
        .saturating_add(8)
}

/// What both halves share. The lock is held for the length of a poll, and never across one.
struct State {
    io: Io,
    frames: FrameReader,
    writer: FrameWriter,
    /// Control frames of ours, which must not cut another one.
    control: Vec<u8>,
    /// The answer to the newest ping, when there was no room for it.
    late_pong: Option<Vec<u8>>,
    /// Whom to wake when something has come.
    reader: Waker,
    /// A send is under way, so that its task is the one to write.
    sending: bool,
    /// A close frame of ours is on its way.
    said_goodbye: bool,
    /// The server has said goodbye, or gone.
    closed: bool,
    /// What it said.
    peer_close: Option<PeerClose>,
    /// Who waits for that.
    closer: Option<Waker>,
}

/// The bytes of control frames that wait. A server that pings faster than it reads gets an answer to
/// its newest ping alone.
const MOST_CONTROL: usize = 1024;

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn end(&mut self) {
        self.closed = true;
        if let Some(waker) = self.closer.take() {
            waker.wake();
        }
    }

    fn pong(&mut self, data: &[u8]) {
        if self.said_goodbye {
            return;
        }
        if self.control.len() < MOST_CONTROL {
            self.writer.control(&mut self.control, Control::Pong, data);
        } else {
            self.late_pong = Some(data.to_vec());
        }
    }

    /// Says goodbye, once, with the server's own words in answer to its goodbye.
    fn goodbye(&mut self, close: Option<CloseFrame>) {
        if std::mem::replace(&mut self.said_goodbye, true) {
            return;
        }
        let payload = close.map_or_else(Vec::new, |close| {
            let code: u16 = close.code.into();
            [&code.to_be_bytes(), close.reason.as_bytes()].concat()
        });
        self.late_pong = None;
        self.writer
            .control(&mut self.control, Control::Close, &payload);
    }

    fn has_output(&self) -> bool {
        self.io.has_output() || !self.control.is_empty()
    }

    /// Lets control frames leave next.
    fn take_control(&mut self) {
        if self.control.is_empty() {
            return;
        }
        let output = self.io.output();
        output.append(&mut self.control);
        if let Some(data) = self.late_pong.take() {
            self.writer.control(output, Control::Pong, &data);
        }
    }

    /// Writes what there is, and then control frames, where they cut none of ours. They wait behind
    /// output that waits itself: so there are never more of them than fit their buffer.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        loop {
            ready!(self.io.poll_write_all(cx))?;
            if self.writer.is_within_a_frame() || self.control.is_empty() {
                self.io.give_buffer_back();
                return Poll::Ready(Ok(()));
            }
            self.take_control();
        }
    }

    /// The same without a send under way: the receiver is woken to go on with it. An error shows
    /// when something is read or sent.
    fn write_beside(&mut self) {
        let reader = self.reader.clone();
        let _ = self.poll_write(&mut Context::from_waker(&reader));
    }
}

struct Receiver {
    shared: Arc<Mutex<State>>,
    activity: Activity,
    limits: Limits,
    /// What came behind the packets returned last.
    error: Option<Error>,
    /// How many packets came last time.
    hint: usize,
    /// How many bytes had come at the last report.
    seen: u64,
}

/// A call returns at most so many packets, and so many bytes beyond the first.
const MOST_PACKETS: usize = 256;
const MOST_BYTES: usize = 64 * 1024;
/// So few are returned without another look at a socket that a read has emptied: some runtimes ask the
/// system for that. More come from a server that is busy, and has sent others meanwhile.
const FEW: usize = 8;
/// And reads, or looks at messages and control frames, no more often than this before others get a turn.
const MOST_LOOKS: usize = 1024;

#[async_trait]
impl PacketReceiver for Receiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn peer_close(&self) -> Option<PeerClose> {
        lock(&self.shared).peer_close.clone()
    }
}

impl Receiver {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Packet>, Error>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        let mut state = lock(&self.shared);
        state.reader.clone_from(cx.waker());
        let mut packets = Vec::new();
        let mut bytes = 0_usize;
        let mut waits = false;
        let mut emptied = false;
        for _ in 0..MOST_LOOKS {
            let State { io, frames, .. } = &mut *state;
            let decoded = match frames.next() {
                Ok(Some(Incoming::Text(text))) => {
                    bytes = bytes.saturating_add(text.len());
                    decode_text(Text::from(text), &self.limits)
                }
                Ok(Some(Incoming::Binary(data))) => {
                    bytes = bytes.saturating_add(data.len());
                    decode_binary(data, &self.limits)
                }
                Ok(Some(Incoming::Ping(data))) => {
                    state.pong(&data);
                    continue;
                }
                Ok(Some(Incoming::Pong)) => continue,
                Ok(Some(Incoming::Close(close))) => {
                    state.peer_close = Some(told(close.as_ref()));
                    state.goodbye(answer(close));
                    state.end();
                    packets.push(Packet::Close);
                    break;
                }
                Ok(None) if emptied && (1..FEW).contains(&packets.len()) => break,
                Ok(None) => match io.poll_read(cx, frames) {
                    Poll::Ready(Ok((1.., is_little))) => {
                        emptied = is_little;
                        continue;
                    }
                    Poll::Ready(Ok((0, _))) => {
                        state.end();
                        Err(Error::new(
                            ErrorKind::Ended,
                            "the server ended the connection without a close frame",
                        ))
                    }
                    Poll::Ready(Err(error)) => {
                        state.end();
                        Err(own_error(&error).unwrap_or_else(|| {
                            Error::new(ErrorKind::Ended, "the connection failed").with_source(error)
                        }))
                    }
                    Poll::Pending => {
                        waits = true;
                        break;
                    }
                },
                Err(error) => {
                    state.end();
                    Err(frame_error(error, &self.limits))
                }
            };
            match decoded {
                Ok(packet) => {
                    if packets.is_empty() {
                        packets.reserve(self.hint);
                    }
                    packets.push(packet);
                }
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
            let beyond_first = if packets.len() > 1 { bytes } else { 0 };
            if packets.len() >= MOST_PACKETS || beyond_first >= MOST_BYTES {
                break;
            }
        }
        // A pong or a close may have to be written. A send that is under way takes it along, if the session
        // lasts so long.
        if !state.sending && state.has_output() {
            state.write_beside();
        }
        let read = state.io.bytes_read();
        drop(state);
        if !packets.is_empty() {
            self.seen = read;
            // The batch grows to what it was last time at once, and slowly forgets.
            self.hint = packets
                .len()
                .max(self.hint.saturating_sub(self.hint / 8))
                .min(MOST_PACKETS);
            return Poll::Ready(Ok(packets));
        }
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        if read != self.seen {
            self.seen = read;
            self.activity.mark();
        }
        if !waits {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

struct Sender {
    shared: Arc<Mutex<State>>,
    activity: Activity,
}

#[async_trait]
impl PacketSender for Sender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        lock(&self.shared).writer.start(batch);
        poll_fn(|cx| self.poll_send(cx)).await
    }

    /// Sends a close frame, and waits until the server has answered it or gone, which the other
    /// half sees. A connection that is dropped before may take what was sent with it.
    async fn close(&mut self) -> Result<(), Error> {
        lock(&self.shared).goodbye(None);
        poll_fn(|cx| self.poll_send(cx)).await?;
        poll_fn(|cx| {
            let mut state = lock(&self.shared);
            if state.closed {
                return Poll::Ready(());
            }
            state.closer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        Ok(())
    }
}

impl Sender {
    /// Encodes and writes, piece by piece, until all has left.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut state = lock(&self.shared);
        state.sending = true;
        let sent = loop {
            if !state.writer.is_within_a_frame() && !state.io.is_writing() {
                state.take_control();
            }
            let State { io, writer, .. } = &mut *state;
            let more = writer.encode(io.output());
            let before = io.bytes_written();
            let written = io.poll_write_all(cx);
            if io.bytes_written() != before {
                self.activity.mark_sent();
            }
            match ready!(written) {
                Ok(()) if more => {}
                Ok(()) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        state.sending = false;
        state.writer.finish();
        // A pong may have been held back by the last frame.
        state.write_beside();
        Poll::Ready(sent.map_err(|error| {
            own_error(&error).unwrap_or_else(|| {
                let message = "the connection failed while sending";
                Error::new(ErrorKind::Ended, message).with_source(error)
            })
        }))
    }
}

/// The server's goodbye for the user. 1005 stands for a frame without a code (RFC 6455, 7.1.5).
fn told(close: Option<&CloseFrame>) -> PeerClose {
    match close {
        Some(close) => PeerClose::new(close.code.into(), close.reason.as_str()),
        None => PeerClose::new(1005, ""),
    }
}

/// The server's goodbye as ours, where it may be repeated.
fn answer(close: Option<CloseFrame>) -> Option<CloseFrame> {
    let close = close?;
    // As a text, whose line breaks are escaped.
    let reason = close.reason.as_str();
    tracing::debug!(code = u16::from(close.code), reason, "close frame");
    Some(if close.code.is_allowed() {
        close
    } else {
        CloseFrame {
            code: CloseCode::Protocol,
            reason: Utf8Bytes::default(),
        }
    })
}

fn frame_error(error: tungstenite::Error, limits: &Limits) -> Error {
    match error {
        tungstenite::Error::Capacity(_) => Error::new(
            ErrorKind::Limit,
            format!(
                "a message of more than {} bytes (limit max_message_size)",
                limits.message
            ),
        ),
        tungstenite::Error::Utf8(_) => {
            Error::new(ErrorKind::Protocol, "a text frame that is not UTF-8")
        }
        error => Error::new(
            ErrorKind::WebSocket,
            "the server broke the WebSocket protocol",
        )
        .with_source(error),
    }
}
