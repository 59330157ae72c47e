//! [`MockTransport`]: a transport whose server side is a script.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;

use engineio_client::{
    Confirms, Error, ErrorKind, Framing, Link, OpenRequest, Runtime, Transport, async_trait,
};

use super::link::MockLink;
use super::watched::Watched;

/// A transport whose server side is a script. The test sees each call that the client makes, and
/// decides when the call returns and with what.
///
/// [`MockEnd`] waits for the client to open links, and [`MockLink`] is the server's side of one link.
/// The transport works on any runtime, and may be opened any number of times, also concurrently.
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
/// // The script sends a ping, and expects a pong.
/// mock.spawn(Box::pin(async move {
///     let mut link = end.opened().await.accept(Framing::Frames);
///     link.deliver(vec![Packet::Ping("".into())]);
///     assert_eq!(link.sent().await, [Packet::Pong("".into())]);
/// }));
///
/// // The client's side of the link.
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
    /// Whether the server's end was dropped.
    ended: bool,
}

impl MockTransport {
    /// Creates a transport of this name, and its server end. Handshakes list the transport under this
    /// name in `upgrades`, and the client's requests contain it.
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
            confirms: Confirms::Never,
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

/// The server's end of a [`MockTransport`]. After it is dropped, opening links fails with an error of
/// the kind [`Connect`](ErrorKind::Connect). Links that are open continue.
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
    /// Dropping the future loses no call.
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

/// A call of [`Transport::open`] that waits for an answer. If this value is dropped without an answer,
/// the call waits for ever.
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
    /// The client's request.
    pub request: OpenRequest,
    confirms: Confirms,
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
    /// If the call of `open` was dropped before, the answer is dropped together with the last clone of
    /// this value, and with it both halves of the link.
    fn answer(self, answer: Result<Link, Error>) {
        self.0.change(|state| state.answer = Some(answer));
    }
}

/// Lives as long as a call of `open`, and marks the call as dropped at its end.
struct Caller<'a>(&'a Opening);

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.0.0.change(|state| state.dropped = true);
    }
}

impl MockOpen {
    /// Sets what the link confirms. Default: [`Confirms::Never`], so the client sends no fences.
    ///
    /// ```
    /// use engineio_client::transports::mock::{MockEnd, MockLink};
    /// use engineio_client::{Confirms, Framing};
    ///
    /// async fn script(end: &mut MockEnd) -> MockLink {
    ///     let open = end.opened().await.confirms(Confirms::ByFence);
    ///     open.accept(Framing::Frames)
    /// }
    /// ```
    pub fn confirms(mut self, confirms: Confirms) -> Self {
        self.confirms = confirms;
        self
    }

    /// Opens the link. If the client has stopped waiting, the link counts as dropped.
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
        let (link, script) = MockLink::pair(self.request, framing, self.confirms);
        self.opening.answer(Ok(link));
        script
    }

    /// Lets the client's call fail with this error.
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
    /// The future can be dropped, and the method called again.
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

    /// Whether the client has dropped the call of `open` that this answers.
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
