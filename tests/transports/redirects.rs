//! Redirects of the handshake: the requests to the new URL, and what is not sent to it.

use std::time::Duration;

use engineio_client::transports::Transports;
use engineio_client::{Builder, Client, Error, ErrorKind, Event, MockRuntime, Reason, Runtime};
use futures::StreamExt as _;
use futures::future::join;

use crate::certificates::AUTHORITY;
use crate::open_packet;
use crate::raw::{
    CLOSE, FIN, HOST, Peer, Request, Server, TEXT, frame, response, settle, spawn, switching,
    under_many_orders, under_some_orders,
};

type MockBuilder = Builder<Transports, MockRuntime>;
type Session = Client<Transports, MockRuntime>;

const BOTH: [&str; 2] = ["polling", "websocket"];
const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];
const OLD: &str = "http://old.test/";

fn builder(runtime: &MockRuntime, transport: &str) -> MockBuilder {
    builder_of(runtime, transport, OLD)
}

fn builder_of(runtime: &MockRuntime, transport: &str, url: &str) -> MockBuilder {
    for name in ["old.test", "new.test", "a.app.test", "b.app.test"] {
        runtime.network().name(name, [HOST]);
    }
    Builder::new(url, Transports::default(), runtime.clone())
        .transports([transport])
        .follow_redirects(true)
}

/// A redirect with these lines in its head.
fn answer(status: u16, lines: &[&str]) -> Vec<u8> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("HTTP/1.1 {status} Moved\r\n{lines}Content-Length: 5\r\n\r\nmoved").into()
}

fn moved(location: &str) -> Vec<u8> {
    answer(307, &[&format!("Location: {location}")])
}

/// Opens a session over the transport of the request.
async fn open(peer: &mut Peer, request: &Request) {
    if request.header("upgrade").is_some() {
        peer.write(switching(request)).await;
        peer.write(frame(TEXT, open_packet(25_000, 20_000))).await;
    } else {
        peer.write(response(open_packet(25_000, 20_000))).await;
    }
}

/// A server that answers the request of each connection with the next of these responses, and opens a
/// session on one more connection. Returns all requests.
fn answers(
    runtime: &MockRuntime,
    answers: Vec<Vec<u8>>,
) -> impl Future<Output = (Vec<Request>, Peer, Server)> + Unpin {
    let mut server = Server::new(runtime);
    spawn(runtime, async move {
        let mut requests = Vec::new();
        for answer in answers {
            let mut peer = server.accept().await;
            requests.push(peer.request().await);
            peer.write(answer).await;
        }
        let mut peer = server.accept().await;
        let request = peer.request().await;
        open(&mut peer, &request).await;
        requests.push(request);
        (requests, peer, server)
    })
}

/// Like [`answers`], but for an attempt that fails after the last response. Returns the error and the
/// number of connections.
async fn refused(
    runtime: &MockRuntime,
    builder: MockBuilder,
    answers: Vec<Vec<u8>>,
) -> (Error, usize) {
    let mut server = Server::new(runtime);
    let count = answers.len();
    let script = spawn(runtime, async move {
        for answer in answers {
            let mut peer = server.accept().await;
            peer.request().await;
            peer.write(answer).await;
        }
        server
    });
    let error = builder.connect().await.unwrap_err();
    let mut server = script.await;
    settle(runtime).await;
    (error, count + usize::from(server.has_another()))
}

fn path(request: &Request) -> &str {
    request.target.split('?').next().unwrap_or_default()
}

#[test]
fn every_redirect_status_opens_the_session_at_the_new_place() {
    under_some_orders(async |runtime| {
        for transport in BOTH {
            for status in STATUSES {
                let script = answers(
                    &runtime,
                    vec![answer(status, &["Location: http://new.test/c/?b=2"])],
                );
                let client = builder(&runtime, transport).query("a", "1").connect().await;
                let (requests, _peer, _server) = script.await;
                assert_eq!(client.unwrap().transport(), Some(transport));
                let [old, new] = requests.as_slice() else {
                    panic!("{requests:?}")
                };
                assert_eq!(old.header("host"), Some("old.test"));
                assert!(old.target.starts_with("/engine.io/?a=1&EIO=4&"));
                assert_eq!(new.method, "GET");
                assert_eq!(new.header("host"), Some("new.test"));
                let start = format!("/c/?b=2&EIO=4&transport={transport}&t=");
                assert!(new.target.starts_with(&start), "{}", new.target);
            }
        }
    });
}

