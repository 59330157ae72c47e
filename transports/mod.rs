//! The built-in transports, and [`Transports`], the list of transports that a client chooses from.
//!
//! - [`Polling`] and [`WebSocket`] are the transports of the default list.
//! - [`Dialer`], [`Proxy`] and [`Tls`] set how both of them connect.
//! - [`web`] has what takes their place in a browser.
//! - [`mock`] has scripted transports and servers for tests of programs that use this crate.
//! - [`conformance`] has a test suite for authors of transports.
//!
//! These transports use only the public API of this crate. The test
//! `tests/transports_are_third_party.rs` compiles this folder as a separate crate, so a transport of
//! yours can do whatever a built-in one can.

use std::fmt;
use std::sync::{Arc, LazyLock};

#[cfg(feature = "polling")]
use engineio_client::http::HttpClient;
use engineio_client::{Error, ErrorKind, Link, OpenRequest, Runtime, Transport, async_trait};

mod built_in_settings;
#[cfg(feature = "mock")]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "it counts only the packets that it has sent itself"
)]
pub mod conformance;
#[cfg(feature = "mock")]
#[expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a mistake in a test is reported by a panic, and there is no outside input"
)]
pub mod mock;
#[cfg(feature = "polling")]
mod polling;
#[cfg(any(
    feature = "polling",
    all(feature = "websocket", not(target_os = "unknown"))
))]
mod server_message;
#[cfg(all(feature = "__dial", not(target_os = "unknown")))]
mod shared;
#[cfg(any(
    feature = "polling",
    all(feature = "websocket", not(target_os = "unknown"))
))]
mod status_error;
#[cfg(all(
    feature = "web",
    any(feature = "polling", feature = "websocket"),
    any(target_os = "unknown", document_web, test)
))]
pub mod web;
#[cfg(all(feature = "websocket", not(target_os = "unknown")))]
mod websocket;

#[cfg(feature = "polling")]
pub use polling::Polling;
#[cfg(all(feature = "surf", not(target_os = "unknown")))]
pub use polling::SurfClient;
#[cfg(all(feature = "__dial", not(target_os = "unknown")))]
pub use shared::*;
#[cfg(all(feature = "websocket", feature = "web", target_os = "unknown"))]
pub use web::WebSocket;
#[cfg(all(feature = "websocket", not(target_os = "unknown")))]
pub use websocket::WebSocket;

use self::built_in_settings::BuiltInSettings;

/// An ordered list of transports, which is itself a [`Transport`].
///
/// The client opens the first transport of the list. If that fails before any packet has arrived, it
/// opens the next one. A session on polling is upgraded to the transports that follow it. The default
/// list is polling, then WebSocket.
///
/// ```
/// # #[cfg(all(feature = "polling", feature = "websocket"))] {
/// use engineio_client::Transport;
/// use engineio_client::transports::{Transports, WebSocket};
///
/// assert_eq!(Transports::default().names(), ["polling", "websocket"]);
/// let mine = Transports::new().with(WebSocket::default().read_buffer_size(32 * 1024));
/// assert_eq!(mine.names(), ["websocket"]);
/// # }
/// ```
#[derive(Clone)]
pub struct Transports(Arc<List>);

/// What clones of a list share: transports hold settings, and no state of a session.
#[derive(Clone, Default)]
struct List {
    /// The built-in transports of the default list. Empty if the list was made by [`Transports::new`].
    built_in: Vec<Arc<dyn Transport>>,
    is_default: bool,
    settings: BuiltInSettings,
    /// Transports added by the user. They follow the built-in ones.
    added: Vec<Arc<dyn Transport>>,
}

type Constructor = fn(&BuiltInSettings) -> Arc<dyn Transport>;

/// Constructors of the built-in transports, in the order in which they are tried.
const BUILT_IN: &[Constructor] = &[
    #[cfg(feature = "polling")]
    Polling::built_in,
    #[cfg(all(
        feature = "websocket",
        any(feature = "web", not(target_os = "unknown"))
    ))]
    WebSocket::built_in,
];

/// The default list, which most clients share.
static DEFAULT: LazyLock<Arc<List>> = LazyLock::new(|| {
    let mut list = List {
        is_default: true,
        ..List::default()
    };
    list.rebuild();
    Arc::new(list)
});

impl List {
    /// Rebuilds the transports of the default list with the current settings.
    fn rebuild(&mut self) {
        if self.is_default {
            let built = BUILT_IN.iter().map(|built_in| built_in(&self.settings));
            self.built_in = built.collect();
        }
    }
}

