//! Proxies: the bytes that the client sends to them, the responses that it accepts, and the choice of
//! the proxy.

use std::net::SocketAddr;
use std::time::Duration;

use engineio_client::transports::{Dialer, Polling, Proxy, Transports, WebSocket};
use engineio_client::{
    Builder, Error, ErrorKind, Event, Link, MockRuntime, OpenRequest, Reason, Transport,
};
use futures::StreamExt as _;
use url::Url;

use crate::raw::{
    Peer, Server, TEXT, frame, response, settle, spawn, switching, under_both_orders,
    under_some_orders,
};
use crate::{message, open, open_packet};

const PORT: u16 = 3128;
const HTTP: &str = "http://10.0.0.1:3128";
const HTTP_WITH_PASSWORD: &str = "http://me:s3cr%65t%3a@10.0.0.1:3128";
const SOCKS: &str = "socks5h://10.0.0.1:3128";
const SOCKS_WITH_PASSWORD: &str = "socks5h://me:s3cr%65t%3a@10.0.0.1:3128";

/// The header in which an HTTP proxy receives the credentials of [`HTTP_WITH_PASSWORD`].
const AUTHORIZATION: &str = "Proxy-Authorization: Basic bWU6czNjcmV0Og==\r\n";

const MADE: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

fn through(proxy: &str) -> Dialer {
    Dialer::default().proxy(Proxy::new(proxy).unwrap())
}

/// Sets a server name that only the proxy can resolve.
fn behind_proxy(request: &mut OpenRequest) {
    request.url = "http://chat.test/engine.io/".parse().unwrap();
    request.timestamps = false;
}

fn websocket(proxy: &str) -> WebSocket {
    WebSocket::default().dialer(through(proxy))
}

fn polling(proxy: &str) -> Polling {
    Polling::default().dialer(through(proxy))
}

async fn connect_request(peer: &mut Peer, target: &str, authorization: &str) {
    let expected = format!(
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: engineio-client/{}\r\n\
         {authorization}\r\n",
        env!("CARGO_PKG_VERSION")
    );
    let read = peer.read_exact(expected.len()).await;
    assert_eq!(String::from_utf8_lossy(&read), expected);
}

/// Plays the server at the end of a tunnel, and sends one message.
async fn greet(peer: &mut Peer) {
    let request = peer.accept_websocket().await;
    assert!(request.target.starts_with("/engine.io/?"), "{request:?}");
    assert_eq!(request.header("proxy-authorization"), None);
    peer.write(frame(TEXT, "4hello")).await;
}

async fn is_greeted(link: Result<Link, Error>) {
    let mut link = link.unwrap();
    assert_eq!(link.receiver.recv().await.unwrap(), [message("hello")]);
}

/// Checks that neither the error nor its sources contain a secret.
fn keeps_secrets(error: &Error) {
    let text = format!("{error} {error:?} {}", error.report());
    for secret in ["me:", "s3cr", "bWU6", "\"me\""] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_websocket_goes_through_a_tunnel_and_the_proxy_sees_none_of_the_users_headers() {
    // Ported from python-engineio: test_websocket_connection_with_proxies
    under_some_orders(async |runtime| {
        for (proxy, authorization) in [(HTTP, ""), (HTTP_WITH_PASSWORD, AUTHORIZATION)] {
            let mut server = Server::on(&runtime, PORT);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                connect_request(&mut peer, "chat.test:80", authorization).await;
                peer.write(MADE).await;
                let request = peer.request().await;
                assert_eq!(request.header("host"), Some("chat.test"));
                assert_eq!(request.header("cookie"), Some("a=1"));
                assert_eq!(request.header("authorization"), Some("Bearer x"));
                assert_eq!(request.header("proxy-authorization"), None);
                peer.write(switching(&request)).await;
                peer.write(frame(TEXT, "4hello")).await;
                peer
            });
            let link = open(&runtime, websocket(proxy), |request| {
                behind_proxy(request);
                for (name, value) in [("cookie", "a=1"), ("authorization", "Bearer x")] {
                    request.headers.insert(name, value.parse().unwrap());
                }
            });
            is_greeted(link.await).await;
            script.await;
        }
    });
}

#[test]
fn a_tunnel_leads_to_any_kind_of_host() {
    under_some_orders(async |runtime| {
        for (url, target) in [
            ("http://chat.test:8080/", "chat.test:8080"),
            ("http://192.0.2.1/", "192.0.2.1:80"),
            ("http://[2001:db8::1]/", "[2001:db8::1]:80"),
            ("http://[2001:db8::1]:8080/", "[2001:db8::1]:8080"),
            ("http://bücher.test/", "xn--bcher-kva.test:80"),
            ("http://localhost/", "localhost:80"),
        ] {
            let mut server = Server::on(&runtime, PORT);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                connect_request(&mut peer, target, "").await;
                peer.write(MADE).await;
                peer.accept_websocket().await;
                peer.write(frame(TEXT, "4hello")).await;
                peer
            });
            let link = open(&runtime, websocket(HTTP), |request| {
                request.url = url.parse().unwrap();
            });
            is_greeted(link.await).await;
            script.await;
        }
    });
}

