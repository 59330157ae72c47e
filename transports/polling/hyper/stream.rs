//! The stream under hyper, which counts the bytes that pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use ::hyper::rt::ReadBufCursor;
use engineio_client::runtime::BoxedStream;
use futures::io::{AsyncRead, AsyncWrite};

use super::super::super::shared::read_buffer;
use super::super::super::shared::response_head;

/// Bytes that came and went.
#[derive(Default)]
pub(super) struct Meter {
    pub(super) read: AtomicU64,
    pub(super) written: AtomicU64,
    /// Bytes of the interim responses (1xx) to the request that runs.
    pub(super) interim: AtomicU64,
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
}

impl HyperIo {
    pub(super) fn new(stream: BoxedStream, meter: Arc<Meter>, head: usize) -> Self {
        Self {
            stream,
            meter,
            head,
        }
    }
}

impl ::hyper::rt::Read for HyperIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Self {
            stream,
            meter,
            head,
        } = &mut *self;
        // hyper limits each interim response, and not how many there are: without an end of them it
        // would read for ever, and not even pause where the server is fast.
        let interim = meter.interim.load(Ordering::Relaxed);
        if usize::try_from(interim).unwrap_or(usize::MAX) > *head {
            return Poll::Ready(Err(std::io::Error::other(response_head::too_large(*head))));
        }
        read_buffer::with(cursor.remaining().min(BUFFER), |part| {
            let count = std::task::ready!(Pin::new(stream).poll_read(cx, part))?;
            meter
                .read
                .fetch_add(u64::try_from(count).unwrap_or_default(), Ordering::Relaxed);
            cursor.put_slice(part.get(..count).unwrap_or_default());
            Poll::Ready(Ok(()))
        })
    }
}

impl ::hyper::rt::Write for HyperIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let count = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.meter
            .written
            .fetch_add(u64::try_from(count).unwrap_or_default(), Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }

    /// Or else hyper copies each body into a buffer that keeps the size of the largest.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let count = std::task::ready!(stream.poll_write_vectored(cx, buffers))?;
        self.meter
            .written
            .fetch_add(u64::try_from(count).unwrap_or_default(), Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
