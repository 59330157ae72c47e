//! Connects to the host of a URL: name resolution, proxy, TCP or Unix socket, TLS.

mod addresses;
mod proxy;
mod tcp;
#[cfg(feature = "rustls")]
pub(super) mod tls;
#[cfg(not(feature = "rustls"))]
#[path = "no_tls.rs"]
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
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

/// How the transports of a session make connections: local address, name resolution, proxies, TLS, and
/// reuse of connections.
///
/// By default a connection goes directly to the server. If its name has several addresses, IPv4 and
/// IPv6 alternate, a further address is tried every 250 ms or as soon as an attempt has failed, and
/// the first connection wins (RFC 8305). Connections to Unix sockets ignore proxies and TLS settings.
///
/// Pass it to the `dialer` method of the client's builder.
/// [`Polling::dialer`](super::super::Polling::dialer) and
/// [`WebSocket::dialer`](super::super::WebSocket::dialer) set it for a single transport.
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
    /// `None` for the defaults. Shared, since every client, transport and HTTP connection has a clone.
    changed: Option<Arc<Settings>>,
}

#[derive(Clone, Debug, Default)]
struct Settings {
    addresses: Addresses,
    proxies: Proxies,
    tls: Tls,
    one_request_each: bool,
}

static DEFAULTS: LazyLock<Settings> = LazyLock::new(Settings::default);

#[cfg(feature = "rustls")]
impl Dialer {
    /// Sets how servers are verified and how this client identifies itself over `https` and `wss`.
    /// Default: [`Tls::default()`](super::Tls), which verifies servers as the operating system does.
    ///
    /// ```
    /// use engineio_client::transports::{Dialer, Tls};
    ///
    /// // For a server that is reached through a tunnel from localhost.
    /// let tls = Tls::default().server_name("chat.example")?;
    /// let dialer = Dialer::default().tls(tls);
    /// # let _ = dialer;
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.change().tls = tls;
        self
    }
}

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// HTTP requests, which a proxy can forward one by one.
    #[cfg_attr(not(feature = "polling"), allow(dead_code))]
    Requests,
    /// A WebSocket, which needs a tunnel through a proxy.
    #[cfg_attr(not(feature = "websocket"), allow(dead_code))]
    Tunnel,
}

