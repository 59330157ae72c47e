//! TLS: which servers the client trusts, how it reports the servers that it does not trust, and that no
//! byte is lost.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use engineio_client::runtime::mock::{Conditions, MemoryStream};
use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::transports::rustls::HandshakeKind;
use engineio_client::transports::rustls::client::WebPkiServerVerifier;
use engineio_client::transports::rustls::server::{ClientHello, ResolvesServerCert};
use engineio_client::transports::rustls::sign::CertifiedKey;
use engineio_client::transports::rustls::version::{TLS12, TLS13};
use engineio_client::transports::rustls::{
    self, CertificateError, ClientConfig, ProtocolVersion, ServerConfig, ServerConnection,
};
use engineio_client::transports::{Dialer, Polling, Tls, Transports, WebSocket};
use engineio_client::{
    Activity, Builder, Error, ErrorKind, Link, MockRuntime, OpenRequest, Packet, Reason, Runtime,
    Transport, async_trait,
};
use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, select};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use futures_rustls::TlsAcceptor;
use futures_rustls::server::TlsStream;
use rcgen::{BasicConstraints, CertificateParams, IsCa};

use crate::certificates::{AUTHORITY, Authority, Identity, expired, not_valid_yet, provider};
use crate::raw::{
    CLOSE, FIN, HOST, Peer, Request, Server, TEXT, frame, response, settle, spawn, switching,
    under_both_orders, under_some_orders,
};
use crate::{message, open, open_packet};

pub(crate) const URL: &str = "https://chat.test/engine.io/";
const BOTH: [&str; 2] = ["polling", "websocket"];

/// The server's response to the first request on a connection, which brings the message "hello".
pub(crate) fn greeting(request: &Request) -> Vec<u8> {
    if request.header("upgrade").is_none() {
        return response("4hello");
    }
    [switching(request).into_bytes(), frame(TEXT, "4hello")].concat()
}

pub(crate) async fn accept(
    stream: MemoryStream,
    config: &Arc<ServerConfig>,
) -> io::Result<TlsStream<MemoryStream>> {
    TlsAcceptor::from(Arc::clone(config)).accept(stream).await
}

/// Listens on this address, and greets each client over TLS, until the returned sender is dropped.
pub(crate) fn serve(
    runtime: &MockRuntime,
    address: SocketAddr,
    config: Arc<ServerConfig>,
) -> oneshot::Sender<()> {
    let mut listener = runtime.listen(address);
    let clock = runtime.clone();
    let (serving, mut stopped) = oneshot::channel();
    runtime.spawn(Box::pin(async move {
        while let Either::Left((stream, _)) =
            select(Box::pin(listener.accept()), &mut stopped).await
        {
            let (clock, config) = (clock.clone(), Arc::clone(&config));
            clock.clone().spawn(Box::pin(async move {
                if let Ok(stream) = accept(stream, &config).await {
                    let mut peer = Peer::new(&clock, stream);
                    // `None` if the client ends the connection after the handshake without a request.
                    if let Some(request) = peer.next_request().await {
                        peer.write(greeting(&request)).await;
                        peer.read_to_end().await;
                    }
                }
            }));
        }
    }));
    serving
}

pub(crate) fn serve_chat(runtime: &MockRuntime, config: Arc<ServerConfig>) -> oneshot::Sender<()> {
    serve(runtime, SocketAddr::new(HOST, 443), config)
}

pub(crate) async fn link(
    runtime: &MockRuntime,
    transport: &str,
    tls: &Tls,
    url: &str,
) -> Result<Link, Error> {
    runtime.network().name("chat.test", [HOST]);
    runtime.network().name("xn--bcher-kva.test", [HOST]);
    let dialer = Dialer::default().tls(tls.clone());
    let edit = |request: &mut OpenRequest| request.url = url.parse().unwrap();
    match transport {
        "polling" => open(runtime, Polling::default().dialer(dialer), edit).await,
        _ => open(runtime, WebSocket::default().dialer(dialer), edit).await,
    }
}

