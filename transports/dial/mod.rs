//! From a URL to a stream: address, proxy, TCP or Unix socket, TLS.

mod tcp;
#[cfg(feature = "rustls")]
pub(super) mod tls;
#[cfg(not(feature = "rustls"))]
#[path = "no_tls.rs"]
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Error, ErrorKind, Runtime};
use futures::future::{self, Either};
use url::Url;

use self::tls::Tls;

/// How connections are made: one for all transports of a session.
///
/// To a name with several addresses, those of IPv4 and IPv6 take turns, a new one every 250 ms or
/// as soon as one has failed, and the first that answers is taken (RFC 8305).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Dialer {
    tls: Tls,
}

#[cfg(feature = "rustls")]
impl Dialer {
    /// How `https` and `wss` are spoken. By default as the operating system does: see
    /// [`Tls`](super::Tls).
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }
}

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
        let tls = match url.scheme() {
            "https" => Some(self.tls.connector(url)?),
            _ => None,
        };
        let mut stream = match address {
            Some(address) => tcp::connect(runtime, address).await?,
            None => tcp::connect_to_host(runtime, url).await?,
        };
        if let Some(tls) = tls {
            stream = tls.connect(stream).await?;
        }
        Ok(Dialed { stream })
    }
}

/// What a stream of ours has to say itself of why it failed, under what others made of it: that the
/// server ended a TLS session with an alert comes as the failure of some read.
pub(super) fn own_words(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        next = error.source();
        let Some(error) = error.downcast_ref::<io::Error>() else {
            continue;
        };
        // The source of such an error is that of what it holds.
        let held = error.get_ref()?;
        if let Some(own) = held.downcast_ref::<Error>() {
            return Some(own.clone());
        }
        next = Some(held);
    }
    None
}
