//! Names, addresses and sockets.

use std::sync::Arc;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Error, ErrorKind, Runtime};
use url::{Host, Url};

pub(super) async fn connect(
    runtime: &Arc<dyn Runtime>,
    address: &Address,
) -> Result<BoxedStream, Error> {
    runtime.connect(address).await.map_err(|error| {
        let message = format!("could not connect to {address}");
        Error::new(ErrorKind::Connect, message).with_source(error)
    })
}

/// Tries the addresses of a URL's host one after the other.
pub(super) async fn connect_to_host(
    runtime: &Arc<dyn Runtime>,
    url: &Url,
) -> Result<BoxedStream, Error> {
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = match url.host() {
        Some(Host::Ipv4(address)) => vec![(address, port).into()],
        Some(Host::Ipv6(address)) => vec![(address, port).into()],
        Some(Host::Domain(name)) => runtime.resolve(name, port).await.map_err(|error| {
            Error::new(
                ErrorKind::Resolve,
                format!("the name {name} could not be resolved"),
            )
            .with_source(error)
        })?,
        None => return Err(Error::new(ErrorKind::Invalid, "the URL has no host")),
    };
    let mut failure = None;
    for address in addresses {
        match connect(runtime, &Address::Tcp(address)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| {
        Error::new(
            ErrorKind::Resolve,
            format!(
                "the name {} has no address",
                url.host_str().unwrap_or_default()
            ),
        )
    }))
}
