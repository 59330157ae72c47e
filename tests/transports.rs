//! Runs the built-in transports, and whole clients that use them, against servers that write raw bytes.
//! The tests run on the mock network, in virtual time and under several orders of the tasks.

#[path = "transports/addresses.rs"]
mod addresses;
#[path = "support/tls.rs"]
#[allow(dead_code, reason = "each test program uses a part of it")]
mod certificates;
#[cfg(feature = "compression")]
#[path = "transports/compression.rs"]
mod compression;
#[path = "transports/cookies.rs"]
mod cookies;
#[path = "transports/defects/mod.rs"]
mod defects;
#[cfg(feature = "compression")]
#[path = "transports/deflate.rs"]
mod deflate;
#[path = "transports/dial.rs"]
mod dial;
#[path = "transports/drops.rs"]
mod drops;
#[path = "transports/every_fault.rs"]
mod every_fault;
#[path = "faults/mod.rs"]
mod faults;
#[path = "transports/fences.rs"]
mod fences;
#[path = "transports/goodbyes.rs"]
mod goodbyes;
#[path = "transports/handshakes.rs"]
mod handshakes;
#[path = "transports/http_client.rs"]
mod http_client;
#[path = "transports/kept_connections.rs"]
mod kept_connections;
#[path = "transports/limits.rs"]
mod limits;
#[path = "support/peer_deflate.rs"]
#[cfg(feature = "compression")]
mod peer_deflate;
#[path = "transports/polling.rs"]
mod polling;
#[path = "transports/proxy.rs"]
mod proxy;
#[path = "transports/proxy_tls.rs"]
mod proxy_tls;
#[path = "transports/public_reports.rs"]
mod public_reports;
#[path = "support/raw.rs"]
mod raw;
#[path = "transports/redirects.rs"]
mod redirects;
#[path = "transports/reports.rs"]
mod reports;
#[path = "transports/requests.rs"]
mod requests;
#[path = "transports/secrets.rs"]
mod secrets;
#[path = "transports/session.rs"]
mod session;
#[path = "transports/suspension.rs"]
mod suspension;
#[path = "transports/tls.rs"]
mod tls;
#[path = "transports/tls_keys.rs"]
mod tls_keys;
#[path = "support/traced.rs"]
mod traced;
#[path = "transports/websocket.rs"]
mod websocket;

use std::sync::Arc;

use raw::wire;

use engineio_client::{
    Activity, Error, Link, Message, MockRuntime, OpenRequest, Packet, Runtime, Transport,
};

/// Opens a link to the server. `edit` changes the request first.
async fn open(
    runtime: &MockRuntime,
    transport: impl Transport,
    edit: impl FnOnce(&mut OpenRequest),
) -> Result<Link, Error> {
    let runtime: Arc<dyn Runtime> = Arc::new(runtime.clone());
    let mut request = OpenRequest::new(
        transport.name(),
        "http://10.0.0.1/engine.io/".parse().expect("a URL"),
        Activity::new(Arc::clone(&runtime)),
    );
    edit(&mut request);
    transport.open(&runtime, request).await
}

fn message(of: impl Into<Message>) -> Packet {
    Packet::Message(of.into())
}

/// An open packet with this ping interval and this ping timeout, in milliseconds.
fn open_packet(ping_interval: u32, ping_timeout: u32) -> String {
    format!(
        r#"0{{"sid":"s","upgrades":["websocket"],"pingInterval":{ping_interval},"pingTimeout":{ping_timeout},"maxPayload":10000000}}"#
    )
}
