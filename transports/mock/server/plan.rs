//! The steps of a session, and what a test wants the mock server to do at them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use engineio_client::{Error, Packet};

/// The steps of a session at which a [`MockServer`](super::MockServer) has something to do, and a
/// test can have it do something else: see [`MockServer::at`](super::MockServer::at) and
/// [`MockServer::once`](super::MockServer::once).
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
    /// A client opens a session: on polling by its first poll, on websocket by connecting. The
    /// server accepts.
    ///
    /// Each transport that the client tries is an `Open` of its own. Where the first one fails, a
    /// client with the default list goes on to the next, and `connect` succeeds. To fail `connect`,
    /// refuse all attempts with [`MockServer::at`](super::MockServer::at), and accept again with
    /// [`Act::Properly`]; or give the client a single transport with
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
    /// The session is made. The server sends the open packet.
    Handshake,
    /// A client opens a websocket for the upgrade of its session. The server accepts.
    ProbeOpen,
    /// The client's probe has come, `2probe`. The server sends `3probe`, and from then on answers
    /// polls with a noop, and keeps everything else for after the upgrade.
    ProbePong,
    /// A poll waits while an upgrade is under way. The server answers it with a noop.
    Release,
    /// The client confirms the upgrade, `5`. The server goes over to the websocket, and sends what
    /// it has kept.
    Upgrade,
    /// The ping interval has passed. The server sends a ping, and ends the session if no pong comes
    /// within the ping timeout.
    Ping,
    /// The client asks for packets, by a poll or by reading its websocket. The server gives what
    /// there is, or waits until there is something.
    Poll,
    /// The client sends packets on the session's transport. The server takes them.
    Post,
    /// A [fence](engineio_client::Batch::fence) comes on the session's websocket, behind all that was sent
    /// before it. The server answers it, behind what it has sent itself; if the answer to an earlier fence
    /// is late ([`Act::After`]), behind that one. Once the session has ended none is answered any more.
    ///
    /// A fence alone is no [`Step::Post`], and does not count as [seen](super::MockSession::seen).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::transports::mock::{Act, MockServer, Step};
    ///
    /// /// The first fence is never answered, and the later ones after a second.
    /// fn confirms_late(server: &MockServer) {
    ///     server.once(Step::Fence, Act::Never);
    ///     server.at(Step::Fence, Act::After(Duration::from_secs(1)));
    /// }
    /// ```
    Fence,
    /// The client says goodbye. The server takes note, and answers.
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
    /// What real servers do.
    Properly,
    /// The same, so much later.
    After(Duration),
    /// Nothing: a call of the client does not return, a packet is not sent.
    Never,
    /// The same, but that these packets are sent instead of the proper ones. A call that is a
    /// question of yes or no, such as to open, succeeds.
    Send(Vec<Packet>),
    /// The client's call fails: the one that the step is about, or its `recv` where the server was
    /// to send something.
    Fail(Error),
    /// The server closes the session as [`MockSession::close`](super::MockSession::close) does, in
    /// place of the step. Where there is no session yet, the call fails.
    Close,
    /// The connection is cut as by [`MockSession::cut`](super::MockSession::cut), in place of the
    /// step.
    Cut,
}

/// What a test has planned for each step.
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

    /// What the test asked for the next time of this step, if it did.
    pub(super) fn next_once(&mut self, step: Step) -> Option<Act> {
        self.0.get_mut(&step)?.once.pop_front()
    }

    /// What the test asked for at this step from now on; by default, the proper thing.
    pub(super) fn always(&self, step: Step) -> Act {
        let plan = self.0.get(&step);
        plan.and_then(|plan| plan.always.clone())
            .unwrap_or(Act::Properly)
    }
}
