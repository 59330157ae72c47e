//! One HTTP connection, which carries one request and response at a time, within limits.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use ::hyper::body::{Body as _, Incoming};
use ::hyper::client::conn::http1::{self, SendRequest};
use ::hyper::ext::on_informational;
use bytes::{Bytes, BytesMut};
use engineio_client::http::Exchange;
use engineio_client::{Error, ErrorKind, Limit};
use http::header::{CONNECTION, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use url::Url;

use super::super::super::shared::buffer_pool::SizedBuffer;
use super::super::super::shared::dial::{Dialed, Proxy};
use super::super::super::shared::own_error::own_error;
use super::super::super::shared::response_head::{self, MAX_HEADERS};
use super::super::super::shared::status_error::address;
use super::stream::{HyperIo, Meter};

/// Limit of hyper's read buffer, which grows with long bodies (up to 400 KiB by default) and never
/// shrinks. A body that fits into the buffer is not copied, for example 100 kB of data in base64.
const LARGEST_BUFFER: usize = 160 * 1024;

/// Why a request has no response.
pub(super) enum ExchangeError {
    /// The request may be repeated: see [`Meter::not_received`].
    NotReceived(Error),
    Failed(Error),
}

pub(super) struct Connection {
    /// The URL to which requests are sent, as error messages show it.
    url: String,
    requests: SendRequest<Full<Bytes>>,
    driver: http1::Connection<HyperIo, Full<Bytes>>,
    /// The connection has ended.
    ended: bool,
    meter: Arc<Meter>,
    /// The proxy at the other end, if requests are forwarded.
    forwarded_by: Option<Proxy>,
    /// Whether the connection may carry further requests.
    keep_alive: bool,
}

impl Connection {
    pub(super) async fn new(
        dialed: Dialed,
        url: &Url,
        exchange: &Exchange,
        keep_alive: bool,
    ) -> Result<Self, Error> {
        let meter = Arc::new(Meter::default());
        let io = HyperIo::new(dialed.stream, Arc::clone(&meter), exchange.limits.head);
        let url = address(url);
        let (requests, driver) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_header_size(exchange.limits.head)
            .max_buf_size(exchange.limits.head.max(LARGEST_BUFFER))
            // Some servers recognise header names only in this form.
            .title_case_headers(true)
            .handshake(io)
            .await
            .map_err(|error| http_error(error, &url, exchange))?;
        Ok(Self {
            url,
            requests,
            driver,
            ended: false,
            meter,
            forwarded_by: dialed.forwarded_by,
            keep_alive,
        })
    }

    /// Lets hyper read and write.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended && Pin::new(&mut self.driver).poll(cx).is_ready() {
            self.ended = true;
        }
    }

    /// Gives the request the form that the peer expects. A server expects a path without the origin,
    /// and a forwarding proxy expects the whole URL.
    fn address(&self, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
        if !self.keep_alive {
            let close = HeaderValue::from_static("close");
            request.headers_mut().insert(CONNECTION, close);
        } else if self.forwarded_by.is_some() {
            let keep = HeaderValue::from_static("keep-alive");
            request.headers_mut().insert(CONNECTION, keep);
        }
        if let Some(proxy) = &self.forwarded_by {
            let headers = request.headers_mut();
            if let Some(authorization) = proxy.authorization() {
                headers.insert(PROXY_AUTHORIZATION, authorization.clone());
            }
        } else if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = Uri::from(path);
        }
        request
    }

    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, ExchangeError> {
        let mut request = self.address(request);
        self.meter.begin();
        let meter = Arc::clone(&self.meter);
        on_informational(&mut request, move |interim| {
            let bytes = u64::try_from(size(interim.headers())).unwrap_or(u64::MAX);
            meter.interim.fetch_add(bytes, Ordering::Relaxed);
        });
        // The answer to a POST does not count as activity of the session.
        let polling = request.method() == Method::GET;
        let mut progress = Progress::new(&self.meter, exchange, polling);
        let mut response = pin!(self.requests.try_send_request(request));
        let (driver, ended) = (&mut self.driver, &mut self.ended);
        let response = poll_fn(|cx| {
            if !*ended && Pin::new(&mut *driver).poll(cx).is_ready() {
                *ended = true;
            }
            progress.mark();
            response.as_mut().poll(cx)
        })
        .await;
        let response = match response {
            Ok(response) => response,
            Err(mut error) => {
                let not_sent = error.take_message().is_some();
                let error = http_error(error.into_error(), &self.url, exchange);
                return Err(if not_sent || self.meter.not_received() {
                    ExchangeError::NotReceived(error)
                } else {
                    ExchangeError::Failed(error)
                });
            }
        };
        let (mut head, body) = response.into_parts();
        if let Some(proxy) = &self.forwarded_by {
            if head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                let message = format!("the proxy {proxy} refused a request with {}", head.status);
                let error = Error::new(ErrorKind::Proxy, message).with_status(head.status.as_u16());
                return Err(ExchangeError::Failed(error));
            }
            head.extensions.insert(proxy.clone());
        }
        let body = self
            .collect(body, progress, exchange)
            .await
            .map_err(ExchangeError::Failed)?;
        Ok(Response::from_parts(head, body))
    }

    /// Reads a body into one buffer, of the right size if the length is known.
    async fn collect(
        &mut self,
        body: Incoming,
        mut progress: Progress<'_>,
        exchange: &Exchange,
    ) -> Result<Bytes, Error> {
        let limit = exchange.limits.body;
        let too_large = || {
            let message = format!("the server sent a body of more than {limit} bytes");
            Error::new(ErrorKind::Limit, message).with_limit(Limit::BodySize)
        };
        // The length is not read from `Content-Length`: a chunked body may have that header, too, with
        // a wrong value.
        let exact = body.size_hint().exact();
        let length = exact.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if length.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut buffer = None;
        let mut body = pin!(body);
        loop {
            let frame = poll_fn(|cx| {
                self.drive(cx);
                progress.mark();
                body.as_mut().poll_frame(cx)
            })
            .await;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| http_error(error, &self.url, exchange))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if Some(data.len()) == length {
                // The whole body arrived in one piece.
                return Ok(data);
            }
            match buffer.get_or_insert_with(|| BodyBuffer::new(length)) {
                BodyBuffer::Sized(buffer) => {
                    buffer.take(&data);
                }
                BodyBuffer::Unsized(buffer) if data.len() > limit.saturating_sub(buffer.len()) => {
                    return Err(too_large());
                }
                BodyBuffer::Unsized(buffer) => buffer.extend_from_slice(&data),
            }
        }
        Ok(match buffer {
            Some(BodyBuffer::Sized(buffer)) => buffer.into_bytes(),
            Some(BodyBuffer::Unsized(buffer)) => buffer.freeze(),
            None => Bytes::new(),
        })
    }

    /// Whether the peer is expected to keep the connection after this response. tinyproxy closes each
    /// connection without announcing it, so the next poll would fail. Proxies are therefore asked to
    /// keep the connection, and must confirm it.
    pub(super) fn may_be_kept(&self, response: &Response<Bytes>) -> bool {
        let headers = response.headers();
        let named = headers.get_all(CONNECTION).iter();
        let mut words = named
            .chain(headers.get_all("proxy-connection"))
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        self.keep_alive
            && (self.forwarded_by.is_none()
                || words.any(|word| word.trim().eq_ignore_ascii_case("keep-alive")))
    }

    /// Whether another request can be sent on this connection.
    pub(super) fn is_reusable(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        self.drive(cx);
        !self.ended && matches!(self.requests.poll_ready(cx), Poll::Ready(Ok(())))
    }
}

