//! An async stream as the blocking one that tungstenite wants: what would wait is `WouldBlock`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use engineio_client::runtime::BoxedStream;
use futures::io::{AsyncRead, AsyncWrite};

/// The library's control frames that have not left. A server that pings faster than it reads gets
/// an answer to its newest ping alone.
const MOST_CONTROL: usize = 1024;

/// A buffer that has grown beyond this is let go when it is empty.
const KEPT: usize = 256 * 1024;

pub(super) struct Io {
    stream: BoxedStream,
    /// What was read before, together with the handshake.
    before: io::Cursor<Vec<u8>>,
    reader: Waker,
    read: u64,
    written: u64,
    /// What leaves next: the bytes behind `sent`.
    output: Vec<u8>,
    sent: usize,
    /// What was written may lie in a buffer of the stream's own (TLS has one).
    unflushed: bool,
    /// Control frames that the library has written, and that must not cut one of ours.
    control: Vec<u8>,
}

impl Io {
    pub(super) fn new(stream: BoxedStream, before: Vec<u8>) -> Self {
        Self {
            stream,
            before: io::Cursor::new(before),
            reader: Waker::noop().clone(),
            read: 0,
            written: 0,
            output: Vec::new(),
            sent: 0,
            unflushed: false,
            control: Vec::new(),
        }
    }

    /// Whom to wake when there is something to read.
    pub(super) fn read_with(&mut self, waker: &Waker) {
        self.reader.clone_from(waker);
    }

    pub(super) fn reader(&self) -> Waker {
        self.reader.clone()
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    pub(super) fn bytes_written(&self) -> u64 {
        self.written
    }

    /// Where frames are appended.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty() || !self.control.is_empty() || self.unflushed
    }

    /// Whether some of the output has not left yet.
    pub(super) fn is_writing(&self) -> bool {
        !self.output.is_empty()
    }

    pub(super) fn release_control(&mut self) {
        self.output.append(&mut self.control);
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

    /// After a batch: a connection should not keep the memory of its largest one.
    pub(super) fn shrink(&mut self) {
        if self.output.is_empty() && self.output.capacity() > KEPT {
            self.output = Vec::new();
        }
    }
}

impl io::Read for Io {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.before.get_ref().is_empty() {
            let count = self.before.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.before = io::Cursor::default();
        }
        let cx = &mut Context::from_waker(&self.reader);
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(count)) => {
                self.read = self
                    .read
                    .wrapping_add(u64::try_from(count).unwrap_or_default());
                Ok(count)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl io::Write for Io {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.control.len() > MOST_CONTROL {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.control.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