/// The first packets of the server, over this transport.
pub(crate) async fn greeted(
    runtime: &MockRuntime,
    transport: &str,
    tls: &Tls,
    url: &str,
) -> Result<Vec<Packet>, Error> {
    link(runtime, transport, tls, url)
        .await?
        .receiver
        .recv()
        .await
}

/// Checks that both transports refuse a server with this configuration, with an error of exactly these
/// words.
pub(crate) fn refused(config: Arc<ServerConfig>, tls: &Tls, words: &str) {
    refused_for(&config, tls, words, |_| true);
}

pub(crate) fn refused_for(
    config: &Arc<ServerConfig>,
    tls: &Tls,
    words: &str,
    cause: impl Fn(&rustls::Error) -> bool,
) {
    under_both_orders(async |runtime| {
        let _serving = serve_chat(&runtime, Arc::clone(config));
        for transport in BOTH {
            let error = greeted(&runtime, transport, tls, URL).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tls, "{transport}: {error:?}");
            assert_eq!(error.to_string(), words, "{transport}");
            let source = error.source().and_then(|source| source.downcast_ref());
            assert!(source.is_some_and(&cause), "{transport}: {error:?}");
        }
    });
}

#[test]
fn a_private_ca_is_trusted_with_each_version_of_tls() {
    // Ported from engine.io: server.js:2444, :2491; python-engineio:
    // test_websocket_connection_with_verify
    for (version, number) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        assert_eq!(version.version, number);
        let config = AUTHORITY
            .issue(&["chat.test"])
            .server_with(&[version], None);
        under_some_orders(async |runtime| {
            let _serving = serve_chat(&runtime, Arc::clone(&config));
            for transport in BOTH {
                let tls = AUTHORITY.trusted();
                let packets = greeted(&runtime, transport, &tls, URL).await.unwrap();
                assert_eq!(packets, [message("hello")], "{transport}");
            }
        });
    }
}

#[test]
fn several_cas_may_be_added_in_one_file_or_one_by_one() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let together = Tls::default().ca_pem(one.pem() + &other.pem()).unwrap();
    let config = other.issue(&["chat.test"]).server();
    under_both_orders(async |runtime| {
        let only_one = one.trusted();
        let _serving = serve_chat(&runtime, Arc::clone(&config));
        let error = greeted(&runtime, "polling", &only_one, URL).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Tls);
        // A CA can also be added to a configuration that has been used before.
        let by_turns = only_one.ca_pem(other.pem()).unwrap();
        let the_other_way = other.trusted().ca_pem(one.pem()).unwrap();
        for tls in [&together, &by_turns, &the_other_way] {
            greeted(&runtime, "websocket", tls, URL).await.unwrap();
        }
    });
}

#[test]
fn addresses_and_international_names_are_verified_in_their_own_form() {
    let identity = AUTHORITY.issue(&["10.0.0.1", "fd00::1", "xn--bcher-kva.test", "*.wild.test"]);
    let config = identity.server();
    under_both_orders(async |runtime| {
        let v6 = "[fd00::1]:443".parse().unwrap();
        let _serving_v6 = serve(&runtime, v6, Arc::clone(&config));
        let _serving = serve_chat(&runtime, Arc::clone(&config));
        runtime.network().name("a.wild.test", [HOST]);
        for url in [
            "https://10.0.0.1/",
            "https://[fd00::1]/",
            "https://bücher.test/",
            "https://BÜCHER.test./",
            "https://a.wild.test/",
        ] {
            runtime.network().name("xn--bcher-kva.test.", [HOST]);
            for transport in BOTH {
                let tls = AUTHORITY.trusted();
                let packets = greeted(&runtime, transport, &tls, url).await;
                assert_eq!(packets.unwrap(), [message("hello")], "{transport}: {url}");
            }
        }
    });
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    refused_for(
        &AUTHORITY.issue(&["other.test", "10.0.0.1"]).server(),
        &AUTHORITY.trusted(),
        "the certificate of chat.test is not valid for that name",
        |cause| {
            matches!(
                cause,
                rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })
            )
        },
    );
}