#[test]
fn a_tunnel_begins_after_the_head_of_any_2xx_response() {
    under_some_orders(async |runtime| {
        for head in [
            MADE,
            "HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n",
            "HTTP/1.1 200\r\n\r\n",
            "HTTP/1.1 299 Whatever\r\nServer: x\r\n\r\n",
            "HTTP/1.1 200 OK\nServer: x\n\n",
            // The head announces a body, but there is none.
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            for size in [1, 3, usize::MAX] {
                let mut server = Server::on(&runtime, PORT);
                let script = spawn(&runtime, async move {
                    let mut peer = server.accept().await;
                    connect_request(&mut peer, "chat.test:80", "").await;
                    peer.write_pieces(head, size).await;
                    greet(&mut peer).await;
                    peer
                });
                let link = open(&runtime, websocket(HTTP), behind_proxy).await;
                assert!(link.is_ok(), "{head:?} in pieces of {size}");
                is_greeted(link).await;
                script.await;
            }
        }
    });
}

/// Bytes that the server sends before it receives the request: the beginning of its response.
const EARLY: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 ";

async fn finish_early_answer(peer: &mut Peer) {
    let request = peer.request().await;
    let rest = switching(&request);
    peer.write(rest.strip_prefix("HTTP/1.1 ").unwrap()).await;
    peer.write(frame(TEXT, "4hello")).await;
}

#[test]
fn bytes_after_the_proxys_response_are_the_servers() {
    under_some_orders(async |runtime| {
        let mut server = Server::on(&runtime, PORT);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            connect_request(&mut peer, "chat.test:80", "").await;
            peer.write(format!("{MADE}{EARLY}")).await;
            finish_early_answer(&mut peer).await;

            let mut peer = server.accept().await;
            socks_request(&mut peer, "", TO_CHAT).await;
            peer.write([SOCKS_MADE, EARLY.as_bytes()].concat()).await;
            finish_early_answer(&mut peer).await;
        });
        for proxy in [HTTP, SOCKS] {
            is_greeted(open(&runtime, websocket(proxy), behind_proxy).await).await;
        }
        script.await;
    });
}

/// The error of opening a WebSocket through an HTTP proxy that answers with these bytes and closes the
/// connection.
async fn tunnel_refused(runtime: &MockRuntime, answer: impl Into<Vec<u8>>) -> Error {
    let mut server = Server::on(runtime, PORT);
    let answer = answer.into();
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        peer.request().await;
        peer.write(answer).await;
        drop(peer);
        assert!(!server.has_another(), "the client tries nothing twice");
    });
    let link = open(runtime, websocket(HTTP_WITH_PASSWORD), behind_proxy).await;
    script.await;
    let error = link.unwrap_err();
    keeps_secrets(&error);
    error
}

#[test]
fn a_proxy_that_refuses_a_tunnel_is_named_with_its_status() {
    under_some_orders(async |runtime| {
        for (status, words) in [
            (407, "407 Proxy Authentication Required"),
            (403, "403 Forbidden"),
            (502, "502 Bad Gateway"),
            (301, "301 Moved Permanently"),
        ] {
            let answer =
                format!("HTTP/1.1 {status} x\r\nLocation: /\r\nContent-Length: 9\r\n\r\nme:s3cret");
            let error = tunnel_refused(&runtime, answer).await;
            assert_eq!(error.kind(), ErrorKind::Proxy);
            assert_eq!(error.status(), Some(status));
            let expected =
                format!("the proxy {HTTP} refused a tunnel to chat.test:80 with {words}");
            assert_eq!(error.report(), expected);
        }
    });
}

#[test]
fn a_proxy_that_is_not_http_or_ends_within_a_head_is_an_error_that_names_it() {
    under_some_orders(async |runtime| {
        for answer in [
            "SSH-2.0-x\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1  200 OK\r\n\r\n",
            "HTTP/1.x 200 OK\r\n\r\n",
            "\r\n\r\n\r\n",
            "\n\n",
        ] {
            let error = tunnel_refused(&runtime, answer).await;
            assert_eq!(error.kind(), ErrorKind::Proxy, "{answer:?}");
            assert!(
                error
                    .report()
                    .ends_with("is not HTTP: is it another kind of proxy?"),
                "{error}"
            );
        }
        for answer in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
            let error = tunnel_refused(&runtime, answer).await;
            assert_eq!(error.kind(), ErrorKind::Proxy, "{answer:?}");
            let report = error.report();
            assert!(
                report.contains("closed the connection without an answer"),
                "{report}"
            );
        }
    });
}

#[test]
fn a_proxys_head_is_read_up_to_64_kib() {
    under_both_orders(async |runtime| {
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(100_000));
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(4000);
        for answer in [endless, interim] {
            let error = tunnel_refused(&runtime, answer).await;
            assert_eq!(error.kind(), ErrorKind::Limit);
            let expected = format!("the proxy {HTTP} sent a head of more than 65536 bytes");
            assert_eq!(error.report(), expected);
        }
        // A head that ends exactly at the limit is accepted.
        let start = "HTTP/1.1 403 Forbidden\r\nX: ";
        let answer = format!("{start}{}\r\n\r\n", "x".repeat(65_536 - start.len() - 4));
        assert_eq!(tunnel_refused(&runtime, answer).await.status(), Some(403));
    });
}

/// A response of a proxy that keeps the connection.
fn kept(body: impl AsRef<[u8]>) -> Vec<u8> {
    let response = String::from_utf8(response(body)).unwrap();
    response
        .replacen("\r\n", "\r\nConnection: x, Keep-Alive\r\n", 1)
        .into()
}

