//! The trait of the HTTP client that polling uses, on the types of the `http` crate.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response};

use crate::error::Error;
use crate::http_date;
use crate::runtime::Runtime;
use crate::transport::{Activity, Limits};

/// An HTTP client that polling can use in place of the built-in one.
///
/// Pass an implementation to [`Polling::with_client`](crate::transports::Polling::with_client) or to the
/// builder's `http_client`.
/// [`examples/custom_http_client.rs`](https://docs.rs/crate/engineio-client/latest/source/examples/custom_http_client.rs)
/// implements the trait for reqwest.
///
/// # The request
///
/// | part | content |
/// |---|---|
/// | method and body | a GET with an empty body, or a POST with a body |
/// | URI | absolute, with the scheme `http` or `https`, and without user info: a user and a password in the client's URL become an `Authorization` header |
/// | headers of polling | `Accept`, `User-Agent`, `Content-Type` (POST) and, with the feature `compression`, `Accept-Encoding` (GET) |
/// | headers of the user | all headers of the builder, in place of those of the same name, and the session's `Cookie` |
/// | `Host` | only if the user has set it: send that value then, and the authority of the URI otherwise |
/// | `Content-Length`, `Transfer-Encoding` | never: the builder refuses them |
///
/// # Contract
///
/// An Engine.IO server removes messages from its queue when it answers a poll, and ends a session that
/// sends a second poll while one is running. Several conveniences of HTTP libraries therefore lose
/// messages or sessions here, and must be turned off:
///
/// 1. **One call is one request.** Do not follow redirects; the client does, if
///    [`follow_redirects`](crate::Builder::follow_redirects) is on. Do not send a request again if a
///    byte of it may have been sent. Many libraries do so without notice when a pooled connection turns
///    out to be closed; look for their setting.
/// 2. **No timeout covers a poll.** The server answers when it has something to send. Only connecting
///    (name resolution, TCP and TLS together) is limited, to [`dial_timeout`](Exchange::dial_timeout),
///    which the builder's [`open_timeout`](crate::Builder::open_timeout) sets. If no pooled connection
///    is free, open a new one instead of waiting.
/// 3. **The future may be dropped at any point.** A session that closes or upgrades drops its poll. The
///    connection must then be closed, or not be used again: otherwise the late response to the dropped
///    poll would be taken for the response to the next request.
/// 4. **Calls are concurrent**: a GET and a POST of each session that shares the client.
/// 5. **The request is sent as given**: every header, plus a `Host` if there is none and, with a body,
///    a `Content-Length`. Some servers do not accept chunked bodies, and no server accepts a
///    `Content-Type` that the library adds. Return an error for a header that the library cannot send.
/// 6. **Responses stay within [`limits`](Exchange::limits)**, as far as the library allows: stop
///    reading when a body exceeds `body`, and reject a head of more than `head` bytes. A body that ends
///    before its `Content-Length` or its last chunk is an error.
/// 7. **Progress is reported when it happens**: call [`Exchange::mark`] when bytes of a response
///    arrive, and [`Activity::mark_sent`] when bytes of a request body were sent. Otherwise the client
///    mistakes the slow transfer of a large message for silence.
/// 8. **The sending of a poll is reported if the library can tell.** Call [`Activity::mark_asked`] when
///    a whole GET has been written to its connection, and [`Activity::mark_not_asked`] if that
///    connection turns out to be dead and the request is made again. If the library cannot tell (surf
///    cannot), call neither; [receipts](crate::Receipts) then measure how long a poll stays unanswered
///    from the call of `send`.
/// 9. **Cookies and compression are left to the client.** Keep no cookies, and return every `Set-Cookie`
///    header. Request no compression beyond what the request says. Return the body as received with its
///    `Content-Encoding`, or decoded without that header.
/// 10. **The URI and the headers are secret**: they contain the session id and credentials. Keep them
///     out of errors and logs; the errors of many libraries contain the URI.
///
/// A panic ends the session with [`ErrorKind::Aborted`](crate::ErrorKind::Aborted).
///
/// To test an implementation, pass polling with it to
/// [`transports::conformance`](crate::transports::conformance), which needs the feature `mock`.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use engineio_client::http::{Exchange, HttpClient};
/// use engineio_client::{Error, ErrorKind, Limit, async_trait};
/// use http::{Method, Request, Response};
///
/// # mod library {
/// #     #[derive(Debug)]
/// #     pub struct Error;
/// #     impl std::fmt::Display for Error {
/// #         fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) }
/// #     }
/// #     impl std::error::Error for Error {}
/// #     pub struct Client;
/// #     pub struct Written;
/// #     pub struct Body;
/// #     impl Client {
/// #         pub async fn write(
/// #             &self,
/// #             _: http::Request<bytes::Bytes>,
/// #             _: impl Fn(usize),
/// #         ) -> Result<Written, Error> { Err(Error) }
/// #     }
/// #     impl Written {
/// #         pub async fn response(self) -> Result<http::Response<Body>, Error> { Err(Error) }
/// #     }
/// #     impl Body {
/// #         pub async fn next(&mut self) -> Result<Option<bytes::Bytes>, Error> { Ok(None) }
/// #     }
/// # }
/// struct MyClient(library::Client);
///
/// #[async_trait]
/// impl HttpClient for MyClient {
///     async fn send(
///         &self,
///         request: Request<Bytes>,
///         exchange: &Exchange,
///     ) -> Result<Response<Bytes>, Error> {
///         let failed = |error| Error::new(ErrorKind::Ended, "the request failed").with_source(error);
///         let (method, limit) = (request.method().clone(), exchange.limits.body);
///         let progress = |_bytes_written| {
///             if method == Method::POST {
///                 exchange.activity.mark_sent();
///             }
///         };
///         // This library's `write` returns when the whole request has been written.
///         let written = self.0.write(request, progress).await.map_err(failed)?;
///         if method == Method::GET {
///             exchange.activity.mark_asked();
///         }
///         let (head, mut body) = written.response().await.map_err(failed)?.into_parts();
///         let mut whole = BytesMut::new();
///         while let Some(piece) = body.next().await.map_err(failed)? {
///             exchange.mark(&method);
///             if piece.len() > limit - whole.len() {
///                 let message = format!("a body of more than {limit} bytes");
///                 return Err(Error::new(ErrorKind::Limit, message).with_limit(Limit::BodySize));
///             }
///             whole.extend_from_slice(&piece);
///         }
///         Ok(Response::from_parts(head, whole.freeze()))
///     }
/// }
/// ```
#[async_trait]
pub trait HttpClient: Send + Sync + 'static {
    /// Sends one request, a GET or a POST with an absolute URI, and reads the whole response.
    ///
    /// A response with an error status is not an error of this method.
    ///
    /// # Errors
    ///
    /// If there is no complete response within the limits. The kind tells the user what to look for:
    ///
    /// | kind | for |
    /// |---|---|
    /// | [`Resolve`](crate::ErrorKind::Resolve), [`Connect`](crate::ErrorKind::Connect), [`Tls`](crate::ErrorKind::Tls), [`Timeout`](crate::ErrorKind::Timeout) | failures while connecting |
    /// | [`Ended`](crate::ErrorKind::Ended) | a connection that failed afterwards |
    /// | [`Http`](crate::ErrorKind::Http) | a response that is not HTTP |
    /// | [`Limit`](crate::ErrorKind::Limit) | a response that exceeds a limit, which the message names |
    /// | [`Invalid`](crate::ErrorKind::Invalid) | a request that cannot be sent |
    ///
    /// After `Limit` and `Invalid` the client does not try its next transport.
    ///
    /// An error names no limit by itself. To let [`Error::limit`](crate::Error::limit) name the setter
    /// of the builder, add [`OpenTimeout`](crate::Limit::OpenTimeout) to a `Timeout`, or
    /// [`BodySize`](crate::Limit::BodySize) or [`HeadSize`](crate::Limit::HeadSize) to a `Limit`, with
    /// [`with_limit`](crate::Error::with_limit).
    ///
    /// # Cancel safety
    ///
    /// Implementations must be cancel safe: a dropped call abandons its request, and does not affect any
    /// other request.
    async fn send(
        &self,
        request: Request<Bytes>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, Error>;
}