#[test]
fn a_certificate_that_has_expired_is_refused() {
    refused(
        AUTHORITY.issue_with(&["chat.test"], expired).server(),
        &AUTHORITY.trusted(),
        "the certificate of chat.test has expired",
    );
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused() {
    refused(
        AUTHORITY.issue_with(&["chat.test"], not_valid_yet).server(),
        &AUTHORITY.trusted(),
        "the certificate of chat.test is not valid yet",
    );
}

#[test]
fn a_certificate_of_an_unknown_ca_is_refused() {
    refused(
        Authority::new("a stranger").issue(&["chat.test"]).server(),
        &AUTHORITY.trusted(),
        "the certificate of chat.test was issued by a CA that is not trusted here (a private CA can be added)",
    );
}

#[test]
fn a_self_signed_certificate_is_trusted_if_it_was_added() {
    // With the CA flag, which `openssl req -x509` sets, and without it.
    for is_ca in [IsCa::Ca(BasicConstraints::Unconstrained), IsCa::NoCa] {
        let own = |edit: fn(&mut CertificateParams)| {
            Authority::with("the server's own", &["chat.test"], |params| {
                params.is_ca = is_ca;
                edit(params);
            })
        };
        let good = own(|_| {});
        let config = good.identity().server();
        under_both_orders(async |runtime| {
            let _serving = serve_chat(&runtime, Arc::clone(&config));
            for transport in BOTH {
                greeted(&runtime, transport, &good.trusted(), URL)
                    .await
                    .unwrap();
            }
        });
        let expired = own(expired);
        refused(
            expired.identity().server(),
            &expired.trusted(),
            "the certificate of chat.test has expired",
        );
        let other = own(|params| params.subject_alt_names.clear());
        refused(
            other.identity().server(),
            &other.trusted(),
            "the certificate of chat.test is not valid for that name",
        );
    }
    // A CA certificate that a trusted CA has issued is not accepted as a server's certificate.
    let below = AUTHORITY.issue_with(&["chat.test"], |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    refused(
        below.server(),
        &AUTHORITY.trusted(),
        "the certificate of chat.test is a CA certificate that is not trusted here",
    );
}

#[test]
fn a_tls_session_is_resumed() {
    for version in [&TLS12, &TLS13] {
        let config = AUTHORITY
            .issue(&["chat.test"])
            .server_with(&[version], None);
        under_both_orders(async |runtime| {
            let tls = AUTHORITY.trusted();
            for (transport, kind) in [
                ("polling", HandshakeKind::Full),
                ("websocket", HandshakeKind::Resumed),
                ("polling", HandshakeKind::Resumed),
            ] {
                let mut server = Server::on(&runtime, 443);
                let (clock, config) = (runtime.clone(), Arc::clone(&config));
                let script = spawn(&runtime, async move {
                    let stream = accept(server.accept_stream().await, &config).await.unwrap();
                    let resumed = stream.get_ref().1.handshake_kind();
                    let mut peer = Peer::new(&clock, stream);
                    let request = peer.request().await;
                    peer.write(greeting(&request)).await;
                    resumed
                });
                greeted(&runtime, transport, &tls, URL).await.unwrap();
                assert_eq!(script.await, Some(kind));
            }
        });
    }
}

/// A user's own configuration, which trusts the test's CA.
fn config_with(edit: impl FnOnce(&mut ClientConfig)) -> Tls {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(AUTHORITY.roots())
        .with_no_client_auth();
    edit(&mut config);
    Tls::from_config(Arc::new(config))
}

#[test]
fn a_revoked_certificate_is_refused_by_a_configuration_with_its_revocation_list() {
    let identity = AUTHORITY.issue_with(&["chat.test"], |params| {
        params.serial_number = Some(7.into());
    });
    let verifier = WebPkiServerVerifier::builder_with_provider(AUTHORITY.roots(), provider())
        .with_crls([AUTHORITY.revoke(7)])
        .build()
        .unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_webpki_verifier(verifier)
        .with_no_client_auth();
    refused(
        identity.server(),
        &Tls::from_config(Arc::new(config)),
        "the certificate of chat.test was revoked",
    );
}

#[test]
fn a_client_certificate_is_presented_to_a_server_that_asks_for_one() {
    // Ported from engine.io: server.js:2352, :2399, :2537; python-engineio:
    // test_websocket_connection_with_cert, test_websocket_connection_with_cert_and_key,
    // test_websocket_connection_verify_with_cert_and_key
    let client = AUTHORITY.issue(&["client.test"]);
    let stranger = Authority::new("a stranger").issue(&["client.test"]);
    let with = |identity: &Identity| {
        let tls = AUTHORITY.trusted();
        tls.client_certificate(&identity.certificate, &identity.key)
            .unwrap()
    };
    for version in [&TLS12, &TLS13] {
        let server = AUTHORITY.issue(&["chat.test"]);
        let config = server.server_with(&[version], Some(&AUTHORITY));
        under_some_orders(async |runtime| {
            let _serving = serve_chat(&runtime, Arc::clone(&config));
            for transport in BOTH {
                let packets = greeted(&runtime, transport, &with(&client), URL).await;
                assert_eq!(packets.unwrap(), [message("hello")], "{transport}");
            }
        });
        refused(
            Arc::clone(&config),
            &AUTHORITY.trusted(),
            "chat.test requires a client certificate",
        );
        refused(
            config,
            &with(&stranger),
            "chat.test did not accept the client certificate",
        );
    }
}

#[test]
fn without_verification_any_certificate_is_accepted() {
    // Ported from python-engineio: test_polling_https_noverify_connection_successful,
    // test_websocket_https_noverify_connection_successful, test_websocket_connection_without_verify
    let stranger = Authority::new("a stranger");
    for version in [&TLS12, &TLS13] {
        let identity = stranger.issue_with(&["other.test"], expired);
        let config = identity.server_with(&[version], None);
        under_both_orders(async |runtime| {
            let _serving = serve_chat(&runtime, Arc::clone(&config));
            for transport in BOTH {
                let tls = Tls::danger_accept_any_certificate();
                let packets = greeted(&runtime, transport, &tls, URL).await.unwrap();
                assert_eq!(packets, [message("hello")], "{transport}");
            }
        });
    }
}

/// A server that presents a certificate without having its key.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn without_verification_the_server_still_needs_the_key_of_its_certificate() {
    let shown = AUTHORITY.issue(&["chat.test"]).chain();
    let key = AUTHORITY.issue(&["chat.test"]).private_key();
    let key = provider().key_provider.load_private_key(key).unwrap();
    let impostor = Arc::new(Impostor(Arc::new(CertifiedKey::new(shown, key))));
    for version in [&TLS12, &TLS13] {
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Impostor>::clone(&impostor));
        refused(
            Arc::new(config),
            &Tls::danger_accept_any_certificate(),
            "the certificate of chat.test has a wrong signature",
        );
    }
}