#[test]
fn polls_over_http_are_sent_to_the_proxy_on_connections_that_are_kept() {
    let encodings = match cfg!(feature = "compression") {
        true => "Accept-Encoding: gzip, deflate\r\n",
        false => "",
    };
    under_some_orders(async |runtime| {
        for (proxy, authorization) in [
            (HTTP, ""),
            (
                HTTP_WITH_PASSWORD,
                "Proxy-Authorization: Basic bWU6czNjcmV0Og==\r\n",
            ),
        ] {
            let mut server = Server::on(&runtime, PORT);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                let target = "http://chat.test/engine.io/?EIO=4&transport=polling&sid=s";
                for number in 0..3 {
                    let expected = format!(
                        "GET {target} HTTP/1.1\r\nAccept: */*\r\nUser-Agent: engineio-client/{}\r\n\
                         {encodings}X-Mine: 1\r\nHost: chat.test\r\nConnection: keep-alive\r\n\
                         {authorization}\r\n",
                        env!("CARGO_PKG_VERSION")
                    );
                    let read = peer.read_exact(expected.len()).await;
                    assert_eq!(String::from_utf8_lossy(&read), expected);
                    peer.write(kept(format!("4{number}"))).await;

                    let request = peer.request().await;
                    peer.write(kept("ok")).await;
                    assert_eq!((&*request.method, &*request.target), ("POST", target));
                    assert_eq!(request.header("host"), Some("chat.test"));
                    let given = request.header("proxy-authorization");
                    assert_eq!(given.is_some(), !authorization.is_empty());
                    assert_eq!(request.body, b"4x");
                }
                assert!(!server.has_another());
            });
            let mut link = open(&runtime, polling(proxy), |request| {
                behind_proxy(request);
                request.sid = Some("s".into());
                request.headers.insert("x-mine", "1".parse().unwrap());
            })
            .await
            .unwrap();
            for number in 0..3 {
                let packets = link.receiver.recv().await.unwrap();
                assert_eq!(packets, [message(number.to_string())]);
                link.sender.send(vec![message("x")].into()).await.unwrap();
            }
            script.await;
        }
    });
}

/// tinyproxy closes the connection after each response, without announcing it.
#[test]
fn a_connection_is_not_used_again_unless_the_proxy_says_that_it_keeps_it() {
    under_some_orders(async |runtime| {
        let old = |body: &str| {
            let response = String::from_utf8(kept(body)).unwrap();
            response
                .replacen("Connection", "Proxy-Connection", 1)
                .into()
        };
        for (answer, connections) in [
            (response("4hello"), 3),
            (kept("4hello"), 1),
            (old("4hello"), 1),
            (
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\n4hello".into(),
                3,
            ),
        ] {
            let mut server = Server::on(&runtime, PORT);
            let script = spawn(&runtime, async move {
                for _ in 0..connections {
                    let mut peer = server.accept().await;
                    for _ in 0..3 / connections {
                        peer.request().await;
                        peer.write(&answer).await;
                    }
                    assert_eq!(peer.read_to_end().await, b"");
                }
                assert!(!server.has_another());
            });
            let mut link = open(&runtime, polling(HTTP), behind_proxy).await.unwrap();
            for _ in 0..3 {
                assert_eq!(link.receiver.recv().await.unwrap(), [message("hello")]);
            }
            drop(link);
            script.await;
        }
    });
}

#[test]
fn requests_for_any_kind_of_host_are_forwarded() {
    under_some_orders(async |runtime| {
        for (url, start, host) in [
            (
                "http://chat.test:8080/",
                "http://chat.test:8080/?",
                "chat.test:8080",
            ),
            (
                "http://[2001:db8::1]/",
                "http://[2001:db8::1]/?",
                "[2001:db8::1]",
            ),
            (
                "http://bücher.test/",
                "http://xn--bcher-kva.test/?",
                "xn--bcher-kva.test",
            ),
        ] {
            let mut server = Server::on(&runtime, PORT);
            let script = spawn(&runtime, async move {
                let request = server.accept().await.answer("4hello").await;
                assert!(request.target.starts_with(start), "{request:?}");
                assert_eq!(request.header("host"), Some(host));
            });
            let link = open(&runtime, polling(HTTP), |request| {
                request.url = url.parse().unwrap();
            });
            is_greeted(link.await).await;
            script.await;
        }
    });
}

#[test]
fn without_a_proxy_the_server_gets_neither_the_whole_url_nor_the_proxys_credentials() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        let script = spawn(&runtime, async move {
            let request = server.accept().await.answer("4hello").await;
            assert!(request.target.starts_with("/engine.io/?"), "{request:?}");
            for name in ["proxy-authorization", "connection"] {
                assert_eq!(request.header(name), None);
            }
        });
        let dialer = through(HTTP_WITH_PASSWORD).no_proxy();
        let transport = Polling::default().dialer(dialer);
        is_greeted(open(&runtime, transport, |_| {}).await).await;
        script.await;
    });
}

/// The error of a poll that a forwarding proxy answers with this response.
async fn forwarding_refused(runtime: &MockRuntime, answer: &'static str) -> Error {
    let mut server = Server::on(runtime, PORT);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        peer.request().await;
        peer.write(answer).await;
    });
    let transport = polling(HTTP_WITH_PASSWORD);
    let mut link = open(runtime, transport, behind_proxy).await.unwrap();
    let error = link.receiver.recv().await.unwrap_err();
    script.await;
    keeps_secrets(&error);
    error
}

