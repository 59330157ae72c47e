//! Single requests through each backend of surf, against a server that writes raw bytes: the promises of
//! `SurfClient` for every backend, and the faults that its documentation names.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use engineio_client::http::{Exchange, HttpClient as _};
use engineio_client::transports::SurfClient;
use engineio_client::{Activity, Error, ErrorKind, Limits, Runtime, Smol};
use futures::channel::oneshot;
use futures::future::join;
use http::{HeaderValue, Request, Response, StatusCode};
use http_client::h1::H1Client;
use surf::http::{Method, Url};
use surf::middleware::Next;

use crate::raw::Server;
use crate::support::session::within;
use crate::{config, curl};

/// Runs both futures to their end, within the deadline.
fn run<T>(script: impl Future<Output = ()>, client: impl Future<Output = T>) -> T {
    let both = join(script, client);
    smol::block_on(within(&Smol::new(), "the test", both)).1
}

fn h1() -> Arc<SurfClient> {
    let client = config().set_http_client(backend_h1(false)).try_into();
    Arc::new(SurfClient::new(client.expect("h1 starts")).expect("the configuration is right"))
}

fn backend_h1(keep_alive: bool) -> H1Client {
    let config = http_client::Config::new()
        .set_timeout(None)
        .set_http_keep_alive(keep_alive);
    H1Client::try_from(config).expect("h1 starts")
}

fn on_each_backend(test: impl Fn(Arc<SurfClient>)) {
    for client in [curl(), h1()] {
        test(client);
    }
}

fn exchange() -> Exchange {
    let runtime: Arc<dyn Runtime> = Arc::new(Smol::new());
    let activity = Activity::new(Arc::clone(&runtime));
    Exchange::new(
        runtime,
        Limits::default(),
        Duration::from_secs(10),
        activity,
    )
}

fn limited(edit: impl FnOnce(&mut Limits)) -> Exchange {
    let mut exchange = exchange();
    edit(&mut exchange.limits);
    exchange
}

fn get(server: &Server, target: &str) -> Request<Bytes> {
    let uri = format!("{}{target}", server.url());
    Request::get(uri).body(Bytes::new()).expect("a request")
}

fn post(server: &Server, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(format!("{}/", server.url()))
        .header("content-type", "text/plain;charset=UTF-8")
        .body(body.into())
        .expect("a request")
}

/// The result of a GET that the server answers with these bytes before it closes the connection.
fn answered(client: &SurfClient, answer: impl AsRef<[u8]>) -> Result<Response<Bytes>, Error> {
    answered_within(client, answer, &exchange())
}

fn answered_within(
    client: &SurfClient,
    answer: impl AsRef<[u8]>,
    exchange: &Exchange,
) -> Result<Response<Bytes>, Error> {
    let server = Server::new();
    let script = async {
        let mut peer = server.accept().await;
        peer.request().await;
        peer.write(answer).await;
    };
    let answered = run(script, client.send(get(&server, "/"), exchange));
    assert!(!server.has_another(), "the request was repeated");
    answered
}

#[test]
fn a_get_is_sent_as_it_is() {
    on_each_backend(|client| {
        let server = Server::new();
        let script = async {
            let mut peer = server.accept().await;
            let request = peer.request().await;
            assert_eq!(request.method, "GET");
            assert_eq!(request.target, "/engine.io/?EIO=4&sid=a%2Fb%26c&x=%C3%A4");
            assert_eq!(request.header("x-many"), ["one, two, three"]);
            assert_eq!(request.header("cookie"), ["a=1; b=2"]);
            assert_eq!(request.header("user-agent"), ["mine"]);
            // By default curl offers every coding that it can decode.
            assert_eq!(request.header("accept-encoding"), ["identity"]);
            assert_eq!(request.header("content-type"), [""; 0]);
            assert_eq!(request.header("host"), [&server.url()["http://".len()..]]);
            peer.answer("4x").await;
        };
        let mut request = get(&server, "/engine.io/?EIO=4&sid=a%2Fb%26c&x=%C3%A4");
        let headers = request.headers_mut();
        headers.append("x-many", HeaderValue::from_static("one"));
        headers.append("x-many", HeaderValue::from_static("two"));
        headers.append("x-many", HeaderValue::from_static("three"));
        headers.append("cookie", HeaderValue::from_static("a=1"));
        headers.append("cookie", HeaderValue::from_static("b=2"));
        headers.append("user-agent", HeaderValue::from_static("mine"));
        headers.append("accept-encoding", HeaderValue::from_static("gzip"));
        let response = run(script, client.send(request, &exchange())).expect("a response");
        assert_eq!(response.body(), "4x");
    });
}

