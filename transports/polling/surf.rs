//! Polling through surf, for programs that already have a surf client.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::task::{Context, Poll};

use ::surf::http::headers::HeaderValue as SurfValue;
use ::surf::http::{Body, Method as SurfMethod};
use ::surf::middleware::{Middleware, Next};
use bytes::{Bytes, BytesMut};
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::{Activity, Error, ErrorKind, Limit, async_trait};
use futures::io::{AsyncBufRead, AsyncRead, AsyncReadExt as _, Cursor};
use futures::{FutureExt as _, ready};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use url::Url;

use super::super::shared::response_head;

/// An HTTP client for polling that sends its requests through a [`surf::Client`] of your own, with its
/// middleware.
///
/// surf has had no release since 2021 and is unmaintained (RUSTSEC-2025-0036, RUSTSEC-2026-0169). Use
/// this only in a program that already depends on surf. The built-in client runs on the same runtimes
/// and keeps its connections.
///
/// ```
/// use std::sync::Arc;
///
/// use engineio_client::transports::{SurfClient, Transports};
///
/// # fn with(backend: impl surf::HttpClient) -> Result<(), Box<dyn std::error::Error>> {
/// let config = surf::Config::new()
///     .set_timeout(None)
///     .set_http_keep_alive(false);
/// # let config = config.set_http_client(backend);
/// let client = SurfClient::new(config.try_into()?)?;
/// // Alternatively, pass the client to `http_client` of the builder.
/// let transports = Transports::default().http_client(Arc::new(client));
/// # Ok(())
/// # }
/// ```
///
/// # Which backend
///
/// This crate's feature `surf` enables no backend. Enable one of surf's features in your `Cargo.toml`:
///
/// - **`curl-client`** is the recommended one: libcurl, built from source, with the system's OpenSSL.
///   Known problems: it panics on a response header that is not ASCII, and on a status that it does
///   not know (such as Cloudflare's 520). It uses the proxies of the environment. With kept
///   connections, libcurl repeats a GET if the server closes the connection without an answer, and the
///   messages that the server sent in answer to the first GET are lost.
/// - **`h1-client`** and `h1-client-no-tls` lose a response body without a length, and do not
///   understand HTTP/1.0 and interim responses (103). They resolve names on the executor's thread, and
///   block it. They panic on a header that is not ASCII, and fail on a head of more than 8 KiB. With
///   kept connections, a request that follows a cancelled one receives the response to the cancelled
///   one.
/// - **`h1-client-rustls`** contains a rustls of 2020 with known vulnerabilities, and
///   **`hyper-client`** runs only inside tokio 0.2, with a hyper of that age. Use neither.
///
/// Together with the feature `rustls`, cargo has to select crypto-mac 0.10.0 and universal-hash 0.4.0
/// for surf's dependencies, since later versions require a `subtle` that is incompatible with rustls.
/// cargo selects these versions by itself unless a lock file already has the later ones. In that case,
/// run `cargo update --precise 0.10.0 crypto-mac`, and the same with `0.4.0` for universal-hash.
///
/// A panic inside surf ends the request with an error of the kind [`Http`](ErrorKind::Http), after the
/// panic hook has run. In a program built with `panic = "abort"` it ends the process.
///
/// # Limitations
///
/// - Each request makes a connection of its own, for the reasons above.
/// - surf resolves names and connects by itself, whatever the runtime is. It does not report when it
///   has connected, so connecting has no time limit of its own. The open timeout covers the handshake,
///   the send timeout a POST, and the heartbeat a poll.
/// - No compression is requested: curl would decode the responses and h1 would not, and neither
///   reports whether it did.
/// - A request header must be ASCII, or the request fails with [`Invalid`](ErrorKind::Invalid).
///   Several headers of one name are joined by commas (by semicolons in `Cookie`).
/// - The size of a response head is checked only after it was received. libcurl's own limit is 300
///   KiB.
///
/// # Middleware and logs
///
/// The client's middleware sees each request with its headers and with its URL, but without the query,
/// which contains the session's id and may contain secrets of yours. surf's logger, which
/// `surf::Client::new()` adds, writes URLs to the log. Do not add surf's `Redirect`, which sends
/// requests twice. The backends log what they send: isahc (curl) the URL at the level debug, and all
/// headers and bodies at the level trace.
#[derive(Clone, Debug)]
pub struct SurfClient {
    client: ::surf::Client,
}

