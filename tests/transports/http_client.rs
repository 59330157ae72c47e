//! Polling through a user's own HTTP client: the requests that this HTTP client receives, and how its
//! responses are handled.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use engineio_client::http::{Exchange, HttpClient};
use engineio_client::runtime::Address;
use engineio_client::transports::{Polling, Transports};
use engineio_client::{
    Builder, Error, ErrorKind, Limits, Link, MockRuntime, OpenRequest, Packet, Reason, Runtime,
    async_trait,
};
use futures::FutureExt as _;
use futures::channel::oneshot;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::raw::under_some_orders;
use crate::{message, open, open_packet};

/// An HTTP client that returns the queued responses in turn. When none is left, a call never ends.
#[derive(Default)]
struct Fake {
    answers: Mutex<VecDeque<Result<Response<Bytes>, Error>>>,
    seen: Mutex<Vec<(Request<Bytes>, Exchange)>>,
    /// One sender for each call that never ends. The sender is cancelled when the call is dropped.
    hanging: Mutex<Vec<oneshot::Sender<()>>>,
}

impl Fake {
    fn new(answers: impl IntoIterator<Item = Result<Response<Bytes>, Error>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            ..Self::default()
        })
    }

    fn answering(bodies: impl IntoIterator<Item = impl Into<Bytes>>) -> Arc<Self> {
        let responses = bodies
            .into_iter()
            .map(|body| Ok(Response::new(body.into())));
        Self::new(responses)
    }

    /// Takes the requests since the last call.
    fn take(&self) -> Vec<Request<Bytes>> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        seen.into_iter().map(|(request, _)| request).collect()
    }

    /// Takes the only request since the last call.
    fn take_one(&self) -> Request<Bytes> {
        let mut seen = self.take();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }
}

#[async_trait]
impl HttpClient for Fake {
    async fn send(
        &self,
        request: Request<Bytes>,
        exchange: &Exchange,
    ) -> Result<Response<Bytes>, Error> {
        let seen = (request, exchange.clone());
        self.seen.lock().unwrap().push(seen);
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => {
                let (sender, receiver) = oneshot::channel();
                self.hanging.lock().unwrap().push(sender);
                let _ = receiver.await;
                unreachable!("nobody sends")
            }
        }
    }
}

fn refused(status: u16, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

async fn link(
    runtime: &MockRuntime,
    client: &Arc<Fake>,
    edit: impl FnOnce(&mut OpenRequest),
) -> Link {
    let polling = Polling::with_client(Arc::<Fake>::clone(client));
    open(runtime, polling, edit).await.unwrap()
}

fn query(request: &Request<Bytes>) -> Vec<(&str, &str)> {
    let pairs = request.uri().query().unwrap().split('&');
    pairs.map(|pair| pair.split_once('=').unwrap()).collect()
}

#[test]
fn a_poll_is_one_get_and_nothing_happens_between_calls() {
    under_some_orders(async |runtime| {
        let client = Fake::answering(
            [&open_packet(25_000, 20_000)[..], "4a\u{1e}4b", "6"]
                .map(|body| Bytes::from(body.to_owned())),
        );
        let mut link = link(&runtime, &client, |_| {}).await;
        assert!(client.take().is_empty(), "opening makes no exchange");
        for packets in [1, 2, 1] {
            runtime.sleep(Duration::from_secs(100)).await;
            assert!(client.take().is_empty(), "nothing has called recv");
            assert_eq!(link.receiver.recv().await.unwrap().len(), packets);
            let request = client.take_one();
            assert_eq!(request.method(), Method::GET);
            assert!(request.body().is_empty());
            assert!(!request.headers().contains_key("content-type"));
        }
    });
}

#[test]
fn a_batch_is_one_post_and_so_is_the_goodbye() {
    under_some_orders(async |runtime| {
        let client = Fake::answering(["ok", "ok"]);
        let mut link = link(&runtime, &client, |_| {}).await;
        let batch = vec![
            message("a"),
            message(vec![1, 2, 3]),
            Packet::Pong("".into()),
        ];
        link.sender.send(batch.into()).await.unwrap();
        let request = client.take_one();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.body(), "4a\u{1e}bAQID\u{1e}3");
        assert_eq!(
            request.headers()["content-type"],
            "text/plain;charset=UTF-8"
        );
        link.sender.close().await.unwrap();
        let request = client.take_one();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.body(), "1");
    });
}

