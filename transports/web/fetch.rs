//! The HTTP client over a browser's `fetch`.

use bytes::{Bytes, BytesMut};
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::{Error, ErrorKind, Limit, async_trait};
use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, RequestCache, RequestCredentials,
    RequestInit, RequestRedirect, ResponseType,
};

use super::thrown;

/// The browser's `fetch`, with which polling sends its requests.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use engineio_client::transports::Transports;
/// use engineio_client::transports::web::{Credentials, Fetch};
///
/// let fetch = Fetch::default().credentials(Credentials::Include);
/// let transports = Transports::default().http_client(Arc::new(fetch));
/// # let _ = transports;
/// ```
///
/// # Headers
///
/// A browser refuses some [request headers](https://fetch.spec.whatwg.org/#forbidden-request-header), among them `Cookie`, `Host` and
/// `Origin`. A session with one of them fails with [`ErrorKind::Invalid`], rather than without it. Any other header of
/// yours must be allowed by a server of another origin.
///
/// # Limitations
///
/// A browser does not tell how far it has come with a request: connecting has no time limit of its own (the open
/// timeout covers the handshake, the send timeout a POST, and the heartbeat a poll), and a long body of a
/// POST shows no progress until it is answered. The size of a response head is the browser's affair.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fetch {
    credentials: Credentials,
}

/// With which requests the browser sends and stores cookies.
///
/// ```no_run
/// use engineio_client::transports::web::Credentials;
///
/// assert_eq!(Credentials::default(), Credentials::SameOrigin);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// With none.
    Omit,
    /// With those to the page's own origin.
    #[default]
    SameOrigin,
    /// With all. A server of another origin must allow it (`Access-Control-Allow-Credentials`) and name the page's origin.
    /// The equivalent of engine.io-client's `withCredentials`.
    Include,
}

impl Fetch {
    /// Sets with which requests the browser sends and stores cookies. Default: with those to the page's own origin.
    ///
    /// ```no_run
    /// use engineio_client::transports::web::{Credentials, Fetch};
    ///
    /// let fetch = Fetch::default().credentials(Credentials::Include);
    /// # let _ = fetch;
    /// ```
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }
}