#[test]
fn http_1_1_is_spoken_within_tls() {
    let mut config = ServerConfig::clone(&AUTHORITY.issue(&["chat.test"]).server());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);
    under_both_orders(async |runtime| {
        for transport in BOTH {
            let mut server = Server::on(&runtime, 443);
            let (clock, config) = (runtime.clone(), Arc::clone(&config));
            let script = spawn(&runtime, async move {
                let stream = accept(server.accept_stream().await, &config).await.unwrap();
                let (_, session) = stream.get_ref();
                assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
                assert_eq!(session.server_name(), Some("chat.test"));
                let mut peer = Peer::new(&clock, stream);
                let request = peer.request().await;
                assert_eq!(request.header("host"), Some("chat.test"));
                peer.write(greeting(&request)).await;
            });
            let tls = AUTHORITY.trusted();
            greeted(&runtime, transport, &tls, URL).await.unwrap();
            script.await;
        }
        // A configuration of the user that offers a protocol which this client does not speak.
        let _serving = serve_chat(&runtime, Arc::clone(&config));
        let tls = config_with(|config| config.alpn_protocols = vec![b"h2".to_vec()]);
        for transport in BOTH {
            let error = greeted(&runtime, transport, &tls, URL).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("\"h2\""), "{error}");
        }
    });
}