#[test]
fn a_post_has_its_exact_body_and_length() {
    on_each_backend(|client| {
        // The last size is above 1 MiB, where libcurl waits for `100 Continue`.
        for size in [1, 1000, 100_000, 2_000_000] {
            let server = Server::new();
            let body: Bytes = (0..size).map(|n| (n % 251) as u8).collect();
            let script = async {
                let mut peer = server.accept().await;
                let mut request = peer.request_head().await;
                assert_eq!(request.method, "POST");
                assert_eq!(request.header("content-length"), [size.to_string()]);
                assert_eq!(request.header("content-type"), ["text/plain;charset=UTF-8"]);
                assert_eq!(request.header("transfer-encoding"), [""; 0]);
                if request.header("expect") == ["100-continue"] {
                    peer.write("HTTP/1.1 100 Continue\r\n\r\n").await;
                }
                request.body = peer.read(size).await;
                assert!(request.body == body);
                peer.answer("ok").await;
            };
            let request = post(&server, body.clone());
            let response = run(script, client.send(request, &exchange())).expect("a response");
            assert_eq!(response.body(), "ok");
        }
    });
}

#[test]
fn a_response_with_any_status_headers_and_body_is_returned() {
    on_each_backend(|client| {
        let answer = "HTTP/1.1 400 Bad Request\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
            X-One: 1\r\nContent-Length: 3\r\n\r\n\u{1}\0\u{ff}";
        // The last character has two bytes, of which one is sent.
        let response = answered(&client, &answer.as_bytes()[..answer.len() - 1]);
        let response = response.expect("a response with any status is one");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(response.headers()["x-one"], "1");
        assert_eq!(response.body()[..], [1, 0, 0xc3]);
    });
}

#[test]
fn a_redirect_is_a_response() {
    on_each_backend(|client| {
        let server = Server::new();
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: {}/other\r\nContent-Length: 0\r\n\r\n",
            server.url()
        );
        let response = answered(&client, answer).expect("a response");
        assert_eq!(response.status(), StatusCode::FOUND);
        assert!(!server.has_another(), "it was followed");
    });
}

#[test]
fn a_large_body_is_complete_in_chunks_or_with_a_length() {
    on_each_backend(|client| {
        let body: String = (0..200_000_u32).map(|n| format!("{n} ")).collect();
        let chunked = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        );
        let sized = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        for answer in [chunked, sized] {
            let response = answered(&client, answer).expect("a response");
            assert!(response.body() == &body);
        }
    });
}

#[test]
fn an_endless_body_is_read_to_the_limit() {
    on_each_backend(|client| {
        let server = Server::new();
        let script = async {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            // Writes chunks until the client closes the connection.
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            while peer.write(&chunk).await {}
        };
        let exchange = limited(|limits| limits.body = 100_000);
        let error = run(script, client.send(get(&server, "/"), &exchange)).expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(
            error
                .to_string()
                .contains("100000 bytes (limit max_body_size)")
        );
    });
}

#[test]
fn a_body_of_the_limit_is_accepted_and_one_a_byte_longer_is_not() {
    on_each_backend(|client| {
        let exchange = limited(|limits| limits.body = 40_000);
        for (size, taken) in [(40_000, true), (40_001, false)] {
            let body = "x".repeat(size);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n{body}");
            let response = answered_within(&client, answer, &exchange);
            assert_eq!(response.is_ok(), taken);
        }
    });
}

