//! Proxies that are reached over TLS: forwarded requests and tunnels within that connection, TLS within
//! TLS, and the errors of proxies that fail.

use std::error::Error as _;
use std::sync::Arc;

use engineio_client::runtime::mock::MemoryStream;
use engineio_client::transports::rustls::ServerConfig;
use engineio_client::transports::{Dialer, Polling, Proxy, Tls, WebSocket};
use engineio_client::{Error, ErrorKind, MockRuntime, OpenRequest};
use futures::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use futures_rustls::TlsAcceptor;
use futures_rustls::server::TlsStream;

use super::tls::{accept, greeting};
use crate::certificates::{AUTHORITY, Authority};
use crate::raw::{HOST, Peer, Server, TEXT, frame, response, spawn, under_both_orders};
use crate::{message, open};

const PORT: u16 = 3128;
const PROXY: &str = "https://me:s3cr%65t%3a@proxy.test:3128";
const AUTHORIZATION: &str = "Basic bWU6czNjcmV0Og==";

fn through(tls: Tls) -> Dialer {
    Dialer::default().tls(tls).proxy(Proxy::new(PROXY).unwrap())
}

/// Starts the proxy. Only its name can be resolved; the name of the server behind it can't.
fn proxy(runtime: &MockRuntime) -> Server {
    runtime.network().name("proxy.test", [HOST]);
    Server::on(runtime, PORT)
}

fn to(url: &str) -> impl FnOnce(&mut OpenRequest) {
    move |request| {
        request.url = url.parse().unwrap();
        request.timestamps = false;
    }
}

fn keeps_secrets(error: &Error) {
    let text = format!("{error} {error:?} {}", error.report());
    for secret in ["me:s", "s3cr", "bWU6", "\"me\""] {
        assert!(!text.contains(secret), "{text}");
    }
}

async fn greeted(
    runtime: &MockRuntime,
    transport: &str,
    dialer: Dialer,
    url: &str,
) -> Result<(), Error> {
    let mut link = match transport {
        "polling" => open(runtime, Polling::default().dialer(dialer), to(url)).await?,
        _ => open(runtime, WebSocket::default().dialer(dialer), to(url)).await?,
    };
    assert_eq!(link.receiver.recv().await?, [message("hello")]);
    Ok(())
}

/// Reads the request for a tunnel, and accepts it.
async fn tunnel(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), target: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let expected = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    assert!(head.starts_with(&expected), "{head}");
    assert!(
        head.contains(&format!("\r\nProxy-Authorization: {AUTHORIZATION}\r\n")),
        "{head}"
    );
    stream
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await
        .unwrap();
    stream.flush().await.unwrap();
}

#[test]
fn r18_forwarded_requests_and_tunnels_to_http_servers_are_within_the_proxys_tls() {
    let config = AUTHORITY.issue(&["proxy.test"]).server();
    under_both_orders(async |runtime| {
        let mut server = proxy(&runtime);
        let (clock, config) = (runtime.clone(), Arc::clone(&config));
        let script = spawn(&runtime, async move {
            let stream = accept(server.accept_stream().await, &config).await.unwrap();
            assert_eq!(stream.get_ref().1.server_name(), Some("proxy.test"));
            let mut peer = Peer::new(&clock, stream);
            let request = peer.request().await;
            assert!(
                request.target.starts_with("http://chat.test/?"),
                "{request:?}"
            );
            assert_eq!(request.header("host"), Some("chat.test"));
            assert_eq!(request.header("proxy-authorization"), Some(AUTHORIZATION));
            peer.write(response("4hello")).await;

            let mut stream = accept(server.accept_stream().await, &config).await.unwrap();
            tunnel(&mut stream, "chat.test:80").await;
            let mut peer = Peer::new(&clock, stream);
            let request = peer.accept_websocket().await;
            assert_eq!(request.header("proxy-authorization"), None);
            peer.write(frame(TEXT, "4hello")).await;
        });
        for transport in ["polling", "websocket"] {
            let dialer = through(AUTHORITY.trusted());
            greeted(&runtime, transport, dialer, "http://chat.test/")
                .await
                .unwrap();
        }
        script.await;
    });
}

/// Accepts TLS as the proxy, then a tunnel within that TLS, and then TLS as the server within the
/// tunnel.
async fn within(
    stream: MemoryStream,
    proxy: &Arc<ServerConfig>,
    server: &Arc<ServerConfig>,
) -> TlsStream<TlsStream<MemoryStream>> {
    let mut stream = accept(stream, proxy).await.unwrap();
    assert_eq!(stream.get_ref().1.server_name(), Some("proxy.test"));
    tunnel(&mut stream, "chat.test:443").await;
    TlsAcceptor::from(Arc::clone(server))
        .accept(stream)
        .await
        .unwrap()
}