#[test]
fn a_server_without_tls_is_distinguished_from_one_whose_tls_fails() {
    under_some_orders(async |runtime| {
        for transport in BOTH {
            let mut server = Server::on(&runtime, 443);
            let clock = runtime.clone();
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                peer.read_some(1).await;
                peer.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                    .await;
                settle(&clock).await;
            });
            let tls = AUTHORITY.trusted();
            let error = greeted(&runtime, transport, &tls, URL).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tls);
            assert_eq!(
                error.to_string(),
                "chat.test does not speak TLS on this port: should the URL be http or ws?"
            );
            script.await;
        }
    });
}

#[test]
fn a_server_with_only_old_versions_of_tls_is_an_error_that_says_so() {
    let config = AUTHORITY.issue(&["chat.test"]).server_with(&[&TLS12], None);
    let tls = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(AUTHORITY.roots())
        .with_no_client_auth();
    refused(
        config,
        &Tls::from_config(Arc::new(tls)),
        "chat.test and this client have no TLS version or cipher in common",
    );
}

/// The server's answer to this client hello.
fn flight(config: &Arc<ServerConfig>, hello: &[u8]) -> Vec<u8> {
    let mut session = ServerConnection::new(Arc::clone(config)).unwrap();
    session.read_tls(&mut &hello[..]).unwrap();
    session.process_new_packets().unwrap();
    let mut flight = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut flight).unwrap();
    }
    flight
}

#[test]
fn a_handshake_that_is_cut_anywhere_is_an_error() {
    for version in [&TLS12, &TLS13] {
        let config = AUTHORITY
            .issue(&["chat.test"])
            .server_with(&[version], None);
        under_both_orders(async |runtime| {
            for (transport, step) in [("polling", 0), ("websocket", 1)] {
                for tenths in 0..10 {
                    let mut server = Server::on(&runtime, 443);
                    let config = Arc::clone(&config);
                    let script = spawn(&runtime, async move {
                        let mut stream = server.accept_stream().await;
                        let mut hello = vec![0; 4096];
                        let count = stream.read(&mut hello).await.unwrap();
                        let flight = flight(&config, &hello[..count]);
                        let cut = flight.len() * tenths / 10 + step;
                        stream.write_all(&flight[..cut]).await.unwrap();
                    });
                    let tls = AUTHORITY.trusted();
                    let error = greeted(&runtime, transport, &tls, URL).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Tls);
                    // The client notices the end of the connection while it reads, or while it writes.
                    let words = [
                        "chat.test closed the connection during the TLS handshake",
                        "the connection to chat.test failed during the TLS handshake",
                    ];
                    assert!(words.contains(&&*error.to_string()), "{error}");
                    script.await;
                }
                // The connection is reset.
                let mut server = Server::on(&runtime, 443);
                let script = spawn(&runtime, async move {
                    server.accept_stream().await.reset();
                });
                let tls = AUTHORITY.trusted();
                let error = greeted(&runtime, transport, &tls, URL).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Tls);
                assert_eq!(
                    error.to_string(),
                    "the connection to chat.test failed during the TLS handshake"
                );
                script.await;
            }
        });
    }
}

