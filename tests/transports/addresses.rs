//! The addresses of a dialer: the local address to connect from, the addresses of a host, and the name
//! for TLS.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::transports::{Dialer, Polling, Proxy, Tls, Transports, WebSocket};
use engineio_client::{
    Activity, Builder, Error, ErrorKind, Link, MockRuntime, OpenRequest, Runtime, Transport,
    async_trait,
};
use futures::future::BoxFuture;

use super::tls::{accept, greeting};
use crate::certificates::AUTHORITY;
use crate::raw::{HOST, Peer, Server, TEXT, frame, spawn, under_some_orders};
use crate::{message, open};

const LOCAL: &str = "10.9.9.9";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn from(local: &str) -> Dialer {
    Dialer::default().local_address(ip(local))
}

async fn websocket(runtime: &MockRuntime, dialer: &Dialer, url: &str) -> Result<Link, Error> {
    let transport = WebSocket::default().dialer(dialer.clone());
    open(runtime, transport, |request| {
        request.url = url.parse().unwrap();
    })
    .await
}

/// The error of a WebSocket request to a URL at which no server listens.
async fn fails(runtime: &MockRuntime, dialer: &Dialer, url: &str) -> Error {
    websocket(runtime, dialer, url).await.unwrap_err()
}

fn connects(runtime: &MockRuntime) -> Vec<String> {
    let log = runtime.network().log().into_iter();
    log.filter(|line| line.contains("connect ")).collect()
}

#[test]
fn r18_both_transports_connect_from_the_local_address() {
    under_some_orders(async |runtime| {
        for transport in ["polling", "websocket"] {
            let mut server = Server::new(&runtime);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                let request = peer.request().await;
                peer.write(greeting(&request)).await;
                (peer, server)
            });
            let (url, clock) = (
                "http://10.0.0.1/".parse().unwrap(),
                Arc::new(runtime.clone()),
            );
            let clock: Arc<dyn Runtime> = clock;
            let request = OpenRequest::new(transport, url, Activity::new(Arc::clone(&clock)));
            let transports = Transports::default().map_dialer(|_| from(LOCAL));
            let mut link = transports.open(&clock, request).await.unwrap();
            assert_eq!(link.receiver.recv().await.unwrap(), [message("hello")]);
            let connections = runtime.network().connections();
            assert_eq!(connections.len(), 1, "{transport}");
            assert_eq!(connections[0].local_address(), Some(ip(LOCAL)));
            script.await;
        }
    });
}

#[test]
fn r18_only_addresses_of_the_local_address_family_are_tried() {
    under_some_orders(async |runtime| {
        let addresses = ["10.0.0.1", "fd00::1", "10.0.0.2", "fd00::2"].map(ip);
        runtime.network().name("chat.test", addresses);
        for (dialer, tried) in [
            (from(LOCAL), ["10.0.0.1:80", "10.0.0.2:80"]),
            (from("::ffff:10.9.9.9"), ["10.0.0.1:80", "10.0.0.2:80"]),
            (from("fd00::9"), ["[fd00::1]:80", "[fd00::2]:80"]),
            (
                Dialer::default().local_address(Ipv4Addr::UNSPECIFIED),
                ["10.0.0.1:80", "10.0.0.2:80"],
            ),
            (
                Dialer::default().local_address(Ipv6Addr::UNSPECIFIED),
                ["[fd00::1]:80", "[fd00::2]:80"],
            ),
        ] {
            runtime.network().record();
            let error = fails(&runtime, &dialer, "http://chat.test/").await;
            assert_eq!(error.kind(), ErrorKind::Connect);
            let tried = tried.map(|address| format!("0.000000000 connect {address}: refused"));
            assert_eq!(connects(&runtime), tried);
            let report = error.report();
            assert!(!report.contains("of another family"), "{report}");
        }
        let report = fails(&runtime, &from(LOCAL), "http://chat.test/")
            .await
            .report();
        assert!(
            report.starts_with(
                "could not connect to chat.test from the local address 10.9.9.9 (10.0.0.1:80: "
            ),
            "{report}"
        );
    });
}

