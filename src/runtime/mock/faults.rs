//! Control of the network by a test: host names, conditions and faults.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::conditions::Conditions;
use super::line::{CLIENT, Line, Route, SERVER};
use super::network::Net;

/// The network of a [`MockRuntime`](super::MockRuntime): a test sets its conditions and injects faults.
/// Clones are handles to the same network.
///
/// ```
/// use engineio_client::runtime::Address;
/// use engineio_client::{MockRuntime, Runtime};
/// use futures::AsyncReadExt;
///
/// let runtime = MockRuntime::new();
/// let address = "10.0.0.1:80".parse()?;
/// let _listener = runtime.listen(address);
/// runtime.block_on(async {
///     let mut client = runtime.connect(&Address::Tcp(address)).await?;
///     runtime.network().reset_all();
///     let error = client.read(&mut [0]).await.unwrap_err();
///     assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
///     # std::io::Result::Ok(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Network(pub(super) Arc<Net>);

impl Network {
    /// Sets the conditions of new connections. Open connections keep theirs: see [`Connection::set`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::MockRuntime;
    /// use engineio_client::runtime::mock::Conditions;
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.network().set(Conditions::new().latency(Duration::from_millis(50)));
    /// ```
    pub fn set(&self, conditions: Conditions) {
        self.0.set(conditions);
    }

    /// Assigns addresses to a host name, which [`resolve`](crate::Runtime::resolve) returns in this
    /// order. Without addresses, the name is removed. Names are case-insensitive.
    ///
    /// ```
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.network().name("chat.test", ["10.0.0.1".parse()?, "::1".parse()?]);
    /// let addresses = runtime.block_on(runtime.resolve("chat.test", 80)).unwrap();
    /// assert_eq!(addresses, ["10.0.0.1:80".parse()?, "[::1]:80".parse()?]);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn name(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        self.0.name(name, addresses.into_iter().collect());
    }

    /// Refuses new connections to this address, even if it has a listener.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "10.0.0.1:80".parse()?;
    /// let _listener = runtime.listen(address);
    /// runtime.network().refuse(address);
    /// let refused = runtime.block_on(runtime.connect(&Address::Tcp(address)));
    /// assert!(refused.is_err());
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn refuse(&self, address: SocketAddr) {
        self.0.refuse(address);
    }

    /// Leaves new connections to this address unanswered, until [`restore`](Network::restore).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::runtime::Address;
    /// use engineio_client::{MockRuntime, Runtime};
    /// use futures::future::{Either, select};
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "10.0.0.1:80".parse()?;
    /// runtime.network().black_hole(address);
    /// runtime.block_on(async {
    ///     let (address, hour) = (Address::Tcp(address), Duration::from_secs(3600));
    ///     let first = select(runtime.connect(&address), runtime.sleep(hour)).await;
    ///     assert!(matches!(first, Either::Right(_)));
    /// });
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn black_hole(&self, address: SocketAddr) {
        self.0.black_hole(address);
    }

    /// Undoes [`refuse`](Network::refuse) and [`black_hole`](Network::black_hole). Waiting connection
    /// attempts are answered.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "10.0.0.1:80".parse()?;
    /// let _listener = runtime.listen(address);
    /// runtime.network().refuse(address);
    /// runtime.network().restore(address);
    /// assert!(runtime.block_on(runtime.connect(&Address::Tcp(address))).is_ok());
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn restore(&self, address: SocketAddr) {
        self.0.restore(address);
    }

    /// Partitions the network: until [`heal`](Network::heal), no bytes arrive and no connection attempt
    /// is answered. Neither end of a connection gets an error.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::runtime::Address;
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "10.0.0.1:80".parse()?;
    /// let _listener = runtime.listen(address);
    /// runtime.network().partition();
    /// let (clock, network) = (runtime.clone(), runtime.network());
    /// runtime.spawn(Box::pin(async move {
    ///     clock.sleep(Duration::from_secs(5)).await;
    ///     network.heal();
    /// }));
    /// runtime.block_on(runtime.connect(&Address::Tcp(address)))?;
    /// assert_eq!(runtime.now(), Duration::from_secs(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn partition(&self) {
        self.0.partition(true);
    }

    /// Ends a partition. Bytes that were sent during the partition, or were in flight when it began, are
    /// sent again in order. Waiting connection attempts continue.
    ///
    /// ```
    /// let network = engineio_client::MockRuntime::new().network();
    /// network.partition();
    /// network.heal();
    /// ```
    pub fn heal(&self) {
        self.0.partition(false);
    }

    /// Resets all open connections: see [`Connection::reset`].
    ///
    /// ```
    /// let runtime = engineio_client::MockRuntime::new();
    /// runtime.network().reset_all();
    /// assert!(runtime.network().connections().is_empty());
    /// ```
    pub fn reset_all(&self) {
        for connection in self.connections() {
            connection.reset();
        }
    }

    /// The open connections, the oldest first: those that were neither reset nor dropped by both ends.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "10.0.0.1:80".parse()?;
    /// let _listener = runtime.listen(address);
    /// let client = runtime.block_on(runtime.connect(&Address::Tcp(address)))?;
    /// let connections = runtime.network().connections();
    /// let victim = runtime.random() as usize % connections.len();
    /// connections[victim].reset();
    /// # drop(client);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connections(&self) -> Vec<Connection> {
        let lines = self.0.lines().into_iter();
        lines.filter_map(Connection::new).collect()
    }

    /// Starts to record the events of the network, for [`log`](Network::log).
    ///
    /// ```
    /// let network = engineio_client::MockRuntime::new().network();
    /// network.record();
    /// network.partition();
    /// assert_eq!(network.log(), ["0.000000000 partition"]);
    /// ```
    pub fn record(&self) {
        self.0.log.record();
    }

    /// Returns the events since [`record`](Network::record), or since the last call, one line each: the
    /// time in seconds, the number of the connection, and `->` for bytes from the client or `<-` for
    /// bytes from the server. The log has lengths but no contents, so that two runs with the same seed
    /// return the same log, whatever masks and keys they send.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::{MockRuntime, Runtime};
    /// use futures::AsyncWriteExt;
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.network().record();
    /// let address = "10.0.0.1:80".parse()?;
    /// let _listener = runtime.listen(address);
    /// runtime.block_on(async {
    ///     let mut client = runtime.connect(&Address::Tcp(address)).await?;
    ///     client.write_all(b"hello").await
    /// })?;
    /// let log = runtime.network().log();
    /// assert_eq!(log[0], "0.000000000 #1 connect 10.0.0.1:80");
    /// assert_eq!(log[1], "0.000000000 #1 -> 5 bytes");
    /// assert_eq!(log[2], "0.000000000 #1 -> end");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn log(&self) -> Vec<String> {
        self.0.log.take()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// One end of a connection.
