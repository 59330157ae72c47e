//! The built-in HTTP client: HTTP/1.1, with httparse as the parser of heads. Each request reads and
//! writes its connection within its own future, so the client spawns no task and runs on any runtime.

mod body;
mod chunks;
mod exchange;
mod fault;
mod head;
mod outgoing;
mod request;
mod response;
mod stream;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engineio_client::http::Exchange;
use engineio_client::{Error, ErrorKind, OpenRequest};
use http::{StatusCode, Uri};

use self::exchange::{Connection, Failure};
use self::head::Length;
use self::outgoing::Outgoing;
use self::request::{Heads, Varying};
use self::response::Received;
use super::super::shared::dial::{Dialer, Proxy, Purpose};
use super::ask::{Answer, Ask, Headers};

/// Sends the requests of one session, and keeps up to two idle connections, since a poll and a POST may be
/// in progress at the same time.
pub(super) struct Http1 {
    dialer: Dialer,
    /// The proxy that forwards the requests, if there is one.
    forwarder: Option<Proxy>,
    heads: Heads,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    /// When the server is expected to close the connection.
    until: Duration,
}

/// A session has at most one poll and one POST at a time.
const MAX_IDLE: usize = 2;

/// How long an idle connection is reused if the server sends no `Keep-Alive` header. The shortest
/// common limit of such servers is gunicorn's, 2 s. One second less avoids sending a request while the
/// server closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

impl Http1 {
    pub(super) fn new(
        dialer: Dialer,
        request: &OpenRequest,
        origin: &Uri,
        headers: Headers,
    ) -> Result<Self, Error> {
        let forwarder = match request.address {
            Some(_) => None,
            None => dialer.forwarder(&request.url).cloned(),
        };
        let reuses = dialer.reuses_connections();
        let heads = Heads::new(request, origin, headers, forwarder.as_ref(), reuses)?;
        Ok(Self {
            dialer,
            forwarder,
            heads,
            idle: Mutex::default(),
        })
    }

    /// Adds the proxy that forwards the requests, if there is one, to the name of a request.
    pub(super) fn through_a_proxy(&self, what: &str) -> String {
        match &self.forwarder {
            Some(proxy) => format!("{what} through the proxy {proxy}"),
            None => what.to_owned(),
        }
    }

    /// Sends a poll or a POST, and reads the response. The headers of a successful response are left out
    /// if nobody would look at them: see [`head::parse`].
    pub(super) async fn send(&self, ask: &Ask<'_>, exchange: &Exchange) -> Result<Answer, Error> {
        let url = &ask.request.url;
        let now = exchange.runtime.now();
        let mut cookies = self.heads.cookies.clone();
        if let Some(jar) = &ask.request.cookies {
            jar.add_to(&mut cookies, url, now);
        }
        let is_poll = ask.batch.is_none();
        loop {
            let kept = self.take(now);
            let is_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                // Boxed, since the future is large and rarely needed.
                None => Box::pin(self.dial(ask.request, exchange)).await?,
            };
            let head = |head: &mut Vec<u8>, length| {
                let varying = Varying {
                    sid: ask.sid,
                    random: exchange.runtime.random(),
                    cookies: &cookies,
                    is_http_1_0: connection.is_http_1_0,
                    length,
                };
                self.heads.encode(ask.request, &varying, head)
            };
            let outgoing = Outgoing::new(head, ask.batch, is_poll && ask.sid.is_none())?;
            match connection.exchange(outgoing, exchange).await {
                Ok((received, is_sent)) => {
                    if is_sent && self.may_be_kept(&received) {
                        self.keep(connection, &received, exchange.runtime.now());
                    }
                    return self.answer(received);
                }
                Err(Failure::Ended) => {}
                // The server had closed a kept connection without receiving the request, so the request
                // may be repeated. A request that may have arrived is never repeated: if it was a poll,
                // it may have taken messages from the server.
                Err(Failure::NotReceived(_)) if is_kept => {
                    tracing::debug!("a reused connection ended before the request arrived");
                    if is_poll {
                        exchange.activity.mark_not_asked();
                    }
                }
                Err(Failure::NotReceived(fault) | Failure::Failed(fault)) => {
                    return Err(fault.into_error(url, &exchange.limits));
                }
            }
        }
    }

    async fn dial(&self, request: &OpenRequest, exchange: &Exchange) -> Result<Connection, Error> {
        let dialed = self.dialer.dial(
            &exchange.runtime,
            &request.url,
            request.address.as_ref(),
            Purpose::Requests,
            Some(exchange.dial_timeout),
        );
        Ok(Connection::new(dialed.await?))
    }

    /// The idle connection that was used last. All that have expired are closed, outside the lock, since
    /// the stream of a foreign runtime may run any code then.
    fn take(&self, now: Duration) -> Option<Connection> {
        let mut idle = self.idle();
        let expired: Vec<Idle> = idle.extract_if(.., |idle| now >= idle.until).collect();
        let last = idle.pop();
        drop(idle);
        drop(expired);
        Some(last?.connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the peer is expected to keep the connection after this response. A body without a length
    /// has ended with the connection, and after 101 the connection is no longer one of HTTP. tinyproxy closes each
    /// connection without announcing it, so the next poll would fail. Proxies are therefore asked to
    /// keep the connection, and must confirm it.
    fn may_be_kept(&self, received: &Received) -> bool {
        !self.heads.closes
            && !received.has_more
            && received.head.length != Length::UntilEnd
            && received.head.status != StatusCode::SWITCHING_PROTOCOLS
            && received.head.persists
            && (self.forwarder.is_none() || received.head.says_keep_alive)
    }

    fn keep(&self, mut connection: Connection, received: &Received, now: Duration) {
        connection.is_http_1_0 = received.head.is_http_1_0;
        let until = now.saturating_add(keep_alive(received.head.timeout));
        let mut idle = self.idle();
        let room = MAX_IDLE.saturating_sub(idle.len());
        if room > 0 {
            idle.reserve_exact(room);
            idle.push(Idle { connection, until });
        }
    }

    fn answer(&self, received: Received) -> Result<Answer, Error> {
        let Received { head, body, .. } = received;
        if let Some(proxy) = &self.forwarder
            && head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
        {
            let message = format!("the proxy {proxy} refused a request with {}", head.status);
            let error = Error::new(ErrorKind::Proxy, message);
            return Err(error.with_status(head.status.as_u16()));
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// How long the connection may be reused: the server's time-out, less a second.
fn keep_alive(timeout: Option<u64>) -> Duration {
    timeout.map_or(KEEP_ALIVE, |seconds| {
        Duration::from_secs(seconds.saturating_sub(1))
    })
}