#[test]
fn a_query_that_the_server_copies_into_location_is_sent_once() {
    under_some_orders(async |runtime| {
        for transport in BOTH {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                let request = peer.request().await;
                peer.write(moved(&format!("http://new.test{}", request.target)))
                    .await;
                let mut next = server.accept().await;
                let request = next.request().await;
                open(&mut next, &request).await;
                (request, next)
            });
            let builder = builder(&runtime, transport).query("a", "1");
            let _client = builder.connect().await.unwrap();
            let (request, _peer) = script.await;
            let names: Vec<&str> = request.query().iter().map(|pair| pair.0).collect();
            assert_eq!(names, ["a", "EIO", "transport", "t"]);
        }
    });
}

/// Rule E19.
#[test]
fn a_redirect_that_may_not_be_followed_is_an_error_with_status_target_and_setting() {
    under_some_orders(async |runtime| {
        for transport in BOTH {
            for status in STATUSES {
                let location = "//u:secret@new.test/c/?token=secret#secret";
                let line = format!("Location: {location}");
                let builder = builder(&runtime, transport).follow_redirects(false);
                let answers = vec![answer(status, &[&line])];
                let (error, asked) = refused(&runtime, builder, answers).await;
                assert_eq!(asked, 1, "{error}");
                assert_eq!(error.kind(), ErrorKind::Status);
                assert_eq!(error.status(), Some(status));
                assert_eq!(error.redirect(), Some(location));
                assert!(!error.is_retryable());
                let text = error.report();
                for part in [
                    "http://old.test/engine.io/: ",
                    &status.to_string(),
                    "a redirect to http://new.test/c/, which is not followed",
                    "Builder::follow_redirects(true)",
                ] {
                    assert!(text.contains(part), "{part:?} is not in {text:?}");
                }
                let shown = format!("{text} {error:?}");
                assert!(!shown.contains("secret"), "{shown}");
            }
            let builder = builder(&runtime, transport).follow_redirects(false);
            let long = moved(&format!("/{}", "x".repeat(20_000)));
            let (error, _) = refused(&runtime, builder, vec![long]).await;
            assert!(error.report().len() < 500, "{error}");
        }
        // If both transports were tried, `redirect` returns the redirect of the transport that was tried
        // last.
        let builder = builder(&runtime, "polling").follow_redirects(false);
        let answers = vec![moved("/a/"), moved("/b/")];
        let (error, _) = refused(&runtime, builder.transports(BOTH), answers).await;
        assert_eq!(error.redirect(), Some("/b/"));
    });
}

#[test]
fn only_five_statuses_with_one_valid_location_are_redirects() {
    under_some_orders(async |runtime| {
        let new = "Location: http://new.test/";
        for transport in BOTH {
            let mut cases = vec![
                (answer(300, &[new]), "300"),
                (answer(304, &[new]), "304"),
                (answer(201, &[new]), "201"),
                (answer(401, &[new]), "401"),
                (answer(302, &[]), "a redirect without a Location: moved"),
                (
                    answer(302, &[new, "Location: http://other.test/"]),
                    "a redirect with more than one Location",
                ),
            ];
            let bytes = answer(302, &["Location: http://new.test/?"]);
            let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
            let bytes = [&bytes[..at], b"\xff", &bytes[at + 1..]].concat();
            cases.push((bytes, "a redirect with a Location that is not UTF-8"));
            for (answer, words) in cases {
                let builder = builder(&runtime, transport);
                let (error, asked) = refused(&runtime, builder, vec![answer]).await;
                let text = error.report();
                assert_eq!(asked, 1, "{text}");
                assert_eq!(error.kind(), ErrorKind::Status, "{text}");
                assert_eq!(error.redirect(), None);
                assert!(text.contains(words), "{words:?} is not in {text:?}");
            }
            // Two equal `Location` headers count as one.
            let script = answers(&runtime, vec![answer(302, &[new, new])]);
            builder(&runtime, transport).connect().await.unwrap();
            script.await;
        }
    });
}

