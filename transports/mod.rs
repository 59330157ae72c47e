//! The transports that are built in, and the list of transports to choose from.
//!
//! They are written as a stranger would write them: against the public API of this crate, as which
//! a test compiles this folder once more.

use std::fmt;
use std::sync::Arc;

use engineio_client::{Error, ErrorKind, Link, OpenRequest, Runtime, Transport, async_trait};

#[cfg(feature = "mock")]
pub mod conformance;
#[cfg(any(feature = "polling", feature = "websocket"))]
mod dial;
#[cfg(feature = "mock")]
pub mod mock;
#[cfg(feature = "polling")]
mod polling;
#[cfg(any(feature = "polling", feature = "websocket"))]
mod refusal;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(feature = "polling")]
pub use polling::Polling;
#[cfg(feature = "websocket")]
pub use websocket::WebSocket;

/// What requests say of their sender, unless the user says something else.
#[cfg(any(feature = "polling", feature = "websocket"))]
const USER_AGENT: &str = concat!("engineio-client/", env!("CARGO_PKG_VERSION"));

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
    list: Vec<Arc<dyn Transport>>,
}

impl Transports {
    /// An empty list.
    pub fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// The same list with this transport behind the others.
    #[must_use]
    pub fn with(mut self, transport: impl Transport) -> Self {
        self.list.push(Arc::new(transport));
        self
    }
}

impl Default for Transports {
    fn default() -> Self {
        built_in(Self::new())
    }
}

#[cfg(all(feature = "polling", feature = "websocket"))]
fn built_in(list: Transports) -> Transports {
    list.with(Polling::default()).with(WebSocket::default())
}

#[cfg(all(feature = "polling", not(feature = "websocket")))]
fn built_in(list: Transports) -> Transports {
    list.with(Polling::default())
}

#[cfg(all(not(feature = "polling"), feature = "websocket"))]
fn built_in(list: Transports) -> Transports {
    list.with(WebSocket::default())
}

#[cfg(not(any(feature = "polling", feature = "websocket")))]
fn built_in(list: Transports) -> Transports {
    list
}

#[async_trait]
impl Transport for Transports {
    fn name(&self) -> &'static str {
        self.list.first().map_or("none", |first| first.name())
    }

    fn names(&self) -> Vec<&'static str> {
        self.list
            .iter()
            .flat_map(|transport| transport.names())
            .collect()
    }

    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let found = self
            .list
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