#[test]
fn r18_a_host_without_an_address_of_the_local_address_family_is_an_error() {
    under_some_orders(async |runtime| {
        runtime.network().record();
        runtime.network().name("chat.test", [ip("10.0.0.1")]);
        for (local, url, words) in [
            (
                "fd00::9",
                "http://chat.test/",
                "could not connect to chat.test from the local address fd00::9: \
                 chat.test has no IPv6 address",
            ),
            (
                "fd00::9",
                "http://10.0.0.1/",
                "could not connect to 10.0.0.1 from the local address fd00::9: \
                 10.0.0.1 has no IPv6 address",
            ),
            (
                LOCAL,
                "http://[fd00::1]/",
                "could not connect to [fd00::1] from the local address 10.9.9.9: \
                 [fd00::1] has no IPv4 address",
            ),
        ] {
            let error = fails(&runtime, &from(local), url).await;
            assert_eq!(error.kind(), ErrorKind::Connect);
            assert_eq!(error.to_string(), words);
        }
        assert!(connects(&runtime).is_empty());
    });
}

#[test]
fn r18_a_proxy_is_connected_to_from_the_local_address() {
    under_some_orders(async |runtime| {
        for scheme in ["http", "socks5", "socks5h"] {
            let mut server = Server::on(&runtime, 3128);
            let script = spawn(&runtime, async move { drop(server.accept().await) });
            let proxy = Proxy::new(format!("{scheme}://10.0.0.1:3128")).unwrap();
            runtime.network().record();
            // The proxy connects to the server, so the server's address family does not matter.
            fails(&runtime, &from(LOCAL).proxy(proxy), "http://[fd00::1]/").await;
            script.await;
            let connects = connects(&runtime);
            assert_eq!(connects.len(), 1, "{connects:?}");
            assert!(
                connects[0].ends_with("connect 10.0.0.1:3128 from 10.9.9.9"),
                "{connects:?}"
            );
        }
    });
}

/// A runtime that records the addresses that it was asked to connect from and to. It refuses each such
/// connection.
struct Other {
    runtime: MockRuntime,
    asked: Option<Mutex<Vec<(SocketAddr, SocketAddr)>>>,
}

#[async_trait]
impl Runtime for Other {
    fn now(&self) -> Duration {
        self.runtime.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.runtime.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.runtime.spawn(task);
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.runtime.resolve(host, port).await
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        self.runtime.connect(address).await
    }

    async fn connect_from(
        &self,
        local: SocketAddr,
        address: SocketAddr,
    ) -> io::Result<BoxedStream> {
        let asked = self.asked.as_ref().unwrap();
        asked.lock().unwrap().push((local, address));
        Err(io::ErrorKind::AddrNotAvailable.into())
    }
}

/// The error of a WebSocket connection to `url` with this dialer on this runtime.
fn on_other(runtime: Arc<dyn Runtime>, dialer: Dialer, url: &str) -> Error {
    let request = OpenRequest::new(
        "websocket",
        url.parse().unwrap(),
        Activity::new(Arc::clone(&runtime)),
    );
    let transport = WebSocket::default().dialer(dialer);
    let opened = MockRuntime::new().block_on(transport.open(&runtime, request));
    opened.unwrap_err()
}

#[test]
fn r18_a_local_address_that_the_machine_lacks_is_an_error_that_names_it() {
    let other = Arc::new(Other {
        runtime: MockRuntime::new(),
        asked: Some(Mutex::default()),
    });
    let error = on_other(Arc::<Other>::clone(&other), from(LOCAL), "http://10.0.0.1/");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(
        error.to_string(),
        "could not connect to 10.0.0.1:80 from the local address 10.9.9.9: \
         is that an address of this machine?"
    );
    assert_eq!(
        *other.asked.as_ref().unwrap().lock().unwrap(),
        [(at("10.9.9.9:0"), at("10.0.0.1:80"))]
    );
}

