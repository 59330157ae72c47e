//! The WebSocket transport: one frame for each packet, over any stream.

mod asides;
#[cfg(feature = "compression")]
mod deflate;
#[cfg(not(feature = "compression"))]
#[path = "no_deflate.rs"]
mod deflate;
mod fault;
mod fragments;
mod frames;
mod handshake;
mod io;
mod output;
mod reader;
mod refusal;
mod response;
mod state;

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use engineio_client::codec::{decode_binary, decode_text_frame};
use engineio_client::{
    Activity, Batch, Confirms, Error, ErrorKind, Fence, Framing, Limits, Link, OpenRequest, Packet,
    PacketReceiver, PacketSender, PeerClose, Runtime, Transport, async_trait,
};

use self::deflate::Deflate;
use self::fault::Fault;
use self::frames::{Encoded, FrameWriter};
use self::io::Io;
use self::reader::{FrameReader, Incoming};
use self::state::{State, lock};
use super::built_in_settings::BuiltInSettings;
use super::shared::dial::{Dialer, Purpose};
use super::shared::own_error::own_error;

/// WebSocket (RFC 6455), with compression (RFC 7692) if it is asked for.
///
/// Limits and time-outs of a session come from the client's builder.
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
    deflate: Option<Deflate>,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            read_buffer_size: 64 * 1024,
            write_buffer_size: 1024 * 1024,
            dialer: Dialer::default(),
            deflate: None,
        }
    }
}

impl WebSocket {
    pub(super) fn built_in(settings: &BuiltInSettings) -> Arc<dyn Transport> {
        let transport = Self::default().dialer(settings.dialer.clone());
        Arc::new(transport.compressed_by(settings))
    }

    #[cfg(feature = "compression")]
    fn compressed_by(mut self, settings: &BuiltInSettings) -> Self {
        self.deflate.clone_from(&settings.deflate);
        self
    }

    #[cfg(not(feature = "compression"))]
    fn compressed_by(self, _: &BuiltInSettings) -> Self {
        self
    }

    /// Sets the maximum number of bytes of one read. Default: 64 KiB (65,536 bytes). Values below 1
    /// KiB count as 1 KiB.
    ///
    /// Each thread has one read buffer for all connections that it drives, as large as the largest of
    /// their settings. An idle connection holds no buffer. The setting does not limit the size of
    /// messages: a message that is longer than the buffer takes several reads.
    ///
    /// ```
    /// use engineio_client::transports::{Transports, WebSocket};
    ///
    /// let transports = Transports::new().with(WebSocket::default().read_buffer_size(16 * 1024));
    /// # let _ = transports;
    /// ```
    #[must_use]
    pub fn read_buffer_size(mut self, bytes: usize) -> Self {
        self.read_buffer_size = bytes.max(1024);
        self
    }

    /// Sets how many bytes are put into frames before they are written. Default: 1 MiB (1,048,576
    /// bytes). Values below 1 KiB count as 1 KiB.
    ///
    /// Each thread keeps one buffer of up to this size (at most 1 MiB) for the connections that it
    /// drives. A connection has a buffer of its own only while its server does not read.
    ///
    /// The setting does not limit the size of messages. A message that is longer than the buffer is
    /// written in several pieces, each of which wakes the server: messages of 1 MB take 1.5 times as
    /// long in pieces of 256 KiB.
    ///
    /// ```
    /// use engineio_client::transports::{Transports, WebSocket};
    ///
    /// let transports = Transports::new().with(WebSocket::default().write_buffer_size(256 * 1024));
    /// # let _ = transports;
    /// ```
    #[must_use]
    pub fn write_buffer_size(mut self, bytes: usize) -> Self {
        self.write_buffer_size = bytes.max(1024);
        self
    }

    /// Sets how connections are made. Default: [`Dialer::default()`](Dialer).
    ///
    /// ```
    /// use engineio_client::transports::{Dialer, Proxy, WebSocket};
    ///
    /// let proxy = Proxy::new("http://proxy.example:3128")?;
    /// let transport = WebSocket::default().dialer(Dialer::default().proxy(proxy));
    /// # let _ = transport;
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = dialer;
        self
    }

    /// Offers the server to compress messages, with these settings. Default: messages are not compressed.
    ///
    /// ```
    /// use engineio_client::transports::{Deflate, WebSocket};
    ///
    /// let transport = WebSocket::default().deflate(Deflate::default());
    /// # let _ = transport;
    /// ```
    #[cfg(feature = "compression")]
    #[must_use]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = Some(deflate);
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
        let stream = self
            .dialer
            .dial(runtime, &request.url, address, Purpose::Tunnel, None)
            .await?;
        let deflate = self.deflate.as_ref();
        let opened = handshake::shake_hands(runtime, stream, &request, deflate).await?;
        let agreement = opened.agreement.as_ref();
        let limits = request.limits;
        let longest = longest_frame(&limits);
        let opens = request.sid.is_none();
        // The open packet has a limit of its own, and its type takes one byte.
        let longest_first = opens.then(|| longest.max(limits.head.saturating_add(1)));
        let mut frames = FrameReader::new(longest, longest_first, agreement);
        frames.feed(&opened.rest);
        let state = State::new(
            Io::new(opened.stream, self.read_buffer_size),
            frames,
            FrameWriter::new(Arc::clone(runtime), self.write_buffer_size, agreement),
        );
        let shared = Arc::new(Mutex::new(state));
        let sender = Sender {
            shared: Arc::clone(&shared),
            activity: request.activity.clone(),
        };
        let receiver = Receiver {
            shared,
            activity: request.activity,
            collector: Collector {
                limits,
                fault: None,
                hint: 0,
            },
            seen: 0,
            answered: None,
        };
        Ok(Link::new(sender, receiver, Framing::Frames))
    }
}

