//! What a test does to the network.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::conditions::Conditions;
use super::line::{CLIENT, Line, Route, SERVER};
use super::network::Net;

/// The network of a [`MockRuntime`](super::MockRuntime), to be slowed and broken. Clones are the
/// same network.
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
    /// What connections are like that are made from now on. Those that live keep theirs: see
    /// [`Connection::set`].
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

    /// A name that [`resolve`](crate::Runtime::resolve) knows from now on, best address first.
    /// Without addresses, it is forgotten. Case does not matter.
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

    /// Refuses new connections to this address, even if somebody listens there.
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

    /// Never answers new connects to this address, before [`restore`](Network::restore).
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

    /// Undoes [`refuse`](Network::refuse) and [`black_hole`](Network::black_hole): who waits for an
    /// answer gets one.
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

    /// Cuts the network in two: nothing arrives and nothing is answered any more, until
    /// [`heal`](Network::heal). Nobody is told.
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

    /// Ends a partition: what was sent meanwhile, or was on its way when it began, sets out again,
    /// in its order, and so do the connects that wait.
    ///
    /// ```
    /// let network = engineio_client::MockRuntime::new().network();
    /// network.partition();
    /// network.heal();
    /// ```
    pub fn heal(&self) {
        self.0.partition(false);
    }

    /// Resets each connection that lives: see [`Connection::reset`].
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

    /// The connections that were neither reset nor left by both ends, the oldest first.
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
    /// let unlucky = runtime.random() as usize % connections.len();
    /// connections[unlucky].reset();
    /// # drop(client);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connections(&self) -> Vec<Connection> {
        let lines = self.0.lines().into_iter();
        lines.filter_map(Connection::new).collect()
    }

    /// Writes down from now on what happens on the network, for [`log`](Network::log).
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

    /// What has happened since [`record`](Network::record), or since the last call of this: a line
    /// each, with the time in seconds, the number of the connection, and `->` for what the client
    /// sends or `<-` for what the server sends. Lengths, never contents: two runs of the same seed
    /// give the same log, whatever masks and keys they write.
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

/// An end of a connection.
///
/// ```
/// use engineio_client::runtime::mock::Side;
///
/// assert_ne!(Side::Client, Side::Server);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Side {
    /// The one that has connected.
    Client,
    /// The one that was connected to.
    Server,
}

/// A connection of the mock network, seen from above: from here a test can break it, at any moment.
/// Clones are the same connection, and keep neither end alive.
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

    /// Its number in the log: they count from one, in the order of connecting.
    ///
    /// See [`Connection`] for an example.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The address that was connected to.
    ///
    /// See [`Connection`] for an example.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The local address that was asked for, by
    /// [`connect_from`](crate::Runtime::connect_from): `None` where none was.
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

    /// Whether it was neither reset nor left by both ends.
    ///
    /// See [`Connection`] for an example.
    pub fn is_open(&self) -> bool {
        self.line.is_open()
    }

    /// What it is like from now on. What is on its way stays so, and nothing overtakes it.
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

    /// Breaks it, as a router does that has forgotten it: both ends learn of it at once. Their
    /// reads and writes fail with [`ConnectionReset`](std::io::ErrorKind::ConnectionReset), and
    /// what was not read is lost.
    ///
    /// See [`Connection`] for an example; [`MemoryStream::reset`](super::MemoryStream::reset) is
    /// the same done by one end.
    pub fn reset(&self) {
        self.line.reset(false);
    }

    /// As [`reset`](Connection::reset), but what was written before arrives at once and is read
    /// before the error.
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

    /// Lets all bytes vanish from now on, in both directions, those on their way included. Neither
    /// end is told, ever: writers wait once the buffer is full, as nothing is acknowledged.
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

    /// Ends what this side writes, as if it had closed its half: its peer reads the end behind what
    /// is on its way, and the other direction goes on.
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

    /// Lets nothing arrive on this connection, until [`heal`](Connection::heal).
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

    /// Ends the partition of this connection; that of the [whole network](Network::partition) is
    /// not its own.
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
