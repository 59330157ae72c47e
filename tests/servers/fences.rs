//! Fences (WebSocket pings whose pongs confirm messages) with engineioxide, whose WebSocket library,
//! tungstenite, answers each ping with a pong.

use std::sync::Arc;

use engineio_client::transports::WebSocket;
use engineio_client::{
    Activity, AsyncStd, Batch, Confirms, Fence, Link, Message, OpenRequest, Packet, Runtime, Smol,
    Tokio, Transport,
};

use crate::support::oxide::Oxide;
use crate::support::server::{Server as _, Setup};
use crate::support::session::{Runs, dialer, within};

fn fence(number: u8) -> Fence {
    Fence::from_bytes(&[number; 16]).expect("16 bytes")
}

/// The messages of one `recv` call, without the ping that this server sends at once.
async fn receive(link: &mut Link) -> Vec<Packet> {
    let mut packets = link.receiver.recv().await.expect("the session is open");
    packets.retain(|packet| matches!(packet, Packet::Message(_)));
    packets
}

/// The messages received until this fence is answered.
async fn until_answered(link: &mut Link, fence: Fence) -> Vec<Packet> {
    let mut messages = Vec::new();
    loop {
        messages.extend(receive(link).await);
        if link.receiver.answered_fence() == Some(fence) {
            return messages;
        }
    }
}

async fn send(link: &mut Link, packets: Vec<Packet>, fence: Fence) {
    let batch = Batch::from(packets).with_fence(fence);
    link.sender.send(batch).await.expect("the session is open");
}

async fn conversation(runtime: Arc<dyn Runtime>, server: &Oxide) {
    let url = format!("{}/engine.io/", server.url());
    let url = url.parse().expect("a URL");
    let activity = Activity::new(Arc::clone(&runtime));
    let request = OpenRequest::new("websocket", url, activity);
    let transport = WebSocket::default().dialer(dialer());
    let opened = transport.open(&runtime, request).await;
    let mut link = opened.expect("the session opens");
    assert_eq!(link.sender.confirms(), Confirms::ByFence);
    let opened = link.receiver.recv().await.expect("an open packet");
    assert!(matches!(opened[0], Packet::Open(_)));

    send(&mut link, Vec::new(), fence(0)).await;
    assert_eq!(until_answered(&mut link, fence(0)).await, []);

    let mut sent = Vec::new();
    let mut echoes = Vec::new();
    for number in 1..=10 {
        let texts = (0..50).map(|n| Message::from(format!("{number} {n}")));
        let large = Message::from(vec![number; 10_000 * usize::from(number)]);
        let packets: Vec<Packet> = texts.chain([large]).map(Packet::Message).collect();
        send(&mut link, packets.clone(), fence(number)).await;
        sent.extend(packets);
        echoes.extend(until_answered(&mut link, fence(number)).await);
    }
    // The server sends echoes from another task, so they may arrive after the pong.
    while echoes.len() < sent.len() {
        echoes.extend(receive(&mut link).await);
    }
    assert!(echoes == sent, "the echoes differ from the messages sent");
    assert_eq!(link.receiver.answered_fence(), None);
}

fn on<R: Runs>() {
    let server = Oxide::start(Setup::Default);
    R::run(async {
        let runtime = R::default();
        let shared: Arc<dyn Runtime> = Arc::new(R::default());
        within(&runtime, "a conversation", conversation(shared, &server)).await;
    });
}

#[test]
fn fences_are_answered_on_tokio() {
    on::<Tokio>();
}

#[test]
fn fences_are_answered_on_smol() {
    on::<Smol>();
}

#[test]
fn fences_are_answered_on_async_std() {
    on::<AsyncStd>();
}