#[test]
fn silence_in_the_handshake_ends_with_the_open_timeout() {
    under_some_orders(async |runtime| {
        runtime.network().name("chat.test", [HOST]);
        for transport in BOTH {
            let mut server = Server::on(&runtime, 443);
            let script = spawn(&runtime, async move {
                let mut peer = server.accept().await;
                let hello = peer.read_to_end().await;
                assert_eq!(hello[0], 0x16, "a handshake record");
            });
            let start = runtime.now();
            let error = Builder::new("wss://chat.test", Transports::default(), runtime.clone())
                .transports([transport])
                .tls(AUTHORITY.trusted())
                .open_timeout(Duration::from_secs(3))
                .connect()
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{}", error.report());
            assert_eq!(runtime.now() - start, Duration::from_secs(3));
            script.await;
        }
    });
}

/// A `MockRuntime` whose connections accept no bytes.
struct Full(MockRuntime);

#[async_trait]
impl Runtime for Full {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }

    fn random(&self) -> u64 {
        self.0.random()
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.0.resolve(host, port).await
    }

    async fn connect(&self, _: &Address) -> io::Result<BoxedStream> {
        Ok(Box::new(TakesNothing))
    }
}

struct TakesNothing;

impl AsyncRead for TakesNothing {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for TakesNothing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(0))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_connection_that_accepts_no_bytes_is_an_error_and_no_endless_loop() {
    under_both_orders(async |runtime| {
        let full: Arc<dyn Runtime> = Arc::new(Full(runtime.clone()));
        runtime.network().name("chat.test", [HOST]);
        let request = OpenRequest::new(
            "websocket",
            URL.parse().unwrap(),
            Activity::new(Arc::clone(&full)),
        );
        let dialer = Dialer::default().tls(AUTHORITY.trusted());
        let websocket = WebSocket::default().dialer(dialer);
        let error = websocket.open(&full, request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls);
    });
}

/// The result of a poll that the server answers with these bytes before it closes the connection, with
/// or without a TLS close_notify.
async fn polled(
    runtime: &MockRuntime,
    config: &Arc<ServerConfig>,
    answer: &str,
    politely: bool,
) -> Result<Vec<Packet>, Error> {
    let mut server = Server::on(runtime, 443);
    let (clock, config, answer) = (runtime.clone(), Arc::clone(config), answer.to_owned());
    let script = spawn(runtime, async move {
        let stream = accept(server.accept_stream().await, &config).await.unwrap();
        let mut peer = Peer::new(&clock, stream);
        peer.request().await;
        peer.write(answer).await;
        if politely {
            peer.finish().await;
        }
    });
    let polled = greeted(runtime, "polling", &AUTHORITY.trusted(), URL).await;
    script.await;
    polled
}

#[test]
fn a_body_is_complete_by_its_length_or_by_close_notify() {
    let config = AUTHORITY.issue(&["chat.test"]).server();
    under_some_orders(async |runtime| {
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n4hello";
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n4hello";
        let until_the_end = "HTTP/1.1 200 OK\r\n\r\n4hello";
        for (answer, politely, arrives) in [
            (whole, true, true),
            (whole, false, true),
            (cut, true, false),
            (cut, false, false),
            (until_the_end, true, true),
            // Without close_notify, an attacker may have cut the connection, and the body with it.
            (until_the_end, false, false),
        ] {
            let polled = polled(&runtime, &config, answer, politely).await;
            if arrives {
                assert_eq!(polled.unwrap(), [message("hello")]);
            } else {
                assert_eq!(polled.unwrap_err().kind(), ErrorKind::Ended);
            }
        }
    });
}