#[test]
fn a_head_over_the_limit_is_refused() {
    on_each_backend(|client| {
        let exchange = limited(|limits| limits.head = 2000);
        for (size, taken) in [(1000, true), (2000, false)] {
            let header = "x".repeat(size);
            let answer = format!("HTTP/1.1 200 OK\r\nX-A: {header}\r\nContent-Length: 2\r\n\r\n4x");
            match answered_within(&client, answer, &exchange) {
                Ok(_) => assert!(taken),
                Err(error) => {
                    assert!(!taken, "{error:?}");
                    assert_eq!(error.kind(), ErrorKind::Limit);
                    assert!(error.to_string().contains("max_head_size"), "{error}");
                }
            }
        }
    });
}

#[test]
fn a_body_that_is_cut_off_is_an_error() {
    on_each_backend(|client| {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n4x",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n4x",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4x\r\n",
        ] {
            let error = answered(&client, answer).expect_err("it is cut short");
            assert_eq!(error.kind(), ErrorKind::Ended, "{}", error.report());
        }
    });
}

/// `4x`, compressed by gzip.
const GZIPPED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\x33\xa9\0\0\x06\x18\x2d\xa4\x02\0\0\0";

#[test]
fn a_compressed_response_is_refused_and_a_compressed_refusal_keeps_its_status() {
    on_each_backend(|client| {
        let answer = |status: &str| {
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                GZIPPED.len()
            );
            [head.as_bytes(), GZIPPED].concat()
        };
        let error = answered(&client, answer("200 OK")).expect_err("it is compressed");
        assert_eq!(error.kind(), ErrorKind::Http);
        assert!(error.to_string().contains("compressed"));
        let response = answered(&client, answer("404 Not Found")).expect("a response");
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(!response.headers().contains_key("content-encoding"));
    });
}

#[test]
fn a_panic_of_curl_is_an_error_and_the_next_request_works() {
    let client = curl();
    for head in [
        "200 OK\r\nX-Name: grün",
        "520 Web Server Is Returning An Unknown Error",
    ] {
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 2\r\n\r\n4x");
        let error = answered(&client, answer).expect_err("surf panics");
        assert_eq!(error.kind(), ErrorKind::Http);
        assert!(error.to_string().contains("surf panicked"), "{error}");
        let next = answered(&client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n4y");
        assert_eq!(next.expect("a response").body(), "4y");
    }
}

#[test]
fn a_header_that_is_not_ascii_is_refused_and_not_repeated_in_the_error() {
    on_each_backend(|client| {
        let server = Server::new();
        for value in ["geheim-ü".as_bytes(), b"geheim-\xff"] {
            let mut request = get(&server, "/");
            let value = HeaderValue::from_bytes(value).expect("HTTP allows it");
            request.headers_mut().insert("x-token", value);
            let error = run(async {}, client.send(request, &exchange())).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Invalid);
            let report = format!("{} {error:?}", error.report());
            assert!(report.contains("x-token"), "{report}");
            assert!(!report.contains("geheim"), "{report}");
            assert!(!server.has_another(), "it was sent");
        }
    });
}

#[test]
fn a_poll_that_was_sent_is_not_repeated() {
    on_each_backend(|client| {
        // The second poll is sent on a connection that a client might have kept.
        let server = Server::new();
        let script = async {
            let mut first = server.accept().await;
            first.request().await;
            first.answer("4x").await;
            let mut second = server.accept().await;
            second.request().await;
        };
        let error = run(script, async {
            let first = client.send(get(&server, "/"), &exchange()).await;
            assert_eq!(first.expect("a response").body(), "4x");
            client.send(get(&server, "/"), &exchange()).await
        });
        assert_eq!(error.expect_err("no answer").kind(), ErrorKind::Ended);
        assert!(!server.has_another(), "the request was repeated");
    });
}

