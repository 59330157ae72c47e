//! What polling asks of an HTTP client: one trait, on the types of the crate `http`.

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

/// An HTTP client that can serve polling. The built-in one is enough for most; implement this to
/// use one of yours, and hand it to
/// [`Polling::with_client`](crate::transports::Polling::with_client) or to the builder's
/// `http_client`. The example `custom_http_client` does so for reqwest.
///
/// # The contract
///
/// A server of Engine.IO takes messages out of its queue to answer a poll with them, and ends a
/// session that asks twice at once. So much of what is a help elsewhere does harm here:
///
/// - **One call is one request.** No redirect is followed (the client does that, where
///   [the user wants it](crate::Builder::follow_redirects)), and nothing is repeated of which a byte
///   may have left (libraries do so, without a word, when a connection that they kept turns out to
///   be closed: look for their setting).
/// - **No time limit of yours covers a poll**, which takes as long as the server likes. What must not
///   take longer than [`dial_timeout`](Exchange::dial_timeout) is to connect: name, TCP and TLS
///   together. A request for which no connection is left in a pool must not wait for one.
/// - **The future may be dropped at any point**: a session that closes or upgrades drops its poll.
///   Its connection must then end, or be used no more: a server that goes on answering must not
///   have its answer given to the request that comes next.
/// - **Calls come at the same time**: a poll and a post of each session that shares the client.
/// - **What is sent is what was given**: each header, and to those a `Host` and, with a body, a
///   `Content-Length`. Some servers take no chunked bodies, and none of them a type of your own. A
///   header that your library can't send is an error, and not left out.
/// - **What is received is within [`limits`](Exchange::limits)**, as far as you can tell: stop
///   reading when a body exceeds `body`, and refuse a head of more than `head` bytes. An end before
///   the end of the body, by its length or its chunks, is an error.
/// - **Progress is reported** as it happens, by [`Exchange::mark`] when bytes of a response have
///   come, and by [`Activity::mark_sent`] when some of a body have left; or a message that is long
///   and slow is taken for silence. If your library can tell when the whole of a GET has been written
///   to its connection, call [`Activity::mark_asked`] then, and
///   [`Activity::mark_not_asked`] if that connection turns out to be dead and you make the request again. If
///   it can't, as surf can't, never call them: then a poll counts from the call of `send`, though it may
///   still be connecting.
/// - **Cookies and compression are no concern of yours.** Keep no cookies, and give back all
///   `Set-Cookie` headers. Ask for no compression beyond what the request says, and give back the
///   body as it came, with its `Content-Encoding`; or, where your library decodes it, without that
///   header.
/// - **The URI holds what is secret**, the session's id at least, and so do headers: they belong in no
///   error and no log, and libraries like to put the former there.
/// - A panic ends the session with an error of the kind [`Aborted`](crate::ErrorKind::Aborted).
///
/// The kind of an error tells the user what to look for: [`Resolve`](crate::ErrorKind::Resolve),
/// [`Connect`](crate::ErrorKind::Connect), [`Tls`](crate::ErrorKind::Tls) and
/// [`Timeout`](crate::ErrorKind::Timeout) on the way to the server,
/// [`Ended`](crate::ErrorKind::Ended) when the connection fails afterwards,
/// [`Http`](crate::ErrorKind::Http) for what is no HTTP, [`Limit`](crate::ErrorKind::Limit) (the
/// message names it), and [`Invalid`](crate::ErrorKind::Invalid) for a request that can't be made.
/// After `Limit` and `Invalid` no other transport is tried.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use engineio_client::http::{Exchange, HttpClient};
/// use engineio_client::{Error, ErrorKind, Limit, async_trait};
/// use http::{Request, Response};
///
/// # mod some_library {
/// #     #[derive(Debug)]
/// #     pub struct Error;
/// #     impl std::fmt::Display for Error {
/// #         fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) }
/// #     }
/// #     impl std::error::Error for Error {}
/// #     pub struct Client;
/// #     pub struct Body;
/// #     impl Client {
/// #         pub async fn send(
/// #             &self,
/// #             _: http::Request<bytes::Bytes>,
/// #         ) -> Result<http::Response<Body>, Error> { Err(Error) }
/// #     }
/// #     impl Body {
/// #         pub async fn next(&mut self) -> Result<Option<bytes::Bytes>, Error> { Ok(None) }
/// #     }
/// # }
/// struct Mine(some_library::Client);
///
/// #[async_trait]
/// impl HttpClient for Mine {
///     async fn send(
///         &self,
///         request: Request<Bytes>,
///         exchange: &Exchange,
///     ) -> Result<Response<Bytes>, Error> {
///         let failed = |error| Error::new(ErrorKind::Ended, "the request failed").with_source(error);
///         let (method, limit) = (request.method().clone(), exchange.limits.body);
///         let (head, mut body) = self.0.send(request).await.map_err(failed)?.into_parts();
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
    /// Makes one request, a GET or a POST with an absolute URI, and reads the whole response.
    ///
    /// # Errors
    ///
    /// When there is no response, or it is larger than the limits of the exchange. A response with
    /// any status is a response.
    ///
    /// # Cancel safety
    ///
    /// The request of a call that is dropped is given up, and does no harm to another.
    async fn send(
        &self,
        request: Request<Bytes>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, Error>;
}

/// For how long a server that refuses wants not to be asked again, by the header `Retry-After`: seconds,
/// or a date, which counts from the answer's own `Date`. A day at most.
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
        // A number that has no place is more than a day.
        let number = std::str::from_utf8(value).ok()?.parse().ok();
        number.unwrap_or(DAY)
    } else {
        let sent = http_date::parse(headers.get(DATE)?.as_bytes())?;
        let later = http_date::parse(value)?.saturating_sub(sent);
        u64::try_from(later).unwrap_or(0)
    };
    Some(Duration::from_secs(seconds.min(DAY)))
}

/// What belongs to one request besides itself.
#[derive(Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The runtime to connect with.
    pub runtime: Arc<dyn Runtime>,
    /// What may be received at most.
    pub limits: Limits,
    /// The most time for connecting.
    pub dial_timeout: Duration,
    /// Where bytes that come and go are reported.
    pub activity: Activity,
}

impl Exchange {
    /// An exchange with these.
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

    /// Reports that bytes have come in answer to a request of this method.
    ///
    /// Those in answer to a GET, a poll, are a sign of life; those in answer to a POST are progress
    /// of what is being sent, and say nothing of the session.
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
    fn a_server_says_in_seconds_or_by_a_date_when_it_may_be_asked_again() {
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
            // By which clock?
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
