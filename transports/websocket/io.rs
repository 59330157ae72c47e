//! The stream under a websocket, with what it writes next.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use engineio_client::runtime::BoxedStream;
use futures::io::{AsyncRead, AsyncWrite};

use super::super::shared::read_buffer;
use super::reader::FrameReader;

/// The most bytes of an idle write buffer that a thread keeps.
const KEPT: usize = 1024 * 1024 + 4096;

/// A socket that had no more than this has been emptied. (Of a longer read that can't be said: TLS
/// gives no more than a record at a time.)
const LITTLE: usize = 1024;

thread_local! {
    /// For all connections that this thread drives: each needs it only while it writes.
    static WRITE_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

pub(super) struct Io {
    stream: BoxedStream,
    read: u64,
    written: u64,
    /// The most that is read in one go.
    piece: usize,
    /// What leaves next: the bytes behind `sent`.
    output: Vec<u8>,
    sent: usize,
    /// What was written may lie in a buffer of the stream's own (TLS has one).
    unflushed: bool,
}

impl Io {
    pub(super) fn new(stream: BoxedStream, piece: usize) -> Self {
        Self {
            stream,
            read: 0,
            written: 0,
            piece,
            output: Vec::new(),
            sent: 0,
            unflushed: false,
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    pub(super) fn bytes_written(&self) -> u64 {
        self.written
    }

    /// Where frames are appended.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        if self.output.capacity() == 0 {
            self.output = WRITE_BUFFER.take();
        }
        &mut self.output
    }

    pub(super) fn has_output(&self) -> bool {
        self.is_writing() || self.unflushed
    }

    /// Whether some of the output has not left yet.
    pub(super) fn is_writing(&self) -> bool {
        !self.output.is_empty()
    }

    /// Reads once, to where the reader of frames wants it, and tells how much that was (nothing is the
    /// end) and whether it was little.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut FrameReader,
    ) -> Poll<io::Result<(usize, bool)>> {
        let stream = Pin::new(&mut self.stream);
        let mut is_little = false;
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
                    is_little = count < piece.len().min(LITTLE);
                    frames.feed(piece.get(..count).unwrap_or_default());
                }
                polled
            })
        };
        let count = ready!(polled)?;
        self.read = self
            .read
            .wrapping_add(u64::try_from(count).unwrap_or_default());
        Poll::Ready(Ok((count, is_little)))
    }

    /// Writes and flushes all that stands in the output.
    pub(super) fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.sent = self.sent.saturating_add(count);
            self.written = self
                .written
                .wrapping_add(u64::try_from(count).unwrap_or_default());
        }
        self.output.clear();
        self.sent = 0;
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// After a batch.
    pub(super) fn give_buffer_back(&mut self) {
        if self.output.is_empty() {
            let buffer = std::mem::take(&mut self.output);
            if (1..=KEPT).contains(&buffer.capacity()) {
                WRITE_BUFFER.set(buffer);
            }
        }
    }
}
