//! From a URL to a stream: address, proxy, TCP or Unix socket, TLS.

mod tcp;

use std::sync::Arc;
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Error, ErrorKind, Runtime};
use futures::future::{self, Either};
use url::Url;

/// How connections are made: one for all transports of a session.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Dialer {}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// HTTP requests, which a proxy may forward one by one.
    #[cfg(feature = "polling")]
    Requests,
    /// Something that takes the connection over, for which a proxy has to make a tunnel.
    #[cfg(feature = "websocket")]
    Tunnel,
}

/// A connection that was made.
pub(super) struct Dialed {
    pub(super) stream: BoxedStream,
}

impl Dialer {
    /// Connects to the host of a URL, or to the address that is given in its place, within a time
    /// limit where the caller has none of its own.
    pub(super) async fn dial(
        &self,
        runtime: &Arc<dyn Runtime>,
        url: &Url,
        address: Option<&Address>,
        purpose: Purpose,
        limit: Option<Duration>,
    ) -> Result<Dialed, Error> {
        let dial = self.dial_unlimited(runtime, url, address, purpose);
        let Some(limit) = limit else {
            return dial.await;
        };
        match future::select(Box::pin(dial), runtime.sleep(limit)).await {
            Either::Left((dialed, _)) => dialed,
            Either::Right(((), _)) => {
                let message = format!(
                    "connecting took longer than the open timeout of {} s",
                    limit.as_secs_f64()
                );
                Err(Error::new(ErrorKind::Timeout, message))
            }
        }
    }

    async fn dial_unlimited(
        &self,
        runtime: &Arc<dyn Runtime>,
        url: &Url,
        address: Option<&Address>,
        _purpose: Purpose,
    ) -> Result<Dialed, Error> {
        if url.scheme() == "https" {
            return Err(Error::new(
                ErrorKind::Tls,
                "this build of the client speaks no TLS, which an https URL needs",
            ));
        }
        let stream = match address {
            Some(address) => tcp::connect(runtime, address).await?,
            None => tcp::connect_to_host(runtime, url).await?,
        };
        Ok(Dialed { stream })
    }
}
