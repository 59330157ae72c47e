//! Streams in memory: the two ends of a connection.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};

use super::conditions::Conditions;
use super::line::{CLIENT, Line, SERVER};
use crate::runtime::connection::Acknowledges;

/// Creates a connection in memory, and returns its two ends: bytes written to one are read from the
/// other.
///
/// `capacity` is the number of bytes that each direction buffers before a write waits. Zero counts as
/// one.
///
/// ```
/// use engineio_client::MockRuntime;
/// use engineio_client::runtime::mock::duplex;
/// use futures::{AsyncReadExt, AsyncWriteExt};
///
/// MockRuntime::new().block_on(async {
///     let (mut left, mut right) = duplex(64);
///     left.write_all(b"over").await?;
///     left.close().await?;
///     let mut text = String::new();
///     right.read_to_string(&mut text).await?;
///     assert_eq!(text, "over");
///     # std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn duplex(capacity: usize) -> (MemoryStream, MemoryStream) {
    MemoryStream::ends(&Arc::new(Line::new(
        Conditions::new().capacity(capacity),
        0,
        None,
    )))
}

/// One end of a connection in memory. It works on any runtime.
///
/// - Closing the stream ends the peer's reads, after the buffered bytes. The other direction stays open.
/// - Dropping the stream also ends the peer's reads, and makes the peer's writes fail with
///   [`BrokenPipe`](io::ErrorKind::BrokenPipe).
///
/// On a network with [`Conditions`], the peer learns of the end after the bytes written before it have
/// arrived.
///
/// ```
/// use engineio_client::MockRuntime;
/// use engineio_client::runtime::mock::{MemoryStream, duplex};
/// use futures::AsyncWriteExt;
///
/// let (mut left, right): (MemoryStream, MemoryStream) = duplex(64);
/// drop(right);
/// let error = MockRuntime::new().block_on(left.write_all(b"lost")).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
/// ```
pub struct MemoryStream {
    line: Arc<Line>,
    end: usize,
    chunk: usize,
    written: u64,
    reset: bool,
}

impl MemoryStream {
    /// Returns the client's end and the server's end.
    pub(super) fn ends(line: &Arc<Line>) -> (Self, Self) {
        let end = |end| Self {
            line: Arc::clone(line),
            end,
            chunk: usize::MAX,
            written: 0,
            reset: false,
        };
        (end(CLIENT), end(SERVER))
    }

    /// Limits each read to this number of bytes, to test code that must handle partial reads. Zero
    /// counts as one.
    ///
    /// ```
    /// use engineio_client::MockRuntime;
    /// use engineio_client::runtime::mock::duplex;
    /// use futures::{AsyncReadExt, AsyncWriteExt};
    ///
    /// MockRuntime::new().block_on(async {
    ///     let (mut left, mut right) = duplex(64);
    ///     right.set_chunk(2);
    ///     left.write_all(b"hello").await?;
    ///     assert_eq!(right.read(&mut [0; 64]).await?, 2);
    ///     # std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_chunk(&mut self, bytes: usize) {
        self.chunk = bytes.max(1);
    }

    /// Resets the connection, as a crashed process does. When the reset arrives, the peer's reads and
    /// writes fail with [`ConnectionReset`](io::ErrorKind::ConnectionReset), and bytes that it has not
    /// read are lost.
    ///
    /// ```
    /// use engineio_client::MockRuntime;
    /// use engineio_client::runtime::mock::duplex;
    /// use futures::AsyncReadExt;
    ///
    /// let (left, mut right) = duplex(64);
    /// left.reset();
    /// let error = MockRuntime::new().block_on(right.read(&mut [0])).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    /// ```
    pub fn reset(mut self) {
        self.reset = true;
    }
}

/// Bytes are acknowledged when they have arrived at the peer, whether it has read them or not. After a
/// reset the count is unknown.
impl Acknowledges for MemoryStream {
    fn written(&self) -> Option<u64> {
        Some(self.written)
    }

    fn unacknowledged(&self) -> Option<u64> {
        u64::try_from(self.line.unacknowledged(self.end)?).ok()
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let most = buf.len().min(self.chunk);
        self.line.poll_read(self.end, cx, &mut buf[..most])
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(self.line.poll_write(self.end, cx, buf))?;
        self.written += u64::try_from(bytes).unwrap_or_default();
        Poll::Ready(Ok(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.close(self.end);
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        self.line.drop_end(self.end, self.reset);
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream")
            .field("incoming", &self.line.unread(1 - self.end))
            .field("outgoing", &self.line.unread(self.end))
            .finish_non_exhaustive()
    }
}
