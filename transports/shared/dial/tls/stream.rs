//! The streams inside and outside of TLS, with workarounds for futures-rustls.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::thread;

use engineio_client::runtime::{Acknowledges, BoxedStream};
use futures::io::{AsyncRead, AsyncWrite};
use futures_rustls::client;

use super::error::session_error;

/// The stream that TLS writes to. If it accepts zero bytes, futures-rustls would wait or spin for
/// ever, so that becomes an error.
pub(super) struct Raw(pub(super) BoxedStream);

impl AsyncRead for Raw {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Raw {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.0).poll_write(cx, bytes))?;
        Poll::Ready(not_nothing(count, bytes.is_empty()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.0).poll_write_vectored(cx, pieces))?;
        let nothing = pieces.iter().all(|piece| piece.is_empty());
        Poll::Ready(not_nothing(count, nothing))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

fn not_nothing(count: usize, nothing_to_do: bool) -> io::Result<usize> {
    if count == 0 && !nothing_to_do {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(count)
}

/// The stream that transports read from and write to. It explains TLS errors in plain words.
pub(super) struct TlsStream {
    stream: client::TlsStream<Raw>,
    host: String,
}

impl TlsStream {
    pub(super) fn new(stream: client::TlsStream<Raw>, host: String) -> Self {
        Self { stream, host }
    }
}

/// Counts the bytes of the underlying stream, which are encrypted and therefore more than were written
/// to this stream.
impl Acknowledges for TlsStream {
    fn written(&self) -> Option<u64> {
        self.stream.get_ref().0.0.written()
    }

    fn unacknowledged(&self) -> Option<u64> {
        self.stream.get_ref().0.0.unacknowledged()
    }
}

/// Sends `close_notify`, without which servers log an error, if it can be written at once.
impl Drop for TlsStream {
    fn drop(&mut self) {
        if !thread::panicking() {
            let cx = &mut Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut self.stream).poll_close(cx);
        }
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            // The read would return zero bytes, which means the end of the stream.
            return Poll::Ready(Ok(0));
        }
        let Self { stream, host } = &mut *self;
        let read = ready!(Pin::new(stream).poll_read(cx, buffer));
        Poll::Ready(read.map_err(|error| session_error(host, error)))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, host } = &mut *self;
        let written = ready!(Pin::new(stream).poll_write(cx, bytes));
        Poll::Ready(written.map_err(|error| session_error(host, error)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, host } = &mut *self;
        let written = ready!(Pin::new(stream).poll_write_vectored(cx, buffers));
        Poll::Ready(written.map_err(|error| session_error(host, error)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, host } = &mut *self;
        let flushed = ready!(Pin::new(stream).poll_flush(cx));
        Poll::Ready(flushed.map_err(|error| session_error(host, error)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
