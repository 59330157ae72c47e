//! What the author of a transport writes for the checks: the other side of a link.

use engineio_client::{Fence, Packet, async_trait};

/// The other side of a link: what a server would be, without a protocol. A new one is made for each
/// check; once it is dropped, nobody is there any more for the transport to reach.
///
/// The page of [`conformance`](super) has an example.
#[async_trait]
pub trait Peer: Send {
    /// What the transport is to open. By default `http://localhost/engine.io/`.
    fn url(&self) -> String {
        "http://localhost/engine.io/".into()
    }

    /// Waits until a client is there: it has connected, or made its first exchange. Called once,
    /// before the others.
    async fn accept(&mut self);

    /// Waits for packets from the client, and takes them: on a link of payloads those of one
    /// exchange, which it answers. A goodbye is [`Packet::Close`], which it answers, too, as a
    /// server does. Empty when the client has gone, or when a fence comes before any packet.
    async fn receive(&mut self) -> Vec<Packet>;

    /// Waits for what comes next from the client. If that is a [fence](engineio_client::Batch::fence), gives
    /// it, and answers it as a server does, such as a websocket's ping by a pong. `None` if it is something
    /// else, or the client has gone.
    ///
    /// Only called on a link that [confirms by fences](engineio_client::Confirms::ByFence). The default is for
    /// all others: it gives `None`.
    async fn fence(&mut self) -> Option<Fence> {
        None
    }

    /// Sends packets in one go: on a link of payloads in answer to one poll, for which it waits. On
    /// a link of frames it waits for the client only where the link holds no more; 300 packets must
    /// fit, and 32 KiB.
    async fn send(&mut self, packets: Vec<Packet>);

    /// Ends the link cleanly, in the transport's own way.
    async fn close(&mut self);

    /// Ends the link as a failing network does. On a link of payloads, in the middle of a poll.
    async fn cut(&mut self);
}

#[async_trait]
impl<P: Peer + ?Sized> Peer for Box<P> {
    fn url(&self) -> String {
        (**self).url()
    }

    async fn accept(&mut self) {
        (**self).accept().await;
    }

    async fn receive(&mut self) -> Vec<Packet> {
        (**self).receive().await
    }

    async fn fence(&mut self) -> Option<Fence> {
        (**self).fence().await
    }

    async fn send(&mut self, packets: Vec<Packet>) {
        (**self).send(packets).await;
    }

    async fn close(&mut self) {
        (**self).close().await;
    }

    async fn cut(&mut self) {
        (**self).cut().await;
    }
}
