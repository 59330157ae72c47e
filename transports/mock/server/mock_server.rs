//! [`MockServer`]: the test's side of the server.

use std::fmt;
use std::sync::Arc;

use engineio_client::Runtime;

use super::mock_session::MockSession;
use super::mock_transports::MockTransports;
use super::plan::{Act, Step};
use super::server_core::{Core, Look};
use super::settings::Settings;

/// A server that speaks Engine.IO as real servers do, in memory and on any runtime.
///
/// - It answers a poll as soon as packets are queued, with all of them. On WebSocket it sends each
///   packet at once.
/// - It sends pings and expects pongs.
/// - After it has answered a probe, it answers the waiting poll with a noop, and holds further packets
///   until the upgrade is complete.
/// - It announces its close with a close packet.
///
/// After the server is dropped, new sessions are refused with errors of the kind
/// [`Connect`](engineio_client::ErrorKind::Connect). Existing sessions continue, whether or not their
/// [`MockSession`]s exist.
///
/// ```
/// use engineio_client::transports::mock::MockServer;
/// use engineio_client::{Builder, MockRuntime, Packet};
///
/// let runtime = MockRuntime::new();
/// runtime.block_on(async {
///     let (transport, mut server) = MockServer::new(runtime.clone());
///     let client = Builder::new("http://chat.test", transport, runtime.clone()).connect().await?;
///     let mut session = server.session().await;
///     session.upgraded().await;
///     assert_eq!(client.transport(), Some("websocket"));
///     # Ok::<(), Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MockServer {
    core: Arc<Core>,
}

impl MockServer {
    /// Creates a server, and the transports `polling` and `websocket` that lead to it, whatever the
    /// URL is.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockServer;
    /// use engineio_client::{MockRuntime, Transport};
    ///
    /// let (transport, server) = MockServer::new(MockRuntime::new());
    /// assert_eq!(transport.names(), ["polling", "websocket"]);
    /// # drop(server);
    /// ```
    pub fn new(runtime: impl Runtime) -> (MockTransports, Self) {
        Self::with_settings(runtime, Settings::new())
    }

    /// Creates a server with these settings: ids, heartbeat, upgrades and limits.
    ///
    /// ```
    /// use engineio_client::MockRuntime;
    /// use engineio_client::transports::mock::{MockServer, Settings};
    ///
    /// let settings = Settings::new().max_payload(Some(1000));
    /// let (transport, server) = MockServer::with_settings(MockRuntime::new(), settings);
    /// # drop((transport, server));
    /// ```
    pub fn with_settings(runtime: impl Runtime, settings: Settings) -> (MockTransports, Self) {
        let core = Arc::new(Core::new(Arc::new(runtime), settings));
        (MockTransports::new(Arc::clone(&core)), Self { core })
    }

    /// Overrides a step in all sessions, from now on. [`Act::Properly`] restores the default.
    ///
    /// ```
    /// use engineio_client::transports::mock::{Act, MockServer, Step};
    ///
    /// /// The server still reads, but sends nothing more.
    /// fn fall_silent(server: &MockServer) {
    ///     server.at(Step::Poll, Act::Never);
    /// }
    /// ```
    pub fn at(&self, step: Step, act: Act) {
        self.core.change(|state| state.plans.set_always(step, act));
    }

    /// Overrides the next occurrence of a step. A second call overrides the occurrence after that, and
    /// so on.
    ///
    /// One failed [`Step::Open`] does not fail the `connect` of a client that has another transport to
    /// try.
    ///
    /// ```
    /// use engineio_client::transports::mock::{Act, MockServer, Step};
    ///
    /// /// The first attempt to open a session gets no answer, and the second one does.
    /// fn lose_the_first(server: &MockServer) {
    ///     server.once(Step::Open, Act::Never);
    /// }
    /// ```
    pub fn once(&self, step: Step, act: Act) {
        self.core.change(|state| state.plans.push_once(step, act));
    }

    /// Waits for the next session, in the order in which clients open them. If no client connects, it
    /// waits for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no session.
    ///
    /// ```
    /// use engineio_client::transports::mock::MockServer;
    ///
    /// async fn greet(server: &mut MockServer) {
    ///     server.session().await.send("welcome");
    /// }
    /// ```
    pub async fn session(&mut self) -> MockSession {
        let index = self
            .core
            .wait(|state, _| {
                if state.handed_out < state.sessions.len() {
                    state.handed_out += 1;
                    Look::Done(state.handed_out - 1)
                } else {
                    Look::Wait(None)
                }
            })
            .await;
        MockSession::new(Arc::clone(&self.core), index)
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.core.change(|state| state.gone = true);
    }
}

impl fmt::Debug for MockServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockServer")
            .field("sessions", &self.core.state().sessions.len())
            .finish_non_exhaustive()
    }
}
