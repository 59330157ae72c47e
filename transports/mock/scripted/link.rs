//! [`MockLink`]: a link whose server side is a script.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;

use engineio_client::{
    Batch, Confirms, Error, ErrorKind, Fence, Framing, Link, OpenRequest, Packet, PacketReceiver,
    PacketSender, PeerClose, async_trait,
};

use super::answer::Answer;
use super::watched::Watched;

/// The server's side of one link.
///
/// Dropping it breaks the link: the client receives what was delivered before, and then its calls fail
/// with an error of the kind [`Ended`](ErrorKind::Ended). A call for which the script holds an
/// [`Answer`] keeps waiting for that answer.
///
/// ```
/// use engineio_client::transports::mock::MockLink;
/// use engineio_client::Packet;
///
/// async fn polls_twice(link: &mut MockLink) {
///     link.receiving().await;
///     link.deliver(vec![Packet::Message("hello".into())]);
///     link.receiving().await;
///     assert_eq!(link.recv_calls(), 2);
/// }
/// ```
#[must_use = "dropping it breaks the link"]
pub struct MockLink {
    request: OpenRequest,
    state: Arc<Watched<LinkState>>,
}

struct LinkState {
    /// Calls of the client's sender that the script has not taken.
    calls: VecDeque<Call>,
    /// Results for the client's next calls of `recv`.
    incoming: VecDeque<Result<Delivery, Error>>,
    receiving: bool,
    recv_calls: usize,
    /// Number of halves that the client has not dropped.
    halves: usize,
    /// Whether the server's side was dropped.
    broken: bool,
    /// The close frame that the script sent.
    peer_close: Option<PeerClose>,
}

/// The result of one call of `recv`.
struct Delivery {
    packets: Vec<Packet>,
    answered: Option<Fence>,
}

impl LinkState {
    fn deliver(&mut self, packets: Vec<Packet>, answered: Option<Fence>) {
        self.incoming.push_back(Ok(Delivery { packets, answered }));
    }
}

impl Default for LinkState {
    fn default() -> Self {
        Self {
            calls: VecDeque::new(),
            incoming: VecDeque::new(),
            receiving: false,
            recv_calls: 0,
            halves: 2,
            broken: false,
            peer_close: None,
        }
    }
}

/// A call that the client makes on its sender.
///
/// ```
/// use engineio_client::transports::mock::{Call, MockLink};
///
/// async fn until_the_goodbye(link: &mut MockLink) {
///     loop {
///         match link.call().await {
///             Call::Send(batch, answer) => {
///                 println!("{batch:?}");
///                 answer.ok();
///             }
///             Call::Close(answer) => return answer.ok(),
///             Call::Dropped => panic!("no goodbye"),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a sender has these two calls and an end, and a script should need no other arm"
)]
pub enum Call {
    /// [`PacketSender::send`] was called.
    Send(Batch, Answer),
    /// [`PacketSender::close`] was called.
    Close(Answer),
    /// Both halves of the link were dropped. No call follows.
    Dropped,
}

impl MockLink {
    /// Both sides of a new link.
    pub(super) fn pair(request: OpenRequest, framing: Framing, confirms: Confirms) -> (Link, Self) {
        let state = Arc::<Watched<LinkState>>::default();
        let sender = ScriptedSender {
            link: SharedLink(Arc::clone(&state)),
            confirms,
        };
        let receiver = ScriptedReceiver {
            link: SharedLink(Arc::clone(&state)),
            answered: None,
        };
        let link = Link::new(sender, receiver, framing);
        (link, Self { request, state })
    }

    /// The request with which the client opened the link.
    ///
    /// ```
    /// fn is_probe(link: &engineio_client::transports::mock::MockLink) -> bool {
    ///     link.request().sid.is_some()
    /// }
    /// ```
    pub fn request(&self) -> &OpenRequest {
        &self.request
    }

    /// Waits for the next call of the client's sender.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no call.
    ///
    /// ```
    /// use engineio_client::transports::mock::{Call, MockLink};
    ///
    /// async fn is_dropped_without_goodbye(link: &mut MockLink) {
    ///     assert!(matches!(link.call().await, Call::Dropped));
    /// }
    /// ```
    pub async fn call(&mut self) -> Call {
        self.state
            .until(|state| match state.calls.pop_front() {
                None if state.halves == 0 => Some(Call::Dropped),
                call => call,
            })
            .await
    }

