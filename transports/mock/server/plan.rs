//! The steps of a session, and the test's overrides of them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use engineio_client::{Error, Packet};

/// A step of a session at which a [`MockServer`](super::MockServer) acts. A test can override it with
/// [`MockServer::at`](super::MockServer::at) and [`MockServer::once`](super::MockServer::once).
///
/// ```
/// use engineio_client::transports::mock::{Act, MockServer, Step};
///
/// fn never_pings(server: &MockServer) {
///     server.at(Step::Ping, Act::Never);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Step {
    /// A client opens a session: on polling with its first poll, on WebSocket by connecting. By
    /// default, the server accepts.
    ///
    /// Each transport that the client tries is an `Open` of its own. If the first one fails, a client
    /// with the default list tries the next, and `connect` succeeds. To make `connect` fail, refuse
    /// all attempts with [`MockServer::at`](super::MockServer::at), and restore the default with
    /// [`Act::Properly`]. Or give the client a single transport with
    /// [`Builder::transports`](engineio_client::Builder::transports).
    ///
    /// ```
    /// use engineio_client::transports::mock::{Act, MockServer, Step};
    /// use engineio_client::{Builder, Error, ErrorKind, MockRuntime};
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.block_on(async {
    ///     let (transport, server) = MockServer::new(runtime.clone());
    ///     let connect = || Builder::new("http://chat.test", transport.clone(), runtime.clone()).connect();
    ///     let refusal = Error::new(ErrorKind::Status, "too many sessions").with_status(503);
    ///
    ///     // Polling is refused, and the client opens its session on websocket.
    ///     server.once(Step::Open, Act::Fail(refusal.clone()));
    ///     let client = connect().await.unwrap();
    ///     assert_eq!(client.transport(), Some("websocket"));
    ///
    ///     server.at(Step::Open, Act::Fail(refusal));
    ///     assert_eq!(connect().await.unwrap_err().status(), Some(503));
    ///     server.at(Step::Open, Act::Properly);
    ///     connect().await.unwrap();
    /// });
    /// ```
    Open,
    /// The session is open. The server sends the open packet.
    Handshake,
    /// A client opens a WebSocket to upgrade its session. The server accepts.
    ProbeOpen,
    /// The client's probe, `2probe`, has arrived. The server sends `3probe`. From then on it answers
    /// polls with a noop, and holds everything else until the upgrade is complete.
    ProbePong,
    /// A poll is waiting when an upgrade begins. The server answers it with a noop.
    Release,
    /// The client confirms the upgrade with `5`. The server switches to the WebSocket, and sends what
    /// it has held.
    Upgrade,
    /// The ping interval has passed. The server sends a ping, and ends the session if no pong arrives
    /// within the ping timeout.
    Ping,
    /// The client asks for packets, by a poll or by reading its WebSocket. The server returns what is
    /// queued, or waits until something is.
    Poll,
    /// The client sends packets on the session's current transport. The server accepts them.
    Post,
    /// A [fence](engineio_client::Batch::fence) arrives on the session's WebSocket, after everything
    /// sent before it. The server answers it after what it has sent itself, and after the answers to
    /// earlier fences, even if those are delayed by [`Act::After`]. After the end of the session,
    /// fences are not answered.
    ///
    /// A fence without packets is not a [`Step::Post`], and
    /// [`MockSession::seen`](super::MockSession::seen) does not list it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::transports::mock::{Act, MockServer, Step};
    ///
    /// /// The first fence is never answered, and the later ones are answered after a second.
    /// fn confirms_late(server: &MockServer) {
    ///     server.once(Step::Fence, Act::Never);
    ///     server.at(Step::Fence, Act::After(Duration::from_secs(1)));
    /// }
    /// ```
    Fence,
    /// The client closes the session. The server records it and answers.
    Goodbye,
}

/// What a [`MockServer`](super::MockServer) does at a [`Step`].
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::transports::mock::{Act, MockServer, Step};
/// use engineio_client::{Error, ErrorKind, Packet};
///
/// fn make_trouble(server: &MockServer) {
///     let refusal = Error::new(ErrorKind::Status, "too many sessions").with_status(503);
///     server.at(Step::Open, Act::Fail(refusal));
///     server.at(Step::ProbePong, Act::Send(vec![Packet::Pong("wrong".into())]));
///     server.at(Step::Post, Act::After(Duration::from_millis(200)));
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Act {
    /// The default: what real servers do.
    Properly,
    /// The default, after this delay.
    After(Duration),
    /// Nothing. The client's call does not return, or the packet is not sent.
    Never,
    /// The default, but the server sends these packets instead of the usual ones. At
    /// [`Step::Goodbye`], they precede the usual answer. At [`Step::Open`] and [`Step::ProbeOpen`],
    /// they are ignored.
    Send(Vec<Packet>),
    /// The client's call fails with this error. At a step at which the server sends something, that is
    /// a call of `recv`, otherwise the call that leads to the step.
    Fail(Error),
    /// The server closes the session instead, as [`MockSession::close`](super::MockSession::close)
    /// does. If there is no session yet, the client's call fails.
    Close,
    /// The server cuts the connection instead, as [`MockSession::cut`](super::MockSession::cut) does.
    Cut,
}

/// The test's overrides of each step.
#[derive(Default)]
pub(super) struct Plans(BTreeMap<Step, Plan>);

#[derive(Default)]
struct Plan {
    once: VecDeque<Act>,
    always: Option<Act>,
}

impl Plans {
    pub(super) fn set_always(&mut self, step: Step, act: Act) {
        self.0.entry(step).or_default().always = Some(act);
    }

    pub(super) fn push_once(&mut self, step: Step, act: Act) {
        self.0.entry(step).or_default().once.push_back(act);
    }

    pub(super) fn next(&mut self, step: Step) -> Act {
        self.next_once(step).unwrap_or_else(|| self.always(step))
    }

    /// The override of the next occurrence of this step, if there is one.
    pub(super) fn next_once(&mut self, step: Step) -> Option<Act> {
        self.0.get_mut(&step)?.once.pop_front()
    }

    /// The lasting override of this step, or the default.
    pub(super) fn always(&self, step: Step) -> Act {
        let plan = self.0.get(&step);
        plan.and_then(|plan| plan.always.clone())
            .unwrap_or(Act::Properly)
    }
}
