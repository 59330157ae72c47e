//! HTTP long polling: the server answers a GET when it has packets, and the client sends packets in
//! POSTs.

mod ask;
#[cfg(not(target_os = "unknown"))]
mod client;
#[cfg(target_os = "unknown")]
#[path = "client_in_a_browser.rs"]
mod client;
#[cfg(not(target_os = "unknown"))]
mod default_headers;
#[cfg(target_os = "unknown")]
#[path = "no_default_headers.rs"]
mod default_headers;
mod encoding;
#[cfg(not(target_os = "unknown"))]
mod http1;
#[cfg(all(feature = "compression", not(target_os = "unknown")))]
mod inflate;
#[cfg(any(not(feature = "compression"), target_os = "unknown"))]
#[path = "no_inflate.rs"]
mod inflate;
mod invalid_url;
mod own_client;
#[cfg(all(feature = "surf", not(target_os = "unknown")))]
mod surf;

use std::fmt;
use std::sync::{Arc, OnceLock};

use engineio_client::codec::{Packets, decode_payload, is_protocol_3};
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::{
    Batch, Confirms, Error, ErrorKind, Framing, Handshake, Link, OpenRequest, Packet,
    PacketReceiver, PacketSender, Runtime, Transport, async_trait,
};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use url::Position;

use self::ask::{Answer, Ask, Headers};
use self::client::Client;
use self::encoding::decode;
use self::invalid_url::invalid_url_because;
#[cfg(all(feature = "surf", not(target_os = "unknown")))]
pub use self::surf::SurfClient;
use super::built_in_settings::BuiltInSettings;
#[cfg(not(target_os = "unknown"))]
use super::shared::dial::Dialer;
use super::status_error::{address, cut, status_error};

/// HTTP long polling.
///
/// By default it uses a built-in HTTP client, which runs on any runtime and keeps one connection for
/// polls and one for POSTs. In a browser, it uses [`fetch`](super::web::Fetch). All settings of a session (headers, limits, time-outs) come from the
/// client's builder.
///
/// ```
/// use engineio_client::Transport;
/// use engineio_client::transports::{Dialer, Polling};
///
/// let transport = Polling::default().dialer(Dialer::default().reuse_connections(false));
/// assert_eq!(transport.name(), "polling");
/// ```
#[derive(Clone, Default)]
pub struct Polling {
    settings: BuiltInSettings,
}

impl Polling {
    pub(super) fn built_in(settings: &BuiltInSettings) -> Arc<dyn Transport> {
        let settings = settings.clone();
        Arc::new(Self { settings })
    }

    /// Sets how the built-in HTTP client connects. Default: [`Dialer::default()`](Dialer). It does not
    /// apply to an HTTP client of your own, which makes its own connections.
    ///
    /// ```
    /// use engineio_client::transports::{Dialer, Polling, Proxy};
    ///
    /// let proxy = Proxy::new("http://proxy.example:3128")?;
    /// let transport = Polling::default().dialer(Dialer::default().proxy(proxy));
    /// # let _ = transport;
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    #[cfg(not(target_os = "unknown"))]
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.settings.dialer = dialer;
        self
    }

    /// Creates a polling transport that sends its requests with your own HTTP client. All sessions
    /// share the client.
    ///
    /// Confirmations of delivery depend on that client: see [`HttpClient`] for what it should report.
    /// A session over a Unix socket fails with [`ErrorKind::Invalid`].
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use engineio_client::http::HttpClient;
    /// use engineio_client::transports::{Polling, Transports};
    ///
    /// fn transports(client: Arc<dyn HttpClient>) -> Transports {
    ///     Transports::new().with(Polling::with_client(client))
    /// }
    /// ```
    pub fn with_client(client: Arc<dyn HttpClient>) -> Self {
        Self::default().client(client)
    }

    /// Sets the HTTP client, in place of the built-in one: see [`with_client`](Polling::with_client).
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use engineio_client::http::HttpClient;
    /// use engineio_client::transports::Polling;
    ///
    /// fn polling(client: Arc<dyn HttpClient>) -> Polling {
    ///     Polling::default().client(client)
    /// }
    /// ```
    #[must_use]
    pub fn client(mut self, client: Arc<dyn HttpClient>) -> Self {
        self.settings.http_client = Some(client);
        self
    }
}

impl Polling {
    /// The client that sends the requests of one session.
    fn client_for(&self, request: &OpenRequest) -> Result<Client, Error> {
        let origin: Uri = request.url[..Position::BeforePath]
            .parse()
            .map_err(invalid_url_because)?;
        let headers = Headers::new(request);
        Client::new(&self.settings, request, origin, headers)
    }
}

impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("own_client", &self.settings.http_client.is_some())
            .finish()
    }
}

