//! Proxies: which one a connection takes, and how it goes through it.

mod environment;
mod proxy_url;
mod socks;
mod tunnel;

use std::sync::Arc;

use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, Runtime};
use url::Url;

use self::environment::Environment;
use self::proxy_url::Protocol;
pub use self::proxy_url::Proxy;

/// What a dialer was told of proxies.
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

    /// The proxy for a connection to this URL.
    pub(super) fn choose(&self, url: &Url) -> Result<Option<&Proxy>, Error> {
        match (&self.given, &self.environment) {
            (Some(proxy), _) => Ok(Some(proxy)),
            (None, Some(environment)) => environment.choose(url),
            (None, None) => Ok(None),
        }
    }
}

impl Proxy {
    /// Whether this proxy forwards HTTP requests to this URL one by one, without a tunnel.
    pub(super) fn forwards(&self, url: &Url) -> bool {
        matches!(self.protocol, Protocol::Http { .. }) && url.scheme() == "http"
    }

    /// Connects to the host of a URL through this proxy.
    pub(super) async fn connect(
        &self,
        runtime: &Arc<dyn Runtime>,
        url: &Url,
    ) -> Result<BoxedStream, Error> {
        match &self.protocol {
            Protocol::Http { authorization } => {
                let stream = self.reach(runtime).await?;
                tunnel::open(stream, url, self, authorization.as_ref()).await
            }
            Protocol::Socks5 {
                credentials,
                resolves,
            } => {
                let targets = socks::targets(runtime, url, *resolves).await?;
                socks::connect(runtime, self, credentials.as_ref(), &targets).await
            }
        }
    }
}