impl Transports {
    /// Creates an empty list. Opening it fails until a transport is added by
    /// [`with`](Transports::with).
    ///
    /// ```
    /// use engineio_client::Transport;
    /// use engineio_client::transports::Transports;
    ///
    /// assert!(Transports::new().names().is_empty());
    /// ```
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Appends a transport to the list. It is tried after those that are in the list already.
    ///
    /// ```
    /// # #[cfg(all(feature = "polling", feature = "websocket"))] {
    /// use engineio_client::Transport;
    /// use engineio_client::transports::{Polling, Transports, WebSocket};
    ///
    /// // WebSocket first, polling if that fails.
    /// let list = Transports::new()
    ///     .with(WebSocket::default())
    ///     .with(Polling::default());
    /// assert_eq!(list.names(), ["websocket", "polling"]);
    /// # }
    /// ```
    #[must_use]
    pub fn with(mut self, transport: impl Transport) -> Self {
        Arc::make_mut(&mut self.0).added.push(Arc::new(transport));
        self
    }

    /// Sets the HTTP client with which polling in the default list sends its requests, instead of the
    /// built-in client.
    ///
    /// The HTTP client makes its own connections, so settings made by
    /// [`map_dialer`](Transports::map_dialer) do not apply to it. This method does not change
    /// transports that were added by [`with`](Transports::with): for these, pass the client to
    /// [`Polling::with_client`].
    ///
    /// ```
    /// use std::sync::{Arc, LazyLock};
    ///
    /// use engineio_client::http::HttpClient;
    /// use engineio_client::transports::Transports;
    ///
    /// fn transports(client: Arc<dyn HttpClient>) -> Transports {
    ///     Transports::default().http_client(client)
    /// }
    /// ```
    #[cfg(feature = "polling")]
    #[must_use]
    pub fn http_client(mut self, client: Arc<dyn HttpClient>) -> Self {
        let list = Arc::make_mut(&mut self.0);
        list.settings.http_client = Some(client);
        list.rebuild();
        self
    }

    /// Offers the server to compress messages over WebSocket, with these settings. Default: they are not
    /// compressed. This method does not change transports that were added by [`with`](Transports::with).
    ///
    /// ```
    /// use engineio_client::transports::{Deflate, Transports};
    ///
    /// let transports = Transports::default().deflate(Deflate::default());
    /// # let _ = transports;
    /// ```
    #[cfg(all(
        feature = "websocket",
        feature = "compression",
        not(target_os = "unknown")
    ))]
    #[must_use]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        let list = Arc::make_mut(&mut self.0);
        list.settings.deflate = Some(deflate);
        list.rebuild();
        self
    }

    /// Changes how the transports of the default list connect.
    ///
    /// Transports added by [`with`](Transports::with) keep their own dialers.
    ///
    /// ```
    /// use engineio_client::transports::{Proxy, Transports};
    ///
    /// let proxy = Proxy::new("http://proxy.example:3128")?;
    /// let transports = Transports::default().map_dialer(|dialer| dialer.proxy(proxy));
    /// # let _ = transports;
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    #[cfg(all(feature = "__dial", not(target_os = "unknown")))]
    #[must_use]
    pub fn map_dialer(mut self, change: impl FnOnce(Dialer) -> Dialer) -> Self {
        let list = Arc::make_mut(&mut self.0);
        list.settings.dialer = change(std::mem::take(&mut list.settings.dialer));
        list.rebuild();
        self
    }

    fn iter(&self) -> impl Iterator<Item = &dyn Transport> {
        let all = self.0.built_in.iter().chain(&self.0.added);
        all.map(|transport| &**transport)
    }
}

impl Default for Transports {
    fn default() -> Self {
        Self(Arc::clone(&DEFAULT))
    }
}

#[async_trait]
impl Transport for Transports {
    fn name(&self) -> &'static str {
        self.iter().next().map_or("none", Transport::name)
    }

    fn names(&self) -> Vec<&'static str> {
        self.iter().flat_map(Transport::names).collect()
    }

    /// The schemes of all transports in the list, without duplicates.
    fn schemes(&self) -> Vec<&'static str> {
        let mut schemes = Vec::new();
        for scheme in self.iter().flat_map(Transport::schemes) {
            if !schemes.contains(&scheme) {
                schemes.push(scheme);
            }
        }
        schemes
    }

    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let found = self
            .iter()
            .find(|transport| transport.names().contains(&&*request.transport));
        match found {
            Some(transport) => transport.open(runtime, request).await,
            None => {
                let message = format!(
                    "there is no transport {:?} in this list of transports",
                    request.transport
                );
                Err(Error::new(ErrorKind::Invalid, message))
            }
        }
    }
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transports").field(&self.names()).finish()
    }
}