#[test]
fn r18_tls_with_the_server_is_within_tls_with_the_proxy_and_each_verifies_its_own_name() {
    let outside = AUTHORITY.issue(&["proxy.test"]).server();
    let inside = AUTHORITY.issue(&["chat.test"]).server();
    let named = AUTHORITY.issue(&["other.test"]).server();
    under_both_orders(async |runtime| {
        for (name, inside) in [(None, &inside), (Some("other.test"), &named)] {
            let mut server = proxy(&runtime);
            let (clock, outside, inside) = (runtime.clone(), outside.clone(), inside.clone());
            let script = spawn(&runtime, async move {
                for _ in 0..2 {
                    let stream = server.accept_stream().await;
                    let stream = within(stream, &outside, &inside).await;
                    let sni = name.unwrap_or("chat.test");
                    assert_eq!(stream.get_ref().1.server_name(), Some(sni));
                    let mut peer = Peer::new(&clock, stream);
                    let request = peer.request().await;
                    assert_eq!(request.header("host"), Some("chat.test"));
                    peer.write(greeting(&request)).await;
                }
            });
            let mut tls = AUTHORITY.trusted();
            if let Some(name) = name {
                tls = tls.server_name(name).unwrap();
            }
            for transport in ["polling", "websocket"] {
                let dialer = through(tls.clone());
                greeted(&runtime, transport, dialer, "https://chat.test/")
                    .await
                    .unwrap();
            }
            script.await;
        }
    });
}

/// The error of connecting through a proxy with this TLS configuration.
async fn refused(runtime: &MockRuntime, config: Arc<ServerConfig>, tls: Tls) -> Error {
    let mut server = proxy(runtime);
    let script = spawn(runtime, async move {
        let _ = accept(server.accept_stream().await, &config).await;
    });
    let error = greeted(runtime, "websocket", through(tls), "http://chat.test/").await;
    let error = error.unwrap_err();
    script.await;
    keeps_secrets(&error);
    assert_eq!(error.kind(), ErrorKind::Tls, "{}", error.report());
    assert_eq!(
        error.to_string(),
        "could not connect to the proxy https://proxy.test:3128"
    );
    error
}

#[test]
fn r18_a_proxy_is_verified_as_a_server_is() {
    let stranger = Authority::new("a stranger").issue(&["proxy.test"]).server();
    let other = AUTHORITY.issue(&["other.test"]).server();
    under_both_orders(async |runtime| {
        // The name that is set for the server does not apply to the proxy.
        let named = AUTHORITY.trusted().server_name("other.test").unwrap();
        for (config, tls, words) in [
            (
                &stranger,
                AUTHORITY.trusted(),
                "the certificate of proxy.test was issued by a CA that is not trusted here (a private CA can be added)",
            ),
            (
                &other,
                named,
                "the certificate of proxy.test is not valid for that name",
            ),
        ] {
            let error = refused(&runtime, Arc::clone(config), tls).await;
            let cause = error.source().unwrap().to_string();
            assert_eq!(cause, words);
        }
    });
}

#[test]
fn r18_a_proxy_without_tls_is_distinguished_from_one_that_is_unreachable() {
    under_both_orders(async |runtime| {
        let mut server = proxy(&runtime);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.read_some(10_000).await;
            peer.write("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        });
        let dialer = through(AUTHORITY.trusted());
        let error = greeted(&runtime, "websocket", dialer.clone(), "http://chat.test/").await;
        let error = error.unwrap_err();
        script.await;
        keeps_secrets(&error);
        assert_eq!(error.kind(), ErrorKind::Tls);
        let report = error.report();
        assert!(
            report.contains("proxy.test does not speak TLS on this port"),
            "{report}"
        );

        let error = greeted(&runtime, "websocket", dialer, "http://chat.test/").await;
        let error = error.unwrap_err();
        keeps_secrets(&error);
        assert_eq!(error.kind(), ErrorKind::Connect);
    });
}

#[test]
fn r18_the_environment_may_name_a_proxy_that_is_reached_over_tls() {
    let config = AUTHORITY.issue(&["proxy.test"]).server();
    under_both_orders(async |runtime| {
        let mut server = proxy(&runtime);
        let config = Arc::clone(&config);
        let script = spawn(&runtime, async move {
            let mut stream = accept(server.accept_stream().await, &config).await.unwrap();
            tunnel(&mut stream, "chat.test:443").await;
        });
        let variable = |name: &str| (name == "https_proxy").then(|| PROXY.to_owned());
        let dialer = Dialer::default()
            .tls(AUTHORITY.trusted())
            .proxies_from(variable);
        let error = greeted(&runtime, "websocket", dialer, "https://chat.test/").await;
        script.await;
        assert_eq!(
            error.unwrap_err().kind(),
            ErrorKind::Tls,
            "TLS with the server fails, because the server has closed the connection"
        );
    });
}