#[test]
fn the_next_request_after_a_dropped_poll_gets_its_own_response() {
    on_each_backend(|client| {
        let server = Server::new();
        let (asked, poll_is_there) = oneshot::channel();
        let script = async {
            let mut slow = server.accept().await;
            slow.request().await;
            asked.send(()).expect("the test waits");
            let mut fast = server.accept().await;
            assert_eq!(fast.request().await.target, "/fast");
            // The answer to the dropped poll comes now, too late.
            slow.answer("4slow").await;
            fast.answer("4fast").await;
            slow.gone().await;
        };
        let response = run(script, async {
            let exchange = exchange();
            let poll = client.send(get(&server, "/slow"), &exchange);
            futures::future::select(poll, poll_is_there).await;
            client.send(get(&server, "/fast"), &exchange).await
        });
        assert_eq!(response.expect("a response").body(), "4fast");
    });
}

#[test]
fn bytes_of_a_slow_response_and_of_an_upload_are_activity() {
    on_each_backend(|client| {
        let server = Server::new();
        let (go_on, may_go_on) = oneshot::channel();
        let (exchange, post_exchange) = (exchange(), exchange());
        let script = async {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n4")
                .await;
            may_go_on.await.expect("the test goes on");
            peer.write("x").await;
            // The server reads a part of a POST, and answers nothing.
            let mut peer = server.accept().await;
            let request = peer.request_head().await;
            if request.header("expect") == ["100-continue"] {
                peer.write("HTTP/1.1 100 Continue\r\n\r\n").await;
            }
            peer.read(100_000).await;
            while !format!("{:?}", post_exchange.activity).contains("sent: Some") {
                smol::future::yield_now().await;
            }
        };
        let test = async {
            let poll = client.send(get(&server, "/"), &exchange);
            let marked = async {
                while !format!("{:?}", exchange.activity).contains("received: Some") {
                    smol::Timer::after(Duration::from_millis(1)).await;
                }
                go_on.send(()).expect("the server waits");
            };
            let (response, _) = join(poll, marked).await;
            assert_eq!(response.expect("a response").body(), "4x");
            // Bytes of a poll's response are no progress of a POST.
            assert!(format!("{:?}", exchange.activity).contains("sent: None"));
            let request = post(&server, vec![7; 4_000_000]);
            let ended = client.send(request, &post_exchange).await;
            ended.expect_err("the server has gone");
            assert!(format!("{:?}", post_exchange.activity).contains("received: None"));
        };
        run(script, test);
    });
}

/// Middleware that records the URLs of requests.
struct Note(Arc<Mutex<Vec<String>>>);

#[engineio_client::async_trait]
impl surf::middleware::Middleware for Note {
    async fn handle(
        &self,
        request: surf::Request,
        client: surf::Client,
        next: Next<'_>,
    ) -> surf::Result<surf::Response> {
        self.0.lock().unwrap().push(request.url().to_string());
        next.run(request, client).await
    }
}

#[test]
fn middleware_sees_the_url_without_its_query_and_the_client_adds_its_own_headers() {
    let urls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&urls);
    let config = config()
        .add_header("x-own", "of the client")
        .and_then(|config| config.add_header("x-both", "of the client"))
        .expect("they are headers");
    let client = surf::Client::try_from(config).expect("curl starts");
    let client = SurfClient::new(client.with(Note(seen))).expect("the configuration is right");
    let server = Server::new();
    let script = async {
        let mut peer = server.accept().await;
        let request = peer.request().await;
        assert_eq!(request.target, "/engine.io/?EIO=4&sid=geheim");
        assert_eq!(request.header("x-own"), ["of the client"]);
        assert_eq!(request.header("x-both"), ["of the request"]);
        peer.answer("4x").await;
    };
    let mut request = get(&server, "/engine.io/?EIO=4&sid=geheim");
    let value = HeaderValue::from_static("of the request");
    request.headers_mut().insert("x-both", value);
    run(script, client.send(request, &exchange())).expect("a response");
    assert_eq!(
        *urls.lock().unwrap(),
        [format!("{}/engine.io/", server.url())]
    );
}