#[test]
fn a_forwarding_proxy_that_refuses_the_credentials_is_named() {
    under_some_orders(async |runtime| {
        let answer = "HTTP/1.1 407 No\r\nContent-Length: 9\r\n\r\nme:s3cret";
        let error = forwarding_refused(&runtime, answer).await;
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::Proxy, Some(407))
        );
        assert_eq!(
            error.report(),
            format!("the proxy {HTTP} refused a request with 407 Proxy Authentication Required")
        );
    });
}

#[test]
fn a_forwarding_proxys_own_page_is_a_status_that_names_the_proxy() {
    under_some_orders(async |runtime| {
        let answer = "HTTP/1.0 504 Gateway Timeout\r\nContent-Type: text/html\r\n\r\n\
            <html>The server did not answer.</html>";
        let error = forwarding_refused(&runtime, answer).await;
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::Status, Some(504))
        );
        assert_eq!(
            error.report(),
            format!(
                "http://chat.test/engine.io/: the server answered a poll through the proxy {HTTP} with \
                 504 Gateway Timeout: The server did not answer."
            )
        );
    });
}

const TO_CHAT: &[u8] = b"\x05\x01\0\x03\x09chat.test\0\x50";
const SOCKS_MADE: &[u8] = b"\x05\0\0\x01\0\0\0\0\0\0";

/// Plays a SOCKS5 proxy up to the point where it has read `request` but has not answered it.
/// `credentials` is empty for a proxy that requires none.
async fn socks_request(peer: &mut Peer, credentials: &str, request: &[u8]) {
    if credentials.is_empty() {
        assert_eq!(peer.read_exact(3).await, b"\x05\x01\0");
        peer.write(b"\x05\0").await;
    } else {
        assert_eq!(peer.read_exact(4).await, b"\x05\x02\0\x02");
        peer.write(b"\x05\x02").await;
        let read = peer.read_exact(credentials.len()).await;
        assert_eq!(read, credentials.as_bytes());
        peer.write(b"\x01\0").await;
    }
    assert_eq!(peer.read_exact(request.len()).await, request);
}

#[test]
fn both_transports_go_through_socks_with_and_without_credentials() {
    under_some_orders(async |runtime| {
        for (proxy, credentials) in [(SOCKS, ""), (SOCKS_WITH_PASSWORD, "\x01\x02me\x07s3cret:")] {
            let mut server = Server::on(&runtime, PORT);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                socks_request(&mut peer, credentials, TO_CHAT).await;
                peer.write(SOCKS_MADE).await;
                greet(&mut peer).await;

                let mut peer = server.accept().await;
                socks_request(&mut peer, credentials, TO_CHAT).await;
                peer.write(SOCKS_MADE).await;
                for _ in 0..2 {
                    let request = peer.answer("4hello").await;
                    assert!(request.target.starts_with("/engine.io/?"), "{request:?}");
                    assert_eq!(request.header("proxy-authorization"), None);
                }
                assert!(!server.has_another(), "the connection is kept");
            });
            is_greeted(open(&runtime, websocket(proxy), behind_proxy).await).await;
            let link = open(&runtime, polling(proxy), behind_proxy).await;
            let mut link = link.unwrap();
            for _ in 0..2 {
                assert_eq!(link.receiver.recv().await.unwrap(), [message("hello")]);
            }
            script.await;
        }
    });
}

#[test]
fn socks5_names_are_resolved_here_and_each_address_is_tried() {
    under_some_orders(async |runtime| {
        let addresses = ["192.0.2.1", "2001:db8::1", "192.0.2.2"];
        let addresses = addresses.map(|address| address.parse().unwrap());
        runtime.network().name("chat.test", addresses);
        let mut server = Server::on(&runtime, PORT);
        let script = spawn(&runtime, async move {
            let v6 = b"\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50";
            for (request, answer) in [
                (&b"\x05\x01\0\x01\xc0\0\x02\x01\0\x50"[..], 4),
                (v6, 8),
                (b"\x05\x01\0\x01\xc0\0\x02\x02\0\x50", 0),
            ] {
                let mut peer = server.accept().await;
                socks_request(&mut peer, "", request).await;
                peer.write([5, answer, 0, 1, 0, 0, 0, 0, 0, 0]).await;
                if answer == 0 {
                    greet(&mut peer).await;
                }
            }
        });
        let proxy = "socks5://10.0.0.1:3128";
        is_greeted(open(&runtime, websocket(proxy), behind_proxy).await).await;
        script.await;
        runtime.network().name("chat.test", []);
        let refused = open(&runtime, websocket(proxy), behind_proxy).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Resolve);
    });
}

#[test]
fn a_password_is_not_tried_once_for_each_address() {
    under_some_orders(async |runtime| {
        let addresses = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        runtime.network().name("chat.test", addresses);
        let proxy = "socks5://me:s3cret@10.0.0.1:3128";
        let error = socks_refused(&runtime, proxy, &[b"\x05\x02", b"\x01\x01"]).await;
        assert!(error.report().contains("refused the user"), "{error}");
    });
}

