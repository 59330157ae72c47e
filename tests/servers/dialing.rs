//! Local addresses and IPv6 zones, on real sockets of each runtime. The tests run only on Linux, where
//! all of 127.0.0.0/8 is on the loopback interface and `/proc/net/if_inet6` lists the indices of
//! interfaces.

use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engineio_client::ErrorKind;
use engineio_client::transports::Dialer;
use smol::net::TcpListener;
use socket2::{Domain, Socket, Type};

use super::addresses::Relay;
use super::*;
use crate::support::server::{Server as _, Setup};
use crate::support::session::{Runs, Session, within};

/// engineioxide behind a relay that records the addresses of its clients.
struct Noting {
    // Declared first, so that the relay is dropped before the server.
    _relay: Relay,
    _server: Oxide,
    address: SocketAddr,
    clients: Arc<Mutex<Vec<IpAddr>>>,
}

impl Noting {
    fn at(address: SocketAddr) -> Self {
        let server = Oxide::start(Setup::Default);
        let listener =
            smol::block_on(TcpListener::bind(address)).expect("the address can be bound");
        let address = listener.local_addr().expect("the socket is bound");
        let clients = Arc::<Mutex<Vec<IpAddr>>>::default();
        let noted = Arc::clone(&clients);
        let accept = async move || {
            let (stream, client) = listener.accept().await?;
            stream.set_nodelay(true)?;
            noted.lock().expect("no panic").push(client.ip());
            Ok(stream)
        };
        Self {
            _relay: Relay::start(accept, &server.url()),
            _server: server,
            address,
            clients,
        }
    }

    fn clients(&self) -> Vec<IpAddr> {
        let mut clients = self.clients.lock().expect("no panic").clone();
        clients.dedup();
        clients
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn talks<R: Runs>(url: &str, dialer: Dialer) {
    let mut session = Session::<R>::connect(builder(url, Mode::Polling).dialer(dialer)).await;
    session.echo("m:x").await;
    assert!(session.disconnect().await.is_clean());
}

/// Runs a case on each runtime.
macro_rules! on_each {
    ($case:ident) => {
        Tokio::run($case::<Tokio>());
        Smol::run($case::<Smol>());
        AsyncStd::run($case::<AsyncStd>());
    };
}

#[test]
fn r18_a_session_connects_from_the_local_address() {
    on_each!(comes_from_the_local_address);
}

async fn comes_from_the_local_address<R: Runs>() {
    let server = Noting::at(loopback());
    let local: IpAddr = "127.0.0.5".parse().expect("a valid address");
    let dialer = Dialer::default().local_address(local);
    let url = format!("http://{}", server.address);
    for mode in [Mode::Polling, Mode::WebSocket] {
        let builder = builder(&url, mode).dialer(dialer.clone());
        let mut session = Session::<R>::connect(builder).await;
        let long = "x".repeat(50_000);
        session.echo(format!("m:{long}").as_str()).await;
        assert!(session.disconnect().await.is_clean());
    }
    assert_eq!(server.clients(), [local]);
}

#[test]
fn r18_refusals_and_foreign_local_addresses_are_reported() {
    on_each!(tells_why_it_could_not_connect);
}

async fn tells_why_it_could_not_connect<R: Runs>() {
    let free = std::net::TcpListener::bind(loopback()).expect("a port is free");
    let address = free.local_addr().expect("the socket is bound");
    drop(free);
    let url = format!("http://{address}");
    for (local, words) in [
        ("127.0.0.5", "refused"),
        // Reserved for documentation (RFC 5737), so no machine has it.
        ("192.0.2.1", "is that an address of this machine?"),
    ] {
        let local: IpAddr = local.parse().expect("a valid address");
        let dialer = Dialer::default().local_address(local);
        let builder = builder::<R>(&url, Mode::WebSocket).dialer(dialer);
        let error = within(&R::default(), "a refusal", builder.connect()).await;
        let error = error.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::Connect);
        let report = error.report();
        let start = format!("could not connect to {address} from the local address {local}");
        assert!(
            report.contains(&start) && report.contains(words),
            "{report}"
        );
    }
}

#[test]
fn r18_an_address_that_does_not_answer_is_followed_by_the_next() {
    on_each!(passes_a_hole);
}

async fn passes_a_hole<R: Runs>() {
    let (hole, _held) = hole();
    let server = Noting::at(loopback());
    let local: IpAddr = "127.0.0.5".parse().expect("a valid address");
    let dialer = Dialer::default()
        .local_address(local)
        .resolve_to("chat.test", [hole, server.address])
        .expect("the host is valid");
    talks::<R>("http://chat.test", dialer).await;
    assert_eq!(server.clients(), [local]);
}

/// Returns an address that does not answer connection requests, because the queue of its listener is
/// full. The address stays silent while the caller keeps the returned listener and connections.
fn hole() -> (SocketAddr, (std::net::TcpListener, Vec<TcpStream>)) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&loopback().into()).expect("a port is free");
    socket.listen(0).expect("the socket listens");
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr().expect("the socket is bound");
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
        assert!(queue.len() < 64, "the queue has an end");
    }
    (address, (listener, queue))
}

