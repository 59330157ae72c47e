//! Where a runtime connects to, and what the connections are.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use futures::io::{AsyncRead, AsyncWrite};

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A connection, in both directions. Whatever reads and writes is one.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + Any {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {}

/// Any connection.
pub type BoxedStream = Box<dyn ByteStream>;

/// What a connection can tell of the way of its bytes. `None` where that is not known, which is so for
/// all streams but those that were boxed by [`Acknowledges::boxed`].
///
/// A stream that goes through another one, such as TLS, counts the bytes of the one below, which are
/// more than those that were written to it.
impl dyn ByteStream {
    /// How many bytes were written, since the connection was made.
    pub fn written(&self) -> Option<u64> {
        self.acknowledges()?.written()
    }

    /// How many of the bytes that were written the other end's system has not acknowledged: they may
    /// never have arrived.
    pub fn unacknowledged(&self) -> Option<u64> {
        self.acknowledges()?.unacknowledged()
    }

    fn acknowledges(&self) -> Option<&dyn Acknowledges> {
        let stream: &dyn Any = self;
        Some(&**stream.downcast_ref::<Box<dyn Acknowledges>>()?)
    }
}

/// A connection that can tell how much of what was written has arrived.
///
/// Polling asks when the other end has closed a connection that was kept: a request of which nothing
/// was acknowledged is sent again, on a new connection, instead of ending the session. It asks within
/// the read that tells the end, and it needs both counts, of the same bytes. The streams of the built-in
/// runtimes answer on Linux, and those of the mock network do.
///
/// ```
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use engineio_client::runtime::{Acknowledges, BoxedStream};
/// use futures::io::{AsyncRead, AsyncWrite};
///
/// /// Passes all bytes on, and the questions, too.
/// struct Counted(BoxedStream);
///
/// impl Acknowledges for Counted {
///     fn written(&self) -> Option<u64> {
///         self.0.written()
///     }
///
///     fn unacknowledged(&self) -> Option<u64> {
///         self.0.unacknowledged()
///     }
/// }
///
/// fn counted(stream: BoxedStream) -> BoxedStream {
///     Counted(stream).boxed()
/// }
/// # impl AsyncRead for Counted {
/// #     fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<std::io::Result<usize>> {
/// #         Pin::new(&mut self.0).poll_read(cx, buffer)
/// #     }
/// # }
/// # impl AsyncWrite for Counted {
/// #     fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
/// #         Pin::new(&mut self.0).poll_write(cx, bytes)
/// #     }
/// #     fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
/// #         Pin::new(&mut self.0).poll_flush(cx)
/// #     }
/// #     fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
/// #         Pin::new(&mut self.0).poll_close(cx)
/// #     }
/// # }
/// ```
pub trait Acknowledges: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// How many bytes were written, since the connection was made; `None`, the default, where they are
    /// not counted.
    fn written(&self) -> Option<u64> {
        None
    }

    /// How many of the bytes that were written the other end's system has not acknowledged; `None` where
    /// that can't be told, as after a reset.
    fn unacknowledged(&self) -> Option<u64>;

    /// The connection for [`Runtime::connect`](super::Runtime::connect), such that it can be
    /// [asked](trait@ByteStream).
    fn boxed(self) -> BoxedStream
    where
        Self: Sized,
    {
        let stream: Box<dyn Acknowledges> = Box::new(self);
        Box::new(stream)
    }
}

#[cfg(all(not(unix), feature = "__runtime"))]
pub(super) fn unsupported(path: &std::path::Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("this system can't connect to {}", path.display()),
    )
}