/// A body that is being received, with or without a known length.
enum BodyBuffer {
    Sized(SizedBuffer),
    Unsized(BytesMut),
}

impl BodyBuffer {
    fn new(length: Option<usize>) -> Self {
        match length {
            Some(length) => Self::Sized(SizedBuffer::new(length)),
            None => Self::Unsized(BytesMut::new()),
        }
    }
}

/// The approximate size of a head: a status line of at least 17 bytes and an empty line, and for each
/// header a colon, a space and a line break.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().fold(19, |bytes, (name, value)| {
        let line = name.as_str().len().saturating_add(value.len());
        bytes.saturating_add(line).saturating_add(4)
    })
}

/// Reports the bytes read and written since the last call to [`mark`](Self::mark).
struct Progress<'a> {
    meter: Arc<Meter>,
    exchange: &'a Exchange,
    polling: bool,
    read: u64,
    written: u64,
}

impl<'a> Progress<'a> {
    fn new(meter: &Arc<Meter>, exchange: &'a Exchange, polling: bool) -> Self {
        let read = meter.read.load(Ordering::Relaxed);
        let written = meter.written.load(Ordering::Relaxed);
        Self {
            meter: Arc::clone(meter),
            exchange,
            polling,
            read,
            written,
        }
    }

    fn mark(&mut self) {
        let read = self.meter.read.load(Ordering::Relaxed);
        let written = self.meter.written.load(Ordering::Relaxed);
        if self.polling {
            if self.meter.has_left() {
                self.exchange.activity.mark_asked();
            }
            if read != self.read {
                self.exchange.activity.mark();
            }
        } else if read != self.read || written != self.written {
            // The arriving answer counts as progress of a POST, too.
            self.exchange.activity.mark_sent();
        }
        self.read = read;
        self.written = written;
    }
}

fn http_error(error: ::hyper::Error, url: &str, exchange: &Exchange) -> Error {
    // hyper has no method that identifies this error to a client.
    if error.is_parse() && error.to_string().contains("too large") {
        return response_head::too_large(exchange.limits.head);
    }
    if error.is_parse() || is_malformed_body(&error) {
        let message = format!("{url}: the server's response is not HTTP");
        return Error::new(ErrorKind::Http, message).with_source(error);
    }
    own_error(&error).unwrap_or_else(|| {
        let message = format!("{url}: the connection failed during a request");
        Error::new(ErrorKind::Ended, message).with_source(error)
    })
}

/// Whether the framing of the body is malformed, such as the size of a chunk. hyper reports this as a
/// read error of the kind `InvalidInput`, which no stream returns, or `InvalidData`, which TLS may
/// return too, but not with a text about chunks.
fn is_malformed_body(error: &::hyper::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<std::io::Error>())
        .is_some_and(|cause| match cause.kind() {
            std::io::ErrorKind::InvalidInput => true,
            std::io::ErrorKind::InvalidData => cause.to_string().contains("chunk"),
            _ => false,
        })
}
