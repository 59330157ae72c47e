//! Polling by an HTTP client of one's own, here reqwest's: the whole of it, to copy from, and a
//! short conversation with a server in this process.
//!
//!     cargo run --example custom_http_client

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::{Error, ErrorKind, Message, async_trait};
use http::{Request, Response};

#[path = "support/server.rs"]
mod server;

/// reqwest, for sessions on tokio. (Turn its features on for TLS.)
///
/// Of a long body it does not tell how much has left: on a slow line, a POST must be over within the
/// builder's `send_timeout`.
struct Reqwest(reqwest::Client);

impl Reqwest {
    /// One whose connections are made within this time, of which reqwest has no limit a request.
    fn new(dial_timeout: Duration) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A request that never left is sent on another connection all the same.
            .retry(reqwest::retry::never())
            .connect_timeout(dial_timeout)
            // Node's server closes an idle connection after 5 s, and a request may meet its close.
            .pool_idle_timeout(Duration::from_secs(4))
            // Without this it takes them from the environment.
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
        let request = request.try_into().map_err(failed)?;
        let mut response = self.0.execute(request).await.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            exchange.mark(&method);
            if piece.len() > limit - body.len() {
                let message = format!("a body of more than {limit} bytes (limit max_body_size)");
                return Err(Error::new(ErrorKind::Limit, message));
            }
            body.extend_from_slice(&piece);
        }
        let mut answer = Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

fn failed(error: reqwest::Error) -> Error {
    let kind = match () {
        () if error.is_builder() => ErrorKind::Invalid,
        () if error.is_timeout() => ErrorKind::Timeout,
        () if error.is_connect() => ErrorKind::Connect,
        () => ErrorKind::Ended,
    };
    // In the URL stands the session's id.
    Error::new(kind, "reqwest got no response").with_source(error.without_url())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let url = server::start()?;
    let open_timeout = Duration::from_secs(5);
    let mut client = engineio_client::tokio::Client::builder(&url)
        .http_client(Arc::new(Reqwest::new(open_timeout)?))
        .open_timeout(open_timeout)
        .transports(["polling"])
        .connect()
        .await?;
    println!("Connected by reqwest to {url}.");
    let messages: [Message; 2] = ["hello, wörld 🌍".into(), vec![0, 1, 2, 254, 255].into()];
    for message in messages {
        client.send(message.clone()).await?;
        let echo = client.recv().await.ok_or("the session has ended")?;
        println!("The server echoed {echo:?}.");
        assert_eq!(echo, message);
    }
    let closed = client.disconnect().await;
    println!("The session is over: {closed}.");
    match closed.is_clean() {
        true => Ok(()),
        false => Err("the conversation was cut short".into()),
    }
}

#[cfg(test)]
mod tests {
    use engineio_client::{Activity, Limits, Runtime, Tokio};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// What a request comes to when these are answered, one a request that arrives (and nothing when
    /// there are no more); and the requests.
    async fn exchanged(
        requests: Vec<Request<Bytes>>,
        answers: &[&'static str],
        limit: usize,
    ) -> (Vec<Result<Response<Bytes>, Error>>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = answers.to_vec();
        let server = tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut connection: Option<TcpStream> = None;
            for answer in answers {
                let mut stream = match connection.take() {
                    Some(stream) => stream,
                    None => listener.accept().await.unwrap().0,
                };
                seen.push(read_request(&mut stream).await);
                stream.write_all(answer.as_bytes()).await.unwrap();
                if !answer.is_empty() {
                    connection = Some(stream);
                }
            }
            (seen, listener)
        });
        let runtime: Arc<dyn Runtime> = Arc::new(Tokio::current().unwrap());
        let limits = Limits::default().body(limit);
        let activity = Activity::new(Arc::clone(&runtime));
        let dial_timeout = Duration::from_secs(5);
        let exchange = Exchange::new(runtime, limits, dial_timeout, activity);
        let client = Reqwest::new(dial_timeout).unwrap();
        let mut results = Vec::new();
        for mut request in requests {
            *request.uri_mut() = format!("http://{address}{}", request.uri())
                .parse()
                .unwrap();
            let sent = client.send(request, &exchange);
            let deadline = Duration::from_secs(30);
            results.push(tokio::time::timeout(deadline, sent).await.expect("an end"));
        }
        let (seen, listener) = server.await.unwrap();
        // Whatever else was asked for lies in the backlog.
        let another = listener.into_std().unwrap().accept();
        assert!(another.is_err(), "there was another request");
        (results, seen)
    }

    async fn read_request(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(bytes).unwrap().to_lowercase();
        let length = head.split_once("content-length: ").map_or(0, |(_, rest)| {
            rest.split("\r\n").next().unwrap().parse().unwrap()
        });
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    fn poll() -> Request<Bytes> {
        Request::get("/engine.io/?sid=secret")
            .body(Bytes::new())
            .unwrap()
    }

    #[tokio::test]
    async fn a_post_has_its_length_and_its_body() {
        let text = "4".repeat(100_000);
        let post = Request::post("/").body(Bytes::from(text.clone())).unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let (results, seen) = exchanged(vec![post], &[answer], 1000).await;
        assert_eq!(results[0].as_ref().unwrap().body(), "ok");
        assert!(seen[0].contains("content-length: 100000\r\n"));
        assert!(!seen[0].contains("transfer-encoding"));
        assert!(seen[0].ends_with(&format!("\r\n\r\n{text}")));
    }

    #[tokio::test]
    async fn a_redirect_is_a_response() {
        let answer = "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n";
        let (results, _) = exchanged(vec![poll()], &[answer], 1000).await;
        assert_eq!(results[0].as_ref().unwrap().status(), 302);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n";
        let (results, _) = exchanged(vec![poll()], &[answer], 7).await;
        assert_eq!(results[0].as_ref().unwrap_err().kind(), ErrorKind::Limit);
    }

    #[tokio::test]
    async fn a_poll_that_left_is_not_repeated_and_its_error_keeps_the_secret() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n4x";
        let (results, _) = exchanged(vec![poll(), poll()], &[answer, ""], 1000).await;
        assert!(results[0].is_ok());
        let error = results[1].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ended, "{}", error.report());
        assert!(!format!("{} {error:?}", error.report()).contains("secret"));
    }
}
