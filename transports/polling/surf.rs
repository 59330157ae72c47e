//! Polling by surf, for programs that have an HTTP client of it already.

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

/// Polling by a [`surf::Client`] of your own, with its middleware.
///
/// surf has had no release since 2021 and is unmaintained (RUSTSEC-2025-0036, RUSTSEC-2026-0169):
/// this is for programs that use it already. The built-in client runs on the same runtimes without
/// it, and keeps its connections.
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
/// // Or `http_client` of the builder.
/// let transports = Transports::default().http_client(Arc::new(client));
/// # Ok(())
/// # }
/// ```
///
/// # Which backend
///
/// surf brings none of its own with this crate's feature: choose one among surf's features in your
/// `Cargo.toml`.
///
/// - **`curl-client`** is the one to choose: libcurl, built from source, with the system's OpenSSL.
///   Known of it: it panics on a header of the server that is not ASCII, and on a status that it
///   does not know (Cloudflare's 520 and the like). It takes proxies from the environment. With
///   connections kept, libcurl sends a GET a second time when the first has left and the server
///   closes the connection without an answer, and the messages that went with the first are lost.
/// - **`h1-client`**, `h1-client-no-tls`: a body without a length is lost, and HTTP/1.0 and an
///   interim response (103) are not understood; a name is resolved on the thread of the executor,
///   which waits; a header that is not ASCII is a panic, and a head of more than 8 KiB an error.
///   With connections kept, a request that follows one that was dropped is given the dropped one's
///   response.
/// - **`h1-client-rustls`** has a rustls of 2020 with known vulnerabilities, and **`hyper-client`**
///   runs inside a tokio 0.2 alone, with a hyper of that age: don't.
///
/// With the feature `rustls` beside it, cargo has to take crypto-mac 0.10.0 and universal-hash 0.4.0 for
/// surf's own dependencies: later ones insist on a `subtle` that rustls no longer takes. It does so by
/// itself, but where a lock file has the later ones already:
/// `cargo update --precise 0.10.0 crypto-mac`, and `0.4.0` for universal-hash.
///
/// A panic of surf's within a request ends that request with an error of the kind
/// [`Http`](ErrorKind::Http), after the panic hook has been called; it ends the process where the
/// program is built with `panic = "abort"`.
///
/// # What it does not have
///
/// - Connections are not kept, for the reasons above: each request makes one of its own.
/// - surf resolves names and connects by itself, whatever the runtime is, and does not tell when it
///   has connected, so a dial has no time limit of its own. The open timeout covers that of the
///   handshake, the send timeout that of a POST, and the heartbeat that of a poll.
/// - Responses are not compressed: curl would decode them, h1 would not, and neither tells.
/// - A header to be sent must be ASCII, or the request fails with
///   [`Invalid`](ErrorKind::Invalid). Several of one name are sent as one, with commas between the
///   values (semicolons in `Cookie`).
/// - The size of a head is known when it has come: libcurl's own limit is 300 KiB.
///
/// # Middleware, and what is logged
///
/// Middleware of the client sees each request with its headers, and its URL without the query, in
/// which the session's id and perhaps your own secrets stand: surf's logger, which
/// `surf::Client::new()` adds, writes URLs to the log. Do not add surf's `Redirect`, which sends
/// requests twice. Below it the backends log what they send: isahc (curl) the URL at the level
/// debug, and all headers and bodies at trace.
#[derive(Clone, Debug)]
pub struct SurfClient {
    client: ::surf::Client,
}