///
/// ```
/// use engineio_client::runtime::mock::Side;
///
/// assert_ne!(Side::Client, Side::Server);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Side {
    /// The end that connected.
    Client,
    /// The end that accepted the connection.
    Server,
}

/// A connection of the mock network, from [`Network::connections`]. A test can break it at any moment.
/// Clones are handles to the same connection, and do not keep its ends alive.
///
/// ```
/// use engineio_client::runtime::Address;
/// use engineio_client::runtime::mock::Connection;
/// use engineio_client::{MockRuntime, Runtime};
/// use futures::AsyncWriteExt;
///
/// let runtime = MockRuntime::new();
/// let address = "10.0.0.1:80".parse()?;
/// let _listener = runtime.listen(address);
/// runtime.block_on(async {
///     let mut client = runtime.connect(&Address::Tcp(address)).await?;
///     let connection: Connection = runtime.network().connections().remove(0);
///     assert_eq!((connection.number(), connection.address()), (1, address));
///     connection.reset();
///     assert!(!connection.is_open());
///     assert!(client.write_all(b"lost").await.is_err());
///     # std::io::Result::Ok(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Connection {
    line: Arc<Line>,
    number: u64,
    address: SocketAddr,
    local: Option<SocketAddr>,
}

impl Connection {
    fn new(line: Arc<Line>) -> Option<Self> {
        let &Route {
            number,
            address,
            local,
            ..
        } = line.route()?;
        line.is_open().then_some(Self {
            line,
            number,
            address,
            local,
        })
    }