#[test]
fn a_refused_redirect_is_an_error_with_its_target_and_reason() {
    under_some_orders(async |runtime| {
        for transport in BOTH {
            for (location, place, why) in [
                ("ftp://u:secret@new.test/x", "ftp://new.test/x,", "neither"),
                ("data:secret", "a data: URL,", "neither"),
                ("http:\\\\u:secret@[::1", "is not a URL", "not a URL"),
                ("", "http://old.test/engine.io/,", "Location is empty"),
                (&"x".repeat(9000), "…,", "more than 8192 bytes"),
            ] {
                let builder = builder(&runtime, transport);
                let (error, asked) = refused(&runtime, builder, vec![moved(location)]).await;
                let text = error.report();
                assert_eq!(asked, 1, "{text}");
                assert_eq!(error.status(), Some(307));
                assert!(text.contains(place), "{place:?} is not in {text:?}");
                assert!(text.contains(why), "{why:?} is not in {text:?}");
                assert!(!text.contains("secret"), "{text}");
                assert!(text.len() < 500, "{text}");
            }
        }
    });
}

/// Rule E19.
#[test]
fn five_redirects_are_followed_and_the_sixth_is_an_error() {
    under_some_orders(async |runtime| {
        for transport in BOTH {
            let five: Vec<_> = (1..6).map(|hop| moved(&format!("/{hop}/"))).collect();
            let script = answers(&runtime, five);
            builder(&runtime, transport).connect().await.unwrap();
            let (requests, peer, server) = script.await;
            drop((peer, server));
            let paths: Vec<&str> = requests.iter().map(path).collect();
            assert_eq!(paths, ["/engine.io/", "/1/", "/2/", "/3/", "/4/", "/5/"]);
            // A loop of redirects.
            let six = vec![moved("/engine.io/"); 6];
            let (error, asked) = refused(&runtime, builder(&runtime, transport), six).await;
            assert_eq!(asked, 6);
            let text = error.to_string();
            assert!(text.contains("5 redirects were followed already"), "{text}");
            assert_eq!(error.status(), Some(307));
        }
    });
}

#[test]
fn all_redirects_of_an_attempt_share_its_open_timeout() {
    under_some_orders(async |runtime| {
        for transport in BOTH {
            let mut server = Server::new(&runtime);
            let clock = runtime.clone();
            let script = spawn(&runtime, async move {
                for hop in 0..3 {
                    let mut peer = server.accept().await;
                    peer.request().await;
                    clock.sleep(Duration::from_secs(4)).await;
                    peer.write(moved(&format!("/{hop}/"))).await;
                }
            });
            let before = runtime.now();
            let error = builder(&runtime, transport).connect().await.unwrap_err();
            assert!(error.is_timeout(), "{error}");
            assert_eq!(runtime.now() - before, Duration::from_secs(10));
            let url = error.url().map(url::Url::as_str);
            assert_eq!(url, Some("http://old.test/1/"));
            script.await;
        }
    });
}

#[test]
fn a_redirect_is_followed_without_waiting_for_its_body() {
    under_some_orders(async |runtime| {
        let head = "HTTP/1.1 302 Moved\r\nLocation: /c/\r\nContent-Length: 100\r\n\r\n";
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut old = server.accept().await;
            old.request().await;
            old.write(head).await;
            let mut new = server.accept().await;
            let request = new.request().await;
            open(&mut new, &request).await;
            new
        });
        let before = runtime.now();
        let client = builder(&runtime, "websocket").connect().await.unwrap();
        assert_eq!(runtime.now(), before);
        drop((client, script.await));
    });
}