#[test]
fn socks_responses_are_assembled_from_single_bytes_and_may_name_any_address() {
    under_some_orders(async |runtime| {
        let v6 = [&b"\x05\0\0\x04"[..], &[0; 18]].concat();
        let name = b"\x05\0\0\x03\x04here\0\x50".to_vec();
        for answer in [SOCKS_MADE.to_vec(), v6, name] {
            let mut server = Server::on(&runtime, PORT);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                peer.read_exact(4).await;
                peer.write_pieces(b"\x05\x02", 1).await;
                peer.read_exact(12).await;
                peer.write_pieces(b"\x01\0", 1).await;
                peer.read_exact(TO_CHAT.len()).await;
                peer.write_pieces(answer, 1).await;
                greet(&mut peer).await;
            });
            let link = open(&runtime, websocket(SOCKS_WITH_PASSWORD), behind_proxy);
            is_greeted(link.await).await;
            script.await;
        }
    });
}

/// Opens a WebSocket through a SOCKS proxy that answers each step with the next of these byte strings and then
/// closes the connection. Returns the error.
async fn socks_refused(
    runtime: &MockRuntime,
    proxy: &str,
    answers: &'static [&'static [u8]],
) -> Error {
    let mut server = Server::on(runtime, PORT);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        for answer in answers {
            peer.read_some(1000).await;
            peer.write(answer).await;
        }
        drop(peer);
        assert!(!server.has_another(), "the client tries nothing twice");
    });
    let error = open(runtime, websocket(proxy), behind_proxy)
        .await
        .unwrap_err();
    script.await;
    keeps_secrets(&error);
    error
}

#[test]
fn a_refusal_of_a_socks_proxy_is_an_error_in_words() {
    under_some_orders(async |runtime| {
        let no = "could not connect to chat.test:80";
        for (answer, words) in [
            (
                b"\x05\x01\0\x01\0\0\0\0\0\0",
                [no, "General SOCKS server failure"],
            ),
            (
                b"\x05\x02\0\x01\0\0\0\0\0\0",
                [no, "not allowed by ruleset"],
            ),
            (b"\x05\x03\0\x01\0\0\0\0\0\0", [no, "Network unreachable"]),
            (b"\x05\x04\0\x01\0\0\0\0\0\0", [no, "Host unreachable"]),
            (b"\x05\x05\0\x01\0\0\0\0\0\0", [no, "Connection refused"]),
            (b"\x05\x06\0\x01\0\0\0\0\0\0", [no, "TTL expired"]),
            (
                b"\x05\x07\0\x01\0\0\0\0\0\0",
                ["does not support connecting", ""],
            ),
            (
                b"\x05\x08\0\x01\0\0\0\0\0\0",
                [no, "Address type not supported"],
            ),
            (b"\x05\x63\0\x01\0\0\0\0\0\0", ["is not SOCKS5", ""]),
            (b"\x04\0\0\x01\0\0\0\0\0\0", ["is not SOCKS5", ""]),
            (b"\x05\0\0\x63\0\0\0\0\0\0", ["is not SOCKS5", ""]),
        ] {
            let answers: &'static [&'static [u8]] = Box::leak(Box::new([b"\x05\0", &answer[..]]));
            let error = socks_refused(&runtime, SOCKS, answers).await;
            assert_eq!(error.kind(), ErrorKind::Proxy, "{answer:?}");
            let report = error.report();
            assert!(report.contains(&format!("the proxy {SOCKS} ")), "{report}");
            assert!(words.iter().all(|word| report.contains(word)), "{report}");
        }
        let wants = "requires a user name and a password";
        let cases: [(&str, &'static [&'static [u8]], &str); 10] = [
            (SOCKS, &[b"\x05\xff"], wants),
            (SOCKS, &[b"\x05\x02"], wants),
            (SOCKS, &[b"\x05\x63"], "is not SOCKS5"),
            (
                SOCKS,
                &[b"HTTP/1.1 400 Bad Request\r\n\r\n"],
                "is not SOCKS5",
            ),
            (
                SOCKS_WITH_PASSWORD,
                &[b"\x05\xff"],
                "requires an authentication method other than",
            ),
            (
                SOCKS_WITH_PASSWORD,
                &[b"\x05\x02", b"\x01\x01"],
                "refused the user",
            ),
            (
                SOCKS_WITH_PASSWORD,
                &[b"\x05\x02", b"\x01"],
                "closed the connection",
            ),
            (SOCKS, &[b"\x05"], "closed the connection"),
            (SOCKS, &[b"\x05\0", b""], "closed the connection"),
            (
                SOCKS,
                &[b"\x05\0", b"\x05\0\0\x03\xff"],
                "closed the connection",
            ),
        ];
        for (proxy, answers, words) in cases {
            let error = socks_refused(&runtime, proxy, answers).await;
            assert_eq!(error.kind(), ErrorKind::Proxy, "{answers:?}");
            assert!(error.report().contains(words), "{}", error.report());
        }
    });
}