impl Dialer {
    /// Connects from this address of the local machine, to the server or to a proxy. Each socket is
    /// bound to the address and a free port before it connects. Default: the operating system chooses.
    /// Unix sockets are not affected.
    ///
    /// Only server addresses of the same family are tried.
    /// [`Ipv4Addr::UNSPECIFIED`](std::net::Ipv4Addr::UNSPECIFIED) means IPv4 from any address, and
    /// [`Ipv6Addr::UNSPECIFIED`](std::net::Ipv6Addr::UNSPECIFIED) IPv6 from any address.
    ///
    /// A bound socket occupies a port of its local address, whichever server it connects to. This
    /// limits the number of connections from one address: on Linux to about 28,000 by default.
    ///
    /// # Errors
    ///
    /// This method does not fail. Connecting fails with [`ErrorKind::Connect`]
    ///
    /// - if the host has no address of that family,
    /// - if the machine does not have the local address,
    /// - if the runtime does not implement [`Runtime::connect_from`]. The built-in runtimes do.
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
        self.change().addresses.local = Some(address.into().to_canonical());
        self
    }

    /// Connects to these addresses when a URL has this host, without asking a resolver, like curl's
    /// `--resolve`. The host is a name or an IP address. Requests, TLS and cookies still use the host
    /// of the URL. An address with port 0 uses the port of the URL, and any other port replaces it. A
    /// second call for the same host replaces the first.
    ///
    /// - Several addresses are tried in the same way as those that a resolver returns.
    /// - The host of a proxy can be given addresses, too.
    /// - A `socks5` proxy is asked to connect to these addresses. Proxies of `http`, `https` and
    ///   `socks5h` receive the name of the server and resolve it themselves.
    /// - Unix sockets are not affected.
    ///
    /// # IPv6 zones
    ///
    /// A URL can't name the interface of a link-local address (`http://[fe80::1%25eth0]/` is refused).
    /// Give it as the scope id of a [`SocketAddrV6`](std::net::SocketAddrV6) instead. The system's
    /// resolver accepts the name of an interface:
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
    /// [`ErrorKind::Invalid`] if the host is neither a name nor an IP address, or if there are no
    /// addresses.
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
        self.change().addresses.give(host, addresses)?;
        Ok(self)
    }

    /// Connects through this proxy to every server, whatever the environment says. Default: no proxy.
    ///
    /// ```
    /// use engineio_client::transports::{Dialer, Proxy};
    ///
    /// let dialer = Dialer::default().proxy(Proxy::new("socks5h://127.0.0.1:9050")?);
    /// # let _ = dialer;
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.change().proxies.set(proxy);
        self
    }

    /// Connects through the proxies that the environment variables of this process name. They are read
    /// once, when this method is called. A proxy set by [`proxy`](Dialer::proxy) takes precedence, in
    /// whichever order the two are called.
    ///
    /// - `http_proxy`, in lower case only, applies to `http` and `ws`. The upper-case form is ignored,
    ///   since in a CGI program it is set by the client's header `Proxy`. There is no `ws_proxy`.
    /// - `https_proxy` or `HTTPS_PROXY` applies to `https` and `wss`.
    /// - `all_proxy` or `ALL_PROXY` applies to schemes without a variable of their own.
    /// - `no_proxy` or `NO_PROXY` lists the hosts to connect to directly, separated by commas or
    ///   spaces. An entry is `example.com` (or `.example.com`, or `*.example.com`) for this domain and
    ///   all domains below it, an IP address, a network such as `10.0.0.0/8`, or `*` for all hosts. An
    ///   entry that ends with `:port` applies to that port only. Host names are not resolved to
    ///   compare them with addresses, and `localhost` has no special meaning.
    ///
    /// A value has the form that [`Proxy::new`] takes. If a value is invalid, each connection that
    /// would use its proxy fails, and is never made directly instead.
    ///
    /// ```
    /// use engineio_client::transports::Dialer;
    ///
    /// let dialer = Dialer::default().proxies_from_env();
    /// # let _ = dialer;
    /// ```
    #[must_use]
    pub fn proxies_from_env(self) -> Self {
        self.proxies_from(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    /// Like [`proxies_from_env`](Dialer::proxies_from_env), but calls `variable` with the name of each
    /// environment variable instead of reading the environment of this process.
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
        self.change().proxies.read_environment(&variable);
        self
    }

    /// Connects without a proxy. This removes every proxy that was set before, including those of the
    /// environment.
    ///
    /// ```
    /// use engineio_client::transports::{Dialer, Proxy};
    ///
    /// let proxy = Proxy::new("http://proxy.example:3128")?;
    /// let dialer = Dialer::default().proxy(proxy).no_proxy();
    /// assert!(dialer.proxy_for(&"https://chat.example".parse()?)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.change().proxies = Proxies::default();
        self
    }

    /// Sets whether polling sends several requests over one connection, one after the other. Default:
    /// `true`.
    ///
    /// A server may close an idle connection while a request is on its way: because it restarts, or
    /// because its idle time-out has passed. The client repeats such a request on a new connection if
    /// it is certain that the server has not received the request. On Linux with the built-in
    /// runtimes, this is certain if the server's system has acknowledged no byte of the request (see
    /// [`Acknowledges`](engineio_client::runtime::Acknowledges)). Otherwise, for example after a
    /// reset, the session ends with an error, since a repeated request might deliver messages twice.
    ///
    /// With `false`, each poll and each POST makes a connection of its own and sends `Connection:
    /// close`, as Node's client does, so this error can't occur. Each request then takes one more
    /// round trip, two or three more with TLS, and uses one more socket on both sides.
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
        self.change().one_request_each = !reuse;
        self
    }

    fn settings(&self) -> &Settings {
        match &self.changed {
            Some(settings) => settings,
            None => &DEFAULTS,
        }
    }

    fn change(&mut self) -> &mut Settings {
        Arc::make_mut(self.changed.get_or_insert_default())
    }

    #[cfg_attr(not(feature = "polling"), allow(dead_code))]
    pub(crate) fn reuses_connections(&self) -> bool {
        !self.settings().one_request_each
    }

    /// The proxy for connections to this URL, or `None` if they are made directly.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the environment variable for this URL holds an invalid proxy.
    ///
    /// ```
    /// use engineio_client::transports::Dialer;
    ///
    /// let dialer = Dialer::default().proxies_from(|name| {
    ///     (name == "all_proxy").then(|| "ftp://proxy.example".to_owned())
    /// });
    /// assert!(dialer.proxy_for(&"https://chat.example".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn proxy_for(&self, url: &Url) -> Result<Option<&Proxy>, Error> {
        self.settings().proxies.choose(url)
    }

    /// The proxy that forwards HTTP requests to this URL one by one, if there is one. It takes requests
    /// in absolute form, with its `Proxy-Authorization`.
    #[cfg(feature = "polling")]
    pub(crate) fn forwarder(&self, url: &Url) -> Option<&Proxy> {
        let proxy = self.proxy_for(url).ok().flatten();
        proxy.filter(|proxy| proxy.forwards(url))
    }

    /// Connects to the host of a URL, or to `address` if there is one. `limit` bounds the time if the
    /// caller has no limit of its own.
    pub(crate) async fn dial(
        &self,
        runtime: &Arc<dyn Runtime>,
        url: &Url,
        address: Option<&Address>,
        purpose: Purpose,
        limit: Option<Duration>,
    ) -> Result<BoxedStream, Error> {
        let dial = self.dial_unlimited(runtime, url, address, purpose);
        let Some(limit) = limit else {
            return dial.await;
        };
        match future::select(Box::pin(dial), runtime.sleep(limit)).await {
            Either::Left((dialed, _)) => dialed,
            Either::Right(((), _)) => {
                let message = format!(
                    "connecting to {} took longer than the open timeout of {} s",
                    target(url, address),
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
    ) -> Result<BoxedStream, Error> {
        let settings = self.settings();
        let tls = match url.scheme() {
            "https" => Some(settings.tls.connector(url)?),
            "http" => None,
            // A custom transport in the same list may take this scheme.
            other => {
                let message =
                    format!("this transport takes http and https URLs, not the scheme {other:?}");
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
            addresses: &settings.addresses,
        };
        // Proxies and TLS are boxed: their futures are larger than all the rest.
        let mut stream = match (address, proxy) {
            (Some(address), _) => sockets.connect(address).await?,
            (None, Some(proxy)) if purpose == Purpose::Requests && proxy.forwards(url) => {
                Box::pin(proxy.reach(&sockets, &settings.tls)).await?
            }
            (None, Some(proxy)) => Box::pin(proxy.connect(&sockets, &settings.tls, url)).await?,
            (None, None) => sockets.connect_to_host(url).await?,
        };
        if let Some(tls) = tls {
            stream = Box::pin(tls.connect(stream)).await?;
        }
        tracing::debug!(host, port, "connected");
        Ok(stream)
    }
}

/// The server that a connection goes to, for an error message.
fn target(url: &Url, address: Option<&Address>) -> String {
    match address {
        Some(address) => address.to_string(),
        None => proxy::host_and_port(url),
    }
}