/// Rule E19.
#[test]
fn a_session_stays_where_it_was_redirected_to() {
    under_many_orders(async |runtime| {
        let mut old = Server::new(&runtime);
        let mut new = Server::on(&runtime, 8080);
        let script = spawn(&runtime, async move {
            let mut peer = old.accept().await;
            assert_eq!(path(&peer.request().await), "/engine.io/");
            peer.write(moved("http://new.test:8080/c/?b=2")).await;
            let mut polls = new.accept().await;
            let mut requests = vec![polls.answer(open_packet(25_000, 20_000)).await];
            requests.push(polls.request().await);
            // The connections for a POST and for the probe arrive in either order.
            let mut posts = new.accept().await;
            let mut probe = new.accept().await;
            if posts.begins_with("GET").await {
                std::mem::swap(&mut posts, &mut probe);
            }
            let post = posts.answer("ok").await;
            assert_eq!(post.method, "POST");
            let upgrade = probe.request().await;
            polls.write(response("4hello")).await;
            requests.extend([post, polls.request().await]);
            probe.write(switching(&upgrade)).await;
            requests.push(upgrade);
            assert_eq!(probe.frame().await.payload, b"2probe");
            probe.write(frame(TEXT, "3probe")).await;
            polls.write(response("6")).await;
            assert_eq!(probe.frame().await.payload, b"5");
            for request in &requests {
                assert!(request.target.starts_with("/c/?b=2&EIO=4&"), "{request:?}");
                assert_eq!(request.header("host"), Some("new.test:8080"));
                assert_eq!(request.header("cookie"), None);
            }
            assert_eq!(probe.frame().await.first, FIN | CLOSE);
            probe.write(frame(CLOSE, 1000_u16.to_be_bytes())).await;
            assert!(!old.has_another());
        });
        let mut client = builder(&runtime, "polling")
            .transports(BOTH)
            .header("Cookie", "mine=1")
            .connect()
            .await
            .unwrap();
        client.send("x").await.unwrap();
        assert_eq!(client.recv().await.unwrap().as_text(), Some("hello"));
        while !matches!(client.next().await, Some(Event::Upgraded { .. })) {}
        let (closed, ()) = join(client.disconnect(), script).await;
        assert!(closed.is_clean(), "{closed}");
    });
}

#[test]
fn the_next_transport_is_tried_at_the_new_place() {
    under_some_orders(async |runtime| {
        let script = answers(
            &runtime,
            vec![moved("http://new.test/c/?b=2"), answer(503, &[])],
        );
        let client: Session = builder(&runtime, "polling")
            .transports(BOTH)
            .connect()
            .await
            .unwrap();
        assert_eq!(client.transport(), Some("websocket"));
        let (requests, _peer, _server) = script.await;
        let websocket = &requests[2];
        assert!(
            websocket
                .target
                .starts_with("/c/?b=2&EIO=4&transport=websocket")
        );
        assert_eq!(websocket.header("host"), Some("new.test"));
    });
}

#[test]
fn credentials_and_headers_stay_with_the_origin_they_were_given_for() {
    under_some_orders(async |runtime| {
        for transport in BOTH {
            for (location, kept) in [("/c/", true), ("http://new.test/", false)] {
                let script = answers(&runtime, vec![moved(location)]);
                let url = "http://user:password@old.test/?token=secret";
                let builder = builder_of(&runtime, transport, url)
                    .header("Cookie", "a=secret")
                    .header("X-Api-Key", "secret")
                    .header("Host", "virtual.test")
                    .header("Accept-Language", "fi");
                let _client = builder.connect().await.unwrap();
                let (requests, _peer, _server) = script.await;
                let [old, new] = requests.as_slice() else {
                    panic!("{requests:?}")
                };
                for name in ["authorization", "cookie", "x-api-key"] {
                    assert!(old.header(name).is_some(), "{name}");
                    assert_eq!(new.header(name).is_some(), kept, "{name} {location}");
                }
                let host = if kept { "virtual.test" } else { "new.test" };
                assert_eq!(new.header("host"), Some(host));
                assert_eq!(new.header("accept-language"), Some("fi"));
                assert_eq!(new.parameter("token"), None);
            }
        }
    });
}

#[test]
fn cookies_of_a_redirect_are_sent_to_their_domain() {
    under_some_orders(async |runtime| {
        for transport in BOTH {
            let lines = [
                "Location: http://b.app.test/",
                "Set-Cookie: own=1; Path=/",
                "Set-Cookie: both=2; Path=/; Domain=app.test",
                "Set-Cookie: foreign=3; Path=/; Domain=b.app.test",
            ];
            let first = moved("http://a.app.test/");
            let back = answer(303, &["Location: http://a.app.test/", "Set-Cookie: b=4"]);
            let script = answers(&runtime, vec![first, answer(302, &lines), back]);
            let _client = builder(&runtime, transport).connect().await.unwrap();
            let (requests, _peer, _server) = script.await;
            let cookies: Vec<_> = requests.iter().map(|each| each.header("cookie")).collect();
            let back = Some("own=1; both=2");
            assert_eq!(cookies, [None, None, Some("both=2"), back], "{transport}");
        }
    });
}