/// Reads the `Retry-After` header of a response: seconds, or a date, which is relative to the
/// response's own `Date` header. The result is at most one day. `None` if the header is absent or
/// malformed.
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::http::retry_after;
/// use http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "120".parse()?);
/// assert_eq!(retry_after(&headers), Some(Duration::from_secs(120)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const DAY: u64 = 24 * 60 * 60;
    let value = headers.get(RETRY_AFTER)?.as_bytes().trim_ascii();
    let seconds = if !value.is_empty() && value.iter().all(u8::is_ascii_digit) {
        // A number that overflows is more than a day.
        let number = std::str::from_utf8(value).ok()?.parse().ok();
        number.unwrap_or(DAY)
    } else {
        let sent = http_date::parse(headers.get(DATE)?.as_bytes())?;
        let later = http_date::parse(value)?.saturating_sub(sent);
        u64::try_from(later).unwrap_or(0)
    };
    Some(Duration::from_secs(seconds.min(DAY)))
}

/// The context of one HTTP request: the runtime, the limits, and where to report progress.
///
/// ```
/// use engineio_client::http::Exchange;
/// use engineio_client::{Error, ErrorKind, Limit};
///
/// /// Rejects a body by its `Content-Length`, before it is read.
/// fn check(length: usize, exchange: &Exchange) -> Result<(), Error> {
///     let most = exchange.limits.body;
///     if length > most {
///         let message = format!("a body of {length} bytes, more than {most}");
///         return Err(Error::new(ErrorKind::Limit, message).with_limit(Limit::BodySize));
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The runtime to connect with.
    pub runtime: Arc<dyn Runtime>,
    /// Limits on the response.
    pub limits: Limits,
    /// Time limit for opening one connection: name resolution, TCP and TLS together. It is the builder's
    /// [`open_timeout`](crate::Builder::open_timeout), 10 s by default.
    ///
    /// The client itself limits only the opening of a session. An HTTP client may open further
    /// connections at any time during the session, and limits each to this time.
    pub dial_timeout: Duration,
    /// Where progress is reported.
    pub activity: Activity,
}

