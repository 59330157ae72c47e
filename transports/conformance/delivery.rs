//! Checks that packets arrive whole and in order, in both directions, and in calls of the right size.

use std::sync::Arc;

use engineio_client::{Batch, Framing, Link, Packet, Transport};
use futures::channel::oneshot;
use futures::future::try_join;

use super::case::{Case, QUIET_PERIOD};
use super::link::{receive, recv, send, take};
use super::packets::{Outcome, compare, length, text};
use super::peer::Peer;

/// On a link of frames, the maximum number of packets that a call of `recv` returns, and the maximum
/// number of bytes beyond the first packet.
const MAX_PACKETS: usize = 256;
const MAX_BYTES: usize = 64 * 1024;

impl<T: Transport, P: Peer> Case<T, P> {
    pub(super) async fn sent(self, batches: Vec<Vec<Packet>>) -> Outcome {
        let expected = batches.concat();
        self.with(
            async move |link| {
                for batch in batches {
                    send(link, batch).await?;
                }
                Ok(())
            },
            async move |peer, _| take(peer, &expected).await,
        )
        .await
    }

    pub(super) async fn received(self, batches: Vec<Vec<Packet>>) -> Outcome {
        let expected = batches.concat();
        self.with(
            async move |link| receive(link, &expected).await,
            async move |peer, _| {
                for batch in batches {
                    peer.send(batch).await;
                }
                Ok(())
            },
        )
        .await
    }

    pub(super) async fn one_exchange(self) -> Outcome {
        let many: Vec<Packet> = (0..1000).map(|number| text(&number.to_string())).collect();
        let batches = [vec![text("a"), text("b"), text("c")], vec![text("d")]];
        let (expected, expected_batches) = (many.clone(), batches.clone());
        self.with_links_of(
            &[Framing::Payloads],
            async move |link| {
                for batch in batches {
                    send(link, batch).await?;
                }
                let packets = recv(link).await?;
                compare(&packets, &expected, "one call of recv returned")
            },
            async move |peer, _| {
                for batch in expected_batches {
                    let packets = peer.receive().await;
                    compare(&packets, &batch, "the peer received in one exchange")?;
                }
                peer.send(many).await;
                Ok(())
            },
        )
        .await
    }

    pub(super) async fn bounds(self) -> Outcome {
        let small: Vec<Packet> = (0..300).map(|number| text(&number.to_string())).collect();
        let large = vec![text(&"x".repeat(24 * 1024)); 16];
        let count = small.len() + large.len();
        let (signal, signalled) = oneshot::channel();
        self.with_links_of(
            &[Framing::Frames],
            async move |link| {
                let _ = signalled.await;
                let mut received = 0;
                while received < count {
                    let packets = recv(link).await?;
                    received += packets.len();
                    if packets.is_empty() {
                        return Err("a call of recv returned no packet".into());
                    }
                    if packets.len() > MAX_PACKETS {
                        let count = packets.len();
                        return Err(format!("a call of recv returned {count} packets"));
                    }
                    // The packet that reaches the limit may exceed it.
                    let between = packets.iter().skip(1).rev().skip(1);
                    let bytes: usize = between.map(length).sum();
                    if bytes > MAX_BYTES {
                        let message = "a call of recv returned more than 64 KiB beyond the first";
                        return Err(message.into());
                    }
                }
                Ok(())
            },
            async move |peer, _| {
                peer.send(small).await;
                let _ = signal.send(());
                peer.send(large).await;
                Ok(())
            },
        )
        .await
    }

    pub(super) async fn ready(self) -> Outcome {
        const COUNT: usize = 100;
        let packets = vec![text("ready"); COUNT];
        let (signal, signalled) = oneshot::channel();
        let runtime = Arc::clone(&self.runtime);
        self.with(
            async move |link| {
                if link.framing == Framing::Frames {
                    let _ = signalled.await;
                    // Lets the packets arrive.
                    runtime.sleep(QUIET_PERIOD).await;
                }
                let count = recv(link).await?.len();
                if count < COUNT {
                    return Err(format!(
                        "a call of recv returned {count} packets where {COUNT} were ready"
                    ));
                }
                Ok(())
            },
            async move |peer, _| {
                peer.send(packets).await;
                let _ = signal.send(());
                Ok(())
            },
        )
        .await
    }

    pub(super) async fn both_ways(self, packets: &[Packet]) -> Outcome {
        self.with(
            async |link| {
                send(link, packets.to_vec()).await?;
                receive(link, packets).await
            },
            async |peer, _| {
                take(peer, packets).await?;
                peer.send(packets.to_vec()).await;
                Ok(())
            },
        )
        .await
    }

    pub(super) async fn both_halves(self) -> Outcome {
        self.with(
            async |link| {
                let Link {
                    sender, receiver, ..
                } = link;
                let sending = async {
                    let sent = sender.send(Batch::from(vec![text("question")])).await;
                    sent.map_err(|error| format!("send failed: {}", error.report()))
                };
                let receiving = async {
                    let received = receiver.recv().await;
                    let packets =
                        received.map_err(|error| format!("recv failed: {}", error.report()))?;
                    compare(&packets, &[text("answer")], "recv returned")
                };
                // The call of `recv` starts first.
                try_join(receiving, sending).await?;
                Ok(())
            },
            async |peer, _| {
                take(peer, &[text("question")]).await?;
                peer.send(vec![text("answer")]).await;
                Ok(())
            },
        )
        .await
    }
}
