//! Proxies: choosing one for a connection, and connecting through it.

mod environment;
mod proxy_url;
mod socks;
mod tunnel;

use std::sync::Arc;

use engineio_client::Error;
use engineio_client::runtime::BoxedStream;
use url::Url;

use self::environment::Environment;
use self::proxy_url::Protocol;
pub use self::proxy_url::Proxy;
pub(super) use self::proxy_url::host_and_port;
use super::tcp::Sockets;
use super::tls::Tls;

/// The proxies that a dialer was given.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    given: Option<Proxy>,
    environment: Option<Arc<Environment>>,
}

impl Proxies {
    pub(super) fn set(&mut self, proxy: Proxy) {
        self.given = Some(proxy);
    }

    pub(super) fn read_environment(&mut self, variable: &dyn Fn(&str) -> Option<String>) {
        self.environment = Some(Arc::new(Environment::read(variable)));
    }

    /// The proxy for connections to this URL.
    pub(super) fn choose(&self, url: &Url) -> Result<Option<&Proxy>, Error> {
        match (&self.given, &self.environment) {
            (Some(proxy), _) => Ok(Some(proxy)),
            (None, Some(environment)) => environment.choose(url),
            (None, None) => Ok(None),
        }
    }
}

impl Proxy {
    /// Whether this proxy forwards single HTTP requests to this URL, without a tunnel.
    pub(super) fn forwards(&self, url: &Url) -> bool {
        matches!(self.protocol, Protocol::Http { .. }) && url.scheme() == "http"
    }

    /// Connects to the proxy itself, with TLS if its URL says so.
    pub(super) async fn reach(
        &self,
        sockets: &Sockets<'_>,
        tls: &Tls,
    ) -> Result<BoxedStream, Error> {
        if !self.is_reached_by_tls() {
            return self.reach_by_tcp(sockets).await;
        }
        let connector = tls.connector_to_proxy(self.place())?;
        let stream = self.reach_by_tcp(sockets).await?;
        let connected = connector.connect(stream).await;
        connected.map_err(|error| self.unreachable(error))
    }

    /// Connects to the host of a URL through this proxy.
    pub(super) async fn connect(
        &self,
        sockets: &Sockets<'_>,
        tls: &Tls,
        url: &Url,
    ) -> Result<BoxedStream, Error> {
        match &self.protocol {
            Protocol::Http { authorization } => {
                let stream = self.reach(sockets, tls).await?;
                tunnel::open(stream, url, self, authorization.as_ref()).await
            }
            Protocol::Socks5 {
                credentials,
                resolves,
            } => {
                let targets = socks::targets(sockets, url, *resolves).await?;
                socks::connect(sockets, self, credentials.as_ref(), &targets).await
            }
        }
    }
}
