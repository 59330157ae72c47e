//! The stream under hyper. It counts bytes, and records how the stream ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use ::hyper::rt::ReadBufCursor;
use engineio_client::runtime::BoxedStream;
use futures::io::{AsyncRead, AsyncWrite};

use super::super::super::shared::read_buffer;
use super::super::super::shared::response_head;

/// Counters and flags of a stream, shared with its [`Connection`](super::connection::Connection).
#[derive(Default)]
pub(super) struct Meter {
    /// Bytes read and written so far.
    pub(super) read: AtomicU64,
    pub(super) written: AtomicU64,
    /// Bytes of the interim responses (1xx) to the current request.
    pub(super) interim: AtomicU64,
    /// A request was started, and no byte of it has been written.
    begins: AtomicBool,
    /// All written bytes of the current request have been flushed since [`has_left`](Self::has_left)
    /// was last called.
    left: AtomicBool,
    /// The stream has ended, and the peer has received nothing of the current request.
    not_received: AtomicBool,
}

impl Meter {
    /// Prepares for a new request.
    pub(super) fn begin(&self) {
        self.interim.store(0, Ordering::Relaxed);
        self.begins.store(true, Ordering::Relaxed);
        self.left.store(false, Ordering::Relaxed);
    }

    /// Whether the current request was flushed since the last call. For a request without a body, that
    /// is the whole request, since hyper flushes when it has nothing more to write.
    pub(super) fn has_left(&self) -> bool {
        self.left.swap(false, Ordering::Relaxed)
    }

    /// Whether the failed request may be repeated, since the peer has received no byte of it, or
    /// discards what it receives.
    ///
    /// This is the case if no byte could be written, and in one more case. A FIN carries the
    /// acknowledgement of everything received in order before it. Suppose the stream has ended by a
    /// FIN (or by TLS's `close_notify`) without a byte of a response, and the system reports that no
    /// byte of the request was acknowledged. Then the peer had closed its side before the first byte
    /// arrived. After `close` it can't read the request. After `shutdown` it can't answer, and
    /// discards what it reads, as apache does. (An acknowledgement that follows the FIN therefore
    /// proves nothing.) A server that reads a request before it closes its side has thereby
    /// acknowledged the request. A reset proves nothing: the server may have read the request, and its
    /// acknowledgement may have been on its way.
    pub(super) fn not_received(&self) -> bool {
        self.not_received.load(Ordering::Relaxed)
    }
}

/// Maximum number of bytes of one read. hyper's buffer would have to be zeroed before each read, which
/// takes three times as long as copying through a buffer of this length that is zeroed only once.
const BUFFER: usize = 64 * 1024;

/// Adapts a [`BoxedStream`] to hyper's traits.
pub(super) struct HyperIo {
    stream: BoxedStream,
    meter: Arc<Meter>,
    /// Maximum number of bytes of all interim responses to one request.
    head: usize,
    /// Bytes written to the underlying connection before the current request.
    start: Option<u64>,
    /// Something was written and not flushed yet.
    unflushed: bool,
    /// A byte of the response has arrived.
    answered: bool,
    /// The stream has ended. Only the first observation of its end counts.
    ended: bool,
}

/// How the stream ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer has closed its side.
    Regular,
    Failure,
}

impl HyperIo {
    pub(super) fn new(stream: BoxedStream, meter: Arc<Meter>, head: usize) -> Self {
        Self {
            stream,
            meter,
            head,
            start: None,
            unflushed: false,
            answered: false,
            ended: false,
        }
    }

    /// Called before each write. At the first write of a request, records the number of bytes written before
    /// the request.
    fn begin(&mut self) {
        if self.meter.begins.swap(false, Ordering::Relaxed) {
            self.start = self.stream.written();
            self.answered = false;
        }
    }

    /// Must be called inside the read that observes the end. After it, hyper sends a FIN of its own,
    /// which would count as an unacknowledged byte.
    fn end(&mut self, end: End) {
        if self.ended {
            return;
        }
        self.ended = true;
        let not_received = self.meter.begins.load(Ordering::Relaxed) || self.is_unreceived(end);
        self.meter
            .not_received
            .store(not_received, Ordering::Relaxed);
    }

    fn is_unreceived(&self, end: End) -> bool {
        let (Some(start), Some(written)) = (self.start, self.stream.written()) else {
            return false;
        };
        let sent = written.saturating_sub(start);
        sent == 0
            || end == End::Regular
                && !self.answered
                && self
                    .stream
                    .unacknowledged()
                    .is_some_and(|unacknowledged| unacknowledged >= sent)
    }

    fn written(&mut self, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        match &result {
            Ok(count) => {
                let count = u64::try_from(*count).unwrap_or_default();
                self.meter.written.fetch_add(count, Ordering::Relaxed);
                self.unflushed = true;
            }
            Err(_) => self.end(End::Failure),
        }
        Poll::Ready(result)
    }
}

impl ::hyper::rt::Read for HyperIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // hyper limits the size of each interim response, but not their number. A fast server could
        // keep it reading for ever within one poll.
        let interim = self.meter.interim.load(Ordering::Relaxed);
        if usize::try_from(interim).unwrap_or(usize::MAX) > self.head {
            let error = response_head::too_large(self.head);
            return Poll::Ready(Err(io::Error::other(error)));
        }
        read_buffer::with(cursor.remaining().min(BUFFER), |part| {
            let empty = part.is_empty();
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, part));
            match &read {
                Ok(0) if !empty => self.end(End::Regular),
                // A FIN without TLS's `close_notify`.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.end(End::Regular)
                }
                Err(_) => self.end(End::Failure),
                Ok(count) => {
                    self.answered = true;
                    let count = u64::try_from(*count).unwrap_or_default();
                    self.meter.read.fetch_add(count, Ordering::Relaxed);
                }
            }
            cursor.put_slice(part.get(..read?).unwrap_or_default());
            Poll::Ready(Ok(()))
        })
    }
}

impl ::hyper::rt::Write for HyperIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.begin();
        let result = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.written(result)
    }

    /// Without vectored writes, hyper copies each body into a buffer that keeps the size of the
    /// largest body.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.begin();
        let stream = Pin::new(&mut self.stream);
        let result = ready!(stream.poll_write_vectored(cx, buffers));
        self.written(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        if flushed.is_err() {
            // The flush has consumed the error, so the next read would report a regular end.
            self.end(End::Failure);
        } else if std::mem::take(&mut self.unflushed) && !self.meter.begins.load(Ordering::Relaxed)
        {
            self.meter.left.store(true, Ordering::Relaxed);
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