    /// Waits for the next call of the client's sender, which must be a batch, and lets it succeed.
    ///
    /// # Panics
    ///
    /// If the call is not a batch.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no call.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockLink;
    /// use engineio_client::Packet;
    ///
    /// async fn upgrades(probe: &mut MockLink) {
    ///     assert_eq!(probe.sent().await, [Packet::Upgrade]);
    /// }
    /// ```
    pub async fn sent(&mut self) -> Batch {
        match self.call().await {
            Call::Send(batch, answer) => {
                answer.ok();
                batch
            }
            other => panic!("expected the client to send a batch, but its call was: {other:?}"),
        }
    }

    /// Queues packets for the client. Each delivery is returned by one call of the client's `recv`, in
    /// order: by the running call, or by a later one.
    ///
    /// ```
    /// use engineio_client::Packet;
    ///
    /// fn ping(link: &engineio_client::transports::mock::MockLink) {
    ///     link.deliver(vec![Packet::Ping("".into())]);
    /// }
    /// ```
    pub fn deliver(&self, packets: Vec<Packet>) {
        self.state.change(|state| state.deliver(packets, None));
    }

    /// Answers a fence. After earlier deliveries, a call of the client's `recv` returns without a
    /// packet, and its [`answered_fence`](PacketReceiver::answered_fence) returns this fence. The
    /// client sends fences only if the link [confirms by fences](super::MockOpen::confirms).
    ///
    /// ```
    /// use engineio_client::transports::mock::MockLink;
    ///
    /// async fn confirms(link: &mut MockLink) {
    ///     let batch = link.sent().await;
    ///     if let Some(fence) = batch.fence() {
    ///         link.answer_fence(*fence);
    ///     }
    /// }
    /// ```
    pub fn answer_fence(&self, fence: Fence) {
        self.answer_fence_with(fence, Vec::new());
    }

    /// Answers a fence together with packets, which the same call of `recv` returns.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockLink;
    /// use engineio_client::{Fence, Packet};
    ///
    /// /// The client may ignore an answer that arrives while the server is closing.
    /// fn confirms_and_closes(link: &MockLink, fence: Fence) {
    ///     link.answer_fence_with(fence, vec![Packet::Close]);
    /// }
    /// ```
    pub fn answer_fence_with(&self, fence: Fence, packets: Vec<Packet>) {
        self.state
            .change(|state| state.deliver(packets, Some(fence)));
    }

    /// Closes the connection with a code and a reason, like a WebSocket close frame, after earlier
    /// deliveries.
    ///
    /// ```
    /// use engineio_client::PeerClose;
    ///
    /// fn too_large(link: &engineio_client::transports::mock::MockLink) {
    ///     link.close_with(PeerClose::new(1009, "message too big"));
    /// }
    /// ```
    pub fn close_with(&self, close: PeerClose) {
        self.state.change(|state| {
            state.peer_close = Some(close);
            state.deliver(vec![Packet::Close], None);
        });
    }

    /// Lets a call of the client's `recv` fail, after earlier deliveries.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// fn reset(link: &engineio_client::transports::mock::MockLink) {
    ///     link.fail_recv(Error::new(ErrorKind::Ended, "connection reset"));
    /// }
    /// ```
    pub fn fail_recv(&self, error: Error) {
        self.state
            .change(|state| state.incoming.push_back(Err(error)));
    }

    /// Waits until the client calls `recv` and nothing is queued for it.
    ///
    /// Once the link is dropped, this waits for ever: see [`dropped`](MockLink::dropped).
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped, and the method called again.
    ///
    /// ```
    /// use engineio_client::Packet;
    ///
    /// async fn answer_poll(link: &mut engineio_client::transports::mock::MockLink) {
    ///     link.receiving().await;
    ///     link.deliver(vec![Packet::Noop]);
    /// }
    /// ```
    pub async fn receiving(&mut self) {
        self.state
            .until(|state| (state.receiving && state.incoming.is_empty()).then_some(()))
            .await;
    }

