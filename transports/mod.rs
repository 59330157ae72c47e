//! The transports that are built in, and the list of transports to choose from.
//!
//! They are written as a stranger would write them: against the public API of this crate, as which
//! a test compiles this folder once more.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "polling")]
use engineio_client::http::HttpClient;
use engineio_client::{Error, ErrorKind, Link, OpenRequest, Runtime, Transport, async_trait};

mod built_in_settings;
#[cfg(feature = "mock")]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "it counts what it has sent itself, and nothing comes from outside"
)]
pub mod conformance;
#[cfg(feature = "mock")]
#[expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "what a test does wrong is told by a panic, and nothing comes from outside"
)]
pub mod mock;
#[cfg(feature = "polling")]
mod polling;
#[cfg(feature = "__dial")]
mod shared;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(feature = "polling")]
pub use polling::Polling;
#[cfg(feature = "surf")]
pub use polling::SurfClient;
// `Dialer` and `Proxy`, and with the feature `rustls` `Tls` and `rustls`.
#[cfg(feature = "__dial")]
pub use shared::*;
#[cfg(feature = "websocket")]
pub use websocket::WebSocket;

use self::built_in_settings::BuiltInSettings;

/// An ordered list of transports, itself a [`Transport`]. By default those that are built in:
/// polling, then websocket.
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
pub struct Transports {
    /// Those of the default list, or none in a list that began empty.
    built_in: Vec<Arc<dyn Transport>>,
    is_default: bool,
    settings: BuiltInSettings,
    /// Those of the user's, which come behind the built-in ones.
    added: Vec<Arc<dyn Transport>>,
}

type Constructor = fn(&BuiltInSettings) -> Arc<dyn Transport>;

/// The default list: the built-in transports, in the order in which they are tried.
const BUILT_IN: &[Constructor] = &[
    #[cfg(feature = "polling")]
    Polling::built_in,
    #[cfg(feature = "websocket")]
    WebSocket::built_in,
];

impl Transports {
    /// An empty list.
    pub fn new() -> Self {
        Self {
            built_in: Vec::new(),
            is_default: false,
            settings: BuiltInSettings::default(),
            added: Vec::new(),
        }
    }

    /// The same list with this transport behind the others.
    #[must_use]
    pub fn with(mut self, transport: impl Transport) -> Self {
        self.added.push(Arc::new(transport));
        self
    }

    /// The same list, the polling of which, if it is of the default list, makes its requests by this
    /// HTTP client. It connects as it likes, whatever [`map_dialer`](Transports::map_dialer) says.
    #[cfg(feature = "polling")]
    #[must_use]
    pub fn http_client(mut self, client: Arc<dyn HttpClient>) -> Self {
        self.settings.http_client = Some(client);
        self.rebuild()
    }

    /// Changes how the transports of the default list connect. Those added by
    /// [`with`](Transports::with) keep what was set about them.
    #[cfg(feature = "__dial")]
    #[must_use]
    pub fn map_dialer(mut self, change: impl FnOnce(Dialer) -> Dialer) -> Self {
        self.settings.dialer = change(self.settings.dialer);
        self.rebuild()
    }

    /// Makes the transports of the default list anew, with the settings as they are now.
    fn rebuild(mut self) -> Self {
        if self.is_default {
            let built = BUILT_IN.iter().map(|built_in| built_in(&self.settings));
            self.built_in = built.collect();
        }
        self
    }

    fn iter(&self) -> impl Iterator<Item = &dyn Transport> {
        let all = self.built_in.iter().chain(&self.added);
        all.map(|transport| &**transport)
    }
}

impl Default for Transports {
    fn default() -> Self {
        let list = Self {
            is_default: true,
            ..Self::new()
        };
        list.rebuild()
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

    /// Those of all in the list.
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
                let message = format!("there is no transport {:?} in this list", request.transport);
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