impl Exchange {
    /// Creates the context of a request, for tests of an [`HttpClient`].
    ///
    /// ```
    /// # #[cfg(feature = "mock")] {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use engineio_client::http::Exchange;
    /// use engineio_client::{Activity, Limits, MockRuntime};
    ///
    /// let runtime = Arc::new(MockRuntime::new());
    /// let activity = Activity::new(runtime.clone());
    /// let exchange = Exchange::new(runtime, Limits::default(), Duration::from_secs(10), activity);
    /// assert_eq!(exchange.dial_timeout.as_secs(), 10);
    /// # }
    /// ```
    pub fn new(
        runtime: Arc<dyn Runtime>,
        limits: Limits,
        dial_timeout: Duration,
        activity: Activity,
    ) -> Self {
        Self {
            runtime,
            limits,
            dial_timeout,
            activity,
        }
    }

    /// Reports that bytes of the response to a request with this method arrived.
    ///
    /// The response to a GET, a poll, is a sign of life of the session. The response to a POST is
    /// progress of the send, but no sign of life.
    ///
    /// ```
    /// use engineio_client::http::Exchange;
    /// use http::Method;
    ///
    /// fn chunk_arrived(exchange: &Exchange) {
    ///     exchange.mark(&Method::GET);
    /// }
    /// ```
    pub fn mark(&self, method: &Method) {
        if method == Method::GET {
            self.activity.mark();
        } else {
            self.activity.mark_sent();
        }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("limits", &self.limits)
            .field("dial_timeout", &self.dial_timeout)
            .field("activity", &self.activity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (value, sent, seconds) in [
            ("0", None, Some(0)),
            (" 120 ", None, Some(120)),
            ("86400", None, Some(86_400)),
            ("86401", None, Some(86_400)),
            ("99999999999999999999999", None, Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(date), Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(date), Some(30)),
            ("Sun Nov  6 08:50:07 1994", Some(date), Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(date), Some(0)),
            ("Sun, 06 Nov 2094 08:00:00 GMT", Some(date), Some(86_400)),
            // Without a valid `Date` header a date cannot be converted to a duration.
            ("Sun, 06 Nov 1994 08:50:07 GMT", None, None),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some("now"), None),
            ("-1", Some(date), None),
            ("1.5", Some(date), None),
            ("", Some(date), None),
            ("soon", Some(date), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            if let Some(sent) = sent {
                headers.insert(DATE, HeaderValue::from_static(sent));
            }
            let after = retry_after(&headers).map(|after| after.as_secs());
            assert_eq!(after, seconds, "{value:?} {sent:?}");
        }
    }
}