    /// Number of calls of `recv` that the client has made so far.
    ///
    /// ```
    /// fn was_polled(link: &engineio_client::transports::mock::MockLink) -> bool {
    ///     link.recv_calls() > 0
    /// }
    /// ```
    pub fn recv_calls(&self) -> usize {
        self.state.look(|state| state.recv_calls)
    }

    /// Waits until the client has dropped both halves of the link.
    ///
    /// # Cancel safety
    ///
    /// The future can be dropped, and the method called again.
    ///
    /// ```
    /// async fn old_link(link: engineio_client::transports::mock::MockLink) {
    ///     link.dropped().await;
    /// }
    /// ```
    pub async fn dropped(&self) {
        self.state
            .until(|state| (state.halves == 0).then_some(()))
            .await;
    }

    /// Whether the client has dropped both halves of the link.
    ///
    /// ```
    /// fn is_current(link: &engineio_client::transports::mock::MockLink) -> bool {
    ///     !link.is_dropped()
    /// }
    /// ```
    pub fn is_dropped(&self) -> bool {
        self.state.look(|state| state.halves == 0)
    }
}

impl Drop for MockLink {
    fn drop(&mut self) {
        let calls = self.state.change(|state| {
            state.broken = true;
            mem::take(&mut state.calls)
        });
        for call in calls {
            if let Call::Send(_, answer) | Call::Close(answer) = call {
                answer.fail(broken());
            }
        }
    }
}

impl fmt::Debug for MockLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockLink")
            .field("recv_calls", &self.recv_calls())
            .field("dropped", &self.is_dropped())
            .finish_non_exhaustive()
    }
}

fn broken() -> Error {
    Error::new(ErrorKind::Ended, "the mock server dropped the link")
}

/// The link, as held by each of the client's halves. The link counts as dropped when both halves are
/// dropped.
struct SharedLink(Arc<Watched<LinkState>>);

impl Drop for SharedLink {
    fn drop(&mut self) {
        self.0.change(|state| state.halves -= 1);
    }
}

struct ScriptedSender {
    link: SharedLink,
    confirms: Confirms,
}

impl ScriptedSender {
    async fn call(&self, call: impl FnOnce(Answer) -> Call) -> Result<(), Error> {
        let answer = Arc::<Watched<Option<Result<(), Error>>>>::default();
        let call = call(Answer(Arc::clone(&answer)));
        let broken_before = self.link.0.change(|state| {
            if !state.broken {
                state.calls.push_back(call);
            }
            state.broken
        });
        if broken_before {
            return Err(broken());
        }
        answer.until(Option::take).await
    }
}

#[async_trait]
impl PacketSender for ScriptedSender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        self.call(|answer| Call::Send(batch, answer)).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.call(Call::Close).await
    }

    fn confirms(&self) -> Confirms {
        self.confirms
    }
}

struct ScriptedReceiver {
    link: SharedLink,
    /// The fence that the last call answered.
    answered: Option<Fence>,
}

#[async_trait]
impl PacketReceiver for ScriptedReceiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        let link = &self.link.0;
        let _running = Receiving::start(link);
        let received = link.until(|state| {
            let next = state
                .incoming
                .pop_front()
                .or_else(|| state.broken.then(|| Err(broken())));
            // Set under the same lock. Otherwise a script in another thread could see this call as
            // waiting although it has a result.
            state.receiving = next.is_none();
            next
        });
        let delivery = received.await?;
        self.answered = delivery.answered.or(self.answered);
        Ok(delivery.packets)
    }

    fn peer_close(&self) -> Option<PeerClose> {
        self.link.0.look(|state| state.peer_close.clone())
    }

    fn answered_fence(&mut self) -> Option<Fence> {
        self.answered.take()
    }
}

/// Marks that a call of `recv` is running, while it lives.
struct Receiving<'a>(&'a Watched<LinkState>);

impl<'a> Receiving<'a> {
    fn start(link: &'a Watched<LinkState>) -> Self {
        link.change(|state| {
            state.receiving = true;
            state.recv_calls += 1;
        });
        Self(link)
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.receiving = false);
    }
}