#[test]
fn r18_both_ends_of_a_link_local_connection_are_on_one_interface() {
    let other = Arc::new(Other {
        runtime: MockRuntime::new(),
        asked: Some(Mutex::default()),
    });
    let there = SocketAddrV6::new("fe80::1".parse().unwrap(), 3000, 0, 7);
    for (local, scope) in [("fe80::2", 7), ("fd00::2", 0)] {
        let dialer = from(local).resolve_to("chat.test", [there.into()]).unwrap();
        on_other(Arc::<Other>::clone(&other), dialer, "http://chat.test/");
        let asked = other.asked.as_ref().unwrap().lock().unwrap().pop();
        let here = SocketAddrV6::new(local.parse().unwrap(), 0, 0, scope);
        assert_eq!(asked, Some((here.into(), there.into())));
    }
}

#[test]
fn r18_a_unix_socket_has_no_local_address_and_is_not_resolved() {
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let dialer = from(LOCAL).resolve_to("localhost", [at("10.0.0.1:80")]);
        let transport = Transports::default().map_dialer(|_| dialer.unwrap());
        let builder = Builder::new("unix:///run/x.sock", transport, runtime.clone());
        let error = builder.connect().await.unwrap_err().report();
        assert!(
            error.contains("could not connect to /run/x.sock: the mock"),
            "{error}"
        );
    });
}

/// Serves one WebSocket connection at this address, and returns the request's `Host` header.
fn host_asked_at(
    runtime: &MockRuntime,
    address: SocketAddr,
) -> impl Future<Output = Option<String>> + Unpin {
    let mut listener = runtime.listen(address);
    let clock = runtime.clone();
    spawn(runtime, async move {
        let mut peer = Peer::new(&clock, listener.accept().await);
        let request = peer.accept_websocket().await;
        peer.write(frame(TEXT, "4hello")).await;
        request.header("host").map(ToOwned::to_owned)
    })
}

#[test]
fn r18_the_dialers_addresses_of_a_host_replace_the_resolvers() {
    under_some_orders(async |runtime| {
        for (host, given, url, connected, header) in [
            (
                "chat.test",
                "10.0.0.5:0",
                "http://chat.test/",
                "10.0.0.5:80",
                "chat.test",
            ),
            (
                "Chat.Test.",
                "10.0.0.5:0",
                "http://chat.test:81/",
                "10.0.0.5:81",
                "chat.test:81",
            ),
            (
                "chat.test",
                "10.0.0.5:99",
                "http://CHAT.test./",
                "10.0.0.5:99",
                "chat.test.",
            ),
            (
                "bücher.test",
                "[fd00::5]:0",
                "http://bücher.test/",
                "[fd00::5]:80",
                "xn--bcher-kva.test",
            ),
            (
                "192.0.2.1",
                "10.0.0.5:0",
                "http://192.0.2.1/",
                "10.0.0.5:80",
                "192.0.2.1",
            ),
            (
                "fe80::1",
                "[fe80::1%7]:0",
                "http://[fe80::1]/",
                "[fe80::1%7]:80",
                "[fe80::1]",
            ),
            (
                "[fe80::1]",
                "[fe80::1%7]:0",
                "http://[fe80::1]/",
                "[fe80::1%7]:80",
                "[fe80::1]",
            ),
        ] {
            let asked = host_asked_at(&runtime, at(connected));
            let dialer = Dialer::default().resolve_to(host, [at(given)]).unwrap();
            let mut link = websocket(&runtime, &dialer, url).await.expect(url);
            assert_eq!(link.receiver.recv().await.unwrap(), [message("hello")]);
            assert_eq!(asked.await.as_deref(), Some(header));
            let other = fails(&runtime, &dialer, "http://sub.chat.test/").await;
            assert_eq!(other.kind(), ErrorKind::Resolve);
        }
    });
}

