//! Defects of other clients. Each test puts this client into a situation in which another client fails,
//! and is named after the defect. `tests/defects.md` lists all defects, including those whose tests need
//! a real server.

mod python;
mod reference;
mod rust_engineio;

use engineio_client::transports::Transports;
use engineio_client::{Builder, Client, ErrorKind, MockRuntime, Reason};

use crate::open_packet;
use crate::raw::{Peer, Server, TEXT, frame, spawn};

type Session = Client<Transports, MockRuntime>;
type SessionBuilder = Builder<Transports, MockRuntime>;

/// A builder with the default settings, under which the client upgrades.
fn builder(runtime: &MockRuntime) -> SessionBuilder {
    Builder::new("http://10.0.0.1", Transports::default(), runtime.clone())
}

/// An open packet with the ping times that servers have by default.
fn opening() -> String {
    open_packet(25_000, 20_000)
}

/// A session on polling, its server, and the connection on which the next poll arrives.
async fn on_polling(
    runtime: &MockRuntime,
    open: impl Into<String>,
    edit: impl FnOnce(SessionBuilder) -> SessionBuilder,
) -> (Session, Server, Peer) {
    let mut server = Server::new(runtime);
    let open = open.into();
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        peer.answer(open).await;
        (server, peer)
    });
    let builder = edit(builder(runtime).transports(["polling"]));
    let client = builder.connect().await.unwrap();
    let (server, peer) = script.await;
    (client, server, peer)
}

/// A session over WebSocket, and the server's side of its connection.
async fn on_websocket(
    runtime: &MockRuntime,
    edit: impl FnOnce(SessionBuilder) -> SessionBuilder,
) -> (Session, Peer) {
    let mut server = Server::new(runtime);
    let script = spawn(runtime, async move {
        let mut peer = server.accept().await;
        peer.accept_websocket().await;
        peer.write(frame(TEXT, opening())).await;
        peer
    });
    let builder = edit(builder(runtime).transports(["websocket"]));
    let client = builder.connect().await.unwrap();
    (client, script.await)
}

/// Accepts the probe's WebSocket request, and reads its ping.
async fn accept_probe(server: &mut Server) -> Peer {
    let mut probe = server.accept().await;
    let request = probe.accept_websocket().await;
    assert_eq!(request.parameter("sid"), Some("s"));
    assert_eq!(probe.frame().await.payload, b"2probe");
    probe
}

/// Checks that an error of this kind has ended the session.
#[track_caller]
fn failed_with(reason: &Reason, kind: ErrorKind) {
    assert!(
        matches!(reason, Reason::Transport(error) if error.kind() == kind),
        "{reason:?}"
    );
}
