//! The built-in HTTP client: hyper's HTTP/1.1. Each request drives its connection within its own
//! future, so the client spawns no task and runs on any runtime.

mod connection;
mod stream;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::runtime::Address;
use engineio_client::{Error, async_trait};
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use url::Url;

use self::connection::{Connection, ExchangeError};
use super::super::shared::dial::{Dialer, Purpose};
use super::invalid_url::{invalid_url, invalid_url_because};
use super::not_received::not_received;

/// Sends requests, and keeps up to two idle connections: one that was used for polls, and one for
/// POSTs.
pub(super) struct Hyper {
    dialer: Dialer,
    /// The address to connect to in place of the URL's host.
    address: Option<Address>,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Box<Connection>,
    /// When the server is expected to close the connection.
    until: Duration,
}

/// A session has at most one poll and one POST at a time.
const MAX_IDLE: usize = 2;

/// How long an idle connection is reused if the server sends no `Keep-Alive` header. The shortest
/// common limit of such servers is gunicorn's, 2 s. One second less avoids sending a request while the
/// server closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

#[async_trait]
impl HttpClient for Hyper {
    async fn send(
        &self,
        request: Request<Bytes>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, Error> {
        let origin = request.uri().clone();
        let request = with_host(request)?;
        let kept = self.take(exchange.runtime.now());
        let was_kept = kept.is_some();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.dial(&origin, exchange).await?,
        };
        match connection.exchange(request, exchange).await {
            Ok(response) => {
                if connection.may_be_kept(&response) && connection.is_reusable() {
                    let until = exchange.runtime.now().saturating_add(keep_alive(&response));
                    self.keep(Idle { connection, until });
                }
                Ok(response)
            }
            // The server had closed a kept connection without receiving the request, so the request
            // may be repeated. A request that may have arrived is never repeated: if it was a poll, it
            // may have taken messages from the server.
            Err(ExchangeError::NotReceived(_)) if was_kept => Err(not_received()),
            Err(ExchangeError::NotReceived(error) | ExchangeError::Failed(error)) => Err(error),
        }
    }
}

impl Hyper {
    pub(super) fn new(dialer: Dialer, address: Option<Address>) -> Self {
        Self {
            dialer,
            address,
            idle: Mutex::default(),
        }
    }

    async fn dial(&self, uri: &Uri, exchange: &Exchange) -> Result<Box<Connection>, Error> {
        let origin = Url::parse(&uri.to_string()).map_err(invalid_url_because)?;
        let dialed = self
            .dialer
            .dial(
                &exchange.runtime,
                &origin,
                self.address.as_ref(),
                Purpose::Requests,
                Some(exchange.dial_timeout),
            )
            .await?;
        let keeps = self.dialer.reuses_connections();
        Ok(Box::new(
            Connection::new(dialed, &origin, exchange, keeps).await?,
        ))
    }

    fn take(&self, now: Duration) -> Option<Box<Connection>> {
        loop {
            let mut idle = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()?;
            // `is_reusable` also checks whether the server has closed the idle connection.
            if now < idle.until && idle.connection.is_reusable() {
                return Some(idle.connection);
            }
        }
    }

    fn keep(&self, connection: Idle) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }
}

/// How long the connection may be reused: the server's time-out, less a second.
fn keep_alive(response: &Response<Bytes>) -> Duration {
    let header = response
        .headers()
        .get("keep-alive")
        .and_then(|value| value.to_str().ok());
    let seconds = header.and_then(|value| {
        value.split(',').find_map(|part| {
            part.trim()
                .strip_prefix("timeout=")?
                .trim()
                .parse::<u64>()
                .ok()
        })
    });
    seconds.map_or(KEEP_ALIVE, |seconds| {
        Duration::from_secs(seconds.saturating_sub(1))
    })
}

/// Adds the `Host` header.
fn with_host(mut request: Request<Bytes>) -> Result<Request<Full<Bytes>>, Error> {
    let authority = request.uri().authority().ok_or_else(invalid_url)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(invalid_url_because)?;
    request.headers_mut().entry(HOST).or_insert(host);
    Ok(request.map(Full::new))
}
