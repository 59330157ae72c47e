//! The stream of a connection. It records how the stream ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use engineio_client::runtime::BoxedStream;
use futures::io::{AsyncRead, AsyncWrite};

/// A stream that carries one request at a time.
pub(super) struct Stream {
    stream: BoxedStream,
    /// Bytes written to the underlying connection before the current request.
    start: Option<u64>,
    /// A byte of the response has arrived.
    answered: bool,
    /// The stream has ended. Only the first observation of its end counts.
    ended: bool,
    not_received: bool,
}

/// How the stream ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer has closed its side.
    Regular,
    Failure,
}

impl Stream {
    pub(super) fn new(stream: BoxedStream) -> Self {
        Self {
            stream,
            start: None,
            answered: false,
            ended: false,
            not_received: false,
        }
    }

    /// Must be called before the first write of a request.
    pub(super) fn begin(&mut self) {
        self.start = self.stream.written();
        self.answered = false;
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
        self.not_received
    }

    /// Must be called inside the call that observes the end, before anything else is written.
    fn end(&mut self, end: End) {
        if !self.ended {
            self.ended = true;
            self.not_received = self.is_unreceived(end);
        }
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

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        match &read {
            Ok(0) => self.end(End::Regular),
            Ok(_) => self.answered = true,
            // A FIN without TLS's `close_notify`.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.end(End::Regular),
            Err(_) => self.end(End::Failure),
        }
        Poll::Ready(read)
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        if written.is_err() {
            self.end(End::Failure);
        }
        Poll::Ready(written)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        if flushed.is_err() {
            // The flush has consumed the error, so the next read would report a regular end.
            self.end(End::Failure);
        }
        Poll::Ready(flushed)
    }
}