impl SurfClient {
    /// Wraps a surf client.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the client's configuration has a time limit, which would end
    /// polls, or keeps connections. `surf::Client::new()` does both. See [above](SurfClient) for the
    /// reasons and for a suitable configuration.
    pub fn new(client: ::surf::Client) -> Result<Self, Error> {
        let config = &client.config().http_config;
        if config.timeout.is_some() {
            let message = "the surf client has a time limit, which would end polls: \
                build it from a surf::Config with set_timeout(None)";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        if config.http_keep_alive {
            let message = "the surf client keeps connections, on which it repeats polls: \
                build it from a surf::Config with set_http_keep_alive(false)";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(Self { client })
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, Error> {
        let method = request.method().clone();
        let request = self.request(request, &exchange.activity)?;
        let mut response = self.client.send(request).await.map_err(surf_error)?;
        let status = StatusCode::from_u16(response.status().into()).map_err(|error| {
            Error::new(ErrorKind::Http, "the server sent an invalid HTTP status").with_source(error)
        })?;
        let mut headers = headers(&response, exchange.limits.head)?;
        let length = length(&headers);
        // A backend may have decoded the body, so the header would mislead later code. If the server
        // refuses the request, the status matters more than the body.
        if let Some(encoding) = headers.remove(CONTENT_ENCODING)
            && status.is_success()
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            let message = "the server compressed a response without being asked";
            return Err(Error::new(ErrorKind::Http, message));
        }
        let body = read(response.take_body(), &method, exchange).await?;
        if length.is_some_and(|length| body.len() < length) {
            // h1 accepts a truncated body as complete.
            return Err(Error::new(
                ErrorKind::Ended,
                "the connection ended in the middle of a response",
            ));
        }
        let mut answer = Response::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }

    /// Converts the request to surf's type.
    fn request(
        &self,
        request: Request<Bytes>,
        activity: &Activity,
    ) -> Result<::surf::Request, Error> {
        let (mut head, body) = request.into_parts();
        let invalid = || Error::new(ErrorKind::Invalid, "surf can't send this request");
        let method = SurfMethod::from_str(head.method.as_str())
            .map_err(|error| invalid().with_source(cause(&error)))?;
        let url =
            Url::parse(&head.uri.to_string()).map_err(|error| invalid().with_source(error))?;
        let mut public = url.clone();
        public.set_query(None);
        let mut request = ::surf::Request::new(method, public);
        request.middleware(FullUrl(url));
        // surf does not add the client's default headers by itself. Headers of the request replace
        // them.
        for (name, values) in &self.client.config().headers {
            request.insert_header(name, values);
        }
        head.headers
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for name in head.headers.keys() {
            request.insert_header(name.as_str(), joined(&head.headers, name)?);
        }
        // surf would send a content type even for an empty body.
        if !body.is_empty() {
            let length = body.len();
            let upload = Upload {
                body: Cursor::new(body),
                activity: activity.clone(),
            };
            request.set_body(Body::from_reader(upload, Some(length)));
        }
        Ok(request)
    }
}

#[async_trait]
impl HttpClient for SurfClient {
    async fn send(
        &self,
        request: Request<Bytes>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, Error> {
        let answered = AssertUnwindSafe(self.exchange(request, exchange)).catch_unwind();
        answered.await.unwrap_or_else(|_| {
            let message = "surf panicked, as it does on a header that is not ASCII \
                or an unknown status";
            Err(Error::new(ErrorKind::Http, message))
        })
    }
}

/// Middleware that adds the query to a request after the client's own middleware has seen it.
struct FullUrl(Url);

#[async_trait]
impl Middleware for FullUrl {
    async fn handle(
        &self,
        mut request: ::surf::Request,
        client: ::surf::Client,
        next: Next<'_>,
    ) -> ::surf::Result<::surf::Response> {
        let http: &mut ::surf::http::Request = request.as_mut();
        *http.url_mut() = self.0.clone();
        next.run(request, client).await
    }
}

/// The body of a POST, which reports the progress of sending.
struct Upload {
    body: Cursor<Bytes>,
    activity: Activity,
}

impl AsyncRead for Upload {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.body).poll_read(cx, buffer))?;
        self.activity.mark_sent();
        Poll::Ready(Ok(count))
    }
}

