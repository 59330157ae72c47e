//! Connections in memory: two pipes, one each way.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::io::{AsyncRead, AsyncWrite};

/// Two ends of a connection: what is written to one is read from the other. `capacity` is how many
/// bytes each direction holds before its writer has to wait; zero counts as one.
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
    let (there, back) = (Pipe::new(capacity), Pipe::new(capacity));
    let left = MemoryStream {
        incoming: back.clone(),
        outgoing: there.clone(),
        chunk: usize::MAX,
    };
    let right = MemoryStream {
        incoming: there,
        outgoing: back,
        chunk: usize::MAX,
    };
    (left, right)
}

/// One end of a connection in memory, on any runtime.
///
/// Closing it ends what the peer reads, after what is still in the buffer, and leaves the other
/// direction as it is. Dropping it does the same, and the peer's writes fail with
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe).
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
    incoming: Pipe,
    outgoing: Pipe,
    chunk: usize,
}

impl MemoryStream {
    /// Lets each read return at most this many bytes, to test what has to put pieces together.
    /// Zero counts as one.
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
}

/// One direction.
#[derive(Clone)]
struct Pipe(Arc<Mutex<State>>);

struct State {
    buffer: VecDeque<u8>,
    capacity: usize,
    /// Nothing more will be written.
    closed: bool,
    /// Nobody will read any more.
    abandoned: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            buffer: VecDeque::new(),
            capacity: capacity.max(1),
            closed: false,
            abandoned: false,
            reader: None,
            writer: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // Declared before the lock, and so dropped after it: wakers are code of others.
        let mut waker = Some(cx.waker().clone());
        let mut state = self.state();
        if state.buffer.is_empty() {
            if state.closed {
                return Poll::Ready(Ok(0));
            }
            std::mem::swap(&mut state.reader, &mut waker);
            return Poll::Pending;
        }
        let mut read = 0;
        // A ring buffer reads as two slices.
        while read < buf.len() && !state.buffer.is_empty() {
            read += state.buffer.read(&mut buf[read..])?;
        }
        let writer = state.writer.take();
        drop(state);
        wake(writer);
        Poll::Ready(Ok(read))
    }

    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut waker = Some(cx.waker().clone());
        let mut state = self.state();
        if state.abandoned || state.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = state.capacity - state.buffer.len();
        if room == 0 && !buf.is_empty() {
            std::mem::swap(&mut state.writer, &mut waker);
            return Poll::Pending;
        }
        let written = buf.len().min(room);
        state.buffer.extend(&buf[..written]);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Poll::Ready(Ok(written))
    }

    /// The end of writing.
    fn close(&self) {
        let reader = {
            let mut state = self.state();
            state.closed = true;
            state.reader.take()
        };
        wake(reader);
    }

    /// The end of reading.
    fn abandon(&self) {
        let (writer, buffer) = {
            let mut state = self.state();
            state.abandoned = true;
            (state.writer.take(), std::mem::take(&mut state.buffer))
        };
        drop(buffer);
        wake(writer);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let most = buf.len().min(self.chunk);
        self.incoming.poll_read(cx, &mut buf[..most])
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.outgoing.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        self.outgoing.close();
        self.incoming.abandon();
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream")
            .field("incoming", &self.incoming.state().buffer.len())
            .field("outgoing", &self.outgoing.state().buffer.len())
            .finish_non_exhaustive()
    }
}
