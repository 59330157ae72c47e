//! Checks that nothing happens before a link is opened, and between its calls.

use std::pin::pin;
use std::sync::Arc;

use engineio_client::{Framing, Transport};
use futures::channel::oneshot;
use futures::future::{Either, select};

use super::case::{Case, QUIET_PERIOD};
use super::link::receive;
use super::packets::{Outcome, text};
use super::peer::Peer;

/// More bytes than any transport and its sockets buffer between two calls of `recv`.
const MAX_BETWEEN_CALLS: usize = 64 * 1024 * 1024;

impl<T: Transport, P: Peer> Case<T, P> {
    pub(super) async fn lazy_before_open(mut self) -> Outcome {
        let sleep = self.runtime.sleep(QUIET_PERIOD);
        match select(self.peer.accept(), sleep).await {
            Either::Left(_) => Err("the peer was contacted before open was called".into()),
            Either::Right(_) => Ok(()),
        }
    }

    pub(super) async fn lazy_between_calls(self) -> Outcome {
        let sleep = {
            let runtime = Arc::clone(&self.runtime);
            move || runtime.sleep(QUIET_PERIOD)
        };
        let wait = sleep.clone();
        let first = text("first");
        let expected = vec![first.clone()];
        let (signal, signalled) = oneshot::channel();
        self.with(
            async move |link| {
                receive(link, &expected).await?;
                let _ = signal.send(());
                wait().await;
                Ok(())
            },
            async move |peer, framing| {
                peer.send(vec![first]).await;
                let _ = signalled.await;
                let large = text(&"x".repeat(64 * 1024));
                let flood = async {
                    let mut taken = 0;
                    while taken < MAX_BETWEEN_CALLS {
                        peer.send(vec![large.clone()]).await;
                        taken += 64 * 1024;
                        if framing.get() == Some(Framing::Payloads) {
                            break;
                        }
                    }
                    taken
                };
                match select(pin!(flood), sleep()).await {
                    Either::Right(_) => Ok(()),
                    Either::Left((taken, _)) => Err(format!(
                        "{taken} bytes were accepted without a call of recv"
                    )),
                }
            },
        )
        .await
    }
}
