//! The client's side of the mock server: its transports and their links.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engineio_client::{
    Batch, Confirms, Error, ErrorKind, Fence, Framing, Link, OpenRequest, Packet, PacketReceiver,
    PacketSender, Runtime, Transport, async_trait,
};

use super::plan::{Act, Plans, Step};
use super::server_core::{Core, Look, Place, ServerState};
use super::session::{Session, Taken};

/// The client's side of a [`MockServer`](super::MockServer): the transports `polling` and `websocket`.
/// Clones lead to the same server, so a program can connect several times.
///
/// ```
/// use engineio_client::transports::mock::MockServer;
/// use engineio_client::{Builder, MockRuntime};
///
/// let runtime = MockRuntime::new();
/// runtime.block_on(async {
///     let (transport, server) = MockServer::new(runtime.clone());
///     for transport in [transport.clone(), transport] {
///         let builder = Builder::new("http://chat.test", transport, runtime.clone());
///         let client = builder.transports(["websocket"]).connect().await?;
///         client.disconnect().await;
///     }
///     # drop(server);
///     # Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MockTransports {
    core: Arc<Core>,
}

impl MockTransports {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

impl fmt::Debug for MockTransports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockTransports").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for MockTransports {
    fn name(&self) -> &'static str {
        "polling"
    }

    fn names(&self) -> Vec<&'static str> {
        vec!["polling", "websocket"]
    }

    async fn open(&self, _: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let place = OnceLock::new();
        let (transport, framing) = match &*request.transport {
            "polling" => ("polling", Framing::Payloads),
            "websocket" => {
                // WebSocket connects now, polling with its first poll.
                let _ = place.set(self.core.enter("websocket", &request).await?);
                ("websocket", Framing::Frames)
            }
            other => {
                let message = format!(
                    "the mock server has no transport {other:?}, only polling and websocket"
                );
                return Err(Error::new(ErrorKind::Invalid, message));
            }
        };
        let link = Arc::new(ClientLink {
            core: Arc::clone(&self.core),
            transport,
            request,
            place,
        });
        let sender = ClientSender(Arc::clone(&link));
        Ok(Link::new(sender, ClientReceiver(link), framing))
    }
}

/// A link, shared by the client's two halves. The server learns that the link is lost when both are
/// dropped.
struct ClientLink {
    core: Arc<Core>,
    transport: &'static str,
    request: OpenRequest,
    place: OnceLock<Place>,
}

impl ClientLink {
    fn change<R>(
        &self,
        place: Place,
        change: impl FnOnce(&mut Session, &mut Plans, Duration) -> R,
    ) -> R {
        let now = self.core.runtime.now();
        self.core.change(|state| {
            let session = &mut state.sessions[place.session];
            session.advance(now, &mut state.plans);
            change(session, &mut state.plans, now)
        })
    }

    fn lost(&self, while_receiving: bool) {
        if let Some(place) = self.place.get().copied() {
            self.change(place, |session, _, _| {
                session.lost(place.link, while_receiving);
            });
        }
    }
}

impl Drop for ClientLink {
    fn drop(&mut self) {
        self.lost(false);
    }
}

struct ClientReceiver(Arc<ClientLink>);

/// Tells the server if a running `recv` is dropped.
struct RecvGuard<'a> {
    link: &'a ClientLink,
    done: bool,
}

impl Drop for RecvGuard<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.link.lost(true);
        }
    }
}

#[async_trait]
impl PacketReceiver for ClientReceiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        let link = &*self.0;
        let mut guard = RecvGuard { link, done: false };
        let result = link.recv().await;
        guard.done = true;
        result
    }

    fn answered_fence(&mut self) -> Option<Fence> {
        let link = &*self.0;
        let place = link.place.get()?;
        let mut state = link.core.state();
        state.sessions[place.session].take_answered(place.link)
    }
}

impl ClientLink {
    async fn recv(&self) -> Result<Vec<Packet>, Error> {
        let place = match self.place.get() {
            Some(place) => *place,
            None => {
                let place = self.core.enter(self.transport, &self.request).await?;
                *self.place.get_or_init(|| place)
            }
        };
        if self.transport == "polling" {
            self.request.activity.mark_asked();
        }
        let (once, first) = self.core.change(|state| {
            let once = state.plans.next_once(Step::Poll);
            let first = once
                .clone()
                .unwrap_or_else(|| state.plans.always(Step::Poll));
            (once, first)
        });
        if let Act::After(delay) = first {
            self.core.runtime.sleep(delay).await;
        }
        let mut released = false;
        self.core
            .wait(|state, now| {
                let ServerState {
                    sessions, plans, ..
                } = state;
                let session = &mut sessions[place.session];
                let changed = session.advance(now, plans);
                match once.clone().unwrap_or_else(|| plans.always(Step::Poll)) {
                    Act::Properly | Act::After(_) => {}
                    Act::Never => return Look::Wait(None),
                    Act::Fail(error) => return Look::Done(Err(error)),
                    Act::Send(packets) => return Look::Done(Ok(packets)),
                    Act::Close => session.close(now),
                    Act::Cut => session.cut(now),
                }
                match session.take(place.link, &mut released, plans, now) {
                    Taken::Return(result) => Look::Done(result),
                    Taken::Wait(_) if changed => Look::Again,
                    Taken::Wait(until) => Look::Wait(until),
                }
            })
            .await
    }

    async fn send(&self, batch: &[Packet], fence: Option<Fence>, step: Step) -> Result<(), Error> {
        let Some(place) = self.place.get().copied() else {
            let message = "the client sent a packet before its session was open";
            return Err(Error::new(ErrorKind::Status, message).with_status(400));
        };
        let act = self.change(place, |session, plans, _| {
            // A probe, or a fence without messages, has a step of its own.
            if session.is_current(place.link) && (fence.is_none() || !batch.is_empty()) {
                plans.next(step)
            } else {
                Act::Properly
            }
        });
        let mut instead = Vec::new();
        match act {
            Act::Properly => {}
            Act::After(delay) => self.core.runtime.sleep(delay).await,
            Act::Never => pending().await,
            Act::Send(packets) => instead = packets,
            Act::Fail(error) => return Err(error),
            Act::Close => self.change(place, |session, _, now| session.close(now)),
            Act::Cut => self.change(place, |session, _, now| session.cut(now)),
        }
        self.change(place, |session, plans, now| {
            session.check_send(place.link, batch)?;
            session.send(instead, now);
            for packet in batch {
                session.received(place.link, packet.clone(), plans, now);
            }
            if let Some(fence) = fence {
                session.fenced(place.link, fence, plans, now);
            }
            Ok(())
        })
    }
}

struct ClientSender(Arc<ClientLink>);

#[async_trait]
impl PacketSender for ClientSender {
    fn confirms(&self) -> Confirms {
        match self.0.transport {
            "polling" => Confirms::ByPoll,
            _ => Confirms::ByFence,
        }
    }

    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        let fence = batch.fence().copied();
        let packets = batch.into_packets();
        self.0.send(&packets, fence, Step::Post).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.0.send(&[Packet::Close], None, Step::Goodbye).await
    }
}