#[test]
fn r18_a_link_local_address_is_reached_through_its_scope_id() {
    on_each!(reaches_a_link_local_address);
}

async fn reaches_a_link_local_address<R: Runs>() {
    let Some((ip, scope, interface)) = link_local() else {
        eprintln!("left out: no interface of this machine has a link-local IPv6 address");
        return;
    };
    let server = Noting::at(SocketAddrV6::new(ip, 0, 0, scope).into());
    let port = server.address.port();
    let with_scope = [SocketAddrV6::new(ip, 0, 0, scope).into()];
    // The documentation suggests this way to resolve an address with the name of an interface.
    let resolved = (format!("{ip}%{interface}"), port).to_socket_addrs();
    let resolved: Vec<_> = resolved.expect("the resolver knows interfaces").collect();
    let literal = format!("http://[{ip}]:{port}");
    for (url, host, addresses) in [
        (
            format!("http://device.test:{port}"),
            "device.test",
            &with_scope[..],
        ),
        (literal.clone(), &ip.to_string(), &with_scope),
        ("http://device.test".to_owned(), "device.test", &resolved),
    ] {
        let dialer = Dialer::default().resolve_to(host, addresses.iter().copied());
        let dialer = dialer.expect("the host is valid");
        talks::<R>(&url, dialer.clone()).await;
        // The local address takes the scope id of the remote one.
        talks::<R>(&url, dialer.local_address(ip)).await;
    }
    assert_eq!(server.clients(), [IpAddr::V6(ip)]);
    let builder = builder::<R>(&literal, Mode::WebSocket).dialer(Dialer::default());
    let error = within(&R::default(), "a refusal", builder.connect()).await;
    let report = error.expect_err("the interface is missing").report();
    assert!(report.contains("without an interface"), "{report}");
}

/// A link-local address of this machine, with the index and the name of its interface, if there is one.
fn link_local() -> Option<(Ipv6Addr, u32, String)> {
    let list = fs::read_to_string("/proc/net/if_inet6").ok()?;
    list.lines().find_map(|line| {
        // Address, interface index, prefix length, scope, flags, interface name: all but the name in
        // hex.
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[address, index, _, "20", flags, name] = &fields[..] else {
            return None;
        };
        // Skips addresses whose uniqueness is not verified yet (IFA_F_TENTATIVE), and addresses that are
        // not unique (IFA_F_DADFAILED).
        if u32::from_str_radix(flags, 16).ok()? & 0x48 != 0 {
            return None;
        }
        let address = u128::from_str_radix(address, 16).ok()?;
        let index = u32::from_str_radix(index, 16).ok()?;
        Some((Ipv6Addr::from_bits(address), index, name.to_owned()))
    })
}

#[test]
fn r18_a_blocking_client_connects_from_the_local_address() {
    let server = Noting::at(loopback());
    let local: IpAddr = "127.0.0.6".parse().expect("a valid address");
    let url = format!("http://{}", server.address);
    blocking::within("a session", move || {
        let client = engineio_client::blocking::Client::builder(url)
            .dialer(Dialer::default().local_address(local))
            .connect()
            .expect("the client connects");
        client.disconnect();
    });
    assert_eq!(server.clients(), [local]);
}
