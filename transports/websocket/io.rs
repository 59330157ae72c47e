//! The stream under a WebSocket, and the bytes to be written next.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use engineio_client::runtime::BoxedStream;
use futures::io::{AsyncRead, AsyncWrite};

use super::super::shared::read_buffer;
use super::output::Output;
use super::reader::FrameReader;

/// Largest idle write buffer that a thread keeps, in bytes.
const KEPT: usize = 1024 * 1024 + 4096;

/// A read that returned fewer bytes than this is taken to have emptied the socket. A longer one may have
/// left bytes there even if the buffer had room, because TLS returns at most one record per read.
const SHORT_READ: usize = 1024;

thread_local! {
    /// The write buffer of all connections that this thread drives. A connection needs it only while
    /// it writes.
    static WRITE_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

pub(super) struct Io {
    stream: BoxedStream,
    read: u64,
    written: u64,
    /// Maximum number of bytes of one read.
    piece: usize,
    output: Output,
    /// Whether written bytes may still be in a buffer of the stream, such as TLS's.
    unflushed: bool,
}

impl Io {
    pub(super) fn new(stream: BoxedStream, piece: usize) -> Self {
        Self {
            stream,
            read: 0,
            written: 0,
            piece,
            output: Output::default(),
            unflushed: false,
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    pub(super) fn bytes_written(&self) -> u64 {
        self.written
    }

    /// The bytes to be written, to which frames are added.
    pub(super) fn output(&mut self) -> &mut Output {
        if !self.output.has_buffer() {
            self.output = Output::new(WRITE_BUFFER.take());
        }
        &mut self.output
    }

    pub(super) fn has_output(&self) -> bool {
        self.is_writing() || self.unflushed
    }

    /// Whether there are bytes that have not been written.
    pub(super) fn is_writing(&self) -> bool {
        !self.output.is_empty()
    }

    /// Reads once, into the place that the frame reader provides. Returns the number of bytes, where 0
    /// is the end of the stream, and whether the socket is now known to be empty.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut FrameReader,
    ) -> Poll<io::Result<(usize, bool)>> {
        let stream = Pin::new(&mut self.stream);
        let mut is_short_read = false;
        let polled = if let Some(room) = frames.room() {
            let polled = stream.poll_read(cx, room);
            if let Poll::Ready(Ok(count)) = polled {
                frames.filled(count);
            }
            polled
        } else {
            read_buffer::with(self.piece, |piece| {
                let polled = stream.poll_read(cx, piece);
                if let Poll::Ready(Ok(count)) = polled {
                    is_short_read = count < piece.len().min(SHORT_READ);
                    frames.feed(piece.get(..count).unwrap_or_default());
                }
                polled
            })
        };
        let count = ready!(polled)?;
        self.read = self
            .read
            .wrapping_add(u64::try_from(count).unwrap_or_default());
        Poll::Ready(Ok((count, is_short_read)))
    }

    /// Writes and flushes the whole output.
    pub(super) fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.unsent().is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, self.output.unsent()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.output.advance(count);
            self.written = self
                .written
                .wrapping_add(u64::try_from(count).unwrap_or_default());
        }
        self.output.clear();
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Returns the buffer to the thread after a batch.
    pub(super) fn give_buffer_back(&mut self) {
        if self.output.is_empty() {
            let buffer = std::mem::take(&mut self.output).into_buffer();
            if (1..=KEPT).contains(&buffer.capacity()) {
                WRITE_BUFFER.set(buffer);
            }
        }
    }
}