/// The longest frame that may hold a packet within the limits. A text frame also contains the packet's
/// type, and base64 text is longer than the data that it encodes. The limit on messages does not apply
/// to the protocol's own packets.
fn longest_frame(limits: &Limits) -> usize {
    limits
        .message
        .saturating_add(limits.message / 3)
        .saturating_add(8)
        .max(LONGEST_PING)
}

/// The longest packet of the protocol itself: its type, and the 125 bytes that a ping may have.
const LONGEST_PING: usize = 126;

/// The receiving half.
struct Receiver {
    shared: Arc<Mutex<State>>,
    activity: Activity,
    collector: Collector,
    /// Number of bytes read at the last call.
    seen: u64,
    /// The fence that was answered by the frames of the last call.
    answered: Option<Fence>,
}

/// Collects the packets that one call returns.
struct Collector {
    limits: Limits,
    /// A fault that was found after the packets that the last call returned. The next call reports it.
    fault: Option<Fault>,
    /// Expected number of packets, from earlier calls.
    hint: usize,
}

/// Maximum number of packets that a call returns, and maximum number of bytes beyond its first packet.
const MAX_PACKETS: usize = 256;
const MAX_BYTES: usize = 64 * 1024;
/// A call that has collected fewer packets than this returns once a read has emptied the socket, because a
/// further read would be a system call on some runtimes. With more packets it reads on: the server is busy
/// and has probably sent more meanwhile.
const FEW: usize = 8;
/// Maximum number of frames and reads of a call, before other tasks get a turn.
const MAX_STEPS: usize = 1024;
/// Approximate maximum number of bytes that a call reads. Copying them takes less than a millisecond.
const MAX_READ: u64 = 1024 * 1024;

#[async_trait]
impl PacketReceiver for Receiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn peer_close(&self) -> Option<PeerClose> {
        lock(&self.shared).peer_close.as_deref().cloned()
    }

    fn answered_fence(&mut self) -> Option<Fence> {
        self.answered.take()
    }
}

