//! Checks of fences, on links that confirm by them: their order, and the answers to them.

use engineio_client::{Batch, Confirms, Fence, Link, Packet, Transport};
use futures::channel::oneshot;

use super::case::Case;
use super::link::{recv, send, take};
use super::packets::{Outcome, compare, text};
use super::peer::Peer;

/// Length of a message that most transports write in several pieces.
const LENGTH: usize = 400 * 1024;

fn fence(number: u8) -> Result<Fence, String> {
    let bytes = [number; Fence::LEN];
    Fence::from_bytes(&bytes).ok_or_else(|| "16 bytes are not accepted as a fence".into())
}

fn confirms_by_fences(link: &Link) -> bool {
    link.sender.confirms() == Confirms::ByFence
}

async fn send_fence(link: &mut Link, packets: Vec<Packet>, fence: Fence) -> Outcome {
    let batch = Batch::from(packets).with_fence(fence);
    let sent = link.sender.send(batch).await;
    sent.map_err(|error| format!("send failed: {}", error.report()))
}

/// The peer's next item must be this fence.
async fn take_fence(peer: &mut impl Peer, expected: Fence) -> Outcome {
    match peer.fence().await {
        Some(fence) if fence == expected => Ok(()),
        Some(_) => Err("the peer received another fence".into()),
        None => Err("the peer received no fence, or does not implement `Peer::fence`".into()),
    }
}

/// Receives until the fence is answered and all expected packets have arrived, in any number of calls.
async fn receive_answer(link: &mut Link, fence: Fence, expected: &[Packet]) -> Outcome {
    let mut packets = Vec::new();
    let mut is_answered = false;
    while !is_answered || packets.len() < expected.len() {
        let more = recv(link).await?;
        match link.receiver.answered_fence() {
            Some(answered) if answered != fence => {
                return Err("recv reported the answer to another fence".into());
            }
            Some(_) if is_answered => return Err("recv reported the answer twice".into()),
            Some(_) => is_answered = true,
            None if more.is_empty() => {
                return Err("a call of recv returned neither a packet nor the answer".into());
            }
            None => {}
        }
        packets.extend(more);
    }
    if link.receiver.answered_fence().is_some() {
        return Err("recv reported the answer twice".into());
    }
    compare(&packets, expected, "recv returned")
}

impl<T: Transport, P: Peer> Case<T, P> {
    pub(super) async fn fence_order(self) -> Outcome {
        let first = vec![text("a"), text(&"x".repeat(LENGTH))];
        let expected = first.clone();
        // Only the client's side knows whether this link confirms by fences.
        let (signal, signalled) = oneshot::channel();
        self.with_links_that(
            confirms_by_fences,
            async move |link| {
                let _ = signal.send(());
                send_fence(link, first, fence(1)?).await?;
                send(link, vec![text("b")]).await?;
                send_fence(link, Vec::new(), fence(2)?).await?;
                send_fence(link, vec![text("c"), text("d")], fence(3)?).await
            },
            async move |peer, _| {
                let _ = signalled.await;
                take(peer, &expected).await?;
                take_fence(peer, fence(1)?).await?;
                take(peer, &[text("b")]).await?;
                take_fence(peer, fence(2)?).await?;
                take(peer, &[text("c"), text("d")]).await?;
                take_fence(peer, fence(3)?).await
            },
        )
        .await
    }

    pub(super) async fn fence_answer(self) -> Outcome {
        // Only the client's side knows whether this link confirms by fences.
        let (signal, signalled) = oneshot::channel();
        self.with_links_that(
            confirms_by_fences,
            async move |link| {
                let _ = signal.send(());
                send_fence(link, Vec::new(), fence(1)?).await?;
                receive_answer(link, fence(1)?, &[]).await?;
                send(link, vec![text("next")]).await?;
                send_fence(link, Vec::new(), fence(2)?).await?;
                receive_answer(link, fence(2)?, &[text("a"), text("b")]).await
            },
            async move |peer, _| {
                let _ = signalled.await;
                take_fence(peer, fence(1)?).await?;
                take(peer, &[text("next")]).await?;
                peer.send(vec![text("a")]).await;
                take_fence(peer, fence(2)?).await?;
                peer.send(vec![text("b")]).await;
                Ok(())
            },
        )
        .await
    }
}