#[async_trait]
impl HttpClient for Fetch {
    async fn send(
        &self,
        request: Request<Bytes>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, Error> {
        SendWrapper::new(fetch(request, exchange, self.credentials)).await
    }
}

/// Aborts a request when it is dropped before the whole response was read.
struct Abort {
    controller: AbortController,
    is_over: bool,
}

impl Drop for Abort {
    fn drop(&mut self) {
        if !self.is_over {
            self.controller.abort();
        }
    }
}

async fn fetch(
    request: Request<Bytes>,
    exchange: &Exchange,
    credentials: Credentials,
) -> Result<Response<Bytes>, Error> {
    let (head, body) = request.into_parts();
    let method = head.method;
    let url = head.uri.to_string();
    let invalid = |error: JsValue| {
        let message = format!(
            "the browser can't send this request: {}",
            thrown::text(&error, &url)
        );
        Error::new(ErrorKind::Invalid, message)
    };
    let mut abort = Abort {
        controller: AbortController::new().map_err(invalid)?,
        is_over: false,
    };
    let init = request_init(&method, &body, credentials, &abort.controller);
    let headers = request_headers(&head.headers).map_err(invalid)?;
    init.set_headers(&headers);
    if head.headers.keys().any(|name| name != CONTENT_TYPE) {
        let request = web_sys::Request::new_with_str_and_init(&url, &init).map_err(invalid)?;
        check_headers(&request, &head.headers)?;
    }
    let response = JsFuture::from(call(&url, &init).map_err(invalid)?).await;
    let response: web_sys::Response = response
        .map_err(|error| no_response(&method, &error, &url))?
        .unchecked_into();
    if response.type_() == ResponseType::Opaqueredirect {
        let message = format!(
            "{}: the server answered a {method} with a redirect, whose target a browser hides: connect to the target",
            without_query(&url)
        );
        return Err(Error::new(ErrorKind::Status, message));
    }
    exchange.mark(&method);
    let body = read(&response, &method, exchange).await?;
    abort.is_over = true;
    let status = StatusCode::from_u16(response.status()).map_err(|error| {
        Error::new(
            ErrorKind::Http,
            "the browser reports an invalid HTTP status",
        )
        .with_source(error)
    })?;
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = response_headers(&response.headers());
    Ok(answer)
}

/// The settings of a request, without its headers.
fn request_init(
    method: &Method,
    body: &[u8],
    credentials: Credentials,
    abort: &AbortController,
) -> RequestInit {
    let init = RequestInit::new();
    init.set_method(method.as_str());
    init.set_redirect(RequestRedirect::Manual);
    init.set_cache(RequestCache::NoStore);
    init.set_signal(Some(&abort.signal()));
    init.set_credentials(match credentials {
        Credentials::Omit => RequestCredentials::Omit,
        Credentials::SameOrigin => RequestCredentials::SameOrigin,
        Credentials::Include => RequestCredentials::Include,
    });
    if method == Method::POST {
        init.set_body(&Uint8Array::from(body));
    }
    init
}

/// The URL without its query, which holds the session's id, for an error.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// The error if there was no response, which a browser explains to nobody.
fn no_response(method: &Method, thrown: &JsValue, url: &str) -> Error {
    let message = format!(
        "{}: the browser got no response to a {method} that it shows to this page: the server can't be reached, or \
         does not allow the page's origin by CORS headers ({})",
        without_query(url),
        thrown::text(thrown, url)
    );
    Error::new(ErrorKind::Connect, message)
}

fn request_headers(headers: &HeaderMap) -> Result<Headers, JsValue> {
    let list = Headers::new()?;
    for (name, value) in headers {
        // `fetch` takes a string with a character for each byte.
        let value: String = value.as_bytes().iter().copied().map(char::from).collect();
        list.append(name.as_str(), &value)?;
    }
    Ok(list)
}

/// Fails if the browser has dropped a header of this request, which it does without an error.
fn check_headers(request: &web_sys::Request, headers: &HeaderMap) -> Result<(), Error> {
    let kept = request.headers();
    for name in headers.keys() {
        if name != CONTENT_TYPE && !kept.has(name.as_str()).unwrap_or(false) {
            let message = if name == http::header::COOKIE {
                "a page can't send cookies of its own: the browser sends those that it keeps \
                 (see transports::web::Credentials)"
                    .to_owned()
            } else {
                format!("a browser does not let a page send the header {name}")
            };
            return Err(Error::new(ErrorKind::Invalid, message));
        }
    }
    Ok(())
}

fn call(url: &str, init: &RequestInit) -> Result<Promise, JsValue> {
    let fetch: Function =
        Reflect::get(&js_sys::global(), &JsValue::from_str("fetch"))?.dyn_into()?;
    let url = JsValue::from_str(url);
    fetch.call2(&JsValue::UNDEFINED, &url, init)?.dyn_into()
}

async fn read(
    response: &web_sys::Response,
    method: &Method,
    exchange: &Exchange,
) -> Result<Bytes, Error> {
    let limit = exchange.limits.body;
    let failed = |error: JsValue| {
        let message = format!(
            "the connection failed in the middle of a response: {}",
            thrown::text(&error, "")
        );
        Error::new(ErrorKind::Ended, message)
    };
    let Some(stream) = response.body() else {
        return Ok(Bytes::new());
    };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let (done, value) = (JsValue::from_str("done"), JsValue::from_str("value"));
    let mut body = BytesMut::new();
    loop {
        let chunk = JsFuture::from(reader.read()).await.map_err(failed)?;
        let chunk: Object = chunk.unchecked_into();
        if Reflect::get(&chunk, &done).map_err(failed)?.is_truthy() {
            return Ok(body.freeze());
        }
        let piece = Reflect::get(&chunk, &value).map_err(failed)?;
        let piece: Uint8Array = piece.unchecked_into();
        exchange.mark(method);
        let before = body.len();
        let length = usize::try_from(piece.length()).unwrap_or(usize::MAX);
        if length > limit.saturating_sub(before) {
            let message = format!("the server sent a body of more than {limit} bytes");
            return Err(Error::new(ErrorKind::Limit, message).with_limit(Limit::BodySize));
        }
        body.resize(before.saturating_add(length), 0);
        if let Some(room) = body.get_mut(before..) {
            piece.copy_to(room);
        }
    }
}

/// The headers that the client looks at. The browser has decoded the body, so its coding and length would mislead.
fn response_headers(headers: &Headers) -> HeaderMap {
    const READ: [HeaderName; 3] = [CONTENT_TYPE, RETRY_AFTER, DATE];
    let mut map = HeaderMap::new();
    for name in READ {
        if let Ok(Some(value)) = headers.get(name.as_str())
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            map.insert(name, value);
        }
    }
    map
}
