//! The low level: a transport without a protocol, whose other end is a script.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engineio_client::{
    Batch, Error, ErrorKind, Framing, Link, OpenRequest, Packet, PacketReceiver, PacketSender,
    PeerClose, Runtime, Transport, async_trait,
};
use event_listener::Event;

/// A transport whose other end is a script: the test sees each call that the client makes, and
/// decides when it returns, and with what.
///
/// [`MockEnd`] waits for the client to open links, [`MockLink`] is the server's side of one link. It
/// works on any runtime, and may be opened any number of times, at once too.
///
/// ```
/// use std::sync::Arc;
///
/// use engineio_client::transports::mock::MockTransport;
/// use engineio_client::{Activity, Framing, MockRuntime, OpenRequest, Packet, Runtime, Transport};
///
/// let mock = MockRuntime::new();
/// let runtime: Arc<dyn Runtime> = Arc::new(mock.clone());
/// let (transport, mut end) = MockTransport::new("mock");
///
/// // The script: packets that come, and one call that goes.
/// mock.spawn(Box::pin(async move {
///     let mut link = end.opened().await.accept(Framing::Frames);
///     link.deliver(vec![Packet::Ping("".into())]);
///     assert_eq!(link.sent().await[..], [Packet::Pong("".into())]);
/// }));
///
/// // What the client does.
/// mock.block_on(async {
///     let request = OpenRequest::new(
///         "mock",
///         "http://localhost/engine.io/".parse()?,
///         Activity::new(Arc::clone(&runtime)),
///     );
///     let mut link = transport.open(&runtime, request).await?;
///     assert_eq!(link.receiver.recv().await?, [Packet::Ping("".into())]);
///     link.sender.send(vec![Packet::Pong("".into())].into()).await?;
///     # Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MockTransport {
    name: &'static str,
    opens: Arc<Watched<Opens>>,
}

#[derive(Default)]
struct Opens {
    waiting: VecDeque<MockOpen>,
    /// The server is gone.
    ended: bool,
}

impl MockTransport {
    /// A transport of this name, and its other end. The name is what the server's handshake offers in
    /// its `upgrades`, and what the client's requests carry.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockTransport;
    ///
    /// let (transport, end) = MockTransport::new("websocket");
    /// # drop((transport, end));
    /// ```
    pub fn new(name: &'static str) -> (Self, MockEnd) {
        let opens = Arc::<Watched<Opens>>::default();
        let transport = Self {
            name,
            opens: Arc::clone(&opens),
        };
        (transport, MockEnd { opens })
    }
}

impl fmt::Debug for MockTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockTransport")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for MockTransport {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn open(&self, _: &Arc<dyn Runtime>, request: OpenRequest) -> Result<Link, Error> {
        let opening = Opening::default();
        let open = MockOpen {
            request,
            opening: opening.clone(),
        };
        let _dropped = Caller(&opening);
        let refused = self.opens.change(|opens| {
            if opens.ended {
                return Some(open);
            }
            opens.waiting.push_back(open);
            None
        });
        if let Some(open) = refused {
            open.refuse(gone());
        }
        opening.0.until(|state| state.answer.take()).await
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Connect, "the mock server was dropped")
}

/// The server's end of a [`MockTransport`]. Once it is dropped, what opens links is refused, with an
/// error of the kind [`Connect`](ErrorKind::Connect); the links that are open go on.
///
/// ```
/// use engineio_client::Framing;
/// use engineio_client::transports::mock::MockEnd;
///
/// async fn script(mut end: MockEnd) {
///     let polling = end.opened().await.accept(Framing::Payloads);
///     let probe = end.opened().await;
///     assert!(probe.request.sid.is_some());
///     # let _ = polling;
/// }
/// ```
pub struct MockEnd {
    opens: Arc<Watched<Opens>>,
}

impl MockEnd {
    /// Waits for the client's next call of [`Transport::open`].
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped has taken nothing.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    /// use engineio_client::transports::mock::MockEnd;
    ///
    /// async fn refuse_once(end: &mut MockEnd) {
    ///     let error = Error::new(ErrorKind::Connect, "not today");
    ///     end.opened().await.refuse(error);
    /// }
    /// ```
    pub async fn opened(&mut self) -> MockOpen {
        self.opens.until(|opens| opens.waiting.pop_front()).await
    }
}

impl Drop for MockEnd {
    fn drop(&mut self) {
        let waiting = self.opens.change(|opens| {
            opens.ended = true;
            mem::take(&mut opens.waiting)
        });
        for open in waiting {
            open.refuse(gone());
        }
    }
}

impl fmt::Debug for MockEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockEnd").finish_non_exhaustive()
    }
}

