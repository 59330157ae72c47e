//! Calls on a link, whose errors are the reasons of failed checks.

use std::sync::Arc;

use engineio_client::{Batch, Link, OpenRequest, Packet, Runtime, Transport};

use super::packets::{Outcome, compare};
use super::peer::Peer;

pub(super) async fn open(
    transport: &impl Transport,
    runtime: &Arc<dyn Runtime>,
    request: OpenRequest,
) -> Result<Link, String> {
    let opened = transport.open(runtime, request).await;
    opened.map_err(|error| format!("open failed: {}", error.report()))
}

pub(super) async fn send(link: &mut Link, packets: Vec<Packet>) -> Outcome {
    let sent = link.sender.send(Batch::from(packets)).await;
    sent.map_err(|error| format!("send failed: {}", error.report()))
}

pub(super) async fn recv(link: &mut Link) -> Result<Vec<Packet>, String> {
    let received = link.receiver.recv().await;
    received.map_err(|error| format!("recv failed: {}", error.report()))
}

/// Receives as many packets on the client's side as are expected, and compares them.
pub(super) async fn receive(link: &mut Link, expected: &[Packet]) -> Outcome {
    let mut packets = Vec::new();
    while packets.len() < expected.len() {
        let more = recv(link).await?;
        if more.is_empty() {
            return Err("a call of recv returned no packet".into());
        }
        packets.extend(more);
    }
    compare(&packets, expected, "recv returned")
}

/// Takes as many packets from the peer as are expected, and compares them.
pub(super) async fn take(peer: &mut impl Peer, expected: &[Packet]) -> Outcome {
    let mut packets = Vec::new();
    while packets.len() < expected.len() {
        let more = peer.receive().await;
        if more.is_empty() {
            break;
        }
        packets.extend(more);
    }
    compare(&packets, expected, "the peer received")
}