/// Rules E10, E11.
#[test]
fn each_request_has_an_absolute_uri_with_the_sid_encoded_and_the_users_query_and_headers() {
    under_some_orders(async |runtime| {
        let open = r#"0{"sid":"a/b&c=ä ?#","upgrades":[],"pingInterval":1,"pingTimeout":1}"#;
        let client = Fake::answering([open, "4x", "ok"]);
        let mut link = link(&runtime, &client, |request| {
            request.query = "token=a%20b".into();
            for value in ["one", "two"] {
                let value = HeaderValue::from_static(value);
                request.headers.append("x-many", value);
            }
            let value = HeaderValue::from_static("mine");
            request.headers.insert("user-agent", value);
        })
        .await;
        link.receiver.recv().await.unwrap();
        link.receiver.recv().await.unwrap();
        link.sender.send(vec![message("x")].into()).await.unwrap();
        let requests = client.take();
        let mut stamps = Vec::new();
        for (request, has_sid) in requests.iter().zip([false, true, true]) {
            let uri = request.uri().to_string();
            assert!(uri.starts_with("http://10.0.0.1/engine.io/?"), "{uri}");
            let query = query(request);
            assert_eq!(
                query[..3],
                [("token", "a%20b"), ("EIO", "4"), ("transport", "polling")]
            );
            stamps.extend(query.iter().filter(|pair| pair.0 == "t").map(|pair| pair.1));
            let sid = query.iter().find(|pair| pair.0 == "sid").map(|pair| pair.1);
            assert_eq!(sid, has_sid.then_some("a%2Fb%26c%3D%C3%A4%20%3F%23"));
            let headers = request.headers();
            let many: Vec<_> = headers.get_all("x-many").iter().collect();
            assert_eq!(many, ["one", "two"]);
            let agents: Vec<_> = headers.get_all("user-agent").iter().collect();
            assert_eq!(agents, ["mine"]);
            assert_eq!(headers["accept"], "*/*");
        }
        assert_eq!(stamps.len(), 3);
        stamps.sort_unstable();
        stamps.dedup();
        assert_eq!(stamps.len(), 3, "each timestamp is different");
    });
}

#[test]
fn the_exchange_has_the_limits_of_the_session() {
    under_some_orders(async |runtime| {
        let client = Fake::answering(["4x"]);
        let limits = Limits::default().body(12_345).head(678);
        let mut link = link(&runtime, &client, |request| {
            request.limits = limits;
            request.dial_timeout = Duration::from_millis(9);
        })
        .await;
        link.receiver.recv().await.unwrap();
        let seen = client.seen.lock().unwrap();
        let (_, exchange) = &seen[0];
        assert_eq!(exchange.limits, limits);
        assert_eq!(exchange.dial_timeout, Duration::from_millis(9));
    });
}

/// Rule E22.
#[test]
fn a_poll_succeeds_with_200_alone_and_a_post_with_any_2xx() {
    under_some_orders(async |runtime| {
        for status in [100, 200, 201, 204, 299, 302, 400, 404, 500, 599] {
            let client = Fake::new([Ok(refused(status, "4x")), Ok(refused(status, "no luck"))]);
            let mut link = link(&runtime, &client, |_| {}).await;
            match link.receiver.recv().await {
                Ok(packets) => {
                    assert_eq!(status, 200);
                    assert_eq!(packets, [message("x")]);
                }
                Err(error) => {
                    assert_ne!(status, 200);
                    assert_eq!(error.kind(), ErrorKind::Status);
                    assert_eq!(error.status(), Some(status));
                }
            }
            assert_eq!(client.take_one().method(), Method::GET);
            match link.sender.send(vec![message("x")].into()).await {
                Ok(()) => assert!((200..300).contains(&status)),
                Err(error) => {
                    assert!(!(200..300).contains(&status));
                    assert_eq!(error.status(), Some(status));
                    assert!(error.report().contains("no luck"), "{}", error.report());
                }
            }
            assert_eq!(client.take_one().method(), Method::POST);
        }
    });
}

