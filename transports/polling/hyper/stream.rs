//! The stream under hyper, which counts the bytes that pass, and looks how it ends.

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

/// What passes by the stream.
#[derive(Default)]
pub(super) struct Meter {
    /// Bytes that came and went.
    pub(super) read: AtomicU64,
    pub(super) written: AtomicU64,
    /// Bytes of the interim responses (1xx) to the request that runs.
    pub(super) interim: AtomicU64,
    /// A request is about to be written.
    begins: AtomicBool,
    /// All that was written of the request that runs has left, and this was not asked for yet.
    left: AtomicBool,
    /// The stream has ended, and nothing of the request has arrived at the other end.
    not_received: AtomicBool,
}

impl Meter {
    /// To be called before each request.
    pub(super) fn begin(&self) {
        self.interim.store(0, Ordering::Relaxed);
        self.begins.store(true, Ordering::Relaxed);
        self.left.store(false, Ordering::Relaxed);
    }

    /// Whether the request that runs has left since the last call: the whole of it, where it has no body.
    /// hyper flushes when it has nothing more to write.
    pub(super) fn has_left(&self) -> bool {
        self.left.swap(false, Ordering::Relaxed)
    }

    /// Whether the request that has failed may be made again, since the other end has not got a byte of it,
    /// or gets it only to throw it away.
    ///
    /// It is where not a byte could be written, and in one more case. A FIN carries the acknowledgement
    /// of all that had come in order by then. So if the stream has ended by a FIN (or by TLS's word for
    /// it), without a byte of an answer, and the system tells that none of the bytes of the request were
    /// acknowledged, then the other end had ended its side before the first of them came. After `close` it
    /// can't read them; after `shutdown` it can't answer, and reads on to throw away, as apache does. (So an
    /// acknowledgement that comes behind the FIN says nothing.) A server that reads a request and then closes
    /// acknowledges it by that. A reset proves nothing, since the acknowledgement of what was read may
    /// have been on its way.
    pub(super) fn not_received(&self) -> bool {
        self.not_received.load(Ordering::Relaxed)
    }
}

/// An adapter that zeroes hyper's buffer at each read costs three times the time: so the bytes go
/// through a buffer that is never zeroed again, at most so many at a time.
const BUFFER: usize = 64 * 1024;

/// A stream of ours with the traits of hyper.
pub(super) struct HyperIo {
    stream: BoxedStream,
    meter: Arc<Meter>,
    /// The most bytes of interim responses.
    head: usize,
    /// How much had been written to the connection below before the request that runs.
    start: Option<u64>,
    /// Something was written that was not flushed yet.
    unflushed: bool,
    /// Something of an answer has come.
    answered: bool,
    /// The stream has ended, in one way or another: only the first look at its end counts.
    ended: bool,
}

/// How a stream ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The other end has said that nothing more comes.
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

    /// Notes where the request that runs begins, at its first write.
    fn begin(&mut self) {
        if self.meter.begins.swap(false, Ordering::Relaxed) {
            self.start = self.stream.written();
            self.answered = false;
        }
    }

    /// To be called within the read that tells the end: later hyper's own FIN would be counted.
    fn end(&mut self, end: End) {
        if self.ended {
            return;
        }
        self.ended = true;
        let not_received = self.meter.begins.load(Ordering::Relaxed) || self.is_lost(end);
        self.meter
            .not_received
            .store(not_received, Ordering::Relaxed);
    }

    fn is_lost(&self, end: End) -> bool {
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
        // hyper limits each interim response, and not how many there are: without an end of them it
        // would read for ever, and not even pause where the server is fast.
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
                // TLS without a word of its end: a FIN below.
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

    /// Or else hyper copies each body into a buffer that keeps the size of the largest.
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
            // The next read will tell an end that is none: the error has been taken here.
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