/// A call of [`Transport::open`] that waits for an answer. If this is dropped without one, the call
/// waits for ever.
///
/// ```
/// use engineio_client::transports::mock::MockEnd;
///
/// async fn the_client_gives_up(end: &mut MockEnd) {
///     let open = end.opened().await;
///     open.dropped().await;
///     assert!(open.is_dropped());
/// }
/// ```
#[non_exhaustive]
#[must_use = "the client waits for an answer"]
pub struct MockOpen {
    /// What the client asks for.
    pub request: OpenRequest,
    opening: Opening,
}

#[derive(Clone, Default)]
struct Opening(Arc<Watched<OpeningState>>);

#[derive(Default)]
struct OpeningState {
    answer: Option<Result<Link, Error>>,
    dropped: bool,
}

impl Opening {
    /// If nobody waits for it any more, the answer is dropped with the last of these, and with it
    /// the halves of a link.
    fn answer(self, answer: Result<Link, Error>) {
        self.0.change(|state| state.answer = Some(answer));
    }
}

/// Marks that the call of `open` runs no more.
struct Caller<'a>(&'a Opening);

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.0.0.change(|state| state.dropped = true);
    }
}

impl MockOpen {
    /// Opens the link. If the client does not wait any more, the link counts as dropped.
    ///
    /// ```
    /// use engineio_client::transports::mock::{MockLink, MockEnd};
    /// use engineio_client::{Framing, Packet};
    ///
    /// async fn script(end: &mut MockEnd) -> MockLink {
    ///     let link = end.opened().await.accept(Framing::Payloads);
    ///     link.deliver(vec![Packet::Noop]);
    ///     link
    /// }
    /// ```
    pub fn accept(self, framing: Framing) -> MockLink {
        let state = Arc::<Watched<LinkState>>::default();
        let half = || Half(Arc::clone(&state));
        let link = Link::new(Sender(half()), Receiver(half()), framing);
        self.opening.answer(Ok(link));
        MockLink {
            request: self.request,
            state,
        }
    }

    /// Lets the client's call fail.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    /// use engineio_client::transports::mock::MockOpen;
    ///
    /// fn refuse(open: MockOpen) {
    ///     open.refuse(Error::new(ErrorKind::Status, "the server answered 400").with_status(400));
    /// }
    /// ```
    pub fn refuse(self, error: Error) {
        self.opening.answer(Err(error));
    }

    /// Waits until the client drops its call.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped and called again.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockOpen;
    ///
    /// async fn time_out(open: MockOpen) {
    ///     open.dropped().await;
    /// }
    /// ```
    pub async fn dropped(&self) {
        self.opening
            .0
            .until(|state| state.dropped.then_some(()))
            .await;
    }

    /// Whether the client has dropped its call.
    ///
    /// ```
    /// fn still_wanted(open: &engineio_client::transports::mock::MockOpen) -> bool {
    ///     !open.is_dropped()
    /// }
    /// ```
    pub fn is_dropped(&self) -> bool {
        self.opening.0.look(|state| state.dropped)
    }
}

impl fmt::Debug for MockOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockOpen")
            .field("request", &self.request)
            .field("dropped", &self.is_dropped())
            .finish_non_exhaustive()
    }
}

/// The server's side of one link.
///
/// Dropping it breaks the link: the client receives what was delivered before, and then its calls
/// fail with an error of the kind [`Ended`](ErrorKind::Ended). What the script holds an [`Answer`]
/// to still waits for that.
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
    /// Calls of the client's sender that the script has not seen.
    calls: VecDeque<Call>,
    /// What the client's calls of `recv` will return.
    incoming: VecDeque<Result<Vec<Packet>, Error>>,
    receiving: bool,
    recv_calls: usize,
    /// How many of the client's halves there are.
    halves: usize,
    /// The server's side is gone.
    broken: bool,
    /// What the server has said as it closed.
    peer_close: Option<PeerClose>,
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

/// What the client does with its sender.
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
    /// Both halves of the link were dropped; nothing follows.
    Dropped,
}

impl MockLink {
    /// What the client asked for when it opened the link.
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
    /// A call that is dropped has taken nothing.
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
    /// When it is something else.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped has taken nothing.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockLink;
    /// use engineio_client::Packet;
    ///
    /// async fn upgrades(probe: &mut MockLink) {
    ///     assert_eq!(probe.sent().await[..], [Packet::Upgrade]);
    /// }
    /// ```
    pub async fn sent(&mut self) -> Batch {
        match self.call().await {
            Call::Send(batch, answer) => {
                answer.ok();
                batch
            }
            other => panic!("expected a batch from the client, and it did: {other:?}"),
        }
    }