#[test]
fn r18_given_addresses_are_tried_like_resolved_ones_and_replace_earlier_ones() {
    under_some_orders(async |runtime| {
        let given = ["10.0.0.1:0", "10.0.0.2:0", "[fd00::1]:99"].map(at);
        let dialer = Dialer::default()
            .resolve_to("chat.test", [at("10.0.0.9:0")])
            .and_then(|dialer| dialer.resolve_to("other.test", [at("10.0.0.8:0")]))
            .and_then(|dialer| dialer.resolve_to("CHAT.test", given))
            .unwrap();
        runtime.network().record();
        fails(&runtime, &dialer, "http://chat.test/").await;
        fails(&runtime, &dialer, "http://other.test/").await;
        let tried = ["10.0.0.1:80", "[fd00::1]:99", "10.0.0.2:80", "10.0.0.8:80"];
        let tried = tried.map(|address| format!("0.000000000 connect {address}: refused"));
        assert_eq!(connects(&runtime), tried);
    });
}

#[test]
fn r18_given_addresses_do_not_apply_to_a_host_that_a_proxy_resolves() {
    under_some_orders(async |runtime| {
        let name = b"\x05\x01\0\x03\x09chat.test\0\x50";
        let address = b"\x05\x01\0\x01\xc0\0\x02\x01\0\x63";
        for (scheme, hello, expected) in [
            ("http", &b""[..], &b"CONNECT chat.test:80 HTTP/1.1\r\n"[..]),
            ("socks5h", b"\x05\x01\0", name),
            ("socks5", b"\x05\x01\0", address),
        ] {
            let mut server = Server::on(&runtime, 3128);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                if !hello.is_empty() {
                    assert_eq!(peer.read_exact(hello.len()).await, hello);
                    peer.write(b"\x05\0").await;
                }
                assert_eq!(peer.read_exact(expected.len()).await, expected);
            });
            let dialer = Dialer::default()
                .proxy(Proxy::new(format!("{scheme}://proxy.test:3128")).unwrap())
                .resolve_to("proxy.test", [SocketAddr::new(HOST, 0)])
                .and_then(|dialer| dialer.resolve_to("chat.test", [at("192.0.2.1:99")]))
                .unwrap();
            let error = fails(&runtime, &dialer, "http://chat.test/").await;
            assert_eq!(error.kind(), ErrorKind::Proxy, "{}", error.report());
            script.await;
        }
    });
}

#[test]
fn r18_a_malformed_host_and_an_empty_list_of_addresses_are_refused() {
    for host in [
        "",
        "a b",
        "http://chat.test",
        "chat.test:80",
        "fe80::1%eth0",
    ] {
        let error = Dialer::default().resolve_to(host, [at("10.0.0.1:80")]);
        let error = error.expect_err(host);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let words = format!("resolve_to: {host:?} is neither a host name nor an IP address");
        assert_eq!(error.to_string(), words);
    }
    let error = Dialer::default().resolve_to("chat.test", []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(
        error.to_string(),
        "resolve_to: no addresses were given for \"chat.test\""
    );
}

#[test]
fn r18_a_zone_in_a_url_is_refused_with_advice() {
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        for url in [
            "http://[fe80::1%25eth0]:3000/",
            "ws://me:secret@[fe80::1%eth0]",
        ] {
            let builder = Builder::new(url, Transports::default(), runtime.clone());
            let error = builder.start().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            let report = error.report();
            assert!(
                report.contains("IPv6 zone") && report.contains("Dialer::resolve_to"),
                "{report}"
            );
            assert!(!report.contains("secret"), "{report}");
        }
        let error = Proxy::new("http://me:secret@[fe80::1%25eth0]:3128").unwrap_err();
        assert!(
            error.report().contains("Dialer::resolve_to"),
            "{}",
            error.report()
        );
        // Without a zone, the system does not know which interface to use.
        let dialer = Dialer::default();
        let error = fails(&runtime, &dialer, "http://[fe80::1]/")
            .await
            .to_string();
        let words = "a link-local address without an interface: pass the address with a scope id";
        assert!(error.contains(words), "{error}");
        let given = dialer.resolve_to("fe80::1", [at("[fe80::1%7]:0")]).unwrap();
        let error = fails(&runtime, &given, "http://[fe80::1]/")
            .await
            .to_string();
        assert_eq!(error, "could not connect to [fe80::1%7]:80");
    });
}

