//! A TCP socket that counts written and acknowledged bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};

use super::connection::{Acknowledges, BoxedStream};
use super::sock_diag::unacknowledged;

/// The trait of sockets about which `sock_diag` can be queried.
#[cfg(unix)]
pub(super) use std::os::fd::AsFd as Known;
#[cfg(not(unix))]
pub(super) trait Known {}
#[cfg(not(unix))]
impl<S> Known for S {}

/// A runtime's socket with a count of the bytes written to it.
pub(super) struct Socket<S> {
    stream: S,
    written: u64,
}

impl<S: AsyncRead + AsyncWrite + Known + Send + Unpin + 'static> Socket<S> {
    pub(super) fn boxed(stream: S) -> BoxedStream {
        Acknowledges::boxed(Self { stream, written: 0 })
    }
}

impl<S: AsyncRead + AsyncWrite + Known + Send + Unpin + 'static> Acknowledges for Socket<S> {
    fn written(&self) -> Option<u64> {
        Some(self.written)
    }

    fn unacknowledged(&self) -> Option<u64> {
        unacknowledged(&self.stream)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S> Socket<S> {
    fn count(&mut self, bytes: usize) -> Poll<io::Result<usize>> {
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(more);
        Poll::Ready(Ok(bytes))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.count(bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, pieces))?;
        self.count(bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