    /// Lets a call of the client's `recv` return these packets: the one that runs, or a later one,
    /// after what was queued before. One call returns one delivery.
    ///
    /// ```
    /// use engineio_client::Packet;
    ///
    /// fn ping(link: &engineio_client::transports::mock::MockLink) {
    ///     link.deliver(vec![Packet::Ping("".into())]);
    /// }
    /// ```
    pub fn deliver(&self, packets: Vec<Packet>) {
        self.state
            .change(|state| state.incoming.push_back(Ok(packets)));
    }

    /// Closes the connection with a code and words, as a websocket's close frame does, after what was
    /// queued before.
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
            state.incoming.push_back(Ok(vec![Packet::Close]));
        });
    }

    /// Lets a call of the client's `recv` fail, after what was queued before.
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

    /// Waits until a call of the client's `recv` runs for which nothing is queued.
    ///
    /// It never comes once the link is dropped: see [`dropped`](MockLink::dropped).
    ///
    /// # Cancel safety
    ///
    /// It may be dropped and called again.
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

    /// How many calls of `recv` the client has made so far.
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
    /// It may be dropped and called again.
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

/// Lets a call of the client's sender return. Until then the call waits; if this is dropped, for
/// ever.
///
/// ```
/// use engineio_client::transports::mock::{Call, MockLink};
///
/// async fn a_post_that_hangs(link: &mut MockLink) {
///     let Call::Send(batch, answer) = link.call().await else {
///         panic!("no batch");
///     };
///     drop(answer);
///     # let _ = batch;
/// }
/// ```
#[must_use = "the client waits for it"]
pub struct Answer(Arc<Watched<Option<Result<(), Error>>>>);

impl Answer {
    /// Lets the call succeed.
    ///
    /// ```
    /// use engineio_client::transports::mock::{Call, MockLink};
    ///
    /// async fn goodbye(link: &mut MockLink) {
    ///     if let Call::Close(answer) = link.call().await {
    ///         answer.ok();
    ///     }
    /// }
    /// ```
    pub fn ok(self) {
        self.0.change(|answer| *answer = Some(Ok(())));
    }

    /// Lets the call fail.
    ///
    /// ```
    /// use engineio_client::transports::mock::Answer;
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// fn reset(answer: Answer) {
    ///     answer.fail(Error::new(ErrorKind::Ended, "connection reset"));
    /// }
    /// ```
    pub fn fail(self, error: Error) {
        self.0.change(|answer| *answer = Some(Err(error)));
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// One of the client's halves. The last to be dropped drops the link.
struct Half(Arc<Watched<LinkState>>);

impl Drop for Half {
    fn drop(&mut self) {
        self.0.change(|state| state.halves -= 1);
    }
}

struct Sender(Half);

impl Sender {
    async fn call(&self, call: impl FnOnce(Answer) -> Call) -> Result<(), Error> {
        let answer = Arc::<Watched<Option<Result<(), Error>>>>::default();
        let call = call(Answer(Arc::clone(&answer)));
        let broken_before = self.0.0.change(|state| {
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
impl PacketSender for Sender {
    async fn send(&mut self, batch: Batch) -> Result<(), Error> {
        self.call(|answer| Call::Send(batch, answer)).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.call(Call::Close).await
    }
}

struct Receiver(Half);

#[async_trait]
impl PacketReceiver for Receiver {
    async fn recv(&mut self) -> Result<Vec<Packet>, Error> {
        let link = &self.0.0;
        let _running = Receiving::start(link);
        link.until(|state| {
            let next = state
                .incoming
                .pop_front()
                .or_else(|| state.broken.then(|| Err(broken())));
            // Under the same lock: to a script in another thread, this call would seem to wait.
            state.receiving = next.is_none();
            next
        })
        .await
    }

    fn peer_close(&self) -> Option<PeerClose> {
        self.0.0.look(|state| state.peer_close.clone())
    }
}

/// While this lives, a call of `recv` runs.
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

/// A value that can be waited for: each change lets all who wait look again.
#[derive(Default)]
struct Watched<T> {
    value: Mutex<T>,
    changed: Event,
}

impl<T> Watched<T> {
    fn value(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.value())
    }

    fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.value());
        self.changed.notify(usize::MAX);
        result
    }

    /// Waits until this gives something.
    async fn until<R>(&self, mut look: impl FnMut(&mut T) -> Option<R>) -> R {
        loop {
            if let Some(result) = look(&mut self.value()) {
                return result;
            }
            let changed = self.changed.listen();
            // It may have changed before there was a listener.
            if let Some(result) = look(&mut self.value()) {
                return result;
            }
            changed.await;
        }
    }
}
