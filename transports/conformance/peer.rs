//! [`Peer`]: what the author of a transport writes for the checks.

use engineio_client::{Fence, Packet, async_trait};

/// The other side of a link: a server without a protocol. Each check gets a new peer. Once a peer has
/// been dropped, the transport must not be able to connect to anything.
///
/// ```
/// use engineio_client::transports::conformance::Peer;
/// use engineio_client::transports::mock::{Call, MockEnd, MockLink};
/// use engineio_client::{Error, ErrorKind, Framing, Packet, async_trait};
///
/// /// The other side of a `MockTransport` whose links have frames.
/// struct Script(MockEnd, Option<MockLink>);
///
/// #[async_trait]
/// impl Peer for Script {
///     fn url(&self) -> String {
///         "http://chat.test/engine.io/".into()
///     }
///
///     async fn accept(&mut self) {
///         self.1 = Some(self.0.opened().await.accept(Framing::Frames));
///     }
///
///     async fn receive(&mut self) -> Vec<Packet> {
///         let Some(link) = &mut self.1 else { return Vec::new() };
///         match link.call().await {
///             Call::Send(batch, answer) => {
///                 answer.ok();
///                 batch.to_vec()
///             }
///             Call::Close(answer) => {
///                 answer.ok();
///                 vec![Packet::Close]
///             }
///             Call::Dropped => Vec::new(),
///         }
///     }
///
///     async fn send(&mut self, packets: Vec<Packet>) {
///         if let Some(link) = &self.1 {
///             packets.into_iter().for_each(|packet| link.deliver(vec![packet]));
///         }
///     }
///
///     async fn close(&mut self) {
///         self.send(vec![Packet::Close]).await;
///     }
///
///     async fn cut(&mut self) {
///         if let Some(link) = &self.1 {
///             link.fail_recv(Error::new(ErrorKind::Ended, "cut"));
///         }
///     }
/// }
/// ```
///
/// The page of [`conformance`](super) shows how such a peer is checked.
#[async_trait]
pub trait Peer: Send {
    /// The URL that the transport opens. Default: `http://localhost/engine.io/`.
    fn url(&self) -> String {
        "http://localhost/engine.io/".into()
    }

    /// Waits until a client has connected or made its first exchange. Called once, before the other
    /// methods.
    ///
    /// # Cancel safety
    ///
    /// Not required: a running call is dropped only when its check ends.
    async fn accept(&mut self);

    /// Waits for packets from the client, and returns them. On a link of payloads, returns the packets
    /// of one exchange, and answers the exchange. Returns a goodbye as [`Packet::Close`], and answers
    /// it as a server does. The result is empty if the client has gone, or if a fence arrives before
    /// any packet.
    ///
    /// # Cancel safety
    ///
    /// Not required: a running call is dropped only when its check ends.
    async fn receive(&mut self) -> Vec<Packet>;

    /// Waits for the client's next item. If it is a [fence](engineio_client::Batch::fence), answers
    /// the fence as a server does (a WebSocket server answers a ping with a pong), and returns the
    /// fence. Returns `None` if the item is something else, or if the client has gone.
    ///
    /// Called only on links that [confirm by fences](engineio_client::Confirms::ByFence). The default
    /// implementation returns `None`, which suits all other links.
    ///
    /// # Cancel safety
    ///
    /// Not required: a running call is dropped only when its check ends.
    ///
    /// ```
    /// use engineio_client::Fence;
    /// use engineio_client::transports::mock::{Call, MockLink};
    ///
    /// // The body of `fence`, for a peer with a mock link.
    /// async fn fence(link: &mut MockLink) -> Option<Fence> {
    ///     let Call::Send(batch, answer) = link.call().await else { return None };
    ///     answer.ok();
    ///     let fence = *batch.fence()?;
    ///     link.answer_fence(fence);
    ///     Some(fence)
    /// }
    /// ```
    async fn fence(&mut self) -> Option<Fence> {
        None
    }

    /// Sends these packets without delays between them. On a link of payloads, waits for a poll, and
    /// answers it with all packets. On a link of frames, waits for the client only when the link is
    /// full: a link must hold at least 300 packets and 32 KiB.
    ///
    /// # Cancel safety
    ///
    /// Not required: a running call is dropped only when its check ends.
    async fn send(&mut self, packets: Vec<Packet>);

    /// Ends the link cleanly, in the transport's own way.
    ///
    /// # Cancel safety
    ///
    /// Not required: a running call is dropped only when its check ends.
    async fn close(&mut self);

    /// Ends the link as a failing network does. On a link of payloads, this happens in the middle of a
    /// poll.
    ///
    /// # Cancel safety
    ///
    /// Not required: a running call is dropped only when its check ends.
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