impl Receiver {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Packet>, Error>> {
        let mut state = lock(&self.shared);
        if let Some(fault) = self.collector.fault.take() {
            return Poll::Ready(Err(state.fail(fault)));
        }
        state.reader.clone_from(cx.waker());
        let (packets, waits) = self.collector.collect(&mut state, cx);
        let news = state.frames.asides.take();
        self.answered = None;
        if news.is_answered {
            self.answered = state.frames.asides.take_answered();
        }
        // A pong or a close frame may have to be written. If a send is in progress, it writes them
        // itself.
        if !state.sending && state.has_output() {
            state.write_outside_send();
        }
        let read = state.io.bytes_read();
        if !packets.is_empty() {
            self.seen = read;
            self.collector.remember(packets.len());
            return Poll::Ready(Ok(packets));
        }
        let has_progressed =
            read != self.seen && (news.is_alive || state.frames.is_within_a_frame());
        self.seen = read;
        if has_progressed {
            self.activity.mark();
        }
        if self.answered.is_some() {
            return Poll::Ready(Ok(packets));
        }
        if let Some(fault) = self.collector.fault.take() {
            return Poll::Ready(Err(state.fail(fault)));
        }
        drop(state);
        if !waits {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Collector {
    /// Takes the packets that have arrived, within the limits of one call. The second value is true if
    /// the receiver's waker will be called when more arrives.
    #[inline]
    fn collect(&mut self, state: &mut State, cx: &mut Context<'_>) -> (Vec<Packet>, bool) {
        let mut packets = Vec::new();
        let mut bytes = 0_usize;
        let mut emptied = false;
        let read_before = state.io.bytes_read();
        for _ in 0..MAX_STEPS {
            let decoded = match state.frames.next() {
                Ok(Some(Incoming::Text(text))) => {
                    bytes = bytes.saturating_add(text.len());
                    decode_text_frame(text, &self.limits)
                }
                Ok(Some(Incoming::Binary(data))) => {
                    bytes = bytes.saturating_add(data.len());
                    decode_binary(data, &self.limits)
                }
                Ok(Some(Incoming::Close(close))) => {
                    state.answer_close(close);
                    packets.push(Packet::Close);
                    break;
                }
                Ok(Some(Incoming::Ping(data))) => {
                    state.pong(&data);
                    continue;
                }
                Ok(Some(Incoming::Pong | Incoming::Fragment)) => continue,
                Ok(Some(Incoming::Part)) => break,
                Ok(None) if emptied && returns_early(&packets, &state.frames) => break,
                Ok(None) if state.io.bytes_read().wrapping_sub(read_before) >= MAX_READ => break,
                Ok(None) => match state.poll_read(cx) {
                    Poll::Ready(Ok(is_short_read)) => {
                        emptied = is_short_read;
                        continue;
                    }
                    Poll::Ready(Err(error)) => {
                        self.fault = Some(Fault::lost(error));
                        break;
                    }
                    Poll::Pending => return (packets, true),
                },
                Err(error) => {
                    self.fault = Some(Fault::frame(error, &state.frames, &self.limits));
                    break;
                }
            };
            match decoded {
                Ok(packet) => self.add(&mut packets, packet),
                Err(error) => {
                    self.fault = Some(Fault::packet(error));
                    break;
                }
            }
            let beyond_first = if packets.len() > 1 { bytes } else { 0 };
            if packets.len() >= MAX_PACKETS || beyond_first >= MAX_BYTES {
                break;
            }
        }
        (packets, false)
    }

    #[inline]
    fn add(&self, packets: &mut Vec<Packet>, packet: Packet) {
        if packets.is_empty() {
            packets.reserve(self.hint);
        }
        packets.push(packet);
    }

    /// Remembers the size of a batch, for the capacity of the next one. The value grows at once and
    /// shrinks slowly.
    #[inline]
    fn remember(&mut self, count: usize) {
        self.hint = count
            .max(self.hint.saturating_sub(self.hint / 8))
            .min(MAX_PACKETS);
    }
}

/// Whether a call that has few packets returns them right after a read that emptied the socket, instead of
/// reading once more.
#[inline]
fn returns_early(packets: &[Packet], frames: &FrameReader) -> bool {
    packets.len() < FEW && (!packets.is_empty() || frames.asides.is_answered())
}

/// The sending half.
struct Sender {
    shared: Arc<Mutex<State>>,
    activity: Activity,
}

#[async_trait]
impl PacketSender for Sender {
    /// The server answers a ping after it has read everything before it.
    fn confirms(&self) -> Confirms {
        Confirms::ByFence
    }

    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        lock(&self.shared).start(batch);
        poll_fn(|cx| self.poll_send(cx)).await
    }

    /// Sends a close frame, and waits until the receiving half has seen the server's answer or the end
    /// of the connection. If the connection were dropped before that, messages that were sent earlier
    /// could be lost.
    async fn close(&mut self) -> Result<(), Error> {
        lock(&self.shared).queue_close(None);
        poll_fn(|cx| self.poll_send(cx)).await?;
        poll_fn(|cx| {
            let mut state = lock(&self.shared);
            if state.closed {
                return Poll::Ready(state.close_result());
            }
            state.closer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Sender {
    /// Encodes and writes, piece by piece, until everything is written.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut state = lock(&self.shared);
        state.sending = true;
        let sent = loop {
            if !state.writer.is_within_a_frame() && !state.io.is_writing() {
                state.take_control();
            }
            let State { io, writer, .. } = &mut *state;
            let encoded = writer.encode(io.output());
            let before = io.bytes_written();
            let written = io.poll_write_all(cx);
            if io.bytes_written() != before {
                self.activity.mark_sent();
            }
            if encoded == Encoded::Failed {
                break Err(std::io::Error::other("a message can't be compressed"));
            }
            match written {
                Poll::Ready(Ok(())) if encoded == Encoded::Piece => {}
                Poll::Ready(Ok(())) if encoded == Encoded::Pause => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(sent) => break sent,
                Poll::Pending => {
                    state.sender.clone_from(cx.waker());
                    return Poll::Pending;
                }
            }
        };
        state.sending = false;
        state.writer.finish();
        // A pong may be waiting, since it can't be written inside a frame.
        state.write_outside_send();
        Poll::Ready(sent.map_err(|error| {
            own_error(&error).unwrap_or_else(|| {
                let message = "the WebSocket connection failed while sending";
                Error::new(ErrorKind::Ended, message).with_source(error)
            })
        }))
    }
}
