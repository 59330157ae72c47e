//! The tests of the HTTP client of the example `custom_http_client`, against a scripted server.

use engineio_client::{Activity, Limits, Runtime, Tokio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Sends `requests` to a server that answers the first request with the first of `answers`, and so on.
/// An empty answer closes the connection. Returns the results and the requests that the server received.
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
    // A repeated request would have opened another connection, which now waits in the backlog.
    let another = listener.into_std().unwrap().accept();
    assert!(another.is_err(), "a request was repeated");
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
