//! Connecting to a host name: which of its addresses are tried, at which times, and how the error lists
//! the addresses if none answers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engineio_client::runtime::mock::Conditions;
use engineio_client::runtime::{Address, BoxedStream};
use engineio_client::transports::{Dialer, Transports, WebSocket};
use engineio_client::{
    Activity, Builder, Error, ErrorKind, Link, MockRuntime, OpenRequest, Runtime, Transport,
    async_trait,
};
use futures::future::BoxFuture;

use crate::open;
use crate::raw::{Peer, spawn, switching, under_both_orders, under_some_orders};

const STEP: Duration = Duration::from_millis(250);

/// Lets `chat.test` resolve to these addresses.
fn name(runtime: &MockRuntime, addresses: &[&str]) {
    let addresses: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    runtime.network().name("chat.test", addresses);
}

fn at(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 80)
}

/// Starts a WebSocket server at this address, for one connection.
fn serve(runtime: &MockRuntime, ip: &str) {
    let mut listener = runtime.listen(at(ip));
    let clock = runtime.clone();
    runtime.spawn(Box::pin(async move {
        let mut peer = Peer::new(&clock, listener.accept().await);
        if let Some(request) = peer.next_request().await {
            peer.write(switching(&request)).await;
            peer.read_to_end().await;
        }
    }));
}

async fn connect(runtime: &MockRuntime) -> Result<Link, Error> {
    connect_to(runtime, "http://chat.test/engine.io/").await
}

async fn connect_to(runtime: &MockRuntime, url: &str) -> Result<Link, Error> {
    open(runtime, WebSocket::default(), |request| {
        request.url = url.parse().unwrap();
    })
    .await
}

/// The lines of the network's log about attempts to connect. Each begins with the time, in seconds, at
/// which the attempt was answered.
fn connects(runtime: &MockRuntime) -> Vec<String> {
    let log = runtime.network().log().into_iter();
    log.filter(|line| line.contains("connect ")).collect()
}

#[test]
fn the_families_take_turns_beginning_with_the_first_address() {
    under_some_orders(async |runtime| {
        for (addresses, order) in [
            (
                &["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"][..],
                &["10.0.0.1", "fd00::1", "10.0.0.2", "fd00::2", "10.0.0.3"][..],
            ),
            (
                &["fd00::1", "fd00::2", "10.0.0.1"],
                &["fd00::1", "10.0.0.1", "fd00::2"],
            ),
            (&["10.0.0.2", "10.0.0.1"], &["10.0.0.2", "10.0.0.1"]),
            // An address that is listed twice is tried once.
            (
                &["::1", "127.0.0.1", "::1", "127.0.0.1"],
                &["::1", "127.0.0.1"],
            ),
        ] {
            name(&runtime, addresses);
            runtime.network().record();
            let error = connect(&runtime).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect);
            let expected = order
                .iter()
                .map(|ip| format!("0.000000000 connect {}: refused", at(ip)));
            assert_eq!(connects(&runtime), expected.collect::<Vec<_>>());
            runtime.network().log();
        }
        assert_eq!(
            runtime.now(),
            Duration::ZERO,
            "each address is tried at once"
        );
    });
}

#[test]
fn an_address_that_does_not_answer_delays_the_next_one_by_250_ms() {
    under_some_orders(async |runtime| {
        let holes = ["fd00::1", "10.0.0.1", "fd00::2"];
        name(&runtime, &[&holes[..], &["10.0.0.2"]].concat());
        for hole in holes {
            runtime.network().black_hole(at(hole));
        }
        serve(&runtime, "10.0.0.2");
        connect(&runtime).await.unwrap();
        assert_eq!(runtime.now(), 3 * STEP);
    });
}

#[test]
fn after_an_address_that_refuses_the_next_is_tried_at_once() {
    under_some_orders(async |runtime| {
        name(&runtime, &["10.0.0.1", "fd00::1", "10.0.0.2", "fd00::2"]);
        // The second address is tried after 250 ms, and the third at the same instant, because the
        // second refuses.
        runtime.network().black_hole(at("10.0.0.1"));
        serve(&runtime, "10.0.0.2");
        connect(&runtime).await.unwrap();
        assert_eq!(runtime.now(), STEP);
    });
}