    /// The number of the connection in the log, from 1, in the order of connecting.
    ///
    /// See [`Connection`] for an example.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The address of the server.
    ///
    /// See [`Connection`] for an example.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The local address of the client, if it connected with
    /// [`connect_from`](crate::Runtime::connect_from).
    ///
    /// ```
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// let _listener = runtime.listen("10.0.0.1:80".parse()?);
    /// let connecting = runtime.connect_from("10.0.0.7:0".parse()?, "10.0.0.1:80".parse()?);
    /// let client = runtime.block_on(connecting)?;
    /// let connection = runtime.network().connections().remove(0);
    /// assert_eq!(connection.local_address(), Some("10.0.0.7".parse()?));
    /// # drop(client);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn local_address(&self) -> Option<IpAddr> {
        self.local.map(|local| local.ip())
    }

    /// Whether the connection was neither reset nor dropped by both ends.
    ///
    /// See [`Connection`] for an example.
    pub fn is_open(&self) -> bool {
        self.line.is_open()
    }

    /// Changes the conditions of the connection. Bytes in flight keep their arrival time, and later
    /// bytes do not overtake them.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::runtime::mock::{Conditions, Connection};
    ///
    /// fn slow_down(connection: &Connection) {
    ///     connection.set(Conditions::new().latency(Duration::from_secs(2)));
    /// }
    /// ```
    pub fn set(&self, conditions: Conditions) {
        self.line.set(conditions);
    }

    /// Resets the connection at both ends at once, as a router does that has lost its state. Reads and
    /// writes fail with [`ConnectionReset`](std::io::ErrorKind::ConnectionReset), and unread bytes are
    /// lost.
    ///
    /// See [`Connection`] for an example. [`MemoryStream::reset`](super::MemoryStream::reset) is a reset
    /// by one end.
    pub fn reset(&self) {
        self.line.reset(false);
    }

    /// Like [`reset`](Connection::reset), but bytes that were written before the reset arrive at once,
    /// and can be read before the error.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::{MockRuntime, Runtime};
    /// use futures::{AsyncReadExt, AsyncWriteExt};
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "10.0.0.1:80".parse()?;
    /// let mut listener = runtime.listen(address);
    /// runtime.block_on(async {
    ///     let mut client = runtime.connect(&Address::Tcp(address)).await?;
    ///     client.write_all(b"last words").await?;
    ///     runtime.network().connections()[0].reset_after_data();
    ///     let mut heard = String::new();
    ///     let mut server = listener.accept().await;
    ///     assert!(server.read_to_string(&mut heard).await.is_err());
    ///     assert_eq!(server.read(&mut [0]).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    ///     # std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset_after_data(&self) {
        self.line.reset(true);
    }

    /// Drops all bytes from now on, in both directions, including those in flight. Neither end gets an
    /// error. Writes wait when the buffer is full, since nothing is acknowledged.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::{MockRuntime, Runtime};
    /// use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "10.0.0.1:80".parse()?;
    /// let mut listener = runtime.listen(address);
    /// runtime.block_on(async {
    ///     let mut client = runtime.connect(&Address::Tcp(address)).await?;
    ///     let mut server = listener.accept().await;
    ///     runtime.network().connections()[0].black_hole();
    ///     client.write_all(b"lost").await?;
    ///     drop(client);
    ///     assert!(server.read(&mut [0]).now_or_never().is_none());
    ///     # std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn black_hole(&self) {
        self.line.black_hole();
    }

    /// Closes one direction, as if this side had closed its stream: the peer reads the end after the
    /// bytes in flight. The other direction stays open.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::runtime::mock::Side;
    /// use engineio_client::{MockRuntime, Runtime};
    /// use futures::{AsyncReadExt, AsyncWriteExt};
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "10.0.0.1:80".parse()?;
    /// let _listener = runtime.listen(address);
    /// runtime.block_on(async {
    ///     let mut client = runtime.connect(&Address::Tcp(address)).await?;
    ///     runtime.network().connections()[0].half_close(Side::Server);
    ///     assert_eq!(client.read(&mut [0]).await?, 0);
    ///     client.write_all(b"still heard").await
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn half_close(&self, side: Side) {
        self.line.close(match side {
            Side::Client => CLIENT,
            Side::Server => SERVER,
        });
    }

    /// Partitions this connection: no bytes arrive until [`heal`](Connection::heal).
    ///
    /// ```
    /// use engineio_client::runtime::mock::Connection;
    ///
    /// fn hiccup(connection: &Connection) {
    ///     connection.partition();
    ///     // ... some time later:
    ///     connection.heal();
    /// }
    /// ```
    pub fn partition(&self) {
        self.line.hold(true, true);
    }

    /// Ends the partition of this connection. It does not end a partition of the [whole
    /// network](Network::partition).
    ///
    /// See [`partition`](Connection::partition) for an example.
    pub fn heal(&self) {
        self.line.hold(true, false);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("number", &self.number)
            .field("address", &self.address)
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}
