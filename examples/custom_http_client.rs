//! HTTP long polling over an HTTP client of your own, here reqwest. The adapter is complete, so that you
//! can copy it. The server runs in the same process.
//!
//!     cargo run --example custom_http_client
//!     cargo test --example custom_http_client

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::tokio::Client;
use engineio_client::{Error, ErrorKind, Message, async_trait};
use http::{Request, Response};

#[path = "support/server.rs"]
mod server;
#[cfg(test)]
#[path = "support/custom_http_client_tests.rs"]
mod tests;

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let url = server::start()?;
    let open_timeout = Duration::from_secs(5);
    let mut client = Client::builder(&url)
        .http_client(Arc::new(Reqwest::new(open_timeout)?))
        .open_timeout(open_timeout)
        .transports(["polling"])
        .connect()
        .await?;
    println!("Connected to {url} with reqwest.");
    let messages: [Message; 2] = ["hello, wörld 🌍".into(), vec![0, 1, 2, 254, 255].into()];
    for message in messages {
        client.send(message.clone()).await?;
        let echo = client.recv().await.ok_or("the session ended early")?;
        println!("The server echoed {echo:?}.");
        assert_eq!(echo, message);
    }
    let closed = client.disconnect().await;
    println!("The session has ended: {closed}.");
    match closed.is_clean() {
        true => Ok(()),
        false => Err("the session ended early".into()),
    }
}

/// reqwest, for sessions on tokio. `https` needs one of reqwest's TLS features.
///
/// reqwest does not report how much of a request's body it has written. On a slow connection, the
/// whole POST must therefore end within the builder's `send_timeout`.
struct Reqwest(reqwest::Client);

impl Reqwest {
    /// `dial_timeout` limits the time to connect. reqwest has no such limit for a single request.
    fn new(dial_timeout: Duration) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            // The session must receive redirect responses, so reqwest must not follow them.
            .redirect(reqwest::redirect::Policy::none())
            // A repeated poll could lose messages. A request of which nothing was sent is still sent
            // on another connection.
            .retry(reqwest::retry::never())
            .connect_timeout(dial_timeout)
            // Node's server closes idle connections after 5 s. A request on such a connection fails.
            .pool_idle_timeout(Duration::from_secs(4))
            // By default, reqwest takes proxies from the environment.
            .no_proxy()
            .build()?;
        Ok(Self(client))
    }
}

#[async_trait]
impl HttpClient for Reqwest {
    async fn send(
        &self,
        request: Request<Bytes>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, Error> {
        let (method, limit) = (request.method().clone(), exchange.limits.body);
        let request = request.try_into().map_err(to_error)?;
        let mut response = self.0.execute(request).await.map_err(to_error)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(to_error)? {
            // A part of the response to a poll shows that the server is alive. A part of the response
            // to a POST counts as progress.
            exchange.mark(&method);
            if chunk.len() > limit - body.len() {
                let message = format!("a body of more than {limit} bytes (limit max_body_size)");
                return Err(Error::new(ErrorKind::Limit, message));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

fn to_error(error: reqwest::Error) -> Error {
    let kind = match () {
        () if error.is_builder() => ErrorKind::Invalid,
        () if error.is_timeout() => ErrorKind::Timeout,
        () if error.is_connect() => ErrorKind::Connect,
        () => ErrorKind::Ended,
    };
    // The URL contains the session's id, which is a secret.
    Error::new(kind, "reqwest got no response").with_source(error.without_url())
}
