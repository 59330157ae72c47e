//! Name resolution and sockets. If a name has several addresses, the first one that accepts a
//! connection is used (RFC 8305, "happy eyeballs").

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Error, ErrorKind, Runtime};
use futures::StreamExt as _;
use futures::future::{self, BoxFuture, Either, FutureExt as _};
use futures::stream::FuturesUnordered;
use url::{Host, Url};

use super::addresses::Addresses;

/// Time before the next address is tried while earlier attempts are still running, as recommended by
/// RFC 8305.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Maximum number of addresses of one name that are tried.
const MAX_ADDRESSES: usize = 32;
/// Maximum number of failed addresses that an error lists, and of characters of each cause.
const MAX_LISTED: usize = 8;
const MAX_CAUSE_LENGTH: usize = 100;

/// Opens sockets according to the dialer's settings.
pub(super) struct Sockets<'a> {
    pub(super) runtime: &'a Arc<dyn Runtime>,
    pub(super) addresses: &'a Addresses,
}

impl Sockets<'_> {
    pub(super) async fn connect(&self, address: &Address) -> Result<BoxedStream, Error> {
        self.open(address)
            .await
            .map_err(|error| self.failed(address, error))
    }

    async fn open(&self, address: &Address) -> io::Result<BoxedStream> {
        if let Address::Tcp(address) = address
            && let Some(local) = self.addresses.local_for(*address)
        {
            return self.runtime.connect_from(local, *address).await;
        }
        self.runtime.connect(address).await
    }

    pub(super) async fn connect_to_host(&self, url: &Url) -> Result<BoxedStream, Error> {
        let (host, addresses) = self.locate(url).await?;
        match *self.reachable(&host, addresses)? {
            [address] => self.connect(&Address::Tcp(address)).await,
            ref addresses => self.race(&host, addresses).await,
        }
    }

    /// The host of a URL and its addresses, of which there is at least one.
    pub(super) async fn locate<'u>(
        &self,
        url: &'u Url,
    ) -> Result<(Host<&'u str>, Vec<SocketAddr>), Error> {
        let port = url.port_or_known_default().unwrap_or(80);
        let Some(host) = url.host() else {
            return Err(Error::new(ErrorKind::Invalid, "the URL has no host"));
        };
        let addresses = match (self.addresses.addresses_for(&host, port), &host) {
            (Some(given), _) => in_order(given),
            (None, Host::Ipv4(ip)) => vec![(*ip, port).into()],
            (None, Host::Ipv6(ip)) => vec![(*ip, port).into()],
            (None, Host::Domain(name)) => in_order(self.resolve(name, port).await?),
        };
        Ok((host, addresses))
    }

    async fn resolve(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let addresses = self.runtime.resolve(name, port).await.map_err(|error| {
            let message = format!("could not resolve the host name {name}");
            Error::new(ErrorKind::Resolve, message).with_source(error)
        })?;
        if addresses.is_empty() {
            let message = format!("the host name {name} has no address");
            return Err(Error::new(ErrorKind::Resolve, message));
        }
        Ok(addresses)
    }

    /// Returns the addresses of the same family (IPv4 or IPv6) as the local address. A socket that is
    /// bound to an address of one family can't connect to the other family.
    fn reachable(
        &self,
        host: &Host<&str>,
        mut addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Error> {
        let Some(local) = self.addresses.local else {
            return Ok(addresses);
        };
        addresses.retain(|address| address.is_ipv4() == local.is_ipv4());
        if addresses.is_empty() {
            let family = if local.is_ipv4() { "IPv4" } else { "IPv6" };
            let message = format!(
                "could not connect to {host} from the local address {local}: \
                 {host} has no {family} address"
            );
            return Err(Error::new(ErrorKind::Connect, message));
        }
        Ok(addresses)
    }

    /// Tries the first address, and the next one when an attempt has failed or [`ATTEMPT_DELAY`] has
    /// passed. The first connection wins, and the other attempts are dropped.
    async fn race(
        &self,
        host: &Host<&str>,
        addresses: &[SocketAddr],
    ) -> Result<BoxedStream, Error> {
        let mut waiting = addresses.iter();
        let mut attempts = FuturesUnordered::new();
        let mut failures = Vec::new();
        loop {
            if let Some(&address) = waiting.next() {
                attempts.push(async move {
                    let connected = self.open(&Address::Tcp(address)).await;
                    connected.map_err(|error| (address, error))
                });
            }
            let delay: BoxFuture<'_, ()> = if waiting.as_slice().is_empty() {
                future::pending().boxed()
            } else {
                self.runtime.sleep(ATTEMPT_DELAY)
            };
            match future::select(attempts.next(), delay).await {
                Either::Left((Some(Ok(stream)), _)) => return Ok(stream),
                Either::Left((Some(Err(failure)), _)) => failures.push(failure),
                // All addresses were tried, and all attempts have failed.
                Either::Left((None, _)) => return Err(self.all_failed(host, &failures)),
                Either::Right(((), _)) => {}
            }
        }
    }

    fn failed(&self, address: &Address, error: io::Error) -> Error {
        let mut message = format!("could not connect to {address}");
        if let Address::Tcp(address) = address {
            self.add_local(&mut message);
            let is_bound = self.addresses.local.is_some();
            if is_bound && error.kind() == io::ErrorKind::AddrNotAvailable {
                message.push_str(": is that an address of this machine?");
            } else if lacks_interface(address) {
                message.push_str(
                    ", a link-local address without an interface: \
                     pass the address with a scope id to Dialer::resolve_to",
                );
            }
        }
        Error::new(ErrorKind::Connect, message).with_source(error)
    }

    fn all_failed(&self, host: &Host<&str>, failures: &[(SocketAddr, io::Error)]) -> Error {
        let mut message = format!("could not connect to {host}");
        self.add_local(&mut message);
        let mut separator = " (";
        for (address, error) in failures.iter().take(MAX_LISTED) {
            let cause: String = error.to_string().chars().take(MAX_CAUSE_LENGTH).collect();
            let _ = write!(message, "{separator}{address}: {cause}");
            separator = "; ";
        }
        let more = failures.len().saturating_sub(MAX_LISTED);
        if more > 0 {
            let _ = write!(message, "{separator}and {more} more");
        }
        message.push(')');
        Error::new(ErrorKind::Connect, message)
    }

    fn add_local(&self, message: &mut String) {
        if let Some(local) = self.addresses.local {
            let _ = write!(message, " from the local address {local}");
        }
    }
}

fn lacks_interface(address: &SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(address)
        if address.ip().is_unicast_link_local() && address.scope_id() == 0)
}

/// Alternates between IPv4 and IPv6, beginning with the family of the first address. If one family is
/// unreachable, the other family need not wait until all addresses of the first were tried.
fn in_order(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let v4_first = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == v4_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    while ordered.len() < MAX_ADDRESSES {
        let turn = [first.next(), second.next()];
        if turn == [None, None] {
            break;
        }
        for address in turn.into_iter().flatten() {
            // Some systems list an address of `localhost` twice.
            if !ordered.contains(&address) {
                ordered.push(address);
            }
        }
    }
    ordered.truncate(MAX_ADDRESSES);
    ordered
}