#[test]
fn only_a_close_frame_ends_a_websocket_cleanly() {
    let config = AUTHORITY.issue(&["chat.test"]).server();
    under_some_orders(async |runtime| {
        for (close, politely, words) in [
            (true, true, None),
            (true, false, None),
            (false, true, Some("without a close frame")),
            (
                false,
                false,
                Some("without ending TLS first (close_notify)"),
            ),
        ] {
            let mut server = Server::on(&runtime, 443);
            let (clock, config) = (runtime.clone(), Arc::clone(&config));
            let script = spawn(&runtime, async move {
                let stream = accept(server.accept_stream().await, &config).await.unwrap();
                let mut peer = Peer::new(&clock, stream);
                peer.accept_websocket().await;
                if close {
                    peer.write(frame(CLOSE, b"\x03\xe8")).await;
                }
                if politely {
                    peer.finish().await;
                }
            });
            let ended = greeted(&runtime, "websocket", &AUTHORITY.trusted(), URL).await;
            match words {
                None => assert_eq!(ended.unwrap(), [Packet::Close]),
                Some(words) => {
                    let error = ended.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Ended);
                    assert!(error.report().ends_with(words), "{}", error.report());
                }
            }
            script.await;
        }
    });
}

#[test]
fn a_dropped_link_ends_tls_with_close_notify() {
    let config = AUTHORITY.issue(&["chat.test"]).server();
    under_some_orders(async |runtime| {
        for transport in BOTH {
            let mut server = Server::on(&runtime, 443);
            let (clock, config) = (runtime.clone(), Arc::clone(&config));
            let script = spawn(&runtime, async move {
                let stream = accept(server.accept_stream().await, &config).await.unwrap();
                let mut peer = Peer::new(&clock, stream);
                let request = peer.request().await;
                peer.write(greeting(&request)).await;
                // `read_to_end` would panic if the connection ended without close_notify.
                assert_eq!(peer.read_to_end().await, b"");
            });
            let tls = AUTHORITY.trusted();
            let mut link = link(&runtime, transport, &tls, URL).await.unwrap();
            link.receiver.recv().await.unwrap();
            drop(link);
            script.await;
        }
    });
}

#[test]
fn no_byte_is_lost_in_a_narrow_pipe() {
    let config = AUTHORITY.issue(&["chat.test"]).server();
    let there: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let back: Vec<u8> = (0..=250).cycle().take(200_000).collect();
    under_both_orders(async |runtime| {
        for conditions in [
            Conditions::new().capacity(1000),
            Conditions::new().segment(777),
            Conditions::new().capacity(40_000).bandwidth(1_000_000),
        ] {
            runtime.network().set(conditions);
            let mut server = Server::on(&runtime, 443);
            let (clock, config) = (runtime.clone(), Arc::clone(&config));
            let (expected, answer) = (there.clone(), back.clone());
            let script = spawn(&runtime, async move {
                let stream = accept(server.accept_stream().await, &config).await.unwrap();
                let mut peer = Peer::new(&clock, stream);
                peer.accept_websocket().await;
                for _ in 0..3 {
                    let frame = peer.frame().await;
                    assert!(frame.payload == expected);
                }
                for _ in 0..3 {
                    peer.write(frame(crate::raw::BINARY, &answer)).await;
                }
                let close = peer.frame().await;
                assert_eq!(close.first, FIN | CLOSE);
                peer.write(frame(CLOSE, close.payload)).await;
                peer.read_to_end().await;
            });
            let tls = AUTHORITY.trusted();
            let link = link(&runtime, "websocket", &tls, URL).await.unwrap();
            let Link {
                mut sender,
                mut receiver,
                ..
            } = link;
            let received = spawn(&runtime, async move {
                let mut packets = Vec::new();
                while packets.last() != Some(&Packet::Close) {
                    packets.extend(receiver.recv().await.unwrap());
                }
                packets
            });
            let batch = vec![message(there.clone()); 3];
            sender.send(batch.into()).await.unwrap();
            sender.close().await.unwrap();
            drop(sender);
            let packets = received.await;
            assert!(packets[..3] == vec![message(back.clone()); 3]);
            assert_eq!(packets.len(), 4);
            script.await;
        }
    });
}

