//! Names, addresses and sockets: of the addresses of a name, whichever answers first (RFC 8305,
//! "happy eyeballs").

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

/// How long an address may think before the next one is asked beside it: what RFC 8305 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// So many addresses of a name are tried at most.
const MOST_ADDRESSES: usize = 32;
/// So many failures are told in an error, and so many characters of each.
const MOST_TOLD: usize = 8;
const MOST_CAUSE: usize = 100;

pub(super) async fn connect(
    runtime: &Arc<dyn Runtime>,
    address: &Address,
) -> Result<BoxedStream, Error> {
    runtime.connect(address).await.map_err(|error| {
        let message = format!("could not connect to {address}");
        Error::new(ErrorKind::Connect, message).with_source(error)
    })
}

/// Connects to the host of a URL.
pub(super) async fn connect_to_host(
    runtime: &Arc<dyn Runtime>,
    url: &Url,
) -> Result<BoxedStream, Error> {
    let port = url.port_or_known_default().unwrap_or(80);
    let name = match url.host() {
        Some(Host::Ipv4(ip)) => return connect(runtime, &Address::Tcp((ip, port).into())).await,
        Some(Host::Ipv6(ip)) => return connect(runtime, &Address::Tcp((ip, port).into())).await,
        Some(Host::Domain(name)) => name,
        None => return Err(Error::new(ErrorKind::Invalid, "the URL has no host")),
    };
    match *resolve(runtime, name, port).await? {
        [address] => connect(runtime, &Address::Tcp(address)).await,
        ref addresses => race(runtime, name, addresses).await,
    }
}

/// The addresses of a name, of which there is one at least, in the order in which to try them.
pub(super) async fn resolve(
    runtime: &Arc<dyn Runtime>,
    name: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, Error> {
    let addresses = runtime.resolve(name, port).await.map_err(|error| {
        let message = format!("the name {name} could not be resolved");
        Error::new(ErrorKind::Resolve, message).with_source(error)
    })?;
    if addresses.is_empty() {
        let message = format!("the name {name} has no address");
        return Err(Error::new(ErrorKind::Resolve, message));
    }
    Ok(in_order(addresses))
}

/// The families take turns, beginning with the first address's: where one of them leads nowhere,
/// the other is not kept waiting behind all of it.
fn in_order(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let v4_first = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == v4_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    while ordered.len() < MOST_ADDRESSES {
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
    ordered.truncate(MOST_ADDRESSES);
    ordered
}

/// Begins with the first address, and goes on to the next when one has failed, or takes its time.
/// The first connection wins, and the other attempts are dropped.
async fn race(
    runtime: &Arc<dyn Runtime>,
    name: &str,
    addresses: &[SocketAddr],
) -> Result<BoxedStream, Error> {
    let mut waiting = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    let mut failures = Vec::new();
    loop {
        if let Some(&address) = waiting.next() {
            attempts.push(async move {
                let connected = runtime.connect(&Address::Tcp(address)).await;
                connected.map_err(|error| (address, error))
            });
        }
        let delay: BoxFuture<'_, ()> = if waiting.as_slice().is_empty() {
            future::pending().boxed()
        } else {
            runtime.sleep(ATTEMPT_DELAY)
        };
        match future::select(attempts.next(), delay).await {
            Either::Left((Some(Ok(stream)), _)) => return Ok(stream),
            Either::Left((Some(Err(failure)), _)) => failures.push(failure),
            // None is left, and none waits: all were tried.
            Either::Left((None, _)) => return Err(all_failed(name, &failures)),
            Either::Right(((), _)) => {}
        }
    }
}

fn all_failed(name: &str, failures: &[(SocketAddr, io::Error)]) -> Error {
    let mut message = format!("could not connect to {name}");
    let mut separator = " (";
    for (address, error) in failures.iter().take(MOST_TOLD) {
        let cause: String = error.to_string().chars().take(MOST_CAUSE).collect();
        let _ = write!(message, "{separator}{address}: {cause}");
        separator = "; ";
    }
    let more = failures.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        let _ = write!(message, "{separator}and {more} more");
    }
    message.push(')');
    Error::new(ErrorKind::Connect, message)
}