#[test]
fn a_proxy_that_is_unreachable_is_named_and_not_bypassed() {
    under_some_orders(async |runtime| {
        let mut server = Server::new(&runtime);
        for scheme in ["http", "socks5", "socks5h"] {
            for (host, kind) in [
                ("10.0.0.1", ErrorKind::Connect),
                ("unknown.test", ErrorKind::Resolve),
            ] {
                let proxy = format!("{scheme}://me:s3cret@{host}:3128");
                let expected = format!("could not connect to the proxy {scheme}://{host}:3128");
                let error = open(&runtime, websocket(&proxy), |_| {}).await.unwrap_err();
                assert_eq!((error.kind(), error.to_string()), (kind, expected.clone()));
                keeps_secrets(&error);
                let mut link = open(&runtime, polling(&proxy), |_| {}).await.unwrap();
                let error = link.receiver.recv().await.unwrap_err();
                assert_eq!((error.kind(), error.to_string()), (kind, expected));
                keeps_secrets(&error);
            }
        }
        assert!(!server.has_another());
    });
}

#[test]
fn a_silent_proxy_is_given_up_after_the_open_timeout() {
    const LIMIT: Duration = Duration::from_secs(3);
    under_some_orders(async |runtime| {
        // The proxy is silent from the start, or after it has sent these bytes of a response.
        for (proxy, transport, first) in [
            (HTTP, "polling", ""),
            (HTTP, "websocket", ""),
            (HTTP, "websocket", "HTTP/1.1 200 OK\r\n"),
            (SOCKS, "polling", ""),
            (SOCKS, "websocket", "\x05\0"),
        ] {
            let mut server = Server::on(&runtime, PORT);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                peer.read_some(1000).await;
                peer.write(first).await;
                while !peer.read_some(1000).await.is_empty() {}
            });
            let start = runtime.now();
            let builder = Builder::new("http://chat.test", Transports::default(), runtime.clone());
            let builder = builder.transports([transport]).open_timeout(LIMIT);
            let error = builder.proxy(proxy).connect().await.unwrap_err();
            assert!(error.is_timeout(), "{}", error.report());
            assert_eq!(runtime.now() - start, LIMIT);
            script.await;
        }
    });
}

#[test]
fn a_session_on_polling_is_forwarded_and_its_upgrade_goes_through_a_tunnel() {
    under_some_orders(async |runtime| {
        let mut server = Server::on(&runtime, PORT);
        let clock = runtime.clone();
        let script = spawn(&runtime, async move {
            let mut first = server.accept().await;
            let request = first.request().await;
            first.write(kept(open_packet(25_000, 20_000))).await;
            assert!(request.target.starts_with("http://chat.test/engine.io/?"));
            let mut websocket = server.accept().await;
            connect_request(&mut websocket, "chat.test:80", AUTHORIZATION).await;
            websocket.write(MADE).await;
            let request = websocket.accept_websocket().await;
            assert_eq!(request.parameter("sid"), Some("s"));
            assert_eq!(websocket.frame().await.payload, b"2probe");
            first.request().await;
            websocket.write(frame(TEXT, "3probe")).await;
            settle(&clock).await;
            first.write(response("6")).await;
            assert_eq!(websocket.frame().await.payload, b"5");
            websocket.write(frame(TEXT, "4hello")).await;
            websocket.write(frame(TEXT, "1")).await;
            assert_eq!(first.read_to_end().await, b"");
            websocket.read_to_end().await;
        });
        let builder = Builder::new("ws://chat.test", Transports::default(), runtime.clone());
        let mut client = builder.proxy(HTTP_WITH_PASSWORD).connect().await.unwrap();
        assert!(matches!(client.next().await, Some(Event::Connected(_))));
        assert!(matches!(client.next().await, Some(Event::Upgraded { .. })));
        assert_eq!(client.recv().await, Some("hello".into()));
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::Server { .. }), "{closed}");
        drop(client);
        script.await;
    });
}

#[test]
fn a_proxy_has_the_scheme_host_and_credentials_of_its_url() {
    for (url, shown) in [
        ("http://proxy.test:3128", "http://proxy.test:3128"),
        ("http://proxy.test", "http://proxy.test:80"),
        ("http://proxy.test:80/", "http://proxy.test:80"),
        ("proxy.test:3128", "http://proxy.test:3128"),
        ("me:s3cret@proxy.test:3128", "http://proxy.test:3128"),
        (" HTTP://Proxy.Test ", "http://proxy.test:80"),
        ("http://me:s3cret@[::1]:3128/", "http://[::1]:3128"),
        ("http://me@bücher.test", "http://xn--bcher-kva.test:80"),
        ("https://me:s3cret@proxy.test", "https://proxy.test:443"),
        ("HTTPS://Proxy.Test:80/", "https://proxy.test:80"),
        ("https://bücher.test", "https://xn--bcher-kva.test:443"),
        ("https://[::1]", "https://[::1]:443"),
        ("socks5://10.0.0.1", "socks5://10.0.0.1:1080"),
        ("socks5://proxy.test:80", "socks5://proxy.test:80"),
        (
            "socks5h://me:s3cret@Proxy.Test/",
            "socks5h://proxy.test:1080",
        ),
        ("socks5h://[::1]", "socks5h://[::1]:1080"),
        ("socks5h://bücher.test:1", "socks5h://xn--bcher-kva.test:1"),
    ] {
        let proxy: Proxy = url.parse().unwrap();
        assert_eq!(proxy.to_string(), shown, "{url}");
        assert_eq!(format!("{proxy:?}"), format!("Proxy({shown:?})"));
    }
}

