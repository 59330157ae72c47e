//! The connection of a WebSocket, on which both halves read and write.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use async_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control};
use engineio_client::{Batch, Error, ErrorKind, PeerClose};

use super::super::shared::own_error::own_error;
use super::fault::Fault;
use super::frames::FrameWriter;
use super::io::Io;
use super::output::Output;
use super::reader::FrameReader;

/// What both halves share. The lock is held for the length of a poll, and never across an await.
pub(super) struct State {
    pub(super) io: Io,
    pub(super) frames: FrameReader,
    pub(super) writer: FrameWriter,
    /// Control frames to be written. They must not be inserted into a frame that is partly written.
    control: Output,
    /// The payload of the newest ping, if there was no room for its pong.
    late_pong: Option<Box<[u8]>>,
    /// The task to wake when data arrives.
    pub(super) reader: Waker,
    /// Whether a send is in progress. If so, its task does the writing.
    pub(super) sending: bool,
    /// The task of the send in progress, which waits until it can write.
    pub(super) sender: Waker,
    /// Whether a close frame was queued or sent.
    close_queued: bool,
    /// Whether the server has sent a close frame, or the connection has ended.
    pub(super) closed: bool,
    /// Whether the connection has failed, as opposed to a regular end of the stream.
    failed: bool,
    /// The server's close frame.
    pub(super) peer_close: Option<Box<PeerClose>>,
    /// The task that waits for `closed`.
    pub(super) closer: Option<Waker>,
}

/// Maximum number of bytes of queued control frames. If a server pings faster than it reads and the
/// queue is full, only its newest ping is answered.
const MAX_CONTROL: usize = 1024;

#[inline]
pub(super) fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(super) fn new(io: Io, frames: FrameReader, writer: FrameWriter) -> Self {
        Self {
            io,
            frames,
            writer,
            control: Output::default(),
            late_pong: None,
            reader: Waker::noop().clone(),
            sending: false,
            sender: Waker::noop().clone(),
            close_queued: false,
            closed: false,
            failed: false,
            peer_close: None,
            closer: None,
        }
    }

    #[inline]
    pub(super) fn start(&mut self, batch: Batch) {
        if batch.fence().is_some() {
            self.frames.asides.expect_answers();
        }
        self.writer.start(batch);
    }

    pub(super) fn end(&mut self) {
        self.closed = true;
        if let Some(waker) = self.closer.take() {
            waker.wake();
        }
    }

    /// The result of closing, once the connection has ended. The end of the stream counts as an answer
    /// to the close frame. A failure is an error, since messages may be lost.
    pub(super) fn close_result(&self) -> Result<(), Error> {
        if self.failed {
            let message =
                "the WebSocket connection failed before the server answered the close frame";
            return Err(Error::new(ErrorKind::Ended, message));
        }
        Ok(())
    }

    pub(super) fn pong(&mut self, data: &[u8]) {
        if self.close_queued {
            return;
        }
        if self.control.len() < MAX_CONTROL {
            self.writer.control(&mut self.control, Control::Pong, data);
        } else {
            self.late_pong = Some(data.into());
        }
    }

    pub(super) fn answer_close(&mut self, close: Option<CloseFrame>) {
        self.peer_close = Some(Box::new(peer_close(close.as_ref())));
        self.queue_close(close_in_answer(close));
        self.end();
    }

    /// Queues a close frame, unless one was queued before.
    pub(super) fn queue_close(&mut self, close: Option<CloseFrame>) {
        if std::mem::replace(&mut self.close_queued, true) {
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

    /// Gives the connection up. A close frame tells the server why, but is sent only if it can be
    /// written at once: the client does not wait for a server that has violated the protocol.
    #[cold]
    pub(super) fn fail(&mut self, fault: Fault) -> Error {
        if let Some(code) = fault.code {
            let reason = Utf8Bytes::default();
            self.queue_close(Some(CloseFrame { code, reason }));
            self.write_outside_send();
        }
        self.end();
        fault.error
    }

    #[inline]
    pub(super) fn has_output(&self) -> bool {
        self.io.has_output() || !self.control.is_empty()
    }

    /// Moves the control frames to the output.
    #[inline]
    pub(super) fn take_control(&mut self) {
        if self.control.is_empty() {
            return;
        }
        let output = self.io.output();
        output.push(self.control.unsent());
        self.control.clear();
        if let Some(data) = self.late_pong.take() {
            self.writer.control(output, Control::Pong, &data);
        }
    }

    /// Reads once. Returns whether that has emptied the socket.
    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        let error = match ready!(self.io.poll_read(cx, &mut self.frames)) {
            Ok((1.., is_short_read)) => return Poll::Ready(Ok(is_short_read)),
            Ok((0, _)) => Error::new(
                ErrorKind::Ended,
                "the server closed the WebSocket connection without a close frame",
            ),
            Err(error) => {
                self.failed = error.kind() != io::ErrorKind::UnexpectedEof;
                own_error(&error).unwrap_or_else(|| {
                    Error::new(ErrorKind::Ended, "the WebSocket connection failed")
                        .with_source(error)
                })
            }
        };
        self.end();
        Poll::Ready(Err(error))
    }

    /// Writes the output, and then the control frames, unless a frame is partly written. While output
    /// waits for the server, control frames stay in their queue, so the queue's limit applies to them.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.io.poll_write_all(cx))?;
            if self.writer.is_within_a_frame() || self.control.is_empty() {
                self.io.give_buffer_back();
                return Poll::Ready(Ok(()));
            }
            self.take_control();
        }
    }

    /// Writes outside of a send. If the stream is not ready, it wakes the sender later if a send is in
    /// progress, otherwise the receiver. An error is returned by the next read or send.
    pub(super) fn write_outside_send(&mut self) {
        let waker = if self.sending {
            self.sender.clone()
        } else {
            self.reader.clone()
        };
        let _ = self.poll_write(&mut Context::from_waker(&waker));
    }
}

/// Converts a close frame for the user. 1005 stands for a frame without a code (RFC 6455, 7.1.5).
fn peer_close(close: Option<&CloseFrame>) -> PeerClose {
    match close {
        Some(close) => PeerClose::new(close.code.into(), close.reason.as_str()),
        None => PeerClose::new(1005, ""),
    }
}

/// Our answer to the server's close frame. It repeats the frame if its code is allowed on the wire.
fn close_in_answer(close: Option<CloseFrame>) -> Option<CloseFrame> {
    let close = close?;
    // Logged as a string value, so that line breaks are escaped.
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