/// The bytes in the buffer of TLS count as sent, so the buffer must be small.
#[test]
fn a_long_message_to_a_slow_server_makes_progress_to_its_end() {
    let config = AUTHORITY.issue(&["chat.test"]).server();
    under_both_orders(async |runtime| {
        runtime.network().name("chat.test", [HOST]);
        // A stall of 0.9 s would end the session.
        let step = Duration::from_millis(150);
        let large: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let mut server = Server::on(&runtime, 443);
        let (clock, config, length) = (runtime.clone(), Arc::clone(&config), large.len());
        let script = spawn(&runtime, async move {
            let stream = accept(server.accept_stream().await, &config).await.unwrap();
            let mut peer = Peer::new(&clock, stream);
            peer.accept_websocket().await;
            peer.write(frame(TEXT, open_packet(600, 300))).await;
            let mut bytes = Vec::new();
            while bytes.len() < 1 + 9 + 4 + length {
                clock.sleep(step).await;
                peer.write(frame(TEXT, "2")).await;
                bytes.extend(peer.read_some(10_000).await);
            }
            peer.write(frame(CLOSE, b"\x03\xe8")).await;
            peer.read_to_end().await;
        });
        let client = Builder::new("https://chat.test", Transports::default(), runtime.clone())
            .transports(["websocket"])
            .tls(AUTHORITY.trusted())
            .connect()
            .await
            .unwrap();
        client.send(large).await.unwrap();
        client.flush().await.unwrap();
        assert!(runtime.now() > Duration::from_secs(3));
        let closed = client.wait().await;
        assert!(matches!(closed.reason(), Reason::Server { .. }), "{closed}");
        script.await;
    });
}

#[test]
fn r12_an_encrypted_key_is_an_error_that_says_so() {
    let client = AUTHORITY.issue(&["client.test"]);
    for key in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n\
         MIIB\n-----END RSA PRIVATE KEY-----\n",
    ] {
        let given = Tls::default().client_certificate(&client.certificate, key);
        let error = given.expect_err("it is encrypted");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("is encrypted"), "{error}");
    }
}

#[test]
fn invalid_certificates_and_keys_are_refused_at_once() {
    let pem = AUTHORITY.pem();
    let broken = pem.replace("MII", "M!I");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let client = AUTHORITY.issue(&["client.test"]);
    let other = AUTHORITY.issue(&["client.test"]);
    let own = || config_with(|_| {});
    let with = |certificate: &str, key: &str| Tls::default().client_certificate(certificate, key);
    for (given, words) in [
        (Tls::default().ca_pem(""), "there is no certificate"),
        (
            Tls::default().ca_pem(b"\xff\x00"),
            "there is no certificate",
        ),
        (
            Tls::default().ca_pem(&client.key),
            "there is no certificate",
        ),
        (Tls::default().ca_pem(&broken), "is malformed"),
        (Tls::default().ca_pem(&pem[..100]), "is malformed"),
        (Tls::default().ca_pem(garbage), "can't be parsed"),
        (
            Tls::danger_accept_any_certificate().ca_pem(&pem),
            "no effect",
        ),
        (own().ca_pem(&pem), "of your own"),
        (with("", &client.key), "there is no certificate"),
        (with(&client.certificate, ""), "there is no private key"),
        (with(&client.certificate, &pem), "there is no private key"),
        (
            with(&client.certificate, &other.key),
            "can't be used together",
        ),
        (
            own().client_certificate(&client.certificate, &client.key),
            "of your own",
        ),
    ] {
        let error = given.expect_err(words);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(words), "{error} for {words}");
    }
    let tls = with(&client.certificate, &client.key).unwrap();
    let shown = format!("{:?} {tls:?}", Dialer::default().tls(tls.clone()));
    for line in client.key.lines().chain(client.certificate.lines()) {
        assert!(!shown.contains(line), "{shown}");
    }
}