#[test]
fn an_invalid_proxy_url_is_refused_and_not_repeated_in_the_error() {
    let long = format!("socks5://me:{}@proxy.test", "s3cret".repeat(43));
    for url in [
        "",
        "http://",
        "socks5://",
        "socks5://:1080",
        "http://proxy.test:99999",
        "https://me:80/s3cret@proxy.test",
        "https://m%3Ae:s3cret@proxy.test",
        "socks4://me:s3cret@proxy.test",
        "ftp://me:s3cret@proxy.test",
        // The passwords contain characters that must be percent-encoded. As the URLs stand, their host
        // would be `me`.
        "http://me:80/s3cret@proxy.test",
        "http://me:80?s3cret@proxy.test",
        "http://me:80#s3cret@proxy.test",
        "http://me:s3cr/et@proxy.test",
        "http://me:s3cret@proxy.test/path",
        "http://m%3Ae:s3cret@proxy.test",
        "http://me:s3cret%ff@proxy.test",
        "socks5://s3cret@proxy.test",
        "socks5://:s3cret@proxy.test",
        "socks5://me:s3cret@pro%20xy.test",
        &long,
    ] {
        let error = Proxy::new(url).expect_err(url);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
        keeps_secrets(&error);
        let text = format!("{error:?} {}", error.report());
        assert!(!text.contains("proxy.test"), "{text}");
    }
}

#[test]
fn debug_output_does_not_show_the_proxys_credentials() {
    for proxy in [HTTP_WITH_PASSWORD, SOCKS_WITH_PASSWORD] {
        let set = through(proxy);
        let read = Dialer::default().proxies_from(|_| Some(proxy.to_owned()));
        for dialer in [set, read] {
            let builder = Builder::new("http://x", Transports::default(), MockRuntime::new());
            let shown = format!(
                "{dialer:?} {:?} {:?} {:?}",
                WebSocket::default().dialer(dialer.clone()),
                Polling::default().dialer(dialer.clone()),
                builder.dialer(dialer.clone()),
            );
            for secret in ["me:", "\"me\"", "s3cr", "bWU6"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}

#[test]
fn start_refuses_an_invalid_proxy_of_the_builder() {
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let builder = Builder::new("http://10.0.0.1", Transports::default(), runtime.clone());
        let error = builder.proxy("ftp://me:s3cret@x").start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        keeps_secrets(&error);
    });
}

/// A dialer with the proxies of these environment variables.
fn environment(variables: &[(&str, &str)]) -> Dialer {
    Dialer::default().proxies_from(|wanted| {
        let found = variables.iter().find(|(name, _)| *name == wanted)?;
        Some(found.1.to_owned())
    })
}

fn chosen(dialer: &Dialer, url: &str) -> String {
    let url: Url = url.parse().unwrap();
    let proxy = dialer.proxy_for(&url).unwrap();
    proxy.map_or_else(|| "none".to_owned(), ToString::to_string)
}

#[test]
fn the_environment_names_a_proxy_by_scheme() {
    // Ported from python-engineio: test_websocket_connection_with_proxies
    let lower = [
        ("http_proxy", "a"),
        ("https_proxy", "b"),
        ("all_proxy", "socks5://c"),
    ];
    let upper = [
        ("HTTP_PROXY", "a"),
        ("HTTPS_PROXY", "b"),
        ("ALL_PROXY", "socks5://c"),
    ];
    let both = [
        ("https_proxy", "small"),
        ("HTTPS_PROXY", "LARGE"),
        ("ws_proxy", "x"),
    ];
    let empty = [
        ("http_proxy", " "),
        ("https_proxy", ""),
        ("HTTPS_PROXY", "b"),
        ("all_proxy", ""),
    ];
    let only_all = [("all_proxy", "socks5h://c:1")];
    for (variables, http, https) in [
        (&lower[..], "http://a:80", "http://b:80"),
        (&lower[..1], "http://a:80", "none"),
        (&lower[1..2], "none", "http://b:80"),
        (&lower[1..], "socks5://c:1080", "http://b:80"),
        // `HTTP_PROXY` is ignored: in a CGI program, it holds the header `Proxy` of the web client.
        (&upper, "socks5://c:1080", "http://b:80"),
        (&upper[..2], "none", "http://b:80"),
        (&both, "none", "http://small:80"),
        (&empty, "none", "http://b:80"),
        (&only_all, "socks5h://c:1", "socks5h://c:1"),
        (&[], "none", "none"),
    ] {
        let dialer = environment(variables);
        assert_eq!(chosen(&dialer, "http://chat.test"), http, "{variables:?}");
        assert_eq!(chosen(&dialer, "ws://chat.test"), http, "{variables:?}");
        assert_eq!(chosen(&dialer, "https://chat.test"), https, "{variables:?}");
        assert_eq!(chosen(&dialer, "wss://chat.test"), https, "{variables:?}");
        assert_eq!(chosen(&dialer, "http://localhost"), http, "{variables:?}");
    }
}

#[test]
fn the_environment_lists_hosts_without_a_proxy() {
    for (list, url, excepted) in [
        ("*", "http://chat.test", true),
        ("*", "http://10.0.0.1", true),
        ("*", "http://[::1]", true),
        ("a, *", "http://chat.test", true),
        ("chat.test", "http://chat.test", true),
        ("chat.test", "https://chat.test:8443", true),
        ("chat.test", "ws://a.b.chat.test", true),
        ("chat.test", "http://mychat.test", false),
        ("chat.test", "http://test", false),
        (".chat.test", "http://a.chat.test", true),
        (".chat.test", "http://chat.test", true),
        (".chat.test", "http://mychat.test", false),
        ("*.chat.test", "http://a.chat.test", true),
        ("CHAT.test.", "http://chat.TEST", true),
        ("chat.test", "http://chat.test.", true),
        ("bücher.test", "http://xn--bcher-kva.test", true),
        ("xn--bcher-kva.test", "http://a.bücher.test", true),
        ("localhost", "http://localhost", true),
        ("localhost", "http://127.0.0.1", false),
        ("a,b , chat.test,", "http://chat.test", true),
        ("a b\tchat.test", "http://chat.test", true),
        (",, ,", "http://chat.test", false),
        ("", "http://chat.test", false),
        // Ports.
        ("chat.test:8080", "http://chat.test:8080", true),
        ("chat.test:8080", "http://a.chat.test:8080", true),
        ("chat.test:8080", "http://chat.test", false),
        ("chat.test:80", "http://chat.test", true),
        ("chat.test:443", "wss://chat.test", true),
        ("chat.test:99999", "http://chat.test", false),
        ("*:80", "http://chat.test", true),
        ("*:80", "https://chat.test", false),
        ("10.0.0.1:80", "http://10.0.0.1", true),
        ("10.0.0.1:81", "http://10.0.0.1", false),
        ("[::1]:80", "http://[::1]", true),
        ("[::1]:81", "http://[::1]", false),
        // Addresses.
        ("10.0.0.1", "http://10.0.0.1", true),
        ("10.0.0.1", "http://10.0.0.10", false),
        ("10.0.0.1", "http://[::ffff:10.0.0.1]", true),
        ("0.1", "http://10.0.0.1", false),
        ("10.0.0.0/8", "http://10.255.0.1", true),
        ("10.0.0.0/8", "http://11.0.0.1", false),
        ("10.0.0.7/8", "http://10.255.0.1", true),
        ("10.0.0.0/33", "http://10.0.0.0", false),
        ("0.0.0.0/0", "http://chat.test", false),
        ("0.0.0.0/0", "http://[::1]", false),
        ("::1", "http://[::1]", true),
        ("[::1]", "http://[::1]", true),
        ("[::1]", "http://[::2]", false),
        ("fe80::/10", "http://[fe80::1]", true),
        ("fe80::/10", "http://[fec0::1]", false),
    ] {
        let dialer = environment(&[("all_proxy", "p"), ("no_proxy", list)]);
        let expected = if excepted { "none" } else { "http://p:80" };
        assert_eq!(chosen(&dialer, url), expected, "{list:?}, {url}");
    }
    let variables = [("all_proxy", "p"), ("NO_PROXY", "a.test")];
    assert_eq!(chosen(&environment(&variables), "http://a.test"), "none");
    let variables = [variables[0], variables[1], ("no_proxy", "b.test")];
    assert_eq!(
        chosen(&environment(&variables), "http://a.test"),
        "http://p:80"
    );
    assert_eq!(chosen(&environment(&variables), "http://b.test"), "none");
}

#[test]
fn an_invalid_proxy_of_the_environment_is_an_error_only_when_it_would_be_used() {
    for bad in [
        "ftp://me:s3cret@x",
        "http://me:s3cret@",
        "https://me:s3cret@x/path",
    ] {
        let dialer = environment(&[("http_proxy", bad), ("no_proxy", "localhost")]);
        let error = dialer.proxy_for(&"ws://chat.test".parse().unwrap());
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.report().contains("http_proxy"), "{}", error.report());
        keeps_secrets(&error);
        assert_eq!(chosen(&dialer, "http://localhost"), "none");
        assert_eq!(chosen(&dialer, "https://chat.test"), "none");
    }
}

