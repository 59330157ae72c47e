//! HTTP long polling: the server answers a GET when it has packets, and the client sends packets in
//! POSTs.

mod encoding;
mod hyper;
#[cfg(feature = "compression")]
mod inflate;
#[cfg(not(feature = "compression"))]
#[path = "no_inflate.rs"]
mod inflate;
mod invalid_url;
mod not_received;
#[cfg(feature = "surf")]
mod surf;

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use engineio_client::codec::{decode_payload, encode_payload, is_protocol_3};
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::{
    Batch, Confirms, Error, ErrorKind, Framing, Handshake, Link, OpenRequest, Packet,
    PacketReceiver, PacketSender, Runtime, Transport, async_trait,
};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use url::Position;

use self::encoding::decode;
use self::hyper::Hyper;
use self::inflate::ACCEPTED;
use self::invalid_url::invalid_url_because;
use self::not_received::is_not_received;
#[cfg(feature = "surf")]
pub use self::surf::SurfClient;
use super::built_in_settings::BuiltInSettings;
use super::shared::dial::{Dialer, Proxy};
use super::shared::status_error::{address, cut, status_error};
use super::shared::user_agent;

/// HTTP long polling.
///
/// By default it uses a built-in HTTP client, which runs on any runtime and keeps one connection for
/// polls and one for POSTs. All settings of a session (headers, limits, time-outs) come from the
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
    client: Option<Arc<dyn HttpClient>>,
    dialer: Dialer,
}

impl Polling {
    pub(super) fn built_in(settings: &BuiltInSettings) -> Arc<dyn Transport> {
        Arc::new(Self {
            client: settings.http_client.clone(),
            dialer: settings.dialer.clone(),
        })
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
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = dialer;
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
        self.client = Some(client);
        self
    }
}

impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("own_client", &self.client.is_some())
            .finish()
    }
}

#[async_trait]
impl Transport for Polling {
    fn name(&self) -> &'static str {
        "polling"
    }

    /// Sends no request: the open packet arrives with the first poll.
    async fn open(&self, runtime: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let client = match &self.client {
            Some(_) if request.address.is_some() => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "the URL names a Unix socket, to which only the built-in HTTP client can connect",
                ));
            }
            Some(client) => Arc::clone(client),
            None => Arc::new(Hyper::new(self.dialer.clone(), request.address.clone())),
        };
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
        let requests = Arc::new(Requests::new(client, request, sid, exchange)?);
        let receiver = Receiver {
            requests: Arc::clone(&requests),
            error: None,
        };
        Ok(Link::new(Sender { requests }, receiver, Framing::Payloads))
    }
}

/// What both halves of a link share.
struct Requests {
    client: Arc<dyn HttpClient>,
    request: OpenRequest,
    /// Scheme, host and port of the URL. Path and query differ for each request.
    origin: Uri,
    /// The headers of a poll, and those of a POST.
    poll: HeaderMap,
    post: HeaderMap,
    /// The session's id, which the first poll receives.
    sid: OnceLock<String>,
    exchange: Exchange,
}

impl Requests {
    fn new(
        client: Arc<dyn HttpClient>,
        request: OpenRequest,
        sid: OnceLock<String>,
        exchange: Exchange,
    ) -> Result<Self, Error> {
        let origin = request.url[..Position::BeforePath]
            .parse()
            .map_err(invalid_url_because)?;
        let mut poll = HeaderMap::new();
        poll.insert(ACCEPT, HeaderValue::from_static("*/*"));
        poll.insert(USER_AGENT, HeaderValue::from_static(user_agent::USER_AGENT));
        let mut post = poll.clone();
        // The type is not `application/octet-stream`, because Node's server ends the session if a POST
        // has it.
        let text = HeaderValue::from_static("text/plain;charset=UTF-8");
        post.insert(CONTENT_TYPE, text);
        if let Some(codings) = ACCEPTED {
            poll.insert(ACCEPT_ENCODING, HeaderValue::from_static(codings));
        }
        // The user's headers replace ours of the same name.
        poll.extend(request.headers.clone());
        post.extend(request.headers.clone());
        Ok(Self {
            client,
            request,
            origin,
            poll,
            post,
            sid,
            exchange,
        })
    }

    fn uri(&self) -> Result<Uri, Error> {
        let sid = self.sid.get().map(String::as_str);
        let target = self.request.target(sid, self.exchange.runtime.random());
        let mut parts = self.origin.clone().into_parts();
        let target = PathAndQuery::from_maybe_shared(Bytes::from(target));
        parts.path_and_query = Some(target.map_err(invalid_url_because)?);
        Uri::from_parts(parts).map_err(invalid_url_because)
    }

    async fn send(&self, method: Method, body: Bytes) -> Result<Response<Bytes>, Error> {
        let response = loop {
            let request = self.request(method.clone(), body.clone())?;
            tracing::debug!(%method, bytes = body.len(), "request");
            match self.client.send(request, &self.exchange).await {
                Err(error) if is_not_received(&error) => {
                    tracing::debug!(%method, "a reused connection ended before the request arrived");
                    if method == Method::GET {
                        self.exchange.activity.mark_not_asked();
                    }
                }
                sent => break sent?,
            }
        };
        let status = response.status().as_u16();
        tracing::debug!(%method, status, bytes = response.body().len(), "response");
        // Cookies are stored from error responses, too: a load balancer may assign another server in
        // one.
        if let Some(cookies) = &self.request.cookies {
            let now = self.exchange.runtime.now();
            cookies.store(response.headers(), &self.request.url, now);
        }
        Ok(response)
    }

    fn request(&self, method: Method, body: Bytes) -> Result<Request<Bytes>, Error> {
        let mut request = Request::new(body);
        *request.uri_mut() = self.uri()?;
        let headers = request.headers_mut();
        *headers = if method == Method::POST {
            self.post.clone()
        } else {
            self.poll.clone()
        };
        if let Some(cookies) = &self.request.cookies {
            let now = self.exchange.runtime.now();
            cookies.add_to(headers, &self.request.url, now);
        }
        *request.method_mut() = method;
        Ok(request)
    }

    async fn post(&self, body: Bytes) -> Result<(), Error> {
        let response = self.send(Method::POST, body).await?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(self.refused("a POST", &response))
    }

    /// The error for an unexpected status. It names the proxy that forwarded the request, since the
    /// proxy itself may have answered.
    fn refused(&self, what: &str, response: &Response<Bytes>) -> Error {
        let what = match response.extensions().get::<Proxy>() {
            Some(proxy) => format!("{what} through the proxy {proxy}"),
            None => what.to_owned(),
        };
        status_error(
            &what,
            &self.request.url,
            response.status(),
            response.headers(),
            response.body(),
        )
    }

    /// The error for a first response without packets, such as a web page.
    fn not_engine_io(&self, headers: &HeaderMap, error: Error) -> Error {
        let url = &self.request.url;
        let content = match headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
        {
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
        let response = self.requests.send(Method::GET, Bytes::new()).await?;
        let limits = &self.requests.exchange.limits;
        let (head, body) = response.into_parts();
        let body = decode(&head.headers, body, limits.body);
        if head.status != StatusCode::OK {
            // If the server refuses the request, the error reports the status, even if the body can't
            // be decoded.
            let body = body.unwrap_or_default();
            return Err(self
                .requests
                .refused("a poll", &Response::from_parts(head, body)));
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
                    self.requests.not_engine_io(&head.headers, error)
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
        self.requests.post(encode_payload(&batch)).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.requests.post(encode_payload(&[Packet::Close])).await
    }
}