impl SurfClient {
    /// Polling by this client.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid), when the client's configuration has a time limit, which
    /// would end polls, or keeps connections: see [above](SurfClient) for why, and for how to build
    /// one that does not. `surf::Client::new()` has both.
    pub fn new(client: ::surf::Client) -> Result<Self, Error> {
        let config = &client.config().http_config;
        if config.timeout.is_some() {
            let message = "the surf client has a time limit, which would end polls: \
                build it of a surf::Config with set_timeout(None)";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        if config.http_keep_alive {
            let message = "the surf client keeps connections, on which it repeats polls: \
                build it of a surf::Config with set_http_keep_alive(false)";
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
            Error::new(ErrorKind::Http, "the status is not one").with_source(error)
        })?;
        let mut headers = headers(&response, exchange.limits.head)?;
        let length = length(&headers);
        // Without the header nobody can take a body for compressed that was decoded, or the other
        // way round. Of a refusal the status is what counts.
        if let Some(encoding) = headers.remove(CONTENT_ENCODING)
            && status.is_success()
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            let message = "the server compressed a response, which it was not asked to";
            return Err(Error::new(ErrorKind::Http, message));
        }
        let body = read(response.take_body(), &method, exchange).await?;
        if length.is_some_and(|length| body.len() < length) {
            // h1 takes a body that was cut off for a whole one.
            return Err(Error::new(
                ErrorKind::Ended,
                "the connection ended within a response",
            ));
        }
        let mut answer = Response::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }

    /// The request as surf takes it.
    fn request(
        &self,
        request: Request<Bytes>,
        activity: &Activity,
    ) -> Result<::surf::Request, Error> {
        let (mut head, body) = request.into_parts();
        let invalid = || Error::new(ErrorKind::Invalid, "surf can't make this request");
        let method = SurfMethod::from_str(head.method.as_str())
            .map_err(|error| invalid().with_source(cause(&error)))?;
        let url =
            Url::parse(&head.uri.to_string()).map_err(|error| invalid().with_source(error))?;
        let mut public = url.clone();
        public.set_query(None);
        let mut request = ::surf::Request::new(method, public);
        request.middleware(FullUrl(url));
        // Those that the user has set about the client, which surf does not add by itself. Those of
        // the request replace them.
        for (name, values) in &self.client.config().headers {
            request.insert_header(name, values);
        }
        head.headers
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for name in head.headers.keys() {
            request.insert_header(name.as_str(), joined(&head.headers, name)?);
        }
        // Even of an empty body surf would tell the type.
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
            let message = "surf panicked, as it does over a header that is not ASCII \
                and a status that it does not know";
            Err(Error::new(ErrorKind::Http, message))
        })
    }
}

/// Requests get their query when the client's middleware has seen them.
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

/// The body of a POST, which reports what has been taken of it.
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

/// surf asks for this trait, and reads by the other.
impl AsyncBufRead for Upload {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<&[u8]>> {
        Pin::new(&mut self.get_mut().body).poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        Pin::new(&mut self.body).consume(count);
        self.activity.mark_sent();
    }
}

/// The values of a header in one line, as HTTP has it: of several curl is given the first alone.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<SurfValue, Error> {
    let separator: &[u8] = if name == COOKIE { b"; " } else { b", " };
    let values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let values: Vec<&[u8]> = values.collect();
    SurfValue::from_bytes(values.join(separator)).map_err(|_| {
        let message = format!("surf can't send the header {name}, which is not ASCII");
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
            // h1 makes up a date with a line break in it.
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

/// How long the body is to be, where that is known: a decoded one has any length.
fn length(headers: &HeaderMap) -> Option<usize> {
    if headers.contains_key(TRANSFER_ENCODING) || headers.contains_key(CONTENT_ENCODING) {
        return None;
    }
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What is read at once.
const PIECE: usize = 16 * 1024;

async fn read(body: Body, method: &Method, exchange: &Exchange) -> Result<Bytes, Error> {
    let limit = exchange.limits.body;
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = body.read(&mut piece).await.map_err(|error| {
            let message = "the connection failed within a response";
            Error::new(ErrorKind::Ended, message).with_source(error)
        })?;
        if count == 0 {
            return Ok(whole.freeze());
        }
        exchange.mark(method);
        if count > limit.saturating_sub(whole.len()) {
            let message = format!("a body of more than {limit} bytes");
            return Err(Error::new(ErrorKind::Limit, message).with_limit(Limit::BodySize));
        }
        whole.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

/// What a surf error is about. Its backends tell that in their messages alone, which have not changed
/// since 2021: those in capitals are isahc's (curl), the others h1's.
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

/// A surf error does not implement the trait `Error`.
fn cause(error: &::surf::Error) -> Error {
    Error::new(ErrorKind::Other, format!("{error:#}"))
}