#[test]
fn a_proxy_that_is_set_wins_over_the_environment_in_either_order() {
    let set = Proxy::new("set").unwrap();
    let variables = |name: &str| match name {
        "no_proxy" => Some("*".to_owned()),
        _ => Some("environment".to_owned()),
    };
    for dialer in [
        Dialer::default().proxy(set.clone()).proxies_from(variables),
        Dialer::default().proxies_from(variables).proxy(set.clone()),
    ] {
        assert_eq!(chosen(&dialer, "http://localhost"), "http://set:80");
        assert_eq!(chosen(&dialer.no_proxy(), "http://chat.test"), "none");
    }
}

#[test]
fn a_unix_socket_is_reached_without_a_proxy() {
    let runtime = MockRuntime::new();
    let mut proxy = runtime.listen(SocketAddr::from(([10, 0, 0, 1], PORT)));
    runtime.block_on(async {
        let bad = Dialer::default().proxies_from(|_| Some("ftp://x".to_owned()));
        for dialer in [through(HTTP), through(SOCKS), bad] {
            let transport = Transports::default().map_dialer(|_| dialer);
            let names = transport.names();
            let builder = Builder::new("unix:///run/x.sock", transport, runtime.clone());
            let error = builder.transports([names[1]]).connect().await.unwrap_err();
            // The mock network has no Unix sockets.
            let report = error.report();
            assert!(
                report.contains("could not connect to /run/x.sock"),
                "{report}"
            );
        }
        let accepted = futures::FutureExt::now_or_never(proxy.accept());
        assert!(accepted.is_none());
    });
}
