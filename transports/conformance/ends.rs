//! Checks of how links end: cleanly, by a failure, by a goodbye, or because there is no peer.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use engineio_client::{ErrorKind, Framing, Link, Packet, Transport};
use futures::channel::oneshot;
use futures::future::{Either, select, try_join};

use super::case::{Case, QUIET_PERIOD};
use super::link::{open, receive, send, take};
use super::packets::{Outcome, compare, list, text};
use super::peer::Peer;

impl<T: Transport, P: Peer> Case<T, P> {
    pub(super) async fn clean_end(self) -> Outcome {
        let (signal, signalled) = oneshot::channel();
        self.with(
            async move |link| {
                if link.framing == Framing::Frames {
                    let _ = signalled.await;
                }
                receive(link, &[text("last words"), Packet::Close]).await
            },
            async move |peer, _| {
                peer.send(vec![text("last words")]).await;
                peer.close().await;
                let _ = signal.send(());
                Ok(())
            },
        )
        .await
    }

    pub(super) async fn unclean_end(self) -> Outcome {
        let (signal, signalled) = oneshot::channel();
        self.with(
            async move |link| {
                receive(link, &[text("a")]).await?;
                let _ = signal.send(());
                match link.receiver.recv().await {
                    Ok(packets) => Err(format!("recv returned {}", list(&packets))),
                    Err(error) if error.kind() == ErrorKind::Ended => Ok(()),
                    Err(error) => Err(format!(
                        "the error is of the kind {:?}: {}",
                        error.kind(),
                        error.report()
                    )),
                }
            },
            async move |peer, _| {
                peer.send(vec![text("a")]).await;
                let _ = signalled.await;
                peer.cut().await;
                Ok(())
            },
        )
        .await
    }

    pub(super) async fn packets_before_error(self) -> Outcome {
        let (signal, signalled) = oneshot::channel();
        let packets = vec![text("a"), text("b"), text("c")];
        let expected = packets.clone();
        self.with(
            async move |link| {
                if link.framing == Framing::Frames {
                    let _ = signalled.await;
                }
                receive(link, &expected).await?;
                match link.receiver.recv().await {
                    Ok(packets) => Err(format!(
                        "recv returned {} instead of an error",
                        list(&packets)
                    )),
                    Err(_) => Ok(()),
                }
            },
            async move |peer, _| {
                peer.send(packets).await;
                peer.cut().await;
                let _ = signal.send(());
                Ok(())
            },
        )
        .await
    }

    pub(super) async fn close_flushes(self) -> Outcome {
        let runtime = Arc::clone(&self.runtime);
        let mut expected = vec![text(&"x".repeat(1000)); 100];
        let packets = expected.clone();
        expected.push(Packet::Close);
        let listens = Cell::new(false);
        let listens = &listens;
        self.with(
            async move |link| {
                send(link, packets).await?;
                let Link {
                    sender, receiver, ..
                } = link;
                // The receiving half continues during the close.
                let receiving = async {
                    while receiver
                        .recv()
                        .await
                        .is_ok_and(|packets| !packets.contains(&Packet::Close))
                    {
                    }
                    pending::<Infallible>().await
                };
                let closed = match select(sender.close(), pin!(receiving)).await {
                    Either::Left((closed, _)) => closed,
                    Either::Right((never, _)) => match never {},
                };
                closed.map_err(|error| format!("close failed: {}", error.report()))?;
                if !listens.get() {
                    return Err("close returned before the peer answered the goodbye".into());
                }
                Ok(())
            },
            async move |peer, _| {
                // Delays the peer, so that the check fails if `close` returns without waiting for the
                // answer.
                runtime.sleep(QUIET_PERIOD).await;
                listens.set(true);
                let mut packets = Vec::new();
                while packets.len() < expected.len() {
                    let more = peer.receive().await;
                    if more.is_empty() {
                        break;
                    }
                    packets.extend(more);
                }
                compare(&packets, &expected, "the peer received")
            },
        )
        .await
    }

    pub(super) async fn silent_drop(mut self) -> Outcome {
        let request = self.request()?;
        let Self {
            runtime,
            transport,
            peer,
            ..
        } = &mut self;
        let client = async {
            let mut link = open(transport, runtime, request).await?;
            send(&mut link, vec![text("a")]).await?;
            Ok(link)
        };
        let accepted = async {
            peer.accept().await;
            take(peer, &[text("a")]).await
        };
        let (link, ()) = try_join(client, accepted).await?;
        let framing = link.framing;
        drop(link);
        match select(self.peer.receive(), self.runtime.sleep(QUIET_PERIOD)).await {
            Either::Left((packets, _)) if packets.is_empty() => Ok(()),
            Either::Left((packets, _)) => Err(format!("the peer received {}", list(&packets))),
            Either::Right(_) if framing == Framing::Payloads => Ok(()),
            Either::Right(_) => Err("the peer did not notice that the link was dropped".into()),
        }
    }

    pub(super) async fn nobody_there(self) -> Outcome {
        let request = self.request()?;
        let Self {
            runtime,
            transport,
            peer,
            ..
        } = self;
        drop(peer);
        let received = match transport.open(&runtime, request).await {
            Ok(mut link) => link.receiver.recv().await,
            Err(error) => Err(error),
        };
        match received {
            Ok(packets) => Err(format!("recv returned {}", list(&packets))),
            Err(error) => match error.kind() {
                kind @ (ErrorKind::Handshake
                | ErrorKind::Protocol
                | ErrorKind::Limit
                | ErrorKind::Invalid) => Err(format!(
                    "an error of the kind {kind:?} keeps the client from trying another \
                     transport: {}",
                    error.report()
                )),
                _ => Ok(()),
            },
        }
    }
}