#[test]
fn an_error_of_the_http_client_is_returned_unchanged() {
    under_some_orders(async |runtime| {
        for kind in [ErrorKind::Tls, ErrorKind::Ended, ErrorKind::Other] {
            let error = || Err(Error::new(kind, "the words of the client"));
            let client = Fake::new([error(), error()]);
            let mut link = link(&runtime, &client, |_| {}).await;
            let received = link.receiver.recv().await.unwrap_err();
            let sent = link
                .sender
                .send(vec![message("x")].into())
                .await
                .unwrap_err();
            for error in [received, sent] {
                assert_eq!(error.kind(), kind);
                assert_eq!(error.report(), "the words of the client");
            }
            assert_eq!(client.take().len(), 2);
        }
    });
}

#[test]
fn a_unix_socket_is_refused_because_the_http_client_gets_only_a_url() {
    under_some_orders(async |runtime| {
        let client = Fake::answering(["4x"]);
        let polling = Polling::with_client(Arc::<Fake>::clone(&client));
        let refused = open(&runtime, polling, |request| {
            request.address = Some(Address::Unix(PathBuf::from("/run/server.sock")));
        })
        .await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
        assert!(client.take().is_empty());
    });
}

/// A whole session with the builder's default transports. The poll that is running when the user closes
/// the session is dropped.
#[test]
fn a_session_with_a_users_http_client_drops_its_poll_when_it_closes() {
    under_some_orders(async |runtime| {
        let client = Fake::answering([
            open_packet(25_000, 20_000).replace(r#""websocket""#, ""),
            "4hello".to_owned(),
        ]);
        let builder = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone());
        let mut session = builder
            .http_client(Arc::<Fake>::clone(&client))
            .connect()
            .await
            .unwrap();
        assert_eq!(session.recv().await.unwrap().as_text(), Some("hello"));
        runtime.sleep(Duration::from_secs(1)).await;
        let polls = client.take();
        assert_eq!(polls.len(), 3, "{polls:?}");
        let mut hanging = client.hanging.lock().unwrap().pop().expect("a poll");
        assert!(!hanging.is_canceled());
        client
            .answers
            .lock()
            .unwrap()
            .push_back(Ok(Response::new("ok".into())));
        let closed = session.disconnect().await;
        assert!(matches!(closed.reason(), Reason::Client), "{closed:?}");
        assert_eq!(client.take_one().body(), "1");
        assert!(
            hanging.cancellation().now_or_never().is_some(),
            "the poll still runs"
        );
    });
}

#[test]
fn a_redirect_that_the_http_client_returns_is_followed() {
    under_some_orders(async |runtime| {
        let mut moved = refused(302, "");
        let location = HeaderValue::from_static("https://new.test/c/?b=2");
        moved.headers_mut().insert("location", location);
        let opened = Response::new(Bytes::from(open_packet(25_000, 20_000)));
        let client = Fake::new([Ok(moved), Ok(opened), Ok(refused(400, ""))]);
        let polling = Polling::with_client(Arc::<Fake>::clone(&client));
        let transports = Transports::new().with(polling);
        let session = Builder::new("http://old.test", transports, runtime.clone())
            .follow_redirects(true)
            .connect()
            .await
            .unwrap();
        session.wait().await;
        let requests = client.take();
        assert_eq!(requests.len(), 3);
        let asked = |at: usize| requests[at].uri().to_string();
        assert!(asked(0).starts_with("http://old.test/engine.io/?EIO=4&"));
        for poll in [1, 2] {
            assert!(asked(poll).starts_with("https://new.test/c/?b=2&EIO=4&"));
        }
    });
}