#[test]
fn a_client_that_would_end_or_repeat_polls_is_refused() {
    for (client, word) in [
        (surf::Client::new(), "set_timeout"),
        (
            config()
                .set_timeout(Some(Duration::from_secs(1)))
                .try_into()
                .unwrap(),
            "set_timeout",
        ),
        (
            config().set_http_keep_alive(true).try_into().unwrap(),
            "set_http_keep_alive",
        ),
    ] {
        let error = SurfClient::new(client).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn errors_have_the_kind_of_the_step_that_failed() {
    let get = |uri: &str| Request::get(uri).body(Bytes::new()).expect("a request");
    on_each_backend(|client| {
        let url = Server::new().url();
        let error = run(async {}, client.send(get(&url), &exchange())).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::Connect, "{}", error.report());
        let error = answered(&client, "SSH-2.0-OpenSSH_9.2\r\n\r\n").expect_err("no HTTP");
        assert_eq!(error.kind(), ErrorKind::Http, "{}", error.report());
        let error = answered(&client, "").expect_err("no answer");
        assert_eq!(error.kind(), ErrorKind::Ended, "{}", error.report());
    });
    let br = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nxx";
    let error = answered(&curl(), br).expect_err("curl can't decode it");
    assert_eq!(error.kind(), ErrorKind::Http, "{}", error.report());
    let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(9000));
    for answer in ["HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n4x", &large] {
        let error = answered(&h1(), answer).expect_err("h1 can't read it");
        assert_eq!(error.kind(), ErrorKind::Http, "{}", error.report());
    }
    // curl knows without asking a resolver that this name has no address (RFC 7686).
    let error = run(
        async {},
        curl().send(get("http://nowhere.onion/"), &exchange()),
    );
    assert_eq!(error.expect_err("no address").kind(), ErrorKind::Resolve);
    let server = Server::new();
    let script = async {
        let mut peer = server.accept().await;
        peer.read(1).await;
        peer.write("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    };
    let url = server.url().replace("http://", "https://");
    let error = run(script, curl().send(get(&url), &exchange())).expect_err("no TLS");
    assert_eq!(error.kind(), ErrorKind::Tls, "{}", error.report());
}

// The faults because of which `SurfClient` refuses clients that keep connections.

fn request(server: &Server, path: &str) -> surf::Request {
    let url = Url::parse(&format!("{}{path}", server.url())).expect("a URL");
    surf::Request::new(Method::Get, url)
}

#[test]
fn h1_with_kept_connections_returns_the_response_of_a_dropped_poll() {
    let config = surf::Config::new().set_http_client(backend_h1(true));
    let client = surf::Client::try_from(config).expect("h1 starts");
    let server = Server::new();
    let (asked, poll_is_there) = oneshot::channel();
    let script = async {
        let mut peer = server.accept().await;
        assert_eq!(peer.request().await.target, "/slow");
        asked.send(()).expect("the test waits");
        assert_eq!(peer.request().await.target, "/fast");
        peer.answer("slow").await;
        peer.answer("fast").await;
    };
    let answer = run(script, async {
        let poll = Box::pin(client.send(request(&server, "/slow")));
        futures::future::select(poll, poll_is_there).await;
        let mut response = client.send(request(&server, "/fast")).await?;
        response.body_string().await
    });
    assert_eq!(answer.expect("an answer"), "slow");
}

#[test]
fn curl_with_kept_connections_repeats_a_poll_that_was_sent() {
    let config = config().set_http_keep_alive(true);
    let client = surf::Client::try_from(config).expect("curl starts");
    let server = Server::new();
    let script = async {
        let mut peer = server.accept().await;
        peer.request().await;
        peer.answer("first").await;
        assert_eq!(peer.request().await.target, "/second");
        drop(peer);
        let mut again = server.accept().await;
        assert_eq!(again.request().await.target, "/second");
        again.answer("repeated").await;
    };
    let answer = run(script, async {
        let mut first = client.send(request(&server, "/first")).await?;
        first.body_string().await?;
        let mut second = client.send(request(&server, "/second")).await?;
        second.body_string().await
    });
    assert_eq!(answer.expect("an answer"), "repeated");
}