#[test]
fn r18_tls_uses_the_given_name_and_requests_use_the_urls() {
    let identity = AUTHORITY.issue(&["other.test", "10.7.7.7", "xn--bcher-kva.test"]);
    let config = identity.server();
    let own = Tls::from_config(Arc::new(own_config()));
    under_some_orders(async |runtime| {
        for (tls, name, sni) in [
            (AUTHORITY.trusted(), "other.test", Some("other.test")),
            (
                AUTHORITY.trusted(),
                "bücher.test",
                Some("xn--bcher-kva.test"),
            ),
            // SNI never contains an IP address.
            (AUTHORITY.trusted(), "10.7.7.7", None),
            (own.clone(), "other.test", Some("other.test")),
        ] {
            let mut server = Server::on(&runtime, 443);
            let (clock, config) = (runtime.clone(), Arc::clone(&config));
            let script = spawn(&runtime, async move {
                for _ in 0..2 {
                    let stream = accept(server.accept_stream().await, &config).await.unwrap();
                    assert_eq!(stream.get_ref().1.server_name(), sni);
                    let mut peer = Peer::new(&clock, stream);
                    let request = peer.request().await;
                    assert_eq!(request.header("host"), Some("chat.test"));
                    peer.write(greeting(&request)).await;
                }
            });
            runtime.network().name("chat.test", [HOST]);
            let dialer = Dialer::default().tls(tls.server_name(name).unwrap());
            let edit = |request: &mut OpenRequest| {
                request.url = "https://chat.test/".parse().unwrap();
            };
            let polling = Polling::default().dialer(dialer.clone());
            let mut link = open(&runtime, polling, edit).await.unwrap();
            assert_eq!(link.receiver.recv().await.unwrap(), [message("hello")]);
            let mut link = websocket(&runtime, &dialer, "https://chat.test/")
                .await
                .unwrap();
            assert_eq!(link.receiver.recv().await.unwrap(), [message("hello")]);
            script.await;
        }
    });
}

fn own_config() -> engineio_client::transports::rustls::ClientConfig {
    let provider = crate::certificates::provider();
    engineio_client::transports::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(AUTHORITY.roots())
        .with_no_client_auth()
}

#[test]
fn r18_a_certificate_is_verified_for_the_given_name_whatever_is_set_after_it() {
    let config = AUTHORITY.issue(&["chat.test"]).server();
    let client = AUTHORITY.issue(&["client.test"]);
    let named = Tls::default().server_name("other.test").unwrap();
    let tls = named
        .ca_pem(AUTHORITY.pem())
        .and_then(|tls| tls.client_certificate(&client.certificate, &client.key))
        .unwrap();
    super::tls::refused(
        config,
        &tls,
        "the certificate of chat.test (as other.test) is not valid for that name",
    );
    assert!(format!("{tls:?}").contains("other.test"), "{tls:?}");
}

#[test]
fn r18_a_malformed_server_name_is_refused() {
    for name in [
        "",
        "a b",
        "https://chat.test",
        "chat.test:443",
        "*.chat.test",
    ] {
        let error = Tls::default().server_name(name).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let words = format!("{name:?} is not a valid server name for TLS");
        assert_eq!(error.to_string(), words);
    }
}
