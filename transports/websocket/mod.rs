//! WebSocket: a frame for each packet, over any stream.

mod frames;
mod handshake;
mod io;

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use async_tungstenite::tungstenite::{self, Message as Frame};
use engineio_client::codec::{decode_binary, decode_text};
use engineio_client::{
    Activity, Batch, Error, ErrorKind, Framing, Limits, Link, OpenRequest, Packet, PacketReceiver,
    PacketSender, Runtime, Text, Transport, async_trait,
};

use self::frames::FrameWriter;
use self::io::Io;
use super::dial::{Dialer, Purpose, own_words};

/// WebSocket, by the library tungstenite.
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
            read_buffer_size: 16 * 1024,
            write_buffer_size: 1024 * 1024,
            dialer: Dialer::default(),
        }
    }
}

impl WebSocket {
    /// The bytes of the read buffer, which is allocated at once for each connection, and the most
    /// that is read in one go. 16 KiB by default; 32 are some 4 % faster with messages of 1 MB.
    #[must_use]
    pub fn read_buffer_size(mut self, bytes: usize) -> Self {
        self.read_buffer_size = bytes.max(1024);
        self
    }

    /// The most bytes that are put into frames before they are written, and that a connection needs
    /// for writing: 1 MiB by default, allocated as it is needed, and let go after a batch of more than
    /// 256 KiB.
    ///
    /// A message of 1 MB takes 1.1 times as long as with the bare library in one piece of this size,
    /// 1.2 times in pieces of 512 KiB, and 1.5 times in pieces of 128 KiB.
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
        let config = WebSocketConfig::default()
            .read_buffer_size(self.read_buffer_size)
            // What the library writes are control frames, and they go to a buffer of ours at once.
            .write_buffer_size(0)
            .max_write_buffer_size(1024)
            .max_message_size(Some(longest_frame(&limits)))
            // A ping or a close may be longer than what a small limit leaves to messages.
            .max_frame_size(Some(longest_frame(&limits).max(LONGEST_CONTROL)));
        // Not `from_partially_read`: its buffer forgets its size, and reads frame by frame, as soon as
        // messages are alive (a read buffer of 16 KiB, tungstenite 0.30: 980 ns a message, not 100).
        let io = Io::new(stream, rest);
        let socket = tungstenite::WebSocket::from_raw_socket(io, Role::Client, Some(config));
        let state = State {
            socket,
            writer: FrameWriter::new(runtime.random(), self.write_buffer_size),
            sending: false,
            closed: false,
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

/// By RFC 6455, 5.5.
const LONGEST_CONTROL: usize = 125;

/// A text frame holds the packet's type, too; base64 in one is longer than what it says.
fn longest_frame(limits: &Limits) -> usize {
    limits
        .message
        .saturating_add(limits.message / 3)
        .saturating_add(8)
}

/// What both halves share. The lock is held for the length of a poll, and never across one.
struct State {
    socket: tungstenite::WebSocket<Io>,
    writer: FrameWriter,
    /// A send is under way, so that its task is the one to write.
    sending: bool,
    /// The server has said goodbye, or gone.
    closed: bool,
    /// Who waits for that.
    closer: Option<Waker>,
}

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

    /// Lets the library's control frames leave next. Those that had no room come, too.
    fn take_control(&mut self) {
        let _ = self.socket.flush();
        self.socket.get_mut().release_control();
    }

    /// Writes what there is, and then control frames, where they cut none of ours. They wait behind
    /// output that waits itself: so there are never more of them than fit their buffers.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        loop {
            ready!(self.socket.get_mut().poll_write_all(cx))?;
            if self.writer.is_within_a_frame() {
                return Poll::Ready(Ok(()));
            }
            self.take_control();
            if !self.socket.get_ref().has_output() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// The same without a send under way: the receiver is woken to go on with it. An error shows
    /// when something is read or sent.
    fn write_beside(&mut self) {
        let reader = self.socket.get_ref().reader();
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
/// And looks at no more frames than this, whatever they are, before others get a turn.
const MOST_FRAMES: usize = 1024;

#[async_trait]
impl PacketReceiver for Receiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }
}

impl Receiver {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Packet>, Error>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        let mut state = lock(&self.shared);
        state.socket.get_mut().read_with(cx.waker());
        let mut packets = Vec::new();
        let mut bytes = 0_usize;
        let mut waits = false;
        for _ in 0..MOST_FRAMES {
            let decoded = match state.socket.read() {
                Ok(Frame::Text(text)) => {
                    bytes = bytes.saturating_add(text.len());
                    decode_text(Text::from(text), &self.limits)
                }
                Ok(Frame::Binary(data)) => {
                    bytes = bytes.saturating_add(data.len());
                    decode_binary(data, &self.limits)
                }
                Ok(Frame::Close(frame)) => {
                    if let Some(frame) = frame {
                        // As a text, whose line breaks are escaped.
                        let reason = frame.reason.as_str();
                        tracing::debug!(code = u16::from(frame.code), reason, "close frame");
                    }
                    // The answer to it is written as far as it goes at once.
                    let _ = state.socket.flush();
                    state.end();
                    packets.push(Packet::Close);
                    break;
                }
                Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_)) => continue,
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock =>
                {
                    waits = true;
                    break;
                }
                Err(error) => {
                    state.end();
                    Err(socket_error(error, &self.limits))
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
        // A pong or a close may have to be written. A send that is under way takes it along.
        if !state.sending && state.socket.get_ref().has_output() {
            state.write_beside();
        }
        let read = state.socket.get_ref().bytes_read();
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
        // Pongs that wait would leave it no room.
        poll_fn(|cx| self.poll_send(cx)).await?;
        if let Err(error) = lock(&self.shared).socket.close(None)
            && !matches!(&error, tungstenite::Error::Io(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        {
            return Err(socket_error(error, &Limits::default()));
        }
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
            if !state.writer.is_within_a_frame() && !state.socket.get_ref().is_writing() {
                state.take_control();
            }
            let State { socket, writer, .. } = &mut *state;
            let io = socket.get_mut();
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
        state.socket.get_mut().shrink();
        Poll::Ready(sent.map_err(|error| {
            own_words(&error).unwrap_or_else(|| {
                let message = "the connection failed while sending";
                Error::new(ErrorKind::Ended, message).with_source(error)
            })
        }))
    }
}

fn socket_error(error: tungstenite::Error, limits: &Limits) -> Error {
    use tungstenite::error::{CapacityError, ProtocolError};
    match error {
        tungstenite::Error::Io(error) => own_words(&error).unwrap_or_else(|| {
            Error::new(ErrorKind::Ended, "the connection failed").with_source(error)
        }),
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => Error::new(
            ErrorKind::Limit,
            format!(
                "a message of more than {} bytes (limit max_message_size)",
                limits.message
            ),
        ),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        | tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed => Error::new(
            ErrorKind::Ended,
            "the server ended the connection without a close frame",
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
