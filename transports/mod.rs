//! The transports that are built in, and the list of transports to choose from.
//!
//! They are written as a stranger would write them: against the public API of this crate, as which
//! a test compiles this folder once more.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "polling")]
use engineio_client::http::HttpClient;
use engineio_client::{Error, ErrorKind, Link, OpenRequest, Runtime, Transport, async_trait};

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
#[cfg(any(feature = "polling", feature = "websocket"))]
mod shared;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(feature = "polling")]
pub use polling::Polling;
#[cfg(feature = "surf")]
pub use polling::SurfClient;
// `Dialer` and `Proxy`, and with the feature `rustls` `Tls` and `rustls`.
#[cfg(any(feature = "polling", feature = "websocket"))]
pub use shared::*;
#[cfg(feature = "websocket")]
pub use websocket::WebSocket;

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
    list: Vec<Entry>,
    #[cfg(any(feature = "polling", feature = "websocket"))]
    dialer: Dialer,
}

#[derive(Clone)]
enum Entry {
    #[cfg(feature = "polling")]
    Polling(Polling),
    #[cfg(feature = "websocket")]
    WebSocket(WebSocket),
    Added(Arc<dyn Transport>),
}

impl Entry {
    fn transport(&self) -> &dyn Transport {
        match self {
            #[cfg(feature = "polling")]
            Self::Polling(polling) => polling,
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => websocket,
            Self::Added(transport) => &**transport,
        }
    }
}

impl Transports {
    /// An empty list.
    pub fn new() -> Self {
        Self::of(Vec::new())
    }

    fn of(list: Vec<Entry>) -> Self {
        Self {
            list,
            #[cfg(any(feature = "polling", feature = "websocket"))]
            dialer: Dialer::default(),
        }
    }

    /// The same list with this transport behind the others.
    #[must_use]
    pub fn with(mut self, transport: impl Transport) -> Self {
        self.list.push(Entry::Added(Arc::new(transport)));
        self
    }

    /// The same list, the polling of which, if it is of the default list, makes its requests by this
    /// HTTP client. It connects as it likes, whatever [`map_dialer`](Transports::map_dialer) says.
    #[cfg(feature = "polling")]
    #[must_use]
    pub fn http_client(mut self, client: Arc<dyn HttpClient>) -> Self {
        for entry in &mut self.list {
            if let Entry::Polling(polling) = entry {
                *polling = polling.clone().client(Arc::clone(&client));
            }
        }
        self
    }

    /// Changes how the transports of the default list connect. Those added by
    /// [`with`](Transports::with) keep what was set about them.
    #[cfg(any(feature = "polling", feature = "websocket"))]
    #[must_use]
    pub fn map_dialer(mut self, change: impl FnOnce(Dialer) -> Dialer) -> Self {
        self.dialer = change(self.dialer);
        let dialer = &self.dialer;
        for entry in &mut self.list {
            match entry {
                #[cfg(feature = "polling")]
                Entry::Polling(polling) => *polling = polling.clone().dialer(dialer.clone()),
                #[cfg(feature = "websocket")]
                Entry::WebSocket(websocket) => {
                    *websocket = websocket.clone().dialer(dialer.clone());
                }
                Entry::Added(_) => {}
            }
        }
        self
    }
}

impl Default for Transports {
    fn default() -> Self {
        Self::of(vec![
            #[cfg(feature = "polling")]
            Entry::Polling(Polling::default()),
            #[cfg(feature = "websocket")]
            Entry::WebSocket(WebSocket::default()),
        ])
    }
}

#[async_trait]
impl Transport for Transports {
    fn name(&self) -> &'static str {
        self.list
            .first()
            .map_or("none", |first| first.transport().name())
    }

    fn names(&self) -> Vec<&'static str> {
        self.list
            .iter()
            .flat_map(|entry| entry.transport().names())
            .collect()
    }

    /// Those of all in the list.
    fn schemes(&self) -> Vec<&'static str> {
        let mut schemes = Vec::new();
        for scheme in self
            .list
            .iter()
            .flat_map(|entry| entry.transport().schemes())
        {
            if !schemes.contains(&scheme) {
                schemes.push(scheme);
            }
        }
        schemes
    }

    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let found = self
            .list
            .iter()
            .map(Entry::transport)
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
