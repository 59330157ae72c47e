//! Sends a session's requests with the user's HTTP client.

use std::sync::Arc;

use bytes::Bytes;
use engineio_client::Error;
use engineio_client::codec::encode_payload;
use engineio_client::http::{Exchange, HttpClient};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};

use super::ask::{Answer, Ask, Headers};
use super::invalid_url::invalid_url_because;

pub(super) struct OwnClient {
    client: Arc<dyn HttpClient>,
    /// Scheme, host and port of the URL. Path and query differ for each request.
    origin: Uri,
    headers: Headers,
}

impl OwnClient {
    pub(super) fn new(client: &Arc<dyn HttpClient>, origin: Uri, headers: Headers) -> Self {
        Self {
            client: Arc::clone(client),
            origin,
            headers,
        }
    }

    pub(super) async fn send(&self, ask: &Ask<'_>, exchange: &Exchange) -> Result<Answer, Error> {
        let (method, headers, body) = match ask.batch {
            None => (Method::GET, &self.headers.poll, Bytes::new()),
            Some(batch) => (Method::POST, &self.headers.post, encode_payload(batch)),
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.uri(ask, exchange)?;
        *request.headers_mut() = headers.clone();
        if let Some(cookies) = &ask.request.cookies {
            let now = exchange.runtime.now();
            cookies.add_to(request.headers_mut(), &ask.request.url, now);
        }
        let (head, body) = self.client.send(request, exchange).await?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: Some(Box::new(head.headers)),
            body,
        })
    }

    fn uri(&self, ask: &Ask<'_>, exchange: &Exchange) -> Result<Uri, Error> {
        let target = ask.request.target(ask.sid, exchange.runtime.random());
        let mut parts = self.origin.clone().into_parts();
        let target = PathAndQuery::from_maybe_shared(Bytes::from(target));
        parts.path_and_query = Some(target.map_err(invalid_url_because)?);
        Uri::from_parts(parts).map_err(invalid_url_because)
    }
}
