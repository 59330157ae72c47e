//! From a URL to a stream: address, proxy, TCP or Unix socket, TLS.

mod addresses;
mod proxy;
mod tcp;
#[cfg(feature = "rustls")]
pub(super) mod tls;
#[cfg(not(feature = "rustls"))]
#[path = "no_tls.rs"]
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::{Error, ErrorKind, Limit, Runtime};
use futures::future::{self, Either};
use url::Url;

use self::addresses::Addresses;
use self::proxy::Proxies;
pub use self::proxy::Proxy;
use self::tcp::Sockets;
use self::tls::Tls;

/// How connections are made: one for all transports of a session.
///
/// By default they go to the server itself. To a name with several addresses, those of IPv4 and IPv6
/// take turns, a new one every 250 ms or as soon as one has failed, and the first that answers is
/// taken (RFC 8305). Unix sockets know neither proxies nor TLS, whatever is set here.
///
/// ```
/// use engineio_client::transports::{Dialer, Proxy};
///
/// let dialer = Dialer::default().proxy(Proxy::new("http://proxy.example:3128")?);
/// let proxy = dialer.proxy_for(&"https://chat.example".parse()?)?;
/// assert_eq!(proxy.unwrap().to_string(), "http://proxy.example:3128");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Dialer {
    addresses: Addresses,
    proxies: Proxies,
    tls: Tls,
    one_request_each: bool,
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
pub(crate) enum Purpose {
    /// HTTP requests, which a proxy may forward one by one.
    #[cfg_attr(not(feature = "polling"), allow(dead_code))]
    Requests,
    /// Something that takes the connection over, for which a proxy has to make a tunnel.
    #[cfg_attr(not(feature = "websocket"), allow(dead_code))]
    Tunnel,
}

/// A connection that was made.
pub(crate) struct Dialed {
    pub(crate) stream: BoxedStream,
    /// The proxy at the other end, when there is no tunnel through it: it takes requests in
    /// absolute form, with its authorization, and passes them on.
    #[cfg_attr(not(feature = "polling"), allow(dead_code))]
    pub(crate) forwarded_by: Option<Proxy>,
}