/// surf requires this trait, and reads through `AsyncRead`.
impl AsyncBufRead for Upload {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<&[u8]>> {
        Pin::new(&mut self.get_mut().body).poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        Pin::new(&mut self.body).consume(count);
        self.activity.mark_sent();
    }
}

/// Joins the values of a header into one line. curl would send only the first value.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<SurfValue, Error> {
    let separator: &[u8] = if name == COOKIE { b"; " } else { b", " };
    let values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let values: Vec<&[u8]> = values.collect();
    SurfValue::from_bytes(values.join(separator)).map_err(|_| {
        let message = format!("surf can't send the header {name}: its value is not ASCII");
        Error::new(ErrorKind::Invalid, message)
    })
}

fn headers(response: &::surf::Response, limit: usize) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    let mut size = 0_usize;
    for (name, values) in response.iter() {
        for value in values {
            let line = name.as_str().len().saturating_add(value.as_str().len());
            // A colon, a space and a line break.
            size = size.saturating_add(line).saturating_add(4);
            let name = HeaderName::from_bytes(name.as_str().as_bytes());
            let value = HeaderValue::from_str(value.as_str());
            // h1 makes up a `Date` header that contains a line break.
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
    }
    if size > limit {
        return Err(response_head::too_large(limit));
    }
    Ok(headers)
}

/// The announced length of the body. A decoded body may have any length.
fn length(headers: &HeaderMap) -> Option<usize> {
    if headers.contains_key(TRANSFER_ENCODING) || headers.contains_key(CONTENT_ENCODING) {
        return None;
    }
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Maximum number of bytes of one read.
const PIECE: usize = 16 * 1024;

async fn read(body: Body, method: &Method, exchange: &Exchange) -> Result<Bytes, Error> {
    let limit = exchange.limits.body;
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = body.read(&mut piece).await.map_err(|error| {
            let message = "the connection failed in the middle of a response";
            Error::new(ErrorKind::Ended, message).with_source(error)
        })?;
        if count == 0 {
            return Ok(whole.freeze());
        }
        exchange.mark(method);
        if count > limit.saturating_sub(whole.len()) {
            let message = format!("the server sent a body of more than {limit} bytes");
            return Err(Error::new(ErrorKind::Limit, message).with_limit(Limit::BodySize));
        }
        whole.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

/// Maps surf's errors to kinds by the beginning of their texts, since its backends tell them apart in
/// no other way. The texts have not changed since 2021. Those in camel case are isahc's (curl), the
/// others h1's.
const KINDS: &[(&str, ErrorKind)] = &[
    ("ConnectFailed", ErrorKind::Connect),
    ("Connection refused", ErrorKind::Connect),
    ("CouldntResolve", ErrorKind::Resolve),
    ("failed to lookup address", ErrorKind::Resolve),
    ("Timeout", ErrorKind::Timeout),
    ("SSL", ErrorKind::Tls),
    ("BadServerCertificate", ErrorKind::Tls),
    ("BadClientCertificate", ErrorKind::Tls),
    ("InvalidContentEncoding", ErrorKind::Http),
    ("Curl(\"Unsupported protocol", ErrorKind::Http),
    ("Head byte length", ErrorKind::Http),
    ("Unsupported HTTP version", ErrorKind::Http),
    ("invalid ", ErrorKind::Http),
];

fn surf_error(error: ::surf::Error) -> Error {
    let cause = cause(&error);
    let text = cause.to_string();
    let known = KINDS.iter().find(|(start, _)| text.starts_with(start));
    let kind = known.map_or(ErrorKind::Ended, |&(_, kind)| kind);
    Error::new(kind, "surf got no response").with_source(cause)
}

/// surf's error does not implement `std::error::Error`.
fn cause(error: &::surf::Error) -> Error {
    Error::new(ErrorKind::Other, format!("{error:#}"))
}