#[async_trait]
impl Transport for Polling {
    fn name(&self) -> &'static str {
        "polling"
    }

    /// A browser connects to no Unix socket.
    #[cfg(target_os = "unknown")]
    fn schemes(&self) -> Vec<&'static str> {
        vec!["http", "https", "ws", "wss"]
    }

    /// Sends no request: the open packet arrives with the first poll.
    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let sid = OnceLock::new();
        if let Some(known) = &request.sid {
            let _ = sid.set(known.clone());
        }
        let exchange = Exchange::new(
            Arc::clone(runtime),
            request.limits,
            request.dial_timeout,
            request.activity.clone(),
        );
        let requests = Arc::new(Requests {
            client: self.client_for(&request)?,
            request,
            sid,
            exchange,
        });
        let receiver = Receiver {
            requests: Arc::clone(&requests),
            error: None,
        };
        Ok(Link::new(Sender { requests }, receiver, Framing::Payloads))
    }
}

/// What both halves of a link share.
struct Requests {
    client: Client,
    request: OpenRequest,
    /// The session's id, which the first poll receives.
    sid: OnceLock<String>,
    exchange: Exchange,
}

impl Requests {
    /// Sends a POST of this batch, or a poll.
    async fn send(&self, batch: Option<&Batch>) -> Result<Answer, Error> {
        let method = if batch.is_some() { "POST" } else { "GET" };
        tracing::debug!(%method, bytes = batch.map_or(0, Packets::payload_len), "request");
        let ask = Ask {
            request: &self.request,
            sid: self.sid.get().map(String::as_str),
            batch,
        };
        let answer = self.client.send(&ask, &self.exchange).await?;
        let status = answer.status.as_u16();
        tracing::debug!(%method, status, bytes = answer.body.len(), "response");
        // Cookies are stored from error responses, too: a load balancer may assign another server in
        // one.
        if let Some(cookies) = &self.request.cookies
            && let Some(headers) = &answer.headers
        {
            let now = self.exchange.runtime.now();
            cookies.store(headers, &self.request.url, now);
        }
        Ok(answer)
    }

    async fn post(&self, batch: &Batch) -> Result<(), Error> {
        let answer = self.send(Some(batch)).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(self.refused("a POST", answer))
    }

    /// The error for an unexpected status. It names the proxy that forwarded the request, since the
    /// proxy itself may have answered.
    fn refused(&self, what: &str, answer: Answer) -> Error {
        let what = self.client.through_a_proxy(what);
        status_error(
            &what,
            &self.request.url,
            answer.status,
            &answer.headers.unwrap_or_default(),
            &answer.body,
        )
    }

    /// The error for a first response without packets, such as a web page.
    fn not_engine_io(&self, headers: Option<&HeaderMap>, error: Error) -> Error {
        let url = &self.request.url;
        let content = headers.and_then(|headers| headers.get(CONTENT_TYPE));
        let content = match content.and_then(|value| value.to_str().ok()) {
            Some(content) => cut(content),
            None => "without a content type".to_owned(),
        };
        let message = format!(
            "{}: the response to the first poll ({content}) is not Engine.IO (is the path right?)",
            address(url)
        );
        Error::new(ErrorKind::NotEngineIo, message)
            .with_url(url)
            .with_source(error)
    }
}

struct Receiver {
    requests: Arc<Requests>,
    /// An error in the last payload, after its valid packets. The next call returns it.
    error: Option<Error>,
}

#[async_trait]
impl PacketReceiver for Receiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let answer = self.requests.send(None).await?;
        let limits = &self.requests.exchange.limits;
        let Answer {
            status,
            headers,
            body,
        } = answer;
        let body = match &headers {
            Some(headers) => decode(headers, body, limits.body),
            None => Ok(body),
        };
        if status != StatusCode::OK {
            // If the server refuses the request, the error reports the status, even if the body can't
            // be decoded.
            let answer = Answer {
                status,
                headers,
                body: body.unwrap_or_default(),
            };
            return Err(self.requests.refused("a poll", answer));
        }
        let body = body?;
        if self.requests.sid.get().is_none() && is_protocol_3(&body) {
            let message =
                "the server speaks Engine.IO protocol 3 (EIO=3), but this client needs protocol 4";
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        let decoded = decode_payload(body, limits);
        if self.requests.sid.get().is_none()
            && let Some(Packet::Open(text)) = decoded.packets.first()
            && let Ok(handshake) = Handshake::parse(text)
        {
            let _ = self.requests.sid.set(handshake.sid);
        }
        match decoded.error {
            Some(error) if decoded.packets.is_empty() => {
                let is_first = self.requests.sid.get().is_none();
                let is_limit = error.kind() == ErrorKind::Limit;
                return Err(if is_first && !is_limit {
                    self.requests.not_engine_io(headers.as_deref(), error)
                } else {
                    error
                });
            }
            error => self.error = error,
        }
        Ok(decoded.packets)
    }
}

struct Sender {
    requests: Arc<Requests>,
}

#[async_trait]
impl PacketSender for Sender {
    /// The built-in client reports when a poll has been written. Other clients may report it.
    fn confirms(&self) -> Confirms {
        Confirms::ByPoll
    }

    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        self.requests.post(&batch).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.requests.post(&vec![Packet::Close].into()).await
    }
}