impl Dialer {
    /// Connects from this address of the machine: each socket is bound to it, with a free port, before
    /// it connects, be it to the server or to a proxy. Unix sockets have no local address, and are not
    /// affected.
    ///
    /// Only addresses of its family are tried. [`Ipv4Addr::UNSPECIFIED`](std::net::Ipv4Addr::UNSPECIFIED)
    /// is IPv4 from any address, and [`Ipv6Addr::UNSPECIFIED`](std::net::Ipv6Addr::UNSPECIFIED) is IPv6.
    ///
    /// A bound socket occupies a port of its address, whichever server it connects to. That limits the
    /// connections from one address, on Linux to about 28,000 by default.
    ///
    /// # Errors
    ///
    /// Connecting fails with [`ErrorKind::Connect`] where the host has no address of that family, where
    /// the machine does not have the address, and where the runtime does not implement
    /// [`Runtime::connect_from`], which those built in do.
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    ///
    /// use engineio_client::transports::Dialer;
    ///
    /// let second_interface: IpAddr = "192.0.2.7".parse()?;
    /// let dialer = Dialer::default().local_address(second_interface);
    /// let only_ipv4 = Dialer::default().local_address(Ipv4Addr::UNSPECIFIED);
    /// # let _ = (dialer, only_ipv4);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn local_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.addresses.local = Some(address.into().to_canonical());
        self
    }

    /// Connects to these addresses where a URL has this host, and asks no resolver for it, as curl does
    /// with `--resolve`. The host is a name or an IP address. Requests, TLS and cookies still go by the
    /// host of the URL. A port of 0 is the URL's own; any other is connected to in place of it. A second
    /// call for the same host replaces the first.
    ///
    /// - Several addresses are tried as those of a name are.
    /// - The host of a proxy can be given addresses, too.
    /// - Through a `socks5` proxy the server's host has these addresses. Proxies of `http`, `https` and
    ///   `socks5h` resolve it themselves, and are told its name.
    /// - For a Unix socket there is nothing to resolve.
    ///
    /// # IPv6 zones
    ///
    /// A URL can't name the interface of a link-local address (`http://[fe80::1%25eth0]/` is refused).
    /// It is part of an address here, as the scope id of a [`SocketAddrV6`](std::net::SocketAddrV6). The
    /// system's resolver understands the name of an interface:
    ///
    /// ```no_run
    /// use std::net::ToSocketAddrs;
    ///
    /// use engineio_client::transports::Dialer;
    ///
    /// let addresses = ("fe80::1%eth0", 3000).to_socket_addrs()?;
    /// // For `http://device.local:3000`.
    /// let dialer = Dialer::default().resolve_to("device.local", addresses)?;
    /// # let _ = dialer;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`], when the host is neither a name nor an address, or there are no addresses.
    ///
    /// ```
    /// use engineio_client::transports::Dialer;
    ///
    /// let dialer = Dialer::default().resolve_to("chat.example", ["192.0.2.1:0".parse()?])?;
    /// # let _ = dialer;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resolve_to(
        mut self,
        host: &str,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Self, Error> {
        let addresses = addresses.into_iter().collect();
        self.addresses.give(host, addresses)?;
        Ok(self)
    }

    /// Connects through this proxy, whatever the server and the environment are.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxies.set(proxy);
        self
    }

    /// Connects through the proxies that the environment of this process names, as it is when this
    /// is called. A [`proxy`](Dialer::proxy) that was set wins, in whichever order they are called.
    ///
    /// - `http_proxy`, in small letters only, is for `http` and `ws`: what a CGI program finds in
    ///   large letters comes from its client. There is no `ws_proxy`.
    /// - `https_proxy` or `HTTPS_PROXY` is for `https` and `wss`.
    /// - `all_proxy` or `ALL_PROXY` is for those that have none of their own.
    /// - `no_proxy` or `NO_PROXY` lists, between commas or spaces, the hosts to which connections
    ///   are made without: `example.com` (or `.example.com`, or `*.example.com`) for this domain and
    ///   all below it, an IP address, a network as `10.0.0.0/8`, each with a `:port` where only that
    ///   is meant, or `*` for all. Names are not resolved for it, and `localhost` is like any other.
    ///
    /// A value is what [`Proxy::new`] takes. One that it does not take is an error of each connection
    /// that would go through it, and never a connection without a proxy.
    #[must_use]
    pub fn proxies_from_env(self) -> Self {
        self.proxies_from(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    /// The same with an environment of yours: a function from the name of a variable to its value.
    ///
    /// ```
    /// use engineio_client::transports::Dialer;
    ///
    /// let dialer = Dialer::default().proxies_from(|name| match name {
    ///     "http_proxy" => Some("proxy.example:3128".to_owned()),
    ///     "no_proxy" => Some("localhost, .internal, 10.0.0.0/8".to_owned()),
    ///     _ => None,
    /// });
    /// assert!(dialer.proxy_for(&"ws://chat.example".parse()?)?.is_some());
    /// assert!(dialer.proxy_for(&"ws://chat.internal".parse()?)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn proxies_from(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        self.proxies.read_environment(&variable);
        self
    }

    /// Connects without a proxy, whatever was set before.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.proxies = Proxies::default();
        self
    }

    /// Whether polling uses a connection for several requests, one after the other, as it does by default.
    ///
    /// A server may close a connection that it keeps while a request is on the way to it: when it
    /// restarts, or when the connection has been idle for longer than it likes. Such a request is sent
    /// again, on a new connection, if it is certain that the server has not got it: on Linux, with the
    /// built-in runtimes, where the server's system has acknowledged none of it (see
    /// [`Acknowledges`](engineio_client::runtime::Acknowledges)). Where it is not certain, as after a
    /// reset, the session ends, since a message might arrive twice.
    ///
    /// With `false` each poll and each POST has a connection of its own, says `Connection: close`, and
    /// meets no such end, as in Node's client. It costs a round trip more for each request, two or three
    /// with TLS, and a socket each on both sides.
    ///
    /// ```
    /// use engineio_client::transports::Dialer;
    ///
    /// // For `Client::builder(url).dialer(dialer)`.
    /// let dialer = Dialer::default().reuse_connections(false);
    /// # let _ = dialer;
    /// ```
    #[must_use]
    pub fn reuse_connections(mut self, reuse: bool) -> Self {
        self.one_request_each = !reuse;
        self
    }

    #[cfg_attr(not(feature = "polling"), allow(dead_code))]
    pub(crate) fn reuses_connections(&self) -> bool {
        !self.one_request_each
    }

    /// The proxy that a connection to this URL takes, if it takes one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`], when the environment names one that can't be.
    pub fn proxy_for(&self, url: &Url) -> Result<Option<&Proxy>, Error> {
        self.proxies.choose(url)
    }

    /// Connects to the host of a URL, or to the address that is given in its place, within a time
    /// limit where the caller has none of its own.
    pub(crate) async fn dial(
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
                Err(Error::new(ErrorKind::Timeout, message).with_limit(Limit::OpenTimeout))
            }
        }
    }

    async fn dial_unlimited(
        &self,
        runtime: &Arc<dyn Runtime>,
        url: &Url,
        address: Option<&Address>,
        purpose: Purpose,
    ) -> Result<Dialed, Error> {
        let tls = match url.scheme() {
            "https" => Some(self.tls.connector(url)?),
            "http" => None,
            // Another transport of the list takes it.
            other => {
                let message = format!("a URL of the scheme {other:?} can't be connected to by TCP");
                return Err(Error::new(ErrorKind::Connect, message));
            }
        };
        let proxy = match address {
            Some(_) => None,
            None => self.proxy_for(url)?,
        };
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default();
        match proxy {
            Some(proxy) => tracing::debug!(host, port, %proxy, "connecting"),
            None => tracing::debug!(host, port, "connecting"),
        }
        let sockets = Sockets {
            runtime,
            addresses: &self.addresses,
        };
        let mut dialed = match (address, proxy) {
            (Some(address), _) => Dialed::to_server(sockets.connect(address).await?),
            (None, Some(proxy)) if purpose == Purpose::Requests && proxy.forwards(url) => Dialed {
                stream: proxy.reach(&sockets, &self.tls).await?,
                forwarded_by: Some(proxy.clone()),
            },
            (None, Some(proxy)) => {
                Dialed::to_server(proxy.connect(&sockets, &self.tls, url).await?)
            }
            (None, None) => Dialed::to_server(sockets.connect_to_host(url).await?),
        };
        if let Some(tls) = tls {
            dialed.stream = tls.connect(dialed.stream).await?;
        }
        tracing::debug!(host, port, "connection made");
        Ok(dialed)
    }
}

impl Dialed {
    fn to_server(stream: BoxedStream) -> Self {
        Self {
            stream,
            forwarded_by: None,
        }
    }
}
