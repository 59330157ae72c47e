//! A network in memory: who listens on which address, and who waits to be accepted.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::stream::{MemoryStream, duplex};

/// Bytes that a connection takes in each direction before its writer has to wait.
const CAPACITY: usize = 64 * 1024;

/// Connections that may wait to be accepted; more are refused.
const BACKLOG: usize = 128;

#[derive(Default)]
pub(super) struct Network {
    listeners: Mutex<BTreeMap<SocketAddr, Arc<Mutex<Backlog>>>>,
}

#[derive(Default)]
struct Backlog {
    waiting: VecDeque<MemoryStream>,
    accepting: Option<Waker>,
}

impl Network {
    pub(super) fn listen(self: &Arc<Self>, address: SocketAddr) -> MockListener {
        let backlog = match lock(&self.listeners).entry(address) {
            Entry::Vacant(vacant) => Some(Arc::clone(vacant.insert(Arc::default()))),
            Entry::Occupied(_) => None,
        };
        let Some(backlog) = backlog else {
            panic!("somebody listens on {address} of this MockRuntime already");
        };
        MockListener {
            network: Arc::clone(self),
            address,
            backlog,
        }
    }

    pub(super) fn connect(&self, address: &SocketAddr) -> io::Result<MemoryStream> {
        let refused = |why| {
            io::Error::new(
                io::ErrorKind::ConnectionRefused,
                format!("{why} on {address} of the mock network"),
            )
        };
        let Some(backlog) = lock(&self.listeners).get(address).cloned() else {
            return Err(refused("nobody listens"));
        };
        let (client, server) = duplex(CAPACITY);
        let accepting = {
            let mut backlog = lock(&backlog);
            if backlog.waiting.len() >= BACKLOG {
                return Err(refused("too many connections wait"));
            }
            backlog.waiting.push_back(server);
            backlog.accepting.take()
        };
        if let Some(waker) = accepting {
            waker.wake();
        }
        Ok(client)
    }
}

/// Accepts the connections to one address of a [`MockRuntime`](super::MockRuntime). Once it is
/// dropped, further ones are refused, and those that were not accepted end.
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
    network: Arc<Network>,
    address: SocketAddr,
    backlog: Arc<Mutex<Backlog>>,
}

impl MockListener {
    /// Waits for the next connection. At most 128 wait to be accepted; more are refused.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped has accepted nothing.
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
        poll_fn(|cx| {
            let mut waker = Some(cx.waker().clone());
            let mut backlog = lock(&self.backlog);
            match backlog.waiting.pop_front() {
                Some(stream) => Poll::Ready(stream),
                None => {
                    std::mem::swap(&mut backlog.accepting, &mut waker);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Where it listens.
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

impl Drop for MockListener {
    fn drop(&mut self) {
        lock(&self.network.listeners).remove(&self.address);
    }
}

impl fmt::Debug for MockListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockListener")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
