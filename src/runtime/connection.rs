//! Addresses and connections.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use futures::io::{AsyncRead, AsyncWrite};

/// An address that a runtime connects to.
///
/// ```
/// use engineio_client::runtime::Address;
///
/// let tcp = Address::Tcp("127.0.0.1:3000".parse()?);
/// let unix = Address::Unix("/run/chat.socket".into());
/// assert_eq!(tcp.to_string(), "127.0.0.1:3000");
/// assert_eq!(unix.to_string(), "/run/chat.socket");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
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

/// A connection: a stream of bytes in both directions. Every type with the IO traits of `futures`
/// implements it.
///
/// ```
/// use engineio_client::runtime::BoxedStream;
/// use futures::io::Cursor;
///
/// let stream: BoxedStream = Box::new(Cursor::new(vec![0_u8; 16]));
/// assert_eq!(stream.unacknowledged(), None);
/// ```
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + Any {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {}

/// A boxed connection of any type, as [`Runtime::connect`](super::Runtime::connect) returns it.
///
/// ```
/// use engineio_client::runtime::BoxedStream;
/// use futures::AsyncWriteExt;
///
/// async fn greet(mut stream: BoxedStream) -> std::io::Result<()> {
///     stream.write_all(b"hello").await
/// }
/// ```
pub type BoxedStream = Box<dyn ByteStream>;

/// The counts of a connection that was boxed by [`Acknowledges::boxed`]. Other connections return
/// `None`.
///
/// A stream on top of another one, such as TLS, returns the counts of the lower stream. They exceed the
/// number of bytes written to the upper stream.
impl dyn ByteStream {
    /// Number of bytes written since the connection was made.
    pub fn written(&self) -> Option<u64> {
        self.acknowledges()?.written()
    }

    /// Number of written bytes that the peer's operating system has not acknowledged. They may not have
    /// arrived.
    pub fn unacknowledged(&self) -> Option<u64> {
        self.acknowledges()?.unacknowledged()
    }

    fn acknowledges(&self) -> Option<&dyn Acknowledges> {
        let stream: &dyn Any = self;
        Some(&**stream.downcast_ref::<Box<dyn Acknowledges>>()?)
    }
}

/// A connection that knows how many of the written bytes the peer has acknowledged.
///
/// Polling uses the counts when the server has closed an idle connection. If nothing of a request was
/// acknowledged, the request is sent again on a new connection; otherwise the session ends. Polling
/// queries the counts during the read that reports the end of the connection. It needs both counts, and
/// they must count the same bytes. The streams of the built-in runtimes know the counts on Linux, and
/// those of the mock network always do.
///
/// ```
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use engineio_client::runtime::{Acknowledges, BoxedStream};
/// use futures::io::{AsyncRead, AsyncWrite};
///
/// /// Wraps a stream, and forwards its bytes and its counts.
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
    /// Number of bytes written since the connection was made. `None`, the default, if they are not
    /// counted.
    fn written(&self) -> Option<u64> {
        None
    }

    /// Number of written bytes that the peer's operating system has not acknowledged. `None` if this is
    /// unknown, for example after a reset.
    fn unacknowledged(&self) -> Option<u64>;

    /// Boxes the connection, for [`Runtime::connect`](super::Runtime::connect), so that the methods of
    /// [`dyn ByteStream`](trait@ByteStream) return its counts. A plain `Box::new` would hide them.
    fn boxed(self) -> BoxedStream
    where
        Self: Sized,
    {
        let stream: Box<dyn Acknowledges> = Box::new(self);
        Box::new(stream)
    }
}

#[cfg(all(not(any(unix, target_os = "unknown")), feature = "__runtime"))]
pub(super) fn unsupported(path: &std::path::Path) -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::Unsupported,
        format!(
            "Unix sockets are not supported on this system: {}",
            path.display()
        ),
    )
}
