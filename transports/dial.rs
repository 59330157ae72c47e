//! From an address to a stream: name, then TCP.

use std::sync::Arc;
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Error, ErrorKind, Runtime};
use futures::future::{self, Either};
use url::{Host, Url};

/// Connects to the host of a URL, trying its addresses one after the other.
pub(super) async fn dial(runtime: &Arc<dyn Runtime>, url: &Url) -> Result<BoxedStream, Error> {
    if url.scheme() == "https" {
        return Err(Error::new(
            ErrorKind::Tls,
            "this build of the client speaks no TLS, which an https URL needs",
        ));
    }
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
        match runtime.connect(&Address::Tcp(address)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                let message = format!("could not connect to {address}");
                failure = Some(Error::new(ErrorKind::Connect, message).with_source(error));
            }
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

/// The same within a time limit.
#[cfg_attr(
    not(feature = "polling"),
    expect(dead_code, reason = "only polling dials when no open is under way")
)]
pub(super) async fn dial_within(
    runtime: &Arc<dyn Runtime>,
    url: &Url,
    limit: Duration,
) -> Result<BoxedStream, Error> {
    match future::select(Box::pin(dial(runtime, url)), runtime.sleep(limit)).await {
        Either::Left((stream, _)) => stream,
        Either::Right(((), _)) => {
            let message = format!(
                "connecting took longer than the open timeout of {} s",
                limit.as_secs_f64()
            );
            Err(Error::new(ErrorKind::Timeout, message))
        }
    }
}
