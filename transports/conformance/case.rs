//! The environment of a check: a transport, a peer, and a link between them.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use engineio_client::{Activity, Framing, Link, OpenRequest, Runtime, Transport};
use futures::future::try_join;

use super::link::open;
use super::packets::Outcome;
use super::peer::Peer;

/// How long a check waits before it concludes that nothing happens.
pub(super) const QUIET_PERIOD: Duration = Duration::from_millis(500);

pub(super) struct Case<T, P> {
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) transport: T,
    pub(super) peer: P,
    pub(super) framing: Cell<Option<Framing>>,
}

impl<T: Transport, P: Peer> Case<T, P> {
    pub(super) fn request(&self) -> Result<OpenRequest, String> {
        let url = self.peer.url().parse();
        let url = url.map_err(|error| format!("the URL of the peer is not valid: {error}"))?;
        let activity = Activity::new(Arc::clone(&self.runtime));
        Ok(OpenRequest::new(self.transport.name(), url, activity))
    }

    /// Runs both sides of a link concurrently, until both are done or one fails.
    pub(super) async fn with(
        self,
        client: impl AsyncFnOnce(&mut Link) -> Outcome,
        peer: impl AsyncFnOnce(&mut P, &Cell<Option<Framing>>) -> Outcome,
    ) -> Outcome {
        self.with_links_of(&[Framing::Payloads, Framing::Frames], client, peer)
            .await
    }

    /// Like [`with`](Self::with), but the check runs only on links of these framings. It passes on all
    /// other links.
    pub(super) async fn with_links_of(
        self,
        framings: &[Framing],
        client: impl AsyncFnOnce(&mut Link) -> Outcome,
        peer: impl AsyncFnOnce(&mut P, &Cell<Option<Framing>>) -> Outcome,
    ) -> Outcome {
        let concerns = |link: &Link| framings.contains(&link.framing);
        self.with_links_that(concerns, client, peer).await
    }

    /// Like [`with`](Self::with), but the check runs only on links for which `concerns` returns true.
    /// It passes on all other links.
    pub(super) async fn with_links_that(
        mut self,
        concerns: impl Fn(&Link) -> bool,
        client: impl AsyncFnOnce(&mut Link) -> Outcome,
        peer: impl AsyncFnOnce(&mut P, &Cell<Option<Framing>>) -> Outcome,
    ) -> Outcome {
        let request = self.request()?;
        let Self {
            runtime,
            transport,
            peer: the_peer,
            framing,
        } = &mut self;
        let is_concerned = Cell::new(true);
        let client = async {
            let mut link = open(transport, runtime, request).await?;
            framing.set(Some(link.framing));
            if !concerns(&link) {
                is_concerned.set(false);
                return Err(String::new());
            }
            client(&mut link).await?;
            Ok(link)
        };
        let peer = async {
            the_peer.accept().await;
            peer(the_peer, framing).await
        };
        // The link lives until both sides are done.
        let outcome = try_join(client, peer).await.map(drop);
        if is_concerned.get() { outcome } else { Ok(()) }
    }
}
