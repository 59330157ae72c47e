//! The listener of the mock network.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use super::network::Net;
use super::stream::MemoryStream;
use super::waiter::Waiter;

/// Accepts the connections to one address of a [`MockRuntime`](super::MockRuntime), from
/// [`MockRuntime::listen`](super::MockRuntime::listen). Dropping it refuses further connections, and
/// closes those that were not accepted.
///
/// ```
/// use engineio_client::MockRuntime;
///
/// let runtime = MockRuntime::new();
/// let address = "127.0.0.1:3000".parse()?;
/// let listener = runtime.listen(address);
/// assert_eq!(listener.address(), address);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub struct MockListener {
    net: Arc<Net>,
    address: SocketAddr,
}

impl MockListener {
    pub(super) fn bind(net: Arc<Net>, address: SocketAddr) -> Self {
        net.bind(address);
        Self { net, address }
    }

    /// Waits for the next connection. At most 128 connections wait to be accepted; further ones are
    /// refused.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped call has not accepted a connection.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::runtime::mock::MockListener;
    /// use engineio_client::{MockRuntime, Runtime};
    /// use futures::{AsyncReadExt, AsyncWriteExt};
    ///
    /// async fn greet(mut listener: MockListener) -> std::io::Result<()> {
    ///     listener.accept().await.write_all(b"hello").await
    /// }
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "127.0.0.1:3000".parse()?;
    /// let listener = runtime.listen(address);
    /// runtime.block_on(async {
    ///     let mut client = runtime.connect(&Address::Tcp(address)).await?;
    ///     greet(listener).await?;
    ///     let mut text = String::new();
    ///     client.read_to_string(&mut text).await?;
    ///     assert_eq!(text, "hello");
    ///     # std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn accept(&mut self) -> MemoryStream {
        let waiting = Accepting(self);
        poll_fn(|cx| {
            let net = &waiting.0.net;
            let waiter = Waiter::new(cx.waker().clone(), Some(&net.executor));
            match net.accept(&waiting.0.address, waiter) {
                Some(stream) => Poll::Ready(stream),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// The address of the listener.
    ///
    /// ```
    /// let address = "[::1]:80".parse()?;
    /// let listener = engineio_client::MockRuntime::new().listen(address);
    /// assert_eq!(listener.address(), address);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Removes the waiting task from the network when the call is dropped.
struct Accepting<'a>(&'a MockListener);

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        self.0.net.stop_accepting(&self.0.address);
    }
}

impl Drop for MockListener {
    fn drop(&mut self) {
        self.net.unlisten(&self.address);
    }
}

impl fmt::Debug for MockListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockListener")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