#[test]
fn localhost_is_reached_without_delay_if_it_listens_on_one_family_only() {
    under_some_orders(async |runtime| {
        let loopback = ["::1".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        runtime.network().name("localhost", loopback);
        serve(&runtime, "127.0.0.1");
        connect_to(&runtime, "http://localhost/").await.unwrap();
        assert_eq!(runtime.now(), Duration::ZERO);
    });
}

#[test]
fn the_first_that_answers_wins_and_the_others_are_dropped() {
    under_some_orders(async |runtime| {
        // The first address answers after 300 ms. The second address is tried after 250 ms, and answers
        // `second` ms later.
        for (second, winner) in [(100, "10.0.0.1"), (20, "fd00::1")] {
            let start = runtime.now();
            name(&runtime, &["10.0.0.1", "fd00::1"]);
            let latency = |ms| Conditions::new().connect_latency(Duration::from_millis(ms));
            runtime.network().set(latency(300));
            let network = runtime.network();
            let clock = runtime.clone();
            let mut listeners = [
                runtime.listen(at("10.0.0.1")),
                runtime.listen(at("fd00::1")),
            ];
            let later = spawn(&runtime, async move {
                clock.sleep(Duration::from_millis(100)).await;
                network.set(latency(second));
            });
            let script = spawn(&runtime, {
                let clock = runtime.clone();
                async move {
                    let index = usize::from(winner == "fd00::1");
                    let mut peer = Peer::new(&clock, listeners[index].accept().await);
                    let request = peer.request().await;
                    peer.write(switching(&request)).await;
                    clock.sleep(Duration::from_secs(1)).await;
                    (peer, listeners)
                }
            });
            let link = connect(&runtime).await.unwrap();
            let expected = if second == 100 { 300 } else { 270 };
            assert_eq!(runtime.now() - start, Duration::from_millis(expected));
            later.await;
            let (peer, listeners) = script.await;
            let live = runtime.network().connections();
            assert_eq!(live.len(), 1, "the losing connection is closed: {live:?}");
            assert_eq!(live[0].address(), at(winner));
            drop((link, peer, listeners));
        }
    });
}

#[test]
fn an_error_of_connecting_lists_each_address_with_its_cause() {
    under_some_orders(async |runtime| {
        name(&runtime, &["10.0.0.1", "fd00::1"]);
        let error = connect(&runtime).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert_eq!(
            error.report(),
            "could not connect to chat.test \
             (10.0.0.1:80: no listener on 10.0.0.1:80 of the mock network; \
             [fd00::1]:80: no listener on [fd00::1]:80 of the mock network)"
        );
        // If the name has a single address, the error names that address and has no list.
        name(&runtime, &["10.0.0.1"]);
        let error = connect(&runtime).await.unwrap_err();
        assert_eq!(error.to_string(), "could not connect to 10.0.0.1:80");
    });
}

#[test]
fn of_many_addresses_32_are_tried_and_8_are_listed() {
    under_some_orders(async |runtime| {
        let mut addresses: Vec<String> = (0..100).map(|n| format!("10.0.0.{n}")).collect();
        addresses.extend((0..100).map(|n| format!("fd00::{n:x}")));
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        name(&runtime, &addresses);
        runtime.network().record();
        let error = connect(&runtime).await.unwrap_err();
        let tried = connects(&runtime);
        assert_eq!(tried.len(), 32);
        assert!(
            tried[31].contains("fd00::f"),
            "both families are tried: {tried:?}"
        );
        let report = error.report();
        assert_eq!(report.matches("no listener").count(), 8, "{report}");
        assert!(report.ends_with("; and 24 more)"), "{report}");
        assert!(report.len() < 1000);
    });
}

#[test]
fn addresses_that_never_answer_end_with_the_open_timeout() {
    under_both_orders(async |runtime| {
        let addresses = ["10.0.0.1", "fd00::1", "10.0.0.2"];
        name(&runtime, &addresses);
        for ip in addresses {
            runtime.network().black_hole(at(ip));
        }
        for transport in ["polling", "websocket"] {
            let start = runtime.now();
            let error = Builder::new("http://chat.test", Transports::default(), runtime.clone())
                .transports([transport])
                .open_timeout(Duration::from_secs(3))
                .connect()
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{}", error.report());
            assert_eq!(runtime.now() - start, Duration::from_secs(3));
        }
    });
}

#[test]
fn a_literal_address_is_one_attempt() {
    under_some_orders(async |runtime| {
        for (url, ip) in [
            ("http://10.0.0.9/", "10.0.0.9"),
            ("http://[fd00::9]/", "fd00::9"),
        ] {
            runtime.network().record();
            let error = connect_to(&runtime, url).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect);
            let expected = format!("0.000000000 connect {}: refused", at(ip));
            assert_eq!(connects(&runtime), [expected]);
        }
    });
}

/// A `MockRuntime` whose resolver knows every name, but returns no address.
struct Nowhere(MockRuntime);

#[async_trait]
impl Runtime for Nowhere {
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

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(Vec::new())
    }

    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        self.0.connect(address).await
    }
}

#[test]
fn r18_a_runtime_of_the_first_version_refuses_a_local_address() {
    let runtime = MockRuntime::new();
    let first: Arc<dyn Runtime> = Arc::new(Nowhere(runtime.clone()));
    let url = "http://10.0.0.1/".parse().unwrap();
    let request = OpenRequest::new("websocket", url, Activity::new(Arc::clone(&first)));
    let local: IpAddr = "10.9.9.9".parse().unwrap();
    let dialer = Dialer::default().local_address(local);
    let transport = WebSocket::default().dialer(dialer);
    let error = runtime.block_on(transport.open(&first, request));
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(
        error.report(),
        "could not connect to 10.0.0.1:80 from the local address 10.9.9.9: \
         this runtime can't connect to 10.0.0.1:80 from 10.9.9.9"
    );
}

#[test]
fn a_name_without_an_address_is_not_resolved() {
    under_some_orders(async |runtime| {
        let nowhere: Arc<dyn Runtime> = Arc::new(Nowhere(runtime.clone()));
        let url = "http://chat.test/".parse().unwrap();
        let request = OpenRequest::new("websocket", url, Activity::new(Arc::clone(&nowhere)));
        let error = WebSocket::default().open(&nowhere, request).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Resolve);
        assert_eq!(error.to_string(), "the host name chat.test has no address");
        // A name that the resolver does not know.
        name(&runtime, &["10.0.0.1"]);
        let error = connect_to(&runtime, "http://other.test/").await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Resolve);
        assert!(error.to_string().contains("other.test"));
    });
}