#[test]
fn an_http_server_may_redirect_to_https_and_not_back() {
    under_some_orders(async |runtime| {
        let config = AUTHORITY.issue(&["new.test"]).server();
        for transport in BOTH {
            for back in [false, true] {
                let mut old = Server::new(&runtime);
                let mut new = Server::on(&runtime, 443);
                let config = config.clone();
                let clock = runtime.clone();
                let script = spawn(&runtime, async move {
                    let mut peer = old.accept().await;
                    peer.request().await;
                    peer.write(moved("https://new.test/c/")).await;
                    let stream = new.accept_stream().await;
                    let acceptor = futures_rustls::TlsAcceptor::from(config);
                    let mut peer = Peer::new(&clock, acceptor.accept(stream).await.unwrap());
                    let request = peer.request().await;
                    assert_eq!(path(&request), "/c/");
                    if back {
                        peer.write(moved("http://new.test/c/")).await;
                    } else {
                        open(&mut peer, &request).await;
                    }
                    (peer, old)
                });
                let builder = builder(&runtime, transport).tls(AUTHORITY.trusted());
                let connected = builder.connect().await;
                let (_peer, mut old) = script.await;
                settle(&runtime).await;
                assert!(!old.has_another());
                match connected {
                    Ok(_) => assert!(!back),
                    Err(error) => {
                        assert!(back, "{}", error.report());
                        let text = error.to_string();
                        assert!(text.contains("from https to http"), "{text}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_client_that_is_closed_meanwhile_follows_no_redirect() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let client = builder(&runtime, "polling").start().unwrap();
        let mut peer = server.accept().await;
        peer.request().await;
        let script = spawn(&runtime, {
            let clock = runtime.clone();
            async move {
                clock.sleep(Duration::from_secs(1)).await;
                peer.write(moved("/c/")).await;
                peer
            }
        });
        let (closed, _peer) = join(client.disconnect(), script).await;
        assert!(matches!(closed.reason(), Reason::Client), "{closed}");
        settle(&runtime).await;
        assert!(!server.has_another());
    });
}

/// Rule E19.
#[test]
fn redirects_of_an_open_session_are_errors() {
    under_some_orders(async |runtime| {
        for of_post in [false, true] {
            let script = answers(&runtime, Vec::new());
            let client = builder(&runtime, "polling").connect().await.unwrap();
            let (_, mut polls, mut server) = script.await;
            polls.request().await;
            if of_post {
                client.send("x").await.unwrap();
                let mut posts = server.accept().await;
                posts.request().await;
                posts.write(moved("/c/")).await;
            } else {
                polls.write(moved("/c/")).await;
            }
            let closed = client.wait().await;
            let Reason::Transport(error) = closed.reason() else {
                panic!("{closed}")
            };
            assert_eq!(error.status(), Some(307));
            let text = error.to_string();
            assert!(text.contains("a redirect to /c/, which"), "{text}");
            assert!(text.contains("only redirects of the handshake"), "{text}");
            settle(&runtime).await;
            assert!(!server.has_another());
        }
    });
}

#[test]
fn a_redirect_of_the_upgrade_fails_it_and_the_session_goes_on() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let mut polls = server.accept().await;
            polls.answer(open_packet(25_000, 20_000)).await;
            polls.request().await;
            let mut probe = server.accept().await;
            probe.request().await;
            probe.write(moved("http://new.test/")).await;
            assert!(probe.next_request().await.is_none());
            polls.write(response("4hello")).await;
            polls.request().await;
            assert!(!server.has_another());
            polls
        });
        let mut client = builder(&runtime, "polling")
            .transports(BOTH)
            .connect()
            .await
            .unwrap();
        loop {
            match client.next().await {
                Some(Event::UpgradeFailed { error, .. }) => {
                    let text = error.to_string();
                    assert!(text.contains("only redirects of the handshake"), "{text}");
                    break;
                }
                Some(_) => {}
                None => panic!("the session ended"),
            }
        }
        assert_eq!(client.recv().await.unwrap().as_text(), Some("hello"));
        drop((client, script.await));
    });
}
